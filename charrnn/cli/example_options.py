"""The options of ``charrnn train`` for examples with labels or numbers."""

from typing import Any

import click

from charrnn.cells.tasks import ASKED_TASKS, GIVEN_AT, POOLINGS
from charrnn.cli.options import Whole

MOST_AHEAD = 10_000
CLASS_WEIGHTS = ("none", "balanced")

TASK = click.option(
    "--task",
    type=click.Choice(list(ASKED_TASKS)),
    help="What to learn: generate the text (the default), fill its gaps (as --bidirectional), classify examples "
    "(predict a label), tag each character, predict numbers, or translate (write a text for each text).",
)
TASK_OPTIONS: tuple[Any, ...] = (
    click.option(
        "--labels",
        metavar="COLUMN",
        help="Of a table (CSV or TSV): the column with the labels, tags, numbers or translations to predict; or "
        "several columns of numbers, with commas between them.",
    ),
    click.option("--texts", "texts_column", metavar="COLUMN", help="Of a table: the column with the texts."),
    click.option(
        "--given",
        "given_column",
        metavar="COLUMN",
        help="Generate texts under a condition: file (each file or folder is one, and its lines are texts), label "
        "(each line is a condition, a tab and a text), or a column of a table; or several columns of numbers.",
    ),
    click.option(
        "--given-at",
        type=click.Choice(GIVEN_AT),
        help="With --given: the network reads the condition at every step, or only in a first step of its own.  "
        "[default: every]",
    ),
    click.option(
        "--attention",
        is_flag=True,
        help="With --task translate: look back at all of the text at each character to write.",
    ),
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
