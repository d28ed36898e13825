"""The option --cell: a cell of the table, or one of the user's own, whose file is run because the user names it."""

from typing import Any

import click

from charrnn.cells.own_cell import is_own
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError


class CellName(click.Choice):  # type: ignore[type-arg, unused-ignore]  # generic only in newer versions
    """The name of a cell: of the table, or FILE:FUNCTION.

    The value of the latter is the cell's name; its file has been run.
    """

    name = "cell"

    def __init__(self) -> None:
        super().__init__(list(CELLS))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; raise CharrnnError for a file that has no cell, click.BadParameter for an unknown name."""
        if not is_own(value) or ctx is None or ctx.resilient_parsing:
            return str(super().convert(value, param, ctx))
        return run_cell(value, ctx)


class AnyCellName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The name of a cell, or FILE:FUNCTION, as `CellName`, but an unknown name is not noticed yet."""

    name = "cell"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Return the name; raise CharrnnError for a file that has no cell."""
        return run_cell(value, ctx) if is_own(value) and ctx and not ctx.resilient_parsing else str(value)


class OwnCellName(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """FILE:FUNCTION, the cell of a model."""

    name = "cell"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """Run the file and return the cell's name; raise CharrnnError for a file that has no cell."""
        return str(value) if ctx is None or ctx.resilient_parsing else run_cell(value, ctx)


def run_cell(value: str, ctx: click.Context) -> str:
    """Run the file of a cell of the user's own and return its name.

    Raises CharrnnError for a file that has no cell, and for two cells of the same name in one command.
    """
    from charrnn.own.cell_file import give

    cell = give(value)
    if ctx.meta.setdefault(f"{__name__}.{cell.name}", cell) != cell:
        raise CharrnnError(f"two cells are called {cell.name}; give one of the files another name")
    return cell.name


# What the code of a model's cell is found by is its digest, so no command has to pass the name on.
own_cell_option = click.option(
    "--cell",
    "own_cell",
    type=OwnCellName(),
    multiple=True,
    expose_value=False,
    metavar="FILE:FUNCTION",
    help="The cell, if the model was trained with one of your own; FILE is run.",
)
