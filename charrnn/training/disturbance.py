"""Dropout of the input, and Gaussian noise on it, in training only.

They follow from the seed and the step's number, as all random numbers of a run do, and are the same on every processor.
A character is one-hot: dropout drops all of it, and noise is added to the numbers of its embedding.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.kernels.arithmetic import log
from charrnn.training.settings import Settings

Floats = NDArray[np.float32]
Bits = NDArray[np.uint64]

# Two polynomials of w = −ln(1 − x²), for w < 5 and above: erf⁻¹(x)/x (Giles 2010), with a relative error of 1e-6.
_NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503),
    *(-0.00417768164, 0.246640727, 1.50140941),
)
_FAR = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613),
    *(0.00943887047, 1.00167406, 2.83297682),
)


class Disturbance(NamedTuple):
    """What is done to the symbols of N steps; each is empty if nothing is."""

    factors: Floats  # [N, D·T, B]: 1/keep for a symbol that is kept, 0 for one that is dropped
    noise: Floats  # [N, D·T, B, M]: to add to its embedding


def nothing(steps: int) -> Disturbance:
    """Return what leaves the symbols of steps as they are."""
    return Disturbance(np.zeros((steps, 0, 0), np.float32), np.zeros((steps, 0, 0, 0), np.float32))


def require_numbers(settings: Settings, architecture: Architecture) -> None:
    """Raise CharrnnError if a network cannot read what the settings ask for: noise on one-hot characters, or any of it.

    A network that translates has neither.
    """
    if architecture.task == "translate" and (settings.noise or settings.input_dropout):
        raise CharrnnError("the task translate has neither noise nor dropout of the input")
    if settings.noise and not (architecture.features or architecture.embedding):
        raise CharrnnError(
            "--noise is for numbers, and a character is not one: it picks a row of U, and noise would mix in all other "
            "rows; with an --embedding, noise is added to the numbers of the character"
        )


def dropout_factors(bits: Bits, shape: tuple[int, ...], dropout: float) -> Floats:
    """Return 1/keep with probability keep = 1 − dropout, else 0, from 32 random bits for each number."""
    kept = _halves(bits, shape) >= np.uint64(dropout * 2.0**32)
    return kept * np.float32(1.0 / (1.0 - dropout))


def gaussian(bits: Bits, shape: tuple[int, ...], deviation: float) -> Floats:
    """Return numbers from a normal distribution of mean 0, from 32 random bits for each: √2 erf⁻¹(2u − 1).

    u is from (0, 1); no number is more than 6.4 deviations from 0.
    """
    x = (_halves(bits, shape) + 0.5) * 2.0**-31 - 1.0
    w = -log((1.0 - x) * (1.0 + x))
    near = _polynomial(_NEAR, w - 2.5)
    far = _polynomial(_FAR, np.sqrt(np.maximum(w, 5.0)) - 3.0)
    return np.asarray(np.where(w < 5.0, near, far) * x * (deviation * 2.0**0.5), np.float32)


def count(shape: tuple[int, ...]) -> int:
    """Return how many 64-bit numbers have 32 bits for each entry of an array."""
    return (int(np.prod(shape)) + 1) // 2


def _halves(bits: Bits, shape: tuple[int, ...]) -> NDArray[np.uint32]:
    """Return 32 bits for each entry of an array, whichever end of a number a processor puts first."""
    both = np.stack([bits & np.uint64(0xFFFFFFFF), bits >> np.uint64(32)], axis=1).astype(np.uint32)
    return both.reshape(-1)[: int(np.prod(shape))].reshape(shape)


def _polynomial(coefficients: tuple[float, ...], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a polynomial of x, by Horner's rule."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result
