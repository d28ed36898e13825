"""How well a network predicts labels, tags and numbers: all figures together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.examples.dataset import Examples
from charrnn.reading import measures, simple_methods
from charrnn.reading.measures import ClassFigures

_OF_TEXTS = ("exact", "character_error_rate", "characters", "nats_per_char")


class TextFigures(NamedTuple):
    """How well texts under one condition are predicted; their ends count as characters."""

    nats_per_char: float
    examples: int
    characters: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well examples are predicted; what does not belong to the task is None.

    The log loss is in nats: of classes, the mean of −ln p(y); of numbers from 0 to 1, their binary cross-entropy.
    """

    examples: int
    predictions: int  # of labels, tags, or rows of numbers
    accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    mean_squared_error: float | None = None
    r2: float | None = None
    exact: float | None = None  # the share of texts whose translation is right
    character_error_rate: float | None = None  # edits per character of the translations
    characters: int | None = None  # of texts under conditions, with their ends
    nats_per_char: float | None = None
    by_condition: tuple[tuple[str, TextFigures], ...] = ()  # of the names of conditions that texts have
    labels: tuple[str, ...] = ()
    confusion: NDArray[np.int64] | None = None  # [K, K]: of each class (rows), how many are predicted as each (columns)

    @property
    def per_class(self) -> list[tuple[str, ClassFigures]]:
        """The figures of each class."""
        if self.confusion is None:
            return []
        return list(zip(self.labels, measures.per_class(self.confusion), strict=True))

    @property
    def present(self) -> Evaluation:
        """The same without the classes that no example has, and that none is predicted as."""
        if self.confusion is None:
            return self
        (kept,) = np.nonzero(self.confusion.sum(axis=0) + self.confusion.sum(axis=1))
        labels = tuple(self.labels[k] for k in kept.tolist())
        return replace(self, labels=labels, confusion=self.confusion[np.ix_(kept, kept)])

    @property
    def figures(self) -> dict[str, int | float]:
        """The figures by name, without None."""
        names = "examples", "accuracy", "macro_f1", "log_loss", "mean_squared_error", "r2", *_OF_TEXTS
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def of_classes(
    truth: NDArray[np.int32], chances: NDArray[np.float64], labels: tuple[str, ...], examples: int
) -> Evaluation:
    """Return how well classes or tags [N] are predicted by probabilities [N, K]."""
    best = chances.argmax(axis=1)
    confused = measures.confusion(truth, best, len(labels))
    found = measures.accuracy(truth, best), measures.macro_f1(confused), measures.log_loss(truth, chances)
    return Evaluation(examples, truth.size, *found, labels=labels, confusion=confused)


def of_numbers(truth: NDArray[np.float32], values: NDArray[Any], examples: int, head: str) -> Evaluation:
    """Return how well numbers [N, M] are predicted, in their own units; rows with NaN do not count."""
    known = ~np.isnan(truth).any(axis=1)
    truth, values = truth[known], values[known]
    squared, share = measures.mean_squared_error(truth, values), measures.r2(truth, values)
    if head != "logistic":
        return Evaluation(examples, len(truth), mean_squared_error=squared, r2=share)
    right = float(np.mean((truth > 0.5) == (values > 0.5)))
    loss = measures.binary_cross_entropy(truth, values)
    return Evaluation(examples, len(truth), right, None, loss, squared, share)


def of_translations(written: Sequence[tuple[str, Set[str]]], losses: NDArray[np.float64] | None = None) -> Evaluation:
    """Return how good the texts are that were written, each with the texts that are right for the same source.

    The error rate counts the edits to the nearest of these (see `measures.edit_distance`). With the losses of the right
    texts' characters and ends, it also has their mean.
    """
    exact, edits, characters = 0, 0, 0
    for text, right in written:
        exact += text in right
        distance, size = min((measures.edit_distance(each, text), len(each)) for each in right)
        edits, characters = edits + distance, characters + size
    count = len(written)
    return Evaluation(
        count,
        count,
        exact=exact / max(1, count),
        character_error_rate=edits / max(1, characters),
        nats_per_char=None if losses is None else float(losses.mean()),
    )


def of_texts(examples: Examples, losses: NDArray[np.float64], counts: NDArray[np.int64]) -> Evaluation:
    """Return how well texts are predicted under their conditions, from the losses of their characters and ends.

    The losses are those of all texts end to end, of which each has as many as ``counts`` [N] says.
    """
    of_text = np.repeat(np.arange(examples.count), counts)
    sums = np.bincount(of_text, losses, minlength=examples.count)
    found: list[tuple[str, TextFigures]] = []
    for k, name in enumerate(examples.labels):
        own = np.asarray(examples.classes) == k
        if own.any():
            size = int(counts[own].sum())
            found.append((name, TextFigures(float(sums[own].sum()) / size, int(own.sum()), size)))
    mean = float(losses.mean())
    return Evaluation(
        examples.count, losses.size, characters=losses.size, nats_per_char=mean, by_condition=tuple(found)
    )


def of_simple_methods(train: Examples, held_out: Examples) -> Iterator[tuple[str, Evaluation]]:
    """Yield how well simple methods, with their names, predict what is held out, after what is trained on."""
    labels, count = train.labels, held_out.count
    if held_out.translations is not None:
        yield "the text itself", of_translations(simple_methods.copied(held_out))
    elif train.given:
        losses = simple_methods.ngram_losses(train, held_out)
        yield "n-grams of characters", of_texts(held_out, losses, held_out.lengths + 1)
    elif train.classes is not None:
        assert held_out.classes is not None
        if train.texts is not None and not train.per_step:
            chances = simple_methods.naive_bayes(train, held_out)
            yield "naive Bayes of n-grams", of_classes(held_out.classes, chances, labels, count)
        elif train.texts is not None:
            tags = simple_methods.tags_of_characters(train, held_out)
            confused = measures.confusion(held_out.classes, tags, len(labels))
            found = measures.accuracy(held_out.classes, tags), measures.macro_f1(confused)
            yield "usual tag of the character", Evaluation(count, tags.size, *found, labels=labels, confusion=confused)
        shares = np.bincount(train.classes, minlength=len(labels)) / train.classes.size
        chances = np.broadcast_to(shares, (held_out.classes.size, len(labels)))
        yield "most frequent label", of_classes(held_out.classes, chances, labels, count)
    elif train.series:
        assert held_out.values is not None
        yield "same as last", of_numbers(held_out.values, simple_methods.same_as_last(held_out), count, "linear")
        linear = simple_methods.linear_model(train, held_out)
        yield f"linear model of {linear.lags} steps", of_numbers(held_out.values, linear.values, count, "linear")
