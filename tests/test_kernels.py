"""The kernels one by one against NumPy, at ragged sizes."""

import numpy as np
import pytest

from charrnn.kernels import LANES, activations, gemm, jit, output, padded, simd, update
from charrnn.network import aligned
from tests import naive


@jit
def _apply(function, y, x):
    for j in range(0, x.shape[0], LANES):
        if function == 0:
            simd.store(y, (j,), activations.tanh(simd.load(x, (j,))))
        elif function == 1:
            simd.store(y, (j,), activations.logistic(simd.load(x, (j,))))
        else:
            simd.store(y, (j,), activations.exp(simd.load(x, (j,))))


def _applied(function, x):
    x = x.astype(np.float32)
    y = np.zeros_like(x)
    _apply(function, y, x)
    return y.astype(np.float64), x.astype(np.float64)


def test_tanh_is_tanh():
    """The relative error is under 4e-7 everywhere, and the result never leaves [−1, 1]."""
    x = np.concatenate([np.linspace(-20, 20, 64_000), np.logspace(-30, 1, 3200), -np.logspace(-30, 1, 3200)])
    y, x = _applied(0, x)
    assert np.abs(y / np.where(x == 0, 1, np.tanh(x)) - 1)[x != 0].max() < 4e-7
    assert np.abs(y).max() <= 1.0


def test_logistic_is_the_logistic_function():
    """The absolute error is under 2e-7, and the result stays in [0, 1]."""
    y, x = _applied(1, np.linspace(-100, 100, 64_000))
    assert np.abs(y - 1 / (1 + np.exp(-x))).max() < 2e-7
    assert 0.0 <= y.min() <= y.max() <= 1.0


def test_exp_is_exp():
    """The relative error is under 4e-7 from -87 to 88, and beyond nothing overflows."""
    y, x = _applied(2, np.linspace(-87, 88, 64_000))
    assert np.abs(y / np.exp(x) - 1).max() < 4e-7
    y, _ = _applied(2, np.linspace(-1000, 1000, 64))
    assert np.isfinite(y).all()


@pytest.mark.parametrize("function", [0, 1, 2])
def test_what_is_not_a_number_is_not_hidden(function):
    """A NaN comes out as one: a clamp must not turn it into a plausible value."""
    y, _ = _applied(function, np.full(LANES, np.nan))
    assert np.isnan(y).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 17, 25])
@pytest.mark.parametrize(("inner", "columns"), [(1, 16), (7, 48), (33, 64), (100, 112), (256, 80)])
def test_products_equal_numpy(rows, inner, columns):
    """Both products, from what c holds already, at every number of rows and of vectors in the last panel."""
    rng = np.random.default_rng([rows, inner, columns])
    a = rng.standard_normal((2, rows, inner)).astype(np.float32)
    b = rng.standard_normal((inner, columns)).astype(np.float32)
    c = rng.standard_normal((3, rows, columns)).astype(np.float32)
    packed = aligned(b.size)
    gemm.pack(packed, b, 0, gemm.panels(columns))
    expected = c.astype(np.float64)
    expected[1:] += a.astype(np.float64) @ b
    gemm.multiply_add(c[1:], a, packed)
    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5 * np.sqrt(inner))

    width = padded(inner)
    left = np.zeros((rows, width), np.float32)
    left[:, :inner] = a[0]
    right = rng.standard_normal((rows, 16 + columns)).astype(np.float32)
    total = rng.standard_normal((width, columns)).astype(np.float32)
    expected = total + left.T.astype(np.float64) @ right[:, 16:]
    scratch = aligned(gemm.BLOCK * gemm.PANEL)
    gemm.multiply_transposed_add(total, left, right, 16, rows, 0, gemm.panels(columns), scratch)
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=1e-5 * np.sqrt(rows))


def test_a_long_inner_index_is_summed_in_blocks():
    """A weight gradient over more rows than a block holds is still the whole sum."""
    rng = np.random.default_rng(3)
    rows = 2 * gemm.BLOCK + 5
    a, b = (rng.standard_normal((rows, n)).astype(np.float32) for n in (32, 64))
    c, scratch = np.zeros((32, 64), np.float32), aligned(gemm.BLOCK * gemm.PANEL)
    gemm.multiply_transposed_add(c, a, b, 0, rows, 0, gemm.panels(64), scratch)
    np.testing.assert_allclose(c, a.T.astype(np.float64) @ b, rtol=1e-4, atol=1e-3)


def test_packing_the_transpose_packs_the_transpose():
    """Both ways of packing agree, panel by panel."""
    matrix = np.random.default_rng(0).standard_normal((112, 64)).astype(np.float32)
    one, other = aligned(matrix.size), aligned(matrix.size)
    for first in range(gemm.panels(112)):
        gemm.pack_transposed(one, matrix, first, first + 1)
        gemm.pack(other, np.ascontiguousarray(matrix.T), first, first + 1)
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("symbols", [1, 2, 65, 300, 5000])
def test_softmax_cross_entropy_equals_the_twin(symbols):
    """Losses and their gradient, with an uncounted target and with logits that are far apart."""
    rng = np.random.default_rng(symbols)
    logits = np.zeros((2, 3, padded(symbols)), np.float32)
    logits[..., :symbols] = rng.standard_normal((2, 3, symbols)) * 3
    logits[1, 1, 0] = 300.0
    targets = rng.integers(0, symbols, (2, 3)).astype(np.int32)
    targets[0, 2] = -1
    losses = np.zeros((2, 3), np.float32)
    logs = naive.log_softmax(logits[..., :symbols].astype(np.float64))
    expected = np.exp(logs)
    for t, b in np.ndindex(2, 3):
        expected[t, b, targets[t, b]] -= 1.0
    expected[0, 2] = 0.0
    output.softmax_cross_entropy(logits, targets, losses, symbols, 0.5, 0, 3, 2)
    for t, b in np.ndindex(2, 3):
        right = 0.0 if targets[t, b] < 0 else -logs[t, b, targets[t, b]]
        assert losses[t, b] == pytest.approx(right, rel=2e-6, abs=2e-6)
    np.testing.assert_allclose(logits[..., :symbols], 0.5 * expected, rtol=1e-5, atol=1e-7)
    assert not logits[..., symbols:].any()


def test_the_norm_does_not_depend_on_who_sums():
    """Blocks summed by one or by many give the same bits, and the norm is NumPy's."""
    gradient = np.random.default_rng(1).standard_normal(5 * update.BLOCK).astype(np.float32)
    whole, parts = np.zeros(5), np.zeros(5)
    update.sums_of_squares(gradient, whole, 0, 5)
    for first, last in ((3, 5), (0, 1), (1, 3)):
        update.sums_of_squares(gradient, parts, first, last)
    assert whole.tobytes() == parts.tobytes()
    assert np.sqrt(whole.sum()) == pytest.approx(np.linalg.norm(gradient.astype(np.float64)), rel=1e-6)
