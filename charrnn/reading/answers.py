"""What a network predicts of examples, in its user's terms: labels, tags and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from charrnn.model.target_names import Targets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classified:
    """The label of an example; ``text`` is None for numbers."""

    text: str | None
    label: str
    probability: float
    labels: list[tuple[str, float]]  # the most probable ones, each with its probability


@dataclass(frozen=True)
class Span:
    """Consecutive characters of a text with the same tag: those from ``begin`` to before ``end``."""

    begin: int
    end: int
    tag: str
    text: str


@dataclass(frozen=True)
class Tagged:
    """A text with a tag for each character, and the probability of each tag."""

    text: str
    tags: list[str]
    probabilities: list[float]

    @property
    def spans(self) -> list[Span]:
        """The text in spans of characters with the same tag."""
        found, begin = [], 0
        for tag, group in groupby(self.tags):
            end = begin + len(list(group))
            found.append(Span(begin, end, tag, self.text[begin:end]))
            begin = end
        return found


@dataclass(frozen=True)
class Predicted:
    """The numbers that are predicted for an example; ``text`` is None for numbers."""

    text: str | None
    values: dict[str, float]  # by the names of what is predicted: those of columns, or else their places


def classified(texts: Sequence[str | None], chances: Floats, targets: Targets, best: int) -> Iterator[Classified]:
    """Yield the labels of examples from their probabilities [N, K]; ``best`` is how many labels each record has."""
    order = np.argsort(-chances, axis=1, kind="stable")[:, :best]
    for text, row, places in zip(texts, chances, order.tolist(), strict=True):
        labels = [(targets.labels[k], float(row[k])) for k in places]
        (label, probability), *_ = labels
        yield Classified(text, label, probability, labels)


def tagged(texts: Sequence[str], chances: Floats, targets: Targets) -> Iterator[Tagged]:
    """Yield the tags of texts from the probabilities of all their characters, end to end [characters, K]."""
    best = chances.argmax(axis=1)
    likely, begin = chances[np.arange(best.size), best], 0
    for text in texts:
        part = slice(begin, begin + len(text))
        yield Tagged(text, [targets.labels[k] for k in best[part].tolist()], likely[part].tolist())
        begin += len(text)


def names_of(targets: Targets, count: int) -> list[str]:
    """Return the names of the numbers that are predicted: those of columns, or else their places."""
    return list(targets.names) or [str(k) for k in range(count)]


def predicted(texts: Sequence[str | None], values: Floats, targets: Targets) -> Iterator[Predicted]:
    """Yield the numbers that are predicted for examples, of values [N, M] in their own units."""
    names = names_of(targets, values.shape[1])
    for text, row in zip(texts, values.tolist(), strict=True):
        yield Predicted(text, dict(zip(names, row, strict=True)))
