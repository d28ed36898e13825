"""The tables of optimizers and learning rate schedules. No NumPy, so that the command line can import it quickly."""

import math
from collections.abc import Callable
from dataclasses import dataclass

GRADIENTS = ("bptt", "rtrl")  # truncated backpropagation through time, or real-time recurrent learning


@dataclass(frozen=True)
class Rule:
    """An optimizer: its number of moments per weight, its source, and its constants."""

    moments: int
    source: str
    momentum: float = 0.0
    decay: float = 0.0
    epsilon: float = 0.0


OPTIMIZERS: dict[str, Rule] = {
    "adam": Rule(2, "Kingma & Ba 2015", momentum=0.9, decay=0.999, epsilon=1e-8),
    "rmsprop": Rule(1, "Tieleman & Hinton 2012", decay=0.95, epsilon=1e-8),
    "adagrad": Rule(1, "Duchi, Hazan & Singer 2011", epsilon=1e-8),
    "sgd": Rule(1, "with momentum: Polyak 1964", momentum=0.9),
}

# A schedule gives the learning rate, as a share of the peak, when a share s of the run after warm-up is over.
SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda s, final: final + (1.0 - final) * (1.0 + math.cos(math.pi * s)) / 2.0,
    "exponential": lambda s, final: final**s,
    "constant": lambda s, final: 1.0,
}


def learning_rate(schedule: str, progress: float, *, peak: float, warmup: float, final: float) -> float:
    """Return the learning rate when a share `progress` of the run is over.

    The rate rises linearly from 0 to `peak` over the share `warmup`, then falls to `final` times the peak: along half a
    cosine (Loshchilov & Hutter 2017), exponentially, or not at all.
    """
    if progress < warmup:
        return peak * progress / warmup
    rest = min(1.0, (progress - warmup) / (1.0 - warmup)) if warmup < 1.0 else 0.0
    return peak * SCHEDULES[schedule](rest, final)
