"""A network whose cell is a user's function: computed and differentiated in NumPy, on one thread.

It has the same weights, windows, optimizers and states as any other `Network`; only the layers are computed elsewhere.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels import barrier, softmax, states, update
from charrnn.kernels.arguments import Drawing, OptimizerArguments, Plan, Windows
from charrnn.kernels.llvm.cache import has_compiled
from charrnn.kernels.llvm.vector import padded
from charrnn.model.network import Network
from charrnn.model.parameters import Array, Parameters, nbytes_of
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.own.cell_file import step_of
from charrnn.own.products import multiply
from charrnn.own.variable import OneHot, Tape, Variable, go_back

Layers = list[dict[str, Variable]]  # the parameters of each layer by their own names


def network_for(
    architecture: Architecture, parameters: Mapping[str, Array] | None = None, *, picking: bool = False, path: str = ""
) -> Network:
    """Make a network with given parameters, in NumPy if its cell is the user's own; ``path`` is its file, for errors.

    Raises CharrnnError if the user has not given the code of the cell.
    """
    if architecture.own is None:
        return Network(architecture, parameters, picking=picking)
    return OwnNetwork(architecture, parameters, path=path)


class OwnNetwork(Network):
    """A network with a cell of the user's own.

    The state's gradient at each step is in ``window.dh`` after a training step, as for other networks.
    """

    def __init__(
        self, architecture: Architecture, parameters: Mapping[str, Array] | None = None, *, path: str = ""
    ) -> None:
        assert architecture.own is not None
        self.step = step_of(architecture.own, path)
        self.architecture, self.encoder, self.gradient = architecture, None, None
        self.weights = Parameters(architecture)
        if parameters is not None:
            self.assign((name, parameters[name]) for name in self.weights.named)

    def without(self, symbol: int) -> "Network":
        """Return a copy that never predicts a symbol; see `Network.without`."""
        other = OwnNetwork(self.architecture, self.weights.named)
        other.weights.named["output.c"][symbol] = -1e30
        return other

    @property
    def nbytes(self) -> int:
        """The size of weights and gradient in bytes."""
        return nbytes_of([self.weights.flat, *([self.gradient.flat] if self.gradient else [])])

    def prepare_training(self, workers: int, influence: Any = None, *, picking: bool = False) -> Parameters:  # noqa: ARG002
        """Allocate and return the gradient."""
        self.gradient = self.weights.alike()
        return self.gradient

    def is_compiled(self, *, training: bool = False, sampling: bool = False) -> bool:
        """Return whether this machine has compiled the few kernels that it needs before."""
        needed = [("softmax", "softmax_cross_entropy"), ("states", "carry")]
        needed += [("update", "step_alone")] * training + [("drawing", "draw_character")] * sampling
        return all(has_compiled(*kernel) for kernel in needed)

    def compile(self) -> None:
        """Compile what reading needs, and rehearse the cell; raise CharrnnError for what is wrong with it."""
        window = Window(self.architecture, 1, 1)
        self.losses(window, 0, 0, 0)
        window.carry(0, 0, 0)
        self.step.rehearse(self._parameters(), self.architecture.vocabulary, self.architecture.hidden)

    def pack(self) -> None:
        """Do nothing: products read the weights as they are."""

    def _parameters(self) -> list[dict[str, Array]]:
        """Return the arrays that the cell takes, for each layer."""
        assert self.architecture.own is not None
        names, named = self.architecture.own.shapes, self.weights.named
        return [{name: named[f"layer{k}.{name}"] for name in names} for k in range(self.architecture.layers)]

    def _variables(self, tape: Tape | None = None) -> tuple[Layers, list[list[Variable]]]:
        """Return the parameters of each layer, and the learned initial states, which are empty if there are none."""
        layers = [{name: Variable(array, tape) for name, array in layer.items()} for layer in self._parameters()]
        named, kept = self.weights.named, self.architecture.stored_states
        learned = tape if self.architecture.first_state == "learned" else None
        initial = [
            [Variable(named[f"layer{k}.{state}0"], learned) for state in kept] for k in range(self.architecture.layers)
        ]
        return layers, initial

    def forward(self, window: Window, first: int, last: int, steps: int) -> None:
        """Run rows `first` to `last` of a window forward, from the carried states to the logits."""
        self._read(window, first, last, 0, steps)

    def _read(self, window: Window, first: int, last: int, begin: int, end: int) -> None:
        """Run rows forward, from the states in slot `begin` to the logits of the steps up to `end`."""
        if begin == end or first == last:
            return
        with np.errstate(all="ignore"):
            outputs = self._scan(window, self._variables(), slice(first, last), begin, end)
            for t, h in zip(range(begin, end), next(reversed(outputs)), strict=True):
                window.logits[t, first:last, : self.architecture.vocabulary] = self._output(h.value)

    def _output(self, h: Array) -> Array:
        """Return the logits [·, V] of outputs [·, H]."""
        logits: Array = multiply(h, self.weights.named["output.V"]) + self.weights.named["output.c"]
        return logits

    def _scan(
        self,
        window: Window,
        variables: tuple[Layers, list[list[Variable]]],
        rows: slice,
        begin: int,
        end: int,
        *,
        fresh: NDArray[np.bool_] | None = None,
        masks: Sequence[Array] = (),
        factors: Array | None = None,
    ) -> list[list[Variable]]:
        """Run all layers over steps; return the outputs of each step in each layer, and at last what the output reads.

        Rows that are `fresh` start from the initial states. After a gap, an id below 0, a row does so, too. The states
        are kept in the window. `masks` [T, B, H] of each layer multiply what it hands up, and `factors` [T, B] the
        symbols.
        """
        ids, hidden, symbols = window.ids[:, rows], self.architecture.hidden, self.architecture.vocabulary
        inputs: Sequence[Variable] = [
            OneHot(np.clip(ids[t], 0, symbols - 1), symbols, None if factors is None else factors[t])
            for t in range(begin, end)
        ]
        scanned = []
        for layer, (parameters, initial) in enumerate(zip(*variables, strict=True)):
            carried = window.states[:, layer, begin, rows, :hidden]
            now = [Variable(values.copy()) for values in carried]
            if fresh is not None and initial:
                now = _begun(now, initial, fresh)
            outputs = []
            for t, x in zip(range(begin, end), inputs, strict=True):
                now = self.step(x, now, parameters)
                if (gaps := ids[t] < 0).any():
                    now = _begun(now, initial, gaps)
                for k, state in enumerate(now):
                    window.states[k, layer, t + 1, rows, :hidden] = state.value
                outputs.append(next(iter(now)))
            scanned.append(outputs)
            inputs = [h * mask for h, mask in zip(outputs, masks[layer], strict=True)] if masks else outputs
        return [*scanned, list(inputs)]

    def sample(self, window: Window, drawing: Drawing, slot: int, first: int, last: int) -> int:
        """Draw and read a block of characters; return the next slot, or -1 if predictions are not finite."""
        drawing_kernels: Any = importlib.import_module("charrnn.kernels.drawing")
        for n in range(len(drawing.chances)):
            logits = window.logits[slot - 1]
            if not drawing_kernels.draw_character(logits, drawing, self.architecture.vocabulary, n, first, last):
                return -1
            if slot == window.seq_length:
                window.carry(first, last, slot)
                slot = 0
            window.ids[slot, first:last] = drawing.drawn.symbols[n, first:last]
            self._read(window, first, last, slot, slot + 1)
            slot += 1
        return slot

    def train(
        self,
        team: Team,
        window: Window,
        optimizer: OptimizerArguments,
        windows: Any,
        plan: Plan,
        more: Any = (),  # noqa: ARG002
    ) -> int:
        """Train on each window; return the number of steps.

        One thread of the team takes part. It ends after a step whose gradient norm is not finite. Losses and norms are
        written to the plan. Without windows, the cell is rehearsed.
        """
        if not windows.lengths.size:
            self.compile()
        taken = [0]

        def job(worker: int) -> None:
            if worker == 0:
                with np.errstate(all="ignore"):
                    while taken[-1] < windows.lengths.size:
                        taken.append(taken[-1] + 1)
                        if not self._train_on(window, optimizer, windows, plan, taken[-2]):
                            return

        team.run(job)
        return taken[-1]

    def _train_on(self, window: Window, optimizer: OptimizerArguments, windows: Windows, plan: Plan, k: int) -> bool:
        """Take training step k; return whether the norm of its gradient was finite."""
        steps, fresh, rows = int(windows.lengths[k]), plan.fresh[k], window.batch_size
        for row in np.flatnonzero(fresh).tolist():
            self.begin(window, row, row + 1)
        window.ids[:] = windows.ids[k]
        window.targets[:] = windows.targets[k]
        masks = [_mask(window, int(key), plan.keep, steps) for key in plan.keys[k]]
        tape: Tape = []
        variables = self._variables(tape)
        factors = plan.factors[k] if plan.factors[k].size else None
        scanned = self._scan(window, variables, slice(0, rows), 0, steps, fresh=fresh, masks=masks, factors=factors)
        self._go_back(window, variables, scanned, tape, float(plan.scales[k]))
        plan.losses[k] = window.losses[:steps].sum(dtype=np.float64)
        norm = 0.0
        if plan.scales[k] > 0.0:
            norm = update.step_alone(optimizer, float(plan.rates[k]), float(plan.updates[k]), barrier.new())
        plan.norms[k] = norm
        if not np.isfinite(norm):
            return False
        full = int(plan.full_rows[k])
        states.carry(window.states, 0, full, steps)
        states.carry(window.states, full, rows, steps - 1)
        return True

    def _go_back(
        self,
        window: Window,
        variables: tuple[Layers, list[list[Variable]]],
        scanned: list[list[Variable]],
        tape: Tape,
        scale: float,
    ) -> None:
        """Write the losses of a window, and add the gradient of their sum times `scale` to the gradient."""
        assert self.gradient is not None
        *layers, read = scanned
        symbols, hidden, steps, rows = self.architecture.vocabulary, window.hidden, len(read), window.batch_size
        V, gradient = self.weights.named["output.V"], self.gradient.named
        h = np.concatenate([x.value for x in read])
        window.logits[:steps, :, :symbols] = self._output(h).reshape(steps, rows, symbols)
        arguments = window.logits, window.targets, window.losses, symbols, scale, 0, rows, steps
        softmax.softmax_cross_entropy(*arguments)
        d_logits = window.logits[:steps, :, :symbols].reshape(-1, symbols)
        gradient["output.V"] += multiply(h.T, d_logits)
        gradient["output.c"] += d_logits.sum(axis=0)
        for x, d in zip(read, multiply(d_logits, V.T).reshape(steps, rows, hidden), strict=True):
            x.accumulate(d)
        go_back(tape)
        window.dh[:] = 0.0
        for layer, (outputs, own) in enumerate(zip(layers, zip(*variables, strict=True), strict=True)):
            parameters, initial = own
            for t, x in enumerate(outputs, 1):
                window.dh[layer, t, :, :hidden] = 0.0 if x.gradient is None else x.gradient
            names = [*parameters, *(f"{state}0" for state in self.architecture.stored_states)]
            for name, leaf in zip(names, [*parameters.values(), *initial], strict=True):
                if leaf.gradient is not None:
                    gradient[f"layer{layer}.{name}"] += leaf.gradient


def _begun(now: Sequence[Variable], initial: Sequence[Variable], rows: NDArray[np.bool_]) -> list[Variable]:
    """Return states of which some rows are the initial ones: zeros if there are none."""
    chosen = rows[:, np.newaxis]
    where: Any = np.where  # which returns a Variable
    return [where(chosen, initial[k] if initial else np.float32(0.0), state) for k, state in enumerate(now)]


def _mask(window: Window, key: int, keep: float, steps: int) -> Array:
    """Return what dropout multiplies a layer's outputs by [T, B, H]: the same as `kernels.inputs.drop`."""
    rows, hidden = window.batch_size, window.hidden
    size = padded(hidden)
    bits = np.arange(steps * rows * size, dtype=np.uint32) ^ np.uint32(key & 0xFFFFFFFF)
    for factor in (0x7FEB352D, 0x846CA68B):
        bits = (bits ^ (bits >> np.uint32(16 if factor == 0x7FEB352D else 15))) * np.uint32(factor)
    bits ^= bits >> np.uint32(16)
    kept = bits.reshape(steps, rows, size)[:, :, :hidden] <= np.uint32(keep * 4294967295.0)
    return np.where(kept, np.float32(1.0 / keep), np.float32(0.0))
