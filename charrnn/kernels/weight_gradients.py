"""The weights' gradients over a window: each thread adds some columns, and every sum takes all rows in order."""

from numba import types

from charrnn.kernels.arguments import FLOATS, INTEGER, Tile
from charrnn.kernels.llvm.compiler import jit, shared
from charrnn.kernels.llvm.tile import TILE_ROWS
from charrnn.kernels.llvm.vector import LANES, address, fma, load, store
from charrnn.kernels.product import PANEL, multiply_tile, panels, share

BLOCK_ROWS = 256  # of a window at a time: a packed panel of them is 48 kB, the tiles of 512 units half a megabyte
# One vector is left free after each packed tile and panel: a store can run over the end, and addresses that differ by a
# multiple of 4 kB compete for the same places of a cache.
TILE_STRIDE, PANEL_STRIDE = BLOCK_ROWS * TILE_ROWS + LANES, BLOCK_ROWS * PANEL + LANES


@jit
def add_row_sums(db, dz, rows, member):
    """Add a member's columns of ∇b = Σ δ_t.

    The rows of dz [≥rows, Z] are summed into db [Z].
    """
    first, last = share(db.shape[0], member)
    begin, end = first * PANEL, min(last * PANEL, db.shape[0])
    for r in range(rows):
        for j in range(begin, end, LANES):
            store(db, (j,), load(db, (j,)) + load(dz, (r, j)))


@jit
def add_row_sums_of_products(dp, dz, column, c, skipped, rows, member):
    """Add a member's columns of ∇p = Σ δ_t ⊙ c to dp [H].

    δ is dz [≥rows, ≥column + H] from `column` on; c [≥skipped + rows, H] is read after `skipped` rows.
    """
    first, last = share(dp.shape[0], member)
    begin, end = first * PANEL, min(last * PANEL, dp.shape[0])
    for r in range(rows):
        for j in range(begin, end, LANES):
            store(dp, (j,), fma(load(dz, (r, column + j)), load(c, (skipped + r, j)), load(dp, (j,))))


@jit
def add_picked_rows(dU, ids, dz, member, rows):
    """Add a member's columns of ∇U = Σ x_tᵀ δ_t with one-hot x_t.

    Each row of dz [≥rows, ≥G] is added to the row of dU [V, G] that ids [T, B] picked.
    """
    first, last = share(dU.shape[1], member)
    begin, end = first * PANEL, min(last * PANEL, dU.shape[1])
    picked = ids.reshape(-1)
    for r in range(rows):
        symbol = min(max(picked[r], 0), dU.shape[0] - 1)  # dz is zero in a gap between documents
        for j in range(begin, end, LANES):
            store(dU, (symbol, j), load(dU, (symbol, j)) + load(dz, (r, j)))


@jit
def add_scaled_rows(dU, ids, factors, dz, member, rows):
    """Add a member's columns of ∇U, as `add_picked_rows` does, where x_t is one-hot times a factor from [T, B]."""
    first, last = share(dU.shape[1], member)
    begin, end = first * PANEL, min(last * PANEL, dU.shape[1])
    picked, scales = ids.reshape(-1), factors.reshape(-1)
    for r in range(rows):
        symbol, factor = min(max(picked[r], 0), dU.shape[0] - 1), scales[r]
        for j in range(begin, end, LANES):
            store(dU, (symbol, j), load(dU, (symbol, j)) + load(dz, (r, j)) * factor)


@shared(types.void(FLOATS[2], FLOATS[2], INTEGER, INTEGER, FLOATS[2], *[INTEGER] * 4, FLOATS[1]))
def multiply_transposed_add(c, a, skipped, shift, b, skip, rows, first, last, scratch):
    """Add a weight gradient, c += aᵀ b, to some panels of columns.

    The panels are `first` to `last` of c [M, N]. a [≥skipped + rows, ≥shift + M] is read after `skipped` rows and from
    column `shift` on, and b [≥rows, ≥skip + N] from column `skip` on; M and N are whole vectors. Both are packed into
    scratch (of `scratch_size`), BLOCK_ROWS rows at a time: a into tiles of TILE_ROWS columns, b into panels.
    """
    height, columns = c.shape
    begin, end = first * PANEL, min(last * PANEL, columns)
    tiles = (height + TILE_ROWS - 1) // TILE_ROWS
    panels_begin = tiles * TILE_STRIDE
    for block in range(0, rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, rows - block)
        for k in range(size):
            for tile in range(tiles):  # a vector is wider than a tile; the next row's overwrites the excess
                values = load(a, (skipped + block + k, shift + tile * TILE_ROWS))
                store(scratch, (tile * TILE_STRIDE + k * TILE_ROWS,), values)
        for k in range(size):
            place = panels_begin
            for left in range(begin, end, PANEL):
                width = min(PANEL, end - left)
                for j in range(0, width, LANES):
                    store(scratch, (place + k * width + j,), load(b, (block + k, skip + left + j)))
                place += PANEL_STRIDE
        for panel in range(last - first):
            left = begin + panel * PANEL
            for tile in range(tiles):
                top = tile * TILE_ROWS
                multiply_tile(
                    Tile(
                        rows=min(TILE_ROWS, height - top),
                        vectors=min(PANEL, columns - left) // LANES,
                        c=address(c, (top, left)),
                        c_row=columns,
                        a=address(scratch, (tile * TILE_STRIDE,)),
                        a_row=1,
                        a_inner=TILE_ROWS,
                        panel=address(scratch, (panels_begin + panel * PANEL_STRIDE,)),
                        inner=size,
                    )
                )


def scratch_size(height: int, columns: int) -> int:
    """Return the size of scratch for `multiply_transposed_add`, in floats.

    `height` is M, and `columns` is N, or one worker's share of them.
    """
    return -(-height // TILE_ROWS) * TILE_STRIDE + (-(-columns // PANEL) + 1) * PANEL_STRIDE


@jit
def add_product(dW, x, slot, dz, skip, rows, member, scratch):
    """Add a member's columns of ∇W = Σ x_tᵀ δ_t.

    x [·, B, ≥N] holds x_0 in `slot`; W feeds dz from column `skip` on.
    """
    first, last = share(dW.shape[1], member)
    flat = x.reshape(-1, x.shape[2])
    multiply_transposed_add(dW, flat, slot * x.shape[1], 0, dz, skip, rows, first, last, scratch)


@jit
def rows_of_symbols(symbols, member):
    """Return a member's share of the rows of V, whole vectors [first, last)."""
    vectors = symbols // LANES
    return member.worker * vectors // member.workers * LANES, (member.worker + 1) * vectors // member.workers * LANES


@jit
def add_output_product(dV, d_logits, x, slot, rows, member, scratch):
    """Add a member's rows of ∇V, transposed: Σ δ_tᵀ x_t.

    dV [V, I]; the rows of d_logits [≥rows, V] hold δ_t; x [·, B, I] holds x_0 in `slot`.
    """
    first, last = rows_of_symbols(dV.shape[0], member)
    flat = x.reshape(-1, x.shape[2])[slot * x.shape[1] :]
    multiply_transposed_add(dV[first:last], d_logits, 0, first, flat, 0, rows, 0, panels(dV.shape[1]), scratch)


@jit
def add_reversed_output_product(dV, d_logits, x, steps, rows, member, scratch):
    """Add a member's rows of Σ δ_tᵀ x_{steps−1−t}.

    dV [V, I]; the rows of d_logits [≥steps·B, V] hold δ_t; x [T+1, B, I] holds x_t in slot t.
    """
    first, last = rows_of_symbols(dV.shape[0], member)
    flat, share_of_dV = x.reshape(-1, x.shape[2]), dV[first:last]
    for t in range(steps):
        read = flat[(steps - 1 - t) * rows :]
        multiply_transposed_add(share_of_dV, d_logits, t * rows, first, read, 0, rows, 0, panels(dV.shape[1]), scratch)
