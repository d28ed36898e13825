"""The initial values of the parameters.

They are bit for bit the same on every processor: random bits, and operations on floats that have one right result.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.own_cell import Shape, looks_up

Values = NDArray[np.float32]

ROUNDS = 12  # of reflections, after which an orthogonal matrix of any size looks like one drawn from all of them
AT_ONCE = 1 << 18  # entries of a matrix that are computed together: 1 MB
FEW_ROWS = 64  # below this, rounding to float32 in each round would not average out


def initialize(architecture: Architecture, seed: int, *, recurrent: str = "", scale: float = 1.0) -> dict[str, Values]:
    """Draw a network's initial parameters, as `first_values` does."""
    return dict(first_values(architecture, seed, recurrent=recurrent, scale=scale))


def first_values(
    architecture: Architecture, seed: int, *, recurrent: str = "", scale: float = 1.0
) -> Iterator[tuple[str, Values]]:
    """Draw a network's initial parameters one by one, with their names, as the seed determines them.

    W, and R with full gate recurrence, as `recurrent` says, or else the cell's row: orthogonal (Saxe, McClelland &
    Ganguli 2014), so that a state neither grows nor shrinks; the identity (Le, Jaitly & Hinton 2015), with zeros beside
    it if a projection makes W [R, H]; or random, as U. A projection's P: orthogonal. In a clockwork network, W is 0
    where a group would read a faster one. U and V: uniform in ±√(3/N), which is variance 1/N, for N rows; a first
    layer's U, of which a character reads one row: uniform in ±√(3/H); an embedding, likewise: in ±√(3/M). All these
    matrices are then multiplied by `scale`. Biases: 0, or the value in the cell's row (1 for an LSTM's forget gate).
    Peepholes, vectors and matrices, and learned initial states: 0. Random initial states: uniform from −1 to 1, by
    numbers of their own. A condition's matrix, of which a label picks one row: like U of characters. The matrices of
    attention: orthogonal. Of a cell of the user's own, a matrix that multiplies the input is as U; any other as W, each
    block of H columns by itself; a vector is 0; unless the cell says otherwise.
    """
    if architecture.encoder is not None:
        for name, values in _own_values(architecture.encoder, (seed, 0x1A17, 1), recurrent, scale):
            yield f"encoder.{name}", values
    yield from _own_values(architecture, (seed, 0x1A17), recurrent, scale)


def _own_values(
    architecture: Architecture, key: tuple[int, ...], recurrent: str, scale: float
) -> Iterator[tuple[str, Values]]:
    """Draw the initial parameters of a network without its encoder, as a key determines them."""
    generator = np.random.default_rng(key)
    row = architecture.row
    bias_start, embedding = dict(row.bias_start), architecture.embedding
    recurrent = recurrent or row.recurrent_start
    states = np.random.default_rng([*key, 0xF157])  # so that the weights are those of a network without such states
    drawn = {f"{state}0" for state in architecture.stored_states if architecture.first_state == "random"}
    for name, shape in architecture.own_shapes().items():
        where, _, own = name.rpartition(".")
        letter, _, gate = own.partition("_")
        if architecture.own is not None and (declared := architecture.own.shapes.get(own)):
            inputs = architecture.hidden if looks_up(architecture, name) else shape[0]
            values = _declared(generator, declared, shape, inputs, recurrent)
            if scale != 1.0 and values.ndim == 2:
                values *= np.float32(scale)
            yield name, values
            continue
        start = recurrent if letter in ("W", "R") else "orthogonal" if letter == "P" else "random"
        start = {"given": "random", "attention": "orthogonal"}.get(where, start)
        if start == "identity":
            values = np.eye(*shape, dtype=np.float32)
        elif start == "orthogonal":
            values = _orthogonal(generator, shape)
        elif letter in ("W", "R", "U", "V", "E"):
            dense = embedding or architecture.features
            looked_up = (
                name == "embedding.E" or where == "given" or (where.endswith("layer0") and letter == "U" and not dense)
            )
            inputs = shape[0]
            if looked_up:
                inputs = embedding if name == "embedding.E" else architecture.hidden
            values = _uniform(generator, shape, inputs)
        elif own in drawn:
            values = np.float32(2.0) * states.random(shape, np.float32) - np.float32(1.0)
        else:
            values = np.full(shape, bias_start.get(gate, 0.0) if letter == "b" else 0.0, np.float32)
        if own == "W" and where not in ("given", "attention") and architecture.periods:
            values *= heard(architecture)
        if scale != 1.0 and values.ndim == 2:
            values *= np.float32(scale)
        yield name, values


def _declared(
    generator: np.random.Generator, declared: Shape, shape: tuple[int, ...], inputs: int, recurrent: str
) -> Values:
    """Draw the first values of a parameter of a cell of the user's own, with so many inputs if it multiplies them."""
    if declared.value is not None or len(shape) == 1:
        return np.full(shape, declared.value or 0.0, np.float32)
    start = declared.start or ("random" if "input" in declared.sizes else recurrent)
    if start == "random":
        return _uniform(generator, shape, inputs)
    rows, columns = shape
    block = rows, columns // declared.blocks
    drawn = [np.eye(*block, dtype=np.float32) if start == "identity" else _orthogonal(generator, block)]
    drawn += [drawn[0] if start == "identity" else _orthogonal(generator, block) for _ in range(1, declared.blocks)]
    return np.concatenate(drawn, axis=1)


def _uniform(generator: np.random.Generator, shape: tuple[int, ...], inputs: int) -> Values:
    """Draw a matrix with variance 1/N for N inputs."""
    values = generator.random(shape, np.float32)
    values -= np.float32(0.5)
    values *= np.float32(2.0 * math.sqrt(3.0 / inputs))
    return values


def heard(architecture: Architecture) -> NDArray[np.bool_]:
    """Return which units read which [H, H].

    In a clockwork network, a unit reads its own group, including itself, and slower groups. Each column is a reader.
    """
    periods = np.array(architecture.unit_periods())
    result: NDArray[np.bool_] = periods[:, np.newaxis] >= periods
    return result


def _orthogonal(generator: np.random.Generator, shape: tuple[int, ...]) -> Values:
    """Draw a matrix with orthonormal rows or columns, whichever are fewer.

    It is the product of rounds of reflections I − 2vvᵀ/(v·v). A round puts the rows into groups of four at random, and
    reflects each group at v = (1, 1, 1, w), where |w| is drawn from ¾ to 1¼. With |w| = 1, that turns a 1 in one row
    into ±½ in four.
    """
    rows, columns = max(shape), min(shape)
    size = min(4, rows)  # of a group
    groups = rows // size  # the rows that are left over, up to three, are others in each round
    number: Any = np.float32 if rows >= FEW_ROWS else np.float64
    rounds = []
    for _ in range(ROUNDS):
        w = generator.random((groups, 1), np.float32).astype(number) - number(0.5)
        w += np.copysign(number(0.75), w)
        rounds.append((generator.permutation(rows), w, number(2.0) / (w * w + number(size - 1))))
    result = np.empty((rows, columns), np.float32)
    width = max(16, AT_ONCE // rows)
    for begin in range(0, columns, width):  # the identity's columns do not mix
        part = np.eye(rows, min(width, columns - begin), -begin, dtype=number)
        for order, w, scale in rounds:
            part = part[order]
            *others, last = part[: groups * size].reshape(size, groups, -1)
            step = last * w
            for x in others:
                step += x
            step *= scale
            for x in others:
                x -= step
            step *= w
            last -= step
        result[:, begin : begin + width] = part
    return result if result.shape == shape else result.T
