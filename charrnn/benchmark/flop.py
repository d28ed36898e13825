"""What counts as a floating-point operation (FLOP)."""

from charrnn.cells.architecture import Architecture

COUNTED = (
    "A FLOP is a multiplication or an addition in a matrix product with weights: 2 for each weight and character on "
    "the way forward and, in training, 2 more on the way back to the states and 2 for the weight's gradient. The first "
    "layer's input weights count nothing, as a one-hot input picks a row of them; nor do biases, pointwise functions, "
    "softmax and optimizer."
)


def flop_per_character(architecture: Architecture, *, training: bool) -> int:
    """Return the FLOP per character, counted as `COUNTED` says."""
    return (6 if training else 2) * architecture.multiply_adds()
