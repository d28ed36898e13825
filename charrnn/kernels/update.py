"""From a gradient to new weights: norm, clipping and the optimisers' inner loops over the flat vector.

Every loop takes a range of the vector, so threads share it; the optimisers leave the gradient clear. The norm is summed
in blocks of fixed size, whoever sums them.
"""

import math

from charrnn.kernels.barrier import wait
from charrnn.kernels.compiler import jit
from charrnn.kernels.simd import LANES, fma, lane_sum, load, maximum, minimum, splat, square_root, store

BLOCK = 4096  # floats summed by one chain of additions: the vector's length is padded to whole blocks


@jit
def clip_by_value(gradient, limit, first, last):
    """Bring each entry of the blocks `first` to `last` into [−limit, limit]; a NaN stays one."""
    for j in range(first * BLOCK, last * BLOCK, LANES):
        store(gradient, (j,), maximum(minimum(load(gradient, (j,)), limit), -limit))


@jit
def sums_of_squares(gradient, sums, first, last):
    """Write Σ g² of each block to sums [blocks]."""
    for block in range(first, last):
        total = splat(0.0)
        for j in range(block * BLOCK, (block + 1) * BLOCK, LANES):
            g = load(gradient, (j,))
            total = fma(g, g, total)
        sums[block] = lane_sum(total)


@jit
def norm(gradient, sums, limit, first, last, meeting):
    """Return the norm of the whole gradient, of which this thread sums the blocks `first` to `last`.

    Entries are first clipped to ±`limit`, if that is above 0. Waits until all have finished the gradient, and once more
    until all have summed.
    """
    wait(meeting)
    if limit > 0.0:
        clip_by_value(gradient, limit, first, last)
    sums_of_squares(gradient, sums, first, last)
    wait(meeting)
    total = 0.0
    for block in range(sums.shape[0]):
        total += sums[block]
    return math.sqrt(total)


@jit
def sgd(weights, gradient, moments, first, last, factor, rate, momentum):
    """Step by m ← μ·m + g ;  p ← p − rate·m. The gradient is used times `factor`."""
    (m,) = moments
    for j in range(first * BLOCK, last * BLOCK, LANES):
        velocity = fma(load(m, (j,)), momentum, load(gradient, (j,)) * factor)
        store(m, (j,), velocity)
        store(weights, (j,), load(weights, (j,)) - velocity * rate)
        store(gradient, (j,), 0.0)


@jit
def rmsprop(weights, gradient, moments, first, last, factor, rate, decay, epsilon):
    """Step by v ← ρ·v + (1 − ρ)·g² ;  p ← p − rate·g / (√v + ε)."""
    (v,) = moments
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        mean = fma(load(v, (j,)), decay, g * g * (1.0 - decay))
        store(v, (j,), mean)
        store(weights, (j,), load(weights, (j,)) - g * rate / (square_root(mean) + epsilon))
        store(gradient, (j,), 0.0)


@jit
def adagrad(weights, gradient, moments, first, last, factor, rate, epsilon):
    """Step by v ← v + g² ;  p ← p − rate·g / (√v + ε)."""
    (v,) = moments
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        total = fma(g, g, load(v, (j,)))
        store(v, (j,), total)
        store(weights, (j,), load(weights, (j,)) - g * rate / (square_root(total) + epsilon))
        store(gradient, (j,), 0.0)


@jit
def adam(weights, gradient, moments, first, last, factor, rate, beta1, beta2, epsilon, step):
    """Step by m ← β₁·m + (1 − β₁)·g ;  v ← β₂·v + (1 − β₂)·g² ;  p ← p − rate·m̂ / (√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) make up for moments that begin at zero; t is `step`.
    """
    m, v = moments
    rate = rate / (1.0 - beta1**step)
    root = (1.0 - beta2**step) ** -0.5
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        mean = fma(load(m, (j,)), beta1, g * (1.0 - beta1))
        square = fma(load(v, (j,)), beta2, g * g * (1.0 - beta2))
        store(m, (j,), mean)
        store(v, (j,), square)
        store(weights, (j,), load(weights, (j,)) - mean * rate / fma(square_root(square), root, splat(epsilon)))
        store(gradient, (j,), 0.0)
