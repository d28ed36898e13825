"""NumPy's matrix product in a process of its own, as its number of threads is settled when NumPy is imported.

The process reads a number of products a line and answers each with an empty line when they are done.
"""

import sys

import numpy as np

SIZE = 1024  # rows and columns: three matrices of 4 MB


def serve() -> None:
    """Answer until the standard input ends."""
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((SIZE, SIZE), np.float32) for _ in range(2))
    c = np.empty_like(a)
    for line in sys.stdin:
        for _ in range(int(line)):
            np.matmul(a, b, out=c)
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
