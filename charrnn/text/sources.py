"""The sources of a text as bytes: files, folders, pipes and standard input."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from charrnn.errors import CharrnnError
from charrnn.storage.caches import private_folder
from charrnn.storage.files import is_same_file, reason, shown
from charrnn.text.vocabulary import TEXT_BLOCK, decoded

LARGE_TEXT = 64 << 20  # bytes; a longer text is kept on the disk, not in memory
RESERVE = 1 << 30  # bytes that stay free on the disk: a pipe can be endless


@dataclass
class Source:
    """A file that can be read more than once; if it has changed in between, the digest differs."""

    given: str  # the path under which it was found
    name: str  # its name in messages
    path: Path
    kept: BinaryIO | None = None  # the input of a pipe
    size: int | None = None  # bytes read the first time; what is appended later is not read

    def read(self, digest: Any) -> Iterator[bytes]:
        """Yield the bytes in blocks and update a digest.

        Raises CharrnnError if the file cannot be read.
        """
        with readable(str(self.path)):
            if self.kept is not None:
                self.kept.seek(0)
            count = 0
            with self.path.open("rb") if self.kept is None else nullcontext(self.kept) as file:
                for chunk in chunks(file, self.size):
                    digest.update(chunk)
                    count += len(chunk)
                    yield chunk
            self.size = count

    def size_now(self) -> int:
        """Return the current size in bytes."""
        with readable(str(self.path)):
            return self.path.stat().st_size if self.kept is None else self.kept.seek(0, io.SEEK_END)

    def close(self) -> None:
        """Remove the kept input of a pipe."""
        if self.kept is not None:
            self.kept.close()


def name_of(path: str) -> str:
    """Return the name of a text for a message."""
    return "standard input" if path == "-" else shown(path)


def listed(paths: Sequence[str]) -> str:
    """Return the names of several texts for a message.

    Only the first three are named.
    """
    return ", ".join(map(name_of, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


@contextmanager
def readable(given: str) -> Iterator[None]:
    """Turn an OSError about a path into a CharrnnError."""
    try:
        yield
    except OSError as fault:
        raise CharrnnError(f"{name_of(str(fault.filename or given))} cannot be read: {reason(fault)}") from None


def files(
    given: str, byte_level: bool, skipped: list[str], stdin: BinaryIO | None = None
) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each file of a path, with its name.

    The name is for messages; the file is open. Of a folder, only files with text are yielded, and the others are added
    to ``skipped``. With ``byte_level``, every file counts as text.
    """
    if not given:  # Path("") would be the current folder
        raise CharrnnError("the name of the text is empty; give a file, a folder, or - for standard input")
    if given == "-":
        yield name_of(given), getattr(sys.stdin, "buffer", io.BytesIO()) if stdin is None else stdin  # empty if closed
        return
    folder = Path(given).is_dir()
    for path in _below(Path(given), skipped) if folder else [Path(given)]:
        with path.open("rb") as file:
            if folder and not byte_level and not _is_text(file):
                skipped.append(str(path))
            else:
                yield name_of(str(path)), file


def is_read(target: str | os.PathLike[str], given: str, *, byte_level: bool = False, joins: bool = False) -> bool:
    """Return whether a file is read from a path: it is the file, or in the folder and a text.

    With ``joins``, a new file in the folder counts, too: it would be read the next time.
    """
    if given == "-" or not Path(given).is_dir():
        return given != "-" and is_same_file(target, given)
    within = Path(os.path.realpath(target)), Path(os.path.realpath(given))
    if joins and within[0].is_relative_to(within[1]):
        return not any(part.startswith(".") for part in within[0].relative_to(within[1]).parts)  # hidden ones are not
    with readable(given):
        for path in _below(Path(given), []):
            if is_same_file(target, path):
                with path.open("rb") as file:
                    return byte_level or _is_text(file)
    return False


def sources(
    given: str, byte_level: bool, skipped: list[str], stdin: BinaryIO | None = None, large: int = LARGE_TEXT
) -> Iterator[Source]:
    """Yield the files of a path as rereadable sources.

    The input of a pipe is kept: on the disk, if it has more than ``large`` bytes. Raises CharrnnError for a device,
    which can be endless, and if the disk has no room for the input of a pipe.
    """
    with readable(given):
        for name, file in files(given, byte_level, skipped, stdin):
            mode = stat.S_IFIFO if given == "-" else os.fstat(file.fileno()).st_mode
            if stat.S_ISFIFO(mode) or file.isatty():
                yield Source(given, name, Path(given), spooled(name, file, large))
            elif stat.S_ISREG(mode):
                yield Source(given, name, Path(file.name))
            else:
                cut = f"head -c 1000000 {name} | charrnn … -"
                raise CharrnnError(f"{name} is a device, which can be endless; read a part of it with: {cut}")


def spooled(name: str, file: BinaryIO, large: int = LARGE_TEXT) -> BinaryIO:
    """Return a copy of the input of a pipe.

    It is in memory, or if it has more than ``large`` bytes, in a file that is deleted when it is closed. Raises
    CharrnnError if it would fill the disk.
    """
    # Not the system's folder for temporary files, which can be in memory.
    folder = private_folder("texts") or Path(tempfile.gettempdir())
    full = CharrnnError(f"{name} is too large for the free disk space in {shown(folder)}")
    kept = cast(BinaryIO, tempfile.SpooledTemporaryFile(large, dir=str(folder)))  # noqa: SIM115
    try:
        for chunk in chunks(file):
            if kept.tell() > large and shutil.disk_usage(folder).free < RESERVE:
                raise full
            try:
                kept.write(chunk)
            except OSError:
                raise full from None
    except BaseException:
        kept.close()
        raise
    return kept


def chunks(file: BinaryIO, size: int | None = None, block: int = TEXT_BLOCK) -> Iterator[bytes]:
    """Yield a file in blocks of bytes.

    With ``size``, yields only that many bytes.
    """
    if size is None:
        yield from iter(partial(file.read, block), b"")
    else:
        while chunk := file.read(min(block, size)):
            size -= len(chunk)
            yield chunk


def _is_text(file: BinaryIO) -> bool:
    """Return whether a file is UTF-8 without NULs.

    Then goes back to its beginning.
    """
    try:
        return not any("\0" in block for block in decoded(chunks(file), ""))
    except CharrnnError:
        return False
    finally:
        file.seek(0)


def _below(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Yield the files to read below a folder.

    They are sorted by path. What is not a file is added to ``skipped``.
    """
    waiting = [folder]  # no recursion, as folders can be nested deeper than Python allows calls
    while waiting:
        path = waiting.pop()
        if path is folder or (path.is_dir() and not path.is_symlink()):  # links to folders can form a loop
            found = (inner for inner in path.iterdir() if not inner.name.startswith("."))
            waiting += sorted(found, reverse=True)
        elif path.is_file():
            yield path
        else:  # a pipe would block, a device can be endless, a link can be broken
            skipped.append(str(path))
