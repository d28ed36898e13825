"""How far back gradients reach: the numbers, and how they are told and drawn."""

import math
from functools import partial

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.streams import Streams
from charrnn.training.gradient_flow import WARM_UP_CHARACTERS, Probe, spectra, summary
from tests import naive
from tests.rows import KINDS, PLAIN

V, H = 5, 4


def made(cell, layers=1, seed=0, **options):
    """Draw a network with no parameter at zero, and the same parameters in float64."""
    rng = np.random.default_rng(seed)
    architecture = Architecture(cell, V, H, layers, **options)
    parameters = initialize(architecture, seed)
    for values in parameters.values():
        values += 0.4 * rng.standard_normal(values.shape).astype(np.float32)
    return Network(architecture, parameters), {name: values.astype(np.float64) for name, values in parameters.items()}


def ids_of(size, seed=1):
    """Draw a text."""
    return np.random.default_rng(seed).integers(0, V, size).astype(np.uint8)


def measured(network, *arguments, threads=1, **more):
    """Return the norms of state gradients."""
    with Team(threads) as team:
        return Probe(network, team).state_gradients(*arguments, **more)


def twin_norm(cell, parameters, read, target, layer, lag):
    """Return ‖∂L/∂h‖ of one layer's h `lag` steps before the last of what is read, by complex steps."""
    step, layers = naive.step_of(cell), naive.layers_of(parameters)
    state, output = naive.initial_state(cell, parameters, 1), naive.states_of(cell)[0]

    def go(state, symbols, moved=None):
        for symbol in symbols:
            x = np.array([symbol])
            state = list(state)
            for k, p in enumerate(layers):
                state[k] = step(p, x, state[k])
                if moved is not None and k == layer:
                    state[k] = state[k] | {output: moved}
                x = state[k][output]
            moved = None
        return state, x

    before, _ = go(state, read[: len(read) - 1 - lag]) if len(read) - 1 - lag else (state, None)
    there, _ = go(before, read[len(read) - 1 - lag :][:1])

    def loss(arrays):
        _, top = go(before, read[len(read) - 1 - lag :], arrays["h"])
        return naive.cross_entropy(top @ parameters["output.V"] + parameters["output.c"], np.array([target]))

    return float(np.linalg.norm(naive.complex_step_gradients(loss, {"h": there[layer][output]})["h"]))


@pytest.mark.parametrize(
    ("cell", "layers"), [*((cell, 1) for cell in KINDS), *((cell, 2) for cell in (*PLAIN, "lstm-projection"))]
)
def test_norms_are_those_of_the_twin(cell, layers):
    """At each place, layer and lag the norm is that of the naive twin, which read from the stream's beginning."""
    network, parameters = made(cell, layers)
    ids, lags = ids_of(700), 6
    norms = measured(network, ids, lags, 3)
    assert norms.shape == (layers, lags + 1, 3)
    length = lags + 1
    warm = -(-WARM_UP_CHARACTERS // length)
    streams = Streams.plan(ids, 2, length)
    for place, (round_, stream) in enumerate([(0, 0), (0, 1), (1, 0)]):
        begin = int(streams.start[stream])
        end = begin + (warm + round_ + 1) * length
        for layer in range(layers):
            for lag in (0, 1, 4, lags):
                expected = twin_norm(cell, parameters, ids[begin:end], ids[end], layer, lag)
                assert norms[layer, lag, place] == pytest.approx(expected, rel=2e-4), (place, layer, lag)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_linear_network_has_powers_of_its_factor(factor):
    """Where tanh' is 1 and W = factor·I, the norm k characters before is factor^k of that at the character, exactly."""
    architecture = Architecture("rnn", V, H)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in architecture.parameter_shapes().items()}
    parameters["layer0.W"] = factor * np.eye(H, dtype=np.float32)
    parameters["output.V"] = np.random.default_rng(0).standard_normal((H, V)).astype(np.float32)
    norms = measured(Network(architecture, parameters), ids_of(3000), 20, 40)[0]
    np.testing.assert_array_equal(norms / norms[0], np.broadcast_to(factor ** np.arange(21.0)[:, None], (21, 40)))
    told = summary(norms)
    assert told.factor == pytest.approx(factor)
    assert told.left == pytest.approx(factor**19)
    assert told.forgotten == (8 if factor < 1 else None)  # 2^−7 < 1 %, that is 7 characters before the last but one


def test_the_weights_stay():
    """Looking at gradients changes no weight, however often it is done, and gives the same numbers each time."""
    network, _ = made("lstm")
    before = network.weights.flat.copy()
    ids = ids_of(900)
    with Team(1) as team:
        probe = Probe(network, team)
        probe.compile()
        first = probe.state_gradients(ids, 5, 9), probe.update_norms(ids, 3, 4)
        again = probe.state_gradients(ids, 5, 9), probe.update_norms(ids, 3, 4)
    np.testing.assert_array_equal(network.weights.flat, before)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_threads_make_no_difference():
    """One thread and three find the same bits."""
    one, three = (measured(made("gru", 2)[0], ids_of(3000), 4, 50, threads=threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_no_gradient_crosses_from_document_to_document():
    """Beyond a document's beginning there are no norms; within it they are the twin's, which begins from zero."""
    network, parameters = made("gru")
    boundary = V - 1  # begins a document; one more ends it
    rng = np.random.default_rng(2)
    documents = [[boundary, *rng.integers(0, V - 1, rng.integers(1, 9)), boundary + 1] for _ in range(150)]
    ids = np.concatenate(documents).astype(np.uint8)
    lags, samples = 6, 12
    norms = measured(network, ids, lags, samples, boundary=boundary)[0]
    length = lags + 1
    warm = -(-WARM_UP_CHARACTERS // length)
    batch = max(1, min(samples, (ids.size - 1) // (4 * length * (warm + 1))))
    streams = Streams.plan(ids, batch, length)
    for place in range(samples):
        last = int(streams.start[place % batch]) + (warm + place // batch + 1) * length - 1
        begins = last - np.flatnonzero(ids[: last + 1][::-1] == boundary)[0]
        within = 0 if ids[last] == boundary + 1 else int(last - begins) + 1
        assert np.isfinite(norms[:, place]).sum() == min(within, lags + 1)
        for lag in range(min(within, lags + 1)):
            target = min(int(ids[last + 1]), boundary)
            expected = twin_norm("gru", parameters, ids[begins : last + 1], target, 0, lag)
            assert norms[lag, place] == pytest.approx(expected, rel=2e-4)
    told = summary(norms)
    assert told.mean[0] is not None
    assert summary(np.full((4, 3), np.nan)).mean == [None] * 4


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_norms_of_whole_gradients_are_those_of_the_twin(activation):
    """Each is the norm of the gradient of a window's mean loss by all parameters.

    The state is carried from the last window, except with relu, as in training.
    """
    network, parameters = made("rnn", activation=activation)
    ids, batch, length = ids_of(26), 2, 5
    with Team(2) as team:
        norms = Probe(network, team).update_norms(ids, batch, length)
    streams = Streams.plan(ids, batch, length)
    inputs, targets, lengths = streams.span(0, streams.windows)
    state, twin = [{"h": np.zeros((batch, H))}], partial(naive.forward, "rnn", parameters, activation=activation)
    assert len(norms) == streams.windows == 3
    for norm, x, y, steps in zip(norms, inputs, targets, lengths, strict=True):
        x, y = x[:steps], y[:steps]
        gradients = naive.loss_gradients("rnn", parameters, x, y, state, activation=activation)
        whole = {name: values for name, values in gradients.items() if name in parameters}
        assert norm == pytest.approx(naive.global_norm(whole), rel=2e-4)
        if activation != "relu":
            state = twin(x, state)[1]


def test_spectra_of_known_matrices(monkeypatch):
    """A rotation has norm and radius 1, what is nilpotent no radius, and P W stands where a state is projected."""
    turn = np.array([[0, 3], [-3, 0]], np.float32)
    shift = np.array([[0, 5], [0, 0]], np.float32)
    skew = np.array([[2, 0], [7, -4]], np.float32)
    found = spectra({"layer0.U": shift, "layer0.W": turn, "layer1.W_i": shift, "layer1.W_f": skew, "output.V": turn})
    assert [matrix.name for matrix in found] == ["layer0.W", "layer1.W_i", "layer1.W_f"]
    assert [matrix.norm for matrix in found] == pytest.approx([3.0, 5.0, np.linalg.svd(skew)[1][0]])
    assert [matrix.radius for matrix in found] == pytest.approx([3.0, 0.0, 4.0])
    down, up = np.array([[1], [2]], np.float32), np.array([[3, 4]], np.float32)  # H = 2, R = 1
    (projected,) = spectra({"layer0.W_g": up, "layer0.P": down})
    assert projected.name == "layer0.P W_g"
    assert (projected.norm, projected.radius) == pytest.approx((math.sqrt(5) * 5, 11.0))
    assert [(matrix.norm, matrix.radius) for matrix in spectra({"layer0.W": turn}, most_rows=1)] == [(None, None)]


def test_what_cannot_be_looked_at():
    """A text too short is refused, and so is a network that reads from both sides, and one whose numbers overflow."""
    network, _ = made("rnn")
    with pytest.raises(CharrnnError, match=r"has 66 characters, but looking back 10 characters needs at least 78"):
        measured(network, ids_of(66), 10, 8)
    assert measured(network, ids_of(78), 10, 8).shape == (1, 11, 1)
    both = Architecture("rnn", V, H, bidirectional=True)
    with pytest.raises(CharrnnError, match="bidirectional"):
        measured(Network(both, initialize(both, 0)), ids_of(78), 10, 8)
    network, _ = made("rnn")
    network.weights.named["output.V"][:] = 1e38
    network.pack()
    with pytest.raises(CharrnnError, match="NaN or infinity"):
        measured(network, ids_of(500), 8, 8)


def test_nothing_is_left_where_all_units_are_saturated():
    """Huge weights make them ±1, where the slope is exactly 0: beyond the character itself there is no gradient."""
    network, _ = made("rnn")
    network.weights.named["layer0.W"][:] = 1e38
    network.pack()
    norms = measured(network, ids_of(500), 8, 8)
    assert norms[:, 0].all()
    assert not norms[:, 1:].any()
