"""Output of ``charrnn cells NAME``: all equations of a cell, as text or as a record."""

from itertools import groupby
from typing import Any

import click

from charrnn.cells.architecture import Architecture
from charrnn.cells.explained import KERNELS, Parameters, explain, notes, sizes

HEADINGS = {
    "forward": "Forward, at step t",
    "output": "The output of the network, and its loss L",
    "backward": "Backward, from the last step to the first",
    "gradients": "Gradients of the parameters, after the last step",
}
NOTATION = (
    "Arrays are rows: x_t [N] is what a layer reads at step t (in the first layer, the character as a one-hot row; in "
    "others, the output of the layer below), and {states} [{sizes}] {are} carried to the next step. Two names side by "
    "side are a product of matrices; ⊙ multiplies unit by unit; ᵀ transposes; σ is the logistic function; += adds to "
    "what is there: the gradient from the output or the layer above. δ is ∂L/∂ of what enters an activation function. "
    "Σ sums over all steps and streams, and y_t is the next character, a one-hot row. In training, L is divided by the "
    "number of characters, and so is e_t."
)


def tell(network: Architecture) -> None:
    """Print the equations of a network's cell, where they are computed, and the sizes of its parameters."""
    row = network.row
    states = ", ".join(f"{state}_t" for state in row.learnable_states)
    widths = ", ".join("R" if network.projection and state == row.states[0] else "H" for state in row.learnable_states)
    are = "is" if len(row.learnable_states) == 1 else "are"
    click.echo(f"{network.description}\n{row.source}\n")
    for text in (NOTATION.format(states=states, sizes=widths, are=are), *notes(network)):
        click.echo(click.wrap_text(text, 100) + "\n")
    click.echo(f"The code is in {KERNELS}:\n")
    equations = explain(network)
    places = [f"{each.file.name}:{each.line}" for each in equations]
    width = max(map(len, places))
    placed = zip(places, equations, strict=True)
    for part, each in groupby(placed, lambda pair: pair[1].part):
        click.echo(HEADINGS[part])
        for place, equation in each:
            click.echo(f"    {place:{width}}  {equation.formula}")
        click.echo()
    _tell_sizes(network)


def _tell_sizes(network: Architecture) -> None:
    """Print the shapes of the parameters, and their number."""
    click.echo("Parameters")
    rows = [(_shape(each), f"{each.count:,}", _names(each)) for each in sizes(network)]
    shape, count = (max(len(row[k]) for row in rows) for k in (0, 1))
    for row in rows:
        click.echo(f"    {row[0]:{shape}}  {row[1]:>{count}}  {row[2]}")
    total = f"{network.parameter_count():,}"
    click.echo(f"    {'all':{shape}}  {total:>{count}}  {network.multiply_adds():,} multiply-adds a character")


def _shape(each: Parameters) -> str:
    """Return a shape in letters and numbers, such as N × H = 65 × 256."""
    return f"{' × '.join(each.letters.split(', '))} = {' × '.join(map(str, each.shape))}"


def _names(each: Parameters) -> str:
    """Return names that begin with the same layer, which is written once."""
    prefix, _, first = each.names[0].rpartition(".")
    return f"{prefix}: " + ", ".join([first, *(name.rpartition(".")[2] for name in each.names[1:])])


def record(network: Architecture) -> dict[str, Any]:
    """Return the equations and the shapes, for JSON."""
    equations = [
        {"part": each.part, "formula": each.formula, "file": str(each.file), "line": each.line}
        for each in explain(network)
    ]
    shapes = [
        {"names": list(each.names), "letters": each.letters.split(", "), "shape": list(each.shape), "count": each.count}
        for each in sizes(network)
    ]
    return {"equations": equations, "notes": notes(network), "shapes": shapes}
