"""Where a text comes from: files, folders, pipes and standard input, as bytes."""

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
from charrnn.storage.files import reason, shown
from charrnn.text.vocabulary import TEXT_BLOCK, decoded

LARGE_TEXT = 64 << 20  # bytes: more is kept on the disk, not in memory
RESERVE = 1 << 30  # bytes that a pipe, which may have no end, has to leave free on the disk


@dataclass
class Source:
    """A file that can be read more than once: each time what it was the first time, or else the digest differs."""

    given: str  # the path that it was found by
    name: str  # what messages call it
    path: Path
    kept: BinaryIO | None = None  # what came through a pipe
    size: int | None = None  # bytes that were there the first time; what is written behind them later does no harm

    def read(self, digest: Any) -> Iterator[bytes]:
        """Yield its bytes in pieces, and update a digest with them. Raises CharrnnError if it cannot be read."""
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
        """Return how many bytes there seem to be."""
        with readable(str(self.path)):
            return self.path.stat().st_size if self.kept is None else self.kept.seek(0, io.SEEK_END)

    def close(self) -> None:
        """Forget what came through a pipe."""
        if self.kept is not None:
            self.kept.close()


def name_of(path: str) -> str:
    """Return what a text to be read is called in a message."""
    return "standard input" if path == "-" else shown(path)


def listed(paths: Sequence[str]) -> str:
    """Return what several texts are called in a message: the first three by name."""
    return ", ".join(map(name_of, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


@contextmanager
def readable(given: str) -> Iterator[None]:
    """Say in a sentence what the system says is wrong where a path cannot be read."""
    try:
        yield
    except OSError as fault:
        raise CharrnnError(f"{name_of(str(fault.filename or given))} cannot be read: {reason(fault)}") from None


def files(
    given: str, byte_level: bool, skipped: list[str], stdin: BinaryIO | None = None
) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each file that a path stands for: the name to show, and the open file. Of a folder only those with text."""
    if not given:  # Path("") would be the current folder
        raise CharrnnError("the name of a file or folder to read is empty")
    if given == "-":
        yield name_of(given), getattr(sys.stdin, "buffer", io.BytesIO()) if stdin is None else stdin  # none if closed
        return
    folder = Path(given).is_dir()
    for path in _below(Path(given), skipped) if folder else [Path(given)]:
        with path.open("rb") as file:
            if folder and not byte_level and not _is_text(file):
                skipped.append(str(path))
            else:
                yield name_of(str(path)), file


def sources(
    given: str, byte_level: bool, skipped: list[str], stdin: BinaryIO | None = None, large: int = LARGE_TEXT
) -> Iterator[Source]:
    """Yield each file that a path stands for as one that can be read again: what comes through a pipe is kept.

    More than ``large`` bytes of it are kept on the disk. Raises CharrnnError for a device, which may have no end, and
    for a pipe with more in it than the disk has room for.
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
                raise CharrnnError(f"{name} is a device, which may have no end; to read a part of it: {cut}")


def spooled(name: str, file: BinaryIO, large: int = LARGE_TEXT) -> BinaryIO:
    """Copy what comes through a pipe: to memory, or where it is long to a file that is gone when it is closed.

    Raises CharrnnError where it would fill the disk.
    """
    # Not the system's folder for temporary files, which may be in memory.
    folder = private_folder("texts") or Path(tempfile.gettempdir())
    full = CharrnnError(f"{name} is longer than there is room for on the disk, in {shown(folder)}")
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
    """Yield what is in a file, or its first ``size`` bytes, in blocks."""
    if size is None:
        yield from iter(partial(file.read, block), b"")
    else:
        while chunk := file.read(min(block, size)):
            size -= len(chunk)
            yield chunk


def _is_text(file: BinaryIO) -> bool:
    """Tell whether a file is UTF-8 without NULs, and go back to its beginning."""
    try:
        return not any("\0" in block for block in decoded(chunks(file), ""))
    except CharrnnError:
        return False
    finally:
        file.seek(0)


def _below(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Yield all files to read in a folder, in the order of their paths."""
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.is_dir() and not path.is_symlink():  # links to folders may go in circles
            yield from _below(path, skipped)
        elif path.is_file():
            yield path
        else:  # a pipe would block, a device may never end, a link may lead nowhere
            skipped.append(str(path))
