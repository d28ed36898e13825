"""What a run trains on, in words."""

from typing import TYPE_CHECKING

from charrnn.display.words import unknown_symbol
from charrnn.text.sources import listed

if TYPE_CHECKING:
    from charrnn.training.data import Data
    from charrnn.training.example_data import ExampleData
    from charrnn.training.text_data import TextData

SHOWN = 5  # labels that are named


def facts(data: "Data") -> tuple[str, str]:
    """Return what a run trains on and validates with: its name, and a description."""
    from charrnn.training.example_data import ExampleData
    from charrnn.training.text_data import TextData

    if isinstance(data, TextData):
        return "text", _text(data)
    assert isinstance(data, ExampleData)
    return "examples", _examples(data)


def _text(data: "TextData") -> str:
    corpus, vocabulary = data.corpus, data.corpus.vocabulary
    distinct = len(vocabulary.seen or vocabulary.characters or range(256)) - bool(vocabulary.rare)
    symbol = "byte values" if vocabulary.byte_level else "distinct characters"
    if vocabulary.rare:
        symbol += f" and {unknown_symbol(corpus.unknown, corpus.characters, vocabulary.rare)}"
    documents = "" if corpus.documents is None else f" in {corpus.documents:,} documents"
    text = f"{listed(corpus.sources)}: {corpus.characters:,} characters{documents}, {distinct:,} {symbol}"
    return f"{text}; {held_out(data)}"


def held_out(data: "TextData") -> str:
    """Return the validation text in words."""
    size, source = data.validation.size, data.held_out.source
    if not size:
        return "none held out"
    if data.corpus.validation is not None:
        return f"validated with {source}: {size:,}"
    return f"{size:,} held out for validation ({source})"


def _examples(data: "ExampleData") -> str:
    examples, held = data.examples, data.validated
    what = "characters" if examples.texts is not None else f"steps of {examples.inputs:,} numbers"
    count = "a series" if examples.series else f"{examples.count:,} examples"
    parts = [f"{listed(examples.record.get('sources', ()))}: {count}, {examples.steps:,} {what}"]
    if data.targets.labels:
        kind = "tags" if examples.per_step else "labels"
        more = f" and {len(data.targets.labels) - SHOWN:,} more" if len(data.targets.labels) > SHOWN else ""
        parts.append(f"{len(data.targets.labels):,} {kind}: {', '.join(data.targets.labels[:SHOWN])}{more}")
    else:
        names = ", ".join(data.targets.names[:SHOWN])
        parts.append(f"{data.architecture.targets:,} number{'s' * (data.architecture.targets > 1)} to predict {names}")
    size = f"{held.steps:,} steps" if held.series else f"{held.count:,}"
    parts.append(f"{size} held out for validation" if held.count else "none held out")
    return "; ".join(parts)
