"""What a network predicts of examples, in the terms of its user: names, and the scales of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.examples.scaling import Scaling
from charrnn.storage.archive import UnfitError
from charrnn.storage.json_record import check, of_kind

LONGEST_NAME = 1000  # of a label or a column, in characters
_FIELDS = {"labels": list, "names": list, "series": bool, "ahead": int}
_SCALINGS = ("input_scaling", "target_scaling")


@dataclass(frozen=True)
class Targets:
    """The names of labels or of predicted columns, and the scales of numbers that are read and predicted.

    A network for a ``series`` predicts each of its columns ``ahead`` steps: all columns of the next step, then of the
    one after it, and so on.
    """

    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    input_scaling: Scaling | None = None
    target_scaling: Scaling | None = None
    series: bool = False
    ahead: int = 1

    def record(self) -> dict[str, Any]:
        """Return what a model file says about them."""
        record: dict[str, Any] = {"labels": list(self.labels), "names": list(self.names)}
        record |= {"series": self.series, "ahead": self.ahead}
        for name in _SCALINGS:
            if (scaling := getattr(self, name)) is not None:
                record[name] = {"mean": scaling.mean.tolist(), "deviation": scaling.deviation.tolist()}
        return record

    @classmethod
    def of_record(cls, where: str, record: dict[str, Any], architecture: Architecture) -> Targets:
        """Return what a record says; raise UnfitError if it is none, or one for another architecture."""
        scalings = {name: dict for name in _SCALINGS if name in record}
        check(where, record, _FIELDS | scalings)
        for field in ("labels", "names"):
            if not all(type(name) is str and len(name) <= LONGEST_NAME for name in record[field]):
                raise UnfitError(f"is not a charrnn model: the {field} in its entry {where!r} are not names")
        labels, classes = record["labels"], architecture.targets if architecture.head == "softmax" else 0
        if len(labels) != classes or len(set(labels)) < classes:
            raise UnfitError(f"is not a charrnn model: the labels in its entry {where!r} are not those of its network")
        if not 1 <= record["ahead"] <= max(1, architecture.targets):
            raise UnfitError(f"is not a charrnn model: 'ahead' in its entry {where!r} is out of range")
        sizes = {"input_scaling": architecture.features, "target_scaling": architecture.targets}
        found = {name: _scaling(where, record[name], sizes[name]) for name in scalings}
        return cls(tuple(labels), tuple(record["names"]), **found, series=record["series"], ahead=record["ahead"])


def _scaling(where: str, record: dict[str, Any], size: int) -> Scaling:
    """Return a scaling [size] from its record; raise UnfitError if it is none."""
    check(where, record, {"mean": list, "deviation": list})
    for name, least in (("mean", -math.inf), ("deviation", 0.0)):
        numbers = of_kind(where, record, name, list)
        if len(numbers) != size or not all(type(x) in (int, float) and least < x and abs(x) < 1e30 for x in numbers):
            raise UnfitError(f"is not a charrnn model: {name!r} in its entry {where!r} is not {size:,} numbers")
    return Scaling(np.array(record["mean"], np.float64), np.array(record["deviation"], np.float64))
