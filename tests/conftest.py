"""What tests of all rooms share: a made-up text, a model trained on it, ways to type a command or start a process."""

import io
import random
import signal
import sys
from pathlib import Path

import pytest

from charrnn.model.threads import processors
from tests.helpers import processes
from tests.helpers.commands import Result, enter, trained_on
from tests.helpers.runs import OFTEN, set_pace

WORDS = """
    der die das ein eine Mann Frau Kind Haus Garten Straße Tür Vögel Bäume grüne alte kleine große sieht findet hört
    über unter hinter vor im am und aber dann — …
"""


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no processor waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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


@pytest.fixture(autouse=True)
def denormals_are_kept():
    """Undo after each test what a measurement of PyTorch does to this thread: it lets denormal numbers count as 0."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def two_threads_can_run(monkeypatch):
    """Let two threads run at once also where there is one processor, so that what is said and done is the same."""
    monkeypatch.setattr("charrnn.model.threads.processors", lambda: max(2, processors()))


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
    model = trained_on(text, tmp_path_factory.mktemp("trained"), "--epochs", 20)
    assert enter("sample", model, "--length", 1) == 0  # so that nothing says later that it compiles
    return model


@pytest.fixture
def folder(tmp_path, monkeypatch, text):
    """Work in a folder that is empty but for corpus.txt."""
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(capsysbinary, monkeypatch, tmp_path):
    """Type a command: its arguments one by one, and what it reads from standard input as ``stdin=``.

    It is typed in a folder of its own, so files in the folder in which the tests were started change nothing.
    """
    monkeypatch.chdir(tmp_path)
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


@pytest.fixture
def launch(folder):
    """Start the program in a process of its own, as ``helpers.processes.start`` does."""
    started = []

    def launched(*arguments, **options):
        started.append(processes.start(*arguments, **options))
        return started[-1]

    yield launched
    for process in started:
        processes.clear_up(process)


@pytest.fixture
def validate_often(monkeypatch):
    """Let runs of the command line go at the pace OFTEN."""
    set_pace(monkeypatch, shortest_interval=OFTEN.shortest_interval, longest_interval=OFTEN.longest_interval)
