"""``charrnn train --resume``: the run that was interrupted, and nothing that is not that run."""

import signal
from pathlib import Path

import pytest

from charrnn.model.model_file import load, save
from charrnn.training.trainer import Trainer
from tests.helpers.commands import TINY, contents, misused, refused
from tests.helpers.model_files import arrays_of, assert_same_bits, assert_same_file, meta_of, rewrite


def interrupt(monkeypatch, after):
    """Send this process Ctrl-C when a run has told so many records."""
    original = Trainer.run

    def interrupted(trainer):
        if not after:
            signal.raise_signal(signal.SIGINT)
        for told, record in enumerate(original(trainer), 1):
            yield record
            if told == after:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "run", interrupted)


# Resuming
CASES = {
    "lstm": ("--cell", "lstm", "--optimizer", "adam"),
    "gru": ("--cell", "gru", "--optimizer", "rmsprop", "--layers", 2, "--dropout", 0.3),
    "rnn": ("--cell", "rnn", "--optimizer", "sgd", "--lr", 0.01, "--val-fraction", 0),
    "bytes": ("--bytes", "--optimizer", "adagrad", "--schedule", "constant"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_resumed_run_is_the_uninterrupted_one(folder, run, monkeypatch, case):
    """Interrupted and resumed, thrice, with other numbers of threads, a run ends on the bits of one that was not."""
    options = ("--hidden", 16, "--epochs", 3, *CASES[case])
    assert run("train", "corpus.txt", *options, "--threads", 1, "--quiet", "-o", "whole.npz").code == 0
    begin = ("corpus.txt", *options)
    for after, threads in ((2, 2), (1, 1), (3, 2)):
        with monkeypatch.context() as patch:
            interrupt(patch, after)
            result = run("train", *begin, "--threads", threads)
        assert result.code == 130
        assert result.err.splitlines()[-1].startswith("stopped and saved in model.npz")
        assert "charrnn train --resume model.npz" in result.err
        begin = ("--resume", "model.npz")
    assert 0 < meta_of("model.npz")["progress"]["step"] < meta_of("whole.npz")["progress"]["step"]
    assert run("train", "--resume", "model.npz", "--threads", 2, "--quiet").code == 0
    assert_same_bits("model.npz", "whole.npz")


def test_a_resumed_run_goes_back_to_the_same_state(folder, run, monkeypatch):
    """Also where the loss has to be mended after resuming, a run ends on the bits of one that was not interrupted."""
    wild = ("--cell", "rnn", "--optimizer", "sgd", "--schedule", "constant", "--warmup", 0, "--clip", 0, "--lr", 6)
    options = ("corpus.txt", *TINY, "--epochs", 6, *wild)
    whole = run("train", *options, "-o", "whole.npz")
    assert whole.code == 0
    assert "back at the best weights" in whole.err
    with monkeypatch.context() as patch:
        interrupt(patch, 2)
        assert run("train", *options).code == 130
    assert run("train", "--resume", "model.npz", "--threads", 2, "--quiet").code == 0
    assert_same_bits("model.npz", "whole.npz")


def test_an_interrupted_slim_run_can_be_resumed(folder, run, monkeypatch):
    """``--slim`` is for the end of a run: where Ctrl-C comes first, all that resuming needs is kept."""
    with monkeypatch.context() as patch:
        interrupt(patch, 1)
        assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--slim").code == 130
    assert run("train", "--resume", "model.npz", "--slim", "--quiet").code == 0
    assert all(name.startswith("param/") for name in arrays_of("model.npz"))


def test_signals_are_given_back(folder, run, monkeypatch):
    """After a run, whether it was interrupted or not, Ctrl-C means what it meant before."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    interrupt(monkeypatch, 1)
    assert run("train", "corpus.txt", *TINY, "--epochs", 2).code == 130
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize(("after", "options"), [(0, ()), (2, ("--lr", 1e30))])
def test_an_interrupt_never_claims_a_file_that_is_not_there(folder, run, monkeypatch, after, options):
    """Where Ctrl-C comes before there is anything to save, the last line does not say that it was saved."""
    interrupt(monkeypatch, after)
    result = run("train", "corpus.txt", *TINY, "--epochs", 2, *options)
    assert result.code == 130
    assert ("saved in" in result.err) == Path("model.npz").exists()


def test_an_interrupt_of_a_resumed_run_never_claims_either(folder, run, monkeypatch):
    """Nor where a resumed run is to be written to another file, and Ctrl-C comes before it took a step."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    interrupt(monkeypatch, 0)
    result = run("train", "--resume", "model.npz", "--epochs", 2, "-o", "next.npz")
    assert result.code == 130
    assert ("saved in next.npz" in result.err) == Path("next.npz").exists()


def test_resume_another_file(folder, run):
    """With ``-o`` a resumed run leaves the old file alone."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    before = Path("model.npz").read_bytes()
    assert run("train", "--resume", "model.npz", "-o", "next.npz", "--epochs", 2, "--quiet").code == 0
    assert Path("model.npz").read_bytes() == before
    assert meta_of("next.npz")["history"][-1]["epoch"] == 2
    refused(run("train", "--resume", "model.npz", "-o", "next.npz", "--epochs", 2), "next.npz", "--force")


def test_a_text_that_moved(folder, run):
    """Where the text has moved, resuming says so; given its new place it goes on."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    Path("corpus.txt").rename("moved.txt")
    before = contents(folder)
    refused(run("train", "--resume", "model.npz", "--epochs", 2), "corpus.txt", "moved", "--resume model.npz")
    assert contents(folder) == before
    assert run("train", "moved.txt", "--resume", "model.npz", "--epochs", 2, "--quiet").code == 0


@pytest.mark.parametrize("addition", ["Der Mann.\n", "Ω\n"])
@pytest.mark.parametrize("named", [(), ("corpus.txt",)])
def test_a_text_that_changed(folder, run, text, addition, named):
    """Another text than the run's own is refused as that, also where it has characters that are new."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    Path("corpus.txt").write_text(text + addition, encoding="utf-8")
    before = contents(folder)
    result = run("train", *named, "--resume", "model.npz", "--epochs", 2)
    instead = "charrnn train corpus.txt --init-from model.npz -o new.npz"
    refused(result, "corpus.txt has changed since model.npz was trained on it", f"with: {instead}\n")
    assert ("or is another text" in result.err) == bool(named)
    assert "--unknown" not in result.err  # train has no such option
    assert contents(folder) == before
    added = ("--remap",) * (addition == "Ω\n")
    assert run(*instead.split()[1:], *added, "--epochs", 0.1, "--quiet").code == 0


def test_standard_input_cannot_be_read_again(folder, run, text):
    """A run on standard input asks for its text again, and goes on when it is given."""
    assert run("train", "-", *TINY, "--epochs", 1, "--quiet", stdin=text.encode()).code == 0
    refused(run("train", "--resume", "model.npz", "--epochs", 2), "standard input")
    assert run("train", "-", "--resume", "model.npz", "--epochs", 2, "--quiet", stdin=text.encode()).code == 0


def test_a_finished_run(folder, run):
    """A finished run is not trained on by accident; more epochs extend it."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    before = contents(folder)
    refused(run("train", "--resume", "model.npz"), "model.npz", "complete", "--epochs")
    assert contents(folder) == before
    assert run("train", "--resume", "model.npz", "--epochs", 2.5, "--quiet").code == 0
    assert meta_of("model.npz")["history"][-1]["epoch"] == pytest.approx(2.5, abs=0.1)
    assert meta_of("model.npz")["training"]["epochs"] == 2.5


def test_a_run_that_stopped_early_is_finished(folder, run):
    """A run that ended because validation no longer improved is complete: resuming does not train a bit more."""
    options = ("--epochs", 300, "--patience", 1, "--lr", 0.3)
    result = run("train", "corpus.txt", *TINY, *options)
    assert result.code == 0
    assert "stopped early" in result.err
    before = contents(folder)
    refused(run("train", "--resume", "model.npz"), "model.npz", "complete")
    assert contents(folder) == before


@pytest.mark.parametrize(
    "option",
    [
        ("--hidden", 32),
        ("--cell", "lstm"),
        ("--layers", 2),
        ("--seed", 0),
        ("--seq-length", 4),
        ("--bytes",),
        ("--val-fraction", 0.2),
        ("--optimizer", "sgd"),
        ("--patience", 3),
    ],
)
def test_a_resumed_run_keeps_its_options(trained, run, option):
    """An option that would make it another run is refused and named; even where its value is the same."""
    misused(run("train", "--resume", trained, *option), option[0])


def _drop_moment(meta, arrays):
    del arrays["state/moment1"]


def _shrink_carried(meta, arrays):
    arrays["state/carried"] = arrays["state/carried"][:, :, :3]


CRAFTED = {
    "no sources": lambda meta, arrays: meta.update(corpus={}),
    "sources that are no list": lambda meta, arrays: meta["corpus"].update(sources=5),
    "settings that do not exist": lambda meta, arrays: meta["training"].update(bogus=1),
    "settings of a wrong type": lambda meta, arrays: meta["training"].update(seq_length="x"),
    "settings of another network": lambda meta, arrays: meta["training"].update(cell="gru", hidden=8),
    "settings of another batch": lambda meta, arrays: meta["training"].update(batch_size=7),
    "an optimizer that does not exist": lambda meta, arrays: meta["training"].update(optimizer="\x1b[31mred"),
    "progress that does not exist": lambda meta, arrays: meta["progress"].update(bogus=1),
    "progress of a wrong type": lambda meta, arrays: meta["progress"].update(step="x"),
    "progress before the start": lambda meta, arrays: meta["progress"].update(step=-5),
    "too few moments": _drop_moment,
    "too few carried states": _shrink_carried,
}


@pytest.mark.parametrize("case", CRAFTED)
def test_crafted_models_cannot_be_resumed(trained, folder, run, case):
    """A model whose settings or state make no run is refused in one plain line that names the file."""
    rewrite(trained, "model.npz", CRAFTED[case])
    before = contents(folder)
    result = run("train", "--resume", "model.npz", "--epochs", 21, "--quiet")
    refused(result, "model.npz")
    assert "\x1b" not in result.err
    assert contents(folder) == before


@pytest.mark.usefixtures("validate_often")
def test_a_run_in_epochs_is_paused_by_time(folder, run):
    """With --epochs, --time ends a session and not the run; resumed, paused again and resumed, it is the same file."""
    options = ("corpus.txt", *TINY, "--epochs", 15, "--patience", 0)
    assert run("train", *options, "-o", "whole.npz", "--quiet").code == 0
    steps = [0]
    for begin in (options, ("--resume", "model.npz", "--threads", 2), ("--resume", "model.npz")):
        result = run("train", *begin, "--time", "0.001s")
        assert result.code == 0
        last = result.err.splitlines()[-1]
        assert last.startswith("paused after 0.001 seconds and saved in model.npz; continue with: ")
        assert last.endswith("continue with: charrnn train --resume model.npz --time 0.001s")
        paused = load("model.npz", resume=True)
        assert (paused.training["epochs"], paused.training["seconds"]) == (15, None)
        steps.append(paused.resume.progress["step"])
    assert sorted(set(steps)) == steps
    result = run("train", "--resume", "model.npz", "--time", "500s")
    assert (result.code, "continue with" in result.err) == (0, False)
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
        more = "--epochs 2 trains it to 2 epochs in total"
        assert f"has already been trained for 1 epoch; {more}" in result.err
    result = run("train", "--resume", "model.npz", "--time", "5s")
    refused(result, f"is complete: it has been trained for 1 epoch; {more}")
    assert Path("model.npz").read_bytes() == before
    assert run("train", "--resume", "model.npz", "--epochs", 3, "--time", "500s", "--quiet").code == 0
    assert_same_file("model.npz", "whole.npz")


@pytest.mark.usefixtures("validate_often")
def test_more_time_for_a_run_in_time(folder, run):
    """Where a run is measured in time, --time with --resume is its new total."""
    assert run("train", "corpus.txt", *TINY, "--time", "0.1s", "--quiet").code == 0
    result = run("train", "--resume", "model.npz", "--time", "0.05s")
    refused(result, "has already been trained for 0.", "s trains it to 0.", " seconds in total")
    assert run("train", "--resume", "model.npz", "--time", "0.2s", "--quiet").code == 0
    trained = load("model.npz", resume=True)
    assert trained.training["seconds"] == 0.2
    assert trained.resume.progress["seconds"] >= 0.2
    trained.resume.progress["seconds"] = 60.4
    trained.training["seconds"] = 60.0
    save("model.npz", trained)
    result = run("train", "--resume", "model.npz")
    refused(result, "is complete: it has been trained for 1 minute; --time 2m trains it to 2 minutes in total")


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
