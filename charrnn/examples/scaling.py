"""Standardization of numbers: mean 0 and standard deviation 1 on the examples to train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Floats

LEAST = 1e-6  # of the largest number of a column: a smaller deviation is rounding, and the column constant


@dataclass(frozen=True, eq=False)
class Scaling:
    """The mean and the standard deviation of K columns, both float64 [K]."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, values: Floats) -> Scaling:
        """Return the scaling of values [N, K], of which rows with NaN do not count.

        The deviation of a constant column is 1.
        """
        known = values[~np.isnan(values).any(axis=1)].astype(np.float64)
        if not len(known):
            raise ValueError("there are no values to scale")
        mean = known.mean(axis=0)
        deviation = np.sqrt(np.square(known - mean).mean(axis=0))
        constant = deviation <= LEAST * np.abs(known).max(axis=0)
        return cls(mean, np.where(constant, 1.0, deviation))

    def apply(self, values: Floats) -> Floats:
        """Return values [N, K] minus the mean, divided by the deviation; raise CharrnnError if one is too large."""
        return _float32((values - self.mean) / self.deviation)

    def undo(self, values: Floats) -> Floats:
        """Return scaled values [N, K] in their own units; raise CharrnnError if one is too large."""
        return _float32(values * self.deviation + self.mean)


def _float32(values: NDArray[np.float64]) -> Floats:
    """Return values as float32, of which some can be NaN; raise CharrnnError if one is too large."""
    with np.errstate(over="ignore"):
        found: Floats = values.astype(np.float32)
    if np.isinf(found).any():
        raise CharrnnError("a number is too large beside those that the network was trained on")
    return found
