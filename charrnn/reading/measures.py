"""Figures that say how good predictions are: of classes, of tags and of numbers.

Every function takes the truth first. N is the number of examples (or steps), K of classes, M of predicted columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels.arithmetic import log
from charrnn.text.places import code_points

LEAST = 1e-15  # of a probability, in logarithms: what is called impossible but happens costs 34.5 nats

Counts = NDArray[np.int64]
Classes = NDArray[np.integer[Any]]
Numbers = NDArray[np.floating[Any]]


class ClassFigures(NamedTuple):
    """How well one class is predicted; precision, recall and F1 are 0 where they would be 0/0."""

    precision: float  # of the examples predicted as this class, the share that is
    recall: float  # of the examples of this class, the share predicted as such
    f1: float
    examples: int  # of this class


class Baseline(NamedTuple):
    """What a method gets that does not look at the input."""

    accuracy: float
    log_loss: float  # nats


def accuracy(truth: Classes, predicted: Classes) -> float:
    """Return the share of classes [N] that are predicted right: Σ [ŷ = y] / N."""
    return float(np.mean(truth == predicted))


def confusion(truth: Classes, predicted: Classes, classes: int) -> Counts:
    """Return how many examples of each class (rows) are predicted as each class (columns) [K, K]."""
    return np.bincount(truth * np.int64(classes) + predicted, minlength=classes * classes).reshape(classes, classes)


def per_class(confused: Counts) -> list[ClassFigures]:
    """Return the figures of each class from a confusion matrix C [K, K].

    Precision is C_kk / Σ_j C_jk, recall is C_kk / Σ_j C_kj, and F1 = 2 C_kk / (Σ_j C_jk + Σ_j C_kj) is their harmonic
    mean.
    """
    right, counts, predicted = np.diagonal(confused), confused.sum(axis=1), confused.sum(axis=0)
    shares = [_ratio(right, predicted), _ratio(right, counts), _ratio(2 * right, predicted + counts)]
    rows = zip(*(share.tolist() for share in shares), counts.tolist(), strict=True)
    return [ClassFigures(*row) for row in rows]


def macro_f1(confused: Counts) -> float:
    """Return the mean of the F1 of the classes, from a confusion matrix [K, K].

    A class that is neither in the truth nor predicted does not count, as in scikit-learn's ``f1_score``.
    """
    present = (confused.sum(axis=0) + confused.sum(axis=1)) > 0
    return float(np.mean([figures.f1 for figures, counts in zip(per_class(confused), present, strict=True) if counts]))


def log_loss(truth: Classes, probabilities: Numbers) -> float:
    """Return the mean of −ln p(y) in nats: of the probabilities [N, K], those of the true classes [N]."""
    chosen = probabilities[np.arange(truth.size), truth].astype(np.float64)
    return float(-log(np.maximum(chosen, LEAST)).mean())


def binary_cross_entropy(truth: Numbers, probabilities: Numbers) -> float:
    """Return the mean of −y ln p − (1 − y) ln(1 − p) in nats, of targets [N, M] from 0 to 1; NaN does not count."""
    p, y = _known(probabilities, truth), _known(truth, truth)
    yes, no = log(np.maximum(p, LEAST)), log(np.maximum(1.0 - p, LEAST))
    return float(-(y * yes + (1.0 - y) * no).mean())


def mean_squared_error(truth: Numbers, predicted: Numbers) -> float:
    """Return the mean of (ŷ − y)² over values [N, M]; targets that are NaN do not count."""
    return float(np.square(_known(predicted, truth) - _known(truth, truth)).mean())


def r2(truth: Numbers, predicted: Numbers) -> float:
    """Return the mean of R² over the columns of values [N, M]; rows whose targets have a NaN do not count.

    R² = 1 − Σ (ŷ − y)² / Σ (y − ȳ)², with ȳ the mean of the column: 1 is perfect, 0 is as good as always predicting
    ȳ. Of a constant column, it is 1 if all is right, or else 0, as in scikit-learn's ``r2_score``.
    """
    known = ~np.isnan(truth).any(axis=1)
    y, errors = (
        truth[known].astype(np.float64),
        np.square(predicted[known].astype(np.float64) - truth[known]).sum(axis=0),
    )
    spread = np.square(y - y.mean(axis=0)).sum(axis=0)
    constant = np.where(errors == 0, 1.0, 0.0)
    return float(np.where(spread == 0, constant, 1 - errors / np.where(spread == 0, 1.0, spread)).mean())


def edit_distance(truth: str, predicted: str) -> int:
    """Return how many characters have to be inserted, left out or replaced to turn one text into another.

    (Levenshtein 1966.) A row of the table has the distances of the beginnings of the truth to all beginnings of the
    other text; insertions are a running minimum.
    """
    other = code_points(predicted)
    places = np.arange(other.size + 1)
    row = places.copy()
    for k, character in enumerate(code_points(truth).tolist()):
        kept = np.minimum(row[1:] + 1, row[:-1] + (other != character))
        row = np.minimum.accumulate(np.concatenate([[k + 1], kept]) - places) + places
    return int(row[-1])


def majority(trained: Classes, truth: Classes, classes: int) -> Baseline:
    """Return what the frequencies of the classes to train on [N₁] get on the true classes [N₂].

    The accuracy is that of always predicting the most frequent class (the first of several); the log loss is that of
    always predicting the frequencies as probabilities.
    """
    counts = np.bincount(trained, minlength=classes)
    frequencies = np.broadcast_to(counts / counts.sum(), (truth.size, classes))
    return Baseline(accuracy(truth, np.full_like(truth, counts.argmax())), log_loss(truth, frequencies))


def _ratio(part: Counts, whole: Counts) -> NDArray[np.float64]:
    return np.where(whole == 0, 0.0, part / np.maximum(whole, 1))


def _known(values: Numbers, truth: Numbers) -> NDArray[np.float64]:
    """Return the values whose targets are known."""
    return values[~np.isnan(truth)].astype(np.float64)
