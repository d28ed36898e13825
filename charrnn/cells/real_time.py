"""Which networks can learn in real time, and the shape of the influence that they then carry."""

from charrnn.cells.architecture import Architecture
from charrnn.cells.table import CELLS, Cell


def _can(cell: Cell) -> bool:
    """Return whether a cell can learn in real time.

    It can if its only parameters are U, W and b, and only h feeds W.
    """
    return not (cell.extra or cell.peepholes or "clock" in cell.states)


REAL_TIME_CELLS = tuple(cell.name for cell in CELLS.values() if _can(cell))


def why_not_in_real_time(architecture: Architecture) -> str | None:
    """Return why a network cannot learn in real time, or None.

    The reason is a sentence without a full stop.
    """
    what = "real-time recurrent learning (--gradient rtrl)"
    if architecture.cell not in REAL_TIME_CELLS:
        return f"{what} is for the cells {', '.join(REAL_TIME_CELLS)}, not for {architecture.cell}"
    if architecture.layers > 1:
        return f"{what} is for one layer, not for {architecture.layers}"
    if architecture.bidirectional:
        return f"{what} reads a text from left to right only, which a bidirectional network does not"
    if architecture.embedding:
        return f"{what} reads symbols directly, not through an embedding"
    if architecture.first_state != "zero":
        return f"{what} starts with the states at zero, not with {architecture.first_state} ones"
    return None


def influence_shape(architecture: Architecture) -> tuple[int, int]:
    """Return the shape of one stream's influence, [S·H, P].

    P is the number of the layer's parameters, which influence its S states of H units.
    """
    output = (architecture.hidden + 1) * architecture.vocabulary
    return len(architecture.row.states) * architecture.hidden, architecture.parameter_count() - output
