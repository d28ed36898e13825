"""A network's parameters in one flat vector, and how it goes forward and back over a window of text."""

import importlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells import Architecture
from charrnn.cells.architecture import gate_name
from charrnn.kernels import inputs, is_warm, output, padded, passes, whole_blocks
from charrnn.kernels.cache import cache_folder

Array = NDArray[np.float32]
Meeting = tuple[NDArray[np.int64], int]  # a barrier, and how many threads meet there


NOTHING: NDArray[np.int32] = np.zeros(0, np.int32)


def aligned(*shape: int) -> Array:
    """Return zeros that begin on a cache line, so that no vector load straddles two."""
    size = int(np.prod(shape))
    raw = np.zeros(size + 32, np.float32)  # for the alignment, and a vector read at the end
    skip = (-raw.ctypes.data % 64) // 4
    return raw[skip : skip + size].reshape(shape)


def _nbytes(values: Sequence[object]) -> int:
    """Add up the arrays in nested lists."""
    arrays = [value.nbytes for value in values if isinstance(value, np.ndarray)]
    return sum(arrays) + sum(_nbytes(value) for value in values if isinstance(value, list | tuple))


class Parameters:
    """All parameters of a network, or their gradient, or a moment of it: one flat vector and views into it.

    ``blocks`` are what kernels read, padded: U of the first layer [V, G·H], U of the others [L−1, H, G·H], W [L, H,
    G·H], b [L, G·H], V [H, V] and c [V]. ``named`` maps the names of ``Architecture.parameter_shapes()`` to views
    without the padding. The padding is zero and stays zero: nothing flows into it, so its gradient is zero too.
    """

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        """Make room for them, or use a vector that there is."""
        self.architecture = architecture
        cell, size, layers = architecture.row, padded(architecture.hidden), architecture.layers
        symbols = padded(architecture.vocabulary)
        fed, gates = len(cell.input_gates) * size, len(cell.gates) * size
        shapes: list[tuple[int, ...]] = [
            (architecture.vocabulary, fed),
            (layers - 1, size, fed),
            (layers, size, len(cell.recurrent_gates) * size),
            (layers, gates),
            (size, symbols),
            (symbols,),
        ]
        sizes = [int(np.prod(shape)) for shape in shapes]
        self.flat = aligned(whole_blocks(sum(sizes))) if flat is None else flat
        views, begin = [], 0
        for shape, length in zip(shapes, sizes, strict=True):
            views.append(self.flat[begin : begin + length].reshape(shape))
            begin += length
        self.blocks = tuple(views)
        self.named: dict[str, Array] = self._name(size)

    def _name(self, size: int) -> dict[str, Array]:
        cell, hidden = self.architecture.row, self.architecture.hidden
        first_U, U, W, b, V, c = self.blocks
        named = {}
        for layer in range(self.architecture.layers):
            for letter, block, gates in (
                ("U", U[layer - 1] if layer else first_U, cell.input_gates),
                ("W", W[layer], cell.recurrent_gates),
                ("b", b[layer], cell.gates),
            ):
                rows = self.architecture.inputs(layer) if letter == "U" else hidden
                for place, gate in enumerate(gates):
                    columns = slice(place * size, place * size + hidden)
                    view = block[columns] if letter == "b" else block[:rows, columns]
                    named[f"layer{layer}.{gate_name(letter, gate)}"] = view
        named["output.V"] = V[:hidden, : self.architecture.vocabulary]
        named["output.c"] = c[: self.architecture.vocabulary]
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

    ``ids`` and ``targets`` [T, B]; ``z`` [L, T, B, G·H], the gates; ``states`` [S, L, T+1, B, H], slot 0
    being the carried ones; ``dh`` [L, T+1, B, H] and ``other_gradients`` [S−1, L, 1, B, H], their gradients; ``losses``
    [T, B] in nats. H and V are padded.
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
        B, T, L = batch_size, seq_length, architecture.layers
        self.batch_size, self.seq_length, self.dropout = B, T, dropout
        self.hidden = architecture.hidden
        self.ids = np.zeros((T, B), np.int32)
        self.targets = np.zeros((T, B), np.int32)
        self.losses = np.zeros((T, B), np.float32)
        self.z = aligned(L, T, B, len(cell.gates) * size)
        self.states = aligned(len(cell.states), L, T + 1, B, size)
        # The gradient of h has a slot for each step; those of further states live for a step only.
        self.dh = aligned(L, T + 1 if training else 0, B, size)
        self.other_gradients = aligned(len(cell.states) - 1, L, 1 if training else 0, B, size)
        self.dropped, self.masks = (aligned(L, T if dropout else 0, B, size) for _ in range(2))
        self.logits = aligned(T, B, symbols)
        self.buffers = (
            self.z,
            self.states,
            self.dh,
            self.other_gradients,
            self.dropped,
            self.masks,
            self.logits,
            self.losses,
        )

    @property
    def nbytes(self) -> int:
        """Bytes that the buffers take."""
        return _nbytes([self.ids, self.targets, self.buffers])

    def carry(self, first: int, last: int, steps: int) -> None:
        """Make the last states of rows `first` to `last` the carried ones."""
        inputs.carry(self.states, first, last, steps)

    def carried(self) -> Array:
        """Return a copy of the carried states [layers, states, B, H]."""
        return self.states[:, :, 0, :, : self.hidden].swapaxes(0, 1).copy()

    def assign_carried(self, values: Array) -> None:
        """Set the carried states from [layers, states, B, H]; raise ValueError where they do not fit."""
        carried = self.states[:, :, 0, :, : self.hidden].swapaxes(0, 1)
        if values.shape != carried.shape:
            raise ValueError("the carried states are those of another network")
        carried[...] = values

    def begin(self, rows: slice = slice(None)) -> None:
        """Set the carried states of some rows to zero."""
        self.states[:, :, 0, rows] = 0.0

    def next_epoch(self) -> None:
        """Hand each stream's state to the next stream, which goes on where it ended; the first begins anew."""
        carried = self.states[:, :, 0]
        carried[:, :, 1:] = carried[:, :, :-1].copy()
        carried[:, :, 0] = 0.0


class Network:
    """A network with its weights, its gradient and its weights packed for products.

    Where a team trains, each member calls `train`: it computes its rows of the batch, then its columns of the weights.
    """

    def __init__(self, architecture: Architecture, parameters: Mapping[str, Array]) -> None:
        self.architecture = architecture
        self.weights = Parameters(architecture)
        self.weights.assign(parameters)
        self.kernels: Any = importlib.import_module(f"charrnn.kernels.{architecture.row.family}")
        self._packed = self._room(full=True)
        self._back = self._room(full=False)  # the transposes for the way back get their room in `prepare_training`
        self.gradient: Parameters | None = None
        self._packing = threading.Lock()
        self._is_packed = False  # it is when they are first needed, as that may have to compile

    def _room(self, *, full: bool) -> tuple[Array, Array, Array]:
        """Return room for U [L−1, ·], W [L, ·] and V [·], packed, or none."""
        _, U, W, _, V, _ = self.weights.blocks
        sizes = [block[0].size if full and len(block) else 0 for block in (U, W)]
        return aligned(len(U), sizes[0]), aligned(len(W), sizes[1]), aligned(V.size if full else 0)

    @property
    def nbytes(self) -> int:
        """Bytes that weights, gradient and packed weights take."""
        gradient = [self.gradient.flat, self._scratch] if self.gradient else []
        return _nbytes([self.weights.flat, self._packed, self._back, gradient])

    def prepare_training(self, workers: int) -> Parameters:
        """Make room for the way back, for a team of so many; return the room for the gradient."""
        self.learning: Any = importlib.import_module("charrnn.kernels.training")  # what only reads does without it
        gradients: Any = importlib.import_module("charrnn.kernels.gradients")
        first_U, U, W, _, V, _ = self.weights.blocks
        shapes = [block.shape[-2:] for block in (first_U, U, W, V)]
        size = max(
            gradients.scratch_size(max(rows for rows, _ in shapes[1:]), -(-columns // workers)) for _, columns in shapes
        )
        self._scratch = [aligned(size) for _ in range(workers)]
        self.gradient = Parameters(self.architecture)
        self._back = self._room(full=True)
        self._is_packed = False
        return self.gradient

    def is_compiled(self, *, training: bool = False, sampling: bool = False) -> bool:
        """Tell whether this machine keeps compiled code of the cell's kernels, and of others, from an earlier run."""
        scans = is_warm(self.architecture.row.family, "backward" if training else "forward")
        return scans and (not sampling or is_warm("sampling", "sample"))

    def compile(self) -> None:
        """Compile what a forward pass needs, by a pass of no length."""
        window = Window(self.architecture, 1, 1)
        self.forward(window, 0, 0, 0)
        window.carry(0, 0, 0)

    def keeps_compiled(self) -> bool:
        """Tell whether compiled code is kept on this machine for the next run."""
        return cache_folder() is not None

    def pack(self) -> None:
        """Pack the weights after they have changed: `train` does so itself."""
        passes.pack_all(self.weights.blocks, self._packed, self._back)
        self._is_packed = True

    def _pack_once(self) -> None:
        with self._packing:
            if not self._is_packed:
                self.pack()

    def forward(self, window: Window, first: int, last: int, steps: int) -> None:
        """Run rows `first` to `last` of a window forward, from the carried states to the logits."""
        self._pack_once()
        passes.forward(*self._reading(window), first, last, 0, steps)

    def _reading(self, window: Window) -> tuple[Any, ...]:
        """Return what kernels need that read a text."""
        return self.kernels.forward.address, self.weights.blocks, self._packed, window.buffers, window.ids, NOTHING

    def losses(self, window: Window, first: int, last: int, steps: int) -> None:
        """Write the losses in nats; the logits are used up."""
        symbols = self.architecture.vocabulary
        output.softmax_cross_entropy(window.logits, window.targets, window.losses, symbols, 1.0, first, last, steps)

    def sample(
        self, window: Window, controls: Any, recent: Any, room: Array, chances: Any, drawn: Any, slot: int, part: Any
    ) -> int:
        """Draw and read a block of characters, as `kernels.sampling.sample` says; return the next slot or -1."""
        self._pack_once()
        sampling: Any = importlib.import_module("charrnn.kernels.sampling")
        symbols = self.architecture.vocabulary
        arguments = symbols, controls, recent, room, chances, drawn, slot, part
        next_slot: int = sampling.sample(*self._reading(window), *arguments)
        return next_slot

    def forward_backward(
        self, window: Window, first: int, last: int, steps: int, scale: float, dropout_keys: tuple[int, ...] = ()
    ) -> None:
        """Run rows `first` to `last` forward and back: losses, and each z the gradient of what entered its gates.

        The gradient is that of the sum of losses times `scale`; that of the carried states is left in slot 0 of
        ``window.dh`` and ``window.other_gradients``. `dropout_keys`, one a layer, are the seeds of this step's masks;
        without them nothing is dropped.
        """
        self._pack_once()
        self.learning.forward_backward(
            self.kernels.forward.address,
            self.kernels.backward.address,
            self.weights.blocks,
            self._packed,
            self._back,
            window.buffers,
            window.ids,
            window.targets,
            self.architecture.vocabulary,
            scale,
            1.0 - window.dropout,
            np.array(dropout_keys, np.int32),
            first,
            last,
            steps,
        )

    def add_gradients(self, window: Window, worker: int, workers: int, steps: int, *, dropped: bool = False) -> None:
        """Add a member's columns of every weight's gradient over the window to ``gradient``.

        All members must have gone back over their rows.
        """
        assert self.gradient is not None
        scratch = self._scratch[worker]
        self.learning.add_gradients(
            self.gradient.blocks, window.buffers, window.ids, dropped, worker, workers, steps, scratch
        )

    def train(self, window: Window, optimiser: Any, windows: Any, plan: Any, worker: int, meeting: Meeting) -> int:
        """Do a member's share of many steps of training, as `kernels.training.train` says; return their number."""
        assert self.gradient is not None
        self._pack_once()
        done: int = self.learning.train(
            self.kernels.forward.address,
            self.kernels.backward.address,
            self.weights.blocks,
            self._packed,
            self._back,
            self.gradient.blocks,
            window.buffers,
            optimiser,
            windows,
            plan,
            self.architecture.vocabulary,
            worker,
            meeting,
            self._scratch[worker],
        )
        return done
