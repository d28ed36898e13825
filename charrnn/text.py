"""Reading texts: files, folders and standard input."""

from __future__ import annotations

import codecs
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.files import reason, shown
from charrnn.vocabulary import BLOCK, Ids, Vocabulary, cut, decoded


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text that was read and encoded, and where it came from."""

    ids: Ids  # shape [N], in the vocabulary's dtype
    vocabulary: Vocabulary
    sources: tuple[str, ...]  # the paths as given; "-" is standard input
    sha256: str  # of all bytes read, in order, before anything was changed
    skipped: tuple[str, ...] = ()  # what was left out of folders because it is no text

    @property
    def documents(self) -> int | None:
        """How many documents the text is, or None where it is one text."""
        boundary = self.vocabulary.boundary
        return None if boundary is None else int(np.count_nonzero(self.ids == boundary))

    @property
    def characters(self) -> int:
        """How many characters (or bytes) the text has, without the marks of its documents."""
        return self.ids.size - 2 * (self.documents or 0)


def read_corpus(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    vocabulary: Vocabulary | None = None,
    unknown: str = "error",
    stdin: BinaryIO | None = None,
) -> Corpus:
    """Read files, folders and standard input (``-``), in the order given, as one encoded text.

    Files are strict UTF-8; a leading byte order mark goes, and CRLF and lone CR become LF. A line feed is put after
    a file that lacks one where another follows. A folder means the files in it and below, by path; hidden ones are
    passed over; those that hold a NUL or are not UTF-8 are listed in ``skipped``, as are links to folders, pipes and
    devices. With ``byte_level`` nothing is changed or put between, and a folder's files are read whatever they hold.
    A device that never ends, if named, is read for ever.

    With a ``separator`` the text is documents with that string between them; a document ends where its file does.

    A given ``vocabulary`` encodes the text, with ``unknown`` as in ``Vocabulary.encode``, and says itself whether
    symbols are bytes and what separates documents; otherwise the vocabulary is made from the text. Raises CharrnnError
    for what cannot be read, is not UTF-8 or has a character that the vocabulary lacks, for a folder without text, and
    if all files are empty.
    """
    if vocabulary is not None:
        byte_level, separator = vocabulary.byte_level, vocabulary.separator
    line_feeds = not (byte_level or separator) if vocabulary is None else _puts_line_feeds(vocabulary)
    pieces, digest, skipped = _read(paths, byte_level, line_feeds, stdin)
    if not pieces:
        raise CharrnnError(f"there is no text in {_listed(paths)}")
    if vocabulary is None:
        vocabulary = _vocabulary_of((data for _, data in pieces), byte_level, separator)
    parts = [vocabulary.encode(data, unknown=unknown, where=name) for name, data in pieces]
    ids = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not ids.size:
        raise _nothing_known(vocabulary, paths)
    return Corpus(ids, vocabulary, tuple(paths), digest, skipped)


def read_stream(
    path: str, vocabulary: Vocabulary, *, unknown: str = "error", source: BinaryIO | None = None
) -> Iterator[Ids]:
    """Read a file, a folder or standard input as ``read_corpus`` does, but yield the encoded text as it is read.

    So a text of any length takes little memory. Where ``source`` is given, what ``read_again`` kept of ``path``, it is
    read from its beginning instead. Raises CharrnnError as ``read_corpus`` does, after all that comes before the fault.
    """
    byte_level, last, known = vocabulary.byte_level, "", False
    if source is not None:
        source.seek(0)

    def noted(blocks: Iterable[str]) -> Iterator[str]:
        nonlocal last
        for block in blocks:
            last = block[-1:] or last
            yield block

    with _readable(path):
        for name, file in _files(path, byte_level, None, []) if source is None else [(name_of(path), source)]:
            chunks = _chunks(file)
            blocks = (data.decode("latin-1") for data in chunks) if byte_level else decoded(chunks, name, newlines=True)
            first = next(blocks, "")
            if first and last not in ("", "\n") and _puts_line_feeds(vocabulary):
                yield vocabulary.encode("\n")
            for ids in vocabulary.encode_blocks(noted(chain([first], blocks)), unknown=unknown, where=name):
                known = True
                yield ids
    if not last:
        raise CharrnnError(f"there is no text in {name_of(path)}")
    if not known:
        raise _nothing_known(vocabulary, [path])


@contextmanager
def read_again(path: str) -> Iterator[BinaryIO | None]:
    """Keep in a temporary file, while the block lasts, what comes through a pipe, which can be read only once.

    Where ``path`` is standard input or a pipe with a name, that file is what the block gets; else it gets None.
    """
    if path != "-" and not Path(path).is_fifo():
        yield None
        return
    with tempfile.TemporaryFile() as kept:
        with _readable(path):
            for _, file in _files(path, True, None, []):
                shutil.copyfileobj(file, kept, BLOCK)
        yield kept


def read_text(
    paths: Sequence[str], *, byte_level: bool = False, separator: str = "", stdin: BinaryIO | None = None
) -> str | bytes:
    """Read as ``read_corpus`` does, with a separator put between files: a string, or bytes with ``byte_level``.

    Raises CharrnnError as that does, for nothing but empty files too.
    """
    pieces = _read(paths, byte_level, not (byte_level or separator), stdin)[0]
    if not pieces:
        raise CharrnnError(f"there is no text in {_listed(paths)}")
    whole = separator.encode().join(data for _, data in pieces)
    return whole if byte_level else whole.decode()


def name_of(path: str) -> str:
    """Return what a text to be read is called in a message."""
    return "standard input" if path == "-" else shown(path)


def require_learnable(corpus: Corpus) -> None:
    """Raise CharrnnError if the corpus is one character over and over: always guessing it is right."""
    if corpus.ids.min() == corpus.ids.max():
        where = _listed(corpus.sources)
        raise CharrnnError(f"the text in {where} has only one distinct character; there is nothing to learn")


def _vocabulary_of(texts: Iterable[bytes], byte_level: bool, separator: str) -> Vocabulary:
    if byte_level:
        return Vocabulary("", byte_level, separator)
    characters: set[str] = set()
    for text in texts:  # one by one: no separator spans two files
        characters.update(Vocabulary.of_blocks(decoded(cut(text), "the text"), separator).characters)
    return Vocabulary("".join(sorted(characters)), separator=separator)


def _puts_line_feeds(vocabulary: Vocabulary) -> bool:
    """Tell whether a line feed may be put between files: it is ours, and a model that knows none must not be asked."""
    return not (vocabulary.byte_level or vocabulary.separator) and "\n" in vocabulary.characters


def _nothing_known(vocabulary: Vocabulary, paths: Sequence[str]) -> CharrnnError:
    separators = "there is nothing but separators and unknown characters"
    what = separators if vocabulary.separator else "the model knows none of the characters"
    return CharrnnError(f"{what} in {_listed(paths)}")


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(map(name_of, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _read(
    paths: Sequence[str], byte_level: bool, line_feeds: bool, stdin: BinaryIO | None
) -> tuple[list[tuple[str, bytes]], str, tuple[str, ...]]:
    """Return (name, contents) of each file that is not empty, the SHA-256, and the files skipped."""
    if paths.count("-") > 1:
        raise CharrnnError("standard input (-) can be read only once")
    digest = hashlib.sha256()
    pieces: list[tuple[str, bytes]] = []
    skipped: list[str] = []
    for given in paths:
        before = len(pieces)
        with _readable(given):
            for name, file in _files(given, byte_level, stdin, skipped):
                raw = file.read()
                data = raw if byte_level else _text_of(raw, name)
                digest.update(raw)
                if line_feeds and data and pieces and not pieces[-1][1].endswith(b"\n"):
                    pieces.append((name, b"\n"))
                if data:
                    pieces.append((name, data))
        if len(pieces) == before and given != "-" and Path(given).is_dir():
            raise CharrnnError(f"there is no text in {name_of(given)}")
    return pieces, digest.hexdigest(), tuple(skipped)


@contextmanager
def _readable(given: str) -> Iterator[None]:
    """Say in a sentence what the system says is wrong where a path cannot be read."""
    try:
        yield
    except OSError as fault:
        raise CharrnnError(f"{name_of(str(fault.filename or given))} cannot be read: {reason(fault)}") from None


def _files(given: str, byte_level: bool, stdin: BinaryIO | None, skipped: list[str]) -> Iterator[tuple[str, BinaryIO]]:
    """Yield each file that a path stands for, by the name to show and open; of a folder only those with text."""
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


def _is_text(file: BinaryIO) -> bool:
    """Tell whether a file is UTF-8 without NULs, and go back to its beginning."""
    try:
        return not any("\0" in block for block in decoded(_chunks(file), ""))
    except CharrnnError:
        return False
    finally:
        file.seek(0)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, BLOCK), b"")


def _below(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Yield all files to read in a folder, in the order of their paths."""
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.is_dir() and not path.is_symlink():  # links to folders may go in circles
            yield from _below(path, skipped)
        elif path.is_file():
            yield path
        else:  # a pipe would block, a device may never end, a link may lead nowhere
            skipped.append(str(path))


def _text_of(raw: bytes, name: str) -> bytes:
    """Return the text without byte order mark and with LF alone. Raises CharrnnError if it is not UTF-8."""
    for _ in decoded(cut(raw), name):
        pass
    data = raw.removeprefix(codecs.BOM_UTF8)
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
