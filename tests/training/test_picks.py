"""Steps that read, predict and update only some symbols' rows of large matrices."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from charrnn.kernels import picked_update
from charrnn.kernels.arguments import Rows, Windows
from charrnn.kernels.llvm.vector import padded
from charrnn.model.network import Network
from charrnn.model.parameters import Parameters, aligned
from charrnn.model.team import Team
from charrnn.training.learner import Learner
from charrnn.training.optimizer import Optimizer
from charrnn.training.picks import Sample, chances
from charrnn.training.rules import OPTIMIZERS, UpdateOptions
from charrnn.training.settings import Settings
from tests import naive
from tests.helpers.networks import assert_close
from tests.helpers.optimizers import CONSTANTS

V = 9
SETTINGS = Settings(
    hidden=6, seq_length=3, batch_size=2, epochs=1.0, dropout=0.0, embedding=5, sampled_softmax=4, seed=1, clip=0.5
)
COUNTS = np.array([50, 1, 2, 30, 3, 9, 1, 5, 20])


@pytest.mark.parametrize("size", [1, 2, 5, 8, 9, 12])
def test_chances_are_those_of_the_twin(size):
    """They are in proportion to the counts, at most 1, and add up to the size of the sample."""
    found = chances(COUNTS, size)
    np.testing.assert_allclose(found, naive.inclusion_chances(COUNTS, min(size, V)), rtol=1e-12)
    assert found.sum() == pytest.approx(min(size, V))
    assert found.max() <= 1.0
    assert found.min() > 0.0


def test_a_draw_is_a_sample_and_the_places_of_all_targets():
    """Each symbol is drawn with its probability, of which its offset is −log; every target is found."""
    rng = np.random.default_rng(0)
    sample, seen = Sample(COUNTS - 1, 4), np.zeros(V)
    for _ in range(4000):
        targets = rng.integers(-1, V, (2, 2)).astype(np.int32)
        draw = sample.draw(rng.integers(0, 2**64, V, np.uint64), targets)
        assert draw.drawn.size
        assert (np.diff(draw.drawn) > 0).all()
        assert not np.isin(draw.others, draw.drawn).any()
        assert (drawn_targets(draw) == targets).all()
        np.testing.assert_allclose(draw.offsets, -np.log(sample.chances[draw.drawn]), rtol=1e-6)
        seen[draw.drawn] += 1
    np.testing.assert_allclose(seen / 4000, sample.chances, atol=4 * 0.5 / 4000**0.5)


def drawn_targets(draw):
    """Return the symbols of a draw's targets [T, B], or −1."""
    found = np.full(draw.targets.shape, -1)
    for index, target in np.ndenumerate(draw.targets):
        if target != -1:
            found[index] = draw.drawn[target] if target >= 0 else draw.others[-2 - target]
    return found


def test_the_estimate_is_right_on_average():
    """Over all samples, weighed by how likely each is, the estimate of Σ exp o is the sum itself."""
    few = np.array([5, 2, 2, 1])
    pi = chances(few, 2)
    logits = np.random.default_rng(0).standard_normal((1, 1, 4))
    target = np.array([[2]])
    mean = 0.0
    for drawn in itertools.product([False, True], repeat=4):
        likelihood = np.prod(np.where(drawn, pi, 1.0 - pi))
        loss = naive.sampled_cross_entropy(logits, target, np.array(drawn), pi)
        mean += likelihood * np.exp(loss + logits[0, 0, 2])
    assert mean == pytest.approx(np.exp(logits).sum(), rel=1e-12)


def learner_of(settings, team):
    """Make a learner with its first weights."""
    learner = Learner.of(settings, settings.architecture(V), team)
    learner.begin(None, settings)
    return learner


def windows_and_draws(count, settings, seed=0):
    """Draw windows of text, and what their softmax is over."""
    rng = np.random.default_rng(seed)
    T, B = settings.seq_length, settings.batch_size
    ids, targets = rng.integers(0, V - 2, (2, count, T, B)).astype(np.int32)
    targets[:, -1, -1] = -1
    windows = Windows(ids, targets, np.full(count, T))
    if not settings.sampled_softmax:
        return windows, []
    sample = Sample(COUNTS, settings.sampled_softmax)
    return windows, [sample.draw(rng.integers(0, 2**64, V, np.uint64), window) for window in targets]


def looked_up(settings):
    """Return how the names of matrices begin of which a symbol reads a row; with both stacks."""
    return "embedding.E" if settings.embedding else ("layer0.U", "reverse.layer0.U")


def twin_steps(settings, parameters, windows, draws, rates):
    """Return a twin's weights and losses after steps from the zero state, all rows of which are updated densely."""
    state = [{name: np.zeros((settings.batch_size, settings.hidden)) for name in naive.states_of(settings.cell)}]
    memory, losses = {name: {} for name in parameters}, []
    pi = naive.inclusion_chances(COUNTS + 1, settings.sampled_softmax or V)
    pi[np.argmax(COUNTS)] = 1.0
    for k, (ids, targets, rate) in enumerate(zip(windows.ids, windows.targets, rates, strict=True)):
        drawn = np.ones(V, bool)
        if draws:
            drawn = np.isin(np.arange(V), draws[k].drawn)

        def loss(moved, ids=ids, targets=targets, drawn=drawn, state=state):
            logits, _, _ = naive.forward(settings.cell, moved, ids, state)
            return naive.sampled_cross_entropy(logits, targets, drawn, pi)

        losses.append(loss(parameters))
        gradients = naive.complex_step_gradients(loss, parameters)
        _, state, _ = naive.forward(settings.cell, parameters, ids, state)
        gradients = naive.clip_by_norm(gradients, settings.clip)
        for name, g in gradients.items():
            rests = name.startswith(looked_up(settings)) or (name == "output.V" and draws)
            parameters[name], memory[name] = twin_update(settings, rests)(parameters[name], g, memory[name], rate)
    return parameters, np.array(losses)


def twin_update(settings, rests):
    """Return the twin's update of a matrix; one whose rows can rest has no momentum."""
    name = settings.optimizer
    constants = {its: getattr(OPTIMIZERS[name], own) for own, its in CONSTANTS[name].items()}
    factor = 1.0
    if rests and name == "adam":
        constants["beta1"] = 0.0
    if name == "sgd":
        constants["momentum"] = settings.momentum
    if rests and name == "sgd":
        factor, constants["momentum"] = 1.0 / (1.0 - settings.momentum), 0.0
    name = "nesterov" if settings.nesterov else name
    return lambda p, g, memory, rate: naive.OPTIMIZERS[name](p, g, memory, lr=rate * factor, **constants)


UPDATES = [
    *({"optimizer": name} for name in OPTIMIZERS),
    {"optimizer": "sgd", "momentum": 0.0},
    {"optimizer": "sgd", "momentum": 0.7, "nesterov": True},
]


@pytest.mark.parametrize("update", UPDATES, ids=lambda update: " ".join(map(str, update.values())))
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
@pytest.mark.parametrize(("embedding", "sampled"), [(5, 0), (5, 4), (0, 4), (0, V)])
def test_steps_equal_the_twins_dense_ones(cell, update, embedding, sampled):
    """Weights and losses after some steps are the twin's, which updates every row at every step."""
    settings = replace(SETTINGS, cell=cell, embedding=embedding, sampled_softmax=sampled, **update)
    windows, draws = windows_and_draws(4, settings)
    rates = np.full(4, 0.01) if settings.nesterov else np.array([0.01, 0.02, 0.02, 0.01])  # its twin is for one rate
    with Team(2) as team:
        learner = learner_of(settings, team)
        before = {name: values.astype(np.float64) for name, values in learner.network.weights.named.items()}
        done = learner.advance(windows, rates, fresh=np.zeros((4, 2), np.bool_), draws=draws)
        found = {name: values.copy() for name, values in learner.network.weights.named.items()}
        expected, losses = twin_steps(settings, before, windows, draws, rates)
        np.testing.assert_allclose(done.losses / done.predictions, losses, rtol=1e-5)
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=2e-5, err_msg=name)
        assert not learner.gradient.flat.any()
        assert not learner.optimizer.rooms.dU.any() or embedding
        assert not learner.optimizer.rooms.dE.any()
        assert not learner.optimizer.rooms.dV.any()
        assert not learner.optimizer.rooms.d_others.any()


@pytest.mark.parametrize("embedding", [0, 5])
def test_rows_that_no_step_picks_do_not_change(embedding):
    """Not a bit of their weights, nor of their moments."""
    settings = replace(SETTINGS, embedding=embedding)
    with Team(2) as team:
        learner = learner_of(settings, team)
        old = learner.network.weights.alike(learner.network.weights.flat.copy())
        windows, draws = windows_and_draws(3, settings)
        learner.advance(windows, np.full(3, 0.01), fresh=np.zeros((3, 2), np.bool_), draws=draws)
        rests = np.setdiff1d(np.arange(V), windows.ids)
        assert rests.size
        for name, values in learner.network.weights.named.items():
            if name.startswith(looked_up(settings)):
                assert (values[rests] == old.named[name][rests]).all()
                assert (values[windows.ids.ravel()] != old.named[name][windows.ids.ravel()]).any()
        rests = np.setdiff1d(np.arange(V), np.concatenate([[*draw.drawn, *draw.others] for draw in draws]))
        assert (learner.network.weights.named["output.V"][:, rests] == old.named["output.V"][:, rests]).all()


@pytest.mark.parametrize("embedding", [0, 20])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_any_number_of_threads_gives_the_same_bits(threads, bidirectional, embedding):
    """Weights and moments do not depend on who updates which row."""
    settings = replace(SETTINGS, hidden=33, embedding=embedding, layers=2, bidirectional=bidirectional, dropout=0.3)
    found = []
    for count in (1, threads):
        with Team(count) as team:
            learner = learner_of(settings, team)
            windows, draws = windows_and_draws(5, settings)
            if bidirectional:
                windows = windows._replace(ids=np.concatenate([windows.ids, windows.ids[:, ::-1]], axis=1))
            keys = np.arange(20, dtype=np.int32).reshape(5, 4)[:, : 2 * (1 + bidirectional)].copy()
            fresh = np.zeros((5, 2), np.bool_)
            done = learner.advance(windows, np.full(5, 0.01), fresh=fresh, draws=draws, dropout_keys=keys)
            moments = [moment.flat.tobytes() for moment in learner.optimizer.moments]
            found.append((learner.network.weights.flat.tobytes(), moments, done.losses.tobytes(), done.norms.tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("embedding", [0, 5])
def test_a_network_predicts_all_symbols_after_sampled_steps(embedding):
    """What it reads next is not over the last step's candidates."""
    settings = replace(SETTINGS, embedding=embedding)
    with Team(1) as team:
        learner = learner_of(settings, team)
        windows, draws = windows_and_draws(2, settings)
        learner.advance(windows, np.full(2, 0.01), fresh=np.zeros((2, 2), np.bool_), draws=draws)
        h = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
        weights = learner.network.weights.named
        assert_close(learner.network.logits(h), h @ weights["output.V"] + weights["output.c"], "logits")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rows_at_rest_forget_as_if_they_were_updated(name):
    """Through several renewals, rows that are picked now and then are the twin's, whose v decays at every step."""
    rng = np.random.default_rng(1)
    size, width, steps = 7, 20, 3 * picked_update.RENEWAL
    weights, gradient = Parameters(SETTINGS.architecture(V)), Parameters(SETTINGS.architecture(V))
    optimizer = Optimizer(UpdateOptions(name), weights, gradient)
    matrix, squares, room = (aligned(size, padded(width)) for _ in range(3))
    arguments = optimizer.arguments._replace(sums=np.zeros(weights.flat.size + size))
    rooms = optimizer.rooms._replace(squares_E=squares)
    matrix[:, :width] = rng.standard_normal((size, width))
    twin, memory = matrix.astype(np.float64), {}
    step = twin_update(replace(SETTINGS, optimizer=name), True)
    member = Team(1).member(0)
    none = np.zeros(0, np.int32)
    with np.errstate(all="raise"):
        for count in range(1, steps + 1):
            picked = np.flatnonzero(rng.random(size) < 0.02 * np.arange(size)).astype(np.int32)
            g = np.zeros_like(twin)
            g[picked, :width] = rng.standard_normal((picked.size, width))
            room[: picked.size] = g[picked]
            rows = Rows(matrix, squares, picked, room)
            tables = rows, *(Rows(matrix[:0], squares[:0], none, room[:0]),) * 6
            picked_update.step(arguments, rooms, tables, 0.01, float(count), member)
            twin, memory = step(twin, g, memory, 0.01)
            assert not room[: picked.size].any()
    np.testing.assert_allclose(matrix, twin, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "bad", "embedding"),
    [
        ("layer0.W_i", np.nan, 5),
        ("output.V", np.inf, 5),
        ("embedding.E", np.nan, 5),
        ("layer0.U_i", np.nan, 0),
        ("output.V", np.inf, 0),
    ],
)
def test_a_gradient_that_is_no_number_changes_no_row(name, bad, embedding):
    """The step ends the training, and starting over leaves nothing of it."""
    with Team(2) as team:
        learner = learner_of(replace(SETTINGS, embedding=embedding), team)
        windows, draws = windows_and_draws(2, SETTINGS)
        learner.network.weights.named[name][...] = bad
        before = learner.network.weights.flat.copy()
        done = learner.advance(windows, np.full(2, 0.01), fresh=np.zeros((2, 2), np.bool_), draws=draws)
        assert done.steps == 1
        assert learner.network.weights.flat.tobytes() == before.tobytes()
        learner.start_over(np.zeros_like(before))
        rooms = learner.optimizer.rooms
        for room in (rooms.dU, rooms.dE, rooms.dV, rooms.dc, rooms.d_others):
            assert not room.any()


def test_a_sampled_softmax_needs_a_network_whose_rows_can_rest():
    """In another one, the rows of U would be updated with all the rest."""
    network = Network(SETTINGS.architecture(V))
    with Team(1) as team, pytest.raises(ValueError, match="for picking"):
        Learner(network, team, 2, 3, optimizer=UpdateOptions("adam"), sampled=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("embedding", [0, 5])
@pytest.mark.parametrize(("before", "after"), [(3, 3), (10, 5), (5, 300), (256, 511)])
def test_moments_are_the_same_after_another_number_of_updates(name, before, after, embedding):
    """A run whose epochs have another number of steps goes on with the moments that it had."""
    with Team(1) as team:
        learner = learner_of(replace(SETTINGS, optimizer=name, embedding=embedding), team)
        rooms = learner.optimizer.rooms
        assert bool(rooms.squares_U.size) == (not embedding)
        for squares in (rooms.squares_U, rooms.squares_E, rooms.squares_V):
            squares[...] = 1.0
        learner.optimizer.recount(before, after)
        decay = OPTIMIZERS[name].decay or 1.0
        for squares in (rooms.squares_U, rooms.squares_E, rooms.squares_V):
            np.testing.assert_allclose(squares * decay ** (after % 256), decay ** (before % 256), rtol=1e-5)
