"""Matrix products: pack the weights once, then many products against the packed form.

A product is done in tiles: a few rows of the result by one panel of columns, whose sums stay in registers through the
whole inner loop. Every entry of a result is one chain of fused multiply-adds in the order of the inner index, whatever
the tile that holds it, so the bits do not depend on how rows or columns are shared out between threads.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.kernels.llvm.compiler import intrinsic, jit, shared
from charrnn.kernels.llvm.vector import (
    FEATURES,
    FLOAT,
    INTEGERS,
    LANES,
    address,
    fma_value,
    load,
    load_value,
    prefetch_value,
    splat_value,
    store,
    store_value,
)

# The sums of a tile, the weights of one inner step and one broadcast value must fit in the registers.
# AVX-512 has 32 registers of 16 floats: 8×3 sums, 3 weights, 1 value.
# AVX2 has 16 of 8 floats, so a vector takes two: 6×1×2 sums, 2 weights, 1 value.
# NEON has 32 of 4 floats, so a vector takes four: 6×1×4 sums, 4 weights, 1 value.
TILE_ROWS, TILE_VECTORS = (8, 3) if FEATURES.get("avx512f") else (6, 1)
PANEL = TILE_VECTORS * LANES  # columns in a packed panel; the last panel of a matrix may have fewer
UNROLL = 4  # inner steps between two tests for the end
AHEAD = 6  # inner steps: weights are asked for this early, some 70 cycles, as they come from the second-level cache

INT = ir.IntType(64)
ROWS = types.float32[:, :, :]  # of a window: steps, rows of the batch, columns
FLAT = types.float32[::1]


def _emit_tile(builder: Any, rows: int, vectors: int, args: Any) -> None:
    """Emit c[:rows] += a[:rows] · panel for one size of tile."""
    c, c_row, a, a_row, a_inner, panel, inner = args
    pointer = FLOAT.as_pointer()
    c, a, panel = (builder.inttoptr(value, pointer) for value in (c, a, panel))
    c_rows = [builder.gep(c, [builder.mul(c_row, INT(r))]) for r in range(rows)]
    a_offsets = [builder.mul(a_row, INT(r)) for r in range(rows)]
    sums = [load_value(builder, builder.gep(c_rows[r], [INT(v * LANES)])) for r in range(rows) for v in range(vectors)]

    def loop(sums: list[Any], start: Any, stop: Any, steps: int) -> list[Any]:
        """Emit a loop over the inner index from start to stop, `steps` of it a round."""
        before = builder.block
        body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed("<", start, stop), body, after)
        builder.position_at_end(body)
        k = builder.phi(INT)
        k.add_incoming(start, before)
        carried = []
        for value in sums:
            phi = builder.phi(value.type)
            phi.add_incoming(value, before)
            carried.append(phi)
        current = list(carried)
        for step in range(steps):
            k_now = builder.add(k, INT(step))
            row = builder.gep(panel, [builder.mul(k_now, INT(vectors * LANES))])
            weights = [load_value(builder, builder.gep(row, [INT(v * LANES)])) for v in range(vectors)]
            for v in range(vectors):
                prefetch_value(builder, builder.gep(row, [INT((AHEAD * vectors + v) * LANES)]))
            column = builder.gep(a, [builder.mul(k_now, a_inner)])
            for r in range(rows):
                value = splat_value(builder, builder.load(builder.gep(column, [a_offsets[r]])))
                for v in range(vectors):
                    place = r * vectors + v
                    current[place] = fma_value(builder, value, weights[v], current[place])
        k_next = builder.add(k, INT(steps))
        k.add_incoming(k_next, builder.block)
        for phi, value in zip(carried, current, strict=True):
            phi.add_incoming(value, builder.block)
        end = builder.block
        builder.cbranch(builder.icmp_signed("<", k_next, stop), body, after)
        builder.position_at_end(after)
        merged = []
        for first, last in zip(sums, current, strict=True):
            phi = builder.phi(first.type)
            phi.add_incoming(first, before)
            phi.add_incoming(last, end)
            merged.append(phi)
        return merged

    whole = builder.and_(inner, INT(-UNROLL))
    sums = loop(sums, INT(0), whole, UNROLL)
    sums = loop(sums, whole, inner, 1)
    for r in range(rows):
        for v in range(vectors):
            store_value(builder, sums[r * vectors + v], builder.gep(c_rows[r], [INT(v * LANES)]))


@intrinsic
def _all_tiles(typing: Any, arguments: Any) -> Any:
    """Emit every size of tile, and the choice between them."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rows, vectors, *rest = cgutils.unpack_tuple(builder, args[0])
        done = builder.append_basic_block("done")
        size = builder.add(builder.mul(rows, INT(TILE_VECTORS + 1)), vectors)
        switch = builder.switch(size, done)
        for r in range(1, TILE_ROWS + 1):
            for v in range(1, TILE_VECTORS + 1):
                block = builder.append_basic_block(f"tile_{r}x{v}")
                switch.add_case(INT(r * (TILE_VECTORS + 1) + v), block)
                with builder.goto_block(block):
                    _emit_tile(builder, r, v, rest)
                    builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(arguments), generate


@shared(types.void(*[types.intp] * 9))
def multiply_tile(rows, vectors, c, c_row, a, a_row, a_inner, panel, inner):
    """Add a product to a tile of c: ``c[r, :] += Σ_k a[r·a_row + k·a_inner] · panel[k, :]``.

    The tile has 1 to TILE_ROWS rows and 1 to TILE_VECTORS vectors of columns; `c`, `a` and `panel` are addresses, the
    strides count floats, and the panel is `inner` rows of that many vectors without gaps.
    """
    _all_tiles((rows, vectors, c, c_row, a, a_row, a_inner, panel, inner))


@jit
def panels(columns):
    """Return how many panels a matrix of that many (whole vectors of) columns packs into."""
    return (columns + PANEL - 1) // PANEL


@jit
def share(columns, worker, workers):
    """Return the panels [first, last) of so many columns that fall to one of several workers."""
    count = panels(columns)
    return worker * count // workers, (worker + 1) * count // workers


@intrinsic
def transpose_tile(typing: Any, target: Any, target_row: Any, source: Any, source_row: Any) -> Any:
    """Write the transpose of 16×16 floats at one address to another; the rows' strides count floats."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target, target_row, source, source_row = (
            context.cast(builder, a, k, types.intp) for a, k in zip(args, sig.args, strict=True)
        )
        target, source = (builder.inttoptr(value, FLOAT.as_pointer()) for value in (target, source))
        lanes = range(LANES)
        rows = [load_value(builder, builder.gep(source, [builder.mul(source_row, INT(i))])) for i in lanes]
        distance = 1
        while distance < LANES:  # swap the off-diagonal blocks of size 1, 2, 4, 8 in turn
            low = [j if not j & distance else LANES + j - distance for j in lanes]
            high = [j + distance if not j & distance else LANES + j for j in lanes]
            for i in lanes:
                if not i & distance:
                    pair = rows[i], rows[i + distance]
                    rows[i] = builder.shuffle_vector(*pair, ir.Constant(INTEGERS, low))
                    rows[i + distance] = builder.shuffle_vector(*pair, ir.Constant(INTEGERS, high))
            distance *= 2
        for i in lanes:
            store_value(builder, rows[i], builder.gep(target, [builder.mul(target_row, INT(i))]))
        return context.get_dummy_value()

    return types.void(target, target_row, source, source_row), generate


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
def pack_shares(packed, packed_transposed, matrix, worker, workers):
    """Pack a worker's share of a matrix, and of its transpose if there is room for that."""
    first, last = share(matrix.shape[1], worker, workers)
    pack(packed, matrix, first, last)
    if packed_transposed.size:
        first, last = share(matrix.shape[0], worker, workers)
        pack_transposed(packed_transposed, matrix, first, last)


@shared(types.void(ROWS, ROWS, FLAT, types.intp))
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
                    bottom - top,
                    width // LANES,
                    address(c, (step, top, begin)),
                    c_row,
                    address(a, (step, top, 0)),
                    a_row,
                    1,
                    panel,
                    inner,
                )
