"""A task learned from examples, side by side: our network, the same in PyTorch, and simple methods.

All learn from the same examples and are judged on the same ones. The networks read the same batches in the same order,
with the same optimizer, learning rates and clipping. Each trains to its end, without validations in between, and its
last weights count. Their speeds are measured in turns before that. Networks that write texts begin with the same first
weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.benchmark.pytorch_examples import Way
from charrnn.benchmark.pytorch_writing import Writer, learner_of, training_sides, writes
from charrnn.benchmark.report import Table, size
from charrnn.benchmark.sides import training_side
from charrnn.benchmark.timing import Comparison, Side, Turns, alternate, fastest
from charrnn.cells.architecture import Architecture
from charrnn.examples.dataset import Examples
from charrnn.examples.dividing import divide
from charrnn.model.team import Team
from charrnn.reading import measures, simple_methods
from charrnn.reading.predictions import outputs_of, probabilities
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.example_data import ExampleData
from charrnn.training.settings import Settings
from charrnn.training.trainer import Trainer
from charrnn.training.writing_data import WritingData

OURS = "charrnn"
FIELDS = (  # of the settings, for JSON
    *("task", "cell", "hidden", "layers", "bidirectional", "pooling", "batch_size", "epochs", "lr", "schedule"),
    *("clip", "dropout", "seed", "attention", "given_at"),
)
SHOWN = {
    "accuracy": ("accuracy", ".2%"),
    "macro_f1": ("macro F1", ".3f"),
    "log_loss": ("log loss", ".4f"),
    "squared_error": ("squared error", ".4g"),
    "r2": ("R²", ".4f"),
    "loss": ("loss", ".4f"),
}


@dataclass(frozen=True)
class Learned:
    """What one side has learned, and in how many seconds."""

    name: str
    figures: dict[str, float]
    seconds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {"name": self.name, **self.figures, "training_seconds": self.seconds}


@dataclass(frozen=True)
class TaskResult:
    """What all sides have learned, and how fast the networks train, in predictions per second."""

    settings: Settings
    network: str
    parameters: int
    trained: int  # examples
    judged: int
    test: bool  # judged on the test part of the file
    steps_per_prediction: float
    compared: Comparison
    sides: tuple[Learned, ...]  # ours, PyTorch's, and simple methods
    writes: bool = False  # texts, of which a prediction is a character

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            **{field: getattr(self.settings, field) for field in FIELDS},
            "parameters": self.parameters,
            "examples": self.trained,
            "judged_on": {"examples": self.judged, "part": "test" if self.test else "validation"},
            "learned": [side.as_dict() for side in self.sides],
            "predictions_per_second": self.compared.as_dict(),
            "steps_per_prediction": self.steps_per_prediction,
        }


class TaskRun:
    """The examples of a task, divided, and the run that learns them."""

    def __init__(
        self, examples: Examples, settings: Settings, team: Team, *, vocabulary: Vocabulary | None = None
    ) -> None:
        """Divide examples, unless their file keeps some for tests; by default, the vocabulary is that of all texts.

        Raises CharrnnError for unusable examples.
        """
        self.test, self.team = examples.test is not None, team
        if examples.test is None:
            self.train, self.held = divide(examples, settings.val_fraction, settings.seed)
        else:
            self.train, self.held = examples, examples.test
        if vocabulary is None:
            vocabulary = Vocabulary.of_blocks([*(self.train.texts or ()), *(self.held.texts or ())])
        kind = WritingData if examples.given or examples.translations is not None else ExampleData
        self.data = kind(settings, self.train, vocabulary, validation=self.held)

    def trainer(self) -> Trainer[ExampleData]:
        """Return a new run."""
        return Trainer(self.data, self.team)

    def measured(self, *, turns: Turns, against_torch: bool = False) -> TaskResult:
        """Measure the speeds in turns, and then what each side learns."""
        trainer, theirs, chosen = self.trainer(), dict[str, Side](), dict[str, Way]()
        for threads in sorted({1, self.team.size}) if against_torch else ():
            sides = training_sides(trainer, threads)
            theirs |= fastest({name: side for name, (_, side) in sides.items()}, turns)
            chosen |= {name: way for name, (way, _) in sides.items()}
        timings = alternate({OURS: training_side(trainer), **theirs}, turns)
        compared = Comparison(timings[OURS], tuple(timings[name] for name in theirs))
        learned = [self._ours()]
        if compared.fastest is not None:
            learned.append(self._theirs(chosen[compared.fastest.name]))
        network = self.data.architecture
        return TaskResult(
            settings=self.data.settings,
            network=_in_words(network),
            parameters=network.parameter_count(),
            trained=self.train.count,
            judged=self.held.count,
            test=self.test,
            steps_per_prediction=self._steps_per_prediction(),
            compared=compared,
            sides=(*learned, *self._simple_methods()),
            writes=writes(network),
        )

    def _steps_per_prediction(self) -> float:
        """Return the steps of all examples, those of texts to translate included, for each prediction."""
        train, each = self.data.train, self.data.architecture.pooling == "each"
        steps = train.pieces.lengths.sum() + (train.sources.pieces.lengths.sum() if train.sources else 0)
        return float(steps / ((train.pieces.last - train.pieces.first).sum() if each else train.pieces.count))

    def _ours(self) -> Learned:
        """Train our network to the end."""
        trainer = self.trainer()
        trainer.compile()
        began, side, total = perf_counter(), training_side(trainer), trainer.steps.total
        assert total is not None
        side(total)
        seconds = perf_counter() - began
        if writes(self.data.architecture):
            loss = self.data.validate(trainer.network, self.team)
            return Learned(OURS, {} if loss is None else {"loss": loss}, seconds)
        return Learned(OURS, self._judged(outputs_of(trainer.network, self.data.validation, self.team)), seconds)

    def _theirs(self, way: Way) -> Learned:
        """Train PyTorch's network to the end."""
        a = self.data.architecture
        if writes(a) and not a.embedding:
            way = replace(way, one_hot=True)  # which begins with our first weights
        learner, total = learner_of(self.trainer(), way), self.data.steps.total
        assert total is not None
        began = perf_counter()
        learner.advance(total)
        seconds = perf_counter() - began
        if isinstance(learner, Writer):
            figures = {"loss": learner.mean_loss(self.data.validation)}
        else:
            figures = self._judged(learner.judged(self.data.validation))
        return Learned(way.name(a), figures, seconds)

    def _judged(self, outputs: NDArray[np.float32]) -> dict[str, float]:
        """Return the figures of a network's outputs."""
        scaling, head = self.data.targets.target_scaling, self.data.architecture.head
        if head != "linear":
            return self._figures(probabilities(outputs, head))
        return self._figures(outputs if scaling is None else scaling.undo(outputs))

    def _figures(self, predicted: NDArray[Any]) -> dict[str, float]:
        """Return the figures of probabilities or of numbers, where they are known."""
        truth = self.held.targets[: len(predicted)]
        known = ~np.isnan(predicted[:, 0]) & (truth >= 0 if truth.ndim == 1 else np.isfinite(truth).all(axis=1))
        truth, predicted = truth[known], predicted[known]
        if truth.ndim == 1:
            return class_figures(truth, predicted)
        figures = {"squared_error": measures.mean_squared_error(truth, predicted)}
        if self.data.architecture.head == "logistic":
            return {"log_loss": measures.binary_cross_entropy(truth, predicted), **figures}
        return {**figures, "r2": measures.r2(truth, predicted)}

    def _simple_methods(self) -> Iterator[Learned]:
        """Yield what simple methods learn of the same examples."""
        train, held = self.train, self.held
        if writes(self.data.architecture):
            yield Learned("n-grams of characters", {"loss": simple_methods.loss_of_ngrams(train, held)})
            yield Learned("frequency of characters", {"loss": simple_methods.loss_of_ngrams(train, held, 0)})
            return
        if train.classes is not None:
            assert held.classes is not None
            if train.texts is not None and not train.per_step:
                yield Learned("naive Bayes of n-grams", self._figures(simple_methods.naive_bayes(train, held)))
            elif train.texts is not None:
                tags = simple_methods.tags_of_characters(train, held)
                yield Learned("tag of the character", _of_classes(held.classes, tags, len(train.labels)))
            found = measures.majority(train.classes, held.classes, len(train.labels))
            usual = np.full_like(held.classes, np.bincount(train.classes).argmax())
            figures = _of_classes(held.classes, usual, len(train.labels)) | {"log_loss": found.log_loss}
            yield Learned("majority", figures)
            return
        if train.series:
            yield Learned("same as last", self._figures(simple_methods.same_as_last(held)))
            linear = simple_methods.linear_model(train, held)
            yield Learned(f"linear model of {linear.lags} steps", self._figures(linear.values))
        assert train.values is not None
        mean = np.nanmean(train.values, axis=0, dtype=np.float64).astype(np.float32)
        yield Learned("mean", self._figures(np.broadcast_to(mean, self.held.targets.shape)))


def class_figures(truth: NDArray[np.int32], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Return the figures of the probabilities [N, K] of classes [N]."""
    found = _of_classes(truth, predicted.argmax(axis=1).astype(np.int32), predicted.shape[1])
    return found | {"log_loss": measures.log_loss(truth, predicted)}


def _of_classes(truth: NDArray[np.int32], predicted: NDArray[np.int32], classes: int) -> dict[str, float]:
    confused = measures.confusion(truth, predicted, classes)
    return {"accuracy": measures.accuracy(truth, predicted), "macro_f1": measures.macro_f1(confused)}


def tables(result: TaskResult) -> Iterator[Table]:
    """Yield a table of what each side has learned, and one of how fast the networks train."""
    names = [name for name in SHOWN if any(name in side.figures for side in result.sides)]
    part = "test" if result.test else "validation"
    title = f"{result.settings.task}, {result.judged:,} {part} examples"
    columns = (title, *(SHOWN[name][0] for name in names), "training")
    rows = []
    for side in result.sides:
        figures = (f"{side.figures[name]:{SHOWN[name][1]}}" if name in side.figures else "" for name in names)
        name = side.name if side.seconds is None else side.name.split(",")[0]
        rows.append((name, *figures, "" if side.seconds is None else f"{side.seconds:.1f} s"))
    yield Table(columns, tuple(rows))
    what = "predictions/s" if result.settings.pooling == "each" else "examples/s"
    if result.writes:
        what = "characters written/s"
    steps = result.steps_per_prediction
    speeds = [
        (
            timing.name,
            f"{timing.median:,.0f}",
            f"{timing.median * steps:,.0f}",
            *(("",) * 2 if k == 0 else _ratios(result.compared, k - 1)),
        )
        for k, timing in enumerate((result.compared.ours, *result.compared.theirs))
    ]
    yield Table((f"training, {result.network}", what, "steps/s", "ratio", "of bests"), tuple(speeds))


def _in_words(network: Architecture) -> str:
    words = [size(network)] + ["both directions"] * network.bidirectional
    if not writes(network):
        words.append(f"pooling {network.pooling}")
    return ", ".join(words + ["attention"] * network.attention)


def _ratios(compared: Comparison, k: int) -> tuple[str, str]:
    ours, theirs = compared.ours, compared.theirs[k]
    return f"{ours.median / theirs.median:.2f}", f"{ours.best / theirs.best:.2f}"
