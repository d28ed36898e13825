"""What is computed: a row of a table for each cell, its parameters' shapes and first values. No Numba here."""

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import heard, initialise
from charrnn.cells.table import CELLS, Cell, cell_named

__all__ = ["CELLS", "Architecture", "Cell", "cell_named", "heard", "initialise"]
