"""A file that is written whole or not at all, and by one run at a time."""

import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from charrnn.errors import CharrnnError

if sys.platform != "win32":
    import fcntl

_ATTEMPTS = 100  # at a lock whose file goes away each time, as other runs end


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to be written, which takes the place of the one at ``path``, if there is one, at the block's end.

    Whoever opens ``path`` finds the old file or the new one, whole, at any time, even after a power cut. A
    symbolic link stays, and what it points to is replaced; permissions stay; other hard links keep the old file.
    Raises CharrnnError if writing fails. Then, and after whatever else is raised in the block, the old file is as it
    was, and nothing else is left behind.
    """
    try:
        target = _target(path)
        temporary = _beside(target)
        try:
            with temporary.open("xb") as file:
                _permit(file, target)
                yield file
                _flush(file)
            temporary.replace(target)
        except BaseException:  # an interrupt too
            with suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be written: {reason(fault)}") from None


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Keep other runs from writing to ``path`` while the block lasts. Raises CharrnnError if one does already.

    Other names of the same file, such as a symbolic link's, count as well. What killed runs left behind of their
    attempts to write this file is removed. Where the system or the folder knows no locks, no run is kept from anything.
    """
    try:
        target = _target(path)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be written: {reason(fault)}") from None
    place = target.with_name(f"{_prefix(target)}.lock")
    held = _hold(path, place)
    try:
        if held is not None:
            _sweep(target)
        yield
    finally:
        if held is not None:
            with suppress(OSError):
                if _is_at(held, place):
                    place.unlink()  # before the lock is given up: who waits for this file sees that it is gone
            os.close(held)


def is_same_file(path: str | Path, other: str | Path) -> bool:
    """Tell whether two names lead to the same place, where there need not be a file."""
    return os.path.realpath(path) == os.path.realpath(other)


def check_writable(path: str | Path, *, force: bool, exists: str = "exists already; --force replaces it") -> None:
    """Raise CharrnnError if a file could not be written at ``path``; without ``force`` also if one ``exists``."""
    name = shown(path)
    try:
        target = _target(path)
        if not target.parent.is_dir():
            folder = target.parent if Path(path).is_symlink() else Path(path).parent
            raise CharrnnError(f"{name} cannot be written: there is no folder {shown(folder)}")
        if target.exists():
            if not force:
                raise CharrnnError(f"{name} {exists}")
            if not os.access(target, os.W_OK):  # it could be replaced, but somebody did not want that
                raise CharrnnError(f"{name} cannot be written: it is read-only")
        temporary = _beside(target)  # no other test knows all that permissions and file systems may forbid
        try:
            temporary.open("xb").close()
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be written: {reason(fault)}") from None


def shown(path: str | Path) -> str:
    """Return a path for a message, where line breaks and bytes that are not UTF-8 would do harm."""
    return str(path) if str(path).isprintable() and str(path) else repr(str(path))


def other_kind(mode: int) -> str:
    """Say of what is no file what it is, by its mode."""
    return "is a folder, not a file" if stat.S_ISDIR(mode) else "is a device or a pipe, not a file"


def reason(fault: OSError) -> str:
    """Return what the system says is wrong, as a part of a sentence."""
    return (fault.strerror or str(fault)).lower()


def _target(path: str | Path) -> Path:
    """Return the file that a path leads to. Raises CharrnnError if something else is there, OSError."""
    if not str(path) or str(path).endswith(os.sep):
        raise CharrnnError(f"{shown(path) or 'the empty name'} is no file's name")
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):  # renaming a file over a device would remove the device
            raise CharrnnError(f"{shown(path)} {other_kind(mode)}")
    return target


def _prefix(target: Path) -> str:
    """Return what hidden names beside a file begin with: its own name, or a short one where that is long."""
    if len(target.name) <= 40:
        return f".{target.name}"
    # No other file's, though its name may begin alike.
    return f".{target.name[:40]}.{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"


def _beside(target: Path) -> Path:
    """Return an unused path in the same folder, in a name not too long even where the target's is."""
    return target.with_name(f"{_prefix(target)}.{secrets.token_hex(8)}.tmp")


def _permit(file: BinaryIO, target: Path) -> None:
    """Give a file that is still empty the permissions of the one that it will replace: who hid that, meant it."""
    if sys.platform == "win32":  # where a folder's permissions are its files'
        return
    with suppress(OSError):  # not every file system can
        found = target.stat()
        mode = stat.S_IMODE(found.st_mode) & 0o777
        try:
            os.fchown(file.fileno(), -1, found.st_gid)
        except OSError:
            mode = mode & 0o707 | (mode & 0o007) << 3  # what was for that group is not for ours
        os.fchmod(file.fileno(), mode)


def _flush(file: BinaryIO) -> None:
    file.flush()
    if sys.platform == "darwin":  # where fsync is content with the disk's own memory
        with suppress(OSError):
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    # Not every system can. The file itself is safe by now; a power cut might at worst bring the old one back.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _hold(path: str | Path, place: Path) -> int | None:
    """Return the descriptor of a file at ``place`` that only this process has locked; None where there are no locks."""
    if sys.platform == "win32":
        return None
    with suppress(OSError):
        if not stat.S_ISREG(place.lstat().st_mode):
            raise CharrnnError(f"{shown(path)} cannot be written: {shown(place)} is in its way; remove that")
    try:
        for _ in range(_ATTEMPTS):
            with ExitStack() as stack:
                descriptor = _open_lock(place)
                stack.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise _held(path, descriptor) from None
                except OSError:
                    if not os.fstat(descriptor).st_size:  # it is nobody's
                        place.unlink()
                    raise
                if not _is_at(descriptor, place):  # another run has removed it at its end
                    continue
                if os.fstat(descriptor).st_size:  # of a run that was killed, perhaps another user's
                    place.unlink()
                    continue
                with suppress(OSError):  # a full disk; the number is for a sentence only
                    os.write(descriptor, b"%d\n" % os.getpid())
                stack.pop_all()
                return descriptor
    except OSError:  # a network may know no locks; and where nothing can be written, others say so better
        return None
    return None


def _open_lock(place: Path) -> int:
    # Whatever somebody may have put there is neither followed nor waited for.
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:  # another user's can be locked all the same
        return os.open(place, os.O_RDONLY | flags)


def _is_at(descriptor: int, place: Path) -> bool:
    """Say whether an open file is still the one at a path."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), place.lstat())
    return False


def _held(path: str | Path, descriptor: int) -> CharrnnError:
    number = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    who = f"another run, process {number}" if number.isdecimal() else "another run"
    return CharrnnError(f"{shown(path)} is being written by {who}; wait until it ends, or name another file with -o")


def _sweep(target: Path) -> None:
    """Remove the temporary files of runs that were killed while they wrote this file."""
    pattern = re.compile(re.escape(_prefix(target)) + r"\.[0-9a-f]{16}\.tmp")
    with suppress(OSError):
        for found in target.parent.iterdir():
            if pattern.fullmatch(found.name):
                status = found.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                    found.unlink()
