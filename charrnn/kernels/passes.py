"""A whole network forward over a window of text, in one compiled call; and the arrays it works on.

The scan of a cell's family comes as an address, so that this is compiled once for all cells. Arguments that travel
together are tuples: `weights` (U of the first layer [V, G], U of the others [L−1, H, G], W [L, H, R], b [L, Z],
V [H, V], c [V]); `packed` (U, W and V, packed) or their transposes; `buffers` (z [L, T, B, Z]; states [S, L, T+1, B,
H]; ∂L/∂h [L, T+1, B, H] and the other states' gradients [S−1, L, 1, B, H]; what dropout lets through and its masks
[L, T, B, H], or empty; logits [T, B, V]; losses [T, B]).
"""

from numba import types

from charrnn.kernels import inputs, output
from charrnn.kernels.compiler import call, entry, jit, shared
from charrnn.kernels.gemm import pack_shares

ROWS_AT_ONCE = 64  # of a layer's gates: 256 kB with 256 units of four gates, a quarter of a second-level cache

INTEGER, NUMBER = types.intp, types.float64
FLOATS = [types.Array(types.float32, dimensions, "C") for dimensions in range(6)]  # FLOATS[n] has n dimensions
INTEGERS = [types.Array(types.int32, dimensions, "C") for dimensions in range(3)]
WEIGHTS = types.Tuple((FLOATS[2], FLOATS[3], FLOATS[3], FLOATS[2], FLOATS[2], FLOATS[1]))
PACKED = types.Tuple((FLOATS[2], FLOATS[2], FLOATS[1]))
BUFFERS = types.Tuple((FLOATS[4], FLOATS[5], FLOATS[4], FLOATS[5], FLOATS[4], FLOATS[4], FLOATS[3], FLOATS[2]))
PART = (INTEGER,) * 4  # rows `first` to `last` of the batch, steps `begin` to `end` of the window

# A cell's scans over time: z, states, for the way back their gradients, the layer, its W packed, which part.
FORWARD_SCAN = types.void(FLOATS[3], FLOATS[5], INTEGER, FLOATS[1], *PART)
BACKWARD_SCAN = types.void(FLOATS[3], FLOATS[5], FLOATS[4], FLOATS[5], INTEGER, FLOATS[1], *PART)


@jit
def steps_at_once(rows):
    """Return for how many steps a layer's input is computed before the scan over them.

    Products read the weights less often for more rows; but more do not stay in the second-level cache for the scan.
    """
    return max(1, ROWS_AT_ONCE // max(1, rows))


@jit
def handed_up(buffers, layer, dropped):
    """Return what a layer hands to the one above, and the slot of its first step."""
    _, states, _, _, passed, _, _, _ = buffers
    if dropped:
        return passed[layer], 0
    return states[0, layer], 1


@shared(types.void(INTEGER, WEIGHTS, PACKED, BUFFERS, INTEGERS[2], NUMBER, INTEGERS[1], *PART))
def layers_forward(scan, weights, packed, buffers, ids, keep, keys, first, last, begin, end):
    """Run rows `first` to `last` of the batch through the layers, from the states in slot `begin` on.

    An input below 0 is the gap between two documents: after it a row's states are zero.
    `keys` [L] are the seeds of this step's dropout, which keeps a share `keep`; without any, nothing is dropped.
    """
    first_U, _, _, b, _, _ = weights
    packed_U, packed_W, _ = packed
    z, states, _, _, passed, masks, _, _ = buffers
    stretch = steps_at_once(last - first)
    for layer in range(z.shape[0]):
        for t in range(begin, end, stretch):
            stop = min(t + stretch, end)
            if layer == 0:
                inputs.feed_symbols(z[0], first_U, b[0], ids, first, last, t, stop)
            else:
                below, slot = handed_up(buffers, layer - 1, keys.size)
                U, fed = packed_U[layer - 1], first_U.shape[1]
                inputs.feed_below(z[layer], fed, U, b[layer], below, slot, first, last, t, stop)
            while t < stop:
                gap = inputs.gap_after(ids, first, last, t, stop)
                call(scan, (z[layer], states, layer, packed_W[layer], first, last, t, gap + 1))
                for row in range(first, last):
                    if ids[gap, row] < 0:  # what it reads next knows nothing of what was before
                        inputs.clear_states(states, layer, gap + 1, row)
                t = gap + 1
        if keys.size:
            inputs.drop(passed[layer], states[0, layer], masks[layer], keep, keys[layer], first, last, end)


@entry
def forward(scan, weights, packed, buffers, ids, nothing, first, last, begin, end):
    """Run rows `first` to `last` forward, from the states in slot `begin` to the logits; nothing is dropped."""
    layers_forward(scan, weights, packed, buffers, ids, 1.0, nothing, first, last, begin, end)
    below, slot = handed_up(buffers, buffers[0].shape[0] - 1, 0)
    output.forward(buffers[6], packed[2], weights[5], below, slot, first, last, begin, end)


@shared(types.void(WEIGHTS, PACKED, PACKED, INTEGER, INTEGER))
def pack(weights, packed, back, worker, workers):
    """Pack a worker's share of the weights, and of their transposes where there is room for these."""
    _, U, W, _, V, _ = weights
    pack_shares(packed[2], back[2], V, worker, workers)
    for layer in range(W.shape[0]):
        pack_shares(packed[1][layer], back[1][layer], W[layer], worker, workers)
        if layer:
            pack_shares(packed[0][layer - 1], back[0][layer - 1], U[layer - 1], worker, workers)


@entry
def pack_all(weights, packed, back):
    """Pack all weights on one thread."""
    pack(weights, packed, back, 0, 1)
