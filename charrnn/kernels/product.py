"""Matrix products: pack the weights once, then many products against the packed form.

A product is done in tiles: a few rows of the result by one panel of columns, whose sums stay in registers through the
whole inner loop. Every entry of a result is one chain of fused multiply-adds in the order of the inner index, whatever
the tile that holds it, so the bits do not depend on how rows or columns are shared out between threads.
"""

from numba import types

from charrnn.kernels.arguments import FLOATS, INTEGER, TILE, Tile
from charrnn.kernels.llvm.compiler import jit, shared
from charrnn.kernels.llvm.tile import TILE_ROWS, TILE_VECTORS, multiply_any_tile, transpose_tile
from charrnn.kernels.llvm.vector import LANES, address, load, store

PANEL = TILE_VECTORS * LANES  # columns in a packed panel; the last panel of a matrix may have fewer
STEPS_OF_ROWS = types.float32[:, :, :]  # of a window: steps, rows of the batch, columns


@shared(types.void(TILE))
def multiply_tile(tile):
    """Add a product to a tile, as `Tile` says."""
    multiply_any_tile(tile)


@jit
def panels(columns):
    """Return how many panels a matrix of that many (whole vectors of) columns packs into."""
    return (columns + PANEL - 1) // PANEL


@jit
def share(columns, member):
    """Return the panels [first, last) of so many columns that fall to a member of a team."""
    count = panels(columns)
    return member.worker * count // member.workers, (member.worker + 1) * count // member.workers


@jit
def pack(packed, matrix, first, last):
    """Lay the columns of panels `first` to `last` of matrix [K, N] side by side in packed [K·N], panel by panel."""
    inner, columns = matrix.shape
    for begin in range(first * PANEL, min(last * PANEL, columns), PANEL):
        width = min(PANEL, columns - begin)
        for k in range(inner):
            for j in range(0, width, LANES):
                store(packed, (begin * inner + k * width + j,), load(matrix, (k, begin + j)))


@jit
def pack_transposed(packed, matrix, first, last):
    """Do what `pack` would do with the transpose of matrix [N, K], of which rows `first·PANEL` on are read."""
    columns, inner = matrix.shape
    for begin in range(first * PANEL, min(last * PANEL, columns), PANEL):
        width = min(PANEL, columns - begin)
        for k in range(0, inner, LANES):
            for j in range(0, width, LANES):
                target = address(packed, (begin * inner + k * width + j,))
                transpose_tile(target, width, address(matrix, (begin + j, k)), inner)


@jit
def pack_shares(packed, packed_transposed, matrix, member):
    """Pack a member's share of a matrix, and of its transpose if there is room for that."""
    first, last = share(matrix.shape[1], member)
    pack(packed, matrix, first, last)
    if packed_transposed.size:
        first, last = share(matrix.shape[0], member)
        pack_transposed(packed_transposed, matrix, first, last)


@shared(types.void(STEPS_OF_ROWS, STEPS_OF_ROWS, FLOATS[1], INTEGER))
def multiply_add(c, a, packed, backwards):
    """Add a product: c [S, R, N] += a [S, R, K] · the first K rows of the matrix that `pack` laid out in packed [≥K·N].

    N is whole vectors; c and a may be views with any stride but the last. Each panel of weights is read once for all
    S·R rows, so it comes from the nearest cache that holds it. Rows are shared evenly between tiles: 25 are 7+6+6+6.
    Whoever multiplies with the same weights again and again should go `backwards` every other time: what the cache
    still holds of them is then what is needed first, even where it cannot hold all.
    """
    steps, rows, columns = c.shape
    inner = a.shape[2]
    height = packed.size // max(columns, 1)
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    c_row = c.strides[1] // 4
    a_row = a.strides[1] // 4
    count = panels(columns)
    for turn in range(count):
        begin = PANEL * (count - 1 - turn if backwards else turn)
        width = min(PANEL, columns - begin)
        panel = address(packed, (begin * height,))
        for step in range(steps):
            for tile in range(tiles):
                top = tile * rows // tiles
                bottom = (tile + 1) * rows // tiles
                multiply_tile(
                    Tile(
                        rows=bottom - top,
                        vectors=width // LANES,
                        c=address(c, (step, top, begin)),
                        c_row=c_row,
                        a=address(a, (step, top, 0)),
                        a_row=a_row,
                        a_inner=1,
                        panel=panel,
                        inner=inner,
                    )
                )
