"""The kernels one by one against NumPy, at ragged sizes."""

import numpy as np
import pytest

from charrnn.kernels import inputs, product, softmax, update, weight_gradients
from charrnn.kernels.arguments import Member, Part
from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned
from tests import naive


def test_power_is_the_power():
    """Of whole exponents, also where nothing is left."""
    for base in (0.9, 0.999):
        for exponent in (0.0, 1.0, 2.0, 3.0, 10.0, 999.0, 123_456.0):
            assert update.power(base, exponent) == pytest.approx(base**exponent, rel=1e-13)
    assert update.power(0.9, 2.0**52) == 0.0


@jit
def _multiply_add(c, a, packed, backwards):
    product.multiply_add(c, a, packed, backwards)  # the compiled kernel that all others call, not a copy of it


@jit
def _multiply_transposed_add(c, a, skipped, shift, b, skip, rows, first, last, scratch):
    weight_gradients.multiply_transposed_add(c, a, skipped, shift, b, skip, rows, first, last, scratch)


def member(worker, workers):
    """Return a member of a team, for kernels that do not wait."""
    return Member(worker, workers, np.zeros(1, np.int64))


def _random(rng, *shape):
    """Draw an array that begins on a cache line, with room after it for a vector, as kernels take for granted."""
    array = aligned(*shape)
    array[...] = rng.standard_normal(shape)
    return array


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 17, 25])
@pytest.mark.parametrize(("inner", "columns"), [(1, 16), (7, 48), (33, 64), (100, 112), (256, 80), (3, 320)])
def test_products_equal_numpy(rows, inner, columns):
    """A product is added to what c holds, for any number of rows and of vectors in the last panel, either way round."""
    rng = np.random.default_rng([rows, inner, columns])
    a, b = _random(rng, 2, rows + 1, inner), _random(rng, inner, columns)
    c = _random(rng, 3, rows + 2, columns + 16)
    packed = aligned(b.size)
    product.pack(packed, b, 0, product.panels(columns))
    expected = c.astype(np.float64)
    expected[1:, 2:, 16:] += a[:, 1:].astype(np.float64) @ b
    before = c.copy()
    _multiply_add(c[1:, 2:, 16:], a[:, 1:], packed, 0)
    np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5 * np.sqrt(inner))
    other = before.copy()
    _multiply_add(other[1:, 2:, 16:], a[:, 1:], packed, 1)
    assert other.tobytes() == c.tobytes()
    for array in (c, other):  # what lies around the result stays as it is
        array[1:, 2:, 16:] = before[1:, 2:, 16:]
        assert array.tobytes() == before.tobytes()


def test_a_product_of_no_rows_or_steps_is_nothing():
    """A thread without rows, or a window without steps, changes nothing, either way round."""
    packed, c = aligned(16 * 64), np.ones((2, 3, 64), np.float32)
    a = np.ones((2, 3, 16), np.float32)
    for backwards in (0, 1):
        _multiply_add(c[:, 1:1], a[:, 1:1], packed, backwards)
        _multiply_add(c[:0], a[:0], packed, backwards)
    assert (c == 1.0).all()


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 17, weight_gradients.BLOCK_ROWS, 2 * weight_gradients.BLOCK_ROWS + 5])
@pytest.mark.parametrize(("inner", "columns"), [(1, 16), (33, 64), (100, 112), (48, 320)])
@pytest.mark.parametrize("skipped", [0, 1, 3])
def test_products_with_the_transpose_equal_numpy(rows, inner, columns, skipped):
    """A weight gradient is added to what c holds, over more rows than a block too, after rows that are skipped."""
    rng = np.random.default_rng([rows, inner, columns, skipped])
    width = padded(inner)
    shift = 16 * (skipped % 2)
    left = aligned(skipped + rows + 1, shift + width)
    left[:, shift : shift + inner] = rng.standard_normal((len(left), inner))
    right, total = _random(rng, rows + 1, 16 + columns), _random(rng, width, columns)
    expected = total + left[skipped : skipped + rows, shift:].T.astype(np.float64) @ right[:rows, 16:]
    shares = total.copy()
    size = weight_gradients.scratch_size(width, columns)
    scratch = aligned(size + 64)
    scratch[:] = np.nan  # what another product left there does not matter
    _multiply_transposed_add(total, left, skipped, shift, right, 16, rows, 0, product.panels(columns), scratch[:size])
    np.testing.assert_allclose(total, expected, rtol=1e-5, atol=2e-5 * np.sqrt(rows))
    assert np.isnan(scratch[size:]).all()
    for worker in range(3):
        first, last = product.share(columns, member(worker, 3))
        scratch = aligned(weight_gradients.scratch_size(width, -(-columns // 3)))
        _multiply_transposed_add(shares, left, skipped, shift, right, 16, rows, first, last, scratch)
    assert shares.tobytes() == total.tobytes()


@pytest.mark.parametrize(("height", "columns"), [(16, 16), (112, 64), (64, 112), (48, 336), (32, 5008)])
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_packing_the_transpose_packs_the_transpose(height, columns, workers):
    """Both ways of packing agree, panel by panel, whoever packs which."""
    matrix = _random(np.random.default_rng(0), height, columns)
    one, other = (aligned(2, matrix.size) for _ in range(2))
    one[0], one[1] = np.nan, np.nan
    for worker in range(workers):
        product.pack_shares(one[0], one[1], matrix, member(worker, workers))
    product.pack(other[0], matrix, 0, product.panels(columns))
    product.pack(other[1], np.ascontiguousarray(matrix.T), 0, product.panels(height))
    assert one.tobytes() == other.tobytes()
    alone = aligned(matrix.size)
    product.pack_shares(alone, aligned(0), matrix, member(0, 1))
    assert alone.tobytes() == other[0].tobytes()


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
    softmax.softmax_cross_entropy(logits, targets, losses, symbols, 0.5, 0, 3, 2)
    for t, b in np.ndindex(2, 3):
        right = 0.0 if targets[t, b] < 0 else -logs[t, b, targets[t, b]]
        assert losses[t, b] == pytest.approx(right, rel=2e-6, abs=2e-6)
    np.testing.assert_allclose(logits[..., :symbols], 0.5 * expected, rtol=1e-5, atol=1e-7)
    assert not logits[..., symbols:].any()


@jit
def _feed_symbols(z, U, bias, ids):
    inputs.feed_symbols(z, U, bias, ids, Part(0, ids.shape[1], 0, ids.shape[0]))


@jit
def _add_picked_rows(dU, ids, dz):
    weight_gradients.add_picked_rows(dU, ids, dz, Member(0, 1, np.zeros(1, np.int64)), ids.size)


@pytest.mark.parametrize("wrong", [5, 6, 2**31 - 1, -2, -(2**31)])
def test_no_number_of_a_symbol_reaches_beyond_the_rows(wrong):
    """An id or a target that is no symbol's reads and writes nothing but the rows that there are."""
    around = np.full((15, 16), np.nan, np.float32)  # rows 5 to 9 are U's
    around[5:10] = 1.0
    ids = np.array([[wrong, 4], [0, wrong]], np.int32)
    z = np.zeros((2, 2, 32), np.float32)
    _feed_symbols(z, around[5:10], np.ones(32, np.float32), ids)
    assert (z[..., :16] == 2.0).all()
    assert (z[..., 16:] == 1.0).all()
    _add_picked_rows(around[5:10], ids, np.ones((4, 16), np.float32))
    assert around[5:10].sum() == 9 * 16
    assert np.isnan(around[:5]).all()
    assert np.isnan(around[10:]).all()
    rows = np.full((3, 1, 16), np.nan, np.float32)
    rows[1], losses = 0.0, np.full((1, 1), np.nan, np.float32)
    softmax.softmax_cross_entropy(rows[1:2], np.full((1, 1), wrong, np.int32), losses, 5, 1.0, 0, 1, 1)
    assert not rows[1].any()
    assert not losses.any()
    assert np.isnan(rows[[0, 2]]).all()


def test_the_norm_does_not_depend_on_who_sums():
    """Blocks summed by one or by many give the same bits, and the norm is NumPy's."""
    gradient = np.random.default_rng(1).standard_normal(5 * update.BLOCK).astype(np.float32)
    whole, parts = np.zeros(5), np.zeros(5)
    update.sums_of_squares(gradient, whole, 0, 5)
    for first, last in ((3, 5), (0, 1), (1, 3)):
        update.sums_of_squares(gradient, parts, first, last)
    assert whole.tobytes() == parts.tobytes()
    assert np.sqrt(whole.sum()) == pytest.approx(np.linalg.norm(gradient.astype(np.float64)), rel=1e-6)
