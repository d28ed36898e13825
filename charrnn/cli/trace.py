"""``charrnn trace``: what units and gates do while a network reads a text."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.options import model_argument, unknown_option
from charrnn.cli.records import Column, chosen, format_options, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.reading.features import Feature
    from charrnn.reading.tracing import Following, Unit

LONGEST = 10_000_000  # characters of a text that can be traced: each takes some 100 bytes of memory
FOLLOWING = (
    Column("feature", 13),
    Column("unit", 6),
    Column("correlation", 11, "+.2f", ".4f"),
    Column("first_half", 10, "+.2f", ".4f"),
    Column("help"),
)
VALUES = (Column("index", 8, "d"), Column("character", 9), Column("value", 8, ".4f", ".6f"))


@click.command(short_help="Look at units and gates while a model reads a text.")
@model_argument
@click.argument("text", type=click.Path(), metavar="TEXT")
@click.option("--unit", "unit_name", metavar="NAME", help="Show the text with what this unit is at each character.")
@click.option("--html", type=click.Path(), metavar="FILE", help="Write a page (.html) with the text colored by units.")
@click.option(
    "--png", type=click.Path(), metavar="FILE", help="Draw the units into a picture: .png, .svg or .pdf, by its name."
)
@click.option(
    "--length",
    type=click.IntRange(0, LONGEST),
    default=10_000,
    show_default=True,
    help=f"Characters of the text to read; 0 reads all, if they are not more than {LONGEST:,}.",
)
@click.option(
    "--show",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="Characters, of those, to show with --unit, --html and --png.",
)
@format_options
@unknown_option
def command(
    model: str,
    text: str,
    unit_name: str | None,
    html: str | None,
    png: str | None,
    length: int,
    show: int,
    as_json: bool,
    as_tsv: bool,
    unknown: str,
) -> None:
    """Tell which of MODEL's units follow what a reader sees in TEXT, a file or standard input (-).

    A unit is one of the numbers in a network that change as it reads. For each of some things that can be seen in a
    text (is this inside quotation marks? how long is the line so far?) it is told which unit follows it best. That
    unit is chosen on the first half of the text; the correlation told is that on the second half, which had no say in
    it: 1 goes with it, -1 against it, 0 has nothing to do with it.

    A unit is named by its state or gate and a number, counted from 1: an lstm has h1, h2, … (what it puts out), c1, …
    (what it remembers) and the gates i1, f1, o1, g1, …; a gru has h1, … and the gates n1, r1, z1, hn1, …; an rnn h1, …
    alone. In the second layer that is 2.h1 and so on.

    --unit colors the text on a terminal. Anywhere else, and with --json or --tsv, it lists the characters with the
    unit's values, without colors. Files that --html and --png name are replaced where they are there.

    \b
    Examples:
      charrnn trace model.npz other.txt
      charrnn trace model.npz other.txt --unit c12
      charrnn trace model.npz other.txt --html units.html
    """
    form = chosen(as_json, as_tsv)
    _check_targets(model, text, html, png)
    from charrnn.display.console import compiling
    from charrnn.model.bidirectional import require_left_to_right
    from charrnn.model.model_file import load
    from charrnn.model.network import Network
    from charrnn.reading.scoring import symbol_names
    from charrnn.reading.tracing import activations, follow, unit_named
    from charrnn.storage.files import shown
    from charrnn.text.ingest import beginning, name_of, read_stream

    checkpoint = load(model)
    require_left_to_right(checkpoint.architecture)
    vocabulary = checkpoint.vocabulary
    unit = None if unit_name is None else unit_named(checkpoint.architecture, unit_name)
    ids = beginning(read_stream(text, vocabulary, unknown=unknown), length or LONGEST + 1)
    if ids.size > LONGEST:
        raise CharrnnError(f"{name_of(text)} is too long to be read whole; --length reads {LONGEST:,} characters of it")
    # Bytes beyond ASCII count as small letters: what they are belongs to their neighbours too.
    read = vocabulary.spell(ids)
    seen = "".join(c if c < "\x80" else "ÿ" for c in read) if vocabulary.byte_level else read
    network = Network(checkpoint.architecture, checkpoint.parameters)
    with compiling(network):
        network.compile()
    found, left_out = follow(network, ids, seen, unit)
    if unit is None and not found:
        raise CharrnnError(
            f"{name_of(text)} is too short, or too much the same, for units to be compared with what is in it"
        )
    units = [unit] if unit else [following.unit for following in found]
    part = read[:show]
    title = f"{shown(Path(model).name)} reads {name_of(text) if text == '-' else shown(Path(text).name)}"
    values = activations(network, ids[:show], units) if unit or html or png else None
    if values is not None:
        view = _View(title, part, units, found, values)
        if html:
            _write_page(html, view)
        if png:
            _draw(png, view)
    if unit and values is not None:
        names = symbol_names(vocabulary)
        _show_unit(part, [names[symbol] for symbol in ids[:show].tolist()], unit, values[:, 0], found, form)
    else:
        _tell(found, left_out, form)


def _check_targets(model: str, text: str, html: str | None, png: str | None) -> None:
    """Raise an error if a file could not be written, before anything is computed for it."""
    from charrnn.display.plots import check_plottable
    from charrnn.storage.files import check_writable, shown

    for target in (html, png):
        for source, what in ((model, "model"), (text, "text")):
            if target is not None and source != "-" and os.path.realpath(target) == os.path.realpath(source):
                raise click.UsageError(f"{shown(target)} is the {what} to be read; write to another file.")
    if html is not None:
        if Path(html).suffix.lower() not in (".html", ".htm"):
            raise click.UsageError(f"--html writes a page, whose name must end in .html, not {shown(html)}.")
        check_writable(html, force=True)
    if png is not None:
        check_plottable(png)


def _tell(found: "Sequence[Following]", left_out: "Sequence[Feature]", form: str) -> None:
    """Print what follows what, and say on stderr what was left out."""
    from charrnn.display.console import note

    rows = ((f.feature.name, f.unit.name, f.correlation, f.chosen, f.feature.help) for f in found)
    write(rows, FOLLOWING, form)
    if form == "text":
        note("each unit was chosen on the first half of the text; the correlation is that on the second half")
    if left_out:
        note(f"left out, as the text has too little of it: {', '.join(feature.name for feature in left_out)}")


def _show_unit(
    text: str,
    names: Sequence[str],
    unit: "Unit",
    values: "NDArray[np.float32]",
    found: "Sequence[Following]",
    form: str,
) -> None:
    """Print a text with what a unit is at each character: in colors where there are some, else a line each."""
    from charrnn.display.color import ColoredText, Scale
    from charrnn.display.console import note
    from charrnn.reading.tracing import scale_of

    low, high = scale_of(values)
    screen = ColoredText(Scale(low, high))
    if screen.colored and form == "text":
        screen.write(text, values)
        click.echo("" if text.endswith("\n") else "\n", nl=False)
        click.echo(f"\n{unit.name}: {low:.2f} is blue, {high:.2f} is red. {' '.join(map(_sentence, found))}".rstrip())
        return
    write(zip(range(1, len(names) + 1), names, values.tolist(), strict=True), VALUES, form)
    for following in found:
        note(f"{unit.name}: {_sentence(following)}")


def _sentence(following: "Following") -> str:
    return (
        f"Correlation with “{following.feature.help}”: {following.correlation:+.2f} on the second half of the text, "
        f"{following.chosen:+.2f} on the first, on which it was chosen."
    )


@dataclass(frozen=True, eq=False)
class _View:
    """What is drawn of a text: its first N characters, K units, what each of these is there [N, K] and follows."""

    title: str
    text: str
    units: "Sequence[Unit]"
    found: "Sequence[Following]"  # for each unit, or nothing at all for one that follows nothing
    values: "NDArray[np.float32]"

    def rows(self) -> "Iterator[tuple[Unit, Following | None, NDArray[np.float32], float, float]]":
        """Yield for each unit what it follows, if anything, its values [N], and the ends of their scale."""
        from charrnn.reading.tracing import scale_of

        for k, (unit, following) in enumerate(zip_longest(self.units, self.found)):
            yield unit, following, self.values[:, k], *scale_of(self.values[:, k])


def _write_page(path: str, view: _View) -> None:
    """Write the page of --html: a block for each unit."""
    from charrnn.display.color import Scale
    from charrnn.display.page import Block, page
    from charrnn.storage.files import replacing

    blocks = [
        Block(
            f"{unit.name}: {following.feature.help}" if following else unit.name,
            _sentence(following) if following else "",
            values,
            Scale(low, high),
        )
        for unit, following, values, low, high in view.rows()
    ]
    introduction = (
        f"The first {len(view.text):,} characters of the text, once for each unit. A character's color is what the "
        "unit is when the network has just read it; point at one to see the number. ↵ is the end of a line."
    )
    written = page(view.title, introduction, view.text, blocks)
    with replacing(path) as file:
        file.write(written.encode())


def _draw(path: str, view: _View) -> None:
    """Write the picture of --png: a row for each unit."""
    from charrnn.display.plots import plot_units
    from charrnn.display.words import harmless

    rows: list[tuple[str, Any]] = []
    for unit, following, values, low, high in view.rows():
        label = f"{following.feature.name}  {unit.name}" if following else unit.name
        rows.append((label, (values - low) / ((high - low) or 1.0) * 2.0 - 1.0))
    plot_units(path, harmless(view.text).replace("\n", "↵").replace("\t", "⇥"), rows, view.title)
