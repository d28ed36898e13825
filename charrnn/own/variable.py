"""Arrays that remember how they were computed, so that a step in plain NumPy can be differentiated.

NumPy hands its operators and functions over to such arrays (NEP 13 and NEP 18): a `Variable` computes the same values,
and, on a tape, notes a rule of `derivatives` for each. Going back over the tape applies the chain rule.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from charrnn.own.derivatives import (
    COMPUTED,
    CONSTANT,
    OF_ONE,
    UFUNCS,
    Picked,
    Product,
    Pull,
    concatenated,
    indexed,
    where,
)
from charrnn.own.products import Values

Tape = list["Variable"]


class Variable(NDArrayOperatorsMixin):
    """An array of floats that NumPy computes with.

    On a ``tape``, it knows from which others it was computed, and after `go_back`, its ``gradient`` is the derivative
    of the loss with respect to it, or None if the loss does not depend on it. Without a tape, it is a constant. It
    cannot be changed in place: ``h += x`` makes another array. Raises TypeError for what has no derivative here.
    """

    __slots__ = ("gradient", "owned", "parents", "tape", "value")

    def __init__(self, value: Values, tape: Tape | None = None) -> None:
        self.value, self.tape = value, tape
        self.parents: Sequence[tuple[Variable, Pull]] = ()
        self.gradient: Values | None = None
        self.owned = False  # whether no other array shares the gradient's memory
        if tape is not None:
            tape.append(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if method == "reduce" and ufunc in REDUCED:
            return REDUCED[ufunc](*inputs, **named)
        if "out" in named:
            raise TypeError("an array of a step cannot be changed in place; give the result a name")
        if method != "__call__" or named or not (ufunc in UFUNCS or ufunc in CONSTANT):
            raise TypeError(f"np.{ufunc.__name__} has no derivative here; {WITH_DERIVATIVES}")
        values = [as_values(x, self.value.dtype) for x in inputs]
        result = COMPUTED.get(ufunc, ufunc)(*values)
        if ufunc in CONSTANT:
            return result
        return self._made(result, inputs, lambda: UFUNCS[ufunc](result, *values))

    def __array_function__(self, function: Any, types: Any, inputs: Any, named: Any) -> Any:
        if function in OF_ONE:
            x, *others = inputs
            if not isinstance(x, Variable):
                raise TypeError(f"np.{function.__name__} takes an array of a step only as its first argument")
            result = function(x.value, *others, **named)
            return self._made(result, [x], lambda: OF_ONE[function](result, x.value, *others, **named))
        if function not in FUNCTIONS:
            raise TypeError(f"np.{function.__name__} has no derivative here; {WITH_DERIVATIVES}")
        return FUNCTIONS[function](*inputs, **named)

    def _made(self, result: Any, inputs: Sequence[Any], pulls: Callable[[], Sequence[Pull]]) -> "Variable":
        """Return what was computed from some inputs, with its way back if one of them is on a tape."""
        value = np.asarray(result, self.dtype)  # a NumPy scalar in a formula must not widen it
        if not any(isinstance(x, Variable) and x.tape is not None for x in inputs):
            return Variable(value)
        parents = [
            (x, pull) for x, pull in zip(inputs, pulls(), strict=True) if isinstance(x, Variable) and x.tape is not None
        ]
        made = Variable(value, parents[0][0].tape)
        made.parents = parents
        return made

    # What the mixin would do in place makes another array.
    __iadd__, __isub__, __imul__ = (getattr(NDArrayOperatorsMixin, f"__{name}__") for name in ("add", "sub", "mul"))
    __itruediv__, __ipow__ = NDArrayOperatorsMixin.__truediv__, NDArrayOperatorsMixin.__pow__
    __imatmul__ = NDArrayOperatorsMixin.__matmul__

    def __getitem__(self, index: Any) -> "Variable":
        part = self.value[index]
        return self._made(part, [self], lambda: indexed(part, self.value, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("an array of a step cannot be changed in place; use np.where or np.concatenate")

    def __array__(self, *arguments: Any, **named: Any) -> Values:
        raise TypeError("an array of a step cannot become a plain array, which has no derivative")

    def __bool__(self) -> bool:
        raise TypeError("an array of a step is neither true nor false; use np.where")

    def __float__(self) -> float:
        raise TypeError("an array of a step is not one number; use NumPy's functions, such as np.exp for math.exp")

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def accumulate(self, gradient: Values) -> None:
        """Add to the gradient."""
        if self.gradient is None:
            self.gradient = gradient
        elif self.owned:
            self.gradient += gradient
        else:
            self.gradient, self.owned = self.gradient + gradient, True

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.value.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.value.size

    @property
    def dtype(self) -> Any:
        """The type of the entries."""
        return self.value.dtype

    @property
    def T(self) -> Any:  # noqa: N802 as in NumPy
        """The transpose."""
        return np.transpose(self)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return sums over an axis."""
        return np.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return means over an axis."""
        return _mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the largest entries along an axis."""
        return np.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """Return the smallest entries along an axis."""
        return np.min(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Any:
        """Return sums of the first entries along an axis."""
        return np.cumsum(self, axis=axis)

    def reshape(self, *shape: Any) -> Any:
        """Return the same entries in another shape."""
        (whole,) = shape if len(shape) == 1 else (shape,)
        return np.reshape(self, whole)

    def clip(self, least: Any = None, most: Any = None) -> Any:
        """Return the entries, moved into a range."""
        return _clip(self, least, most)

    def copy(self) -> "Variable":
        """Return the array itself, as it never changes."""
        return self


class OneHot(Variable):
    """One-hot rows [B, V] for symbols [B], perhaps each times a factor [B]: a product with a matrix picks its rows."""

    __slots__ = ("_factors", "_type", "ids", "symbols")

    def __init__(self, ids: Values, symbols: int, factors: Values | None = None, dtype: Any = np.float32) -> None:
        self.ids, self.symbols, self._factors, self._type = ids, symbols, factors, np.dtype(dtype)
        self.tape, self.parents, self.gradient, self.owned = None, (), None, False

    def __getattr__(self, name: str) -> Any:
        if name != "value":  # made only when a step does something else with it
            raise AttributeError(name)
        self.value = np.zeros((self.ids.size, self.symbols), self._type)
        self.value[np.arange(self.ids.size), self.ids] = 1 if self._factors is None else self._factors
        return self.value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if ufunc is np.matmul and method == "__call__" and not named and inputs[0] is self:
            _, matrix = inputs
            if matrix.ndim == 2 and len(matrix) == self.symbols:
                rows = as_values(matrix, self._type)[self.ids]
                picked = self._made(rows, [matrix], lambda: [Picked(self.ids, self.symbols)])
                return picked if self._factors is None else picked * self._factors[:, np.newaxis]
        return super().__array_ufunc__(ufunc, method, *inputs, **named)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self.ids.size, self.symbols

    @property
    def dtype(self) -> Any:
        """The type of the entries."""
        return self._type


def go_back(tape: Tape) -> None:
    """Apply the chain rule from the last array of a tape to the first.

    Some already have a gradient: what the loss depends on directly. The tape is empty after that, and frees its memory.
    """
    products: dict[tuple[int, type], tuple[Variable, list[Product], list[Values]]] = {}  # of the parameters
    for node in reversed(tape):
        if (gradient := node.gradient) is not None:
            for parent, pull in node.parents:
                if isinstance(pull, Product) and not parent.parents:
                    _, pulls, gradients = products.setdefault((id(parent), type(pull)), (parent, [], []))
                    pulls.append(pull)
                    gradients.append(gradient)
                else:
                    part = np.asarray(pull(gradient), parent.dtype)
                    parent.accumulate(summed_to(part, parent.shape))
        node.parents = ()
    tape.clear()
    for parent, (first, *others), gradients in products.values():
        parent.accumulate(first.merged(others)(np.concatenate(gradients)))


def summed_to(gradient: Values, shape: tuple[int, ...]) -> Values:
    """Undo broadcasting: sum a gradient over the axes along which an array of this shape was repeated."""
    if gradient.shape == shape:
        return gradient
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    repeated = tuple(k for k, size in enumerate(shape) if size == 1 and gradient.shape[k] != 1)
    return np.asarray(gradient.sum(axis=repeated, keepdims=True)) if repeated else gradient


def as_values(x: Any, dtype: Any) -> Values:
    """Return the values of an operand; numbers have the precision of the step."""
    if isinstance(x, Variable):
        return x.value
    values = np.asarray(x)
    return values.astype(dtype) if values.dtype.kind in "iuf" else values


def _first_variable(arrays: Sequence[Any]) -> Variable:
    return next(x for x in arrays if isinstance(x, Variable))


def _where(chosen: Any, a: Any, b: Any) -> Any:
    if isinstance(chosen, Variable):
        raise TypeError("np.where needs a condition, such as h > 0")
    of = _first_variable([a, b])
    values = [as_values(x, of.dtype) for x in (a, b)]
    result = np.where(chosen, *values)
    return of._made(result, [a, b], lambda: where(result, chosen, *values))


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Any:
    of = _first_variable(arrays)
    values = [as_values(x, of.dtype) for x in arrays]
    return of._made(np.concatenate(values, axis), list(arrays), lambda: concatenated(values, axis))


def _stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return _concatenate([np.expand_dims(x, axis) for x in arrays], axis)


def _split(x: Variable, parts: Any, axis: int = 0) -> list[Any]:
    places = np.split(np.arange(x.shape[axis]), parts)
    before = [slice(None)] * (axis % x.ndim)
    return [x[(*before, slice(int(part[0]), int(part[-1]) + 1) if part.size else slice(0, 0))] for part in places]


def _mean(x: Variable, axis: Any = None, keepdims: bool = False) -> Any:
    total = np.sum(x, axis=axis, keepdims=keepdims)
    return total / (x.size / max(1, total.size))


def _clip(x: Any, least: Any = None, most: Any = None) -> Any:
    x = x if least is None else np.maximum(x, least)
    return x if most is None else np.minimum(x, most)


REDUCED: dict[Any, Any] = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.hstack: lambda arrays: _concatenate(arrays, axis=1),
    np.split: _split,
    np.mean: _mean,
    np.clip: _clip,
    np.dot: lambda a, b: a @ b,
    np.zeros_like: lambda x, dtype=None: np.zeros(x.shape, dtype or x.dtype),
    np.ones_like: lambda x, dtype=None: np.ones(x.shape, dtype or x.dtype),
    np.full_like: lambda x, value, dtype=None: np.full(x.shape, value, dtype or x.dtype),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
    np.copy: lambda x: x,
}

WITH_DERIVATIVES = "these have: + - * / ** @ [] " + " ".join(
    sorted({f"np.{function.__name__}" for function in (*UFUNCS, *OF_ONE, *FUNCTIONS)} - {"np.float_power"})
)
