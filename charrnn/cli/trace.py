"""``charrnn trace``: find units and gates that follow features of a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.cell_option import own_cell_option
from charrnn.cli.models import compile_reading, open_writer
from charrnn.cli.options import Input, Whole, condition_option, encoding_option, model_argument, unknown_options
from charrnn.cli.records import chosen, format_options
from charrnn.cli.targets import refuse_model_files, refuse_sources
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.cli.trace_output import View
    from charrnn.library.opened import OpenedModel
    from charrnn.reading.tracing import Following, Unit
    from charrnn.text.vocabulary import Ids, Vocabulary

MOST_TRACED = 10_000_000  # characters of the text, at most: each takes about 100 bytes of memory


@dataclass(frozen=True)
class TraceOptions:
    """Values of the options of ``charrnn trace``."""

    model: str
    text: str
    condition: str | None
    unit_name: str | None
    html: str | None
    png: str | None
    length: int
    show: int
    as_json: bool
    as_tsv: bool
    unknown: str
    near: str
    encoding: str

    @property
    def targets(self) -> list[tuple[str, str]]:
        """The files to write, and the options that name them."""
        named = ((self.html, "--html"), (self.png, "--png"))
        return [(target, option) for target, option in named if target is not None]


@click.command(short_help="Find units of a model that follow features of a text.")
@model_argument
@own_cell_option
@click.argument("text", type=Input(), metavar="TEXT")
@click.option("--unit", "unit_name", metavar="NAME", help="Show the text with this unit's value at each character.")
@click.option(
    "--html", type=click.Path(), metavar="FILE", help="Write a page (.html) with the text colored by the units' values."
)
@click.option(
    "--png", type=click.Path(), metavar="FILE", help="Draw the units' values as a picture (.png, .svg or .pdf)."
)
@click.option(
    "--length",
    type=Whole(0, MOST_TRACED),
    default=10_000,
    show_default=True,
    help=f"Characters of the text to read; 0 reads the whole text, of up to {MOST_TRACED:,} characters.",
)
@click.option(
    "--show",
    type=Whole(1, 100_000),
    default=500,
    show_default=True,
    help="Of these, characters to show with --unit, --html and --png.",
)
@condition_option
@format_options
@unknown_options
@encoding_option
def command(**values: Any) -> None:
    """Find which of MODEL's units follow features of TEXT, a file or standard input (-).

    A unit is one of the numbers in a network that change as it reads. A feature is something that a reader sees in a
    text, such as whether a character is inside quotation marks, or how long the line is so far. For each feature, the
    command shows the unit that follows it best. It chooses the unit on the first half of the text, and shows the
    correlation on the second half: 1 means that the unit follows the feature, -1 that it does the opposite, 0 that they
    are unrelated.

    A unit's name is its state or gate and a number, counted from 1. An lstm has the states h1, h2, … (its output) and
    c1, … (its memory), and the gates i1, f1, o1, g1, …; a gru has h1, … and the gates n1, r1, z1, hn1, …; an rnn has
    only h1, …. charrnn cells prints the equation of each gate; hn is h_{t-1} W_n + b_hn, which the gate r multiplies.
    In the second layer, names begin with 2, as in 2.h1.

    --unit colors the text on a terminal. Anywhere else, and with --json or --tsv, it lists the characters with the
    unit's values. --html and --png replace existing files.

    \b
    Examples:
      charrnn trace model.npz other.txt
      charrnn trace model.npz other.txt --unit c12
      charrnn trace model.npz other.txt --html units.html
    """
    options = TraceOptions(**values)
    form = chosen(options.as_json, options.as_tsv)
    _check_targets(options)
    from charrnn.cli.trace_output import draw, show_unit, tell, write_page
    from charrnn.reading.tracing import follow, unit_named
    from charrnn.text.ingest import name_of

    model = open_writer(options.model, options.condition)
    for target, option in options.targets:
        refuse_model_files(target, option, model, options.text)
    unit = None if options.unit_name is None else unit_named(model.architecture, options.unit_name)
    ids = read_traced(options.text, model.vocabulary, options.length, options.unknown, options.near, options.encoding)
    compile_reading(model)
    found, left_out = follow(model.network, ids, _seen(ids, model.vocabulary), unit)
    if unit is None and not found:
        raise CharrnnError(
            f"{name_of(options.text)} is too short or too uniform: it has no feature that units could follow"
        )
    if not (unit or options.html or options.png):
        tell(found, left_out, form)
        return
    view = _view(options, model, ids[: options.show], unit, found)
    if options.html:
        write_page(options.html, view)
    if options.png:
        draw(options.png, view)
    if unit:
        show_unit(view, form)
    else:
        tell(found, left_out, form)


def _check_targets(options: TraceOptions) -> None:
    """Raise an error if an output file cannot be written."""
    from charrnn.display.plots import check_plottable
    from charrnn.storage.files import check_writable, shown

    read = [(options.model, "the model that is read"), (options.text, "the text that is read")]
    for target, option in options.targets:
        refuse_sources(target, read, option)
    if options.html is not None:
        if Path(options.html).suffix.lower() not in (".html", ".htm"):
            raise click.UsageError(f"The file of --html must end in .html, not {shown(options.html)}.")
        check_writable(options.html, force=True)
    if options.png is not None:
        check_plottable(options.png)


def read_traced(
    path: str,
    vocabulary: "Vocabulary",
    length: int,
    unknown: str = "error",
    near: str = "none",
    encoding: str = "",
    *,
    most: int = MOST_TRACED,
) -> "Ids":
    """Return the first `length` symbols of a text, or all with 0.

    Raises CharrnnError if all are more than `most`.
    """
    from charrnn.text.encoded import beginning
    from charrnn.text.ingest import name_of, read_stream

    blocks = read_stream(path, vocabulary, unknown=unknown, near=vocabulary.near_forms(near), encoding=encoding)
    ids = beginning(blocks, length or most + 1)
    if ids.size > most:
        raise CharrnnError(
            f"{name_of(path)} is too long to be read whole; --length reads up to {most:,} characters of it"
        )
    return ids


def _seen(ids: "Ids", vocabulary: "Vocabulary") -> str:
    """Return the text to search for features, one character per symbol."""
    text = vocabulary.spell(ids)
    if not vocabulary.byte_level:
        return text
    # Bytes beyond ASCII count as small letters: a byte alone does not decide its character.
    return "".join(c if c < "\x80" else "ÿ" for c in text)


def _view(
    options: TraceOptions, model: "OpenedModel", ids: "Ids", unit: "Unit | None", found: "Sequence[Following]"
) -> "View":
    """Return the part to show, with the values of units."""
    from charrnn.cli.trace_output import View
    from charrnn.reading.tracing import activations, is_read
    from charrnn.storage.files import shown
    from charrnn.text.ingest import name_of

    units = [unit] if unit else [following.unit for following in found]
    values = activations(model.network, ids, units)
    there = is_read(model.architecture, ids)
    text = name_of(options.text) if options.text == "-" else shown(Path(options.text).name)
    names = model.vocabulary.symbol_names
    return View(
        title=f"{shown(Path(options.model).name)} reads {text}",
        text=model.vocabulary.spell(ids[there]),
        names=[names[symbol] for symbol in ids[there].tolist()],
        units=units,
        found=found,
        values=values[there],
    )
