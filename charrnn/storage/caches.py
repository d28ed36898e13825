"""Folders for what can be made again, where nobody else can reach."""

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

UNUSED = 30.0  # days after which what is kept is no longer


def private_folder(*names: str) -> Path | None:
    """Return a folder of ours in the platform's cache folder, made if need be, or None where there is no safe place.

    ``names`` lead from charrnn's folder to it. Files in it can be created, by nobody but this user (and root), and
    nobody else can put another folder in its place. Whether the disk has room is not known: whoever writes there must
    expect OSError.
    """
    from platformdirs import user_cache_path  # not needed by what only asks for help

    try:
        base = user_cache_path("charrnn")
        if not base.is_absolute():  # a relative folder would be another one wherever the program is started
            return None
        for place in reversed(base.parents):
            if not place.exists():
                place.mkdir(mode=0o700, exist_ok=True)
            if not _can_be_above(place.stat()):  # before the next is made: root makes none in a user's home
                return None
        folder = base.parent.resolve()
        if not all(_can_be_above(place.stat()) for place in folder.parents):  # others than these, if there are links
            return None
        for name in (base.name, *names):
            folder /= name
            folder.mkdir(mode=0o700, exist_ok=True)
            if not _is_private(folder.lstat()):
                return None
        with tempfile.TemporaryFile(dir=folder):
            pass  # a folder on a read-only disk shows itself only here
    except (OSError, ValueError, RuntimeError):  # the others: a path that cannot be one, a link to itself
        return None
    return folder


def forget(folder: Path, pattern: str, *, days: float) -> None:
    """Remove the files and folders in a private folder that match a pattern and were last changed so long ago.

    ``.*.tmp`` is what killed writers leave behind. Another process may do the same at the same time, or still use what
    goes; both must take a missing file for none.
    """
    for found in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - found.lstat().st_mtime > days * 86400:
                if found.is_dir() and not found.is_symlink():
                    shutil.rmtree(found, ignore_errors=True)  # it follows no link
                else:
                    found.unlink()


def _is_private(status: os.stat_result) -> bool:
    """Tell whether this is a folder, no link, that is ours and that only we may write to."""
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _can_be_above(status: os.stat_result) -> bool:
    """Tell whether nobody but us and root can rename what is in this folder.

    A group may write to it: many systems give each user a group of its own, and let it write to all of the user's.
    """
    if not hasattr(os, "getuid"):
        return True
    guarded = status.st_mode & stat.S_ISVTX or not status.st_mode & stat.S_IWOTH
    return status.st_uid in (os.getuid(), 0) and bool(guarded)
