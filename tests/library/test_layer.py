"""Cells on NumPy arrays, beside the naive twins, a model's own states, and PyTorch."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import charrnn
from charrnn import CharrnnError, Layer
from tests import naive
from tests.helpers.errors import refused
from tests.helpers.networks import assert_close
from tests.rows import NAMES, ROWS

N, H, L, B = 5, 12, 2, 3


def made(cell, options, inputs=N, layers=L):
    """Make layers with biases off zero; return them with their twin's parameters and options."""
    rng = np.random.default_rng(3)
    options = {name: (1, 2, 4) if name == "periods" else value for name, value in options.items()}
    layer = Layer(cell, inputs=inputs, hidden=H, layers=layers, seed=1, **options)
    parameters = {
        name: values
        + (0.2 * rng.standard_normal(values.shape)).astype(np.float32) * (values.ndim == 1 or not values.any())
        for name, values in layer.parameters.items()
    }
    layer = Layer(cell, inputs=inputs, hidden=H, layers=layers, parameters=parameters, **options)
    twin = {name: value for name, value in options.items() if name != "projection"}
    return layer, {name: values.astype(np.float64) for name, values in parameters.items()}, twin


def twin_of(cell, parameters, x, state, options):
    """Run the naive twin: outputs [T, B, H], and the last state as a layer has it."""
    step = naive.step_of(cell, **options)
    layers = naive.layers_of(parameters)
    names = naive.states_of(cell)
    now = [{name: state[name][k].astype(np.float64) for name in names} for k in range(len(layers))]
    outputs = []
    for inputs in x.astype(np.float64):
        for k, own in enumerate(layers):
            now[k] = step(own, inputs, now[k])
            inputs = now[k][names[0]]
        outputs.append(inputs)
    return np.array(outputs), {name: np.stack([layer[name] for layer in now]) for name in names}


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_layers_are_their_naive_twin(cell, options):
    """Outputs and state, from any state, of numbers in one go or piece by piece."""
    layer, parameters, twin_options = made(cell, options)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, B, N)).astype(np.float32)
    state = layer.zero_state(B)
    for name, values in state.items():
        if name != "clock":
            values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    outputs, after = layer(x, state)
    expected, expected_state = twin_of(cell, parameters, x, state, twin_options)
    assert_close(outputs, expected, "outputs")
    for name, values in after.items():
        assert_close(values, expected_state[name], name)
    first, between = layer(x[:7], state)
    rest, end = layer(x[7:], between)
    assert (np.concatenate([first, rest]) == outputs).all()
    assert all((end[name] == values).all() for name, values in after.items())


def test_one_hot_inputs_give_a_models_bits(trained, text):
    """With a model's parameters, a layer has its states; over many steps too."""
    model = charrnn.load(trained)
    symbols = len(model.vocabulary)
    layer = Layer("lstm", inputs=symbols, hidden=16, parameters=model.parameters)
    x = np.eye(symbols)[model.vocabulary.encode(text[:1500])][:, np.newaxis]
    outputs, state = layer(x)
    states = model.states(text[:1500])
    assert (outputs[:, 0] == states["h"]).all()
    assert (state["c"][0, 0] == states["c"][-1]).all()


def test_rows_and_threads_do_not_see_each_other():
    """Each row is what it is alone; threads can share a layer."""
    layer, _, _ = made("gru", {})
    x = np.random.default_rng(0).standard_normal((9, 20, N)).astype(np.float32)
    outputs, _ = layer(x)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda row: layer(x[:, row : row + 1])[0], range(20)))
    assert (np.concatenate(alone, axis=1) == outputs).all()


def test_nothing_is_no_trouble():
    """No steps leave the state as it is; no rows have no outputs."""
    layer, _, _ = made("lstm", {})
    state = {name: values + 1 for name, values in layer.zero_state(2).items()}
    outputs, after = layer(np.zeros((0, 2, N)), state)
    assert outputs.shape == (0, 2, H)
    assert all((after[name] == 1).all() for name in ("h", "c"))
    assert layer(np.zeros((4, 0, N)))[0].shape == (4, 0, H)


def test_parameters_are_copies():
    """Changing them changes no layer; the same seed makes the same ones."""
    layer = Layer("rnn", inputs=3, hidden=4, seed=5)
    layer.parameters["layer0.W"][:] = 0.0
    assert layer.parameters["layer0.W"].any()
    assert (Layer("rnn", inputs=3, hidden=4, seed=5).parameters["layer0.W"] == layer.parameters["layer0.W"]).all()
    assert list(layer.parameters) == ["layer0.U", "layer0.W", "layer0.b"]
    assert "rnn" in repr(layer)


@pytest.mark.parametrize("cell", ["lstm", "clockwork", "lstm-projection"])
def test_a_layer_can_be_pickled(cell):
    """Other processes get the same one; so does a copy."""
    layer = Layer(cell, inputs=N, hidden=H, layers=L, seed=3)
    x = np.random.default_rng(0).standard_normal((9, B, N))
    for copied in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert repr(copied) == repr(layer)
        assert (copied(x)[0] == layer(x)[0]).all()


def test_ctrl_c_waits_for_few_steps(monkeypatch):
    """A call takes as many steps at once as some hundredths of a second allow; how many does not matter to the bits."""
    layer = Layer("lstm", inputs=20, hidden=64, layers=2)
    x = np.random.default_rng(0).standard_normal((300, 3, 20)).astype(np.float32)
    state = {name: values + 0.1 for name, values in layer.zero_state(3).items()}
    taken, forward = [], layer._network.forward_numbers

    def spied(window, U, part):
        taken.append(len(part))
        forward(window, U, part)

    layer._network.forward_numbers = spied
    outputs, after = layer(x, state)
    assert max(taken) == 256
    work = 3 * sum(values.size for values in layer.parameters.values())
    for most in (1, 7):
        taken.clear()
        monkeypatch.setattr("charrnn.library.layer.WORK_AT_ONCE", most * work)
        pieces, end = layer(x, state)
        assert max(taken) == most
        assert sum(taken) == 300
        assert (pieces == outputs).all()
        assert all((end[name] == values).all() for name, values in after.items())


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda: Layer("lstn", inputs=3, hidden=4), CharrnnError, "unknown cell 'lstn'"),
        (lambda: Layer("lstm", inputs=0, hidden=4), CharrnnError, "inputs must be 1 or more, not 0"),
        (lambda: Layer("lstm", inputs=3, hidden=0), CharrnnError, "hidden size"),
        (lambda: Layer("gru", inputs=3, hidden=4, periods=(1, 2)), CharrnnError, "no periods"),
        (lambda: Layer("rnn", inputs=3, hidden=4, parameters={}), ValueError, "lack layer0.U, layer0.W, layer0.b"),
        (lambda: Layer("rnn", inputs=3, hidden=4)(np.zeros((2, 3))), ValueError, r"\[T, B, 3\]"),
        (lambda: Layer("rnn", inputs=3, hidden=4)(np.zeros((2, 1, 4))), ValueError, r"\[2, 1, 4\]"),
        (lambda: Layer("rnn", inputs=3, hidden=4)(np.zeros((2, 1, 3)), {"c": 0}), ValueError, "must have h"),
        (
            lambda: Layer("rnn", inputs=3, hidden=4)(
                np.zeros((2, 1, 3)), Layer("rnn", inputs=3, hidden=5).zero_state(1)
            ),
            ValueError,
            r"state\['h'\] must have the shape \[1, 1, 4\]",
        ),
    ],
)
def test_wrong_use_is_one_sentence(use, error, words):
    """It says which shape, state or cell would be right."""
    with refused(words, error):
        use()


def test_parameters_of_another_layer_are_refused():
    """By name and by shape."""
    own = Layer("rnn", inputs=3, hidden=4).parameters
    with refused(r"unknown parameter layer0\.W_i", ValueError):
        Layer("rnn", inputs=3, hidden=4, parameters={**own, "layer0.W_i": own["layer0.W"]})
    with refused(r"layer0\.U must have the shape \[2, 4\]", ValueError):
        Layer("rnn", inputs=2, hidden=4, parameters=own)
