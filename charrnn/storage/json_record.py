"""A JSON record in a ``.npz`` file, read without trusting its contents."""

import json
import math
from typing import Any

from charrnn.storage.archive import UnfitError

_VALUES = 500_000  # in the JSON: as objects, short values take many times their size in the file
_DEPTH = 8  # levels of nested lists and records; ours has four


def decode(name: str, encoded: bytes) -> dict[str, Any]:
    """Return the record in an entry; raise UnfitError if it is not JSON, is too large or has a number not finite."""
    # Each value except the first follows one of these. Those in strings count too, but there are few.
    if sum(map(encoded.count, (b"[", b"{", b",", b":"))) > _VALUES:
        raise UnfitError(f"is not a charrnn model: its entry {name!r} has more than {_VALUES:,} values")
    hooks: dict[str, Any] = {"parse_constant": _finite_float, "parse_float": _finite_float}
    try:
        found = json.loads(encoded.decode(), object_pairs_hook=_record, **hooks)
    except (ValueError, RecursionError):
        raise UnfitError(f"is not a charrnn model: its entry {name!r} is not JSON with finite numbers") from None
    if _is_deeper(found, _DEPTH):
        raise UnfitError(f"is not a charrnn model: its entry {name!r} is nested too deep")
    return found if isinstance(found, dict) else {}


def format_of(name: str, record: dict[str, Any], newest: int) -> int:
    """Return the format of a record; raise UnfitError if it has none, or if it is newer than the ``newest`` known."""
    version = record.get("format")
    if type(version) is not int or version < 1:
        raise UnfitError(f"is not a charrnn model: its entry {name!r} has no valid format number")
    if version > newest:
        raise UnfitError(f"was written by a newer charrnn (format {version}); this one reads formats up to {newest}")
    return version


def check(where: str, record: dict[str, Any], types: dict[str, type]) -> dict[str, Any]:
    """Return the record; raise UnfitError if its fields are wrong.

    They are if one is missing, has another type, or is not in ``types``.
    """
    for name, kind in types.items():
        of_kind(where, record, name, kind)
    for name in record:
        if name not in types:  # it could change what the others mean
            raise UnfitError(f"is not a charrnn model: it has an unexpected field {name[:60]!r} in its entry {where!r}")
    return record


def of_kind(where: str, record: dict[str, Any], name: str, kind: type) -> Any:
    """Return a field of a record; raise UnfitError if it is missing or has another type."""
    if type(record.get(name)) is not kind:  # not isinstance, as True is not a size
        raise UnfitError(f"is not a charrnn model: {name!r} in its entry {where!r} is missing or has the wrong type")
    return record[name]


def _record(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):  # another reader could take the other one
        raise ValueError("a name appears twice")
    return record


def _is_deeper(value: Any, most: int) -> bool:
    """Return whether lists and records are nested deeper than `most`."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return inner is not None and (most == 0 or any(_is_deeper(item, most - 1) for item in inner))


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number
