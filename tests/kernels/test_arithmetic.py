"""exp and log against the standard library's, at all sizes and at their ends."""

import math

import numpy as np
import pytest

from charrnn.kernels.arithmetic import LN_2, exp, log


def test_exp_is_exp():
    """The relative error is 4e-16 at most, down to where floats lose digits; beyond their range come 0 and infinity."""
    x = np.concatenate([np.linspace(-708, 709, 20_001), np.linspace(-2, 2, 20_001), [1e-300, -1e-17]])
    np.testing.assert_allclose(exp(x), [math.exp(v) for v in x], rtol=4.5e-16)
    assert exp(0.0) == 1.0
    np.testing.assert_allclose(exp([-744.0, -720.0]), [math.exp(-744.0), math.exp(-720.0)], rtol=1e-15, atol=5e-324)
    assert exp([-746.0, -1e300, -np.inf, 710.0, 1e300, np.inf]).tolist() == [0.0, 0.0, 0.0, *[math.inf] * 3]
    assert np.isnan(exp([np.nan, 0.0])).tolist() == [True, False]


def test_log_is_log():
    """The relative error is 5e-16 at most, next to 1 too."""
    x = np.concatenate([10.0 ** np.linspace(-307, 308, 20_001), np.linspace(0.5, 2.0, 20_001), [5e-324, 1 + 2.0**-52]])
    np.testing.assert_allclose(log(x), [math.log(v) for v in x], rtol=5e-16)
    assert log(1.0) == 0.0
    assert log(2.0) == LN_2 == math.log(2.0)


@pytest.mark.parametrize("function", [exp, log])
def test_shapes_stay(function):
    """A number, a column, an array of nothing: each comes back in its shape, in float64."""
    for shape in ((), (3, 1), (0,), (2, 0, 4)):
        result = function(np.ones(shape, np.float32))
        assert (np.shape(result), result.dtype) == (shape, np.float64)
