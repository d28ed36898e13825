"""Matrix products: pack the weights once, then multiply by the packed form many times.

A product is computed in tiles: a few rows of the result by one panel of columns. The sums of a tile stay in registers
through the whole inner loop. Every entry of the result is one chain of fused multiply-adds in the order of the inner
index, in any tile, so the bits do not depend on how threads share the rows or columns.
"""

from numba import types

from charrnn.kernels.arguments import FLOATS, INTEGER, TILE, Tile
from charrnn.kernels.llvm.compiler import entry, jit, shared
from charrnn.kernels.llvm.tile import TILE_ROWS, TILE_VECTORS, multiply_any_tile, transpose_tile
from charrnn.kernels.llvm.vector import LANES, address, load, store

PANEL = TILE_VECTORS * LANES  # columns in a packed panel; the last panel of a matrix can have fewer
STEPS_OF_ROWS = types.float32[:, :, :]  # of a window: steps, rows of the batch, columns


@shared(types.void(TILE))
def multiply_tile(tile):
    """Add a product to a tile (see `Tile`)."""
    multiply_any_tile(tile)


@jit
def panels(columns):
    """Return the number of panels of `columns` (whole vectors)."""
    return (columns + PANEL - 1) // PANEL


@jit
def share(columns, member):
    """Return a team member's share of the panels, [first, last)."""
    count = panels(columns)
    return member.worker * count // member.workers, (member.worker + 1) * count // member.workers


@jit
def pack(packed, matrix, first, last):
    """Pack the panels `first` to `last` of a matrix.

    The columns of matrix [K, N] lie in packed [K·N] panel by panel, each panel row by row.
    """
    inner, columns = matrix.shape
    for begin in range(first * PANEL, min(last * PANEL, columns), PANEL):
        width = min(PANEL, columns - begin)
        for k in range(inner):
            for j in range(0, width, LANES):
                store(packed, (begin * inner + k * width + j,), load(matrix, (k, begin + j)))


@jit
def pack_transposed(packed, matrix, first, last):
    """Pack the panels `first` to `last` of a matrix's transpose.

    The result is that of `pack` for the transpose of matrix [N, K], whose rows are read from `first·PANEL` on.
    """
    columns, inner = matrix.shape
    for begin in range(first * PANEL, min(last * PANEL, columns), PANEL):
        width = min(PANEL, columns - begin)
        for k in range(0, inner, LANES):
            for j in range(0, width, LANES):
                target = address(packed, (begin * inner + k * width + j,))
                transpose_tile(target, width, address(matrix, (begin + j, k)), inner)


@jit
def pack_shares(packed, packed_transposed, matrix, member):
    """Pack a member's share of a matrix.

    It packs the transpose too, if there is room.
    """
    first, last = share(matrix.shape[1], member)
    pack(packed, matrix, first, last)
    if packed_transposed.size:
        first, last = share(matrix.shape[0], member)
        pack_transposed(packed_transposed, matrix, first, last)


@jit
def pack_transposed_shares(packed, packed_matrix, matrix, member):
    """Pack a member's share of a matrix's transpose.

    It packs the matrix itself too, if there is room.
    """
    first, last = share(matrix.shape[0], member)
    pack_transposed(packed, matrix, first, last)
    if packed_matrix.size:
        first, last = share(matrix.shape[1], member)
        pack(packed_matrix, matrix, first, last)


@shared(types.void(STEPS_OF_ROWS, STEPS_OF_ROWS, FLOATS[1], INTEGER))
def multiply_add(c, a, packed, backwards):
    """Add the product of some rows and a packed matrix.

    c [S, R, N] += a [S, R, K] · the first K rows of the matrix that `pack` wrote to packed [≥K·N]. N is whole vectors;
    c and a can be views with any strides except the last. Each panel of weights is used for all S·R rows before the
    next one, so it stays in the nearest cache that holds it. Rows are shared evenly among tiles: in tiles of at most 8,
    25 rows are 6+6+6+7. A caller that multiplies by the same weights repeatedly should go `backwards` every other time:
    then the panels that are still in the cache are needed first, even if the cache cannot hold all of them.
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


@entry
def multiply(c, a, b, packed):
    """Add the product a b to c [1, R, N], for a [1, R, K] and b [K, N], where N is whole vectors; packed is [K·N]."""
    pack(packed, b, 0, panels(b.shape[1]))
    multiply_add(c[:1], a[:1], packed, 0)
