"""Streams of a network that read symbols."""

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels.barrier import flushed_denormals
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.window import Window

SYMBOLS_AT_ONCE = 64  # that all streams together read before states are carried; the window's memory grows with it


class Reader:
    """Streams of a network that read symbols, each with its own state.

    All start from the initial state. ``window`` has the states after the last symbol in slot ``slot``, and the logits
    after it in the slot before that. ``slot`` is 0 while nothing has been read.
    """

    def __init__(self, network: Network, streams: int = 1, *, at_once: int = SYMBOLS_AT_ONCE) -> None:
        self.network, self.streams = network, streams
        self.window = Window(network.architecture, streams, max(4, at_once // streams))
        self.slot = 0
        network.begin(self.window, 0, streams)

    def read(self, ids: NDArray[np.int32]) -> None:
        """Let the first B streams read symbols [N, B].

        A gap, −1, resets a stream to the initial state.
        """
        for begin in range(0, len(ids), self.window.seq_length):
            piece = ids[begin : begin + self.window.seq_length]
            steps, rows = piece.shape
            if self.slot:
                self.window.carry(0, rows, self.slot)
            self.window.ids[:steps, :rows] = piece
            self.slot = steps
            with flushed_denormals():
                self.network.forward(self.window, 0, rows, steps)

    def outputs(self, streams: int) -> Array:
        """Return the first streams' outputs of the top layer [B, H].

        They are those after the last symbol that was read.
        """
        return self.window.states[0, -1, self.slot, :streams, : self.network.architecture.outputs]

    def fork(self, parents: NDArray[np.intp]) -> None:
        """Continue each of the first B streams from its parent [B].

        The parent is the stream whose state it takes.
        """
        states = self.window.states
        states[:, :, self.slot, : parents.size] = states[:, :, self.slot, parents]

    def follow(self, other: "Reader") -> None:
        """Continue all streams from another reader's first stream.

        The other reader must have the same network.
        """
        if other.slot:
            self.window.states[:, :, 1] = other.window.states[:, :, other.slot, :1]
            self.window.logits[0] = other.window.logits[other.slot - 1, :1]
            self.slot = 1
