"""How a network goes forward and back over a window of text."""

import importlib
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import heard
from charrnn.kernels import forward_pass, softmax
from charrnn.kernels.arguments import Plan, Windows
from charrnn.kernels.llvm.cache import cache_folder, is_warm
from charrnn.model.parameters import Array, Parameters, aligned, nbytes_of
from charrnn.model.team import Team
from charrnn.model.window import Window

NOTHING: NDArray[np.int32] = np.zeros(0, np.int32)


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
        return nbytes_of([self.weights.flat, self._packed, self._back, gradient])

    def prepare_training(self, workers: int, influence: Any = None) -> Parameters:
        """Make room for the way back, for a team of so many; return the room for the gradient.

        With an `Influence`, `train` learns in real time.
        """
        self.learning: Any = importlib.import_module("charrnn.kernels.training_loop")  # what only reads does without it
        self._train, self._influence, self._in_real_time = self.learning.train, (), influence is not None
        if influence is not None:
            real_time: Any = importlib.import_module("charrnn.kernels.rtrl")
            self._train, self._influence = real_time.train, influence.arguments
        gradients: Any = importlib.import_module("charrnn.kernels.weight_gradients")
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
        others = sampling and ("drawing", "sample"), training and self._in_real_time and ("rtrl", "train")
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
        forward_pass.pack_all(self.weights.blocks, self._packed, self._back)
        self._is_packed = True

    def _pack_once(self) -> None:
        with self._packing:
            if not self._is_packed:
                self.pack()

    def forward(self, window: Window, first: int, last: int, steps: int) -> None:
        """Run rows `first` to `last` of a window forward, from the carried states to the logits."""
        self._pack_once()
        forward_pass.forward(*self._reading(window), first, last, 0, steps)

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
        softmax.softmax_cross_entropy(window.logits, window.targets, window.losses, symbols, 1.0, first, last, steps)

    def sample(
        self, window: Window, controls: Any, recent: Any, room: Array, chances: Any, drawn: Any, slot: int, part: Any
    ) -> int:
        """Draw and read a block of characters, as `kernels.sampling.sample` says; return the next slot or -1."""
        self._pack_once()
        sampling: Any = importlib.import_module("charrnn.kernels.drawing")
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

    def train(self, team: Team, window: Window, optimizer: Any, windows: Windows, plan: Plan) -> int:
        """Take a step of training for each window, on all threads of a team; return how many were taken.

        It ends after a step whose gradient has a norm that is not finite. Losses and norms are written to the plan.
        """
        assert self.gradient is not None
        gradient = self.gradient
        self._pack_once()
        taken = [0] * team.size

        def job(worker: int) -> None:
            taken[worker] = self._train(
                self._scans,
                self.weights.blocks,
                self._packed,
                self._back,
                gradient.blocks,
                window.buffers,
                *self._influence,
                optimizer,
                windows,
                plan,
                self.architecture.vocabulary,
                worker,
                team.meeting,
                self._scratch[worker],
            )

        team.run(job)
        return taken[0]
