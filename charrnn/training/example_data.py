"""Examples with labels or numbers to train on, and those that validate."""

import hashlib
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Examples
from charrnn.examples.dividing import divide
from charrnn.examples.scaling import Scaling
from charrnn.kernels.arithmetic import log
from charrnn.model.example_batches import EncodedExamples
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.target_names import LONGEST_NAME, LONGEST_NAMES, Targets
from charrnn.model.team import Team
from charrnn.reading.example_encoding import encoded, pieces_of
from charrnn.reading.measures import accuracy, r2
from charrnn.reading.predictions import Floats, losses_of, outputs_of, predicting
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.example_steps import ExampleSteps
from charrnn.training.pace import DEFAULT_PACE, Pace
from charrnn.training.settings import Settings

RARE = 4.0  # times the loss of blind guessing: that of a class that the network has hardly seen


class ExampleData:
    """Examples as the `Data` of a run: those to train on, and those that validate."""

    def __init__(
        self,
        settings: Settings,
        examples: Examples,
        vocabulary: Vocabulary,
        pace: Pace | None = None,
        *,
        validation: Examples | None = None,
    ) -> None:
        """Divide examples for a run with these settings; a given ``validation`` part leaves them whole.

        Raises CharrnnError for settings that do not fit the examples.
        """
        if examples.series and settings.bidirectional:
            raise CharrnnError("a series is predicted from what is before it; leave out --bidirectional")
        self.asked, self.pace, self.vocabulary, self.examples = settings, pace or DEFAULT_PACE, vocabulary, examples
        self._apart = validation  # files of their own, if the user names some
        if validation is None:
            train, validation = divide(examples, settings.val_fraction, settings.seed)
        else:
            train = examples
        self.validated = validation
        self.settings = replace(settings, pooling="each") if examples.per_step else settings
        self.targets = self._targets_of(train)
        self.architecture = self._architecture_of(train)
        self._weights = balanced(train) if settings.class_weights == "balanced" else None
        self.train, self.validation = self._encoded(train), self._encoded(validation)
        # A series that is cut elsewhere can have one piece more.
        self._most = self.train.pieces.count + examples.series
        self.settings = replace(self.settings, batch_size=min(settings.batch_size, self._most))
        steps = self.settings, self.architecture, self.pace
        self.steps = ExampleSteps(*steps, self.train, most=self._most, series=examples.series)
        self.longest = self.steps.longest
        self.blind = self._blind_loss()
        self.figures: dict[str, float] = {}

    def _targets_of(self, train: Examples) -> Targets:
        """Return the names and scales of what is predicted."""
        return targets_of(train, self.settings)

    def _architecture_of(self, train: Examples) -> Architecture:
        """Return the architecture of the network to train."""
        targets = len(self.targets.labels) or train.targets.shape[1]
        return self.settings.architecture(len(self.vocabulary), features=train.inputs, targets=targets)

    def _encoded(self, examples: Examples) -> EncodedExamples:
        """Return examples as the network reads them."""
        sizes = self.architecture, self.settings.seq_length
        pieces = pieces_of(examples.starts, examples.lengths, *sizes, series=examples.series)
        return encoded(examples, self.vocabulary, self.targets, pieces, class_weights=self._weights)

    def _blind_loss(self) -> float:
        """Return the loss of blind guessing."""
        return blind_loss(self.architecture, self.train, self.validation, self.pace.judged)

    def steps_per_epoch(self, settings: Settings) -> int:
        """Return how many steps an epoch has with the batch size of other settings."""
        return -(-self._most // min(settings.batch_size, self._most))

    def validate(self, network: Network, team: Team) -> float | None:
        """Return the mean loss on the examples that validate, or None if there are none."""
        if not self.validation.pieces.count:
            return None
        loss, self.figures = self._judge(network, self.validation, team)
        return loss

    def trial(self, network: Network, team: Team) -> float:
        """Return the mean loss on the first examples to train on, of enough predictions to judge them."""
        pieces, count = self.train.pieces, self.pace.trial_length
        if network.architecture.pooling == "each":
            count = max(1, int(np.searchsorted(np.cumsum(pieces.lengths), count)))
        return self._judge(network, self.train.first(count), team)[0]

    def _judge(self, network: Network, examples: EncodedExamples, team: Team) -> tuple[float, dict[str, float]]:
        """Return the mean loss of all predictions, with the weights of their classes, and how good they are."""
        outputs, targets = outputs_of(network, examples, team, finite=False), examples.targets
        targets = targets[: len(outputs)]
        known = predicting(examples.pieces, each=network.architecture.pooling == "each")
        known &= targets >= 0 if targets.ndim == 1 else np.isfinite(targets).all(axis=1)
        if not np.isfinite(outputs[known]).all():  # the run has diverged
            return math.nan, {}
        losses = losses_of(outputs[known], targets[known], network.architecture.head)
        weights = np.ones(losses.size) if examples.weights is None else examples.weights[targets[known]]
        loss = float((losses * weights).sum() / weights.sum())
        if network.architecture.head == "softmax":
            return loss, {"accuracy": accuracy(targets[known], outputs[known].argmax(axis=1))}
        if network.architecture.head == "linear" and len(losses) > 1:
            return loss, {"r2": r2(targets[known], outputs[known])}
        return loss, {}

    def record(self) -> dict[str, Any]:
        """Return what a model file says about the examples and those that validate."""
        apart = {} if self._apart is None else {"validation": dict(self._apart.record)}
        return {**self.examples.record, "held_out": held_out_record(self.validated), **apart}


def held_out_record(held: Examples) -> dict[str, Any]:
    """Return what a model file says about the examples that validate."""
    digest = hashlib.sha256()
    if held.translations is None:
        digest.update(np.ascontiguousarray(held.targets).tobytes())
    for part in (*(held.texts or ()), *(held.translations or ())):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if held.numbers is not None:
        digest.update(held.numbers.tobytes())
    source = "its end" if held.series else f"{held.count:,} examples"
    return {"examples": held.count, "source": source, "digest": digest.hexdigest()}


def targets_of(train: Examples, settings: Settings) -> Targets:
    """Return the names and scales of what is predicted, as the examples to train on determine them.

    Raises CharrnnError for names that a model file cannot hold.
    Numbers to predict are standardized, unless the head is logistic. Numbers to read are standardized, except by a
    network with labels if they are from 0 to 1, such as the pixels of an image.
    """
    require_storable_names(train)
    read, values = train.numbers, train.values
    inputs = None if read is None else Scaling.of(read)
    if read is not None and values is None and read.min() >= 0.0 and read.max() <= 1.0:
        inputs = None
    predicted = None if values is None or settings.head == "logistic" else Scaling.of(values)
    ahead = train.record.get("ahead", 1) if train.series else 1
    return Targets(train.labels, train.names, inputs, predicted, train.series, ahead)


def require_storable_names(train: Examples) -> None:
    """Raise CharrnnError for names that a model file cannot hold."""
    if any(len(name) > LONGEST_NAME for name in (*train.labels, *train.names)):
        raise CharrnnError(f"the name of a label or a column is longer than {LONGEST_NAME:,} characters")
    if len(json.dumps([train.labels, train.names])) > LONGEST_NAMES:
        raise CharrnnError(f"the names of the {len(train.labels) or len(train.names):,} targets are too long together")


def balanced(train: Examples) -> Array | None:
    """Return a weight for each class [K], inversely proportional to its number of examples; the mean weight is 1."""
    if train.classes is None:
        return None
    counts = np.bincount(train.classes, minlength=len(train.labels))
    return (train.classes.size / (len(train.labels) * np.maximum(1, counts))).astype(np.float32)


def blind_loss(architecture: Architecture, train: EncodedExamples, validation: EncodedExamples, judged: int) -> float:
    """Return the loss of blind guessing: any class, the mean of each number, or one half.

    It is larger if the numbers that validate are far from those to train on, such as the end of a series that grows,
    and if a single prediction, of a rare class or of an outlier, costs more than that in a mean over ``judged`` ones.
    """
    if architecture.head == "logistic":
        return architecture.targets * float(log(2.0))
    if architecture.head == "softmax":
        loss = float(log(max(2, architecture.targets)))
        heaviest = 1.0 if train.weights is None else float(train.weights.max())
        return loss * max(1.0, RARE * heaviest / judged)
    losses, held = (_losses_of_means(examples) for examples in (train, validation))
    return float(max(0.5 * architecture.targets, losses.max() / judged, held.mean() if held.size else 0.0))


def _losses_of_means(examples: EncodedExamples) -> Floats:
    """Return the losses [N] of predicting the mean of each scaled number, which is 0."""
    losses: Floats = 0.5 * np.square(examples.targets, dtype=np.float64).sum(axis=1)
    return losses[~np.isnan(losses)]
