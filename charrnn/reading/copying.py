"""How much of a text stands word for word in a corpus.

Windows of 1, 2, 4, 8 … symbols get numbers, equal windows the same one: a window twice as long is a pair of numbers,
and that pair gets a number of its own (Karp, Miller & Rosenberg 1972). A window of any length between two of these is
a pair too, of two windows that overlap. So nothing is guessed from a hash, and texts that repeat themselves are not
much harder than others: for a text of M symbols, each place of the corpus is looked up 2 log₂ M + 3 times at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.text.ingest import read_corpus
from charrnn.text.vocabulary import Ids, Vocabulary

LEAST = 32  # symbols: shorter runs are often idiom or chance
SHOWN = 200  # characters of the longest run that are told
CORPUS_CHUNK = 1 << 18  # places of the corpus that are looked up in one go: few enough for the processor's cache
CORPUS_PART = 1 << 25  # places of the corpus whose windows are numbered at a time: what bounds memory
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4)

Numbers: TypeAlias = NDArray[np.int32]  # of windows, from 0; −1 for one that is not in both text and corpus
Keys: TypeAlias = NDArray[np.int64]  # what is to be numbered: symbols, or pairs of numbers
# Measures what of some texts stands in a corpus, in runs of so many symbols or more.
Comparison: TypeAlias = "Callable[[Sequence[Ids], int], Copied]"
Places: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Copied:
    """What of some texts stands in a corpus.

    `copied` of their `characters` are inside a run that stands there and is as long as was asked. The longest run,
    even if shorter than that, has `longest` characters; it begins at place `at_text` of text number `text` and, where
    the corpus has it first, at place `at_corpus`, all counted from 0. Of several as long it is the first in the texts.
    All four are 0 if there is no run.
    """

    characters: int
    copied: int
    longest: int = 0
    text: int = 0
    at_text: int = 0
    at_corpus: int = 0
    run: str = ""  # the beginning of the longest run, where it was looked up: see `comparison`

    @property
    def share(self) -> float:
        """The share of the characters that is copied, from 0 to 1; 0 if there are none."""
        return self.copied / max(1, self.characters)

    def fields(self, least: int) -> dict[str, float | str]:
        """Return what is to be told of runs of ``least`` characters or more, as fields for JSON."""
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
    """Find the runs of `least` symbols or more that stand both in the texts and in the corpus, and the longest of any.

    The corpus has shape [N], each text its own [M]; the same number is the same symbol in all. No run goes on from one
    text into the next. The result is exact. It takes some 100 bytes of memory a symbol of the texts, and 8 a symbol of
    a part of the corpus: `part` of them, or as many as the longest text has; `chunk` of them are looked up in one go.
    The corpus is read through once for all texts. Raises ValueError if `least` is below 1.
    """
    if least < 1:
        raise ValueError(f"a run has at least one symbol, not {least}")
    begins = np.cumsum([0] + [text.size + 1 for text in texts])
    most = max((text.size for text in texts), default=0)
    starts = np.zeros(int(begins[-1]), np.bool_)  # of windows of `least` symbols that stand in the corpus
    longest, place, at_corpus = 0, 0, 0
    size = max(part, most)
    for begin in range(0, corpus.size, size):  # a part overlaps the next one by more than any run is long
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


def comparison(path: str, vocabulary: Vocabulary) -> Comparison:
    """Read a file or folder; return a function that measures what of some texts stands there, as `measure` does.

    The texts are encoded with a model's vocabulary. Of documents each is a text of its own: where one ends is no symbol
    that could stand in the corpus, which is read plainly, with what separates documents in it. Raises CharrnnError
    where the corpus cannot be read.
    """
    corpus = read_corpus([path], byte_level=vocabulary.byte_level)
    if vocabulary.byte_level:
        table = np.arange(256, dtype=np.uint32)
    else:  # a character that the corpus lacks gets a number that it lacks
        places = {character: place for place, character in enumerate(corpus.vocabulary.characters)}
        table = np.array([places.get(character, len(places)) for character in vocabulary.characters], np.uint32)

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
    """Yield the documents of a text, without the symbols at their ends."""
    for document in np.split(text, np.flatnonzero(text == boundary + 1) + 1):
        yield document[document < boundary]


@dataclass(frozen=True, eq=False)
class _Windows:
    """The numbers of all windows of one length, by where they begin in text [M] and corpus [N]."""

    length: int
    text: Numbers
    corpus: Numbers
    chunk: int  # places of the corpus that are looked up in one go

    @property
    def shared(self) -> bool:
        """Whether any window stands in both."""
        return bool((self.text >= 0).any())

    def extended(self, more: int, corpus: Numbers | None = None) -> Numbers:
        """Return the text's numbers [M] of windows that are 0 to `length` longer; put the corpus's in `corpus` [N]."""
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
        """Return where the corpus first has the text's window at this place, longer by `more`."""
        first, last = self.text[place], self.text[place + more]
        for begin in range(0, self.corpus.size, self.chunk):
            there = self.corpus[begin + more : begin + more + self.chunk] == last
            here = (self.corpus[begin : begin + self.chunk][: there.size] == first) & there
            if here.any():
                break
        return begin + int(here.argmax())


def _of_symbols(corpus: Ids, texts: Sequence[Ids], begins: Places, chunk: int) -> _Windows:
    """Return the windows of one symbol. The texts follow each other, each with a −1 after it that no run can cross."""
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
    """Return where in begin…end a window begins and another so far behind, and their numbers, below `count`, as one."""
    first, last = numbers[begin:end], numbers[begin + apart : end + apart]
    places = np.flatnonzero((first[: last.size] >= 0) & (last >= 0))
    return begin + places, first[places].astype(np.int64) * count + last[places]


def _number(
    size: int, places: Places, keys: Keys, chunks: Iterable[tuple[Places, Keys]], corpus: Numbers | None
) -> Numbers:
    """Return the text's numbers [size] for the keys at these places of it, −1 for those that the corpus lacks.

    The corpus's places and keys come in chunks; its numbers are put in `corpus` [N], if that is given.
    """
    text = np.full(size, -1, np.int32)
    if not keys.size:
        return text
    known, numbers = np.unique(keys, return_inverse=True)
    table = _Table(known)
    seen = np.zeros(known.size + 1, bool)  # and one for −1
    for at, wanted in chunks:
        found = table.find(wanted)
        seen[found] = True
        if corpus is not None:
            corpus[at] = found
    text[places] = np.where(seen[numbers], numbers, -1)
    return text


class _Table:
    """Finds keys among those known, shape [K], sorted and distinct: by a hash, and by bisection where that collides."""

    def __init__(self, known: Keys, multiplier: np.uint64 = GOLDEN) -> None:
        self.known, self.multiplier = known, multiplier
        self.shift = np.uint64(62 - known.size.bit_length())  # more than four slots a key, up to eight
        slots = self._slots(known)
        self.holder = np.zeros(1 << (64 - int(self.shift)), np.int32)
        self.holder[slots] = np.arange(known.size)
        self.crowded = np.zeros(self.holder.size, bool)
        self.crowded[slots[self.holder[slots] != np.arange(known.size)]] = True

    def find(self, keys: Keys) -> Numbers:
        """Return each key's number, its place among those known; −1 for any other."""
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
    """Count the symbols inside at least one of the windows of that length that begin where there is a flag."""
    begins = np.flatnonzero(starts)
    change = np.zeros(starts.size + 1, np.int8)
    change[begins] += 1
    change[begins + length] -= 1
    return int(np.count_nonzero(np.cumsum(change, dtype=np.int32)))


def _longest(windows: _Windows) -> tuple[int, int]:
    """Return where in the text the longest run first begins, and how much longer than the windows it is.

    They must be shared, and those of twice their length not.
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
