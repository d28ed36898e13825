"""What enters a layer, from the text or from the layer below; dropout on the way up."""

import numpy as np

from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add


@jit
def feed_symbols(z, U, bias, ids, first, last, begin, end):
    """Begin z [T, B, Z] of the first layer: biases, and the row of U [V, G] that a one-hot x_t picks: x_t U = U[id].

    U feeds the first G of the Z columns. ids [T, B]; where one is below 0, what z gets does not matter.
    """
    fed = U.shape[1]
    for t in range(begin, end):
        for b in range(first, last):
            symbol = max(ids[t, b], 0)
            for j in range(0, fed, LANES):
                store(z, (t, b, j), load(bias, (j,)) + load(U, (symbol, j)))
            for j in range(fed, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def feed_below(z, fed, U, bias, x, first, last, begin, end):
    """Begin z [T, B, Z] of a deeper layer: the biases, plus x_t U for all steps at once.

    x [T+1, B, ≥N] holds x_t in slot t+1; U [N, fed] is packed and feeds the first columns.
    """
    fill_biases(z, bias, first, last, begin, end)
    multiply_add(z[begin:end, first:last, :fed], x[begin + 1 : end + 1, first:last, : U.size // fed], U, begin & 1)


@jit
def fill_biases(z, bias, first, last, begin, end):
    """Write the biases [Z] to each row of z [T, B, Z]."""
    for t in range(begin, end):
        for b in range(first, last):
            for j in range(0, bias.shape[0], LANES):
                store(z, (t, b, j), load(bias, (j,)))


@jit
def feed_back(dh, z, fed, U_transposed, first, last, begin, end):
    """Set dh [T+1, B, ≥N] of the layer below from z [T, B, Z], the gradient of what entered here: dh_{t+1} = z_t Uᵀ."""
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
def drop(y, h, mask, keep, key, first, last, steps):
    """Write h [T+1, B, H] times a random mask to y, from slot 1 on; what is in slot 0 is not dropped.

    The mask [T, B, H] is kept for the way back. An entry of the mask is 1/keep with probability `keep`, else 0: a hash
    of its place and of the step's `key`, so it is the same for any number of threads and needs no generator's state.
    """
    rows, size = mask.shape[1], mask.shape[2]
    threshold = np.uint32(keep * 4294967295.0)
    scale = np.float32(1.0 / keep)
    for b in range(first, last):
        for j in range(0, size, LANES):
            store(y, (0, b, j), load(h, (0, b, j)))
    for t in range(steps):
        for b in range(first, last):
            place = (t * rows + b) * size
            for j in range(size):
                mask[t, b, j] = scale if hashed(place + j, key) <= threshold else np.float32(0.0)
            for j in range(0, size, LANES):
                store(y, (t + 1, b, j), load(h, (t + 1, b, j)) * load(mask, (t, b, j)))


@jit
def drop_gradient(dh, mask, first, last, begin, end):
    """Multiply dh [T+1, B, H] by the mask that `drop` made, for some steps."""
    for t in range(begin, end):
        for b in range(first, last):
            for j in range(0, mask.shape[2], LANES):
                store(dh, (t + 1, b, j), load(dh, (t + 1, b, j)) * load(mask, (t, b, j)))


@jit
def clear(x, first, last, begin, end):
    """Write zeros to rows `first` to `last` of x [≥end, B, H], in slots `begin` to `end`."""
    for t in range(begin, end):
        for b in range(first, last):
            for j in range(0, x.shape[2], LANES):
                store(x, (t, b, j), 0.0)


@entry
def carry(states, first, last, steps):
    """Copy the last states, in slot `steps` of [S, L, T+1, B, H], to slot 0, where the next window begins."""
    for k in range(states.shape[0]):
        for layer in range(states.shape[1]):
            for b in range(first, last):
                for j in range(0, states.shape[4], LANES):
                    store(states, (k, layer, 0, b, j), load(states, (k, layer, steps, b, j)))


@jit
def forget(states, initial, b):
    """Set the carried states of row b to the first ones, in every layer."""
    for layer in range(states.shape[1]):
        begin_states(states, initial, layer, 0, b)


@jit
def begin_states(states, initial, layer, slot, b):
    """Set all states [S, L, ·, B, H] of a layer and a row to the first ones: learned [L, ≤S, H], else zeros."""
    for k in range(states.shape[0]):
        for j in range(0, states.shape[4], LANES):
            if k < initial.shape[1]:
                store(states, (k, layer, slot, b, j), load(initial, (layer, k, j)))
            else:
                store(states, (k, layer, slot, b, j), 0.0)


@jit
def gap_after(ids, first, last, begin, end):
    """Return the first step from `begin` on after which a row of ids [T, B] begins anew, as its input is below 0.

    That is `end` − 1 where there is none before.
    """
    for t in range(begin, end - 1):
        for b in range(first, last):
            if ids[t, b] < 0:
                return t
    return end - 1


@jit
def gap_before(ids, first, last, begin, end):
    """Return the last step before `end` at which a row of ids [T, B] begins anew, or `begin` − 1 if there is none."""
    for t in range(end - 1, begin - 1, -1):
        for b in range(first, last):
            if ids[t, b] < 0:
                return t
    return begin - 1
