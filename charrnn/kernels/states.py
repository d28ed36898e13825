"""The states of a window: carry them on, reset them, and find where a text resets them."""

from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, load, store


@jit
def clear(x, first, last, begin, end):
    """Clear rows `first` to `last` in slots of x [≥end, B, H]."""
    for t in range(begin, end):
        for b in range(first, last):
            for j in range(0, x.shape[2], LANES):
                store(x, (t, b, j), 0.0)


@entry
def carry(states, first, last, steps):
    """Copy the last states to slot 0 for the next window.

    They are in slot `steps` of states [S, L, T+1, B, H].
    """
    for k in range(states.shape[0]):
        for layer in range(states.shape[1]):
            for b in range(first, last):
                for j in range(0, states.shape[4], LANES):
                    store(states, (k, layer, 0, b, j), load(states, (k, layer, steps, b, j)))


@jit
def begin_row(states, initial, b):
    """Set the carried states of row b to the initial states."""
    for layer in range(states.shape[1]):
        begin_layer(states, initial, layer, 0, b)


@jit
def begin_layer(states, initial, layer, slot, b):
    """Set one layer's states of a row to the initial states.

    states [S, L, ·, B, H]; initial [L, ≤S, H] holds the learned ones; all others are zero.
    """
    for k in range(states.shape[0]):
        for j in range(0, states.shape[4], LANES):
            if k < initial.shape[1]:
                store(states, (k, layer, slot, b, j), load(initial, (layer, k, j)))
            else:
                store(states, (k, layer, slot, b, j), 0.0)


@jit
def gap_after(ids, first, last, begin, end):
    """Return the first step at which a row reads a gap.

    A gap is an id below 0 in ids [T, B]; after it the row starts from the initial states. The search covers the steps
    from `begin` on; if there is no gap before step `end` − 1, the result is that step.
    """
    for t in range(begin, end - 1):
        for b in range(first, last):
            if ids[t, b] < 0:
                return t
    return end - 1


@jit
def gap_before(ids, first, last, begin, end):
    """Return the last step at which a row reads a gap.

    The search covers ids [T, B] from step `begin` to `end`; if there is no gap, the result is `begin` − 1.
    """
    for t in range(end - 1, begin - 1, -1):
        for b in range(first, last):
            if ids[t, b] < 0:
                return t
    return begin - 1
