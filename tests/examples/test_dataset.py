"""Examples, and parts of them."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.examples.class_names import ordered
from charrnn.examples.dataset import Examples


def tagged(*texts):
    """Return texts, of which each character is tagged with its place in an alphabet."""
    lengths = np.array(list(map(len, texts)), np.int64)
    tags = np.array([ord(c) - ord("a") for text in texts for c in text], np.int32)
    labels = tuple("abcdefgh")
    return Examples(lengths=lengths, texts=texts, labels=labels, classes=tags, per_step=True)


def test_some_examples_keep_their_inputs_and_targets():
    """The steps and the targets of each example that is taken are its own."""
    whole = tagged("abc", "d", "efgh")
    part = whole.take(np.array([2, 0]))
    assert part.texts == ("efgh", "abc")
    assert part.lengths.tolist() == [4, 3]
    assert part.classes.tolist() == [4, 5, 6, 7, 0, 1, 2]
    assert part.starts.tolist() == [0, 4]
    assert whole.take(np.zeros(0, np.int64)).count == 0


def test_vectors_are_taken_as_texts_are():
    """Each example's rows stay together."""
    numbers = np.arange(12, dtype=np.float32).reshape(6, 2)
    whole = Examples(
        lengths=np.array([1, 2, 3]), numbers=numbers, values=np.array([[1], [2], [3]], np.float32), names=("y",)
    )
    part = whole.take(np.array([2, 0]))
    assert part.numbers.tolist() == numbers[[3, 4, 5, 0]].tolist()
    assert part.values.tolist() == [[3], [1]]
    assert (whole.steps, whole.count, whole.inputs) == (6, 3, 2)


def test_translations_are_taken_with_their_texts():
    """Each text keeps its own."""
    whole = Examples(lengths=np.array([3, 1]), texts=("abc", "d"), translations=("one", "two"))
    assert whole.take(np.array([1, 0, 1])).translations == ("two", "one", "two")
    for wrong in ({"translations": ("one",)}, {"translations": ("one", "")}, {"per_step": True}):
        with pytest.raises(ValueError, match="translations must be one text for each text"):
            replace(whole, **wrong)


def test_conditions_are_taken_with_their_texts():
    """They stay conditions; only texts have them, and one each."""
    whole = Examples(lengths=np.array([3, 1]), texts=("abc", "d"), values=np.eye(2, dtype=np.float32), given=True)
    part = whole.take(np.array([1]))
    assert part.given
    assert part.values.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="only texts have conditions, one each"):
        replace(tagged("abc"), given=True)


def test_labels_are_ordered_by_value_if_all_are_whole_numbers():
    """10 comes after 9; names are ordered by code point."""
    assert ordered(["10", "9", "-1", "9"]) == ("-1", "9", "10")
    assert ordered(["10", "9", "b", "B", "é"]) == ("10", "9", "B", "b", "é")


@pytest.mark.parametrize(
    "wrong",
    [
        {"lengths": np.array([3, 0, 4])},
        {"lengths": np.array([3, 1, 5])},
        {"texts": None},
        {"classes": None},
        {"classes": np.array([0, 1, 2], np.int32)},
        {"labels": tuple("abc")},
        {"values": np.zeros((8, 1), np.float32)},
        {"series": True},
        {"translations": ("one", "two", "three")},
    ],
)
def test_what_does_not_fit_together_is_refused(wrong):
    """A mistake in a reader shows at once."""
    with pytest.raises(ValueError, match=r"\w+"):
        replace(tagged("abc", "d", "efgh"), **wrong)
