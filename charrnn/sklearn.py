"""A classifier of texts, or of sequences of numbers, for scikit-learn.

    from charrnn.sklearn import CharClassifier

    classifier = CharClassifier(epochs=10).fit(names, languages)
    classifier.predict(["Rossi", "Nakamura"])

It works in pipelines, in grid searches and in cross-validation. Install it with: pip install 'charrnn[sklearn]'.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError

if importlib.util.find_spec("sklearn") is None:
    raise CharrnnError("charrnn.sklearn needs scikit-learn; type: pip install 'charrnn[sklearn]'")

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_array, check_is_fitted, column_or_1d, validate_data

from charrnn.examples.dataset import Examples
from charrnn.library.answering import Answering
from charrnn.library.example_preparation import trainer_of
from charrnn.library.model import Model
from charrnn.library.opened import OpenedModel
from charrnn.library.text_rules import Rules
from charrnn.model.team import Team

if TYPE_CHECKING:
    from charrnn.library.keywords import Cell, ClassWeights, Pooling

Examined = tuple[str, ...] | NDArray[np.float32]  # texts [N], or numbers [N, T, D]


def _quiet(sentence: str) -> None:
    """Say nothing: an estimator has no screen."""


class CharClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A recurrent network that predicts a label for a text, which it reads character by character.

    ``X`` is a list or an array [N] of strings; or numbers: [N, T, D], or [N, T], where a step is one number. ``y`` [N]
    has the labels. A part of the examples, ``val_fraction``, is not trained on: it decides when to stop, and which
    weights are kept. A text of which no character is known gets the shares of the classes in ``y``.

    Parameters
    ----------
    cell : kind of network; ``charrnn cells`` lists them
    hidden : units of a layer
    layers : layers, each of which reads the outputs of the one below
    bidirectional : read each text from both sides
    pooling : predict from the "last" state of the network, or from the "mean" of all
    epochs : passes over the examples, at most; None: 3 to 50, fewer for more examples
    batch_size : examples of a training step
    lr : peak learning rate; None: 0.01 for lstm cells, mingru and minlstm, 0.006 for gru cells, 0.004 for others
    dropout : share of a layer's outputs to set to 0 at random
    val_fraction : share of the examples to hold out
    patience : stop after this many validations without an improvement; 0 never stops
    class_weights : "balanced" lets each class count as much as any other; or "none"
    rare : characters that occur fewer times are one unknown symbol; 0 for none
    threads : threads to use, which do not change the result; None: one per processor
    random_state : seed of all random numbers

    Attributes
    ----------
    classes_ : the labels, in order [K]
    class_prior_ : the share of each label in ``y`` [K]
    model_ : the `charrnn.Model`; ``model_.save("model.npz")`` writes a file for the command line
    n_features_in_ : the numbers of an example, T, if ``X`` is [N, T]

    """

    def __init__(
        self,
        *,
        cell: Cell = "lstm",
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = False,
        pooling: Pooling = "last",
        epochs: float | None = None,
        batch_size: int = 32,
        lr: float | None = None,
        dropout: float = 0.2,
        val_fraction: float = 0.1,
        patience: int = 8,
        class_weights: ClassWeights = "none",
        rare: int = 0,
        threads: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.cell = cell
        self.hidden = hidden
        self.layers = layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.dropout = dropout
        self.val_fraction = val_fraction
        self.patience = patience
        self.class_weights = class_weights
        self.rare = rare
        self.threads = threads
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Return what it can do: it reads texts as well as numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> CharClassifier:
        """Train on examples and their labels; raise ValueError if they cannot be learned from."""
        if y is None:
            raise ValueError("this classifier requires y to be passed, but the target y is None")
        inputs = self._examined(X, fitting=True)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        if len(labels) != len(inputs):
            raise ValueError(f"X has {len(inputs)} examples, but y has {len(labels)} labels")
        self.classes_, classes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; a classifier needs at least two classes")
        self.class_prior_ = np.bincount(classes) / len(classes)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        names = [str(label) for label in self.classes_.tolist()]
        if len(set(names)) < len(names):
            names = [str(k) for k in range(len(names))]
        examples = _examples(inputs, tuple(names), classes.astype(np.int32))
        given = {name: getattr(self, name) for name in _SETTINGS} | {
            "task": "classify",
            "seed": seed,
            "epochs": None if self.epochs is None else float(self.epochs),
        }
        with Team.of(self.threads, _quiet) as team:
            trainer = trainer_of(examples, given, team, rare=self.rare)
            for _ in trainer.run():
                pass
            self.model_ = Model(trainer.checkpoint())
        self.n_iter_ = max(1, trainer.state.step)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each label [N, K], in the order of ``classes_``."""
        check_is_fitted(self)
        inputs = self._examined(X, fitting=False)
        chances = np.tile(self.class_prior_, (len(inputs), 1))
        opened: OpenedModel = self.model_._opened
        with Team.of(self.threads, _quiet) as team:
            answering = Answering(opened, "classify", team)
            if isinstance(inputs, tuple):
                texts = [opened.known_characters(text) for text in inputs]
                readable = [k for k, text in enumerate(texts) if text]
                if readable:
                    encoded = answering.encode_texts([texts[k] for k in readable], Rules())
                    chances[readable] = answering.chances(encoded)
            else:
                chances[:] = answering.chances(answering.encode_numbers(list(inputs)))
        return chances

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each example [N]."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def _examined(self, X: ArrayLike, *, fitting: bool) -> Examined:
        """Return texts [N], or numbers [N, T, D]; raise ValueError for anything else."""
        texts = None if hasattr(X, "toarray") else _texts(X)
        if texts is not None:
            if fitting:
                self._reads = 0
            elif self._reads:
                raise ValueError("X has texts, but the classifier was fitted with numbers")
            return texts
        if getattr(X, "ndim", 2) == 3:
            numbers = check_array(X, dtype=np.float32, allow_nd=True)
        else:
            numbers = validate_data(self, X, dtype=np.float32, reset=fitting)[:, :, np.newaxis]
        if fitting:
            self._reads = numbers.shape[2]
        elif self._reads != numbers.shape[2]:
            fitted = f"{self._reads} numbers a step" if self._reads else "texts"
            raise ValueError(f"X has {numbers.shape[2]} numbers a step, but the classifier was fitted with {fitted}")
        return np.asarray(numbers, np.float32)


_SETTINGS = (
    *("cell", "hidden", "layers", "bidirectional", "pooling", "batch_size", "lr"),
    *("dropout", "val_fraction", "patience", "class_weights"),
)


def _texts(X: Any) -> tuple[str, ...] | None:
    """Return the texts in a list, an array [N] or a column of a table; None if it does not have strings."""
    if isinstance(X, str):
        raise ValueError("X must be a list of texts, not one text")
    if not hasattr(X, "__len__") or len(getattr(X, "shape", (1,))) != 1:
        return None
    values = X.tolist() if hasattr(X, "tolist") else list(X)
    strings = [isinstance(value, str) for value in values]
    if not any(strings):
        return None
    if not all(strings):
        raise ValueError("X has texts and other values; all must be strings")
    return tuple(values)


def _examples(inputs: Examined, labels: tuple[str, ...], classes: NDArray[np.int32]) -> Examples:
    """Return the examples to train on; a text without characters is left out."""
    record = {"sources": [], "sha256": "", "bytes": 0}
    if isinstance(inputs, tuple):
        kept = [k for k, text in enumerate(inputs) if text]
        if not kept:
            raise ValueError("X has empty texts only")
        texts = tuple(inputs[k] for k in kept)
        lengths = np.array([len(text) for text in texts], np.int64)
        record |= {"examples": len(texts), "characters": int(lengths.sum())}
        return Examples(lengths, texts, labels=labels, classes=classes[kept], record=record)
    count, steps, width = inputs.shape
    record |= {"examples": count, "steps": count * steps}
    lengths = np.full(count, steps, np.int64)
    return Examples(lengths, None, inputs.reshape(-1, width), labels=labels, classes=classes, record=record)
