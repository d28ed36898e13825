"""Options of ``charrnn train`` for real-time recurrent learning, and what contradicts them."""

from collections.abc import Callable
from typing import Any

import click

from charrnn.text.unknown import UNKNOWN
from charrnn.training.settings import GRADIENTS

# What is usual for it in the place of an option's default: its cost grows with the streams, and with the fourth power
# of the units.
DEFAULTS = {"hidden": 32, "batch_size": 1, "dropout": 0.0}

# Options that mean nothing where a text has no end, is read once, and is learnt from as it comes.
ENDLESS = {
    "batch_size",
    "bidirectional",
    "byte_level",
    "dropout",
    "epochs",
    "layers",
    "learned_state",
    "patience",
    "remap",
    "samples",
    "schedule",
    "separator",
    "val_fraction",
    "warmup",
}


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --gradient, --online and --unknown."""
    for option in (
        click.option(
            "--unknown",
            type=click.Choice(UNKNOWN),
            default="error",
            show_default=True,
            help="With --online: what to do with a character that the model has never seen.",
        ),
        click.option(
            "--online",
            is_flag=True,
            help="With --gradient rtrl: learn from a pipe, character by character, for as long as it gives any.",
        ),
        click.option(
            "--gradient",
            type=click.Choice(GRADIENTS),
            default="bptt",
            show_default=True,
            help="bptt goes back through --seq-length characters. rtrl goes back to the text's begin: for one small "
            "layer of a plain cell (32 units, 1 stream and no dropout by default).",
        ),
    ):
        function = option(function)
    return function


def set_defaults(options: dict[str, Any], given: set[str]) -> None:
    """Set what is usual for real-time recurrent learning, where nothing else was given."""
    if options["gradient"] == "rtrl":
        options |= {name: value for name, value in DEFAULTS.items() if name not in given}


def check_usage(options: dict[str, Any], given: set[str], flags: Callable[[set[str]], str]) -> None:
    """Refuse options that contradict --gradient rtrl or --online; `flags` writes the names of options."""
    if "unknown" in given and not options["online"]:
        raise click.UsageError("--unknown goes with --online.")
    if options["online"]:
        if options["gradient"] != "rtrl" and options["resume"] is None:
            raise click.UsageError("--online learns in real time: give --gradient rtrl as well.")
        if tuple(options["corpus"]) not in ((), ("-",)):
            raise click.UsageError("--online learns from a pipe: give - for standard input, and no file.")
        if others := given & ENDLESS:
            raise click.UsageError(f"--online learns from a text without end, once, and has no {flags(others)}.")
    if options["gradient"] == "rtrl" and options["init_from"] is None:
        _check_network(options)


def _check_network(options: dict[str, Any]) -> None:
    from charrnn.cells.architecture import Architecture
    from charrnn.cells.real_time import why_not_in_real_time

    flags = {name: options[name] for name in ("bidirectional", "learned_state")}
    architecture = Architecture(options["cell"], 1, options["hidden"], options["layers"], **flags)
    if reason := why_not_in_real_time(architecture):
        raise click.UsageError(f"{reason[0].upper()}{reason[1:]}.")
