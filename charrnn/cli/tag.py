"""``charrnn tag``: predict a tag for each character of texts."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.answer_options import AnswerOptions, answer_options, answered, check_usage
from charrnn.cli.models import compile_answering, open_model, team_of
from charrnn.cli.records import WRITE_NOW, Column, chosen, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.reading.answers import Tagged

COLUMNS = (
    *(Column("text", 7, "d"), Column("position", 8, "d"), Column("character", 9), Column("tag", 8)),
    Column("probability", 11, ".4f"),
)


@click.command(short_help="Predict a tag for each character of texts.")
@answer_options
def command(**values: Any) -> None:
    """Predict a tag for each character of each TEXT with a MODEL that was trained with --task tag.

    A text is given on the command line, or is a line of standard input (-). It is printed in spans of characters with
    the same tag, each followed by the tag in brackets; a span whose tag is O (or ., _, - or 0) has none. --tsv
    prints a line for each character, and --json an object for each text, with its tags and its spans.

    \b
    Examples:
      charrnn tag names.npz "Mr Darcy met Elizabeth in Kent."
      charrnn tag spaces.npz thefoxmetthecrow --json
      charrnn tag names.npz --tsv < novel.txt > tags.tsv
    """
    options = AnswerOptions(**values)
    check_usage(options)
    form = chosen(options.as_json, options.as_tsv)
    from charrnn.library.answering import Answering

    model = open_model(options.model)
    with team_of(options.threads) as team:
        answering = Answering(model, "tag", team)
        if answering.architecture.features:
            raise CharrnnError("this model tags sequences of numbers; use model.tag in Python")
        compile_answering(answering)
        found = answered(options, answering, answering.tag_texts)
        if form == "json":
            for record in filter(None, found):
                spans = [asdict(span) for span in record.spans]
                line = {"text": record.text, "tags": record.tags, "probabilities": record.probabilities}
                click.echo(json.dumps(line | {"spans": spans}))
        elif form == "tsv":
            write(_rows(found), COLUMNS, form)
        else:
            for record in filter(None, found):
                click.echo(_marked(record, answering.targets.outside))


def _rows(found: "Iterator[Tagged | None]") -> Iterator[tuple[Any, ...]]:
    """Yield the number of a text, and each of its characters with its tag."""
    number = 0
    for record in found:
        if record is None:
            yield WRITE_NOW
            continue
        number += 1
        for k, (character, tag, chance) in enumerate(zip(record.text, record.tags, record.probabilities, strict=True)):
            yield number, k, character, tag, chance


def _marked(record: "Tagged", outside: str) -> str:
    """Return a text whose spans have their tags behind them, except where nothing is tagged."""
    return "".join(span.text if span.tag == outside else f"[{span.text}]{span.tag}" for span in record.spans)
