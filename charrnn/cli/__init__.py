"""The command line: one file per command, each thin. Nothing heavy is imported before a command runs."""

import errno
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn

import click

from charrnn.display.standard_streams import Stream, standard_streams
from charrnn.errors import CharrnnError, TextWarning, UnknownWarning
from charrnn.version import __version__

COMMANDS = (
    *("train", "sample", "play", "fill", "classify", "tag", "predict", "translate"),
    *("eval", "info", "trace", "gradients", "corpus", "vocabulary", "encode", "cells", "bench"),
)
FILES = {"vocabulary": "characters"}  # of commands whose name is that of a file elsewhere
COMPLETE = "_CHARRNN_COMPLETE"  # environment variable, set by the README's lines for completion with Tab
CLOSED_PIPE = 141  # exit code after the reader of a pipe has gone: 128 + SIGPIPE
INTERRUPTED = 130  # 128 + SIGINT


class LazyGroup(click.Group):
    """A group that imports a command's file only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands; those that a newcomer needs come first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return a command, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"charrnn.cli.{FILES.get(cmd_name, cmd_name)}").command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="charrnn")
@click.option("--debug", is_flag=True, help="Show the Python traceback of an error.")
@click.pass_context
def group(ctx: click.Context, debug: bool) -> None:
    """Train a small neural network on any text, then let it write more in the same style.

    \b
    charrnn train corpus.txt                 train on a text; writes model.npz
    charrnn sample model.npz --temp 0.8      write text with the model
    charrnn eval model.npz other.txt         measure how well it predicts a text
    """
    ctx.obj = debug


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and exit.

    The exit code is 0, 2 for wrong usage, 1 for any other error, 130 after Ctrl-C, 141 if a pipe is closed.
    """
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run the program and return its exit code.

    An error is one line on stderr.
    """
    with standard_streams() as output:
        try:
            return _exit_code(arguments, output)
        except (KeyboardInterrupt, click.Abort):
            output.discard()  # the reader may have stopped reading
            return INTERRUPTED


def _exit_code(arguments: list[str], output: Stream) -> int:
    debug = False
    try:
        try:
            if asked := os.environ.get(COMPLETE):  # by a shell, when someone presses Tab
                from click.shell_completion import shell_complete

                return shell_complete(group, {}, "charrnn", COMPLETE, asked)
            context = group.make_context("charrnn", arguments)
            debug = context.params["debug"]
            with context, _warnings_as_notes():
                group.invoke(context)
            code = 0
        except click.exceptions.Exit as done:
            code = done.exit_code
        if code == 0:
            output.finish()
        return code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        raise
    except Exception as error:
        fault = output.failure or error  # the failure counts, whatever has become of it on its way here
        if isinstance(fault, BrokenPipeError):
            return CLOSED_PIPE
        with suppress(OSError):  # what was written before the error comes before it
            output.finish()
        if debug:
            traceback.print_exception(fault)
        else:
            complain(fault, of_output=fault is output.failure)
        return 1


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Print warnings about texts as notes on stderr, during the block."""
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, warnings.showwarning)
        warnings.simplefilter("default", TextWarning)  # once, even if a text is read for each of several models
        warnings.simplefilter("always", UnknownWarning)
        yield


def _show_warning(
    usual: Callable[..., None], message: Warning | str, category: type[Warning], *place: Any, **named: Any
) -> None:
    """Print a warning about a text as a note on stderr; others as Python does."""
    if not issubclass(category, TextWarning):
        usual(message, category, *place, **named)
        return
    from charrnn.display.console import note

    note(str(message))


def complain(error: Exception, *, of_output: bool = False) -> None:
    """Print an error, perhaps of standard output, as one line on stderr."""
    system = error if isinstance(error, OSError) else None
    if isinstance(error, CharrnnError):
        sentence = str(error)
    elif isinstance(error, MemoryError) or (system and system.errno == errno.ENOMEM):
        sentence = "out of memory; try a smaller --hidden, --batch-size or text"
    elif isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        sentence = "the system starts no more threads; try --threads 1, or raise the limit of ulimit -u or ulimit -v"
    elif system and system.errno is None:  # as the loader of libraries does; its own words come first
        sentence = f"a library cannot be loaded: {system.__context__ or system}".splitlines()[0]
    elif system:
        what = "the output cannot be written" if of_output else system.filename or "the system reports an error"
        sentence = f"{what}: {(system.strerror or str(system)).lower()}"
    else:
        about = f"{type(error).__name__}: {error}".splitlines()[0]
        sentence = f"internal error ({about}); run charrnn --debug … for a traceback"
    click.echo(f"charrnn: error: {sentence}", err=True)
