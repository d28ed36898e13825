"""Atomic counters that threads share, and ways for a thread to wait."""

import ctypes
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.kernels.llvm.compiler import intrinsic
from charrnn.kernels.llvm.processor import X86

NAP = 30  # microseconds


def _find_usleep() -> bool:
    """Link the C library's usleep; return whether it exists."""
    try:
        function = ctypes.CDLL(None).usleep
    except (AttributeError, OSError, TypeError):  # Windows has none; there a waiting thread keeps spinning
        return False
    llvmlite.binding.add_symbol("usleep", ctypes.cast(function, ctypes.c_void_p).value)
    return True


_CAN_SLEEP = _find_usleep()


def _item(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> None:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def atomic_add(typing: Any, array: Any, index: Any, amount: Any) -> Any:
    """Add to an int64 array's entry; return its previous value."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, amount = args
        index = context.cast(builder, index, sig.args[1], types.int64)
        amount = context.cast(builder, amount, sig.args[2], types.int64)
        return builder.atomic_rmw("add", _item(context, builder, sig.args[0], array, index), amount, "seq_cst")

    return types.int64(array, index, amount), generate


@intrinsic
def atomic_load(typing: Any, array: Any, index: Any) -> Any:
    """Return an int64 array's entry, as other threads left it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index = context.cast(builder, args[1], sig.args[1], types.int64)
        return builder.load_atomic(_item(context, builder, sig.args[0], args[0], index), "seq_cst", 8)

    return types.int64(array, index), generate


@intrinsic
def pause(typing: Any) -> Any:
    """Inform the processor that this thread is spinning."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if X86:
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def nap(typing: Any) -> Any:
    """Sleep for NAP microseconds, if the system has usleep."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _CAN_SLEEP:
            _call(builder, "usleep", ir.IntType(32), ir.IntType(32)(NAP))
        return context.get_dummy_value()

    return types.void(), generate
