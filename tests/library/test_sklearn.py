"""The classifier for scikit-learn: its own checks, and texts in pipelines, grid searches and cross-validation."""

import importlib
import pickle
import sys

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from charrnn.errors import CharrnnError
from charrnn.sklearn import CharClassifier

SMALL = {"hidden": 16, "epochs": 30, "lr": 0.03, "dropout": 0.0, "random_state": 0, "threads": 1}


def words(count=120):
    """Return words, and whether they have an a."""
    rng = np.random.default_rng(1)
    texts = ["".join(rng.choice(list("abcd"), rng.integers(1, 8))) for _ in range(count)]
    return texts, ["yes" if "a" in text else "no" for text in texts]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning", "ignore:invalid value encountered in cast")
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(CharClassifier(**SMALL))),
    ids=lambda value: getattr(value, "func", value).__name__ if callable(value) else "",
)
def test_it_passes_the_checks_of_scikit_learn(estimator, check):
    """All of them, with numbers: an example is a sequence of steps of one number."""
    check(estimator)


def test_it_learns_texts_in_any_form():
    """A list, an array of strings or of objects, and a column of a table give the same classifier."""
    texts, labels = words()
    fitted = CharClassifier(**SMALL).fit(texts, labels)
    assert fitted.score(texts, labels) > 0.95
    assert fitted.classes_.tolist() == ["no", "yes"]
    chances = fitted.predict_proba(texts)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    for form in (np.array(texts), np.array(texts, object), pandas.Series(texts, index=range(5, 5 + len(texts)))):
        again = CharClassifier(**SMALL).fit(form, np.array(labels))
        np.testing.assert_array_equal(again.predict_proba(form), chances)


def test_texts_that_nobody_knows_get_the_shares_of_the_classes():
    """Empty ones, and those of which no character is known; unknown characters among others are left out."""
    texts, labels = words()
    fitted = CharClassifier(**SMALL).fit([*texts, ""], [*labels, "no"])
    shares = [labels.count("no") + 1, labels.count("yes")] / np.float64(len(texts) + 1)
    np.testing.assert_allclose(fitted.predict_proba(["", "\u6f22"]), [shares, shares])
    np.testing.assert_array_equal(fitted.predict_proba(["b\u6f22a"]), fitted.predict_proba(["ba"]))


def test_it_works_in_a_pipeline_a_grid_search_and_cross_validation():
    """As any other classifier."""
    texts, labels = words()
    lower = FunctionTransformer(lambda given: [text.lower() for text in given])
    pipeline = make_pipeline(lower, CharClassifier(**SMALL))
    search = GridSearchCV(pipeline, {"charclassifier__epochs": [1, 30]}, cv=2)
    search.fit([text.upper() for text in texts], labels)
    assert search.best_params_ == {"charclassifier__epochs": 30}
    assert cross_val_score(CharClassifier(**SMALL), texts, labels, cv=3).mean() > 0.8


def test_it_is_copied_pickled_and_saved(tmp_path):
    """A copy has the same predictions; the command line reads its model."""
    texts, labels = words()
    fitted = CharClassifier(bidirectional=True, class_weights="balanced", **SMALL).fit(texts, labels)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(texts), fitted.predict_proba(texts))
    assert clone(fitted).get_params() == fitted.get_params()
    fitted.model_.save(tmp_path / "model.npz")
    assert (tmp_path / "model.npz").is_file()


def test_sequences_of_vectors():
    """[N, T, D]: the class is the column with the larger sum."""
    x = np.random.default_rng(0).random((150, 6, 2))
    y = x.sum(axis=1).argmax(axis=1)
    assert CharClassifier(**SMALL).fit(x, y).score(x, y) > 0.9


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        ("one text", ["a"], "not one text"),
        (["a", 1], [0, 1], "strings"),
        (["a", "b"], [0, 0], "one class"),
        (["a", "b", "c"], [0, 1], "2 labels"),
        (["", ""], [0, 1], "empty"),
        (["a", "b"], None, "requires y"),
    ],
)
def test_what_cannot_be_learned_is_a_value_error(X, y, words):
    """One sentence says why."""
    with pytest.raises(ValueError, match=words):
        CharClassifier(**SMALL).fit(X, y)


def test_texts_and_numbers_are_not_mixed_up():
    """A classifier of texts refuses numbers, and the other way round."""
    texts, labels = words()
    fitted = CharClassifier(**{**SMALL, "epochs": 1}).fit(texts, labels)
    with pytest.raises(ValueError, match="fitted with texts"):
        fitted.predict(np.zeros((3, 4, 1)))


def test_without_scikit_learn_one_sentence_says_what_to_install(monkeypatch):
    """As for each extra."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "charrnn.sklearn")
    with pytest.raises(CharrnnError, match=r"pip install 'charrnn\[sklearn\]'"):
        importlib.import_module("charrnn.sklearn")
