"""What is measured of whole commands: how long they start, and how much memory they take."""

import subprocess
import sys
from pathlib import Path

import pytest

from charrnn.benchmark import processes
from charrnn.benchmark.timing import Turns
from charrnn.errors import CharrnnError
from tests.helpers.bench import small


def test_start_up_alternates_commands_and_sets_the_cache_aside(monkeypatch):
    """Each command once untimed and once a round, then one training with a cache and a home of its own."""
    started = []

    def run(command, environment=None):
        started.append((command, environment))
        if environment:
            (Path(environment["XDG_CACHE_HOME"]) / "kernel.nbc").touch()
        return b""

    monkeypatch.setattr(processes, "_run", run)
    measured = processes.start_up("gru", turns=Turns(2))
    told = [" ".join(command[1:]) for command, _ in started]
    assert told[:4] == told[4:8] == told[8:12]
    assert told[0] == "-m charrnn --help"
    assert told[1] == "-c import click"
    assert told[2].startswith("-m charrnn sample ")
    assert told[2].endswith(" --length 1")
    assert told[3] == "-c import numba"
    ((train, environment),) = started[12:]
    assert train[3:5] == ("train", train[4])
    assert environment["XDG_CACHE_HOME"] == environment["HOME"]
    commands = measured.as_dict()["commands"]
    assert [(one["name"], one["of_which"]) for one in commands] == [
        ("--help", "import click"),
        ("first sampled character", "import numba"),
    ]
    assert measured.compile_seconds > 0.0


def test_a_cache_that_cannot_be_set_aside_gives_no_figure(monkeypatch, tmp_path):
    """Where a first run has compiled nothing in the empty folder, its time is not that of a first compile."""
    monkeypatch.setattr(processes, "_run", lambda *_: b"")
    assert processes._first_compile("lstm", "text", tmp_path) is None


def test_a_command_that_fails_is_said():
    """The last line of what it said is the reason."""
    with pytest.raises(CharrnnError, match=r"failed: missing\.npz does not exist"):
        processes._run((*processes.PROGRAM, "sample", "missing.npz"))


def test_peak_memory_is_that_of_the_command():
    """Memory that a command holds for a moment counts, in the system's unit."""
    pytest.importorskip("resource", reason="for POSIX systems")

    def asked(size):
        ask = (sys.executable, "-c", processes.ASK, sys.executable, "-c", f"b = bytes(1) * {size}")
        return int(subprocess.run(ask, capture_output=True, check=True).stdout)

    unit = 1 if sys.platform == "darwin" else 1024
    assert 80e6 < (asked(120_000_000) - asked(20_000_000)) * unit < 120e6


def test_peak_memory_is_of_a_training_of_these_sizes(corpus, monkeypatch):
    """The run that is measured has the text and the sizes that were asked for; the lower of two runs counts."""
    pytest.importorskip("resource", reason="for POSIX systems")
    answers, started = iter([b"300\n", b"200\n"]), []

    def run(command):
        started.append(command)
        assert Path(command[7]).read_bytes() == corpus.vocabulary.decode_bytes(corpus.ids)
        return next(answers)

    monkeypatch.setattr(processes, "_run", run)
    unit = 1 if sys.platform == "darwin" else 1024
    assert processes.peak_memory(corpus, small(cell="gru", hidden=48), threads=3) == 200 * unit
    told = " ".join(started[0])
    for option in ("train", "--cell gru", "--hidden 48", "--batch-size 4", "--seq-length 8", "--threads 3"):
        assert f" {option} " in told


@pytest.mark.slow
def test_processes_for_real(corpus):
    """Start-up and memory come out, with the real commands."""
    measured = processes.start_up("rnn", turns=Turns(1))
    assert all(one["seconds"] > 0 for one in measured.as_dict()["commands"])
    assert measured.compile_seconds is not None
    assert 30e6 < processes.peak_memory(corpus, small(), threads=1) < 3e9
