"""Where threads wait for each other without giving up their processors, and the floating-point mode they run in."""

from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.kernels.compiler import intrinsic, jit
from charrnn.kernels.simd import FLUSH_TO_ZERO, float_control, set_float_control

COUNT, GENERATION = 0, 8  # places in the barrier's array, a cache line apart
SIZE = 16


def _item(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@intrinsic
def _atomic_add(typing: Any, array: Any, index: Any, amount: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, amount = args
        index = context.cast(builder, index, sig.args[1], types.int64)
        amount = context.cast(builder, amount, sig.args[2], types.int64)
        return builder.atomic_rmw("add", _item(context, builder, sig.args[0], array, index), amount, "seq_cst")

    return types.int64(array, index, amount), generate


@intrinsic
def _atomic_load(typing: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index = context.cast(builder, args[1], sig.args[1], types.int64)
        return builder.load_atomic(_item(context, builder, sig.args[0], args[0], index), "seq_cst", 8)

    return types.int64(array, index), generate


@intrinsic
def _pause(typing: Any) -> Any:
    """Tell the processor that this thread spins."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        triple = llvmlite.binding.get_process_triple()
        if triple.startswith(("x86_64", "i686", "amd64")):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@jit
def arrive(barrier, parties):
    """Count this thread in; the last of `parties` opens the barrier. Return the generation to wait for the end of."""
    generation = _atomic_load(barrier, GENERATION)
    if _atomic_add(barrier, COUNT, 1) == parties - 1:
        _atomic_add(barrier, COUNT, -parties)
        _atomic_add(barrier, GENERATION, 1)
    return generation


@jit
def opened(barrier, generation, spins):
    """Spin until the barrier of that generation has opened, or `spins` times; tell whether it has."""
    for _ in range(spins):
        if _atomic_load(barrier, GENERATION) != generation:
            return True
        _pause()
    return False


@jit
def flush_denormals():
    """Make this thread take denormal numbers for zeros; return the mode it was in."""
    before = float_control()
    set_float_control(before | FLUSH_TO_ZERO)
    return before


@jit
def restore_denormals(before):
    """Put this thread's floating-point mode back."""
    set_float_control(before)
