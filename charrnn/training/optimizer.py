"""From a gradient to new weights: clipping and the optimizers."""

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import update
from charrnn.kernels.arguments import OptimizerArguments
from charrnn.kernels.llvm.vector import BLOCK
from charrnn.model.parameters import Parameters, aligned
from charrnn.model.team import Team
from charrnn.training.rules import OPTIMIZERS


class Optimizer:
    """The moments of one optimizer for one network, and its step.

    `clip` bounds the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013), `clip_value` each entry of it; 0 is
    no bound. Raises CharrnnError for an unknown name.
    """

    def __init__(self, name: str, weights: Parameters, gradient: Parameters, *, clip: float, clip_value: float) -> None:
        if name not in OPTIMIZERS:
            raise CharrnnError(f"unknown optimizer {name!r}; choose from {', '.join(OPTIMIZERS)}")
        rule = OPTIMIZERS[name]
        flats = aligned(rule.moments, weights.flat.size)
        self.moments = tuple(Parameters(weights.architecture, flat) for flat in flats)
        sums: NDArray[np.float64] = np.zeros(weights.flat.size // BLOCK)
        self.arguments = OptimizerArguments(
            weights=weights.flat,
            gradient=gradient.flat,
            moments=flats,
            sums=sums,
            rule=getattr(update, name.upper()),
            momentum=rule.momentum,
            decay=rule.decay,
            epsilon=rule.epsilon,
            clip=float(clip),
            clip_value=float(clip_value),
        )

    def update(self, team: Team, worker: int, rate: float, step: int) -> float:
        """Do one worker's share of step `step` (1, 2, …) in a job.

        Returns the gradient's norm before clipping. All workers must have finished their share of the gradient; the
        caller's next barrier ends the step. The gradient is cleared for the next step. If the norm is not finite,
        weights and moments stay unchanged.
        """
        return float(update.step(self.arguments, rate, float(step), team.member(worker)))
