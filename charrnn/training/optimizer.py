"""From a gradient to new weights: clipping, the optimizers, and schedules of the learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import update
from charrnn.kernels.llvm.vector import BLOCK
from charrnn.model.parameters import Parameters, aligned
from charrnn.model.team import Team


@dataclass(frozen=True)
class Rule:
    """One optimizer: its number in `kernels.update`, how many moments it keeps for each weight, and its constants."""

    number: int
    moments: int
    constants: tuple[float, ...]
    source: str


RULES: dict[str, Rule] = {
    "adam": Rule(update.ADAM, 2, (0.9, 0.999, 1e-8), "Kingma & Ba 2015"),
    "rmsprop": Rule(update.RMSPROP, 1, (0.95, 1e-8), "Tieleman & Hinton 2012"),
    "adagrad": Rule(update.ADAGRAD, 1, (1e-8,), "Duchi, Hazan & Singer 2011"),
    "sgd": Rule(update.SGD, 1, (0.9,), "with momentum: Polyak 1964"),
}

# A schedule gives the share of the peak rate that is left when a share s of the run after warm-up is over.
SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda s, final: final + (1.0 - final) * (1.0 + math.cos(math.pi * s)) / 2.0,
    "exponential": lambda s, final: final**s,
    "constant": lambda s, final: 1.0,
}


def learning_rate(schedule: str, progress: float, *, peak: float, warmup: float, final: float) -> float:
    """Return the rate when a share `progress` of the run is over.

    It rises in a line from 0 to `peak` over the share `warmup`, then falls over the rest to `final` times the peak: by
    half a cosine (Loshchilov & Hutter 2017), exponentially, or not at all.
    """
    if progress < warmup:
        return peak * progress / warmup
    rest = min(1.0, (progress - warmup) / (1.0 - warmup)) if warmup < 1.0 else 0.0
    return peak * SCHEDULES[schedule](rest, final)


class Optimizer:
    """The moments of one optimizer for one network, and its step.

    `clip` bounds the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013), `clip_value` each entry of it; None
    does not. Raises CharrnnError where there is no optimizer of that name.
    """

    def __init__(
        self, name: str, weights: Parameters, gradient: Parameters, *, clip: float | None, clip_value: float | None
    ) -> None:
        if name not in RULES:
            raise CharrnnError(f"there is no optimizer {name!r}; there are {', '.join(RULES)}")
        rule = RULES[name]
        flats = aligned(rule.moments, weights.flat.size)
        self.moments = tuple(Parameters(weights.architecture, flat) for flat in flats)
        sums: NDArray[np.float64] = np.zeros(weights.flat.size // BLOCK)
        constants = np.array(rule.constants)
        limits = (float(clip or 0.0), float(clip_value or 0.0))
        self.arguments = (weights.flat, gradient.flat, flats, sums, rule.number, constants, *limits)

    def update(self, team: Team, worker: int, rate: float, step: int) -> float:
        """Do a member's share of step number `step` (1, 2, …) within a job; return the gradient's norm before clipping.

        All must have done their share of the gradient; the caller's next barrier ends the step. The gradient is cleared
        for the next one. Where the norm is not finite, the weights and moments stay as they are.
        """
        return float(update.step(self.arguments, rate, float(step), worker, team.meeting))
