"""What a network that learns has in one place: steps, what is saved of it, and beginning anew."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.kernels.arguments import Windows
from charrnn.model.team import Team
from charrnn.training.learner import Learner
from charrnn.training.pace import Pace
from charrnn.training.progress import OnlineState, State
from charrnn.training.rules import OPTIMIZERS
from charrnn.training.settings import Settings
from tests.rows import PLAIN

V = 5
SETTINGS = Settings(
    hidden=6, layers=2, seq_length=4, batch_size=3, epochs=1.0, dropout=0.0, first_state="learned", seed=1
)
IN_REAL_TIME = replace(SETTINGS, layers=1, first_state="zero", gradient="rtrl")


def learner_of(settings, team):
    """Make one for a vocabulary of V."""
    learner = Learner.of(settings, settings.architecture(V), team)
    learner.begin(None, settings)
    return learner


def test_the_first_weights_are_those_of_the_settings():
    """How W starts, and the scale of all; given weights are as they are."""
    settings = replace(SETTINGS, recurrent_start="identity", start_scale=0.5)
    with Team(1) as team:
        learner = learner_of(settings, team)
        weights = learner.network.weights.named
        assert (weights["layer0.W_i"] == np.float32(0.5) * np.eye(6)).all()
        assert not weights["layer0.b_i"].any()
        other = learner_of(settings, team)
        plain = learner_of(SETTINGS, team).network.weights.named
        other.begin({name: values.copy() for name, values in plain.items()}, settings)
        assert all((other.network.weights.named[name] == values).all() for name, values in plain.items())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_random_first_state_is_not_learned(optimizer):
    """Steps start from it, as the weights show, but leave it as it was drawn; its moments stay zero."""
    weights = []
    for first_state in ("zero", "random"):
        settings = replace(SETTINGS, first_state=first_state, optimizer=optimizer)
        with Team(2) as team:
            learner = learner_of(settings, team)
            before = {name: values.copy() for name, values in learner.network.weights.named.items()}
            fresh = np.ones((4, 3), np.bool_)
            learner.advance(windows_of(4), np.full(4, 0.01), fresh=fresh)
            assert learner.is_finite()
            named = learner.network.weights.named
            kept = {name for name in named if named[name].tobytes() == before[name].tobytes()}
            assert kept == {f"layer{k}.{s}0" for k in (0, 1) for s in "hc" if first_state == "random"}
            assert not any(moment.named[name].any() for moment in learner.optimizer.moments for name in kept)
            weights.append(named["layer0.W_f"].copy())
    assert not np.array_equal(*weights)


def windows_of(count, settings=SETTINGS, seed=0):
    """Draw windows of text."""
    text = np.random.default_rng(seed).integers(0, V, (2, count, settings.seq_length, settings.batch_size))
    return Windows(*text.astype(np.int32), np.full(count, settings.seq_length))


def teach(learner, count, updates=0):
    """Take some steps, on windows that follow from how many came before."""
    fresh = np.zeros((count, learner.window.batch_size), np.bool_)
    return learner.advance(windows_of(count, seed=updates), np.full(count, 0.01), fresh=fresh, updates=updates)


def bits_of(learner):
    """Return all that is saved, as bytes."""
    resume = learner.snapshot({})
    arrays = [resume.weights, *resume.moments, resume.carried]
    return [array.tobytes() for array in [*arrays, *([] if resume.influence is None else [resume.influence])]]


def test_no_steps_change_nothing():
    """They compile all that is needed."""
    with Team(2) as team:
        learner = learner_of(SETTINGS, team)
        before = bits_of(learner)
        learner.compile()
        assert bits_of(learner) == before


@pytest.mark.parametrize("settings", [*(replace(SETTINGS, cell=cell) for cell in PLAIN), IN_REAL_TIME], ids=str)
def test_a_snapshot_is_all_that_is_needed_to_go_on(settings):
    """One that is restored goes on to the same bits; what is learnt after a snapshot does not change it."""
    with Team(2) as team:
        learner, other = learner_of(settings, team), learner_of(replace(settings, seed=7), team)
        teach(learner, 3)
        resume = learner.snapshot({"step": 3})
        for _ in range(2):
            other.restore(resume)
            first, second = teach(learner, 2, updates=3), teach(other, 2, updates=3)
            assert bits_of(learner) == bits_of(other)
            assert (first.loss, first.grad_norm) == (second.loss, second.grad_norm)
            learner.restore(resume)
        assert resume.progress == {"step": 3}


@pytest.mark.parametrize(
    "other",
    [
        replace(SETTINGS, hidden=7),
        replace(SETTINGS, batch_size=2),
        replace(SETTINGS, optimizer="sgd"),
        IN_REAL_TIME,
    ],
    ids=["hidden", "batch", "optimizer", "rtrl"],
)
def test_a_snapshot_of_another_learner_is_refused(other):
    """One of another network, optimizer or way of learning raises ValueError."""
    with Team(1) as team:
        learner, resume = learner_of(SETTINGS, team), learner_of(other, team).snapshot({})
        with pytest.raises(ValueError, match=r"."):
            learner.restore(resume)


@pytest.mark.parametrize("settings", [SETTINGS, IN_REAL_TIME], ids=["bptt", "rtrl"])
def test_starting_over_leaves_nothing_of_what_was(settings):
    """Where every number was NaN, a learner that starts over from weights is as one that begins with them."""
    with Team(1) as team:
        learner, new = learner_of(settings, team), learner_of(settings, team)
        weights = learner.network.weights.flat.copy()
        teach(learner, 2)
        for moment in learner.optimizer.moments:
            moment.flat[:] = np.nan
        for array in (learner.network.weights.flat, learner.gradient.flat, *learner.window.buffers):
            array[...] = np.nan
        learner.start_over(weights)
        new.start_over(weights)
        assert bits_of(learner) == bits_of(new)
        assert learner.is_finite()
        teach(learner, 2)
        teach(new, 2)
        assert bits_of(learner) == bits_of(new)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_noticed(value):
    """Among the weights, the moments and what is carried; not in what the next step writes anew."""
    with Team(1) as team:
        learner = learner_of(SETTINGS, team)
        for values in (
            learner.network.weights.named["output.c"],
            learner.optimizer.moments[1].named["layer1.W_i"],
            learner.window.states[1, 1, 0],
        ):
            assert learner.is_finite()
            before, values[2] = values[2].copy(), value
            assert not learner.is_finite()
            values[2] = before
        learner.window.z[:] = value
        assert learner.is_finite()


def judged(losses, predictions, cuts=(), **limits):
    """Let a state judge steps in pieces; return the step at which it diverged, or None."""
    state, begin = State(), 0
    for end in (*cuts, len(losses)):
        at = state.judge(losses[begin:end], predictions[begin:end], **{"hopeless": 5.0, "least": 10, **limits})
        if at is not None:
            return begin + at
        begin = end
    return None


def test_what_diverged():
    """A mean over enough predictions that is hopeless, or a loss that is not finite, at once."""
    assert judged([4.9] * 30, [1] * 30) is None
    assert judged([5.0] * 30, [1] * 30) == 9
    assert judged([0.1] * 10 + [9.0] * 10, [1] * 20) == 19
    assert judged([0.1, 0.1, np.nan], [4] * 3) == 2
    assert judged([0.1, np.inf], [4] * 2) == 1
    assert judged([1000.0], [9]) is None  # too few to be judged
    assert judged([50.0], [10]) == 0


def test_one_surprise_is_no_divergence():
    """A rare character may cost much more than blind guessing; a window can consist of it."""
    assert judged(([0.01] * 299 + [40.0]) * 5, [1] * 1500, least=100) is None


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4, 17), range(1, 40)])
def test_what_is_judged_together_does_not_depend_on_chunks(cuts):
    """The same step is found, however the steps are cut."""
    losses = [0.1] * 25 + [7.0] * 15
    assert judged(losses, [1] * 40, cuts) == 39
    assert judged(losses, [3] * 40, cuts, least=7, hopeless=2.0) == judged(losses, [3] * 40, least=7, hopeless=2.0)


def test_a_chunk_takes_the_time_that_it_should():
    """It grows fourfold at most, shrinks at once, and is one step at least."""
    pace = Pace(chunk_seconds=0.1)
    assert pace.next_chunk(5, 5, 0.01) == 20
    assert pace.next_chunk(5, 5, 0.05) == 10
    assert pace.next_chunk(100, 50, 0.1) == 50
    assert pace.next_chunk(8, 8, 100.0) == 1
    assert pace.next_chunk(1, 1, 0.0) == 4


@pytest.mark.parametrize("state", [State(step=9, rate_scale=0.5), OnlineState(step=9, rate_scale=0.5)], ids=str)
def test_rolling_back_halves_the_rate_and_gives_up_in_the_end(state):
    """All kinds of runs do so alike."""
    assert state.count_rollback(0.8, 1) == 0.8 / 4
    assert (state.moments_begin, state.rollbacks, state.rate_scale) == (9, 1, 0.25)
    state.recover()
    assert state.rate_scale == 0.5
    state.recover()  # what was halved for other reasons stays
    assert state.rate_scale == 0.5
    state.rate_scale, state.halvings = 0.25, 1
    with pytest.raises(Exception, match=r"the loss diverged 2 times, although .* each time; try --lr 0\.01$"):
        state.count_rollback(0.8, 1)
