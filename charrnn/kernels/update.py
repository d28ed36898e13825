"""From a gradient to new weights: norm, clipping and the optimizers' inner loops over the flat vector.

Every loop takes a range of the vector, so threads can share it. The optimizers clear the gradient. The norm is summed
in blocks of a fixed size, so it does not depend on the number of threads.
"""

import math

from numba import types

from charrnn.kernels.arguments import INTEGER, MEMBER, NUMBER, OPTIMIZER_ARGUMENTS, Member
from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.llvm.compiler import entry, jit, shared
from charrnn.kernels.llvm.vector import BLOCK, LANES, fma, lane_sum, load, maximum, minimum, splat, square_root, store


@jit
def clip_by_value(gradient, limit, first, last):
    """Clip the entries of some blocks to [−limit, limit]; NaN stays NaN."""
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
def norm(gradient, sums, first, last, member):
    """Return the norm of the whole gradient.

    This thread sums the blocks `first` to `last`, then waits until all threads have summed theirs.
    """
    sums_of_squares(gradient, sums, first, last)
    wait(member)
    total = 0.0
    for block in range(sums.shape[0]):
        total += sums[block]
    return math.sqrt(total)


@jit
def power(base, exponent):
    """Return a power with a whole exponent ≥ 0, by squaring, as the C library's last bits depend on the processor."""
    result, left = 1.0, int(exponent)
    while left:
        if left & 1:
            result *= base
        base, left = base * base, left >> 1
    return result


@jit
def sgd(optimizer, first, last, factor, rate):
    """Step by m ← μ·m + g ;  p ← p − rate·m; with `nesterov`, p ← p − rate·(g + μ·m).

    Without momentum, μ = 0, that is gradient descent: p ← p − rate·g. In all optimizers, g is the gradient times
    `factor`.
    """
    weights, gradient, m, momentum = optimizer.weights, optimizer.gradient, optimizer.moments[0], optimizer.momentum
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        velocity = fma(load(m, (j,)), momentum, g)
        store(m, (j,), velocity)
        if optimizer.nesterov:
            velocity = fma(velocity, momentum, g)
        store(weights, (j,), load(weights, (j,)) - velocity * rate)
        store(gradient, (j,), 0.0)


@jit
def rmsprop(optimizer, first, last, factor, rate):
    """Step by v ← ρ·v + (1 − ρ)·g² ;  p ← p − rate·g / (√v + ε)."""
    weights, gradient, v, decay = optimizer.weights, optimizer.gradient, optimizer.moments[0], optimizer.decay
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        mean = fma(load(v, (j,)), decay, g * g * (1.0 - decay))
        store(v, (j,), mean)
        store(weights, (j,), load(weights, (j,)) - g * rate / (square_root(mean) + optimizer.epsilon))
        store(gradient, (j,), 0.0)


@jit
def adagrad(optimizer, first, last, factor, rate):
    """Step by v ← v + g² ;  p ← p − rate·g / (√v + ε)."""
    weights, gradient, v = optimizer.weights, optimizer.gradient, optimizer.moments[0]
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        total = fma(g, g, load(v, (j,)))
        store(v, (j,), total)
        store(weights, (j,), load(weights, (j,)) - g * rate / (square_root(total) + optimizer.epsilon))
        store(gradient, (j,), 0.0)


@jit
def adam(optimizer, first, last, factor, rate, count):
    """Step by m ← β₁·m + (1 − β₁)·g ;  v ← β₂·v + (1 − β₂)·g² ;  p ← p − rate·m̂ / (√v̂ + ε).

    m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) correct for moments that start at zero; t is `count`.
    """
    weights, gradient = optimizer.weights, optimizer.gradient
    m, v, beta1, beta2 = optimizer.moments[0], optimizer.moments[1], optimizer.momentum, optimizer.decay
    rate = rate / (1.0 - power(beta1, count))
    root = 1.0 / math.sqrt(1.0 - power(beta2, count))
    for j in range(first * BLOCK, last * BLOCK, LANES):
        g = load(gradient, (j,)) * factor
        mean = fma(load(m, (j,)), beta1, g * (1.0 - beta1))
        square = fma(load(v, (j,)), beta2, g * g * (1.0 - beta2))
        store(m, (j,), mean)
        store(v, (j,), square)
        step = mean * rate / fma(square_root(square), root, splat(optimizer.epsilon))
        store(weights, (j,), load(weights, (j,)) - step)
        store(gradient, (j,), 0.0)


SGD, RMSPROP, ADAGRAD, ADAM = range(4)


@jit
def clipping(optimizer, length):
    """Return the factor that clips a gradient of some norm."""
    return optimizer.clip / length if 0.0 < optimizer.clip < length else 1.0


@shared(types.void(OPTIMIZER_ARGUMENTS, NUMBER, NUMBER, NUMBER, INTEGER, INTEGER))
def update_blocks(optimizer, factor, rate, count, first, last):
    """Update the blocks `first` to `last` with the gradient times `factor`, and clear it."""
    if optimizer.rule == SGD:
        sgd(optimizer, first, last, factor, rate)
    elif optimizer.rule == RMSPROP:
        rmsprop(optimizer, first, last, factor, rate)
    elif optimizer.rule == ADAGRAD:
        adagrad(optimizer, first, last, factor, rate)
    else:
        adam(optimizer, first, last, factor, rate, count)


@shared(types.float64(OPTIMIZER_ARGUMENTS, NUMBER, NUMBER, MEMBER))
def step(optimizer, rate, count, member):
    """Update a member's share of the weights; return the gradient norm.

    The norm is that before any clipping; or that after clipping by value, if only this one is finite. The member's
    share of the gradient is cleared. `count` is the number of updates since the moments were zero, including this one.
    If the norm is not finite, weights and moments do not change.
    """
    first, last = share_of(optimizer.blocks, member)
    whole = norm(optimizer.gradient, optimizer.sums, first, last, member)
    length = whole
    if optimizer.clip_value > 0.0:
        wait(member)  # until all threads have read the sums
        clip_by_value(optimizer.gradient, optimizer.clip_value, first, last)
        length = norm(optimizer.gradient, optimizer.sums, first, last, member)
    if not math.isfinite(length):
        optimizer.gradient[first * BLOCK : last * BLOCK] = 0.0
        return length
    update_blocks(optimizer, clipping(optimizer, length), rate, count, first, last)
    return whole if math.isfinite(whole) else length


@entry
def step_alone(optimizer, rate, count, barrier):
    """Update all weights on one thread, for a gradient that Python has computed; as `step`."""
    return step(optimizer, rate, count, Member(0, 1, barrier))
