"""The tables of optimizers and learning rate schedules. No NumPy, so that the command line can import it quickly."""

import math
from collections.abc import Callable
from dataclasses import dataclass

CHANGEABLE = (  # settings that a resumed run can change
    *("lr", "momentum", "schedule", "warmup", "dropout", "input_dropout", "noise", "batch_size", "clip", "clip_value"),
)
GRADIENTS = ("bptt", "rtrl")  # truncated backpropagation through time, or real-time recurrent learning


@dataclass(frozen=True)
class Rule:
    """An optimizer: its number of moments per weight, its source, its constants, and which options it has."""

    moments: int
    source: str
    momentum: float = 0.0
    decay: float = 0.0
    epsilon: float = 0.0
    options: tuple[str, ...] = ()  # names of settings


@dataclass(frozen=True)
class UpdateOptions:
    """How the gradient becomes an update of the weights, as in `charrnn.training.settings.Settings`."""

    optimizer: str
    momentum: float | None = None  # None: the optimizer's own
    nesterov: bool = False
    clip: float = 0.0
    clip_value: float = 0.0


OPTIMIZERS: dict[str, Rule] = {
    "adam": Rule(2, "Kingma & Ba 2015", momentum=0.9, decay=0.999, epsilon=1e-8),
    "rmsprop": Rule(1, "Tieleman & Hinton 2012", decay=0.95, epsilon=1e-8),
    "adagrad": Rule(1, "Duchi, Hazan & Singer 2011", epsilon=1e-8),
    "sgd": Rule(1, "with momentum: Polyak 1964", momentum=0.9, options=("momentum", "nesterov")),
}


def _half_cosine(s: float) -> float:
    """Return (1 + cos πs)/2 for s from 0 to 1.

    It is cos² (πs/2), by the Taylor series. The C library's cosine, and its power, depend on the processor.
    """
    x = math.pi / 2.0 * s
    cosine = term = 1.0
    for k in range(1, 24, 2):
        term *= -x * x / (k * (k + 1))
        cosine += term
    return cosine * cosine


def _power(base: float, exponent: float) -> float:
    """Return a power with an exponent from 0 to 1: a square root for each binary digit of the exponent."""
    power, root = 1.0, base
    while exponent > 0.0:
        if exponent >= 1.0:
            power, exponent = power * root, exponent - 1.0
        root, exponent = math.sqrt(root), 2.0 * exponent
    return power


# A schedule gives the learning rate, as a share of the peak, when a share s of the run after warm-up is over.
SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "cosine": lambda s, final: final + (1.0 - final) * _half_cosine(s),
    "exponential": lambda s, final: _power(final, s),
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
