"""What a network predicts of examples, in the terms of its user: names, and the scales of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.examples.scaling import Scaling
from charrnn.storage.archive import UnfitError
from charrnn.storage.json_record import check

USUALLY_OUTSIDE = ("O", ".", "_", "-", "0")
LONGEST_NAME = 1000  # of a label or a column, in characters
LONGEST_NAMES = 8 << 20  # of all of them, in bytes of JSON
# Of scalings: what float32 can hold, with room for what is computed from it in float64.
_LARGEST, _LEAST = 1e39, 1e-60
_FIELDS = {"labels": list, "names": list, "series": bool, "ahead": int}
_SCALINGS = ("input_scaling", "target_scaling")


@dataclass(frozen=True)
class Targets:
    """The names of labels or of predicted columns, and the scales of numbers that are read and predicted.

    Of a network that translates, the labels are the characters that it writes. ``given`` are the names of conditions;
    if a condition is numbers, ``names`` and ``input_scaling`` are theirs. A network for a ``series`` predicts each of
    its columns ``ahead`` steps: all columns of the next step, then of the one after it, and so on.
    """

    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    input_scaling: Scaling | None = None
    target_scaling: Scaling | None = None
    series: bool = False
    ahead: int = 1
    given: tuple[str, ...] = ()

    @property
    def outside(self) -> str:
        """The tag of characters that are nothing special, by its usual names; "" if there is none."""
        return next((label for label in USUALLY_OUTSIDE if label in self.labels), "")

    def record(self) -> dict[str, Any]:
        """Return what a model file says about them."""
        record: dict[str, Any] = {"labels": list(self.labels), "names": list(self.names)}
        record |= {"series": self.series, "ahead": self.ahead}
        record |= {"given": list(self.given)} if self.given else {}
        for name in _SCALINGS:
            if (scaling := getattr(self, name)) is not None:
                record[name] = {"mean": scaling.mean.tolist(), "deviation": scaling.deviation.tolist()}
        return record

    @classmethod
    def of_record(cls, where: str, record: dict[str, Any], architecture: Architecture) -> Targets:
        """Return what a record says; raise UnfitError if it is none, or one for another architecture."""
        scalings = {name: dict for name in _SCALINGS if name in record}
        check(where, record, _FIELDS | scalings | ({"given": list} if "given" in record else {}))
        _check_names(where, record, architecture)
        _check_series(where, record, architecture)
        sizes = {
            "input_scaling": architecture.features or (0 if record.get("given") else architecture.conditions),
            "target_scaling": architecture.targets if architecture.head == "linear" else 0,
        }
        found = {name: _scaling(where, record[name], sizes[name]) for name in scalings}
        labels, names = tuple(record["labels"]), tuple(record["names"])
        given = tuple(record.get("given", ()))
        return cls(labels, names, **found, series=record["series"], ahead=record["ahead"], given=given)


def known_labels(targets: Targets, task: str) -> tuple[str, ...] | None:
    """Return the labels or conditions that a model knows: None if it has none, () for conditions that are numbers."""
    if task == "generate":
        return targets.given
    return None if task == "translate" else targets.labels or None


def _check_names(where: str, record: dict[str, Any], architecture: Architecture) -> None:
    """Raise UnfitError unless each class has a label, and each number a name or none has one."""
    count, conditions, has_classes = architecture.targets, architecture.conditions, architecture.head == "softmax"
    allowed = {"labels": (count,) if has_classes else (0,), "names": (0,) if has_classes else (0, count)}
    allowed["given"] = (conditions,) if record.get("given") else (0,)
    if architecture.task == "translate":
        allowed["labels"] = (count - 1,)  # the last symbol is the boundary
        if not all(type(name) is str and len(name) == 1 for name in record["labels"]):
            raise UnfitError(f"is not a charrnn model: the labels in its entry {where!r} are not characters")
        if record["labels"] != sorted(record["labels"]) or any("\ud800" <= c <= "\udfff" for c in record["labels"]):
            raise UnfitError(f"is not a charrnn model: the labels in its entry {where!r} are not characters in order")
    if conditions and not record.get("given"):
        allowed["names"] = (0, conditions)
        if "input_scaling" not in record:
            raise UnfitError(f"is not a charrnn model: its entry {where!r} has neither names of conditions nor scales")
    for field, counts in allowed.items():
        names = record.get(field, [])
        if not all(type(name) is str and len(name) <= LONGEST_NAME for name in names):
            raise UnfitError(f"is not a charrnn model: the {field} in its entry {where!r} are not names")
        if len(names) not in counts or len(set(names)) < len(names):
            raise UnfitError(f"is not a charrnn model: the {field} in its entry {where!r} are not those of its network")


def _check_series(where: str, record: dict[str, Any], architecture: Architecture) -> None:
    """Raise UnfitError unless what a network predicts of a series, and how far ahead, is what it can predict."""
    ahead, targets = record["ahead"], architecture.targets
    if not 1 <= ahead <= (targets if record["series"] else 1) or targets % ahead:
        raise UnfitError(f"is not a charrnn model: 'ahead' in its entry {where!r} does not fit its network")
    reads = architecture.task == "predict" and architecture.pooling == "each" and not architecture.bidirectional
    if record["series"] and not (reads and targets // ahead <= architecture.features):
        raise UnfitError(f"is not a charrnn model: 'series' in its entry {where!r} does not fit its network")


def _scaling(where: str, record: dict[str, Any], size: int) -> Scaling:
    """Return a scaling [size] from its record; raise UnfitError if it is none, or there is nothing to scale."""
    check(where, record, {"mean": list, "deviation": list})
    for name, least in (("mean", -_LARGEST), ("deviation", _LEAST)):
        numbers = record[name]
        if not size or len(numbers) != size or not all(_is_from(x, least) for x in numbers):
            raise UnfitError(f"is not a charrnn model: {name!r} in its entry {where!r} is not {size:,} numbers")
    return Scaling(np.array(record["mean"], np.float64), np.array(record["deviation"], np.float64))


def _is_from(value: Any, least: float) -> bool:
    """Return whether a JSON value is a number from ``least`` to the largest that a scaling can have."""
    return type(value) in (int, float) and least <= value <= _LARGEST
