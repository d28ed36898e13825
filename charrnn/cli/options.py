"""Types of option values, and options that several commands share."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from charrnn.cells.table import MAXIMUM_HIDDEN, MAXIMUM_LAYERS
from charrnn.cli.targets import refuse_stdout
from charrnn.errors import CharrnnError
from charrnn.library.keywords import seconds_of
from charrnn.text.defaults import NEAR, SCORED_UNKNOWN, UNKNOWN
from charrnn.writing.controls import CONTROLS, Controls

if TYPE_CHECKING:
    from charrnn.text.vocabulary import Vocabulary

MOST_TYPED = 10**9  # a larger limit of a number is named only to those who exceed it
MOST_COMPARED = 20_000_000  # characters of the texts to compare with a corpus: each takes about 100 bytes of memory


class Number(click.FloatRange):
    """A finite number in a range, or 0 if `zero` allows it."""

    name = "number"

    def __init__(self, *limits: Any, zero: bool = False, **named: Any) -> None:
        super().__init__(*limits, **named)
        self.zero = zero

    def _describe_range(self) -> str:
        return "0 or " * self.zero + super()._describe_range()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the typed number.

        Raises click.BadParameter for anything else.
        """
        number = click.FLOAT.convert(value, param, ctx)
        if self.zero and number == 0:
            return number
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number from a least one on, up to a largest one, if there is one."""

    name = "number"

    def _describe_range(self) -> str:
        return f"{self.min} to {self.max}" if self.max is not None and self.max <= MOST_TYPED else f"{self.min} or more"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the typed number; raise click.BadParameter for anything else."""
        least, most = int(self.min or 0), self.max
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            limited = most is not None and (most <= MOST_TYPED or number > most)
            wanted = f"from {least} to {most}" if limited else f"from {least} on"
            self.fail(f"{str(value)[:60]!r} is not a whole number {wanted}.", param, ctx)
        return number


class Duration(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic only in newer versions
    """A time such as 90s, 5m or 1.5h; without a letter, in seconds. Its value is in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the typed time in seconds.

        Raises click.BadParameter for anything else.
        """
        if isinstance(value, float):
            return value
        try:
            return seconds_of(str(value))
        except CharrnnError as error:
            self.fail(f"{error}.", param, ctx)


class Input(click.Path):
    """A file or folder to read, or - for standard input, but not the file to which standard output goes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; raise CharrnnError if the command would read what it writes."""
        path = super().convert(value, param, ctx)
        refuse_stdout(str(path))
        return path


class EscapedText(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    r"""A string in which \n is a line break, \t a tab and \\ a backslash: the rule for all options that take a text.

    It is nonempty unless it is `optional`.
    """

    name = "text"
    escapes = {"n": "\n", "t": "\t", "\\": "\\"}  # noqa: RUF012

    def __init__(self, *, optional: bool = False) -> None:
        self.optional = optional

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Replace the escapes; other backslashes stay."""
        if not (value or self.optional):
            self.fail("the text is empty.", param, ctx)
        return re.sub(r"\\([nt\\])", lambda match: self.escapes[match[1]], value)


class EncodingName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The name of an encoding, such as windows-1252. Its value is Python's name."""

    name = "encoding"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return Python's name; raise click.BadParameter for anything else."""
        from charrnn.text.decoding import codec

        if not value:  # the default
            return ""
        try:
            return codec(value)
        except CharrnnError as error:
            self.fail(f"{error}.", param, ctx)


encoding_option = click.option(
    "--encoding",
    type=EncodingName(),
    default="",
    metavar="NAME",
    help="Encoding of the texts, such as windows-1252, if it is not detected.",
)

ESCAPES = r"\n is a line break, \t a tab and \\ a backslash"


def note_escapes(texts: dict[str, str], vocabulary: "Vocabulary") -> None:
    r"""Print a note for texts by option in which \n or \t was replaced, if a backslash could be meant."""
    from charrnn.display.console import note

    if vocabulary.byte_level or "\\" in vocabulary.characters:
        for option, text in texts.items():
            if "\n" in text or "\t" in text:
                note(rf"in {option}, {ESCAPES}: type \\n for a backslash and an n")


EFFECTS = (
    "\b\nThese options choose the next character. They apply in this order, each to\n"
    "log p, the logarithm of each character's probability p:\n"
    + "\n".join(f"  --{control.name.replace('_', '-'):<16} {control.effect}" for control in CONTROLS if control.effect)
)


def control_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add one option per row of the table of controls."""
    for control in reversed(CONTROLS):
        default = getattr(Controls, control.name)
        number = Number(min=control.least, max=control.most, zero=control.zero)
        flag = "--" + control.name.replace("_", "-")
        function = click.option(
            *(("--temp", flag) if control.name == "temperature" else (flag,)),
            control.name,
            type=Whole(int(control.least), int(control.most)) if control.whole else number,
            default=default,
            show_default=default is not None,
            help=control.help,
        )(function)
    return function


layers_option = click.option(
    "--layers",
    type=Whole(1, MAXIMUM_LAYERS),
    default=1,
    show_default=True,
    help="Layers: each reads the output of the one below.",
)


threads_option = click.option(
    "--threads",
    type=Whole(1),
    help="Threads to use; no more run than this process has processors.  [default: one per processor]",
)


def size_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --hidden and --layers."""
    hidden = click.option(
        "--hidden",
        type=Whole(1, MAXIMUM_HIDDEN),
        default=256,
        show_default=True,
        help="Units per layer.",
    )
    return hidden(layers_option(function))


def copied_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --copied and --copied-run."""
    for option in (
        click.option(
            "--copied-run",
            type=Whole(min=1),
            default=32,
            show_default=True,
            metavar="N",
            help="Count only runs of at least N characters as copied.",
        ),
        click.option(
            "--copied",
            type=Input(),
            metavar="CORPUS",
            help=f"Report how much is copied word for word from CORPUS; for texts of up to {MOST_COMPARED:,} "
            "characters.",
        ),
    ):
        function = option(function)
    return function


def _with_near(default: str, function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--near",
        type=click.Choice(NEAR),
        default=default,
        show_default=True,
        help="Read a character that is not in the model's vocabulary as one that is and looks like it (forms: composed "
        "and decomposed accents, quotes, dashes, spaces, widths), or also in its other case (case).",
    )(function)


def unknown_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --near and --unknown, the same in all commands with a model."""
    unknown = click.option(
        "--unknown",
        type=click.Choice(UNKNOWN),
        default="error",
        show_default=True,
        help="What to do with characters that are not in the model's vocabulary: report an error, skip them, or "
        "replace them with �, ? or a space.",
    )
    return _with_near("forms", unknown(function))


allow_unknown_option = click.option(
    "--allow-unknown",
    is_flag=True,
    help="With a model trained with --rare: also write the unknown symbol, �, where the model predicts it.",
)


def scored_unknown_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --near and --unknown to a command that scores.

    By default, it scores a text as it is.
    """
    unknown = click.option(
        "--unknown",
        type=click.Choice(SCORED_UNKNOWN),
        default="error",
        show_default=True,
        help="What to do with characters that are not in the model's vocabulary: report an error, skip them, replace "
        "them with �, ? or a space, or skip them and charge 20.1 bits for each (log2 of 1,114,112: as if all Unicode "
        "characters were equally probable).",
    )
    return _with_near("none", unknown(function))


def is_file(path: str) -> bool:
    """Return whether a text is also the name of a file."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # not a path at all
        return False


def given(ctx: click.Context) -> frozenset[str]:
    """Return the names of the arguments and options that were typed."""
    return frozenset(name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE)


def split_controls(values: dict[str, Any]) -> tuple[Controls, dict[str, Any]]:
    """Return the controls among a command's values, and the other values."""
    names = {control.name for control in CONTROLS}
    others = {name: value for name, value in values.items() if name not in names}
    return Controls(**{name: values[name] for name in names}), others


condition_option = click.option(
    "--given",
    "condition",
    metavar="CONDITION",
    help="Of a model trained with --given: the condition to write or read under: one of its names, a mixture such as "
    "Italian=0.5,Japanese=0.5, or numbers with commas between them.",
)


model_argument = click.argument("model", type=Input(), metavar="MODEL")
