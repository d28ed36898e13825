"""Preparation of runs on examples with labels or numbers: new ones, and resumed ones."""

import io
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from charrnn.cells.tasks import GIVEN_AT
from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Examples
from charrnn.examples.input_files import Request
from charrnn.examples.readers import read
from charrnn.library.preparation import (
    Given,
    Say,
    nothing,
    remembered,
    require_unfinished,
    resumed_settings,
    settings_of,
)
from charrnn.library.task_rules import SERIES, TAGGED, USUAL
from charrnn.model.model_file import Checkpoint, load
from charrnn.model.target_names import known_labels
from charrnn.model.team import Team
from charrnn.text.defaults import FILES, LINES
from charrnn.text.ingest import AnotherTextError, listed
from charrnn.text.places import counted
from charrnn.text.sources import NOTHING, Known, files_read, written
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.example_data import ExampleData
from charrnn.training.settings import Settings, default_embedding
from charrnn.training.trainer import Trainer
from charrnn.training.writing_data import WritingData


@dataclass(frozen=True)
class ExampleFiles:
    """The files of the examples of a run; ``data`` is what is read as standard input."""

    request: Request
    known: Known = NOTHING
    data: bytes | None = None
    validate: tuple[str, ...] = ()
    rare: int = 0

    def read(self, say: Say, classes: tuple[str, ...] | None = None) -> Examples:
        """Read the examples; with ``classes``, these are the labels."""
        stdin = None if self.data is None else io.BytesIO(self.data)
        return read(self.request, known=self.known, stdin=stdin, classes=classes, say=say)

    def read_validation(self, say: Say, classes: tuple[str, ...] | None) -> Examples | None:
        """Read the examples to validate with, if the user names some."""
        if not self.validate:
            return None
        known = replace(self.known, sha256=None, size=None, safely=False, files_read=None)
        request = replace(self.request, paths=self.validate, divides=False)
        return read(request, known=known, classes=classes, say=say)


def new_example_trainer(files: ExampleFiles, given: Given, team: Team, say: Say) -> Trainer[ExampleData]:
    """Prepare a new run on examples; raise CharrnnError for unusable ones, and for invalid settings."""
    examples = files.read(say)
    validation = files.read_validation(say, examples.labels if examples.given else examples.labels or None)
    return trainer_of(examples, given, team, say, validation=validation, rare=files.rare)


def trainer_of(
    examples: Examples,
    given: Given,
    team: Team,
    say: Say = nothing,
    *,
    validation: Examples | None = None,
    rare: int = 0,
) -> Trainer[ExampleData]:
    """Prepare a new run on examples in memory."""
    if rare and examples.texts is None:
        raise CharrnnError("--rare makes characters unknown, but these examples are numbers; leave that out")
    if validation is not None:
        given = {**given, "val_fraction": 0.0}
    vocabulary = vocabulary_of(examples, validation, rare)
    settings = example_settings(given, examples, len(vocabulary))
    data = data_of(settings, examples, vocabulary, validation)
    if sentence := shortened(examples, settings):
        say(sentence)
    return Trainer(data, team)


def request_of(paths: tuple[str, ...], task: str, columns: Mapping[str, str | None], ahead: int = 1) -> Request:
    """Return a request for examples, of which the condition to generate under is read as a label."""
    given = columns.get("given")
    labels = columns.get("labels") if given is None else given
    return Request(paths, task, labels, columns.get("texts"), columns.get("inputs"), ahead)


def data_of(settings: Settings, examples: Examples, vocabulary: Vocabulary, validation: Examples | None) -> ExampleData:
    """Return examples as the data of a run."""
    kind = WritingData if examples.given or examples.translations is not None else ExampleData
    return kind(settings, examples, vocabulary, validation=validation)


def vocabulary_of(examples: Examples, validation: Examples | None, rare: int) -> Vocabulary:
    """Return the characters of all texts; those that occur fewer than ``rare`` times are unknown.

    Texts to generate are documents: lines, unless there are line ends in them.
    """
    texts = "".join([*(examples.texts or ()), *((validation and validation.texts) or ())])
    separator = (FILES if LINES in texts else LINES) if examples.given else ""
    return Vocabulary.of_counts(counted([texts], ""), separator=separator, rare=rare) if texts else Vocabulary("")


def example_settings(given: Given, examples: Examples, symbols: int) -> Settings:
    """Return the given settings, and defaults for the others that fit the examples.

    Raises CharrnnError for settings that only other examples have.
    """
    if examples.per_step and given.get("pooling") in ("last", "mean"):
        raise CharrnnError(f"each step of these examples predicts; leave out --pooling {given['pooling']}")
    if given.get("pooling") == "each" and not examples.per_step:
        raise CharrnnError("--pooling each is for examples with numbers to predict at each step; these have none")
    own: dict[str, Any] = SERIES if examples.series else TAGGED if examples.per_step else {}
    chosen = USUAL | own | {name: value for name, value in given.items() if value is not None}
    chosen.setdefault("embedding", default_embedding(symbols))
    chosen["joined"] = bool(chosen.get("joined", True) and chosen.get("bidirectional") and chosen.get("layers", 1) > 1)
    chosen["sampled_softmax"] = 0
    if examples.given:
        chosen = {"task": "generate", "given_at": GIVEN_AT[0]} | chosen
    values = None if examples.given else examples.values
    if values is not None and np.isin(values[np.isfinite(values)], (0.0, 1.0)).all():
        chosen.setdefault("head", "logistic")
    return settings_of(chosen, examples.steps + sum(map(len, examples.translations or ())), symbols)


def shortened(examples: Examples, settings: Settings) -> str | None:
    """Return a note that only the first steps of long examples are read; None if there are none."""
    long = int((examples.lengths > settings.seq_length).sum())
    if examples.translations is not None:
        texts = zip(examples.lengths.tolist(), map(len, examples.translations), strict=True)
        long = sum(max(read, written + 1) > settings.seq_length for read, written in texts)
    if examples.per_step or settings.given_at == "every" or not long:
        return None
    what = "characters" if examples.texts is not None else "steps"
    are = f"{long:,} example{'s are' if long > 1 else ' is'}"
    return f"{are} longer than {settings.seq_length:,} {what}; only the first ones are read (--seq-length changes that)"


def resumed_example_trainer(
    path: str, files: Mapping[str, Any], team: Team, say: Say, *, given: Given
) -> Trainer[ExampleData]:
    """Resume the run of a model file on its examples.

    ``files`` has their ``paths`` if they are elsewhere, and ``data`` if they are in memory, and the run's ``outputs``.

    The settings that can change are those of a run on a text. Raises CharrnnError for other examples, and for a run
    that is complete.
    """
    checkpoint = load(path, resume=True)
    try:
        settings = resumed_settings(checkpoint, given)
        examples, validation = _same_examples(path, checkpoint, files, say)
        data = data_of(settings, examples, checkpoint.vocabulary, validation)
        trainer = Trainer.resumed(checkpoint, data, team)
    except CharrnnError as error:
        raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    if data.record()["held_out"] != checkpoint.corpus.get("held_out"):
        raise CharrnnError(f"{path} cannot be resumed: other examples would validate")
    require_unfinished(path, trainer, given)
    return trainer


def _same_examples(
    path: str, checkpoint: Checkpoint, files: Mapping[str, Any], say: Say
) -> tuple[Examples, Examples | None]:
    """Read the examples of a run, and those that validated it if they were apart; raise CharrnnError for others."""
    record, task = checkpoint.corpus, checkpoint.architecture.task
    assert checkpoint.targets is not None
    labels = known_labels(checkpoint.targets, task)
    examples = _again(path, record, task, files, labels, say)
    apart = record.get("validation")
    if not isinstance(apart, dict):
        return examples, None
    return examples, _again(path, apart, task, {"outputs": files.get("outputs", ())}, labels, say)


def _again(
    path: str, record: Mapping[str, Any], task: str, files: Mapping[str, Any], labels: tuple[str, ...] | None, say: Say
) -> Examples:
    """Read the examples that a record describes."""
    named = tuple(files.get("paths", ()))
    paths = named or remembered(path, record.get("sources"))
    outputs = (*files.get("outputs", ()), path, *written(record, paths))
    sha256, size = str(record.get("sha256")), record.get("bytes")
    known = Known(outputs, sha256, size, safely=not named, files_read=files_read(record))
    stdin = None if files.get("data") is None else io.BytesIO(files["data"])
    request = Request.of_record(record, task, paths)
    try:
        return read(request, known=known, stdin=stdin, classes=labels, say=say)
    except AnotherTextError:
        raise CharrnnError(
            f"{listed(paths)} has changed since it was trained on it (its SHA-256 differs); to train on it as it is "
            f"now, start a new run: charrnn train {shlex.join(paths[:3])} --task {task} -o new.npz"
        ) from None
