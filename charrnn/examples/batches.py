"""Batches of examples of similar lengths, in an order that a seed and an epoch decide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.examples.dataset import Places

POOL = 50  # batches whose examples are sorted by length together
PURPOSE = 6  # of the random bits, as `training.steps.random_bits` numbers purposes


def plan(lengths: Places, batch_size: int, seed: int, epoch: int) -> list[Places]:
    """Return the indices of the examples in each batch of an epoch; every example is in one batch.

    The examples are shuffled; pools of `POOL` batches are sorted by length, so that little is padded; and the batches
    are shuffled. Every epoch has ⌈N / batch_size⌉ batches, all of which but one are full. The same arguments give the
    same batches, on any processor.
    """
    count = lengths.size
    batches = -(-count // batch_size)
    bits = np.random.Philox(key=seed, counter=[0, epoch, PURPOSE, 0]).random_raw(count + batches)
    order: NDArray[np.intp] = np.argsort(bits[:count], kind="stable")
    pools = np.arange(count) // (POOL * batch_size)
    order = order[np.lexsort((lengths[order], pools))]
    parts = np.split(order.astype(np.int64), range(batch_size, count, batch_size)) if count else []
    return [parts[k] for k in np.argsort(bits[count:], kind="stable").tolist()]


def padding(lengths: Places, batches: list[Places]) -> float:
    """Return the share of steps that are padding if each batch is as long as its longest example."""
    steps = sum(int(lengths[batch].max()) * batch.size for batch in batches)
    return 1 - float(lengths.sum()) / steps
