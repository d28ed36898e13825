"""Whole samples: where each begins and ends, many of them side by side."""

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.writing.controls import LENGTH_AT_MOST, USUAL_LENGTH
from charrnn.writing.sampler import Sampler

STREAMS = 64  # samples that are drawn side by side
MOST_WAITING = 1 << 24  # symbols of them, at most, that wait for the end of an earlier one
TRIES = 100  # samples that are drawn for one that is accepted, before that is given up


@dataclass(frozen=True)
class Ending:
    """Where a sample ends, whatever comes first; a document ends, besides, where the model ends it.

    After `length` characters, after `lines` line breaks, or before one of the strings `stops`. None is no bound.
    """

    length: int | None = None
    lines: int | None = None
    stops: tuple[str, ...] = ()

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, length: int | None, lines: int | None, stops: Sequence[str]) -> "Ending":
        """Return where samples end: a length of 0 is no bound, None the usual bound.

        Raises CharrnnError as `check` does.
        """
        if length is None:
            length = LENGTH_AT_MOST if vocabulary.separator or lines or stops else USUAL_LENGTH
        ending = cls(length or None, lines, tuple(stops))
        ending.check(vocabulary)
        return ending

    def check(self, vocabulary: Vocabulary) -> None:
        """Raise CharrnnError for an end that can never come, as the model does not know its characters."""
        for what, text in [("--stop", stop) for stop in self.stops] + [("--lines", "\n")] * (self.lines is not None):
            try:
                vocabulary.encode(text, documents=False)
            except CharrnnError:
                said = f"{what} {text[:60]!r}" if what == "--stop" else f"{what} {self.lines}"
                hint = "; each document ends by itself" if vocabulary.separator else ""
                raise CharrnnError(f"{said} would never end a text: the model cannot write it{hint}") from None


@dataclass(frozen=True)
class Piece:
    """A part of a sample: symbols [n], and by how many nats each surprises the model [n]; where it ends, what ended it.

    `ended` is "length", "lines", "stop" or "end" in a sample's last piece, else None.
    """

    sample: int
    seed: int
    symbols: NDArray[np.int32]
    nats: NDArray[np.float32]
    ended: str | None = None


@dataclass(frozen=True)
class Sample:
    """A whole sample: its `text` with the prime, and the `seed` that writes it alone.

    `bits_per_char` is what the model itself needs for the `characters` after the prime, None if there are none. What
    `ended` it is "length", "lines", "stop", or "end" for the end of a document.
    """

    text: str
    seed: int
    bits_per_char: float | None
    characters: int
    ended: str

    @classmethod
    def of(cls, pieces: Sequence[Piece], prime: Ids, vocabulary: Vocabulary) -> "Sample":
        """Join the pieces of a sample, of which the last one has its end."""
        symbols = np.concatenate([piece.symbols for piece in pieces])
        nats = np.concatenate([piece.nats for piece in pieces])
        text = vocabulary.decode_bytes(prime) + vocabulary.decode_bytes(symbols)
        return cls(
            text=text.decode("utf-8", "backslashreplace"),
            seed=pieces[-1].seed,
            bits_per_char=float(nats.mean(dtype=np.float64)) / math.log(2.0) if nats.size else None,
            characters=int(symbols.size),
            ended=pieces[-1].ended or "",
        )


def fresh_seed() -> int:
    """Return a seed that nobody can guess, below 2^53 as JSON wants it."""
    return int.from_bytes(os.urandom(7)) >> 3


def seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of samples: the seed itself, then others that follow from it, below 2^53 as JSON wants them."""
    yield seed
    k = 0
    while True:
        k += 1
        yield int(np.random.SeedSequence([seed, k]).generate_state(1, np.uint64)[0] >> np.uint64(11))


def samples(
    sampler: Sampler,
    vocabulary: Vocabulary,
    ending: Ending,
    *,
    seed: int,
    count: int = 1,
    team: Team | None = None,
    accept: Callable[[str], bool] | None = None,
    most_waiting: int = MOST_WAITING,
) -> Iterator[Piece]:
    """Yield samples that go on from what a sampler has read, piece by piece, the first as it is drawn.

    Each has a seed of its own, by which it can be drawn alone. They are drawn side by side, as long as no more symbols
    than `most_waiting` have to wait for the end of an earlier sample. With `accept`, only those whose text (spelt as by
    the vocabulary) it returns True for; CharrnnError where these are too rare.
    """
    numbered: Iterator[tuple[int, int]] = enumerate(seeds(seed))
    side_by_side = max(1, min(STREAMS, most_waiting // (ending.length or 1)))
    if accept is None:
        numbered = islice(numbered, count)
        while wave := list(islice(numbered, side_by_side)):
            yield from _wave(sampler, vocabulary, ending, wave, team)
        return
    done = tries = 0
    while tries < count * TRIES:
        wave = list(islice(numbered, min(side_by_side, 2 * (count - done))))
        tries += len(wave)
        parts: list[Piece] = []
        for piece in _wave(sampler, vocabulary, ending, wave, team):
            parts.append(piece)
            if piece.ended is None:
                continue
            if accept("".join(vocabulary.spell(part.symbols) for part in parts)):
                yield from (replace(part, sample=done) for part in parts)
                done += 1
                if done == count:
                    return
            parts = []
    raise CharrnnError(
        f"only {done} of {tries:,} samples were new; a higher --temp, --top-k or --length leaves more room"
    )


def novelty(
    text: str, vocabulary: Vocabulary, prime: str = "", *, digest: Callable[[str], int] = hash
) -> Callable[[str], bool]:
    """Return a test whether a sample that goes on from a prime is new: neither in a text nor tested before.

    Documents are compared whole, with their prime; any other sample must not stand in the text. All are spelt as by the
    vocabulary. Takes 8 bytes of memory a document of the text, beside the text itself: its `digest`.
    """
    separator = vocabulary.typed(vocabulary.separator)
    digests = np.sort(np.fromiter(map(digest, _documents(text, separator) if separator else ()), np.int64))
    seen = {""} if separator else set()

    def new(sample: str) -> bool:
        whole = prime + sample if separator else sample
        is_new = whole not in seen
        if is_new and (not separator or _holds(digests, digest(whole))):
            is_new = whole not in text  # no digest is trusted
        seen.add(whole)
        return is_new

    return new


def _documents(text: str, separator: str) -> Iterator[str]:
    """Yield the documents of a text one by one, as a list of them would take many times its memory."""
    begin = 0
    while (end := text.find(separator, begin)) >= 0:
        yield text[begin:end]
        begin = end + len(separator)
    yield text[begin:]


def _holds(ordered: NDArray[np.int64], number: int) -> bool:
    place = int(np.searchsorted(ordered, number))
    return place < ordered.size and int(ordered[place]) == number


def _wave(
    sampler: Sampler, vocabulary: Vocabulary, ending: Ending, wave: Sequence[tuple[int, int]], team: Team | None
) -> Iterator[Piece]:
    """Yield the samples of a wave, given as (number, seed), side by side but one after another."""
    streams = sampler.fork([seed for _, seed in wave], team)
    boundary = None if vocabulary.boundary is None else vocabulary.spell([vocabulary.boundary])
    cuts = [_Cut(ending, tuple(map(vocabulary.typed, ending.stops)), boundary) for _ in wave]
    waiting: list[list[Piece]] = [[] for _ in wave]
    first = 0  # the sample whose pieces are yielded as they come
    for drawn in streams.blocks():
        for b, (number, seed) in enumerate(wave):
            cut = cuts[b]
            if cut.ended is None:
                symbols, nats = cut.take(vocabulary, drawn.symbols[:, b], drawn.nats[:, b])
                if symbols.size or cut.ended:
                    waiting[b].append(Piece(number, seed, symbols, nats, cut.ended))
        while first < len(wave):
            yield from waiting[first]
            waiting[first] = []
            if cuts[first].ended is None:
                break
            first += 1
        if first == len(wave):
            return


@dataclass
class _Cut:
    """Finds the end of one sample in what is drawn, and holds back what may be the beginning of its end."""

    ending: Ending
    stops: tuple[str, ...]  # spelt as symbols are
    boundary: str | None
    ended: str | None = None
    _symbols: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # drawn, and held back
    _nats: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _length: int = 0  # what has been released
    _lines: int = 0

    def take(
        self, vocabulary: Vocabulary, symbols: NDArray[np.int32], nats: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Take what was drawn; return what belongs to the sample for certain, and set `ended` where it is over."""
        self._symbols = np.concatenate([self._symbols, symbols])
        self._nats = np.concatenate([self._nats, nats])
        text = vocabulary.spell(self._symbols)
        ends = list(self._ends(text))
        if ends:
            _, size, self.ended = min(ends)
        else:
            size = len(text) - self._held(text)
        self._length += size
        self._lines += text.count("\n", 0, size)
        released = self._symbols[:size], self._nats[:size]
        self._symbols, self._nats = self._symbols[size:], self._nats[size:]
        return released

    def _ends(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield each end that there is: after how many characters it shows, how many belong to the sample, its name."""
        if self.boundary is not None and (at := text.find(self.boundary)) >= 0:
            yield at + 1, at, "end"
        for stop in self.stops:
            if (at := text.find(stop)) >= 0:
                yield at + len(stop), at, "stop"
        if self.ending.lines is not None:
            at = -1
            for _ in range(self.ending.lines - self._lines):
                at = text.find("\n", at + 1)
                if at < 0:
                    break
            else:
                yield at + 1, at + 1, "lines"
        if self.ending.length is not None and len(text) >= self.ending.length - self._length:
            size = self.ending.length - self._length
            yield size, size, "length"

    def _held(self, text: str) -> int:
        """Return how many of the last characters may be the beginning of a string to stop at."""
        longest = max(map(len, self.stops), default=1) - 1
        sizes = range(min(longest, len(text)), 0, -1)
        return next((n for n in sizes if any(stop.startswith(text[-n:]) for stop in self.stops)), 0)
