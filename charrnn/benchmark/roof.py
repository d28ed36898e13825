"""The most that this machine can do: its fused multiply-add peak, and NumPy's matrix product. Both in FLOP."""

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

ROUNDS_A_STEP = 200_000  # of the peak's kernel: a millisecond
THREAD_LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def peak_side(team: Team) -> Side:
    """Return a side that multiplies and adds in registers, on all threads of a team at once."""
    sums = [aligned(peak.SUMS, LANES) for _ in range(team.size)]
    for values in sums:
        values[:] = np.random.default_rng(0).uniform(1.0, 2.0, values.shape)

    def side(steps: int) -> int:
        team.run(lambda worker: peak.multiply_and_add(sums[worker], 0.999, 0.0015, steps * ROUNDS_A_STEP))
        return team.size * steps * ROUNDS_A_STEP * peak.FLOP_PER_ROUND

    return side


@contextmanager
def product_side(threads: int) -> Iterator[Side]:
    """Give a side that multiplies float32 matrices of 1024×1024 with NumPy, on so many threads at the most.

    Raises CharrnnError, in the side, where the process that does it has ended.
    """
    child = subprocess.Popen(
        [sys.executable, "-P", matrix_product.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # on Ctrl-C it gets the signal too, and has nothing to say about it
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
            raise CharrnnError("NumPy's matrix product could not be measured: its process has ended") from None
        return steps * 2 * matrix_product.SIZE**3

    try:
        yield side
    finally:
        child.kill()
        child.communicate()
