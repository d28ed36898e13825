"""What kernels are given: tuples with named fields, made in Python and read in compiled code alike.

Sizes: D stacks (two in a bidirectional network) of L layers, those of all stacks one after another; T steps, B rows of
the batch, H units, Z columns of all gates, V symbols, I numbers that a layer puts out; H, I and V are padded.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]


class Windows(NamedTuple):
    """N windows of text, one after the other."""

    ids: Integers  # [N, D·T, B]: what is read; below 0 in the gap between two documents
    targets: Integers  # [N, T, B]: what is to be predicted; below 0 where nothing is
    lengths: NDArray[np.int64]  # [N]: steps


class Plan(NamedTuple):
    """What N steps of training are to do, one for each window, and room for what comes of them."""

    scales: NDArray[np.float64]  # [N]: what the sum of a window's losses is multiplied by, 1/predictions
    rates: NDArray[np.float64]  # [N]: learning rates
    updates: NDArray[np.float64]  # [N]: which update it is since the optimizer's moments were zero, from 1 on
    keep: float  # the share that dropout keeps
    keys: Integers  # [N, D·L]: dropout's seeds, or [N, 0] where nothing is dropped
    fresh: NDArray[np.bool_]  # [N, B]: rows that begin from the first states
    full_rows: NDArray[np.int64]  # [N]: how many of the first rows take all steps; the others take one less
    losses: NDArray[np.float64]  # [N]: written: the sum of each window's losses, in nats
    norms: NDArray[np.float64]  # [N]: written: the gradient's norm before clipping
