"""Layers of a cell that run on NumPy arrays, without a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.cells.own_cell import is_own
from charrnn.errors import CharrnnError
from charrnn.kernels.barrier import flushed_denormals
from charrnn.kernels.llvm.vector import padded
from charrnn.library.keywords import Activation, Cell
from charrnn.library.signatures import public
from charrnn.model.network import Network
from charrnn.model.parameters import Array, aligned
from charrnn.model.window import Window
from charrnn.training.settings import periods_of

State: TypeAlias = dict[str, NDArray[np.float32]]  # each state of the cell, [layers, B, H]

STEPS_AT_ONCE = 256  # what a window has room for
WORK_AT_ONCE = 200_000_000  # multiply-adds of steps that are taken at once: Ctrl-C waits for them


class Layer:
    """One or more layers of a cell that run on arrays.

        layer = charrnn.Layer("lstm", inputs=3, hidden=8)
        outputs, state = layer(x)         # x [T, B, 3]; outputs [T, B, 8]; state["h"], state["c"] [1, B, 8]
        outputs, state = layer(x, state)  # continues

    A `Model` uses the same kernels, so with one-hot inputs and the same parameters, the results are equal, bit for bit.
    Threads can share a layer, and it can be pickled. ``charrnn cells`` lists the cells with their equations.
    """

    @public
    def __init__(
        self,
        cell: Cell = "lstm",
        *,
        inputs: int,
        hidden: int,
        layers: int = 1,
        activation: Activation | None = None,
        projection: int | None = None,
        periods: str | Sequence[int] | None = None,
        parameters: Mapping[str, ArrayLike] | None = None,
        seed: int = 0,
    ) -> None:
        """Make layers with given parameters, or with initial ones.

        The initial parameters equal those of a run with the same seed. ``parameters`` are arrays, by the names of the
        property; those of an output layer, as a `Model` has, are ignored. Raises CharrnnError for an unknown cell or an
        invalid size, and ValueError for parameters that are missing, unknown or of the wrong shape.
        """
        if is_own(cell):
            raise CharrnnError("a Layer has a cell of the table, not one of your own")
        if inputs < 1:
            raise CharrnnError(f"inputs must be 1 or more, not {inputs}")
        architecture = Architecture(
            cell,
            inputs,
            hidden,
            layers,
            activation=activation,
            projection=projection,
            periods=periods_of(periods) if isinstance(periods, str) else None if periods is None else tuple(periods),
        )
        self._set(architecture, initialize(architecture, seed) if parameters is None else parameters)

    def _set(self, architecture: Architecture, parameters: Mapping[str, ArrayLike]) -> None:
        """Set the sizes and the parameters of a new layer."""
        self._architecture = architecture
        values, shapes, inputs = self._checked(parameters), architecture.parameter_shapes(), architecture.vocabulary
        values |= {name: np.zeros(shapes[name], np.float32) for name in ("output.V", "output.c")}
        self._network = Network(architecture, values)
        self._U = aligned(padded(inputs), self._network.weights.blocks.first_U.shape[2])
        self._U[:inputs] = self._network.weights.blocks.first_U[0]
        self._work = sum(values[name].size for name in self._names())  # multiply-adds of a step of one row, or more

    def __getstate__(self) -> tuple[Architecture, dict[str, NDArray[np.float32]]]:
        return self._architecture, dict(self.parameters)

    def __setstate__(self, state: tuple[Architecture, dict[str, NDArray[np.float32]]]) -> None:
        self._set(*state)

    def __repr__(self) -> str:
        return f"<charrnn.Layer: {self._architecture.description}, {self._architecture.vocabulary:,} inputs>"

    @property
    def parameters(self) -> Mapping[str, NDArray[np.float32]]:
        """Copies of its weights by name; changing them does not change the layer.

        - ``layer0.U_i`` [N, H]: from the N inputs to gate i of the first layer; ``layer1.U_i`` [H, H]: from the outputs
          of the layer below
        - ``layer0.W_i`` [H, H]: from the layer's own outputs one step before
        - ``layer0.b_i`` [H]: the bias; ``layer0.p_i`` [H]: a peephole

        ``charrnn cells`` lists the gates of each cell; the only gate of a cell has no name, as in ``layer0.U``.
        """
        named = self._network.weights.named
        return MappingProxyType({name: named[name].copy() for name in self._names()})

    @public
    def zero_state(self, batch_size: int) -> State:
        """Return the initial state: zeros [layers, B, H] for each state of the cell."""
        of, layers = self._architecture, self._architecture.layers
        return {name: np.zeros((layers, batch_size, of.width(name)), np.float32) for name in of.row.states}

    @public
    def __call__(self, x: ArrayLike, state: Mapping[str, ArrayLike] | None = None) -> tuple[Array, State]:
        """Run the layers over a sequence.

        ``x`` [T, B, N] has T steps of B rows of N inputs, read as float32. ``state`` is a state that an earlier call
        returned, or None for zeros. Returns the top layer's outputs [T, B, H], and the state after the last step.
        Raises ValueError for a wrong shape, and for a state of other layers.
        """
        numbers = np.asarray(x, np.float32)
        inputs = self._architecture.vocabulary
        if numbers.ndim != 3 or numbers.shape[2] != inputs:
            raise ValueError(
                f"x must have the shape [T, B, {inputs}]: steps, rows, inputs; it has {list(numbers.shape)}"
            )
        steps, rows, _ = numbers.shape
        outputs = np.empty((steps, rows, self._architecture.outputs), np.float32)
        at_once = max(1, min(steps, STEPS_AT_ONCE, WORK_AT_ONCE // max(1, rows * self._work)))
        window = Window(self._architecture, rows, at_once)
        self._assign(window, self.zero_state(rows) if state is None else state)
        for begin in range(0, steps, at_once):
            part = numbers[begin : begin + at_once]
            with flushed_denormals():
                self._network.forward_numbers(window, self._U, part)
                window.carry(0, rows, len(part))
            outputs[begin : begin + len(part)] = window.states[0, -1, 1 : len(part) + 1, :, : outputs.shape[2]]
        return outputs, self._state_of(window)

    def _state_of(self, window: Window) -> State:
        """Return the carried states of a window."""
        carried = window.carried()
        names = self._architecture.row.states
        return {name: carried[:, k, :, : self._architecture.width(name)].copy() for k, name in enumerate(names)}

    def _assign(self, window: Window, state: Mapping[str, ArrayLike]) -> None:
        """Set the carried states of a window."""
        zeros = self.zero_state(window.batch_size)
        if set(state) != set(zeros):
            there = ", ".join(zeros)
            raise ValueError(
                f"the state must have {there}, as a call of this layer returns it; it has {', '.join(state)}"
            )
        carried = window.carried()
        for k, (name, like) in enumerate(zeros.items()):
            values = np.asarray(state[name], np.float32)
            if values.shape != like.shape:
                raise ValueError(
                    f"state[{name!r}] must have the shape {list(like.shape)}: layers, rows, units; "
                    f"it has {list(values.shape)}"
                )
            carried[:, k, :, : like.shape[2]] = values
        window.assign_carried(carried)

    def _names(self) -> list[str]:
        return [name for name in self._architecture.parameter_shapes() if not name.startswith("output.")]

    def _checked(self, parameters: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float32]]:
        """Return the given parameters; raise ValueError if they do not fit these layers."""
        names, shapes = self._names(), self._architecture.parameter_shapes()
        given = {name: values for name, values in parameters.items() if not name.startswith("output.")}
        if missing := [name for name in names if name not in given]:
            raise ValueError(f"the parameters lack {', '.join(missing)}")
        if unknown := [name for name in given if name not in shapes]:
            raise ValueError(f"unknown parameter {', '.join(unknown)}; the parameters are {', '.join(names)}")
        found = {name: np.asarray(values, np.float32) for name, values in given.items()}
        for name, values in found.items():
            if values.shape != shapes[name]:
                raise ValueError(f"{name} must have the shape {list(shapes[name])}, not {list(values.shape)}")
        return found
