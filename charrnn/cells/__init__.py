"""What is computed: one row of a table for each cell, and the shapes and first values of its parameters. No Numba here."""

from charrnn.cells.initial import initialise
from charrnn.cells.table import CELLS, Cell, cell_named
from charrnn.cells.architecture import Architecture

__all__ = ["CELLS", "Architecture", "Cell", "cell_named", "initialise"]
