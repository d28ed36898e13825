"""Learning from a pipe as it comes: what is learnt, saved and resumed, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.scoring import score
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.online import OnlineTrainer
from charrnn.training.pace import Pace
from charrnn.training.progress import OnlineState
from charrnn.training.settings import Settings
from tests.helpers.runs import state_of

SMALL = Settings(cell="lstm", hidden=9, gradient="rtrl", online=True, batch_size=1, seq_length=8, dropout=0.0, lr=0.01)


def symbols(count, *, seed=0):
    """Make up a text of few symbols with something to learn, as numbers."""
    rng = np.random.default_rng(seed)
    words = [b"the cat ", b"a dog ", b"was full.\n", b"were out.\n"]
    text = b"".join(words[k] for k in rng.integers(0, len(words), count))[:count]
    return np.frombuffer(text, np.uint8)


def heard(learner, ids, *, rest=True):
    """Feed all symbols and learn from them; return the records."""
    learner.feed(ids)
    records = []
    while (record := learner.learn()) is not None:
        records.append(record)
    if rest and (record := learner.learn(rest=True)) is not None:
        records.append(record)
    return records


def test_each_symbol_is_predicted_once_before_it_is_learnt():
    """Over text shorter than an update's, the loss is that of the first weights, from the zero state on."""
    ids = symbols(60)
    with Team(1) as team:
        learner = OnlineTrainer(replace(SMALL, seq_length=100), Vocabulary.of_bytes(), team)
        network = Network(learner.architecture, learner.checkpoint().parameters)
        expected = score(network, ids, team).nats_per_char
        (record,) = heard(learner, ids)
    assert record.characters == 59
    assert record.mean == pytest.approx(expected, rel=1e-5)
    assert record.recent == record.mean


def test_the_rest_is_learnt_from_as_an_update_of_its_length():
    """Symbols too few for an update leave weights, moments and what is carried on with the bits of one so short."""
    ids = symbols(6)
    runs = []
    with Team(1) as team:
        for length in (5, 8):
            learner = OnlineTrainer(replace(SMALL, seq_length=length), Vocabulary.of_bytes(), team)
            heard(learner, ids)
            runs.append(state_of(learner))
    assert runs[0] == runs[1]


def test_what_is_learnt_does_not_depend_on_when_it_comes():
    """Fed one by one, in pieces of any size or at once, with 1, 2 or 3 threads: the same bits; and it learns."""
    ids = symbols(4801)
    runs = []
    for threads, cuts in ((1, []), (2, range(1, 4801, 7)), (3, [5, 6, 700, 1999])):
        with Team(threads) as team:
            learner = OnlineTrainer(replace(SMALL, cell="gru"), Vocabulary.of_bytes(), team)
            records = []
            for piece in np.split(ids, cuts):
                records += heard(learner, piece, rest=False)
            assert learner.waiting == 0
            assert records[-1].recent < 0.5 * records[-1].mean < 0.5 * np.log(256)
            runs.append(state_of(learner))
    assert runs[0] == runs[1] == runs[2]


def test_a_resumed_run_equals_one_that_never_stopped(tmp_path):
    """Saved at an update, loaded, and fed with what comes next, a run has the same bits as one that was fed all."""
    ids = symbols(1601)
    with Team(2) as team:
        whole = OnlineTrainer(SMALL, Vocabulary.of_bytes(), team)
        heard(whole, ids)
        learner = OnlineTrainer(SMALL, Vocabulary.of_bytes(), team)
        for piece in np.split(ids, [9, 801]):
            heard(learner, piece)
            save(tmp_path / "model.npz", learner.checkpoint())
            learner = OnlineTrainer.resumed(load(tmp_path / "model.npz", resume=True), team)
    assert state_of(learner) == state_of(whole)


def test_a_loss_that_runs_away_is_mended_by_safe_weights_and_half_the_rate():
    """Weights that are no good are replaced by those of some time ago; if that helps never, the run gives up."""
    with Team(1) as team:
        learner = OnlineTrainer(SMALL, Vocabulary.of_bytes(), team)
        heard(learner, symbols(8 * 1000 + 1))
        safe = learner.network.weights.flat.copy()
        heard(learner, symbols(80))
        learner.network.weights.flat[:] *= 1e20
        learner.network.pack()
        learner.feed(symbols(512))
        while not learner.learn().rolled_back:
            pass
        assert np.array_equal(learner.network.weights.flat, safe)
        assert learner.state.rate_scale == 0.5
        assert learner.is_finite()
        after = heard(learner, symbols(800, seed=1))
        assert not any(record.rolled_back for record in after)
        assert after[-1].learning_rate == SMALL.lr / 2
        heard(learner, symbols(8 * 2000, seed=2))
        assert learner.state.rate_scale == 1.0  # it recovers where all goes well
        learner.network.weights.flat[5] = np.nan
        assert not learner.is_finite()
        learner.mend()
        assert learner.is_finite()
        learner._safe.flat[:] = np.nan
        learner.network.weights.flat[:] = np.nan
        learner.network.pack()
        with pytest.raises(CharrnnError, match=r"diverged 6 times, .*; try --lr"):
            heard(learner, symbols(800))


def test_rollbacks_do_not_depend_on_when_symbols_come(tmp_path):
    """Nor on a stop in between: they are at places of the text, and the weights to go back to are in the file."""
    pace = Pace(hopeless=0.9, judged=60, safe_every=20, most_rollbacks=1000)  # so strict that many means diverge
    ids = np.concatenate([symbols(900), symbols(900, seed=1)[::-1], symbols(900)])
    ends = []
    for cuts, stop in (([], None), (range(1, 2700, 7), None), (range(50, 2700, 50), None), ([], 1000), ([333], 1801)):
        with Team(1) as team:
            learner = OnlineTrainer(replace(SMALL, seq_length=4), Vocabulary.of_bytes(), team, pace=pace)
            backs = 0
            for part in (ids[:stop], ids[stop:]) if stop else (ids,):
                for piece in np.split(part, [cut for cut in cuts if cut < part.size]):
                    backs += sum(record.rolled_back for record in heard(learner, piece, rest=False))
                if stop and part.size == stop:
                    pending = learner._pending
                    save(tmp_path / "model.npz", learner.checkpoint())
                    learner = OnlineTrainer.resumed(load(tmp_path / "model.npz", resume=True), team, pace)
                    learner._pending = pending
            ends.append((state_of(learner), learner.state.loss_sum))
            assert backs > 3
            assert learner.state.loss_count == learner.state.characters  # the losses of what was rolled back count
    assert all(end == ends[0] for end in ends)


@pytest.mark.parametrize(
    "change",
    [
        {"step": -1},
        {"characters": 1.5},
        {"last": 256},
        {"last": True},
        {"seconds": 1e301},
        {"recent": "x"},
        {"moments_begin": 9},
        {"more": 0},
    ],
    ids=str,
)
def test_a_state_that_no_run_has_is_refused(change):
    """What a file says of where its run stands is not believed."""
    with Team(1) as team:
        checkpoint = OnlineTrainer(SMALL, Vocabulary.of_bytes(), team).checkpoint()
        checkpoint.resume.progress |= change
        with pytest.raises(CharrnnError, match="does not fit its settings"):
            OnlineTrainer.resumed(checkpoint, team)
    with pytest.raises((TypeError, ValueError)):
        OnlineState.of(checkpoint.resume.progress, 256)


@pytest.mark.parametrize(
    "change", [{"epochs": 1.0}, {"gradient": "bptt"}, {"batch_size": 2}, {"dropout": 0.1}], ids=str
)
def test_settings_that_make_no_online_run_are_refused(change):
    """An online run has no end, one stream, no dropout, and learns in real time."""
    with pytest.raises(CharrnnError, match="online"):
        replace(SMALL, **change)


def test_an_influence_that_is_missing_or_of_another_shape_is_refused():
    """A file of an online run without one, or with one of two streams, is not resumed."""
    with Team(1) as team:
        checkpoint = OnlineTrainer(SMALL, Vocabulary.of_bytes(), team).checkpoint()
        for values in (None, np.zeros((2, *checkpoint.resume.influence.shape[1:]), np.float32)):
            checkpoint.resume.influence = values
            with pytest.raises(CharrnnError, match="does not fit its settings"):
                OnlineTrainer.resumed(checkpoint, team)
