"""Many steps of training, as in `training_loop`, of a network with an embedding, or with a sampled softmax, or both."""

from charrnn.kernels import picked_rows, picked_update
from charrnn.kernels.arguments import Sample, Step
from charrnn.kernels.barrier import wait
from charrnn.kernels.forward_pass import pack_output
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.sampled_softmax import add_gradients_of_others
from charrnn.kernels.training_loop import begin_step, carry_on, step_of
from charrnn.kernels.weight_gradients import add_product


@jit
def picking_step(windows, plan, picked, k):
    """Return the input of step k: with the places of what it reads among those rows, and with its sample."""
    step, none = step_of(windows, plan, k), plan.sample
    others = picked.others[k][: picked.misses[k]]
    go_back = none.go_back if others.size else 0
    sample = Sample(none.loss, go_back, picked.offsets[k], others, none.V, none.c, none.own)
    return Step(picked.places[k], step.targets, step.length, step.scale, step.dropout, step.fresh, sample)


@jit
def end_step(net, own_back, buffers, update, windows, plan, k, member):
    """Update, carry and pack a member's share, as in `training_loop`."""
    optimizer, rooms, picked = update
    tables = picked_rows.rows_of_step(net, own_back, rooms, picked, k)
    norm, rate = 0.0, plan.rates[k]
    if plan.scales[k] > 0.0:
        norm = picked_update.step(optimizer, rooms, tables, rate, plan.updates[k], member)
    else:
        picked_update.renew(optimizer, rooms, plan.updates[k], member)
    if not carry_on(net, own_back, buffers, windows, plan, k, norm, member):
        return False
    if not picked.drawn.shape[1]:
        pack_output(net.weights, net.packed, own_back.transposed, member)
    return True


@jit
def add_gradients_of_noise(gradient, gates, step, member, scratch):
    """Add a member's columns of ∇U = Σ εᵀ δ_t, of the noise ε that was added to what an embedding reads."""
    noise, dU = step.dropout.noise, gradient.first_U
    layers, length, batch, width = gates.shape
    for stack in range(dU.shape[0] if noise.shape[0] else 0):
        dz = gates[stack * (layers // dU.shape[0])].reshape(-1, width)
        add_product(dU[stack], noise, stack * length, dz, 0, step.length * batch, member, scratch)


@entry
def train(net, back, buffers, rooms, picked, optimizer, windows, plan, member, scratch):
    """Train on each window; return the number of steps, as in `training_loop`."""
    update = optimizer, rooms, picked
    for k in range(windows.lengths.size):
        own, own_back, own_buffers = picked_rows.narrowed(net, back, buffers, rooms, picked, k)
        picked_rows.gather(own, net, own_back, rooms, picked, k, member)
        step = picking_step(windows, plan, picked, k)
        begin_step(own, own_back, own_buffers, step, member, scratch)
        add_gradients_of_others(own_buffers, step, rooms.d_others, back.gradient.c, member)
        wait(member)  # until the gradients of what the step has picked are complete
        picked_rows.give_back(own_back, back, rooms, picked, k, member, scratch)
        add_gradients_of_noise(back.gradient, buffers.z, step, member, scratch)
        wait(member)  # until the gradient is complete
        if not end_step(net, own_back, buffers, update, windows, plan, k, member):
            return k + 1
    wait(member)
    return windows.lengths.size
