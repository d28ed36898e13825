"""Networks that read symbols through an embedding, or by rows of U that they pick, against their naive twins."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.cells.real_time import why_not_in_real_time
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Windows
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.training.learner import Learner
from charrnn.training.picks import Sample
from charrnn.training.rules import UpdateOptions
from tests import naive
from tests.helpers.networks import Both, Case, assert_close, assert_last_states, bidirectional, wide
from tests.rows import NAMES, PLAIN, ROWS, fitted

RATE = 128.0  # of a step that tells the gradient: large, so that the weights' own roundings do not matter


def gradients_of(network, window, steps, keys=(), threads=2, carried=None):
    """Return the gradient of every parameter, from a step of plain descent, in which rows move ten times as far."""
    with Team(threads) as team:
        batch, length = window.batch_size, window.seq_length
        sampled = network.weights.picking
        learner = Learner(
            network, team, batch, length, optimizer=UpdateOptions("sgd"), dropout=window.dropout, sampled=sampled
        )
        if carried is not None:
            learner.window.assign_carried(carried)
        before = {name: values.copy() for name, values in network.weights.named.items()}
        targets = window.targets[np.newaxis].copy()
        targets[:, steps:] = -1
        windows = Windows(window.ids[np.newaxis], targets, np.array([steps]))
        fresh = np.full((1, batch), carried is None)
        dropout_keys = np.array([keys], np.int32).reshape(1, -1)
        symbols = network.architecture.vocabulary
        all_symbols = Sample(np.ones(symbols, np.int64), symbols).draw(np.zeros(symbols, np.uint64), targets[0])
        draws = [all_symbols] if sampled else []
        learner.advance(windows, np.array([RATE]), fresh=fresh, draws=draws, dropout_keys=dropout_keys)
        masks = learner.window.masks.copy()
    picked = ("layer0.U", "reverse.layer0.U", "output.V") if sampled else ("embedding.E",)
    rates = {name: RATE * (10.0 if name.startswith(picked) else 1.0) for name in before}
    after = network.weights.named
    return {name: (values - after[name]) / rates[name] for name, values in before.items()}, masks


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
@pytest.mark.parametrize(("layers", "dropout"), [(1, 0.0), (2, 0.4)])
def test_every_gradient_equals_the_complex_step_derivative(cell, options, layers, dropout):
    """Each weight's gradient is the twin's derivative, the embedding's too, from a non-zero state."""
    case = Case(cell, 4, 3, layers, 2, 4, dropout=dropout, embedding=5, **fitted(3, options))
    window, carried = case.window, case.window.carried()
    found, masks = gradients_of(case.network, window, 4, case.keys, carried=carried)
    size = case.architecture.outputs
    masks = [mask[:4, :, :size].astype(np.float64) for mask in masks] if dropout else None
    arguments = window.ids[:4], window.targets[:4], case.state, masks
    expected = naive.loss_gradients(cell, case.parameters, *arguments, **case.options)
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_every_gradient_of_a_network_that_picks_rows_equals_the_complex_step_derivative(cell, options):
    """Without an embedding, too: each weight's gradient is the twin's derivative, that of all gates' U."""
    case = Case(cell, 4, 3, 2, 2, 4, **fitted(3, options))
    network = Network(case.architecture, case.network.weights.named, picking=True)
    found, _ = gradients_of(network, case.window, 4, carried=case.window.carried())
    expected = naive.loss_gradients(
        cell, case.parameters, case.window.ids[:4], case.window.targets[:4], case.state, **case.options
    )
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("gru", 2)])
def test_every_gradient_of_both_stacks_that_pick_rows_equals_the_complex_step_derivative(cell, layers):
    """Each stack has its own rows, the right one also that of the gap."""
    case = Both(cell, layers, 2, 4, hidden=3, vocabulary=3)
    network = Network(case.network.architecture, case.network.weights.named, picking=True)
    found, _ = gradients_of(network, case.window, case.steps)
    expected = naive.fill_gradients(cell, wide(case.network), case.ids, case.seen, case.targets, **case.options)
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)


@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("gru", 2)])
def test_every_gradient_of_both_directions_equals_the_complex_step_derivative(cell, layers):
    """Both stacks share an embedding, which has a row for the gap."""
    case = Both(cell, layers, 2, 4, hidden=3, vocabulary=3, embedding=5)
    parameters = wide(case.network)
    found, _ = gradients_of(case.network, case.window, case.steps)
    expected = naive.fill_gradients(cell, parameters, case.ids, case.seen, case.targets, **case.options)
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)
    assert np.abs(found["embedding.E"][3]).max() > 0.0  # the gap's


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("sizes", [(20, 37, 3, 2), (33, 70, 9, 1), (16, 5, 1, 2)], ids=str)
@pytest.mark.parametrize("embedding", [1, 16, 50])
def test_ragged_sizes_equal_the_naive_twin(cell, sizes, embedding):
    """Logits and last states are the twin's, before and after a step of training; so are the losses."""
    hidden, vocabulary, batch, layers = sizes
    steps = 70 // batch + 1
    case = Case(cell, vocabulary, hidden, layers, batch, steps, capacity=steps + 1, embedding=embedding)
    network, window, ids = case.network, case.window, case.window.ids[:steps]
    carried = window.carried()
    for _ in range(2):
        window.assign_carried(carried)
        network.forward(window, 0, batch, steps)
        found = window.logits[:steps, :, :vocabulary].copy()
        logits, final, _ = naive.forward(cell, wide(network), ids, case.state, **case.options)
        assert_close(found, logits, "logits")
        assert_last_states(case, final)
        with Team(2) as team:
            learner = Learner(network, team, batch, steps + 1, optimizer=UpdateOptions("sgd"))
            learner.window.assign_carried(carried)
            targets = np.full((1, steps + 1, batch), -1, np.int32)
            targets[0, :steps] = window.targets[:steps]
            windows = Windows(window.ids[np.newaxis], targets, np.array([steps]))
            done = learner.advance(windows, np.array([0.5]), fresh=np.zeros((1, batch), np.bool_))
        assert done.loss == pytest.approx(naive.cross_entropy(logits, window.targets[:steps]), rel=1e-5)


@pytest.mark.parametrize("cell", PLAIN)
def test_one_number_for_each_symbol_is_no_embedding(cell):
    """Where E is the identity, U is that of a network without one."""
    symbols, hidden = 7, 5
    plain = Architecture(cell, symbols, hidden)
    parameters = initialize(plain, 1)
    embedded = Architecture(cell, symbols, hidden, embedding=symbols)
    both = []
    for architecture, more in ((plain, {}), (embedded, {"embedding.E": np.eye(symbols, dtype=np.float32)})):
        network, window = Network(architecture, parameters | more), Window(architecture, 2, 3)
        window.ids[:] = [[0, 6], [1, 5], [2, 4]]
        network.forward(window, 0, 2, 3)
        both.append(window.logits[..., :symbols].copy())
    np.testing.assert_allclose(*both, rtol=1e-6, atol=1e-7)


def test_sizes_out_of_range_are_refused():
    """An embedding has from 0, which is none, to 4,096 numbers."""
    for embedding in (-1, 4097):
        with pytest.raises(CharrnnError, match="the embedding must have from 0 to 4,096 numbers"):
            Architecture("lstm", 9, 4, embedding=embedding)
    assert Architecture("lstm", 9, 4, embedding=0) == Architecture("lstm", 9, 4)


def test_real_time_recurrent_learning_has_no_embedding():
    """Its influence is of a U that symbols pick."""
    assert "not through an embedding" in why_not_in_real_time(Architecture("lstm", 9, 4, embedding=3))


def test_both_stacks_share_an_embedding():
    """A bidirectional network's has a row more, for the gap."""
    network, _ = bidirectional("lstm")
    architecture = replace(network.architecture, embedding=3)
    assert architecture.parameter_shapes()["embedding.E"] == (network.architecture.vocabulary + 1, 3)
    assert architecture.parameter_shapes()["reverse.layer0.U_i"] == (3, network.architecture.hidden)
