"""Drawing characters, and scoring texts."""

from itertools import islice

import numpy as np
import pytest

from charrnn.cells import CELLS, Architecture, initialise
from charrnn.network import Network
from charrnn.sampling import draw, first_symbol, sample
from charrnn.scoring import STREAM_LENGTH, score
from charrnn.text import Vocabulary
from charrnn.workers import Workers
from tests import naive


def network(cell="lstm", symbols=9, hidden=20, layers=2, scale=2.0):
    """Make a network with an opinion."""
    architecture = Architecture(cell, symbols, hidden, layers)
    return Network(architecture, {k: v * np.float32(scale) for k, v in initialise(architecture, 5).items()})


def twin_of(net):
    """Return its parameters and zero state for the naive twin."""
    architecture = net.architecture
    state = [
        {name: np.zeros((1, architecture.hidden)) for name in architecture.row.states}
        for _ in range(architecture.layers)
    ]
    return {name: view.astype(np.float64) for name, view in net.weights.named.items()}, state


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_drawn_characters_follow_the_softmax(temperature):
    """Over evenly spread chances each character comes up as often as softmax(logits / temperature) says."""
    logits = np.array([0.5, -1.0, 2.0, 0.0, 1.9], np.float32)
    chances = (np.arange(20_000) + 0.5) / 20_000
    counts = np.bincount([draw(logits, temperature, chance) for chance in chances], minlength=5) / 20_000
    np.testing.assert_allclose(counts, np.exp(naive.log_softmax(logits / temperature)), atol=2e-4)


def test_cold_draws_are_exact():
    """Temperature 0 and a tiny one take the likeliest character, without overflow or a logarithm of zero."""
    logits = np.array([0.0, 80.0, -200.0, 79.9], np.float32)
    for temperature in (0.0, 1e-300, 1e-30, 1e-4):
        assert draw(logits, temperature, 0.999999) == 1
    assert draw(logits, 1e30, 0.999999999) == 3


@pytest.mark.parametrize("cell", CELLS)
def test_a_sample_is_what_the_twin_would_write(cell):
    """At temperature 0, after a prime longer than one window, each character is the twin's likeliest."""
    net = network(cell, scale=1.0)
    prime = np.random.default_rng(0).integers(0, 9, 150)
    ours = list(islice(sample(net, prime, temperature=0.0), 40))
    parameters, state = twin_of(net)
    logits, state, _ = naive.forward(cell, parameters, prime[:, np.newaxis], state)
    for symbol in ours:
        assert symbol == logits[-1, 0].argmax()
        logits, state, _ = naive.forward(cell, parameters, np.array([[symbol]]), state)


def test_a_seed_repeats_a_sample():
    """The same seed draws the same characters, another one others."""
    one, same, other = (list(islice(sample(network(), [3], seed=seed), 60)) for seed in (1, 1, 2))
    assert one == same != other


def test_an_empty_prime_is_the_end_of_a_line():
    """Where there is no prime a sample begins as after a line's end, if the model knows one."""
    assert first_symbol(Vocabulary.of("ab\n")) == 0
    assert first_symbol(Vocabulary.of("\tab\n")) == 1
    assert first_symbol(Vocabulary.of("xyz")) == 0
    assert first_symbol(Vocabulary.of_bytes()) == 10


@pytest.mark.parametrize("size", [2, 3, 50, 1000])
def test_the_score_of_a_short_text_is_the_twins(size):
    """A short text is read in one go: the loss is exactly that of the twin."""
    net = network("gru")
    ids = np.random.default_rng(size).integers(0, 9, size).astype(np.uint8)
    parameters, state = twin_of(net)
    expected = naive.loss("gru", parameters, ids[:-1, np.newaxis], ids[1:, np.newaxis], state)
    with Workers(2) as team:
        result = score(net, ids, team)
    assert result.characters == size - 1
    assert result.nats_per_char == pytest.approx(expected, rel=1e-5)
    assert result.bits_per_char == pytest.approx(expected / np.log(2), rel=1e-5)
    assert result.perplexity == pytest.approx(np.exp(expected), rel=1e-4)


def test_a_long_text_read_side_by_side_scores_nearly_as_in_one_go():
    """Streams that warm up on what comes before them lose next to nothing, and threads change no bit of it."""
    net = network("lstm", scale=1.0)
    ids = np.random.default_rng(1).integers(0, 9, 5 * STREAM_LENGTH + 77).astype(np.uint8)
    results = []
    for threads in (1, 2, 3):
        with Workers(threads) as team:
            results.append(score(net, ids, team))
    assert results[0] == results[1] == results[2]
    parameters, state = twin_of(net)
    expected = naive.loss("lstm", parameters, ids[:-1, np.newaxis], ids[1:, np.newaxis], state)
    assert results[0].characters == ids.size - 1
    assert results[0].nats_per_char == pytest.approx(expected, rel=1e-4)


def test_a_thread_with_one_stream_scores_as_one_with_many(monkeypatch):
    """The order of a sum does not depend on how many rows a thread has, though losses differ by orders of magnitude."""
    net = network("rnn", layers=1)
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 9, 7 * STREAM_LENGTH).astype(np.uint8)
    table = 10 ** rng.uniform(-14, 1.3, (9, 64))

    def losses(window, first, last, steps):
        here = window.ids[:steps, first:last]
        window.losses[:steps, first:last] = table[here, np.arange(steps)[:, np.newaxis]]

    monkeypatch.setattr(net, "losses", losses)
    scores = []
    for threads in (1, 3, 7):
        with Workers(threads) as team:
            scores.append([score(net, ids[k:], team).nats for k in range(3)])
    assert scores[0] == scores[1] == scores[2]
