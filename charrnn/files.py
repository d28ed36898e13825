"""A file that is written whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from charrnn.errors import CharrnnError


@contextmanager
def replacing(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to be written, which takes the place of the one at ``path``, if there is one, at the block's end.

    Whoever opens ``path`` finds the old file or the new one, whole, at any time, even after a power cut. A
    symbolic link stays, and what it points to is replaced. Raises CharrnnError if writing fails. Then, and after
    whatever else is raised in the block, the old file is as it was, and nothing else is left behind.
    """
    try:
        target = _target(path)
        temporary = _beside(target)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:  # an interrupt too
            with suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(target.parent)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be written: {reason(fault)}") from None


def check_writable(path: str | Path, *, force: bool) -> None:
    """Raise CharrnnError if a file could not be written at ``path``; without ``force`` also if one exists."""
    name = shown(path)
    try:
        target = _target(path)
        if not target.parent.is_dir():
            raise CharrnnError(f"{name} cannot be written: there is no folder {shown(Path(path).parent)}")
        if not force and target.exists():
            raise CharrnnError(f"{name} exists already; --force replaces it")
        temporary = _beside(target)  # no other test knows all that permissions and file systems may forbid
        temporary.open("xb").close()
        temporary.unlink()
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be written: {reason(fault)}") from None


def shown(path: str | Path) -> str:
    """Return a path for a message, where line breaks and bytes that are not UTF-8 would do harm."""
    return str(path) if str(path).isprintable() else repr(str(path))


def other_kind(mode: int) -> str:
    """Say of what is no file what it is, by its mode."""
    return "is a folder, not a file" if stat.S_ISDIR(mode) else "is a device or a pipe, not a file"


def reason(fault: OSError) -> str:
    """Return what the system says is wrong, as a part of a sentence."""
    return (fault.strerror or str(fault)).lower()


def _target(path: str | Path) -> Path:
    """Return the file that a path leads to. Raises CharrnnError if something else is there, OSError."""
    target = Path(os.path.realpath(path))
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):  # renaming a file over a device would remove the device
            raise CharrnnError(f"{shown(path)} {other_kind(mode)}")
    return target


def _beside(target: Path) -> Path:
    """Return an unused path in the same folder, in a name not too long even where the target's is."""
    return target.with_name(f".{target.name[:40]}.{secrets.token_hex(8)}.tmp")


def _flush_folder(folder: Path) -> None:
    # Not every system can. The file itself is safe by now; a power cut might at worst bring the old one back.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
