"""tanh, the logistic function and exp on vectors: a few multiply-adds each and at most one division; log of a number.

LLVM would call the C library, once for every lane, and its last bits depend on the processor. The coefficients of tanh
were fitted by least squares, reweighted until the largest relative error was smallest; exp and log use their Taylor
series. The tests measure the errors against NumPy.
"""

import math

from charrnn.kernels.llvm.compiler import jit
from charrnn.kernels.llvm.vector import floor, fma, maximum, minimum, power_of_two, splat

LN_2 = 0.6931471805599453


@jit
def tanh(x):
    """Return the hyperbolic tangent, with relative error 4e-7.

    It is x·P(x²)/Q(x²), with x limited to ±7.9: beyond that, tanh is ±1 except for the last bit.
    """
    x = maximum(minimum(x, 7.9), -7.9)
    u = x * x
    p = fma(u, 1.5428175e-08, 2.2023386e-05)
    p = fma(p, u, 3.5790004e-03)
    p = fma(p, u, 1.3450628e-01)
    p = fma(p, u, 1.0)
    q = fma(u, 8.5988613e-07, 3.4236644e-04)
    q = fma(q, u, 2.6192270e-02)
    q = fma(q, u, 4.6783956e-01)
    q = fma(q, u, 1.0)
    return x * p / q


@jit
def logistic(x):
    """Return σ(x) = 1/(1 + e⁻ˣ) = ½ + ½·tanh(x/2)."""
    return fma(tanh(x * 0.5), 0.5, 0.5)


@jit
def exp(x):
    """Return eˣ, with relative error 2e-7, for x from -87 to 88.

    Outside this range, it returns the value at the nearer end. x = n·ln 2 + r with an integer n and |r| ≤ ½ ln 2; ln 2
    is split in two so that r keeps all its bits.
    """
    x = maximum(minimum(x, 88.0), -87.0)
    n = floor(fma(x, 1.4426950408889634, 0.5))
    r = fma(n, -0.693359375, x)
    r = fma(n, 2.12194440e-4, r)
    p = fma(r, 1.0 / 720.0, 1.0 / 120.0)
    p = fma(p, r, 1.0 / 24.0)
    p = fma(p, r, 1.0 / 6.0)
    p = fma(p, r, 0.5)
    p = fma(p, r, 1.0)
    p = fma(p, r, splat(1.0))
    return p * power_of_two(n)


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
