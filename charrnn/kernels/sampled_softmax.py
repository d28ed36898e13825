"""The softmax over a sample of the symbols, and what it needs besides: each target's own logit.

A target [T, B] is a place in the sample from 0 on; −1 is none; −2 − r is the r-th of the targets that are `others`: not
in the sample. Their rows of V are read where they are.
"""

from numba import types

from charrnn.kernels.activations import exp, log
from charrnn.kernels.arguments import BUFFERS, FLOATS, INTEGER, NET, PART, STEP
from charrnn.kernels.forward_pass import handed_up
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, fma, lane_maximum, lane_sum, load, maximum, splat, store
from charrnn.kernels.product import PANEL, share


@jit
def slot_of(t, steps, stacks, stack):
    """Return the slot of the top layer's output from which step t is predicted."""
    if stacks == 1:
        return t + 1
    return steps - 1 - t if stack else t


@jit
def begin_own(own, logits, targets, sample, first, last, steps):
    """Begin the targets' own logits: those that are in the sample are done, the others have c."""
    for t in range(steps):
        for b in range(first, last):
            target = targets[t, b]
            own[t, b] = 0.0
            if target >= 0:
                own[t, b] = logits[t, b, target]
            elif target < -1:
                own[t, b] = sample.c[sample.others[-2 - target]]


@jit
def add_own(own, targets, sample, stack, x, first, last, steps):
    """Add x V of a stack to the logits of targets that are not in the sample; x [T+1, B, ≥I]."""
    V = sample.V
    for t in range(steps):
        slot = slot_of(t, steps, V.shape[0], stack)
        for b in range(first, last):
            if targets[t, b] < -1:
                symbol = sample.others[-2 - targets[t, b]]
                total = splat(0.0)
                for j in range(0, V.shape[2], LANES):
                    total = fma(load(x, (slot, b, j)), load(V, (stack, symbol, j)), total)
                own[t, b] += lane_sum(total)


@jit
def sampled_cross_entropy(logits, own, targets, losses, offsets, symbols, scale, first, last, steps):
    """Turn logits over a sample of the symbols into their gradient, and write the losses.

    A symbol that is drawn with probability π stands for 1/π of its kind, so its offset [≥V] is −log π. The target
    counts once, with its `own` logit [T, B], which becomes its gradient; where it is in the sample too, that does not
    count.
    """
    width = logits.shape[2]
    for t in range(steps):
        for b in range(first, last):
            target = targets[t, b]
            if target == -1:
                losses[t, b], own[t, b] = 0.0, 0.0
                for j in range(0, width, LANES):
                    store(logits, (t, b, j), 0.0)
                continue
            for j in range(symbols, width):
                logits[t, b, j] = -1e30
            largest = splat(-1e30)
            for j in range(0, width, LANES):
                o = load(logits, (t, b, j)) + load(offsets, (j,))
                store(logits, (t, b, j), o)
                largest = maximum(o, largest)
            if target >= 0:
                logits[t, b, target] = -1e30
            top = max(lane_maximum(largest), own[t, b])
            chosen = own[t, b] - top
            total = splat(0.0)
            for j in range(0, width, LANES):
                e = exp(load(logits, (t, b, j)) - top)
                store(logits, (t, b, j), e)
                total = total + e
            e_own = lane_maximum(exp(splat(chosen)))
            mass = lane_sum(total) + e_own
            losses[t, b] = log(mass) - chosen
            for j in range(0, width, LANES):
                store(logits, (t, b, j), load(logits, (t, b, j)) * (scale / mass))
            for j in range(symbols, width):
                logits[t, b, j] = 0.0
            own[t, b] = e_own * (scale / mass) - scale
            if target >= 0:
                logits[t, b, target] = own[t, b]


@separate(types.void(FLOATS[3], STEP, INTEGER, PART, INTEGER))
def go_back(dh, step, stack, part, flags):
    """Add to dh [T+1, B, ≥I] of a stack's top layer what comes from targets that are not in the sample."""
    sample, targets, steps = step.sample, step.targets, step.length
    V, own = sample.V, sample.own
    for t in range(part.begin, part.end):
        slot = slot_of(t, steps, V.shape[0], stack)
        for b in range(part.first, part.last):
            if targets[t, b] < -1:
                symbol = sample.others[-2 - targets[t, b]]
                gradient = splat(own[t, b])
                for j in range(0, V.shape[2], LANES):
                    d = load(dh, (slot, b, j))
                    store(dh, (slot, b, j), fma(gradient, load(V, (stack, symbol, j)), d))


@separate(types.void(NET, BUFFERS, STEP, INTEGER, INTEGER, INTEGER))
def loss(net, buffers, step, first, last, flags):
    """Turn logits over a sample into their gradient, and write the losses, for some rows."""
    sample, targets, stacks, steps = step.sample, step.targets, net.weights.first_U.shape[0], step.length
    own, logits = sample.own, buffers.logits
    begin_own(own, logits, targets, sample, first, last, steps)
    if sample.others.size:
        for stack in range(stacks):
            top = (stack + 1) * (buffers.z.shape[0] // stacks) - 1
            x = handed_up(buffers.states, buffers.dropped, top, step.dropout.keys.size)
            add_own(own, targets, sample, stack, x, first, last, steps)
    losses, offsets, scale = buffers.losses, sample.offsets, step.scale
    sampled_cross_entropy(logits, own, targets, losses, offsets, net.symbols, scale, first, last, steps)


@jit
def add_gradients(dV, dc, own, targets, sample, stack, x, steps, member):
    """Add a member's columns of the gradient of the others' rows of V, and all of that of c to dc [V]."""
    first, last = share(dV.shape[2], member)
    begin, end = first * PANEL, min(last * PANEL, dV.shape[2])
    for t in range(steps):
        slot = slot_of(t, steps, dV.shape[0], stack)
        for b in range(targets.shape[1]):
            if targets[t, b] < -1:
                r = -2 - targets[t, b]
                gradient = splat(own[t, b])
                for j in range(begin, end, LANES):
                    d = load(dV, (stack, r, j))
                    store(dV, (stack, r, j), fma(gradient, load(x, (slot, b, j)), d))
                if stack == 0 and member.worker == 0:
                    dc[sample.others[r]] += own[t, b]


@jit
def add_gradients_of_others(buffers, step, dV, dc, member):
    """Add a member's share of the gradient of targets that are not in the sample, to theirs of V and to dc [V]."""
    if step.sample.others.size:
        for stack in range(dV.shape[0]):
            top = (stack + 1) * (buffers.z.shape[0] // dV.shape[0]) - 1
            x = handed_up(buffers.states, buffers.dropped, top, step.dropout.keys.size)
            own, targets, steps = step.sample.own, step.targets, step.length
            add_gradients(dV, dc, own, targets, step.sample, stack, x, steps, member)
