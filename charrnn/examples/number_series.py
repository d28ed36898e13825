"""A long series of numbers, and what comes later in it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.examples.class_names import listing
from charrnn.examples.dataset import Examples, Floats
from charrnn.examples.input_files import Request


def series_of(columns: Mapping[str, NDArray[np.float32]], request: Request, where: str) -> Examples:
    """Return a series of the columns [T] of a table, by their names.

    The inputs are the predicted columns, ``request.labels``, and then ``request.inputs``; by default, all columns are
    predicted. The target at step t is what the predicted columns have at t + 1, then at t + 2, up to t + ``ahead``; the
    last ``ahead`` steps have NaN. Raises CharrnnError for another column, and if there are too few steps.
    """
    predicted = (
        names_of(request.labels)
        if request.labels is not None
        else [name for name in columns if name not in names_of(request.inputs)]
    )
    read = [*predicted, *(name for name in names_of(request.inputs) if name not in predicted)]
    for name in read:
        if name not in columns:
            raise CharrnnError(no_column(where, name, list(columns)))
    if not predicted:
        raise CharrnnError(f"{where} has no column to predict; --labels names one")
    numbers = np.stack([columns[name] for name in read], axis=1)
    steps, ahead, width = len(numbers), request.ahead, len(predicted)
    if steps < 2 * (ahead + 1):
        raise CharrnnError(
            f"{where} has {steps:,} steps, which are too few to predict {ahead:,} ahead: at least {2 * (ahead + 1):,} "
            "are needed, so that some of them can validate"
        )
    return Examples(
        lengths=np.array([steps], np.int64),
        numbers=numbers,
        values=targets_of(numbers[:, :width], ahead),
        names=_target_names(predicted, ahead),
        per_step=True,
        series=True,
    )


def targets_of(predicted: Floats, ahead: int) -> Floats:
    """Return what some columns [T, K] have at the next ``ahead`` steps [T, ahead · K]; NaN after the end."""
    steps, width = predicted.shape
    values = np.full((steps, ahead * width), np.nan, np.float32)
    for k in range(1, ahead + 1):
        values[: steps - k, (k - 1) * width : k * width] = predicted[k:]
    values[max(0, steps - ahead) :] = np.nan
    return values


def names_of(columns: str | None) -> list[str]:
    """Return the names that an option gives with commas between them, each once."""
    return list(dict.fromkeys(name.strip() for name in columns.split(","))) if columns else []


def no_column(where: str, name: str, columns: Sequence[str]) -> str:
    """Return the sentence for a column that a table does not have."""
    near = difflib.get_close_matches(name, columns, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{where} has no column {name!r}; it has {listing(columns)}{meant}"


def _target_names(predicted: Sequence[str], ahead: int) -> tuple[str, ...]:
    """Return the names of the targets; () if the only column has no name."""
    if list(predicted) == [""]:
        return ()
    if ahead == 1:
        return tuple(predicted)
    return tuple(f"{name} t+{k}" for k in range(1, ahead + 1) for name in predicted)
