"""Each derivative that a cell of one's own can use equals the complex-step derivative, Im f(x + ih) / h."""

import numpy as np
import pytest

from charrnn.own.derivatives import CONSTANT, OF_ONE, UFUNCS
from charrnn.own.variable import FUNCTIONS, OneHot, Variable, go_back

STEP = 1e-20
CHOICE = np.array([[True, False, True], [False, False, True]])

# Functions of arrays A and B [2, 3], or of a positive P [2, 3], a row R [3], a column K [2, 1] or a matrix M [3, 4].
FORMULAS = {
    np.add: lambda A, R: A + R,
    np.subtract: lambda A, K: K - A,
    np.multiply: lambda A, R: A * R * 2.5,
    np.divide: lambda A, P: A / P + 1 / P,
    np.matmul: lambda A, M: A @ M,
    np.power: lambda P, B: P**B + P**2 + 2.0**B + P**-0.5,
    np.float_power: lambda P, B: np.float_power(P, B),
    np.negative: lambda A: -A,
    np.positive: lambda A: +A,
    np.exp: lambda A: np.exp(A),
    np.exp2: lambda A: np.exp2(A),
    np.expm1: lambda A: np.expm1(A),
    np.log: lambda P: np.log(P),
    np.log1p: lambda P: np.log1p(P),
    np.log2: lambda P: np.log2(P),
    np.sqrt: lambda P: np.sqrt(P),
    np.square: lambda A: np.square(A),
    np.reciprocal: lambda P: np.reciprocal(P),
    np.tanh: lambda A: np.tanh(A),
    np.sinh: lambda A: np.sinh(A),
    np.cosh: lambda A: np.cosh(A),
    np.arctan: lambda A: np.arctan(A),
    np.arcsinh: lambda A: np.arcsinh(A),
    np.sin: lambda A: np.sin(A),
    np.cos: lambda A: np.cos(A),
    np.maximum: lambda A, B: np.maximum(A, B) + np.maximum(A, 0.25),
    np.minimum: lambda A, B: np.minimum(A, B),
    np.sum: lambda A: A * A.sum() + A.sum(axis=1, keepdims=True) * np.sum(A, axis=0) + np.sum(A, axis=(0, 1)),
    np.max: lambda A: A.max(axis=1, keepdims=True) * np.max(A),
    np.min: lambda A: A.min(axis=0) * np.min(A),
    np.cumsum: lambda A: np.cumsum(A, axis=1) * A.cumsum(axis=0),
    np.transpose: lambda A, M: A.T * 2 + np.transpose(np.transpose(A, (1, 0))).T,
    np.swapaxes: lambda A: np.swapaxes(A, 0, 1),
    np.reshape: lambda A: np.reshape(A, (3, 2)) * A.reshape(3, -1),
    np.ravel: lambda A: np.ravel(A),
    np.expand_dims: lambda A: np.expand_dims(A, 1) * A,
    np.squeeze: lambda K: np.squeeze(K) * np.squeeze(K, axis=1),
    np.broadcast_to: lambda R: np.broadcast_to(R, (4, 3)) * np.arange(12.0).reshape(4, 3),
    np.flip: lambda A: np.flip(A, 1) * A,
    np.roll: lambda A: np.roll(A, 1, axis=1) * A,
    np.where: lambda A, R: np.where(CHOICE, A, R) * np.where(CHOICE, 1.0, A),
    np.concatenate: lambda A, B: np.concatenate([A, B, np.ones((2, 3))], axis=1) ** 2,
    np.stack: lambda A, B: np.stack([A, B * A], axis=1),
    np.hstack: lambda A, K: np.hstack([A, K]),
    np.split: lambda A: np.split(A, 3, axis=1)[1] * np.split(A, [1], axis=1)[1],
    np.mean: lambda A: A.mean() * np.mean(A, axis=1, keepdims=True) * A.mean(axis=0),
    np.dot: lambda A, M: np.dot(A, M),
    np.zeros_like: lambda A: A + np.zeros_like(A),
    np.ones_like: lambda A: A * np.ones_like(A),
    np.full_like: lambda A: A * np.full_like(A, 3.0),
    np.shape: lambda A: A * np.shape(A)[1] + A * A.shape[0],
    np.ndim: lambda A: A * np.ndim(A) * A.ndim,
    np.size: lambda A: A * np.size(A) * A.size,
    np.copy: lambda A: np.copy(A) * A.copy(),
    "a slice": lambda A: A[:, 1:] * A[1, :2] + A[0, 2],
    "rows": lambda M: M[[0, 2, 0]] ** 2,
    "entries": lambda A: A[CHOICE] ** 2,
    "used twice": lambda A, B: (A * B + A) * np.tanh(A * B),
    "a logistic function": lambda A: 1 / (1 + np.exp(-A)),
    "a softmax": lambda A: np.exp(A - A.max(axis=1, keepdims=True)) / np.exp(A).sum(axis=1, keepdims=True),
    "a float64 in a formula": lambda A: A * np.float64(0.3) + np.sqrt(2.0),
}
# Complex numbers have no order and no such function of their own: NumPy's finite differences in float64 instead.
REAL = {
    np.absolute: lambda A: np.absolute(A) * abs(A),
    np.logaddexp: lambda A, B: np.logaddexp(A, B),
    np.clip: lambda A: np.clip(A, -0.5, 0.5) * A.clip(-0.3),
}


def arrays(formula):
    """Return the arguments of a formula by name."""
    rng = np.random.default_rng(0)
    made = {"A": (2, 3), "B": (2, 3), "P": (2, 3), "R": (3,), "K": (2, 1), "M": (3, 4)}
    drawn = {name: rng.standard_normal(shape) for name, shape in made.items()}
    drawn["P"] = np.abs(drawn["P"]) + 0.5
    return {name: drawn[name] for name in formula.__code__.co_varnames[: formula.__code__.co_argcount]}


def gradients(formula, values, weights):
    """Return the result of a formula, and the gradient of its weighted sum with respect to each argument."""
    tape = []
    variables = {name: Variable(value, tape) for name, value in values.items()}
    result = formula(**variables)
    result.accumulate(np.broadcast_to(weights, result.shape))
    go_back(tape)
    return result.value, {
        name: np.zeros(x.shape) if x.gradient is None else x.gradient for name, x in variables.items()
    }


def difference(formula, values, weights, name, place, *, real):
    """Return the derivative with respect to one entry: by a complex step, or by a central difference."""
    if real:
        ends = []
        for step in (1e-6, -1e-6):
            moved = {**values, name: values[name].copy()}
            moved[name][place] += step
            ends.append((formula(**moved) * weights).sum())
        return (ends[0] - ends[1]) / 2e-6
    moved = {other: value.astype(complex) for other, value in values.items()}
    moved[name][place] += 1j * STEP
    return (formula(**moved) * weights).sum().imag / STEP


@pytest.mark.parametrize("what", [*FORMULAS, *REAL], ids=lambda what: getattr(what, "__name__", what))
def test_a_derivative_equals_the_complex_step(what):
    """The value is NumPy's, and so is the derivative with respect to each entry of each argument."""
    real = what in REAL
    formula = REAL[what] if real else FORMULAS[what]
    values = arrays(formula)
    plain = np.asarray(formula(**values))
    weights = np.random.default_rng(1).standard_normal(plain.shape)
    result, found = gradients(formula, values, weights)
    np.testing.assert_allclose(result, plain, rtol=1e-14)
    for name, value in values.items():
        for place in np.ndindex(value.shape):
            expected = difference(formula, values, weights, name, place, real=real)
            assert found[name][place] == pytest.approx(
                expected, rel=1e-5 if real else 1e-12, abs=1e-8 if real else 1e-13
            )


def test_every_function_is_tried():
    """No function has a derivative that is not compared."""
    assert {*UFUNCS, *OF_ONE, *FUNCTIONS} == {what for what in (*FORMULAS, *REAL) if callable(what)}


@pytest.mark.parametrize("function", CONSTANT, ids=lambda function: function.__name__)
def test_a_jump_has_no_derivative(function):
    """What changes in jumps is a constant."""
    x = Variable(np.array([[0.5, -1.5]]), [])
    result = function(*[x] * function.nin)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, function(*[x.value] * function.nin))


def test_an_exponential_saturates():
    """A logistic function of any number has a value and a derivative in float32; NaN stays NaN."""
    tape = []
    x = Variable(np.array([[-1e30, -100.0, 0.0, 100.0, 1e30, np.nan]], np.float32), tape)
    with np.errstate(all="ignore"):
        y = 1 / (1 + np.exp(-x))
        y.accumulate(np.ones_like(y.value))
        go_back(tape)
    np.testing.assert_allclose(y.value, [[0, 0, 0.5, 1, 1, np.nan]], atol=1e-30)
    np.testing.assert_allclose(x.gradient, [[0, 0, 0.25, 0, 0, np.nan]], atol=1e-30)


def test_one_hot_rows_are_looked_up_and_are_rows():
    """A product with one-hot rows picks rows of the matrix; anything else is done with the rows themselves."""
    ids, tape = np.array([2, 0, 2]), []
    U = Variable(np.arange(12.0).reshape(3, 4), tape)
    x = OneHot(ids, 3, dtype=np.float64)
    picked = x @ U
    picked.accumulate(np.ones((3, 4)))
    go_back(tape)
    np.testing.assert_array_equal(picked.value, np.eye(3)[ids] @ U.value)
    np.testing.assert_array_equal(U.gradient, [[1] * 4, [0] * 4, [2] * 4])
    np.testing.assert_array_equal((2 * x).value, 2 * np.eye(3)[ids])
    assert (*x.shape, x.ndim) == (3, 3, 2)


def test_without_a_tape_nothing_is_remembered():
    """Constants make constants, with the same values."""
    a = Variable(np.array([[1.0, 2.0]], np.float32))
    y = np.tanh(a * np.float64(0.3)) + np.concatenate([a, a], axis=1)[:, :2]
    assert (y.tape, y.parents, y.value.dtype) == (None, (), np.float32)


def in_place(x):
    """Change an array in place."""
    x[0] = 1.0


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (in_place, "cannot be changed in place"),
        (lambda x: np.add(x, 1.0, out=x.value), "cannot be changed in place"),
        (lambda x: np.linalg.norm(x), r"norm has no derivative here; these have: \+ - \* / \*\* @ \[\] np\.absolute"),
        (lambda x: np.hypot(x, x), "np.hypot has no derivative here"),
        (lambda x: np.asarray(x), "cannot become a plain array"),
        (lambda x: bool(x > 0) if x else None, "neither true nor false"),
        (lambda x: float(x), "not one number"),
        (lambda x: x @ np.ones(2), "needs two matrices"),
        (lambda x: np.where(x, 1.0, x), "needs a condition"),
        (lambda x: np.cumsum(x), "needs an axis"),
    ],
)
def test_what_has_no_derivative_is_refused(use, message):
    """An operation without a derivative is an error that says so, and never a wrong gradient."""
    with pytest.raises(TypeError, match=message):
        use(Variable(np.ones((1, 2)), []))


def test_adding_in_place_makes_another_array():
    """H += x leaves the array that h was before as it is."""
    before = np.ones((1, 2))
    h = first = Variable(before, [])
    h += 1.0
    np.testing.assert_array_equal(first.value, [[1.0, 1.0]])
    np.testing.assert_array_equal(h.value, [[2.0, 2.0]])
