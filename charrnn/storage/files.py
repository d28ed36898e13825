"""Atomic replacement of a file, and a lock for one run at a time."""

import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from charrnn.errors import CharrnnError

if sys.platform != "win32":
    import fcntl

Place: TypeAlias = tuple[int, int] | str  # a file's device and number; if there is no file, its path without links

_ATTEMPTS = 100  # to take a lock whose file other runs remove each time as they end


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file that replaces ``path`` after the block.

    At any time, even after a power failure, a reader of ``path`` finds the complete old file or the complete new one.
    A symbolic link stays, and its target is replaced. Permissions stay. Other hard links keep the old file.
    Raises CharrnnError if writing fails. After this or any other exception in the block, the old file is unchanged, and
    no temporary file is left behind.
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
        except BaseException:  # also an interrupt
            with suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be written: {reason(fault)}") from None


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Lock ``path`` against other runs during the block.

    Raises CharrnnError if another run already writes to it. Other paths to the same file, such as a symbolic link, are
    locked as well. Removes the temporary files of this file that killed runs left behind. If the system or the file
    system does not support locks, nothing is locked.
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
                    place.unlink()  # while it is locked: a run that has opened it then sees that it is gone
            os.close(held)


def is_same_file(path: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to the same place.

    No file has to exist there. Hard links are the same, as are names that the file system does not tell apart.
    """
    return place_of(path) == place_of(other)


def place_of(path: str | os.PathLike[str]) -> Place:
    """Return what all paths to the same place have in common."""
    try:
        found = os.stat(path)  # noqa: PTH116  # pathlib's takes no string
        return found.st_dev, found.st_ino
    except OSError:
        return os.path.realpath(path)
    except ValueError:  # no possible name
        return os.fspath(path)


def redirected(stream: Any) -> Place | None:
    """Return the place of the file that a standard stream is redirected to or from.

    It is None for a terminal, a pipe or a device, which can be read and written at the same time.
    """
    with suppress(AttributeError, OSError, ValueError):  # the stream is closed, or an object of a caller
        found = os.fstat(stream.fileno())
        return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
    return None


def check_writable(path: str | Path, *, force: bool, exists: str = "already exists; use --force to replace it") -> None:
    """Raise CharrnnError if ``path`` cannot be written.

    Without ``force``, also if a file exists there; the message is then ``path`` and ``exists``.
    """
    name = shown(path)
    try:
        target = _target(path)
        if not target.parent.is_dir():
            folder = target.parent if Path(path).is_symlink() else Path(path).parent
            raise CharrnnError(f"{name} cannot be written: the folder {shown(folder)} does not exist")
        if target.exists():
            if not force:
                raise CharrnnError(f"{name} {exists}")
            if not os.access(target, os.W_OK):  # it could be replaced, but its owner has protected it
                raise CharrnnError(f"{name} cannot be written: it is read-only")
        temporary = _beside(target)  # only a trial shows everything that permissions and file systems forbid
        try:
            temporary.open("xb").close()
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be written: {reason(fault)}") from None


def shown(path: str | Path) -> str:
    """Return a path as messages show it.

    An empty path, or one with line breaks, control characters or bytes that are not UTF-8, is shown as its ``repr``.
    """
    return str(path) if str(path).isprintable() and str(path) else repr(str(path))


def other_kind(mode: int) -> str:
    """Describe something other than a file by its mode."""
    return "is a folder, not a file" if stat.S_ISDIR(mode) else "is a device or a pipe, not a file"


def reason(fault: OSError) -> str:
    """Return the system's message, as part of a sentence."""
    return (fault.strerror or str(fault)).lower()


def _target(path: str | Path) -> Path:
    """Return the file that a path leads to.

    Raises CharrnnError if the path cannot be a file's or leads to something else; can raise OSError.
    """
    if not str(path) or str(path).endswith(os.sep):
        raise CharrnnError(f"{shown(path) or 'the empty name'} is not a file name")
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):  # renaming a file over a device would remove the device
            raise CharrnnError(f"{shown(path)} {other_kind(mode)}")
    return target


def _prefix(target: Path) -> str:
    """Return the prefix of the lock and temporary files.

    It is a dot and the name of the target, shortened if it is long.
    """
    if len(target.name) <= 40:
        return f".{target.name}"
    # The hash keeps apart files whose long names start alike.
    return f".{target.name[:40]}.{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}"


def _beside(target: Path) -> Path:
    """Return an unused path in the same folder.

    Its name is never too long, even if the target's name is as long as the system allows.
    """
    return target.with_name(f"{_prefix(target)}.{secrets.token_hex(8)}.tmp")


def _permit(file: BinaryIO, target: Path) -> None:
    """Give a new file the permissions of the old.

    The new file is still empty, so the contents of a private file are never visible to others.
    """
    if sys.platform == "win32":  # files there take the permissions of their folder
        return
    with suppress(OSError):  # not every file system supports this
        found = target.stat()
        mode = stat.S_IMODE(found.st_mode) & 0o777
        try:
            os.fchown(file.fileno(), -1, found.st_gid)
        except OSError:
            mode = mode & 0o707 | (mode & 0o007) << 3  # our group gets only the permissions that everybody has
        os.fchmod(file.fileno(), mode)


def _flush(file: BinaryIO) -> None:
    file.flush()
    if sys.platform == "darwin":  # fsync there can leave data in the disk's own cache
        with suppress(OSError):
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    # Not every system supports this. The new file is safe by now; at worst, a power failure brings the old one back.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _hold(path: str | Path, place: Path) -> int | None:
    """Return the descriptor of the lock file, or None.

    Only this process has locked the file at ``place``. None means that locks are not supported. Raises CharrnnError if
    another run has locked the file, or if something other than a file is at ``place``.
    """
    if sys.platform == "win32":
        return None
    with suppress(OSError):
        if not stat.S_ISREG(place.lstat().st_mode):
            raise CharrnnError(f"{shown(path)} cannot be written: {shown(place)} is in the way; remove it")
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
                    if not os.fstat(descriptor).st_size:  # no other run has written its number to it
                        place.unlink()
                    raise
                if not _is_at(descriptor, place):  # the run that held it has removed it
                    continue
                if os.fstat(descriptor).st_size:  # left behind by a killed run, perhaps another user's
                    place.unlink()
                    continue
                with suppress(OSError):  # the disk is full; the number is only for a message
                    os.write(descriptor, b"%d\n" % os.getpid())
                stack.pop_all()
                return descriptor
    except OSError:  # network file systems can lack locks; if nothing can be written, a later message says so better
        return None
    return None


def _open_lock(place: Path) -> int:
    # A link that somebody put there is not followed, and a pipe does not block.
    flags = os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(place, os.O_RDWR | os.O_CREAT | flags, 0o666)
    except PermissionError:  # another user's file can still be locked
        return os.open(place, os.O_RDONLY | flags)


def _is_at(descriptor: int, place: Path) -> bool:
    """Return whether a path still leads to this file."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), place.lstat())
    return False


def _held(path: str | Path, descriptor: int) -> CharrnnError:
    number = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    who = f"another run, process {number}" if number.isdecimal() else "another run"
    return CharrnnError(f"{shown(path)} is being written by {who}; wait until it ends, or name another file with -o")


def _sweep(target: Path) -> None:
    """Remove temporary files of ``target`` from killed runs."""
    pattern = re.compile(re.escape(_prefix(target)) + r"\.[0-9a-f]{16}\.tmp")
    with suppress(OSError):
        for found in target.parent.iterdir():
            if pattern.fullmatch(found.name):
                status = found.lstat()
                if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                    found.unlink()
