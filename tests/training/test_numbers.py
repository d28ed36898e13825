"""Numbers that go wrong: what is no number is never kept, and denormal numbers cost no time."""

import math
import statistics
import sys
import time
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels import barrier
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.reading import scoring
from charrnn.training.learner import Advance
from charrnn.training.pace import DEFAULT_PACE
from charrnn.training.rules import OPTIMIZERS
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from charrnn.writing.sampler import Sampler
from tests.helpers.commands import TINY, strict_json
from tests.helpers.model_files import assert_same_file
from tests.helpers.runs import INTERVAL, OFTEN, resumed_run, set_pace
from tests.helpers.texts import corpus_of, rhyme
from tests.rows import PLAIN

SMALL = Settings(hidden=8, seq_length=8, batch_size=5, epochs=1.5, lr=0.005, dropout=0.2, seed=3, patience=0)
STEADY = replace(OFTEN, halve_after=10**9)  # with a rate that does not fall where validation does not improve
LAST = 51  # step of such a run


# Faults


def weights(trainer, value):
    """Make a weight another one: of a character that may not come again for long."""
    trainer.network.weights.named["layer0.U_i"][3, 2] = value
    trainer.network.pack()


def moments(trainer, value):
    """Make a moment another one."""
    trainer.learner.optimizer.moments[-1].named["output.V"][1, 1] = value


def carried(trainer, value):
    """Make a number in the state of one stream another one."""
    trainer.learner.window.states[0, 0, 0, 2, 5] = value


def everything(trainer, value):
    """Leave no number as it is, in any buffer."""
    trainer.network.weights.flat[:] = value
    trainer.network.gradient.flat[:] = value
    for moment in trainer.learner.optimizer.moments:
        moment.flat[:] = value
    for buffer in trainer.learner.window.buffers:
        buffer[...] = value
    trainer.network.pack()


def inject(monkeypatch, fault, value, step):
    """Let a fault happen after a step, once in a run, also in the middle of a chunk; count the times."""
    original, times = Trainer.advance, []

    def faulty(trainer, steps):
        parts = []
        for _ in range(steps):
            parts.append(original(trainer, 1))
            if trainer.state.step == step and not trainer.state.rollbacks and not trainer.state.moments_begin:
                fault(trainer, value)
                times.append(step)
            if not math.isfinite(parts[-1].grad_norm):
                break
        return Advance(*(np.concatenate(arrays) for arrays in zip(*map(astuple, parts), strict=True)))

    monkeypatch.setattr(Trainer, "advance", faulty)
    return times


def finish(path, settings, *, pace=OFTEN, chunk=1e9, threads=1, stop=None):
    """Begin a run, or go on where there is one, up to a step or to its end; save it and return its records."""
    pace, records = replace(pace, chunk_seconds=chunk), []
    with Team(threads) as team:
        text = corpus_of(rhyme())
        if path.exists():
            trainer = resumed_run(load(path, resume=True), text, team, pace=pace)
        else:
            trainer = Trainer(TextData(settings, text, pace), team)
        for record in trainer.run():
            records.append(record)
            assert record.rolled_back or chunk or trainer.is_finite() or record.step < trainer.steps.total
            if stop is not None and record.step >= stop:
                trainer.stop = True
        save(path, trainer.checkpoint())  # which refuses what is no number
        assert trainer.is_finite()
        assert np.isfinite(trainer.best.flat).all()
    return records


# A step on the way, one at a validation and the last one; with a text that validates, and without.
PLACES = [(INTERVAL + 3, 0.1), (2 * INTERVAL, 0.0), (2 * INTERVAL, 0.1), (LAST, 0.0), (LAST, 0.1)]


@pytest.mark.parametrize(("step", "fraction"), PLACES)
@pytest.mark.parametrize(("fault", "value"), [(weights, np.nan), (moments, np.inf), (carried, np.nan)])
def test_what_is_no_number_is_never_kept(tmp_path, monkeypatch, fault, value, step, fraction):
    """Wherever it comes from, the run goes back once, ends well, and on the same bytes however soon it was noticed."""
    settings = replace(SMALL, val_fraction=fraction)
    if not fraction:
        settings = replace(settings, epochs=LAST / 38)  # there are more steps in an epoch
    times = inject(monkeypatch, fault, value, step)
    records = finish(tmp_path / "model.npz", settings, pace=STEADY)
    assert times == [step]
    assert [record.rolled_back for record in records].count(True) == 1
    assert records[-1].step == LAST
    at = next(k for k, record in enumerate(records) if record.rolled_back)
    assert records[at].step == (step - 1) // INTERVAL * INTERVAL
    assert records[at].learning_rate == settings.lr / 2
    finish(tmp_path / "slow.npz", settings, pace=STEADY, chunk=0.0, threads=2)
    finish(tmp_path / "stopped.npz", settings, pace=STEADY, stop=step)  # right then
    finish(tmp_path / "stopped.npz", settings, pace=STEADY)
    for name in ("slow.npz", "stopped.npz"):
        assert_same_file(tmp_path / name, tmp_path / "model.npz")


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("step", [INTERVAL + 3, 2 * INTERVAL])
def test_going_back_leaves_nothing_of_what_went_wrong(tmp_path, monkeypatch, cell, step):
    """A run that goes back for one bad weight, or for bad numbers in all its memory, goes on to the same bytes."""
    for fault in (moments, everything):
        with monkeypatch.context() as patch:
            inject(patch, fault, np.nan, step)
            finish(tmp_path / f"{fault.__name__}.npz", replace(SMALL, cell=cell, layers=2), pace=STEADY)
    assert_same_file(tmp_path / "moments.npz", tmp_path / "everything.npz")


def overshoot(monkeypatch, step, rate):
    """Let the rate of a step be far too high, once in a run, so that the update itself goes wrong."""
    original = Trainer._rate

    def high(trainer, number):
        first = not trainer.state.rollbacks and not trainer.state.moments_begin
        return rate if number == step and first else original(trainer, number)

    monkeypatch.setattr(Trainer, "_rate", high)


@pytest.mark.parametrize(("step", "fraction"), PLACES)
@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_an_update_that_overshoots_is_taken_back(tmp_path, monkeypatch, rate, step, fraction):
    """Weights that an update made endless, or finite and senseless, are not kept; nor where nothing is held out."""
    settings = replace(SMALL, val_fraction=fraction, optimizer="sgd", clip=0.0, lr=0.05)
    if not fraction:
        settings = replace(settings, epochs=LAST / 38)
    overshoot(monkeypatch, step, rate)
    records = finish(tmp_path / "model.npz", settings, pace=STEADY)
    assert [record.rolled_back for record in records].count(True) == 1
    finish(tmp_path / "slow.npz", settings, pace=STEADY, chunk=0.0, threads=2)
    assert_same_file(tmp_path / "slow.npz", tmp_path / "model.npz")
    with Team(1) as team:
        text = corpus_of(rhyme())
        network = Network(Architecture("lstm", len(text.vocabulary), 8), load(tmp_path / "model.npz").parameters)
        assert scoring.score(network, text.ids, team).nats_per_char < 3.0


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1e9])
def test_a_validation_that_is_no_number_takes_the_run_back(tmp_path, monkeypatch, loss):
    """Also where training itself went well."""
    original, calls = Trainer.validate, []

    def faulty(trainer):
        calls.append(trainer.state.step)
        return loss if len(calls) == 2 else original(trainer)

    monkeypatch.setattr(Trainer, "validate", faulty)
    records = finish(tmp_path / "model.npz", SMALL)
    assert [record.rolled_back for record in records].count(True) == 1
    assert calls[:3] == [INTERVAL, 2 * INTERVAL, 2 * INTERVAL]
    assert all(entry["val_loss"] < 10.0 for entry in load(tmp_path / "model.npz").history)


def test_weights_that_are_no_numbers_are_no_start():
    """Nor are senseless ones where nothing is held out: one sentence says so."""
    text = corpus_of(rhyme())
    with Team(1) as team:
        parameters = Trainer(TextData(SMALL, text), team).checkpoint().parameters
        for scale in (np.nan, np.inf, 1e30):
            for fraction in (0.0, 0.1):
                bad = {name: (values + 1.0) * np.float32(scale) for name, values in parameters.items()}
                with pytest.raises(CharrnnError, match="the initial weights do not fit this text"):
                    next(Trainer(TextData(replace(SMALL, val_fraction=fraction), text), team, bad).run())


# From the command line


def wild_from(monkeypatch, step):
    """Let every step from one on go far too far, whatever is tried."""
    original = Trainer._rate
    monkeypatch.setattr(Trainer, "_rate", lambda t, number: 1e35 if number >= step else original(t, number))


@pytest.mark.usefixtures("validate_often")
@pytest.mark.parametrize("fraction", [0, 0.1])
def test_a_run_that_gives_up_keeps_the_best_weights(folder, run, monkeypatch, fraction):
    """The last line says what went wrong, what to try and what is kept; that is finite, and can be resumed."""
    wild_from(monkeypatch, 2 * INTERVAL + 4)
    options = ("corpus.txt", *TINY, "--epochs", 3, "--val-fraction", fraction, "--batch-size", 5, "--seq-length", 8)
    result = run("train", *options, "--log", "log")
    assert result.code == 1
    assert result.err.count("back at the best weights") == DEFAULT_PACE.most_rollbacks
    last = result.err.splitlines()[-1]
    assert "the loss diverged 6 times" in last
    assert "--lr" in last
    assert last.endswith("the best model so far is in model.npz")
    kept = load("model.npz", resume=True)  # which refuses what is not finite
    assert kept.history[-1]["step"] == kept.resume.progress["best_step"] == 2 * INTERVAL
    entries = [strict_json(line) for line in Path("log").read_text().splitlines()]
    assert sum(entry.get("rolled_back", False) for entry in entries) == DEFAULT_PACE.most_rollbacks
    monkeypatch.undo()
    assert run("info", folder / "model.npz").code == 0
    assert run("train", folder / "corpus.txt", "--resume", folder / "model.npz", "--quiet").code == 0


@pytest.mark.usefixtures("validate_often")
def test_a_file_in_time_never_holds_what_is_no_number(folder, run, monkeypatch):
    """A save that is due between the fault and its discovery is left out, without a word about it."""
    set_pace(monkeypatch, halve_after=10**9, chunk_seconds=0.0)
    inject(monkeypatch, weights, np.nan, INTERVAL + 3)
    original, seen = Trainer.run, []

    def watched(trainer):
        for record in original(trainer):
            yield record
            seen.append((trainer.is_finite(), load("model.npz", resume=True).resume.progress["step"] == record.step))

    monkeypatch.setattr(Trainer, "run", watched)
    options = ("corpus.txt", *TINY, "--epochs", 0.15, "--batch-size", 5, "--seq-length", 8)
    result = run("train", *options, "--save-every", "0.000001s")
    assert result.code == 0
    assert "not written" not in result.err
    assert result.err.count("back at the best weights") == 1
    assert (False, False) in seen
    assert all(sound == saved for sound, saved in seen)


@pytest.mark.usefixtures("validate_often")
@pytest.mark.parametrize("step", [INTERVAL - 1, INTERVAL + 3])
def test_a_run_that_is_stopped_when_numbers_are_wrong_is_saved(folder, run, monkeypatch, step):
    """Ctrl-C or a pause between the fault and its discovery saves what the run goes back to."""
    set_pace(monkeypatch, chunk_seconds=0.0)
    inject(monkeypatch, weights, np.nan, step)
    original = Trainer.run

    def stopped(trainer):
        for record in original(trainer):
            if record.step == step:
                trainer.stop = True
            yield record

    monkeypatch.setattr(Trainer, "run", stopped)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--batch-size", 5, "--seq-length", 8)
    assert result.code == 0
    assert "back at the best weights" in result.err
    assert "stopped and saved in model.npz" in result.err
    assert load("model.npz", resume=True).resume.progress["step"] == step // INTERVAL * INTERVAL


# Denormal numbers

TINIEST = np.float32(1e-39)  # a denormal number


def takes_denormals_for_zeros():
    """Tell whether this processor, as far as the kernels know it, can."""
    before = barrier.flush_denormals()
    flushing = barrier.flush_denormals()
    barrier.restore_denormals(before)
    return flushing != before


flushes = pytest.mark.skipif(not takes_denormals_for_zeros(), reason="denormals are flushed on x86 and ARM")


def team_with_denormals(monkeypatch, threads):
    """Make a team that computes with denormal numbers, as a program does that takes no care."""
    original = barrier.flush_denormals

    def leave():
        before = original()
        barrier.restore_denormals(before)
        return before

    with monkeypatch.context() as patch:
        patch.setattr(barrier, "flush_denormals", leave)
        team = Team(threads)
        team.run(lambda worker: None)  # when that is done, all have begun
    return team


def make_tiny(trainer, *, inputs=1.0, outputs=1.0, moments=0.0):
    """Scale what enters and leaves a network, in which nothing else is added, and set all moments."""
    for name, view in trainer.network.weights.named.items():
        if "U" in name or "V" in name:
            view *= np.float32(inputs if "U" in name else outputs)
        elif "W" not in name:
            view[:] = 0.0
    for moment in trainer.learner.optimizer.moments:
        for view in moment.named.values():
            view[:] = moments
    trainer.network.pack()


@pytest.fixture
def step(monkeypatch):
    """Do a step of training with tiny numbers, with denormals or without; return the trainer."""

    def trained(settings, *, denormals, **tiny):
        with team_with_denormals(monkeypatch, 2) if denormals else Team(2) as team:
            trainer = Trainer(TextData(replace(settings, dropout=0.0, lr=1e-30, warmup=0.0), corpus_of(rhyme())), team)
            make_tiny(trainer, **tiny)
            trainer.advance(1)
        return trainer

    return trained


@flushes
@pytest.mark.parametrize("cell", PLAIN)
def test_denormals_are_zeros_on_the_way_forward(step, cell):
    """States that would be denormal are zero, in training as in scoring."""
    settings = replace(SMALL, cell=cell)
    windows = {on: step(settings, denormals=on, inputs=1e-39).learner.window for on in (True, False)}
    states = {on: window.states[0, 0, 1:, :, :8] for on, window in windows.items()}
    assert states[True].any()
    assert np.abs(states[True]).max() < np.finfo(np.float32).tiny
    assert not states[False].any()
    network = Network(Architecture(cell, 5, 8), initialize(Architecture(cell, 5, 8), 0))
    for name, view in network.weights.named.items():
        view[:] = TINIEST if "U" in name else 0.0
    window = Window(network.architecture, 2, 4)
    network.forward(window, 0, 2, 4)  # in this thread, which takes no care
    assert window.states[0, 0, 1:, :, :8].all()
    with Team(1) as team:
        team.run(lambda worker: network.forward(window, 0, 2, 4))
    assert not window.states[0, 0, 1:].any()


@flushes
@pytest.mark.parametrize("cell", PLAIN)
def test_denormals_are_zeros_on_the_way_back(step, cell):
    """Gradients of gates that would be denormal are zero, where states are ordinary numbers."""
    settings = replace(SMALL, cell=cell)
    gates = {}
    for on in (True, False):
        trainer = step(settings, denormals=on, outputs=1e-38)
        assert np.abs(trainer.learner.window.states[0, 0, 1:]).max() > 1e-3
        gates[on] = trainer.learner.window.z  # by now the gradients of what entered them
    assert gates[True].any()
    assert np.abs(gates[True]).max() < np.finfo(np.float32).tiny
    assert not gates[False].any()


@flushes
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_denormals_are_zeros_in_an_update(step, optimizer):
    """A moment of a symbol that does not come again falls to zero, and not to a denormal number for ever."""
    settings = replace(SMALL, optimizer=optimizer)
    for on in (True, False):
        trainer = step(settings, denormals=on, outputs=0.0, moments=TINIEST)  # no gradient comes back to W
        for moment in trainer.learner.optimizer.moments:
            left = moment.named["layer0.W_i"]
            assert left.all() == on
            assert left.any() == on


@flushes
def test_denormals_are_zeros_where_text_is_written():
    """Also there they are zeros; this thread computes with them as before when it is done."""
    architecture = Architecture("lstm", 5, 8)
    network = Network(architecture, initialize(architecture, 0))
    for name, view in network.weights.named.items():
        view[:] = TINIEST if "U" in name else 0.0
    for draws in (0, 3):
        sampler = Sampler(network)
        sampler.read([1, 2])
        if draws:
            sampler.draw(draws)
        assert not sampler._reader.window.states.any()
        assert TINIEST * np.float32(0.5) > 0.0
    window = Window(architecture, 1, 2)
    network.forward(window, 0, 1, 2)
    assert window.states.any()


TINY_CASES = {
    "states": {"inputs": 1e-39},
    "gradients": {"outputs": 1e-38},
    "moments": {"outputs": 0.0, "moments": 1e-40},  # as those of symbols that do not come again
    "all": {"inputs": 1e-39, "outputs": 1e-38, "moments": 1e-40},
}


@flushes
@pytest.mark.slow
@pytest.mark.parametrize("case", TINY_CASES)
@pytest.mark.parametrize("cell", PLAIN)
def test_denormals_cost_no_time(monkeypatch, cell, case):
    """Training and scoring take as long with numbers that would be denormal as with others; `-s` tells how long."""
    settings = replace(SMALL, cell=cell, hidden=128, seq_length=32, batch_size=16, dropout=0.0, lr=1e-30, warmup=0.0)
    text = corpus_of(rhyme(20_000))
    with Team(1) as team, team_with_denormals(monkeypatch, 1) as careless:
        sides = {}
        for name, members, tiny in (
            ("ordinary", team, {}),
            ("tiny", team, TINY_CASES[case]),
            ("tiny, with denormals", careless, TINY_CASES[case]),
        ):
            trainer = Trainer(TextData(settings, text), members)
            if tiny:
                make_tiny(trainer, **tiny)
            sides[name] = trainer
        times = {(name, what): [] for name in sides for what in ("training", "scoring")}
        for _ in range(9):
            for name, trainer in sides.items():
                began = time.perf_counter()
                trainer.advance(4)
                times[name, "training"].append(time.perf_counter() - began)
                began = time.perf_counter()
                scoring.score(trainer.network, text.ids[:4000], trainer.team)
                times[name, "scoring"].append(time.perf_counter() - began)
    medians = {side: statistics.median(seconds) for side, seconds in times.items()}
    for what in ("training", "scoring"):
        ratios = [medians[name, what] / medians["ordinary", what] for name in ("tiny", "tiny, with denormals")]
        sys.stdout.write(f"\n{cell}, {case}, {what}: {ratios[0]:.2f} times as long, {ratios[1]:.2f} with denormals")
        assert ratios[0] < 1.5
