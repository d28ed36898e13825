"""Nothing that a model, a text, the name of a file or the command line brings commands a terminal."""

import io
import os
import re
import sys

import pytest

from charrnn.cli import COMMANDS
from charrnn.display.words import harmless
from tests.helpers.commands import TINY, Screen, enter, on_a_terminal
from tests.helpers.files import POSIX
from tests.helpers.terminals import Terminal

pytestmark = POSIX

# A title, hidden text, a cleared screen (an escape of two characters, and of one), and text from right to left.
WORD = "\x1b]0;OWNED\x07\x1b[8m\x1b[2J\x9b2J\u202e"
PROGRAMS_OWN = re.compile(r"\r?\x1b\[(?!8m|2J)([0-9;]*m|\?25[lh]|\d*[AK])")
DOCUMENT = f"the {WORD} sat on a mat"

# What is typed, beside a text and three models that have learned it: WORD as characters, as what separates documents,
# and from both sides.
NAME = f"a{WORD}\rb"
TEXT, MODEL, DOCUMENTS, BOTH = f"{NAME}.txt", f"{NAME}.npz", f"{NAME}-documents.npz", f"{NAME}-both.npz"
ENCODED, CLASSES, CLASSIFIER = f"{NAME}-encoded.npz", f"{NAME}.tsv", f"{NAME}-classes.npz"
TAGGED, TAGGER = f"{NAME}-tagged.txt", f"{NAME}-tags.npz"
ROWS = (
    ("train", TEXT, "--documents", WORD, *TINY, "--epochs", 1, "-o", f"new{WORD}.npz", "--force"),
    ("train", TEXT, *TINY, "--epochs", 9, "-o", f"new{WORD}.npz", "--force"),
    ("train", TEXT, *TINY, "-o", TEXT),
    ("train", "--cell", WORD, TEXT),
    ("sample", MODEL, "--seed", 1, "--temp", 0.5),
    ("sample", MODEL, "--seed", 1, "--temp", 0.5, "--surprise"),
    ("sample", MODEL, "--seed", 1, "--prime", WORD, "--copied", TEXT),
    ("sample", MODEL, "--prime", f"{WORD}Z"),
    ("sample", MODEL, "--temp", WORD),
    ("sample", DOCUMENTS, "--count", 3, "--seed", 1),
    ("sample", DOCUMENTS, "--count", 3, "--seed", 1, "--surprise"),
    ("sample", DOCUMENTS, "--count", 3, "--seed", 1, "--json"),
    ("play", MODEL, "--seed", 1),
    ("play", DOCUMENTS, "--seed", 1),
    ("fill", BOTH, f"the {WORD} s_t"),
    ("fill", BOTH, f"the {WORD} s_t", "-k", 3),
    ("fill", BOTH, WORD),
    *(("classify", CLASSIFIER, f"the {WORD}", *form) for form in ((), ("-k", 2), ("--json",), ("--tsv",))),
    *(("tag", TAGGER, f"the {WORD}", *form) for form in ((), ("--json",), ("--tsv",))),
    ("predict", CLASSIFIER, WORD),
    ("eval", CLASSIFIER, CLASSES),
    ("info", CLASSIFIER),
    *(("eval", MODEL, TEXT, *form) for form in ((), ("--per-char",), ("--per-char", "--tsv"), ("--per-line",))),
    *(("eval", MODEL, TEXT, *form) for form in (("--per-line", "--tsv"), ("--top", 3), ("--copied", TEXT))),
    ("eval", MODEL, DOCUMENTS, TEXT),
    ("info", MODEL),
    ("info", DOCUMENTS),
    ("info", DOCUMENTS, "--json"),
    ("trace", MODEL, TEXT),
    ("trace", MODEL, TEXT, "--unit", "h1"),
    ("gradients", MODEL, TEXT),
    ("gradients", DOCUMENTS, TEXT, "--json"),
    ("corpus", "fables", "-o", TEXT),
    ("encode", TEXT, "--documents", WORD, "-o", f"encoded{WORD}.npz", "--force"),
    ("info", ENCODED),
    *(("vocabulary", TEXT, "--documents", WORD, *form) for form in (("--all",), ("--tsv",), ("--json",))),
    (WORD,),
    ("--debug", "info", f"{WORD}.npz"),
    *((name, f"--{WORD}") for name in COMMANDS),
    *((name, f"{WORD}.npz") for name in COMMANDS),
    *((name, *[MODEL] * 3, f"{os.fsdecode(bytes([255]))}{WORD}") for name in COMMANDS),
)
LINES = f"{WORD}\n/{WORD}\n/temp {WORD}\n/save {WORD}\n/save {TEXT}\n/stop {WORD}\n/set\n/line\n/show\n"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Return a folder with the text and the models."""
    folder = tmp_path_factory.mktemp("hostile")
    text, train = folder / TEXT, ("train", folder / TEXT, *TINY, "--quiet", "--seed", 1)
    text.write_text(WORD.join([DOCUMENT + "!" * (k % 3) for k in range(99)]), encoding="utf-8")
    assert enter(*train, "--epochs", 20, "-o", folder / MODEL) == 0
    assert enter(*train, "--documents", WORD, "--epochs", 3, "-o", folder / DOCUMENTS) == 0
    assert enter("encode", text, "--documents", WORD, "-o", folder / ENCODED) == 0
    assert enter(*train, "--bidirectional", "--epochs", 1, "-o", folder / BOTH) == 0
    lines = [f"{k % 2}{WORD}\t{DOCUMENT}{'!' * k}" for k in range(20)]
    (folder / CLASSES).write_text("\n".join(lines), encoding="utf-8")
    learn = (*TINY, "--quiet", "--epochs", 1)
    assert enter("train", folder / CLASSES, "--task", "classify", *learn, "-o", folder / CLASSIFIER) == 0
    tags = "".join(f"{c}\tx{WORD}{ord(c) % 2}\n" if c != "\t" else "" for c in DOCUMENT) + "\n"
    (folder / TAGGED).write_text(tags * 9, encoding="utf-8")
    assert enter("train", folder / TAGGED, "--task", "tag", *learn, "-o", folder / TAGGER) == 0
    return folder


def check(shown):
    """Hold what a terminal shows to have no codes but those that the program makes itself."""
    text = PROGRAMS_OWN.sub("", shown).replace("\r\n", "\n")
    assert text == harmless(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: ascii(" ".join(map(str, row)).replace(WORD, "WORD")))
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_nothing_commands_a_terminal(hostile, monkeypatch, row, term):
    """Whatever stdout and stderr show of WORD is harmless, with colors and without."""
    monkeypatch.chdir(hostile)
    screen = on_a_terminal(monkeypatch, TERM=term)
    monkeypatch.setattr(sys, "stderr", messages := Screen())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES.encode()), encoding="utf-8"))
    assert enter(*row) in (0, 1, 2)
    assert screen.getvalue() + messages.getvalue()
    for stream in (screen, messages):
        check(stream.getvalue())
        if term == "dumb":
            assert "\x1b" not in stream.getvalue()


def test_nothing_commands_a_real_terminal(hostile, launch):
    """The same in a process of its own."""
    for row in (("sample", hostile / DOCUMENTS, "--count", 3, "--seed", 1), ("info", hostile / MODEL, WORD)):
        terminal = Terminal(launch, 80, *row)
        shown = terminal.read()
        terminal.hang_up()
        assert "OWNED" in shown
        check(shown)


def test_a_pipe_gets_every_character(hostile, run):
    """Through a pipe, a text and what separates it are exact."""
    assert run("sample", hostile / DOCUMENTS, "--count", 3, "--seed", 1).out.count(WORD) == 2
    assert run("fill", hostile / BOTH, f"the {WORD} s_t").out.startswith(f"the {WORD} s")


def test_messages_are_harmless_anywhere(hostile, run):
    """Stderr never has WORD in it, whether it is a terminal or a log."""
    for row in ((WORD,), ("info", MODEL, WORD), ("eval", hostile / MODEL, f"{WORD}.txt")):
        assert "\x1b" not in run(*row).err
