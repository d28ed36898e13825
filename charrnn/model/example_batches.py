"""Examples as a network reads them, cut into pieces and put together in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import NO_DROPOUT
from charrnn.kernels.example_arguments import Batch, Batches
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import Array, aligned

Places = NDArray[np.int64]
NONE = -1  # the target of a step at which nothing is predicted


@dataclass(frozen=True, eq=False)
class Pieces:
    """P pieces of examples: where each begins among all steps, its length, and which of its steps predict.

    A network reads a piece from the initial state. The steps from ``first`` to before ``last``, counted from the
    piece's beginning, predict; the others are there for the state, or for the other direction.
    """

    starts: Places  # [P]
    lengths: Places  # [P]
    first: Places  # [P]
    last: Places  # [P]

    @classmethod
    def none(cls) -> Pieces:
        """Return no pieces."""
        return cls(*(np.zeros(0, np.int64) for _ in range(4)))

    @classmethod
    def whole(cls, starts: Places, lengths: Places, most: int) -> Pieces:
        """Return whole examples, or the first ``most`` steps of those that are longer."""
        lengths = np.minimum(lengths, most)
        return cls(starts, lengths, np.zeros_like(lengths), lengths)

    @classmethod
    def cut(cls, starts: Places, lengths: Places, most: int, *, before: int, behind: int, skipped: int = 0) -> Pieces:
        """Cut examples into pieces of at most ``most`` steps; every step predicts in one of them.

        A piece reads so many steps ``before`` and ``behind`` those that predict, if they are there. Those that predict
        are cut at multiples of the same length, moved to the left by the ``skipped`` steps.
        """
        part = max(1, most - before - behind)
        found = []
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
            cuts = [0, *range(part - skipped % part, length, part), length] if length > most else [0, length]
            for begin, end in pairwise(cuts):
                left, right = max(0, begin - before), min(length, end + behind)
                found.append((start + left, right - left, begin - left, end - left))
        columns = np.array(found, np.int64).reshape(-1, 4).T
        return cls(*(np.ascontiguousarray(column) for column in columns))

    def first_ones(self, count: int) -> Pieces:
        """Return the first pieces."""
        return Pieces(self.starts[:count], self.lengths[:count], self.first[:count], self.last[:count])

    @property
    def count(self) -> int:
        """The number of pieces."""
        return self.starts.size


@dataclass(frozen=True, eq=False)
class EncodedExamples:
    """Examples as a network reads them, their steps end to end, and their targets.

    ``classes`` and ``values`` have a row for each example, or for each step where those predict; classes of −1 and
    values of NaN are no targets. Without either, nothing is known to predict.
    """

    pieces: Pieces
    ids: NDArray[np.int32] | None = None  # [steps]
    numbers: Array | None = None  # [steps, D]
    classes: NDArray[np.int32] | None = None  # [P] or [steps]
    values: Array | None = None  # [P, K] or [steps, K]
    weights: Array | None = None  # [K], of each class
    given: Array | None = None  # [P, K]: the condition of each piece
    sources: EncodedExamples | None = None  # what an encoder reads for each piece

    @property
    def targets(self) -> NDArray[Any]:
        """What is to be predicted: classes or values."""
        found = self.classes if self.classes is not None else self.values
        if found is None:
            raise ValueError("nothing is known to predict")
        return found

    def first(self, count: int) -> EncodedExamples:
        """Return the first pieces, which are trained on as all of them are."""
        sources = None if self.sources is None else self.sources.first(count)
        return replace(self, pieces=self.pieces.first_ones(count), sources=sources)

    def batches(self, groups: Sequence[NDArray[np.int64]], architecture: Architecture, rows: int) -> Batches:
        """Return a batch of ``rows`` rows for each group of pieces, with room for the longest piece; see `Batches`."""
        most = self._longest(groups)
        count, stacks, each = len(groups), architecture.directions, architecture.pooling == "each"
        predictions = most if each else 1
        features, numeric = padded(architecture.features), architecture.head != "softmax"
        ids = np.zeros((count, stacks * most, rows), np.int32)
        # With room at their ends, as kernels read whole vectors.
        numbers = aligned(*((count, stacks * most, rows, features) if features else (count, 0, 0, 0)))
        conditions = padded(architecture.conditions)
        given = aligned(*((count, 1, rows, conditions) if conditions else (count, 0, 0, 0)))
        values_shape = (count, predictions, rows, padded(architecture.targets))
        batches = Batches(
            ids=ids,
            numbers=numbers,
            ends=np.zeros((count, rows), np.int32),
            targets=np.full((count, predictions, rows), NONE, np.int32),
            values=np.zeros(values_shape if numeric else (count, 0, 0, 0), np.float32),
            weights=np.ones((count, predictions, rows), np.float32),
            lengths=np.zeros(count, np.int64),
            given=given,
            source_ids=np.zeros((count, 0, rows), np.int32),
            source_ends=np.zeros((count, rows), np.int32),
            source_lengths=np.zeros(count, np.int64),
        )
        for k, group in enumerate(groups):
            self._fill(batches, k, group, architecture, most)
        if self.sources is not None and architecture.encoder is not None:
            read = self.sources.batches(groups, architecture.encoder, rows)
            batches = batches._replace(source_ids=read.ids, source_ends=read.ends, source_lengths=read.lengths)
        return batches

    def _longest(self, groups: Sequence[NDArray[np.int64]]) -> int:
        """Return the steps of the longest piece in some groups, and at least 1."""
        return max((int(self.pieces.lengths[group].max(initial=1)) for group in groups), default=1)

    def _fill(self, batches: Batches, k: int, group: NDArray[np.int64], architecture: Architecture, most: int) -> None:
        """Fill a batch with a group of pieces."""
        lengths = self.pieces.lengths[group]
        longest = int(lengths.max(initial=0))
        batches.lengths[k], batches.ends[k, : group.size] = longest, lengths
        row = np.repeat(np.arange(group.size), lengths)
        step = np.arange(row.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        source = self.pieces.starts[group][row] + step
        backward = most + longest - 1 - step  # where the second stack reads each step
        for stack in range(architecture.directions):
            place = backward if stack else step
            if self.ids is not None:
                batches.ids[k, place, row] = self.ids[source]
            elif self.numbers is not None:
                batches.numbers[k, place, row, : architecture.features] = self.numbers[source]
        if architecture.directions == 2:
            for example, length in enumerate(lengths.tolist()):
                batches.ids[k, most : most + longest - length, example] = NONE
        if self.given is not None:
            batches.given[k, 0, : group.size, : architecture.conditions] = self.given[group]
        if architecture.task_row.is_part:  # an encoder predicts nothing
            return
        if architecture.pooling == "each":
            predicts = (step >= self.pieces.first[group][row]) & (step < self.pieces.last[group][row])
            self._set_targets(batches, k, step[predicts], row[predicts], source[predicts])
        else:
            self._set_targets(batches, k, np.zeros_like(group), np.arange(group.size), group)

    def _set_targets(self, batches: Batches, k: int, step: Places, row: Places, source: Places) -> None:
        """Set the targets of some steps and rows of a batch, from their places among all targets."""
        if self.classes is not None:
            classes = self.classes[source]
            batches.targets[k, step, row] = classes
            if self.weights is not None:
                batches.weights[k, step, row] = self.weights[np.maximum(classes, 0)]
        elif self.values is not None:
            values = self.values[source]
            batches.targets[k, step, row] = np.where(np.isfinite(values).all(axis=1), 0, NONE)
            batches.values[k, step, row, : values.shape[1]] = np.nan_to_num(values)


def batches_of(batches: Batches) -> list[Batch]:
    """Return batches one by one, as a forward pass takes them."""
    return [
        Batch(
            batches.ids[k],
            batches.numbers[k],
            batches.ends[k],
            batches.targets[k],
            batches.values[k],
            batches.weights[k],
            length,
            1.0,
            NO_DROPOUT,
            batches.given[k],
            batches.source_ids[k],
            batches.source_ends[k],
            int(batches.source_lengths[k]),
        )
        for k, length in enumerate(batches.lengths.tolist())
    ]


def source_batch(sources: EncodedExamples, group: Places, architecture: Architecture) -> Batch:
    """Return a batch with a group of sources, of which the decoder reads one symbol, 0, for each."""
    assert architecture.encoder is not None
    read, rows = sources.batches([group], architecture.encoder, group.size), group.size
    nothing, ids = np.zeros((0, 0, 0), np.float32), np.zeros((1, rows), np.int32)
    targets, weights = np.full((1, rows), NONE, np.int32), np.ones((1, rows), np.float32)
    return Batch(
        ids=ids,
        numbers=nothing,
        ends=np.ones(rows, np.int32),
        targets=targets,
        values=nothing,
        weights=weights,
        length=1,
        scale=1.0,
        dropout=NO_DROPOUT,
        given=nothing,
        source_ids=read.ids[0],
        source_ends=read.ends[0],
        source_length=int(read.lengths[0]),
    )


def by_length(lengths: Places, rows: int, steps: int) -> list[NDArray[np.int64]]:
    """Return all places in groups of similar lengths: at most ``rows``, and about ``steps`` steps together."""
    order, groups, begin = np.argsort(lengths, kind="stable")[::-1], [], 0
    while begin < order.size:
        size = max(1, min(rows, steps // int(lengths[order[begin]])))
        groups.append(order[begin : begin + size])
        begin += size
    return groups
