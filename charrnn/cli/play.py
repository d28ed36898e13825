"""``charrnn play``: write a text together with a model, turn by turn."""

import signal
import sys
import warnings
from dataclasses import dataclass
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.cell_option import own_cell_option
from charrnn.cli.models import compile_sampling, open_writer
from charrnn.cli.options import (
    Whole,
    allow_unknown_option,
    condition_option,
    control_options,
    model_argument,
    split_controls,
    unknown_options,
)
from charrnn.cli.play_dialogue import TABLE, TURN_LENGTH, Play, table_of_commands
from charrnn.cli.targets import refuse_stdout
from charrnn.writing.controls import Controls

if TYPE_CHECKING:
    from charrnn.display.prompt import Pipe, Terminal


@dataclass(frozen=True)
class PlayOptions:
    """Values of the options of ``charrnn play``."""

    model: str
    controls: Controls
    condition: str | None
    length: int
    seed: int | None
    unknown: str
    near: str
    allow_unknown: bool


class PlayCommand(click.Command):
    """The command, whose help ends with the table of slash commands."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table."""
        with formatter.section("Lines that start with a slash"):
            formatter.write(indent(table_of_commands(formatter.width - 2), "  ") + "\n")


@click.command(cls=PlayCommand, short_help="Write a text together with a model, turn by turn.")
@model_argument
@own_cell_option
@control_options
@condition_option
@click.option(
    "--length",
    type=Whole(0, 10**15),
    default=TURN_LENGTH,
    show_default=True,
    help="Maximum number of characters per turn; 0 writes until Ctrl-C. The whole text is kept in memory.",
)
@click.option(
    "--seed",
    type=Whole(0, 2**63 - 1),
    help="The same seed and the same lines give the same text; without --seed, each run differs.",
)
@unknown_options
@allow_unknown_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Write a text together with MODEL, turn by turn: you type a line, and the model continues it.

    Each line is appended to the text unchanged, without a line break, and the model continues from there. An empty line
    lets the model continue. Ctrl-C stops the model, and Ctrl-D quits; if the text is not saved, press it twice. Lines
    that start with a slash are commands: /temp 0.8 sets the temperature, /undo removes the last turn, /again lets the
    model write its part again, and /save FILE saves the text; the list below has all of them. To type text that starts
    with a slash, type two slashes.

    Lines typed at a terminal are kept for the next session, in a history file in your state folder (on Linux
    ~/.local/state/charrnn/history).

    Lines from a pipe or a file are read in the same way. Standard output then receives the text as it is written.
    /undo, /again and /new do not remove text that is already there; the next turn starts on a new line. /show writes
    the whole text again.

    \b
    Examples:
      charrnn play model.npz --temp 0.8
      printf 'Once upon a time\\n/temp 0.3\\n\\n' | charrnn play model.npz
    """
    controls, values = split_controls(values)
    options = PlayOptions(controls=controls, **values)
    from charrnn.display.console import note
    from charrnn.writing.conversation import Conversation
    from charrnn.writing.samples import Ending, fresh_seed

    refuse_stdout("-")
    model = open_writer(options.model, options.condition)
    compile_sampling(model)
    conversation = Conversation(
        model.writer(allow_unknown=options.allow_unknown),
        model.vocabulary,
        seed=fresh_seed() if options.seed is None else options.seed,
        controls=options.controls,
        ending=Ending(length=options.length or None),
        unknown=options.unknown,
        near=options.near,
    )
    screen = _screen()
    try:
        if screen.on_terminal:
            screen.say(
                "Type a beginning and press Enter. Enter alone continues, Ctrl-C stops, Ctrl-D quits, /help shows more."
            )
        # On a terminal, notes on unknown characters wait until the end, so that the screen shows the text alone.
        with warnings.catch_warnings(record=screen.on_terminal) as noted:
            refused = Play(conversation, screen).run()
    finally:
        screen.close()
    for warning in noted or ():
        note(str(warning.message))
    ctx.exit(1 if refused and not screen.on_terminal else 0)


def _screen() -> "Pipe | Terminal":
    """Return a terminal if stdin and stdout are one."""
    from charrnn.display.prompt import Pipe, Terminal

    if sys.stdin is not None:  # line breaks of any system, as in every text that is read
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline=None)  # type: ignore[union-attr]
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Pipe()
    from platformdirs import user_state_path

    for name in ("SIGTERM", "SIGHUP"):  # exit by an exception, so that the terminal is restored
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    return Terminal(user_state_path("charrnn") / "history", [f"/{entry.name}" for entry in TABLE])
