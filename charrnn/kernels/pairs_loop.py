"""Many steps of training on batches of pairs of texts, as in `training_loop`."""

from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.examples_loop import batch_of
from charrnn.kernels.forward_pass import pack
from charrnn.kernels.llvm.compiler import entry
from charrnn.kernels.pairs import add_gradients, forward_backward
from charrnn.kernels.training_loop import end_step


@entry
def train(net, backs, buffers, head, encoder, optimizer, batches, plan, member, scratch):
    """Train on each batch; return the number of steps, as in `training_loop`."""
    first, last = share_of(batches.ends.shape[1], member)
    for k in range(batches.lengths.size):
        batch = batch_of(batches, plan, k)
        wait(member)  # until all weights are packed
        forward_backward(net, backs.decoder, backs.encoder, buffers, head, encoder, batch, first, last)
        wait(member)  # until the backward pass of all rows is done
        add_gradients(net, backs.decoder, backs.encoder, buffers, head, encoder, batch, member, scratch)
        wait(member)  # until the gradient is complete
        if not end_step(net, backs.decoder, buffers, optimizer, batches, plan, k, member):
            return k + 1
        pack(encoder.net.weights, encoder.net.packed, backs.encoder.transposed, member)
    wait(member)
    return batches.lengths.size


@entry
def step(net, backs, buffers, head, encoder, batch, member, scratch):
    """Compute the gradient of one batch, for tests; each member does its share."""
    first, last = share_of(batch.ends.size, member)
    forward_backward(net, backs.decoder, backs.encoder, buffers, head, encoder, batch, first, last)
    wait(member)
    add_gradients(net, backs.decoder, backs.encoder, buffers, head, encoder, batch, member, scratch)
