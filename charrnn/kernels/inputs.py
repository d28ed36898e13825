"""What enters a layer, and the gradients of its biases and of a one-hot input's weights; dropout."""

import numpy as np

from charrnn.kernels.compiler import jit
from charrnn.kernels.gemm import PANEL
from charrnn.kernels.simd import LANES, load, store


@jit
def begin_one_hot(z, U, bias, ids, first, last, steps):
    """Begin z [T, B, Z] of a first layer: the biases, plus the row of U [V, G] that a one-hot x_t picks: x_t U = U[id].

    U feeds the first G of the Z columns. ids [T, B].
    """
    fed = U.shape[1]
    for t in range(steps):
        for b in range(first, last):
            symbol = ids[t, b]
            for j in range(0, fed, LANES):
                store(z, (t, b, j), load(bias, (j,)) + load(U, (symbol, j)))
            for j in range(fed, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def begin_biases(z, bias, first, last, steps):
    """Begin z [T, B, Z] with the biases [Z] alone."""
    for t in range(steps):
        for b in range(first, last):
            for j in range(0, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def add_one_hot_gradient(dU, ids, dz, first, last, rows):
    """Add dz [R, ≥G] to the rows of dU [V, G] that ids [R] picked, for the panels `first` to `last` of columns."""
    begin, end = first * PANEL, min(last * PANEL, dU.shape[1])
    for r in range(rows):
        symbol = ids[r]
        for j in range(begin, end, LANES):
            store(dU, (symbol, j), load(dU, (symbol, j)) + load(dz, (r, j)))


@jit
def add_bias_gradient(db, dz, first, last, rows):
    """Add the sum of dz [R, Z] over rows to db [Z], for the panels `first` to `last` of columns."""
    for j in range(first * PANEL, min(last * PANEL, db.shape[0]), LANES):
        total = load(db, (j,))
        for r in range(rows):
            total = total + load(dz, (r, j))
        store(db, (j,), total)


@jit
def hashed(place, key):
    """Return 32 random-looking bits for a place: two rounds of xor-shift and multiply.

    Numba widens an operation between 32-bit integers, so each result is cut back.
    """
    bits = np.uint32(np.uint32(place) ^ np.uint32(key))
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(16))) * np.uint32(0x7FEB352D))
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(bits ^ np.uint32(bits >> np.uint32(16)))


@jit
def drop(y, x, mask, shift, keep, key, first, last, steps):
    """Write x [T(+1), B, H] from slot `shift` on, times a random mask, to y [T, B, H].

    The mask [T, B, H] is kept for the way back. An entry of the mask is 1/keep with probability `keep`, else 0: a hash
    of its place and of the step's `key`, so it is the same for any number of threads and needs no generator's state.
    """
    rows, size = mask.shape[1], mask.shape[2]
    threshold = np.uint32(keep * 4294967295.0)
    scale = np.float32(1.0 / keep)
    for t in range(steps):
        for b in range(first, last):
            place = (t * rows + b) * size
            for j in range(size):
                mask[t, b, j] = scale if hashed(place + j, key) <= threshold else np.float32(0.0)
            for j in range(0, size, LANES):
                store(y, (t, b, j), load(x, (t + shift, b, j)) * load(mask, (t, b, j)))


@jit
def drop_gradient(dx, mask, shift, first, last, steps):
    """Multiply dx [T+1, B, H] from slot `shift` on by the mask that `drop` made."""
    for t in range(steps):
        for b in range(first, last):
            for j in range(0, mask.shape[2], LANES):
                store(dx, (t + shift, b, j), load(dx, (t + shift, b, j)) * load(mask, (t, b, j)))


@jit
def clear(x, first, last, slots):
    """Write zeros to rows `first` to `last` of x [≥slots, B, H]."""
    for t in range(slots):
        for b in range(first, last):
            for j in range(0, x.shape[2], LANES):
                store(x, (t, b, j), 0.0)
