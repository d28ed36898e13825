"""Many steps of training on batches of whole examples, as in `training_loop`."""

from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.example_arguments import Batch
from charrnn.kernels.examples_backward import add_gradients, forward_backward
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.states import begin_row
from charrnn.kernels.training_loop import dropout_of, end_step


@jit
def batch_of(batches, plan, k):
    """Return the batch of step k."""
    numbers, values = batches.numbers[k], batches.values[k]
    length, dropout = batches.lengths[k], dropout_of(plan, k)
    ids, ends, targets, weights = batches.ids[k], batches.ends[k], batches.targets[k], batches.weights[k]
    source = batches.given[k], batches.source_ids[k], batches.source_ends[k], batches.source_lengths[k]
    return Batch(ids, numbers, ends, targets, values, weights, length, plan.scales[k], dropout, *source)


@entry
def train(net, back, buffers, head, optimizer, batches, plan, member, scratch):
    """Train on each batch; return the number of steps, as in `training_loop`."""
    first, last = share_of(batches.ends.shape[1], member)
    for k in range(batches.lengths.size):
        batch = batch_of(batches, plan, k)
        for b in range(first, last):
            begin_row(buffers.states, net.weights.initial, b)
        wait(member)  # until all weights are packed
        forward_backward(net, back, buffers, head, batch, first, last)
        wait(member)  # until the backward pass of all rows is done
        add_gradients(net, back, buffers, head, batch, member, scratch)
        wait(member)  # until the gradient is complete
        if not end_step(net, back, buffers, optimizer, batches, plan, k, member):
            return k + 1
    wait(member)
    return batches.lengths.size


@entry
def step(net, back, buffers, head, batch, member, scratch):
    """Compute the gradient of one batch, for tests; each member does its share."""
    first, last = share_of(batch.ends.size, member)
    for b in range(first, last):
        begin_row(buffers.states, net.weights.initial, b)
    wait(member)
    forward_backward(net, back, buffers, head, batch, first, last)
    wait(member)
    add_gradients(net, back, buffers, head, batch, member, scratch)
