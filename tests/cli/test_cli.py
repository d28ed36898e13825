"""What is typed and what comes of it: every command and option, and every way to type them wrong.

All of it runs in this process; ``test_shell.py`` holds what only a process of its own can show.
"""

import errno
import importlib
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import charrnn.cli
from charrnn import __version__
from charrnn.cli import COMMANDS
from charrnn.errors import CharrnnError
from tests.helpers.commands import ERROR, TINY, UNEXPECTED, contents, misused, refused, strict_json, train_options
from tests.helpers.model_files import arrays_of, assert_same_bits, meta_of, rewrite


def interrupt(monkeypatch, after):
    """Send this process Ctrl-C when a run has told so many records."""
    from charrnn.training.trainer import Trainer

    original = Trainer.run

    def interrupted(trainer):
        if not after:
            signal.raise_signal(signal.SIGINT)
        for told, record in enumerate(original(trainer), 1):
            yield record
            if told == after:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "run", interrupted)


# Help


def every_command():
    """Return each command by its name."""
    return {name: importlib.import_module(f"charrnn.cli.{name}").command for name in COMMANDS}


def test_every_command_and_option_is_explained():
    """Each command and each of its options has a help text."""
    for name, command in every_command().items():
        assert command.help, name
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.help, (name, parameter.name)
    for parameter in charrnn.cli.group.params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_what_and_gives_an_example(run, command):
    """The help of each command names its arguments and shows an example that begins with charrnn."""
    result = run(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert re.search(rf"Examples?:\n(.*\n)*? +(.*\| )?charrnn {command}", result.out)
    for argument in every_command()[command].params:
        if argument.param_type_name == "argument":
            assert argument.metavar
            assert argument.metavar in result.out.splitlines()[0]


def test_short_help_lists_all_commands(run):
    """``charrnn --help`` and ``-h`` list all commands, and so does ``charrnn`` alone."""
    result = run("--help")
    assert (result.code, result.err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.out, re.MULTILINE)
    assert run("-h").out == result.out
    bare = run()
    assert bare.code in (0, 2)  # click changed its mind
    assert "Commands:" in bare.out + bare.err


def test_help_imports_nothing_heavy():
    """Neither help, version nor wrong usage imports NumPy, Numba or Rich: they answer at once."""
    program = """if True:
        import sys
        from charrnn.cli import COMMANDS, run
        codes = [run(["--help"]), run(["--version"]), *(run([name, "--help"]) for name in COMMANDS)]
        codes += [run(["train"]), run(["sample"]), run(["nonsense"])]
        heavy = {"numpy", "numba", "llvmlite", "rich", "pooch"} & set(sys.modules)
        sys.exit(f"{codes} {sorted(heavy)}")
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8")
    assert done.stderr.splitlines()[-1] == f"{[0] * (2 + len(COMMANDS)) + [2, 2, 2]} []"


# Run with each of these, in a process whose tables have one more row.
WITH_MADE_UP_ROWS = """if True:
    import sys
    from dataclasses import replace
    from charrnn.cells.table import CELLS
    from charrnn.cli import run
    from charrnn.training import optimizer
    from charrnn.training.rules import OPTIMIZERS, SCHEDULES
    CELLS["made-up"] = replace(CELLS["lstm"], name="made-up")
    OPTIMIZERS["made-up"], optimizer.NUMBERS["made-up"] = OPTIMIZERS["sgd"], optimizer.NUMBERS["sgd"]
    SCHEDULES["made-up"] = SCHEDULES["cosine"]
    sys.exit(run(sys.argv[1:]))
    """


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "corpus.txt", *TINY, "--epochs", 1, "--optimizer", "made-up", "--schedule", "made-up"),
        ("bench", "corpus.txt", "--hidden", 16, "--only", "sampling", "--rounds", 1),
        ("gradients", "corpus.txt", "--hidden", 16, "--lags", 8, "--samples", 16),
        ("cells",),
    ],
)
def test_a_row_of_a_table_is_all_that_it_takes(folder, arguments):
    """What a table has one row more of is accepted by every command that offers the table's rows."""
    cell = () if arguments[0] == "cells" else ("--cell", "made-up")
    command = [sys.executable, "-c", WITH_MADE_UP_ROWS, *map(str, (*arguments, *cell))]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "made-up" in done.stdout + done.stderr


def test_version(run):
    """``--version`` tells the version on stdout."""
    result = run("--version")
    assert result.code == 0
    assert __version__ in result.out


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


def test_run_returns_the_exit_code(folder):
    """``charrnn.cli.run`` returns an exit code for every command, whoever calls it."""
    assert charrnn.cli.run(["train", "corpus.txt", "--hidden", "16", "--epochs", "1", "--quiet"]) == 0


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
    steps = [json.loads(line)["step"] for line in both.splitlines()]
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
    """``--time 1s`` trains for a second, not for much longer, and says so in the model."""
    assert run("train", "corpus.txt", *TINY, "--time", "1s", "--patience", 0, "--quiet").code == 0
    meta = meta_of("model.npz")
    assert meta["training"]["epochs"] is None
    assert 1.0 <= meta["progress"]["seconds"] < 2.0


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


def test_values_at_the_edge(folder, run):
    """The least and the most that an option allows can be trained with."""
    for option in (
        ("--clip", 0),
        ("--clip-value", 1e-300),
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


def test_times():
    """A time is a number of seconds, or has the letter of a unit."""
    from charrnn.cli.options import Duration

    for typed, seconds in (("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (".5d", 43200), (" 3 s ", 3)):
        assert Duration().convert(typed, None, None) == seconds


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


def test_plain_lines_now_and_then(folder, run, monkeypatch):
    """Where stderr is no terminal, a plain line now and then tells how far a run is."""
    from charrnn.display import training_screen as training

    monkeypatch.setattr(training, "PLAIN_SECONDS", 0.0)
    result = run("train", "corpus.txt", *TINY, "--epochs", 5)
    assert result.code == 0
    assert re.search(r"^ *\d+%  epoch \d\.\d  loss \d\.\d{3}  .*chars/s", result.err, re.MULTILINE)


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


def test_a_log_is_not_written_over_a_text_or_a_model(trained, folder, run):
    """A log by the name of what the run reads or writes is refused, and leaves that as it was."""
    text, model = Path("corpus.txt").read_bytes(), trained.read_bytes()
    Path("model.npz").write_bytes(model)
    for arguments in (
        ("corpus.txt", "--log", "./corpus.txt", "-o", "new.npz"),
        ("corpus.txt", "--log", "new.npz", "-o", "new.npz"),
        ("--resume", "model.npz", "--epochs", 30, "--log", "model.npz"),
        ("corpus.txt", "--init-from", "model.npz", "--log", "model.npz", "-o", "new.npz"),
    ):
        result = run("train", *arguments)
        assert result.code == 1
        assert result.err.endswith("is the text or a model of this run; --log needs another file\n")
        assert not Path("new.npz").exists()
    assert (Path("corpus.txt").read_bytes(), Path("model.npz").read_bytes()) == (text, model)


def test_names_that_no_model_can_have(trained, folder, run):
    """Nothing, a folder's name, a link to itself: one sentence each."""
    Path("a").symlink_to("b")
    Path("b").symlink_to("a")
    for name in ("", "folder/", "a"):
        for arguments in (("corpus.txt", *TINY), ("--resume", trained, "--epochs", 30)):
            result = run("train", *arguments, "-o", name, "--quiet")
            assert result.code == 1
            assert result.err.startswith("charrnn: error: ")
            assert result.err.count("\n") == 1
            assert "should not have" not in result.err


# Sampling


def test_sample_writes_so_many_characters(trained, run):
    """Standard output has the prime and then ``--length`` characters, not one more; stderr has nothing."""
    result = run("sample", trained, "--length", 123, "--prime", "Der alte", "--seed", 1)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Der alte")
    assert len(result.out) == len("Der alte") + 123
    assert len(run("sample", trained).out) == 1000
    assert run("sample", trained, "--length", 1, "--prime", "").out != ""


def test_a_slow_sample_is_seen_as_it_is_written(trained, run, monkeypatch):
    """Characters are passed on as they are drawn, twenty times a second or so, not when a buffer is full."""
    from charrnn.model.network import Network

    class Recorder(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            pieces.append(bytes(data))
            return len(data)

    pieces, original = [], Network.sample

    def slow(network, window, drawing, *rest):
        time.sleep(0.01 * len(drawing.chances))
        return original(network, window, drawing, *rest)

    monkeypatch.setattr(Network, "sample", slow)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Recorder()), encoding="ascii"))
    assert run("sample", trained, "--length", 60, "--seed", 1).code == 0
    assert len(pieces) >= 4
    assert len(b"".join(pieces).decode("utf-8")) == 60


def test_temperature_zero_is_always_the_same(trained, run):
    """``--temp 0`` takes the likeliest character, whatever the seed."""
    texts = {run("sample", trained, "--temp", 0, "--length", 100, *more).out for more in ((), ("--seed", 5), ())}
    assert len(texts) == 1


def test_seed_and_temperature(trained, run):
    """The same seed writes the same text, another seed or none another; ``--temperature`` is ``--temp``."""

    def write(*options):
        return run("sample", trained, "--length", 100, *options).out

    assert write("--seed", 1) == write("--seed", 1) == write("--seed", 1, "--temperature", 1)
    assert write("--seed", 1) != write("--seed", 2)
    assert write() != write()
    assert write("--seed", 1, "--temp", 0.5) == write("--seed", 1, "--temperature", 0.5) != write("--seed", 1)


def test_temperatures_at_the_edge(trained, run):
    """The smallest and the largest temperature there are do what they mean: the likeliest character, and any."""
    likeliest = run("sample", trained, "--temp", 0, "--length", 50).out
    assert run("sample", trained, "--temp", "5e-324", "--length", 50).out == likeliest
    assert len(set(run("sample", trained, "--temp", "1e308", "--length", 300, "--seed", 1).out)) > 30


def test_prime_from_anywhere(trained, folder, run):
    """``--prime TEXT``, ``--prime -`` and ``--prime-file`` mean the same; a prime may be long."""
    prime = "Die große Straße — " * 20
    Path("prime.txt").write_text(prime, encoding="utf-8")
    options = ("--seed", 1, "--length", 50)
    typed = run("sample", trained, "--prime", prime, *options)
    assert typed.out.startswith(prime)
    assert run("sample", trained, "--prime", "-", *options, stdin=prime.encode()).out == typed.out
    assert run("sample", trained, "--prime-file", "prime.txt", *options).out == typed.out


def test_unknown_characters_in_a_prime(trained, run):
    """A character the model has never seen is refused by name and place, skipped or replaced."""
    prime, options = "im Ω Haus", ("--seed", 1, "--length", 20)
    refused(run("sample", trained, "--prime", prime, *options), "'Ω'", "U+03A9", "column 4", "--unknown")
    skipped = run("sample", trained, "--prime", prime, *options, "--unknown", "skip")
    assert skipped.out == run("sample", trained, "--prime", "im  Haus", *options).out
    replaced = run("sample", trained, "--prime", prime, *options, "--unknown", "replace")
    assert replaced.out == run("sample", trained, "--prime", "im   Haus", *options).out


# Info


def test_info_tells_all_there_is(trained, run, text):
    """``info`` tells cell, sizes, vocabulary, text, settings and history, as text and as JSON."""
    result = run("info", trained)
    assert (result.code, result.err) == (0, "")
    digest = meta_of(trained)["corpus"]["sha256"]
    for part in ("lstm, 1 layer of 16", "parameters", "corpus.txt", digest, "epochs 20", "best", f"{len(text):,}"):
        assert part in result.out
    result = run("info", trained, "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    facts = strict_json(result.out)
    assert facts["vocabulary"] == {"byte_level": False, "characters": "".join(sorted(set(text))), "separator": ""}
    assert (facts["cell"], facts["hidden"], facts["layers"]) == ("lstm", 16, 1)
    assert facts["bytes"] == trained.stat().st_size
    arrays = arrays_of(trained)
    assert facts["parameters"] == sum(a.size for name, a in arrays.items() if name.startswith("param/"))
    assert facts["history"] == meta_of(trained)["history"]
    assert facts["training"]["seed"] == 0
    assert facts["corpus"]["sha256"] == digest


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
    refused(result, "corpus.txt", "not the text", "--init-from")
    assert "--unknown" not in result.err  # train has no such option
    assert contents(folder) == before


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
        ("--lr", 0.1),
        ("--seed", 0),
        ("--batch-size", 4),
        ("--bytes",),
        ("--val-fraction", 0.2),
        ("--optimizer", "sgd"),
        ("--dropout", 0.1),
    ],
)
def test_a_resumed_run_keeps_its_options(trained, run, option):
    """An option that would make it another run is refused and named; even where its value is the same."""
    misused(run("train", "--resume", trained, *option), option[0])


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


# Texts that are none


BAD_TEXTS = {
    "a missing file": (None, ("cannot be read", "no such file")),
    "an empty file": (b"", ("no text",)),
    "one character": (b"a", ("one distinct character",)),
    "one distinct character": (b"a" * 100, ("one distinct character",)),
    "too few characters": (b"ab" * 10, ("at least 24 characters",)),
    "bytes that are not UTF-8": (b"a good beginning \xff and a bad end", ("UTF-8", "0xFF", "offset 17", "--bytes")),
    "a cut character": ("what ends in ü".encode()[:-1], ("UTF-8", "offset 13", "--bytes")),
    "UTF-16": ("\ufefftext in UTF-16 of a good length".encode("utf-16-le"), ("UTF-16", "offset 0")),
    "a binary file": (bytes(range(256)) * 4, ("UTF-8", "offset 128", "binary", "--bytes")),
}


@pytest.mark.parametrize("case", BAD_TEXTS)
@pytest.mark.parametrize("through", ["file", "stdin"])
def test_texts_that_cannot_be_trained_on(folder, run, case, through):
    """A text that is none ends in one line that says why, and leaves no file behind."""
    data, words = BAD_TEXTS[case]
    if data is None and through == "stdin":
        pytest.skip("standard input is never missing")
    if data is not None and through == "file":
        Path("text").write_bytes(data)
    before = contents(folder)
    result = run("train", "text" if through == "file" else "-", *TINY, "--epochs", 1, stdin=data or b"")
    refused(result, *words)
    assert contents(folder) == before


def test_folders_without_text(folder, run):
    """A folder that is empty, has hidden or binary files only, or a name that is empty, ends in one line."""
    Path("empty").mkdir()
    Path("hidden").mkdir()
    Path("hidden/.text").write_text("a hidden text that is long enough")
    Path("binary").mkdir()
    Path("binary/file").write_bytes(bytes(range(256)))
    before = contents(folder)
    for name in ("empty", "hidden", "binary"):
        refused(run("train", name, *TINY, "--epochs", 1), name, "no text")
    refused(run("train", "", *TINY, "--epochs", 1))
    assert contents(folder) == before


def test_a_failed_start_leaves_the_log_alone(folder, run):
    """Where the text cannot be read, a log of an earlier run is kept, and no new one is begun."""
    Path("old").write_text("{}\n")
    before = contents(folder)
    for log in ("old", "new"):
        refused(run("train", "nowhere", *TINY, "--epochs", 1, "--log", log), "nowhere")
        assert contents(folder) == before


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


# Places that cannot be written


def test_places_where_no_model_can_be(folder, run):
    """A folder that is missing, a file in its place, a folder as file, or a device end in one line at once."""
    Path("place").mkdir()
    before = contents(folder)
    for output, why in (
        ("missing/model.npz", "no folder missing"),
        ("corpus.txt/model.npz", "not a directory"),
        ("place", "is a folder"),
        (os.devnull, "device"),
    ):
        refused(run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", output, "--force"), output, why)
        assert contents(folder) == before


def test_a_folder_that_may_not_be_written(folder, run, monkeypatch):
    """Without the right to write there, training does not even begin."""
    Path("place").mkdir()
    original = Path.open

    def guarded(path, mode="r", *rest, **more):
        if path.parent.name == "place" and set(mode) & set("wxa+"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", guarded)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", "place/model.npz")
    refused(result, "place/model.npz", "permission denied")
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "place/log")
    refused(result, "place/log", "permission denied")
    assert not list(Path("place").iterdir())


def test_a_log_that_cannot_be_opened(folder, run):
    """A log in a missing folder, or one that is a folder, ends in one line before anything is trained."""
    before = contents(folder)
    for log in ("missing/log", "."):
        refused(run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", log), log, "cannot be written")
        assert contents(folder) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_on_a_full_disk_does_not_cost_the_model(folder, run):
    """Where the log can no longer be written, that is said in one plain line, and what was learnt is saved."""
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "/dev/full", "--quiet")
    refused(result, "/dev/full", "no space left")
    assert Path("model.npz").exists()


def test_a_full_disk(folder, run, monkeypatch):
    """A save that fails is told, with --quiet too; the last one ends in a line, without a file that is half a model."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet")
    on_the_way, last = result.err.splitlines()
    assert "no space left on device; the run goes on, and saves again later" in on_the_way
    refused(replace(result, err=last + "\n"), "model.npz", "no space left")
    assert list(contents(folder)) == [folder / "corpus.txt"]


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


# Models that are none


@pytest.fixture
def no_models(trained, folder):
    """Make files that are no models: their names, and what is said about each."""
    Path("text.npz").write_text("This is a text, not a model.")
    Path("empty.npz").touch()
    whole = trained.read_bytes()
    Path("half.npz").write_bytes(whole[: len(whole) // 2])
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    Path("damaged.npz").write_bytes(damaged)
    zipfile.ZipFile("bare.npz", "w").close()
    np.savez("other.npz", x=np.arange(3))
    Path("folder.npz").mkdir()
    return {
        "missing.npz": "no file",
        "text.npz": "not a charrnn model",
        "empty.npz": "not a charrnn model",
        "half.npz": "damaged",
        "bare.npz": "not a charrnn model",
        "other.npz": "not a charrnn model",
        "folder.npz": "folder",
        os.devnull: "device",
    }


@pytest.mark.parametrize(
    "command",
    [
        ("sample", "MODEL"),
        ("eval", "MODEL", "corpus.txt"),
        ("info", "MODEL"),
        ("train", "--resume", "MODEL", "-o", "out.npz"),
        ("train", "corpus.txt", "--init-from", "MODEL"),
    ],
    ids=["sample", "eval", "info", "resume", "init-from"],
)
def test_files_that_are_no_models(no_models, folder, run, command):
    """Every command says in one line which file is no model and why, and leaves nothing behind."""
    before = contents(folder)
    for name, why in no_models.items():
        refused(run(*(name if part == "MODEL" else part for part in command)), name, why)
        assert contents(folder) == before


def test_a_damaged_weight_is_noticed(no_models, run):
    """One changed bit in the middle of a model file is noticed by whoever reads that part, and named."""
    refused(run("train", "--resume", "damaged.npz", "--epochs", 30), "damaged.npz", "damaged")


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


@pytest.mark.parametrize("history", [[{}], [{"epoch": "x"}], [{"epoch": 1, "seconds": None, "loss": [1]}]])
def test_crafted_histories(trained, folder, run, history):
    """``info`` tells what there is of a history that was tampered with, or refuses the file in one plain line."""
    rewrite(trained, "model.npz", lambda meta, arrays: meta.update(history=history))
    result = run("info", "model.npz")
    assert result.code == 0 or result.err.startswith(f"{ERROR}model.npz ")
    assert UNEXPECTED not in result.err


def test_crafted_models_cannot_write_on_the_terminal(trained, folder, run):
    """Control characters in a model file are never shown as they are: they could command the terminal."""

    def tamper(meta, arrays):
        meta["corpus"].update(sources=["\x1b]0;title\x07\x9b31m"], sha256="\x08\x08")
        meta["training"].update(optimizer="\x07\x1b[2J")

    rewrite(trained, "model.npz", tamper)
    result = run("info", "model.npz")
    shown = result.out + result.err
    assert all(c.isprintable() or c == "\n" for c in shown)


def test_models_that_overflow(trained, folder, run):
    """Weights so large that sums overflow give no warnings and no JSON that others cannot read."""

    def enlarge(meta, arrays):
        arrays["param/output.V"] = np.full_like(arrays["param/output.V"], 3e38)

    rewrite(trained, "model.npz", enlarge)
    scored = run("eval", "model.npz", "corpus.txt", "--json")
    if scored.code == 0:
        strict_json(scored.out)
    else:
        refused(scored, "model.npz")
    sampled = run("sample", "model.npz", "--length", 20)
    assert "Warning" not in sampled.err
    assert UNEXPECTED not in sampled.err


# Numbers and flags that make no sense


WRONG_TRAIN = [
    ("--hidden", 0),
    ("--hidden", "many"),
    ("--hidden", 10**9),
    ("--layers", 0),
    ("--cell", "transformer"),
    ("--dropout", 1),
    ("--dropout", "nan"),
    ("--seq-length", 0),
    ("--batch-size", -1),
    ("--epochs", 0),
    ("--epochs", "nan"),
    ("--epochs", "inf"),
    ("--time", "0s"),
    ("--time", "-5s"),
    ("--time", "5 parsecs"),
    ("--time", "9" * 400),
    ("--lr", 0),
    ("--lr", -1),
    ("--lr", "nan"),
    ("--warmup", 2),
    ("--clip", -1),
    ("--clip", "nan"),
    ("--clip-value", 0),
    ("--val-fraction", 1),
    ("--val-fraction", -0.1),
    ("--patience", -1),
    ("--seed", -1),
    ("--seed", 2**63),
    ("--threads", 0),
    ("--threads", 10**6),
    ("--optimizer", "newton"),
    ("--schedule", "sometimes"),
    ("--nonsense",),
]
WRONG_SAMPLE = [
    ("--temp", -1),
    ("--temp", "nan"),
    ("--temp", "inf"),
    ("--temperature", "warm"),
    ("--length", -1),
    ("--length", "long"),
    ("--seed", -1),
    ("--unknown", "guess"),
]


@pytest.mark.parametrize("option", WRONG_TRAIN, ids=lambda option: " ".join(map(str, option))[:30])
def test_options_of_train_out_of_range(folder, run, option):
    """A value out of range is wrong usage: exit code 2, the option named, nothing written."""
    misused(run("train", "corpus.txt", *option), option[0])
    assert list(contents(folder)) == [folder / "corpus.txt"]


@pytest.mark.parametrize("option", WRONG_SAMPLE, ids=lambda option: " ".join(map(str, option)))
def test_options_of_sample_out_of_range(trained, run, option):
    """A value out of range is wrong usage, and no text is written before it is noticed."""
    misused(run("sample", trained, *option), option[0])


@pytest.mark.parametrize(
    "arguments",
    [("sample", "MODEL", "--length", 2**63), ("train", "corpus.txt", "--epochs", "1e308")],
    ids=["length", "epochs"],
)
def test_enormous_numbers(trained, folder, run, arguments):
    """Numbers beyond what a machine can count to are refused in plain words."""
    result = run(*(trained if part == "MODEL" else part for part in arguments), *("--seed", 1))
    assert result.code in (1, 2)
    assert UNEXPECTED not in result.err
    assert list(contents(folder)) == [folder / "corpus.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("train", "--resume", "MODEL", "--init-from", "MODEL"),
        ("train", "corpus.txt", "--remap"),
        ("train", "--init-from", "MODEL"),
        ("train", "--resume", "MODEL", "--remap"),
        ("sample",),
        ("sample", "MODEL", "--prime", "a", "--prime-file", "b"),
        ("sample", "MODEL", "MODEL"),
        ("eval",),
        ("info",),
        ("info", "MODEL", "MODEL"),
        ("nonsense",),
        ("--nonsense",),
    ],
    ids=lambda arguments: " ".join(map(str, arguments)),
)
def test_contradictions_and_omissions(trained, folder, run, arguments):
    """What contradicts itself or lacks something is wrong usage, noticed before anything is read or written."""
    misused(run(*(trained if part == "MODEL" else part for part in arguments)))
    assert list(contents(folder)) == [folder / "corpus.txt"]


def test_primes_that_cannot_be_read(trained, run):
    """A prime that is missing or no text is refused in one line before any text is written."""
    refused(run("sample", trained, "--prime-file", "nowhere"), "nowhere")
    refused(run("sample", trained, "--prime", "-", stdin=b"\xff"), "standard input", "offset 0")


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


# Errors that nobody foresaw


def test_unforeseen_errors_are_one_line(trained, run, monkeypatch):
    """An error in the program itself is one line too, that tells how to see more; with --debug it is raised."""
    from charrnn.model import model_file as checkpoint

    def fail(*arguments, **options):
        raise ZeroDivisionError("one line\nanother line")

    monkeypatch.setattr(checkpoint, "load", fail)
    for command in ("sample", "info"):
        result = run(command, trained)
        assert (result.code, result.stdout, result.err.count("\n")) == (1, b"", 1)
        assert result.err.startswith(ERROR)
        assert "ZeroDivisionError: one line" in result.err
        assert "--debug" in result.err
    with pytest.raises(ZeroDivisionError):
        run("--debug", "info", trained)


def test_debug_shows_where_an_error_arose(run):
    """With --debug any error is raised, so that Python shows where."""
    with pytest.raises(CharrnnError):
        run("--debug", "info", "missing.npz")


def test_too_little_memory(trained, run, monkeypatch):
    """Where memory runs out, one sentence says what needs less."""
    from charrnn.model import model_file as checkpoint

    def fail(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(checkpoint, "load", fail)
    refused(run("sample", trained), "memory", "--hidden")
