"""Dividing examples into those to train on and those that validate."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from charrnn.examples.dataset import Examples, Places
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

    Of texts that have conditions, equal ones stay together whatever their conditions are, and each condition keeps a
    text to train on; a condition of few texts need not have one that validates.

    Of a series, the end validates. The part to train on keeps no target from it: its last ``ahead`` steps have NaN.
    """
    if fraction is None:
        fraction = default_share(examples)
    if examples.series:
        return _ends(examples, fraction)
    keys = _keys(examples, seed)
    held = np.zeros(examples.count, np.bool_)
    order = np.lexsort((_target_keys(examples), keys))
    if examples.given:
        held[_chosen(examples, keys, order, fraction)] = True
        return examples.take(order[~held[order]]), examples.take(order[held[order]])
    groups = examples.classes if examples.classes is not None and not examples.per_step else np.zeros_like(held)
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


def _chosen(examples: Examples, keys: Keys, order: Places, fraction: float) -> list[int]:
    """Return which texts that have conditions validate, about a fraction of all N.

    Their keys are [N], and their order is that of the keys. Equal texts are taken together, unless they are too many,
    or the last ones of a condition.
    """
    wanted = max(1, round(examples.count * fraction)) if fraction else 0
    conditions = [0] * examples.count if examples.classes is None else examples.classes.tolist()
    left = Counter(conditions)
    chosen: list[int] = []
    fewest: list[int] = []  # of those that could be taken, if all are too many
    for group in np.split(order, np.flatnonzero(keys[order][1:] != keys[order][:-1]) + 1):
        if len(chosen) >= wanted:
            break
        own = Counter(conditions[k] for k in group.tolist())
        if any(left[condition] <= count for condition, count in own.items()):
            continue
        if not fewest or group.size < len(fewest):
            fewest = group.tolist()
        if group.size <= 2 * (wanted - len(chosen)):  # nearer to what is wanted with it than without
            chosen += group.tolist()
            left -= own
    return chosen or fewest


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
