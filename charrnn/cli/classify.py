"""``charrnn classify``: predict the labels of texts, or of sequences of numbers."""

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.answer_options import AnswerOptions, answer_options, answered, arrays_of, check_usage
from charrnn.cli.models import compile_answering, open_model, team_of
from charrnn.cli.options import Whole
from charrnn.cli.records import WRITE_NOW, Column, chosen, fitting, write

if TYPE_CHECKING:
    from charrnn.library.answering import Answering
    from charrnn.reading.answers import Classified


@click.command(short_help="Predict the labels of texts.")
@answer_options
@click.option("-k", "--best", type=Whole(1), default=1, help="Print the K most probable labels of each.", metavar="K")
def command(best: int, **values: Any) -> None:
    """Predict the label of each TEXT with a MODEL that was trained with --task classify.

    A text is given on the command line, or is a line of standard input (-). For each, the most probable label is
    printed, with its probability. A model that reads numbers classifies the examples in an .npz file: the array x, or
    x_test.

    With --json, each line has the text, its label, the probability of that, and the K most probable labels.

    \b
    Examples:
      charrnn classify surnames.npz Rossi Nakamura
      charrnn classify surnames.npz -k 3 < names.txt
      charrnn classify digits.npz mnist.npz --json
    """
    options = AnswerOptions(**values)
    check_usage(options)
    form = chosen(options.as_json, options.as_tsv)
    from charrnn.library.answering import Answering

    model = open_model(options.model)
    with team_of(options.threads) as team:
        answering = Answering(model, "classify", team)
        compile_answering(answering)
        found = _found(options, answering, best)
        if form == "json":
            for record in filter(None, found):
                click.echo(json.dumps(_json(record)))
            return
        last = Column("example", 7, "d") if answering.architecture.features else Column("text")
        columns = [fitting("label", answering.targets.labels), Column("probability", 11, ".4f"), last]
        if best > 1:
            columns.insert(0, Column("rank", 4, "d"))
        write(_rows(found, best), columns, form)


def _rows(found: "Iterator[Classified | None]", best: int) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each label: its rank if there are several, itself, its probability, the text or its number."""
    for number, record in enumerate(found):
        if record is None:
            yield WRITE_NOW
            continue
        for place, (label, chance) in enumerate(record.labels):
            rank = (place + 1,) if best > 1 else ()
            yield *rank, label, chance, number if record.text is None else record.text


def _found(options: AnswerOptions, answering: "Answering", best: int) -> "Iterator[Classified | None]":
    """Yield the labels of all examples, and None where the next text has yet to arrive."""
    if answering.architecture.features:
        from charrnn.reading.answers import classified

        arrays = arrays_of(options)
        chances = answering.chances(answering.encode_numbers(arrays))
        yield from classified([None] * len(arrays), chances, answering.targets, best)
        return
    yield from answered(options, answering, partial(answering.classify_texts, best=best))


def _json(record: "Classified") -> dict[str, Any]:
    labels = [{"label": label, "probability": probability} for label, probability in record.labels]
    return {"text": record.text, "label": record.label, "probability": record.probability, "labels": labels}
