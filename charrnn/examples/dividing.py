"""Dividing examples into those to train on and those that validate."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from charrnn.examples.dataset import Examples
from charrnn.text.defaults import FRACTION
from charrnn.text.holding_out import default_fraction

LEAST = 1000  # examples that are held out of many: the standard error of an accuracy is then 1.6 % at most

Keys = NDArray[np.uint64]


def default_share(examples: Examples) -> float:
    """Return the share of some examples to hold out if nothing else is asked for.

    It is a tenth, or as many steps as of a text, but at least `LEAST` examples: fewer say little about the accuracy.
    """
    least = 0.0 if examples.series else LEAST / max(1, examples.count)
    return max(default_fraction(examples.steps), min(FRACTION, least))


def divide(examples: Examples, fraction: float | None = None, seed: int = 0) -> tuple[Examples, Examples]:
    """Return a share of the examples to train on, and the others to validate with.

    The share that validates is ``fraction``, by default `default_share`. It is taken from each class (for tags, values
    and translations, from all): at least one example, if the class has two that differ, and never all. A hash of an
    example's input and of the seed decides, so the order of the files makes no difference, and equal inputs of a class
    stay together, as do all translations of a text. The order of the examples is that of their hashes.

    Of a series, the end validates. The part to train on keeps no target from it: its last ``ahead`` steps have NaN.
    """
    if fraction is None:
        fraction = default_share(examples)
    if examples.series:
        return _ends(examples, fraction)
    keys = _keys(examples, seed)
    held = np.zeros(examples.count, np.bool_)
    groups = examples.classes if examples.classes is not None and not examples.per_step else np.zeros_like(held)
    order = np.lexsort((_target_keys(examples), keys))
    for group in np.unique(groups).tolist():
        members = order[groups[order] == group]
        held[members[: _wanted(keys[members], fraction)]] = True
    return examples.take(order[~held[order]]), examples.take(order[held[order]])


def _wanted(keys: Keys, fraction: float) -> int:
    """Return how many of the first examples validate, of which equal ones have equal keys [n], in order."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) + 1  # after the first 1, 2, … different examples
    if not fraction or ends.size < 2:
        return 0
    wanted = max(1, round(keys.size * fraction))
    return int(ends[:-1][np.argmin(np.abs(ends[:-1] - wanted))])


def _ends(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    assert examples.values is not None
    ahead = int(np.isnan(examples.values[:, -1]).sum())
    size = examples.steps
    held = min(max(round(size * fraction), ahead + 1), size - ahead - 1) if fraction else 0
    train = examples.span(0, size - held)
    validation = examples.span(size - held, size) if held else examples.take(np.zeros(0, np.int64))
    assert train.values is not None
    train.values[-ahead:] = np.nan
    return train, validation


def _keys(examples: Examples, seed: int) -> Keys:
    """Return a key for each example [N], which depends on its input and the seed."""
    salt = hashlib.sha256(str(seed).encode()).digest()[:16]
    if examples.texts is not None:
        inputs = (text.encode("utf-8", "surrogatepass") for text in examples.texts)
    else:
        assert examples.numbers is not None
        numbers = np.ascontiguousarray(examples.numbers.astype("<f4", copy=False) + np.float32(0))  # no negative zero
        ends = (examples.starts + examples.lengths).tolist()
        inputs = (numbers[begin:end].tobytes() for begin, end in zip(examples.starts.tolist(), ends, strict=True))
    digests = b"".join(hashlib.blake2b(data, digest_size=8, salt=salt).digest() for data in inputs)
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def _target_keys(examples: Examples) -> Keys:
    """Return a key for each example [N], which depends on its targets."""
    if examples.translations is not None:
        rows = [text.encode("utf-8", "surrogatepass") for text in examples.translations]
    elif not examples.per_step:
        rows = [row.tobytes() for row in np.ascontiguousarray(examples.targets)]
    else:
        targets = np.ascontiguousarray(examples.targets)
        ends = (examples.starts + examples.lengths).tolist()
        rows = [targets[a:b].tobytes() for a, b in zip(examples.starts.tolist(), ends, strict=True)]
    return np.frombuffer(b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows), "<u8").astype(
        np.uint64
    )
