"""The backward pass of a network over a batch of whole examples, and the gradients of its weights."""

from numba import types

from charrnn.kernels import inputs, weight_gradients
from charrnn.kernels.arguments import BACK, BUFFERS, FLOATS, INTEGER, MEMBER, NET, PART, LayerWeights, Part, Scan
from charrnn.kernels.backward_pass import add_recurrent_gradients, forget_gradients, scan_back
from charrnn.kernels.example_arguments import BATCH, HEAD
from charrnn.kernels.examples_forward import layers_forward, outputs_forward, room_of
from charrnn.kernels.forward_pass import handed_up, read_by
from charrnn.kernels.joining import split, unpool
from charrnn.kernels.llvm.compiler import call, jit, shared
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import clear


@jit
def go_back_to_top(net, back, buffers, head, batch, part):
    """Set dh of the top layers from the gradient of the outputs."""
    outputs, dh, V, inner = buffers.logits, buffers.dh, back.transposed.V, net.weights.V.shape[2]
    first, last, _, steps = part
    stacks, depth = V.shape[0], buffers.z.shape[0] // V.shape[0]
    for stack in range(stacks):
        d_top, d_pooled = dh[(stack + 1) * depth - 1], head.d_pooled
        clear(d_top, first, last, 0, steps + 1)
        if head.pooling:
            clear(d_pooled[stack], first, last, 0, 1)
            multiply_add(d_pooled[stack][:, first:last], outputs[:1, first:last], V[stack], 0)
            unpool(d_top, d_pooled[stack], batch.ends, stack, head.pooling, part)
        elif stack == 0:
            multiply_add(d_top[1 : steps + 1, first:last, :inner], outputs[:steps, first:last], V[0], 0)
        else:
            for t in range(steps):
                slot = steps - t
                d_slot = d_top[slot : slot + 1, first:last, :inner]
                multiply_add(d_slot, outputs[t : t + 1, first:last], V[1], t & 1)


@jit
def take_final(d_others, d_final, layer, row):
    """Add to the gradient of a row's other states that of its last ones, d_final [S, D·L, B, H]."""
    for k in range(1, d_final.shape[0]):
        for j in range(0, d_final.shape[3], LANES):
            total = load(d_others, (k - 1, layer, 0, row, j)) + load(d_final, (k, layer, row, j))
            store(d_others, (k - 1, layer, 0, row, j), total)


@jit
def scan_back_from_ends(scan, buffers, layer, own, read, d_final, ends, part):
    """Run a layer's backward scan, to which the gradient of the last states is added at each example's own end.

    `ends` is empty if all of them are those of the last step, as in a stack that reads from the right.
    """
    z, states, dh = buffers.z[layer], buffers.states, buffers.dh
    d_others, d_initial = buffers.d_others, buffers.d_initial
    first, last, _, steps = part
    for row in range(first, last):
        slot = ends[row] if ends.size else steps
        for j in range(0, d_final.shape[3], LANES):
            store(dh, (layer, slot, row, j), load(dh, (layer, slot, row, j)) + load(d_final, (0, layer, row, j)))
    stop = steps
    while stop > 0:
        begin = 0
        for row in range(first, last):
            end = ends[row] if ends.size else steps
            if end == stop:
                take_final(d_others, d_final, layer, row)
            elif end < stop:
                begin = max(begin, end)
        scan_back(scan, z, states, dh, d_others, layer, own, d_initial, read, Part(first, last, begin, stop))
        stop = begin
    for row in range(first, last):
        if (ends[row] if ends.size else steps) == 0:
            take_final(d_others, d_final, layer, row)


@jit
def sum_steps(d_biases, z, given_first, part):
    """Set the gradient of what a condition adds, d_biases [B, G], to the sum of z [T, B, Z] over the steps it is in."""
    for b in range(part.first, part.last):
        for j in range(0, d_biases.shape[1], LANES):
            total = load(z, (0, b, j))
            for t in range(1, 1 if given_first else part.end):
                total = total + load(z, (t, b, j))
            store(d_biases, (b, j), total)


@shared(types.void(NET, BACK, BUFFERS, HEAD, BATCH, PART))
def layers_backward(net, back, buffers, head, batch, part):
    """Run some rows of a batch back through all layers; dh of the top layers has the gradient from the outputs."""
    first, last, _, steps = part
    is_dropped, joined = batch.dropout.keys.size, head.joined.shape[0]
    # Single arrays from here on, as in `forward_pass`.
    ids, d_joined, dx, scan = batch.ids, head.d_joined, head.dx, Scan(back.scan, net.scan.flags)
    d_final, ends, none = head.d_final, batch.ends, batch.ends[:0]
    gates, states, dh, d_others = buffers.z, buffers.states, buffers.dh, buffers.d_others
    d_initial, masks, peepholes, periods = buffers.d_initial, buffers.masks, net.weights.peepholes, net.weights.periods
    U, W, extra, first_U = back.transposed.U, back.transposed.W, back.transposed.extra, back.transposed.first_U
    stacks, fed = net.weights.first_U.shape[0], net.weights.first_U.shape[2]
    layers, depth, room = gates.shape[0], gates.shape[0] // stacks, room_of(batch, stacks)
    for k in range(d_initial.shape[0]):
        clear(d_initial[k], first, last, 0, layers)
    for place in range(layers - 1, -1, -1):
        level, stack = place // stacks, place % stacks
        layer = stack * depth + level
        read = read_by(ids, room, stack)
        own = LayerWeights(W[layer], extra[layer], peepholes[layer], periods)
        for k in range(d_others.shape[0]):
            clear(d_others[k, layer], first, last, 0, 1)
        if level < depth - 1 and not joined:
            clear(dh[layer], first, last, 0, 1)
            inputs.feed_back(dh[layer], gates[layer + 1], fed, U[layer - stack], part)
        elif level < depth - 1 and stack:  # the layers of the level above are done, and both stacks' layers are next
            for other in range(stacks):
                clear(dh[other * depth + level], first, last, 0, steps + 1)
            split(dh[level], dh[layer], d_joined, head.size, part)
        if is_dropped:
            inputs.drop_gradient(dh[layer], masks[layer], part)
        if d_final.shape[0]:
            scan_back_from_ends(scan, buffers, layer, own, read, d_final, none if stack else ends, part)
        else:
            scan_back(scan, gates[layer], states, dh, d_others, layer, own, d_initial, read, part)
        for row in range(first, last):
            forget_gradients(d_initial, dh[layer], d_others, layer, 0, row)
        if level and joined:
            inputs.feed_back(d_joined[stack], gates[layer], fed, U[layer - 1 - stack], part)
        elif level == 0 and dx.shape[0]:
            inputs.feed_back(dx[stack], gates[layer], fed, first_U[stack], part)
        if level == 0 and head.d_biases.shape[0]:
            sum_steps(head.d_biases, gates[layer], head.given_first, part)


@shared(types.void(NET, BACK, BUFFERS, HEAD, BATCH, INTEGER, INTEGER))
def forward_backward(net, back, buffers, head, batch, first, last):
    """Run the forward and the backward pass for some rows of a batch.

    For rows `first` to `last`, it writes the losses, and turns each z into the gradient of the gates' pre-activations.
    The gradient is that of the sum of losses times the batch's scale. All rows start from the initial states.
    """
    part = Part(first, last, 0, batch.length)
    layers_forward(net, buffers, head, batch, part)
    outputs_forward(net, buffers, head, batch, part)
    predicted = Part(first, last, 0, 1) if head.pooling else part
    call(head.loss, (buffers.logits, batch, buffers.losses, net.symbols, predicted, 0))
    go_back_to_top(net, back, buffers, head, batch, part)
    layers_backward(net, back, buffers, head, batch, part)


@jit
def add_symbols(dU, read, batch, begin, dz, member, rows):
    """Add a member's columns of ∇U for symbols, which dropout of the input multiplies by factors from slot `begin`."""
    factors = batch.dropout.factors
    if factors.shape[0]:
        weight_gradients.add_scaled_rows(dU, read, factors[begin:], dz, member, rows)
    else:
        weight_gradients.add_picked_rows(dU, read, dz, member, rows)


@jit
def add_input_gradients(gradient, head, batch, stack, read, dz, steps, member, scratch):
    """Add a member's columns of the gradient of a first layer's U, and of the embedding."""
    skipped = head.given_first  # a step in which only the condition is read
    rows, dU = (steps - skipped) * batch.ends.size, gradient.first_U[stack]
    read, dz = read[skipped:], dz[skipped * batch.ends.size :]
    begin = stack * room_of(batch, gradient.first_U.shape[0])
    if batch.numbers.shape[0]:
        weight_gradients.add_product(dU, batch.numbers, begin, dz, 0, rows, member, scratch)
    elif head.x.shape[0]:
        weight_gradients.add_product(dU, head.x[stack], 1 + skipped, dz, 0, rows, member, scratch)
        dx = head.dx[stack].reshape(-1, dU.shape[0])[(1 + skipped) * batch.ends.size :]  # slot 0 is not used
        add_symbols(gradient.E, read, batch, begin + skipped, dx, member, rows)
    else:
        add_symbols(dU, read, batch, begin + skipped, dz, member, rows)


@shared(types.void(NET, BACK, BUFFERS, HEAD, BATCH, MEMBER, FLOATS[1]))
def add_layer_gradients(net, back, buffers, head, batch, member, scratch):
    """Add a member's share of the gradients of the weights of all layers."""
    gradient, gates, states, dropped = back.gradient, buffers.z, buffers.states, buffers.dropped
    layers, _, size, width = gates.shape
    stacks, steps, is_dropped = gradient.first_U.shape[0], batch.length, batch.dropout.keys.size
    depth, rows = layers // stacks, steps * size
    for layer in range(layers):
        stack, dz = layer // depth, gates[layer].reshape(-1, width)
        upper = layer - 1 - stack
        if layer % depth == 0:
            read = read_by(batch.ids, room_of(batch, stacks), stack)
            add_input_gradients(gradient, head, batch, stack, read, dz, steps, member, scratch)
            if head.d_biases.shape[0]:
                weight_gradients.add_product(gradient.given, batch.given, 0, head.d_biases, 0, size, member, scratch)
        elif head.joined.shape[0]:
            weight_gradients.add_product(gradient.U[upper], head.joined[upper], 1, dz, 0, rows, member, scratch)
        else:
            below = handed_up(states, dropped, layer - 1, is_dropped)
            weight_gradients.add_product(gradient.U[upper], below, 1, dz, 0, rows, member, scratch)
        add_recurrent_gradients(back, buffers, layer, dz, steps, member, scratch, net.scan.flags)


@shared(types.void(NET, BACK, BUFFERS, HEAD, BATCH, MEMBER, FLOATS[1]))
def add_output_gradients(net, back, buffers, head, batch, member, scratch):
    """Add a member's share of the gradients of the output's weights."""
    gradient, states, dropped, size = back.gradient, buffers.states, buffers.dropped, batch.ends.size
    stacks, steps, is_dropped = gradient.V.shape[0], batch.length, batch.dropout.keys.size
    depth, rows = buffers.z.shape[0] // stacks, steps * size
    d_outputs = buffers.logits.reshape(-1, buffers.logits.shape[2])
    predictions = size if head.pooling else rows
    for stack in range(stacks):
        dV, top = gradient.V[stack], handed_up(states, dropped, (stack + 1) * depth - 1, is_dropped)
        if head.pooling:
            weight_gradients.add_output_product(dV, d_outputs, head.pooled[stack], 0, size, member, scratch)
        elif stack == 0:
            weight_gradients.add_output_product(dV, d_outputs, top, 1, rows, member, scratch)
        else:
            weight_gradients.add_reversed_output_product(dV, d_outputs, top[1:], steps, size, member, scratch)
    weight_gradients.add_row_sums(gradient.c, d_outputs, predictions, member)


@shared(types.void(NET, BACK, BUFFERS, HEAD, BATCH, MEMBER, FLOATS[1]))
def add_gradients(net, back, buffers, head, batch, member, scratch):
    """Add a member's share of every weight's gradient; the backward pass of all rows must be done."""
    add_layer_gradients(net, back, buffers, head, batch, member, scratch)
    add_output_gradients(net, back, buffers, head, batch, member, scratch)
