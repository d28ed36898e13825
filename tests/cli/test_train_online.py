"""``charrnn train - --online``: a model that learns from a pipe."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from charrnn.cli import train
from charrnn.cli.train_log import Log
from charrnn.cli.train_online import learn
from charrnn.cli.train_preparation import online_run
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load
from charrnn.model.team import Team
from charrnn.text.vocabulary import UNKNOWN
from charrnn.training.rules import GRADIENTS
from tests.helpers.commands import train_options
from tests.helpers.processes import PATIENCE, until
from tests.helpers.runs import set_pace, state_of

ONLINE = ("train", "-", "--online", "--gradient", "rtrl", "--hidden", 8, "--cell", "rnn", "--threads", 1)


def test_a_model_learnt_from_a_pipe_is_like_any_other(folder, run, text):
    """It says what it heard, and info, eval and sample read what it wrote; --resume goes on."""
    data = text.encode()
    result = run(*ONLINE, "-o", "m.npz", "--log", "m.log", stdin=data)
    assert result.code == 0, result.err
    assert result.out == ""
    assert f"{len(data) - 1:,} bytes" in result.err
    assert "the text has ended; saved in m.npz" in result.err
    entries = [json.loads(line) for line in Path("m.log").read_text().splitlines()]
    assert entries[-1]["characters"] == len(data) - 1
    assert entries[-1]["recent_loss"] < entries[-1]["mean_loss"] < entries[0]["recent_loss"]
    assert "256 byte values" in run("info", "m.npz").out
    assert json.loads(run("eval", "m.npz", "corpus.txt", "--json").out)["bits_per_char"] < 6.0
    assert len(run("sample", "m.npz", "--length", 20).stdout) == 20
    again = run("train", "--resume", "m.npz", "--online", "--log", "m.log", "--quiet", stdin=data)
    assert (again.code, again.err) == (0, "")
    more = [json.loads(line) for line in Path("m.log").read_text().splitlines()]
    assert more[: len(entries)] == entries
    assert more[-1]["characters"] == 2 * len(data) - 1
    assert more[-1]["mean_loss"] < entries[-1]["mean_loss"]


def test_it_starts_from_the_weights_and_the_vocabulary_of_another_model(folder, run, trained, text):
    """With --init-from, CRLF becomes LF, and characters are the model's; an online run of it is resumed likewise."""
    start = ("train", "-", "--online", "--gradient", "rtrl", "--init-from", trained, "-o", "m.npz", "--threads", 1)
    result = run(*start, "--lr", "1e-9", stdin=text[:600].replace("\n", "\r\n").encode())
    assert result.code == 0, result.err
    ours, theirs = load("m.npz", resume=True), load(trained)
    assert ours.vocabulary == theirs.vocabulary
    assert ours.resume.progress["characters"] == 599
    assert all(np.allclose(values, theirs.parameters[name], atol=1e-5) for name, values in ours.parameters.items())
    loss = ours.resume.progress["loss_sum"] / 599
    assert loss < 2.0 < np.log(len(theirs.vocabulary))
    again = run("train", "-", "--resume", "m.npz", "--online", stdin="größer".encode())
    assert again.code == 0, again.err
    assert load("m.npz", resume=True).resume.progress["characters"] == 605


@pytest.mark.parametrize(
    ("data", "unknown", "sentence", "count"),
    [
        ("am Haus und дas".encode(), "error", "U+0434) on line 1, column 13 of standard input", 11),
        ("am Haus und дas".encode(), "skip", None, 13),
        ("am Haus und дas".encode(), "replace", None, 14),
        (b"am Haus und \xff das", "error", "is not UTF-8 text (byte 0xFF at offset 12)", 11),
    ],
)
def test_what_cannot_be_read_ends_the_run_after_what_came_before(folder, run, trained, data, unknown, sentence, count):
    """The text before an unknown character or a bad byte is learnt and saved, and then the fault is said."""
    start = ("train", "-", "--online", "--gradient", "rtrl", "--init-from", trained, "-o", "m.npz")
    result = run(*start, "--unknown", unknown, stdin=data)
    assert result.code == (0 if sentence is None else 1)
    assert sentence is None or (sentence in result.err and result.err.endswith("; the model is saved in m.npz\n"))
    assert load("m.npz", resume=True).resume.progress["characters"] == count
    assert (" characters of standard input " in result.err and "unknown to the model" in result.err) is (
        sentence is None
    )


@pytest.mark.parametrize("data", [b"", b"x"])
def test_a_pipe_that_gives_nothing_to_learn_from_leaves_no_file(folder, run, data):
    """An empty text, or a single character, is an error, and nothing is saved; a model that is resumed stays."""
    result = run(*ONLINE, "-o", "m.npz", stdin=data)
    assert result.code == 1
    assert "standard input had nothing to learn from; nothing was saved" in result.err
    assert not Path("m.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-", "--online"), "--online needs --gradient rtrl"),
        (("corpus.txt", "--online", "--gradient", "rtrl"), "give - as the text, and no file"),
        (("-", "corpus.txt", "--online", "--gradient", "rtrl"), "give - as the text, and no file"),
        (("--online", "--gradient", "rtrl"), "Give a text to train on"),
        (("-", "--online", "--gradient", "rtrl", "--epochs", 3), "--online cannot be used with --epochs"),
        (("-", "--online", "--gradient", "rtrl", "--batch-size", 3, "--bytes"), "be used with --batch-size, --bytes"),
        (("-", "--online", "--gradient", "rtrl", "--documents", "lines"), "cannot be used with --documents"),
        (("-", "--online", "--gradient", "rtrl", "--cell", "clockwork"), "is for the cells rnn"),
        (("corpus.txt", "--gradient", "rtrl", "--layers", 2), "is for one layer, not for 2."),
        (("corpus.txt", "--gradient", "rtrl", "--bidirectional"), "which a bidirectional network does not."),
        (("corpus.txt", "--gradient", "rtrl", "--first-state", "learned"), "at zero, not with learned ones"),
        (("corpus.txt", "--gradient", "rtrl", "--first-state", "random"), "at zero, not with random ones"),
        (("corpus.txt", "--gradient", "rtrl", "--cell", "gru-reset-before"), "not for gru-reset-before."),
        (("corpus.txt", "--unknown", "skip"), "--unknown needs --online"),
        (("--resume", "m.npz", "--gradient", "rtrl"), "keeps its own --gradient"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_options_that_contradict_each_other_are_refused(folder, run, arguments, sentence):
    """In one sentence each, with exit code 2, and nothing is written."""
    result = run("train", *arguments, stdin=b"abc")
    assert result.code == 2
    assert sentence in result.err
    assert list(Path().iterdir()) == [Path("corpus.txt")]


def test_runs_online_and_on_a_text_are_not_mistaken_for_each_other(folder, run, trained, tmp_path_factory):
    """--resume says how each goes on; a network that cannot learn in real time, or documents, are no start."""
    assert run(*ONLINE, "-o", "m.npz", "--quiet", stdin=b"abc abc").code == 0
    result = run("train", "--resume", "m.npz")
    assert result.code == 1
    assert "continue it with: … | charrnn train - --resume m.npz --online" in result.err
    result = run("train", "-", "--resume", trained, "--online", stdin=b"abc")
    assert result.code == 1
    assert "is not an online run; --init-from starts an online run" in result.err
    tiny = ("--hidden", 8, "--epochs", 0.1, "--quiet", "--cell", "rnn")
    for options, sentence in (
        (("--layers", 2), "one layer, not for 2"),
        (("--documents", "lines"), "it cannot start from a model of documents"),
        (("--bidirectional",), "which a bidirectional network does not"),
        (
            (
                "--first-state",
                "learned",
            ),
            "not with learned ones",
        ),
    ):
        assert run("train", "corpus.txt", *tiny, *options, "-o", "other.npz", "--force").code == 0
        result = run("train", "-", "--online", "--gradient", "rtrl", "--init-from", "other.npz", stdin=b"abc")
        assert result.code == 1
        assert sentence in result.err
    assert not Path("model.npz").exists()


def test_a_text_is_learnt_in_real_time_with_modest_defaults(folder, run):
    """--gradient rtrl means 32 units, one stream and no dropout, unless others are given; it is resumed as usual."""
    common = ("train", "corpus.txt", "--gradient", "rtrl", "--cell", "rnn", "--quiet")
    assert run(*common, "--epochs", 0.2, "-o", "m.npz").code == 0
    training = load("m.npz").training
    assert [training[name] for name in ("hidden", "batch_size", "dropout", "gradient")] == [32, 1, 0.0, "rtrl"]
    given = ("--hidden", 8, "--batch-size", 3, "--dropout", 0.1)
    assert run(*common, *given, "--epochs", 1, "-o", "whole.npz").code == 0
    training = load("whole.npz").training
    assert [training[name] for name in ("hidden", "batch_size", "dropout")] == [8, 3, 0.1]
    assert run(*common, *given, "--epochs", 2, "-o", "long.npz", "--force").code == 0
    assert run("train", "--resume", "whole.npz", "--epochs", 2, "--quiet").code == 0
    assert run("train", "corpus.txt", "--quiet", "--epochs", 0.2, "--hidden", 8, "--force", "-o", "b.npz").code == 0
    assert load("b.npz").training["batch_size"] == 16
    progress = [load(name, resume=True).resume.progress["step"] for name in ("whole.npz", "long.npz")]
    assert progress[0] == progress[1]


def test_a_run_that_does_not_fit_in_memory_is_refused_at_once(folder, run, monkeypatch):
    """The sentence says how much there is, and what to do."""
    monkeypatch.setattr("charrnn.model.influence.available_bytes", lambda: 1 << 30)
    result = run("train", "-", "--online", "--gradient", "rtrl", "--hidden", 512, stdin=b"abc")
    assert result.code == 1
    assert "needs 12.7 GiB for the influence of each weight on each unit, but only 1.0 GiB is available" in result.err


def test_it_is_told_how_it_goes_and_quiet_tells_nothing(folder, run, monkeypatch, text):
    """Where stderr is no terminal, plain lines; on one, a line that changes; with --quiet, none."""
    plain = run(*ONLINE, "-o", "m.npz", stdin=text[:500].encode()).err
    assert "bits per byte recently" in plain
    assert "an update every 32 characters" in plain
    assert "\x1b" not in plain
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert "\x1b" in run(*ONLINE, "-o", "n.npz", stdin=text[:500].encode()).err
    assert run(*ONLINE, "-o", "o.npz", "--quiet", stdin=text[:500].encode()).err == ""


def test_a_log_that_is_the_model_is_refused_and_one_that_fails_costs_no_model(folder, run, monkeypatch):
    """As with any run: the log is not written over the model; a full disk is told at the end."""
    assert run(*ONLINE, "-o", "m.npz", "--log", "m.npz", stdin=b"abc").code == 1
    assert not Path("m.npz").exists()
    if not Path("/dev/full").exists():
        return
    result = run(*ONLINE, "-o", "m.npz", "--log", "/dev/full", stdin=b"abc abc")
    assert result.code == 1
    assert "could not be written to the end" in result.err
    assert "the model is in m.npz" in result.err
    load("m.npz", resume=True)


def test_choices_are_those_of_the_program():
    """What the command line offers is what settings and vocabularies know."""
    choices = {param.name: getattr(param.type, "choices", None) for param in train.command.params}
    assert tuple(choices["gradient"]) == GRADIENTS
    assert tuple(choices["unknown"]) == UNKNOWN


def characters(path="m.log"):
    """Return how many characters a log tells were learnt from."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return json.loads(lines[-1])["characters"] if lines else 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_slow_pipe_is_learnt_from_as_it_comes_and_a_signal_saves(launch, run, number, code):
    """With the pipe open, a few bytes are learnt from; a signal learns from the rest, saves and ends."""
    process = launch(*ONLINE, "-o", "m.npz", "--log", "m.log", "--save-every", "0.2s", stdin=subprocess.PIPE)
    process.stdin.write(b"The cat was here, and the dog was not there.\n")
    process.stdin.flush()
    until(lambda: characters() == 32, process)
    until(Path("m.npz").exists, process)  # saved while nothing comes
    first = state_of(load("m.npz", resume=True))
    process.stdin.write(b"And then.\n")
    process.stdin.flush()
    time.sleep(0.3)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    assert b"stopped; saved in m.npz" in err
    checkpoint = load("m.npz", resume=True)
    assert checkpoint.resume.progress["characters"] == 54
    assert state_of(checkpoint) != first
    result = run("train", "-", "--resume", "m.npz", "--online", "--quiet", stdin=b"So it was.")
    assert (result.code, result.err) == (0, "")
    assert load("m.npz", resume=True).resume.progress["characters"] == 64


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_signal_before_anything_came_saves_nothing(launch):
    """There is nothing to save; that is said."""
    process = launch(*ONLINE, "-o", "m.npz", "--log", "m.log", stdin=subprocess.PIPE)
    until(Path("m.log").exists, process)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert b"nothing was saved" in err or not err
    assert not Path("m.npz").exists()


def test_time_ends_a_run_though_the_pipe_goes_on(launch):
    """After --time it saves, says how to go on, and ends well."""
    process = launch(*ONLINE, "-o", "m.npz", "--time", "0.5s", "--log", "m.log", stdin=subprocess.PIPE)
    process.stdin.write(b"abc" * 50)
    process.stdin.flush()
    process.wait(timeout=PATIENCE)
    err = process.stderr.read().decode()
    assert process.returncode == 0, err
    assert "stopped; saved in m.npz" in err
    assert "charrnn train - --resume m.npz --online" in err
    assert load("m.npz", resume=True).resume.progress["characters"] == 149


def test_a_save_that_fails_does_not_end_the_run(folder, run, monkeypatch, text):
    """A disk that is full for a while is told, and the end is saved."""
    from charrnn.model import model_file as checkpoint

    tried = []
    right = checkpoint.save

    def fail_at_first(*arguments):
        tried.append(arguments)
        if len(tried) == 1:
            raise CharrnnError("the disk is full")
        right(*arguments)

    monkeypatch.setattr(checkpoint, "save", fail_at_first)
    result = run(*ONLINE, "-o", "m.npz", "--save-every", "0.001s", stdin=text[:3000].encode())
    assert result.code == 0
    assert "the disk is full; the run continues, and tries again later" in result.err
    assert load("m.npz", resume=True).resume.progress["characters"] == len(text[:3000].encode()) - 1


def test_a_log_is_not_written_at_every_update(folder, monkeypatch, text):
    """A line a second at the most, and the last: a run may go on for months."""
    clock = iter(np.arange(0.0, 1e6, 0.05))
    set_pace(monkeypatch, chunk_seconds=0.0)  # each update is a record
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    options = train_options(*ONLINE[1:], "-o", "m.npz", "--quiet")
    with Team(1) as team, Log("m.log", append=False) as log:
        assert learn(online_run(options, team), options, log, clock=lambda: float(next(clock))) == 0
    lines = Path("m.log").read_text().splitlines()
    steps = json.loads(lines[-1])["step"]
    assert 2 <= len(lines) < steps / 4
