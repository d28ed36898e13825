"""A model for pairs of texts, as commands and the library's `Model` ask it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.reading.answers import Translated
from charrnn.reading.evaluation import Evaluation, of_translations
from charrnn.reading.predictions import step_losses
from charrnn.reading.writing_encoding import encoded_sources, encoded_texts, written_vocabulary
from charrnn.writing.translating import Search, translate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from charrnn.examples.dataset import Examples
    from charrnn.library.answering import Answering
    from charrnn.library.text_rules import Rules

GREEDY = Search()


def translate_texts(
    answering: Answering, texts: Iterator[str], rules: Rules, search: Search = GREEDY
) -> Iterator[Translated]:
    """Yield what the model writes for each text, some thousand texts at a time."""
    first = 0
    for some, parts in answering.read_texts(texts, rules):
        yield from _translated(answering, some, parts, search, first)
        first += len(some)


def _translated(
    answering: Answering, texts: list[str], parts: list[NDArray[np.int32]], search: Search, first: int = 0
) -> Iterator[Translated]:
    answering.count_shortened(np.array([part.size for part in parts]))
    sources, writer = encoded_sources(parts, answering.seq_length), written_vocabulary(answering.targets)
    found = translate(answering.model.network, sources, answering.team, search, first=first)
    for text, written in zip(texts, found, strict=True):
        targets = [(writer.decode(np.array(each.symbols, np.int32)), each.probability) for each in written]
        (target, probability), *_ = targets
        yield Translated(text, target, probability, targets)


def evaluate(answering: Answering, examples: Examples, rules: Rules, beam: int) -> Evaluation:
    """Return how well a model predicts examples; pairs of texts are translated with a beam search.

    Raises CharrnnError for a beam if the model does not translate, and as `Answering.evaluate` does.
    """
    if examples.translations is not None:
        return _evaluated(answering, examples, rules, beam)
    if beam > 1:
        task = answering.architecture.task
        raise CharrnnError(f"--beam is for a model that translates; this one is for the task {task}")
    return answering.evaluate(examples, rules)


def _evaluated(answering: Answering, examples: Examples, rules: Rules, beam: int) -> Evaluation:
    """Return how well a model translates pairs of texts; raise CharrnnError for unknown characters.

    Of a text with several translations, each of them is right.
    """
    assert examples.texts is not None
    assert examples.translations is not None
    parts = list(rules.symbols_of(examples.texts, answering.model.vocabulary))
    _require_known(examples.translations, set(answering.targets.labels))
    sizes = answering.architecture, answering.seq_length
    encoded = encoded_texts(examples, answering.model.vocabulary, answering.targets, *sizes, sources=parts)
    losses = step_losses(answering.model.network, encoded, answering.team)
    references: dict[str, set[str]] = {}
    symbols = dict(zip(examples.texts, parts, strict=True))
    for source, target in zip(examples.texts, examples.translations, strict=True):
        references.setdefault(source, set()).add(target)
    found = _translated(answering, list(symbols), list(symbols.values()), Search(beams=beam))
    written = [(each.target, references[each.source]) for each in found]
    answering.tell(rules)
    return of_translations(written, losses)


def _require_known(translations: tuple[str, ...], known: set[str]) -> None:
    """Raise CharrnnError for a translation with a character that the model cannot write."""
    for text in translations:
        if unknown := next((c for c in text if c not in known), None):
            raise CharrnnError(
                f"the translation {text[:60]!r} has the character {unknown!r}, which was in no translation that the "
                f"model was trained on: it cannot write it"
            )
