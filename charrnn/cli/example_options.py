"""The options of ``charrnn train`` for examples with labels or numbers."""

from typing import Any

import click

from charrnn.cells.tasks import POOLINGS, TASKS
from charrnn.cli.options import Whole

MOST_AHEAD = 10_000
CLASS_WEIGHTS = ("none", "balanced")

TASK = click.option(
    "--task",
    type=click.Choice(list(TASKS)),
    help="What to learn: generate the text (the default), fill its gaps (as --bidirectional), classify examples "
    "(predict a label), tag each character, or predict numbers.",
)
TASK_OPTIONS: tuple[Any, ...] = (
    click.option(
        "--labels",
        metavar="COLUMN",
        help="Of a table (CSV or TSV): the column with the labels, tags or numbers to predict; or several columns of "
        "numbers, with commas between them.",
    ),
    click.option("--texts", "texts_column", metavar="COLUMN", help="Of a table: the column with the texts."),
    click.option(
        "--inputs",
        metavar="COLUMNS",
        help="Of a table of numbers over time, with --task predict: columns to read besides those of --labels.",
    ),
    click.option(
        "--ahead",
        type=Whole(1, MOST_AHEAD),
        default=1,
        show_default=True,
        help="Of a table of numbers over time: how many steps ahead to predict.",
    ),
    click.option(
        "--pooling",
        type=click.Choice(POOLINGS),
        help="With --task classify or predict: predict from the last state of the network, or from the mean of all; or "
        "predict numbers at each step.  [default: last]",
    ),
    click.option(
        "--joined/--no-joined",
        default=True,
        help="With --bidirectional and a task with labels or numbers: each layer reads both directions of the layer "
        "below (the default), or only its own.",
    ),
    click.option(
        "--class-weights",
        type=click.Choice(CLASS_WEIGHTS),
        default=CLASS_WEIGHTS[0],
        show_default=True,
        help="With --task classify or tag: balanced lets each class count as much as any other, however many examples "
        "it has.",
    ),
)
EXAMPLE_OPTIONS = (TASK, *TASK_OPTIONS)
