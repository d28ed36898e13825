"""The losses of networks that read whole examples: each turns outputs into their gradient, and writes the losses.

`softmax` predicts a class, with the cross-entropy −log softmax(o)_y. `linear` predicts numbers, with the squared error
½ Σ_j (o_j − y_j)². `logistic` predicts numbers from 0 to 1, usually one of both, with the binary cross-entropy
Σ_j −y_j log σ(o_j) − (1 − y_j) log(1 − σ(o_j)).
"""

from numba import types

from charrnn.kernels.activations import exp, log, logistic
from charrnn.kernels.arguments import FLOATS, INTEGER, PART
from charrnn.kernels.example_arguments import BATCH
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, lane_maximum, load, splat, store
from charrnn.kernels.softmax import softmax_cross_entropy

LOSS = types.void(FLOATS[3], BATCH, FLOATS[2], INTEGER, PART, INTEGER)


@separate(LOSS)
def softmax(outputs, batch, losses, classes, part, flags):
    """Compute the losses [P, B] and the gradient of outputs [P, B, V] for a class, of a part of them."""
    first, last, _, steps = part
    softmax_cross_entropy(outputs, batch.targets, losses, classes, batch.scale, first, last, steps)
    for t in range(steps):
        for b in range(first, last):
            weight = batch.weights[t, b]
            losses[t, b] *= weight
            for j in range(0, outputs.shape[2], LANES):
                store(outputs, (t, b, j), load(outputs, (t, b, j)) * weight)


@jit
def clear_padding(outputs, losses, targets, numbers, t, b):
    """Clear the padding of a row of gradients, and all of it where nothing is to be predicted; return whether that is.

    The loss is cleared too.
    """
    losses[t, b] = 0.0
    begin = numbers if targets[t, b] >= 0 else 0
    for j in range(begin, outputs.shape[2]):
        outputs[t, b, j] = 0.0
    return targets[t, b] < 0


@separate(LOSS)
def linear(outputs, batch, losses, numbers, part, flags):
    """Compute the losses [P, B] and the gradient of outputs [P, B, V] for numbers, of a part of them."""
    values, targets = batch.values, batch.targets
    for t in range(part.end):
        for b in range(part.first, part.last):
            if clear_padding(outputs, losses, targets, numbers, t, b):
                continue
            weight, total = batch.weights[t, b], 0.0
            for j in range(numbers):
                error = outputs[t, b, j] - values[t, b, j]
                total += 0.5 * error * error
                outputs[t, b, j] = error * (weight * batch.scale)
            losses[t, b] = weight * total


@separate(LOSS)
def logistic_loss(outputs, batch, losses, numbers, part, flags):
    """Compute the losses [P, B] and the gradient of outputs [P, B, V] for numbers from 0 to 1, of a part of them.

    −log σ(o) = log(1 + e^−|o|) + max(−o, 0), and −log(1 − σ(o)) = −log σ(−o), which do not overflow.
    """
    values, targets = batch.values, batch.targets
    for t in range(part.end):
        for b in range(part.first, part.last):
            if clear_padding(outputs, losses, targets, numbers, t, b):
                continue
            weight, total = batch.weights[t, b], 0.0
            for j in range(numbers):
                o, y = outputs[t, b, j], values[t, b, j]
                total += log(1.0 + lane_maximum(exp(splat(-abs(o))))) + max(o, 0.0) - y * o
                outputs[t, b, j] = (lane_maximum(logistic(splat(o))) - y) * (weight * batch.scale)
            losses[t, b] = weight * total


HEADS = {"softmax": softmax, "linear": linear, "logistic": logistic_loss}
