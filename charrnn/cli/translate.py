"""``charrnn translate``: write a text for each text."""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.answer_options import AnswerOptions, answer_options, answered, check_usage
from charrnn.cli.models import compile_answering, open_model, team_of
from charrnn.cli.options import Number, Whole
from charrnn.cli.records import ESCAPES, WRITE_NOW, Column, chosen, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from charrnn.reading.answers import Translated

COLUMNS = [Column("rank", 4, "d"), Column("probability", 11, ".4f"), Column("target"), Column("source")]


@click.command(short_help="Write a text for each text.")
@answer_options
@click.option(
    "--beam",
    type=Whole(1, 64),
    default=1,
    show_default=True,
    help="Search for the most probable translation with so many texts side by side; 1 takes the most probable "
    "character each time.",
)
@click.option("-k", "--best", type=Whole(1, 64), default=1, help="Print the K best translations of each.", metavar="K")
@click.option(
    "--temp",
    type=Number(0.0, 100.0),
    default=0.0,
    show_default=True,
    help="Draw each character: 1 draws as the model predicts, less is more careful; 0 draws nothing.",
)
@click.option("--seed", type=Whole(0), help="Seed of what --temp draws.  [default: a new one each time]")
def command(beam: int, best: int, temp: float, seed: int | None, **values: Any) -> None:
    """Write a translation of each TEXT with a MODEL that was trained with --task translate.

    A text is given on the command line, or is a line of standard input (-). For each, a line with its translation is
    printed; with -k, a table of the best ones.

    With --json, each line has the source, the target, its probability, and the K best targets with theirs.

    \b
    Examples:
      charrnn translate sounds.npz hello world
      charrnn translate french.npz --beam 5 -k 3 'I am here.'
      charrnn translate french.npz < english.txt
    """
    options = AnswerOptions(**values)
    check_usage(options)
    if temp and beam > 1:
        raise click.UsageError("Give --beam or --temp, not both: a search for the best draws nothing.")
    if seed is not None and not temp:
        raise click.UsageError("--seed needs --temp.")
    form = chosen(options.as_json, options.as_tsv)
    model = open_model(options.model)
    with team_of(options.threads) as team:
        from charrnn.library.answering import Answering
        from charrnn.library.translation import translate_texts
        from charrnn.writing.samples import fresh_seed
        from charrnn.writing.translating import Search

        answering = Answering(model, "translate", team)
        compile_answering(answering)
        search = Search(best, max(beam, best) if not temp else 1, temp, fresh_seed() if seed is None else seed)
        found = answered(options, answering, partial(translate_texts, answering, search=search))
        if form == "json":
            for record in filter(None, found):
                click.echo(json.dumps(_json(record)))
        elif form == "text" and best == 1:
            for record in filter(None, found):
                click.echo(record.target.translate(ESCAPES))  # a line for each text
        else:
            write(_rows(found), COLUMNS, form)


def _rows(found: "Iterator[Translated | None]") -> "Iterator[tuple[Any, ...]]":
    """Yield a row for each translation."""
    for record in found:
        if record is None:
            yield WRITE_NOW
            continue
        for place, (target, probability) in enumerate(record.targets):
            yield place + 1, probability, target, record.source


def _json(record: "Translated") -> dict[str, Any]:
    targets = [{"target": target, "probability": probability} for target, probability in record.targets]
    return {"source": record.source, "target": record.target, "probability": record.probability, "targets": targets}
