"""The buffers for the forward and the backward pass over a batch of whole examples."""

import importlib
from typing import Any

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Head
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned, nbytes_of
from charrnn.model.window import Window


class ExampleWindow(Window):
    """The buffers of B examples over T steps; if they are pooled, `logits` has one row, and `losses` uses one.

    ``head`` is what kernels take in addition: the loss, and room for what is read and joined.
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
        super().__init__(architecture, batch_size, seq_length, dropout=dropout, training=training)
        heads: Any = importlib.import_module("charrnn.kernels.heads")
        joining: Any = importlib.import_module("charrnn.kernels.joining")
        B, T, D = batch_size, seq_length, architecture.directions
        embedded, joined = D if architecture.embedding else 0, D if architecture.joined else 0
        pooled = D if architecture.pooling != "each" else 0
        read, below = padded(architecture.embedding), padded(architecture.inputs(1))
        inner = padded(architecture.outputs)
        self.head = Head(
            heads.HEADS[architecture.head].address(0),
            joining.POOLINGS[architecture.pooling],
            architecture.outputs,
            aligned(embedded, T + 1, B, read),
            aligned(embedded * training, T + 1, B, read),
            aligned(joined * (architecture.layers - 1), T + 1, B, below),
            aligned(joined * training, T + 1, B, below),
            aligned(pooled, 1, B, inner),
            aligned(pooled * training, 1, B, inner),
        )

    @property
    def nbytes(self) -> int:
        """The size of the buffers in bytes."""
        return super().nbytes + nbytes_of([self.head])
