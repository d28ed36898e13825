"""``charrnn cells``: list the kinds of networks, or show all equations of one."""

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from charrnn.cells.table import ACTIVATIONS, CELLS, MAXIMUM_HIDDEN, Cell, cell_named
from charrnn.cli.options import Whole, size_options
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.cells.architecture import Architecture


@click.command("cells", short_help="List the kinds of networks, or show all equations of one.")
@click.argument("name", required=False, metavar="[NAME]")
@size_options
@click.option(
    "--vocabulary",
    type=Whole(1, 1_114_112),
    default=65,
    show_default=True,
    help="Number of distinct characters.",
)
@click.option("--activation", type=click.Choice(ACTIVATIONS), help="Activation function, for rnn.")
@click.option(
    "--projection",
    type=Whole(1, MAXIMUM_HIDDEN),
    metavar="R",
    help="Numbers that a layer outputs, for lstm-projection.  [default: half of --hidden]",
)
@click.option("--periods", metavar="T1,T2,…", help="Periods of the groups, for clockwork.  [default: 1,2,4,8]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
def command(name: str | None, hidden: int, layers: int, vocabulary: int, as_json: bool, **options: Any) -> None:
    """List the kinds of networks for --cell, each with its equations, source, and cost at a given size.

    With the NAME of one, show all its equations, forward and backward, the line of the code that computes each, and the
    shape of every parameter. An option of the cell needs a NAME.

    x_t is the character that is read, h_t the output of a layer after it, c_t the memory of an LSTM. ⊙ multiplies unit
    by unit. σ is the logistic function. U, W and b are learned. If an equation defines several gates, as in i, f, o =
    σ(x_t U + h_{t-1} W + b), then each gate has its own U, W and b: those of f are U_f, W_f and b_f.

    Parameters are the numbers that a network learns. Multiply-adds are counted in the matrix products with parameters,
    per character read; training takes three times as many.

    \b
    Examples:
      charrnn cells
      charrnn cells --hidden 128 --json
      charrnn cells gru
      charrnn cells rnn --activation relu --hidden 64
    """
    sizes, own = (hidden, layers, vocabulary), {key: value for key, value in options.items() if value is not None}
    if name is not None:
        _tell_one(cell_named(name), sizes, own, as_json)
        return
    if own:
        raise click.UsageError(f"--{next(iter(own))} needs the NAME of a cell.")
    for cell in CELLS.values():
        about = _record(cell, sizes, {})
        if as_json:
            click.echo(json.dumps(about, ensure_ascii=False))
            continue
        having = "".join(f" [{option}]" for option in about["options"])
        if about["parameters"] is None:
            cost = about["why_not"]
        else:
            cost = f"{about['parameters']:,} parameters, {about['multiply_adds']:,} multiply-adds a character"
        lines = (*about["gates"], about["formula"], about["source"], cost)
        click.echo("\n    ".join((about["name"] + having, *lines)) + "\n")


def _architecture(cell: Cell, sizes: tuple[int, int, int], own: dict[str, Any]) -> "Architecture":
    """Return a network of a cell with ``sizes``: units, layers and characters, and options of its ``own``.

    Raises CharrnnError for a size or an option that it cannot have.
    """
    from charrnn.cells.architecture import Architecture
    from charrnn.training.settings import periods_of

    hidden, layers, vocabulary = sizes
    if "periods" in own:
        own = own | {"periods": periods_of(own["periods"])}
    return Architecture(cell.name, vocabulary, hidden, layers, **own)


def _tell_one(cell: Cell, sizes: tuple[int, int, int], own: dict[str, Any], as_json: bool) -> None:
    """Print all equations of a cell."""
    from charrnn.cli.cells_equations import record, tell

    network = _architecture(cell, sizes, own)
    if as_json:
        click.echo(json.dumps(_record(cell, sizes, own) | own | record(network), ensure_ascii=False))
    else:
        tell(network)


def _record(cell: Cell, sizes: tuple[int, int, int], own: dict[str, Any]) -> dict[str, Any]:
    """Return a record of a cell.

    If the cell cannot have the size, its record says why.
    """
    try:
        network = _architecture(cell, sizes, own)
        size: dict[str, Any] = {"parameters": network.parameter_count(), "multiply_adds": network.multiply_adds()}
    except CharrnnError as error:
        size = {"parameters": None, "multiply_adds": None, "why_not": str(error)}
    about = {name: getattr(cell, name) for name in ("name", "family", "formula", "source")}
    about |= {
        "gates": gate_equations(cell),
        "options": [f"--{option}" for option in cell.options],
        "states": list(cell.states),
    }
    return about | dict(zip(("hidden", "layers", "vocabulary"), sizes, strict=True)) | size


def gate_equations(cell: Cell) -> list[str]:
    """Return the equations of a cell's gates; gates with the same equation share it.

    The equation of a GRU's n is in the cell's formula.
    """
    own = [gate for gate in cell.gates if gate in ("i", "f", "o", "g", "r", "z")]
    found = [f"{', '.join(names)} = {right}" for right, names in groupby(own, lambda gate: _right_side(cell, gate))]
    if "hn" in cell.gates:
        found.append("hn = h_{t-1} W_n + b_hn")
    return found


def _right_side(cell: Cell, gate: str) -> str:
    """Return the right side of a gate's equation."""
    terms = ["x_t U"]
    if gate in cell.recurrent_gates:
        terms.append(f"{cell.states[0]}_{{t-1}} W")
    if "fgr" in cell.flags and gate != "g":
        terms += [f"{source}_{{t-1}} R_{source}" for source in cell.states[2:]]
    if "full peepholes" in cell.flags and gate != "g":
        terms.append("c_t C" if gate == "o" else "c_{t-1} C")
    if gate in cell.peepholes:
        terms.append("p ⊙ c_t" if gate == "o" else "p ⊙ c_{t-1}")
    total = " + ".join([*terms, "b"])
    if gate != "g":
        return f"σ({total})"
    return total if {"niaf", "minimal lstm"} & set(cell.flags) else f"tanh({total})"
