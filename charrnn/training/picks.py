"""Which rows of large matrices each step needs: the symbols that it reads, and a sample of those it could predict.

The softmax over a whole large vocabulary costs more than the rest of a network. In training it can be over a sample:
symbol j is drawn with probability π_j, in proportion to how often the text has it, and 1 for the most frequent; where
it is no target, its term counts 1/π_j times. The sum over the sample is then on average that over all symbols
(Horvitz & Thompson 1952; Bengio & Senécal 2008 and Jean et al. 2015 for networks). The target's own term is always
there, and counts once. A window's targets share a sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels.arguments import Picked, Windows
from charrnn.kernels.arithmetic import log
from charrnn.kernels.llvm.vector import padded

Symbols = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Draw:
    """A step's sample: symbols in order, −log π of each, the targets that are no such symbols, and all targets [T, B].

    A target is a place in the sample; −1 is none; −2 − r is the r-th of the others.
    """

    drawn: Symbols
    offsets: NDArray[np.float32]
    others: Symbols
    targets: Symbols


class Sample:
    """A sample of about `size` symbols at each step, from a text that has them `counts` [V] times.

    ``biases`` [V] are the logits of how frequent they are. A network that began with zeros would learn them slowly: a
    rare symbol is told that it is rare only where it is drawn.
    """

    def __init__(self, counts: NDArray[np.int64], size: int) -> None:
        shares = (counts + 1) / float(counts.sum() + counts.size)
        self.biases: NDArray[np.float32] = log(shares * counts.size).astype(np.float32)
        self.size = min(size, counts.size)
        self.chances = chances(counts + 1, self.size)  # each symbol has one
        self.chances[np.argmax(counts)] = 1.0  # no sample is empty
        self._offsets = -log(self.chances)
        self._bounds = np.ldexp(self.chances, 53).astype(np.uint64)

    def draw(self, bits: NDArray[np.uint64], targets: Symbols) -> Draw:
        """Draw a step's sample for its targets [T, B] from random bits [V]; a target below 0 is none."""
        is_drawn = (bits >> np.uint64(11)) < self._bounds
        drawn, there = np.flatnonzero(is_drawn), targets >= 0
        others = np.unique(targets[there & ~is_drawn[targets]]).astype(np.int32)
        places = np.full(is_drawn.size + 1, -1, np.int32)  # the last one is that of no target
        places[drawn], places[others] = np.arange(drawn.size), -2 - np.arange(others.size)
        offsets = self._offsets[drawn].astype(np.float32)
        return Draw(drawn.astype(np.int32), offsets, others, places[np.where(there, targets, -1)])


def chances(counts: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """Return probabilities [V] in proportion to counts [V] above 0, but at most 1, whose sum is `size`."""
    if size >= counts.size:
        return np.ones(counts.size)
    ordered = np.sort(counts)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]  # whole numbers, so the sums are the same on every processor
    # As few of the most frequent symbols are certain as leave no other with more than 1.
    certain = int(np.argmax((size - np.arange(size)) * ordered[:size] <= rest[:size]))
    result: NDArray[np.float64] = np.minimum(1.0, counts * (float(size - certain) / float(rest[certain])))
    return result


def picked(windows: Windows, draws: Sequence[Draw] = ()) -> Picked:
    """Return what N windows pick: the symbols that they read, and their samples."""
    count = windows.lengths.size
    reads = [np.unique(ids[ids >= 0]) for ids in windows.ids]
    both = zip(reads, windows.ids, strict=True)
    places = [np.where(ids < 0, -1, np.searchsorted(read, ids)) for read, ids in both]
    return Picked(
        read=_rows(reads, np.int32, count),
        reads=np.array([read.size for read in reads], np.int64),
        places=np.array(places, np.int32).reshape(windows.ids.shape),
        drawn=_rows([draw.drawn for draw in draws], np.int32, count),
        draws=np.array([draw.drawn.size for draw in draws] or [0] * count, np.int64),
        offsets=_rows([draw.offsets for draw in draws], np.float32, count),
        others=_rows([draw.others for draw in draws], np.int32, count),
        misses=np.array([draw.others.size for draw in draws] or [0] * count, np.int64),
    )


def _rows(arrays: Sequence[NDArray[Any]], kind: type, count: int) -> NDArray[Any]:
    """Return arrays as the first of `count` rows, filled up with zeros to whole vectors."""
    rows: NDArray[Any] = np.zeros((count, padded(max([0, *(array.size for array in arrays)]))), kind)
    for row, array in zip(rows, arrays, strict=False):
        row[: array.size] = array
    return rows
