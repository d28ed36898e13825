"""What a network predicts of examples, in its user's terms: labels, tags and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.model.target_names import Targets

Floats = NDArray[np.float64]

OUTSIDE, BEGINS = "O", ("B-", "I-")  # tags of words outside of all names, and the beginnings of others, by convention


@dataclass(frozen=True)
class Classified:
    """The label of an example; ``text`` is None for numbers."""

    text: str | None
    label: str
    probability: float
    labels: list[tuple[str, float]]  # the most probable ones, each with its probability


@dataclass(frozen=True)
class Span:
    """Consecutive characters, or steps, with the same tag: those from ``begin`` to before ``end``.

    The ``text`` of steps is empty.
    """

    begin: int
    end: int
    tag: str
    text: str


@dataclass(frozen=True)
class Tagged:
    """A text with a tag for each character, the probability of each tag, and the text in spans with the same tag.

    If all tags are O, B-… or I-…, a span is what begins with B- and continues with I-, without these letters; a space
    between two words of a span can be O. Of a sequence of numbers, each step has a tag, and there is no text.
    """

    text: str | None
    tags: list[str]
    probabilities: list[float]
    spans: list[Span]


@dataclass(frozen=True)
class Predicted:
    """The numbers that are predicted for an example; ``text`` is None for numbers."""

    text: str | None
    values: dict[str, float]  # by the names of what is predicted: those of columns, or else their places


@dataclass(frozen=True)
class Translated:
    """What is written for a source: the most probable text that was found, or one that was drawn."""

    source: str
    target: str
    probability: float  # of the whole text
    targets: list[tuple[str, float]]  # the most probable ones, each with its probability


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is predicted of a series: the next steps after each of its T steps."""

    columns: list[str]  # C
    ahead: int  # A steps
    numbers: NDArray[np.float32]  # [T, ≥C]: the series; the first columns are predicted
    all: Floats  # [T, A·C]: all columns of the next step, then of the one after it

    @property
    def next(self) -> Floats:
        """The steps after the end [A, C]."""
        return np.asarray(self.all[-1].reshape(self.ahead, -1))


def classified(texts: Sequence[str | None], chances: Floats, targets: Targets, best: int) -> Iterator[Classified]:
    """Yield the labels of examples from their probabilities [N, K]; ``best`` is how many labels each record has."""
    order = np.argsort(-chances, axis=1, kind="stable")[:, :best]
    for text, row, places in zip(texts, chances, order.tolist(), strict=True):
        labels = [(targets.labels[k], float(row[k])) for k in places]
        (label, probability), *_ = labels
        yield Classified(text, label, probability, labels)


def tagged(texts: Sequence[str | None], steps: Sequence[int], chances: Floats, targets: Targets) -> Iterator[Tagged]:
    """Yield the tags of texts, or sequences, of some ``steps`` each, from probabilities end to end [all steps, K]."""
    best = chances.argmax(axis=1)
    likely, begin = chances[np.arange(best.size), best], 0
    marked = _are_marked(targets)
    for text, count in zip(texts, steps, strict=True):
        part = slice(begin, begin + count)
        tags = [targets.labels[k] for k in best[part].tolist()]
        yield Tagged(text, tags, likely[part].tolist(), spans_of(text or "", tags, marked=marked))
        begin += count


def span_tags(targets: Targets) -> list[str]:
    """Return the tags that spans can have, as `Tagged` says."""
    return [label[2:] if _are_marked(targets) and label != OUTSIDE else label for label in targets.labels]


def _are_marked(targets: Targets) -> bool:
    """Return whether tags say where spans begin: all are O, B-… or I-…."""
    return all(label == OUTSIDE or label[:2] in BEGINS for label in targets.labels)


def spans_of(text: str, tags: Sequence[str], *, marked: bool = False) -> list[Span]:
    """Return the spans of a text whose characters have the same tag; ``marked`` ones as `Tagged` says."""
    found: list[tuple[int, int, str]] = []
    for k, tag in enumerate(tags):
        name = tag[2:] if marked and tag != OUTSIDE else tag
        goes_on = found and found[-1][2] == name and not (marked and tag.startswith("B-"))
        if goes_on:
            found[-1] = found[-1][0], k + 1, name
        elif marked and tag.startswith("I-") and _is_space_within(found, text, name):
            (begin, _, _), _ = found[-2:]
            found[-2:] = [(begin, k + 1, name)]
        else:
            found.append((k, k + 1, name))
    return [Span(begin, end, tag, text[begin:end]) for begin, end, tag in found]


def _is_space_within(found: Sequence[tuple[int, int, str]], text: str, name: str) -> bool:
    """Return whether the last span is a space outside, after a span of a name."""
    if len(found) < 2 or found[-2][2] != name:
        return False
    begin, end, tag = found[-1]
    return tag == OUTSIDE and text[begin:end] == " "


def names_of(targets: Targets, count: int) -> list[str]:
    """Return the names of the numbers that are predicted: those of columns, or else their places."""
    return list(targets.names) or [str(k) for k in range(count)]


def predicted(texts: Sequence[str | None], values: Floats, targets: Targets) -> Iterator[Predicted]:
    """Yield the numbers that are predicted for examples, of values [N, M] in their own units."""
    names = names_of(targets, values.shape[1])
    for text, row in zip(texts, values.tolist(), strict=True):
        yield Predicted(text, dict(zip(names, row, strict=True)))
