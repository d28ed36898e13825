"""Many steps of training in one compiled call, which each thread of a team makes: no Python in between.

A thread that came back to Python between two kernels would wait there for its turn, for as long as a small network
takes to be computed. A step has two phases. Each thread first takes some rows of the batch and goes forward and back
over the whole window with them; then it takes some columns of every weight's gradient, summed over all rows, and at
last some blocks of the flat vector for the update. Arguments are as in ``passes``.
"""

import math

from numba import types

from charrnn.kernels import inputs, update
from charrnn.kernels import softmax as output
from charrnn.kernels import weight_gradients as gradients
from charrnn.kernels.barrier import wait
from charrnn.kernels.forward_pass import (
    BUFFERS,
    FLOATS,
    INTEGER,
    INTEGERS,
    NUMBER,
    PACKED,
    WEIGHTS,
    handed_up,
    layers_forward,
    logits_forward,
    pack,
    read_by,
    steps_at_once,
)
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add

SCANS = types.UniTuple(INTEGER, 4)  # addresses: forward, backward, further gradients; and the cell's flags
FRESH = types.Array(types.boolean, 1, "C")


@shared(types.void(FLOATS[4], FLOATS[3], FLOATS[5], INTEGER, INTEGER, INTEGER))
def forget_gradients(begun, dh, other, layer, slot, b):
    """Clear the gradient of a row's states in a slot, where these were set anew; if first states are learnt, keep it.

    begun [S, L, B, H], or empty, adds it up; dh [T+1, B, H] is a layer's, other [S−1, L, 1, B, H].
    """
    for j in range(0, dh.shape[2], LANES):
        if begun.shape[0]:
            store(begun, (0, layer, b, j), load(begun, (0, layer, b, j)) + load(dh, (slot, b, j)))
        store(dh, (slot, b, j), 0.0)
    for k in range(other.shape[0]):
        for j in range(0, dh.shape[2], LANES):
            if k + 1 < begun.shape[0]:
                total = load(begun, (k + 1, layer, b, j)) + load(other, (k, layer, 0, b, j))
                store(begun, (k + 1, layer, b, j), total)
            store(other, (k, layer, 0, b, j), 0.0)


@shared(types.void(FLOATS[3], FLOATS[3], FLOATS[3], FLOATS[2], *[INTEGER] * 4))
def backward_both(left, right, logits, V_transposed, inner, first, last, steps):
    """Set dh [T+1, B, ≥inner] of both top layers: in slot t of the left one δᵒ_t Vᵀ, of the right one in steps−1−t.

    Nothing reads the last slot. V_transposed [2, ·] is packed.
    """
    inputs.clear(left, first, last, 0, steps + 1)
    inputs.clear(right, first, last, 0, steps + 1)
    for t in range(steps):
        slot = steps - 1 - t
        multiply_add(left[t : t + 1, first:last, :inner], logits[t : t + 1, first:last], V_transposed[0], t & 1)
        multiply_add(right[slot : slot + 1, first:last, :inner], logits[t : t + 1, first:last], V_transposed[1], t & 1)


@shared(
    types.void(
        SCANS,
        WEIGHTS,
        PACKED,
        PACKED,
        BUFFERS,
        INTEGERS[2],
        INTEGERS[2],
        INTEGER,
        NUMBER,
        NUMBER,
        INTEGERS[1],
        FRESH,
        INTEGER,
        INTEGER,
        INTEGER,
    )
)
def forward_backward(
    scans, weights, packed, back, buffers, ids, targets, symbols, scale, keep, keys, fresh, first, last, steps
):
    """Run rows `first` to `last` forward and back: losses, and each z the gradient of what entered its gates.

    The gradient is that of the sum of losses times `scale`; that of the carried states is left in slot 0, but for rows
    that are `fresh` [B]: where first states are learnt, theirs is that of the first states.
    """
    layers_forward((scans[0], scans[3]), weights, packed, buffers, ids, keep, keys, first, last, 0, steps)
    logits_forward(weights, packed, buffers, keys.size, first, last, 0, steps)
    _, scan_back, _, flags = scans
    first_U, _, _, _, peepholes, _, _, V, _, periods = weights
    back_U, back_W, back_further, back_V = back
    z, states, dh, other, _, masks, logits, losses, begun = buffers
    output.softmax_cross_entropy(logits, targets, losses, symbols, scale, first, last, steps)
    layers, stacks = z.shape[0], first_U.shape[0]
    depth = layers // stacks
    if stacks == 2:
        backward_both(dh[depth - 1], dh[layers - 1], logits, back_V, V.shape[1], first, last, steps)
    for k in range(begun.shape[0]):
        for layer in range(layers):
            inputs.clear(begun[k, layer : layer + 1], first, last, 0, 1)
    stretch = steps_at_once(last - first)
    for layer in range(layers - 1, -1, -1):
        is_top, stack = layer % depth == depth - 1, layer // depth
        read = read_by(ids, buffers, stack)
        own = back_W[layer], back_further[layer], peepholes[layer], periods
        if stacks == 1 or not is_top:
            inputs.clear(dh[layer], first, last, 0, 1)
        for k in range(other.shape[0]):
            inputs.clear(other[k, layer], first, last, 0, 1)
        there = steps  # from here on dh has what comes from above: one step ahead of the scan, which adds to it
        for stop in range(steps, 0, -stretch):
            t = max(0, stop - stretch)
            s = max(0, t - 1)
            if not is_top:
                fed = first_U.shape[2]
                inputs.feed_back(dh[layer], z[layer + 1], fed, back_U[layer - stack], first, last, s, there)
            elif stacks == 1:
                output.backward(dh[layer], logits, back_V[0], V.shape[1], first, last, s, there)
            if keys.size:
                inputs.drop_gradient(dh[layer], masks[layer], first, last, s, there)
            there = s
            end = stop
            while end > t:
                for row in range(first, last):
                    if read[end - 1, row] < 0:  # the first states that come after depend on nothing
                        forget_gradients(begun, dh[layer], other, layer, end, row)
                begin = inputs.gap_before(read, first, last, t, end - 1) + 1
                call(scan_back, (z[layer], states, dh, other, layer, *own, first, last, begin, end, flags))
                end = begin
        for row in range(first, last):
            if fresh[row]:
                forget_gradients(begun, dh[layer], other, layer, 0, row)


@shared(types.void(SCANS, WEIGHTS, BUFFERS, INTEGERS[2], INTEGER, INTEGER, INTEGER, INTEGER, FLOATS[1]))
def add_gradients(scans, gradient, buffers, ids, dropped, worker, workers, steps, scratch):
    """Add a worker's columns of every weight's gradient over the window, once all rows have gone back."""
    first_U, U, W, further, peepholes, b, initial, V, c, periods = gradient
    z, states, dh, _, _, _, logits, _, begun = buffers
    layers, _, batch, width = z.shape
    stacks = first_U.shape[0]
    depth = layers // stacks
    rows = steps * batch
    for layer in range(layers):
        stack = layer // depth
        dz = z[layer].reshape(-1, width)
        if layer % depth == 0:
            gradients.add_picked_rows(first_U[stack], read_by(ids, buffers, stack), dz, worker, workers, rows)
        else:
            below = handed_up(buffers, layer - 1, dropped)
            gradients.add_product(U[layer - 1 - stack], below, 1, dz, 0, rows, worker, workers, scratch)
        gradients.add_product(W[layer], states[0, layer], 0, dz, width - W.shape[2], rows, worker, workers, scratch)
        own = W[layer], further[layer], peepholes[layer]
        share = worker, workers, steps, scratch, scans[3]
        call(scans[2], (*own, z[layer], states, dh, layer, periods, *share))
        gradients.add_row_sums(b[layer], dz, rows, worker, workers)
        for k in range(begun.shape[0]):
            gradients.add_row_sums(initial[layer, k], begun[k, layer], batch, worker, workers)
    d_logits = logits.reshape(-1, logits.shape[2])
    for stack in range(stacks):
        top = handed_up(buffers, (stack + 1) * depth - 1, dropped)
        # The last worker takes the first panels here, as shares that do not come out even favour the last one above.
        part = workers - 1 - worker, workers, scratch
        if stacks == 1:
            gradients.add_product(V[0], top, 1, d_logits, 0, rows, *part)
        elif stack == 0:
            gradients.add_product(V[0], top, 0, d_logits, 0, rows, *part)
        else:
            gradients.add_reversed_product(V[1], top, d_logits, steps, batch, *part)
    gradients.add_row_sums(c, d_logits, rows, worker, workers)


@entry
def go_back(scans, weights, packed, back, buffers, ids, targets, symbols, scale, keep, keys, fresh, first, last, steps):
    """Do what `forward_backward` does, called from Python."""
    forward_backward(
        scans, weights, packed, back, buffers, ids, targets, symbols, scale, keep, keys, fresh, first, last, steps
    )


@entry
def add_up(scans, gradient, buffers, ids, dropped, worker, workers, steps, scratch):
    """Do what `add_gradients` does, called from Python."""
    add_gradients(scans, gradient, buffers, ids, dropped, worker, workers, steps, scratch)


@jit
def go_through(
    scans, weights, packed, back, gradient, buffers, ids, targets, symbols, plan, k, steps, worker, meeting, scratch
):
    """Begin step k: go forward and back with a worker's rows, then add its columns of the gradient, and the loss."""
    batch, workers = plan.fresh.shape[1], meeting[1]
    first, last = worker * batch // workers, (worker + 1) * batch // workers
    for b in range(first, last):
        if plan.fresh[k, b]:
            inputs.forget(buffers[1], weights[6], b)
    wait(meeting)  # until all weights are packed
    forward_backward(
        scans,
        weights,
        packed,
        back,
        buffers,
        ids,
        targets,
        symbols,
        plan.scales[k],
        plan.keep,
        plan.keys[k],
        plan.fresh[k],
        first,
        last,
        steps,
    )
    wait(meeting)  # until all rows have gone back
    add_gradients(scans, gradient, buffers, ids, plan.keys.shape[1], worker, workers, steps, scratch)
    if worker == 0:
        plan.losses[k] = output.total(buffers[7], steps)


@jit
def take_step(weights, packed, back, buffers, optimizer, plan, k, steps, worker, meeting):
    """End step k: update, carry and pack a worker's share; return whether the gradient's norm was finite."""
    states, batch, workers = buffers[1], plan.fresh.shape[1], meeting[1]
    first, last = worker * batch // workers, (worker + 1) * batch // workers
    norm = update.step(optimizer, plan.rates[k], plan.updates[k], worker, meeting)
    plan.norms[k] = norm
    if not math.isfinite(norm):
        return False
    ended = min(max(plan.full_rows[k], first), last)
    inputs.carry(states, first, ended, steps)
    inputs.carry(states, ended, last, steps - 1)
    wait(meeting)  # until all weights are new
    pack(weights, packed, back, worker, workers)
    return True


@entry
def train(
    scans,
    weights,
    packed,
    back,
    gradient,
    buffers,
    optimizer,
    windows,
    plan,
    symbols,
    worker,
    meeting,
    scratch,
):
    """Train on window after window, each thread its share; return how many steps were done.

    It ends at once where a norm is not finite.
    """
    for k in range(windows.lengths.size):
        arguments = windows.ids[k], windows.targets[k], symbols, plan, k, windows.lengths[k], worker, meeting
        go_through(scans, weights, packed, back, gradient, buffers, *arguments, scratch)
        wait(meeting)  # until the gradient is whole
        if not take_step(weights, packed, back, buffers, optimizer, plan, k, windows.lengths[k], worker, meeting):
            return k + 1
    wait(meeting)
    return windows.lengths.size
