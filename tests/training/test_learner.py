"""What a network that learns has in one place: steps, what is saved of it, and beginning anew."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.kernels.arguments import Windows
from charrnn.model.team import Team
from charrnn.training.learner import Learner
from charrnn.training.pace import Pace
from charrnn.training.progress import OnlineState, State
from charrnn.training.settings import Settings
from tests.rows import PLAIN

V = 5
SETTINGS = Settings(hidden=6, layers=2, seq_length=4, batch_size=3, epochs=1.0, dropout=0.0, learned_state=True, seed=1)
IN_REAL_TIME = replace(SETTINGS, layers=1, learned_state=False, gradient="rtrl")


def learner_of(settings, team):
    """Make one for a vocabulary of V."""
    return Learner.of(settings, settings.architecture(V), team)


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


def test_what_ran_away():
    """A hopeless mean loss of one step, or one that is NaN, or a norm that is not finite."""
    with Team(1) as team:
        done = teach(learner_of(SETTINGS, team), 3)
    limit = Pace(hopeless=10.0).hopeless_loss(V)
    assert limit == pytest.approx(10 * np.log(V))
    assert not done.ran_away(limit)
    assert done.predictions.tolist() == [12, 12, 12]
    worst = (done.losses / done.predictions).max()
    assert done.ran_away(worst)
    assert not done.ran_away(np.nextafter(worst, np.inf))
    for losses, norms in (([1.0, np.nan, 1.0], [1.0] * 3), ([1.0] * 3, [1.0, 1.0, np.inf])):
        assert replace(done, losses=np.array(losses), norms=np.array(norms)).ran_away(limit)


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
    with pytest.raises(Exception, match=r"the loss diverged 2 times, although .* each time; try --lr 0\.01$"):
        state.count_rollback(0.8, 1)
