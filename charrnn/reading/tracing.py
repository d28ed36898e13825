"""What a network's units and gates do while it reads a text, and which of them follow what a reader sees in it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.model.bidirectional import require_left_to_right
from charrnn.model.network import Network
from charrnn.model.reader import Reader
from charrnn.reading.features import FEATURES, Characters, Feature

LEAST_CHARACTERS = 10  # of each half of a text must have a feature, and as many must not: fewer tell nothing
STILL_DEVIATION = 1e-4  # standard deviation of a unit that hardly moves: what rounding does to it must not count


@dataclass(frozen=True)
class Unit:
    """A number in a network that changes as it reads: one of a state or of a gate. All are counted from 1."""

    layer: int
    kind: str  # as the cell's row names its states and gates
    number: int

    @property
    def name(self) -> str:
        """How it is called: c12, or 2.c12 in the second layer."""
        return f"{f'{self.layer}.' * (self.layer > 1)}{self.kind}{self.number}"


@dataclass(frozen=True)
class Following:
    """How well a unit follows a feature.

    Pearson's correlation in the half of a text in which one was ``chosen`` for the other, and in the other half, which
    had no say in it.
    """

    feature: Feature
    unit: Unit
    chosen: float
    correlation: float


def kinds(architecture: Architecture) -> tuple[str, ...]:
    """Return the states and gates of the units in each layer; the gate of a vanilla network has no name."""
    states = architecture.row.learnable_states
    return *states, *(gate for gate in architecture.row.gates if gate and gate not in states)


def unit_named(architecture: Architecture, name: str) -> Unit:
    """Return the unit of this name. Raises CharrnnError, which says what there is, if there is none."""
    layers = architecture.layers
    match = re.fullmatch(r"(?:([1-9]\d{0,5})\.)?([a-z]+)([1-9]\d{0,5})", name)
    if match:
        unit = Unit(int(match[1] or 1), match[2], int(match[3]))
        if unit.layer <= layers and unit.kind in kinds(architecture) and unit.number <= architecture.width(unit.kind):
            return unit
    there = ", ".join(f"{kind}1 to {kind}{architecture.width(kind)}" for kind in kinds(architecture))
    deeper = f" in layer 1, and the same in each layer up to {layers}, as in {layers}.h1" if layers > 1 else ""
    raise CharrnnError(f"there is no unit {name[:60]!r}: there are {there}{deeper}")


def activations(network: Network, ids: ArrayLike, units: Sequence[Unit]) -> NDArray[np.float32]:
    """Return what some units are after each symbol of a text [N], read from the zero state: shape [N, units].

    Raises CharrnnError where a number is not finite.
    """
    columns = [_column(network.architecture, unit) for unit in units]
    blocks = [block[:, columns] for block in _read(network, np.asarray(ids))]
    return np.concatenate([np.zeros((0, len(units)), np.float32), *blocks])


def states(network: Network, ids: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Return every state and gate after each symbol of a text [N], read from the initial state: each [N, H].

    They are named as units are, without a number: h, c, i, …, and 2.h in the second layer. Raises CharrnnError where a
    number is not finite.
    """
    architecture = network.architecture
    sizes = architecture.layers, len(kinds(architecture)), architecture.hidden
    whole = np.concatenate([np.zeros((0, prod(sizes)), np.float32), *_read(network, np.asarray(ids))])
    found = whole.reshape(-1, *sizes)
    return {
        f"{f'{layer + 1}.' * (layer > 0)}{kind}": found[:, layer, k, : architecture.width(kind)].copy()
        for layer in range(architecture.layers)
        for k, kind in enumerate(kinds(architecture))
    }


def scale_of(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the ends of a scale for what a unit was: 0 and 1 for what is always between, else ±the greatest."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    return -max(-low, high), max(-low, high)


def follow(
    network: Network, ids: ArrayLike, text: str, unit: Unit | None = None
) -> tuple[list[Following], list[Feature]]:
    """Find for each feature the unit that follows it best, as it reads a text: symbols [N], and their N characters.

    The unit is the one with the greatest correlation, whatever its sign, in the first half; how well it really
    follows is seen in the second. With ``unit`` it is the other way round: the one feature that this unit follows best.
    Also returns the features left out, which one of the halves has not, or has everywhere. Takes memory for the
    features, and none that grows with the number of units times N. Raises CharrnnError where a number is not finite.
    """
    ids = np.asarray(ids)
    characters, half = Characters(text), len(text) // 2
    there, values, left_out = [], [], []
    for feature in FEATURES:
        of_text = feature.of(characters)
        if _varies(of_text[:half]) and _varies(of_text[half:]):
            there.append(feature)
            values.append(of_text)
        else:
            left_out.append(feature)
    if not there:
        return [], left_out
    columns = slice(None) if unit is None else [_column(network.architecture, unit)]
    halves = _Sums(), _Sums()
    begin = 0
    for whole in _read(network, ids):
        block, end = whole[:, columns], begin + len(whole)
        cut = min(max(half, begin), end)
        for sums, first, last in ((halves[0], begin, cut), (halves[1], cut, end)):
            if first < last:
                sums.add(np.stack([v[first:last] for v in values]), block[first - begin : last - begin])
        begin = end
    chosen, honest = (sums.correlations() for sums in halves)
    if unit is not None:
        best = int(np.abs(chosen[:, 0]).argmax())
        return [Following(there[best], unit, float(chosen[best, 0]), float(honest[best, 0]))], left_out
    return [
        Following(feature, _unit(network.architecture, best), float(chosen[k, best]), float(honest[k, best]))
        for k, (feature, best) in enumerate(zip(there, map(int, np.abs(chosen).argmax(axis=1)), strict=True))
    ], left_out


class _Sums:
    """What correlations between F features and U units are made of, added up piece by piece."""

    def __init__(self) -> None:
        self.count = 0
        self.sums: list[NDArray[np.float64]] = []

    def add(self, features: NDArray[np.generic], units: NDArray[np.float32]) -> None:
        """Add some characters: features [F, n], units [n, U]."""
        f, u = features.astype(np.float64), units.astype(np.float64)
        sums = [f.sum(axis=1), (f * f).sum(axis=1), u.sum(axis=0), (u * u).sum(axis=0), f @ u]
        self.sums = [a + b for a, b in zip(self.sums, sums, strict=True)] if self.count else sums
        self.count += len(units)

    def correlations(self) -> NDArray[np.float64]:
        """Return Pearson's correlation of each feature with each unit [F, U]; 0 for a unit that hardly moves."""
        f, ff, u, uu, fu = (sums / self.count for sums in self.sums)
        f_deviation, u_deviation = np.sqrt(ff - f * f), np.sqrt(np.maximum(uu - u * u, 0.0))
        moving = u_deviation > STILL_DEVIATION * np.maximum(np.abs(u), 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r = (fu - f[:, np.newaxis] * u) / (f_deviation[:, np.newaxis] * u_deviation)
        return np.where(moving, np.clip(r, -1.0, 1.0), 0.0)


def _varies(values: NDArray[np.generic]) -> bool:
    numbers = values.astype(np.float64)
    above = np.count_nonzero(numbers > numbers.mean()) if numbers.size else 0
    return bool(LEAST_CHARACTERS <= above <= numbers.size - LEAST_CHARACTERS)


def _read(network: Network, ids: NDArray[np.integer]) -> Iterator[NDArray[np.float32]]:
    """Read a text [N] from the zero state; yield all units after each of some symbols [n, layers·kinds·H]."""
    architecture = network.architecture
    require_left_to_right(architecture)
    row, hidden = architecture.row, architecture.hidden
    states = row.learnable_states
    gates = [row.gates.index(kind) for kind in kinds(architecture)[len(states) :]]
    reader = Reader(network)
    window = reader.window
    for begin in range(0, len(ids), window.seq_length):
        # The end of a document is no symbol that is read, but a gap, after which a network begins anew.
        symbols = ids[begin : begin + window.seq_length].astype(np.int32)
        symbols[symbols >= architecture.vocabulary] = -1
        reader.read(symbols[:, np.newaxis])
        steps = symbols.size
        of_states = window.states[: len(states), :, 1 : steps + 1, 0, :hidden].transpose(2, 1, 0, 3)
        z = window.z[:, :steps, 0].reshape(architecture.layers, steps, len(row.gates), -1)
        of_gates = z[:, :, gates, :hidden].transpose(1, 0, 2, 3)
        values = np.concatenate([of_states, of_gates], axis=2).reshape(steps, -1)
        if not np.isfinite(values).all():
            raise CharrnnError("the model's weights are so large that what its units do is no number")
        yield values


def _column(architecture: Architecture, unit: Unit) -> int:
    """Return where a unit stands in what `_read` yields."""
    names = kinds(architecture)
    return ((unit.layer - 1) * len(names) + names.index(unit.kind)) * architecture.hidden + unit.number - 1


def _unit(architecture: Architecture, column: int) -> Unit:
    """Undo `_column`."""
    names = kinds(architecture)
    row, number = divmod(column, architecture.hidden)
    layer, kind = divmod(row, len(names))
    return Unit(layer + 1, names[kind], number + 1)
