"""A whole network forward over a window of text, in one compiled call.

A network has D stacks of L layers: one, or two where it is bidirectional, of which the second reads the text from its
end. In arrays the layers of all stacks follow one another. The scan of a cell's family comes as an address, so that
this is compiled once for all cells.
"""

from numba import types

from charrnn.kernels import inputs, softmax
from charrnn.kernels.arguments import (
    BUFFERS,
    DROPOUT,
    INTEGER,
    INTEGERS,
    MEMBER,
    NET,
    PACKED,
    PART,
    WEIGHTS,
    LayerWeights,
    Member,
    Part,
)
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.product import pack_shares
from charrnn.kernels.states import begin_layer, gap_after

ROWS_AT_ONCE = 64  # of a layer's gates: 256 kB with 256 units of four gates, a quarter of a second-level cache


@jit
def steps_at_once(rows):
    """Return for how many steps a layer's input is computed before the scan over them.

    Products read the weights less often for more rows; but more do not stay in the second-level cache for the scan.
    """
    return max(1, ROWS_AT_ONCE // max(1, rows))


@jit
def handed_up(states, dropped, layer, is_dropped):
    """Return what a layer hands to the one above [T+1, B, H]: that of step t in slot t+1."""
    if is_dropped:
        return dropped[layer]
    return states[0, layer]


@jit
def read_by(ids, steps, stack):
    """Return what a stack reads [T, B] of ids [D·T, B], for a window of so many steps T."""
    return ids[stack * steps : (stack + 1) * steps]


@shared(types.void(NET, BUFFERS, INTEGERS[2], DROPOUT, PART))
def layers_forward(net, buffers, ids, dropout, part):
    """Run a part of a window through the layers, from the states in slot `begin` on.

    An input below 0 is the gap between two documents: after it a row's states are the first ones.
    """
    # Single arrays from here on: as long as a tuple is in use, each of its arrays has its users counted.
    scan, weights, packed, keys = net.scan, net.weights, net.packed, dropout.keys
    first_U, b, peepholes, periods = weights.first_U, weights.b, weights.peepholes, weights.periods
    initial, packed_U, packed_W, packed_extra = weights.initial, packed.U, packed.W, packed.extra
    gates, states, dropped, masks = buffers.z, buffers.states, buffers.dropped, buffers.masks
    first, last = part.first, part.last
    stretch = steps_at_once(last - first)
    depth = gates.shape[0] // first_U.shape[0]
    for layer in range(gates.shape[0]):
        stack, level = layer // depth, layer % depth
        z, read = gates[layer], read_by(ids, gates.shape[1], stack)
        own = LayerWeights(packed_W[layer], packed_extra[layer], peepholes[layer], periods)
        for t in range(part.begin, part.end, stretch):
            stop = min(t + stretch, part.end)
            if level == 0:
                inputs.feed_symbols(z, first_U[stack], b[layer], read, Part(first, last, t, stop))
            else:
                below, U = handed_up(states, dropped, layer - 1, keys.size), packed_U[layer - 1 - stack]
                inputs.feed_below(z, first_U.shape[2], U, b[layer], below, Part(first, last, t, stop))
            while t < stop:
                gap = gap_after(read, first, last, t, stop)
                call(scan.address, (z, states, layer, own, Part(first, last, t, gap + 1), scan.flags))
                for row in range(first, last):
                    if read[gap, row] < 0:  # what it reads next knows nothing of what was before
                        begin_layer(states, initial, layer, gap + 1, row)
                t = gap + 1
        if keys.size:
            inputs.drop(dropped[layer], states[0, layer], masks[layer], dropout.keep, keys[layer], part)


@shared(types.void(NET, BUFFERS, INTEGER, PART))
def logits_forward(net, buffers, is_dropped, part):
    """Set the logits of some steps from what the top layers hand up.

    A bidirectional network predicts what it reads: from all that is before it, and all that is after it up to `end`.
    """
    logits, states, dropped, top = buffers.logits, buffers.states, buffers.dropped, buffers.z.shape[0] - 1
    V, c, inner = net.packed.V, net.weights.c, net.weights.V.shape[1]
    inputs.fill_biases(logits, c, part)
    if V.shape[0] == 1:
        softmax.add(logits, V[0], handed_up(states, dropped, top, is_dropped), inner, 1, part)
    else:
        softmax.add(logits, V[0], handed_up(states, dropped, top // 2, is_dropped), inner, 0, part)
        softmax.add_reversed(logits, V[1], handed_up(states, dropped, top, is_dropped), inner, part)


@entry
def forward(net, buffers, ids, no_dropout, part):
    """Run a part of a window forward, from the states in slot `begin` to the logits; nothing is dropped."""
    layers_forward(net, buffers, ids, no_dropout, part)
    logits_forward(net, buffers, 0, part)


@shared(types.void(WEIGHTS, PACKED, PACKED, MEMBER))
def pack(weights, packed, transposed, member):
    """Pack a member's share of the weights, and of their transposes where there is room for these."""
    U, W, extra, V = weights.U, weights.W, weights.extra, weights.V
    for stack in range(V.shape[0]):
        pack_shares(packed.V[stack], transposed.V[stack], V[stack], member)
    for layer in range(W.shape[0]):
        pack_shares(packed.W[layer], transposed.W[layer], W[layer], member)
        for k in range(extra.shape[1]):
            pack_shares(packed.extra[layer, k], transposed.extra[layer, k], extra[layer, k], member)
    for layer in range(U.shape[0]):
        pack_shares(packed.U[layer], transposed.U[layer], U[layer], member)


@entry
def pack_all(weights, packed, transposed, barrier):
    """Pack all weights on one thread."""
    pack(weights, packed, transposed, Member(0, 1, barrier))
