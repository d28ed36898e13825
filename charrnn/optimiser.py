"""From a gradient to new weights: clipping, the optimisers, and schedules of the learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import update
from charrnn.network import Parameters, aligned
from charrnn.workers import Workers


@dataclass(frozen=True)
class Rule:
    """One optimiser: its kernel, how many moments it keeps for each weight, and its constants in the kernel's order."""

    kernel: Callable[..., Any]
    moments: int
    constants: tuple[float, ...]
    counts_steps: bool = False
    source: str = ""


RULES: dict[str, Rule] = {
    "adam": Rule(update.adam, 2, (0.9, 0.999, 1e-8), counts_steps=True, source="Kingma & Ba 2015"),
    "rmsprop": Rule(update.rmsprop, 1, (0.95, 1e-8), source="Tieleman & Hinton 2012"),
    "adagrad": Rule(update.adagrad, 1, (1e-8,), source="Duchi, Hazan & Singer 2011"),
    "sgd": Rule(update.sgd, 1, (0.9,), source="with momentum: Polyak 1964"),
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


class Optimiser:
    """The moments of one optimiser for one network, and its step.

    `clip` bounds the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013), `clip_value` each entry of it; None
    does not. Raises CharrnnError where there is no optimiser of that name.
    """

    def __init__(self, name: str, weights: Parameters, *, clip: float | None, clip_value: float | None) -> None:
        if name not in RULES:
            raise CharrnnError(f"there is no optimizer {name!r}; there are {', '.join(RULES)}")
        self.rule = RULES[name]
        self.moments = tuple(Parameters(weights.architecture) for _ in range(self.rule.moments))
        self._flats = tuple(moment.flat for moment in self.moments)
        self.clip, self.clip_value = clip, clip_value
        self._sums: NDArray[np.float64] = aligned(2 * weights.blocks).view(np.float64)

    def update(
        self, team: Workers, worker: int, weights: Parameters, gradient: Parameters, rate: float, step: int
    ) -> float:
        """Do a member's share of step number `step` (1, 2, …) within a job; return the gradient's norm before clipping.

        It waits until all have done their share of the gradient, and once more for the norm; the caller's next barrier
        ends the step. The gradient is cleared for the next one. Where the norm is not finite, the weights and moments
        stay as they are.
        """
        first, last = team.share(weights.blocks, worker)
        limit = float(self.clip_value or 0.0)
        norm = float(update.norm(gradient.flat, self._sums, limit, first, last, team.meeting))
        if not math.isfinite(norm):
            gradient.flat[first * update.BLOCK : last * update.BLOCK] = 0.0
            return norm
        factor = self.clip / norm if self.clip is not None and norm > self.clip else 1.0
        count = (float(step),) if self.rule.counts_steps else ()
        self.rule.kernel(
            weights.flat, gradient.flat, self._flats, first, last, factor, rate, *self.rule.constants, *count
        )
        return norm
