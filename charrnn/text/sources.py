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
from charrnn.storage.files import Place, is_same_file, place_of, reason, redirected, shown
from charrnn.text.vocabulary import TEXT_BLOCK, decoded

LARGE_TEXT = 64 << 20  # bytes; a longer text is kept on the disk, not in memory
RESERVE = 1 << 30  # bytes that stay free on the disk: a pipe can be endless
MOST_NAMED = 100_000  # files and folders of one text, which a model file lists
_LIVE = ("/proc/", "/sys/")  # folders of files that the system makes as they are read, some of them without an end


@dataclass(frozen=True)
class Known:
    """What is known of a text before it is read."""

    outputs: tuple[str, ...] = ()  # files that the run writes: in a folder, they are not part of the text
    sha256: str | None = None  # of its bytes, if a run has read it before
    size: int | None = None  # the number of its bytes
    safely: bool = False  # a model file names the files: only regular ones are read, and no more than ``size`` bytes

    def may_have(self, path: Path) -> bool:
        """Return whether a file can be part of the text; if not, it is not even opened."""
        if not self.safely:
            return True
        found = path.stat()
        if not (stat.S_ISREG(found.st_mode) and 0 < found.st_size <= (self.size or found.st_size)):
            return False
        return not os.path.realpath(path).startswith(_LIVE)


NOTHING = Known()


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
    given: str, byte_level: bool, skipped: list[str], stdin: BinaryIO | None = None, known: Known = NOTHING
) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each file of a path, with its name.

    The name is for messages; the file is open. Of a folder, only files with text are yielded, and the others are added
    to ``skipped``. With ``byte_level``, every file counts as text. What is ``known`` of the text can leave out files.
    """
    if not given:  # Path("") would be the current folder
        raise CharrnnError("the name of the text is empty; give a file, a folder, or - for standard input")
    if given == "-":
        yield name_of(given), getattr(sys.stdin, "buffer", io.BytesIO()) if stdin is None else stdin  # empty if closed
        return
    folder = Path(given).is_dir()
    for path in _below(Path(given), skipped, _places(known.outputs)) if folder else [Path(given)]:
        if not known.may_have(path):
            continue
        with path.open("rb") as file:
            if folder and not byte_level and not _is_text(file):
                skipped.append(str(path))
            else:
                yield name_of(str(path)), file


def is_read(
    target: str | os.PathLike[str], given: str, *, byte_level: bool = False, outputs: Sequence[str] = ()
) -> bool:
    """Return whether a file is read from a path: it is the file, a text in the folder, or standard input.

    In a folder, the ``outputs`` of a run are not read.
    """
    if given == "-":
        return redirected(sys.stdin) == place_of(target)
    if not Path(given).is_dir():
        return is_same_file(target, given)
    if not Path(target).exists():
        return False
    with readable(given):
        for path in _below(Path(given), [], _places(outputs)):
            if is_same_file(target, path):
                with path.open("rb") as file:
                    return byte_level or _is_text(file)
    return False


def names_within(folder: str, outputs: Sequence[str]) -> list[str]:
    """Return the names that some files have in a folder, those that are in it: their paths from there."""
    base, names = Path(os.path.realpath(folder)), set()
    for output in outputs:
        link = Path(os.path.realpath(Path(output).parent)) / Path(output).name
        for place in (link, Path(os.path.realpath(output))):
            if place.is_relative_to(base):
                names.add(str(place.relative_to(base)))
    return sorted(names)


def sources(
    given: str,
    byte_level: bool,
    skipped: list[str],
    stdin: BinaryIO | None = None,
    large: int = LARGE_TEXT,
    known: Known = NOTHING,
) -> Iterator[Source]:
    """Yield the files of a path, as `files` does, as rereadable sources.

    The input of a pipe is kept: on the disk, if it has more than ``large`` bytes. Raises CharrnnError for a device,
    which can be endless, and if the disk has no room for the input of a pipe.
    """
    with readable(given):
        for name, file in files(given, byte_level, skipped, stdin, known):
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


def _places(outputs: Sequence[str]) -> set[Place | None]:
    """Return the places of a run's outputs and of standard output, whose text would never end."""
    return {redirected(sys.stdout), *map(place_of, outputs)}


def _below(folder: Path, skipped: list[str], outputs: set[Place | None]) -> Iterator[Path]:
    """Yield the files to read below a folder.

    They are sorted by path. What is not a file is added to ``skipped``; an output is left out.
    """
    waiting = [folder]  # no recursion, as folders can be nested deeper than Python allows calls
    while waiting:
        path = waiting.pop()
        if place_of(path) in outputs:
            continue
        if path is folder or (path.is_dir() and not path.is_symlink()):  # links to folders can form a loop
            found = (inner for inner in path.iterdir() if not inner.name.startswith("."))
            waiting += sorted(found, reverse=True)
        elif path.is_file():
            yield path
        else:  # a pipe would block, a device can be endless, a link can be broken
            skipped.append(str(path))
