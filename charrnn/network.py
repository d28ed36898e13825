"""A network's parameters in one flat vector, and how it goes forward and back over a window of text."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells import Architecture
from charrnn.cells.architecture import gate_name
from charrnn.kernels import gemm, gradients, inputs, is_warm, output, padded, update
from charrnn.kernels.barrier import ALONE
from charrnn.kernels.compiler import cache_folder

Array = NDArray[np.float32]
Meeting = tuple[NDArray[np.int64], int]  # a barrier, and how many threads meet there


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
            inputs.carry(states, first, last, steps)

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


class Network:
    """A network with its weights, its gradient and its weights packed for products.

    A member of a team calls `forward_backward` for its rows of the batch, `add_gradients` for its columns of the
    weights and, after the weights have changed, `pack`; each waits for the others where it must.
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
        # The transposes for the way back get their room in `prepare_training`.
        self._W_back, self._U_back, self._V_back = (
            [aligned(0) for _ in layers],
            [aligned(0) for _ in layers],
            aligned(0),
        )
        self.pack_all()

    @property
    def nbytes(self) -> int:
        """Bytes that weights, gradient and packed weights take."""
        flats = [self.weights.flat, self.gradient.flat] if hasattr(self, "gradient") else [self.weights.flat]
        return _nbytes([*flats, *vars(self).values()])

    def prepare_training(self, workers: int) -> None:
        """Make room for the gradient and for the transposed weights of the way back, for a team of so many."""
        self._scratch = [aligned(gemm.BLOCK * gemm.PANEL) for _ in range(workers)]
        self.gradient = Parameters(self.architecture)
        self._W_back = [aligned(packed.size) for packed in self._W]
        self._U_back = [aligned(packed.size) for packed in self._U]
        self._V_back = aligned(self._V.size)
        self.pack_all()

    def is_compiled(self, *, training: bool) -> bool:
        """Tell whether this machine keeps compiled code of the cell's kernels from an earlier run."""
        return is_warm(self.architecture.row.family, "backward" if training else "forward")

    def compile(self) -> None:
        """Compile what a forward pass needs, by a pass of no length."""
        window = Window(self.architecture, 1, 1)
        self.forward(window, 0, 0, 0)
        window.carry(0, 0, 0)

    def keeps_compiled(self) -> bool:
        """Tell whether compiled code is kept on this machine for the next run."""
        return cache_folder() is not None

    def pack_all(self) -> None:
        """Pack the weights on this thread."""
        self.pack(0, ALONE)

    def pack(self, worker: int, meeting: Meeting) -> None:
        """Pack a member's share of the weights, and of their transposes where there is a way back.

        Waits until all members are done with changing the weights.
        """
        V = self._V
        gemm.repack(V, self._V_back, self.weights.V, worker, meeting)
        for i, layer in enumerate(self.weights.layers):
            gemm.repack(self._W[i], self._W_back[i], layer.W, worker, meeting)
            if i:
                gemm.repack(self._U[i], self._U_back[i], layer.U, worker, meeting)

    def _layers_forward(
        self, window: Window, first: int, last: int, steps: int, keys: tuple[int, ...], meeting: Meeting
    ) -> tuple[Array, int]:
        """Run the layers forward; return what the last one hands up, and the slot of its first step."""
        below, slot = window.states[0][0], 1
        for i, layer in enumerate(self.weights.layers):
            z, states = window.z[i], window.states[i]
            if i == 0:
                inputs.feed_symbols(z, layer.U, layer.b, window.ids, first, last, steps, meeting)
            else:
                inputs.feed_below(z, layer.U.shape[1], self._U[i], layer.b, below, slot, first, last, steps)
            self.kernels.forward(z, states, self._W[i], first, last, steps)
            below, slot = states[0], 1
            if keys:
                keep = 1.0 - window.dropout
                inputs.drop(window.dropped[i], below, window.masks[i], keep, keys[i], first, last, steps)
                below, slot = window.dropped[i], 0
        return below, slot

    def forward(self, window: Window, first: int, last: int, steps: int) -> None:
        """Run rows `first` to `last` of a window forward, from the carried states to the logits."""
        below, slot = self._layers_forward(window, first, last, steps, (), ALONE)
        output.forward(window.logits, self._V, self.weights.c, below, slot, first, last, steps)

    def losses(self, window: Window, first: int, last: int, steps: int) -> None:
        """Write the losses in nats; the logits are used up."""
        symbols = self.architecture.vocabulary
        output.softmax_cross_entropy(window.logits, window.targets, window.losses, symbols, 1.0, first, last, steps)

    def forward_backward(
        self,
        window: Window,
        first: int,
        last: int,
        steps: int,
        scale: float,
        dropout_keys: tuple[int, ...] = (),
        meeting: Meeting = ALONE,
    ) -> None:
        """Run rows `first` to `last` forward and back: losses, and each z the gradient of what entered its gates.

        The gradient is that of the sum of losses times `scale`; that of the carried states is left in slot 0 of
        ``window.gradients``. `dropout_keys`, one a layer, are the seeds of this step's masks; without them nothing is
        dropped. Waits at the meeting for others who still pack weights.
        """
        below, slot = self._layers_forward(window, first, last, steps, dropout_keys, meeting)
        output.forward_backward(
            window.logits,
            self._V,
            self.weights.c,
            below,
            slot,
            window.targets,
            window.losses,
            self.architecture.vocabulary,
            scale,
            window.gradients[-1][0],
            self._V_back,
            first,
            last,
            steps,
        )
        for i in range(self.architecture.layers - 1, -1, -1):
            gradients = window.gradients[i]
            if dropout_keys:
                inputs.drop_gradient(gradients[0], window.masks[i], first, last, steps)
            self.kernels.backward(window.z[i], window.states[i], gradients, self._W_back[i], first, last, steps)
            if i:
                fed = self.weights.layers[i].U.shape[1]
                inputs.feed_back(window.gradients[i - 1][0], window.z[i], fed, self._U_back[i], first, last, steps)

    def add_gradients(
        self, window: Window, worker: int, meeting: Meeting, steps: int, *, dropped: bool = False
    ) -> None:
        """Add a member's columns of every weight's gradient over the window to ``gradient``.

        Waits first until all members have gone back over their rows.
        """
        workers = meeting[1]
        rows = steps * window.batch_size
        scratch = self._scratch[worker]
        ids = window.ids.reshape(-1)
        below: Array | None = None
        for i, layer in enumerate(self.gradient.layers):
            dz = window.z[i].reshape(-1, window.z[i].shape[2])
            h = window.states[i][0].reshape(-1, layer.W.shape[0])
            if below is None:
                gradients.add_first_layer(layer.U, layer.W, layer.b, ids, dz, h, rows, worker, scratch, meeting)
            else:
                gradients.add_deeper_layer(layer.U, layer.W, layer.b, below, dz, h, rows, worker, scratch, workers)
            below = window.dropped[i].reshape(-1, h.shape[1]) if dropped else h[window.batch_size :]
        d_logits = window.logits.reshape(-1, window.logits.shape[2])
        gradients.add_output(self.gradient.V, self.gradient.c, below, d_logits, rows, worker, scratch, workers)
