"""How fast the processor multiplies and adds at best: sums that stay in registers, and nothing else to do."""

from typing import Any

from llvmlite import ir
from numba import types

from charrnn.kernels.llvm.compiler import intrinsic, jit
from charrnn.kernels.llvm.vector import FEATURES, LANES, fma_value, load_value, splat_value, store_value

# The sums, a factor and an addend must fit in the registers, and there must be so many sums that each unit can begin
# one in every cycle, though it takes four or five cycles to end: 10 registers or, on the widest processors, 16.
# AVX-512 has 32 registers of 16 floats: 24 sums.
# AVX has 16 of 8 floats, so a sum takes two: 6 sums.
# NEON has 32 of 4 floats, so a sum takes four: 6 sums. SSE has 16 of 4 floats: 3 sums.
SUMS = 24 if FEATURES.get("avx512f") else 3 if FEATURES.get("sse2") and not FEATURES.get("avx") else 6
FLOP_PER_ROUND = 2 * SUMS * LANES

INT = ir.IntType(64)


@intrinsic
def _multiply_and_add(typing: Any, sums: Any, factor: Any, addend: Any, rounds: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        places = [builder.gep(data, [INT(i * LANES)]) for i in range(SUMS)]
        factor, addend = (
            splat_value(builder, context.cast(builder, args[i], sig.args[i], types.float32)) for i in (1, 2)
        )
        rounds = context.cast(builder, args[3], sig.args[3], types.int64)
        first = [load_value(builder, place) for place in places]
        before = builder.block
        body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.branch(body)
        builder.position_at_end(body)
        done = builder.phi(INT)
        done.add_incoming(INT(0), before)
        carried = [builder.phi(value.type) for value in first]
        # Not sum + factor · addend: where there is no fused operation, that product would be taken out of the loop.
        current = [fma_value(builder, value, factor, addend) for value in carried]
        for phi, start, value in zip(carried, first, current, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(value, body)
        done_next = builder.add(done, INT(1))
        done.add_incoming(done_next, body)
        builder.cbranch(builder.icmp_signed("<", done_next, rounds), body, after)
        builder.position_at_end(after)
        for place, value in zip(places, current, strict=True):
            store_value(builder, value, place)
        return context.get_dummy_value()

    return types.void(sums, factor, addend, rounds), generate


@jit
def multiply_and_add(sums, factor, addend, rounds):
    """Do s = s · factor + addend on each entry of sums [SUMS, LANES], `rounds` (at least 1) times.

    FLOP_PER_ROUND floating-point operations a round; no sum waits for another.
    """
    _multiply_and_add(sums, factor, addend, rounds)
