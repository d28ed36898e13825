"""The naive twins, checked against facts that do not come from them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests import naive

T, B, V, H, L = 3, 2, 3, 2, 2
CELLS = sorted(naive.STEPS)
GATES = {"rnn": [""], "lstm": ["_i", "_f", "_o", "_g"], "gru": ["_r", "_z", "_n"]}
STATES = {"rnn": ["h"], "lstm": ["h", "c"], "gru": ["h"]}
OPTIMISERS = {
    "sgd": {"lr": 0.05, "momentum": 0.5},
    "rmsprop": {"lr": 0.01, "rho": 0.9, "epsilon": 1e-8},
    "adagrad": {"lr": 0.5, "epsilon": 1e-8},
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}


def make_network(cell: str, layers: int = L) -> naive.Arrays:
    """Draw the parameters of a small network, none of them zero."""
    rng = np.random.default_rng(1)
    parameters = {}
    for layer in range(layers):
        for gate in GATES[cell]:
            parameters[f"layer{layer}.U{gate}"] = rng.normal(size=(H if layer else V, H))
            parameters[f"layer{layer}.W{gate}"] = rng.normal(size=(H, H))
            parameters[f"layer{layer}.b{gate}"] = rng.normal(size=H)
        if cell == "gru":
            parameters[f"layer{layer}.b_hn"] = rng.normal(size=H)
    parameters["output.V"] = rng.normal(size=(H, V))
    parameters["output.c"] = rng.normal(size=V)
    return parameters


def make_state(cell: str, layers: int = L, batch: int = B) -> naive.State:
    """Draw a carried state, none of it zero."""
    rng = np.random.default_rng(2)
    return [{name: rng.normal(size=(batch, H)) for name in STATES[cell]} for _ in range(layers)]


def make_ids(steps: int = T) -> naive.Array:
    """Draw a window of ids."""
    return np.random.default_rng(3).integers(V, size=(steps, B))


def make_masks(steps: int = T) -> list[naive.Array]:
    """Draw dropout multipliers for every layer, half of each layer's kept."""
    rng = np.random.default_rng(4)
    return [2.0 * rng.permuted(np.arange(steps * B * H) % 2).reshape(steps, B, H) for _ in range(L)]


def assert_same_state(got: naive.State, expected: naive.State) -> None:
    """Compare two states array by array."""
    assert [set(arrays) for arrays in got] == [set(arrays) for arrays in expected]
    for one, other in zip(got, expected, strict=True):
        for name in other:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-13, err_msg=name)


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
    cell: str, p: Mapping[str, Any], x: list[float], h: list[float], c: list[float]
) -> list[dict[str, float]]:
    """Compute a step unit by unit on plain numbers, in another form than the twin's."""

    def times(row: list[float], name: str, unit: int) -> float:
        return math.fsum(row[k] * p[name][k][unit] for k in range(len(row)))

    def a(gate: str, unit: int) -> float:
        bias: float = p[f"b{gate}"][unit]
        return times(x, f"U{gate}", unit) + times(h, f"W{gate}", unit) + bias

    def half(value: float) -> float:
        return 0.5 + 0.5 * math.tanh(value / 2)

    def rnn(unit: int) -> dict[str, float]:
        return {"h": math.tanh(a("", unit))}

    def lstm(unit: int) -> dict[str, float]:
        kept = half(a("_f", unit)) * c[unit] + half(a("_i", unit)) * math.tanh(a("_g", unit))
        return {"h": half(a("_o", unit)) * math.tanh(kept), "c": kept}

    def gru(unit: int) -> dict[str, float]:
        heard = times(h, "W_n", unit) + p["b_hn"][unit]
        n = math.tanh(times(x, "U_n", unit) + p["b_n"][unit] + half(a("_r", unit)) * heard)
        return {"h": n + half(a("_z", unit)) * (h[unit] - n)}

    step = {"rnn": rnn, "lstm": lstm, "gru": gru}[cell]
    return [step(unit) for unit in range(len(h))]


@pytest.mark.parametrize("cell", CELLS)
def test_a_step_follows_its_equations_unit_by_unit(cell: str) -> None:
    """A step equals the equations worked out on plain numbers, weights multiplying from the right."""
    parameters = naive.layers_of(make_network(cell, layers=1))[0]
    state = make_state(cell, layers=1, batch=1)[0]
    x = [0.3, -1.2, 0.8]
    got = naive.STEPS[cell](parameters, np.array([x]), state)
    before = {name: array[0].tolist() for name, array in state.items()}
    plain = {name: array.tolist() for name, array in parameters.items()}
    units = plain_step(cell, plain, x, before["h"], before.get("c", []))
    for unit, expected in enumerate(units):
        assert {name: array[0, unit] for name, array in got.items()} == pytest.approx(expected, rel=1e-13)


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


# ---- The network -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_shapes(cell: str) -> None:
    """Logits, state and hs have the shapes promised, and the last of hs is the final state."""
    state = make_state(cell)
    logits, final, hs = naive.forward(cell, make_network(cell), make_ids(), state)
    assert logits.shape == (T, B, V)
    assert [h.shape for h in hs] == [(T, B, H)] * L
    assert [set(arrays) for arrays in final] == [set(arrays) for arrays in state]
    for h, arrays in zip(hs, final, strict=True):
        np.testing.assert_array_equal(h[-1], arrays["h"])


@pytest.mark.parametrize("cell", CELLS)
def test_one_window_equals_two_with_carried_state(cell: str) -> None:
    """A window of seven steps equals one of three and one of four, the state carried between them."""
    parameters, state, ids, masks = make_network(cell), make_state(cell), make_ids(7), make_masks(7)
    logits, final, hs = naive.forward(cell, parameters, ids, state, masks)
    first, carried, h1 = naive.forward(cell, parameters, ids[:3], state, [mask[:3] for mask in masks])
    second, end, h2 = naive.forward(cell, parameters, ids[3:], carried, [mask[3:] for mask in masks])
    np.testing.assert_allclose(np.concatenate([first, second]), logits, rtol=1e-13)
    for layer in range(L):
        np.testing.assert_allclose(np.concatenate([h1[layer], h2[layer]]), hs[layer], rtol=1e-13)
    assert_same_state(end, final)


@pytest.mark.parametrize("cell", CELLS)
def test_rows_of_a_batch_do_not_mix(cell: str) -> None:
    """A row of the batch gives the same logits when it is run alone."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    logits = naive.forward(cell, parameters, ids, state)[0]
    for row in range(B):
        alone = [{name: array[[row]] for name, array in arrays.items()} for arrays in state]
        got = naive.forward(cell, parameters, ids[:, [row]], alone)[0]
        np.testing.assert_allclose(got, logits[:, [row]], rtol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_ids_equal_their_one_hot_rows(cell: str) -> None:
    """The dense path fed with one-hot rows equals the path that picks rows of U."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    by_ids, state_by_ids, _ = naive.forward(cell, parameters, ids, state)
    by_rows, state_by_rows, _ = naive.forward(cell, parameters, np.eye(V)[ids], state)
    np.testing.assert_allclose(by_rows, by_ids, rtol=1e-13)
    assert_same_state(state_by_rows, state_by_ids)


@pytest.mark.parametrize("cell", CELLS)
def test_masks_act_on_the_way_up_only(cell: str) -> None:
    """With the last layer masked out the logits are the bias, and no state differs from an unmasked run's."""
    parameters, state, ids = make_network(cell), make_state(cell), make_ids()
    masks = [np.ones((T, B, H)), np.zeros((T, B, H))]
    _, expected, expected_hs = naive.forward(cell, parameters, ids, state)
    logits, final, hs = naive.forward(cell, parameters, ids, state, masks)
    np.testing.assert_array_equal(logits, np.broadcast_to(parameters["output.c"], logits.shape))
    assert_same_state(final, expected)
    np.testing.assert_array_equal(hs, expected_hs)


@pytest.mark.parametrize("cell", CELLS)
def test_a_masked_lower_layer_is_unheard_above(cell: str) -> None:
    """With the lower layer masked out the upper one gives what it gives alone on an input of zeros."""
    parameters, state = make_network(cell), make_state(cell)
    masks = [np.zeros((T, B, H)), np.ones((T, B, H))]
    logits = naive.forward(cell, parameters, make_ids(), state, masks)[0]
    upper = {f"layer0.{name}": array for name, array in naive.layers_of(parameters)[1].items()}
    upper |= {name: array for name, array in parameters.items() if name.startswith("output.")}
    alone = naive.forward(cell, upper, np.zeros((T, B, H)), state[1:])[0]
    np.testing.assert_allclose(logits, alone, rtol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_forward_leaves_its_arguments_alone(cell: str) -> None:
    """The initial state given is the same after a run as before."""
    state = make_state(cell)
    naive.forward(cell, make_network(cell), make_ids(), state, make_masks())
    assert_same_state(state, make_state(cell))


def test_a_state_for_another_depth_is_refused() -> None:
    """A state or masks of fewer layers than the parameters is an error, not a shallower network."""
    parameters, state = make_network("rnn"), make_state("rnn")
    with pytest.raises(ValueError, match="equally many layers"):
        naive.forward("rnn", parameters, make_ids(), state[:1])
    with pytest.raises(ValueError, match="equally many layers"):
        naive.forward("rnn", parameters, make_ids(), state, make_masks()[:1])


# ---- The loss --------------------------------------------------------------------------------------------


def test_uniform_logits_cost_log_v() -> None:
    """Equal logits cost log V nats a character, whatever the targets and however large the logits."""
    targets = np.array([[0, 1], [2, 4], [3, 3]])
    assert naive.cross_entropy(np.full((3, 2, 5), 1e4), targets) == pytest.approx(math.log(5), rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_a_network_with_a_zero_output_costs_log_v(cell: str) -> None:
    """A network whose output layer is zero guesses evenly."""
    parameters = make_network(cell)
    parameters["output.V"] *= 0
    parameters["output.c"] *= 0
    got = naive.loss(cell, parameters, make_ids(), make_ids(), make_state(cell))
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


@pytest.mark.parametrize(("dense", "layers"), [(False, 1), (True, L)])
@pytest.mark.parametrize("cell", CELLS)
def test_complex_step_equals_central_differences(cell: str, dense: bool, layers: int) -> None:
    """Every derivative of the loss equals a central difference: weights, initial state, dense input."""
    parameters, state, masks = make_network(cell, layers), make_state(cell, layers), make_masks()[:layers]
    x = np.random.default_rng(6).normal(size=(T, B, V)) if dense else make_ids()
    targets = make_ids(T + 1)[1:]
    targets[0, 1] = -1
    got = naive.loss_gradients(cell, parameters, x, targets, state, masks)
    inputs = dict(parameters)
    inputs |= {f"layer{layer}.{name}": a for layer, arrays in enumerate(state) for name, a in arrays.items()}
    inputs |= {"x": x} if dense else {}
    assert set(got) == set(inputs)
    step = 1e-5
    for name, array in inputs.items():
        expected = np.empty_like(array)
        for index, value in np.ndenumerate(array):
            # the loss reads the arrays themselves, so they are moved in place and put back
            array[index] = value + step
            above = naive.loss(cell, parameters, x, targets, state, masks)
            array[index] = value - step
            below = naive.loss(cell, parameters, x, targets, state, masks)
            array[index] = value
            expected[index] = (above - below) / (2 * step)
        np.testing.assert_allclose(got[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)
        assert got[name].any(), f"{name} has no gradient, so nothing was compared"


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


# ---- Optimisers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(naive.OPTIMISERS))
def test_optimisers_descend_a_parabola(name: str) -> None:
    """Every optimiser comes close to the bottom of a lopsided parabola."""
    bottom, steepness = np.array([1.0, -0.5]), np.array([1.0, 5.0])
    p = np.zeros(2)
    memory: naive.Memory = {}
    for _ in range(600):
        p, memory = naive.OPTIMISERS[name](p, steepness * (p - bottom), memory, **OPTIMISERS[name])
    np.testing.assert_allclose(p, bottom, atol=0.02)


def steps_under_a_constant_gradient(name: str, g: float, count: int, **settings: float) -> naive.Array:
    """Return how far each of the first updates moves a parameter whose gradient is always `g`."""
    p = np.zeros(1)
    memory: naive.Memory = {}
    moves = []
    for _ in range(count):
        after, memory = naive.OPTIMISERS[name](p, np.array([g]), memory, **settings)
        moves.append((after - p).item())
        p = after
    return np.array(moves)


def test_sgd_gathers_momentum() -> None:
    """Under a constant gradient the k-th move is −lr g (1 − μ^k) / (1 − μ)."""
    moves = steps_under_a_constant_gradient("sgd", 3.0, 20, lr=0.1, momentum=0.8)
    np.testing.assert_allclose(moves, -0.3 * (1 - 0.8 ** np.arange(1, 21)) / 0.2, rtol=1e-12)


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
    ("name", "settings"), [(n, s) for n, s in OPTIMISERS.items() if "epsilon" in s], ids=lambda v: str(v)[:8]
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
