"""A long series of numbers, and what comes later in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.class_names import listing
from charrnn.examples.columns import Table, as_numbers, names_of, numbers_of, read_table
from charrnn.examples.dataset import Examples, Floats
from charrnn.examples.input_files import FileText, Request


def read_series(file: FileText, request: Request) -> Examples:
    """Return the series in a file.

    The file is a table, of which each row is a step, or has one number a line. ``request.labels`` names the columns to
    predict, and can be left out if there is only one of numbers, beside ``request.inputs``. Raises CharrnnError if a
    field of these columns is not a number, and as `read_table` and `series_of` do.
    """
    wanted = [*names_of(request.labels), *names_of(request.inputs)]
    table = read_table(file, wanted)
    read = table.named(request.inputs) if request.inputs else []
    predicted = table.named(request.labels) if request.labels else [_only(table, read)]
    columns = {name: table.columns[name] for name in dict.fromkeys([*predicted, *read])}
    numbers = numbers_of(columns, table.place)
    return series_of(tuple(columns), numbers, len(predicted), request.ahead, file.name, divides=request.divides)


def _only(table: Table, read: Sequence[str]) -> str:
    """Return the only column of numbers beside those that are read."""
    names = [name for name in table.columns if name not in read]
    found = [name for name in names if as_numbers(table.columns[name]) is not None]
    if not found and len(names) == 1:
        numbers_of({names[0]: table.columns[names[0]]}, table.place)  # says which field is no number
    if len(found) != 1:
        many = (
            f"columns of numbers: {listing(found)}" if found else f"no column of numbers only; it has {listing(names)}"
        )
        raise CharrnnError(f"{table.name} has {many}; name those to predict with --labels")
    return found[0]


def series_of(
    columns: Sequence[str], numbers: Floats, predicted: int, ahead: int, where: str, *, divides: bool = True
) -> Examples:
    """Return a series of numbers [T, D] in named columns, of which the first ``predicted`` ones are to be predicted.

    The inputs of a step are all columns. The target at step t is what the predicted columns have at t + 1, then at
    t + 2, up to t + ``ahead``; the last ``ahead`` steps have NaN. Raises CharrnnError if there are too few steps for
    some of them to validate, unless the series only needs to be read (``divides`` is False).
    """
    steps = len(numbers)
    if divides and steps < 2 * (ahead + 1):
        has = f"{where} has 1 step, which is" if steps == 1 else f"{where} has {steps:,} steps, which are"
        raise CharrnnError(
            f"{has} too few to predict {ahead:,} ahead: at least {2 * (ahead + 1):,} are needed, so that some of them "
            "can validate"
        )
    return Examples(
        lengths=np.array([steps], np.int64),
        numbers=numbers,
        values=targets_of(numbers[:, :predicted], ahead),
        names=_target_names(columns[:predicted], ahead),
        per_step=True,
        series=True,
    )


def targets_of(predicted: Floats, ahead: int) -> Floats:
    """Return what some columns [T, K] have at the next ``ahead`` steps [T, ahead · K]; NaN after the end."""
    steps, width = predicted.shape
    values = np.full((steps, ahead * width), np.nan, np.float32)
    for k in range(1, min(ahead, steps) + 1):
        values[: steps - k, (k - 1) * width : k * width] = predicted[k:]
    values[max(0, steps - ahead) :] = np.nan
    return values


def _target_names(predicted: Sequence[str], ahead: int) -> tuple[str, ...]:
    """Return the names of the targets; () if the only column has no name."""
    if list(predicted) == [""]:
        return ()
    if ahead == 1:
        return tuple(predicted)
    return tuple(f"{name} t+{k}" for k in range(1, ahead + 1) for name in predicted)
