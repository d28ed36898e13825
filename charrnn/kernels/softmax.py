"""The softmax over the vocabulary, and the cross-entropy loss with its gradient in one pass."""

from charrnn.kernels.activations import exp, log
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, lane_maximum, lane_sum, load, maximum, splat, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import clear


@entry
def softmax_cross_entropy(logits, targets, losses, symbols, scale, first, last, steps):
    """Turn logits into their gradient, and write the losses.

    The gradient of logits [T, B, V] is (softmax − one-hot target)·scale. losses [T, B] are in nats:
    loss = log Σ_j exp(o_j − max o) − (o_target − max o). Only the first `symbols` columns are real; the rest is
    padding. For a target that is no symbol, such as −1, loss and gradient are 0.
    """
    width = logits.shape[2]
    for t in range(steps):
        for b in range(first, last):
            target = targets[t, b]
            if not 0 <= target < symbols:
                losses[t, b] = 0.0
                for j in range(0, width, LANES):
                    store(logits, (t, b, j), 0.0)
                continue
            for j in range(symbols, width):
                logits[t, b, j] = -1e30
            largest = splat(-1e30)
            for j in range(0, width, LANES):
                largest = maximum(load(logits, (t, b, j)), largest)
            top = lane_maximum(largest)
            chosen = logits[t, b, target] - top
            total = splat(0.0)
            for j in range(0, width, LANES):
                e = exp(load(logits, (t, b, j)) - top)
                store(logits, (t, b, j), e)
                total = total + e
            mass = lane_sum(total)
            losses[t, b] = log(mass) - chosen
            for j in range(0, width, LANES):
                store(logits, (t, b, j), load(logits, (t, b, j)) * (scale / mass))
            for j in range(symbols, width):
                logits[t, b, j] = 0.0
            logits[t, b, target] -= scale


@jit
def add(logits, V, x, inner, ahead, part):
    """Add x V to logits [T, B, V] for some steps.

    x [T+1, B, ≥inner] holds x_t in slot t + `ahead`.
    """
    first, last, begin, end = part
    multiply_add(logits[begin:end, first:last], x[begin + ahead : end + ahead, first:last, :inner], V, begin & 1)


@jit
def add_reversed(logits, V, x, inner, part):
    """Add x V to logits [T, B, V], for a right-to-left x.

    x [T+1, B, ≥inner] was read from the end of `end` steps: slot end−1−t holds x_t.
    """
    first, last, begin, end = part
    for t in range(begin, end):
        slot = end - 1 - t
        multiply_add(logits[t : t + 1, first:last], x[slot : slot + 1, first:last, :inner], V, t & 1)


@jit
def backward(dh, logits, V_transposed, inner, part):
    """Set dh [T+1, B, ≥inner] of the last layer: dh_{t+1} = δᵒ_t Vᵀ.

    δᵒ_t is the gradient of the logits of step t; the steps are those of `part`.
    """
    first, last, begin, end = part
    clear(dh, first, last, begin + 1, end + 1)
    multiply_add(dh[begin + 1 : end + 1, first:last, :inner], logits[begin:end, first:last], V_transposed, 0)


@jit
def backward_both(left, right, logits, V_transposed, inner, part):
    """Set dh [T+1, B, ≥inner] of both top layers of a bidirectional network.

    Slot t of the left one, and slot end−1−t of the right one, get δᵒ_t Vᵀ, each with its own V. No prediction depends
    on the last slot. V_transposed [2, ·] is packed.
    """
    first, last, _, end = part
    clear(left, first, last, 0, end + 1)
    clear(right, first, last, 0, end + 1)
    for t in range(end):
        slot = end - 1 - t
        multiply_add(left[t : t + 1, first:last, :inner], logits[t : t + 1, first:last], V_transposed[0], t & 1)
        multiply_add(right[slot : slot + 1, first:last, :inner], logits[t : t + 1, first:last], V_transposed[1], t & 1)


@jit
def total(losses, steps):
    """Return the sum of losses [T, B] over the first `steps` steps."""
    sum_ = 0.0
    for t in range(steps):
        for b in range(losses.shape[1]):
            sum_ += losses[t, b]
    return sum_
