"""Figures of predictions, against values computed by hand."""

import math

import numpy as np
import pytest

from charrnn.reading import measures

#                 right: 2 of 3 a, 1 of 2 b, 0 of 1 c; d is never there
TRUTH = np.array([0, 0, 0, 1, 1, 2], np.int32)
PREDICTED = np.array([0, 0, 1, 1, 0, 1], np.int32)


def test_accuracy_is_the_share_that_is_right():
    """Three of six."""
    assert measures.accuracy(TRUTH, PREDICTED) == 0.5


def test_a_confusion_matrix_has_a_row_for_each_true_class():
    """And a column for each predicted one."""
    assert measures.confusion(TRUTH, PREDICTED, 4).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0] * 4]


def test_precision_recall_and_f1_of_each_class():
    """Of 3 predicted as a, 2 are; of 3 as b, 1 is; none is predicted as c."""
    a, b, c, d = measures.per_class(measures.confusion(TRUTH, PREDICTED, 4))
    assert a == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert b == pytest.approx((1 / 3, 1 / 2, 2 / 5, 2))
    assert c == (0, 0, 0, 1)
    assert d == (0, 0, 0, 0)


def test_macro_f1_leaves_out_a_class_that_is_nowhere():
    """It is the mean of the F1 of a, b and c; d would make it smaller for nothing."""
    assert measures.macro_f1(measures.confusion(TRUTH, PREDICTED, 4)) == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    never = measures.confusion(np.array([0, 0]), np.array([0, 1]), 3)  # b is predicted, but not there: it counts
    assert measures.macro_f1(never) == pytest.approx((2 / 3 + 0) / 2)


def test_log_loss_is_in_nats():
    """The mean of −ln of the probabilities of what is true; an impossible class costs much, but not infinitely much."""
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]], np.float32)
    expected = -(math.log(0.5) + math.log(0.8) + math.log(1e-15)) / 3
    assert measures.log_loss(np.array([0, 1, 1]), probabilities) == pytest.approx(expected)


def test_binary_cross_entropy_is_a_mean_over_all_targets():
    """Those that are not known do not count."""
    truth = np.array([[1, 0], [0, np.nan]], np.float32)
    probabilities = np.array([[0.9, 0.2], [0.5, 0.4]], np.float32)
    expected = -(math.log(0.9) + math.log(0.8) + math.log(0.5)) / 3
    assert measures.binary_cross_entropy(truth, probabilities) == pytest.approx(expected)


def test_mean_squared_error_and_r2():
    """Errors 1, 0, −1 and 0, 0, 4, around means of 2 and 0; steps without a target do not count."""
    truth = np.array([[1, -2], [2, 0], [3, 2], [np.nan, np.nan]], np.float32)
    predicted = np.array([[2, -2], [2, 0], [2, 6], [9, 9]], np.float32)
    assert measures.mean_squared_error(truth, predicted) == pytest.approx((1 + 0 + 1 + 0 + 0 + 16) / 6)
    assert measures.r2(truth, predicted) == pytest.approx(((1 - 2 / 2) + (1 - 16 / 8)) / 2)
    assert measures.r2(truth, np.tile([2, 0], (4, 1))) == 0


def test_r2_of_a_constant_column():
    """There is nothing to explain: 1 if all is right, or else 0."""
    truth = np.ones((3, 1), np.float32)
    assert measures.r2(truth, truth) == 1
    assert measures.r2(truth, truth + 1) == 0


def test_what_the_frequencies_of_the_classes_get():
    """Three of four examples to train on are a, as are two of the three that are true."""
    found = measures.majority(np.array([0, 0, 1, 0]), np.array([0, 1, 0]), 2)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.log_loss == pytest.approx(-(2 * math.log(3 / 4) + math.log(1 / 4)) / 3)


def edits(a, b):
    """Return the edit distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(edits(a[1:], b) + 1, edits(a, b[1:]) + 1, edits(a[1:], b[1:]) + (a[0] != b[0]))


@pytest.mark.parametrize(
    ("truth", "predicted"), [("", ""), ("", "ab"), ("kitten", "sitting"), ("abcd", "bdca"), ("añ", "an\0")]
)
def test_edit_distance(truth, predicted):
    """As it is defined, both ways round."""
    assert (
        measures.edit_distance(truth, predicted) == edits(truth, predicted) == measures.edit_distance(predicted, truth)
    )
