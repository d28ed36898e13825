"""The most that this machine can do, in FLOP: fused multiply-adds, and NumPy's matrix product."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from charrnn.benchmark import matrix_product
from charrnn.benchmark.timing import Side
from charrnn.errors import CharrnnError
from charrnn.kernels.llvm import peak
from charrnn.kernels.llvm.vector import LANES
from charrnn.model.parameters import aligned
from charrnn.model.team import Team

ROUNDS_A_STEP = 200_000  # of the peak's kernel, about a millisecond
THREAD_LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def peak_side(team: Team) -> Side:
    """Return a side of fused multiply-adds in registers.

    It runs on all threads of a team at once.
    """
    sums = [aligned(peak.SUMS, LANES) for _ in range(team.size)]
    for values in sums:
        values[:] = np.random.default_rng(0).uniform(1.0, 2.0, values.shape)

    def side(steps: int) -> int:
        team.run(lambda worker: peak.multiply_and_add(sums[worker], 0.999, 0.0015, steps * ROUNDS_A_STEP))
        return team.size * steps * ROUNDS_A_STEP * peak.FLOP_PER_ROUND

    return side


@contextmanager
def product_side(threads: int) -> Iterator[Side]:
    """Provide a side that multiplies float32 matrices of 1024×1024 with NumPy.

    It uses at most `threads` threads. The side raises CharrnnError if its process has ended.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", matrix_product.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Ctrl-C reaches it too, and its message would be noise
        text=True,
        env=os.environ | dict.fromkeys(THREAD_LIMITS, str(threads)),
    )
    assert child.stdin is not None
    assert child.stdout is not None
    requests, answers = child.stdin, child.stdout

    def side(steps: int) -> int:
        try:
            requests.write(f"{steps}\n")
            requests.flush()
            if not answers.readline():
                raise BrokenPipeError
        except (OSError, ValueError):  # ValueError: the pipe is closed
            raise CharrnnError("NumPy's matrix product could not be measured: its process ended early") from None
        return steps * 2 * matrix_product.SIZE**3

    try:
        yield side
    finally:
        child.kill()
        child.communicate()
