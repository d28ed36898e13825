"""The input of a layer, from the text or from the layer below, and dropout of a layer's output."""

import numpy as np

from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import clear


@jit
def feed_symbols(z, U, bias, ids, part):
    """Set z of a first layer to x_t U + b.

    z [T, B, Z]; x_t is one-hot, so x_t U is the row of U [V, G] that ids [T, B] picks. U feeds the first G of the Z
    columns. For an id below 0, the value of z does not matter; any other that is no symbol's is read as the last one.
    """
    fed = U.shape[1]
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            symbol = min(max(ids[t, b], 0), U.shape[0] - 1)
            for j in range(0, fed, LANES):
                store(z, (t, b, j), load(bias, (j,)) + load(U, (symbol, j)))
            for j in range(fed, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def feed_scaled_symbols(z, U, bias, ids, factors, part):
    """Set z of a first layer as `feed_symbols` does, where x_t is one-hot times a factor from [T, B]."""
    fed = U.shape[1]
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            symbol, factor = min(max(ids[t, b], 0), U.shape[0] - 1), factors[t, b]
            for j in range(0, fed, LANES):
                store(z, (t, b, j), load(bias, (j,)) + load(U, (symbol, j)) * factor)
            for j in range(fed, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def disturb(x, factors, noise, begin, part):
    """Multiply x [T+1, B, M] by factors [·, B] and add noise [·, B, M], whose step 0 is in slot `begin`; or neither.

    x_t is in slot t+1.
    """
    for t in range(part.end if factors.shape[0] or noise.shape[0] else 0):
        for b in range(part.first, part.last):
            for j in range(0, x.shape[2], LANES):
                values = load(x, (t + 1, b, j))
                if factors.shape[0]:
                    values = values * factors[begin + t, b]
                if noise.shape[0]:
                    values = values + load(noise, (begin + t, b, j))
                store(x, (t + 1, b, j), values)


@jit
def feed_below(z, fed, U, bias, x, part):
    """Set z of a deeper layer to x_t U + b, all steps at once.

    z [T, B, Z]; x [T+1, B, ≥N] holds x_t in slot t+1; U [N, fed] is packed and feeds the first `fed` columns.
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
    """Set dh of the layer below: dh_{t+1} = z_t Uᵀ.

    dh [T+1, B, ≥N]; z [T, B, Z] holds the gradient of this layer's pre-activations.
    """
    first, last, begin, end = part
    clear(dh, first, last, begin + 1, end + 1)
    inputs = U_transposed.size // fed
    multiply_add(dh[begin + 1 : end + 1, first:last, :inputs], z[begin:end, first:last, :fed], U_transposed, 0)


@jit
def hashed(place, key):
    """Return 32 pseudorandom bits for a place and a key.

    They come from two rounds of xor-shift and multiply. Numba widens operations on 32-bit integers, so each result is
    cut back to 32 bits.
    """
    bits = np.uint32(np.uint32(place) ^ np.uint32(key))
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(16))) * np.uint32(0x7FEB352D))
    bits = np.uint32(np.uint32(bits ^ np.uint32(bits >> np.uint32(15))) * np.uint32(0x846CA68B))
    return np.uint32(bits ^ np.uint32(bits >> np.uint32(16)))


@jit
def drop(y, h, mask, keep, key, part):
    """Write h times a random mask to y (dropout).

    h and y [T+1, B, H], slots 1 to `end`; slot 0 is copied unchanged. The mask [T, B, H] is kept for the backward pass.
    An entry of the mask is 1/keep with probability `keep`, else 0. It depends on a hash of its place and of the step's
    `key`, so it is the same for any number of threads and needs no generator state.
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
    """Multiply dh [T+1, B, H] by the mask of `drop`, for some steps."""
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            for j in range(0, mask.shape[2], LANES):
                store(dh, (t + 1, b, j), load(dh, (t + 1, b, j)) * load(mask, (t, b, j)))
