"""The buffers for the forward and the backward pass over a window of text."""

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.kernels import states
from charrnn.kernels.arguments import Buffers
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import Array, aligned, nbytes_of


class Window:
    """The buffers of B streams over T steps: inputs, states, gates, losses, and the gradients of the backward pass.

    ``ids`` [D·T, B]: the inputs from the left, then, in a bidirectional network, those from the right. ``targets``
    [T, B]. ``z`` [D·L, T, B, Z]: the gates. ``states`` [S, D·L, T+1, B, H]: the carried states are in slot 0; the last
    of the S are not carried, but kept for each step. ``dh`` [D·L, T+1, B, H] and ``d_others`` [S−1, D·L, 1, B, H]:
    their gradients. ``losses`` [T, B] in nats. H and V are padded.
    """

    def __init__(
        self,
        architecture: Architecture,
        batch_size: int,
        seq_length: int,
        *,
        dropout: float = 0.0,
        training: bool = False,
    ) -> None:
        cell, size, symbols = architecture.row, padded(architecture.hidden), padded(architecture.predicted)
        B, T, L = batch_size, seq_length, architecture.directions * architecture.layers
        P = T if architecture.pooling == "each" else 1  # predictions of a row
        self.batch_size, self.seq_length, self.dropout = B, T, dropout
        self.hidden, self._carried = architecture.hidden, len(cell.states)
        kept = self._carried + len(cell.kept)
        # A decoder hands the gradient of its initial states back to its encoder.
        learns = training and (architecture.first_state == "learned" or architecture.encoder is not None)
        learned = len(cell.learnable_states) if learns else 0
        self.ids = np.zeros((architecture.directions * T, B), np.int32)
        self.targets = np.zeros((P, B), np.int32)
        self.losses = np.zeros((T, B), np.float32)
        self.z = aligned(L, T, B, len(cell.gates) * size)
        self.states = aligned(kept, L, T + 1, B, size)
        # The gradient of h has a slot for each step; those of the other states are needed for one step only.
        self.dh = aligned(L, T + 1 if training else 0, B, size)
        self.d_others = aligned(kept - 1, L, 1 if training else 0, B, size)
        self.dropped = aligned(L, T + 1 if dropout else 0, B, size)
        self.masks = aligned(L, T if dropout else 0, B, size)
        self.logits = aligned(P, B, symbols)
        self.d_initial = aligned(learned, L, B, size)
        self.buffers = Buffers(
            self.z,
            self.states,
            self.dh,
            self.d_others,
            self.dropped,
            self.masks,
            self.logits,
            self.losses,
            self.d_initial,
        )

    @property
    def nbytes(self) -> int:
        """The size of the buffers in bytes."""
        return nbytes_of([self.ids, self.targets, self.buffers])

    def carry(self, first: int, last: int, steps: int) -> None:
        """Carry the last states of rows `first` to `last`."""
        states.carry(self.states, first, last, steps)

    def carried(self) -> Array:
        """Return a copy of the carried states [layers, states, B, H]."""
        return self._carried_view().copy()

    def assign_carried(self, values: Array) -> None:
        """Set the carried states from [layers, states, B, H].

        Raises ValueError for another shape.
        """
        carried = self._carried_view()
        if values.shape != carried.shape:
            raise ValueError("the carried states do not fit the network")
        carried[...] = values

    def _carried_view(self) -> Array:
        return self.states[: self._carried, :, 0, :, : self.hidden].swapaxes(0, 1)

    def next_epoch(self) -> None:
        """Pass each stream's state to the next stream.

        That stream continues where this one ended. The caller must reset the first stream.
        """
        carried = self.states[:, :, 0]
        carried[:, :, 1:] = carried[:, :, :-1].copy()
