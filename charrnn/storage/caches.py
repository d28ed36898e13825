"""Private folders for data that can be recreated; no other user can write to them."""

import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

UNUSED = 30.0  # days after its last use when cached data is removed


def private_folder(*names: str) -> Path | None:
    """Return a private cache folder, or None.

    Creates the folder if necessary: ``names`` lead to it from charrnn's folder in the platform's cache folder. Only
    this user (and root) can create files in it, and nobody else can put another folder in its place. None means that
    this is not possible. The disk can still be full: a caller that writes to the folder must expect OSError.
    """
    from platformdirs import user_cache_path  # imported here, as --help does not need it

    try:
        base = user_cache_path("charrnn")
        if not base.is_absolute() or lacks_home(base):  # a relative path would depend on the current folder
            return None
        for place in reversed(base.parents):
            if not place.exists():
                place.mkdir(mode=0o700, exist_ok=True)
            if not _can_be_above(place.stat()):  # checked before the next one is made: root makes none in a user's home
                return None
        folder = base.parent.resolve()
        if not all(_can_be_above(place.stat()) for place in folder.parents):  # links lead to other parents
            return None
        for name in (base.name, *names):
            folder /= name
            folder.mkdir(mode=0o700, exist_ok=True)
            if not _is_private(folder.lstat()):
                return None
        with tempfile.TemporaryFile(dir=folder):
            pass  # only a trial shows that the disk is read-only
    except (OSError, ValueError, RuntimeError):  # the last two: an invalid path, a link to itself
        return None
    return folder


def lacks_home(path: Path) -> bool:
    """Return whether a path leads into this user's home folder, and that does not exist.

    Then it must not be created: in a container, root can have the home of a user who is not there.
    """
    try:
        home = Path.home()
    except RuntimeError:  # none is known, so the path leads elsewhere
        return False
    return path.is_relative_to(home) and not home.exists()


def forget(folder: Path, pattern: str, *, days: float) -> None:
    """Remove old files and folders that match a pattern.

    Old means last modified more than ``days`` days ago. ``.*.tmp`` matches what killed writers left behind. Another
    process can do the same at the same time, or still use what is removed; both must expect that a file is missing.
    """
    for found in folder.glob(pattern):
        with suppress(OSError):
            if time.time() - found.lstat().st_mtime > days * 86400:
                if found.is_dir() and not found.is_symlink():
                    shutil.rmtree(found, ignore_errors=True)  # does not follow links
                else:
                    found.unlink()


def _is_private(status: os.stat_result) -> bool:
    """Return whether this is a folder that is private.

    Private means that this user owns it and nobody else can write to it. A symbolic link is not a folder.
    """
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (
        status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _can_be_above(status: os.stat_result) -> bool:
    """Return whether this folder can contain a private one.

    It can if only this user and root can rename what is in this folder. Write permission for its group is accepted, as
    many systems give each user a group of their own that can write to all of the user's files.
    """
    if not hasattr(os, "getuid"):
        return True
    guarded = status.st_mode & stat.S_ISVTX or not status.st_mode & stat.S_IWOTH
    return status.st_uid in (os.getuid(), 0) and bool(guarded)
