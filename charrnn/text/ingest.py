"""Reading texts: as one encoded corpus, as a stream, or as they stand."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.text import encoded
from charrnn.text.sources import LARGE_TEXT, Source, chunks, files, listed, name_of, readable, sources, spooled
from charrnn.text.vocabulary import TEXT_BLOCK, Ids, Vocabulary, decoded

__all__ = [
    "AnotherTextError",
    "Corpus",
    "listed",
    "name_of",
    "read_again",
    "read_corpus",
    "read_stream",
    "read_text",
    "read_verbatim",
    "require_learnable",
]


MOST_IN_MEMORY = 20_000_000  # characters of a text that is kept in memory, because it is needed whole


class AnotherTextError(CharrnnError):
    """A text is not the one that was asked for."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text that was read and encoded, and where it came from."""

    ids: Ids  # shape [N], in the vocabulary's dtype; of a large text a read-only view of a file
    vocabulary: Vocabulary
    sources: tuple[str, ...]  # the paths as given; "-" is standard input
    sha256: str  # of all bytes read, in order, before anything was changed
    skipped: tuple[str, ...] = ()  # what was left out of folders because it is no text

    @cached_property
    def documents(self) -> int | None:
        """How many documents the text is, or None where it is one text."""
        boundary = self.vocabulary.boundary
        if boundary is None:
            return None
        return sum(int(np.count_nonzero(ids == boundary)) for ids in encoded.blocks_of(self.ids))

    @property
    def characters(self) -> int:
        """How many characters (or bytes) the text has, without the marks of its documents."""
        return self.ids.size - 2 * (self.documents or 0)


def read_corpus(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    vocabulary: Vocabulary | Callable[[Vocabulary], Vocabulary] | None = None,
    unknown: str = "error",
    sha256: str | None = None,
    stdin: BinaryIO | None = None,
    on_large: Callable[[int], None] | None = None,
    large: int = LARGE_TEXT,
) -> Corpus:
    """Read files, folders and standard input (``-``), in the order given, as one encoded text.

    Files are strict UTF-8; a leading byte order mark goes, and CRLF and lone CR become LF. A line feed is put after
    a file that lacks one where another follows. A folder means the files in it and below, by path; hidden ones are
    passed over; those that hold a NUL or are not UTF-8 are listed in ``skipped``, as are links to folders, pipes and
    devices. With ``byte_level`` nothing is changed or put between, and a folder's files are read whatever they hold.

    With a ``separator`` the text is documents with that string between them; a document ends where its file does.

    A given ``vocabulary`` encodes the text, with ``unknown`` as in ``Vocabulary.encode``, and says itself whether
    symbols are bytes and what separates documents; otherwise the vocabulary is made from the text. A function gets
    that one and returns the one to encode with.

    The text is read twice: for its SHA-256 and its characters, and to be encoded. If it has more than ``large`` bytes,
    it is never in memory whole: encoded, it is kept in the cache and memory-mapped, and need not be encoded again.
    That takes a while: ``on_large``, if given, is called with the size in bytes first.

    Raises CharrnnError for what cannot be read, is a device, changes while it is read, is not UTF-8 or has a character
    that the vocabulary lacks, for a folder without text, and if all files are empty; AnotherTextError where
    a ``sha256`` is asked for that is not the text's.
    """
    _require_once(paths)
    given = vocabulary if isinstance(vocabulary, Vocabulary) else None
    if given is not None:
        byte_level, separator = given.byte_level, given.separator
    skipped: list[str] = []
    digest = hashlib.sha256()
    with ExitStack() as stack:
        found: list[Source] = []
        for path in paths:
            for source in sources(path, byte_level, skipped, stdin, large):
                stack.callback(source.close)
                found.append(source)
        size = sum(source.size_now() for source in found)
        if on_large and size > large:
            on_large(size)
        opened = ((source.name, source.read(digest)) for source in found)
        if given is None and not byte_level:
            own = _vocabulary_of(_texts(opened, byte_level, line_feeds=not separator), separator)
        else:
            own = given or Vocabulary("", byte_level, separator)
            for _, data in opened:
                deque(data, maxlen=0)
        for path in paths:
            if path != "-" and Path(path).is_dir() and not any(s.size for s in found if s.given == path):
                raise _no_text([path])
        if sha256 not in (None, digest.hexdigest()):
            raise AnotherTextError(f"{listed(paths)} is not the text that was asked for: its SHA-256 differs")
        chosen = vocabulary(own) if callable(vocabulary) else own
        ids = _encoded(paths, found, chosen, unknown, digest.hexdigest(), large)
    return Corpus(ids, chosen, tuple(paths), digest.hexdigest(), tuple(skipped))


def read_stream(
    path: str,
    vocabulary: Vocabulary,
    *,
    unknown: str = "error",
    source: BinaryIO | None = None,
    block: int = TEXT_BLOCK,
) -> Iterator[Ids]:
    """Read a file, a folder or standard input as ``read_corpus`` does, but yield the encoded text as it is read.

    So many bytes are read at a time as a block has: a text of any length takes little memory, and a device that never
    ends is read for ever. Where ``source`` is
    given, what ``read_again`` kept of ``path``, it is read from its beginning instead. Raises CharrnnError as
    ``read_corpus`` does, after all that comes before the fault.
    """
    if source is None:
        opened = _opened([path], vocabulary.byte_level, block=block)
    else:
        source.seek(0)
        opened = iter([(name_of(path), chunks(source, block=block))])
    return _symbols(opened, vocabulary, unknown, [path])


def beginning(blocks: Iterable[Ids], length: int) -> Ids:
    """Return the first symbols [≤ length] of a text that comes in blocks, and read no more."""
    parts, size = [], 0
    for block in blocks:
        parts.append(block)
        size += block.size
        if size >= length:
            break
    return np.concatenate(parts)[:length]


@contextmanager
def read_again(path: str, times: int = 2) -> Iterator[BinaryIO | None]:
    """Keep, while the block lasts, what comes through a pipe, which can be read only once.

    Where ``path`` is standard input or a pipe with a name, and it is to be read more ``times`` than once, that is what
    the block gets; else it gets None.
    """
    if times <= 1 or (path != "-" and not Path(path).is_fifo()):
        yield None
        return
    with readable(path):
        for name, file in files(path, True, []):
            kept = spooled(name, file)
    with kept:
        yield kept


def read_text(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    most: int | None = None,
    stdin: BinaryIO | None = None,
) -> str | bytes:
    """Read as ``read_corpus`` does, with a separator put between files: a string, or bytes with ``byte_level``.

    Raises CharrnnError as that does, for nothing but empty files too, and for more than ``most`` characters or bytes.
    """
    _require_once(paths)
    opened = _opened(paths, byte_level, stdin)
    texts, size = [], 0
    for name, blocks in _texts(opened, byte_level, not (byte_level or separator)):
        parts = []
        for block in blocks:
            size += len(block)
            if most is not None:
                check_size(name, size, most)
            parts.append(block)
        texts.append("".join(parts))
    if not texts:
        raise _no_text(paths)
    if byte_level:
        return separator.encode().join(text.encode("latin-1") for text in texts)
    return separator.join(texts)


def read_verbatim(path: str, *, byte_level: bool, most: int = MOST_IN_MEMORY) -> str:
    """Read a file or standard input and change nothing; with ``byte_level`` bytes come as U+0000 to U+00FF.

    Raises CharrnnError for what cannot be read, is not UTF-8, or has more than ``most`` characters.
    """
    parts, size = [], 0
    with readable(path):
        for name, file in files(path, byte_level, []):
            blocks = chunks(file)
            for part in (block.decode("latin-1") for block in blocks) if byte_level else decoded(blocks, name):
                parts.append(part)
                size += len(part)
                check_size(name, size, most)
    return "".join(parts)


def check_size(name: str, size: int, most: int = MOST_IN_MEMORY) -> None:
    """Raise CharrnnError where a text that is kept in memory has become too long."""
    if size > most:
        raise CharrnnError(f"{name} is longer than the {most:,} characters that can be kept in memory")


def require_learnable(corpus: Corpus) -> None:
    """Raise CharrnnError if the corpus is one character over and over: always guessing it is right."""
    if all(bool((ids == corpus.ids[0]).all()) for ids in encoded.blocks_of(corpus.ids)):
        where = listed(corpus.sources)
        raise CharrnnError(f"the text in {where} has only one distinct character; there is nothing to learn")


def _opened(
    paths: Sequence[str], byte_level: bool, stdin: BinaryIO | None = None, block: int = TEXT_BLOCK
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each file's name and its bytes in blocks, once."""
    for path in paths:
        with readable(path):
            for name, file in files(path, byte_level, [], stdin):
                yield name, chunks(file, block=block)


def _texts(
    opened: Iterable[tuple[str, Iterator[bytes]]], byte_level: bool, line_feeds: bool
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each file's name and its text in blocks, which are to be taken before the next; none that is empty.

    With ``line_feeds`` there is one between two files where the first lacks it. Bytes come as U+0000 to U+00FF.
    """
    last = ""

    def noted(blocks: Iterable[str]) -> Iterator[str]:
        nonlocal last
        for block in blocks:
            last = block[-1:] or last
            yield block

    for name, data in opened:
        blocks = (piece.decode("latin-1") for piece in data) if byte_level else decoded(data, name, newlines=True)
        first = next(blocks, "")
        if first:
            if line_feeds and last not in ("", "\n"):
                yield name, iter("\n")
            yield name, noted(chain([first], blocks))


def _vocabulary_of(texts: Iterable[tuple[str, Iterator[str]]], separator: str) -> Vocabulary:
    characters: set[str] = set()
    for _, blocks in texts:  # one by one: no separator spans two files
        characters.update(Vocabulary.of_blocks(blocks, separator).characters)
    return Vocabulary("".join(sorted(characters)), separator=separator)


def _symbols(
    opened: Iterable[tuple[str, Iterator[bytes]]], vocabulary: Vocabulary, unknown: str, paths: Sequence[str]
) -> Iterator[Ids]:
    """Encode files one after another."""
    empty = strange = True
    for name, blocks in _texts(opened, vocabulary.byte_level, _puts_line_feeds(vocabulary)):
        empty = False
        for ids in vocabulary.encode_blocks(blocks, unknown=unknown, where=name):
            strange = False
            yield ids
    if empty:
        raise _no_text(paths)
    if strange:
        separators = "there is nothing but separators and unknown characters"
        what = separators if vocabulary.separator else "the model knows none of the characters"
        raise CharrnnError(f"{what} in {listed(paths)}")


def _encoded(
    paths: Sequence[str], found: Sequence[Source], vocabulary: Vocabulary, unknown: str, sha256: str, large: int
) -> Ids:
    """Read all sources once more, and return them encoded; what is in the cache need not be read."""

    def blocks() -> Iterator[Ids]:
        digest = hashlib.sha256()
        yield from _symbols(((source.name, source.read(digest)) for source in found), vocabulary, unknown, paths)
        if digest.hexdigest() != sha256:
            raise CharrnnError(f"{listed(paths)} changed while it was being read")

    sizes = [source.size or 0 for source in found]
    if sum(sizes) <= large:
        return np.concatenate(list(blocks()))
    key = encoded.key_of([sha256, sizes, asdict(vocabulary), unknown])
    ids = encoded.find(key, vocabulary.dtype)
    return encoded.keep(key, vocabulary.dtype, blocks()) if ids is None else ids


def _puts_line_feeds(vocabulary: Vocabulary) -> bool:
    """Tell whether a line feed may be put between files: it is ours, and a model that knows none must not be asked."""
    return not (vocabulary.byte_level or vocabulary.separator) and "\n" in vocabulary.characters


def _require_once(paths: Sequence[str]) -> None:
    if paths.count("-") > 1:
        raise CharrnnError("standard input (-) can be read only once")


def _no_text(paths: Sequence[str]) -> CharrnnError:
    return CharrnnError(f"there is no text in {listed(paths)}")
