"""NumPy's matrix product in a separate process, because importing NumPy fixes its number of threads.

The process reads one number of products per line, and answers with an empty line when they are done.
"""

import sys

import numpy as np

SIZE = 1024  # rows and columns: three matrices of 4 MB


def serve() -> None:
    """Answer until standard input ends."""
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
