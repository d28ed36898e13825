"""One draw: against the naive twin of all controls, at its ends, and by its shares."""

import math
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.kernels.arguments import DrawingControls
from charrnn.writing.controls import CONTROLS, HOTTEST, SMALLEST, Controls
from tests import naive
from tests.helpers.drawing import ALMOST_1, ALONE, TOGETHER, drawing, hold_to_twin, shares

TEMPERATURES = (0.0, 1e-30, 1e-3, 0.3, 1.0, 2.5, 1e3)
ENDS = {  # of each control's range
    "repeat_penalty": (1e-6, 1e6),
    "repeat_window": (1, 65_536),
    "temperature": (0.0, SMALLEST, HOTTEST),
    "top_k": (1, 2**31 - 1),
    "min_p": (0.0, SMALLEST, 1.0),
    "top_p": (SMALLEST, 1.0),
}


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


@pytest.mark.parametrize("spread", [0.0, 1e-3, 1.0, 30.0])
def test_draws_at_the_ends_of_all_ranges_are_the_twins(spread):
    """Whatever ends of the controls' ranges come together, what is drawn is the twin's."""
    assert {row.name: ((0.0,) if row.zero else ()) + (row.least, row.most) for row in CONTROLS} == ENDS
    logits = spread * np.random.default_rng(0).standard_normal(18)
    for values in product(*ENDS.values()):
        for recent in ([], [3, 7, 7]):
            controls = Controls(**dict(zip(ENDS, values, strict=True)))
            hold_to_twin(logits, controls, recent[-controls.repeat_window :], 6)


@pytest.mark.parametrize("number", [0.0, -1.0, 5e-324, 1e-310, 1e300, math.nan, math.inf, -math.inf])
def test_no_number_draws_what_is_no_symbol(number):
    """Whatever numbers the kernel is given, what it draws is a symbol, not the padding."""
    neutral = DrawingControls(0.0, 1.0, 2**31 - 1, 0.0, 1.0)
    for wrong in (
        neutral._replace(temperature=number),
        neutral._replace(min_p=number),
        neutral._replace(top_p=number),
        neutral._replace(top_p=number, temperature=0.3),
        *(neutral._replace(top_k=k) for k in (0, -1, -(2**40))),
    ):
        for logits in ([0.0, 1.0, 1.0], [0.0] * 17, [0.0, -np.inf, -300.0]):
            for chance in (0.0, 0.5, ALMOST_1, 1.0, 2.0, -1.0, math.nan):
                assert 0 <= drawing(logits, wrong)(chance)[0] < len(logits)


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
    """Temperature 0 and the lowest above it take the likeliest character, without overflow or a logarithm of zero."""
    logits = np.array([0.0, 80.0, -200.0, 79.9])
    for temperature in (0.0, SMALLEST, 1e-4):
        for chance in (0.0, 0.5, 0.999999):
            assert drawing(logits, Controls(temperature=temperature))(chance)[0] == 1
    for temperature in (0.0, SMALLEST):  # of equals the first; one that is penalised is none
        assert drawing([1.0, 3.0, 3.0], Controls(temperature=temperature))(0.0)[0] == 1
        cold = drawing([1.0, 3.0, 3.0], Controls(temperature=temperature, repeat_penalty=1.01), [1])
        assert {cold(k / 10)[0] for k in range(10)} == {2}
    assert drawing([1.0, 3.0, 3.0], Controls(temperature=0.0))(ALMOST_1)[0] == 1


def test_hot_draws_are_fair():
    """The highest temperature draws every character nearly as often as any other."""
    logits = np.array([0.0, 0.08, -0.2, 0.079])
    one = drawing(logits, Controls(temperature=HOTTEST))
    assert [one((k + 0.5) / 400)[0] for k in range(400)] == [k // 100 for k in range(400)]
    assert one(0.0)[0] == 0
    assert one(0.999999999)[0] == 3


def test_what_has_no_probability_is_never_drawn():
    """A chance of 0 does not draw a first character of probability 0, nor one close to 1 a last one, or the padding."""
    for far in (-100.0, -200.0, -1e30, -np.inf):
        for controls in (Controls(), Controls(top_k=4), Controls(min_p=SMALLEST), Controls(top_p=0.9999)):
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
