"""Many steps of training in one compiled call, which each thread of a team makes: no Python in between.

A thread that came back to Python between two kernels would wait there for its turn, for as long as a small network
takes to be computed. A step has two phases, as in `backward_pass`; at last each thread updates some blocks of the flat
vector, and packs its share of the new weights.
"""

import math

from charrnn.kernels import softmax, states, update
from charrnn.kernels.arguments import Dropout, Step
from charrnn.kernels.backward_pass import add_gradients, forward_backward
from charrnn.kernels.barrier import wait
from charrnn.kernels.forward_pass import pack
from charrnn.kernels.llvm.compiler import entry, jit


@jit
def step_of(windows, plan, k):
    """Return what step k is given."""
    dropout = Dropout(plan.keep, plan.keys[k])
    return Step(windows.ids[k], windows.targets[k], windows.lengths[k], plan.scales[k], dropout, plan.fresh[k])


@jit
def rows_of(batch, member):
    """Return the rows [first, last) of a batch that fall to a member."""
    return member.worker * batch // member.workers, (member.worker + 1) * batch // member.workers


@jit
def begin_step(net, back, buffers, step, member, scratch):
    """Go forward and back with a member's rows, then add its columns of the gradient."""
    first, last = rows_of(step.fresh.size, member)
    for b in range(first, last):
        if step.fresh[b]:
            states.begin_row(buffers.states, net.weights.initial, b)
    wait(member)  # until all weights are packed
    forward_backward(net, back, buffers, step, first, last)
    wait(member)  # until all rows have gone back
    add_gradients(net, back, buffers, step.ids, step.dropout.keys.size, step.length, member, scratch)


@jit
def end_step(net, back, buffers, optimizer, windows, plan, k, member):
    """Update, carry and pack a member's share; return whether the gradient's norm was finite."""
    steps = windows.lengths[k]
    if member.worker == 0:
        plan.losses[k] = softmax.total(buffers.losses, steps)
    norm = update.step(optimizer, plan.rates[k], plan.updates[k], member)
    plan.norms[k] = norm
    if not math.isfinite(norm):
        return False
    first, last = rows_of(plan.fresh.shape[1], member)
    ended = min(max(plan.full_rows[k], first), last)
    states.carry(buffers.states, first, ended, steps)
    states.carry(buffers.states, ended, last, steps - 1)
    wait(member)  # until all weights are new
    pack(net.weights, net.packed, back.transposed, member)
    return True


@entry
def train(net, back, buffers, optimizer, windows, plan, member, scratch):
    """Train on window after window, each thread its share; return how many steps were done.

    It ends at once where a norm is not finite.
    """
    for k in range(windows.lengths.size):
        begin_step(net, back, buffers, step_of(windows, plan, k), member, scratch)
        wait(member)  # until the gradient is whole
        if not end_step(net, back, buffers, optimizer, windows, plan, k, member):
            return k + 1
    wait(member)
    return windows.lengths.size
