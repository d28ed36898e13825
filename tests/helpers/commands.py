"""Type a command in this process, and hold how it ended, what it said and what it left behind."""

import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

TINY = ("--hidden", 16, "--threads", 1)  # options of train for a network that learns in a moment
ERROR = "charrnn: error: "
UNEXPECTED = "internal error"
COLOR_CODES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Result:
    """What a command left behind: its exit code, and what it wrote."""

    code: int
    stdout: bytes
    err: str

    @property
    def out(self):
        """Standard output as text, which is UTF-8 whatever the locale."""
        return self.stdout.decode("utf-8")

    @property
    def said(self):
        """What is on standard error, but for a note on compiling, which comes only if nothing ran before."""
        return re.sub(r"^charrnn: compiling the kernels .*\n", "", self.err, flags=re.MULTILINE)


def enter(*arguments):
    """Run the program in this process and return its exit code."""
    from charrnn.cli import run

    try:
        return run([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


def trained_on(text, folder, *options):
    """Train a small model in a folder, beside the text that it is trained on, corpus.txt; return its path."""
    (folder / "corpus.txt").write_text(text, encoding="utf-8")
    model = folder / "model.npz"
    assert enter("train", folder / "corpus.txt", *TINY, *options, "--quiet", "-o", model) == 0
    return model


def train_options(*arguments):
    """Return what ``charrnn train`` is asked for by these arguments."""
    from charrnn.cli.options import given
    from charrnn.cli.train import command
    from charrnn.cli.train_options import TrainOptions

    context = command.make_context("train", [str(argument) for argument in arguments])
    return TrainOptions(given=given(context), **context.params)


class Screen(io.TextIOWrapper):
    """Standard output that says it is a terminal, and keeps what is written to it."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self):
        """Say so."""
        return True

    def getvalue(self):
        """Return what was written."""
        return self.buffer.getvalue().decode("utf-8")


def on_a_terminal(monkeypatch, **environment):
    """Make stdout a terminal with colors, where the environment does not say otherwise; return it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    return screen


def refused(result, *words):
    """Hold that a command ended with exit code 1 and one plain line that has these words."""
    assert result.code == 1
    assert result.stdout == b""
    assert result.err.startswith(ERROR)
    assert result.err.endswith("\n")
    assert result.err.count("\n") == 1
    assert UNEXPECTED not in result.err
    for word in words:
        assert word in result.err


def misused(result, *words):
    """Hold that a command ended with exit code 2, how it is used, and an error that has these words."""
    assert result.code == 2
    assert result.stdout == b""
    assert result.err.startswith("Usage: charrnn")
    error = result.err.splitlines()[-1]
    assert error.startswith("Error: ")
    for word in words:
        assert word in error


def contents(folder):
    """Return all files below a folder with what is in them: hidden ones and temporary ones too."""
    return {path: path.read_bytes() if path.is_file() else None for path in Path(folder).rglob("*")}


def strict_json(line):
    """Read JSON as its standard has it: without NaN and Infinity."""

    def fail(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(line, parse_constant=fail)


def json_lines(result):
    """Return the JSON objects that a command wrote, one a line, after it went well."""
    assert result.code == 0, result.err
    return [strict_json(line) for line in result.out.splitlines()]
