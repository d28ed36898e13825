"""A network, and its forward and backward pass over a window of text."""

import importlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import heard
from charrnn.errors import CharrnnError
from charrnn.kernels import barrier, forward_pass, softmax
from charrnn.kernels.arguments import (
    NO_DROPOUT,
    Back,
    Drawing,
    Dropout,
    Net,
    OptimizerArguments,
    Packed,
    Part,
    Picked,
    Plan,
    Rooms,
    Sample,
    Scan,
    Step,
    Windows,
)
from charrnn.kernels.example_arguments import Backs, Batch, Batches, Encoder, Handed, Head
from charrnn.kernels.llvm.cache import cache_folder, has_compiled
from charrnn.kernels.llvm.vector import padded
from charrnn.model.example_batches import EncodedExamples, Pieces, batches_of
from charrnn.model.example_window import ExampleWindow
from charrnn.model.parameters import Array, Parameters, aligned, nbytes_of
from charrnn.model.team import Team
from charrnn.model.window import Window

NEVER = -1e30  # logit of a symbol that is not to be written; finite, as predictions have to be


class Network:
    """A network with its weights, its gradient and its weights packed for products.

    When a team trains it, each member takes its rows of the batch, then its columns of the weights.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Mapping[str, Array] | None = None,
        *,
        picking: bool = False,
        weights: Parameters | None = None,
    ) -> None:
        """Make a network with given parameters; without them, all are zero, and take no memory yet.

        If `picking`, training steps can pick rows of all large matrices. Its weights can be parts of another network's.
        """
        self.architecture = architecture
        self.weights = weights or Parameters(architecture, picking=picking)
        self.encoder: Network | None = None
        if architecture.encoder is not None:
            self.encoder = Network(architecture.encoder, weights=self.weights.encoder)
        self.kernels: Any = importlib.import_module(f"charrnn.kernels.{architecture.row.family}")
        self.flags = sum(self.kernels.FLAGS[flag] for flag in architecture.flags)
        self._packed = self._room(full=True)
        self._transposed = self._room(full=False)  # allocated in `prepare_training`
        self.gradient: Parameters | None = None
        self._loop: tuple[str, str] | None = None  # the module and the name of the kernel that trains
        self._packing = threading.Lock()
        self._is_packed = False  # packed when first needed, as packing may have to compile
        # What training leaves to be done before the network reads: all of V is packed, and the embedding times U known.
        self._is_whole = False
        self._looked_up = self.weights.blocks.first_U
        self._looks_up = architecture.embedding > 0 and not architecture.reads_examples
        if self._looks_up:
            stacks, _, fed = self._looked_up.shape
            self._looked_up = aligned(stacks, len(self.weights.blocks.E), fed)
        if parameters is not None:
            self.assign((name, parameters[name]) for name in self.weights.named)

    def assign(self, parameters: Iterable[tuple[str, Array]]) -> None:
        """Set parameters by their names."""
        for name, values in parameters:
            view = self.weights.named[name]
            view[...] = values
            own = self.architecture.encoder if name.startswith("encoder.") else self.architecture
            if own and own.periods and name.endswith(".W") and name != "given.W":
                view *= heard(own)  # a file can have weights where a unit reads nothing
        self._is_packed = False

    def without(self, symbol: int) -> "Network":
        """Return a copy that never predicts a symbol; the other probabilities are those given that it does not come."""
        other = Network(self.architecture, self.weights.named)
        other.weights.named["output.c"][symbol] = NEVER
        other.weights.blocks = other.weights.blocks._replace(initial=self.weights.blocks.initial)  # see `given`
        return other

    def _room(self, *, full: bool) -> Packed:
        """Allocate packed matrices; they are empty unless `full`."""
        weights = self.weights.blocks
        matrices = weights.U, weights.W, weights.extra, weights.V, weights.first_U, weights.attention
        shapes = [(*block.shape[:-2], block.shape[-2] * block.shape[-1] if full else 0) for block in matrices]
        if not self._multiplies:  # rows of a first U are only looked up
            shapes[-2] = (len(weights.first_U), 0)
        return Packed(*(aligned(*shape) for shape in shapes))

    @property
    def _multiplies(self) -> bool:
        """Whether the first layers multiply what they read: numbers, or an embedding."""
        return self.architecture.embedding > 0 or self.architecture.features > 0

    @property
    def nbytes(self) -> int:
        """The size of weights, gradient and packed weights in bytes."""
        gradient = [self.gradient.flat, self._scratch] if self.gradient else []
        looked_up = [self._looked_up] if self._looks_up else []
        packed = [
            self._packed,
            self._transposed,
            *([self.encoder._packed, self.encoder._transposed] if self.encoder else []),
        ]
        return nbytes_of([self.weights.flat, packed, gradient, looked_up])

    def prepare_training(self, workers: int, influence: Any = None, *, picking: bool = False) -> Parameters:
        """Allocate what the backward pass needs; return the gradient.

        It is for a team of `workers`. With an `Influence`, `train` learns in real time; if `picking`, it picks rows of
        large matrices.
        """
        self.gradient = self.weights.alike()
        self._transposed = self._room(full=True)
        self._is_packed = False
        # Imported here, as a network that only reads does not need these modules.
        self._backward: Any = importlib.import_module("charrnn.kernels.backward_pass")
        name = "rtrl" if influence is not None else "picked_loop" if picking else "training_loop"
        if self.architecture.reads_examples:
            name = "pairs_loop" if self.encoder else "examples_loop"
        loop: Any = importlib.import_module(f"charrnn.kernels.{name}")
        self._loop, self._train = (name, "train"), loop.train
        self._influence = ()
        if influence is not None:
            self._influence = influence.arguments
        size = self._scratch_size(workers)
        if self.encoder is not None:
            self.encoder.gradient, self.encoder._transposed = self.gradient.encoder, self.encoder._room(full=True)
            self.encoder._backward = self._backward
            size = max(size, self.encoder._scratch_size(workers))
        self._scratch = [aligned(size) for _ in range(workers)]
        return self.gradient

    def _scratch_size(self, workers: int) -> int:
        """Return the room that a worker needs for the gradients of the largest matrix."""
        scratch_size: Any = importlib.import_module("charrnn.kernels.weight_gradients").scratch_size
        weights = self.weights.blocks
        first = [weights.first_U] if self._multiplies else []
        more = weights.given, weights.attention
        heights = [block.shape[-2] for block in (weights.U, weights.W, weights.extra, *more, *first)]
        widths = [block.shape[-1] for block in (weights.first_U, weights.U, weights.W, weights.extra, *more)]
        size = max(scratch_size(max(heights), -(-width // workers)) for width in widths)
        _, symbols, inner = weights.V.shape  # of which a worker takes some rows, and all columns
        return int(max(size, scratch_size(padded(-(-symbols // workers)), inner)))

    def is_compiled(self, *, training: bool = False, sampling: bool = False) -> bool:
        """Return whether this machine has compiled the kernels before.

        They are the cell's, and those that sampling or training in real time needs.
        """
        scan = self.kernels.backward if training else self.kernels.forward
        others = sampling and ("drawing", "sample"), training and self._loop
        return scan.is_compiled(self.flags) and all(has_compiled(*other) for other in others if other)

    def compile(self) -> None:
        """Compile what a forward pass needs, by an empty pass."""
        window = Window(self.architecture, 1, 1)
        self.forward(window, 0, 0, 0)
        window.carry(0, 0, 0)

    def can_keep_compiled(self) -> bool:
        """Return whether compiled code is kept for the next run."""
        return cache_folder() is not None

    def pack(self) -> None:
        """Pack the weights after a change (`train` does so itself)."""
        forward_pass.pack_all(self.weights.blocks, self._packed, self._transposed, barrier.new())
        if self.encoder is not None:
            self.encoder.pack()
        self._is_packed, self._is_whole = True, False

    def _prepare(self, *, reading: bool = True) -> None:
        """Pack the weights if they have changed, for reading or for training."""
        with self._packing:
            if not self._is_packed or (reading and not self._is_whole):
                self.pack()
            if reading and not self._is_whole and self._looks_up:
                kernels: Any = importlib.import_module("charrnn.kernels.picked_rows")
                kernels.embed_all(self._looked_up, self.weights.blocks, self._packed)
            self._is_whole = self._is_whole or reading

    @property
    def _net(self) -> Net:
        """The network as kernels of the forward pass take it."""
        scan = Scan(self.kernels.forward.address(self.flags), self.flags)
        weights = self.weights.blocks._replace(first_U=self._looked_up)
        return Net(scan, weights, self._packed, self.architecture.predicted)

    @property
    def _back(self) -> Back:
        """What kernels of the backward pass take in addition."""
        assert self.gradient is not None
        scan, extra = (kernel.address(self.flags) for kernel in (self.kernels.backward, self.kernels.extra_gradients))
        return Back(scan, extra, self._transposed, self.gradient.blocks)

    def forward(self, window: Window, first: int, last: int, steps: int) -> None:
        """Run rows `first` to `last` of a window forward.

        The pass goes from the carried states to the logits. Raises CharrnnError for a network that reads a condition:
        see `model.given`.
        """
        if self.architecture.conditions:
            raise CharrnnError("this model generates under a condition; name one with --given")
        self._prepare()
        forward_pass.forward(self._net, window.buffers, window.ids, NO_DROPOUT, Part(first, last, 0, steps))

    def forward_examples(self, window: ExampleWindow, batch: Batch, first: int, last: int) -> None:
        """Run rows `first` to `last` of a batch of whole examples forward, from the initial states to the outputs."""
        self._prepare()
        if self.encoder is not None:
            self._forward_pairs("forward", window, batch, first, last)
            return
        kernels: Any = importlib.import_module("charrnn.kernels.examples_forward")
        kernels.forward(self._net, window.buffers, window.head, batch, Part(first, last, 0, batch.length))

    def read_sources(self, window: ExampleWindow, batch: Batch, first: int, last: int) -> None:
        """Read the sources of rows `first` to `last` of a batch of pairs; the decoder is to go on with `read_on`."""
        self._prepare()
        self._forward_pairs("read_sources", window, batch, first, last)

    def read_on(self, window: ExampleWindow, batch: Batch, first: int, last: int) -> None:
        """Let the decoder read a batch from the states in slot 0 to the outputs, and carry the states on there."""
        self._prepare()
        self._forward_pairs("read_on", window, batch, first, last)
        window.carry(first, last, batch.length)

    def _forward_pairs(self, kernel: str, window: ExampleWindow, batch: Batch, first: int, last: int) -> None:
        kernels: Any = importlib.import_module("charrnn.kernels.pairs")
        arguments = window.head, self._encoder(window), batch, Part(first, last, 0, batch.length)
        getattr(kernels, kernel)(self._net, window.buffers, *arguments)

    def _encoder(self, window: ExampleWindow) -> Encoder:
        """Return the encoder as kernels take it, with its window."""
        assert self.encoder is not None
        assert window.source is not None
        a = self.encoder.architecture
        handed = Handed(len(a.row.learnable_states), a.outputs, a.hidden)
        return Encoder(self.encoder._net, window.source.buffers, window.source.head, handed, window.attention)

    def compile_examples(self) -> None:
        """Compile what reading whole examples needs, by an empty batch."""
        window = ExampleWindow(self.architecture, 1, 1)
        sources = None if self.encoder is None else EncodedExamples(Pieces.none())
        empty = EncodedExamples(Pieces.none(), sources=sources)
        batches = empty.batches([np.zeros(0, np.int64)], self.architecture, 1)
        self.forward_examples(window, batches_of(batches)[0], 0, 0)
        if self.encoder is not None:
            self.read_sources(window, batches_of(batches)[0], 0, 0)
            self.read_on(window, batches_of(batches)[0], 0, 0)

    def forward_numbers(self, window: Window, U: Array, numbers: Array) -> None:
        """Run a window's layers over numbers instead of symbols.

        numbers [T, B, N]; the layers start from the carried states. U [≥N, G] is the first layer's, padded.
        """
        self._prepare()
        steps, rows, inputs = numbers.shape
        x = aligned(steps + 1, rows, len(U))
        x[1:, :, :inputs] = numbers
        forward_pass.forward_numbers(self._net, window.buffers, x, U, aligned(U.size), steps)

    def logits(self, h: Array) -> Array:
        """Return the logits [B, V] for outputs [B, H] of the top layer. The network must have one stack of layers."""
        self._prepare()
        padded_h = aligned(1, len(h), self.weights.blocks.V.shape[2])
        padded_h[0, :, : h.shape[1]] = h
        logits = aligned(1, len(h), self.weights.blocks.c.size)
        forward_pass.output(self._net, logits, padded_h)
        return logits[0, :, : self.architecture.vocabulary]

    def begin(self, window: Window, first: int, last: int) -> None:
        """Reset the carried states of rows `first` to `last`.

        The initial states are zeros, learned, or random.
        """
        initial = self.weights.blocks.initial
        window.states[:, :, 0, first:last] = 0.0
        for k in range(initial.shape[1]):
            window.states[k, :, 0, first:last] = initial[:, k, np.newaxis]

    def losses(self, window: Window, first: int, last: int, steps: int) -> None:
        """Write the losses in nats; this overwrites the logits."""
        symbols = self.architecture.vocabulary
        softmax.softmax_cross_entropy(window.logits, window.targets, window.losses, symbols, 1.0, first, last, steps)

    def sample(self, window: Window, drawing: Drawing, slot: int, first: int, last: int) -> int:
        """Draw and read a block of characters; return the next slot.

        It is -1 if predictions are not finite: see `kernels.drawing.sample`.
        """
        self._prepare()
        kernels: Any = importlib.import_module("charrnn.kernels.drawing")
        arguments = window.buffers, window.ids, NO_DROPOUT, drawing, slot, first, last
        next_slot: int = kernels.sample(self._net, *arguments)
        return next_slot

    def softmax_sample(self, own: Array | None = None) -> Sample:
        """Return what steps have of a softmax over a sample, with room for targets' `own` logits; or over all."""
        weights, none, addresses = self.weights.blocks, np.zeros(0, np.float32), (0, 0)
        if own is not None:
            kernels: Any = importlib.import_module("charrnn.kernels.sampled_softmax")
            addresses = kernels.loss.address(0), kernels.go_back.address(0)
        own = none.reshape(0, 0) if own is None else own
        return Sample(*addresses, none, np.zeros(0, np.int32), weights.V, weights.c, own)

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
        """Run the forward and the backward pass for some rows.

        For rows `first` to `last`, it writes the losses, and turns each z into the gradient of the gates'
        pre-activations. The gradient is that of the sum of losses times `scale`. Slot 0 of ``window.dh`` and
        ``window.d_others`` keep the gradient of the carried states. In rows that are `fresh` [B], which started from
        the initial states, it is cleared, and if the initial states are learned, added to theirs. `dropout_keys`, one
        per layer, are the seeds of this step's masks; without them nothing is dropped.
        """
        self._prepare()
        dropout = Dropout(1.0 - window.dropout, np.array(dropout_keys, np.int32))
        fresh = np.zeros(window.batch_size, np.bool_) if fresh is None else fresh
        step = Step(window.ids, window.targets, steps, scale, dropout, fresh, self.softmax_sample())
        self._backward.forward_backward_rows(self._net, self._back, window.buffers, step, first, last)

    def add_gradients(self, window: Window, team: Team, worker: int, steps: int, *, dropped: bool = False) -> None:
        """Add a member's columns of every weight's gradient to ``gradient``.

        The gradient is that over the window; the backward pass of all rows must be done.
        """
        dropout = Dropout(1.0, np.zeros(int(dropped), np.int32))
        arguments = window.ids, dropout, steps, team.member(worker), self._scratch[worker]
        self._backward.add_gradients_of_rows(self._net, self._back, window.buffers, *arguments)

    def train(
        self,
        team: Team,
        window: Window,
        optimizer: OptimizerArguments,
        windows: Windows | Batches,
        plan: Plan,
        more: tuple[Rooms, Picked] | tuple[Head] | tuple[()] = (),
    ) -> int:
        """Train on each window, with what `more` its kernel takes; return the number of steps.

        That is what a network picks if it was prepared so, or what it has for whole examples.

        All threads of the team take part. It ends after a step whose gradient norm is not finite. Losses and norms are
        written to the plan.
        """
        self._prepare(reading=False)
        net = self._net._replace(weights=self.weights.blocks)
        back: Back | Backs = self._back
        taken, shared = [0] * team.size, (*self._influence, *more)
        if self.encoder is not None and isinstance(window, ExampleWindow):
            back, shared = Backs(self._back, self.encoder._back), (*shared, self._encoder(window))

        def job(worker: int) -> None:
            arguments = optimizer, windows, plan, team.member(worker), self._scratch[worker]
            taken[worker] = self._train(net, back, window.buffers, *shared, *arguments)

        team.run(job)
        self._is_whole = False
        return taken[0]
