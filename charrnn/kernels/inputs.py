"""What enters a layer, from the text or from the layer below; dropout on the way up."""

import numpy as np

from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import clear


@jit
def feed_symbols(z, U, bias, ids, part):
    """Begin z [T, B, Z] of the first layer: biases, and the row of U [V, G] that a one-hot x_t picks: x_t U = U[id].

    U feeds the first G of the Z columns. ids [T, B]; where one is below 0, what z gets does not matter.
    """
    fed = U.shape[1]
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            symbol = max(ids[t, b], 0)
            for j in range(0, fed, LANES):
                store(z, (t, b, j), load(bias, (j,)) + load(U, (symbol, j)))
            for j in range(fed, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def feed_below(z, fed, U, bias, x, part):
    """Begin z [T, B, Z] of a deeper layer: the biases, plus x_t U for all steps at once.

    x [T+1, B, ≥N] holds x_t in slot t+1; U [N, fed] is packed and feeds the first columns.
    """
    fill_biases(z, bias, part)
    first, last, begin, end = part
    multiply_add(z[begin:end, first:last, :fed], x[begin + 1 : end + 1, first:last, : U.size // fed], U, begin & 1)


@jit
def fill_biases(z, bias, part):
    """Write the biases [Z] to each row of z [T, B, Z]."""
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            for j in range(0, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def feed_back(dh, z, fed, U_transposed, part):
    """Set dh [T+1, B, ≥N] of the layer below from z [T, B, Z], the gradient of what entered here: dh_{t+1} = z_t Uᵀ."""
    first, last, begin, end = part
    clear(dh, first, last, begin + 1, end + 1)
    inputs = U_transposed.size // fed
    multiply_add(dh[begin + 1 : end + 1, first:last, :inputs], z[begin:end, first:last, :fed], U_transposed, 0)


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
def drop(y, h, mask, keep, key, part):
    """Write h [T+1, B, H] times a random mask to y, from slot 1 to `end`; what is in slot 0 is not dropped.

    The mask [T, B, H] is kept for the way back. An entry of the mask is 1/keep with probability `keep`, else 0: a hash
    of its place and of the step's `key`, so it is the same for any number of threads and needs no generator's state.
    """
    rows, size = mask.shape[1], mask.shape[2]
    threshold = np.uint32(keep * 4294967295.0)
    scale = np.float32(1.0 / keep)
    for b in range(part.first, part.last):
        for j in range(0, size, LANES):
            store(y, (0, b, j), load(h, (0, b, j)))
    for t in range(part.end):
        for b in range(part.first, part.last):
            place = (t * rows + b) * size
            for j in range(size):
                mask[t, b, j] = scale if hashed(place + j, key) <= threshold else np.float32(0.0)
            for j in range(0, size, LANES):
                store(y, (t + 1, b, j), load(h, (t + 1, b, j)) * load(mask, (t, b, j)))


@jit
def drop_gradient(dh, mask, part):
    """Multiply dh [T+1, B, H] by the mask that `drop` made, for some steps."""
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            for j in range(0, mask.shape[2], LANES):
                store(dh, (t + 1, b, j), load(dh, (t + 1, b, j)) * load(mask, (t, b, j)))
