"""What ``charrnn bench`` does about learning: each network's row is shown, or printed as JSON, when it is there."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.bench_speed import PAGE, compile_training

if TYPE_CHECKING:
    from charrnn.model.team import Team
    from charrnn.text.ingest import Corpus
    from charrnn.training.settings import Settings


def memory(cells: Sequence[str], team: "Team", seed: int, *, as_json: bool) -> None:
    """Measure how far back cells remember: a row a cell; as JSON, an object a line for each distance."""
    from charrnn.benchmark import recall, report

    chosen = cells or recall.PLAIN
    few = recall.corpus(recall.DISTANCES[0], recall.STREAMS, seed)
    for cell in chosen:
        compile_training(recall.settings(cell, recall.DISTANCES[0], seed), few, team, quiet=as_json)
    if not as_json:
        click.echo(report.memory_head(recall.DISTANCES))
    for cell in chosen:
        row = []
        for result in recall.recall(cell, team, seed):
            row.append(result)
            if as_json:
                _print({"seed": seed, **result.as_dict()}, team)
        if not as_json:
            click.echo(report.memory_row(row))
    if not as_json:
        click.echo("\n" + click.wrap_text(report.MEMORY_CAPTION, PAGE))


def cells(
    chosen: Sequence[str],
    text: "Corpus",
    settings: "Settings",
    team: "Team",
    *,
    parameters: int,
    seconds: float,
    rates: Sequence[float],
    as_json: bool,
) -> None:
    """Measure how well cells learn a text: a row, or an object, a network. `settings` tell all but cell and size."""
    from charrnn.benchmark import comparison, report
    from charrnn.cells.table import CELLS
    from charrnn.display import sentences
    from charrnn.display.console import note
    from charrnn.training.trainer import Trainer

    networks = comparison.candidates(chosen or tuple(CELLS), settings, len(text.vocabulary), parameters)
    asked = next(iter(networks.values()))
    trainer = Trainer(asked, text, team)
    shortened = sentences.short_text(trainer.streams.ids.size, asked, trainer.settings)
    if shortened is not None and not as_json:
        note(shortened)
    for own in networks.values():
        compile_training(own, text, team, quiet=as_json)
    if not as_json:
        click.echo(report.cells_head(settings.epochs or 0.0, seconds))
    for result in comparison.compare(networks, text, team, seconds=seconds, rates=rates):
        if as_json:
            _print(result.as_dict(), team)
        else:
            click.echo(report.cells_row(result))
    if not as_json:
        click.echo("\n" + click.wrap_text(report.CELLS_CAPTION, PAGE))


def _print(result: dict[str, Any], team: "Team") -> None:
    """Print a result that can be understood by itself: a long measurement may be stopped after any."""
    from charrnn.benchmark.report import versions

    click.echo(json.dumps({**result, "threads": team.size, "versions": versions()}))
