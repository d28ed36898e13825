"""From a gradient to new weights: norm, clipping and the optimizers' inner loops over the flat vector.

Every loop takes a range of the vector, so threads share it; the optimizers leave the gradient clear. The norm is summed
in blocks of fixed size, whoever sums them.
"""

import math

from numba import types

from charrnn.kernels.barrier import MEETING, wait
from charrnn.kernels.llvm.compiler import jit, shared
from charrnn.kernels.llvm.vector import BLOCK, LANES, fma, lane_sum, load, maximum, minimum, splat, square_root, store


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

    Entries are first clipped to ±`limit`, if that is above 0. Waits until all have summed.
    """
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
    m = moments[0]
    for j in range(first * BLOCK, last * BLOCK, LANES):
        velocity = fma(load(m, (j,)), momentum, load(gradient, (j,)) * factor)
        store(m, (j,), velocity)
        store(weights, (j,), load(weights, (j,)) - velocity * rate)
        store(gradient, (j,), 0.0)


@jit
def rmsprop(weights, gradient, moments, first, last, factor, rate, decay, epsilon):
    """Step by v ← ρ·v + (1 − ρ)·g² ;  p ← p − rate·g / (√v + ε)."""
    v = moments[0]
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        mean = fma(load(v, (j,)), decay, g * g * (1.0 - decay))
        store(v, (j,), mean)
        store(weights, (j,), load(weights, (j,)) - g * rate / (square_root(mean) + epsilon))
        store(gradient, (j,), 0.0)


@jit
def adagrad(weights, gradient, moments, first, last, factor, rate, epsilon):
    """Step by v ← v + g² ;  p ← p − rate·g / (√v + ε)."""
    v = moments[0]
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
    m, v = moments[0], moments[1]
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


SGD, RMSPROP, ADAGRAD, ADAM = range(4)
OPTIMIZER = types.Tuple(
    (
        types.float32[::1],
        types.float32[::1],
        types.float32[:, ::1],
        types.float64[::1],
        types.int64,
        types.float64[::1],
        types.float64,
        types.float64,
    )
)


@shared(types.float64(OPTIMIZER, types.float64, types.float64, types.intp, MEETING))
def step(optimizer, rate, count, worker, meeting):
    """Update a worker's share of the weights, and clear its share of the gradient; return the norm before clipping.

    `optimizer` is the flat weights and gradient, the moments [·, N], room for a sum of squares a block, which rule it
    is and its constants, and the limits of norm and entries, 0 for none. `count` updates there will have been since the
    moments were zero. Where the norm is not finite, weights and moments stay as they are.
    """
    weights, gradient, moments, sums, rule, constants, clip, clip_value = optimizer
    blocks, workers = sums.size, meeting[1]
    first, last = worker * blocks // workers, (worker + 1) * blocks // workers
    length = norm(gradient, sums, clip_value, first, last, meeting)
    if not math.isfinite(length):
        gradient[first * BLOCK : last * BLOCK] = 0.0
        return length
    factor = clip / length if 0.0 < clip < length else 1.0
    if rule == SGD:
        sgd(weights, gradient, moments, first, last, factor, rate, constants[0])
    elif rule == RMSPROP:
        rmsprop(weights, gradient, moments, first, last, factor, rate, constants[0], constants[1])
    elif rule == ADAGRAD:
        adagrad(weights, gradient, moments, first, last, factor, rate, constants[0])
    else:
        adam(weights, gradient, moments, first, last, factor, rate, constants[0], constants[1], constants[2], count)
    return length
