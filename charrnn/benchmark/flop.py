"""What counts as a floating-point operation (FLOP)."""

from charrnn.cells.architecture import Architecture

COUNTED = (
    "A FLOP is one multiplication or addition in a matrix product with weights: 2 per weight and character in the "
    "forward pass and, in training, 2 more for the gradient of the states and 2 for the gradient of the weights. The "
    "input weights of the first layer are not counted, because a one-hot input selects one of their rows. Biases, "
    "pointwise functions, softmax and the optimizer are not counted either."
)


def flop_per_character(architecture: Architecture, *, training: bool) -> int:
    """Return the FLOP per character, counted as `COUNTED` says."""
    return (6 if training else 2) * architecture.multiply_adds()
