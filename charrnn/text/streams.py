"""A text cut into parallel streams and windows, for training and scoring."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.text.encoded import release
from charrnn.text.pieces import Pieces
from charrnn.text.vocabulary import TEXT_BLOCK, Ids

MINIMUM = 24  # characters that a training run needs
LONGEST_SHARE = 0.5  # of a stream: with a longer document, streams that start with documents are too unequal
SHUFFLING = 5  # the purpose of random bits, as `training.steps` has others


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
    """A text of N symbols as B parallel streams in windows of T steps. Each prediction is made exactly once an epoch.

    Symbol k predicts symbol k+1. Stream b makes the predictions from place ``start[b]`` up to, but not including,
    ``start[b + 1]``; ``start`` has shape [B+1]. All streams are read side by side, T steps at a time.

    The lengths of streams differ by one at most, and the longer ones come first; the last window can be shorter. Stream
    b+1 starts where stream b ends: if the final state of stream b is carried into stream b+1 for the next epoch, the
    text is read without a break. If N−1 < B, some streams make no prediction.

    In a text of documents, the end of a document (``boundary + 1``) is not read. It is predicted, as the symbol
    ``boundary``. The next input is −1, at which a network returns to its initial state and predicts nothing.

    With a ``seed``, the text is documents that are in another order in each epoch, and each stream starts where a
    document does. Then the lengths of streams differ by a document's length, and a stream that has ended has input −1.
    """

    text: Pieces
    batch_size: int
    seq_length: int
    start: NDArray[np.int64]
    windows: int  # in an epoch, the same number in all
    boundary: int | None = None
    seed: int | None = None
    in_order: bool = True  # or with documents shuffled

    @classmethod
    def plan(
        cls,
        text: Ids | Pieces,
        batch_size: int,
        seq_length: int,
        boundary: int | None = None,
        *,
        seed: int | None = None,
    ) -> Streams:
        """Cut a text of N symbols into streams of equal length.

        With a ``seed``, documents are shuffled, unless one is so long that streams would be of very different lengths.
        Raises ValueError if N < 2 or a size is below 1.
        """
        pieces = text if isinstance(text, Pieces) else Pieces.of(text)
        if pieces.size < 2 or batch_size < 1 or seq_length < 1:
            raise ValueError("streams need at least two symbols, one stream and one step")
        if boundary is None or int(pieces.lengths.max()) * batch_size > LONGEST_SHARE * pieces.size:
            seed = None
        length, longer = divmod(pieces.size - 1, batch_size)
        streams = np.arange(batch_size + 1, dtype=np.int64)
        start = streams * length + np.minimum(streams, longer)
        longest = int(start[1])
        if seed is not None:  # a stream ends at most a document's length later than one of equal length
            longest += int(pieces.lengths.max())
        return cls(pieces, batch_size, seq_length, start, -(-longest // seq_length), boundary, seed)

    @property
    def steps(self) -> int:
        """The steps of all streams in one epoch, N − 1: one prediction each, except between documents."""
        return self.text.size - 1

    def epoch(self, number: int) -> Streams:
        """Return the streams of an epoch: those of another epoch in another order, if there is a seed."""
        if self.seed is None:
            return self
        count = self.text.starts.size
        bits = np.random.Philox(key=self.seed, counter=[0, number, SHUFFLING, 0]).random_raw(count)
        text = self.text.in_order(np.argsort(bits, kind="stable"))
        before = np.concatenate([[0], text.ends])  # where documents start
        wanted = np.arange(self.batch_size + 1) * text.size / self.batch_size
        after = np.searchsorted(before, wanted).clip(1, count)
        nearer = np.where(wanted - before[after - 1] <= before[after] - wanted, after - 1, after)
        return replace(self, text=text, start=before[nearer], seed=None, in_order=False)

    def window(
        self, w: int, inputs_out: NDArray[np.int32], targets_out: NDArray[np.int32], rows: slice = slice(None)
    ) -> int:
        """Write some rows of window ``w`` to two arrays [T, B]; return its steps, ≤ T, which alone are written."""
        inputs, targets, steps = self.span(w, 1, rows)
        count = int(steps[0])
        inputs_out[:count, rows], targets_out[:count, rows] = inputs[0, :count], targets[0, :count]
        return count

    def span(
        self, w: int, count: int, rows: slice = slice(None)
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Return ``count`` windows of the epoch, starting with ``w``.

        Returns inputs and targets [count, T, B] of some ``rows``, and the steps of each window [count], ≤ T. What is
        beyond those steps does not matter. A stream that has ended has target −1, and input 0, or −1 if documents are
        shuffled. Raises IndexError if the epoch does not have these windows.
        """
        if not 0 <= w <= w + count <= self.windows:
            raise IndexError(f"windows are numbered from 0 to {self.windows - 1}")
        T, ids = self.seq_length, self.text.ids
        begins, ends = self.start[:-1][rows], self.start[1:][rows]
        at = begins + np.arange(w * T, (w + count) * T)[:, np.newaxis]
        ended = at >= ends
        places = np.minimum(at, self.steps)
        sources = self.text.sources(places)
        inputs = ids[sources].astype(np.int32)
        if self.boundary is None:
            targets = ids[self.text.sources(np.minimum(places + 1, self.steps))].astype(np.int32)
            inputs[ended], targets[ended] = 0, -1
        else:  # the symbol after a document's end is not looked at
            targets = np.minimum(ids[np.minimum(sources + 1, ids.size - 1)], self.boundary).astype(np.int32)
            inputs[ended], targets[ended] = 0 if self.in_order else -1, -1
            between = inputs > self.boundary
            inputs[between] = targets[between] = -1
        release(ids)
        longest = int(self.start[1]) if self.in_order else int(np.diff(self.start).max())
        steps = np.clip(longest - np.arange(w, w + count) * T, 1, T)
        shape = count, T, begins.size
        return inputs.reshape(shape), targets.reshape(shape), steps


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
