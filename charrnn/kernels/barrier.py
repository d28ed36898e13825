"""Where threads wait for each other, spinning first and then napping, and the floating-point mode they run in."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.kernels.llvm.compiler import entry, intrinsic
from charrnn.kernels.llvm.vector import FLUSH_TO_ZERO, float_control, set_float_control

COUNT, GENERATION, BROKEN, SIZE = 0, 8, 16, 24  # places in a barrier's array, a cache line apart
SPINS = 2000  # about a tenth of a millisecond: longer than shares of work differ
NAP = 30  # microseconds: a thread that waits longer sleeps, so that the one it waits for may have its processor

_TRIPLE = llvmlite.binding.get_process_triple()


def _find_usleep() -> bool:
    """Make the C library's usleep known to compiled code; tell whether there is one."""
    try:
        function = ctypes.CDLL(None).usleep
    except (AttributeError, OSError, TypeError):  # Windows has none; there a waiting thread spins on
        return False
    llvmlite.binding.add_symbol("usleep", ctypes.cast(function, ctypes.c_void_p).value)
    return True


_CAN_SLEEP = _find_usleep()


def new() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the memory of a new barrier."""
    return np.zeros(SIZE, np.int64)


MEETING = types.Tuple((types.int64[::1], types.int64))


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


def _call(builder: Any, name: str, result: Any, *arguments: Any) -> None:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def _pause(typing: Any) -> Any:
    """Tell the processor that this thread spins."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _TRIPLE.startswith(("x86_64", "i686", "amd64")):
            _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _nap(typing: Any) -> Any:
    """Sleep a little, where the system has a call for it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _CAN_SLEEP:
            _call(builder, "usleep", ir.IntType(32), ir.IntType(32)(NAP))
        return context.get_dummy_value()

    return types.void(), generate


@entry
def wait(meeting):
    """Wait until all have come: `meeting` is a barrier and the number of threads that meet there.

    A broken barrier holds nobody: another thread has failed, and what is computed will not be used.
    """
    barrier, parties = meeting
    if parties == 1:
        return
    generation = _atomic_load(barrier, GENERATION)
    if _atomic_add(barrier, COUNT, 1) == parties - 1:
        _atomic_add(barrier, COUNT, -parties)
        _atomic_add(barrier, GENERATION, 1)
        return
    spins = 0
    while _atomic_load(barrier, GENERATION) == generation and _atomic_load(barrier, BROKEN) == 0:
        spins += 1
        if spins < SPINS:
            _pause()
        else:
            _nap()


@entry
def flush_denormals():
    """Make this thread take denormal numbers for zeros; return the mode it was in."""
    before = float_control()
    set_float_control(before | FLUSH_TO_ZERO)
    return before


@entry
def restore_denormals(before):
    """Put this thread's floating-point mode back."""
    set_float_control(before)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take denormal numbers for zeros in this thread; put its mode back at the end, whatever happens."""
    before = flush_denormals()
    try:
        yield
    finally:
        restore_denormals(before)
