"""Products of matrices, with the program's own kernel.

NumPy's library for them starts threads of its own, which wait for each other: on a busy machine, for a long time.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels import product
from charrnn.kernels.llvm.vector import padded

Values = NDArray[Any]


def multiply(a: Values, b: Values) -> Values:
    """Return a b of matrices of float32, added up in one fixed order; of others, as NumPy computes it."""
    if not (a.ndim == b.ndim == 2 and a.dtype == b.dtype == np.float32 and a.shape[1] == len(b)):
        return np.asarray(a @ b)
    rows, columns = len(a), b.shape[1]
    whole = np.zeros((1, rows, padded(columns)), np.float32)
    right = np.ascontiguousarray(b)
    if columns != whole.shape[2]:
        right = np.zeros((len(b), whole.shape[2]), np.float32)
        right[:, :columns] = b
    product.multiply(whole, np.ascontiguousarray(a)[np.newaxis], right, np.empty(right.size, np.float32))
    return whole[0, :, :columns]
