"""exp and log of arrays, bit for bit the same on every processor.

Those of NumPy and of the C library differ in the last bit, as they use the widest instructions that a processor has.
These use only operations with one right result: +, −, × and ÷, and changes of a float's exponent.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

LN_2 = 0.6931471805599453
LN_2_HIGH, LN_2_LOW = 0.693145751953125, 1.4286068203094173e-06  # two parts: a small multiple of the first is exact


def exp(x: ArrayLike) -> NDArray[np.float64]:
    """Return eˣ, with relative error 4e-16. NaN stays; what is too small is 0, and what is too large infinity.

    x = n·ln 2 + r with |r| ≤ ½ ln 2; the Taylor series of eʳ.
    """
    x = np.clip(np.asarray(x, np.float64), -800.0, 800.0)
    n = np.rint(x / LN_2)
    r = (x - n * LN_2_HIGH) - n * LN_2_LOW
    series = np.ones_like(r)
    for k in range(13, 0, -1):
        series = 1.0 + series * r / k
    with np.errstate(over="ignore", under="ignore"):
        result: NDArray[np.float64] = np.ldexp(series, np.nan_to_num(n).astype(np.int64))
    return result


def log_softmax(outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log softmax(o) [N, K] of outputs [N, K], in float64."""
    shifted = outputs.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return np.asarray(shifted - log(exp(shifted).sum(axis=1, keepdims=True)))


def log(x: ArrayLike) -> NDArray[np.float64]:
    """Return ln x of finite numbers above 0, with relative error 4e-16.

    x = 2ⁿ·y with √½ ≤ y < √2; ln y = 2·(s + s³/3 + s⁵/5 + …) with s = (y − 1)/(y + 1).
    """
    y, n = np.frexp(np.asarray(x, np.float64))
    small = y < np.sqrt(0.5)
    y, n = np.where(small, 2.0 * y, y), n - small
    s = (y - 1.0) / (y + 1.0)
    series = np.zeros_like(s)
    for k in range(21, 0, -2):
        series = series * (s * s) + 1.0 / k
    result: NDArray[np.float64] = n * LN_2_HIGH + (n * LN_2_LOW + 2.0 * s * series)
    return result
