"""Simple methods beside a network, against what they compute by hand."""

import itertools
import math

import numpy as np
import pytest

from charrnn.examples.dataset import Examples
from charrnn.examples.dividing import divide
from charrnn.examples.number_series import series_of
from charrnn.reading import simple_methods
from charrnn.reading.measures import accuracy, mean_squared_error
from charrnn.reading.simple_methods import linear_model, naive_bayes, same_as_last, tags_of_characters


def texts_of(*pairs, labels=("a", "b"), per_step=False):
    """Return texts with their classes, or the tags of their characters."""
    texts = tuple(text for text, _ in pairs)
    targets = [target for _, target in pairs]
    classes = np.array(list(itertools.chain.from_iterable(targets)) if per_step else targets, np.int32)
    lengths = np.array(list(map(len, texts)), np.int64)
    return Examples(lengths=lengths, texts=texts, labels=labels, classes=classes, per_step=per_step)


def grams(text):
    """Return the n-grams of 1 to 4 characters of a text with its ends."""
    whole = f"\2{text}\3"
    parts = [whole[i : i + n] for n in (1, 2, 3, 4) for i in range(len(whole) - n + 1)]
    return [part for part in parts if part not in ("\2", "\3")]


def naive_twin(train, held_out, smoothing):
    """Return the probabilities of naive Bayes, from its formula."""
    counts = [{} for _ in train.labels]
    for text, label in zip(train.texts, train.classes.tolist(), strict=True):
        for gram in grams(text):
            counts[label][gram] = counts[label].get(gram, 0) + 1
    known = set().union(*counts)
    rows = []
    for text in held_out.texts:
        scores = []
        for label, own in enumerate(counts):
            prior = (np.count_nonzero(train.classes == label) + 1) / (train.count + len(train.labels))
            total = sum(own.values()) + smoothing * len(known)
            sums = [math.log((own.get(gram, 0) + smoothing) / total) for gram in grams(text) if gram in known]
            scores.append(math.log(prior) + sum(sums) / 4)
        odds = np.exp(np.array(scores) - max(scores))
        rows.append(odds / odds.sum())
    return np.array(rows)


def test_naive_bayes_is_its_formula(monkeypatch):
    """With texts shorter than an n-gram, unknown characters, and several blocks."""
    train = texts_of(("anna", 0), ("ana", 0), ("otto", 1), ("ö", 1), ("to", 1))
    asked = texts_of(("annat", 0), ("z", 0), ("ott", 1), ("\U0001f600o", 1), ("nanana", 0))
    for block in (1, 1_000_000):
        monkeypatch.setattr(simple_methods, "BLOCK", block)
        np.testing.assert_allclose(naive_bayes(train, asked, 0.5), naive_twin(train, asked, 0.5), rtol=1e-12)


def test_naive_bayes_tells_languages_apart():
    """By their endings."""
    rng = np.random.default_rng(6)
    stems = ["".join(rng.choice(list("abdegiklmnorst"), rng.integers(2, 6))) for _ in range(400)]
    pairs = [(stem + ("ski" if k % 2 else "ini"), k % 2) for k, stem in enumerate(stems)]
    train, held_out = divide(texts_of(*pairs, labels=("it", "pl")), 0.25)
    assert accuracy(held_out.classes, naive_bayes(train, held_out).argmax(axis=1)) > 0.97


def test_the_usual_tag_of_each_character():
    """A character that is new gets the most frequent tag of all."""
    train = texts_of(("aab", (0, 1, 1)), ("ab", (1, 1)), ("c", (0,)), per_step=True)
    asked = texts_of(("abcd", (0, 0, 0, 0)), per_step=True)
    assert tags_of_characters(train, asked).tolist() == [1, 1, 0, 1]


def waves(steps, ahead, noise=0.0):
    """Return a series of two columns, a sine and a cosine, of which the sine is predicted."""
    t = np.arange(steps)
    rng = np.random.default_rng(8)
    numbers = np.stack([np.sin(t / 5), np.cos(t / 5)], axis=1) + noise * rng.standard_normal((steps, 2))
    return series_of(("sin", "cos"), numbers.astype(np.float32), 1, ahead, "waves")


@pytest.mark.parametrize("ahead", [1, 3])
def test_the_forecast_that_all_stays_as_it_is(ahead):
    """Every step of the forecast is the last value."""
    series = waves(30, ahead)
    forecast = same_as_last(series)
    assert forecast.shape == series.values.shape
    for k in range(ahead):
        assert forecast[:, k].tolist() == series.numbers[:, 0].tolist()


@pytest.mark.parametrize("ahead", [1, 3])
def test_a_linear_model_continues_a_wave(ahead):
    """The next value of a sine is a linear function of the last ones, and every step held out has a forecast."""
    train, held_out = divide(waves(400, ahead))
    lags, forecast = linear_model(train, held_out)
    assert lags == (400 - 40 - ahead) // (10 * 2 + 1)
    assert forecast.shape == held_out.values.shape
    assert mean_squared_error(held_out.values, forecast) < 1e-9
    assert mean_squared_error(held_out.values, same_as_last(held_out)) > 1e-2


def test_a_linear_model_is_least_squares():
    """With one lag, it is the line through the points."""
    rng = np.random.default_rng(9)
    x = np.cumsum(rng.standard_normal(24)).astype(np.float32)
    train, held_out = divide(series_of(("x",), x[:, np.newaxis], 1, 1, "x"))
    lags, forecast = linear_model(train, held_out)
    assert lags == 1
    slope, offset = np.polyfit(train.numbers[:-1, 0], train.numbers[1:, 0], 1)
    np.testing.assert_allclose(forecast[:, 0], slope * held_out.numbers[:, 0] + offset, rtol=1e-4)


def test_a_linear_model_of_a_constant_series():
    """A singular problem has an answer too: the constant."""
    train, held_out = divide(series_of(("x",), np.full((50, 1), 3, np.float32), 1, 2, "x"))
    np.testing.assert_allclose(linear_model(train, held_out).values, 3)


@pytest.mark.parametrize(
    ("given", "order", "expected"),
    [(False, 0, [2 / 7, 3 / 7]), (False, 1, [11 / 28, 5 / 7]), (True, 0, [2 / 7, 3 / 7]), (True, 1, [9 / 14, 5 / 7])],
)
def test_ngrams_write_texts(given, order, expected):
    """By hand: an a and a b to train on, and an a to write and to end, under its condition or for another text."""

    def texts(written, conditions):
        lengths = np.ones(len(written), np.int64)
        if not given:
            return Examples(lengths, ("x",) * len(written), translations=written)
        return Examples(lengths, written, labels=("A", "B"), classes=np.array(conditions, np.int32), given=True)

    found = simple_methods.loss_of_ngrams(texts(("a", "b"), [0, 1]), texts(("a",), [0]), order)
    assert found == pytest.approx(-np.log(expected).mean())
