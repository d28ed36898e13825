"""The first values of the parameters."""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture


def initialise(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw a network's first parameters; the same seed draws the same.

    W: orthogonal (Saxe, McClelland & Ganguli 2014), so that a state neither grows nor shrinks. U and V: uniform in
    ±√(3/H), rows of a deeper layer ±√(3/N): variance 1/H or 1/N. Biases: 0, or as the cell's row says (an LSTM's forget
    gate 1).
    """
    generator = np.random.default_rng([seed, 0x1A17])
    bias_start = dict(architecture.row.bias_start)
    parameters = {}
    for name, shape in architecture.parameter_shapes().items():
        letter, _, gate = name.partition(".")[2].partition("_")
        if letter == "W":
            values = _orthogonal(generator, shape[0])
        elif letter in ("U", "V"):
            inputs = shape[0] if letter == "V" or not name.startswith("layer0.") else architecture.hidden
            values = generator.uniform(-1.0, 1.0, shape) * np.sqrt(3.0 / inputs)
        else:
            values = np.full(shape, bias_start.get(gate, 0.0))
        parameters[name] = values.astype(np.float32)
    return parameters


def _orthogonal(generator: np.random.Generator, size: int) -> NDArray[np.float64]:
    q, r = np.linalg.qr(generator.standard_normal((size, size)))
    return q * np.sign(np.diag(r))  # the signs make every orthogonal matrix equally likely
