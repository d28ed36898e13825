"""Many steps of training in one compiled call, made by each thread of a team, with no Python in between.

A thread that returned to Python between two kernels would wait there for its turn, as long as a small network takes to
compute. A step has two phases, as in `backward_pass`. Then each thread updates some blocks of the flat vector, and
packs its share of the new weights.
"""

import math

from charrnn.kernels import softmax, states, update
from charrnn.kernels.arguments import Dropout, Step
from charrnn.kernels.backward_pass import add_gradients, forward_backward
from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.forward_pass import pack, pack_output
from charrnn.kernels.llvm.compiler import entry, jit


@jit
def dropout_of(plan, k):
    """Return the dropout of step k."""
    return Dropout(plan.keep, plan.keys[k], plan.factors[k], plan.noise[k])


@jit
def step_of(windows, plan, k):
    """Return the input of step k."""
    ids, targets, scale = windows.ids[k], windows.targets[k], plan.scales[k]
    return Step(ids, targets, windows.lengths[k], scale, dropout_of(plan, k), plan.fresh[k], plan.sample)


@jit
def begin_step(net, back, buffers, step, member, scratch):
    """Compute a member's part of a step's gradient.

    It runs the forward and the backward pass for the member's rows, then adds its columns of the gradient.
    """
    first, last = share_of(step.fresh.size, member)
    for b in range(first, last):
        if step.fresh[b]:
            states.begin_row(buffers.states, net.weights.initial, b)
    wait(member)  # until all weights are packed
    forward_backward(net, back, buffers, step, first, last)
    wait(member)  # until the backward pass of all rows is done
    add_gradients(net, back, buffers, step.ids, step.dropout, step.length, member, scratch)


@jit
def end_step(net, back, buffers, optimizer, windows, plan, k, member):
    """Update, carry and pack a member's share.

    Returns whether the gradient norm was finite; if not, weights and states stay unchanged.
    """
    norm = 0.0
    if plan.scales[k] > 0.0:  # else nothing was predicted: moments alone must not move the weights
        norm = update.step(optimizer, plan.rates[k], plan.updates[k], member)
    if not carry_on(net, back, buffers, windows, plan, k, norm, member):
        return False
    pack_output(net.weights, net.packed, back.transposed, member)
    return True


@jit
def carry_on(net, back, buffers, windows, plan, k, norm, member):
    """Note a step's loss and norm; unless that is not finite, carry the states and pack the layers, a member's share.

    Returns whether it is.
    """
    steps = windows.lengths[k]
    if member.worker == 0:
        plan.losses[k] = softmax.total(buffers.losses, steps)
    plan.norms[k] = norm
    if not math.isfinite(norm):
        return False
    first, last = share_of(plan.fresh.shape[1], member)
    ended = min(max(plan.full_rows[k], first), last)
    states.carry(buffers.states, first, ended, steps)
    states.carry(buffers.states, ended, last, steps - 1)
    wait(member)  # until all weights are updated
    pack(net.weights, net.packed, back.transposed, member)
    return True


@entry
def train(net, back, buffers, optimizer, windows, plan, member, scratch):
    """Train on each window; return the number of steps.

    A member does its share of each step. Training stops at once if a gradient norm is not finite.
    """
    for k in range(windows.lengths.size):
        begin_step(net, back, buffers, step_of(windows, plan, k), member, scratch)
        wait(member)  # until the gradient is complete
        if not end_step(net, back, buffers, optimizer, windows, plan, k, member):
            return k + 1
    wait(member)
    return windows.lengths.size
