"""The derivatives of NumPy's functions that a cell of one's own can use.

Each rule takes the result and the arguments of a function, and returns one function per differentiable argument. This
takes the gradient of the result, and returns that of the argument, before any broadcasting is undone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from charrnn.own.products import Values, multiply

Pull = Callable[[Values], Values]
Rule = Callable[..., tuple[Pull, ...]]


@dataclass(frozen=True)
class Product:
    """The pull of the matrix in a product of two: Xᵀ g. Those of many steps are one product, which is faster."""

    x: Values  # [B, N], of which `merged` can have more rows

    def __call__(self, g: Values) -> Values:
        """Return the gradient of the matrix [N, M] from that of the product [B, M]."""
        return multiply(self.x.T, g)

    def merged(self, others: "Sequence[Product]") -> "Product":
        """Return the pull of all steps together."""
        return Product(np.concatenate([self.x, *(other.x for other in others)]))


@dataclass(frozen=True)
class Picked(Product):
    """The pull of a matrix with V rows, of which a step picks some: x [B] are their numbers."""

    rows: int

    def __call__(self, g: Values) -> Values:
        """Return the gradient of the matrix [V, M] from that of the picked rows [B, M]: sums over equal numbers."""
        order = np.argsort(self.x, kind="stable")
        numbers, begins = np.unique(self.x[order], return_index=True)
        whole = np.zeros((self.rows, g.shape[1]), g.dtype)
        whole[numbers] = np.add.reduceat(g[order], begins, axis=0)
        return whole

    def merged(self, others: Sequence[Product]) -> Product:
        """Return the pull of all steps together."""
        return Picked(np.concatenate([self.x, *(other.x for other in others)]), self.rows)


def _matmul(y: Values, a: Values, b: Values) -> tuple[Pull, ...]:
    if a.ndim < 2 or b.ndim < 2:
        raise TypeError("@ needs two matrices here; write a product with a vector as a sum: (x * v).sum(axis=1)")
    if a.ndim == b.ndim == 2:
        return lambda g: multiply(g, b.T), Product(a)
    return lambda g: g @ np.swapaxes(b, -1, -2), lambda g: np.swapaxes(a, -1, -2) @ g


def _chosen(choose: Callable[[Values, Values], Values]) -> Rule:
    """Return the rule of a maximum or minimum: it goes to the argument that was chosen, the first if equal."""
    return lambda y, a, b: (lambda g: np.where(choose(a, b), g, 0), lambda g: np.where(choose(a, b), 0, g))


# By ufunc. Operators are ufuncs, too.
UFUNCS: dict[Any, Rule] = {
    np.add: lambda y, a, b: (lambda g: g, lambda g: g),
    np.subtract: lambda y, a, b: (lambda g: g, lambda g: -g),
    np.multiply: lambda y, a, b: (lambda g: g * b, lambda g: g * a),
    np.divide: lambda y, a, b: (lambda g: g / b, lambda g: -g * y / b),
    np.matmul: _matmul,
    np.power: lambda y, a, b: (
        lambda g: g * b * a ** np.where(b == 0, 1, b - 1),
        lambda g: g * y * np.log(np.where(a > 0, a, 1)),
    ),
    np.float_power: lambda y, a, b: UFUNCS[np.power](y, a, b),
    np.negative: lambda y, x: (lambda g: -g,),
    np.positive: lambda y, x: (lambda g: g,),
    np.exp: lambda y, x: (lambda g: g * y,),
    np.exp2: lambda y, x: (lambda g: g * y * np.log(2.0),),
    np.expm1: lambda y, x: (lambda g: g * (y + 1),),
    np.log: lambda y, x: (lambda g: g / x,),
    np.log1p: lambda y, x: (lambda g: g / (1 + x),),
    np.log2: lambda y, x: (lambda g: g / (x * np.log(2.0)),),
    np.logaddexp: lambda y, a, b: (lambda g: g * np.exp(a - y), lambda g: g * np.exp(b - y)),
    np.sqrt: lambda y, x: (lambda g: g / (2 * y),),
    np.square: lambda y, x: (lambda g: g * 2 * x,),
    np.reciprocal: lambda y, x: (lambda g: -g * y * y,),
    np.absolute: lambda y, x: (lambda g: g * np.sign(x),),
    np.tanh: lambda y, x: (lambda g: g * (1 - y * y),),
    np.sinh: lambda y, x: (lambda g: g * np.cosh(x),),
    np.cosh: lambda y, x: (lambda g: g * np.sinh(x),),
    np.arctan: lambda y, x: (lambda g: g / (1 + x * x),),
    np.arcsinh: lambda y, x: (lambda g: g / np.sqrt(1 + x * x),),
    np.sin: lambda y, x: (lambda g: g * np.cos(x),),
    np.cos: lambda y, x: (lambda g: -g * np.sin(x),),
    np.maximum: _chosen(lambda a, b: a >= b),
    np.minimum: _chosen(lambda a, b: a <= b),
}

# Their values change in jumps, so their derivative is 0 wherever there is one.
CONSTANT = {
    *(np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide),
    *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *(np.isnan, np.isinf, np.isfinite, np.signbit, np.logical_not, np.logical_and, np.logical_or, np.logical_xor),
}


def saturating_exp(x: Values) -> Values:
    """Return exp(x), but the largest number where that would be infinity.

    So 1 / (1 + exp(-x)) has a derivative, 0, for each x.
    """
    if x.dtype.kind != "f":
        return np.asarray(np.exp(x))
    limit = np.floor(np.log(np.finfo(x.dtype).max))
    return np.asarray(np.exp(np.minimum(x, limit.astype(x.dtype))))


# How the values of some ufuncs are computed.
COMPUTED: dict[Any, Callable[..., Values]] = {np.exp: saturating_exp, np.matmul: multiply}


def _sum(y: Values, x: Values, axis: Any = None, keepdims: bool = False) -> tuple[Pull]:
    return (lambda g: np.broadcast_to(_kept(g, x, axis, keepdims), x.shape),)


def _most(y: Values, x: Values, axis: Any = None, keepdims: bool = False) -> tuple[Pull]:
    """Return the rule of the largest or smallest entry; equal ones share the gradient."""

    def pull(g: Values) -> Values:
        chosen = x == _kept(y, x, axis, keepdims)
        return np.where(chosen, _kept(g, x, axis, keepdims) / chosen.sum(axis=axis, keepdims=True), 0)

    return (pull,)


def _kept(g: Values, x: Values, axis: Any, keepdims: bool) -> Values:
    """Return a reduced array with the axes that the reduction has removed."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def _cumsum(y: Values, x: Values, axis: int | None = None) -> tuple[Pull]:
    if axis is None:
        raise TypeError("np.cumsum needs an axis here")
    return (lambda g: np.flip(np.cumsum(np.flip(g, axis), axis), axis),)


def _transpose(y: Values, x: Values, axes: Any = None) -> tuple[Pull]:
    return (lambda g: np.transpose(g, None if axes is None else np.argsort(axes)),)


# By function of one array, which is its first argument; the others are constants, such as an axis.
OF_ONE: dict[Any, Rule] = {
    np.sum: _sum,
    np.max: _most,
    np.min: _most,
    np.cumsum: _cumsum,
    np.transpose: _transpose,
    np.swapaxes: lambda y, x, i, j: (lambda g: np.swapaxes(g, i, j),),
    np.reshape: lambda y, x, *shape, **named: (lambda g: np.reshape(g, x.shape),),
    np.ravel: lambda y, x: (lambda g: np.reshape(g, x.shape),),
    np.expand_dims: lambda y, x, axis: (lambda g: np.reshape(g, x.shape),),
    np.squeeze: lambda y, x, axis=None: (lambda g: np.reshape(g, x.shape),),
    np.broadcast_to: lambda y, x, shape: (lambda g: g,),  # broadcasting is undone by whoever asks
    np.flip: lambda y, x, axis=None: (lambda g: np.flip(g, axis),),
    np.roll: lambda y, x, shift, axis=None: (lambda g: np.roll(g, -shift, axis),),
}


def indexed(y: Values, x: Values, index: Any) -> tuple[Pull]:
    """Return the rule of x[index]."""

    def pull(g: Values) -> Values:
        whole = np.zeros_like(x)
        np.add.at(whole, index, g)
        return whole

    def pull_slices(g: Values) -> Values:
        whole = np.zeros_like(x)
        whole[index] = g
        return whole

    parts = index if isinstance(index, tuple) else (index,)
    basic = all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts)
    return (pull_slices if basic else pull,)


def where(y: Values, chosen: Values, a: Values, b: Values) -> tuple[Pull, ...]:
    """Return the rule of np.where(chosen, a, b)."""
    return lambda g: np.where(chosen, g, 0), lambda g: np.where(chosen, 0, g)


def concatenated(arrays: list[Values], axis: int) -> tuple[Pull, ...]:
    """Return the rule of np.concatenate(arrays, axis)."""
    ends = np.cumsum([values.shape[axis] for values in arrays])
    pulls: list[Pull] = []
    for values, end in zip(arrays, ends.tolist(), strict=True):
        part = slice(end - values.shape[axis], end)
        pulls.append(itemgetter((*[slice(None)] * (axis % values.ndim), part)))
    return tuple(pulls)
