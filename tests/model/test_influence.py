"""Real-time recurrent learning against its naive twin, and against going back through the whole text at once."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.cells.real_time import REAL_TIME_CELLS
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Plan, Windows
from charrnn.model import influence as influence_module
from charrnn.model.influence import Influence
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.training.optimizer import Optimizer
from charrnn.training.rules import UpdateOptions
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import hostile, naive
from tests.helpers.runs import resumed_run, state_of
from tests.helpers.texts import corpus_of, rhyme

KINDS = [*((cell, None) for cell in REAL_TIME_CELLS), ("rnn", "relu"), ("rnn", "sigmoid")]
SMALL = Settings(
    hidden=10, gradient="rtrl", seq_length=6, batch_size=3, epochs=2.0, lr=0.01, dropout=0.0, val_fraction=0.1
)


class Case:
    """A network with random parameters and carried states, learning in real time or not."""

    def __init__(self, kind, vocabulary, hidden, batch, capacity, *, threads=1, learns=True, seed=0):
        cell, activation = kind
        self.architecture = Architecture(cell, vocabulary, hidden, activation=activation)
        rng = np.random.default_rng([seed, hidden, batch])
        parameters = initialize(self.architecture, seed)
        for values in parameters.values():
            values += (0.2 * rng.standard_normal(values.shape)).astype(np.float32)
        self.influence = Influence(self.architecture, batch, capacity, threads) if learns else None
        self.network = Network(self.architecture, parameters)
        self.gradient = self.network.prepare_training(threads, self.influence)
        self.window = Window(self.architecture, batch, capacity, training=True)
        self.batch, self.capacity, self.threads = batch, capacity, threads
        states = self.architecture.row.states
        self.carried = (0.5 * rng.standard_normal((1, len(states), batch, hidden))).astype(np.float32)
        self.window.assign_carried(self.carried)
        self.parameters = {name: values.astype(np.float64) for name, values in parameters.items()}
        self.state = [{name: self.carried[0, k].astype(np.float64) for k, name in enumerate(states)}]

    def learn(self, ids, targets, *, counted=None, anew=None, whole=None):
        """Do a step of training at no rate, on one window [T, B]; return its gradient by name."""
        optimizer = Optimizer(UpdateOptions("sgd"), self.network.weights, self.gradient)
        steps = len(ids)
        inputs = np.zeros((1, self.capacity, self.batch), np.int32)
        outputs = np.full_like(inputs, -1)
        inputs[0, :steps], outputs[0, :steps] = ids, targets
        windows = Windows(inputs, outputs, np.array([steps]))
        plan = Plan(
            np.array([1.0 / (counted or (targets >= 0).sum())]),
            np.zeros(1),
            np.ones(1),
            1.0,
            np.zeros((1, 0), np.int32),
            self.network.softmax_sample(),
            np.zeros((1, self.batch), np.bool_) if anew is None else np.array([anew]),
            np.array([self.batch if whole is None else whole]),
            np.zeros(1),
            np.zeros(1),
            np.zeros((1, 0, 0), np.float32),
            np.zeros((1, 0, 0, 0), np.float32),
        )
        with Team(self.threads) as team:
            self.network.train(team, self.window, optimizer.arguments, windows, plan)
        return {name: view.copy() for name, view in optimizer.moments[0].named.items()}  # at first it is the gradient

    def texts(self, steps, *, seed=1):
        """Return random inputs and targets [T, B], some of them not counted."""
        rng = np.random.default_rng([seed, steps, self.batch])
        ids, targets = rng.integers(0, self.architecture.vocabulary, (2, steps, self.batch)).astype(np.int32)
        targets[rng.random(targets.shape) < 0.1] = -1
        targets[-1, -1] = 0
        return ids, targets

    def by_name(self):
        """Return the influence as the twin does: of each parameter [B, S, …]."""
        carried, begin, named = self.influence.carried(), 0, {}
        for name, shape in self.architecture.parameter_shapes().items():
            if not name.startswith("output."):
                size = int(np.prod(shape))
                named[name] = carried[:, :, begin : begin + size].reshape(*carried.shape[:2], *shape)
                begin += size
        assert begin == carried.shape[2]
        return named


def assert_close(ours, twin):
    """Hold float32 results to those of float64, or of another order of sums: a few roundings of the largest entry."""
    assert ours.keys() == twin.keys()
    for name, values in ours.items():
        scale = max(np.abs(twin[name]).max(), 1e-3)
        np.testing.assert_allclose(values, twin[name], rtol=2e-5, atol=4e-6 * scale + 1e-8, err_msg=name)


def assert_same(ours, theirs):
    """Hold two runs to the same bits."""
    assert all(np.array_equal(values, theirs[name]) for name, values in ours.items())


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(("hidden", "batch", "lengths"), [(3, 3, (2, 3)), (17, 1, (2, 1))])
def test_gradient_and_influence_equal_the_naive_twin(kind, hidden, batch, lengths):
    """Over two windows from a non-zero state, gradients and influences are the twin's, which goes step by step."""
    case = Case(kind, 4, hidden, batch, 4)
    options = {"activation": kind[1]} if kind[1] else {}
    state, influence = case.state, None
    for steps in lengths:
        ids, targets = case.texts(steps)
        gradient = case.learn(ids, targets)
        expected, state, influence = naive.rtrl(kind[0], case.parameters, ids, targets, state, influence, **options)
        assert_close(gradient, expected)
        assert_close(case.by_name(), influence)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    ("vocabulary", "hidden", "batch", "lengths"),
    [(5, 1, 3, (1, 1, 1)), (70, 50, 1, (2, 7)), (9, 16, 3, (1, 1, 5)), (300, 24, 2, (4, 4, 4))],
)
def test_windows_make_no_difference(kind, vocabulary, hidden, batch, lengths):
    """Cut in windows, the gradient of a text is that of going back through all of it; so it is in one window."""
    steps = sum(lengths)
    whole = Case(kind, vocabulary, hidden, batch, steps, learns=False)
    ids, targets = whole.texts(steps)
    counted = (targets >= 0).sum()
    expected = whole.learn(ids, targets, counted=counted)
    at_once = Case(kind, vocabulary, hidden, batch, steps)
    assert_close(at_once.learn(ids, targets, counted=counted), expected)
    cut = Case(kind, vocabulary, hidden, batch, max(lengths))
    total = {name: np.zeros_like(values) for name, values in expected.items()}
    begin = 0
    for length in lengths:
        span = slice(begin, begin + length)
        for name, values in cut.learn(ids[span], targets[span], counted=counted).items():
            total[name] += values
        begin += length
    assert_close(total, expected)
    assert_close(cut.by_name(), at_once.by_name())


@pytest.mark.parametrize("cell", REAL_TIME_CELLS)
def test_going_back_through_short_windows_falls_short(cell):
    """Truncated, the gradient is another: so the tests above would see an influence that is left out."""
    truncated, exact = (Case((cell, None), 5, 8, 2, 2, learns=learns) for learns in (False, True))
    ids, targets = exact.texts(4)
    for span in (slice(0, 2), slice(2, 4)):
        ours, theirs = exact.learn(ids[span], targets[span]), truncated.learn(ids[span], targets[span])
    difference = max(np.abs(ours[name] - theirs[name]).max() for name in ours if name.startswith("layer0."))
    assert difference > 0.01 * max(np.abs(values).max() for values in theirs.values())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_threads_do_not_change_a_bit(kind):
    """Gradients and influences have the same bits with 1, 2 and 3 threads."""
    results = []
    for threads in (1, 2, 3):
        case = Case(kind, 30, 21, 3, 4, threads=threads)
        gradients = [case.learn(*case.texts(4, seed=seed)) for seed in (1, 2)]
        results.append((gradients[1], case.by_name()))
    for other in results[1:]:
        for ours, theirs in zip(results[0], other, strict=True):
            assert_same(ours, theirs)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("gap", [0, 2, 4])
def test_a_document_owes_nothing_to_the_one_before(cell, gap):
    """After the gap between two documents, influence and gradient are as if the text had begun there."""
    case = Case((cell, None), 6, 9, 2, 5)
    case.learn(*case.texts(5))
    ids, targets = case.texts(5, seed=2)
    ids[gap, 0] = targets[gap, 0] = -1
    case.learn(ids, targets)
    begun = Case((cell, None), 6, 9, 2, 5)
    begun.window.assign_carried(np.zeros_like(begun.carried))
    if gap < 4:
        begun.learn(ids[gap + 1 :], targets[gap + 1 :])
    assert_close(
        {name: values[0] for name, values in case.by_name().items()},
        {name: values[0] for name, values in begun.by_name().items()},
    )
    assert gap < 4 or not case.influence.carried()[0].any()
    last = case.texts(3, seed=3)
    case.carried = case.window.carried()
    begun.window.assign_carried(case.carried)
    values = begun.influence.carried()
    values[1] = case.influence.carried()[1]
    begun.influence.assign_carried(values)
    assert_close(begun.learn(*last), case.learn(*last))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_stream_that_begins_anew_owes_nothing_to_its_past(cell):
    """It has the gradient and the influence of a stream whose state and influence are zero; others keep theirs."""
    case, expected = (Case((cell, None), 6, 9, 2, 3) for _ in range(2))
    for each in (case, expected):
        each.learn(*each.texts(3))
    carried, values = expected.window.carried(), expected.influence.carried()
    carried[:, :, 1] = values[1] = 0.0
    expected.window.assign_carried(carried)
    expected.influence.assign_carried(values)
    text = case.texts(3, seed=2)
    assert_same(case.learn(*text, anew=[False, True]), expected.learn(*text))
    assert_same(case.by_name(), expected.by_name())


def test_a_stream_that_ends_a_step_early_keeps_the_influence_of_its_last_step():
    """In an epoch's last window, shorter streams stop before the step at which they have no input."""
    case, expected = (Case(("lstm", None), 6, 9, 2, 3) for _ in range(2))
    ids, targets = case.texts(3)
    ids[2, 1], targets[2, 1] = 0, -1
    case.learn(ids, targets, whole=1)
    expected.learn(ids[:2], targets[:2])
    for name, values in case.by_name().items():
        np.testing.assert_allclose(values[1], expected.by_name()[name][1], rtol=2e-5, atol=1e-7)
        assert not np.allclose(values[0], expected.by_name()[name][0], rtol=1e-3)


@pytest.mark.parametrize(("cell", "hidden"), [("rnn", 5), ("lstm", 18), ("gru", 33)])
def test_the_influence_is_stored_and_read_again(cell, hidden):
    """Without padding, and to the same bits; a shape of another network is refused."""
    case = Case((cell, None), 7, hidden, 2, 3)
    case.learn(*case.texts(3))
    other = Influence(case.architecture, 2, 5, 2)
    values = case.influence.carried()
    assert values.any(axis=(0, 1)).sum() > 40
    other.assign_carried(values)
    assert np.array_equal(other.carried(), values)
    assert other.is_finite()
    other.assign_carried(np.where(values == values.max(), np.nan, values))
    assert not other.is_finite()
    other.begin()
    assert not other.carried().any()
    with pytest.raises(ValueError, match="does not fit the network"):
        other.assign_carried(values[:1])


@pytest.mark.parametrize("separator", ["", "\n"])
@pytest.mark.parametrize(("cell", "dropout"), [("lstm", 0.0), ("gru", 0.3)])
def test_a_resumed_run_equals_one_that_never_stopped(tmp_path, cell, dropout, separator):
    """Stopped, saved, loaded and taken up with another number of threads, a run ends with the same bits."""
    text = corpus_of(rhyme(500), separator)
    settings = replace(SMALL, cell=cell, dropout=dropout)
    with Team(2) as team:
        whole = Trainer(TextData(settings, text), team)
        list(whole.run())
    assert whole.checkpoint().resume.influence.any()
    for stops in ((1,), (7, 26, 30)):
        trainer = None
        for threads, stop in enumerate((*stops, None), start=1):
            with Team(threads) as team:
                trainer = (
                    Trainer(TextData(settings, text), team)
                    if trainer is None
                    else resumed_run(load(tmp_path / "model.npz", resume=True), text, team)
                )
                for record in trainer.run():
                    if stop is not None and record.step >= stop:
                        trainer.stop = True
            save(tmp_path / "model.npz", trainer.checkpoint())
        assert state_of(trainer) == state_of(whole)


def test_an_epoch_hands_each_stream_s_influence_to_the_next(monkeypatch):
    """A stream goes on where the one before it ended: with that one's state, and with that one's influence."""
    handed = []
    right = Influence.next_epoch

    def watched(self):
        before = self.carried()
        right(self)
        handed.append((before, self.carried()))

    monkeypatch.setattr(Influence, "next_epoch", watched)
    with Team(1) as team:
        trainer = Trainer(TextData(SMALL, corpus_of(rhyme(400))), team)
        list(trainer.run())
    ((before, after),) = handed
    assert np.array_equal(after[1:], before[:-1])
    assert not np.array_equal(before[1], before[0])


def test_it_learns_beyond_the_characters_between_two_updates():
    """With an update at every character, what returns after five is learnt; going back one character it is not."""
    rng = np.random.default_rng(0)
    text = corpus_of("".join(f"{c}----{c}\n" for c in rng.choice(list("abcd"), 500)))
    losses = {}
    with Team(1) as team:
        for gradient in ("rtrl", "bptt"):
            settings = replace(SMALL, cell="gru", hidden=12, gradient=gradient, seq_length=1, epochs=3.0, batch_size=1)
            trainer = Trainer(TextData(settings, text), team)
            list(trainer.run())
            losses[gradient] = trainer.best_loss * 7 / np.log(4)  # letters that are guessed, of which a line has two
    assert losses["rtrl"] < 1.3
    assert losses["bptt"] > 1.5


def test_a_run_that_ran_away_begins_with_no_influence():
    """Where the loss is absurd, the run goes back to its best weights, and its influence begins anew."""
    text = corpus_of(rhyme(400))
    with Team(1) as team:
        trainer = Trainer(TextData(replace(SMALL, cell="rnn", patience=0), text), team)
        steps = trainer.run()
        next(steps)
        trainer.network.weights.flat[:] *= 1e20
        trainer.network.pack()
        assert next(record for record in steps if record.rolled_back)
        assert not trainer.learner.influence.carried().any()
        list(steps)
    assert trainer.is_finite()
    assert trainer.finished


def test_an_influence_that_is_no_number_is_not_saved():
    """A run with such a one is not sound, though nothing else tells yet."""
    with Team(1) as team:
        trainer = Trainer(TextData(SMALL, corpus_of(rhyme(400))), team)
        next(trainer.run())
        assert trainer.is_finite()
        values = trainer.learner.influence.carried()
        values[-1, -1, -1] = np.inf
        trainer.learner.influence.assign_carried(values)
        assert not trainer.is_finite()


@pytest.mark.parametrize("change", ["none", "streams", "bptt"])
def test_an_influence_of_another_run_is_refused(change):
    """A file that lacks one, has one of other streams, or has one that no run of its settings has, is not resumed."""
    text = corpus_of(rhyme(400))
    with Team(1) as team:
        checkpoint = Trainer(TextData(SMALL, text), team).checkpoint()
        if change == "none":
            checkpoint.resume.influence = None
        elif change == "streams":
            checkpoint.resume.influence = checkpoint.resume.influence[:2]
        else:
            checkpoint.training["gradient"] = "bptt"
        with pytest.raises(CharrnnError, match="does not fit its settings"):
            resumed_run(checkpoint, text, team)


def test_an_influence_that_nothing_calls_for_is_refused(tmp_path):
    """Of a slim file, or of a network that cannot learn in real time, it is an entry too many."""
    path = tmp_path / "model.npz"
    for cell, slim in (("lstm", True), ("lstm-peephole", False)):
        with zipfile.ZipFile(io.BytesIO(hostile.model(cell, slim=slim))) as good, zipfile.ZipFile(path, "w") as bad:
            for name in good.namelist():
                bad.writestr(name, good.read(name))
            bad.writestr("state/influence.npy", hostile.stored(np.zeros((2, 6, 108), np.float32)))
        with pytest.raises(CharrnnError, match="it has an unexpected entry 'state/influence'"):
            load(path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        *(({"cell": cell}, f"is for the cells .*, not for {cell}$") for cell in CELLS if cell not in REAL_TIME_CELLS),
        ({"layers": 2}, "is for one layer, not for 2"),
        ({"bidirectional": True}, "which a bidirectional network does not"),
        ({"first_state": "learned"}, "states at zero"),
        (
            {"hidden": 512},
            r"lstm with 512 units needs 8\.\d GiB for the influence .*, but only 1\.0 GiB is available; use a sm",
        ),
        ({"hidden": 4096}, "more than a model file can have; use a smaller --hidden"),
        ({"hidden": 128, "seq_length": 10_000}, "needs 13.* GiB"),
    ],
    ids=str,
)
def test_what_cannot_learn_in_real_time_is_refused_in_a_sentence(change, sentence, monkeypatch):
    """Before anything large is made: a cell, depth or direction that it is not for, and too little memory."""
    monkeypatch.setattr(influence_module, "available_bytes", lambda: 1 << 30)
    text = corpus_of("ab" * 20_000)
    settings = replace(SMALL, **{"hidden": 8, "batch_size": 1, **change})
    with Team(1) as team, pytest.raises(CharrnnError, match=sentence):
        Trainer(TextData(settings, text), team)


def test_the_memory_that_there_is_is_known():
    """Linux says it in a file; there is more than 64 MiB wherever tests run."""
    available = influence_module.available_bytes()
    assert available is None or available > 64 << 20
