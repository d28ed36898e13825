"""The naive twins, checked against facts that do not come from them."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests import naive

T, B, V, H, L, R = 3, 2, 3, 2, 2, 1
LSTM, PEEPHOLES = ("_i", "_f", "_o", "_g"), ("p_i", "p_f", "p_o")
GATES = {
    "gru": ("_r", "_z", "_n"),
    "gru-reset-before": ("_r", "_z", "_n"),
    "lstm-coupled": ("_f", "_o", "_g"),
    "lstm-coupled-peephole": ("_f", "_o", "_g"),
    "lstm-nig": ("_f", "_o", "_g"),
    "lstm-nfg": ("_i", "_o", "_g"),
    "lstm-nog": ("_i", "_f", "_g"),
    "mingru": ("_z", "_n"),
    "minlstm": ("_i", "_f", "_g"),
}
VECTORS = {
    "gru": ("b_hn",),
    "lstm-peephole": PEEPHOLES,
    "lstm-coupled-peephole": ("p_f", "p_o"),
    "lstm-nig": ("p_f", "p_o"),
    "lstm-nfg": ("p_i", "p_o"),
    "lstm-nog": ("p_i", "p_f"),
    "lstm-niaf": PEEPHOLES,
    "lstm-noaf": PEEPHOLES,
    "lstm-fgr": PEEPHOLES,
}
OPTIMIZERS = {
    "sgd": {"lr": 0.05, "momentum": 0.5},
    "nesterov": {"lr": 0.05, "momentum": 0.5},
    "rmsprop": {"lr": 0.01, "rho": 0.9, "epsilon": 1e-8},
    "adagrad": {"lr": 0.5, "epsilon": 1e-8},
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
CLOCKWORK = {"periods": (1, 2)}
Options = dict[str, Any]
ROWS: dict[str, tuple[str, Options]] = {cell: (cell, {}) for cell in naive.STEPS} | {
    "rnn-relu": ("rnn", {"activation": "relu"}),
    "rnn-sigmoid": ("rnn", {"activation": "sigmoid"}),
    "clockwork": ("clockwork", CLOCKWORK),
    "clockwork-relu": ("clockwork", {**CLOCKWORK, "activation": "relu"}),
    "clockwork-sigmoid": ("clockwork", {**CLOCKWORK, "activation": "sigmoid"}),
}
every_row = pytest.mark.parametrize(("cell", "options"), ROWS.values(), ids=ROWS)


def width(cell: str, state: str) -> int:
    """Return how wide a state is."""
    return R if (cell, state) == ("lstm-projection", "r") else H


def make_network(
    cell: str, layers: int = L, *, learned: bool = False, stack: str = "", symbols: int = V, seed: int = 11
) -> naive.Arrays:
    """Draw the parameters of a small network, none of them zero; `learned` with the state it begins from.

    With this seed no rectified unit is dead in any test that needs its gradient.
    """
    rng = np.random.default_rng(seed)
    parameters: naive.Arrays = {}
    up = width(cell, naive.states_of(cell)[0])
    for layer in range(layers):
        shapes: dict[str, tuple[int, ...]] = {}
        for gate in GATES.get(cell, LSTM if cell.startswith("lstm") else ("",)):
            shapes |= {f"U{gate}": (up if layer else symbols, H), f"W{gate}": (up, H), f"b{gate}": (H,)}
            if cell.startswith("min"):
                del shapes[f"W{gate}"]
        shapes |= dict.fromkeys(VECTORS.get(cell, ()), (H,))
        if cell == "lstm-projection":
            shapes["P"] = (H, R)
        if cell == "lstm-peephole-full":
            shapes |= {f"C_{gate}": (H, H) for gate in "ifo"}
        if cell == "lstm-fgr":
            shapes |= {f"R_{a}{b}": (H, H) for a in "ifo" for b in "ifo"}
        if learned:
            shapes |= {f"{name}0": (width(cell, name),) for name in naive.states_of(cell) if name != "clock"}
        parameters |= {f"{stack}layer{layer}.{name}": rng.normal(size=shape) for name, shape in shapes.items()}
    parameters["output.V"] = rng.normal(size=(up, V))
    parameters["output.c"] = rng.normal(size=V)
    return parameters


def make_state(cell: str, layers: int = L, batch: int = B) -> naive.State:
    """Draw a carried state, none of it zero but some counts, which are those of a clockwork with periods 1 and 2."""
    rng = np.random.default_rng(2)
    state = [
        {name: rng.normal(size=(batch, width(cell, name))) for name in naive.states_of(cell)} for _ in range(layers)
    ]
    for arrays in state:
        if "clock" in arrays:
            arrays["clock"] = np.stack([np.zeros(batch), np.arange(batch) % 2], axis=1)
    return state


def make_ids(steps: int = T, batch: int = B) -> naive.Array:
    """Draw a window of ids."""
    return np.random.default_rng(3).integers(V, size=(steps, batch))


def make_masks(cell: str, steps: int = T, seed: int = 4) -> list[naive.Array]:
    """Draw dropout multipliers for every layer, half of each layer's kept."""
    rng = np.random.default_rng(seed)
    up = width(cell, naive.states_of(cell)[0])
    return [2.0 * rng.permuted(np.arange(steps * B * up) % 2).reshape(steps, B, up) for _ in range(L)]


def row_of(state: naive.State, row: int) -> naive.State:
    """Return the state of one row of the batch."""
    return [{name: array[[row]] for name, array in arrays.items()} for arrays in state]


def assert_same_state(got: naive.State, expected: naive.State) -> None:
    """Compare two states array by array."""
    assert [set(arrays) for arrays in got] == [set(arrays) for arrays in expected]
    for one, other in zip(got, expected, strict=True):
        for name in other:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-13, err_msg=name)


def assert_same_gradients(got: naive.Arrays, expected: naive.Arrays) -> None:
    """Compare two gradients, and see that none of it is zero."""
    assert set(got) == set(expected)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-10, atol=1e-14, err_msg=name)
        assert got[name].any(), f"{name} has no gradient, so nothing was compared"


# ---- Activations -----------------------------------------------------------------------------------------


def test_logistic_is_right_everywhere() -> None:
    """The logistic is right in the middle, symmetric, and relatively exact far out, without overflow."""
    a = np.array([-1e4, -40.0, -2.0, 0.0, 2.0, 40.0, 1e4])
    y = naive.logistic(a)
    np.testing.assert_allclose(y + y[::-1], 1.0, rtol=1e-15)
    np.testing.assert_allclose(y[1:4], [math.exp(-40), 1 / (1 + math.exp(2)), 0.5], rtol=1e-15)
    assert (y[0], y[-1]) == (0.0, 1.0)


def test_activations_have_their_complex_step_derivatives() -> None:
    """The logistic's and tanh's complex-step derivatives equal σ(1 − σ) and 1 − tanh², far out too."""
    a = np.array([-800.0, -30.0, -3.0, -0.1, 0.0, 0.7, 3.0, 30.0, 800.0])
    moved = a + 1j * naive.COMPLEX_STEP
    slope = naive.logistic(moved).imag / naive.COMPLEX_STEP
    np.testing.assert_allclose(slope, naive.logistic(a) * naive.logistic(-a), rtol=1e-14, atol=1e-300)
    slope = np.tanh(moved).imag / naive.COMPLEX_STEP
    np.testing.assert_allclose(slope, 1 - np.tanh(a) ** 2, rtol=1e-12, atol=1e-15)


def test_relu_is_decided_by_the_real_part() -> None:
    """The rectifier has slope 1 above 0, and none below or at 0, whatever the sign of what is imaginary."""
    a = np.array([-2.0, 0.0, 3.0])
    for sign in (1, -1):
        y = naive.relu(a + sign * 1j * naive.COMPLEX_STEP)
        np.testing.assert_array_equal(y.real, [0.0, 0.0, 3.0])
        np.testing.assert_array_equal(sign * y.imag / naive.COMPLEX_STEP, [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(naive.relu(a), [0.0, 0.0, 3.0])


def test_log_softmax_ignores_a_shift_and_the_imaginary_part() -> None:
    """Adding 10,000 to all logits changes nothing, nor does a huge logit overflow, real or complex."""
    o = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 1.0]])
    expected = np.log(np.exp(o) / np.exp(o).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(naive.log_softmax(o + 1e4), expected, rtol=1e-11)
    moved = naive.log_softmax(o + 1e4 + 1j * naive.COMPLEX_STEP * np.array([0, 0, 1]))
    np.testing.assert_allclose(moved.real, expected, rtol=1e-11)
    slope = np.array([0, 0, 1]) - np.exp(expected[:, 2:])
    np.testing.assert_allclose(moved.imag / naive.COMPLEX_STEP, slope, rtol=1e-10)


# ---- Cells -----------------------------------------------------------------------------------------------


def plain_step(
    cell: str, options: Options, p: Mapping[str, Any], x: list[float], before: Mapping[str, list[float]]
) -> dict[str, list[float]]:
    """Compute a step unit by unit on plain numbers, in another form than the twin's."""
    out = before[naive.states_of(cell)[0]]
    units = range(H)

    def times(row: list[float], name: str, unit: int) -> float:
        return math.fsum(row[k] * p[name][k][unit] for k in range(len(row)))

    def a(gate: str, unit: int) -> float:
        bias: float = p[f"b{gate}"][unit]
        return times(x, f"U{gate}", unit) + (times(out, f"W{gate}", unit) if f"W{gate}" in p else 0.0) + bias

    def half(value: float) -> float:
        return 0.5 + 0.5 * math.tanh(value / 2)

    def rectified(value: float) -> float:
        return (value + abs(value)) / 2

    activations = {"sigmoid": half, "relu": rectified, "tanh": math.tanh}
    f = activations["relu" if cell == "irnn" else options.get("activation", "tanh")]

    def rnn() -> dict[str, list[float]]:
        return {"h": [f(a("", unit)) for unit in units]}

    def clockwork() -> dict[str, list[float]]:
        fast = f(a("", 0))
        slow = f(a("", 1) - out[0] * p["W"][0][1])  # the slow unit does not hear the fast one
        due = before["clock"][1] == 0
        return {"h": [fast, slow if due else out[1]], "clock": [0.0, 1.0 if due else 0.0]}

    def gru() -> dict[str, list[float]]:
        r = [half(a("_r", unit)) for unit in units]
        h = []
        for unit in units:
            if cell == "gru":
                heard = r[unit] * (times(out, "W_n", unit) + p["b_hn"][unit])
            else:
                heard = times([r[k] * out[k] for k in units], "W_n", unit)
            n = math.tanh(times(x, "U_n", unit) + p["b_n"][unit] + heard)
            h.append(n + half(a("_z", unit)) * (out[unit] - n))
        return {"h": h}

    def minimal() -> dict[str, list[float]]:
        h = []
        for unit in units:
            if cell == "mingru":
                kept, new = 1.0 / (1.0 + math.exp(-a("_z", unit))), a("_n", unit)
            else:
                kept, new = 1.0 / (1.0 + half(a("_i", unit)) / half(a("_f", unit))), a("_g", unit)
            h.append(new + kept * (out[unit] - new))
        return {"h": h}

    def lstm() -> dict[str, list[float]]:
        after: dict[str, list[float]] = {name: [] for name in ("h", "c", "i", "f", "o")}
        was = before["c"]

        def gate(name: str, c: list[float], unit: int) -> float:
            if f"b_{name}" not in p:
                return 1.0
            peephole = p[f"p_{name}"][unit] * c[unit] if f"p_{name}" in p else 0.0
            heard = [times(before[k], f"R_{k}{name}", unit) for k in "ifo" if cell == "lstm-fgr"]
            heard += [times(c, f"C_{name}", unit)] if f"C_{name}" in p else []
            return half(a(f"_{name}", unit) + peephole + sum(heard))

        for unit in units:
            f = gate("f", was, unit)
            i = 1 - f if cell in ("lstm-coupled", "lstm-coupled-peephole") else gate("i", was, unit)
            g = a("_g", unit)
            c = f * was[unit] + i * (g if cell == "lstm-niaf" else math.tanh(g))
            for name, value in {"c": c, "i": i, "f": f}.items():
                after[name].append(value)
        for unit in units:
            c, o = after["c"][unit], gate("o", after["c"], unit)
            after["o"].append(o)
            after["h"].append(o * (c if cell == "lstm-noaf" else math.tanh(c)))
        if cell == "lstm-projection":
            after["r"] = [times(after["h"], "P", unit) for unit in range(R)]
        return after

    family = cell.partition("-")[0]
    families = {"rnn": rnn, "irnn": rnn, "clockwork": clockwork, "gru": gru, "lstm": lstm}
    after = (families | {"mingru": minimal, "minlstm": minimal})[family]()
    return {name: after[name] for name in naive.states_of(cell)}


@every_row
def test_a_step_follows_its_equations_unit_by_unit(cell: str, options: Options) -> None:
    """A step equals the equations worked out on plain numbers, weights multiplying from the right."""
    parameters = naive.layers_of(make_network(cell, layers=1))[0]
    plain = {name: array.tolist() for name, array in parameters.items()}
    state = make_state(cell, layers=1)
    for row, x in enumerate([[0.3, -1.2, 0.8], [-0.5, 0.1, 1.1]]):
        (start,) = row_of(state, row)
        got = naive.step_of(cell, **options)(parameters, np.array([x]), start)
        expected = plain_step(cell, options, plain, x, {name: array[0].tolist() for name, array in start.items()})
        assert tuple(got) == naive.states_of(cell)
        for name, values in expected.items():
            np.testing.assert_allclose(got[name][0], values, rtol=1e-13, err_msg=name)


def test_lstm_with_closed_input_keeps_its_cell() -> None:
    """An LSTM whose forget gate is 1 and input gate 0 carries c unchanged through any input."""
    parameters, state = make_network("lstm"), make_state("lstm")
    for layer in range(L):
        parameters[f"layer{layer}.b_f"] += 1e3
        parameters[f"layer{layer}.b_i"] -= 1e3
    final = naive.forward("lstm", parameters, make_ids(20), state)[1]
    for before, after in zip(state, final, strict=True):
        np.testing.assert_array_equal(after["c"], before["c"])


def test_lstm_with_closed_output_is_silent() -> None:
    """An LSTM whose output gate is 0 hands on nothing, so that the logits are the output's bias."""
    parameters = make_network("lstm")
    for layer in range(L):
        parameters[f"layer{layer}.b_o"] -= 1e3
    logits, final, _ = naive.forward("lstm", parameters, make_ids(), make_state("lstm"))
    assert not any(arrays["h"].any() for arrays in final)
    np.testing.assert_array_equal(logits, np.broadcast_to(parameters["output.c"], logits.shape))


def test_gru_with_full_update_keeps_its_state() -> None:
    """A GRU whose z is 1 carries h unchanged through any input."""
    parameters, state = make_network("gru"), make_state("gru")
    for layer in range(L):
        parameters[f"layer{layer}.b_z"] += 1e3
    final = naive.forward("gru", parameters, make_ids(20), state)[1]
    for before, after in zip(state, final, strict=True):
        np.testing.assert_array_equal(after["h"], before["h"])


def test_gru_reset_silences_the_recurrent_product_and_its_bias() -> None:
    """A GRU whose r and z are 0 is tanh(x U_n + b_n): W_n and b_hn do not reach it, b_n does."""
    parameters = make_network("gru", layers=1)
    parameters["layer0.b_r"] -= 1e3
    parameters["layer0.b_z"] -= 1e3
    ids = make_ids()
    hs = naive.forward("gru", parameters, ids, make_state("gru", layers=1))[2]
    expected = np.tanh(parameters["layer0.U_n"][ids] + parameters["layer0.b_n"])
    np.testing.assert_allclose(hs[0], expected, rtol=1e-14)


def test_clockwork_groups_compute_at_their_periods() -> None:
    """With periods 1, 2, 4 and 8, the usual ones, a group changes at every step, every second, fourth and eighth."""
    rng = np.random.default_rng(5)
    p = {"U": rng.normal(size=(V, 8)), "W": rng.normal(size=(8, 8)), "b": rng.normal(size=8)}
    state = {"h": rng.normal(size=(1, 8)), "clock": np.zeros((1, 8))}
    for t in range(20):
        after = naive.step_of("clockwork")(p, np.array([t % V]), state)
        due = np.repeat([t % period == 0 for period in (1, 2, 4, 8)], 2)
        np.testing.assert_array_equal(after["h"][0] != state["h"][0], due)
        state = after


def test_clockwork_units_hear_their_own_group_and_slower_ones() -> None:
    """A change of a unit before a step reaches the units of its own period and of shorter ones; W's rest is unused."""
    rng = np.random.default_rng(5)
    p = {"U": rng.normal(size=(V, 6)), "W": rng.normal(size=(6, 6)), "b": rng.normal(size=6)}
    state = {"h": rng.normal(size=(1, 6)), "clock": np.zeros((1, 6))}
    step = naive.step_of("clockwork", periods=(1, 3, 5))
    h = step(p, np.array([0]), state)["h"]
    unheard = np.tril(np.ones((3, 3)), -1).repeat(2, axis=0).repeat(2, axis=1).T == 1
    assert unheard.sum() == 12
    np.testing.assert_array_equal(step({**p, "W": np.where(unheard, 1e9, p["W"])}, np.array([0]), state)["h"], h)
    for unit in range(6):
        moved = state["h"] + 0.1 * np.eye(6)[unit]
        changed = (step(p, np.array([0]), {**state, "h": moved})["h"] != h)[0]
        np.testing.assert_array_equal(changed, np.arange(6) // 2 <= unit // 2)


@pytest.mark.parametrize("periods", [(1, 2, 4), (2, 1)])
def test_clockwork_groups_must_be_equal_and_in_order(periods: tuple[int, ...]) -> None:
    """Groups of different sizes, or slow ones before fast ones, are an error."""
    with pytest.raises(ValueError, match="equal groups, the fastest first"):
        naive.forward("clockwork", make_network("clockwork"), make_ids(), None, periods=periods)


# ---- What each cell becomes where what sets it apart is undone ------------------------------------------


def small(p: naive.Arrays, *names: str) -> naive.Arrays:
    """Make some arrays so small that tanh is the identity to rounding."""
    return p | {name: 1e-7 * p[name] for name in names}


def negated(p: naive.Arrays) -> naive.Arrays:
    """Give coupled gates an input gate of their own, 1 − f = σ(−what f is the σ of)."""
    return p | {f"{letter}_i": -p[f"{letter}_f"] for letter in "UWbp" if f"{letter}_f" in p}


def opened(gate: str) -> Callable[[naive.Arrays], naive.Arrays]:
    """Give a network the gate it lacks, open whatever it hears."""
    square = np.ones((H, H))
    return lambda p: (
        p | {f"U_{gate}": p["U_g"], f"W_{gate}": square, f"p_{gate}": np.ones(H), f"b_{gate}": np.full(H, 1e3)}
    )


def unchanged(p: naive.Arrays) -> naive.Arrays:
    """Leave everything as it is."""
    return p


Change = Callable[[naive.Arrays], naive.Arrays]
# A cell and its options; what is done to each layer's parameters; its parent and the parent's options; how the
# parent's parameters are made of these.
REDUCTIONS: dict[str, tuple[str, Options, Change, str, Options, Change]] = {
    "irnn": ("irnn", {}, unchanged, "rnn", {"activation": "relu"}, unchanged),
    "all periods 1": ("clockwork", {"periods": (1, 1)}, unchanged, "rnn", {}, unchanged),
    "no peepholes": ("lstm-peephole", {}, lambda p: p | dict.fromkeys(PEEPHOLES, np.zeros(H)), "lstm", {}, unchanged),
    "peepholes of diagonals": (
        "lstm-peephole-full",
        {},
        lambda p: p | {f"C_{gate}": np.diag(np.diag(p[f"C_{gate}"])) for gate in "ifo"},
        "lstm-peephole",
        {},
        lambda p: p | {f"p_{gate}": np.diag(p[f"C_{gate}"]) for gate in "ifo"},
    ),
    "coupled": ("lstm-coupled", {}, unchanged, "lstm", {}, negated),
    "coupled with peepholes": ("lstm-coupled-peephole", {}, unchanged, "lstm-peephole", {}, negated),
    "i = 1": ("lstm-nig", {}, unchanged, "lstm-peephole", {}, opened("i")),
    "f = 1": ("lstm-nfg", {}, unchanged, "lstm-peephole", {}, opened("f")),
    "o = 1": ("lstm-nog", {}, unchanged, "lstm-peephole", {}, opened("o")),
    "small g": ("lstm-niaf", {}, lambda p: small(p, "U_g", "W_g", "b_g"), "lstm-peephole", {}, unchanged),
    "small c": ("lstm-noaf", {}, lambda p: small(p, "U_g", "W_g", "b_g"), "lstm-peephole", {}, unchanged),
    "no R": (
        "lstm-fgr",
        {},
        lambda p: p | {f"R_{a}{b}": np.zeros((H, H)) for a in "ifo" for b in "ifo"},
        "lstm-peephole",
        {},
        unchanged,
    ),
    "minimal gates of sum 1": (
        "minlstm",
        {},
        lambda p: p | {f"{letter}_i": -p[f"{letter}_f"] for letter in "Ub"},
        "mingru",
        {},
        lambda p: {f"{letter}_{ours}": p[f"{letter}_{its}"] for letter in "Ub" for ours, its in ("zf", "ng")},
    ),
    "no W and small n": (
        "mingru",
        {},
        lambda p: small(p, "U_n", "b_n"),
        "gru",
        {},
        lambda p: (
            p
            | {"U_r": p["U_z"], "b_r": p["b_z"], "b_hn": np.zeros(H)}
            | {f"W_{gate}": np.zeros((H, H)) for gate in "rzn"}
        ),
    ),
    "reset never": (
        "gru-reset-before",
        {},
        lambda p: p | {"b_r": np.full(H, 1e3)},
        "gru",
        {},
        lambda p: p | {"b_hn": np.zeros(H)},
    ),
}


def changed(parameters: naive.Arrays, change: Change) -> naive.Arrays:
    """Change the parameters of every layer."""
    output = {name: array for name, array in parameters.items() if name.startswith("output.")}
    layers = [change(p) for p in naive.layers_of(parameters)]
    return output | {f"layer{layer}.{name}": array for layer, p in enumerate(layers) for name, array in p.items()}


@pytest.mark.parametrize(
    ("cell", "options", "undo", "parent", "parents_options", "convert"), REDUCTIONS.values(), ids=REDUCTIONS
)
def test_a_cell_becomes_its_parent(
    cell: str, options: Options, undo: Change, parent: str, parents_options: Options, convert: Change
) -> None:
    """Where what sets a cell apart is undone, it gives what its parent gives, from the same state."""
    parameters = changed(make_network(cell), undo)
    state = make_state(cell)
    if "clock" in state[0]:
        state = [{**arrays, "clock": np.zeros((B, H))} for arrays in state]
    if cell == "lstm-noaf":
        state = [{**arrays, "c": 1e-7 * arrays["c"]} for arrays in state]
    parents_state = [{name: arrays[name] for name in naive.states_of(parent)} for arrays in state]
    logits, final, hs = naive.forward(cell, parameters, make_ids(6), state, **options)
    expected, parents_final, parents_hs = naive.forward(
        parent, changed(parameters, convert), make_ids(6), parents_state, **parents_options
    )
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    np.testing.assert_allclose(hs, parents_hs, rtol=1e-12)
    for arrays, others in zip(final, parents_final, strict=True):
        for name in others:
            np.testing.assert_allclose(arrays[name], others[name], rtol=1e-12, err_msg=name)


def test_a_projection_by_the_identity_is_none() -> None:
    """An LSTM whose projection is the identity is the plain LSTM, r being its h."""
    parameters, state = make_network("lstm"), make_state("lstm")
    projected = changed(parameters, lambda p: p | {"P": np.eye(H)})
    renamed = [{"r": arrays["h"], "c": arrays["c"]} for arrays in state]
    logits, final, hs = naive.forward("lstm", parameters, make_ids(), state)
    got, got_final, rs = naive.forward("lstm-projection", projected, make_ids(), renamed)
    np.testing.assert_allclose(got, logits, rtol=1e-13)
    np.testing.assert_allclose(rs, hs, rtol=1e-13)
    assert_same_state(got_final, [{"r": arrays["h"], "c": arrays["c"]} for arrays in final])


# ---- The network -----------------------------------------------------------------------------------------


@every_row
def test_shapes(cell: str, options: Options) -> None:
    """Logits, state and what is handed up have the shapes promised; the last of these is in the final state."""
    state, up = make_state(cell), naive.states_of(cell)[0]
    logits, final, hs = naive.forward(cell, make_network(cell), make_ids(), state, **options)
    assert logits.shape == (T, B, V)
    assert [h.shape for h in hs] == [(T, B, width(cell, up))] * L
    for h, arrays, before in zip(hs, final, state, strict=True):
        assert {name: a.shape for name, a in arrays.items()} == {name: a.shape for name, a in before.items()}
        np.testing.assert_array_equal(h[-1], arrays[up])


@every_row
def test_one_window_equals_two_with_carried_state(cell: str, options: Options) -> None:
    """A window of seven steps equals one of three and one of four, the state carried between them."""
    parameters, state, ids, masks = make_network(cell), make_state(cell), make_ids(7), make_masks(cell, 7)
    logits, final, hs = naive.forward(cell, parameters, ids, state, masks, **options)
    first, carried, h1 = naive.forward(cell, parameters, ids[:3], state, [mask[:3] for mask in masks], **options)
    second, end, h2 = naive.forward(cell, parameters, ids[3:], carried, [mask[3:] for mask in masks], **options)
    np.testing.assert_allclose(np.concatenate([first, second]), logits, rtol=1e-13)
    for layer in range(L):
        np.testing.assert_allclose(np.concatenate([h1[layer], h2[layer]]), hs[layer], rtol=1e-13)
    assert_same_state(end, final)


@every_row
def test_rows_of_a_batch_do_not_mix(cell: str, options: Options) -> None:
    """A row of the batch gives the same logits when it is run alone."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    logits = naive.forward(cell, parameters, ids, state, **options)[0]
    for row in range(B):
        got = naive.forward(cell, parameters, ids[:, [row]], row_of(state, row), **options)[0]
        np.testing.assert_allclose(got, logits[:, [row]], rtol=1e-13)


@every_row
def test_ids_equal_their_one_hot_rows(cell: str, options: Options) -> None:
    """The dense path fed with one-hot rows equals the path that picks rows of U."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    by_ids, state_by_ids, _ = naive.forward(cell, parameters, ids, state, **options)
    by_rows, state_by_rows, _ = naive.forward(cell, parameters, np.eye(V)[ids], state, **options)
    np.testing.assert_allclose(by_rows, by_ids, rtol=1e-13)
    assert_same_state(state_by_rows, state_by_ids)


@every_row
def test_masks_act_on_the_way_up_only(cell: str, options: Options) -> None:
    """With the last layer masked out the logits are the bias, and no state differs from an unmasked run's."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    kept, dropped = np.ones_like(make_masks(cell)[0]), np.zeros_like(make_masks(cell)[0])
    _, expected, expected_hs = naive.forward(cell, parameters, ids, state, **options)
    logits, final, hs = naive.forward(cell, parameters, ids, state, [kept, dropped], **options)
    np.testing.assert_array_equal(logits, np.broadcast_to(parameters["output.c"], logits.shape))
    assert_same_state(final, expected)
    np.testing.assert_array_equal(hs, expected_hs)
    # with the lower layer masked out, the upper one gives what it gives alone on an input of zeros
    logits = naive.forward(cell, parameters, ids, state, [dropped, kept], **options)[0]
    upper = {f"layer0.{name}": array for name, array in naive.layers_of(parameters)[1].items()}
    upper |= {name: array for name, array in parameters.items() if name.startswith("output.")}
    alone = naive.forward(cell, upper, dropped, state[1:], **options)[0]
    np.testing.assert_allclose(logits, alone, rtol=1e-13)


@every_row
def test_forward_leaves_its_arguments_alone(cell: str, options: Options) -> None:
    """The initial state given is the same after a run as before."""
    state = make_state(cell)
    naive.forward(cell, make_network(cell), make_ids(), state, make_masks(cell), **options)
    assert_same_state(state, make_state(cell))


def test_a_state_for_another_depth_is_refused() -> None:
    """A state or masks of fewer layers than the parameters is an error, not a shallower network."""
    parameters, state = make_network("rnn"), make_state("rnn")
    with pytest.raises(ValueError, match="equally many layers"):
        naive.forward("rnn", parameters, make_ids(), state[:1])
    with pytest.raises(ValueError, match="equally many layers"):
        naive.forward("rnn", parameters, make_ids(), state, make_masks("rnn")[:1])


# ---- Where a text begins ---------------------------------------------------------------------------------


@every_row
def test_the_initial_state_is_the_learned_one_or_zeros(cell: str, options: Options) -> None:
    """A run that is given no state begins from the learned one, in every row, or from zeros; a clock from 0."""
    learned, plain = make_network(cell, learned=True), make_network(cell)
    for layer, arrays in enumerate(naive.initial_state(cell, learned, B)):
        assert tuple(arrays) == naive.states_of(cell)
        for name, array in arrays.items():
            expected = np.zeros(H) if name == "clock" else learned[f"layer{layer}.{name}0"]
            np.testing.assert_array_equal(array, [expected] * B)
    zeros = [{name: np.zeros_like(array) for name, array in arrays.items()} for arrays in make_state(cell)]
    assert_same_state(naive.initial_state(cell, plain, B), zeros)
    zeroed = {name: 0 * array if name.endswith("0") else array for name, array in learned.items()}
    for parameters in (learned, zeroed):
        begin = naive.initial_state(cell, parameters, B)
        given = naive.forward(cell, parameters, make_ids(), begin, **options)[0]
        np.testing.assert_array_equal(naive.forward(cell, parameters, make_ids(), None, **options)[0], given)
    without = {name: array for name, array in zeroed.items() if not name.endswith("0")}
    np.testing.assert_array_equal(naive.forward(cell, without, make_ids(), None, **options)[0], given)


@every_row
def test_a_row_begins_anew_after_a_gap(cell: str, options: Options) -> None:
    """What a row reads after a gap it reads as a text of its own, the other row being none the wiser."""
    parameters, state, ids, masks = make_network(cell, learned=True), make_state(cell), make_ids(6), make_masks(cell, 6)
    ids[2, 0] = -1
    logits, final, hs = naive.forward(cell, parameters, ids, state, masks, **options)
    for row, begin, end in ((0, 0, 2), (0, 3, 6), (1, 0, 6)):
        part = slice(begin, end), slice(row, row + 1)
        start = None if begin else row_of(state, row)
        alone, last, _ = naive.forward(cell, parameters, ids[part], start, [mask[part] for mask in masks], **options)
        np.testing.assert_allclose(logits[part], alone, rtol=1e-13)
        if end == 6:
            assert_same_state(row_of(final, row), last)
    assert np.isnan(logits[2, 0]).all()
    assert not np.isnan(logits[2, 1]).any()
    for h, arrays in zip(hs, naive.initial_state(cell, parameters, 1), strict=True):
        np.testing.assert_array_equal(h[2, [0]], arrays[naive.states_of(cell)[0]])


# ---- The loss --------------------------------------------------------------------------------------------


def test_uniform_logits_cost_log_v() -> None:
    """Equal logits cost log V nats a character, whatever the targets and however large the logits."""
    targets = np.array([[0, 1], [2, 4], [3, 3]])
    assert naive.cross_entropy(np.full((3, 2, 5), 1e4), targets) == pytest.approx(math.log(5), rel=1e-12)


@every_row
def test_a_network_with_a_zero_output_costs_log_v(cell: str, options: Options) -> None:
    """A network whose output layer is zero guesses evenly."""
    parameters = make_network(cell)
    parameters["output.V"] *= 0
    parameters["output.c"] *= 0
    got = naive.loss(cell, parameters, make_ids(), make_ids(), make_state(cell), **options)
    assert got == pytest.approx(math.log(V), rel=1e-14)


def test_uncounted_targets_do_not_count() -> None:
    """The loss is the mean over counted targets alone: logits where the target is −1 make no difference."""
    logits = np.random.default_rng(5).normal(size=(3, 2, 4))
    targets = np.array([[0, -1], [-1, 3], [2, -1]])
    y = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = -(math.log(y[0, 0, 0]) + math.log(y[1, 1, 3]) + math.log(y[2, 0, 2])) / 3
    assert naive.cross_entropy(logits, targets) == pytest.approx(expected, rel=1e-14)
    logits[targets == -1] += 100 * np.arange(4)
    assert naive.cross_entropy(logits, targets) == pytest.approx(expected, rel=1e-14)


def test_no_counted_target_is_an_error() -> None:
    """A mean over nothing is refused, not returned as NaN."""
    with pytest.raises(ValueError, match="no target is counted"):
        naive.cross_entropy(np.zeros((1, 2, 3)), np.full((1, 2), -1))


# ---- Derivatives -----------------------------------------------------------------------------------------


def test_complex_step_is_exact() -> None:
    """The helper finds known derivatives to rounding, and zero for an array the function does not use."""
    arrays = {"a": np.array([[0.5, -2.0]]), "b": np.array(3.0), "unused": np.ones(2)}
    got = naive.complex_step_gradients(lambda d: (d["a"] ** 3).sum() * np.exp(d["b"]), arrays)
    np.testing.assert_allclose(got["a"], 3 * arrays["a"] ** 2 * math.exp(3), rtol=1e-15)
    np.testing.assert_allclose(got["b"], (0.5**3 - 2.0**3) * math.exp(3), rtol=1e-15)
    assert not got["unused"].any()


def test_complex_step_gives_jacobians() -> None:
    """Of a function with several values the helper finds the Jacobian, the values' axes before the entries'."""
    A = np.random.default_rng(6).normal(size=(3, 2))
    got = naive.complex_step_gradients(lambda d: A @ d["x"], {"x": np.ones((2, 4))})["x"]
    np.testing.assert_allclose(got, np.einsum("ik,jl->ijkl", A, np.eye(4)), rtol=1e-15)


def assert_slopes(
    f: Callable[[naive.Arrays], float], arrays: naive.Arrays, got: naive.Arrays, rtol: float = 1e-6
) -> None:
    """Compare each array's gradient with a central difference along a random direction of the whole array."""
    assert set(got) == set(arrays)
    rng = np.random.default_rng(8)
    step = 1e-5
    for name, array in arrays.items():
        along = rng.normal(size=array.shape)
        rise = f({**arrays, name: array + step * along}) - f({**arrays, name: array - step * along})
        assert (got[name] * along).sum() == pytest.approx(rise / (2 * step), rel=rtol, abs=1e-9), name
        assert got[name].any(), f"{name} has no gradient, so nothing was compared"


@pytest.mark.parametrize("dense", [False, True])
@every_row
def test_complex_step_equals_central_differences(cell: str, options: Options, dense: bool) -> None:
    """Every derivative of the loss equals a central difference: weights, states, and dense input or first states."""
    layers = L if dense else 1
    state, masks = make_state(cell, layers), make_masks(cell)[:layers]
    parameters = make_network(cell, layers, learned=not dense)
    x = np.random.default_rng(6).normal(size=(T, B, V)) if dense else make_ids()
    targets = make_ids(T + 1)[1:]
    targets[0, 1] = -1
    if not dense:
        x[1, 1] = targets[1, 1] = -1  # so that a learned first state is used
    got = naive.loss_gradients(cell, parameters, x, targets, state, masks, **options)
    states = {
        f"layer{layer}.{name}": array
        for layer, arrays in enumerate(state)
        for name, array in arrays.items()
        if name != "clock"
    }

    def f(moved: naive.Arrays) -> float:
        start = [
            {name: moved.get(f"layer{layer}.{name}", array) for name, array in arrays.items()}
            for layer, arrays in enumerate(state)
        ]
        value: float = naive.loss(cell, moved, moved.get("x", x), targets, start, masks, **options)
        return value

    assert_slopes(f, parameters | states | ({"x": x} if dense else {}), got)


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_without_a_state_the_gradient_reaches_the_learned_one(cell: str) -> None:
    """The derivative by the learned first state is that by a state that is given, summed over the rows."""
    parameters, ids = make_network(cell, learned=True), make_ids()
    begin = naive.initial_state(cell, parameters, B)
    given = naive.loss_gradients(cell, parameters, ids, ids, begin)
    got = naive.loss_gradients(cell, parameters, ids, ids, None)
    assert set(got) == set(parameters)
    for layer, name in ((layer, name) for layer in range(L) for name in naive.states_of(cell)):
        expected = given[f"layer{layer}.{name}"].sum(axis=0)
        np.testing.assert_allclose(got[f"layer{layer}.{name}0"], expected, rtol=1e-10)


# ---- Real-time recurrent learning ------------------------------------------------------------------------


@every_row
def test_rtrl_equals_the_whole_gradient_over_one_window(cell: str, options: Options) -> None:
    """From a zero influence, real-time recurrent learning finds what going back through the window finds."""
    parameters, state, ids = make_network(cell, 1, learned=True), make_state(cell, 1), make_ids(4)
    targets = make_ids(5)[1:]
    targets[0, 1] = ids[2, 1] = targets[2, 1] = -1
    got, final, influence = naive.rtrl(cell, parameters, ids, targets, state, **options)
    gradients = naive.loss_gradients(cell, parameters, ids, targets, state, **options)
    assert_same_gradients(got, {name: gradients[name] for name in parameters})
    assert_same_state(final, naive.forward(cell, parameters, ids, state, **options)[1])
    S = sum(width(cell, name) for name in naive.states_of(cell) if name != "clock")
    weights = {name: (B, S, *array.shape) for name, array in parameters.items() if not name.startswith("output.")}
    assert {name: array.shape for name, array in influence.items()} == weights


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_rtrl_carries_its_influence_across_windows(cell: str) -> None:
    """Two windows with the influence carried have together the gradient of one; without it they have another.

    The influence of the end is the derivative of the last state, also through a second layer.
    """
    parameters, state, ids, targets = make_network(cell), make_state(cell), make_ids(), make_ids(T + 1)[1:]
    whole, _, expected = naive.rtrl(cell, parameters, ids, targets, state)
    jacobian = naive.complex_step_gradients(
        lambda moved: naive.joined(cell, naive.forward(cell, moved, ids, state)[1]), parameters
    )
    for name, array in expected.items():
        np.testing.assert_allclose(array, jacobian[name], rtol=1e-10, atol=1e-14, err_msg=name)
    first, carried, influence = naive.rtrl(cell, parameters, ids[:2], targets[:2], state)
    second, end, got = naive.rtrl(cell, parameters, ids[2:], targets[2:], carried, influence)
    assert_same_state(end, naive.forward(cell, parameters, ids, state)[1])
    assert_same_gradients({name: (2 * first[name] + second[name]) / 3 for name in whole}, whole)
    assert_same_gradients(got, expected)
    cut = naive.rtrl(cell, parameters, ids[2:], targets[2:], carried)[0]
    assert not any(np.allclose(cut[name], second[name], rtol=1e-3) for name in expected)


def test_rtrl_of_nothing_counted_is_no_gradient() -> None:
    """A step at which no row is predicted has no gradient, and the influence goes on."""
    parameters, state = make_network("rnn", 1), make_state("rnn", 1)
    gradient, _, influence = naive.rtrl("rnn", parameters, make_ids(1), np.full((1, B), -1), state)
    assert not any(array.any() for array in gradient.values())
    assert all(array.any() for array in influence.values())


# ---- How far back the loss is felt ------------------------------------------------------------------------


def test_state_gradients_of_a_plain_network_are_products_of_jacobians() -> None:
    """In a tanh network the gradient of k steps ago is (y − target) Vᵀ times k factors diag(1 − h²) Wᵀ."""
    parameters, state, ids = make_network("rnn", 1), make_state("rnn", 1), make_ids(5)
    logits, _, (h,) = naive.forward("rnn", parameters, ids, state)
    got = naive.state_gradient_norms("rnn", parameters, ids, ids, state)
    assert {name: norms.shape for name, norms in got.items()} == {"h": (5, 1, B)}
    for b in range(B):
        y = np.exp(logits[-1, b]) / np.exp(logits[-1, b]).sum()
        delta = (y - np.eye(V)[ids[-1, b]]) @ parameters["output.V"].T
        for k in range(5):
            assert got["h"][k, 0, b] == pytest.approx(math.hypot(*delta), rel=1e-12)
            delta = (delta * (1 - h[4 - k, b] ** 2)) @ parameters["layer0.W"].T


def test_state_gradients_stop_at_a_gap_and_reach_the_layer_below() -> None:
    """The layer below is felt at lag 0 through the one above; nothing from before a row's gap is felt."""
    ids, targets = make_ids(5), make_ids(5)
    ids[2, 0] = -1
    norms = naive.state_gradient_norms("gru", make_network("gru"), ids, targets, make_state("gru"))["h"]
    assert norms.shape == (5, L, B)
    assert not norms[3:, :, 0].any()
    assert norms[:2].all()
    assert norms[:, :, 1].all()


def test_an_open_memory_is_felt_as_far_as_it_goes() -> None:
    """With f = 1 and W = 0 the gradient of c is the same at every lag from 1 on, and that of h is none."""
    parameters = changed(
        make_network("lstm", 1),
        lambda p: {n: 0 * a if n[0] == "W" else a for n, a in p.items()} | {"b_f": p["b_f"] + 1e3},
    )
    norms = naive.state_gradient_norms("lstm", parameters, make_ids(5), make_ids(5), make_state("lstm", 1))
    np.testing.assert_allclose(norms["c"][1:], np.broadcast_to(norms["c"][1], (4, 1, B)), rtol=1e-12)
    assert norms["c"][1].all()
    assert norms["h"][0].all()
    assert not norms["h"][1:].any()
    assert not norms["c"][0].any()  # the last c moves nothing but what comes after


# ---- Both directions -------------------------------------------------------------------------------------


def make_bidirectional(cell: str, layers: int = L) -> naive.Arrays:
    """Draw a network of two stacks; both know the symbol V, so that they can change places."""
    right = make_network(cell, layers, learned=True, stack="reverse.", symbols=V + 1, seed=7)
    right["output.V_reverse"] = right.pop("output.V")
    return right | make_network(cell, layers, learned=True, symbols=V + 1)


def make_seen(ids: naive.Array) -> naive.Array:
    """Replace some characters by the symbol for one that is not known."""
    seen = ids.copy()
    seen[1, 0] = seen[2, 1] = seen[3, 1] = V
    return seen


@every_row
def test_a_fill_adds_what_both_sides_have_read(cell: str, options: Options) -> None:
    """Each position's logits are those of two runs, over what is before it, and from the end over what is beyond."""
    parameters, ids = make_bidirectional(cell), make_ids(5)
    seen = make_seen(ids)
    logits = naive.fill_logits(cell, parameters, ids, seen, **options)
    right = {name.removeprefix("reverse."): array for name, array in parameters.items() if name.startswith("reverse.")}
    right |= {"output.V": parameters["output.V_reverse"], "output.c": np.zeros(V)}
    up = naive.states_of(cell)[0]
    for t in range(5):
        expected = np.tile(parameters["output.c"], (B, 1))
        for side, read in ((parameters, ids[:t]), (right, seen[t + 1 :][::-1])):
            state = naive.initial_state(cell, side, B)
            if len(read):
                state = naive.forward(cell, side, read, None, **options)[1]
            expected = expected + state[-1][up] @ side["output.V"]
        np.testing.assert_allclose(logits[t], expected, rtol=1e-12)


def test_no_position_of_a_fill_sees_itself() -> None:
    """Another character at a position changes the logits of every other position, and not its own."""
    parameters, ids = make_bidirectional("lstm"), make_ids(5)
    logits = naive.fill_logits("lstm", parameters, ids, ids)
    for t in range(5):
        other = ids.copy()
        other[t] = (other[t] + 1) % V
        same = naive.fill_logits("lstm", parameters, other, other) == logits
        np.testing.assert_array_equal(same.all(axis=(1, 2)), np.arange(5) == t)


def test_what_the_right_stack_does_not_know_is_the_symbol_v() -> None:
    """The last row of the right stack's U is what it reads where a character is not known."""
    parameters, ids = make_bidirectional("gru"), make_ids(5)
    marked = {**parameters}
    for gate in "rzn":
        U = marked[f"reverse.layer0.U_{gate}"] = parameters[f"reverse.layer0.U_{gate}"].copy()
        U[V] = U[0]
    got = naive.fill_logits("gru", marked, ids, make_seen(ids))
    seen = make_seen(ids)
    seen[seen == V] = 0
    np.testing.assert_array_equal(got, naive.fill_logits("gru", parameters, ids, seen))


@every_row
def test_a_mirrored_fill_is_the_same(cell: str, options: Options) -> None:
    """With the stacks, their masks and the text mirrored, the logits are mirrored; a gap parts documents both ways."""
    parameters, ids = make_bidirectional(cell), make_ids(5)
    ids[2, 0] = -1
    seen = ids.copy()
    masks = make_masks(cell, 5), make_masks(cell, 5, seed=9)
    mirrored = {
        name.removeprefix("reverse.") if name.startswith("reverse.") else f"reverse.{name}": array
        for name, array in parameters.items()
        if not name.startswith("output.")
    }
    mirrored |= {"output.V": parameters["output.V_reverse"], "output.V_reverse": parameters["output.V"]}
    mirrored["output.c"] = parameters["output.c"]
    turned = [mask[::-1] for mask in masks[1]], [mask[::-1] for mask in masks[0]]
    logits = naive.fill_logits(cell, parameters, ids, seen, masks, **options)
    got = naive.fill_logits(cell, mirrored, ids[::-1], seen[::-1], turned, **options)
    np.testing.assert_allclose(got[::-1], logits, rtol=1e-12)
    other = ids.copy()
    other[:2, 0] = (ids[:2, 0] + 1) % V
    moved = naive.fill_logits(cell, parameters, other, other, masks, **options)
    np.testing.assert_array_equal(moved[3:], logits[3:])


def test_masks_of_a_fill_belong_to_the_position_predicted() -> None:
    """A position whose last layers are all dropped is predicted from the bias alone."""
    parameters, ids = make_bidirectional("rnn"), make_ids(5)
    masks = [np.ones((5, B, H)) for _ in range(L)], [np.ones((5, B, H)) for _ in range(L)]
    logits = naive.fill_logits("rnn", parameters, ids, ids, masks)
    np.testing.assert_array_equal(logits, naive.fill_logits("rnn", parameters, ids, ids))
    for t in range(5):
        dropped = tuple([lower, upper.copy()] for lower, upper in masks)
        for _, upper in dropped:
            upper[t] = 0
        got = naive.fill_logits("rnn", parameters, ids, ids, (dropped[0], dropped[1]))
        np.testing.assert_array_equal(got[t], np.broadcast_to(parameters["output.c"], (B, V)))
        others = np.arange(5) != t
        np.testing.assert_array_equal(got[others], logits[others])


@every_row
def test_a_fill_that_ignores_the_right_is_a_plain_network_a_position_later(cell: str, options: Options) -> None:
    """Where V_reverse is 0, each position has the logits that the left stack alone has after the one before."""
    parameters, ids = make_bidirectional(cell), make_ids(5)
    parameters["output.V_reverse"] *= 0
    logits = naive.fill_logits(cell, parameters, ids, ids, **options)
    np.testing.assert_allclose(logits[1:], naive.forward(cell, parameters, ids, None, **options)[0][:-1], rtol=1e-13)


@pytest.mark.parametrize("row", ["clockwork", "gru"])
def test_gradients_of_a_fill_equal_central_differences(row: str) -> None:
    """Every derivative of a fill's loss equals a central difference, with masks and first states."""
    (cell, options), ids = ROWS[row], make_ids(5)
    parameters, seen = make_bidirectional(cell, 1), make_seen(ids)
    masks = make_masks(cell, 5)[:1], make_masks(cell, 5, seed=9)[:1]
    targets = ids.copy()
    targets[2, 0] = -1
    got = naive.fill_gradients(cell, parameters, ids, seen, targets, masks, **options)

    def f(moved: naive.Arrays) -> float:
        value: float = naive.fill_loss(cell, moved, ids, seen, targets, masks, **options)
        return value

    assert_slopes(f, parameters, got)


# ---- Clipping --------------------------------------------------------------------------------------------


def test_clip_by_norm() -> None:
    """A long gradient is shortened to the limit along its own direction; a short or zero one is kept."""
    g = {"a": np.array([3.0, 0.0]), "b": np.array([[-4.0]])}
    assert naive.global_norm(g) == 5.0
    clipped = naive.clip_by_norm(g, 1.0)
    np.testing.assert_allclose(clipped["a"], [0.6, 0.0], rtol=1e-15)
    np.testing.assert_allclose(clipped["b"], [[-0.8]], rtol=1e-15)
    kept = naive.clip_by_norm(g, 5.0)
    assert all(np.array_equal(kept[name], g[name]) for name in g)
    assert not naive.clip_by_norm({"a": np.zeros(3)}, 1.0)["a"].any()


def test_clip_by_value() -> None:
    """Each entry is cut to the limit on its own, and the others stay."""
    clipped = naive.clip_by_value({"a": np.array([-7.0, -5.0, 0.1]), "b": np.array([[6.0]])}, 5.0)
    np.testing.assert_array_equal(clipped["a"], [-5.0, -5.0, 0.1])
    np.testing.assert_array_equal(clipped["b"], [[5.0]])


# ---- Optimizers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(naive.OPTIMIZERS))
def test_optimizers_descend_a_parabola(name: str) -> None:
    """Every optimizer comes close to the bottom of a lopsided parabola."""
    bottom, steepness = np.array([1.0, -0.5]), np.array([1.0, 5.0])
    p = np.zeros(2)
    memory: naive.Memory = {}
    for _ in range(600):
        p, memory = naive.OPTIMIZERS[name](p, steepness * (p - bottom), memory, **OPTIMIZERS[name])
    np.testing.assert_allclose(p, bottom, atol=0.02)


def steps_under_a_constant_gradient(name: str, g: float, count: int, **settings: float) -> naive.Array:
    """Return how far each of the first updates moves a parameter whose gradient is always `g`."""
    p = np.zeros(1)
    memory: naive.Memory = {}
    moves = []
    for _ in range(count):
        after, memory = naive.OPTIMIZERS[name](p, np.array([g]), memory, **settings)
        moves.append((after - p).item())
        p = after
    return np.array(moves)


def test_sgd_gathers_momentum() -> None:
    """Under a constant gradient the k-th move is −lr g (1 − μ^k) / (1 − μ)."""
    moves = steps_under_a_constant_gradient("sgd", 3.0, 20, lr=0.1, momentum=0.8)
    np.testing.assert_allclose(moves, -0.3 * (1 - 0.8 ** np.arange(1, 21)) / 0.2, rtol=1e-12)


def test_nesterov_looks_ahead() -> None:
    """Under a constant gradient the k-th move is −lr g (1 − μ^(k+1)) / (1 − μ): as momentum, one update ahead."""
    moves = steps_under_a_constant_gradient("nesterov", 3.0, 20, lr=0.1, momentum=0.8)
    np.testing.assert_allclose(moves, -0.3 * (1 - 0.8 ** np.arange(2, 22)) / 0.2, rtol=1e-12)


def test_rmsprop_divides_by_the_running_size() -> None:
    """Under a constant gradient the k-th move is −lr sign(g) / sqrt(1 − ρ^k): nothing corrects the start."""
    moves = steps_under_a_constant_gradient("rmsprop", -3.0, 20, lr=0.1, rho=0.8, epsilon=0.0)
    np.testing.assert_allclose(moves, 0.1 / np.sqrt(1 - 0.8 ** np.arange(1, 21)), rtol=1e-12)


def test_adagrad_slows_down() -> None:
    """Under a constant gradient the k-th move is −lr sign(g) / sqrt(k)."""
    moves = steps_under_a_constant_gradient("adagrad", 3.0, 20, lr=0.1, epsilon=0.0)
    np.testing.assert_allclose(moves, -0.1 / np.sqrt(np.arange(1, 21)), rtol=1e-12)


def test_adam_moves_evenly() -> None:
    """Under a constant gradient every move of Adam is −lr sign(g), for the start at zero is corrected."""
    moves = steps_under_a_constant_gradient("adam", -3.0, 20, lr=0.1, beta1=0.9, beta2=0.99, epsilon=0.0)
    np.testing.assert_allclose(moves, 0.1, rtol=1e-12)


def test_adam_averages_both_moments() -> None:
    """Adam's second move after gradients 1 and −2 equals the one worked out by hand from β1 = ½, β2 = ¾."""
    settings = {"lr": 1.0, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.0}
    p, memory = naive.adam(np.zeros(1), np.array([1.0]), {}, **settings)
    after, _ = naive.adam(p, np.array([-2.0]), memory, **settings)
    # m: ½, then −¾, over 1 − ¼; v: ¼, then 19/16, over 1 − 9/16
    assert (after - p).item() == pytest.approx(1 / math.sqrt(19 / 7), rel=1e-14)


@pytest.mark.parametrize(
    ("name", "settings"), [(n, s) for n, s in OPTIMIZERS.items() if "epsilon" in s], ids=lambda v: str(v)[:8]
)
def test_epsilon_stands_outside_the_root(name: str, settings: dict[str, float]) -> None:
    """With an ε as large as the root it is added to, the first move is half of what it is without."""
    root = math.sqrt(1 - settings.get("rho", 0.0))  # Adam's correction and Adagrad's sum leave it at |g| = 1
    without = steps_under_a_constant_gradient(name, 1.0, 1, **{**settings, "epsilon": 0.0})
    halved = steps_under_a_constant_gradient(name, 1.0, 1, **{**settings, "epsilon": root})
    np.testing.assert_allclose(halved, without / 2, rtol=1e-12)


# ---- Learning-rate schedules -----------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", sorted(naive.SCHEDULES))
def test_every_schedule_warms_up_in_a_straight_line(schedule: str) -> None:
    """The rate climbs from 0 to the peak in proportion, and meets the schedule without a jump."""
    settings = {"peak": 2.0, "warmup": 0.2, "final": 0.1}
    rates = [naive.learning_rate(schedule, progress, **settings) for progress in (0.0, 0.05, 0.1, 0.2)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, 2.0], rel=1e-14)


@pytest.mark.parametrize("schedule", sorted(naive.SCHEDULES))
@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_a_schedule_may_have_no_warm_up_or_nothing_else(schedule: str, warmup: float) -> None:
    """Without a warm-up the rate starts at the peak; with nothing but a warm-up it ends there."""
    assert naive.learning_rate(schedule, warmup, peak=2.0, warmup=warmup, final=0.1) == 2.0


@pytest.mark.parametrize(
    ("schedule", "middle", "end"),
    [("constant", 2.0, 2.0), ("exponential", 2 * math.sqrt(0.25), 0.5), ("cosine", 2 * 0.625, 0.5)],
)
def test_schedules_pass_their_landmarks(schedule: str, middle: float, end: float) -> None:
    """Midway the rate is the geometric or arithmetic mean, at the end the final share, where it stays."""
    settings = {"peak": 2.0, "warmup": 0.2, "final": 0.25}
    rates = [naive.learning_rate(schedule, progress, **settings) for progress in (0.6, 1.0, 1.5)]
    assert rates == pytest.approx([middle, end, end], rel=1e-14)


def test_cosine_is_flat_at_both_ends() -> None:
    """The cosine leaves the peak slowly, with (1 + √½) / 2 left after a quarter, and lands as slowly."""
    quarter, three = (naive.learning_rate("cosine", s, peak=1.0, warmup=0.0, final=0.0) for s in (0.25, 0.75))
    assert quarter == pytest.approx((1 + math.sqrt(0.5)) / 2, rel=1e-14)
    assert quarter + three == pytest.approx(1.0, rel=1e-14)
