"""A run of ``charrnn train`` that is saved now and then, stopped by signals, or killed, and goes on."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from charrnn.cli.train_run import orderly, stopping
from charrnn.errors import CharrnnError
from charrnn.library.saving import Store
from charrnn.model.model_file import load
from charrnn.storage import archive
from charrnn.training import progress
from charrnn.training.rules import OPTIMIZERS
from tests.helpers.commands import ERROR, TINY
from tests.helpers.model_files import assert_same_file
from tests.helpers.processes import PATIENCE, finish, until
from tests.rows import PLAIN


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


def test_saving_takes_a_fifth_of_the_time_at_most(monkeypatch):
    """Where a save takes longer than --save-every, training goes on in between; that is said once."""
    clock, told, saves = [100.0], [], []

    def write(path, checkpoint):
        clock[0] += took
        saves.append(clock[0])

    trainer = SimpleNamespace(is_finite=lambda: True, checkpoint=lambda: None)
    monkeypatch.setattr("charrnn.model.model_file.save", write)
    step = progress.Progress(1, 0.1, 1.0, 0.1, 1.0, 0.1, 1.0, 1.0)
    for took, share in ((0.01, 0.1), (0.5, 0.2), (3.0, 0.2)):
        clock[0], saves[:], told[:] = 100.0, [], []
        store = Store(trainer, "model.npz", 0.001, clock=lambda: clock[0], inform=told.append)
        while clock[0] < 200.0:
            clock[0] += 0.15
            store.save_if_due(step, told.append)
        assert 0.5 * share < len(saves) * took / 100.0 <= share * 1.05
        assert len(told) == (took > 0.1)
    assert told == ["a save takes 3 s, so there are 12 s of training between two saves"]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_model_whose_folder_has_gone_is_saved_elsewhere(folder, launch):
    """In the current folder, under a name that is free; the run continues from there."""
    (folder / "gone").mkdir()
    (folder / "m.npz").write_bytes(b"")
    process = launch("train", "corpus.txt", *RUN[:2], "--epochs", 10**6, "--patience", 0, "--quiet", "-o", "gone/m.npz")
    until((folder / "gone/m.npz").exists, process)
    shutil.rmtree(folder / "gone")
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)
    why = "gone/m.npz cannot be written: no such file or directory"
    assert (code, out, err.splitlines()[-1]) == (1, b"", f"charrnn: error: {why}; the model is saved in m-2.npz")
    code, _, err = finish(launch("train", "--resume", "m-2.npz", "--time", "0.1s", "--quiet"))
    assert (code, err) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="needs a current folder that is gone")
@pytest.mark.parametrize("full", [False, True])
def test_a_model_is_saved_among_temporary_files(folder, run, monkeypatch, full):
    """Where the current folder takes no file either; where nothing does, no folder is left behind."""
    temporary = folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    write = archive.write

    def failing(path, arrays):
        if full or not str(path).startswith(str(temporary)):
            raise CharrnnError(f"{path} cannot be written: the disk is full")
        write(path, arrays)

    monkeypatch.setattr(archive, "write", failing)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--save-every", "1h", "--quiet", "-o", "m.npz")
    last = result.err.splitlines()[-1]
    assert (result.code, last.startswith(f"{ERROR}m.npz cannot be written: the disk is full")) == (1, True)
    assert not (folder / "m.npz").exists()
    found = list(temporary.rglob("*.npz"))
    assert len(found) == (not full)
    assert not full or not list(temporary.iterdir())
    for place in found:
        assert last.endswith(f"; the model is saved in {place}")
        assert load(place, resume=True).resume.progress["step"] > 0
        assert place.parent.stat().st_mode & 0o777 == 0o700


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
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="for systems with signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_is_not_lost_where_python_drops_exceptions(name):
    """What a handler raises in a finalizer is dropped; the signal comes again, and the run ends."""

    class Dropping:
        def __del__(self):
            signal.raise_signal(getattr(signal, name))

    def work():
        with orderly():
            Dropping()
            time.sleep(10)

    with pytest.raises(SystemExit) as ended:
        work()
    assert ended.value.code == 128 + getattr(signal, name)


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


RUN = ("--hidden", 16, "--epochs", 120, "--patience", 0, "--save-every", "0.05s", "--quiet")


ENDINGS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "pause") if os.name == "posix" else ("pause",)


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
    for k, (cell, optimizer) in enumerate(itertools.product(PLAIN, OPTIMIZERS)):
        choose = random.Random(100 * seed + k)
        more = ("--cell", cell, "--optimizer", optimizer, "--val-fraction", choose.choice((0, 0.1)), "--seed", k)
        documents = ("--documents", "lines") if choose.random() < 0.3 else ()
        options = (*RUN, "--epochs", 600, "--layers", choose.randint(1, 2), *more, *documents)
        cases[f"{cell}-{optimizer}"] = (options, choose)
    names, interruptions = list(cases), 0
    for k in range(0, len(names), 2):  # two at a time
        interruptions += interrupted({name: cases[name] for name in names[k : k + 2]}, 6, folder, run)
    assert interruptions >= 50
