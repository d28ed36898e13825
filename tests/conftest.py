"""What tests of the command line share: a made-up text, a small model trained on it, and a way to type a command."""

import io
import random
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

WORDS = """
    der die das ein eine Mann Frau Kind Haus Garten Straße Tür Vögel Bäume grüne alte kleine große sieht findet hört
    über unter hinter vor im am und aber dann — …
"""


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


def enter(*arguments):
    """Run the program in this process and return its exit code."""
    from charrnn.cli import run

    try:
        return run([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard():
    """Hear signals here and in child processes, even where the suite was started in the background, deaf to Ctrl-C."""
    before = {}
    for name, handler in (
        ("SIGINT", signal.default_int_handler),
        ("SIGTERM", signal.SIG_DFL),
        ("SIGHUP", signal.SIG_DFL),
    ):
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
            before[name] = signal.signal(getattr(signal, name), handler)
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture(scope="session")
def text():
    """Make up sentences of six thousand characters, some of them not ASCII."""
    choose, words, lines = random.Random(7), WORDS.split(), []
    while sum(map(len, lines)) < 6000:
        sentence = " ".join(choose.choices(words, k=choose.randint(4, 9)))
        lines.append(sentence[0].upper() + sentence[1:] + ".\n")
    return "".join(lines)


@pytest.fixture(scope="session")
def trained(tmp_path_factory, text):
    """Train a small model; beside it lies the text that it was trained on, corpus.txt."""
    folder = tmp_path_factory.mktemp("trained")
    corpus = folder / "corpus.txt"
    corpus.write_text(text, encoding="utf-8")
    model = folder / "model.npz"
    options = ("--hidden", 16, "--epochs", 20, "--threads", 1, "--quiet", "-o", model)
    assert enter("train", corpus, *options) == 0
    assert enter("sample", model, "--length", 1) == 0  # so that nothing says later that it compiles
    return model


@pytest.fixture
def folder(tmp_path, monkeypatch, text):
    """Work in a folder that is empty but for corpus.txt."""
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(capsysbinary, monkeypatch):
    """Type a command: its arguments one by one, and what it reads from standard input as ``stdin=``."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def typed(*arguments, stdin=b""):
        capsysbinary.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            code = enter(*arguments)
        out, err = capsysbinary.readouterr()
        return Result(code, out, err.decode("utf-8"))

    return typed
