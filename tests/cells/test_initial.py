"""First values: against the naive twin, and held to what a matrix drawn from all orthogonal ones would be."""

import time

import numpy as np
import pytest

from charrnn.cells import initial
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.cells.table import RECURRENT_STARTS
from tests import naive
from tests.rows import NAMES, ROWS, fitted

SHAPES = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (7, 3), (3, 7), (30, 1), (66, 66), (41, 12), (12, 41)]


def orthogonal(shape, seed=0):
    """Draw an orthogonal matrix."""
    return initial._orthogonal(np.random.default_rng(seed), shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_an_orthogonal_matrix_is_its_twin(shape):
    """Of any size, square or not: a product of reflections, of which the twin multiplies the matrices."""
    twin = naive.orthogonal(np.random.default_rng(0), max(shape), min(shape))
    np.testing.assert_allclose(orthogonal(shape), twin if shape[0] >= shape[1] else twin.T, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [*SHAPES, (700, 700), (1030, 300)])
def test_rows_or_columns_are_orthonormal(shape):
    """Whichever are fewer, to 1e-6."""
    q = orthogonal(shape).astype(np.float64)
    products = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(products, np.eye(min(shape)), rtol=0, atol=1e-6)


def test_columns_do_not_depend_on_how_many_are_computed_together(monkeypatch):
    """Memory is bounded by computing some columns at a time."""
    whole = orthogonal((100, 70))
    monkeypatch.setattr(initial, "AT_ONCE", 1)
    assert orthogonal((100, 70)).tobytes() == whole.tobytes()


@pytest.mark.parametrize("size", [2, 3, 5, 8, 33])
def test_small_matrices_are_drawn_fairly(size):
    """Over many seeds, entries have the moments of Haar's measure: 0, 1/n and, the fourth, 3/(n (n + 2))."""
    drawn = np.stack([orthogonal((size, size), seed) for seed in range(2000)]).astype(np.float64) * np.sqrt(size)
    error = 6.0 / np.sqrt(len(drawn))
    assert np.abs(drawn.mean(axis=0)).max() < error
    assert np.abs((drawn**2).mean(axis=0) - 1.0).max() < 1.5 * error
    assert (drawn**4).mean() == pytest.approx(3.0 * size / (size + 2), rel=0.05)


@pytest.mark.parametrize("size", [100, 500])
def test_entries_are_gaussian(size):
    """Entries, and those of the product of two seeds' matrices, are as numbers from a Gaussian with variance 1/n."""
    one, other = orthogonal((size, size), 1).astype(np.float64), orthogonal((size, size), 2)
    expected = np.random.default_rng(0).standard_normal(size * size)
    for matrix in (one, one.T @ other, one @ other, one @ one):
        entries = matrix.ravel() * np.sqrt(size)
        assert (entries**2).mean() == pytest.approx(1.0, abs=0.01)
        assert (entries**4).mean() == pytest.approx(3.0 * size / (size + 2), abs=8 * np.sqrt(96 / entries.size))
        # Kolmogorov and Smirnov's distance of two samples: exceeds 1.63·√(2/n) with a probability of 1 %.
        assert distance(entries, expected) < 2.0 * np.sqrt(2.0 / entries.size)


def distance(a, b):
    """Return the largest difference of two samples' shares below a value."""
    values = np.sort(np.concatenate([a, b]))
    shares = [np.searchsorted(np.sort(sample), values, "right") / sample.size for sample in (a, b)]
    return np.abs(shares[0] - shares[1]).max()


def test_eigenvalues_are_spread_evenly():
    """They are on the unit circle, as evenly as those of Haar's measure: much more evenly than random points."""
    angles = np.angle(np.linalg.eigvals(orthogonal((400, 400)).astype(np.float64)))
    counts, _ = np.histogram(angles, 20, (-np.pi, np.pi))
    assert counts.min() >= 17
    assert counts.max() <= 23


def test_other_matrices_are_uniform():
    """U and V have variance 1/N, and fill the range that belongs to it; seeds differ."""
    values, others = (initialize(Architecture("gru", 50, 64, 2), seed) for seed in (0, 1))
    for name, inputs in (("layer0.U_n", 64), ("layer1.U_z", 64), ("output.V", 64)):
        entries = values[name].ravel() * np.sqrt(inputs / 3.0)
        assert -1.0 <= entries.min() < -0.99
        assert 0.99 < entries.max() <= 1.0
        assert (entries**2).mean() == pytest.approx(1 / 3, rel=0.06)
        assert not np.array_equal(values[name], others[name])


CELLS_AND_OPTIONS = pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)


def kind_of(name):
    """Return which matrix a parameter is: U, W, R, P, V or E; or "" for a vector."""
    letter = name.rpartition(".")[2].partition("_")[0]
    return letter if letter in ("U", "W", "R", "P", "V", "E") else ""


@CELLS_AND_OPTIONS
def test_every_cell_can_start_with_the_identity(cell, options):
    """Every W and R: a unit keeps itself. All others are as they would be for an irnn, whose row says identity."""
    architecture = Architecture(cell, 5, 12, 2, **fitted(12, options))
    values = initialize(architecture, 1, recurrent="identity")
    for name, matrix in values.items():
        if kind_of(name) in ("W", "R"):
            assert (matrix == np.eye(*matrix.shape)).all(), name
        elif kind_of(name) == "P":
            np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-6)
    usual = initialize(architecture, 1, recurrent=architecture.row.recurrent_start)
    assert {name: values.tobytes() for name, values in usual.items()} == {
        name: values.tobytes() for name, values in initialize(architecture, 1).items()
    }


@CELLS_AND_OPTIONS
def test_every_cell_can_start_with_random_matrices(cell, options):
    """Every W and R: uniform, with variance 1/N for the N rows; a clockwork unit reads no faster one."""
    options = options | ({"projection": 30} if "projection" in options else {})
    architecture = Architecture(cell, 5, 60, **options)
    for name, matrix in initialize(architecture, 1, recurrent="random").items():
        if kind_of(name) not in ("W", "R"):
            continue
        entries = matrix[initial.heard(architecture)] if architecture.periods else matrix
        entries = entries.ravel() * np.sqrt(len(matrix) / 3.0)
        assert -1.0 <= entries.min() < -0.99 < 0.99 < entries.max() <= 1.0, name
        assert (entries**2).mean() == pytest.approx(1 / 3, rel=0.1), name
        if architecture.periods:
            assert not matrix[~initial.heard(architecture)].any()


@CELLS_AND_OPTIONS
@pytest.mark.parametrize("recurrent", RECURRENT_STARTS)
def test_the_scale_multiplies_every_matrix(cell, options, recurrent):
    """And no vector: each bias and first state is what it is without a scale."""
    options = fitted(12, options)
    architecture = Architecture(cell, 5, 12, 2, bidirectional=True, embedding=3, first_state="learned", **options)
    plain, scaled = (initialize(architecture, 1, recurrent=recurrent, scale=scale) for scale in (1.0, 0.3))
    for name, values in plain.items():
        factor = np.float32(0.3) if kind_of(name) else np.float32(1.0)
        assert scaled[name].tobytes() == (values * factor).tobytes(), name


@pytest.mark.slow
def test_large_networks_begin_at_once():
    """Twelve orthogonal matrices of 1024 units take little longer than drawing as many numbers."""

    def seconds(action):
        began = time.process_time()
        action()
        return time.process_time() - began

    drawing = min(seconds(lambda: np.random.default_rng(0).standard_normal((12, 1024, 1024))) for _ in range(3))
    assert seconds(lambda: initialize(Architecture("lstm", 65, 1024, 3), 0)) < 10 * drawing  # a QR takes over 100
