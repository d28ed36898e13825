"""Which examples validate."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.examples.dataset import Examples
from charrnn.examples.dividing import default_share, divide
from charrnn.examples.number_series import series_of


def examples_of(texts, classes):
    """Return texts with a class each."""
    lengths = np.array(list(map(len, texts)), np.int64)
    labels = tuple(map(str, range(max(classes) + 1)))
    return Examples(lengths=lengths, texts=tuple(texts), labels=labels, classes=np.array(classes, np.int32))


def pairs_of(pairs):
    """Return texts with their translations."""
    texts, translations = zip(*pairs, strict=True)
    return Examples(lengths=np.array(list(map(len, texts)), np.int64), texts=texts, translations=translations)


def conditional(pairs, *, named=True):
    """Return texts with their conditions: names, or numbers."""
    texts, conditions = zip(*pairs, strict=True)
    if named:
        return replace(examples_of(texts, conditions), given=True)
    values = np.array(conditions, np.float32)[:, np.newaxis]
    return Examples(lengths=np.array(list(map(len, texts)), np.int64), texts=texts, values=values, given=True)


def drawn(sizes, seed=0):
    """Return different texts: so many of each class."""
    rng = np.random.default_rng(seed)
    texts = [f"{k:05d}" + "x" * rng.integers(0, 9) for k in range(sum(sizes))]
    return examples_of(texts, np.repeat(np.arange(len(sizes)), sizes))


def test_a_tenth_of_each_class_validates():
    """And all others train: none is lost, and none is in both parts."""
    whole = drawn([500, 50, 7, 2])
    train, held_out = divide(whole)
    assert np.bincount(held_out.classes).tolist() == [50, 5, 1, 1]
    assert sorted(train.texts + held_out.texts) == sorted(whole.texts)
    assert train.labels == held_out.labels == whole.labels
    assert [np.bincount(divide(whole, share)[1].classes).tolist() for share in (0.5, 1.0)] == [
        [250, 25, 4, 1],
        [499, 49, 6, 1],
    ]
    assert divide(whole, 0.0)[1].count == 0


def test_the_order_of_the_file_makes_no_difference():
    """The parts are the same, in the same order."""
    whole = drawn([80, 20])
    shuffled = whole.take(np.random.default_rng(1).permutation(whole.count))
    for one, other in zip(divide(whole, seed=3), divide(shuffled, seed=3), strict=True):
        assert one.texts == other.texts
        assert one.classes.tolist() == other.classes.tolist()
    assert divide(whole, seed=3)[1].texts != divide(whole, seed=4)[1].texts


def test_equal_examples_of_a_class_stay_together():
    """A network is never validated on what it has learned by heart."""
    texts = [f"name {k % 40}" for k in range(400)]
    whole = examples_of(texts, [k % 2 for k in range(400)])
    train, held_out = divide(whole)
    assert held_out.count == 40
    assert not {*train.texts} & {*held_out.texts}
    same = examples_of(["aa", "aa", "bb", "cc"], [0, 0, 1, 1])
    assert divide(same)[1].classes.tolist() == [1]


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("0123")), min_size=1, max_size=40),
    fraction=st.floats(0.01, 1),
    seed=st.integers(0, 9),
)
def test_all_translations_of_a_text_stay_together(pairs, fraction, seed):
    """In any order of the pairs, the parts are the same; none is empty if two texts differ, and no pair is lost."""
    whole = pairs_of(pairs)
    train, held_out = divide(whole, fraction, seed)
    assert not {*train.texts} & {*held_out.texts}
    parts = [list(zip(part.texts, part.translations, strict=True)) for part in (train, held_out)]
    assert sorted(parts[0] + parts[1]) == sorted(pairs)
    assert train.count > 0
    assert (held_out.count > 0) == (len({*whole.texts}) > 1)
    again = divide(pairs_of(sorted(pairs)), fraction, seed)
    assert [list(zip(part.texts, part.translations, strict=True)) for part in again] == parts


def test_about_a_tenth_of_pairs_validates():
    """Also where texts have different numbers of translations."""
    rng = np.random.default_rng(2)
    pairs = [(f"{k:04d}", f"{n}") for k in range(2000) for n in range(rng.integers(1, 5))]
    held_out = divide(pairs_of(pairs), 0.1)[1]
    assert abs(held_out.count - len(pairs) / 10) <= 2
    assert divide(pairs_of(pairs), 0.1, seed=1)[1].texts != held_out.texts


@settings(max_examples=200, deadline=None)
@given(
    drawn=st.lists(st.tuples(st.sampled_from("abcdefghijklmnop"), st.integers(0, 4)), min_size=1, max_size=40),
    fraction=st.floats(0.01, 1),
    named=st.booleans(),
)
def test_texts_with_conditions_are_divided(drawn, fraction, named):
    """Equal texts stay together, also under several conditions; each condition has a text to train on."""
    train, held_out = divide(conditional(drawn, named=named), fraction)
    assert not {*train.texts} & {*held_out.texts}
    parts = [
        [(text, int(condition)) for text, condition in zip(part.texts, part.targets.ravel(), strict=True)]
        for part in (train, held_out)
    ]
    assert sorted(parts[0] + parts[1]) == sorted(drawn)
    assert not named or {condition for _, condition in parts[0]} == {condition for _, condition in drawn}
    assert train.given
    assert train.count > 0
    assert named or (held_out.count > 0) == (len({text for text, _ in drawn}) > 1)
    for part, again in zip(parts, divide(conditional(sorted(drawn), named=named), fraction), strict=True):
        assert part == list(zip(again.texts, again.targets.ravel().tolist(), strict=True))


def test_about_a_tenth_of_texts_with_conditions_validates():
    """Also of rare conditions and a frequent text; a condition with one text trains."""
    drawn = [(f"{k:04d}", k // 2) for k in range(1000)] + [("the same", 1)] * 200 + [("alone", 500)]
    train, held_out = divide(conditional(drawn), 0.1)
    assert held_out.count == 120
    assert {"the same", "alone"} <= {*train.texts}
    assert divide(conditional(drawn), 0.1, seed=1)[1].texts != held_out.texts
    assert divide(conditional(drawn), 0.0)[1].count == 0
    assert divide(conditional([("a", 0)] * 9 + [("b", 0)] * 8), 0.1)[1].texts == ("b",) * 8


def test_vectors_and_values_are_divided_too():
    """Negative zero is zero; the rows of an example stay with it."""
    rng = np.random.default_rng(5)
    numbers = rng.standard_normal((100, 3, 2)).astype(np.float32)
    numbers[1] = numbers[0] = 0
    numbers[1] *= -1
    whole = Examples(
        lengths=np.full(100, 3), numbers=numbers.reshape(300, 2), values=numbers.sum((1, 2))[:, np.newaxis]
    )
    train, held_out = divide(whole, 0.25)
    assert (train.count, held_out.count) == (75, 25)
    for part in (train, held_out):
        sums = np.add.reduceat(part.numbers.sum(1), part.starts)
        np.testing.assert_allclose(sums, part.values[:, 0], atol=1e-5)
    zeros = [np.count_nonzero(part.values == 0) for part in (train, held_out)]
    assert sorted(zeros) == [0, 2]


@pytest.mark.parametrize("ahead", [1, 3])
def test_the_end_of_a_series_validates(ahead):
    """What trains has no target from it, and both parts have targets."""
    column = np.arange(40, dtype=np.float32)
    series = series_of(("t",), column[:, np.newaxis], 1, ahead, "t.csv")
    train, held_out = divide(series)
    size = max(4, ahead + 1)
    assert held_out.numbers[:, 0].tolist() == column[-size:].tolist()
    assert train.numbers[:, 0].tolist() == column[:-size].tolist()
    assert np.nanmax(train.values) == column[-size - 1]
    assert np.isnan(train.values[-ahead:]).all()
    assert not np.isnan(train.values[:-ahead]).any()
    assert held_out.values[0].tolist() == column[-size + 1 : 40 - size + 1 + ahead].tolist()


def test_enough_long_examples_validate():
    """A tenth; of many steps, as many as of a text, but no fewer than a thousand examples."""
    share = {}
    for count, length in ((100, 10), (5_000, 1_000), (200_000, 1_000), (1_000_000, 10), (20, 100_000)):
        lengths = np.full(count, length)
        numbers = np.broadcast_to(np.zeros((1, 1), np.float32), (count * length, 1))
        whole = Examples(lengths=lengths, numbers=numbers, values=np.zeros((count, 1), np.float32))
        share[count, length] = default_share(whole)
    assert share == {
        (100, 10): 0.1,
        (5_000, 1_000): 0.1,
        (200_000, 1_000): 0.005,
        (1_000_000, 10): 0.02,
        (20, 100_000): 0.1,
    }
