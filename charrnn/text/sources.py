"""The sources of a text as bytes: files, folders, pipes and standard input."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from charrnn.errors import CharrnnError
from charrnn.storage.caches import private_folder
from charrnn.storage.files import Place, is_same_file, place_of, reason, redirected, shown
from charrnn.text.formats import decompressed
from charrnn.text.survey import BYTES, Skipped, Survey
from charrnn.text.vocabulary import TEXT_BLOCK

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
    encoding: str = ""  # of its files, if the user names it
    near: bool = False  # whether characters that the vocabulary lacks are read in near forms
    files_read: Mapping[str, Any] | None = None  # how its files were read, if a run has read it before

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
    encoding: str  # of its content, BYTES for bytes
    kept: BinaryIO | None = None  # the input of a pipe
    size: int | None = None  # bytes read the first time; what is appended later is not read
    done: int = 0  # bytes of the file that are read
    content_size: int = 0  # bytes of the content: more, if the file is compressed

    def read(self, digest: Any) -> Iterator[bytes]:
        """Yield the content in blocks, and update a digest of the file.

        Raises CharrnnError if the file cannot be read.
        """
        data = self._bytes(digest)
        self.content_size = 0
        for chunk in data if self.encoding == BYTES else decompressed(data, self.name):
            self.content_size += len(chunk)
            yield chunk

    def _bytes(self, digest: Any) -> Iterator[bytes]:
        """Yield the bytes of the file in blocks."""
        with readable(str(self.path)):
            if self.kept is not None:
                self.kept.seek(0)
            self.done = 0
            with self.path.open("rb") if self.kept is None else nullcontext(self.kept) as file:
                for chunk in chunks(file, self.size):
                    digest.update(chunk)
                    self.done += len(chunk)
                    yield chunk
            self.size = self.done

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
    given: str, survey: Survey, stdin: BinaryIO | None = None, known: Known = NOTHING
) -> Iterator[tuple[str, BinaryIO, str | None]]:
    """Yield each file of a path, with its name for messages, open, and its encoding.

    Of a folder, only files with text are yielded, as the ``survey`` decides. The encoding is None if a file can be read
    only once, such as a pipe. What is ``known`` of the text can leave out files.
    """
    if not given:  # Path("") would be the current folder
        raise CharrnnError("the name of the text is empty; give a file, a folder, or - for standard input")
    if given == "-":
        own = getattr(sys.stdin, "buffer", io.BytesIO())  # empty if closed
        yield name_of(given), own if stdin is None else stdin, None
        return
    folder = Path(given).is_dir()
    for path in _below(Path(given), survey.skipped, _places(known.outputs)) if folder else [Path(given)]:
        if not known.may_have(path):
            survey.pass_over()
            continue
        with path.open("rb") as file:
            name = name_of(str(path))
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                yield name, file, None
            elif (encoding := survey.encoding_of(file, name, in_folder=folder)) is not None:
                yield name, file, encoding


def surveyed(paths: Sequence[str], survey: Survey | None = None) -> Survey:
    """Find how each file of some paths would be read, or why it would be left out, without reading the text.

    Pipes and devices are not examined. Raises CharrnnError if a path cannot be read.
    """
    survey = survey or Survey()
    for path in paths:
        with readable(path):
            for _ in files(path, survey):
                pass
    return survey


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
                    return Survey(byte_level).encoding_of(file, "", in_folder=True) is not None
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


def files_read(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the record of a text says about how its files were read."""
    return {name: record[name] for name in ("encodings", "skipped") if name in record}


def written(record: Mapping[str, Any], folders: Sequence[str]) -> tuple[str, ...]:
    """Return the files that a run has written into folders of its text, from the text's record."""
    names = record.get("outputs", {})
    places = dict(zip(record.get("sources", ()), folders, strict=False))
    return tuple(str(Path(folder, name)) for source, folder in places.items() for name in names.get(source, ()))


def sources(
    given: str,
    survey: Survey,
    stdin: BinaryIO | None = None,
    large: int = LARGE_TEXT,
    known: Known = NOTHING,
) -> Iterator[Source]:
    """Yield the files of a path, as `files` does, as rereadable sources.

    The input of a pipe is kept: on the disk, if it has more than ``large`` bytes. Raises CharrnnError for a device,
    which can be endless, and if the disk has no room for the input of a pipe.
    """
    with readable(given):
        for name, file, encoding in files(given, survey, stdin, known):
            if encoding is not None:
                yield Source(given, name, Path(file.name), encoding)
            elif given == "-" or stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) or file.isatty():
                kept = spooled(name, file, large)
                try:
                    found = survey.encoding_of(kept, name, in_folder=False)
                except BaseException:
                    kept.close()
                    raise
                yield Source(given, name, Path(given), found or BYTES, kept)
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


def _places(outputs: Sequence[str]) -> set[Place | None]:
    """Return the places of a run's outputs and of standard output, whose text would never end."""
    return {redirected(sys.stdout), *map(place_of, outputs)}


def _below(folder: Path, skipped: list[Skipped], outputs: set[Place | None]) -> Iterator[Path]:
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
            skipped.append(Skipped(shown(path), "not a file"))
