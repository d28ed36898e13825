"""What charrnn info, and a model itself, say of models for examples."""

import json

import pytest

import charrnn
from charrnn.model.model_file import load, save
from tests.helpers.commands import refused
from tests.helpers.example_inputs import OPTIONS, train_on, write_inputs

SAID = {
    "classify": [
        "task:        classify: predict a label for a text or a sequence",
        "labels:      3: Irish, Italian, Japanese",
        "names: 36 examples, 218 characters",
        "left out:    1 file",
        "notes.bin: ",
        "validation:  3 examples",
        "pooling last, class_weights none",
    ],
    "tag": ["task:        tag: ", "tags:        2: C, V", "vocabulary:  ", "tagged.txt: 32 examples, 190 characters"],
    "predict": [
        "reads:       2 numbers at each step; mean from ",
        "predicts:    3 numbers: level t+1, level t+2, level t+3; mean from ",
        "of a series, the next 3 steps at each step",
        "sea.csv: 1 example, 400 steps",
        "columns: --labels level, --inputs wind",
        "validation:  the end of the series",
    ],
    "classify numbers": ["reads:       1 number at each step; mean ", "labels:      3: 0, 1, 2", ", 1,200 steps"],
    "predict of texts": [
        "predicts:    2 numbers: length, vowels; mean from ",
        "lengths.csv: 32 examples, 190 characters",
    ],
}
WORDS = {
    "classify": "lstm, 1 layer of 8, 39 symbols, classify 3 labels, validation ",
    "tag": ", tag 2 tags, ",
    "predict": "lstm, 1 layer of 8, 2 numbers a step, predict 3 numbers, validation ",
    "classify numbers": "1 number a step, classify 3 labels, ",
    "predict of texts": "symbols, predict 2 numbers, ",
}
UNITS = {"classify": "nats per example", "tag": "nats per character", "predict": "loss", "classify numbers": "example"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a model for each kind of examples, by name."""
    folder = tmp_path_factory.mktemp("info")
    write_inputs(folder)
    (folder / "names" / "notes.bin").write_bytes(bytes(range(256)) * 4)  # which is left out
    return {name: train_on(folder, name, f"{name}.npz") for name in OPTIONS}


@pytest.mark.parametrize("name", OPTIONS)
def test_info_describes_a_model_for_examples(name, models, run):
    """The task, what it reads and predicts, its examples, and the validations without bits per character."""
    result = run("info", models[name])
    assert (result.code, result.err) == (0, "")
    for words in SAID[name]:
        assert words in result.out
    assert ("vocabulary:" in result.out) == (name not in ("predict", "classify numbers"))
    assert "epoch  time        loss    validation" in result.out
    assert "bits" not in result.out
    assert not any(line != line.rstrip() for line in result.out.splitlines() if "vocabulary" not in line)


@pytest.mark.parametrize("name", OPTIONS)
def test_json_has_everything(name, models, run):
    """The task and what is predicted, as the file has it; and Python the same."""
    found = json.loads(run("info", models[name], "--json").out)
    checkpoint = load(models[name])
    assert found["task"] == name.split()[0]
    assert found["targets"] == checkpoint.targets.record()
    assert found["corpus"] == checkpoint.corpus
    model = charrnn.load(models[name])
    assert json.loads(json.dumps(model.info)).items() <= found.items()
    assert WORDS[name] in repr(model)


def test_json_of_a_text_has_the_same_fields(models, trained, run):
    """One schema, whatever the task."""
    ours, of_text = (json.loads(run("info", path, "--json").out) for path in (models["tag"], trained))
    assert list(ours) == list(of_text)
    assert (of_text["task"], of_text["targets"]) == ("generate", None)


@pytest.mark.parametrize("name", UNITS)
def test_a_picture_has_the_unit_of_the_loss(name, models, run, tmp_path, monkeypatch):
    """Bits beside nats, and neither for squared errors."""
    pytest.importorskip("matplotlib")
    axes = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_ylabel", lambda self, label: axes.append(label))
    monkeypatch.setattr(
        "matplotlib.axes._secondary_axes.SecondaryAxis.set_ylabel", lambda self, label: axes.append(label)
    )
    assert run("info", models[name], "--plot", tmp_path / "curve.svg").code == 0
    assert UNITS[name] in axes[0]
    assert axes[1:] == ([] if UNITS[name] == "loss" else [axes[0].replace("nats", "bits")])


def test_names_cannot_control_a_terminal(models, tmp_path, run):
    """Labels, names of columns and of files come from whoever wrote the file."""
    checkpoint = load(models["classify"])
    checkpoint.targets = type(checkpoint.targets)(("a\x1b[2J", "b\nc", "\u202ed"))
    checkpoint.corpus = checkpoint.corpus | {"sources": ["\x1b]0;x\x07"]}
    save(tmp_path / "odd.npz", checkpoint)
    result = run("info", tmp_path / "odd.npz")
    assert result.code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(result.out)
    assert "labels:      3: a�[2J, b\\nc, " in result.out


def test_a_bare_or_an_invalid_record(models, tmp_path, run):
    """A model can be without a record of its examples; an invalid history is refused."""
    checkpoint = load(models["predict"])
    checkpoint.corpus = {}
    save(tmp_path / "bare.npz", checkpoint)
    result = run("info", tmp_path / "bare.npz")
    assert result.code == 0
    assert "examples:" not in result.out
    checkpoint.history = [{"epoch": 1.0}]
    save(tmp_path / "invalid.npz", checkpoint)
    refused(run("info", tmp_path / "invalid.npz"), "invalid training history")
