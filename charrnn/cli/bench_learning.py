"""The measurements of learning for ``charrnn bench``: each network's row or JSON is printed when it is ready."""

import json
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.bench_speed import PAGE_COLUMNS, compile_training

if TYPE_CHECKING:
    from charrnn.benchmark.recall import Task
    from charrnn.cli.bench_options import BenchOptions
    from charrnn.model.team import Team
    from charrnn.text.ingest import Corpus
    from charrnn.training.settings import Settings


def memory(options: "BenchOptions", team: "Team", task: "Task | None" = None) -> None:
    """Measure how far back cells remember.

    Prints a row per cell; as JSON, one object per distance.
    """
    from charrnn.benchmark import recall, report

    chosen, seed, as_json = options.cell or recall.PLAIN, options.seed, options.as_json
    task = task or recall.TASK
    few = recall.corpus(task.distances[0], recall.STREAMS, seed)
    for cell in chosen:
        compile_training(recall.settings(cell, task.distances[0], seed, task), few, team, quiet=as_json)
    if not as_json:
        click.echo(report.memory_head(task.distances))
    for cell in chosen:
        row = []
        for result in recall.recall(cell, team, seed, task):
            row.append(result)
            if as_json:
                _print({"seed": seed, **result.as_dict()}, team)
        if not as_json:
            click.echo(report.memory_row(row))
    if not as_json:
        click.echo("\n" + click.wrap_text(report.memory_caption(task), PAGE_COLUMNS))


def cells(options: "BenchOptions", text: "Corpus", team: "Team") -> None:
    """Measure how well cells learn a text.

    Prints a row, or a JSON object, per network.
    """
    from charrnn.benchmark import comparison, report
    from charrnn.cells.table import CELLS
    from charrnn.training.settings import Settings

    settings = Settings(
        layers=options.layers,
        seq_length=options.seq_length,
        batch_size=options.batch_size,
        epochs=options.epochs,
        dropout=options.dropout,
        seed=options.seed,
        patience=0,  # no run stops early
    )
    chosen, as_json = options.cell or tuple(CELLS), options.as_json
    networks = comparison.candidates(chosen, settings, len(text.vocabulary), options.parameters)
    if not as_json:
        _note_if_short(next(iter(networks.values())), text, team)
    for own in networks.values():
        compile_training(own, text, team, quiet=as_json)
    if not as_json:
        click.echo(report.cells_head(options.epochs, options.seconds))
    for result in comparison.compare(networks, text, team, seconds=options.seconds, rates=options.rates):
        if as_json:
            _print(result.as_dict(), team)
        else:
            click.echo(report.cells_row(result))
    if not as_json:
        click.echo("\n" + click.wrap_text(report.CELLS_CAPTION, PAGE_COLUMNS))


def _note_if_short(settings: "Settings", text: "Corpus", team: "Team") -> None:
    """Print a note if the text is too short."""
    from charrnn.display.console import note
    from charrnn.library import sentences
    from charrnn.training.text_data import TextData
    from charrnn.training.trainer import Trainer

    trainer = Trainer(TextData(settings, text), team)
    if shortened := sentences.short_text(trainer.data.streams.text.size, settings, trainer.settings):
        note(shortened)


def _print(result: dict[str, Any], team: "Team") -> None:
    """Print a result with all its context.

    A long measurement can be stopped after any result.
    """
    from charrnn.benchmark.report import versions

    click.echo(json.dumps({**result, "threads": team.size, "versions": versions()}))
