"""Reading symbols into the states of a network."""

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels.barrier import flushed_denormals
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.window import Window

SYMBOLS_AT_ONCE = 64  # read by all streams together before states are carried on; the window's memory grows with it


class Reader:
    """Streams of a network that read symbols, each from a state of its own.

    All begin from the first state. What was read last is in ``window``: the states after it in ``slot``, its logits in
    the slot before that. Slot 0 is where nothing has been read yet.
    """

    def __init__(self, network: Network, streams: int = 1, *, at_once: int = SYMBOLS_AT_ONCE) -> None:
        self.network, self.streams = network, streams
        self.window = Window(network.architecture, streams, max(4, at_once // streams))
        self.slot = 0
        network.begin(self.window, 0, streams)

    def read(self, ids: NDArray[np.int32]) -> None:
        """Let the first B streams read symbols [N, B]. A gap, −1, sets a stream back to the first state."""
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
        """Return what the top layer of the first streams hands up after what was read last [B, H]."""
        return self.window.states[0, -1, self.slot, :streams, : self.network.architecture.outputs]

    def fork(self, parents: NDArray[np.intp]) -> None:
        """Let each of the first B streams go on from where one of the streams is, its parent [B]."""
        states = self.window.states
        states[:, :, self.slot, : parents.size] = states[:, :, self.slot, parents]

    def follow(self, other: "Reader") -> None:
        """Let all streams go on from where the first stream of another reader of the network is."""
        if other.slot:
            self.window.states[:, :, 1] = other.window.states[:, :, other.slot, :1]
            self.window.logits[0] = other.window.logits[other.slot - 1, :1]
            self.slot = 1
