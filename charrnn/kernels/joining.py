"""What both directions of a network hand on together, to the next layers or to the output.

A step t of an example is in slot t+1 of the first stack's outputs [T+1, B, I], and in slot T−t of the second one's,
which reads from the right; T is the number of steps of the batch.
"""

from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.states import clear

EACH, LAST, MEAN = range(3)  # what the output reads: the states of each step, the last ones, or their mean
POOLINGS = {"each": EACH, "last": LAST, "mean": MEAN}


@jit
def join(joined, left, right, size, stack, part):
    """Set what a stack's layer reads at each step, joined [T+1, B, J]: both outputs of the step, `size` units each."""
    steps = part.end
    for t in range(steps):
        slot = steps - t if stack else t + 1
        for b in range(part.first, part.last):
            for j in range(size):
                joined[slot, b, j] = left[t + 1, b, j]
                joined[slot, b, size + j] = right[steps - t, b, j]


@jit
def split(d_left, d_right, d_joined, size, part):
    """Add the gradients of what both stacks' layers read, d_joined [2, T+1, B, J], to those of the outputs below."""
    steps = part.end
    for t in range(steps):
        for b in range(part.first, part.last):
            for j in range(size):
                d_left[t + 1, b, j] += d_joined[0, t + 1, b, j] + d_joined[1, steps - t, b, j]
                d_right[steps - t, b, j] += d_joined[0, t + 1, b, size + j] + d_joined[1, steps - t, b, size + j]


@jit
def pool(pooled, outputs, ends, stack, pooling, part):
    """Set pooled [1, B, I] to a stack's last outputs, or to the mean of its outputs, for each example.

    Of the second stack, the last outputs are those of the batch's last step.
    """
    clear(pooled, part.first, part.last, 0, 1)
    steps = part.end
    for b in range(part.first, part.last):
        end = ends[b]
        if pooling == LAST:
            slot = steps if stack else end
            for j in range(0, pooled.shape[2], LANES):
                store(pooled, (0, b, j), load(outputs, (slot, b, j)))
        elif end:
            for t in range(end):
                slot = steps - t if stack else t + 1
                for j in range(0, pooled.shape[2], LANES):
                    store(pooled, (0, b, j), load(pooled, (0, b, j)) + load(outputs, (slot, b, j)))
            for j in range(0, pooled.shape[2], LANES):
                store(pooled, (0, b, j), load(pooled, (0, b, j)) * (1.0 / end))


@jit
def unpool(dh, d_pooled, ends, stack, pooling, part):
    """Add the gradient d_pooled [1, B, I] to that of a stack's outputs, dh [T+1, B, H]."""
    steps = part.end
    for b in range(part.first, part.last):
        end = ends[b]
        if pooling == LAST:
            slot = steps if stack else end
            for j in range(0, d_pooled.shape[2], LANES):
                store(dh, (slot, b, j), load(dh, (slot, b, j)) + load(d_pooled, (0, b, j)))
        else:
            for t in range(end):
                slot = steps - t if stack else t + 1
                for j in range(0, d_pooled.shape[2], LANES):
                    store(dh, (slot, b, j), load(dh, (slot, b, j)) + load(d_pooled, (0, b, j)) * (1.0 / end))
