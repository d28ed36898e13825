"""A run that was stopped, in whatever way, and taken up again ends on the same bytes as one that never stopped."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from charrnn.cli.train_run import Store, stopping
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.team import Team
from charrnn.training import progress
from charrnn.training.rules import OPTIMIZERS
from charrnn.training.settings import Settings
from charrnn.training.trainer import Trainer
from tests.helpers.commands import TINY
from tests.helpers.model_files import assert_same_file
from tests.helpers.processes import PATIENCE
from tests.helpers.runs import INTERVAL, OFTEN
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
                trainer = Trainer.resumed(load(self.path, resume=True), self.text, team, settings, pace)
            else:
                trainer = Trainer(settings or self.settings, self.text, team, self.weights, pace)
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
    return replace(
        SMALL,
        cell=cell,
        optimizer=optimizer,
        lr=rate * choose.choice((0.5, 1.0)),
        layers=choose.choice((1, 1, 2, 3)),
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
            weights = Trainer(replace(settings, seed=99), text, team).checkpoint().parameters
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
    settings = replace(SMALL, cell=cell, layers=2, dropout=0.3, learned_state=True, **settings_of(fitted(8, options)))
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
    assert trainer.streams.windows % trainer.steps.validation_interval
    run = Run(tmp_path / "model.npz", text, settings)
    for step in range(1, trainer.steps.total + 1):
        run.at(step)
    assert_same_file(run.path, whole.path)


def poison_after(monkeypatch, step):
    """Let a weight be no number after a step, once in a run: the step before a rollback."""
    original = Trainer.advance

    def poisoned(trainer, steps):
        done = original(trainer, steps)
        if trainer.state.step >= step and not trainer.state.rollbacks and trainer.state.rate_scale == 1.0:
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
            weights = Trainer(replace(settings, seed=99), text, team).checkpoint().parameters
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
            trainer = Trainer(SMALL, text, team, pace=replace(OFTEN, chunk_seconds=chunk))
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
        Trainer.resumed(checkpoint, run.text, team)


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
            again = Trainer(FOREVER, run.text, team, load(run.path).parameters, OFTEN)
            assert again.state.best_loss == min(entry["val_loss"] for entry in trainer.history) == trainer.best_loss


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


@pytest.mark.usefixtures("validate_often")
def test_a_run_in_epochs_is_paused_by_time(folder, run):
    """With --epochs, --time ends a session and not the run; resumed, paused again and resumed, it is the same file."""
    options = ("corpus.txt", *TINY, "--epochs", 15, "--patience", 0)
    assert run("train", *options, "-o", "whole.npz", "--quiet").code == 0
    steps = [0]
    for begin in (options, ("--resume", "model.npz", "--threads", 2), ("--resume", "model.npz")):
        result = run("train", *begin, "--time", "0.001s")
        assert result.code == 0
        assert result.err.splitlines()[-1].endswith("go on with: charrnn train --resume model.npz")
        paused = load("model.npz", resume=True)
        assert (paused.training["epochs"], paused.training["seconds"]) == (15, None)
        steps.append(paused.resume.progress["step"])
    assert sorted(set(steps)) == steps
    result = run("train", "--resume", "model.npz", "--time", "500s")
    assert (result.code, "go on with" in result.err) == (0, False)
    assert_same_file("model.npz", "whole.npz")


@pytest.mark.usefixtures("validate_often")
def test_more_epochs_on_the_command_line(folder, run):
    """A run with more --epochs is the longer run; with no more than it has had, a sentence says so."""
    options = ("corpus.txt", *TINY, "--schedule", "constant", "--warmup", 0, "--quiet")
    assert run("train", *options, "--epochs", 3, "-o", "whole.npz").code == 0
    assert run("train", *options, "--epochs", 1).code == 0
    before = Path("model.npz").read_bytes()
    for epochs in (0.5, 1):
        result = run("train", "--resume", "model.npz", "--epochs", epochs)
        assert result.code == 1
        assert "has had 1 epochs of training already; --epochs with a larger value" in result.err
    result = run("train", "--resume", "model.npz", "--time", "5s")
    assert (result.code, "is complete; --epochs with" in result.err) == (1, True)
    assert Path("model.npz").read_bytes() == before
    assert run("train", "--resume", "model.npz", "--epochs", 3, "--time", "500s", "--quiet").code == 0
    assert_same_file("model.npz", "whole.npz")


@pytest.mark.usefixtures("validate_often")
def test_more_time_for_a_run_in_time(folder, run):
    """Where a run is measured in time, --time with --resume is its new total."""
    assert run("train", "corpus.txt", *TINY, "--time", "0.1s", "--quiet").code == 0
    result = run("train", "--resume", "model.npz", "--time", "0.05s")
    assert (result.code, "of training already; --time with a larger value" in result.err) == (1, True)
    assert run("train", "--resume", "model.npz", "--time", "0.2s", "--quiet").code == 0
    trained = load("model.npz", resume=True)
    assert trained.training["seconds"] == 0.2
    assert 0.2 <= trained.resume.progress["seconds"] < 100.0


@pytest.mark.usefixtures("validate_often")
def test_waiting_for_a_better_validation_is_not_begun_anew(folder, run):
    """Patience is part of the run: who resumes it with --epochs does not wait longer than the longer run would."""
    options = ("corpus.txt", *TINY, "--schedule", "constant", "--warmup", 0, "--lr", 0.1, "--quiet", "--patience", 2)
    assert run("train", *options, "--epochs", 60, "-o", "whole.npz").code == 0
    waited = load("whole.npz", resume=True).resume.progress
    assert waited["waited"] == 2
    windows = waited["step"] / load("whole.npz").history[-1]["epoch"]
    assert run("train", *options, "--epochs", (waited["step"] - 1) / windows).code == 0
    assert load("model.npz", resume=True).resume.progress["waited"] == 1
    assert run("train", "--resume", "model.npz", "--epochs", 60, "--quiet").code == 0
    assert_same_file("model.npz", "whole.npz")


def test_a_validation_is_saved_where_that_costs_little(monkeypatch, tmp_path):
    """Not where less than twenty times what the last save took has passed, or little; --save-every counts anyway."""
    clock, took = [100.0], [0.0]

    class Told:
        """A trainer that has nothing to tell."""

        def is_finite(self):
            """Say that all is well."""
            return finite

        def checkpoint(self):
            """Let time pass."""
            clock[0] += took[0]

    finite = True
    monkeypatch.setattr("charrnn.model.model_file.save", lambda path, checkpoint: None)
    store = Store(Told(), "model.npz", 60.0, clock=lambda: clock[0])
    step = progress.Progress(1, 0.1, 1.0, 0.1, 1.0, 0.1, 1.0, 1.0)
    validation = replace(step, val_loss=1.0)
    assert store.is_due(validation)
    assert not store.is_due(step)
    for cost, rest in ((0.1, 5.0), (2.0, 40.0)):
        took[0] = cost
        store.save()
        clock[0] += rest - 0.01
        assert not store.is_due(validation)
        clock[0] += 0.02
        assert store.is_due(validation)
        assert not store.is_due(step)
    clock[0] += 60.0
    assert store.is_due(step)
    finite = False
    assert not store.is_due(step)
    assert not store.is_due(validation)


def test_a_save_that_fails_is_not_tried_at_every_validation(monkeypatch):
    """Where the disk is full, only --save-every is a reason to try again; what works once is as before."""
    clock, fails = [100.0], [True]

    def write(path, checkpoint):
        if fails[0]:
            raise CharrnnError("the disk is full")

    trainer = SimpleNamespace(is_finite=lambda: True, checkpoint=lambda: None)
    monkeypatch.setattr("charrnn.model.model_file.save", write)
    store = Store(trainer, "model.npz", 60.0, clock=lambda: clock[0])
    validation = progress.Progress(1, 0.1, 1.0, 0.1, 1.0, 0.1, 1.0, 1.0, val_loss=1.0)
    assert store.is_due(validation)
    with pytest.raises(CharrnnError):
        store.save()
    clock[0] += 59.0
    assert not store.is_due(validation)
    clock[0] += 1.0
    assert store.is_due(validation)
    fails[0] = False
    store.save()
    clock[0] += 6.0
    assert store.is_due(validation)


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_that_comes_twice_still_saves():
    """Only another Ctrl-C some time after the first signal ends a run at once."""
    clock, caught, trainer = [100.0], [], SimpleNamespace(stop=False)
    with stopping(trainer, caught, clock=lambda: clock[0]):
        for name in ("SIGHUP", "SIGHUP", "SIGINT"):
            signal.raise_signal(getattr(signal, name))
        assert trainer.stop
        clock[0] += 1.0
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert caught[0] == signal.SIGHUP


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_signal_before_the_first_step_clears_up(tmp_path):
    """SIGTERM while the text is still coming ends the command, and its lock goes with it."""
    command = [sys.executable, "-m", "charrnn", "train", "-", "--quiet"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        while process.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.02)
        time.sleep(0.2)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert not list(tmp_path.iterdir())


# Whole processes


RUN = ("--hidden", 16, "--epochs", 120, "--patience", 0, "--save-every", "0.05s", "--quiet")
ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "pause")
if os.name != "posix":
    ENDINGS = ("pause",)


class Process:
    """A run in a process of its own, which goes on with its model file where there is one."""

    def __init__(self, model, options, choose):
        self.model, self.options, self.choose = model, options, choose
        self.ended = False  # by itself
        self.interruptions = 0
        self.process = None

    def start(self):
        """Begin, or go on."""
        known = self.model.stat() if self.model.exists() else None
        self.known = known and (known.st_ino, known.st_mtime_ns)
        self.ending = self.choose.choice(ENDINGS)
        begin = ("--resume", self.model) if known else ("corpus.txt", *self.options, "-o", self.model)
        threads = ("--threads", self.choose.randint(1, 2), "--save-every", "0.05s", "--quiet")
        pause = ("--time", f"{self.choose.uniform(0.05, 0.2):.2f}s") if self.ending == "pause" else ()
        command = (sys.executable, "-m", "charrnn", "train", *begin, *threads, *pause)
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE)

    def interrupt(self):
        """End it at some moment after it has saved for the first time."""
        give_up = time.monotonic() + PATIENCE
        while self.ending != "pause" and self.process.poll() is None and time.monotonic() < give_up:
            if self.model.exists():
                found = self.model.stat()
                if (found.st_ino, found.st_mtime_ns) != self.known:
                    time.sleep(self.choose.uniform(0.0, 0.2))
                    self.process.send_signal(getattr(signal, self.ending))
                    break
            time.sleep(0.01)
        _, err = self.process.communicate(timeout=PATIENCE)
        left = load(self.model, resume=True)
        self.ended = bool(left.history) and left.history[-1]["epoch"] >= left.training["epochs"]
        if not self.ended:  # it was not just about to end by itself
            self.interruptions += 1
            number = 0 if self.ending == "pause" else getattr(signal, self.ending)
            code = {"pause": 0, "SIGKILL": -number}.get(self.ending, 128 + number)
            assert (self.process.returncode, err) == (code, b"")

    def clean_up(self):
        """Leave no process behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def interrupted(cases, rounds, folder, run):
    """Interrupt runs, side by side, for so many rounds; take them to their ends; return how often they were."""
    for name, (options, _) in cases.items():
        assert run("train", "corpus.txt", *options, "--threads", 2, "-o", f"{name}-whole.npz").code == 0
    processes = [Process(folder / f"{name}.npz", *case) for name, case in cases.items()]
    try:
        for _ in range(rounds):
            going = [process for process in processes if not process.ended]
            for process in going:
                process.start()
            for process in going:
                process.interrupt()
    finally:
        for process in processes:
            process.clean_up()
    for name, process in zip(cases, processes, strict=True):
        if not process.ended:
            assert run("train", "--resume", f"{name}.npz", "--quiet").code == 0
        meta = json.loads(np.load(f"{name}.npz")["meta"].tobytes())
        whole = json.loads(np.load(f"{name}-whole.npz")["meta"].tobytes())
        assert meta["corpus"] == whole["corpus"]
        assert_same_file(f"{name}.npz", f"{name}-whole.npz")
    return sum(process.interruptions for process in processes)


def test_killed_processes_go_on_to_the_same_bytes(folder, run):
    """Signals, SIGKILL among them, and pauses at random moments: taken to its end, a run leaves the same file."""
    cases = {"lstm": (RUN, random.Random(1)), "gru": ((*RUN, "--cell", "gru", "--layers", 2), random.Random(2))}
    assert interrupted(cases, 2, folder, run) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_processes_killed_many_times_go_on_to_the_same_bytes(folder, run, seed):
    """The same for every cell and optimizer, at many more moments."""
    cases = {}
    for k, (cell, optimizer) in enumerate(KINDS):
        choose = random.Random(100 * seed + k)
        more = ("--cell", cell, "--optimizer", optimizer, "--val-fraction", choose.choice((0, 0.1)), "--seed", k)
        documents = ("--documents", "lines") if choose.random() < 0.3 else ()
        options = (*RUN, "--epochs", 600, "--layers", choose.randint(1, 2), *more, *documents)
        cases[f"{cell}-{optimizer}"] = (options, choose)
    names, interruptions = list(cases), 0
    for k in range(0, len(names), 2):  # two at a time
        interruptions += interrupted({name: cases[name] for name in names[k : k + 2]}, 6, folder, run)
    assert interruptions >= 50
