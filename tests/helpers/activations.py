"""The activations of kernels, and their slopes, over many numbers."""

import numpy as np

from charrnn.kernels import activations
from charrnn.kernels.barrier import flushed_denormals
from charrnn.kernels.llvm import vector
from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import LANES

TANH, LOGISTIC, EXP = range(3)


@jit
def _apply(function, y, slope, x):
    for j in range(0, x.shape[0], LANES):
        if function == TANH:
            value = activations.tanh(vector.load(x, (j,)))
            vector.store(slope, (j,), activations.tanh_slope(value))
        elif function == LOGISTIC:
            value = activations.logistic(vector.load(x, (j,)))
            vector.store(slope, (j,), activations.logistic_slope(value))
        else:
            value = activations.exp(vector.load(x, (j,)))
        vector.store(y, (j,), value)


def applied(function, x):
    """Return values and slopes, as kernels compute them: denormal numbers are zeros."""
    y, slope = np.zeros_like(x), np.zeros_like(x)
    with flushed_denormals():
        _apply(function, y, slope, x)
    return y, slope.astype(np.float64)


def floats(first, last, every=1):
    """Return each `every`-th float from one positive number to another, in whole vectors."""
    bits = np.arange(np.float32(first).view(np.int32), np.float32(last).view(np.int32), every, np.int32)
    return bits[: bits.size // LANES * LANES].view(np.float32)
