"""Drawing characters: the kernel and its controls against the twin, and the sampler."""

import math
from dataclasses import asdict, replace
from itertools import islice, pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Drawing, Drawn
from charrnn.kernels.drawing import draw
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned
from charrnn.model.reader import SYMBOLS_AT_ONCE
from charrnn.model.team import Team
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing import sampler as sampling
from charrnn.writing.controls import CONTROLS, Controls
from charrnn.writing.sampler import Sampler, drawing_controls, first_symbol
from tests import naive
from tests.helpers.networks import opinionated, wide, zero_state
from tests.rows import PLAIN

TEMPERATURES = (0.0, 1e-30, 1e-3, 0.3, 1.0, 2.5, 1e3)
ALMOST_1 = np.nextafter(1.0, 0.0)
TOGETHER = Controls(repeat_penalty=3.0, repeat_window=4, temperature=1.4, top_k=7, min_p=0.02, top_p=0.9)
ALONE = (
    Controls(repeat_penalty=3.0, repeat_window=4),
    Controls(temperature=0.4),
    Controls(temperature=2.0),
    Controls(top_k=3),
    Controls(min_p=0.3),
    Controls(top_p=0.7),
)


def twin_of(net, streams=1):
    """Return its parameters and zero states for the naive twin."""
    return wide(net), zero_state(net.architecture, streams)


def drawing(logits, controls=None, recent=()):
    """Return a function that draws by a chance, and says the loss; `recent` is the window of the last characters."""
    row, penalties = aligned(padded(len(logits))), aligned(padded(len(logits)))  # padded by zeros as a network's are
    row[: len(logits)] = logits
    arguments = drawing_controls(controls or Controls())
    penalties[list(recent)] = np.log(arguments.repeat_penalty)
    room = aligned(row.size)
    room[...] = np.nan  # what is there before does not matter
    return lambda chance: draw(row, room, penalties, len(logits), arguments, float(chance))


def fits(symbol, chance, p, tolerance):
    """Tell whether a chance lies in the share of [0, 1) that a symbol has, and it has one."""
    end = p[: symbol + 1].sum()
    return p[symbol] > 0 and end - p[symbol] - tolerance <= chance <= end + tolerance


def shares(logits, written, controls, tolerance):
    """Yield the twin's distribution, then those for bounds that are a little lower or higher.

    What lies at a bound but for rounding may be kept or not.
    """
    log_p = naive.log_softmax(np.asarray(logits, np.float64))
    for a, b in product((0.0, -tolerance, tolerance), repeat=2):
        near = asdict(controls) | {"min_p": controls.min_p * (1 + a), "top_p": controls.top_p * (1 + b)}
        yield np.exp(naive.controlled(log_p, written, **near))


def hold_to_twin(logits, controls, recent=(), count=20, tolerance=2e-6):
    """Hold draws by evenly spread chances, and by those at the ends of each share, to the twin, and their losses."""
    logits = np.asarray(logits, np.float32).astype(np.float64)
    log_p = naive.log_softmax(logits)
    one = drawing(logits, controls, recent)
    ends = np.cumsum(np.exp(naive.controlled(log_p, list(recent), **asdict(controls))))
    ends = ends[:: max(1, len(ends) // count)]
    chances = [0.0, 1e-300, ALMOST_1, *(np.arange(count) + 0.5) / count, *(ends - 1e-5), *(ends + 1e-5)]
    chances = [chance for chance in chances if 0 <= chance < 1]
    drawn = [one(chance) for chance in chances]
    for symbol, loss in drawn:
        assert loss == pytest.approx(-log_p[symbol], rel=2e-6, abs=2e-6)
    assert any(
        all(fits(symbol, chance, p, tolerance) for (symbol, _), chance in zip(drawn, chances, strict=True))
        for p in shares(logits, list(recent), controls, tolerance)
    )


# The draw


def test_the_twins_controls_worked_out_by_hand():
    """Eight sixteenths, four, two and two: each control leaves of them what its description says."""
    log_p = np.log(np.array([2, 8, 4, 2]) / 16)

    def left(written=(), **changed):
        return np.exp(naive.controlled(log_p, written, **asdict(Controls(**changed)))) * 16

    np.testing.assert_allclose(left(), [2, 8, 4, 2])
    np.testing.assert_allclose(left([1, 3], repeat_penalty=2.0), np.array([2, 4, 4, 1]) * 16 / 11)
    np.testing.assert_allclose(left([1, 3, 3], repeat_penalty=2.0, repeat_window=2), np.array([2, 8, 4, 1]) * 16 / 15)
    np.testing.assert_allclose(left(temperature=0.5), np.array([4, 64, 16, 4]) * 16 / 88)
    np.testing.assert_allclose(left(temperature=0.0), [0, 16, 0, 0])
    np.testing.assert_allclose(left(top_k=3), np.array([2, 8, 4, 0]) * 16 / 14)
    np.testing.assert_allclose(left(min_p=0.3), np.array([0, 8, 4, 0]) * 16 / 12)
    np.testing.assert_allclose(left(top_p=0.7), np.array([0, 8, 4, 0]) * 16 / 12)
    np.testing.assert_allclose(left(top_p=0.8), np.array([2, 8, 4, 0]) * 16 / 14)
    # of what the top three leave, a share of 12/14 are the first two; of all that is, 12/16
    np.testing.assert_allclose(left(top_k=3, top_p=0.85), np.array([0, 8, 4, 0]) * 16 / 12)
    np.testing.assert_allclose(left(top_p=0.85), np.array([2, 8, 4, 0]) * 16 / 14)


@pytest.mark.parametrize("symbols", [1, 2, 16, 17, 65, 300, 5000])
def test_draws_are_the_twins_for_all_controls_together(symbols):
    """Each chance draws the symbol in whose share of [0, 1) it lies, for any choice of controls and of their values."""
    values = {
        "repeat_penalty": (1.0, 1.7, 0.4),
        "temperature": (1.0, 0.6, 2.5),
        "top_k": (None, 3, 40),
        "min_p": (0.0, 0.01, 0.4),
        "top_p": (1.0, 0.5, 0.97),
    }
    rng = np.random.default_rng(symbols)
    tied = rng.integers(-16, 17, symbols) / 8
    spread = 2 * rng.standard_normal(symbols)
    for number, chosen in enumerate(product(*values.values())):
        recent = rng.integers(0, symbols, number % 7)
        controls = Controls(**dict(zip(values, chosen, strict=True)))
        hold_to_twin(tied if number % 2 else spread, controls, recent, 10)


@pytest.mark.parametrize("symbols", [2, 17, 300])
@pytest.mark.parametrize("controls", [Controls(), *ALONE, TOGETHER], ids=str)
def test_evenly_spread_chances_draw_the_exact_shares(controls, symbols):
    """Of so many chances each symbol gets its share, to one; what is removed gets none."""
    logits = np.random.default_rng(3).standard_normal(symbols).astype(np.float32)
    recent, number = [0, 1], 5_000
    one = drawing(logits, controls, recent)
    counts = np.bincount([one((k + 0.5) / number)[0] for k in range(number)], minlength=symbols)
    p = next(shares(logits, recent, controls, 0.0))
    assert np.abs(counts - number * p).max() < 1.01
    assert not counts[p == 0].any()


TIED = st.integers(-16, 16).map(lambda k: k / 8)
FAR = st.sampled_from([-np.inf, -3e38, -1e30, -200.0, -90.0, -84.0, -80.0, 80.0, 83.0, 200.0])


@settings(max_examples=150, deadline=None, database=None)
@given(st.data())
def test_draws_are_the_twins_whatever_the_logits(data):
    """Ties, huge spreads, logits of −∞, all equal: what is drawn and its loss are the twin's."""
    logits = data.draw(
        st.one_of(
            st.lists(TIED, min_size=1, max_size=40),
            st.lists(st.one_of(TIED, FAR), min_size=1, max_size=40).filter(lambda o: max(o) > -1e3),
            st.builds(
                lambda level, size: [level] * size, st.one_of(TIED, FAR.filter(lambda o: o > -1e3)), st.integers(1, 40)
            ),
        )
    )
    symbols = st.integers(0, len(logits) - 1)
    controls = Controls(
        repeat_penalty=data.draw(st.sampled_from([1.0, 1e-6, 0.5, 1.3, 1e6])),
        temperature=data.draw(st.sampled_from(TEMPERATURES)),
        top_k=data.draw(st.one_of(st.none(), st.integers(1, 42))),
        min_p=data.draw(st.sampled_from([0.0, 1e-30, 0.01, 0.3, 1.0])),
        top_p=data.draw(st.sampled_from([1.0, ALMOST_1, 0.999, 0.9, 0.51, 0.1, 1e-30])),
    )
    hold_to_twin(logits, controls, data.draw(st.lists(symbols, max_size=5)))


@pytest.mark.parametrize("equal", [1, 2, 3, 4, 8, 20])
def test_of_equals_the_first_are_kept(equal):
    """Where the last to be kept is as likely as others, it is the first of them, and no more are kept than need be."""
    for below in (0, 5):  # less likely ones, before and between
        logits = np.full(2 * equal + below, -2.0)
        places = np.arange(equal) * 2 + below
        logits[places] = 1.0
        mass = 1 / (1 + math.exp(-3.0) * (logits.size - equal) / equal)
        for keep in range(1, equal + 1):
            enough = max(keep - 0.5, keep * (1 - 1e-6)) / equal * mass  # rounding aside, it is a bound that is reached
            for controls in (Controls(top_k=keep), Controls(top_p=enough), Controls(top_p=(keep - 0.5) / equal * mass)):
                one = drawing(logits, controls)
                assert {one(k / 160)[0] for k in range(160)} == set(places[:keep].tolist())
    halves = drawing([0.0] * 8, Controls(top_p=0.5))
    assert {halves(k / 64)[0] for k in range(64)} == {0, 1, 2, 3}


@pytest.mark.parametrize("shift", [-300.0, 300.0])
def test_a_shift_of_all_logits_changes_nothing(shift):
    """The padding, zeros, may be likelier than all symbols, and is neither drawn nor counted."""
    logits = np.array([0.5, -1.0, 2.0, 0.0, 1.9])
    for controls in (*ALONE, TOGETHER, Controls(top_p=0.99), Controls(top_k=4), Controls(min_p=0.06)):
        hold_to_twin(logits + shift, controls, [2, 4])


@pytest.mark.parametrize("controls", [Controls(top_k=1), Controls(min_p=1.0), Controls(top_p=1e-30)], ids=str)
@pytest.mark.parametrize("recent", [[], [1]])
def test_controls_at_their_ends_keep_one(controls, recent):
    """The likeliest alone is left by K = 1, by a share of all, by next to no mass: as at temperature 0."""
    logits = np.array([0.0, 3.0, 2.5, -200.0])
    for temperature in (1e-30, 1e-3, 0.5, 1.0, 7.0, 1e3):
        ours = replace(controls, temperature=temperature, repeat_penalty=2.0)
        coldest = Controls(temperature=0.0, repeat_penalty=2.0)
        for chance in (0.0, 0.3, ALMOST_1):
            assert drawing(logits, ours, recent)(chance) == drawing(logits, coldest, recent)(chance)
            assert drawing(logits, ours, recent)(chance)[0] == (2 if recent else 1)


def test_the_likeliest_are_all_kept_by_the_largest_share():
    """A min p of 1 keeps all those that are likeliest."""
    one = drawing([1.0, 3.0, 3.0, 2.9, 3.0], Controls(min_p=1.0))
    assert [one(k / 6)[0] for k in range(6)] == [1, 1, 2, 2, 4, 4]


def test_cold_draws_are_exact():
    """Temperature 0 and a tiny one take the likeliest character, without overflow or a logarithm of zero."""
    logits = np.array([0.0, 80.0, -200.0, 79.9])
    for temperature in (0.0, 5e-324, 1e-300, 1e-30, 1e-4):
        for chance in (0.0, 0.5, 0.999999):
            assert drawing(logits, Controls(temperature=temperature))(chance)[0] == 1
    for temperature in (0.0, 1e-30):  # of equals the first; one that is penalised is none
        assert drawing([1.0, 3.0, 3.0], Controls(temperature=temperature))(0.0)[0] == 1
        cold = drawing([1.0, 3.0, 3.0], Controls(temperature=temperature, repeat_penalty=1.01), [1])
        assert {cold(k / 10)[0] for k in range(10)} == {2}
    assert drawing([1.0, 3.0, 3.0], Controls(temperature=0.0))(ALMOST_1)[0] == 1


def test_hot_draws_are_fair():
    """A huge temperature draws every character as often as any other."""
    logits = np.array([0.0, 80.0, -200.0, 79.9])
    for temperature in (1e30, 1e308):
        one = drawing(logits, Controls(temperature=temperature))
        assert [one((k + 0.5) / 400)[0] for k in range(400)] == [k // 100 for k in range(400)]
        assert one(0.0)[0] == 0
        assert one(0.999999999)[0] == 3


def test_what_has_no_probability_is_never_drawn():
    """A chance of 0 does not draw a first character of probability 0, nor one close to 1 a last one, or the padding."""
    for far in (-100.0, -200.0, -1e30, -np.inf):
        for controls in (Controls(), Controls(top_k=4), Controls(min_p=1e-45), Controls(top_p=0.9999)):
            one = drawing([far, 1.0, far, 0.0, far], controls)
            assert {one(chance)[0] for chance in (0.0, 1e-300, 1e-17)} == {1}
            assert {one(chance)[0] for chance in (0.99, 1 - 1e-16)} == {3}
            assert {one(chance / 1000)[0] for chance in range(1000)} == {1, 3}


@pytest.mark.parametrize("controls", [Controls(), *ALONE, TOGETHER, *map(Controls, [1.0, 1.5], [64] * 2, [0.0] * 2)])
def test_predictions_that_are_no_numbers_draw_nothing(controls):
    """Where a logit is not a number, or the largest not finite, there is no symbol, but −1."""
    for logits in (
        [np.nan] * 3,
        [np.inf, 0.0, 1.0],
        [0.0, 1.0, np.inf],
        [-np.inf] * 3,
        [np.nan, 1.0, 2.0],
        [0.0, np.nan, 1.0],
    ):
        for chance in (0.0, 0.5, ALMOST_1):
            assert drawing(logits, controls, [1])(chance)[0] == -1


# The controls' values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"repeat_penalty": 0.0}, "the repeat penalty must be a number, at least 1e-06 and at most 1000000, not 0"),
        (
            {"repeat_penalty": 2e6},
            "the repeat penalty must be a number, at least 1e-06 and at most 1000000, not 2000000",
        ),
        ({"repeat_window": 0}, "the repeat window must be a whole number, at least 1 and at most 65536, not 0"),
        ({"repeat_window": 1.5}, "the repeat window must be a whole number, at least 1 and at most 65536, not 1.5"),
        (
            {"repeat_window": 65_537},
            "the repeat window must be a whole number, at least 1 and at most 65536, not 65537",
        ),
        ({"temperature": -0.1}, "the temperature must be a number, at least 0, not -0.1"),
        ({"temperature": math.inf}, "the temperature must be a number, at least 0, not inf"),
        ({"temperature": math.nan}, "the temperature must be a number, at least 0, not nan"),
        ({"top_k": 0}, "the top k must be a whole number, at least 1 and at most 2147483647, not 0"),
        ({"top_k": math.inf}, "the top k must be a whole number, at least 1 and at most 2147483647, not inf"),
        ({"min_p": -1e-9}, "the min p must be a number, at least 0 and at most 1, not -1e-09"),
        ({"min_p": 1.5}, "the min p must be a number, at least 0 and at most 1, not 1.5"),
        ({"top_p": 0.0}, "the top p must be a number, more than 0 and at most 1, not 0"),
        ({"top_p": -math.inf}, "the top p must be a number, more than 0 and at most 1, not -inf"),
    ],
)
def test_a_value_out_of_range_is_refused(values, said):
    """One sentence names the control, what it may be, and what it is."""
    with pytest.raises(CharrnnError) as caught:
        Controls(**values)
    assert str(caught.value) == said


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_values_at_the_ends_of_a_range_will_do(control):
    """What a row of the table allows can be drawn with."""
    least = 1e-300 if control.least_is_open else control.least
    most = 1e308 if math.isinf(control.most) else control.most
    for value in (least, most):
        controls = Controls(**{control.name: int(value) if control.whole else value})
        hold_to_twin([0.0, 1.0, -1.0], controls, [1])
        sampler = Sampler(opinionated(layers=1), controls=controls)
        sampler.read([1, 2, 3])
        assert np.isfinite(sampler.draw(10).nats).all()


# The sampler


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
    for temperature in (1e-300, 1e-30):
        assert same(taken(net, prime, 200, controls=Controls(temperature=temperature)), ours)
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
    for window in (1, 2, 7, SYMBOLS_AT_ONCE, 65, 1000):
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
    """However high the temperature, each character is drawn by its chance alone, each as often as any other."""
    chances = np.random.default_rng([2, 0]).random(300)
    for temperature in (1e30, 1e308):
        ours = taken(opinionated(), [1], 300, seeds=[2], controls=Controls(temperature=temperature))
        assert ours.symbols[:, 0].tolist() == (chances * 9).astype(int).tolist()


def test_the_first_block_is_one_symbol(monkeypatch):
    """Nobody waits for the first character as long as for many; later blocks grow while they take no time."""
    sampler = Sampler(opinionated(), seeds=[0, 1])
    sampler.read([1])
    monkeypatch.setattr(sampling, "BLOCK_SECONDS", 60.0)
    blocks = list(islice(sampler.blocks(), 5))
    assert [block.symbols.shape for block in blocks] == [(1, 2), (2, 2), (4, 2), (8, 2), (16, 2)]
    assert (
        np.concatenate([block.symbols for block in blocks]) == taken(opinionated(), [1], 31, seeds=[0, 1]).symbols
    ).all()
    monkeypatch.setattr(sampling, "BLOCK_SECONDS", 0.0)
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
    with pytest.raises(CharrnnError, match="no numbers"):
        taken(net, [1, 2], 10)
    with Team(2) as team, pytest.raises(CharrnnError, match="no numbers"):
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
            with pytest.raises(CharrnnError, match="no numbers"):
                sampler.draw(1)
            with pytest.raises(CharrnnError, match="no numbers"):
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
    net = opinionated("lstm", 9, 8, 1, scale=1.0)
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
    assert first_symbol(Vocabulary.of("ab\n")) == 0
    assert first_symbol(Vocabulary.of("\tab\n")) == 1
    assert first_symbol(Vocabulary.of("xyz")) == 0
    assert first_symbol(Vocabulary.of_bytes()) == 10
    assert first_symbol(Vocabulary("\nab", separator="\n\n")) == 3
    assert first_symbol(Vocabulary("", byte_level=True, separator="\n")) == 256


def test_nothing_is_drawn_before_anything_is_read():
    """There is no prediction yet, and a number that is no symbol's is not read."""
    sampler = Sampler(opinionated())
    with pytest.raises(ValueError, match="nothing has been read"):
        sampler.draw(1)
    symbols = sampler.network.architecture.vocabulary
    for wrong in ([-1], [symbols], [0, symbols + 1]):
        with pytest.raises(ValueError, match="no symbol"):
            sampler.read(wrong)


def test_the_hottest_temperature_still_knows_the_likeliest():
    """However hot, cuts keep the likeliest symbols and no others."""
    for temperature in (1e4, 1e5, 1e300):
        for cut in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-3}):
            one = drawing([0.0, 1.0, 2.0], Controls(temperature=temperature, **cut))
            assert {one(chance)[0] for chance in (0.0, 0.5, ALMOST_1)} == {2}
