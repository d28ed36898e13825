"""A barrier where threads wait for each other, first spinning, then sleeping; and their floating-point mode."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from charrnn.kernels.llvm.atomics import atomic_add, atomic_load, nap, pause
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.float_mode import FLUSH_TO_ZERO, float_control, set_float_control

COUNT, GENERATION, BROKEN, SIZE = 0, 8, 16, 24  # entries of a barrier's array, a cache line apart
SPINS = 2000  # about a tenth of a millisecond, longer than shares of work differ; then let other threads run


def new() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the memory of a new barrier."""
    return np.zeros(SIZE, np.int64)


@entry
def wait(member):
    """Wait until all members of a team have arrived.

    A broken barrier does not wait: another thread has failed, and the results will not be used.
    """
    barrier = member.barrier
    if member.workers == 1:
        return
    generation = atomic_load(barrier, GENERATION)
    if atomic_add(barrier, COUNT, 1) == member.workers - 1:
        atomic_add(barrier, COUNT, -member.workers)
        atomic_add(barrier, GENERATION, 1)
        return
    spins = 0
    while atomic_load(barrier, GENERATION) == generation and atomic_load(barrier, BROKEN) == 0:
        spins += 1
        if spins < SPINS:
            pause()
        else:
            nap()


@jit
def share_of(count, member):
    """Return a member's share of `count` rows, blocks or the like: [first, last)."""
    return member.worker * count // member.workers, (member.worker + 1) * count // member.workers


@entry
def flush_denormals():
    """Treat denormal numbers as zeros; return the thread's previous mode."""
    before = float_control()
    set_float_control(before | FLUSH_TO_ZERO)
    return before


@entry
def restore_denormals(before):
    """Restore this thread's floating-point mode."""
    set_float_control(before)


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat denormal numbers as zeros during a block.

    The thread's previous mode is restored however the block ends.
    """
    before = flush_denormals()
    try:
        yield
    finally:
        restore_denormals(before)
