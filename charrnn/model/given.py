"""A network that generates under a condition, which is then a part of it and no input any more."""

from dataclasses import replace

import numpy as np

from charrnn.kernels.arguments import NO_DROPOUT
from charrnn.kernels.example_arguments import Batch
from charrnn.model.example_window import ExampleWindow
from charrnn.model.network import Network
from charrnn.model.parameters import Array, aligned


def network_given(network: Network, condition: Array) -> Network:
    """Return a network that generates under a condition v [K]; raise ValueError if v has another shape.

    If v is read at every step, v W_v becomes a part of the biases. If it is read in a step of its own, the text begins
    with the states after that step.
    """
    a, blocks = network.architecture, network.weights.blocks
    if condition.shape != (a.conditions,):
        raise ValueError(f"a condition has {a.conditions:,} numbers")
    plain = Network(replace(a, conditions=0, given_at=""))
    plain.assign((name, network.weights.named[name]) for name in plain.weights.named)
    if a.given_at == "every":
        biases = plain.weights.blocks.b[0, : blocks.given.shape[1]]
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # predictions that are not finite are an error where they are
            for v, row in zip(condition.tolist(), blocks.given, strict=False):  # the padding has no numbers
                biases += np.float32(v) * row
        return plain
    window = ExampleWindow(a, 1, 1)
    numbers = aligned(1, 1, len(blocks.given))
    numbers[0, 0, : a.conditions] = condition
    network.forward_examples(window, first_step(window, numbers), 0, 1)
    states = len(a.row.states)
    initial = aligned(a.layers, states, window.states.shape[-1])
    initial[:] = window.states[:states, :, 1, 0].swapaxes(0, 1)
    plain.weights.blocks = plain.weights.blocks._replace(initial=initial)
    return plain


def first_step(window: ExampleWindow, given: Array) -> Batch:
    """Return a batch of one step, in which only a condition given [1, 1, K] is read."""
    none, one = np.zeros((1, 1), np.int32), np.ones(1, np.int32)
    nothing = np.zeros((0, 0, 0), np.float32)
    weights, targets = np.ones((1, 1), np.float32), np.full((1, 1), -1, np.int32)
    source = np.zeros((0, 1), np.int32), np.zeros(1, np.int32), 0
    return Batch(none, nothing, one, targets, nothing, weights, 1, 1.0, NO_DROPOUT, given, *source)
