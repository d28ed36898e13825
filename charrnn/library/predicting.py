"""What a model for labels, tags or numbers does: the part of `Model` that is for examples."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from charrnn.errors import CharrnnError
from charrnn.library.keywords import Near, Unknown, seed_of
from charrnn.library.opened import OpenedModel
from charrnn.library.signatures import path_of, public
from charrnn.library.terms import warn
from charrnn.library.text_rules import THE_TEXT, THE_TEXTS, Rules

if TYPE_CHECKING:  # what needs NumPy and the kernels is imported when it is used
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.library.answering import Answering
    from charrnn.reading.answers import Classified, Tagged, Translated
    from charrnn.reading.evaluation import Evaluation

Inputs: TypeAlias = Any  # texts, or numbers: an array [N, T, D], or arrays [T, D]
Files: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


class Predicting:
    """Methods of a model that was trained with the task classify, tag, predict or translate."""

    _opened: OpenedModel

    @overload
    def classify(
        self, texts: str, k: int = 1, *, unknown: Unknown = ..., near: Near = ..., threads: int | None = ...
    ) -> Classified: ...
    @overload
    def classify(
        self, texts: Inputs, k: int = 1, *, unknown: Unknown = ..., near: Near = ..., threads: int | None = ...
    ) -> list[Classified]: ...
    @public
    def classify(
        self,
        texts: Inputs,
        k: int = 1,
        *,
        unknown: Unknown = "error",
        near: Near = "forms",
        threads: int | None = None,
    ) -> Classified | list[Classified]:
        """Return the label of a text, or of each of many, with its probability and the ``k`` most probable labels.

            model.classify("Rossi").label
            model.classify(["Rossi", "Nakamura"], k=3)

        A model that reads numbers takes an array [N, T, D], or a list of arrays [T, D]. Raises CharrnnError for a model
        of another task, for an empty text, and for an unknown character unless ``unknown`` says otherwise.
        """
        from charrnn.reading.answers import classified

        if k < 1:
            raise CharrnnError(f"k must be 1 or more, not {k}")
        with self._answering("classify", threads) as answering:
            if answering.architecture.features and not isinstance(texts, str):
                arrays = _arrays(texts)
                chances = answering.chances(answering.encode_numbers(arrays))
                return list(classified([None] * len(arrays), chances, answering.targets, k))
            with _rules(answering, unknown, near, one=isinstance(texts, str)) as rules:
                found = list(answering.classify_texts(iter(_texts(texts)), rules, k))
            return found[0] if isinstance(texts, str) else found

    @overload
    def tag(self, texts: str, *, unknown: Unknown = ..., near: Near = ..., threads: int | None = ...) -> Tagged: ...
    @overload
    def tag(
        self, texts: Inputs, *, unknown: Unknown = ..., near: Near = ..., threads: int | None = ...
    ) -> list[Tagged]: ...
    @public
    def tag(
        self,
        texts: Inputs,
        *,
        unknown: Unknown = "error",
        near: Near = "forms",
        threads: int | None = None,
    ) -> Tagged | list[Tagged]:
        """Return the tags of a text, or of each of many: one for each character, and spans with the same tag.

            for span in model.tag("Mr Darcy met Elizabeth.").spans:
                print(span.tag, span.text)

        A model that reads numbers takes arrays, as `classify` does, and tags each step. Raises CharrnnError as
        `classify` does.
        """
        with self._answering("tag", threads) as answering:
            if answering.architecture.features and not isinstance(texts, str):
                return list(answering.tag_numbers(_arrays(texts)))
            with _rules(answering, unknown, near, one=isinstance(texts, str)) as rules:
                found = list(answering.tag_texts(iter(_texts(texts)), rules))
            return found[0] if isinstance(texts, str) else found

    @public
    def predict(
        self,
        texts: Inputs,
        *,
        unknown: Unknown = "error",
        near: Near = "forms",
        threads: int | None = None,
    ) -> NDArray[np.float64]:
        """Return the numbers that are predicted, in the units of the training data.

            model.predict(["A wonderful book", "Dull"])  # [N, M]: M numbers for each of N texts
            model.predict(x)                             # [N, M], of an array x [N, T, D]
            model.predict(pathlib.Path("harbor.csv"))    # [A, C]: C columns, A steps after the end of a series

        Where each step predicts, the rows are those of all steps, end to end. If all numbers in training were 0 or 1,
        they are the probability of 1. Raises CharrnnError as `classify` does.
        """
        with self._answering("predict", threads) as answering:
            if answering.targets.series:
                if not isinstance(texts, os.PathLike):
                    raise CharrnnError("this model reads a series: pass the pathlib.Path of its file")
                return answering.forecast(path_of(texts), say=warn).next
            if isinstance(texts, os.PathLike):
                raise CharrnnError("this model reads texts or arrays, not a file")
            if answering.architecture.features and not isinstance(texts, str):
                return answering.values(answering.encode_numbers(_arrays(texts)))
            with _rules(answering, unknown, near, one=isinstance(texts, str)) as rules:
                return answering.values(answering.encode_texts(_texts(texts), rules))

    @overload
    def translate(
        self,
        texts: str,
        k: int = 1,
        *,
        beam: int = ...,
        temp: float = ...,
        seed: int | None = ...,
        unknown: Unknown = ...,
        near: Near = ...,
        threads: int | None = ...,
    ) -> Translated: ...
    @overload
    def translate(
        self,
        texts: Inputs,
        k: int = 1,
        *,
        beam: int = ...,
        temp: float = ...,
        seed: int | None = ...,
        unknown: Unknown = ...,
        near: Near = ...,
        threads: int | None = ...,
    ) -> list[Translated]: ...
    @public
    def translate(
        self,
        texts: Inputs,
        k: int = 1,
        *,
        beam: int = 1,
        temp: float = 0.0,
        seed: int | None = None,
        unknown: Unknown = "error",
        near: Near = "forms",
        threads: int | None = None,
    ) -> Translated | list[Translated]:
        """Return what the model writes for a text, or for each of many, with its probability and the ``k`` best.

            model.translate("hello").target
            model.translate(["I am here.", "Thanks."], k=3, beam=5)

        By default, each character is the most probable one; with a ``beam``, a search goes on with so many texts side
        by side. With a temperature ``temp`` above 0, each character is drawn, as a ``seed`` determines. Raises
        CharrnnError as `classify` does, and for values out of range.
        """
        with self._answering("translate", threads) as answering:
            from charrnn.library.translation import translate_texts
            from charrnn.writing.translating import Search

            width = beam if temp else max(beam, k)
            search = Search(k, width, temp, seed_of(seed) if temp else 0)
            with _rules(answering, unknown, near, one=isinstance(texts, str)) as rules:
                found = list(translate_texts(answering, iter(_texts(texts)), rules, search))
            return found[0] if isinstance(texts, str) else found

    @public
    def evaluate(
        self,
        files: Files,
        *,
        held_out: bool = False,
        labels: str | None = None,
        texts: str | None = None,
        beam: int = 1,
        unknown: Unknown = "error",
        near: Near = "forms",
        threads: int | None = None,
    ) -> Evaluation:
        """Return how well the model predicts the examples in files, as ``charrnn eval`` measures it.

            model.evaluate("test.csv").accuracy

        With ``held_out``, the files are those of the training run, and only the examples that validated it are
        evaluated. ``labels`` and ``texts`` name the columns of a table, if they are others than in training. A model
        that translates does so with a ``beam``. Raises CharrnnError for files that cannot be read as examples of this
        model.
        """
        task = self._opened.architecture.task
        if not self._opened.architecture.reads_examples:
            raise CharrnnError(
                "evaluate() is for labels, tags and numbers, and for texts with conditions; score() is for a text"
            )
        from charrnn.library.translation import evaluate

        with self._answering(task, threads) as answering:
            paths = [files] if isinstance(files, str | os.PathLike) else list(files)
            if not paths:
                raise CharrnnError("name the files with the examples")
            examples = answering.read(
                [path_of(path) for path in paths], say=warn, labels=labels, texts=texts, trained=held_out
            )
            if held_out:
                _, examples = answering.divided(examples)
            return evaluate(answering, examples, answering.rules(unknown, near), beam)

    @contextmanager
    def _answering(self, task: str, threads: int | None) -> Iterator[Answering]:
        """Open the model for a task."""
        from charrnn.library.answering import Answering
        from charrnn.model.team import Team

        with Team.of(threads, warn) as team:
            yield Answering(self._opened, task, team)


@contextmanager
def _rules(answering: Answering, unknown: Unknown, near: Near, *, one: bool) -> Iterator[Rules]:
    """Return how texts are read; then warn of their unknown characters."""
    rules = answering.rules(unknown, near, THE_TEXT if one else THE_TEXTS, one=one)
    yield rules
    answering.tell(rules)


def _texts(texts: Inputs) -> list[str]:
    """Return a list of texts, also of a single one; raise TypeError for anything else."""
    found: list[str] = list(texts) if isinstance(texts, Iterable) and not isinstance(texts, str) else [texts]
    for text in found:
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, not {type(text).__name__}")
    return found


def _arrays(numbers: Inputs) -> list[NDArray[np.float32]]:
    """Return a list of arrays [T, D]; raise CharrnnError if these are no numbers."""
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # a number that is too large is an error, and not a warning
            return [_array(array) for array in numbers]
    except (TypeError, ValueError):
        raise CharrnnError("this model reads numbers: pass an array [N, T, D], or a list of arrays [T, D]") from None


def _array(numbers: Any) -> NDArray[np.float32]:
    """Return the numbers of an example [T, D] as a file's are read: bytes divided by 255, colors beside each other."""
    import numpy as np

    array = np.asarray(numbers)
    if array.ndim == 3:
        array = array.reshape(len(array), -1)
    found = array.astype(np.float32, casting="same_kind")
    return found / np.float32(255) if array.dtype == np.uint8 else found
