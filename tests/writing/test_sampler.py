"""Drawing characters: the kernel and its controls against the twin, and the sampler."""

import math
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Drawing, Drawn
from charrnn.model.reader import SYMBOLS_AT_ONCE
from charrnn.model.team import Team
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import HOTTEST, SMALLEST, Controls
from charrnn.writing.sampler import Sampler, drawing_controls
from tests import naive
from tests.helpers.drawing import ALMOST_1, ALONE, TOGETHER, drawing, fits, shares
from tests.helpers.networks import opinionated, wide, zero_state
from tests.rows import PLAIN


def twin_of(net, streams=1):
    """Return its parameters and zero states for the naive twin."""
    return wide(net), zero_state(net.architecture, streams)


def taken(net, prime, count, *, seeds=(0,), controls=None, team=None):
    """Read and draw so many symbols a stream: symbols and nats, as bytes would be compared."""
    sampler = Sampler(net, seeds=seeds, controls=controls, team=team)
    sampler.read(prime)
    return sampler.draw(count)


def same(one, other):
    """Tell whether two draws are the same, bit by bit."""
    return (one.symbols.tobytes(), one.nats.tobytes()) == (other.symbols.tobytes(), other.nats.tobytes())


class Twin:
    """Reads as a sampler does, and holds each draw to the naive network and the naive controls."""

    def __init__(self, net, seeds):
        self.cell, self.streams = net.architecture.cell, len(seeds)
        self.parameters, self.state = twin_of(net, self.streams)
        self.generators = [np.random.default_rng([seed, 0]) for seed in seeds]
        self.written = [[] for _ in seeds]

    def read(self, symbols):
        """Read symbols [N, B]."""
        self.logits, self.state, _ = naive.forward(self.cell, self.parameters, np.asarray(symbols), self.state)
        for b, text in enumerate(self.written):
            text.extend(int(row[b]) for row in symbols)

    def hold(self, drawn, controls):
        """Hold a block to what the chances draw here, and read it."""
        chances = np.stack([generator.random(len(drawn.symbols)) for generator in self.generators], axis=1)
        for symbols, nats, row in zip(drawn.symbols, drawn.nats, chances, strict=True):
            for b, (symbol, chance) in enumerate(zip(symbols, row, strict=True)):
                logits = self.logits[-1, b]
                assert nats[b] == pytest.approx(-naive.log_softmax(logits)[symbol], abs=1e-4)
                assert any(fits(symbol, chance, p, 1e-4) for p in shares(logits, self.written[b], controls, 1e-4))
            self.read([symbols])


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 128, 150])
def test_a_sample_is_what_the_twin_would_write(cell, size):
    """At temperature 0 each character is the twin's likeliest, after a prime of any length, past the window's end."""
    net = opinionated(cell, scale=1.0)
    prime = np.random.default_rng(0).integers(0, 9, size)
    ours = taken(net, prime, 200, controls=Controls(temperature=0.0))
    assert size + len(ours.symbols) > 3 * SYMBOLS_AT_ONCE
    twin = Twin(net, [0])
    twin.read(prime[:, np.newaxis])
    for symbol in ours.symbols[:, 0]:
        assert symbol == twin.logits[-1, 0].argmax()
        twin.read([[symbol]])
    assert same(taken(net, prime, 200, controls=Controls(temperature=SMALLEST)), ours)
    for controls in (Controls(top_k=1), Controls(top_k=1, temperature=2.0), Controls(min_p=1.0), Controls(top_p=1e-9)):
        assert same(taken(net, prime, 200, controls=controls), ours)


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize(("symbols", "hidden", "streams", "size"), [(9, 33, 3, 70), (65, 7, 1, 64), (300, 20, 5, 1)])
@pytest.mark.parametrize("controls", [Controls(temperature=0.7), TOGETHER], ids=["temperature", "all"])
def test_streams_draw_what_the_twin_would(cell, symbols, hidden, streams, size, controls):
    """Each stream has chances of its own, and draws the symbol in whose share of the twin's softmax they lie."""
    net = opinionated(cell, symbols, hidden, scale=1.0)
    prime = np.random.default_rng(0).integers(0, symbols, size)
    seeds = range(6, 6 + streams)
    with Team(2) as team:
        ours = taken(net, prime, 150, seeds=seeds, controls=controls, team=team)
    twin = Twin(net, seeds)
    twin.read(np.repeat(prime[:, np.newaxis], streams, axis=1))
    twin.hold(ours, controls)
    assert len(np.unique(ours.symbols)) > symbols // 3


@pytest.mark.parametrize("penalty", [20.0, 0.05])
def test_the_window_of_the_last_characters_is_exact(penalty):
    """Each stream has its own, and the prime counts; it may be one character, or longer than all that is written."""
    net = opinionated("gru", 12, layers=1, scale=1.0)
    for window in (1, 2, 7, SYMBOLS_AT_ONCE, 65, 1000, 65_536):
        controls = Controls(repeat_penalty=penalty, repeat_window=window)
        sampler, twin = Sampler(net, seeds=[1, 2, 3], controls=controls), Twin(net, [1, 2, 3])
        for size, count in ((5, 1), (0, 30), (90, 40), (1, 75)):
            prime = np.random.default_rng(size).integers(0, 12, size)
            sampler.read(prime)
            if size:
                twin.read(np.repeat(prime[:, np.newaxis], 3, axis=1))
            twin.hold(sampler.draw(count), controls)


def test_controls_may_change_between_two_characters():
    """New ones hold from the next character on, for what was written before them too."""
    net = opinionated("rnn", 12, layers=1, scale=1.0)
    plain = Controls(repeat_window=40)
    sampler, twin = Sampler(net, seeds=[4, 5], controls=plain), Twin(net, [4, 5])
    sampler.read([3, 1, 4])
    twin.read([[3, 3], [1, 1], [4, 4]])
    twin.hold(sampler.draw(30), plain)
    for values in (
        {"repeat_penalty": 30.0},
        {"repeat_penalty": 0.1, "repeat_window": 11},
        {"repeat_penalty": 30.0, "repeat_window": 3, "temperature": 2.0},
        {"repeat_penalty": 1.0, "repeat_window": 3, "top_k": 2},
        {"repeat_penalty": 5.0, "repeat_window": 2},
    ):
        sampler.controls = Controls(**({"repeat_window": 40} | values))
        assert sampler.controls == Controls(**({"repeat_window": 40} | values))
        twin.hold(sampler.draw(17), sampler.controls)


def test_a_wider_window_begins_with_what_the_narrower_one_held():
    """What has left the window is forgotten, and does not come back with a wider one; a fork knows what was held."""
    net = opinionated("rnn", 12, layers=1, scale=1.0)
    text = [0, 1, 2, 3, 4, 5, 6, 7]
    for forked in (False, True):
        sampler, twin = Sampler(net, controls=Controls(repeat_window=4)), Twin(net, [0])
        sampler.read(text)
        twin.read([[symbol] for symbol in text])
        twin.written = [text[-4:]]
        if forked:
            sampler = sampler.fork([0])
        sampler.controls = Controls(repeat_penalty=100.0, repeat_window=8)
        twin.hold(sampler.draw(20), sampler.controls)


@pytest.mark.parametrize("prime", [1, 70])
def test_controls_that_change_nothing_change_no_bit(prime):
    """Each control's neutral value, and all together, leave the text and its losses as they are."""
    net = opinionated(hidden=33)
    symbols = np.random.default_rng(1).integers(0, 9, prime)
    plain = taken(net, symbols, 300, seeds=[7, 8])
    neutral = {"repeat_penalty": 1.0, "repeat_window": 3, "temperature": 1.0, "top_k": 9, "min_p": 0.0, "top_p": 1.0}
    for values in (neutral, {"top_k": 10}, {"top_k": 2**31 - 1}, *({name: value} for name, value in neutral.items())):
        assert same(taken(net, symbols, 300, seeds=[7, 8], controls=Controls(**values)), plain)


@pytest.mark.parametrize("controls", [Controls(), TOGETHER, Controls(temperature=0.0, repeat_penalty=9.0)], ids=str)
def test_reading_in_pieces_is_reading_in_one_go(controls):
    """However a text is cut before it is read, the same bits are drawn after it; nothing read is nothing changed."""
    net = opinionated("lstm", hidden=33)
    text = np.random.default_rng(2).integers(0, 9, 200)
    whole = taken(net, text, 100, seeds=[1, 2], controls=controls)
    for ends in (range(201), (0, 1, 64, 128, 200), (0, 63, 65, 65, 199, 200), (0, 0, 130, 200, 200)):
        sampler = Sampler(net, seeds=[1, 2], controls=controls)
        for begin, end in pairwise(ends):
            sampler.read(text[begin:end])
        assert same(sampler.draw(100), whole)


def test_drawing_in_blocks_is_drawing_in_one_go():
    """However many are drawn at once, the same bits are; what is drawn is as if it had been read."""
    net = opinionated("gru", hidden=33)
    whole = taken(net, [1, 2], 200, seeds=[1, 2], controls=TOGETHER)
    sampler = Sampler(net, seeds=[1, 2], controls=TOGETHER)
    sampler.read([1, 2])
    parts = [sampler.draw(count) for count in (1, 0, 61, 1, 1, 64, 72)]
    assert (np.concatenate([part.symbols for part in parts]) == whole.symbols).all()
    assert (np.concatenate([part.nats for part in parts]) == whole.nats).all()
    follower = Sampler(net, seeds=[9, 0], controls=TOGETHER)
    follower.read([1, 2, *whole.symbols[:, 0]])
    assert same(follower.draw(50), sampler.fork([9, 0]).draw(50))


@pytest.mark.parametrize("size", [1, 63, 64, 65, 128])
@pytest.mark.parametrize("streams", [1, 3])
def test_a_fork_is_a_sampler_that_read_the_same(size, streams):
    """Its streams draw what fresh samplers with their seeds would, and the one it is taken from goes on undisturbed."""
    net = opinionated(hidden=33)
    text = np.random.default_rng(size).integers(0, 9, size)
    origin = Sampler(net, seeds=range(streams), controls=TOGETHER)
    origin.read(text)
    expected = taken(net, text, 90, seeds=[5, 6, 5], controls=TOGETHER)
    with Team(2) as team:
        assert same(origin.fork([5, 6, 5], team).draw(90), expected)
    assert same(origin.fork([5, 6, 5]).fork([5, 6, 5]).draw(90), expected)
    assert (expected.symbols[:, 0] == expected.symbols[:, 2]).all()
    assert same(origin.draw(90), taken(net, text, 90, seeds=range(streams), controls=TOGETHER))


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("controls", [Controls(temperature=0.0), Controls(temperature=0.9), TOGETHER], ids=str)
def test_a_stream_does_not_depend_on_others_or_on_threads(cell, controls):
    """A seed draws the same symbols beside any others, for any number of threads."""
    net = opinionated(cell, hidden=33)
    prime = np.random.default_rng(1).integers(0, 9, 70)
    many = taken(net, prime, 150, seeds=range(65), controls=controls)
    assert many.symbols.dtype == np.int32
    assert many.nats.dtype == np.float32
    for threads in (1, 2, 3):
        with Team(threads) as team:
            for streams in (1, 2, 3, 64, 65):
                seeds = range(65 - streams, 65)
                got = taken(net, prime, 150, seeds=seeds, controls=controls, team=team)
                assert (got.symbols == many.symbols[:, seeds]).all()
                assert (got.nats == many.nats[:, seeds]).all()
    if controls.temperature:
        assert len({tuple(column) for column in many.symbols.T}) == 65


def test_hot_samples_are_finite_work():
    """At the highest temperature, nearly each character is drawn by its chance alone, as often as any other."""
    chances = np.random.default_rng([2, 0]).random(300)
    ours = taken(opinionated(), [1], 300, seeds=[2], controls=Controls(temperature=HOTTEST))
    assert (ours.symbols[:, 0] == (chances * 9).astype(int)).mean() > 0.98


def test_the_first_block_is_one_symbol():
    """Nobody waits for the first character as long as for many; later blocks grow while they take no time."""
    sampler = Sampler(opinionated(), seeds=[0, 1], block_seconds=60.0)
    sampler.read([1])
    blocks = list(islice(sampler.blocks(), 5))
    assert [block.symbols.shape for block in blocks] == [(1, 2), (2, 2), (4, 2), (8, 2), (16, 2)]
    assert (
        np.concatenate([block.symbols for block in blocks]) == taken(opinionated(), [1], 31, seeds=[0, 1]).symbols
    ).all()
    sampler.block_seconds = 0.0
    assert [len(block.symbols) for block in islice(sampler.blocks(), 4)] == [1, 1, 1, 1]


def test_a_seed_repeats_a_sample():
    """The same seed draws the same characters, another one others."""
    one, repeated, other = (taken(opinionated(), [3], 60, seeds=[seed]) for seed in (1, 1, 2**63 - 1))
    assert same(one, repeated)
    assert not same(one, other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, np.nan) for name in ("layer0.U_i", "layer0.W_f", "layer1.U_g", "layer1.b_o", "output.V", "output.c")),
        *((name, np.inf) for name in ("output.V", "output.c")),
    ],
)
def test_a_model_that_predicts_no_numbers_says_so(name, value):
    """There is an error in one sentence, for one stream or many, on one thread or two."""
    net = opinionated()
    net.weights.named[name][...] = value
    net.pack()
    with pytest.raises(CharrnnError, match="not finite"):
        taken(net, [1, 2], 10)
    with Team(2) as team, pytest.raises(CharrnnError, match="not finite"):
        taken(net, [1, 2], 10, seeds=range(3), team=team, controls=Controls(temperature=0.0))


def test_predictions_that_become_no_numbers_later_say_so():
    """Symbols are drawn until the predictions are no numbers, and then there is an error."""
    net = opinionated(symbols=3)
    net.weights.named["output.c"][...] = [0.0, 0.0, 1.0]
    for gate in "ifog":  # once symbol 2 was read there is no telling what comes next
        net.weights.named[f"layer0.U_{gate}"][2] = np.nan
    net.pack()
    with Team(2) as team:
        for members, seeds in ((None, range(4)), (team, range(4)), (team, range(3, -1, -1)), (team, [5, 6])):
            sampler = Sampler(net, seeds=seeds, team=members)
            sampler.read([0])
            read = np.zeros(len(seeds), np.int32)
            while not (read == 2).any():  # in any stream, whoever draws it
                read = sampler.draw(1).symbols[0]
            with pytest.raises(CharrnnError, match="not finite"):
                sampler.draw(1)
            with pytest.raises(CharrnnError, match="not finite"):
                taken(net, [0], 1000, seeds=seeds, team=members)


def test_streams_that_are_not_a_threads_own_are_left_alone():
    """A part draws for its streams, past the window's end, and touches nothing of the others."""
    net = opinionated(hidden=16)
    sampler = Sampler(net, seeds=range(4), controls=TOGETHER)
    sampler.read([1, 2, 3])
    rest = [0, 3]
    window, recent = sampler._reader.window, sampler._recent
    window.states[:, :, :, rest] = np.random.default_rng(1).random(window.states[:, :, :, rest].shape)
    drawn = Drawn(np.full((100, 4), -1, np.int32), np.full((100, 4), -1, np.float32))

    def others():
        held = window.states[:, :, :, rest], window.logits[:, rest], window.ids[:, rest], sampler._weights[rest]
        last = recent.penalties[rest], recent.counts[rest], recent.ring[:, rest], recent.oldest[rest]
        return [array.tobytes() for array in (*held, *last, drawn.symbols[:, rest], drawn.nats[:, rest])]

    before = others()
    chances = np.random.default_rng(0).random((100, 4))
    work = Drawing(drawing_controls(TOGETHER), recent, sampler._weights, chances, drawn)
    slot = net.sample(window, work, 3, 1, 3)
    assert slot == (3 + 100) % window.seq_length
    assert others() == before
    assert (drawn.symbols[:, 1:3] >= 0).all()


# Statistics: drawn texts, and not chances of our own


def chi_square(counts, p):
    """Return Pearson's Σ (observed − expected)² / expected and its degrees of freedom; what cannot be must not be."""
    assert not counts[p == 0].any()
    expected = counts.sum() * p[p > 0]
    return ((counts[p > 0] - expected) ** 2 / expected).sum(), len(expected) - 1


def bound(freedom):
    """Return what chi-square exceeds once in a million times (Wilson & Hilferty 1931)."""
    return freedom * (1 - 2 / (9 * freedom) + 4.753 * math.sqrt(2 / (9 * freedom))) ** 3


@pytest.mark.parametrize("controls", [Controls(), *ALONE, TOGETHER], ids=str)
def test_drawn_characters_are_distributed_as_stated(controls):
    """What thousands of streams draw after the same text: chi-square tells it from any other control's distribution."""
    net = opinionated("lstm", 9, 8, 1, scale=1.0, seed=9)
    net.weights.named["output.c"][...] = np.arange(9) * 0.3
    context = [1, 5, 2, 2, 8, 0, 6]
    origin = Sampler(net, controls=controls)
    origin.read(context)
    first, second = origin.fork(range(4000)).draw(2).symbols
    parameters, state = twin_of(net)
    for after, drawn in (([], first), ([7], second[first == 7]), ([8], second[first == 8])):
        text = context + after
        logits, _, _ = naive.forward("lstm", parameters, np.array(text)[:, np.newaxis], state)
        counts = np.bincount(drawn, minlength=9)
        value, freedom = chi_square(counts, next(shares(logits[-1, 0], text, controls, 0.0)))
        assert value < bound(freedom)
        for other in {Controls(), *ALONE, TOGETHER} - {controls}:
            p = next(shares(logits[-1, 0], text, other, 0.0))
            assert counts[p == 0].any() or chi_square(counts, p)[0] > bound(8)


@pytest.mark.parametrize("controls", [Controls(), *ALONE, TOGETHER], ids=str)
def test_pairs_in_a_long_text_are_distributed_as_stated(controls):
    """After each character of a long text of a network that sees no further back: what follows has its distribution."""
    controls = replace(controls, repeat_window=1)
    net = opinionated("rnn", 7, 10, 1, scale=3.0)
    net.weights.named["layer0.W"][...] = 0.0
    net.pack()
    text = np.concatenate([[0], taken(net, [0], 30_000, seeds=[3], controls=controls).symbols[:, 0]])
    counts = np.zeros((7, 7), np.int64)
    np.add.at(counts, (text[:-1], text[1:]), 1)
    parameters, state = twin_of(net)
    total = freedoms = 0.0
    for symbol in np.flatnonzero(counts.sum(axis=1) > 500):
        logits, _, _ = naive.forward("rnn", parameters, np.array([[symbol]]), state)
        value, freedom = chi_square(counts[symbol], next(shares(logits[-1, 0], [symbol], controls, 0.0)))
        assert freedom == 0 or value < bound(freedom)
        total, freedoms = total + value, freedoms + freedom
    assert 0 < total < bound(freedoms)


def test_an_empty_prime_is_the_end_of_a_line():
    """Where there is no prime a sample begins as after a line's end, or as a document does, if the model knows such."""
    assert Vocabulary.of("ab\n").start_symbol == 0
    assert Vocabulary.of("\tab\n").start_symbol == 1
    assert Vocabulary.of("xyz").start_symbol == 0
    assert Vocabulary.of_bytes().start_symbol == 10
    assert Vocabulary("\nab", separator="\n\n").start_symbol == 3
    assert Vocabulary("", byte_level=True, separator="\n").start_symbol == 256


def test_nothing_is_drawn_before_anything_is_read():
    """There is no prediction yet, and a number that is no symbol's is not read."""
    sampler = Sampler(opinionated())
    with pytest.raises(ValueError, match="nothing has been read"):
        sampler.draw(1)
    symbols = sampler.network.architecture.vocabulary
    for wrong in ([-1], [symbols], [0, symbols + 1]):
        with pytest.raises(ValueError, match="numbered from 0 to"):
            sampler.read(wrong)


def test_the_hottest_temperature_still_knows_the_likeliest():
    """However hot, cuts keep the likeliest symbols and no others."""
    for cut in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-3}):
        one = drawing([0.0, 1.0, 1.001], Controls(temperature=HOTTEST, **cut))
        assert {one(chance)[0] for chance in (0.0, 0.5, ALMOST_1)} == {2}
