"""``charrnn bench --task``: what networks and simple methods learn from examples, and how fast."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from charrnn.cells.tasks import ASKED_TASKS, TASKS
from charrnn.cli.bench_options import BenchOptions
from charrnn.cli.example_options import TASK_OPTIONS
from charrnn.cli.models import compile_noticed
from charrnn.cli.options import Number
from charrnn.errors import CharrnnError
from charrnn.library import task_rules
from charrnn.training.rules import SCHEDULES

if TYPE_CHECKING:
    from charrnn.benchmark.task_comparison import TaskRun
    from charrnn.benchmark.timing import Turns
    from charrnn.model.team import Team

OF_RUN = (  # options with the names of settings
    *("hidden", "layers", "seq_length", "batch_size", "bidirectional", "pooling", "joined", "class_weights"),
    *("epochs", "schedule", "clip", "dropout", "seed", "attention", "given_at"),
)

RENAMED = {"texts_column": "texts", "given_column": "given"}
OPTIONS: tuple[Any, ...] = (
    click.option(
        "--task",
        type=click.Choice([name for name in ASKED_TASKS if TASKS[name].reads_examples] + ["generate"]),
        help="Measure how well and how fast examples are learned instead, as charrnn train --task does; texts to "
        "generate with --given.",
    ),
    *TASK_OPTIONS,
    click.option("--bidirectional", is_flag=True, help="With --task: read examples from both sides."),
    click.option(
        "--schedule",
        type=click.Choice(list(SCHEDULES)),
        default="cosine",
        show_default=True,
        help="With --task: how the learning rate falls; a constant one has no warm-up.",
    ),
    click.option(
        "--clip",
        type=Number(0.0),
        default=1.0,
        show_default=True,
        help="With --task: maximum norm of the gradient; 0 means no limit.",
    ),
)


def task_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of ``charrnn bench --task``."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def task(options: BenchOptions, team: "Team", turns: "Turns | None" = None) -> None:
    """Measure what is learned from the examples of a task; print tables or JSON."""
    from charrnn.benchmark.report import versions
    from charrnn.benchmark.task_comparison import tables
    from charrnn.benchmark.timing import Turns
    from charrnn.display.console import table

    run = _run(options, team)
    trainer = run.trainer()
    compile_noticed(trainer.network, trainer.compile, training=True, quiet=options.as_json)
    found = run.measured(turns=turns or Turns(options.rounds), against_torch=options.against is not None)
    if options.as_json:
        about = {"versions": versions(), "threads": team.size, "rounds": options.rounds}
        click.echo(json.dumps({**about, "results": {"task": found.as_dict()}}))
        return
    for number, each in enumerate(tables(found)):
        if number:
            click.echo()
        table(each.columns, each.rows)


def check_task(options: BenchOptions) -> None:
    """Raise click.UsageError for options of a task that contradict each other."""
    if not options.corpus:
        raise click.UsageError("--task needs CORPUS, the files with the examples.")
    if options.task == "generate" and options.given_column is None:
        raise click.UsageError("--task generate needs --given, the condition of each text.")
    try:
        task_rules.check_task({RENAMED.get(name, name): getattr(options, name) for name in options.given})
    except CharrnnError as error:
        raise click.UsageError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    if len(options.rates) > 1:
        raise click.UsageError("--lr can be given more than once only with --cells.")
    if options.against and options.bidirectional and options.layers > 1 and not options.joined:
        raise click.UsageError("--no-joined cannot be used with --against: PyTorch's layers read both directions.")


def _run(options: BenchOptions, team: "Team") -> "TaskRun":
    """Read the examples, and prepare the run that learns them."""
    from charrnn.benchmark.task_comparison import TaskRun
    from charrnn.display.console import note
    from charrnn.examples.readers import read
    from charrnn.library.example_preparation import example_settings, request_of, vocabulary_of

    columns = {"labels": options.labels, "texts": options.texts_column, "inputs": options.inputs}
    columns["given"] = options.given_column
    request = request_of(options.corpus, options.task or "", columns, options.ahead)
    examples = read(request, say=(lambda _: None) if options.as_json else note)
    chosen: dict[str, Any] = {name: getattr(options, name) for name in OF_RUN if name in options.given}
    chosen |= {"task": options.task, "patience": 0, "lr": options.rates[0] if options.rates else None}
    if options.schedule == "constant":
        chosen["warmup"] = 0.0
    if options.cell:
        chosen["cell"] = options.cell[0]
    vocabulary = vocabulary_of(examples, examples.test, 0)
    settings = example_settings(chosen, examples, len(vocabulary))
    return TaskRun(examples, settings, team, vocabulary=vocabulary)
