"""Complete samples: where each starts and ends, and many of them side by side."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arithmetic import LN_2
from charrnn.model.team import Team
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.writing.controls import LENGTH_AT_MOST, USUAL_LENGTH
from charrnn.writing.sampler import Sampler

STREAMS = 64  # samples that are drawn side by side
MOST_WAITING = 1 << 24  # symbols of these samples that can wait for the end of an earlier one
TRIES = 100  # samples that are drawn for each accepted one before drawing stops with an error


@dataclass(frozen=True)
class Ending:
    """Where a sample ends: after `length` characters, after `lines` line breaks, or before one of the strings `stops`.

    The first of these ends counts; None is no limit. A document also ends where the model ends it.
    """

    length: int | None = None
    lines: int | None = None
    stops: tuple[str, ...] = ()

    @classmethod
    def of(cls, vocabulary: Vocabulary, *, length: int | None, lines: int | None, stops: Sequence[str]) -> "Ending":
        """Return where samples end.

        A length of 0 is no limit, and None is the default limit. Raises CharrnnError as `check` does.
        """
        if length is None:
            length = LENGTH_AT_MOST if vocabulary.separator or lines or stops else USUAL_LENGTH
        ending = cls(length or None, lines, tuple(stops))
        ending.check(vocabulary)
        return ending

    def check(self, vocabulary: Vocabulary) -> None:
        """Raise CharrnnError if an end can never come.

        It cannot come if its characters are not in the vocabulary.
        """
        for what, text in [("--stop", stop) for stop in self.stops] + [("--lines", "\n")] * (self.lines is not None):
            if vocabulary.lacks(text):
                said = f"{what} {text[:60]!r}" if what == "--stop" else f"{what} {self.lines}"
                hint = "; each document ends by itself" if vocabulary.separator else ""
                raise CharrnnError(f"{said} can never end a text: the model cannot write it{hint}")


@dataclass(frozen=True)
class Piece:
    """A part of a sample: its symbols [n], and their losses [n] in nats.

    In the last piece of a sample, `ended` is "length", "lines", "stop" or "end", else None.
    """

    sample: int
    seed: int
    symbols: NDArray[np.int32]
    nats: NDArray[np.float32]
    ended: str | None = None


@dataclass(frozen=True)
class Sample:
    """A complete sample: its `text` with the prime, and the `seed` that writes it alone.

    `bits_per_char` is the model's mean loss for the `characters` after the prime, or None if there are none. `ended` is
    "length", "lines", "stop", or "end" for the end of a document.
    """

    text: str
    seed: int
    bits_per_char: float | None
    characters: int
    ended: str

    @classmethod
    def of(cls, pieces: Sequence[Piece], prime: Ids, vocabulary: Vocabulary) -> "Sample":
        """Join all pieces of a sample."""
        symbols = np.concatenate([piece.symbols for piece in pieces])
        nats = np.concatenate([piece.nats for piece in pieces])
        text = vocabulary.decode_bytes(prime) + vocabulary.decode_bytes(symbols)
        return cls(
            text=text.decode("utf-8", "backslashreplace"),
            seed=pieces[-1].seed,
            bits_per_char=float(nats.mean(dtype=np.float64)) / LN_2 if nats.size else None,
            characters=int(symbols.size),
            ended=pieces[-1].ended or "",
        )


def fresh_seed() -> int:
    """Return an unpredictable seed.

    It is below 2^53, so that JSON represents it exactly.
    """
    return int.from_bytes(os.urandom(7)) >> 3


def seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of samples.

    The first one is ``seed``. The others are derived from it, and below 2^53, so that JSON represents them exactly.
    """
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
    """Yield samples piece by piece.

    They continue what the sampler has read; the first sample is yielded while it is drawn. Each has its own seed, with
    which it can be drawn alone. They are drawn side by side, as long as at most `most_waiting` symbols wait for the end
    of an earlier sample. With `accept`, a sample is yielded only if `accept` returns True for its text, as from
    `Vocabulary.spell`. Raises CharrnnError if too few samples are accepted.
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
        f"only {done} of {tries:,} samples were new; use a higher --temp, --top-k or --length to get more new ones"
    )


def novelty(
    text: str, vocabulary: Vocabulary, prime: str = "", *, digest: Callable[[str], int] = hash
) -> Callable[[str], bool]:
    """Return a test for samples that are new.

    A sample is new if it is not in the text and was not tested before. Documents are compared as a whole, with their
    prime; any other sample must not appear anywhere in the text. All strings are as from `Vocabulary.spell`. Takes 8
    bytes of memory for each document of the text, for its `digest`, in addition to the text itself.
    """
    separator = vocabulary.typed(vocabulary.separator)
    digests = np.sort(np.fromiter(map(digest, _documents(text, separator) if separator else ()), np.int64))
    seen = {""} if separator else set()

    def new(sample: str) -> bool:
        whole = prime + sample if separator else sample
        is_new = whole not in seen
        if is_new and (not separator or _holds(digests, digest(whole))):
            is_new = whole not in text  # different documents can have equal digests
        seen.add(whole)
        return is_new

    return new


def _documents(text: str, separator: str) -> Iterator[str]:
    """Yield the documents of a text one by one.

    A list of them would take many times the memory of the text.
    """
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
    """Draw a wave of samples; yield them in order.

    The samples are given as (number, seed). They are drawn side by side and yielded one after another.
    """
    streams = sampler.fork([seed for _, seed in wave], team)
    boundary = None if vocabulary.boundary is None else vocabulary.spell([vocabulary.boundary])
    cuts = [_Cut(ending, tuple(map(vocabulary.typed, ending.stops)), boundary) for _ in wave]
    waiting: list[list[Piece]] = [[] for _ in wave]
    first = 0  # the sample whose pieces are yielded as they are drawn
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
    """Finds the end of a sample among the drawn symbols, and holds back those that can be the start of its end."""

    ending: Ending
    stops: tuple[str, ...]  # as from `Vocabulary.typed`
    boundary: str | None
    ended: str | None = None
    _symbols: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # drawn, but held back
    _nats: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    _length: int = 0  # characters that have been released
    _lines: int = 0

    def take(
        self, vocabulary: Vocabulary, symbols: NDArray[np.int32], nats: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Take drawn symbols; return those released.

        The released symbols certainly belong to the sample. Sets `ended` when the sample is complete.
        """
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
        """Yield each end in the text.

        An end is the number of characters after which it is certain, the number that belong to the sample, and a name.
        """
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
        """Return how many last characters can start a stop.

        A stop is a string to end before.
        """
        longest = max(map(len, self.stops), default=1) - 1
        sizes = range(min(longest, len(text)), 0, -1)
        return next((n for n in sizes if any(stop.startswith(text[-n:]) for stop in self.stops)), 0)
