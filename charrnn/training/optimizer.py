"""From a gradient to new weights: clipping and the optimizers."""

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import update
from charrnn.kernels.arguments import OptimizerArguments, Rooms
from charrnn.kernels.llvm.vector import BLOCK
from charrnn.kernels.picked_update import RENEWAL
from charrnn.model.parameters import Parameters, aligned, nbytes_of
from charrnn.model.team import Team
from charrnn.training.rules import OPTIMIZERS, UpdateOptions


class Optimizer:
    """The moments of one optimizer for one network, and its step.

    Of its options, `clip` bounds the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013), `clip_value` each
    entry of it; 0 is no bound. A step updates all weights; or of the embedding, or else of the first layer's U, only
    the rows of at most `read` symbols, and of the output weights only those of at most `candidates`, in windows of
    `targets` [T, B]. Raises CharrnnError for an unknown name.
    """

    def __init__(
        self,
        options: UpdateOptions,
        weights: Parameters,
        gradient: Parameters,
        *,
        read: int = 0,
        candidates: int = 0,
        targets: tuple[int, int] = (0, 0),
    ) -> None:
        name = options.optimizer
        if name not in OPTIMIZERS:
            raise CharrnnError(f"unknown optimizer {name!r}; choose from {', '.join(OPTIMIZERS)}")
        rule = OPTIMIZERS[name]
        flats = aligned(rule.moments, weights.flat.size)
        self.moments = tuple(weights.alike(flat) for flat in flats)
        last, stacks, end = self.moments[-1].blocks, len(weights.blocks.V), weights.flat.size
        if read:
            end = weights.begins["E"]
        if candidates:
            end = weights.begins["V"]
        (_, inner), (_, numbers), fed = last.V.shape[1:], last.E.shape, last.first_U.shape[2]
        first_U = read * stacks * fed  # of the rows of U, or of E U, that are read
        self.rooms = Rooms(
            squares_U=last.first_U if read and not numbers else aligned(stacks, 0, fed),
            squares_E=last.E if read else last.E[:0],
            squares_V=last.V if candidates else aligned(stacks, 0, inner),
            E=aligned(read if numbers else 0, numbers),
            dE=aligned(read if numbers else 0, numbers),
            U=aligned(first_U),
            dU=aligned(first_U),
            V=aligned(stacks * candidates * inner),
            dV=aligned(stacks * candidates * inner),
            c=aligned(candidates),
            dc=aligned(candidates),
            own=aligned(*targets) if candidates else aligned(0, 0),
            d_others=aligned(stacks, min(candidates, targets[0] * targets[1]), inner),
        )
        sums: NDArray[np.float64] = np.zeros(end // BLOCK + stacks * (read + 2 * candidates))
        self.arguments = OptimizerArguments(
            weights=weights.flat,
            gradient=gradient.flat,
            moments=flats,
            sums=sums,
            blocks=end // BLOCK,
            rule=getattr(update, name.upper()),
            momentum=rule.momentum if options.momentum is None else options.momentum,
            decay=rule.decay,
            epsilon=rule.epsilon,
            clip=float(options.clip),
            clip_value=float(options.clip_value),
            nesterov=options.nesterov,
        )

    def start_over(self) -> None:
        """Clear moments and gradients, whatever they hold."""
        for values in (self.arguments.gradient, *(moment.flat for moment in self.moments), *self.rooms[3:]):
            values[:] = 0.0

    def recount(self, before: int, after: int) -> None:
        """Let the moments hold after another number of updates: those of rows that can rest are stored for theirs."""
        decay, k = self.arguments.decay or 1.0, before % RENEWAL - after % RENEWAL
        factor = update.power(decay, max(0, k)) / update.power(decay, max(0, -k))
        for squares in self.rooms[:3]:
            squares *= np.float32(factor)

    @property
    def nbytes(self) -> int:
        """The bytes of moments and buffers."""
        return sum(moment.flat.nbytes for moment in self.moments) + nbytes_of(self.rooms[3:])

    def update(self, team: Team, worker: int, rate: float, step: int) -> float:
        """Do one worker's share of step `step` (1, 2, …) in a job.

        Returns the gradient's norm before clipping. All workers must have finished their share of the gradient; the
        caller's next barrier ends the step. The gradient is cleared for the next step. If the norm is not finite,
        weights and moments stay unchanged.
        """
        return float(update.step(self.arguments, rate, float(step), team.member(worker)))
