"""How much of a text appears word for word in a corpus.

Windows of 1, 2, 4, 8 … symbols get numbers, and equal windows get the same number. A window of twice the length is a
pair of numbers, and each distinct pair gets its own number (Karp, Miller & Rosenberg 1972). A window of any length in
between is a pair of two overlapping windows. So the result is exact, as no hash is trusted, and repetitive texts are
hardly slower: for a text of M symbols, each place of the corpus is looked up at most 2 log₂ M + 3 times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.text.ingest import name_of, read_corpus
from charrnn.text.sources import Known
from charrnn.text.vocabulary import Ids, Vocabulary

LEAST = 32  # symbols; shorter runs are often idioms or chance
SHOWN = 200  # characters of the longest run that are shown
CORPUS_CHUNK = 1 << 18  # places of the corpus that are looked up at once; they fit into the processor's cache
CORPUS_PART = 1 << 25  # places of the corpus whose windows are numbered at once; this bounds memory
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4)

Numbers: TypeAlias = NDArray[np.int32]  # of windows, from 0; −1 for a window that is not in both text and corpus
Keys: TypeAlias = NDArray[np.int64]  # what is numbered: symbols, or pairs of numbers
# Measures how much of some texts is in a corpus, in runs of at least the given number of symbols.
Comparison: TypeAlias = "Callable[[Sequence[Ids], int], Copied]"
Places: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Copied:
    """How much of some texts is in a corpus.

    Of their `characters`, `copied` are in a run of at least the requested length that the corpus also has. The longest
    run, even if it is shorter, has `longest` characters. It starts at place `at_text` of text number `text`, and first
    appears in the corpus at place `at_corpus`; all are counted from 0. Of several longest runs, it is the first in the
    texts. All four are 0 if there is no run.
    """

    characters: int
    copied: int
    longest: int = 0
    text: int = 0
    at_text: int = 0
    at_corpus: int = 0
    run: str = ""  # the beginning of the longest run, if `comparison` has added it

    @property
    def share(self) -> float:
        """The share of the characters that is copied, from 0 to 1; 0 if there are no characters."""
        return self.copied / max(1, self.characters)

    def fields(self, least: int) -> dict[str, float | str]:
        """Return the fields for JSON.

        They are for runs of at least ``least`` characters.
        """
        return {
            "copied": self.share,
            "copied_characters": self.copied,
            "copied_run": least,
            "longest_run": self.longest,
            "longest_run_text": self.run,
            "longest_run_at": self.at_corpus,
        }


def measure(
    corpus: Ids, texts: Sequence[Ids], least: int = LEAST, *, part: int = CORPUS_PART, chunk: int = CORPUS_CHUNK
) -> Copied:
    """Find runs that texts and a corpus share.

    Measures runs of at least `least` symbols, and the longest run of any length. The corpus has shape [N], and each
    text its own shape [M]; equal numbers are equal symbols in all of them. No run continues from one text into the
    next. The result is exact. Takes about 100 bytes of memory for each symbol of the texts, and 8 bytes for each symbol
    of a part of the corpus, which has `part` symbols or as many as the longest text; `chunk` symbols are looked up at
    once. The corpus is read once for all texts. Raises ValueError if `least` is below 1.
    """
    if least < 1:
        raise ValueError(f"a run has at least one symbol, not {least}")
    begins = np.cumsum([0] + [text.size + 1 for text in texts])
    most = max((text.size for text in texts), default=0)
    starts = np.zeros(int(begins[-1]), np.bool_)  # of windows of `least` symbols that are in the corpus
    longest, place, at_corpus = 0, 0, 0
    size = max(part, most)
    for begin in range(0, corpus.size, size):  # a part overlaps the next one by the longest possible run
        longer = _of_symbols(corpus[begin : begin + size + most], texts, begins, chunk)
        if not longer.shared:
            continue
        while longer.shared:
            windows = longer
            if windows.length <= least < 2 * windows.length:
                starts |= windows.extended(least - windows.length) >= 0
            longer = windows.doubled()
        first, more = _longest(windows)
        if (-windows.length - more, first) < (-longest, place):
            longest, place, at_corpus = windows.length + more, first, begin + windows.find(first, more)
    text = int(np.searchsorted(begins, place, "right")) - 1 if longest else 0
    copied = _covered(starts, least)
    return Copied(int(begins[-1]) - len(texts), copied, longest, text, place - int(begins[text]), at_corpus)


def comparison(path: str, vocabulary: Vocabulary, encoding: str = "") -> Comparison:
    """Read a corpus; return a function that measures texts.

    ``path`` is a file or folder; its encoding is detected unless it is named. The function works as `measure` does; its
    texts are encoded with a model's vocabulary. Each document is a separate text: its end is not a symbol of the
    corpus, which is read as plain text, including its separators. Raises CharrnnError if the corpus cannot be read.
    """
    known = Known(encoding=encoding)
    corpus = read_corpus([path], byte_level=vocabulary.byte_level, vocabulary=Vocabulary.as_one_text, known=known)
    if corpus.vocabulary.byte_level != vocabulary.byte_level:
        raise CharrnnError(f"{name_of(path)} was encoded with another --bytes; encode its text again")
    if vocabulary.byte_level:
        table = np.arange(257, dtype=np.uint32)  # the last one is for marks of unknown bytes
    else:  # a character that is not in the corpus gets a number that is not in the corpus
        places = {character: place for place, character in enumerate(corpus.vocabulary.characters)}
        numbers = [places.get(character, len(places)) for character in vocabulary.characters]
        table = np.array([*numbers, len(places)], np.uint32)  # the last one is for marks of unknown characters

    def compare(texts: Sequence[Ids], least: int = LEAST) -> Copied:
        if vocabulary.boundary is not None:
            texts = [document for text in texts for document in _documents(text, vocabulary.boundary)]
        copied = measure(corpus.ids, [table[text] for text in texts], least)
        if not copied.longest:
            return copied
        run = texts[copied.text][copied.at_text :][: min(copied.longest, SHOWN)]
        return replace(copied, run=vocabulary.decode_bytes(run).decode("utf-8", "backslashreplace"))

    return compare


def _documents(text: Ids, boundary: int) -> Iterator[Ids]:
    """Yield the documents of a text without their boundaries."""
    for document in np.split(text, np.flatnonzero(text == boundary + 1) + 1):
        yield document[document < boundary]


@dataclass(frozen=True, eq=False)
class _Windows:
    """The numbers of all windows of one length, by their place in text [M] and corpus [N]."""

    length: int
    text: Numbers
    corpus: Numbers
    chunk: int  # places of the corpus that are looked up at once

    @property
    def shared(self) -> bool:
        """Whether any window is in both."""
        return bool((self.text >= 0).any())

    def extended(self, more: int, corpus: Numbers | None = None) -> Numbers:
        """Return the text's numbers [M] of longer windows.

        They are longer by ``more``, from 0 to `length`. The numbers of the corpus are written to ``corpus`` [N].
        """
        count = int(self.text.max()) + 1
        places, keys = _pairs(self.text, 0, self.text.size, more, count)
        begins = range(0, self.corpus.size, self.chunk)
        chunks = (_pairs(self.corpus, begin, begin + self.chunk, more, count) for begin in begins)
        return _number(self.text.size, places, keys, chunks, corpus)

    def doubled(self) -> _Windows:
        """Return the windows of twice the length."""
        corpus = np.full(self.corpus.size, -1, np.int32)
        return _Windows(2 * self.length, self.extended(self.length, corpus), corpus, self.chunk)

    def find(self, place: int, more: int) -> int:
        """Return where the corpus first has a window.

        It is the text's window at ``place``, longer by ``more``.
        """
        first, last = self.text[place], self.text[place + more]
        for begin in range(0, self.corpus.size, self.chunk):
            there = self.corpus[begin + more : begin + more + self.chunk] == last
            here = (self.corpus[begin : begin + self.chunk][: there.size] == first) & there
            if here.any():
                break
        return begin + int(here.argmax())


def _of_symbols(corpus: Ids, texts: Sequence[Ids], begins: Places, chunk: int) -> _Windows:
    """Return the windows of one symbol.

    The texts follow one another, with a −1 after each, which no run can cross.
    """
    size = int(begins[-1])
    places = np.delete(np.arange(size), begins[1:] - 1)
    keys = np.concatenate([np.empty(0, np.int64), *texts]).astype(np.int64)
    numbers = np.full(corpus.size, -1, np.int32)
    chunks = (
        (np.arange(begin, min(begin + chunk, corpus.size)), corpus[begin : begin + chunk].astype(np.int64))
        for begin in range(0, corpus.size, chunk)
    )
    return _Windows(1, _number(size, places, keys, chunks, numbers), numbers, chunk)


def _pairs(numbers: Numbers, begin: int, end: int, apart: int, count: int) -> tuple[Places, Keys]:
    """Return the places and keys of window pairs.

    The first window starts between ``begin`` and ``end``, the second one ``apart`` places later. A key combines their
    two numbers, which are below ``count``.
    """
    first, last = numbers[begin:end], numbers[begin + apart : end + apart]
    places = np.flatnonzero((first[: last.size] >= 0) & (last >= 0))
    return begin + places, first[places].astype(np.int64) * count + last[places]


def _number(
    size: int, places: Places, keys: Keys, chunks: Iterable[tuple[Places, Keys]], corpus: Numbers | None
) -> Numbers:
    """Return the text's numbers [size] for its keys.

    The keys are at the given places of the text. Keys that are not in the corpus get −1. The places and keys of the
    corpus come in chunks; its numbers are written to ``corpus`` [N], if given.
    """
    text = np.full(size, -1, np.int32)
    if not keys.size:
        return text
    known, numbers = np.unique(keys, return_inverse=True)
    table = _Table(known)
    seen = np.zeros(known.size + 1, bool)  # the last one is for −1
    for at, wanted in chunks:
        found = table.find(wanted)
        seen[found] = True
        if corpus is not None:
            corpus[at] = found
    text[places] = np.where(seen[numbers], numbers, -1)
    return text


class _Table:
    """Finds keys among known ones [K], sorted and distinct: by a hash, or by bisection if the hash collides."""

    def __init__(self, known: Keys, multiplier: np.uint64 = GOLDEN) -> None:
        self.known, self.multiplier = known, multiplier
        self.shift = np.uint64(62 - known.size.bit_length())  # more than four and at most eight slots for each key
        slots = self._slots(known)
        self.holder = np.zeros(1 << (64 - int(self.shift)), np.int32)
        self.holder[slots] = np.arange(known.size)
        self.crowded = np.zeros(self.holder.size, bool)
        self.crowded[slots[self.holder[slots] != np.arange(known.size)]] = True

    def find(self, keys: Keys) -> Numbers:
        """Return each key's place among those known, or −1."""
        slots = self._slots(keys)
        numbers = self.holder[slots]
        wrong = self.known[numbers] != keys
        numbers[wrong] = -1
        again = np.flatnonzero(wrong & self.crowded[slots])
        numbers[again] = self._bisected(keys[again])
        return numbers

    def _bisected(self, keys: Keys) -> Numbers:
        numbers = np.minimum(np.searchsorted(self.known, keys), self.known.size - 1)
        return np.where(self.known[numbers] == keys, numbers, -1).astype(np.int32)

    def _slots(self, keys: Keys) -> Places:
        return ((keys.view(np.uint64) * self.multiplier) >> self.shift).view(np.int64)


def _covered(starts: NDArray[np.bool_], length: int) -> int:
    """Count the symbols in at least one window.

    The windows have this length, and start at the flags in ``starts``.
    """
    begins = np.flatnonzero(starts)
    change = np.zeros(starts.size + 1, np.int8)
    change[begins] += 1
    change[begins + length] -= 1
    return int(np.count_nonzero(np.cumsum(change, dtype=np.int32)))


def _longest(windows: _Windows) -> tuple[int, int]:
    """Return the longest run's place and additional length.

    The place is its first one in the text. The additional length is beyond the windows' length. The windows must be
    shared, and the windows of twice their length must not be.
    """
    found, more, too_many = windows.text, 0, windows.length
    while too_many - more > 1:
        middle = (more + too_many) // 2
        extended = windows.extended(middle)
        if (extended >= 0).any():
            found, more = extended, middle
        else:
            too_many = middle
    return int((found >= 0).argmax()), more
