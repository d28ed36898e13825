"""The forward pass of a network over a batch of whole examples.

It differs from `forward_pass` in what is read, texts or numbers, and in what predicts: each step, or the states of all
steps pooled. With two stacks, a layer reads its own stack's layer below, or both (`joining`).
"""

from numba import types

from charrnn.kernels import inputs, softmax
from charrnn.kernels.arguments import BUFFERS, NET, PART, LayerWeights, Part
from charrnn.kernels.example_arguments import BATCH, HEAD
from charrnn.kernels.forward_pass import handed_up, read_by, scan_steps, steps_at_once
from charrnn.kernels.joining import join, pool
from charrnn.kernels.llvm.compiler import entry, jit, shared
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import begin_row


@jit
def look_up(x, E, read, part):
    """Set x [T+1, B, M] to the rows of the embedding E [N, M] that are read: those of step t in slot t+1."""
    for t in range(part.end):
        for b in range(part.first, part.last):
            symbol = min(max(read[t, b], 0), E.shape[0] - 1)
            for j in range(0, E.shape[1], LANES):
                store(x, (t + 1, b, j), load(E, (symbol, j)))


@jit
def feed_numbers(z, fed, U, bias, x, begin, part):
    """Set z [T, B, Z] of a first layer to x_t U + b; x [·, B, M] holds x_0 in slot `begin`; U is packed."""
    inputs.fill_biases(z, bias, part)
    first, last, t, stop = part
    multiply_add(z[t:stop, first:last, :fed], x[begin + t : begin + stop, first:last], U, t & 1)


@jit
def room_of(batch, stacks):
    """Return for how many steps a batch has room: those of the window, or fewer."""
    return batch.ids.shape[0] // stacks


@jit
def add_condition(z, head, part):
    """Add v W_v to z [T, B, Z] of a first layer at some steps: at each, or only at the first one."""
    biases = head.biases
    for t in range(part.begin, part.end):
        if t and head.given_first:
            return
        for b in range(part.first, part.last):
            for j in range(0, biases.shape[1], LANES):
                store(z, (t, b, j), load(z, (t, b, j)) + load(biases, (b, j)))


@jit
def multiply_conditions(biases, given, W, part):
    """Set what conditions given [1, B, K] add to the biases [B, G]: v W_v; most of their numbers are 0."""
    for b in range(part.first, part.last):
        for j in range(0, biases.shape[1], LANES):
            store(biases, (b, j), 0.0)
        for k in range(W.shape[0]):
            v = given[0, b, k]
            if v != 0.0:
                for j in range(0, biases.shape[1], LANES):
                    store(biases, (b, j), load(biases, (b, j)) + load(W, (k, j)) * v)


@jit
def read_symbols(z, U, bias, read, batch, begin, part):
    """Set z of a first layer from symbols; dropout of the input multiplies each, by factors from slot `begin` on."""
    factors = batch.dropout.factors
    if factors.shape[0]:
        inputs.feed_scaled_symbols(z, U, bias, read, factors[begin:], part)
    else:
        inputs.feed_symbols(z, U, bias, read, part)


@jit
def read_first(net, head, batch, z, layer, stack, read, part):
    """Set z of a first layer from what it reads, for some steps."""
    weights, U = net.weights, net.packed.first_U
    fed, bias = weights.first_U.shape[2], weights.b[layer]
    if batch.numbers.shape[0]:
        feed_numbers(z, fed, U[stack], bias, batch.numbers, stack * room_of(batch, U.shape[0]), part)
    elif head.x.shape[0]:
        feed_numbers(z, fed, U[stack], bias, head.x[stack], 1, part)
    else:
        read_symbols(z, weights.first_U[stack], bias, read, batch, stack * room_of(batch, U.shape[0]), part)
    if head.given_first and part.begin == 0:  # nothing else is read in this step
        inputs.fill_biases(z, bias, Part(part.first, part.last, 0, 1))
    if head.biases.shape[0]:
        add_condition(z, head, part)


@shared(types.void(NET, BUFFERS, HEAD, BATCH, PART))
def layers_forward(net, buffers, head, batch, part):
    """Run some rows of a batch through all layers, level by level, from the states in slot 0."""
    # Single arrays from here on, as in `forward_pass`.
    scan, weights, packed, keys, joined = net.scan, net.weights, net.packed, batch.dropout.keys, head.joined
    peepholes, periods, initial, b = weights.peepholes, weights.periods, weights.initial, weights.b
    packed_U, packed_W, packed_extra, ids = packed.U, packed.W, packed.extra, batch.ids
    gates, states, dropped, masks = buffers.z, buffers.states, buffers.dropped, buffers.masks
    first, last, _, steps = part
    if head.biases.shape[0]:
        multiply_conditions(head.biases, batch.given, weights.given, part)
    stretch = steps_at_once(last - first)
    stacks, fed = weights.first_U.shape[0], weights.first_U.shape[2]
    depth, room = gates.shape[0] // stacks, room_of(batch, stacks)
    for place in range(gates.shape[0]):
        level, stack = place // stacks, place % stacks
        layer = stack * depth + level
        z, read, upper = gates[layer], read_by(ids, room, stack), layer - 1 - stack
        own = LayerWeights(packed_W[layer], packed_extra[layer], peepholes[layer], periods)
        if level == 0 and head.x.shape[0]:
            look_up(head.x[stack], weights.E, read, part)
            inputs.disturb(head.x[stack], batch.dropout.factors, batch.dropout.noise, stack * room, part)
        elif level and joined.shape[0]:
            left = handed_up(states, dropped, level - 1, keys.size)
            right = handed_up(states, dropped, depth + level - 1, keys.size)
            join(joined[upper], left, right, head.size, stack, part)
        for t in range(0, steps, stretch):
            some = Part(first, last, t, min(t + stretch, steps))
            if level == 0:
                read_first(net, head, batch, z, layer, stack, read, some)
            elif joined.shape[0]:
                inputs.feed_below(z, fed, packed_U[upper], b[layer], joined[upper], some)
            else:
                below = handed_up(states, dropped, layer - 1, keys.size)
                inputs.feed_below(z, fed, packed_U[upper], b[layer], below, some)
            scan_steps(scan, z, states, layer, own, initial, read, some)
        if keys.size:
            inputs.drop(dropped[layer], states[0, layer], masks[layer], batch.dropout.keep, keys[layer], part)


@shared(types.void(NET, BUFFERS, HEAD, BATCH, PART))
def outputs_forward(net, buffers, head, batch, part):
    """Set the outputs (`logits`) of some rows: of each step, or one for each example."""
    outputs, states, dropped, is_dropped = buffers.logits, buffers.states, buffers.dropped, batch.dropout.keys.size
    V, c, inner = net.packed.V, net.weights.c, net.weights.V.shape[2]
    stacks, depth = V.shape[0], buffers.z.shape[0] // V.shape[0]
    predicted = Part(part.first, part.last, 0, 1) if head.pooling else part
    inputs.fill_biases(outputs, c, predicted)
    for stack in range(stacks):
        top = handed_up(states, dropped, (stack + 1) * depth - 1, is_dropped)
        if head.pooling:
            pool(head.pooled[stack], top, batch.ends, stack, head.pooling, part)
            softmax.add(outputs, V[stack], head.pooled[stack], inner, 0, predicted)
        elif stack == 0:
            softmax.add(outputs, V[0], top, inner, 1, part)
        else:
            softmax.add_reversed(outputs, V[1], top[1:], inner, part)


@entry
def forward(net, buffers, head, batch, part):
    """Run some rows of a batch forward, from the initial states to the outputs."""
    for row in range(part.first, part.last):
        begin_row(buffers.states, net.weights.initial, row)
    layers_forward(net, buffers, head, batch, part)
    outputs_forward(net, buffers, head, batch, part)
