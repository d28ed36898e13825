"""All commands alike: help, exit codes, files that are no models, and errors that nobody foresaw.

All of it runs in this process; ``test_shell.py`` holds what only a process of its own can show.
"""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import charrnn.cli
from charrnn import __version__
from charrnn.cli import COMMANDS
from tests.helpers.commands import ERROR, TINY, UNEXPECTED, contents, misused, refused, strict_json
from tests.helpers.model_files import rewrite


# Help
def every_command():
    """Return each command by its name."""
    return {name: charrnn.cli.group.get_command(None, name) for name in COMMANDS}


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("train", "corpus.txt", "--seed", "abc"), "'abc' is not a whole number from 0 on."),
        (("sample", "model.npz", "--seed", "-1"), "'-1' is not a whole number from 0 on."),
        (("play", "model.npz", "--seed", "1.5"), "'1.5' is not a whole number from 0 on."),
        (("fill", "model.npz", "--seed", ""), "'' is not a whole number from 0 on."),
        (("sample", "model.npz", "--seed", 2**63), f"'{2**63}' is not a whole number from 0 to {2**63 - 1}."),
        (("corpus", "fables", "--seed", "Ω"), "'Ω' is not a whole number from 0 on."),
        (("train", "corpus.txt", "--threads", "1e9"), "'1e9' is not a whole number from 1 on."),
    ],
)
def test_whole_numbers(run, arguments, wanted):
    """A number that is no whole one, too small or too large is refused in plain words."""
    misused(run(*arguments), f"Invalid value for '{arguments[-2]}': {wanted}")


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
    from charrnn.kernels import update
    from charrnn.training.rules import OPTIMIZERS, SCHEDULES
    CELLS["made-up"] = replace(CELLS["lstm"], name="made-up")
    OPTIMIZERS["made-up"] = OPTIMIZERS["sgd"]
    setattr(update, "MADE-UP", update.SGD)  # what a kernel does
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


def test_run_returns_the_exit_code(folder):
    """``charrnn.cli.run`` returns an exit code for every command, whoever calls it."""
    assert charrnn.cli.run(["train", "corpus.txt", "--hidden", "16", "--epochs", "1", "--quiet"]) == 0


def test_times():
    """A time is a number of seconds, or has the letter of a unit."""
    from charrnn.cli.options import Duration

    for typed, seconds in (("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (".5d", 43200), (" 3 s ", 3)):
        assert Duration().convert(typed, None, None) == seconds


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
        "missing.npz": "does not exist",
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


# Errors that nobody foresaw
def test_unforeseen_errors_are_one_line(trained, run, monkeypatch):
    """An error in the program itself is one line too, that tells how to see more; --debug shows where it arose."""
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
    shown = run("--debug", "info", trained)
    assert (shown.code, shown.stdout) == (1, b"")
    assert shown.err.startswith("Traceback (most recent call last):\n")
    assert shown.err.endswith("\nZeroDivisionError: one line\nanother line\n")


def test_debug_shows_where_an_error_arose(run):
    """With --debug, any error is shown with its traceback."""
    shown = run("--debug", "info", "missing.npz")
    assert (shown.code, shown.stdout) == (1, b"")
    assert shown.err.startswith("Traceback (most recent call last):\n")
    assert shown.err.endswith("\ncharrnn.errors.CharrnnError: missing.npz does not exist\n")


def test_too_little_memory(trained, run, monkeypatch):
    """Where memory runs out, one sentence says what needs less."""
    from charrnn.model import model_file as checkpoint

    def fail(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr(checkpoint, "load", fail)
    refused(run("sample", trained), "memory", "--hidden")
