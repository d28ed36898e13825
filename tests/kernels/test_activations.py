"""tanh, the logistic function and exp, and slopes, against NumPy's in float64 over the whole range of float32."""

import numpy as np
import pytest

from charrnn.kernels import activations
from charrnn.kernels.llvm.vector import LANES
from tests.helpers.activations import EXP, LOGISTIC, TANH, applied, floats

ULP_1 = 2.0**-23  # of numbers from 1 on; of those below, half of it


def sweep():
    """Return floats of all sizes, and all of some stretches where results are about to be 1."""
    return np.concatenate([floats(2.0**-126, 3e38, 1009), floats(7.99, 8.01), floats(8.6, 9.1), floats(17.2, 17.4)])


def ulps(y, exact):
    """Return errors in units of the last place that the exact value has in float32."""
    return np.abs(y - exact) / np.ldexp(1.0, np.frexp(exact)[1] - 24)


def test_tanh_and_its_slope():
    """Near ±1, where the slope needs what is left to 1, all bits but the last are right; ±1 comes where it should."""
    x = sweep()
    y, slope = applied(TANH, x)
    exact = np.tanh(x.astype(np.float64))
    error = ulps(y, exact)
    assert error.max() < 3.5
    assert error[exact >= 0.5].max() < 1.51
    assert error[x > 4.0].max() < 1.01
    assert (y[x > 9.011] == 1.0).all()
    assert (y[x < 8.664] < 1.0).all()
    assert y.max() == 1.0
    assert np.abs(slope - (1.0 - exact**2)).max() < 1.51 * ULP_1
    assert not slope[y == 1.0].any()
    negative, its_slope = applied(TANH, -x)
    assert negative.tobytes() == (-y).tobytes()
    assert its_slope.tobytes() == slope.tobytes()


def test_the_logistic_function_and_its_slope():
    """All bits but the last are right towards 1; towards 0, the relative error is small, also that of the slope."""
    x = sweep()
    y, slope = applied(LOGISTIC, x)
    falling = np.exp(-x.astype(np.float64))
    exact = 1.0 / (1.0 + falling)
    assert ulps(y, exact).max() < 1.51
    assert (y[x > 17.33] == 1.0).all()
    assert np.abs(slope - falling * exact**2).max() < 0.76 * ULP_1
    y, slope = applied(LOGISTIC, -x)
    normal = x < 87.0  # beyond, the values are denormal numbers
    np.testing.assert_allclose(y[normal], (falling * exact)[normal], rtol=4e-7)
    np.testing.assert_allclose(slope[normal], (falling * exact**2)[normal], rtol=4e-7)
    small = x < 10.0
    assert ulps(y[small], (falling * exact)[small]).max() < 2.5
    assert y[~normal].max() < 2e-38
    assert not y[x > 88.4].any()


def test_exp_is_exp():
    """The error is that of the last bit for usual numbers, and beyond the range nothing overflows."""
    x = floats(2.0**-126, 87.0, 1009)
    for sign in (1.0, -1.0):
        y, _ = applied(EXP, np.float32(sign) * x)
        exact = np.exp(sign * x.astype(np.float64))
        np.testing.assert_allclose(y, exact, rtol=4e-7)
        assert ulps(y, exact)[x < 10.0].max() < 1.2
    y, _ = applied(EXP, np.float32([0.0, -0.0, 88.0, 1e3, 3e38, np.inf, -87.0, -1e3, -3e38, -np.inf, *[1.0] * 6]))
    assert y[:2].tolist() == [1.0, 1.0]
    assert (y[2:6] == y[2]).all()
    assert (y[6:10] == y[6]).all()
    assert np.isfinite(y).all()


def test_the_ends():
    """At 0 and at infinity, values and slopes are exact, and zeros keep their signs."""
    x = np.float32([0.0, -0.0, np.inf, -np.inf] * 4)
    y, slope = applied(TANH, x)
    assert y[:4].tolist() == [0.0, 0.0, 1.0, -1.0]
    assert np.signbit(y[:2]).tolist() == [False, True]
    assert slope[:4].tolist() == [1.0, 1.0, 0.0, 0.0]
    y, slope = applied(LOGISTIC, x)
    assert y[:4].tolist() == [0.5, 0.5, 1.0, 0.0]
    assert slope[:4].tolist() == [0.25, 0.25, 0.0, 0.0]


@pytest.mark.parametrize("function", [TANH, LOGISTIC, EXP])
def test_what_is_not_a_number_is_not_hidden(function):
    """A NaN comes out as one, of either sign: a clamp must not turn it into a plausible value."""
    for nan in (np.nan, -np.nan):
        y, slope = applied(function, np.full(LANES, nan, np.float32))
        assert np.isnan(y).all()
        assert function == EXP or np.isnan(slope).all()


def test_log_is_log():
    """The error is 5e-12 at most; what is not a number stays none."""
    x = np.concatenate([np.linspace(1, 4, 3001), np.logspace(0, 9, 3001), [np.nextafter(1, 2)]])
    np.testing.assert_allclose([activations.log(v) for v in x.tolist()], np.log(x), rtol=0, atol=5e-12)
    assert activations.log(1.0) == 0.0
    assert np.isnan([activations.log(v) for v in (np.nan, np.inf)]).all()
    assert activations.log(np.float32(65.0)) == pytest.approx(np.log(65.0), abs=5e-12)
