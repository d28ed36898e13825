"""What a bidirectional network reads: a text from the left, and from the right.

It has two stacks of layers (Schuster & Paliwal 1997). Each stack reads the text by itself, and they meet only at the
output. A character is predicted from the left stack's state after all characters before it, and the right stack's state
after all characters behind it. No layer reads both directions: if the second layer did, its state next to a character
would already depend on that character, through the other direction.

The right stack can read a gap in place of a missing character. It learns to do so from random gaps in what it reads.
The left stack needs none, as gaps are filled from left to right.
"""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]

GAPS = 0.6  # the largest share of a window's characters in gaps, on average
LONGEST_GAP = 32
MEAN_GAP = 6.0  # characters
# The probabilities that a gap is longer than LONGEST_GAP − 1, …, 2, 1 characters: a geometric distribution.
LONGER = np.cumprod(np.full(LONGEST_GAP - 1, 1.0 - 1.0 / MEAN_GAP))[::-1]


def read_both(inputs: Ids, steps: int, gap: int, hidden: NDArray[np.bool_] | None = None) -> Ids:
    """Return what both stacks read of a window, [2T, B].

    That is its inputs [T, B], then its `steps` inputs from the last to the first. The right stack reads the symbol
    `gap` in place of inputs that are `hidden` [T, B].
    """
    length = len(inputs)
    both = np.zeros((2 * length, inputs.shape[1]), np.int32)
    both[:length] = inputs
    seen = inputs if hidden is None else np.where(hidden, np.int32(gap), inputs)
    both[length : length + steps] = seen[:steps][::-1]
    return both


def made_gaps(bits: NDArray[np.uint64], length: int, batch: int) -> NDArray[np.bool_]:
    """Return gaps [T, B], made from random bits [(T + 1)·B].

    In each stream, a random share of characters, up to GAPS, is in gaps of random lengths.
    """
    chances = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    share = GAPS * chances[:batch]
    places = bits[batch:].reshape(length, batch)
    begins = (places >> np.uint64(32)).astype(np.float64) * 2.0**-32 < share / MEAN_GAP
    uniform = ((places & np.uint64(0xFFFFFFFF)).astype(np.float64) + 0.5) * 2.0**-32
    sizes = LONGEST_GAP - np.searchsorted(LONGER, uniform)
    ends = np.where(begins, np.arange(length)[:, np.newaxis] + sizes, 0.0)
    hidden: NDArray[np.bool_] = np.maximum.accumulate(ends, axis=0) > np.arange(length)[:, np.newaxis]
    return hidden
