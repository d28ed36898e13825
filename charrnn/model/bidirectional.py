"""What a bidirectional network reads: a text from the left, and from the right.

It has two stacks of layers (Schuster & Paliwal 1997), each of which reads the text on its own, and which meet at the
output only. What it predicts of a place comes from the left stack's state after all that is before that place, and from
the right stack's after all that is behind it. Were the layers above fed by both directions, the second layer's state
beside a place would have heard of the place itself from the other side; so they are not, however deep it is.

The right stack may read a gap in the place of a character that is not known. It learns to by gaps that are made in
what it reads; the left one needs none, as a gap is filled from left to right.
"""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError

Ids = NDArray[np.int32]

GAPS = 0.6  # of a window's characters, up to this share begin in gaps
LONGEST_GAP = 32
MEAN_GAP = 6.0  # characters


def require_left_to_right(architecture: Architecture) -> None:
    """Raise CharrnnError for a network that reads from both sides."""
    if architecture.bidirectional:
        raise CharrnnError(
            "this model is bidirectional: it cannot write a text, or read one, from left to right; "
            "charrnn fill completes one that has gaps"
        )


def read_both(inputs: Ids, steps: int, gap: int, hidden: NDArray[np.bool_] | None = None) -> Ids:
    """Return what both stacks read [2T, B] of a window [T, B] of so many steps: itself, and it from its end.

    The right stack reads the symbol `gap` where something is `hidden` [T, B].
    """
    length = len(inputs)
    both = np.zeros((2 * length, inputs.shape[1]), np.int32)
    both[:length] = inputs
    seen = inputs if hidden is None else np.where(hidden, np.int32(gap), inputs)
    both[length : length + steps] = seen[:steps][::-1]
    return both


def made_gaps(bits: NDArray[np.uint64], length: int, batch: int) -> NDArray[np.bool_]:
    """Make gaps [T, B] of random bits [(T + 1)·B]: in each stream a random share up to GAPS, of random lengths."""
    chances = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    share = GAPS * chances[:batch]
    places = bits[batch:].reshape(length, batch)
    begins = (places >> np.uint64(32)).astype(np.float64) * 2.0**-32 < share / MEAN_GAP
    uniform = ((places & np.uint64(0xFFFFFFFF)).astype(np.float64) + 0.5) * 2.0**-32
    sizes = np.minimum(1 + np.floor(np.log(uniform) / np.log(1.0 - 1.0 / MEAN_GAP)), LONGEST_GAP)
    ends = np.where(begins, np.arange(length)[:, np.newaxis] + sizes, 0.0)
    hidden: NDArray[np.bool_] = np.maximum.accumulate(ends, axis=0) > np.arange(length)[:, np.newaxis]
    return hidden
