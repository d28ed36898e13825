"""A text cut in parallel streams and windows, to train on and to score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.text.encoded import release
from charrnn.text.vocabulary import TEXT_BLOCK, Ids

MINIMUM = 24  # characters: less than this is not worth a training run


def split(ids: Ids, fraction: float, boundary: int | None = None, *, reach: int = TEXT_BLOCK) -> tuple[Ids, Ids]:
    """Cut a text in two: what to train on, and the last ``fraction`` to validate with. Both are views.

    A text of documents, with a ``boundary`` where each begins, is cut where the nearest one does, but the first: that
    is looked for among ``reach`` symbols on each side, then among twice as many, and so on.
    The second part is empty where it would have fewer than two characters, as nothing could be predicted
    in it; all is trained on then. Raises ValueError unless 0 ≤ ``fraction`` < 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the fraction to validate with must be at least 0 and less than 1, not {fraction}")
    tail = round(ids.size * fraction)
    cut = ids.size - tail if tail >= 2 else ids.size
    if boundary is not None and tail >= 2:
        cut = _nearest(ids, boundary, cut, reach) or ids.size
    return ids[:cut], ids[cut:]


def _nearest(ids: Ids, symbol: int, place: int, reach: int) -> int:
    """Return where, nearest to a place, a symbol stands; 0 where there is none. The first place is never it."""
    while True:
        begin, end = max(1, place - reach), place + reach
        found = np.flatnonzero(ids[begin:end] == symbol) + begin
        nearest = int(found[np.abs(found - place).argmin()]) if found.size else 0
        if found.size or (begin == 1 and end >= ids.size):
            return nearest
        reach *= 2


@dataclass(frozen=True, eq=False)
class Streams:
    """A text of N symbols as B parallel streams, cut in windows of T: every prediction exactly once.

    Symbol k predicts symbol k+1, so there are N−1 predictions; stream b makes those from ``start[b]`` up to
    ``start[b + 1]``, not included (``start`` has shape [B+1]). Streams differ in length by one at most, longer ones
    first. They are read side by side, T steps at a time; the last window may be shorter. Where stream b ends,
    stream b+1 starts: carry the final state of stream b into stream b+1 for the next epoch, and the text is read on
    without a break. Some streams make no prediction if N−1 < B.

    Where a text is documents, their end ``boundary + 1`` is not read but predicted, as the symbol ``boundary``; the
    input after a document's last one is −1, at which a network sets its state to zero, and predicts nothing.
    """

    ids: Ids
    batch_size: int
    seq_length: int
    start: NDArray[np.int64]
    boundary: int | None = None

    @classmethod
    def plan(cls, ids: Ids, batch_size: int, seq_length: int, boundary: int | None = None) -> Streams:
        """Cut ``ids``, shape [N], evenly. Raises ValueError if N < 2 or a size is below 1."""
        if ids.size < 2 or batch_size < 1 or seq_length < 1:
            raise ValueError("streams need at least two symbols, one stream and one step")
        length, longer = divmod(ids.size - 1, batch_size)
        streams = np.arange(batch_size + 1, dtype=np.int64)
        return cls(ids, batch_size, seq_length, streams * length + np.minimum(streams, longer), boundary)

    @property
    def steps(self) -> int:
        """How many steps all streams take in one epoch, N − 1: a prediction each, but for those between documents."""
        return self.ids.size - 1

    @property
    def windows(self) -> int:
        """How many windows there are in one epoch."""
        return -(-int(self.start[1]) // self.seq_length)

    def window(
        self, w: int, inputs_out: NDArray[np.int32], targets_out: NDArray[np.int32], rows: slice = slice(None)
    ) -> int:
        """Fill window ``w`` of the epoch into two arrays of shape [T, B] and return its number of steps, ≤ T.

        Only the columns ``rows`` are written, and only as many steps as returned. A stream that is one step
        shorter than the longest has input 0 and target −1 in the last step. IndexError: no such window.
        """
        if not 0 <= w < self.windows:
            raise IndexError(f"windows are numbered from 0 to {self.windows - 1}")
        first = w * self.seq_length
        steps = min(self.seq_length, int(self.start[1]) - first)
        at = self.start[:-1][rows] + np.arange(first, first + steps)[:, np.newaxis]
        inputs_out[:steps, rows] = self.ids[at]
        # Only a stream that has ended can point past the text, and its target is overwritten below.
        targets_out[:steps, rows] = self.ids[np.minimum(at + 1, self.steps)]
        ended = at[-1] >= self.start[1:][rows]  # only ever true in the last window
        inputs_out[steps - 1, rows][ended] = 0
        targets_out[steps - 1, rows][ended] = -1
        if self.boundary is not None:
            inputs, targets = inputs_out[:steps, rows], targets_out[:steps, rows]
            targets[targets > self.boundary] = self.boundary
            between = inputs > self.boundary
            inputs[between] = targets[between] = -1
        return steps

    def span(self, w: int, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Return ``count`` windows of the epoch from ``w`` on: inputs and targets [count, T, B], and steps [count]."""
        inputs = np.zeros((count, self.seq_length, self.batch_size), np.int32)
        targets = np.full_like(inputs, -1)
        steps = np.array([self.window(w + k, inputs[k], targets[k]) for k in range(count)], np.int64)
        release(self.ids)
        return inputs, targets, steps


def fit_streams(characters: int, batch_size: int, seq_length: int) -> tuple[int, int]:
    """Fit streams and windows to a short text; return how many streams, and the length of a window.

    What was asked for is kept if each stream then has at least one full window. If not, there are fewer streams, down
    to 4, then shorter windows, down to 8 characters, so as to have 4 windows a stream; and fewer streams again where
    even that does not fit. Raises CharrnnError below ``MINIMUM``.
    """
    if characters < MINIMUM:
        raise CharrnnError(f"training needs at least {MINIMUM} characters, but here there are {characters}")
    predictions = characters - 1
    if predictions >= batch_size * seq_length:
        return batch_size, seq_length
    streams = max(min(batch_size, 4), predictions // (4 * seq_length))
    length = min(seq_length, max(8, predictions // (4 * streams)))
    return min(streams, predictions // length), length
