"""The forward pass of a whole network over a window of text, in one compiled call.

A network has D stacks of L layers: one stack, or two if it is bidirectional; the second one reads the text from its
end. Arrays hold the layers of one stack after those of the other. The scan of a cell's family is passed as an address,
so this code is compiled once for all cells.
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
from charrnn.kernels.product import multiply_add, pack_shares, pack_transposed_shares, panels
from charrnn.kernels.product import pack as pack_matrix
from charrnn.kernels.states import begin_layer, gap_after

ROWS_AT_ONCE = 64  # of a layer's gates: 256 kB with 256 units of four gates, a quarter of a second-level cache


@jit
def steps_at_once(rows):
    """Return how many steps of input to compute before their scan.

    More rows at once read the weights less often, but too many do not stay in the second-level cache until the scan.
    """
    return max(1, ROWS_AT_ONCE // max(1, rows))


@jit
def handed_up(states, dropped, layer, is_dropped):
    """Return a layer's output [T+1, B, H], after dropout if there is any.

    The output of step t is in slot t+1.
    """
    if is_dropped:
        return dropped[layer]
    return states[0, layer]


@jit
def read_by(ids, steps, stack):
    """Return the ids [T, B] that a stack reads, of all ids [D·T, B].

    T is the window's number of `steps`.
    """
    return ids[stack * steps : (stack + 1) * steps]


@jit
def scan_steps(scan, z, states, layer, own, initial, read, part):
    """Run a layer's scan over the steps of a part; after a gap in what it `read` [T, B], a row has the initial states.

    The next document does not depend on the one before the gap.
    """
    first, last, t, stop = part
    while t < stop:
        gap = gap_after(read, first, last, t, stop)
        call(scan.address, (z, states, layer, own, Part(first, last, t, gap + 1), scan.flags))
        for row in range(first, last):
            if read[gap, row] < 0:
                begin_layer(states, initial, layer, gap + 1, row)
        t = gap + 1


@jit
def read_first(z, first_U, bias, read, dropout, stack, part):
    """Set z of a stack's first layer from the symbols that it reads; dropout of the input multiplies each of them."""
    if dropout.factors.shape[0]:
        factors = read_by(dropout.factors, z.shape[0], stack)
        inputs.feed_scaled_symbols(z, first_U[stack], bias, read, factors, part)
    else:
        inputs.feed_symbols(z, first_U[stack], bias, read, part)


@shared(types.void(NET, BUFFERS, INTEGERS[2], DROPOUT, PART))
def layers_forward(net, buffers, ids, dropout, part):
    """Run a part of a window through all layers.

    It starts from the states in slot `begin`. An id below 0 is the gap between two documents: after it, a row has the
    initial states.
    """
    # Single arrays from here on: while a tuple is in use, Numba counts the references to each of its arrays.
    scan, weights, packed, keys = net.scan, net.weights, net.packed, dropout.keys
    first_U, b, peepholes, periods = weights.first_U, weights.b, weights.peepholes, weights.periods
    initial, packed_U, packed_W, packed_extra = weights.initial, packed.U, packed.W, packed.extra
    gates, states, dropped, masks = buffers.z, buffers.states, buffers.dropped, buffers.masks
    packed_first_U, noise = packed.first_U, dropout.noise
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
                read_first(z, first_U, b[layer], read, dropout, stack, Part(first, last, t, stop))
                if noise.shape[0]:
                    x = read_by(noise, gates.shape[1], stack)[t:stop, first:last]
                    multiply_add(z[t:stop, first:last, : first_U.shape[2]], x, packed_first_U[stack], t & 1)
            else:
                below, U = handed_up(states, dropped, layer - 1, keys.size), packed_U[layer - 1 - stack]
                inputs.feed_below(z, first_U.shape[2], U, b[layer], below, Part(first, last, t, stop))
            scan_steps(scan, z, states, layer, own, initial, read, Part(first, last, t, stop))
        if keys.size:
            inputs.drop(dropped[layer], states[0, layer], masks[layer], dropout.keep, keys[layer], part)


@shared(types.void(NET, BUFFERS, INTEGER, PART))
def logits_forward(net, buffers, is_dropped, part):
    """Set the logits of some steps from the top layers' outputs.

    A bidirectional network predicts the symbols that it reads, each from all symbols before it and all after it, up to
    `end`.
    """
    logits, states, dropped, top = buffers.logits, buffers.states, buffers.dropped, buffers.z.shape[0] - 1
    V, c, inner = net.packed.V, net.weights.c, net.weights.V.shape[2]
    inputs.fill_biases(logits, c, part)
    if V.shape[0] == 1:
        softmax.add(logits, V[0], handed_up(states, dropped, top, is_dropped), inner, 1, part)
    else:
        softmax.add(logits, V[0], handed_up(states, dropped, top // 2, is_dropped), inner, 0, part)
        softmax.add_reversed(logits, V[1], handed_up(states, dropped, top, is_dropped), inner, part)


@entry
def output(net, logits, h):
    """Set logits [1, B, V] from the top layer's outputs h [1, B, H], in a network of one stack."""
    part = Part(0, h.shape[1], 0, 1)
    inputs.fill_biases(logits, net.weights.c, part)
    softmax.add(logits, net.packed.V[0], h, h.shape[2], 0, part)


@entry
def forward(net, buffers, ids, no_dropout, part):
    """Run a part of a window forward, to the logits.

    It starts from the states in slot `begin`, without dropout.
    """
    layers_forward(net, buffers, ids, no_dropout, part)
    logits_forward(net, buffers, 0, part)


@entry
def forward_numbers(net, buffers, x, U, packed_U, steps):
    """Run the layers over numbers instead of symbols.

    x [T+1, B, N] holds x_t in slot t+1; N is whole vectors. The layers start from the states in slot 0. U [N, G] is the
    first layer's, and `packed_U` [N·G] is room for its packed form.
    """
    scan, weights, packed = net.scan, net.weights, net.packed
    b, peepholes, periods, packed_W = weights.b, weights.peepholes, weights.periods, packed.W
    packed_deeper, packed_extra, gates, states = packed.U, packed.extra, buffers.z, buffers.states
    part = Part(0, x.shape[1], 0, steps)
    pack_matrix(packed_U, U, 0, panels(U.shape[1]))
    for layer in range(gates.shape[0]):
        if layer == 0:
            inputs.feed_below(gates[layer], U.shape[1], packed_U, b[layer], x, part)
        else:
            below = states[0, layer - 1]
            inputs.feed_below(gates[layer], U.shape[1], packed_deeper[layer - 1], b[layer], below, part)
        own = LayerWeights(packed_W[layer], packed_extra[layer], peepholes[layer], periods)
        call(scan.address, (gates[layer], states, layer, own, part, scan.flags))


@shared(types.void(WEIGHTS, PACKED, PACKED, MEMBER))
def pack(weights, packed, transposed, member):
    """Pack a member's share of the layers' weights.

    It packs their transposes too, if there is room.
    """
    U, W, extra, first_U = weights.U, weights.W, weights.extra, weights.first_U
    if packed.first_U.size:
        for stack in range(first_U.shape[0]):
            pack_shares(packed.first_U[stack], transposed.first_U[stack], first_U[stack], member)
    for layer in range(W.shape[0]):
        pack_shares(packed.W[layer], transposed.W[layer], W[layer], member)
        for k in range(extra.shape[1]):
            pack_shares(packed.extra[layer, k], transposed.extra[layer, k], extra[layer, k], member)
    for layer in range(U.shape[0]):
        pack_shares(packed.U[layer], transposed.U[layer], U[layer], member)
    for k in range(weights.attention.shape[0]):
        pack_shares(packed.attention[k], transposed.attention[k], weights.attention[k], member)


@shared(types.void(WEIGHTS, PACKED, PACKED, MEMBER))
def pack_output(weights, packed, transposed, member):
    """Pack a member's share of V, and its transpose if there is room."""
    for stack in range(weights.V.shape[0]):
        pack_transposed_shares(packed.V[stack], transposed.V[stack], weights.V[stack], member)


@entry
def pack_all(weights, packed, transposed, barrier):
    """Pack all weights on one thread."""
    pack(weights, packed, transposed, Member(0, 1, barrier))
    pack_output(weights, packed, transposed, Member(0, 1, barrier))
