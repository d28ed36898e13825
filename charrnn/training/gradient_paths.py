"""Along which paths a gradient flows back in a layer: its cells c, its gates, and the products of its Jacobians."""

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.model.network import Network
from charrnn.model.window import Window

Values: TypeAlias = NDArray[np.float64]

MOST_PLACES = 8  # at which Jacobians are multiplied
MOST_WORK = 2 * 10**10  # multiply-adds of these products, unless one place needs more
MOST_UNITS = 1024  # of a layer whose Jacobians are multiplied: with more, it would take minutes
STEEPEST = {"tanh": 1.0, "relu": 1.0, "sigmoid": 0.25}  # the largest slope of each activation function
MOSTLY = 0.9  # a unit that keeps more of its memory in a step keeps most of it
KNOWN = {"nig", "nfg", "nog", "niaf", "noaf", "cifg", "fgr", "peepholes", "full peepholes", "projection"}


@dataclass(frozen=True)
class Product:
    """The spectral norm of ∂h_t/∂h_{t−k}, a mean over places, and its bound ηᵏ; None where it is no finite number."""

    lag: int
    norm: float
    bound: float | None


@dataclass
class Paths:
    """What a layer keeps from step to step: sums over steps, rows and units, and their number."""

    counted: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    products: list[Product] = field(default_factory=list)
    eta: float | None = None  # the largest singular value of W times the largest slope

    @property
    def means(self) -> dict[str, float]:
        """The mean of each gate and of what is kept, ∂c_t/∂c_{t−1} or ∂h_t/∂h_{t−1}; how often it exceeds `MOSTLY`."""
        return {name: total / self.counted for name, total in self.sums.items()} if self.counted else {}


class Layer:
    """One layer over a window that has been read forward: gates [T, B, H], and states [T+1, B, H], by name."""

    def __init__(self, network: Network, window: Window, layer: int) -> None:
        a = self.architecture = network.architecture
        self.row, self.flags, self.layer = a.row, set(a.flags), layer
        prefix = f"layer{layer}."
        own = network.weights.named.items()
        self.weights = {name.removeprefix(prefix): v.astype(np.float64) for name, v in own if name.startswith(prefix)}
        size, z = window.states.shape[4], window.z[layer].astype(np.float64)
        self.gates = {gate: z[..., k * size :][..., : a.hidden] for k, gate in enumerate(self.row.gates)}
        self.states = {
            name: window.states[k, layer, :, :, : a.width(name)].astype(np.float64)
            for k, name in enumerate(self.row.states)
        }

    @property
    def follows_cells(self) -> bool:
        """Whether it has cells c whose gradient `cell_gradients` knows."""
        return self.row.family == "lstm" and self.flags <= KNOWN

    def kept(self) -> Values | None:
        """Return the part of c that each step keeps, ∂c_t/∂c_{t−1} of a unit with h_{t−1} held: [T, B, H].

        It is f, and what peepholes add. In a cell whose gates see the input alone, it is ∂h_t/∂h_{t−1}. None for other
        cells, which keep nothing apart from h.
        """
        gates = self.gates
        if self.row.family == "minimal":
            share: Values = gates["z"] if "z" in gates else gates["f"] / np.maximum(gates["f"] + gates["i"], 1e-38)
            return share
        if not self.follows_cells:
            return None
        before, g = self.states["c"][:-1], gates["g"]
        kept: Values = np.ones(g.shape) * gates.get("f", 1.0)
        if "f" in gates:
            seen = before - g if "cifg" in self.flags else before
            kept = kept + seen * gates["f"] * (1 - gates["f"]) * self._seen("f")
        if "i" in gates:
            kept = kept + g * gates["i"] * (1 - gates["i"]) * self._seen("i")
        return kept

    def cell_gradients(self, deltas: dict[str, Values], d_outputs: Values) -> Values:
        """Return ∂L/∂c [T+1, B, H], from the backward pass: δ of each gate, and ∂L/∂h_t (∂L/∂r_t) [T, B, H or R].

        Slot 0 is that of the carried c, with the carried h held.
        """
        gates, c = self.gates, self.states["c"][1:]
        d_h = d_outputs @ self.weights["P"].T if "projection" in self.flags else d_outputs
        found = np.zeros((len(c) + 1, *c.shape[1:]))
        found[1:] = d_h * gates.get("o", 1.0) * (1.0 if "noaf" in self.flags else 1 - np.tanh(c) ** 2)
        if "o" in deltas:
            found[1:] += self._back("o", deltas["o"])
        keep = np.broadcast_to(gates.get("f", 1.0), c.shape)
        for t in range(len(c) - 1, -1, -1):
            found[t] += found[t + 1] * keep[t]
            for gate in [gate for gate in "if" if gate in deltas]:
                found[t] += self._back(gate, deltas[gate][t])
        return found

    def slopes(self) -> Values | None:
        """Return f'(a_t) [T, B, H]; ∂h_t/∂h_{t−1} is W diag(f'(a_t)).

        None for a layer that is not vanilla, and for a large one.
        """
        activation = self.activation
        if activation is None or self.architecture.hidden > MOST_UNITS:
            return None
        h = self.states["h"][1:]
        return {"tanh": 1 - h**2, "relu": (h > 0).astype(np.float64), "sigmoid": h * (1 - h)}[activation]

    @property
    def activation(self) -> str | None:
        """The activation function of a layer of the vanilla family; None for other cells, and for a clockwork one."""
        if self.row.family != "rnn" or not self.flags <= {"relu", "sigmoid"}:
            return None
        return next(iter(self.flags), "tanh")

    @property
    def eta(self) -> float | None:
        """The largest singular value of W times the largest slope (Pascanu, Mikolov & Bengio 2013)."""
        if self.activation is None or self.architecture.hidden > MOST_UNITS:
            return None
        return float(np.linalg.norm(self.weights["W"], 2)) * STEEPEST[self.activation]

    def _seen(self, gate: str) -> Values | float:
        """Return by how much a gate's sum rises with the c of its own unit [H]."""
        return np.diag(self.weights[f"C_{gate}"]) if f"C_{gate}" in self.weights else self.weights.get(f"p_{gate}", 0.0)

    def _back(self, gate: str, delta: Values) -> Values | float:
        """Return what flows from a gate's δ to the c that it sees."""
        if f"C_{gate}" in self.weights:
            return delta @ self.weights[f"C_{gate}"].T
        return delta * self.weights.get(f"p_{gate}", 0.0)


def add_means(paths: Paths, layer: Layer, there: NDArray[np.bool_]) -> None:
    """Add a window's gates, at the steps and rows that are ``there`` [T, B], to the sums."""
    values = {name: gate for name, gate in layer.gates.items() if name in ("i", "f", "o", "r", "z")}
    if (kept := layer.kept()) is not None:
        values |= {"kept": kept, "mostly": (kept > MOSTLY) * 1.0}
    for name, gate in values.items():
        paths.sums[name] = paths.sums.get(name, 0.0) + float(gate[there].sum())
    paths.counted += int(there.sum()) * layer.architecture.hidden


def add_products(paths: Paths, layer: Layer, there: NDArray[np.bool_], lags: list[int]) -> None:
    """Multiply the Jacobians before the last step of a window, in rows without a gap, unless that is done already."""
    if paths.products or (slopes := layer.slopes()) is None:
        return
    steps, _, size = slopes.shape
    rows = np.flatnonzero(there.all(axis=0))[: max(1, min(MOST_PLACES, MOST_WORK // (steps * size**3)))]
    if not rows.size:
        return
    eta = paths.eta = layer.eta
    assert eta is not None
    product = np.broadcast_to(np.eye(size), (rows.size, size, size))
    for k in range(1, steps):
        product = layer.weights["W"] * slopes[-k, rows, np.newaxis] @ product
        if k in lags:
            norm = float(np.linalg.norm(product, 2, axis=(1, 2)).mean())
            bound = math.exp(k * math.log(eta)) if eta > 0 and abs(k * math.log(eta)) < 700 else None
            paths.products.append(Product(k, norm, bound if eta else 0.0))


def deltas_of(window: Window, architecture: Architecture, layer: int) -> dict[str, Values]:
    """Return δ of each gate [T, B, H], after the backward pass."""
    size, z = window.states.shape[4], window.z[layer].astype(np.float64)
    return {gate: z[..., k * size :][..., : architecture.hidden] for k, gate in enumerate(architecture.row.gates)}
