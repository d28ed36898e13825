"""What a run trains on, in words."""

from typing import TYPE_CHECKING

from charrnn.display.words import count, unknown_symbol
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
    steps = count(examples.steps, "character" if examples.texts is not None else "step")
    each = f" of {count(examples.inputs, 'number')}" * (examples.texts is None)
    whole = "a series" if examples.series else count(examples.count, "example")
    parts = [f"{listed(examples.record.get('sources', ()))}: {whole}, {steps}{each}"]
    if examples.translations is not None:
        parts.append(f"{count(len(data.targets.labels), 'character')} to write")
    elif known := data.targets.given or data.targets.labels:
        kind = "condition" if examples.given else "tag" if examples.per_step else "label"
        more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
        parts.append(f"{count(len(known), kind)}: {', '.join(known[:SHOWN])}{more}")
    elif examples.given:
        named = f": {', '.join(data.targets.names[:SHOWN])}" if data.targets.names else ""
        parts.append(f"conditions of {count(data.architecture.conditions, 'number')}{named}")
    else:
        names = ", ".join(data.targets.names[:SHOWN])
        more = f" and {len(data.targets.names) - SHOWN:,} more" if len(data.targets.names) > SHOWN else ""
        named = f": {names}{more}" if names else ""
        parts.append(f"{count(data.architecture.targets, 'number')} to predict{named}")
    if apart := data.record().get("validation"):
        parts.append(f"validated with {listed(apart['sources'])}: {held.count:,}")
        return "; ".join(parts)
    size = f"{held.steps:,} steps" if held.series else f"{held.count:,}"
    parts.append(f"{size} held out for validation" if held.count else "none held out")
    return "; ".join(parts)
