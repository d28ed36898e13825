"""The initial values of the parameters."""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture


def initialize(architecture: Architecture, seed: int) -> dict[str, NDArray[np.float32]]:
    """Draw a network's initial parameters, as the seed determines them.

    W and every other matrix that multiplies a state: orthogonal (Saxe, McClelland & Ganguli 2014), so that a state
    neither grows nor shrinks; or the identity (Le, Jaitly & Hinton 2015). In a clockwork network, W is 0 where a group
    would read a faster one. U and V: uniform in ±√(3/N), which is variance 1/N, for N rows; a first layer's U, of which
    a character reads one row: uniform in ±√(3/H). Biases: 0, or the value in the cell's row (1 for an LSTM's forget
    gate). Peepholes and learned initial states: 0.
    """
    generator = np.random.default_rng([seed, 0x1A17])
    row = architecture.row
    bias_start = dict(row.bias_start)
    parameters = {}
    for name, shape in architecture.parameter_shapes().items():
        where, _, own = name.rpartition(".")
        letter, _, gate = own.partition("_")
        if letter == "W" and row.recurrent_start == "identity":
            values = np.eye(shape[0], shape[1])
        elif letter in ("W", "R", "P"):
            values = _orthogonal(generator, shape)
        elif letter in ("U", "V"):
            inputs = architecture.hidden if letter == "U" and where.endswith("layer0") else shape[0]
            values = generator.uniform(-1.0, 1.0, shape) * np.sqrt(3.0 / inputs)
        else:
            values = np.full(shape, bias_start.get(gate, 0.0) if letter == "b" else 0.0)
        if letter == "W" and architecture.periods:
            values = np.where(heard(architecture), values, 0.0)
        parameters[name] = values.astype(np.float32)
    return parameters


def heard(architecture: Architecture) -> NDArray[np.bool_]:
    """Return which units read which [H, H].

    In a clockwork network, a unit reads its own group, including itself, and slower groups. Each column is a reader.
    """
    periods = np.array(architecture.unit_periods())
    result: NDArray[np.bool_] = periods[:, np.newaxis] >= periods
    return result


def _orthogonal(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer."""
    q, r = np.linalg.qr(generator.standard_normal((max(shape), min(shape))))
    q = q * np.sign(np.diag(r))  # the signs make every orthogonal matrix equally likely
    return q if q.shape == shape else q.T
