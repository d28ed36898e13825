"""A text cut into parallel streams and windows, for training and scoring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.text.encoded import release
from charrnn.text.vocabulary import TEXT_BLOCK, Ids

MINIMUM = 24  # characters that a training run needs


def split(ids: Ids, fraction: float, boundary: int | None = None, *, reach: int = TEXT_BLOCK) -> tuple[Ids, Ids]:
    """Split a text into a training and validation part.

    The validation part is the last ``fraction`` of the text. Both parts are views. A text of documents, each of which
    starts with a ``boundary``, is cut at the nearest boundary except the first; it is searched among ``reach`` symbols
    on each side, then among twice as many, and so on. If there is no other boundary, or if the validation part would
    have fewer than two characters, so that nothing could be predicted in it, that part is empty and the training part
    is the whole text. Raises ValueError unless 0 ≤ ``fraction`` < 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the validation fraction must be at least 0 and less than 1, not {fraction}")
    tail = round(ids.size * fraction)
    cut = ids.size - tail if tail >= 2 else ids.size
    if boundary is not None and tail >= 2:
        cut = _nearest(ids, boundary, cut, reach) or ids.size
    return ids[:cut], ids[cut:]


def _nearest(ids: Ids, symbol: int, place: int, reach: int) -> int:
    """Return the index of the nearest symbol, or 0.

    It is the nearest to ``place``. The first symbol of the text does not count; 0 means that no other was found.
    """
    while True:
        begin, end = max(1, place - reach), place + reach
        found = np.flatnonzero(ids[begin:end] == symbol) + begin
        nearest = int(found[np.abs(found - place).argmin()]) if found.size else 0
        if found.size or (begin == 1 and end >= ids.size):
            return nearest
        reach *= 2


@dataclass(frozen=True, eq=False)
class Streams:
    """A text of N symbols as B parallel streams in windows of T steps. Each prediction is made exactly once.

    Symbol k predicts symbol k+1, so there are N−1 predictions. Stream b makes those from ``start[b]`` up to, but not
    including, ``start[b + 1]``; ``start`` has shape [B+1]. The lengths of streams differ by one at most, and the longer
    ones come first. All streams are read side by side, T steps at a time; the last window can be shorter. Stream b+1
    starts where stream b ends: if the final state of stream b is carried into stream b+1 for the next epoch, the text
    is read without a break. If N−1 < B, some streams make no prediction.

    In a text of documents, the end of a document (``boundary + 1``) is not read. It is predicted, as the symbol
    ``boundary``. The next input is −1, at which a network returns to its initial state and predicts nothing.
    """

    ids: Ids
    batch_size: int
    seq_length: int
    start: NDArray[np.int64]
    boundary: int | None = None

    @classmethod
    def plan(cls, ids: Ids, batch_size: int, seq_length: int, boundary: int | None = None) -> Streams:
        """Cut ``ids``, shape [N], into streams of equal length.

        Raises ValueError if N < 2 or a size is below 1.
        """
        if ids.size < 2 or batch_size < 1 or seq_length < 1:
            raise ValueError("streams need at least two symbols, one stream and one step")
        length, longer = divmod(ids.size - 1, batch_size)
        streams = np.arange(batch_size + 1, dtype=np.int64)
        return cls(ids, batch_size, seq_length, streams * length + np.minimum(streams, longer), boundary)

    @property
    def steps(self) -> int:
        """The steps of all streams in one epoch, N − 1: one prediction each, except between documents."""
        return self.ids.size - 1

    @property
    def windows(self) -> int:
        """The number of windows in one epoch."""
        return -(-int(self.start[1]) // self.seq_length)

    def window(
        self, w: int, inputs_out: NDArray[np.int32], targets_out: NDArray[np.int32], rows: slice = slice(None)
    ) -> int:
        """Write window ``w`` to two arrays; return its steps.

        The arrays have shape [T, B]. Only the columns ``rows`` are written, and only the returned number of steps, ≤ T.
        A stream that is one step shorter than the longest has input 0 and target −1 in the last step. Raises IndexError
        if the epoch has no window ``w``.
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
        """Return ``count`` windows of the epoch, starting with ``w``.

        Returns inputs and targets [count, T, B], and steps [count].
        """
        inputs = np.zeros((count, self.seq_length, self.batch_size), np.int32)
        targets = np.full_like(inputs, -1)
        steps = np.array([self.window(w + k, inputs[k], targets[k]) for k in range(count)], np.int64)
        release(self.ids)
        return inputs, targets, steps


def fit_streams(characters: int, batch_size: int, seq_length: int) -> tuple[int, int]:
    """Return a batch size and sequence length that fit.

    The given sizes are kept if each stream then has at least one full window. Otherwise there are fewer streams, down
    to 4, then shorter windows, down to 8 characters, so that each stream has 4 windows, and then even fewer streams if
    the text is still too short. Raises CharrnnError below ``MINIMUM`` characters.
    """
    if characters < MINIMUM:
        raise CharrnnError(f"only {characters} characters are available; at least {MINIMUM} characters are needed")
    predictions = characters - 1
    if predictions >= batch_size * seq_length:
        return batch_size, seq_length
    streams = max(min(batch_size, 4), predictions // (4 * seq_length))
    length = min(seq_length, max(8, predictions // (4 * streams)))
    return min(streams, predictions // length), length
