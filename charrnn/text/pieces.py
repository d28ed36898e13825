"""A text as pieces of an encoded text, such as its documents in another order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charrnn.text.encoded import blocks_of, release
from charrnn.text.vocabulary import Ids

MOST_PIECES = 2_000_000  # more documents than these are moved in groups, so that memory stays bounded
SEEN = 64  # symbols at each end of a document that its key depends on
KEYS_AT_ONCE = 1 << 14

Places = NDArray[np.int64]
Bits = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """N symbols of an encoded text: pieces [U] of it that begin at ``starts``, one after another, up to ``ends`` [U].

    ``starts`` are places in ``ids``; ``ends`` are places among the N symbols, and the last one is N.
    """

    ids: Ids
    starts: Places
    ends: Places

    @classmethod
    def of(cls, ids: Ids, starts: Places | None = None, lengths: Places | None = None) -> Pieces:
        """Return the pieces with these starts and lengths, by default the whole text as one."""
        if starts is None or lengths is None:
            starts, lengths = np.zeros(1, np.int64), np.array([ids.size], np.int64)
        return cls(ids, starts, np.cumsum(lengths, dtype=np.int64))

    @property
    def size(self) -> int:
        """The number of symbols, N."""
        return int(self.ends[-1]) if self.ends.size else 0

    @property
    def lengths(self) -> Places:
        """The number of symbols of each piece [U]."""
        return np.diff(self.ends, prepend=0)

    def sources(self, at: Places) -> Places:
        """Return where in ``ids`` some of the N symbols are, in the shape of ``at``."""
        if self.starts.size == 1:
            found: Places = at + self.starts[0]
        else:
            found = at + self._shifts[np.searchsorted(self.ends, at, side="right")]
        return found

    @cached_property
    def _shifts(self) -> Places:
        """What to add to a place in each piece [U]."""
        return self.starts - (self.ends - self.lengths)

    def counts(self, symbols: int) -> NDArray[np.int64]:
        """Return how often each of the `symbols` occurs [V].

        The end of a document, V, is not among them: it is predicted as the boundary V − 1, which occurs as often.
        """
        order = np.argsort(self.starts)
        begins, ends = self.starts[order], (self.starts + self.lengths)[order]
        apart = begins[1:] != ends[:-1]  # pieces that touch are counted together
        counts = np.zeros(symbols, np.int64)
        for begin, end in zip(begins[np.r_[True, apart]], ends[np.r_[apart, True]], strict=True):
            for block in blocks_of(self.ids[begin:end]):
                counts += np.bincount(block, minlength=symbols)[:symbols]
        return counts

    def in_order(self, order: NDArray[np.intp]) -> Pieces:
        """Return some of the pieces, in another order."""
        return Pieces.of(self.ids, self.starts[order], self.lengths[order])

    def beginning(self, length: int) -> Ids:
        """Return the first symbols [≤ length], copied."""
        return self.ids[self.sources(np.arange(min(length, self.size)))]


def documents_of(ids: Ids, boundary: int, *, most: int = MOST_PIECES) -> tuple[Pieces, Bits]:
    """Return the documents of an encoded text in the order of their keys, and the keys [U].

    A key depends on what is in the document alone, so the order in which a text lists its documents makes no
    difference. If there are more than ``most``, several neighbors make a piece.
    """
    count = sum(int(np.count_nonzero(block == boundary)) for block in blocks_of(ids))
    group = max(1, -(-count // most))
    found, place, passed = [np.zeros(0, np.int64)], 0, 0
    for block in blocks_of(ids):
        begins = np.flatnonzero(block == boundary)
        found.append(begins[-passed % group :: group] + place)
        passed += begins.size
        place += block.size
    starts = np.concatenate(found)
    pieces = Pieces.of(ids, starts, np.diff(starts, append=ids.size))
    keys = _keys(pieces)
    order = np.argsort(keys, kind="stable")
    return pieces.in_order(order), keys[order]


def _keys(pieces: Pieces) -> Bits:
    """Return a key for each piece [U] that depends on its length and on the symbols at its ends."""
    keys = np.empty(pieces.starts.size, np.uint64)
    for begin in range(0, keys.size, KEYS_AT_ONCE):
        part = slice(begin, begin + KEYS_AT_ONCE)
        starts, lengths = pieces.starts[part, np.newaxis], pieces.lengths[part, np.newaxis]
        from_start = np.minimum(np.arange(SEEN), lengths - 1)
        near_end = np.maximum(lengths - 1 - np.arange(SEEN), 0)
        places = np.concatenate([from_start, near_end], axis=1)
        symbols = pieces.ids[starts + places].astype(np.uint64) + np.uint64(1)
        mixed = _mix(symbols * np.uint64(0x9E3779B97F4A7C15) + np.arange(2 * SEEN, dtype=np.uint64))
        keys[part] = _mix(mixed.sum(axis=1, dtype=np.uint64) + lengths[:, 0].astype(np.uint64))
        release(pieces.ids)
    return keys


def _mix(bits: Bits) -> Bits:
    """Mix 64-bit numbers (the finalizer of SplitMix64: Steele, Lea & Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
