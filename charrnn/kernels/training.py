"""Many steps of training in one compiled call, which each thread of a team makes: no Python in between.

A thread that came back to Python between two kernels would wait there for its turn, for as long as a small network
takes to be computed. A step has two phases. Each thread first takes some rows of the batch and goes forward and back
over the whole window with them; then it takes some columns of every weight's gradient, summed over all rows, and at
last some blocks of the flat vector for the update. Arguments are as in ``passes``.
"""

import math

from numba import types

from charrnn.kernels import gradients, inputs, output, update
from charrnn.kernels.barrier import wait
from charrnn.kernels.compiler import call, entry, shared
from charrnn.kernels.passes import (
    BUFFERS,
    FLOATS,
    INTEGER,
    INTEGERS,
    NUMBER,
    PACKED,
    WEIGHTS,
    handed_up,
    layers_forward,
    pack,
    steps_at_once,
)


@shared(
    types.void(
        INTEGER,
        INTEGER,
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
        INTEGER,
        INTEGER,
        INTEGER,
    )
)
def forward_backward(
    scan, scan_back, weights, packed, back, buffers, ids, targets, symbols, scale, keep, keys, first, last, steps
):
    """Run rows `first` to `last` forward and back: losses, and each z the gradient of what entered its gates.

    The gradient is that of the sum of losses times `scale`; that of the carried states is left in slot 0.
    """
    layers_forward(scan, weights, packed, buffers, ids, keep, keys, first, last, 0, steps)
    back_U, back_W, back_V = back
    z, states, dh, other, _, masks, logits, losses = buffers
    top = z.shape[0] - 1
    below, slot = handed_up(buffers, top, keys.size)
    output.forward(logits, packed[2], weights[5], below, slot, first, last, 0, steps)
    output.softmax_cross_entropy(logits, targets, losses, symbols, scale, first, last, steps)
    stretch = steps_at_once(last - first)
    for layer in range(top, -1, -1):
        inputs.clear(dh[layer], first, last, 0, 1)
        for k in range(other.shape[0]):
            inputs.clear(other[k, layer], first, last, 0, 1)
        there = steps  # from here on dh has what comes from above: one step ahead of the scan, which adds to it
        for stop in range(steps, 0, -stretch):
            t = max(0, stop - stretch)
            s = max(0, t - 1)
            if layer == top:
                output.backward(dh[top], logits, back_V, first, last, s, there)
            else:
                inputs.feed_back(dh[layer], z[layer + 1], weights[1].shape[2], back_U[layer], first, last, s, there)
            if keys.size:
                inputs.drop_gradient(dh[layer], masks[layer], first, last, s, there)
            there = s
            end = stop
            while end > t:
                for row in range(first, last):
                    if ids[end - 1, row] < 0:  # the zeros that come after depend on nothing
                        inputs.clear(dh[layer], row, row + 1, end, end + 1)
                        inputs.clear_states(other, layer, 0, row)
                begin = inputs.gap_before(ids, first, last, t, end - 1) + 1
                call(scan_back, (z[layer], states, dh, other, layer, back_W[layer], first, last, begin, end))
                end = begin


@shared(types.void(WEIGHTS, BUFFERS, INTEGERS[2], INTEGER, INTEGER, INTEGER, INTEGER, FLOATS[1]))
def add_gradients(gradient, buffers, ids, dropped, worker, workers, steps, scratch):
    """Add a worker's columns of every weight's gradient over the window, once all rows have gone back."""
    first_U, U, W, b, V, c = gradient
    z, states, _, _, _, _, logits, _ = buffers
    layers, _, batch, width = z.shape
    rows = steps * batch
    for layer in range(layers):
        dz = z[layer].reshape(-1, width)
        if layer == 0:
            gradients.add_picked_rows(first_U, ids, dz, worker, workers, rows)
        else:
            below, slot = handed_up(buffers, layer - 1, dropped)
            gradients.add_product(U[layer - 1], below, slot, dz, 0, rows, worker, workers, scratch)
        gradients.add_product(W[layer], states[0, layer], 0, dz, width - W.shape[2], rows, worker, workers, scratch)
        gradients.add_row_sums(b[layer], dz, rows, worker, workers)
    d_logits = logits.reshape(-1, logits.shape[2])
    below, slot = handed_up(buffers, layers - 1, dropped)
    # The last worker takes the first panels here, as shares that do not come out even favour the last one above.
    gradients.add_product(V, below, slot, d_logits, 0, rows, workers - 1 - worker, workers, scratch)
    gradients.add_row_sums(c, d_logits, rows, worker, workers)


@entry
def train(
    scan,
    scan_back,
    weights,
    packed,
    back,
    gradient,
    buffers,
    optimiser,
    windows,
    plan,
    symbols,
    worker,
    meeting,
    scratch,
):
    """Train on window after window, each thread its share; return how many steps were done.

    `windows` (ids and targets [N, T, B], their steps [N]) is the text. `plan` holds for each step 1/predictions of the
    window, the learning rate and the number of updates there will have been [N]; the share dropout keeps (a number) and
    its keys [N, L]; which streams begin anew [N, B] and from which on they end one step early [N]; and room for each
    step's loss and norm [N]. It ends at once where a norm is not finite.
    """
    ids, targets, lengths = windows
    scales, rates, counts, keep, keys, anew, whole, losses, norms = plan
    states = buffers[1]
    batch, workers = ids.shape[2], meeting[1]
    first, last = worker * batch // workers, (worker + 1) * batch // workers
    for k in range(lengths.size):
        steps = lengths[k]
        for b in range(first, last):
            if anew[k, b]:
                inputs.forget(states, b)
        wait(meeting)  # until all weights are packed
        forward_backward(
            scan,
            scan_back,
            weights,
            packed,
            back,
            buffers,
            ids[k],
            targets[k],
            symbols,
            scales[k],
            keep,
            keys[k],
            first,
            last,
            steps,
        )
        wait(meeting)  # until all rows have gone back
        add_gradients(gradient, buffers, ids[k], keys.shape[1], worker, workers, steps, scratch)
        if worker == 0:
            losses[k] = output.total(buffers[7], steps)
        wait(meeting)  # until the gradient is whole
        norm = update.step(optimiser, rates[k], counts[k], worker, meeting)
        norms[k] = norm
        if not math.isfinite(norm):
            return k + 1
        ended = min(max(whole[k], first), last)
        inputs.carry(states, first, ended, steps)
        inputs.carry(states, ended, last, steps - 1)
        wait(meeting)  # until all weights are new
        pack(weights, packed, back, worker, workers)
    wait(meeting)
    return lengths.size
