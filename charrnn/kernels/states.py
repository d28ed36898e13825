"""The states of a window: carried on, begun anew, and where in a text that happens."""

from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, load, store


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
def begin_row(states, initial, b):
    """Set the carried states of row b to the first ones, in every layer."""
    for layer in range(states.shape[1]):
        begin_layer(states, initial, layer, 0, b)


@jit
def begin_layer(states, initial, layer, slot, b):
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
