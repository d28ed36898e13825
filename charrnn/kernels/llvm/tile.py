"""The inner loop of every product: a few rows of the result by a few vectors of columns, summed in registers."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.kernels.llvm.compiler import intrinsic
from charrnn.kernels.llvm.loop import INT, emit_loop
from charrnn.kernels.llvm.processor import FEATURES
from charrnn.kernels.llvm.vector import (
    FLOAT,
    INTEGERS,
    LANES,
    fma_value,
    load_value,
    prefetch_value,
    splat_value,
    store_value,
)

# The sums of a tile, the weights of one inner step and one broadcast value must fit in the registers.
# AVX-512 has 32 registers of 16 floats: 8×3 sums, 3 weights, 1 value.
# AVX2 has 16 of 8 floats, so a vector takes two: 6×1×2 sums, 2 weights, 1 value.
# NEON has 32 of 4 floats, so a vector takes four: 6×1×4 sums, 4 weights, 1 value.
TILE_ROWS, TILE_VECTORS = (8, 3) if FEATURES.get("avx512f") else (6, 1)
UNROLL = 4  # inner steps between two tests for the end
AHEAD = 6  # inner steps, about 70 cycles: how early weights are fetched, as they come from the second-level cache


def _emit_tile(builder: Any, rows: int, vectors: int, args: Any) -> None:
    """Emit c[:rows] += a[:rows] · panel for one size of tile.

    Each sum is one chain, in the order of the index k.
    """
    c, c_row, a, a_row, a_inner, panel, inner = args
    pointer = FLOAT.as_pointer()
    c, a, panel = (builder.inttoptr(value, pointer) for value in (c, a, panel))
    c_rows = [builder.gep(c, [builder.mul(c_row, INT(r))]) for r in range(rows)]
    a_offsets = [builder.mul(a_row, INT(r)) for r in range(rows)]
    sums = [load_value(builder, builder.gep(c_rows[r], [INT(v * LANES)])) for r in range(rows) for v in range(vectors)]

    def inner_step(k: Any, values: list[Any]) -> None:
        row = builder.gep(panel, [builder.mul(k, INT(vectors * LANES))])
        weights = [load_value(builder, builder.gep(row, [INT(v * LANES)])) for v in range(vectors)]
        for v in range(vectors):
            prefetch_value(builder, builder.gep(row, [INT((AHEAD * vectors + v) * LANES)]))
        column = builder.gep(a, [builder.mul(k, a_inner)])
        for r in range(rows):
            value = splat_value(builder, builder.load(builder.gep(column, [a_offsets[r]])))
            for v in range(vectors):
                values[r * vectors + v] = fma_value(builder, value, weights[v], values[r * vectors + v])

    def inner_steps(count: int) -> Any:
        def body(k: Any, values: list[Any]) -> list[Any]:
            for step in range(count):
                inner_step(builder.add(k, INT(step)), values)
            return values

        return body

    whole = builder.and_(inner, INT(-UNROLL))
    sums = emit_loop(builder, INT(0), whole, UNROLL, sums, inner_steps(UNROLL))
    sums = emit_loop(builder, whole, inner, 1, sums, inner_steps(1))
    for r in range(rows):
        for v in range(vectors):
            store_value(builder, sums[r * vectors + v], builder.gep(c_rows[r], [INT(v * LANES)]))


@intrinsic
def multiply_any_tile(typing: Any, tile: Any) -> Any:
    """Add a product to a `kernels.arguments.Tile` of any size.

    Code for every size is emitted, with a switch between them.
    """

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

    return types.void(tile), generate


@intrinsic
def transpose_tile(typing: Any, target: Any, target_row: Any, source: Any, source_row: Any) -> Any:
    """Write the transpose of 16×16 floats to another address.

    The strides of rows count floats.
    """

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
