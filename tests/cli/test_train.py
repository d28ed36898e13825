"""``charrnn train``: what it writes, what it says on the way, and where it begins."""

import errno
import json
import math
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.commands import ERROR, TINY, contents, enter, misused, refused, strict_json, train_options
from tests.helpers.model_files import arrays_of, assert_same_bits, meta_of


# Training
def test_train_as_the_readme_has_it(folder, run):
    """``charrnn train corpus.txt`` writes model.npz, tells the run on stderr and nothing on stdout."""
    result = run("train", "corpus.txt", *TINY, "--epochs", 1)
    assert result.code == 0
    assert result.stdout == b""
    assert "saved in model.npz" in result.err
    assert "\x1b" not in result.err
    assert sorted(contents(folder)) == [folder / "corpus.txt", folder / "model.npz"]
    assert run("sample", "model.npz", "--temp", "0.8", "--length", 20).code == 0


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_every_cell_can_be_trained_and_used(folder, run, cell):
    """Each cell goes through train, sample, eval and info; two layers and dropout too."""
    deep = ("--layers", 2, "--dropout", 0.2)
    assert run("train", "corpus.txt", *TINY, *deep, "--cell", cell, "--epochs", 1, "--quiet").code == 0
    assert len(run("sample", "model.npz", "--length", 20).out) == 20
    assert run("eval", "model.npz", "corpus.txt").code == 0
    assert f"{cell}, 2 layers of 16" in run("info", "model.npz").out


@pytest.mark.parametrize("option", ["--optimizer", "--schedule"])
def test_every_choice_can_be_trained_with(folder, run, option):
    """Each optimizer and each schedule learns something from a text."""
    from charrnn.training.rules import OPTIMIZERS, SCHEDULES

    for choice in OPTIMIZERS if option == "--optimizer" else SCHEDULES:
        options = (option, choice, "--epochs", 2, "--lr", 0.01, "--force", "--quiet")
        assert run("train", "corpus.txt", *TINY, *options).code == 0
        history = meta_of("model.npz")["history"]
        assert history[-1]["val_loss"] < math.log(60), choice


def test_quiet_says_nothing(folder, run):
    """``--quiet`` writes not a single character, whatever there is to note."""
    Path("short.txt").write_text("what is short is trained on in fewer streams\n")
    for arguments in (("corpus.txt",), ("short.txt", "--force"), ("--resume", "model.npz", "--epochs", 2)):
        options = TINY if arguments[0] != "--resume" else ()
        result = run("train", *arguments, *options, *(("--epochs", 1) if options else ()), "--quiet")
        assert (result.code, result.stdout, result.err) == (0, b"", "")


def test_log_has_an_object_a_line(folder, run):
    """``--log`` writes a JSON object a line, with its fields, a loss that falls, and val_loss where there is one."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 20, "--log", "log", "--quiet").code == 0
    entries = [strict_json(line) for line in Path("log").read_text().splitlines()]
    fields = {"step", "epoch", "seconds", "loss", "learning_rate", "grad_norm", "chars_per_second"}
    for entry in entries:
        assert set(entry) - {"val_loss"} == fields
        assert all(isinstance(value, float | int) for value in entry.values())
    steps = [entry["step"] for entry in entries]
    assert steps == sorted(set(steps))
    assert entries[-1]["epoch"] == 20
    assert entries[-1]["loss"] < entries[0]["loss"]
    validations = [entry for entry in entries if "val_loss" in entry]
    assert [entry["val_loss"] for entry in validations] == [e["val_loss"] for e in meta_of("model.npz")["history"]]
    assert 0 < len(validations) < len(entries)


def test_log_without_validation(folder, run):
    """With nothing held out there is no val_loss in the log, and info and sample do without it."""
    options = ("--epochs", 1, "--log", "log", "--quiet", "--val-fraction", 0)
    assert run("train", "corpus.txt", *TINY, *options).code == 0
    assert "val_loss" not in Path("log").read_text()
    assert run("info", "model.npz").code == 0
    assert len(run("sample", "model.npz", "--length", 5).out) == 5


def test_log_goes_on_where_a_run_is_resumed(folder, run):
    """A resumed run adds to its log; a new one begins it anew."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "log", "--quiet").code == 0
    first = Path("log").read_text()
    assert run("train", "--resume", "model.npz", "--epochs", 2, "--log", "log", "--quiet").code == 0
    both = Path("log").read_text()
    assert both.startswith(first)
    steps = [record["step"] for record in map(json.loads, both.splitlines()) if "resumed" not in record]
    assert steps == sorted(set(steps))
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "log", "--quiet", "--force").code == 0
    assert json.loads(Path("log").read_text().splitlines()[0])["step"] == 1


def test_slim(folder, run):
    """``--slim`` leaves out what only resuming needs: the rest works, and resuming is refused in one sentence."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet", "-o", "full.npz").code == 0
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet", "-o", "slim.npz", "--slim").code == 0
    assert Path("slim.npz").stat().st_size < Path("full.npz").stat().st_size / 2
    parameters = {name: values for name, values in arrays_of("full.npz").items() if name.startswith("param/")}
    slim = arrays_of("slim.npz")
    assert list(slim) == list(parameters)
    assert all((slim[name] == parameters[name]).all() for name in slim)
    assert run("eval", "slim.npz", "corpus.txt").out == run("eval", "full.npz", "corpus.txt").out
    refused(run("train", "--resume", "slim.npz", "--epochs", 2), "slim.npz", "slim")


def test_bytes(folder, run):
    """``--bytes`` models any file, byte by byte, and gives bytes back."""
    Path("binary").write_bytes(bytes(range(256)) * 8)
    assert run("train", "binary", *TINY, "--epochs", 1, "--quiet", "--bytes").code == 0
    assert "256 byte values" in run("info", "model.npz").out
    result = run("sample", "model.npz", "--length", 50, "--prime", "ü", "--seed", 1)
    assert result.code == 0
    assert len(result.stdout) == 52
    assert result.stdout.startswith("ü".encode())
    assert json.loads(run("eval", "model.npz", "binary", "--json").out)["characters"] == 2047


def test_output_and_force(folder, run):
    """``-o`` says where to write; what is there stays unless ``--force`` is given."""
    options = (*TINY, "--epochs", 1, "--quiet", "-o", "other.npz")
    assert run("train", "corpus.txt", *options).code == 0
    assert not Path("model.npz").exists()
    before = contents(folder)
    refused(run("train", "corpus.txt", *options, "--seed", 1), "other.npz", "--force")
    assert contents(folder) == before
    assert run("train", "corpus.txt", *options, "--seed", 1, "--force").code == 0
    assert contents(folder).keys() == before.keys()
    assert contents(folder) != before


def test_the_same_seed_trains_the_same_model(folder, run):
    """The same seed gives the same bits, whatever the number of threads; another seed gives others."""
    options = ("--hidden", 16, "--epochs", 2, "--quiet", "--dropout", 0.1)
    for name, seed, threads in (("a.npz", 1, 1), ("b.npz", 1, 2), ("c.npz", 2, 2)):
        done = run("train", "corpus.txt", *options, "-o", name, "--seed", seed, "--threads", threads)
        assert done.code == 0
    assert_same_bits("a.npz", "b.npz")
    assert arrays_of("a.npz")["state/weights"].tobytes() != arrays_of("c.npz")["state/weights"].tobytes()


def test_time_ends_a_run(folder, run):
    """``--time 1s`` trains for a second, ends with the first steps after it, and says so in the model."""
    options = ("--time", "1s", "--patience", 0, "--quiet", "--log", "log.jsonl")
    assert run("train", "corpus.txt", *TINY, *options).code == 0
    *before, last = [json.loads(line)["seconds"] for line in Path("log.jsonl").read_text().splitlines()]
    assert max(before) <= 1.0 <= last
    meta = meta_of("model.npz")
    assert meta["training"]["epochs"] is None
    assert meta["progress"]["seconds"] >= 1.0


def test_several_texts(folder, run):
    """Files, folders and standard input make one text; what is no text in a folder is left out with a note."""
    Path("more").mkdir()
    Path("more/a.txt").write_text("a text in a folder\n")
    Path("more/b.bin").write_bytes(b"\0\1\2")
    stdin = b"a text on standard input\n"
    result = run("train", "corpus.txt", "more", "-", *TINY, "--epochs", 1, stdin=stdin)
    assert result.code == 0
    assert [line for line in result.err.splitlines() if line.startswith("charrnn: ") and "b.bin" in line]
    corpus = meta_of("model.npz")["corpus"]
    assert corpus["sources"] == ["corpus.txt", "more", "-"]
    characters = len(Path("corpus.txt").read_text(encoding="utf-8")) + len("a text in a folder\n") + len(stdin)
    assert corpus["characters"] == characters
    Path("story.rtf").write_text(r"{\rtf1 a text}")
    markup = "charrnn: story.rtf has formatting, which the network learns, too: it is a file with RTF formatting; make"
    for option, noted in ((), True), (("--bytes",), False):
        result = run("train", "corpus.txt", "story.rtf", *TINY, *option, "--epochs", 0.1, "--force")
        assert (result.code, markup in result.err) == (0, noted)


def test_values_at_the_edge(folder, run):
    """The least and the most that an option allows can be trained with."""
    for option in (
        ("--clip", 0),
        ("--clip-value", 1e-30),
        ("--warmup", 0),
        ("--warmup", 1),
        ("--val-fraction", 0.9),
        ("--seq-length", 65536),
        ("--batch-size", 65536),
        ("--layers", 4),
        ("--hidden", 1),
        ("--seed", 2**63 - 1),
        ("--lr", "1e-300"),
        ("--epochs", "1e-300"),
    ):
        result = run("train", "corpus.txt", *TINY, "--epochs", 0.01, "--quiet", "--force", *option)
        assert (result.code, result.err) == (0, ""), option


def test_the_header_comes_first(folder, capsys, monkeypatch):
    """What is known of a run is told before first values are drawn, and these before anything is compiled."""
    from charrnn.training import learner
    from charrnn.training.trainer import Trainer

    told = {}
    for owner, name in ((learner, "first_values"), (Trainer, "compile")):
        original = getattr(owner, name)

        def spy(*arguments, name=name, original=original, **options):
            told[name] = capsys.readouterr().err
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, spy)
    assert enter("train", "corpus.txt", *TINY, "--epochs", 0.01, "--cell", "rnn") == 0
    assert list(told) == ["first_values", "compile"]
    rows = [line.split(":")[0] for line in told["first_values"].splitlines()]
    assert rows == ["text", "model", "training", "machine"]


def test_the_header_of_a_large_network_comes_at_once(folder, capsys):
    """Before its first values, a network of 13 GB takes hardly any memory, and so hardly any time."""
    from charrnn.cli.train_preparation import new_run
    from charrnn.display.training_screen import TrainingDisplay
    from charrnn.model.team import Team

    resource = pytest.importorskip("resource")

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB, or in bytes on macOS

    options = train_options("corpus.txt", "--hidden", 4096, "--layers", 4)
    with Team(1) as team:
        before = peak()
        TrainingDisplay(new_run(options, team)).header()
        assert peak() - before < 100_000
    assert "13.5 GB of memory" in capsys.readouterr().err


def test_samples_are_shown_now_and_then(folder, capsys):
    """A run shows a few lines by the model on stderr; not with ``--no-samples`` nor with ``--quiet``."""
    from charrnn.cli.train_log import Log
    from charrnn.cli.train_preparation import new_run
    from charrnn.cli.train_session import train
    from charrnn.model.team import Team

    for typed, shown in (((), True), (("--no-samples",), False), (("--quiet",), False)):
        options = train_options("corpus.txt", "--hidden", 16, "--epochs", 10, *typed)
        with Team(1) as team:
            trainer = new_run(options, team)
            assert train(trainer, options, Log(None, append=False), sample_seconds=0.0) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert any(line.startswith("    ") for line in err.splitlines()) == shown


def test_a_run_saves_now_and_then(folder, run, monkeypatch):
    """A long run is saved as it goes, so that a power cut costs a minute: the file can be resumed."""
    from charrnn.training.trainer import Trainer

    original, seen = Trainer.run, []

    def watched(trainer):
        for record in original(trainer):
            yield record
            seen.append(meta_of("model.npz")["progress"]["step"] == record.step)

    monkeypatch.setattr(Trainer, "run", watched)
    options = ("--epochs", 2, "--save-every", "0.000001s", "--slim", "--quiet")
    assert run("train", "corpus.txt", *TINY, *options).code == 0
    assert len(seen) > 1
    assert all(seen)


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="needs signals")
def test_ctrl_c_while_compiling(folder, run, monkeypatch):
    """It is heard at once, and ends the run before its first step."""
    from charrnn.training.trainer import Trainer

    monkeypatch.setattr(Trainer, "compile", lambda trainer: signal.raise_signal(signal.SIGINT))
    result = run("train", "corpus.txt", *TINY)
    assert result.code == 130
    assert "stopping as soon as the kernels are compiled" in result.err
    assert "nothing was saved" in result.err
    assert not Path("model.npz").exists()


# Starting from another model
def test_init_from_keeps_weights_and_vocabulary(trained, folder, run, text):
    """A new run begins with the model's weights and vocabulary, also on a text that has only some of its characters."""
    Path("lower.txt").write_text("".join(c for c in text if c.islower() or c == " "), encoding="utf-8")
    for corpus in ("corpus.txt", "lower.txt"):
        options = ("--epochs", 0.01, "--lr", 1e-9, "--threads", 1, "--quiet", "--force")
        assert run("train", corpus, "--init-from", trained, *options).code == 0
        assert meta_of("model.npz")["vocabulary"] == meta_of(trained)["vocabulary"]
        assert meta_of("model.npz")["progress"]["step"] == 1
        old, new = arrays_of(trained), arrays_of("model.npz")
        for name in old:
            if name.startswith("param/"):
                np.testing.assert_allclose(new[name], old[name], atol=1e-6)


def test_init_from_and_new_characters(trained, folder, run, text):
    """Characters that the model does not know are refused by name; ``--remap`` takes them in."""
    Path("new.txt").write_text(text.replace("a", "Ω"), encoding="utf-8")
    before = contents(folder)
    options = ("--init-from", trained, "--epochs", 1, "--threads", 1, "--quiet")
    refused(run("train", "new.txt", *options), "'Ω'", "--remap")
    assert contents(folder) == before
    assert run("train", "new.txt", *options, "--remap").code == 0
    characters = meta_of("model.npz")["vocabulary"]["characters"]
    assert characters == "".join(sorted({*text, "Ω"}))
    assert run("sample", "model.npz", "--prime", "aΩ", "--length", 5).code == 0


def test_init_from_decides_the_network(trained, folder, run):
    """What the weights decide cannot be asked for as well, nor can bytes of a model of characters."""
    for option in (("--cell", "gru"), ("--hidden", 8), ("--layers", 2), ("--bytes",)):
        misused(run("train", "corpus.txt", "--init-from", trained, *option), option[0])
    assert list(contents(folder)) == [folder / "corpus.txt"]


def test_a_text_with_nul_characters(folder, run):
    """NUL is a character like any other in a file that is named."""
    Path("text").write_text("zero\0separated\0words\0are\0a\0text\0too\0", encoding="utf-8")
    assert run("train", "text", *TINY, "--epochs", 1).code == 0
    assert "\0" in meta_of("model.npz")["vocabulary"]["characters"]
    assert "\0" not in run("info", "model.npz").out


def test_a_short_text(folder, run):
    """A few dozen characters are trained on, with a note on stderr that says what was changed for them."""
    Path("text").write_text("a few dozen characters are enough\n")
    result = run("train", "text", *TINY, "--epochs", 1)
    assert result.code == 0
    note = result.err.splitlines()[0]
    assert note.startswith("charrnn: the text is short")
    assert "instead of 16 of 32" in note
    assert Path("model.npz").exists()


def test_a_large_vocabulary(folder, run):
    """60,000 distinct characters are trained on, after a warning that names the number and the way out."""
    many = [chr(point) for point in range(0x4E00, 0x4E00 + 65_000) if not 0xD800 <= point < 0xE000][:60_000]
    Path("text").write_text("".join(many), encoding="utf-8")
    sizes = ("--hidden", 1, "--batch-size", 1, "--seq-length", 1)
    options = ("--epochs", 1e-9, "--val-fraction", 0, "--threads", 2, "--slim")
    result = run("train", "text", *sizes, *options)
    assert result.code == 0
    warning = result.err.splitlines()[0]
    assert warning.startswith("charrnn: ")
    assert "60,000" in warning
    assert "--bytes" in warning
    assert len(meta_of("model.npz")["vocabulary"]["characters"]) == 60_000


def test_one_failed_save_does_not_end_a_run(folder, run, monkeypatch):
    """Where a save on the way fails and a later one does not, the run goes on to its end."""
    failures = [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]
    original = os.fsync

    def full_once(descriptor):
        if failures:
            raise failures.pop()
        original(descriptor)

    monkeypatch.setattr(os, "fsync", full_once)
    result = run("train", "corpus.txt", *TINY, "--epochs", 2, "--save-every", "0.000001s")
    assert result.code == 0
    assert "no space left" in result.err
    assert meta_of("model.npz")["history"][-1]["epoch"] == 2


# Losses that are no numbers
def test_a_rate_far_too_high(folder, run):
    """A run whose loss is no number goes back, halves its rate, gives up in one line and leaves no file."""
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--lr", 1e30, "--log", "log")
    assert result.code == 1
    lines = result.err.splitlines()
    backs = [line for line in lines if "back at the best weights" in line]
    rates = [float(re.search(r"rate, (\S+)$", line)[1]) for line in backs]
    assert len(rates) >= 2
    assert rates == pytest.approx([1e30 / 2 ** (k + 1) for k in range(len(rates))], rel=0.05)
    assert lines[-1].startswith(ERROR)
    assert "--lr" in lines[-1]
    assert "nothing was saved" in lines[-1]
    assert sum(line.startswith(ERROR) for line in lines) == 1
    assert not Path("model.npz").exists()
    entries = [strict_json(line) for line in Path("log").read_text().splitlines()]
    assert sum(entry.get("rolled_back", False) for entry in entries) == len(rates)


def test_a_rate_far_too_high_and_quiet(folder, run):
    """Under ``--quiet`` the error is the one line there is."""
    refused(run("train", "corpus.txt", *TINY, "--epochs", 1, "--lr", 1e30, "--quiet"), "--lr")
    assert list(contents(folder)) == [folder / "corpus.txt"]


def test_a_validation_that_is_no_number_does_not_spoil_the_file(folder, run, monkeypatch):
    """A run that once validated to no number, and recovered, can still be saved, shown and resumed."""
    from charrnn.training.trainer import Trainer

    original, once = Trainer.validate, [math.nan]
    monkeypatch.setattr(Trainer, "validate", lambda trainer: once.pop() if once else original(trainer))
    result = run("train", "corpus.txt", *TINY, "--epochs", 20, "--quiet")
    assert (result.code, result.err) == (0, "")
    assert run("info", "model.npz").code == 0
    assert run("train", "--resume", "model.npz", "--epochs", 21, "--quiet").code == 0
