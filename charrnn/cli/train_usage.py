"""Options of ``charrnn train`` that contradict each other, and defaults that follow from others."""

from collections.abc import Callable, Collection, Sequence

import click

from charrnn.cells.own_cell import is_own, row_of
from charrnn.cells.table import CELLS
from charrnn.cli.train_options import TrainOptions
from charrnn.errors import CharrnnError
from charrnn.library.keywords import DECIDED
from charrnn.library.task_rules import check_task, start_again
from charrnn.training.rules import CHANGEABLE, OPTIMIZERS

CELL_OPTIONS = ("activation", "projection", "periods")
OPTIMIZER_OPTIONS = ("momentum", "nesterov")

# Options that a resumed run can change; it keeps all others.
RESUMABLE = {
    "corpus",
    "resume",
    "output",
    "epochs",
    "seconds",
    "online",
    "unknown",
    "save_every",
    "threads",
    "quiet",
    "log",
    "samples",
    "slim",
    "force",
    *CHANGEABLE,  # which start a new leg
}

# Options that have no meaning with --online: the text has no end, and is read once, as it arrives.
ENDLESS = {
    "batch_size",
    "bidirectional",
    "byte_level",
    "dropout",
    "encoding",
    "epochs",
    "first_state",
    "input_dropout",
    "layers",
    "noise",
    "patience",
    "rare",
    "remap",
    "samples",
    "schedule",
    "separator",
    "shuffle",
    "val_fraction",
    "validate",
    "warmup",
}

RENAMED = {  # as Python's keywords
    "texts_column": "texts",
    "given_column": "given",
    "byte_level": "bytes",
    "separator": "documents",
}

Flags = Callable[[Collection[str]], str]


def check_usage(options: TrainOptions, params: Sequence[click.Parameter]) -> None:
    """Raise click.UsageError for options that contradict each other.

    `params` are those of the command.
    """
    given = options.given

    def flags(names: Collection[str]) -> str:
        return ", ".join(sorted(param.opts[-1] for param in params if param.name in names))

    if {"validate", "val_fraction"} <= given:
        raise click.UsageError("Give --validate or --val-fraction, not both.")
    if {"byte_level", "encoding"} <= given:
        raise click.UsageError("Give --bytes or --encoding, not both.")
    if {"resume", "init_from"} <= given:
        raise click.UsageError("Give --resume or --init-from, not both.")
    if options.remap and not options.init_from:
        raise click.UsageError("--remap needs --init-from.")
    if "resume" in given:
        if others := given - RESUMABLE - _own_cell(options):
            again = start_again(str(options.resume))
            raise click.UsageError(f"A resumed run keeps its own {flags(others)}; start a new run {again}.")
    elif not options.corpus:
        raise click.UsageError("Give a text to train on: files, folders, or - for standard input.")
    if "resume" not in given:
        _check_task(options)
        _check_optimizer(options)
    if "init_from" in given and (others := given & {*DECIDED, "separator", "task"} - _own_cell(options)):
        raise click.UsageError(f"With --init-from, the model decides {flags(others)}; leave that out.")
    if "init_from" not in given and "resume" not in given:
        _check_cell(options)
    _check_online(options, flags)
    if options.gradient == "rtrl" and options.init_from is None:
        _check_real_time(options)


def _own_cell(options: TrainOptions) -> set[str]:
    """Return the option of the cell if it gives the code of a model's cell, which the model does not have."""
    return {"cell"} if is_own(options.cell) else set()


def _check_task(options: TrainOptions) -> None:
    """Raise click.UsageError for options that the task does not have."""
    try:
        check_task({RENAMED.get(name, name): getattr(options, name) for name in options.given})
    except CharrnnError as error:
        raise click.UsageError(f"{str(error)[0].upper()}{str(error)[1:]}.") from None


def _check_optimizer(options: TrainOptions) -> None:
    """Raise click.UsageError for options that the optimizer does not have."""
    for name in OPTIMIZER_OPTIONS:
        if name in options.given and name not in OPTIMIZERS[options.optimizer].options:
            having = ", ".join(other for other, rule in OPTIMIZERS.items() if name in rule.options)
            raise click.UsageError(f"--{name} is an option of {having}, not of {options.optimizer}.")


def _check_cell(options: TrainOptions) -> None:
    """Raise click.UsageError for options that the kind of network does not have."""
    for name in CELL_OPTIONS:
        if getattr(options, name) is not None and name not in row_of(options.cell).options:
            having = ", ".join(cell.name for cell in CELLS.values() if name in cell.options)
            raise click.UsageError(f"--{name} is an option of {having}, not of {options.cell}.")
    if options.bidirectional and options.separator is not None:
        raise click.UsageError("Give --bidirectional or --documents: a bidirectional network reads a text as one.")


def _check_online(options: TrainOptions, flags: Flags) -> None:
    """Raise click.UsageError for options that contradict --online."""
    if "unknown" in options.given and not options.online:
        raise click.UsageError("--unknown needs --online.")
    if not options.online:
        return
    if options.gradient != "rtrl" and options.resume is None:
        raise click.UsageError("--online needs --gradient rtrl.")
    if options.corpus not in ((), ("-",)):
        raise click.UsageError("--online reads standard input: give - as the text, and no file.")
    if others := options.given & ENDLESS:
        raise click.UsageError(f"--online cannot be used with {flags(others)}: it reads a text once, as it arrives.")


def _check_real_time(options: TrainOptions) -> None:
    """Raise click.UsageError for a network without real-time recurrent learning."""
    from charrnn.cells.architecture import Architecture
    from charrnn.cells.real_time import why_not_in_real_time

    architecture = Architecture(
        options.cell,
        1,
        options.hidden,
        options.layers,
        bidirectional=options.bidirectional,
        first_state=options.first_state,
        embedding=options.embedding or 0,
    )
    if reason := why_not_in_real_time(architecture):
        raise click.UsageError(f"{reason[0].upper()}{reason[1:]}.")
