"""A network's parameters in one flat vector, and how it goes forward and back over a window of text."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells import Architecture
from charrnn.cells.architecture import gate_name
from charrnn.kernels import gemm, inputs, is_warm, output, padded, update

Array = NDArray[np.float32]


def aligned(*shape: int) -> Array:
    """Return zeros that begin on a cache line, so that no vector load straddles two."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 16, np.float32)
    skip = (-raw.ctypes.data % 64) // 4
    return raw[skip : skip + size].reshape(shape)


def _nbytes(values: Sequence[object]) -> int:
    """Add up the arrays in nested lists."""
    arrays = [value.nbytes for value in values if isinstance(value, np.ndarray)]
    return sum(arrays) + sum(_nbytes(value) for value in values if isinstance(value, list | tuple))


@dataclass(frozen=True)
class LayerBlocks:
    """One layer's parameters as kernels read them: U [N, G·H], W [H, G·H], b [G·H]; H is padded."""

    U: Array
    W: Array
    b: Array


class Parameters:
    """All parameters of a network, or their gradient, or a moment of it: one flat vector and views into it.

    ``layers`` and ``V``, ``c`` are the padded blocks that kernels read; ``named`` maps the names of
    ``Architecture.parameter_shapes()`` to views without the padding. The padding is zero and stays zero: nothing flows
    into it, so its gradient is zero too.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        cell, size = architecture.row, padded(architecture.hidden)
        symbols = padded(architecture.vocabulary)
        shapes: list[tuple[int, ...]] = []
        for layer in range(architecture.layers):
            rows = architecture.vocabulary if layer == 0 else size
            shapes += [(rows, len(cell.input_gates) * size), (size, len(cell.recurrent_gates) * size)]
            shapes += [(len(cell.gates) * size,)]
        shapes += [(size, symbols), (symbols,)]
        total = sum(int(np.prod(shape)) for shape in shapes)
        self.blocks = -(-total // update.BLOCK)
        self.flat = aligned(self.blocks * update.BLOCK)
        views, begin = [], 0
        for shape in shapes:
            end = begin + int(np.prod(shape))
            views.append(self.flat[begin:end].reshape(shape))
            begin = end
        self.layers = [LayerBlocks(*views[3 * i : 3 * i + 3]) for i in range(architecture.layers)]
        self.V, self.c = views[-2:]
        self.named: dict[str, Array] = self._name(size)

    def _name(self, size: int) -> dict[str, Array]:
        cell, hidden = self.architecture.row, self.architecture.hidden
        named = {}
        for index, layer in enumerate(self.layers):
            for letter, block, gates in (
                ("U", layer.U, cell.input_gates),
                ("W", layer.W, cell.recurrent_gates),
                ("b", layer.b, cell.gates),
            ):
                rows = self.architecture.inputs(index) if letter == "U" else hidden
                for place, gate in enumerate(gates):
                    columns = slice(place * size, place * size + hidden)
                    view = block[columns] if letter == "b" else block[:rows, columns]
                    named[f"layer{index}.{gate_name(letter, gate)}"] = view
        named["output.V"] = self.V[:hidden, : self.architecture.vocabulary]
        named["output.c"] = self.c[: self.architecture.vocabulary]
        return named

    def assign(self, values: Mapping[str, Array]) -> None:
        """Copy named arrays in."""
        for name, view in self.named.items():
            view[...] = values[name]

    def concatenated(self) -> Array:
        """Return all named arrays end to end, without padding: how checkpoints store what is not the model itself."""
        return np.concatenate([view.ravel() for view in self.named.values()])

    def assign_concatenated(self, values: Array) -> None:
        """Undo `concatenated`."""
        begin = 0
        for view in self.named.values():
            view[...] = values[begin : begin + view.size].reshape(view.shape)
            begin += view.size


class Window:
    """The buffers of B streams over T steps: inputs, states, gates, losses, and the gradients for the way back.

    ``ids`` and ``targets`` [T, B]; ``states[layer][k]`` [T+1, B, H], slot 0 being the carried state; ``losses`` [T, B]
    in nats.
    """

    def __init__(
        self,
        architecture: Architecture,
        batch_size: int,
        seq_length: int,
        *,
        dropout: float = 0.0,
        training: bool = False,
    ) -> None:
        cell, size, symbols = architecture.row, padded(architecture.hidden), padded(architecture.vocabulary)
        B, T, layers = batch_size, seq_length, range(architecture.layers)
        self.batch_size, self.seq_length, self.dropout = B, T, dropout
        self.hidden = architecture.hidden
        self.ids = np.zeros((T, B), np.int32)
        self.targets = np.zeros((T, B), np.int32)
        self.losses = np.zeros((T, B), np.float32)
        self.z = [aligned(T, B, len(cell.gates) * size) for _ in layers]
        self.states = [tuple(aligned(T + 1, B, size) for _ in cell.states) for _ in layers]
        self.logits = aligned(T, B, symbols)
        if dropout:
            self.dropped = [aligned(T, B, size) for _ in layers]
            self.masks = [aligned(T, B, size) for _ in layers]
        if training:
            # The gradient of h has a slot for each step; those of further states live for a step only.
            self.gradients = [
                (aligned(T + 1, B, size), *(aligned(1, B, size) for _ in cell.states[1:])) for _ in layers
            ]

    @property
    def nbytes(self) -> int:
        """Bytes that the buffers take."""
        return _nbytes(list(vars(self).values()))

    def carry(self, first: int, last: int, steps: int) -> None:
        """Make the last states of rows `first` to `last` the carried ones."""
        for states in self.states:
            for state in states:
                state[0, first:last] = state[steps, first:last]

    def carried(self) -> Array:
        """Return a copy of the carried states [layers, states, B, H]."""
        return np.stack([np.stack([state[0, :, : self.hidden] for state in states]) for states in self.states])

    def assign_carried(self, values: Array) -> None:
        """Set the carried states from [layers, states, B, H]."""
        for states, rows in zip(self.states, values, strict=True):
            for state, value in zip(states, rows, strict=True):
                state[0, :, : self.hidden] = value

    def begin(self, rows: slice = slice(None)) -> None:
        """Set the carried states of some rows to zero."""
        for states in self.states:
            for state in states:
                state[0, rows] = 0.0

    def next_epoch(self) -> None:
        """Hand each stream's state to the next stream, which goes on where it ended; the first begins anew."""
        for states in self.states:
            for state in states:
                state[0, 1:] = state[0, :-1].copy()
                state[0, 0] = 0.0


def _share(columns: int, worker: int, workers: int) -> tuple[int, int]:
    """Return the panels of so many columns that fall to a member of a team."""
    panels = gemm.panels(columns)
    return worker * panels // workers, (worker + 1) * panels // workers


class Network:
    """A network with its weights, its gradient and its weights packed for products.

    A member of a team of workers calls `forward` and `backward` for its rows of the batch, then, behind a barrier,
    `gradients` for its columns of the weights. After any change of the weights, `pack` must run before the next
    `forward`.
    """

    def __init__(self, architecture: Architecture, parameters: Mapping[str, Array]) -> None:
        self.architecture = architecture
        self.weights = Parameters(architecture)
        self.weights.assign(parameters)
        self.kernels: Any = importlib.import_module(f"charrnn.kernels.{architecture.row.family}")
        layers = self.weights.layers
        self._W = [aligned(layer.W.size) for layer in layers]
        self._U = [aligned(layer.U.size if i else 0) for i, layer in enumerate(layers)]
        self._V = aligned(self.weights.V.size)
        self._W_back: list[Array] = []
        self.pack_all()

    @property
    def nbytes(self) -> int:
        """Bytes that weights, gradient and packed weights take."""
        flats = [self.weights.flat, self.gradient.flat] if self._W_back else [self.weights.flat]
        return _nbytes([*flats, *vars(self).values()])

    def prepare_training(self, workers: int) -> None:
        """Make room for the gradient and for the transposed weights of the way back, for a team of so many."""
        self._scratch = [aligned(gemm.BLOCK * gemm.PANEL) for _ in range(workers)]
        self.gradient = Parameters(self.architecture)
        self._W_back = [aligned(packed.size) for packed in self._W]
        self._U_back = [aligned(packed.size) for packed in self._U]
        self._V_back = aligned(self._V.size)
        self.pack_all()

    def is_compiled(self) -> bool:
        """Tell whether this machine keeps compiled code of the cell's kernels from an earlier run."""
        return is_warm(self.architecture.row.family)

    def pack_all(self) -> None:
        """Pack the weights on this thread."""
        self.pack(0, 1)

    def pack(self, worker: int, workers: int) -> None:
        """Pack a member's share of the weights, and of their transposes where there is a way back."""

        def share(columns: int) -> tuple[int, int]:
            return _share(columns, worker, workers)

        for i, layer in enumerate(self.weights.layers):
            gemm.pack(self._W[i], layer.W, *share(layer.W.shape[1]))
            if i:
                gemm.pack(self._U[i], layer.U, *share(layer.U.shape[1]))
        gemm.pack(self._V, self.weights.V, *share(self.weights.V.shape[1]))
        if not self._W_back:
            return
        for i, layer in enumerate(self.weights.layers):
            gemm.pack_transposed(self._W_back[i], layer.W, *share(layer.W.shape[0]))
            if i:
                gemm.pack_transposed(self._U_back[i], layer.U, *share(layer.U.shape[0]))
        gemm.pack_transposed(self._V_back, self.weights.V, *share(self.weights.V.shape[0]))

    def forward(self, window: Window, first: int, last: int, steps: int, dropout_keys: tuple[int, ...] = ()) -> None:
        """Run rows `first` to `last` of a window forward, from the carried states to the logits.

        `dropout_keys`, one a layer, are the seeds of this step's masks; without them nothing is dropped.
        """
        below, shift = None, 1
        for i, layer in enumerate(self.weights.layers):
            z, states = window.z[i], window.states[i]
            if below is None:
                inputs.begin_one_hot(z, layer.U, layer.b, window.ids, first, last, steps)
            else:
                inputs.begin_biases(z, layer.b, first, last, steps)
                fed = layer.U.shape[1]
                gemm.project(z, 0, fed, below, shift, layer.U.shape[0], self._U[i], first, last, steps)
            self.kernels.forward(z, states, self._W[i], first, last, steps)
            below, shift = states[0], 1
            if dropout_keys:
                inputs.drop(
                    window.dropped[i],
                    below,
                    window.masks[i],
                    1,
                    1.0 - window.dropout,
                    dropout_keys[i],
                    first,
                    last,
                    steps,
                )
                below, shift = window.dropped[i], 0
        assert below is not None
        size, symbols = self.weights.V.shape
        inputs.begin_biases(window.logits, self.weights.c, first, last, steps)
        gemm.project(window.logits, 0, symbols, below, shift, size, self._V, first, last, steps)

    def losses(self, window: Window, first: int, last: int, steps: int, scale: float = 1.0) -> None:
        """Turn the logits into losses in nats, and into their gradient times `scale`."""
        output.softmax_cross_entropy(
            window.logits,
            window.targets,
            window.losses,
            self.architecture.vocabulary,
            scale,
            first,
            last,
            steps,
        )

    def backward(self, window: Window, first: int, last: int, steps: int, dropped: bool = False) -> None:
        """Run rows `first` to `last` back: each z becomes the gradient of what entered the gates.

        The gradient of the carried states is left in slot 0 of ``window.gradients``.
        """
        above, packed = window.logits, self._V_back
        size, width = self.weights.V.shape
        for i in range(self.architecture.layers - 1, -1, -1):
            dh, *others = window.gradients[i]
            inputs.clear(dh, first, last, steps + 1)
            for other in others:
                inputs.clear(other, first, last, 1)
            gemm.project(dh, 1, size, above, 0, width, packed, first, last, steps)
            if dropped:
                inputs.drop_gradient(dh, window.masks[i], 1, first, last, steps)
            self.kernels.backward(
                window.z[i], window.states[i], window.gradients[i], self._W_back[i], first, last, steps
            )
            above, packed = window.z[i], self._U_back[i]
            width = self.weights.layers[i].U.shape[1]

    def gradients(self, window: Window, worker: int, workers: int, steps: int, dropped: bool = False) -> None:
        """Add a member's columns of every weight's gradient over the window to ``gradient``."""
        rows = steps * window.batch_size
        ids = window.ids.reshape(-1)
        scratch = self._scratch[worker]

        def share(columns: int) -> tuple[int, int]:
            return _share(columns, worker, workers)

        below: Array | None = None
        for i, layer in enumerate(self.gradient.layers):
            dz = window.z[i].reshape(-1, window.z[i].shape[2])
            if below is None:
                inputs.add_one_hot_gradient(layer.U, ids, dz, *share(layer.U.shape[1]), rows)
            else:
                gemm.multiply_transposed_add(layer.U, below, dz, 0, rows, *share(layer.U.shape[1]), scratch)
            h = window.states[i][0].reshape(-1, layer.W.shape[0])
            skip = dz.shape[1] - layer.W.shape[1]
            gemm.multiply_transposed_add(layer.W, h, dz, skip, rows, *share(layer.W.shape[1]), scratch)
            inputs.add_bias_gradient(layer.b, dz, *share(layer.b.shape[0]), rows)
            below = window.dropped[i].reshape(-1, h.shape[1]) if dropped else h[window.batch_size :]
        assert below is not None
        d_logits = window.logits.reshape(-1, window.logits.shape[2])
        gemm.multiply_transposed_add(
            self.gradient.V, below, d_logits, 0, rows, *share(self.gradient.V.shape[1]), scratch
        )
        inputs.add_bias_gradient(self.gradient.c, d_logits, *share(self.gradient.c.shape[0]), rows)
