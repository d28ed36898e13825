"""The backward pass of a whole network over a window of text, and the gradients of its weights.

Each thread first takes some rows of the batch, and runs the forward and the backward pass over the whole window for
them. Then it takes some columns of every weight's gradient, summed over all rows (see `weight_gradients`).
"""

from numba import types

from charrnn.kernels import inputs, softmax, weight_gradients
from charrnn.kernels.arguments import (
    BACK,
    BUFFERS,
    DROPOUT,
    FLOATS,
    INTEGER,
    INTEGERS,
    MEMBER,
    NET,
    STEP,
    LayerWeights,
    Member,
    Part,
    Scan,
)
from charrnn.kernels.forward_pass import handed_up, layers_forward, logits_forward, read_by, steps_at_once
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.states import clear, gap_before


@shared(types.void(FLOATS[4], FLOATS[3], FLOATS[5], INTEGER, INTEGER, INTEGER))
def forget_gradients(d_initial, dh, d_others, layer, slot, b):
    """Clear the gradient of a row's reset states in a slot.

    If initial states are learned, the gradient is first added to d_initial [S, L, B, H], which is empty otherwise.
    dh [T+1, B, H] is that of one layer; d_others is [S−1, L, 1, B, H].
    """
    for j in range(0, dh.shape[2], LANES):
        if d_initial.shape[0]:
            store(d_initial, (0, layer, b, j), load(d_initial, (0, layer, b, j)) + load(dh, (slot, b, j)))
        store(dh, (slot, b, j), 0.0)
    for k in range(d_others.shape[0]):
        for j in range(0, dh.shape[2], LANES):
            if k + 1 < d_initial.shape[0]:
                total = load(d_initial, (k + 1, layer, b, j)) + load(d_others, (k, layer, 0, b, j))
                store(d_initial, (k + 1, layer, b, j), total)
            store(d_others, (k, layer, 0, b, j), 0.0)


@jit
def predict(net, buffers, step, first, last):
    """Run the forward pass for some rows, write their losses, and turn their logits into gradients."""
    whole = Part(first, last, 0, step.length)
    layers_forward(net, buffers, step.ids, step.dropout, whole)
    logits_forward(net, buffers, step.dropout.keys.size, whole)
    if step.sample.loss:
        call(step.sample.loss, (net, buffers, step, first, last, 0))
    else:
        logits, targets, scale, steps = buffers.logits, step.targets, step.scale, step.length
        softmax.softmax_cross_entropy(logits, targets, buffers.losses, net.symbols, scale, first, last, steps)


@jit
def scan_back(scan, z, states, dh, d_others, layer, own, d_initial, read, part):
    """Run a layer's backward scan over the steps of a part; the initial states after a gap depend on nothing."""
    first, last, begin, end = part
    while end > begin:
        for row in range(first, last):
            if read[end - 1, row] < 0:
                forget_gradients(d_initial, dh[layer], d_others, layer, end, row)
        t = gap_before(read, first, last, begin, end - 1) + 1
        call(scan.address, (z, states, dh, d_others, layer, own, Part(first, last, t, end), scan.flags))
        end = t


@shared(types.void(NET, BACK, BUFFERS, STEP, INTEGER, INTEGER))
def forward_backward(net, back, buffers, step, first, last):
    """Run the forward and the backward pass for some rows.

    For rows `first` to `last`, it writes the losses, and turns each z into the gradient of the gates' pre-activations.
    The gradient is that of the sum of losses times the step's scale. Slot 0 keeps the gradient of the carried states,
    except for fresh rows: there it is cleared, and if initial states are learned, added to theirs.
    """
    steps, is_dropped = step.length, step.dropout.keys.size
    whole = Part(first, last, 0, steps)
    predict(net, buffers, step, first, last)
    # Single arrays from here on, as in `layers_forward`.
    logits, ids, fresh, scan = buffers.logits, step.ids, step.fresh, Scan(back.scan, net.scan.flags)
    go_back = step.sample.go_back
    gates, states, dh, d_others = buffers.z, buffers.states, buffers.dh, buffers.d_others
    d_initial, masks, peepholes, periods = buffers.d_initial, buffers.masks, net.weights.peepholes, net.weights.periods
    U, W, extra, V = back.transposed.U, back.transposed.W, back.transposed.extra, back.transposed.V
    stacks, fed, inner = net.weights.first_U.shape[0], net.weights.first_U.shape[2], net.weights.V.shape[2]
    layers, depth = gates.shape[0], gates.shape[0] // stacks
    if stacks == 2:
        softmax.backward_both(dh[depth - 1], dh[layers - 1], logits, V, inner, whole)
        for stack in range(2 if go_back else 0):
            call(go_back, (dh[(stack + 1) * depth - 1], step, stack, whole, 0))
    for k in range(d_initial.shape[0]):
        clear(d_initial[k], first, last, 0, layers)
    stretch = steps_at_once(last - first)
    for layer in range(layers - 1, -1, -1):
        is_top, stack = layer % depth == depth - 1, layer // depth
        read = read_by(ids, gates.shape[1], stack)
        own = LayerWeights(W[layer], extra[layer], peepholes[layer], periods)
        if stacks == 1 or not is_top:
            clear(dh[layer], first, last, 0, 1)
        for k in range(d_others.shape[0]):
            clear(d_others[k, layer], first, last, 0, 1)
        there = steps  # from here on dh has the gradient from above: one step ahead of the scan, which adds to it
        for stop in range(steps, 0, -stretch):
            t = max(0, stop - stretch)
            above = Part(first, last, max(0, t - 1), there)
            if not is_top:
                inputs.feed_back(dh[layer], gates[layer + 1], fed, U[layer - stack], above)
            elif stacks == 1:
                softmax.backward(dh[layer], logits, V[0], inner, above)
                if go_back:
                    call(go_back, (dh[layer], step, 0, above, 0))
            if is_dropped:
                inputs.drop_gradient(dh[layer], masks[layer], above)
            there = above.begin
            some = Part(first, last, t, stop)
            scan_back(scan, gates[layer], states, dh, d_others, layer, own, d_initial, read, some)
        for row in range(first, last):
            if fresh[row]:
                forget_gradients(d_initial, dh[layer], d_others, layer, 0, row)


@jit
def add_recurrent_gradients(back, buffers, layer, dz, steps, member, scratch, flags):
    """Add a member's share of the gradient of all weights of a layer except U; dz [T·B, Z] is the layer's."""
    gradient, states, d_initial = back.gradient, buffers.states, buffers.d_initial
    dW, batch = gradient.W[layer], states.shape[3]
    rows = steps * batch
    if dW.shape[1]:  # not every cell has a W
        weight_gradients.add_product(dW, states[0, layer], 0, dz, dz.shape[1] - dW.shape[1], rows, member, scratch)
    call(back.extra_gradients, (gradient, buffers, layer, member, steps, scratch, flags))
    weight_gradients.add_row_sums(gradient.b[layer], dz, rows, member)
    for k in range(gradient.initial.shape[1] if d_initial.shape[0] else 0):
        weight_gradients.add_row_sums(gradient.initial[layer, k], d_initial[k, layer], batch, member)


@shared(types.void(NET, BACK, BUFFERS, INTEGERS[2], DROPOUT, INTEGER, MEMBER, FLOATS[1]))
def add_gradients(net, back, buffers, ids, dropout, steps, member, scratch):
    """Add a member's share of every weight's gradient.

    The gradient is that over the window; the backward pass of all rows must be done.
    """
    gradient, gates, states, dropped = back.gradient, buffers.z, buffers.states, buffers.dropped
    layers, length, batch, width = gates.shape
    stacks, is_dropped, factors = gradient.first_U.shape[0], dropout.keys.size, dropout.factors
    depth, rows = layers // stacks, steps * batch
    for layer in range(layers):
        stack = layer // depth
        dz = gates[layer].reshape(-1, width)
        if layer % depth == 0:
            read = read_by(ids, length, stack)
            if factors.shape[0]:
                own = read_by(factors, length, stack)
                weight_gradients.add_scaled_rows(gradient.first_U[stack], read, own, dz, member, rows)
            else:
                weight_gradients.add_picked_rows(gradient.first_U[stack], read, dz, member, rows)
        else:
            below = handed_up(states, dropped, layer - 1, is_dropped)
            weight_gradients.add_product(gradient.U[layer - 1 - stack], below, 1, dz, 0, rows, member, scratch)
        add_recurrent_gradients(back, buffers, layer, dz, steps, member, scratch, net.scan.flags)
    d_logits = buffers.logits.reshape(-1, buffers.logits.shape[2])
    # Here the last worker takes the first symbols: where shares are uneven, it has the larger one above.
    mirrored = Member(member.workers - 1 - member.worker, member.workers, member.barrier)
    for stack in range(stacks):
        dV, top = gradient.V[stack], handed_up(states, dropped, (stack + 1) * depth - 1, is_dropped)
        if stack == 0:
            weight_gradients.add_output_product(dV, d_logits, top, 2 - stacks, rows, mirrored, scratch)
        else:
            weight_gradients.add_reversed_output_product(dV, d_logits, top, steps, batch, mirrored, scratch)
    weight_gradients.add_row_sums(gradient.c, d_logits, rows, member)


@entry
def forward_backward_rows(net, back, buffers, step, first, last):
    """Call `forward_backward` from Python."""
    forward_backward(net, back, buffers, step, first, last)


@entry
def add_gradients_of_rows(net, back, buffers, ids, dropout, steps, member, scratch):
    """Call `add_gradients` from Python."""
    add_gradients(net, back, buffers, ids, dropout, steps, member, scratch)
