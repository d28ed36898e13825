"""A run that was stopped, in whatever way, and taken up again ends on the same bytes as one that never stopped."""

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.team import Team
from charrnn.training.rules import OPTIMIZERS
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.model_files import assert_same_file
from tests.helpers.runs import INTERVAL, OFTEN, resumed_run
from tests.helpers.texts import corpus_of, rhyme
from tests.rows import NAMES, PLAIN, ROWS, fitted, settings_of

SMALL = Settings(hidden=8, seq_length=8, batch_size=5, epochs=3.0, lr=0.02, dropout=0.0, seed=3, patience=0)
STEADY = replace(OFTEN, halve_after=10**9)  # with a rate that does not fall where validation does not improve
STEPS = 34  # of an epoch of `rhyme` with these settings, and a tenth held out


class Run:
    """A run at the level of the library, in sessions: each is ended somewhere, saved, and loaded by the next one."""

    def __init__(self, path, text, settings, weights=None, pace=OFTEN):
        self.path, self.text, self.settings, self.weights, self.pace = path, text, settings, weights, pace

    def session(self, threads=1, *, until=lambda record: False, chunk=1e9, settings=None):
        """Begin or go on, until something holds of a record; return the trainer that was saved, and its records."""
        pace = replace(self.pace, chunk_seconds=chunk)  # 0: a step at a time
        records = []
        with Team(threads) as team:
            if self.path.exists():
                trainer = resumed_run(load(self.path, resume=True), self.text, team, settings, pace)
            else:
                trainer = Trainer(TextData(settings or self.settings, self.text, pace), team, self.weights)
            for record in trainer.run():
                records.append(record)
                if until(record):
                    trainer.stop = True
            save(self.path, trainer.checkpoint())
        return trainer, records

    def at(self, step, **options):
        """Begin or go on up to a step, one by one."""
        return self.session(until=lambda record: record.step >= step, chunk=0.0, **options)


def interrupt_at_random(run, choose, sessions):
    """Go through so many sessions, each with threads, lengths of chunks and an end that are drawn; then to the end."""
    done = 0
    for _ in range(sessions):
        stop = done + choose.randint(1, 25)
        threads, chunk = choose.randint(1, 3), choose.choice((0.0, 0.0, 1e-3, 1e9))
        trainer, _ = run.session(threads, until=lambda record, stop=stop: record.step >= stop, chunk=chunk)
        done = trainer.state.step
    trainer, _ = run.session(choose.randint(1, 3))
    assert trainer.finished


def vary(choose, cell, optimizer):
    """Draw the settings of a run that may be of any kind."""
    rate = {"sgd": 0.1, "adagrad": 0.05}.get(optimizer, 0.01)
    embedding = choose.choice((0, 0, 5))
    return replace(
        SMALL,
        cell=cell,
        optimizer=optimizer,
        lr=rate * choose.choice((0.5, 1.0)),
        layers=choose.choice((1, 1, 2, 3)),
        embedding=embedding,
        input_dropout=choose.choice((0.0, 0.2)),
        noise=choose.choice((0.0, 0.1)) if embedding else 0.0,
        first_state=choose.choice(("zero", "zero", "learned", "random")),
        recurrent_start=choose.choice((None, None, "identity", "random")),
        start_scale=choose.choice((1.0, 1.0, 0.5)),
        sampled_softmax=choose.choice((0, 0, 6)),
        dropout=choose.choice((0.0, 0.3)),
        epochs=choose.choice((2.0, 2.3, 3.0)),
        schedule=choose.choice(("cosine", "exponential", "constant")),
        warmup=choose.choice((0.0, 0.01, 0.4)),
        clip_value=choose.choice((0.0, 0.1)),
        val_fraction=choose.choice((0.0, 0.1, 0.1)),
        patience=choose.choice((0, 0, 3)),
        seed=choose.randrange(1000),
    )


KINDS = [*itertools.product(PLAIN, OPTIMIZERS)]


def begin_somehow(choose, folder, cell, optimizer):
    """Draw a run, on a text or on documents, from new or from given weights: as it is in two folders."""
    settings = vary(choose, cell, optimizer)
    text = corpus_of(rhyme(), choose.choice(("", "", "\n")))
    weights = None
    if choose.random() < 0.3:
        with Team(1) as team:
            weights = Trainer(TextData(replace(settings, seed=99), text), team).checkpoint().parameters
    return [Run(folder / name, text, settings, weights) for name in ("whole.npz", "model.npz")]


@pytest.mark.parametrize(("cell", "optimizer"), KINDS)
def test_any_interruption_leads_to_the_same_bytes(tmp_path, cell, optimizer):
    """Whatever is trained, and wherever it is stopped, with any number of threads: the file is the same in the end."""
    choose = random.Random(f"{cell} {optimizer}")
    whole, run = begin_somehow(choose, tmp_path, cell, optimizer)
    whole.session(choose.randint(1, 3))
    interrupt_at_random(run, choose, 3)
    assert_same_file(run.path, whole.path)


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_every_cell_goes_on_to_the_same_bytes(tmp_path, cell, options):
    """Every row of the table, two layers and a learned first state: stopped twice, with 1, 2 and 3 threads."""
    settings = replace(
        SMALL, cell=cell, layers=2, dropout=0.3, first_state="learned", **settings_of(fitted(8, options))
    )
    text = corpus_of(rhyme())
    whole, run = (Run(tmp_path / name, text, settings) for name in ("whole.npz", "model.npz"))
    whole.session()
    run.at(13, threads=2)
    run.at(47)
    run.session(3)
    assert_same_file(run.path, whole.path)
    if "periods" in options:
        with np.load(run.path) as file:
            assert set(np.unique(file["state/carried"][:, 1])) <= {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(("cell", "optimizer"), KINDS)
def test_many_interruptions_lead_to_the_same_bytes(tmp_path, cell, optimizer, seed):
    """The same, for many more kinds of runs and interruptions."""
    choose = random.Random(f"{cell} {optimizer} {seed}")
    whole, run = begin_somehow(choose, tmp_path, cell, optimizer)
    whole.session(choose.randint(1, 3), chunk=choose.choice((0.0, 1e-3)))
    interrupt_at_random(run, choose, choose.randint(1, 8))
    assert_same_file(run.path, whole.path)


@pytest.mark.parametrize("separator", ["", "\n"])
def test_every_step_is_one_to_stop_at(tmp_path, separator):
    """Stopped after every single step: in the warm-up, before, at and after validations and ends of epochs."""
    settings = replace(SMALL, dropout=0.2, warmup=0.2, layers=2, epochs=1.1)
    text = corpus_of(rhyme(), separator)
    whole = Run(tmp_path / "whole.npz", text, settings)
    trainer, _ = whole.session()
    assert trainer.steps.per_epoch % trainer.steps.validation_interval
    run = Run(tmp_path / "model.npz", text, settings)
    for step in range(1, trainer.steps.total + 1):
        run.at(step)
    assert_same_file(run.path, whole.path)


def poison_after(monkeypatch, step):
    """Let a weight be no number after a step, once in a run: the step before a rollback."""
    original = Trainer.advance

    def poisoned(trainer, steps):
        done = original(trainer, steps)
        soon = step <= trainer.state.step <= (step // INTERVAL + 1) * INTERVAL  # the rate has not recovered by then
        if soon and not trainer.state.rollbacks and trainer.state.rate_scale == 1.0:
            trainer.network.weights.named["output.V"][0, 0] = np.nan
            trainer.network.pack()
        return done

    monkeypatch.setattr(Trainer, "advance", poisoned)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("fraction", [0.0, 0.1])
@pytest.mark.parametrize("step", [3, INTERVAL + 4])
def test_a_run_that_goes_back_does_so_after_an_interruption_too(tmp_path, monkeypatch, given, fraction, step):
    """Before the first validation, too, a run goes back to where it began, or to the weights that it was given."""
    # With a rate that falls it would not be known who has gone back already.
    text, settings = corpus_of(rhyme()), replace(SMALL, val_fraction=fraction, epochs=1.5, lr=0.005)
    weights = None
    if given:
        with Team(1) as team:
            weights = Trainer(TextData(replace(settings, seed=99), text), team).checkpoint().parameters
    poison_after(monkeypatch, step)
    whole = Run(tmp_path / "whole.npz", text, settings, weights, STEADY)
    _, records = whole.session()
    assert sum(record.rolled_back for record in records) == 1
    run = Run(tmp_path / "model.npz", text, settings, weights, STEADY)
    run.at(step - 1)
    _, records = run.session(until=lambda record: record.rolled_back, chunk=0.0)  # right after it has gone back
    assert records[-1].rolled_back
    run.at(step + 3)
    run.session(2)
    assert_same_file(run.path, whole.path)


def test_the_loss_of_a_history_is_that_since_the_last_validation():
    """It is the mean over all that was predicted between two validations, however it was told on the way."""
    text, histories = corpus_of(rhyme()), []
    with Team(1) as team:
        for chunk in (0.0, 1e9):
            trainer = Trainer(TextData(SMALL, text, replace(OFTEN, chunk_seconds=chunk)), team)
            records = list(trainer.run())
            histories.append([entry["loss"] for entry in trainer.history])
            if not chunk:
                steps = [record.loss for record in records]
    assert histories[0] == histories[1]
    ends = [*range(INTERVAL, len(steps), INTERVAL), len(steps)]
    means = [np.mean(steps[end - INTERVAL : end]) for end in ends[:-1]]
    np.testing.assert_allclose(histories[0][:-1], means, rtol=0.02)  # not all steps predict as much
    assert len(histories[0]) == len(ends)
    assert len({entry["loss"] for entry in trainer.history}) == len(ends)


def test_a_file_of_an_older_version_goes_on(tmp_path):
    """Where the state does not say what later versions count, a run goes on all the same."""
    run = Run(tmp_path / "model.npz", corpus_of(rhyme()), SMALL)
    run.at(25)
    old = load(run.path, resume=True)
    for name in ("loss_sum", "loss_count", "given", "ended", "end_loss"):
        del old.resume.progress[name]
    save(run.path, old)
    trainer, _ = run.session()
    assert trainer.over


@pytest.mark.parametrize(
    "change",
    [
        {"loss_sum": None},
        {"loss_sum": 10**400},
        {"loss_count": -1},
        {"loss_count": 1.5},
        {"given": 1},
        {"ended": "yes"},
        {"end_loss": [1.0]},
        {"end_loss": 10**400},
        {"best_step": 10**6},
        {"seconds": 10**400},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused(tmp_path, change):
    """One sentence says that the state is not one of such a run."""
    run = Run(tmp_path / "model.npz", corpus_of(rhyme()), SMALL)
    run.at(5)
    checkpoint = load(run.path, resume=True)
    checkpoint.resume.progress |= change
    with Team(1) as team, pytest.raises(CharrnnError, match="the state of the run does not fit"):
        resumed_run(checkpoint, run.text, team)


# Longer than it was to be


FOREVER = replace(SMALL, schedule="constant", warmup=0.0, lr=0.05, epochs=3.0)


def test_an_extended_run_is_the_longer_one(tmp_path):
    """At a constant rate, a run that ended anywhere and goes on ends on the bytes of one that was to be so long."""
    whole = Run(tmp_path / "whole.npz", corpus_of(rhyme()), FOREVER)
    whole.session()
    ends = set()
    for steps in (4, 20, 37, 63, 99):
        run = Run(tmp_path / f"{steps}.npz", whole.text, replace(FOREVER, epochs=steps / STEPS))
        trainer, records = run.session(2)
        assert trainer.over
        assert records[-1].step == steps
        assert trainer.history[-1]["step"] == steps
        ends.add((steps % INTERVAL == 0, trainer.state.last_is_best))
        assert trainer.best_loss == min(entry["val_loss"] for entry in trainer.history)
        assert (trainer.best_step == steps) == (trainer.best_loss == trainer.history[-1]["val_loss"])
        for longer in ((steps + 2) / STEPS, FOREVER.epochs):
            known = Settings.of(load(run.path).training)
            trainer, _ = run.session(settings=replace(known, epochs=longer))
            assert trainer.over
        assert_same_file(run.path, whole.path)
    assert ends == {(True, False), (False, False), (False, True)}


def test_the_model_of_an_end_between_validations_is_the_best_there(tmp_path):
    """The model is the last weights where they are better than those of all validations, and the best ones if not."""
    for steps in (25, 46):
        run = Run(tmp_path / f"{steps}.npz", corpus_of(rhyme()), replace(FOREVER, epochs=steps / STEPS))
        trainer, _ = run.session()
        with Team(1) as team:
            again = Trainer(TextData(FOREVER, run.text, OFTEN), team, load(run.path).parameters)
            assert again.validate() == min(entry["val_loss"] for entry in trainer.history) == trainer.best_loss


def test_an_extended_run_goes_back_as_the_longer_one(tmp_path, monkeypatch):
    """What was best at the old end is not what an extended run goes back to."""
    poison_after(monkeypatch, 28)
    whole = Run(tmp_path / "whole.npz", corpus_of(rhyme()), FOREVER, pace=STEADY)
    whole.session()
    run = Run(tmp_path / "model.npz", whole.text, replace(FOREVER, epochs=25 / STEPS), pace=STEADY)
    run.session()
    run.session(settings=FOREVER)
    assert_same_file(run.path, whole.path)


def test_the_rate_of_an_extended_run_is_that_of_the_longer_one(tmp_path):
    """The schedule is laid anew over all epochs, from where the run is; also where it is extended before its end."""
    cosine = replace(SMALL, epochs=4.0, warmup=0.1)
    _, records = Run(tmp_path / "whole.npz", corpus_of(rhyme()), cosine, pace=STEADY).session(chunk=0.0)
    rates = {record.step: record.learning_rate for record in records}
    for name, epochs, stop in (("a", 1.0, 34), ("b", 2.0, 50), ("c", 9.0, 50)):
        shorter = replace(cosine, epochs=epochs)
        run = Run(tmp_path / f"{name}.npz", corpus_of(rhyme()), shorter, pace=STEADY)
        run.at(stop)
        _, records = run.session(settings=cosine, chunk=0.0)
        assert [record.step for record in records] == list(range(stop + 1, 4 * STEPS + 1))
        assert all(record.learning_rate == rates[record.step] for record in records)
