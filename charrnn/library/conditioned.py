"""A condition to generate under, in the words of a user: a name, a mixture of names, or numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from charrnn.errors import CharrnnError
from charrnn.library.keywords import Condition
from charrnn.library.terms import quoted

if TYPE_CHECKING:  # what needs NumPy is imported when it is used
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.model.target_names import Targets

NEAREST = 3  # names that a message offers instead of an unknown one
EXACT = 1e-6  # of the sum of shares: less is rounding
SHARE = re.compile(r"(.+?)=([^=,]*)(?:,|\Z)", re.DOTALL)  # a name, which can have both signs, and its share


def typed_condition(text: str, targets: Targets | None) -> Condition:
    """Return the condition that a user types for a model with such targets, None if it has no conditions.

    A name that the model knows is that name, whatever is in it. NAME=SHARE,NAME=SHARE is a mixture. For conditions of
    numbers, it is numbers with commas between them. Raises CharrnnError for a mixture that cannot be read, and for a
    text that should be numbers.
    """
    if targets is None or text in targets.given:
        return text
    if not targets.given:
        try:
            return [float(part) for part in text.split(",")]
        except ValueError:
            raise _not_numbers(text, targets) from None
    return _typed_mixture(text, targets) if "=" in text or text.split(",")[0] in targets.given else text


def condition_of(condition: Condition, targets: Targets) -> NDArray[np.float32]:
    """Return a condition as a network reads it [K]: the share of each name, or scaled numbers.

    Raises CharrnnError for a name that the model does not know, for shares that are not from 0 to 1 or do not sum to 1,
    and for other numbers than the model's.
    """
    import numpy as np

    if not targets.given:
        return _scaled(condition, targets)
    if isinstance(condition, str):
        shares: Mapping[Any, Any] = {condition: 1.0}
    elif isinstance(condition, Mapping):
        shares = condition
    else:
        raise CharrnnError(f"the conditions of this model are names, not numbers: {_named(targets.given)}")
    found = np.zeros(len(targets.given), np.float32)
    for name, share in shares.items():
        if name not in targets.given:
            raise _unknown(name, targets)
        if not _is_number(share) or not 0.0 <= share <= 1.0:
            raise CharrnnError(f"the share of {name:.60} must be a number from 0 to 1, not {quoted(share)}")
        found[targets.given.index(name)] = share
    if abs((total := math.fsum(shares.values())) - 1.0) > EXACT:
        raise CharrnnError(f"the shares of a mixture must sum to 1, not to {total:.6g}")
    return found


def in_words(targets: Targets, conditions: int) -> str:
    """Return how many conditions a model knows, or of how many numbers one is, in words."""
    if targets.given:
        return f"{conditions:,} condition{'s' * (conditions != 1)}"
    return f"a condition of {conditions:,} number{'s' * (conditions != 1)}"


def as_json(condition: Condition) -> str | dict[str, float] | list[float]:
    """Return a condition as JSON has it."""
    if isinstance(condition, str):
        return condition
    if isinstance(condition, Mapping):
        return {name: float(share) for name, share in condition.items()}
    return [float(number) for number in listed(condition)]


def listed(condition: Any) -> list[Any]:
    """Return a condition of one or several numbers as a list."""
    return list(condition) if hasattr(condition, "__iter__") else [condition]


def lacking(targets: Targets) -> CharrnnError:
    """Return the error for a model that generates under a condition, and is given none."""
    what = f"it knows {_named(targets.given)}" if targets.given else f"a condition is {_count(targets)}"
    return CharrnnError(f"this model generates under a condition, such as --given {_example(targets)}; {what}")


def unconditional() -> CharrnnError:
    """Return the error for a model that is given a condition, and has none."""
    return CharrnnError("this model has no conditions, as it was not trained with them; leave out --given")


def _typed_mixture(text: str, targets: Targets) -> dict[str, float]:
    """Return the shares of a mixture that a user types."""
    found: dict[str, float] = {}
    place = 0
    while place < len(text) or not found:
        part = SHARE.match(text, place)
        if part is None:
            raise CharrnnError(
                f"{quoted(text[place:])} has no share; a mixture is names with shares, such as "
                f"{','.join(f'{name}=0.5' for name in targets.given[:2])}"
            )
        name, share, place = part[1], part[2], part.end()
        name = name if name in targets.given else name.strip()
        if name in found:
            raise CharrnnError(f"{name:.60} is named twice in the mixture")
        try:
            found[name] = float(share)
        except ValueError:
            raise CharrnnError(f"the share of {name:.60} must be a number from 0 to 1, not {quoted(share)}") from None
    return found


def _scaled(condition: Condition, targets: Targets) -> NDArray[np.float32]:
    """Return numbers in their own units as a network reads them."""
    import numpy as np

    assert targets.input_scaling is not None
    if isinstance(condition, str | Mapping) or not all(map(_is_number, listed(condition))):
        raise _not_numbers(condition, targets)
    with np.errstate(over="ignore"):
        values = np.array(listed(condition), np.float64).astype(np.float32)
    if values.shape != targets.input_scaling.mean.shape:
        raise CharrnnError(f"the condition of this model is {_count(targets)}, not {len(values):,}")
    if not np.isfinite(values).all():
        raise CharrnnError("a number of the condition is NaN, infinity or too large")
    return targets.input_scaling.apply(values)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _unknown(name: object, targets: Targets) -> CharrnnError:
    """Return the error for a name that the model does not know, with the nearest ones."""
    from difflib import get_close_matches

    lower = {known.lower(): known for known in reversed(targets.given)}
    near = [lower[close] for close in get_close_matches(str(name)[:200].lower(), lower, NEAREST)]
    meant = f"did you mean {_named(near)}?" if near else f"it knows {_named(targets.given)}"
    return CharrnnError(f"the model knows no condition {quoted(name)}; {meant}")


def _not_numbers(condition: object, targets: Targets) -> CharrnnError:
    example = f"such as --given {_example(targets)}"
    return CharrnnError(f"the condition of this model is {_count(targets)}, {example}, not {quoted(condition)}")


def _count(targets: Targets) -> str:
    """Return how many numbers a condition is, and their names."""
    assert targets.input_scaling is not None
    count = targets.input_scaling.mean.size
    named = f" ({_named(targets.names)})" if targets.names else ""
    return f"{count:,} number{'s' * (count != 1)}{named}"


def _example(targets: Targets) -> str:
    """Return a condition as a user types it."""
    if targets.given:
        return repr(targets.given[0]) if len(targets.given[0]) <= 40 else "NAME"
    assert targets.input_scaling is not None
    return ",".join(f"{mean:.3g}" for mean in targets.input_scaling.mean[:10].tolist())


def _named(names: Sequence[str]) -> str:
    from charrnn.examples.class_names import listing

    return listing(names)
