"""``charrnn cells``: list the kinds of networks."""

import json
from typing import Any

import click

from charrnn.cells.table import CELLS
from charrnn.cli.options import Whole, size_options
from charrnn.errors import CharrnnError


@click.command("cells", short_help="List the kinds of networks, with formulas, sizes and costs.")
@size_options
@click.option(
    "--vocabulary",
    type=Whole(1, 1_114_112),
    default=65,
    show_default=True,
    help="Number of distinct characters.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
def command(hidden: int, layers: int, vocabulary: int, as_json: bool) -> None:
    """List the kinds of networks for --cell, each with its formula, source, and cost at a given size.

    x_t is the character that is read, h_t the output of a layer after it, c_t the memory of an LSTM. U, W and b are
    learned. i, f, o, g, r and z are gates: σ(x_t U + h_{t-1} W + b), except g, which is a tanh. ⊙ multiplies unit by
    unit. Parameters are the numbers that a network learns. Multiply-adds are counted in the matrix products with
    parameters, per character read; training takes three times as many.

    \b
    Examples:
      charrnn cells
      charrnn cells --hidden 128 --json
    """
    for about in _rows(hidden, layers, vocabulary):
        if as_json:
            click.echo(json.dumps(about, ensure_ascii=False))
            continue
        options = "".join(f" [{option}]" for option in about["options"])
        if about["parameters"] is None:
            cost = about["why_not"]
        else:
            cost = f"{about['parameters']:,} parameters, {about['multiply_adds']:,} multiply-adds a character"
        click.echo(f"{about['name']}{options}\n    {about['formula']}\n    {about['source']}\n    {cost}\n")


def _rows(hidden: int, layers: int, vocabulary: int) -> list[dict[str, Any]]:
    """Return a record of each cell.

    If a cell cannot have the size, its record says why.
    """
    from charrnn.cells.architecture import Architecture

    rows = []
    for cell in CELLS.values():
        try:
            network = Architecture(cell.name, vocabulary, hidden, layers)
            size: dict[str, Any] = {"parameters": network.parameter_count(), "multiply_adds": network.multiply_adds()}
        except CharrnnError as error:
            size = {"parameters": None, "multiply_adds": None, "why_not": str(error)}
        about = {name: getattr(cell, name) for name in ("name", "family", "formula", "source")}
        about |= {"options": [f"--{option}" for option in cell.options], "states": list(cell.states)}
        rows.append(about | {"hidden": hidden, "layers": layers, "vocabulary": vocabulary} | size)
    return rows
