"""Drawing characters, and scoring texts."""

from itertools import islice

import numpy as np
import pytest

from charrnn.cells import CELLS, Architecture, initialise
from charrnn.errors import CharrnnError
from charrnn.kernels import padded
from charrnn.kernels.sampling import draw
from charrnn.network import Network, aligned
from charrnn.sampling import LENGTH, first_symbol, sample, sample_blocks
from charrnn.scoring import STREAM_LENGTH, score
from charrnn.vocabulary import Vocabulary
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


def drawn(logits, inverse, chance):
    """Draw one symbol; the kernel uses the logits up and wants them padded, by zeros as a network's are."""
    room = aligned(padded(len(logits)))
    room[: len(logits)] = logits
    return draw(room, len(logits), inverse, chance)


def taken(network, prime, count, **settings):
    """Sample so many symbols a stream [count, streams]."""
    blocks, size = [], 0
    for block in sample_blocks(network, prime, **settings):
        blocks.append(block)
        size += len(block)
        if size >= count:
            return np.concatenate(blocks)[:count]
    return None


@pytest.mark.parametrize("shift", [0.0, -300.0, 300.0])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_drawn_characters_follow_the_softmax(temperature, shift):
    """Over evenly spread chances each character comes up as often as softmax(logits / temperature) says."""
    logits = np.array([0.5, -1.0, 2.0, 0.0, 1.9]) + shift  # the padding, zeros, may be likelier than all of them
    chances = (np.arange(20_000) + 0.5) / 20_000
    counts = np.bincount([drawn(logits, 1 / temperature, chance) for chance in chances], minlength=5) / 20_000
    np.testing.assert_allclose(counts, np.exp(naive.log_softmax(logits / temperature)), atol=2e-4)


@pytest.mark.parametrize("symbols", [1, 2, 16, 17, 65, 300, 5000])
def test_draws_are_the_twins_for_any_number_of_symbols(symbols):
    """Each chance draws the symbol in whose share of [0, 1) it lies, from the first share to the last."""
    rng = np.random.default_rng(symbols)
    logits = (2 * rng.standard_normal(symbols)).astype(np.float32)
    ends = np.cumsum(np.exp(naive.log_softmax(logits.astype(np.float64) * 1.3)))
    for chance in (0.0, *rng.random(50), np.nextafter(1.0, 0.0)):
        symbol = drawn(logits, 1.3, chance)
        assert 0 <= symbol < symbols
        assert (ends[symbol - 1] if symbol else 0.0) - 1e-6 <= chance <= ends[symbol] + 1e-6
    assert drawn(logits, 0.0, 0.5) == logits.argmax()


def test_cold_draws_are_exact():
    """Temperature 0 and a tiny one take the likeliest character, without overflow or a logarithm of zero."""
    logits = np.array([0.0, 80.0, -200.0, 79.9])
    for inverse in (0.0, 1e30, 1e4):
        for chance in (0.0, 0.5, 0.999999):
            assert drawn(logits, inverse, chance) == 1
    assert drawn(np.array([1.0, 3.0, 3.0]), 0.0, 0.999) == 1  # of equals the first


def test_hot_draws_are_fair():
    """A huge temperature draws every character as often as any other."""
    logits = np.array([0.0, 80.0, -200.0, 79.9])
    draws = [drawn(logits, 1e-30, (k + 0.5) / 400) for k in range(400)]
    assert draws == [k // 100 for k in range(400)]
    assert drawn(logits, 1e-30, 0.0) == 0
    assert drawn(logits, 1e-30, 0.999999999) == 3


def test_what_has_no_probability_is_never_drawn():
    """A chance of 0 does not draw a first character of probability 0, nor one close to 1 a last one, or the padding."""
    for far in (-100.0, -200.0, -1e30, -np.inf):
        logits = np.array([far, 1.0, far, 0.0, far])
        assert {drawn(logits, 1.0, chance) for chance in (0.0, 1e-300, 1e-17)} == {1}
        assert {drawn(logits, 1.0, chance) for chance in (0.99, 1 - 1e-16)} == {3}
        assert {drawn(logits, 1.0, chance / 1000) for chance in range(1000)} == {1, 3}


@pytest.mark.parametrize("inverse", [0.0, 1.0, 1e30])
def test_predictions_that_are_no_numbers_draw_nothing(inverse):
    """Where a logit is not a number, or the largest not finite, there is no symbol, but −1."""
    for logits in (
        [np.nan] * 3,
        [np.inf, 0.0, 1.0],
        [0.0, 1.0, np.inf],
        [-np.inf] * 3,
        [np.nan, 1.0, 2.0],
        [0.0, np.nan, 1.0],
    ):
        assert drawn(np.array(logits), inverse, 0.5) == -1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, np.nan) for name in ("layer0.U_i", "layer0.W_f", "layer1.U_g", "layer1.b_o", "output.V", "output.c")),
        *((name, np.inf) for name in ("output.V", "output.c")),
    ],
)
def test_a_model_that_predicts_no_numbers_says_so(name, value):
    """There is an error in one sentence, for one stream or many, on one thread or two."""
    net = network()
    net.weights.named[name][...] = value
    net.pack()
    with pytest.raises(CharrnnError, match="no numbers"):
        taken(net, [1, 2], 10)
    with Workers(2) as team, pytest.raises(CharrnnError, match="no numbers"):
        taken(net, [1, 2], 10, streams=3, team=team, temperature=0.0)


def test_predictions_that_become_no_numbers_later_say_so():
    """Symbols are drawn until the predictions are no numbers, and then there is an error."""
    net = network(symbols=3)
    net.weights.named["output.c"][...] = [0.0, 0.0, 1.0]
    for gate in "ifog":  # once symbol 2 was read there is no telling what comes next
        net.weights.named[f"layer0.U_{gate}"][2] = np.nan
    net.pack()
    assert next(sample_blocks(net, [0], streams=4, seed=1)).shape == (1, 4)
    with pytest.raises(CharrnnError, match="no numbers"):
        taken(net, [0], 10**6, streams=4, seed=1)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 128, 150])
def test_a_sample_is_what_the_twin_would_write(cell, size):
    """At temperature 0 each character is the twin's likeliest, after a prime of any length, past the window's end."""
    net = network(cell, scale=1.0)
    prime = np.random.default_rng(0).integers(0, 9, size)
    ours = list(islice(sample(net, prime, temperature=0.0), 200))
    assert size + len(ours) > 3 * LENGTH
    parameters, state = twin_of(net)
    logits, state, _ = naive.forward(cell, parameters, prime[:, np.newaxis], state)
    for symbol in ours:
        assert symbol == logits[-1, 0].argmax()
        logits, state, _ = naive.forward(cell, parameters, np.array([[symbol]]), state)
    for temperature in (1e-300, 1e-30):
        assert list(islice(sample(net, prime, temperature=temperature), 200)) == ours


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("symbols", "hidden", "streams", "size"), [(9, 33, 3, 70), (65, 7, 1, 64), (300, 20, 5, 1)])
def test_streams_draw_what_the_twin_would(cell, symbols, hidden, streams, size):
    """Each stream has chances of its own, and draws the symbol in whose share of the twin's softmax they lie."""
    net = network(cell, symbols, hidden, scale=1.0)
    prime = np.random.default_rng(0).integers(0, symbols, size)
    with Workers(2) as team:
        ours = taken(net, prime, 200, temperature=0.7, seed=6, streams=streams, team=team)
    chances = np.stack([np.random.default_rng([6, stream]).random(200) for stream in range(streams)], axis=1)
    parameters, state = twin_of(net)
    logits, state, _ = naive.forward(cell, parameters, prime[:, np.newaxis], state)
    state = [{name: values.repeat(streams, axis=0) for name, values in layer.items()} for layer in state]
    logits = logits.repeat(streams, axis=1)
    for symbol, chance in zip(ours, chances, strict=True):
        ends = np.cumsum(np.exp(naive.log_softmax(logits[-1] / 0.7)), axis=1)
        for b in range(streams):
            assert (ends[b, symbol[b] - 1] if symbol[b] else 0.0) - 1e-4 <= chance[b] <= ends[b, symbol[b]] + 1e-4
        logits, state, _ = naive.forward(cell, parameters, symbol[np.newaxis], state)
    assert len(np.unique(ours)) > symbols // 3


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_stream_does_not_depend_on_others_or_on_threads(cell, temperature):
    """Stream b of three is stream b of five, for any number of threads, and stream 0 is a sample of one stream."""
    net = network(cell, hidden=33)
    prime = np.random.default_rng(1).integers(0, 9, 70)
    settings = {"temperature": temperature, "seed": 4}
    alone = list(islice(sample(net, prime, **settings), 300))
    many = taken(net, prime, 300, streams=5, **settings)
    assert many[:, 0].tolist() == alone
    for threads in (1, 2, 3):
        with Workers(threads) as team:
            for streams in (1, 2, 3, 5):
                got = taken(net, prime, 300, streams=streams, team=team, **settings)
                assert got.dtype == np.int32
                assert (got == many[:, :streams]).all()
    if temperature:
        assert len({tuple(column) for column in many.T}) == 5


def test_hot_samples_are_finite_work():
    """However high the temperature, each character is drawn by its chance alone, each as often as any other."""
    chances = np.random.default_rng([2, 0]).random(300)
    for temperature in (1e30, 1e308, float("inf")):
        ours = list(islice(sample(network(), [1], temperature=temperature, seed=2), 300))
        assert ours == (chances * 9).astype(int).tolist()


def test_the_first_block_is_one_symbol():
    """Nobody waits for the first character as long as for many."""
    blocks = list(islice(sample_blocks(network(), [1], streams=2), 2))
    assert blocks[0].shape == (1, 2)


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
