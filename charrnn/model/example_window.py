"""The buffers for the forward and the backward pass over a batch of whole examples."""

import importlib
from typing import Any

from charrnn.cells.architecture import Architecture
from charrnn.kernels.example_arguments import Attention, Head
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned, nbytes_of
from charrnn.model.window import Window


class ExampleWindow(Window):
    """The buffers of B examples over T steps; if they are pooled, `logits` has one row, and `losses` uses one.

    ``head`` is what kernels take in addition: the loss, and room for what is read and joined. For pairs, ``source`` is
    the window of the encoder, over as many steps, and ``attention`` what a decoder that attends to it has.
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
        embedded, joined = D if architecture.embedding else 0, 2 if architecture.joined and D == 2 else 0
        pooled = D if architecture.pooling != "each" else 0
        fed = len(architecture.row.input_gates) * padded(architecture.hidden) if architecture.conditions else 0
        rows = B if architecture.conditions else 0
        final = len(architecture.row.learnable_states) if architecture.task_row.is_part else 0
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
            int(architecture.given_at == "first"),
            aligned(rows, fed),
            aligned(rows * training, fed),
            aligned(final * training, D * architecture.layers, B, padded(architecture.hidden)),
        )
        self.source = None
        if architecture.encoder is not None:
            self.source = ExampleWindow(architecture.encoder, B, T, dropout=dropout, training=training)
        S = T if architecture.attention else 0
        steps = (T + 1) if architecture.attention else 0
        self.attention = Attention(
            aligned(S, B, inner),
            aligned(S * training, B, inner),
            aligned(S, B, S),
            aligned(steps, B, inner),
            aligned(steps * training, B, inner),
            aligned(steps, B, inner),
            aligned(steps * training, B, inner),
        )

    source: "ExampleWindow | None"

    @property
    def nbytes(self) -> int:
        """The size of the buffers in bytes."""
        source = 0 if self.source is None else self.source.nbytes
        return super().nbytes + nbytes_of([self.head, self.attention]) + source
