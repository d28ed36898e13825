"""Output of ``charrnn trace``: a table, a text in colors, a page, and a picture."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.records import Column, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.reading.features import Feature
    from charrnn.reading.tracing import Following, Unit

FOLLOWING = (
    Column("feature", 13),
    Column("unit", 6),
    Column("correlation", 11, "+.2f", ".4f"),
    Column("first_half", 10, "+.2f", ".4f"),
    Column("help"),
)
VALUES = (Column("index", 8, "d"), Column("character", 9), Column("value", 8, ".4f", ".6f"))


@dataclass(frozen=True, eq=False)
class View:
    """The part of a text that is drawn: N characters, K units, their values [N, K] and what they follow."""

    title: str
    text: str
    names: Sequence[str]  # of the symbols
    units: "Sequence[Unit]"
    found: "Sequence[Following]"  # for each unit; empty for a unit that follows nothing
    values: "NDArray[np.float32]"

    def rows(self) -> "Iterator[tuple[Unit, Following | None, NDArray[np.float32], float, float]]":
        """Yield each unit with what it follows.

        Also its values [N], and the ends of their scale.
        """
        from charrnn.reading.tracing import scale_of

        for k, (unit, following) in enumerate(zip_longest(self.units, self.found)):
            yield unit, following, self.values[:, k], *scale_of(self.values[:, k])


def tell(found: "Sequence[Following]", left_out: "Sequence[Feature]", form: str) -> None:
    """Print which unit follows which feature.

    Features that were left out are reported on stderr.
    """
    from charrnn.display.console import note

    rows = ((f.feature.name, f.unit.name, f.correlation, f.chosen, f.feature.help) for f in found)
    write(rows, FOLLOWING, form)
    if form == "text":
        note("each unit was chosen on the first half of the text; the correlation is measured on the second half")
    if left_out:
        note(f"left out, because the text has too little of it: {', '.join(feature.name for feature in left_out)}")


def show_unit(view: View, form: str) -> None:
    """Print a text with a unit's values.

    They are colors or, without colors, one line per character.
    """
    from charrnn.display.color import ColoredText, Scale
    from charrnn.display.console import note

    ((unit, _, values, low, high),) = view.rows()
    screen = ColoredText(Scale(low, high))
    if screen.colored and form == "text":
        screen.write(view.text, values)
        click.echo("" if view.text.endswith("\n") else "\n", nl=False)
        told = " ".join(map(_sentence, view.found))
        click.echo(f"\n{unit.name}: {low:.2f} is blue, {high:.2f} is red. {told}".rstrip())
        return
    write(zip(range(1, len(values) + 1), view.names, values.tolist(), strict=True), VALUES, form)
    for following in view.found:
        note(f"{unit.name}: {_sentence(following)}")


def _sentence(following: "Following") -> str:
    return (
        f"Correlation with “{following.feature.help}”: {following.correlation:+.2f} on the second half of the text, "
        f"{following.chosen:+.2f} on the first half, on which the unit was chosen."
    )


def write_page(path: str, view: View) -> None:
    """Write the page of --html, with a block per unit."""
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
        f"The first {len(view.text):,} characters of the text, once for each unit. The color of a character shows the "
        "unit's value after the network has read it; point at a character to see the value. ↵ is the end of a line."
    )
    written = page(view.title, introduction, view.text, blocks)
    with replacing(path) as file:
        file.write(written.encode())


def draw(path: str, view: View) -> None:
    """Write the picture of --png, with a row per unit."""
    from charrnn.display.plots import plot_units
    from charrnn.display.words import harmless

    rows: list[tuple[str, Any]] = []
    for unit, following, values, low, high in view.rows():
        label = f"{following.feature.name}  {unit.name}" if following else unit.name
        rows.append((label, (values - low) / ((high - low) or 1.0) * 2.0 - 1.0))
    plot_units(path, harmless(view.text).replace("\n", "↵").replace("\t", "⇥"), rows, view.title)
