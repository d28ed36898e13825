"""A pass over texts: files to bytes, bytes to text, text to symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from charrnn.errors import CharrnnError
from charrnn.text.decoding import decoded
from charrnn.text.formats import decompressed
from charrnn.text.near_forms import NearForms
from charrnn.text.places import Place, counted
from charrnn.text.sources import Source, chunks, files, listed, readable
from charrnn.text.survey import BYTES, Say, Skipped, Survey, told
from charrnn.text.vocabulary import TEXT_BLOCK, Ids, Vocabulary

Watch = Callable[[str, int, int], None]  # hears what is done with a large text, the bytes done, and all
Content = tuple[str, Iterator[bytes], str]  # the name of a file, its content in blocks, and its encoding


@dataclass(frozen=True)
class Listener:
    """Hears what a user should know while a text is read."""

    say: Say = told
    watch: Watch | None = None  # hears how far a large text is


def opened(
    paths: Sequence[str],
    survey: Survey,
    stdin: BinaryIO | None = None,
    block: int = TEXT_BLOCK,
    say: Say = told,
) -> Iterator[Content]:
    """Yield each file's content; ``say`` hears what the survey finds, of folders at the end."""
    for path in paths:
        with readable(path):
            for name, file, encoding in files(path, survey, stdin):
                found = content(file, name, encoding, survey, block)
                if path == "-" or not Path(path).is_dir():
                    survey.tell(say)
                yield found
    survey.tell(say)


def content(file: BinaryIO, name: str, encoding: str | None, survey: Survey, block: int = TEXT_BLOCK) -> Content:
    """Return the content of an open file; without an encoding, its beginning decides that."""
    data = _blocks(file, name, block)
    if encoding is None:
        encoding, data = survey.beginning(data, name)
    elif encoding != BYTES:
        data = decompressed(data, name)
    return name, data, encoding


def _blocks(file: BinaryIO, name: str, block: int) -> Iterator[bytes]:
    """Yield a file in blocks, and name it in errors."""
    with readable(name):
        yield from chunks(file, block=block)


def texts(
    opened: Iterable[Content], line_feeds: bool, hear: Callable[[str], None] | None = None
) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield each file's name and its text in blocks.

    Take the blocks of a file before the next file. Empty files are left out. With ``line_feeds``, one is added between
    two files if the first does not end with it. Bytes become U+0000 to U+00FF. ``hear`` gets the text as `decoded`
    says.
    """
    last = ""

    def noted(blocks: Iterable[str]) -> Iterator[str]:
        nonlocal last
        for block in blocks:
            last = block[-1:] or last
            yield block

    for name, data, encoding in opened:
        blocks = typed(data) if encoding == BYTES else decoded(data, name, encoding, newlines=True, hear=hear)
        first = next(blocks, "")
        if first:
            if line_feeds and last not in ("", "\n"):
                yield "", iter("\n")  # it belongs to the file before
            yield name, noted(chain([first], blocks))


def typed(data: Iterable[bytes]) -> Iterator[str]:
    """Yield bytes as U+0000 to U+00FF."""
    return (block.decode("latin-1") for block in data)


def vocabulary_of(
    texts: Iterable[tuple[str, Iterator[str]]], byte_level: bool, separator: str, rare: int
) -> Vocabulary:
    """Return the vocabulary of all characters in some texts, except their separators and what is ``rare``."""
    counts = counted(())
    parting = Vocabulary("", byte_level).typed(separator)
    for _, blocks in texts:  # file by file, as no separator spans two files
        counted(blocks, parting, counts)
    return Vocabulary.of_counts(counts, byte_level=byte_level, separator=separator, rare=rare)


def symbols(
    opened: Iterable[Content],
    vocabulary: Vocabulary,
    unknown: str,
    paths: Sequence[str],
    lengths: list[int] | None = None,
    near: NearForms | None = None,
    seen: Place | None = None,
) -> Iterator[Ids]:
    """Encode files one after another; the number of symbols of each one is appended to ``lengths``.

    ``seen`` is as in `Vocabulary.encode_blocks`. Raises CharrnnError if they have no text, or only separators
    and unknown characters.
    """
    lengths = [] if lengths is None else lengths
    empty = strange = True
    for name, blocks in texts(opened, puts_line_feeds(vocabulary)):
        empty = False
        if name:
            lengths.append(0)
        for ids in vocabulary.encode_blocks(blocks, unknown=unknown, near=near, where=name, seen=seen):
            strange = False
            lengths[-1] += ids.size
            yield ids
    if empty:
        raise no_text(paths)
    if strange:
        separators = "there are only separators and unknown characters"
        what = separators if vocabulary.separator else "there are only unknown characters"
        raise CharrnnError(f"{what} in {listed(paths)}" + "; --unknown replace reads them" * (unknown == "skip"))


def watched(found: Sequence[Source], digest: Any, watch: Watch | None, what: str) -> Iterator[Content]:
    """Yield each source's content; say how many bytes of the files are done."""
    size, before = sum(source.size_now() for source in found), 0

    def counted(source: Source) -> Iterator[bytes]:
        nonlocal before
        for block in source.read(digest):
            yield block
            if watch:
                watch(what, before + source.done, size)
        before += source.done

    if watch:
        watch(what, 0, size)
    for source in found:
        yield source.name, counted(source), source.encoding


def puts_line_feeds(vocabulary: Vocabulary) -> bool:
    """Return whether a line feed is added between files.

    It is not if the vocabulary has no line feed: a character that is not in the files must not be reported as unknown.
    """
    return not (vocabulary.byte_level or vocabulary.separator) and "\n" in vocabulary.characters


def no_text(paths: Sequence[str], skipped: Sequence[Skipped] = ()) -> CharrnnError:
    """Return the error for paths without text."""
    why = f"; {skipped[0].path} is left out: it is {skipped[0].reason}" if skipped else ""
    return CharrnnError(f"there is no text in {listed(paths)}{why}")
