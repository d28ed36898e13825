"""Examples: sequences of characters or vectors, and what is to be predicted for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
Classes = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Examples:
    """N examples: each a sequence of steps, and what is to be predicted for it.

    The inputs are either ``texts`` or ``numbers``, in which the steps of the examples lie end to end. The targets are
    either ``classes``, numbers of the ``labels``, or ``values``: one for each example or, ``per_step``, one for each
    step; or they are ``translations``, one text for each text. If the classes or values are ``given``, they are the
    conditions of texts to generate, and the texts themselves are the targets. A long ``series`` is one example; its
    last ``ahead`` steps have no target, and their values are NaN.
    """

    lengths: Places  # [N] steps of each example: the characters of a text
    texts: tuple[str, ...] | None = None  # N
    numbers: Floats | None = None  # [steps, D]
    labels: tuple[str, ...] = ()  # names of the classes or tags, in order: see `class_names.ordered`
    classes: Classes | None = None  # [N], or [steps]
    values: Floats | None = None  # [N, M], or [steps, M]
    translations: tuple[str, ...] | None = None  # N
    names: tuple[str, ...] = ()  # of the M predicted columns, if they have names
    per_step: bool = False
    record: Mapping[str, Any] = field(default_factory=dict)  # what a model file says about them
    test: Examples | None = None  # what the file itself keeps for tests
    series: bool = False
    given: bool = False

    def __post_init__(self) -> None:
        if self.lengths.ndim != 1 or self.lengths.dtype != np.int64 or (self.lengths < 1).any():
            raise ValueError("lengths must be int64 [N] of at least 1")
        kinds = sum(targets is not None for targets in (self.classes, self.values, self.translations))
        if (self.texts is None) == (self.numbers is None) or kinds != 1:
            raise ValueError("examples have texts or numbers, and classes, values or translations")
        if self.texts is not None and list(map(len, self.texts)) != self.lengths.tolist():
            raise ValueError("lengths must be those of the texts")
        if self.numbers is not None and (self.numbers.ndim != 2 or self.numbers.shape[:1] != (self.steps,)):
            raise ValueError("numbers must be [steps, D]")
        if self.translations is not None and (
            self.texts is None or self.per_step or len(self.translations) != self.count or not all(self.translations)
        ):
            raise ValueError("translations must be one text for each text")
        targets = self.steps if self.per_step else self.count
        if self.classes is not None and (
            self.classes.shape != (targets,) or (self.classes < 0).any() or (self.classes >= len(self.labels)).any()
        ):
            raise ValueError("classes must be numbers of labels, one for each example or step")
        if self.values is not None and (self.values.ndim != 2 or self.values.shape[:1] != (targets,)):
            raise ValueError("values must be [N, M] or [steps, M]")
        if self.values is not None and self.names and len(self.names) != self.values.shape[-1]:
            raise ValueError("names must be those of the M columns")
        if self.given and (self.texts is None or self.translations is not None or self.per_step):
            raise ValueError("only texts have conditions, one each")
        if self.series and (self.count > 1 or not self.per_step):
            raise ValueError("a series is one example with targets for each step")

    @property
    def count(self) -> int:
        """The number of examples, N."""
        return self.lengths.size

    @cached_property
    def steps(self) -> int:
        """The number of steps of all examples together."""
        return int(self.lengths.sum())

    @cached_property
    def starts(self) -> Places:
        """Where each example begins among all steps [N]."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def targets(self) -> Classes | Floats:
        """What is to be predicted: the classes or the values, not translations."""
        found = self.classes if self.values is None else self.values
        assert found is not None
        return found

    @property
    def inputs(self) -> int:
        """The numbers of a step, D; 0 for texts."""
        return 0 if self.numbers is None else self.numbers.shape[-1]

    def take(self, indices: NDArray[np.integer[Any]]) -> Examples:
        """Return some of the examples, in the order of their indices, without those for tests."""
        chosen: Places = np.asarray(indices, np.int64)
        return self._part(chosen, self.lengths[chosen], self.steps_of(chosen))

    def steps_of(self, indices: NDArray[np.integer[Any]]) -> Places:
        """Return where the steps of some examples are among all steps, end to end."""
        lengths = self.lengths[indices]
        ends = np.cumsum(lengths)
        shifts = np.repeat(self.starts[indices] - (ends - lengths), lengths)
        steps: Places = np.arange(shifts.size) + shifts
        return steps

    def span(self, begin: int, end: int) -> Examples:
        """Return the steps of a series from ``begin`` to before ``end``."""
        if not self.series:
            raise ValueError("only a series has a span")
        return self._part(np.zeros(1, np.int64), np.array([end - begin]), np.arange(begin, end))

    def _part(self, indices: Places, lengths: Places, steps: Places) -> Examples:
        targets = steps if self.per_step else indices
        return Examples(
            lengths=lengths,
            texts=None if self.texts is None else _taken(self.texts, indices),
            numbers=None if self.numbers is None else self.numbers[steps],
            labels=self.labels,
            classes=None if self.classes is None else self.classes[targets],
            values=None if self.values is None else self.values[targets],
            translations=None if self.translations is None else _taken(self.translations, indices),
            names=self.names,
            per_step=self.per_step,
            record=self.record,
            series=self.series,
            given=self.given,
        )


def _taken(texts: tuple[str, ...], indices: Places) -> tuple[str, ...]:
    return tuple(texts[k] for k in indices.tolist())
