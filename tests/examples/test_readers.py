"""Reading the same examples again, and reading anything at all."""

import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Examples
from charrnn.examples.input_files import Request, check_record
from charrnn.examples.readers import read, read_examples
from charrnn.storage.archive import UnfitError
from charrnn.text.encoded_corpus import AnotherTextError
from charrnn.text.sources import Known, files_read, written
from tests.helpers.encodings import TEXTS

GERMAN, POLISH = TEXTS["German"][1], TEXTS["Polish"][1]
X = np.random.default_rng(4).standard_normal((6, 4, 3)).astype(np.float32)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Request]:
    """Return requests for files of each form."""
    texts = {
        "folder/de.txt": GERMAN.encode("cp1252"),
        "folder/pl.txt": POLISH.encode("iso8859-2"),
        "folder/x.png": b"\x89PNG\r\n\x1a\n\0\0\0",
        "lines.tsv": b"a\tb\nc\td\na\te\nc\tf\n",
        "table.csv": b"text,y,z\nabc,1,2\nde,3,4\n",
        "series.csv": b"t,y,z\n" + b"".join(b"%d,%d,%d\n" % (k, k * k, k % 3) for k in range(20)),
        "tags.txt": b"abc\nxyx\n",
        "pairs.tsv": b"cat\tchat\ndog\tchien\n",
        "words.csv": b"en,fr\ncat,chat\ndog,chien\n",
        "given/de.txt": b"Hase\nIgel\n",
        "given/it.txt": b"lepre\n",
        "given.tsv": b"it\tlepre\nde\tHase\n",
        "given.csv": b"text,y,z\nabc,1,2\nde,3,4\n",
    }
    for name, data in texts.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    np.savez(tmp_path / "arrays.npz", x=X, y=np.arange(6) % 2)
    np.savez(tmp_path / "given.npz", x=np.array(["abc", "de"]), y=X[:2, 0])
    asked = {
        "folder": ("classify", {}),
        "lines.tsv": ("classify", {}),
        "table.csv": ("predict", {"labels": "y,z", "texts": "text"}),
        "series.csv": ("predict", {"labels": "y", "inputs": "z", "ahead": 3}),
        "tags.txt": ("tag", {}),
        "arrays.npz": ("classify", {}),
        "pairs.tsv": ("translate", {}),
        "words.csv": ("translate", {"labels": "fr", "texts": "en"}),
        "given": ("generate", {"labels": "file"}),
        "given.tsv": ("generate", {"labels": "label"}),
        "given.csv": ("generate", {"labels": "y,z", "texts": "text"}),
        "given.npz": ("generate", {"labels": "y"}),
    }
    return {name: Request((str(tmp_path / name),), task, **options) for name, (task, options) in asked.items()}


def known_of(record, **more):
    """Return what a run that is resumed knows of its examples."""
    return Known(sha256=record["sha256"], size=record["bytes"], files_read=files_read(record), **more)


def same(one: Examples, other: Examples) -> bool:
    """Return whether two sets of examples are the same."""
    arrays = ("lengths", "numbers", "classes", "values")
    pairs = [(getattr(one, name), getattr(other, name)) for name in arrays]
    return all(
        getattr(one, name) == getattr(other, name) for name in ("texts", "labels", "names", "translations", "given")
    ) and all((a is None) == (b is None) and (a is None or a.tobytes() == b.tobytes()) for a, b in pairs)


NAMES = ("folder", "lines.tsv", "table.csv", "series.csv", "tags.txt", "arrays.npz", "pairs.tsv", "words.csv")
GIVEN = ("given", "given.tsv", "given.csv", "given.npz")


@pytest.mark.parametrize("name", [*NAMES, *GIVEN])
def test_the_record_is_enough_to_read_the_same_examples_again(inputs, name):
    """A model file keeps it as JSON, and checks it."""
    said: list[str] = []
    first = read(inputs[name], say=said.append)
    record = json.loads(json.dumps(first.record))
    check_record("data", record)
    again = Request.of_record(record, inputs[name].task)
    assert again == inputs[name]
    heard: list[str] = []
    second = read(again, known=known_of(record, safely=True), classes=first.labels or None, say=heard.append)
    assert same(first, second)
    assert second.record == first.record
    assert all("is read as" not in sentence for sentence in heard)
    assert bool(said) == (name == "folder")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_has_changed_is_found(inputs, name):
    """By its size, or by its SHA-256."""
    record = read(inputs[name], say=lambda said: None).record
    path = Path(inputs[name].paths[0])
    path = path / "de.txt" if path.is_dir() else path
    data = path.read_bytes()
    for changed in (data.replace(b"a", b"o", 1).replace(b"1", b"2", 1), data + b"\n"):
        if name == "arrays.npz":
            np.savez(path, x=X[: 5 + (changed > data)], y=np.arange(5 + (changed > data)) // 2 % 2)
        else:
            path.write_bytes(changed)
        with pytest.raises(AnotherTextError, match=r"is not the expected text: its (size|SHA-256) differs"):
            read(inputs[name], known=known_of(record), say=lambda said: None)


def test_what_a_run_writes_beside_its_examples_is_not_read(inputs):
    """A model in the folder of the classes is no class, now or when the run is resumed."""
    folder = Path(inputs["folder"].paths[0])
    first = read(inputs["folder"], known=Known(outputs=(str(folder / "model.npz"),)), say=lambda said: None)
    (folder / "model.npz").write_text("not a model\n")
    record = json.loads(json.dumps(first.record))
    assert record["outputs"] == {str(folder): ["model.npz"]}
    again = read(
        inputs["folder"], known=known_of(record, outputs=written(record, [str(folder)])), say=lambda said: None
    )
    assert same(first, again)


@pytest.mark.parametrize(
    "change",
    [{"examples": 0}, {"examples": "6"}, {"ahead": -1}, {"columns": ["y"]}, {"columns": {"y": 1}}, {"sha256": 1}],
)
def test_a_record_that_is_none_is_refused(inputs, change):
    """Nothing in a model file is trusted."""
    record = read(inputs["series.csv"], say=lambda said: None).record
    with pytest.raises(UnfitError):
        check_record("data", {**record, **change})


TASKS = st.sampled_from(["classify", "tag", "predict", "translate", "generate"])
COLUMNS = st.sampled_from([None, "a", "b", "a,b", "label", "file"])
SYMBOLS = st.sampled_from(["a", "b", "0", "1", ".", "-", "e", ",", "\t", ";", '"', "\n", "\r", " ", "é", "\0", "a,b\n"])
ANY = st.one_of(st.binary(max_size=60), st.lists(SYMBOLS, max_size=40).map("".join).map(str.encode))


def one_sentence_or_examples(function):
    """Hold a call to examples, or one error that is one sentence."""
    try:
        examples = function()
    except CharrnnError as error:
        said = str(error)
    else:
        said = ""
        assert examples.count > 0
        check_record("data", json.loads(json.dumps(examples.record)))
    assert "\n" not in said
    assert len(said.encode()) < 1000


@settings(max_examples=300, deadline=None)
@given(data=ANY, task=TASKS, labels=COLUMNS, texts=COLUMNS)
def test_any_bytes_are_examples_or_one_error(data, task, labels, texts):
    """No text ends in a traceback."""
    options = {"labels": labels, "texts": texts, "stdin": io.BytesIO(data), "say": lambda said: None}
    one_sentence_or_examples(lambda: read_examples(["-"], task=task, **options))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), task=TASKS, labels=st.one_of(COLUMNS, st.just("y")))
def test_any_damaged_file_of_arrays_is_examples_or_one_error(tmp_path_factory, seed, task, labels):
    """Some bytes of a file are changed, or it is cut off."""
    choose = random.Random(seed)
    buffer = io.BytesIO()
    y = choose.choice(
        [np.arange(6) % 2, np.array(["u", "v"] * 3), X[:, 0], X[:, :, :1], X[:, 0, 0], np.zeros((6, 4), bool)]
    )
    x = choose.choice([X, np.array(["a", "bc"] * 3)])
    arrays = {"x": x, "y": y, "lengths": np.array([1, 2, 3, 4, 4, 4]), "x_train": X, "y_train": y, "x_test": X[:2]}
    chosen = {name: array for name, array in arrays.items() if choose.random() < 0.7}
    choose.choice([np.savez, np.savez_compressed])(buffer, **chosen)
    data = bytearray(buffer.getvalue())
    for _ in range(choose.randint(0, 3)):
        data[choose.randrange(len(data))] = choose.randrange(256)
    if choose.random() < 0.2:
        del data[choose.randrange(len(data)) :]
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(data)
    one_sentence_or_examples(lambda: read_examples([str(path)], task=task, labels=labels, say=lambda said: None))
