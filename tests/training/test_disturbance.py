"""Dropout of the input and noise on it: their distributions, and what a step learns from them, against the twin."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Dropout, Windows
from charrnn.kernels.llvm.vector import padded
from charrnn.model.bidirectional import read_both
from charrnn.model.network import Network
from charrnn.model.parameters import aligned
from charrnn.model.team import Team
from charrnn.training.disturbance import Disturbance, count, dropout_factors, gaussian, nothing
from charrnn.training.learner import Learner
from charrnn.training.pace import Pace
from charrnn.training.rules import UpdateOptions
from charrnn.training.settings import Settings
from charrnn.training.steps import random_bits
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.example_runs import assert_same, data, trained
from tests.helpers.examples import ExampleCase
from tests.helpers.networks import assert_close, wide
from tests.helpers.texts import corpus_of, rhyme
from tests.rows import KINDS

V, H, B, T = 5, 4, 3, 4
RATE = 64.0  # of a step of plain descent, which tells the gradient


def test_noise_is_gaussian():
    """Each number is the quantile of a normal distribution that its bits stand for; together they have its moments."""
    halves = np.array([0, 1, 2**12, 2**16, 2**31 - 1, 2**31, 3 * 2**30, 2**32 - 1], np.uint64)
    bits = halves[0::2] | halves[1::2] << np.uint64(32)
    exact = np.array([NormalDist().inv_cdf((half + 0.5) / 2**32) for half in halves.tolist()])
    found = gaussian(bits, (8,), 1.0)
    np.testing.assert_allclose(found, exact, rtol=1e-3)
    np.testing.assert_allclose(found[np.abs(exact) < 5], exact[np.abs(exact) < 5], rtol=2e-6)
    shape = 70, 50, 29
    drawn = gaussian(random_bits(3, 1, count(shape), purpose=9), shape, 0.25).astype(np.float64)
    assert drawn.shape == shape
    assert drawn.mean() == pytest.approx(0.0, abs=4 * 0.25 / np.sqrt(drawn.size))
    assert (drawn**2).mean() == pytest.approx(0.0625, rel=0.02)
    assert (drawn**4).mean() == pytest.approx(3 * 0.0625**2, rel=0.05)
    assert abs(np.corrcoef(drawn.reshape(-1)[:-1], drawn.reshape(-1)[1:])[0, 1]) < 0.02


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.75])
def test_a_share_of_the_input_is_dropped(dropout):
    """All others are multiplied by 1/keep, so that the mean stays."""
    shape = 3, 70, 301
    factors = dropout_factors(random_bits(1, 7, count(shape), purpose=8), shape, dropout)
    assert factors.dtype == np.float32
    assert set(np.unique(factors)) <= {np.float32(0.0), np.float32(1.0 / (1.0 - dropout))}
    assert factors.mean() == pytest.approx(1.0, abs=6 * np.sqrt(dropout / (1 - dropout) / factors.size) + 1e-6)


def drawn(directions, embedding, *, seed=2):
    """Draw what is done to a window of T steps, at random."""
    factors = dropout_factors(random_bits(seed, 0, 99, purpose=8), (1, directions * T, B), 0.4)
    noise = aligned(1, directions * T, B, padded(embedding)) if embedding else nothing(1).noise
    noise[..., :embedding] = gaussian(random_bits(seed, 0, 999, purpose=9), (*noise.shape[:3], embedding), 0.3)
    return Disturbance(factors, noise)


def step(network, ids, targets, disturbance, *, threads=2, sampled=False):
    """Take a step of plain descent on a window; return its loss, and the gradient of every parameter."""
    with Team(threads) as team:
        update = UpdateOptions("sgd", momentum=0.0)
        learner = Learner(network, team, B, T, optimizer=update, sampled=sampled)
        before = {name: values.astype(np.float64) for name, values in network.weights.named.items()}
        windows = Windows(ids[np.newaxis], targets[np.newaxis], np.array([T]))
        fresh = np.ones((1, B), np.bool_)
        done = learner.advance(windows, np.array([RATE]), fresh=fresh, disturbance=disturbance)
        after = learner.network.weights.named
        return done.loss, {name: (values - after[name]) / RATE for name, values in before.items()}


def parameters_of(architecture):
    """Draw weights, with biases and first states off zero."""
    rng, parameters = np.random.default_rng(5), initialize(architecture, 1)
    for values in parameters.values():
        if values.ndim == 1:
            values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    return parameters


def text(vocabulary=V):
    """Draw a window of symbols, and of what to predict."""
    ids, targets = np.random.default_rng(7).integers(0, vocabulary, (2, T, B)).astype(np.int32)
    targets[1, 2] = -1
    return ids, targets


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("embedding", [0, 3])
def test_gradients_are_those_of_the_twin(cell, embedding):
    """Loss and gradients, the embedding's too, are those of a network that reads s·x_t, or s·x_t E + ε."""
    architecture = Architecture(cell, V, H, embedding=embedding)
    network = Network(architecture, parameters_of(architecture))
    parameters, (ids, targets), (factors, noise) = wide(network), text(), drawn(1, embedding)

    def loss(moved):
        rows = moved["embedding.E"] if embedding else np.eye(V)
        x = factors[0][:, :, np.newaxis] * rows[ids] + (noise[0, :, :, :embedding] if embedding else 0.0)
        others = {name: values for name, values in moved.items() if name != "embedding.E"}
        return naive.loss(cell, others, x, targets, None)

    expected = naive.complex_step_gradients(loss, parameters)
    found, gradients = step(network, ids, targets, Disturbance(factors, noise))
    assert found == pytest.approx(loss(parameters), rel=1e-5)
    for name, gradient in gradients.items():
        scale = max(np.abs(expected[name]).max(), 1e-3)
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-4, atol=1e-5 * scale, err_msg=name)


@pytest.mark.parametrize("embedding", [0, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_threads_do_not_matter_and_nothing_is_nothing(embedding, bidirectional):
    """The bits are the same with 1, 2 or 3 threads; factors of 1 and no noise leave a step as it is."""
    architecture = Architecture("lstm", V, H, 2, bidirectional=bidirectional, embedding=embedding)
    ids, targets = text()
    if bidirectional:
        ids = read_both(ids, T, V, np.zeros((T, B), np.bool_))
    found = []
    directions, ones = architecture.directions, np.ones((1, architecture.directions * T, B), np.float32)
    some = drawn(directions, embedding)
    for threads, disturbance in [
        (1, some),
        (2, some),
        (3, some),
        (2, nothing(1)),
        (2, Disturbance(ones, some.noise * 0)),
    ]:
        network = Network(architecture, parameters_of(architecture))
        step(network, ids, targets, disturbance, threads=threads)
        found.append(network.weights.flat.tobytes())
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4] != found[0]


@pytest.mark.parametrize("embedding", [0, 3])
def test_each_direction_has_its_own(embedding):
    """Factors of 2 in one direction are a matrix that is twice as large there."""
    architecture = Architecture("gru", V, H, 1, bidirectional=True, embedding=embedding)
    ids, targets = text()
    ids = read_both(ids, T, V, np.zeros((T, B), np.bool_))
    for stack, prefix in enumerate(("layer0.U", "reverse.layer0.U")):
        factors = np.ones((1, 2 * T, B), np.float32)
        factors[:, stack * T : (stack + 1) * T] = 2.0
        parameters = parameters_of(architecture)
        loss, gradients = step(Network(architecture, parameters), ids, targets, Disturbance(factors, nothing(1).noise))
        twice = {name: values * (2.0 if name.startswith(prefix) else 1.0) for name, values in parameters.items()}
        expected, others = step(Network(architecture, twice), ids, targets, nothing(1))
        assert loss == pytest.approx(expected, rel=1e-6)
        for name, gradient in gradients.items():
            assert_close(gradient, others[name] * (2.0 if name.startswith(prefix) else 1.0), name)


@pytest.mark.parametrize("embedding", [0, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"cell": "gru", "task": "tag"},
        {"cell": "lstm", "task": "classify", "bidirectional": True, "joined": True, "layers": 2},
        {"cell": "rnn", "task": "generate", "conditions": 2},
    ],
    ids=lambda options: options["task"],
)
def test_examples_are_disturbed_as_their_twins(options, embedding):
    """Whole examples, of unequal length and in both directions, read s·x_t, or s·x_t E + ε."""
    case = ExampleCase(lengths=(3, 1, 4), hidden=4, embedding=embedding, **options)
    batch, rng, architecture = case.batch(), np.random.default_rng(4), case.architecture
    factors = np.zeros(batch.ids.shape, np.float32)
    noise = aligned(*batch.ids.shape, padded(embedding)) if embedding else nothing(0).noise.reshape(0, 0, 0)
    inputs = []
    for b, ids in enumerate(case.inputs):
        own = np.float32(2.5) * (rng.random(len(ids)) < 0.7).astype(np.float32)
        added = (0.3 * rng.standard_normal((len(ids), embedding))).astype(np.float32)
        inputs.append((ids, own.astype(np.float64), added.astype(np.float64)))
        for stack in range(architecture.directions):  # the same for both
            begin = case.window.seq_length * stack + (batch.length - len(ids) if stack else 0)
            order = slice(None, None, -1 if stack else 1)
            factors[begin : begin + len(ids), b] = own[order]
            if embedding:
                noise[begin : begin + len(ids), b, :embedding] = added[order]
    found = case.learn(batch=batch._replace(dropout=Dropout(1.0, np.zeros(0, np.int32), factors, noise)))

    def loss(moved):
        rows = moved["embedding.E"] if embedding else np.eye(5)
        case.inputs = [own[:, np.newaxis] * rows[ids] + (added if embedding else 0.0) for ids, own, added in inputs]
        return case.twin_loss_of({name: values for name, values in moved.items() if name != "embedding.E"})

    expected = naive.complex_step_gradients(loss, case.parameters)
    for name, gradient in found.items():
        assert_close(gradient, expected[name], name)


def test_numbers_are_disturbed_where_they_are_read():
    """Each number is dropped by itself, then gets noise of its own; the padding stays zero."""
    change = {"noise": 0.5, "input_dropout": 0.25}
    plain, some, again = data("series").steps, data("series", **change).steps, data("series", **change).steps
    whole, nothing_done = plain.disturbed(2, plain.windows(2, 4))
    disturbed, done = some.disturbed(2, some.windows(2, 4))
    rest, _ = again.disturbed(4, again.windows(4, 2))
    for found in (nothing_done, done):
        assert (found.factors.size, found.noise.size) == (0, 0)
    assert disturbed.numbers[2:].tobytes() == rest.numbers.tobytes()
    assert not disturbed.numbers[..., 2:].any()
    x, y = whole.numbers[..., :2], disturbed.numbers[..., :2]
    kept = np.abs(y - x / np.float32(0.75)) < np.abs(y)  # nearer to what is kept than to 0, mostly
    assert kept[np.abs(x) > 1.0].mean() == pytest.approx(0.75, abs=0.15)
    assert np.minimum(np.abs(y), np.abs(y - x / np.float32(0.75))).std() == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize(("kind", "change"), [("series", {"noise": 0.2}), ("classify", {"embedding": 4, "noise": 0.1})])
def test_runs_with_noise_repeat_and_resume(kind, change):
    """Any number of threads, and a stop at any step, lead to the same bits; other noise leads to others."""
    change = {**change, "input_dropout": 0.2, "epochs": 2.0}
    whole = trained(data(kind, **change), 1)
    assert_same(whole, trained(data(kind, **change), 3))
    pace = Pace(chunk_seconds=0.0)
    with Team(2) as team:
        trainer = Trainer(data(kind, pace=pace, **change), team)
        for record in trainer.run():
            trainer.stop = record.step >= 5
        resumed = Trainer.resumed(trainer.checkpoint(), data(kind, **change), team)
        for _ in resumed.run():
            pass
        assert_same(whole, resumed.checkpoint())
    for other in ({"noise": 0.0}, {"input_dropout": 0.0}):
        found = trained(data(kind, **{**change, **other})).parameters
        assert not np.array_equal(found["layer0.W_f"], whole.parameters["layer0.W_f"])


SETTINGS = Settings(hidden=6, seq_length=8, batch_size=4, epochs=1.0)


@pytest.mark.parametrize("embedding", [0, 3])
def test_steps_are_disturbed_by_their_number(embedding):
    """What is done to a step depends on the seed and its number, not on how many are taken at once."""
    settings = replace(SETTINGS, embedding=embedding, input_dropout=0.3, noise=0.1 if embedding else 0.0)
    steps = TextData(settings, corpus_of(rhyme())).steps
    _, whole = steps.disturbed(3, steps.windows(3, 5))
    _, rest = steps.disturbed(5, steps.windows(5, 3))
    _, plain = TextData(SETTINGS, corpus_of(rhyme())).steps.disturbed(3, steps.windows(3, 5))
    assert (plain.factors.size, plain.noise.size) == (0, 0)
    assert whole.factors.shape == (5, 8, 4)
    assert whole.noise.shape == ((5, 8, 4, 16) if embedding else (5, 0, 0, 0))
    assert whole.factors[2:].tobytes() == rest.factors.tobytes()
    assert whole.noise[2:].tobytes() == rest.noise.tobytes()
    assert whole.factors[0].tobytes() != whole.factors[1].tobytes()
    assert not whole.noise[..., embedding:].any()


def test_what_cannot_be_disturbed_is_refused():
    """Noise on characters without an embedding, in one sentence that says why."""
    assert data("series", noise=0.1).steps.settings.noise == 0.1
    with pytest.raises(CharrnnError, match="--noise is for numbers"):
        data("classify", noise=0.1)
    with pytest.raises(CharrnnError, match=r"--noise is for numbers, and a character is not one: .* an --embedding"):
        TextData(replace(SETTINGS, noise=0.1), corpus_of(rhyme()))
    for change in ({"noise": 0.1}, {"input_dropout": 0.1}):
        with pytest.raises(CharrnnError, match=r"rtrl.* has neither noise nor dropout of the input"):
            replace(SETTINGS, gradient="rtrl", **change)
    for change, sentence in (
        ({"noise": -1.0}, "the noise must be from 0 to 1,000, not -1"),
        ({"noise": float("nan")}, "the noise must be"),
        ({"input_dropout": 1.0}, "the dropout of the input must be at least 0 and less than 1, not 1"),
    ):
        with pytest.raises(CharrnnError, match=sentence):
            replace(SETTINGS, **change)
