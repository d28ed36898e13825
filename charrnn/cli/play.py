"""``charrnn play``: write a text together with a model, turn by turn."""

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.models import open_model
from charrnn.cli.options import control_options, model_argument, split_controls, unknown_option
from charrnn.cli.play_dialogue import TABLE, TURN_LENGTH, Play
from charrnn.writing.controls import Controls

if TYPE_CHECKING:
    from charrnn.display.prompt import Pipe, Terminal


@dataclass(frozen=True)
class PlayOptions:
    """What ``charrnn play`` is asked for."""

    model: str
    controls: Controls
    length: int
    seed: int | None
    unknown: str


@click.command()
@model_argument
@control_options
@click.option(
    "--length",
    type=click.IntRange(0, 10**15),
    default=TURN_LENGTH,
    show_default=True,
    help="Characters to write in a turn at most; 0 writes until Ctrl-C. The whole text is kept in memory.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="The same seed and the same lines give the same text; else each run differs.",
)
@unknown_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Write a text together with MODEL: what you type, it goes on with.

    A line is read as it stands, after all the text before it, and the model writes on from there. An empty line lets it
    go on. Ctrl-C stops it, Ctrl-D quits. Lines that begin with a slash are commands: /temp 0.8 sets the temperature,
    /undo takes a turn back, /again has it written anew, /save FILE keeps the text, /help tells them all. A text that
    begins with a slash is typed with two.

    Lines typed at a terminal are kept for the next time, in a history file in your state folder (on Linux
    ~/.local/state/charrnn/history).

    Lines that come through a pipe or from a file are read in the same way. Standard output is then the text as it
    comes: after /undo, /again and /new, what was there stays and the next turn begins on a new line, and /show writes
    the whole text once more.

    \b
    Examples:
      charrnn play model.npz --temp 0.8
      printf 'Once upon a time\\n/temp 0.3\\n\\n' | charrnn play model.npz
    """
    controls, values = split_controls(values)
    options = PlayOptions(controls=controls, **values)
    from charrnn.writing.conversation import Conversation
    from charrnn.writing.samples import Ending, fresh_seed

    model = open_model(options.model, left_to_right=True)
    model.compile_sampling()
    conversation = Conversation(
        model.network,
        model.vocabulary,
        seed=fresh_seed() if options.seed is None else options.seed,
        controls=options.controls,
        ending=Ending(length=options.length or None),
        unknown=options.unknown,
    )
    screen = _screen()
    try:
        if screen.on_terminal:
            screen.say("Type a beginning and Enter. Enter alone goes on, Ctrl-C stops, Ctrl-D quits, /help tells more.")
        refused = Play(conversation, screen).run()
    finally:
        screen.close()
    ctx.exit(1 if refused and not screen.on_terminal else 0)


def _screen() -> "Pipe | Terminal":
    """Return what to read from and to write to: a terminal only where both are one."""
    from charrnn.display.prompt import Pipe, Terminal

    if sys.stdin is not None:  # any system's line breaks, as in every text that is read
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape", newline=None)  # type: ignore[union-attr]
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Pipe()
    from platformdirs import user_state_path

    for name in ("SIGTERM", "SIGHUP"):  # end in good order, so that the terminal is left as it was
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    return Terminal(user_state_path("charrnn") / "history", [f"/{entry.name}" for entry in TABLE])
