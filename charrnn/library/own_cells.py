"""The code of a model's cell, if it is the user's own: the user gives it again for whatever computes."""

from collections.abc import Callable, Mapping
from typing import Any

from charrnn.cells.own_cell import DECLARED, is_own
from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint
from charrnn.storage.files import shown


def name_of(cell: str | Callable[..., Any] | None) -> str | None:
    """Return the name of a cell; one of the user's own, FILE:FUNCTION or that function, is given from now on.

    Raises CharrnnError for a file or a function that is no cell.
    """
    if cell is None or (isinstance(cell, str) and not is_own(cell)):
        return cell
    from charrnn.own.cell_file import give

    return give(cell).name


def require_code(checkpoint: Checkpoint, given: Mapping[str, Any], path: str = "") -> None:
    """Raise CharrnnError if the user has not given the code of a model's cell, or has given that of another cell.

    ``given`` has the settings of a run, and ``path`` is the model's file, for messages.
    """
    cell = checkpoint.architecture.own
    if cell is not None:
        from charrnn.own.cell_file import step_of

        step_of(cell, path)
        DECLARED[cell.name] = cell  # by which the settings name it, whatever its file is called now
    elif is_own(given.get("cell") or ""):
        who = shown(path) if path else "the model"
        raise CharrnnError(f"{who} has the cell {checkpoint.architecture.cell}; leave out --cell")
