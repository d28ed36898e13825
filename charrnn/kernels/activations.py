"""tanh, the logistic function and exp on vectors: multiply-adds and at most one division; slopes; log of a number.

LLVM would call the C library, once for every lane, and its last bits depend on the processor. All three take their
power of e from one function. Where tanh and the logistic function saturate, their slopes need what is left to 1, so
they must be right to the last bits there, and a slope must not subtract what was rounded. The tests measure all errors
against NumPy.
"""

import math

from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import ROUNDING, absolute, fma, fnma, maximum, minimum, power_of_two, splat, with_sign

LN_2 = 0.6931471805599453
SATURATED = 17.32868  # ln 2²⁵: where 2x is larger, tanh x is 1


@jit
def power_of_e(x):
    """Return s, r and p, where eˣ is s·(1 + r·p), for x from -87 to 88.

    x = n·ln 2 + r with an integer n and |r| ≤ ½ ln 2, and s = 2ⁿ. The polynomial p is (eʳ − 1)/r with relative error
    1.4e-8: its coefficients were fitted by least squares, reweighted until the largest error was smallest.
    """
    n = fma(x, 1.0 / LN_2, splat(ROUNDING))
    r = fnma(n - ROUNDING, LN_2, x)
    p = fma(r, 1.38978625e-3, 8.36596917e-3)
    p = fma(r, p, 4.16668579e-2)
    p = fma(r, p, 1.66665494e-1)
    p = fma(r, p, 0.5)
    p = fma(r, p, 1.0)
    return power_of_two(n), r, p


@jit
def tanh(x):
    """Return the hyperbolic tangent, with an error of 1.5 units in the last place above ½, and 3.5 below.

    It is e/(e + 2) for |x|, with e = e²ˣ − 1, and has the sign of x. A large e and e + 2 have the same rounding error,
    which then hardly changes the quotient.
    """
    s, r, p = power_of_e(minimum(absolute(x + x), SATURATED))
    e = fma(s * r, p, s - 1.0)
    return with_sign(e / (e + 2.0), x)


@jit
def tanh_slope(y):
    """Return the slope of tanh where it is y: 1 − y², rounded once."""
    return fnma(y, y, 1.0)


@jit
def logistic(x):
    """Return σ(x) = 1/(1 + e⁻ˣ), with an error of 1.5 units in the last place above ½, and relative error 4e-7 below.

    Below −88.4, it is 0.
    """
    s, r, p = power_of_e(maximum(minimum(0.0 - x, 88.7), -87.0))
    return 1.0 / fma(s, fma(r, p, 1.0), splat(1.0))


@jit
def logistic_slope(y):
    """Return the slope of the logistic function where it is y: y·(1 − y) = y − y², rounded once."""
    return fnma(y, y, y)


@jit
def exp(x):
    """Return eˣ for x from -87 to 88, with relative error 4e-7, and 7e-8 for |x| < 10.

    Outside this range, it returns the value at the nearer end.
    """
    s, r, p = power_of_e(maximum(minimum(x, 88.0), -87.0))
    return s * fma(r, p, 1.0)


@jit
def log(x):
    """Return ln x of a number x ≥ 1, with absolute error 5e-12.

    x = 2ⁿ·y with ¾ < y ≤ 1½; ln y = 2·(s + s³/3 + s⁵/5 + …) with s = (y − 1)/(y + 1), so |s| ≤ ⅕. Infinity becomes NaN.
    Losses are stored as float32, with errors of 1e-8 and more.
    """
    n = 0.0
    while 1.5 < x < math.inf:
        x, n = 0.5 * x, n + 1.0
    s = (x - 1.0) / (x + 1.0)
    total = 0.0
    for k in range(13, 0, -2):
        total = total * (s * s) + 1.0 / k
    return n * LN_2 + 2.0 * s * total
