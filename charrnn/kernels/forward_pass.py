"""A whole network forward over a window of text, in one compiled call; and the arrays it works on.

A network has D stacks of L layers: one, or two where it is bidirectional, of which the second reads the text from its
end. In arrays the layers of all stacks follow one another. The scan of a cell's family comes as an address, so that
this is compiled once for all cells. Arguments that travel together are tuples:

- `weights`: U of the first layers [D, N, G], U of the others [D·(L−1), I, G], W [D·L, I, R], the cell's further
  matrices [D·L, n, H, C] and peepholes [D·L, n, H], b [D·L, Z], learned first states [D·L, S, H], V [D, I, V], c [V],
  and, though it is not learnt, how many steps there are from one computation of each unit to its next [H].
- `packed`: U, W, the further matrices and V, packed; or their transposes.
- `buffers`: z [D·L, T, B, Z]; states and what else is kept of each step [S, D·L, T+1, B, H]; ∂L/∂h [D·L, T+1, B, H]
  and the other ones' gradients [S−1, D·L, 1, B, H]; what dropout lets through [D·L, T+1, B, H] and its masks
  [D·L, T, B, H], or empty; logits [T, B, V]; losses [T, B]; the first states' gradients [S, D·L, B, H], or empty.
"""

from numba import types

from charrnn.kernels import inputs
from charrnn.kernels import softmax as output
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.product import pack_shares

ROWS_AT_ONCE = 64  # of a layer's gates: 256 kB with 256 units of four gates, a quarter of a second-level cache

INTEGER, NUMBER = types.intp, types.float64
FLOATS = [types.Array(types.float32, dimensions, "C") for dimensions in range(6)]  # FLOATS[n] has n dimensions
INTEGERS = [types.Array(types.int32, dimensions, "C") for dimensions in range(3)]
WEIGHTS = types.Tuple(tuple(FLOATS[n] for n in (3, 3, 3, 4, 3, 2, 3, 3, 1, 1)))
PACKED = types.Tuple(tuple(FLOATS[n] for n in (2, 2, 3, 2)))
BUFFERS = types.Tuple(tuple(FLOATS[n] for n in (4, 5, 4, 5, 4, 4, 3, 2, 4)))
PART = (INTEGER,) * 4  # rows `first` to `last` of the batch, steps `begin` to `end` of the window
READER = types.UniTuple(INTEGER, 2)  # the address of a forward scan, and its flags

# A cell's scans over time: z, states, for the way back their gradients, the layer, its W and further matrices packed,
# its peepholes, the units' periods, which part, and the cell's flags.
_OWN = (INTEGER, FLOATS[1], FLOATS[2], FLOATS[2], FLOATS[1], *PART, INTEGER)
FORWARD_SCAN = types.void(FLOATS[3], FLOATS[5], *_OWN)
BACKWARD_SCAN = types.void(FLOATS[3], FLOATS[5], FLOATS[4], FLOATS[5], *_OWN)


@jit
def steps_at_once(rows):
    """Return for how many steps a layer's input is computed before the scan over them.

    Products read the weights less often for more rows; but more do not stay in the second-level cache for the scan.
    """
    return max(1, ROWS_AT_ONCE // max(1, rows))


@jit
def handed_up(buffers, layer, dropped):
    """Return what a layer hands to the one above [T+1, B, H]: that of step t in slot t+1."""
    if dropped:
        return buffers[4][layer]
    return buffers[1][0, layer]


@jit
def read_by(ids, buffers, stack):
    """Return what a stack reads [T, B] of ids [D·T, B]."""
    steps = buffers[0].shape[1]
    return ids[stack * steps : (stack + 1) * steps]


@shared(types.void(READER, WEIGHTS, PACKED, BUFFERS, INTEGERS[2], NUMBER, INTEGERS[1], *PART))
def layers_forward(reader, weights, packed, buffers, ids, keep, keys, first, last, begin, end):
    """Run rows `first` to `last` of the batch through the layers, from the states in slot `begin` on.

    An input below 0 is the gap between two documents: after it a row's states are the first ones.
    `keys` [D·L] are the seeds of this step's dropout, which keeps a share `keep`; without any, nothing is dropped.
    """
    scan, flags = reader
    first_U, _, _, _, peepholes, b, initial, _, _, periods = weights
    packed_U, packed_W, packed_further, _ = packed
    z, states, _, _, passed, masks, _, _, _ = buffers
    stretch = steps_at_once(last - first)
    depth = z.shape[0] // first_U.shape[0]
    for layer in range(z.shape[0]):
        stack, level = layer // depth, layer % depth
        read = read_by(ids, buffers, stack)
        for t in range(begin, end, stretch):
            stop = min(t + stretch, end)
            if level == 0:
                inputs.feed_symbols(z[layer], first_U[stack], b[layer], read, first, last, t, stop)
            else:
                below = handed_up(buffers, layer - 1, keys.size)
                U, fed = packed_U[layer - 1 - stack], first_U.shape[2]
                inputs.feed_below(z[layer], fed, U, b[layer], below, first, last, t, stop)
            own = packed_W[layer], packed_further[layer], peepholes[layer], periods
            while t < stop:
                gap = inputs.gap_after(read, first, last, t, stop)
                call(scan, (z[layer], states, layer, *own, first, last, t, gap + 1, flags))
                for row in range(first, last):
                    if read[gap, row] < 0:  # what it reads next knows nothing of what was before
                        inputs.begin_states(states, initial, layer, gap + 1, row)
                t = gap + 1
        if keys.size:
            inputs.drop(passed[layer], states[0, layer], masks[layer], keep, keys[layer], first, last, end)


@entry
def forward(reader, weights, packed, buffers, ids, nothing, first, last, begin, end):
    """Run rows `first` to `last` forward, from the states in slot `begin` to the logits; nothing is dropped."""
    layers_forward(reader, weights, packed, buffers, ids, 1.0, nothing, first, last, begin, end)
    logits_forward(weights, packed, buffers, 0, first, last, begin, end)


@shared(types.void(WEIGHTS, PACKED, BUFFERS, INTEGER, *PART))
def logits_forward(weights, packed, buffers, dropped, first, last, begin, end):
    """Set the logits of steps `begin` to `end` from what the top layers hand up.

    A bidirectional network predicts what it reads: from all that is before it, and all that is after it up to `end`.
    """
    V, c = weights[7], weights[8]
    logits = buffers[6]
    layers = buffers[0].shape[0]
    inputs.fill_biases(logits, c, first, last, begin, end)
    if V.shape[0] == 1:
        output.add(
            logits, packed[3][0], handed_up(buffers, layers - 1, dropped), V.shape[1], 1, first, last, begin, end
        )
    else:
        left, right = handed_up(buffers, layers // 2 - 1, dropped), handed_up(buffers, layers - 1, dropped)
        output.add(logits, packed[3][0], left, V.shape[1], 0, first, last, begin, end)
        output.add_reversed(logits, packed[3][1], right, V.shape[1], first, last, begin, end)


@shared(types.void(WEIGHTS, PACKED, PACKED, INTEGER, INTEGER))
def pack(weights, packed, back, worker, workers):
    """Pack a worker's share of the weights, and of their transposes where there is room for these."""
    _, U, W, further, _, _, _, V, _, _ = weights
    for stack in range(V.shape[0]):
        pack_shares(packed[3][stack], back[3][stack], V[stack], worker, workers)
    for layer in range(W.shape[0]):
        pack_shares(packed[1][layer], back[1][layer], W[layer], worker, workers)
        for k in range(further.shape[1]):
            pack_shares(packed[2][layer, k], back[2][layer, k], further[layer, k], worker, workers)
    for layer in range(U.shape[0]):
        pack_shares(packed[0][layer], back[0][layer], U[layer], worker, workers)


@entry
def pack_all(weights, packed, back):
    """Pack all weights on one thread."""
    pack(weights, packed, back, 0, 1)
