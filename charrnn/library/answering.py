"""A model for examples, as commands and the library's `Model` ask it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from charrnn.cells.tasks import require_task
from charrnn.errors import CharrnnError, TextWarning
from charrnn.library.one_text import require_unknown
from charrnn.library.opened import OpenedModel
from charrnn.library.terms import warn
from charrnn.library.text_rules import THE_TEXTS, Rules

if TYPE_CHECKING:  # what needs NumPy and the kernels is imported when it is used
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.examples.dataset import Examples
    from charrnn.model.example_batches import EncodedExamples, Pieces
    from charrnn.model.team import Team
    from charrnn.reading.answers import Classified, Forecast, Predicted, Tagged
    from charrnn.reading.evaluation import Evaluation
    from charrnn.text.survey import Say

TEXTS_AT_ONCE = 4096
USUAL_SEQ_LENGTH = 1000  # of a model that does not say how it was trained


def nothing(sentence: str) -> None:
    """Say nothing."""


class Answering:
    """A model for the task classify, tag, predict or translate."""

    def __init__(self, model: OpenedModel, task: str, team: Team) -> None:
        """Use an opened model; raise CharrnnError if it is for another task."""
        require_task(model.architecture.task, task)
        if model.checkpoint.targets is None:
            raise CharrnnError("this model has no conditions: it reads texts, and no examples")
        self.model, self.team, self.targets = model, team, model.checkpoint.targets
        self.architecture = model.architecture
        self._shortened = 0  # examples of which only the first steps have been read

    @cached_property
    def seq_length(self) -> int:
        """How many steps the model reads at once."""
        return int(self.model.checkpoint.training.get("seq_length", USUAL_SEQ_LENGTH))

    def rules(self, unknown: str, near: str, where: str = THE_TEXTS, *, one: bool = False) -> Rules:
        """Return how unknown characters are read; raise CharrnnError for a rule that there is not."""
        require_unknown(unknown)
        return Rules(unknown, self.model.vocabulary.near_forms(near), where, one)

    def encode_texts(self, texts: Sequence[str], rules: Rules) -> EncodedExamples:
        """Return texts as the network reads them.

        Line ends are LF; unknown characters are treated by the rules. Raises CharrnnError for a model that reads
        numbers, for an empty text, and for one without a known character.
        """
        self._require_texts()
        return self._encoded(list(rules.symbols_of(texts, self.model.vocabulary)))

    def _require_texts(self) -> None:
        if self.architecture.features:
            raise CharrnnError("this model reads numbers, not texts")

    def _encoded(self, parts: Sequence[NDArray[np.int32]]) -> EncodedExamples:
        """Return the symbols of texts as the network reads them."""
        import numpy as np

        from charrnn.model.example_batches import EncodedExamples

        lengths = np.array([part.size for part in parts], np.int64)
        return EncodedExamples(self._pieces(lengths), np.concatenate([np.zeros(0, np.int32), *parts]))

    def read_texts(self, texts: Iterator[str], rules: Rules) -> Iterator[tuple[list[str], list[NDArray[np.int32]]]]:
        """Yield texts and their symbols, some thousand at a time; what comes before a wrong one is yielded first."""
        self._require_texts()
        while some := list(islice(texts, TEXTS_AT_ONCE)):
            parts, fault = list["NDArray[np.int32]"](), None
            try:
                for part in rules.symbols_of(some, self.model.vocabulary):
                    parts.append(part)
            except CharrnnError as error:
                fault = error
            if parts:
                yield some[: len(parts)], parts
            if fault is not None:
                raise fault

    def encode_numbers(self, numbers: Sequence[NDArray[np.float32]]) -> EncodedExamples:
        """Return sequences of numbers [T, D] as the network reads them; raise CharrnnError if they do not fit it."""
        import numpy as np

        from charrnn.model.example_batches import EncodedExamples

        features = self.architecture.features
        if not features:
            raise CharrnnError("this model reads texts, not numbers")
        if features == 1:  # as in a file, [T] has one number a step
            numbers = [array[:, np.newaxis] if array.ndim == 1 and len(array) > 1 else array for array in numbers]
        for k, array in enumerate(numbers):
            if array.ndim != 2 or array.shape[1] != features or not len(array):
                raise CharrnnError(f"example {k} must have the shape [T, {features}], not {list(array.shape)}")
            if not np.isfinite(array).all():
                raise CharrnnError(f"example {k} has a number that is not finite")
        lengths = np.array([len(array) for array in numbers], np.int64)
        flat = np.concatenate([np.zeros((0, features), np.float32), *numbers]).astype(np.float32)
        if self.targets.input_scaling is not None:
            flat = self.targets.input_scaling.apply(flat)
        encoded = EncodedExamples(self._pieces(lengths), None, flat)
        self._tell_shortened()
        return encoded

    def tell(self, rules: Rules) -> None:
        """Warn of what has been left out or replaced in the texts that were read by some rules."""
        rules.tell(self.model.vocabulary)
        self._tell_shortened()

    def _tell_shortened(self) -> None:
        if self._shortened:
            what = "step" if self.architecture.features else "character"
            are = "1 example is" if self._shortened == 1 else f"{self._shortened:,} examples are"
            sentence = f"{are} longer than {self.seq_length:,} {what}s; the model reads only the first ones"
            warn(sentence, TextWarning)

    def count_shortened(self, lengths: NDArray[np.int64]) -> None:
        """Count the examples that are too long to be read whole, for `tell`."""
        self._shortened += int((lengths > self.seq_length).sum())

    def _pieces(self, lengths: NDArray[np.int64]) -> Pieces:
        """Return the pieces of examples whose steps lie end to end."""
        from charrnn.reading.example_encoding import pieces_of

        if self.architecture.pooling != "each":
            self.count_shortened(lengths)
        starts = lengths.cumsum() - lengths
        return pieces_of(starts, lengths, self.architecture, self.seq_length, series=self.targets.series)

    def chances(self, encoded: EncodedExamples) -> NDArray[np.float64]:
        """Return probabilities [N, K], or [steps, K] of tags."""
        from charrnn.reading.predictions import outputs_of, probabilities

        return probabilities(outputs_of(self.model.network, encoded, self.team), self.architecture.head)

    def values(self, encoded: EncodedExamples) -> NDArray[np.float64]:
        """Return predicted numbers in their own units: [N, M], or [steps, M] where each step predicts.

        Those of a logistic head are probabilities.
        """
        import numpy as np

        from charrnn.reading.predictions import outputs_of, probabilities

        outputs = outputs_of(self.model.network, encoded, self.team)
        if self.architecture.head == "logistic":
            return probabilities(outputs, "logistic")
        scaling = self.targets.target_scaling
        return np.asarray(outputs if scaling is None else scaling.undo(outputs), np.float64)

    def classify_texts(self, texts: Iterator[str], rules: Rules, best: int) -> Iterator[Classified]:
        """Yield the label of each text, some thousand texts at a time."""
        from charrnn.reading.answers import classified

        for some, parts in self.read_texts(texts, rules):
            yield from classified(some, self.chances(self._encoded(parts)), self.targets, best)

    def tag_texts(self, texts: Iterator[str], rules: Rules) -> Iterator[Tagged]:
        """Yield each text with its tags."""
        from charrnn.reading.answers import tagged

        for _, parts in self.read_texts(texts, rules):
            read = [self.model.vocabulary.decode(part) for part in parts]
            steps = [len(text) for text in read]
            yield from tagged(read, steps, self.chances(self._encoded(parts)), self.targets)

    def tag_numbers(self, arrays: Sequence[NDArray[np.float32]]) -> Iterator[Tagged]:
        """Yield the tags of sequences of numbers [T, D]."""
        from charrnn.reading.answers import tagged

        chances = self.chances(self.encode_numbers(arrays))
        yield from tagged([None] * len(arrays), [len(array) for array in arrays], chances, self.targets)

    def predict_texts(self, texts: Iterator[str], rules: Rules) -> Iterator[Predicted]:
        """Yield the numbers that are predicted for each text."""
        from charrnn.reading.answers import predicted

        for some, parts in self.read_texts(texts, rules):
            yield from predicted(some, self.values(self._encoded(parts)), self.targets)

    @property
    def value_names(self) -> list[str]:
        """The names of the numbers that are predicted."""
        from charrnn.reading.answers import names_of

        return names_of(self.targets, self.architecture.targets)

    def forecast(self, path: str, *, encoding: str = "", say: Say = nothing) -> Forecast:
        """Return what is predicted of a series in a file, with the columns of the training run."""
        from charrnn.reading.answers import Forecast

        examples = self.read([path], say=say, encoding=encoding)
        assert examples.numbers is not None
        ahead, count = self.targets.ahead, self.architecture.targets // self.targets.ahead
        names = [name.removesuffix(" t+1") for name in self.targets.names[:count]] or [str(k) for k in range(count)]
        return Forecast(names, ahead, examples.numbers, self.values(self.encode(examples, Rules())))

    def divided(self, examples: Examples) -> tuple[Examples, Examples]:
        """Return the examples that the run trained on, and those that validated it.

        Raises CharrnnError if they are not its examples, or if none of them validated it.
        """
        from charrnn.examples.dividing import divide
        from charrnn.text.sources import listed
        from charrnn.training.example_data import held_out_record
        from charrnn.training.settings import Settings

        settings, record = Settings.of(self.model.checkpoint.training), self.model.checkpoint.corpus
        if apart := record.get("validation"):
            raise CharrnnError(
                f"the run validated with files of its own; leave out --held-out and give them: "
                f"{listed(apart['sources'])}"
            )
        train, held = divide(examples, settings.val_fraction, settings.seed)
        if not held.count or held_out_record(held) != record.get("held_out"):
            raise CharrnnError(
                "these are not the examples that the model was trained on, or none of them were held out"
            )
        return train, held

    def read(
        self,
        paths: Sequence[str],
        *,
        say: Say,
        encoding: str = "",
        labels: str | None = None,
        texts: str | None = None,
        trained: bool = False,
        stdin: BinaryIO | None = None,
    ) -> Examples:
        """Read examples with their labels or numbers, to evaluate the model.

        Columns of a table are those of the training run unless others are given. Of a file that keeps examples for
        tests, these are returned, unless those to have ``trained`` with are wanted. ``stdin`` is in place of standard
        input. Raises CharrnnError for labels that
        the model does not know, and for examples of another kind than it reads.
        """
        from charrnn.examples.input_files import Request
        from charrnn.examples.readers import read
        from charrnn.model.target_names import known_labels
        from charrnn.text.sources import Known

        request = Request.of_record(self.model.checkpoint.corpus, self.architecture.task, paths)
        request = replace(request, labels=labels or request.labels, texts=texts or request.texts, divides=trained)
        if self.architecture.conditions and request.labels is None:
            raise CharrnnError("the model does not say where its conditions were; name their column with --labels")
        names = known_labels(self.targets, self.architecture.task)
        found = read(request, known=Known(encoding=encoding), classes=names, say=say, stdin=stdin)
        examples = found if trained else found.test or found
        self._require_fitting(examples)
        return examples

    def _require_fitting(self, examples: Examples) -> None:
        """Raise CharrnnError for examples that the model cannot read, or that have other numbers to predict."""
        a = self.architecture
        if examples.inputs != a.features:
            kinds = {0: "texts", 1: "1 number a step"}
            ours, theirs = (kinds.get(n, f"{n:,} numbers a step") for n in (a.features, examples.inputs))
            raise CharrnnError(f"this model reads {ours}, not {theirs}")
        wanted = a.conditions or a.targets
        if examples.values is not None and examples.values.shape[1] != wanted:
            what = "a condition of this model is" if a.conditions else "this model predicts"
            raise CharrnnError(f"{what} {wanted:,} numbers, not {examples.values.shape[1]:,}")

    def encode(self, examples: Examples, rules: Rules) -> EncodedExamples:
        """Return examples as the network reads them."""
        if examples.texts is None:
            assert examples.numbers is not None
            ends = (examples.starts + examples.lengths).tolist()
            parts = [examples.numbers[a:b] for a, b in zip(examples.starts.tolist(), ends, strict=True)]
            return self.encode_numbers(parts)
        self._require_texts()
        symbols = list(rules.symbols_of(examples.texts, self.model.vocabulary))
        if examples.per_step and [part.size for part in symbols] != examples.lengths.tolist():
            raise CharrnnError("unknown characters cannot be skipped where each has a tag; use --unknown replace")
        encoded = self._encoded(symbols)
        self.tell(rules)
        return encoded

    def evaluate(self, examples: Examples, rules: Rules) -> Evaluation:
        """Return how well the model predicts examples; raise CharrnnError for a series without a step to predict."""
        import numpy as np

        from charrnn.reading.evaluation import of_classes, of_numbers

        if examples.given:
            return self._evaluate_texts(examples, rules)
        encoded = self.encode(examples, rules)
        if examples.classes is not None:
            chances = self.chances(encoded)
            return of_classes(examples.classes, chances, self.targets.labels, examples.count)
        assert examples.values is not None
        if np.isnan(examples.values).any(axis=1).all():
            raise CharrnnError(
                f"the series has {examples.steps:,} step{'s' * (examples.steps != 1)}, too few to compare with what is "
                f"predicted {self.targets.ahead:,} ahead"
            )
        return of_numbers(examples.values, self.values(encoded), examples.count, self.architecture.head)

    def _evaluate_texts(self, examples: Examples, rules: Rules) -> Evaluation:
        """Return how well the model predicts texts under their conditions."""
        import numpy as np

        from charrnn.reading.evaluation import of_texts
        from charrnn.reading.predictions import losses_by_step
        from charrnn.reading.writing_encoding import encoded_texts

        assert examples.texts is not None
        vocabulary, own = self.model.vocabulary, int(self.architecture.given_at == "first")
        parts = list(rules.symbols_of(examples.texts, replace(vocabulary, separator="")))  # each is one document
        sizes = self.architecture, self.seq_length
        encoded = encoded_texts(examples, vocabulary, self.targets, *sizes, symbols=parts)
        lengths = np.fromiter(map(len, parts), np.int64, len(parts)) + 1 + own
        if own:  # others are read whole, in pieces
            self.count_shortened(lengths)
        losses, counts = losses_by_step(self.model.network, encoded, self.team)
        self.tell(rules)
        of_text = np.repeat(np.arange(lengths.size), lengths)[counts]
        return of_texts(examples, losses[counts], np.bincount(of_text, minlength=lengths.size))
