"""Examples from the arrays of .npz files."""

import numpy as np
import pytest

from charrnn.examples.readers import read_examples
from tests.helpers.errors import failure

RNG = np.random.default_rng(11)
X = RNG.standard_normal((6, 4, 3)).astype(np.float32)
Y = np.array([2, 10, 2, 10, 7, 7])


def read(path, task="classify", **arrays):
    """Save arrays and read them as examples."""
    options = {name: arrays.pop(name) for name in ("labels", "inputs", "ahead", "classes", "say") if name in arrays}
    np.savez_compressed(path, **arrays)
    return read_examples([str(path)], task=task, **options)


@pytest.fixture
def file(tmp_path):
    """Return the name of a file to write."""
    return tmp_path / "data.npz"


def test_sequences_with_a_class_each(file):
    """Inputs [N, T, D] and targets [N] of integers."""
    examples = read(file, x=X, y=Y)
    assert examples.numbers.tolist() == X.reshape(24, 3).tolist()
    assert examples.lengths.tolist() == [4] * 6
    assert examples.labels == ("2", "7", "10")
    assert examples.classes.tolist() == [0, 2, 0, 2, 1, 1]
    record = dict(examples.record)
    assert (record.pop("bytes"), len(record.pop("sha256"))) == (file.stat().st_size, 64)
    assert record == {"sources": [str(file)], "examples": 6, "steps": 24}


@pytest.mark.parametrize(
    "x", [np.asfortranarray(X), X.astype(">f8"), X[::-1].copy()[::-1], X.astype(np.float16)], ids=str
)
def test_any_order_and_size_of_numbers_is_read(file, x):
    """Arrays in Fortran order, of the other byte order, of half and double precision."""
    np.testing.assert_allclose(read(file, x=x, y=Y).numbers, X.reshape(24, 3), atol=2e-3)


def test_one_number_a_step_and_classes_with_names(file):
    """Inputs [N, T] and targets of strings, also as a column [N, 1], as some data sets have it."""
    x, names = X[:, :, 0], np.array(["up", "down"] * 3)
    examples = read(file, x=x, y=names)
    assert examples.numbers.shape == (24, 1)
    assert examples.labels == ("down", "up")
    assert examples.classes.tolist() == [1, 0] * 3
    assert read(file, x=x, y=names[:, np.newaxis]).classes.tolist() == [1, 0] * 3
    assert read(file, x=x, y=names.astype("S")).labels == ("down", "up")


def test_images_are_read_row_by_row(file):
    """The data sets of Keras as they are: bytes are divided by 255, and the test part is kept apart."""
    images = RNG.integers(0, 256, (8, 5, 4)).astype(np.uint8)
    parts = {"x_train": images[:6], "y_train": Y.astype(np.uint8), "x_test": images[6:], "y_test": Y[[1, 0]]}
    examples = read(file, **parts)
    np.testing.assert_array_equal(examples.numbers, images[:6].reshape(30, 4).astype(np.float32) / np.float32(255))
    assert examples.test.classes.tolist() == [2, 0]
    assert examples.test.labels == examples.labels
    assert examples.test.lengths.tolist() == [5, 5]
    colored = RNG.integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    assert read(file, x_train=colored, y_train=Y).numbers.shape == (30, 12)
    assert "y_test in" in failure(read, file, **{**parts, "y_test": np.array([2, 3])})
    assert "the class 3, which y_train does not have; it has 2, 7, 10" in failure(
        read, file, **{**parts, "y_test": np.array([2, 3])}
    )
    assert "of another shape" in failure(read, file, **{**parts, "x_test": images[6:, :, :3]})


def test_sequences_of_different_lengths(file):
    """The steps end to end, or padded: both are the same examples."""
    lengths = np.array([1, 4, 2, 3, 4, 1])
    kept = np.arange(4) < lengths[:, np.newaxis]
    for x in (X, X[kept]):
        examples = read(file, x=x, y=Y, lengths=lengths)
        assert examples.lengths.tolist() == lengths.tolist()
        np.testing.assert_array_equal(examples.numbers, X[kept])
    tags = RNG.integers(0, 2, (6, 4))
    for x, y in ((X, tags), (X[kept], tags[kept])):
        examples = read(file, "tag", x=x, y=y, lengths=lengths)
        assert examples.per_step
        assert examples.classes.tolist() == tags[kept].tolist()
    values = RNG.standard_normal((6, 4, 2)).astype(np.float32)
    for x, y in ((X, values), (X[kept], values[kept])):
        assert read(file, "predict", x=x, y=y, lengths=lengths).values.tolist() == values[kept].tolist()


def test_numbers_to_predict(file):
    """For each example one or several, or for each step; integers count as numbers, and bytes stay as they are."""
    values = RNG.standard_normal((6, 4, 2)).astype(np.float32)
    one = read(file, "predict", x=X, y=Y.astype(np.uint8))
    assert one.values.tolist() == [[y] for y in Y.tolist()]
    assert not one.per_step
    assert read(file, "predict", x=X, y=values[:, 0]).values.tolist() == values[:, 0].tolist()
    each = read(file, "predict", x=X, y=values)
    assert each.per_step
    assert each.values.tolist() == values.reshape(24, 2).tolist()


def test_texts_in_an_array(file):
    """Strings are texts."""
    examples = read(file, x=np.array(["ab", "abc", "b", "ä"]), y=np.array([0, 0, 1, 1]))
    assert examples.texts == ("ab", "abc", "b", "ä")
    assert examples.record["characters"] == 7


def test_translations_in_an_array(file):
    """As in the data sets of Keras too, with those for tests."""
    examples = read(file, "translate", x=WORDS, y=np.char.upper(WORDS))
    assert (examples.texts[1], examples.translations[1]) == ("dog", "DOG")
    assert examples.record["characters"] == 19
    both = read(file, "translate", x_train=WORDS, y_train=WORDS[::-1], x_test=WORDS[:1], y_test=WORDS[1:2])
    assert both.translations == tuple(WORDS[::-1].tolist())
    assert (both.test.texts, both.test.translations) == (("cat",), ("dog",))


def test_a_series_in_an_array(file):
    """Without targets: all columns are predicted, or those that are named by number."""
    x = np.arange(20.0).reshape(10, 2)
    both = read(file, "predict", x=x)
    assert both.series
    assert both.values[:-1].tolist() == x[1:].tolist()
    assert both.names == ("0", "1")
    one = read(file, "predict", x=x, labels="1", ahead=2)
    assert one.values[0].tolist() == [3, 5]
    assert one.names == ("1 t+1", "1 t+2")
    assert one.inputs == 1
    assert read(file, "predict", x=x, labels="1", inputs="0").numbers.tolist() == x[:, ::-1].tolist()
    assert read(file, "predict", x=x[:, 0]).names == ()
    assert "has no column '7'; it has 0, 1" in failure(read, file, "predict", x=x, labels="7")


def test_arrays_that_are_not_used_are_named(file):
    """Nothing is left out in silence."""
    said = []
    read(file, x=X, y=Y, ids=np.arange(6), say=said.append)
    assert said == [f"the array ids of {file} is left out, as it is not used"]


WORDS = np.array(["cat", "dog", "owl", "fox", "crow", "hen"])
NAN, INFINITE, WIDE = X.copy(), X.astype(np.float64), X.astype(np.float64)
NAN[3, 2, 1], INFINITE[0, 0, 0], WIDE[5, 0, 2] = np.nan, -np.inf, 1e300


@pytest.mark.parametrize(
    ("task", "arrays", "said"),
    [
        ("classify", {"x": X}, "has no array 'y'; it has x"),
        ("classify", {"y": Y}, "has no array 'x'; it has y"),
        ("classify", {"x": X, "y": Y[:5]}, "has y of the shape [5], but x has 6 examples of 4 steps each; y must be"),
        ("tag", {"x": X, "y": Y}, "y must be [N, T], a tag for each step"),
        ("predict", {"x": X, "y": Y[:5]}, "y must be [N], [N, M], or [N, T, M] for each step"),
        ("predict", {"x": X, "y": np.array(["a"] * 6)}, "has y of strings, which --task classify reads"),
        ("classify", {"x": X, "y": Y.astype(float)}, "has y of floats, which --task predict predicts"),
        ("classify", {"x": X, "y": np.eye(6)}, "to classify, save np.argmax(y, axis=-1)"),
        ("classify", {"x": X, "y": np.full(6, 3)}, "has only one class, 3; at least 2"),
        ("classify", {"x": X, "y": np.array([1, 1, 1, 2, 2, 5])}, "the class 5 has only one example"),
        ("classify", {"x": NAN, "y": Y}, "has a number in x that is NaN; the first one is at (3, 2, 1)"),
        ("classify", {"x": INFINITE, "y": Y}, "has a number in x that is infinite; the first one is at (0, 0, 0)"),
        ("classify", {"x": WIDE, "y": Y}, "that is too large for float32; the first one is at (5, 0, 2)"),
        ("predict", {"x": X, "y": NAN[:, :, 1]}, "has a number in y that is NaN"),
        ("classify", {"x": X[:0], "y": Y[:0]}, "has no examples: x has the shape [0, 4, 3]"),
        ("classify", {"x": X.astype(complex), "y": Y}, "has values of the type <c16, not numbers or strings"),
        ("classify", {"x": X[:, 0, 0], "y": Y}, "has x of the shape [6]; it must be [N, T, D]"),
        ("classify", {"x": X[0], "y": Y, "lengths": np.array([1, 2])}, "2 lengths of 3 steps together"),
        ("classify", {"x": X, "y": Y, "lengths": np.array([1, 2, 3, 4, 4, 0])}, "lengths[5] is 0"),
        ("classify", {"x": X, "y": Y, "lengths": np.array([1, 2, 3, 4, 4, 5])}, "6 lengths of 19 steps together"),
        ("classify", {"x": X, "y": Y, "lengths": np.ones(6)}, "has lengths that are not integers [N]"),
        ("classify", {"x": np.array(["a", ""]), "y": Y[:2]}, "has an empty text in x[1]"),
        ("translate", {"x": X, "y": WORDS}, "has x of numbers; to translate, save strings [N]"),
        ("translate", {"x": WORDS, "y": Y}, "has y of numbers; to translate, save strings [N]"),
        ("translate", {"x": WORDS, "y": WORDS[:5]}, "has y of the shape [5], but x has 6 examples"),
        ("translate", {"x": WORDS, "y": np.array(["a"] * 5 + [""])}, "has an empty text in y[5]"),
        ("translate", {"x": WORDS[[0] * 6], "y": WORDS}, " has only one text to translate; at least 2 different ones"),
        ("predict", {"x": X}, "has no array 'y', and x of the shape [6, 4, 3]; a series is x [T] or [T, D]"),
        ("predict", {"x": X[0, :3]}, "has 3 steps, which are too few to predict 1 ahead: at least 4 are needed"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_belong_together_are_refused(file, task, arrays, said):
    """The message names the file, the array and what it must be."""
    words = failure(read, file, task, **arrays)
    assert said in words
    assert words.startswith(str(file))


def test_python_objects_are_never_read(file):
    """A pickle could run code."""
    ragged = np.array([[1, 2], [3]], object)
    np.savez(file, x=ragged, y=Y[:2])
    words = failure(read_examples, [str(file)], task="classify")
    assert "its entry 'x' has Python objects, not numbers or strings; before saving it, use .astype" in words


def test_other_files_are_refused(file, tmp_path):
    """A zip archive, a file that is cut off, two files, and columns of a table that there is none of."""
    np.savez(file, x=X, y=Y)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(file.read_bytes()[:-30])
    assert f"{cut} is damaged" in failure(read_examples, [str(cut)], task="classify")
    assert "has to be read by itself" in failure(read_examples, [str(file), str(cut)], task="classify")
    assert "leave out --labels" in failure(read_examples, [str(file)], task="classify", labels="a")
    assert "--texts names a column" in failure(read_examples, [str(file)], task="classify", texts="a")


def test_arrays_that_compress_well_are_read(file):
    """One-hot vectors take a hundredth of their size in a file; a model file may not expand like that."""
    x = np.zeros((6, 1500, 2000), np.float32)
    x[:, :, 7] = 1
    assert read(file, x=x, y=Y).numbers.shape == (9000, 2000)
    assert file.stat().st_size < x.nbytes / 100
