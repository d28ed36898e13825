"""The equations of every cell, as `charrnn cells NAME` shows them: read by a program, they are the naive twin's."""

import importlib
import re

import numpy as np
import pytest

from charrnn.cells import explained
from charrnn.cells.architecture import Architecture
from charrnn.cells.equations import BACKWARD, FORWARD, GRADIENTS
from charrnn.cells.explained import explain, notes, place, sizes
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError
from tests import naive
from tests.rows import CLOCK_NAMES, CLOCKS, NAMES, ROWS

N, H, BATCH = 5, 12, 3
FUNCTIONS = {"σ": naive.logistic, "tanh": np.tanh, "relu": naive.relu, "ln": np.log}
PARAMETER = re.compile(r"\b[UWRCPbp](?:_\w+)?\b(?!_\{)")


def softmax(o):
    """Return the softmax of rows."""
    return np.exp(naive.log_softmax(o))


def python(formula):
    """Turn a formula into a statement of Python: two names side by side are multiplied as matrices."""
    for symbol, name in (("∂L/∂", "to_"), ("∇", "of_"), ("Σ", ""), ("_{t-1}", "_before"), ("ŷ_t", "guess_t")):
        formula = formula.replace(symbol, name)
    words = []
    for token in re.findall(r"\+=|[^\W²ᵀ½]+|\S", formula):
        before = words[-1] if words else "="
        if token in "([½" or (token[0].isidentifier() and token != "ᵀ"):  # an operand begins
            if before in (")", ".T", "**2") or (before[0].isalpha() and before not in {*FUNCTIONS, "softmax"}):
                words.append("@")
            elif before == "0.5":
                words.append("*")
        words.append({"⊙": "*", "−": "-", "²": "**2", "ᵀ": ".T", "[": "(", "]": ")", "½": "0.5"}.get(token, token))
    return " ".join(words)


def test_how_formulas_are_read():
    """Side by side is a product of matrices, and everything else is what it looks like."""
    assert python("∂L/∂h_{t-1} += δ_t (W ⊙ M)ᵀ") == "to_h_before += δ_t @ ( W * M ) .T"
    assert python("∇W = Σ h_{t-1}ᵀ δ_t") == "of_W = h_before .T @ δ_t"
    assert python("i_t = σ(x_t U_i + p_i ⊙ c_t)") == "i_t = σ ( x_t @ U_i + p_i * c_t )"
    assert python("h_t = ½ h_{t-1}") == "h_t = 0.5 * h_before"
    assert python("δ_t = x_t ⊙ (1 − h_t²) ⊙ [h_t > 0]") == "δ_t = x_t * ( 1 - h_t **2 ) * ( h_t > 0 )"


class Step:
    """One step of a layer with random parameters, input and state, and the gradient of some loss."""

    def __init__(self, cell, options):
        self.network = Architecture(cell, N, H, **options)
        rng = np.random.default_rng(3)
        shapes = self.network.parameter_shapes()
        self.p = {n.partition(".")[2]: rng.normal(size=s) for n, s in shapes.items() if n.startswith("layer0.")}
        self.x = rng.normal(size=(BATCH, N))
        self.state = {n: rng.normal(size=(BATCH, self.network.width(n))) for n in self.network.row.states}
        periods = np.array(self.network.unit_periods())
        self.more = {"d_t": 1.0, "M": 1.0}
        if "clock" in self.state:
            self.state["clock"] = rng.integers(0, periods, (BATCH, H)).astype(float)
            self.more = {"d_t": self.state["clock"] == 0, "M": periods[:, np.newaxis] >= periods}
        self.weights = {n: rng.normal(size=values.shape) for n, values in self.state.items() if n != "clock"}
        twins = {"activation": self.network.activation, "periods": self.network.periods}
        self.step = naive.step_of(cell, **{name: value for name, value in twins.items() if value is not None})

    def loss(self, moved):
        """Return Σ weights ⊙ states after the step of the naive twin, with some arrays moved."""
        p = {name: moved.get(name, values) for name, values in self.p.items()}
        state = {name: moved.get(f"{name}_before", values) for name, values in self.state.items()}
        after = self.step(p, moved.get("x_t", self.x), state)
        return sum((weights * after[name]).sum() for name, weights in self.weights.items())

    def follow(self, *parts):
        """Compute the equations of some parts, one after the other; return every array by its name in Python."""
        names = {**FUNCTIONS, "softmax": softmax, **self.p, **self.more, "x_t": self.x}
        names |= {f"{name}_before": values for name, values in self.state.items()}
        # What comes from the layer above or the next step; the earlier step has nothing of its own here.
        names |= {f"to_{name}_t": weights.copy() for name, weights in self.weights.items()}
        names |= {f"to_{self.network.row.states[0]}_before": 0.0}
        for part in parts:
            for equation in explain(self.network):
                if equation.part == part:
                    exec(python(equation.formula), names)
        return names


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
def test_equations_forward_are_the_naive_twins(cell, options):
    """Computed in their order, they give the twin's states."""
    step = Step(cell, options)
    names = step.follow("forward")
    for name, values in step.step(step.p, step.x, step.state).items():
        if name != "clock":
            np.testing.assert_allclose(names[f"{name}_t"] * np.ones((BATCH, 1)), values, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
def test_equations_backward_are_complex_step_derivatives(cell, options):
    """So is every gradient: of the parameters, of the input and of the state before the step."""
    step = Step(cell, options)
    names = step.follow("forward", "backward", "gradients")
    rng = np.random.default_rng(4)
    values = {**step.p, "x_t": step.x, **{f"{n}_before": step.state[n] for n in step.weights}}
    for name, value in values.items():
        gradient = names[f"of_{name}" if name in step.p else f"to_{name}"]
        if value.ndim == 1:  # Σ is over the streams
            gradient = gradient.sum(axis=0)
        assert gradient.shape == value.shape
        direction = rng.normal(size=value.shape)
        twin = step.loss({name: value + 1e-20j * direction}).imag / 1e-20
        assert (gradient * direction).sum() == pytest.approx(twin, rel=1e-11), name


def test_equations_of_the_output_are_the_gradient_of_the_cross_entropy():
    """The softmax, its loss, and what flows back into the layer and the output's weights."""
    rng = np.random.default_rng(2)
    h, V, c, ids = rng.normal(size=(BATCH, H)), rng.normal(size=(H, N)), rng.normal(size=N), np.array([1, 4, 0])
    names = {"ln": np.log, "softmax": softmax, "h_t": h, "V": V, "c": c, "y_t": np.eye(N)[ids]}
    for equation in explain(Architecture("rnn", N, H)):
        if equation.part == "output":
            exec(python(equation.formula), names)
    twin = {"h_t": h, "V": V, "c": c}

    def loss(moved):
        there = twin | moved
        return BATCH * naive.cross_entropy(there["h_t"] @ there["V"] + there["c"], ids)

    assert names["L"].sum() == pytest.approx(loss({}))
    for name, value in twin.items():
        gradient = names["to_h_t" if name == "h_t" else f"of_{name}"]
        direction = rng.normal(size=value.shape)
        expected = loss({name: value + 1e-20j * direction}).imag / 1e-20
        assert (gradient * direction).sum() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
def test_equations_have_the_parameters_of_the_cell(cell, options):
    """Every parameter enters a sum and has a gradient, and the equations have no others."""
    network = Architecture(cell, N, H, 2, **options)
    own = {name.partition(".")[2] for name in network.parameter_shapes() if name.startswith("layer")}
    there = explain(network)
    assert set(PARAMETER.findall(" ".join(e.formula for e in there if e.part == "forward"))) == own
    of = [e.formula.partition(" ")[0][1:] for e in there if e.part == "gradients"]
    assert sorted(of) == sorted(own)
    assert not [e.formula for e in there if "$" in e.formula or "  " in e.formula]


@pytest.mark.parametrize(("cell", "options"), [*ROWS, *CLOCKS], ids=[*NAMES, *CLOCK_NAMES])
def test_sizes_of_parameters(cell, options):
    """The shapes in letters are those in numbers, each parameter is told once, and the counts have the whole's sum."""
    network = Architecture(cell, 7, H, 2, first_state="learned", **options)
    told = sizes(network)
    letters = {"N": None, "H": H, "R": network.projection, "V": 7}
    for each in told:
        layer = int(each.names[0][5]) if each.names[0].startswith("layer") else 0
        numbers = letters | {"N": network.inputs(layer)}
        assert each.shape == tuple(numbers[letter] for letter in each.letters.split(", "))
    assert [name for each in told for name in each.names] == list(network.parameter_shapes())
    assert sum(each.count for each in told) == network.parameter_count()


def test_every_family_and_flag_has_equations():
    """A flag of a family's kernels that changes no formula, and a family without formulas, would be forgotten ones."""
    for family in {row.family for row in CELLS.values()}:
        flags = importlib.import_module(f"charrnn.kernels.{family}").FLAGS
        equations = (*FORWARD[family], *BACKWARD[family], *GRADIENTS.get(family, ()))
        assert {flag for e in equations for flag in (*e.needs, *e.without)} - {"noaf"} == set(flags) - {"noaf"}


def test_places_are_lines_of_the_code(tmp_path, monkeypatch):
    """A place is found by its words, in the function that is named; where they are no more, that is an error."""
    (tmp_path / "made.py").write_text("def one():\n    a = 1\n\n\ndef two():\n    a = 2\n    a = 3\n", encoding="utf-8")
    monkeypatch.setattr(explained, "KERNELS", tmp_path)
    find = place.__wrapped__
    assert [find("made.two", words)[1] for words in ("", "a =", "a = … a =")] == [5, 6, 7]
    for code, words in (("made.two", "a = 1"), ("made.two", "a = 3 … a"), ("made.three", "")):
        with pytest.raises(LookupError):
            find(code, words)


def test_notes_and_a_family_without_equations(monkeypatch):
    """What a formula does not say is a note; a family of somebody's own has none."""
    assert any("divides t" in note for note in notes(Architecture("clockwork", N, H)))
    assert notes(Architecture("lstm", N, H)) == []
    monkeypatch.delitem(FORWARD, "gru")
    with pytest.raises(CharrnnError, match="equations of gru are not in"):
        explain(Architecture("gru", N, H))
