"""Commands with a cell of one's own: it trains, resumes, writes and is compared, and each mistake is one sentence."""

import json
import shutil

import numpy as np
import pytest

import charrnn
from charrnn.cells.own_cell import DECLARED
from charrnn.model.model_file import load
from charrnn.own.cell_file import GIVEN, used_source
from tests.helpers.commands import enter
from tests.helpers.texts import rhyme

SMALL = ("--hidden", 8, "--batch-size", 4, "--seq-length", 8, "--no-samples", "--quiet", "--threads", 1)


@pytest.fixture
def corpus(mycell):
    """Return a text beside the student's file."""
    path = mycell.parent / "corpus.txt"
    path.write_text(rhyme(2000), encoding="utf-8")
    return path


def forget():
    """Begin as in a new process, to which no cell was given."""
    DECLARED.clear()
    GIVEN.clear()


def train(*options, cell="mycell.py:gru", output="own.npz", epochs=2):
    """Train a small model."""
    return enter(
        "train", "corpus.txt", *SMALL, "--cell", cell, "--epochs", epochs, "--lr", 0.006, "-o", output, *options
    )


def failure(capsys, *words):
    """Return the one line that a failing command prints."""
    forget()
    assert enter(*words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("charrnn: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("charrnn: error: ").strip()


def test_it_learns_what_the_cell_of_the_table_learns(corpus):
    """The validation losses are those of the built-in cell, to rounding, with dropout and documents, too."""
    for options in ((), ("--documents", "lines", "--first-state", "learned")):
        losses = []
        for cell in ("gru", "mycell.py:gru"):
            assert train(*options, "--force", cell=cell, output="one.npz", epochs=4) == 0
            losses.append([entry["val_loss"] for entry in load("one.npz").history])
        assert losses[1] == pytest.approx(losses[0], rel=2e-3)


def test_a_resumed_run_equals_one_that_never_stopped(corpus):
    """All arrays of a run that stops after two epochs and goes on are those of a run of four, bit for bit."""
    plain = {"cell": "mycell.py:lstm", "hidden": 8, "batch_size": 4, "seq_length": 8, "epochs": 4}
    for options in ({}, {"layers": 2, "first_state": "learned", "optimizer": "rmsprop", "clip_value": 0.1}):
        run = charrnn.train("corpus.txt", **plain, **options)
        for record in run:
            if record.epoch >= 1.5:
                break
        run.save("half.npz", force=True)
        whole = charrnn.train("corpus.txt", **plain, **options, threads=2).finish()
        forget()
        assert enter("train", "--resume", "half.npz", "--cell", "mycell.py:lstm", "--quiet", "--threads", 1) == 0
        resumed = load("half.npz")
        for name, values in whole.parameters.items():
            np.testing.assert_array_equal(resumed.parameters[name], values)


def test_a_model_starts_from_another_with_more_characters(corpus):
    """With --init-from and --remap, each character keeps its row of what multiplies the input, and new ones get one."""
    assert train() == 0
    (corpus.parent / "more.txt").write_text(rhyme(2000) + "ÄÖ" * 50, encoding="utf-8")
    forget()
    words = ("train", "more.txt", "--init-from", "own.npz", "--remap", "--cell", "mycell.py:gru", "-o", "more.npz")
    assert enter(*words, *SMALL[2:], "--epochs", 0.01) == 0
    before, after = load("own.npz"), load("more.npz")
    assert len(after.vocabulary) == len(before.vocabulary) + 2
    assert after.parameters["layer0.U_n"].shape == (len(after.vocabulary), 8)


def test_it_writes_and_is_evaluated_alike_each_time(corpus, capsys):
    """The same seed writes the same text, alone and among others; eval, info, trace and play take the cell."""
    assert train() == 0
    capsys.readouterr()
    texts = []
    for _ in range(2):
        forget()
        assert enter("sample", "own.npz", "--cell", "mycell.py:gru", "--seed", 3, "--length", 90, "--json") == 0
        texts.append(json.loads(capsys.readouterr().out))
    assert texts[0] == texts[1]
    assert enter("sample", "own.npz", "--cell", "mycell.py:gru", "--seed", 3, "--length", 90, "--count", 2) == 0
    assert capsys.readouterr().out.startswith(texts[0]["text"])
    assert enter("eval", "own.npz", "corpus.txt", "--cell", "mycell.py:gru") == 0
    assert "bits per character" in capsys.readouterr().out
    assert enter("trace", "own.npz", "corpus.txt", "--cell", "mycell.py:gru") == 0
    assert "h" in capsys.readouterr().out
    own, table = charrnn.load("own.npz", cell="mycell.py:gru"), charrnn.load("own.npz")
    assert own.sample("the", length=40, seed=1, temp=0.5) == table.sample("the", length=40, seed=1, temp=0.5)
    assert own.states("the end")["h"].shape == (7, 8)


def test_it_is_compared_with_other_cells(corpus, capsys):
    """`gradients` and `bench --cells` measure it beside built-in cells, with the same figures as its twin's."""
    words = ("--cell", "gru", "--cell", "mycell.py:gru", "--threads", 1, "--json")
    assert enter("gradients", "corpus.txt", *words, "--hidden", 8, "--lags", 4) == 0
    theirs, ours = map(json.loads, capsys.readouterr().out.splitlines())
    for first, twin in zip(ours["gradient"], theirs["gradient"], strict=True):
        assert first["mean"] == pytest.approx(twin["mean"], rel=1e-3)
    assert ours["matrices"] == theirs["matrices"]
    assert enter("gradients", "corpus.txt", "--cell", "mycell.py:wide", "--hidden", 8, "--lags", 4, "--json") == 0
    assert json.loads(capsys.readouterr().out)["matrices"] == []  # W has two gates side by side
    sizes = ("--parameters", 2000, "--epochs", 1, "--time", "0.2s", "--batch-size", 4, "--seq-length", 8)
    assert enter("bench", "corpus.txt", "--cells", *words, *sizes) == 0
    theirs, ours = map(json.loads, capsys.readouterr().out.splitlines())
    assert ours["cell"] == "mycell.py:gru"
    assert ours["parameters"] == theirs["parameters"]


def test_a_model_file_holds_no_code_and_wants_it_again(corpus, capsys):
    """Without the cell, with another one, or with a changed source, a command says so; `info` shows the facts."""
    assert train() == 0
    raw = (corpus.parent / "own.npz").read_bytes()
    assert b"def gru" not in raw
    assert b"tanh" not in raw
    wanted = "own.npz computes with a cell of your own, whose code no model file holds; give its file, too: --cell "
    for words in (("sample", "own.npz"), ("eval", "own.npz", "corpus.txt"), ("train", "--resume", "own.npz")):
        assert failure(capsys, *words) == wanted + "mycell.py:gru"
    assert enter("info", "own.npz") == 0
    out = capsys.readouterr().out
    assert "mycell.py:gru, 1 layer of 8" in out
    assert load("own.npz").architecture.own.sha256 in out
    with pytest.raises(charrnn.CharrnnError, match=r'cell="mycell.py:gru"'):
        charrnn.load("own.npz").sample()
    shutil.copy("mycell.py", "renamed.py")
    forget()
    assert enter("sample", "own.npz", "--cell", "renamed.py:gru", "--length", 5) == 0  # the source counts, not its name
    capsys.readouterr()
    source = (corpus.parent / "mycell.py").read_text()
    (corpus.parent / "mycell.py").write_text(source.replace("1 / (1 +", "1.0 / (1 +"))  # which gru uses
    assert failure(capsys, "sample", "own.npz", "--cell", "mycell.py:gru").startswith(
        "own.npz was trained with another gru than that of mycell.py:gru: its source has changed"
    )
    (corpus.parent / "mycell.py").write_text(source.replace("def wide", "def other") + "\n# a comment\n")
    forget()
    assert enter("sample", "own.npz", "--cell", "mycell.py:gru", "--length", 5) == 0  # gru does not use these
    assert train(output="table.npz", cell="gru") == 0
    capsys.readouterr()
    words = ("train", "--resume", "table.npz", "--cell", "mycell.py:gru")
    assert failure(capsys, *words) == "table.npz has the cell gru; leave out --cell"


def test_a_function_of_a_program_is_a_cell(corpus):
    """In Python, a function can be given itself, and its file can then be given on the command line, and back."""
    namespace = {}
    path = corpus.parent / "mycell.py"
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    model = charrnn.train("corpus.txt", cell=namespace["gru"], hidden=8, epochs=1).finish(save="function.npz")
    assert model.info["cell"] == "mycell.py:gru"
    forget()
    assert enter("sample", "function.npz", "--cell", "mycell.py:gru", "--length", 5) == 0
    with pytest.raises(charrnn.CharrnnError, match="a Layer has a cell of the table"):
        charrnn.Layer("mycell.py:gru", inputs=3, hidden=8)


WRONG_FILES = {  # what a student can write, and what is said of it
    "def step(x, h, *, U, W, b)\n    pass": "own.py, line 1: SyntaxError: expected ':'",
    "import nothing_like_this": "own.py, line 1: ModuleNotFoundError: No module named 'nothing_like_this'",
    "import sys\nsys.exit(3)": "own.py, line 2: SystemExit: 3",
    "x = 1 / 0": "own.py, line 1: ZeroDivisionError: division by zero",
    "def other(x, h): pass": "own.py has no function step; it has other",
    "step = 3": "own.py has step, but it is no function",
    "def step(x, *, U): pass": "own.py, line 1: a cell takes what it reads, x, and at least one state, as in: ",
    "def step(x, h, *args): pass": "own.py, line 1: a cell names its states and parameters one by one",
    "def step(x, h, U='hidden'): pass": "own.py, line 1: U has a default, so it is a parameter, and comes",
    "def step(x, h, *, alpha): pass": "own.py, line 1: the parameter alpha needs a shape, such as alpha=",
    "def step(x, h, *, U=3): pass": "own.py, line 1: the shape of U is not a string",
    "def step(x, h, *, U='units'): pass": "own.py, line 1: the parameter U: 'units' is not a shape such as",
    "def step(x, h, *, U='hidden input'): pass": "own.py, line 1: the parameter U: 'hidden input' is not a shape",
    "def step(x, h, *, b='hidden = nan'): pass": "own.py, line 1: the parameter b: 'hidden = nan' is not a shape",
    "def step(x, H): pass": "own.py, line 1: a state is named by a few lowercase letters, such as h or c, not 'H'",
    "def step(x, h, *, h0='hidden'): pass": "own.py, line 1: a parameter cannot be called 'h0'",
    "def step(x, h, *, U, W):\n    return h @ V": "own.py, line 2: NameError: name 'V' is not defined",
    "def step(x, h, *, U, W):\n    return x @ U, h": "own.py:step returns 2 arrays, but its states are h: return h",
    "def step(x, h, c, *, U, W):\n    return h": "own.py:step returns 1 array, but its states are h, c: return h, c",
    "def step(x, h, *, U, W):\n    return None": "own.py:step returns NoneType for h, not an array",
    "def step(x, h, *, U, W):\n    return h.sum(axis=1)": "own.py:step returns an array of shape [2] for h, not [2,",
    "def step(x, h, *, U, W):\n    return h @ W.T @ U": "own.py, line 2: ValueError: ",
    "def step(x, h, *, U, W):\n    h[0] = 1\n    return h": "own.py, line 2: TypeError: an array of a step cannot",
    "import math\ndef step(x, h, *, W):\n    return math.tanh(h)": "own.py, line 3: TypeError: an array of a step",
    "import numpy as np\ndef step(x, h, *, U):\n    return np.linalg.norm(h) * h": "own.py, line 3: TypeError: np.norm",
    "import numpy as np\ndef step(x, h, *, U):\n    return np.log(x @ U - 9)": "own.py, line 3: FloatingPointError:",
    "import numpy as np\ndef step(x, h, *, U):\n    return np.sqrt(h * h) + x @ U": "own.py: FloatingPointError",
    "import numpy as np\ndef step(x, h, *, U):\n    return x @ U + np.random.random()": "own.py:step returns other",
}


@pytest.mark.parametrize("source", WRONG_FILES)
def test_a_mistake_is_one_sentence(corpus, capsys, source):
    """A file that is wrong, or a step that fails, is one line with the file and the line; nothing is written."""
    (corpus.parent / "own.py").write_text(source, encoding="utf-8")
    said = failure(capsys, "train", "corpus.txt", *SMALL, "--cell", "own.py:step")
    assert said.startswith(WRONG_FILES[source])
    assert "Traceback" not in said
    assert not (corpus.parent / "model.npz").exists()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("none.py:step", "the cell's file none.py cannot be read: no such file or directory"),
        ("mycell.py", "name the function in the file, too: --cell mycell.py:step"),
        ("mycell.py:", "name the function in the file, too: --cell mycell.py:step"),
        (".:step", "the cell's file . cannot be read: is a directory"),
        ("bytes.py:step", "the cell's file bytes.py is not UTF-8; give a file of Python"),
    ],
)
def test_a_file_that_is_none(corpus, capsys, cell, message):
    """A cell whose file is not there, is no text, or has no function named is one sentence."""
    (corpus.parent / "bytes.py").write_bytes(b"\xff\xfe\x00")
    assert failure(capsys, "train", "corpus.txt", "--cell", cell) == message


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--bidirectional",), 1, "it cannot be bidirectional"),
        (("--embedding", 4), 1, "it has no embedding"),
        (("--sampled-softmax", 4), 1, "has no sampled softmax"),
        (("--activation", "relu"), 2, "--activation is an option of"),
        (("--gradient", "rtrl"), 2, "is for the cells rnn, irnn, lstm"),
    ],
)
def test_what_it_cannot_do_is_said(corpus, capsys, options, code, message):
    """What needs the compiled cells is refused in one sentence."""
    assert enter("train", "corpus.txt", "--cell", "mycell.py:gru", *options) == code
    assert message in capsys.readouterr().err
    assert enter("bench", "corpus.txt", "--cell", "mycell.py:gru") == 2
    assert "only with --cells and --memory" in capsys.readouterr().err


def test_two_cells_of_one_name_are_not_confused(corpus, capsys):
    """Two files of the same name in one command are an error."""
    (corpus.parent / "other").mkdir()
    (corpus.parent / "other" / "mycell.py").write_text("def gru(x, h, *, W):\n    return h @ W\n")
    words = ("gradients", "corpus.txt", "--cell", "mycell.py:gru", "--cell", "other/mycell.py:gru")
    assert failure(capsys, *words) == "two cells are called mycell.py:gru; give one of the files another name"


def test_the_digest_is_of_what_the_function_uses():
    """Of a file, the statements count that the function needs, with decorators, in the file's order."""
    source = (
        "import numpy as np\nimport os\n\nLEAK = 0.5\nOTHER = 1\n\n\n@np.vectorize\n"
        "def twice(z):\n    return 2 * z\n\n\n"
        "def step(x, h):\n    return LEAK * twice(h)  # half\n"
    )
    used = used_source(source, "step")
    assert used.splitlines() == [
        "import numpy as np",
        "LEAK = 0.5",
        "@np.vectorize",
        "def twice(z):",
        "    return 2 * z",
        "def step(x, h):",
        "    return LEAK * twice(h)  # half",
    ]
    assert used_source(source, "nothing") == ""
    assert used_source("%magic", "step") == ""
