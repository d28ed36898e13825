"""From a gradient to new weights where a step updates only some rows of large matrices; all others rest.

A row cannot move by its momentum while it rests, so it moves at once by all that momentum would give in steps to come:
with sgd by g/(1 − μ) instead of the velocity, with Nesterov's momentum, too; with adam by g instead of m̂, which is adam
with β₁ = 0. The running mean v of the squared gradient decays while a row rests. It is stored as v/ρᵏ, where k counts
the updates since the last multiple of RENEWAL, so that rows at rest need not be touched. The other weights are updated
as in `update`.
"""

import math

from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import BLOCK, LANES, fma, lane_sum, load, maximum, minimum, splat, square_root, store
from charrnn.kernels.update import ADAM, SGD, clip_by_value, clipping, power, sums_of_squares, update_blocks

RENEWAL = 256  # updates between two passes over all rows of v, before ρ⁻ᵏ becomes too large


@jit
def clip_rows_by_value(rows, limit, member):
    """Clip the gradient of a member's share of rows, as `clip_by_value` does."""
    gradient = rows.gradient
    first, last = share_of(rows.picked.size, member)
    for r in range(first, last):
        for j in range(0, gradient.shape[1], LANES):
            store(gradient, (r, j), maximum(minimum(load(gradient, (r, j)), limit), -limit))


@jit
def sums_of_squares_of_rows(rows, sums, begin, member):
    """Write Σ g² of each row of a member's share to sums, from `begin` on."""
    gradient = rows.gradient
    first, last = share_of(rows.picked.size, member)
    for r in range(first, last):
        total = splat(0.0)
        for j in range(0, gradient.shape[1], LANES):
            g = load(gradient, (r, j))
            total = fma(g, g, total)
        sums[begin + r] = lane_sum(total)


@jit
def norm(optimizer, tables, first, last, member):
    """Return the norm of the whole gradient, of the blocks and of the picked rows, as `update.norm` does."""
    sums, count = optimizer.sums, optimizer.blocks
    sums_of_squares(optimizer.gradient, sums, first, last)
    for rows in tables:
        sums_of_squares_of_rows(rows, sums, count, member)
        count += rows.picked.size
    wait(member)
    total = 0.0
    for k in range(count):
        total += sums[k]
    return math.sqrt(total)


@jit
def update_rows(optimizer, rows, factor, rate, count, member):
    """Update a member's share of picked rows: v ← ρ·v + (1 − ρ)·g² ;  p ← p − rate·g / (√v̂ + ε).

    v̂ = v/(1 − ρᵗ) for adam; for adagrad v ← v + g². For sgd p ← p − rate·g/(1 − μ).
    """
    matrix, squares, gradient, epsilon = rows.matrix, rows.squares, rows.gradient, optimizer.epsilon
    decay, share, scale = optimizer.decay, 1.0, 1.0
    if decay > 0.0:
        scale = power(decay, count % RENEWAL)  # v is `scale` times what is stored
        share = (1.0 - decay) / scale
    if optimizer.rule == ADAM:
        scale = scale / (1.0 - power(decay, count))
    if optimizer.rule == SGD:
        share, scale, epsilon, rate = 0.0, 0.0, 1.0, rate / (1.0 - optimizer.momentum)
    first, last = share_of(rows.picked.size, member)
    for r in range(first, last):
        row = rows.picked[r]
        for j in range(0, gradient.shape[1], LANES):
            g = load(gradient, (r, j)) * factor
            v = fma(g * g, splat(share), load(squares, (row, j)))
            store(squares, (row, j), v)
            store(matrix, (row, j), load(matrix, (row, j)) - g * rate / (square_root(v * scale) + epsilon))
            store(gradient, (r, j), 0.0)


@jit
def renew(optimizer, rooms, count, member):
    """Before every RENEWAL-th update, let all rows of v decay for the last ones; each member does its share."""
    if optimizer.decay == 0.0 or count % RENEWAL:
        return
    decayed, squares_U, squares_V = power(optimizer.decay, RENEWAL), rooms.squares_U, rooms.squares_V
    flat_U, flat_V = squares_U.reshape(-1, squares_U.shape[2]), squares_V.reshape(-1, squares_V.shape[2])
    for squares in (flat_U, rooms.squares_E, flat_V):
        first, last = share_of(squares.shape[0], member)
        for row in range(first, last):
            for j in range(0, squares.shape[1], LANES):
                store(squares, (row, j), load(squares, (row, j)) * decayed)
    wait(member)


@jit
def step(optimizer, rooms, tables, rate, count, member):
    """Update a member's share of the weights and of the picked rows; return the gradient norm, as `update.step` does.

    If the norm is not finite, the gradient of the rows is left as it is.
    """
    renew(optimizer, rooms, count, member)
    first, last = share_of(optimizer.blocks, member)
    whole = norm(optimizer, tables, first, last, member)
    length = whole
    if optimizer.clip_value > 0.0:
        wait(member)  # until all threads have read the sums
        clip_by_value(optimizer.gradient, optimizer.clip_value, first, last)
        for rows in tables:
            clip_rows_by_value(rows, optimizer.clip_value, member)
        length = norm(optimizer, tables, first, last, member)
    if not math.isfinite(length):
        optimizer.gradient[first * BLOCK : last * BLOCK] = 0.0
        return length
    factor = clipping(optimizer, length)
    update_blocks(optimizer, factor, rate, count, first, last)
    for rows in tables:
        update_rows(optimizer, rows, factor, rate, count, member)
    return whole if math.isfinite(whole) else length
