"""A pass over texts: files to bytes, bytes to text, text to symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from charrnn.errors import CharrnnError
from charrnn.storage.files import shown
from charrnn.text.near_forms import NearForms
from charrnn.text.places import counted
from charrnn.text.sources import Source, chunks, files, listed, readable
from charrnn.text.vocabulary import AS_TEXT, TEXT_BLOCK, Ids, Vocabulary, decoded, is_document

Watch = Callable[[str, int, int], None]  # hears what is done with a large text, the bytes done, and all


def opened(
    paths: Sequence[str], byte_level: bool, stdin: BinaryIO | None = None, block: int = TEXT_BLOCK
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each file's name and its bytes in blocks."""
    for path in paths:
        with readable(path):
            for name, file in files(path, byte_level, [], stdin):
                yield name, _blocks(path, file, block)


def _blocks(path: str, file: BinaryIO, block: int) -> Iterator[bytes]:
    """Yield a file in blocks, and name it in errors."""
    with readable(path):
        yield from chunks(file, block=block)


def texts(
    opened: Iterable[tuple[str, Iterator[bytes]]], byte_level: bool, line_feeds: bool
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each file's name and its text in blocks.

    Take the blocks of a file before the next file. Empty files are left out. With ``line_feeds``, one is added between
    two files if the first does not end with it. Bytes become U+0000 to U+00FF.
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
                yield "", iter("\n")  # it belongs to the file before
            yield name, noted(chain([first], blocks))


def vocabulary_of(
    texts: Iterable[tuple[str, Iterator[str]]], byte_level: bool, separator: str, rare: int
) -> Vocabulary:
    """Return the vocabulary of all characters in some texts, except their separators and what is ``rare``."""
    counts = counted(())
    typed = Vocabulary("", byte_level).typed(separator)
    for _, blocks in texts:  # file by file, as no separator spans two files
        counted(blocks, typed, counts)
    return Vocabulary.of_counts(counts, byte_level=byte_level, separator=separator, rare=rare)


def symbols(
    opened: Iterable[tuple[str, Iterator[bytes]]],
    vocabulary: Vocabulary,
    unknown: str,
    paths: Sequence[str],
    lengths: list[int] | None = None,
    near: NearForms | None = None,
) -> Iterator[Ids]:
    """Encode files one after another; the number of symbols of each one is appended to ``lengths``.

    Raises CharrnnError if they have no text, or only separators and unknown characters.
    """
    lengths = [] if lengths is None else lengths
    empty = strange = True
    for name, blocks in texts(opened, vocabulary.byte_level, puts_line_feeds(vocabulary)):
        empty = False
        if name:
            lengths.append(0)
        for ids in vocabulary.encode_blocks(blocks, unknown=unknown, near=near, where=name):
            strange = False
            lengths[-1] += ids.size
            yield ids
    if empty:
        raise no_text(paths)
    if strange:
        separators = "there are only separators and unknown characters"
        what = separators if vocabulary.separator else "there are only unknown characters"
        raise CharrnnError(f"{what} in {listed(paths)}")


def watched(
    found: Sequence[Source], digest: Any, watch: Watch | None, what: str
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each source's name and its bytes in blocks; say how far it is."""
    size, done = sum(source.size_now() for source in found), 0

    def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
        nonlocal done
        for block in blocks:
            yield block
            done += len(block)
            if watch:
                watch(what, done, size)

    if watch:
        watch(what, 0, size)
    for source in found:
        yield source.name, counted(source.read(digest))


def puts_line_feeds(vocabulary: Vocabulary) -> bool:
    """Return whether a line feed is added between files.

    It is not if the vocabulary has no line feed: a character that is not in the files must not be reported as unknown.
    """
    return not (vocabulary.byte_level or vocabulary.separator) and "\n" in vocabulary.characters


def no_text(paths: Sequence[str], skipped: Sequence[str] = ()) -> CharrnnError:
    """Return the error for paths without text."""
    document = next(filter(is_document, skipped), None)
    advice = f"; {shown(document)} is a document with formatting: {AS_TEXT}" if document else ""
    return CharrnnError(f"there is no text in {listed(paths)}{advice}")
