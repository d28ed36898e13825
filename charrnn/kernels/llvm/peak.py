"""The processor's peak speed of multiply-adds: sums that stay in registers, and no other work."""

from typing import Any

from numba import types

from charrnn.kernels.llvm.compiler import intrinsic, jit
from charrnn.kernels.llvm.loop import INT, emit_loop
from charrnn.kernels.llvm.processor import FEATURES
from charrnn.kernels.llvm.vector import LANES, fma_value, load_value, splat_value, store_value

# The sums, a factor and an addend must fit in the registers. There must also be enough sums for each arithmetic unit to
# begin one in every cycle, though each takes four or five cycles: 10 registers or, on the widest processors, 16.
# AVX-512 has 32 registers of 16 floats: 24 sums.
# AVX has 16 of 8 floats, so a sum takes two: 6 sums.
# NEON has 32 of 4 floats, so a sum takes four: 6 sums. SSE has 16 of 4 floats: 3 sums.
SUMS = 24 if FEATURES.get("avx512f") else 3 if FEATURES.get("sse2") and not FEATURES.get("avx") else 6
FLOP_PER_ROUND = 2 * SUMS * LANES


@intrinsic
def _multiply_and_add(typing: Any, sums: Any, factor: Any, addend: Any, rounds: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        addresses = [builder.gep(data, [INT(i * LANES)]) for i in range(SUMS)]
        factor, addend = (
            splat_value(builder, context.cast(builder, args[i], sig.args[i], types.float32)) for i in (1, 2)
        )
        rounds = context.cast(builder, args[3], sig.args[3], types.int64)

        def round_(_: Any, values: list[Any]) -> list[Any]:
            # Not sum + factor · addend: without a fused operation, LLVM would move that product out of the loop.
            return [fma_value(builder, value, factor, addend) for value in values]

        first = [load_value(builder, address) for address in addresses]
        for address, value in zip(addresses, emit_loop(builder, INT(0), rounds, 1, first, round_), strict=True):
            store_value(builder, value, address)
        return context.get_dummy_value()

    return types.void(sums, factor, addend, rounds), generate


@jit
def multiply_and_add(sums, factor, addend, rounds):
    """Compute s = s · factor + addend repeatedly for each sum.

    It does so `rounds` times on sums [SUMS, LANES]. Each round takes FLOP_PER_ROUND floating-point operations, and no
    sum waits for another.
    """
    _multiply_and_add(sums, factor, addend, rounds)
