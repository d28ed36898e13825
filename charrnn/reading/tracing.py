"""The values of a network's units and gates while it reads a text, and which of them follow features of the text."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.tasks import require_task
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.reader import Reader
from charrnn.reading.features import FEATURES, Characters, Feature

LEAST_CHARACTERS = 10  # with a feature, and without it, in each half of a text: fewer show nothing
STILL_DEVIATION = 1e-4  # standard deviation up to which a unit counts as constant, as it can be rounding


@dataclass(frozen=True)
class Unit:
    """A number in a network that changes as it reads, in a state or a gate. Layers and numbers count from 1."""

    layer: int
    kind: str  # as the cell's row names its states and gates
    number: int

    @property
    def name(self) -> str:
        """The name: c12, or 2.c12 in the second layer."""
        return f"{f'{self.layer}.' * (self.layer > 1)}{self.kind}{self.number}"


@dataclass(frozen=True)
class Following:
    """How well a unit follows a feature, by Pearson's correlation.

    ``chosen`` is the correlation in the first half of a text, on which one was chosen for the other. ``correlation`` is
    the correlation in the second half, which had no influence on the choice.
    """

    feature: Feature
    unit: Unit
    chosen: float
    correlation: float


def kinds(architecture: Architecture) -> tuple[str, ...]:
    """Return the states and gates of a layer.

    The gate of a vanilla network has no name and is left out.
    """
    states = architecture.row.learnable_states
    return *states, *(gate for gate in architecture.row.gates if gate and gate not in states)


def unit_named(architecture: Architecture, name: str) -> Unit:
    """Return the unit of this name.

    Raises CharrnnError, with the names that exist, if it does not exist.
    """
    layers = architecture.layers
    match = re.fullmatch(r"(?:([1-9]\d{0,5})\.)?([a-z]+)([1-9]\d{0,5})", name)
    if match:
        unit = Unit(int(match[1] or 1), match[2], int(match[3]))
        if unit.layer <= layers and unit.kind in kinds(architecture) and unit.number <= architecture.width(unit.kind):
            return unit
    there = ", ".join(f"{kind}1 to {kind}{architecture.width(kind)}" for kind in kinds(architecture))
    deeper = f" in layer 1, and the same in each layer up to {layers}, as in {layers}.h1" if layers > 1 else ""
    raise CharrnnError(f"the model has no unit {name[:60]!r}; its units are {there}{deeper}")


def is_read(architecture: Architecture, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Return which symbols [N] a network reads: all but the ends of documents, at which its units have no values."""
    return ids < architecture.vocabulary


def activations(network: Network, ids: ArrayLike, units: Sequence[Unit]) -> NDArray[np.float32]:
    """Return the values of units after each symbol.

    The text [N] is read from the initial state; the result has shape [N, units]. Raises CharrnnError if a value is NaN
    or infinity.
    """
    columns = [_column(network.architecture, unit) for unit in units]
    blocks = [block[:, columns] for block in _read(network, np.asarray(ids))]
    return np.concatenate([np.zeros((0, len(units)), np.float32), *blocks])


def states(network: Network, ids: ArrayLike) -> dict[str, NDArray[np.float32]]:
    """Return all states and gates after each symbol.

    The text [N] is read from the initial state; each state or gate has shape [N, H]. The names are those of units
    without the number: h, c, i, …, and 2.h in the second layer. Raises CharrnnError if a value is NaN or infinity.
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
    """Return the ends of a scale for values.

    They are 0 and 1 if all values are in between, otherwise ± the greatest absolute value.
    """
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    return -max(-low, high), max(-low, high)


def follow(
    network: Network, ids: ArrayLike, text: str, unit: Unit | None = None
) -> tuple[list[Following], list[Feature]]:
    """Find the unit that follows each feature best.

    The network reads the symbols [N] of a text; ``text`` is their N characters. The best unit has the greatest absolute
    correlation in the first half of the text; the correlation in the second half shows how well it really follows. With
    ``unit``, finds the one feature that this unit follows best instead. Also returns the features that were left out,
    because almost all or almost none of the characters in one half have them. Ends of documents are not read, and do
    not count. Takes memory for the features, but not
    for N times the units. Raises CharrnnError if a value is NaN or infinity.
    """
    ids = np.asarray(ids)
    characters, half, was_read = Characters(text), len(text) // 2, is_read(network.architecture, ids)
    there, values, left_out = [], [], []
    for feature in FEATURES:
        of_text = feature.of(characters)
        if _varies(of_text[:half][was_read[:half]]) and _varies(of_text[half:][was_read[half:]]):
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
            counted = np.flatnonzero(was_read[first:last]) + first
            if counted.size:
                sums.add(np.stack([v[counted] for v in values]), block[counted - begin])
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
    """The sums for the correlations of F features and U units, added up piece by piece."""

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
        """Return Pearson's correlations of features and units [F, U].

        They are 0 for a unit that is constant.
        """
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
    """Yield all units after each symbol of a text.

    The text [N] is read from the initial state. Yields arrays [n, layers·kinds·H], some symbols at a time.
    """
    architecture = network.architecture
    require_task(architecture.task, "generate")
    row, hidden = architecture.row, architecture.hidden
    states = row.learnable_states
    gates = [row.gates.index(kind) for kind in kinds(architecture)[len(states) :]]
    reader = Reader(network)
    window = reader.window
    for begin in range(0, len(ids), window.seq_length):
        # The end of a document is not read as a symbol, but as a gap: the network returns to its initial state.
        symbols = ids[begin : begin + window.seq_length].astype(np.int32)
        symbols[symbols >= architecture.vocabulary] = -1
        reader.read(symbols[:, np.newaxis])
        steps = symbols.size
        of_states = window.states[: len(states), :, 1 : steps + 1, 0, :hidden].transpose(2, 1, 0, 3)
        z = window.z[:, :steps, 0].reshape(architecture.layers, steps, len(row.gates), window.states.shape[-1])
        of_gates = z[:, :, gates, :hidden].transpose(1, 0, 2, 3)
        values = np.concatenate([of_states, of_gates], axis=2).reshape(steps, -1)
        if not np.isfinite(values).all():
            raise CharrnnError("the model's weights are so large that the values of its units are not finite")
        yield values


def _column(architecture: Architecture, unit: Unit) -> int:
    """Return the column of a unit in `_read`'s arrays."""
    names = kinds(architecture)
    return ((unit.layer - 1) * len(names) + names.index(unit.kind)) * architecture.hidden + unit.number - 1


def _unit(architecture: Architecture, column: int) -> Unit:
    """Return the unit in a column of `_read`'s arrays."""
    names = kinds(architecture)
    row, number = divmod(column, architecture.hidden)
    layer, kind = divmod(row, len(names))
    return Unit(layer + 1, names[kind], number + 1)
