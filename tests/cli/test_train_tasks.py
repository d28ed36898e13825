"""charrnn train on examples: what it shows and logs, and that a resumed run ends on the same bits."""

import gzip
import json
from pathlib import Path

import pytest

from charrnn.model.model_file import load
from tests.helpers.commands import refused
from tests.helpers.example_inputs import OPTIONS, TINY, train_on, write_inputs
from tests.helpers.model_files import assert_same_file, meta_of, steps_of
from tests.helpers.runs import set_pace

SHOWN = {
    "classify": ("names: 36 examples, 218 characters; 3 labels: Irish, Italian, Japanese; 3 held out", "accuracy "),
    "tag": ("tagged.txt: 32 examples, 190 characters; 2 tags: C, V; 3 held out", "accuracy "),
    "predict": (
        "sea.csv: a series, 400 steps of 2 numbers; 3 numbers to predict: level t+1, level t+2, level t+3; 40 steps",
        "R² ",
    ),
    "classify numbers": ("waves.npz: 60 examples, 1,200 steps of 1 number; 3 labels: 0, 1, 2; 6 held out", "accuracy "),
    "predict of texts": ("190 characters; 2 numbers to predict: length, vowels; 3 held out", "R² "),
}
BATCHES = {
    "classify": "batches of 8 examples of up to 9 characters",
    "predict": "batches of 8 pieces of up to 40 steps",
    "classify numbers": "batches of 8 examples of up to 20 steps",
}


@pytest.fixture
def inputs(folder):
    """Put small files of examples into the folder."""
    write_inputs(folder)
    return folder


def typed(name, *options):
    """Return the arguments of a small run on examples."""
    source, *rest = OPTIONS[name]
    return ("train", source, *rest, *TINY, *options)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_run_shows_and_logs_how_good_it_is(name, inputs, run):
    """The header counts examples; validations and the end have the accuracy or R² beside the loss."""
    result = run(*typed(name, "--epochs", 2, "--log", "log", "-o", "m.npz"))
    assert (result.code, result.out) == (0, "")
    header, figure = SHOWN[name]
    assert header in result.err
    assert BATCHES.get(name, "batches of 8 ") in result.err
    assert f"validation {load('m.npz').history[-1]['val_loss']:.3f} ({figure}" in result.err
    end = next(line for line in result.err.splitlines() if "the best validation loss was" in line)
    assert f"({figure}" in end
    assert f"charrnn {name.split()[0]} m.npz" in result.err.splitlines()[-1]
    record = json.loads(Path("log").read_text().splitlines()[-1])
    key = "r2" if figure == "R² " else "accuracy"
    assert f"({figure}{record[key]:.3f}" in end or f"({figure}{100 * record[key]:.1f} %" in end


@pytest.mark.parametrize("name", OPTIONS)
def test_a_resumed_run_ends_on_the_same_bits(name, inputs, run, monkeypatch):
    """Paused again and again, with other numbers of threads."""
    set_pace(monkeypatch, shortest_interval=1, longest_interval=2000, chunk_seconds=0.0)
    assert run(*typed(name, "--epochs", 3, "--quiet", "-o", "whole.npz")).code == 0
    begin, pauses = typed(name, "--epochs", 3, "--quiet"), 0
    while begin:
        assert run(*begin, "--time", "0.001s", "-o", "model.npz", "--threads", 1 + pauses % 2).code == 0
        done = load("model.npz", resume=True).resume.progress["step"]
        begin = ("train", "--resume", "model.npz", "--quiet") if done < steps_of("whole.npz") else ()
        pauses += 1
    assert pauses > 2
    assert_same_file("model.npz", "whole.npz")


def test_changed_examples_are_refused(inputs, run):
    """Moved ones are read from where they are."""
    model = train_on(inputs, "classify", "m.npz")
    Path("names").rename("moved")
    refused(run("train", "--resume", model, "--epochs", 4), "no such file or folder", "give its place")
    assert run("train", "moved", "--resume", model, "--epochs", 4, "--quiet").code == 0
    with Path("moved/Irish.txt").open("a") as file:
        file.write("Quinn\n")
    refused(run("train", "moved", "--resume", model, "--epochs", 6), "has changed", "--task classify -o new.npz")


@pytest.mark.parametrize("name", ["tag", "predict", "predict of texts"])
def test_examples_from_standard_input(name, inputs, run):
    """They are the same as in a file, and must be given again to resume."""
    source, *rest = OPTIONS[name]
    data = Path(source).read_bytes()
    options = (*rest, *TINY, "--epochs", 2, "--quiet")
    assert run("train", source, *options, "-o", "file.npz").code == 0
    assert run("train", "-", *options, "-o", "pipe.npz", stdin=data).code == 0
    assert_same_parameters("file.npz", "pipe.npz")
    refused(run("train", "--resume", "pipe.npz", "--epochs", 3), "trained on standard input")
    assert run("train", "-", "--resume", "pipe.npz", "--epochs", 3, "--quiet", stdin=data).code == 0


def assert_same_parameters(one, other):
    """Hold two models to have the same weights, bit for bit."""
    ours, theirs = load(one).parameters, load(other).parameters
    assert [values.tobytes() for values in ours.values()] == [values.tobytes() for values in theirs.values()]


def test_compressed_and_encoded_examples(inputs, run):
    """A table in Latin-1, and one that is packed, are the same as in UTF-8."""
    rows = "".join(f"{label}\t{word}é\n" for word in ("ab", "abb", "ba", "bab", "bb") for label in ("x", "y"))
    Path("utf8.tsv").write_text(rows, encoding="utf-8")
    Path("latin.tsv").write_text(rows, encoding="latin-1")
    Path("packed.tsv.gz").write_bytes(gzip.compress(rows.encode()))
    options = ("--task", "classify", *TINY, "--epochs", 2, "--quiet", "-o")
    assert run("train", "utf8.tsv", *options, "utf8.npz").code == 0
    assert run("train", "latin.tsv", "--encoding", "latin-1", *options, "latin.npz").code == 0
    assert run("train", "packed.tsv.gz", *options, "packed.npz").code == 0
    for other in ("latin.npz", "packed.npz"):
        assert_same_parameters("utf8.npz", other)
        assert run("train", "--resume", other, "--epochs", 3, "--quiet").code == 0


def test_rare_characters_of_examples(inputs, run):
    """They are one unknown symbol, also after resuming."""
    assert run(*typed("classify", "--rare", 3, "--epochs", 2, "--quiet", "-o", "m.npz")).code == 0
    vocabulary = load("m.npz").vocabulary
    assert vocabulary.rare == 3
    assert "D" not in vocabulary.characters
    assert run("train", "--resume", "m.npz", "--epochs", 3, "--quiet").code == 0
    assert load("m.npz").vocabulary == vocabulary


def test_examples_that_validate_from_elsewhere(inputs, run):
    """A run with --validate names them, and reads them again to go on to the same bits."""
    Path("apart").mkdir()
    for path in Path("names").iterdir():
        Path("apart", path.name).write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    options = typed("classify", "--validate", "apart", "-o")
    result = run(*options, "m.npz", "--epochs", 2)
    assert "validated with apart: 6\n" in result.err
    assert meta_of("m.npz")["corpus"]["validation"]["sources"] == ["apart"]
    assert "validation:  apart: 6 examples" in run("info", "m.npz").out
    assert run("train", "--resume", "m.npz", "--epochs", 3, "--quiet").code == 0
    assert load("m.npz").history[-1]["epoch"] == 3.0
    refused(
        run(*options, "apart/Irish.txt", "--epochs", 1, "--force"), "apart/Irish.txt is in apart, the text that is read"
    )
    Path("apart/Irish.txt").write_text("Quinn\n")
    refused(run("train", "--resume", "m.npz", "--epochs", 4), "has changed")


def test_a_slim_and_a_quiet_run(inputs, run):
    """Nothing is shown, and the file cannot be resumed."""
    result = run(*typed("tag", "--epochs", 2, "--quiet", "--slim", "-o", "m.npz"))
    assert (result.code, result.out, result.said) == (0, "", "")
    refused(run("train", "--resume", "m.npz", "--epochs", 4), "slim model")
