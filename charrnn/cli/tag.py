"""``charrnn tag``: predict a tag for each character of texts."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.answer_options import AnswerOptions, answer_options, answered, arrays_of, check_usage
from charrnn.cli.models import compile_answering, open_model, team_of
from charrnn.cli.records import WRITE_NOW, Column, chosen, write

if TYPE_CHECKING:
    from charrnn.reading.answers import Tagged

COLUMNS = (
    *(Column("text", 7, "d"), Column("position", 8, "d"), Column("character", 9), Column("tag", 8)),
    Column("probability", 11, ".4f"),
)
OF_STEPS = Column("example", 7, "d"), Column("step", 6, "d"), *COLUMNS[3:]


@click.command(short_help="Predict a tag for each character of texts.")
@answer_options
def command(**values: Any) -> None:
    """Predict a tag for each character of each TEXT with a MODEL that was trained with --task tag.

    A text is given on the command line, or is a line of standard input (-). It is printed in spans of characters with
    the same tag, each in brackets and followed by the tag, in colors on a terminal; a span whose tag is O (or ., _, -
    or 0) is as it was. --tsv prints a line for each character, and --json an object for each text, with its tags and
    its spans. A model that reads numbers tags each step of the examples in an .npz file: the array x, or x_test.

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
    from charrnn.reading.answers import span_tags

    model = open_model(options.model)
    with team_of(options.threads) as team:
        answering = Answering(model, "tag", team)
        compile_answering(answering)
        of_numbers = bool(answering.architecture.features)
        found: Iterator[Tagged | None] = answered(options, answering, answering.tag_texts)
        if of_numbers:
            found = answering.tag_numbers(arrays_of(options))
        if form == "json":
            for record in filter(None, found):
                click.echo(json.dumps(asdict(record)))
        elif form == "tsv" or of_numbers:
            write(_rows(found), OF_STEPS if of_numbers else COLUMNS, form)
        else:
            from charrnn.display.tagged_text import TaggedText

            writer = TaggedText(span_tags(answering.targets), answering.targets.outside)
            for record in filter(None, found):
                writer.write((span.text, span.tag) for span in record.spans)


def _rows(found: "Iterator[Tagged | None]") -> Iterator[tuple[Any, ...]]:
    """Yield the number of a text, and each of its characters with its tag."""
    number = 0  # of a text: those of sequences begin at 0, as the places in an array
    for record in found:
        if record is None:
            yield WRITE_NOW
            continue
        tags = zip(record.tags, record.probabilities, strict=True)
        if record.text is None:
            yield from ((number, step, tag, chance) for step, (tag, chance) in enumerate(tags))
        else:
            pairs = zip(record.text, tags, strict=True)
            yield from ((number + 1, k, character, tag, chance) for k, (character, (tag, chance)) in enumerate(pairs))
        number += 1
