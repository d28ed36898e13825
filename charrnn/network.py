"""A network's parameters in one flat vector, and how it goes forward and back over a window of text."""

import importlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells import Architecture, heard
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

    ``blocks`` are what kernels read, padded, as `kernels.passes` lists them. ``named`` maps the names of
    ``Architecture.parameter_shapes()`` to views without the padding. The padding is zero and stays zero: nothing flows
    into it, so its gradient is zero too.
    """

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        """Make room for them, or use a vector that there is."""
        self.architecture = architecture
        cell, size, stacks = architecture.row, padded(architecture.hidden), architecture.directions
        inner, symbols = padded(architecture.outputs), padded(architecture.vocabulary)
        layers = stacks * architecture.layers
        fed, gates = len(cell.input_gates) * size, len(cell.gates) * size
        columns = len(cell.further[0]) * padded(architecture.further_size) if cell.further else 0
        learned = len(cell.learnable_states) if architecture.learned_state else 0
        shapes: dict[str, tuple[int, ...]] = {
            "first_U": (stacks, architecture.symbols(stacks - 1), fed),
            "U": (layers - stacks, inner, fed),
            "W": (layers, inner, len(cell.recurrent_gates) * size),
            "b": (layers, gates),
            "V": (stacks, inner, symbols),
            "c": (symbols,),
            "further": (layers, len(cell.further), size, columns),
            "peepholes": (layers, len(cell.peepholes), size),
            "initial": (layers, learned, size),
        }
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        self.flat = aligned(whole_blocks(sum(sizes))) if flat is None else flat
        views, begin = {}, 0
        for (name, shape), length in zip(shapes.items(), sizes, strict=True):
            views[name] = self.flat[begin : begin + length].reshape(shape)
            begin += length
        periods = aligned(size)
        periods[: architecture.hidden] = architecture.unit_periods()
        order = ("first_U", "U", "W", "further", "peepholes", "b", "initial", "V", "c")
        self.blocks = (*(views[name] for name in order), periods)
        named = dict(self._name(views, size))
        self.named: dict[str, Array] = {name: named[name] for name in architecture.parameter_shapes()}

    def _name(self, views: Mapping[str, Array], size: int) -> Iterator[tuple[str, Array]]:
        architecture = self.architecture
        cell, hidden, outputs, depth = architecture.row, architecture.hidden, architecture.outputs, architecture.layers
        learned = cell.learnable_states if architecture.learned_state else ()
        for layer in range(architecture.directions * depth):
            stack, level = divmod(layer, depth)
            prefix = f"{'reverse.' * stack}layer{level}."
            rows = architecture.inputs(level, stack)
            for letter, block, gates in (
                ("U", views["U"][layer - 1 - stack] if level else views["first_U"][stack], cell.input_gates),
                ("W", views["W"][layer], cell.recurrent_gates),
                ("b", views["b"][layer], cell.gates),
            ):
                height = {"U": rows, "W": outputs}.get(letter)
                for place, gate in enumerate(gates):
                    columns = slice(place * size, place * size + hidden)
                    view = block[columns] if height is None else block[:height, columns]
                    yield prefix + gate_name(letter, gate), view
            width = padded(architecture.further_size)
            for block, names in zip(views["further"][layer], cell.further, strict=True):
                for place, name in enumerate(names):
                    yield prefix + name, block[:hidden, place * width : place * width + architecture.further_size]
            for vector, gate in zip(views["peepholes"][layer], cell.peepholes, strict=True):
                yield f"{prefix}p_{gate}", vector[:hidden]
            for vector, state in zip(views["initial"][layer], learned, strict=True):
                yield f"{prefix}{state}0", vector[: architecture.width(state)]
        for stack in range(architecture.directions):
            yield f"output.V{'_reverse' * stack}", views["V"][stack][:outputs, : architecture.vocabulary]
        yield "output.c", views["c"][: architecture.vocabulary]

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

    ``ids`` [D·T, B], of a bidirectional network what is read from the left and then what is read from the right;
    ``targets`` [T, B]; ``z`` [D·L, T, B, G·H], the gates; ``states`` [S, D·L, T+1, B, H], slot 0 being the carried
    ones, and behind them what else is kept of each step; ``dh`` [D·L, T+1, B, H] and ``other_gradients``
    [S−1, D·L, 1, B, H], their gradients; ``losses`` [T, B] in nats. H and V are padded.
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
        B, T, L = batch_size, seq_length, architecture.directions * architecture.layers
        self.batch_size, self.seq_length, self.dropout = B, T, dropout
        self.hidden, self._carried = architecture.hidden, len(cell.states)
        kept = self._carried + len(cell.kept)
        learned = len(cell.learnable_states) if architecture.learned_state and training else 0
        self.ids = np.zeros((architecture.directions * T, B), np.int32)
        self.targets = np.zeros((T, B), np.int32)
        self.losses = np.zeros((T, B), np.float32)
        self.z = aligned(L, T, B, len(cell.gates) * size)
        self.states = aligned(kept, L, T + 1, B, size)
        # The gradient of h has a slot for each step; those of further states live for a step only.
        self.dh = aligned(L, T + 1 if training else 0, B, size)
        self.other_gradients = aligned(kept - 1, L, 1 if training else 0, B, size)
        self.dropped = aligned(L, T + 1 if dropout else 0, B, size)
        self.masks = aligned(L, T if dropout else 0, B, size)
        self.logits = aligned(T, B, symbols)
        self.begun = aligned(learned, L, B, size)
        self.buffers = (
            self.z,
            self.states,
            self.dh,
            self.other_gradients,
            self.dropped,
            self.masks,
            self.logits,
            self.losses,
            self.begun,
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
        return self._carried_view().copy()

    def assign_carried(self, values: Array) -> None:
        """Set the carried states from [layers, states, B, H]; raise ValueError where they do not fit."""
        carried = self._carried_view()
        if values.shape != carried.shape:
            raise ValueError("the carried states are those of another network")
        carried[...] = values

    def _carried_view(self) -> Array:
        return self.states[: self._carried, :, 0, :, : self.hidden].swapaxes(0, 1)

    def next_epoch(self) -> None:
        """Hand each stream's state to the next stream, which goes on where it ended; the first has to begin anew."""
        carried = self.states[:, :, 0]
        carried[:, :, 1:] = carried[:, :, :-1].copy()


class Network:
    """A network with its weights, its gradient and its weights packed for products.

    Where a team trains, each member calls `train`: it computes its rows of the batch, then its columns of the weights.
    """

    def __init__(self, architecture: Architecture, parameters: Mapping[str, Array]) -> None:
        self.architecture = architecture
        self.weights = Parameters(architecture)
        self.weights.assign(parameters)
        if architecture.periods:  # a file may say that a unit hears what it does not
            for name, view in self.weights.named.items():
                if name.endswith(".W"):
                    view *= heard(architecture)
        self.kernels: Any = importlib.import_module(f"charrnn.kernels.{architecture.row.family}")
        self.flags = sum(self.kernels.FLAGS[flag] for flag in architecture.flags)
        self._packed = self._room(full=True)
        self._back = self._room(full=False)  # the transposes for the way back get their room in `prepare_training`
        self.gradient: Parameters | None = None
        self._in_real_time = False
        self._packing = threading.Lock()
        self._is_packed = False  # it is when they are first needed, as that may have to compile

    def _room(self, *, full: bool) -> tuple[Array, ...]:
        """Return room for U, W, the further matrices and V, packed, or none."""
        _, U, W, further, _, _, _, V, _, _ = self.weights.blocks
        shapes = [(*block.shape[:-2], block.shape[-2] * block.shape[-1] if full else 0) for block in (U, W, further, V)]
        return tuple(aligned(*shape) for shape in shapes)

    @property
    def nbytes(self) -> int:
        """Bytes that weights, gradient and packed weights take."""
        gradient = [self.gradient.flat, self._scratch] if self.gradient else []
        return _nbytes([self.weights.flat, self._packed, self._back, gradient])

    def prepare_training(self, workers: int, influence: Any = None) -> Parameters:
        """Make room for the way back, for a team of so many; return the room for the gradient.

        With an `Influence`, `train` learns in real time.
        """
        self.learning: Any = importlib.import_module("charrnn.kernels.training")  # what only reads does without it
        self._train, self._influence, self._in_real_time = self.learning.train, (), influence is not None
        if influence is not None:
            real_time: Any = importlib.import_module("charrnn.kernels.rtrl")
            self._train, self._influence = real_time.train, influence.arguments
        gradients: Any = importlib.import_module("charrnn.kernels.gradients")
        first_U, U, W, further, _, _, _, V, _, _ = self.weights.blocks
        shapes = [block.shape[-2:] for block in (first_U, U, W, V, further)]
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
        scan = self.kernels.backward if training else self.kernels.forward
        others = sampling and ("sampling", "sample"), training and self._in_real_time and ("rtrl", "train")
        return scan.is_kept(self.flags) and all(is_warm(*other) for other in others if other)

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
        reader = self.kernels.forward.address(self.flags), self.flags
        return reader, self.weights.blocks, self._packed, window.buffers, window.ids, NOTHING

    @property
    def _scans(self) -> tuple[int, int, int, int]:
        """The cell's kernels, as `kernels.training` calls them."""
        kernels = self.kernels.forward, self.kernels.backward, self.kernels.further_gradients
        forward, backward, further = (kernel.address(self.flags) for kernel in kernels)
        return forward, backward, further, self.flags

    def begin(self, window: Window, first: int, last: int) -> None:
        """Set the carried states of rows `first` to `last` to those that a text begins from: zeros, or learned ones."""
        initial = self.weights.blocks[6]
        window.states[:, :, 0, first:last] = 0.0
        for k in range(initial.shape[1]):
            window.states[k, :, 0, first:last] = initial[:, k, np.newaxis]

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
        self,
        window: Window,
        first: int,
        last: int,
        steps: int,
        scale: float,
        dropout_keys: tuple[int, ...] = (),
        fresh: NDArray[np.bool_] | None = None,
    ) -> None:
        """Run rows `first` to `last` forward and back: losses, and each z the gradient of what entered its gates.

        The gradient is that of the sum of losses times `scale`; that of the carried states is left in slot 0 of
        ``window.dh`` and ``window.other_gradients``. `dropout_keys`, one a layer, are the seeds of this step's masks;
        without them nothing is dropped. Of rows that are `fresh` [B], which began from the first states, that gradient
        is theirs, if they are learnt.
        """
        self._pack_once()
        self.learning.go_back(
            self._scans,
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
            np.zeros(window.batch_size, np.bool_) if fresh is None else fresh,
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
        self.learning.add_up(
            self._scans, self.gradient.blocks, window.buffers, window.ids, dropped, worker, workers, steps, scratch
        )

    def train(self, window: Window, optimiser: Any, windows: Any, plan: Any, worker: int, meeting: Meeting) -> int:
        """Do a member's share of many steps of training, as `kernels.training.train` says; return their number."""
        assert self.gradient is not None
        self._pack_once()
        done: int = self._train(
            self._scans,
            self.weights.blocks,
            self._packed,
            self._back,
            self.gradient.blocks,
            window.buffers,
            *self._influence,
            optimiser,
            windows,
            plan,
            self.architecture.vocabulary,
            worker,
            meeting,
            self._scratch[worker],
        )
        return done
