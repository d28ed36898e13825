"""What the kernels for whole examples and for pairs of texts take; see `arguments` for the sizes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.kernels.arguments import (
    BUFFERS,
    DROPOUT,
    FLOATS,
    INTEGER,
    INTEGERS,
    NET,
    NUMBER,
    Back,
    Buffers,
    Dropout,
    Floats,
    Integers,
    Net,
    named_type,
)


class Batches(NamedTuple):
    """N batches of B examples of up to T steps, which can be fewer than those of the window.

    The first stack reads each example from its beginning, at step 0. The second one reads from the example's end to its
    beginning, and ends with the batch's last step: before an example that is shorter, it reads gaps.
    """

    ids: Integers  # [N, D·T, B]: symbols to read; where numbers are read, 0; below 0 in a gap
    numbers: Floats  # [N, D·T, B, M]: numbers to read instead; or [N, 0, 0, 0]
    ends: Integers  # [N, B]: steps of each example; 0 where there is none
    targets: Integers  # [N, P, B]: classes to predict, or 0 for numbers; −1 where there is none. P is T, or 1 if pooled
    values: Floats  # [N, P, B, V]: numbers to predict; or [N, 0, 0, 0]
    weights: Floats  # [N, P, B]: of each prediction
    lengths: NDArray[np.int64]  # [N]: steps of each batch
    given: Floats  # [N, 1, B, K]: the condition of each example; or [N, 0, 0, 0]
    source_ids: Integers  # [N, D·S, B]: the symbols that an encoder of D stacks reads, like `ids`; or [N, 0, B]
    source_ends: Integers  # [N, B]: like `ends`
    source_lengths: NDArray[np.int64]  # [N]: like `lengths`


class Batch(NamedTuple):
    """One of `Batches`, as a training step takes it."""

    ids: Integers  # [D·T, B]
    numbers: Floats  # [D·T, B, M]
    ends: Integers  # [B]
    targets: Integers  # [P, B]
    values: Floats  # [P, B, V]
    weights: Floats  # [P, B]
    length: int
    scale: float  # factor of the sum of losses
    dropout: Dropout
    given: Floats  # [1, B, K]
    source_ids: Integers  # [D·S, B]
    source_ends: Integers  # [B]
    source_length: int


class Head(NamedTuple):
    """What a network that reads whole examples has besides its layers: its loss, and room."""

    loss: int  # address of the code of the loss; see `heads`
    pooling: int  # what the output reads: the states of each step, the last ones, or their mean; see `joining`
    size: int  # I without padding
    x: Floats  # [D, T+1, B, M]: what is read of an embedding, at step t in slot t+1; or empty
    dx: Floats  # its gradient
    joined: Floats  # [D·(L−1), T+1, B, J]: the outputs of both stacks, for layers that read both; or empty
    d_joined: Floats  # [D, T+1, B, J]: their gradient, of one level of layers
    pooled: Floats  # [D, 1, B, I]: what the output reads if it is not each step; or empty
    d_pooled: Floats  # [D, 1, B, I]
    given_first: int  # whether a condition is read in a first step of its own, and not at every step
    biases: Floats  # [B, G]: v W_v, what the condition of each example adds; or empty
    d_biases: Floats  # [B, G]
    d_final: Floats  # [S, D·L, B, H]: the gradient of the last states, if a decoder begins with them; or empty


class Attention(NamedTuple):
    """What a decoder that attends to its encoder's outputs has besides its layers; all empty if it does not."""

    memory: Floats  # [S, B, I]: the encoder's outputs at each step
    d_memory: Floats  # [S, B, I]
    weights: Floats  # [T, B, S]: of each of them, at each step of the decoder; their sum is 1
    context: Floats  # [T+1, B, I]: their weighted sum, at step t in slot t+1
    d_context: Floats  # [T+1, B, I]
    attended: Floats  # [T+1, B, I]: what the output reads
    d_attended: Floats  # [T+1, B, I]: the gradient before the tanh


class Handed(NamedTuple):
    """What a decoder begins with: of each stack of its encoder, the last states."""

    states: int  # how many of the S
    outputs: int  # units of the first one, the outputs
    hidden: int  # units of the others


class Backs(NamedTuple):
    """What the two networks of pairs need for the backward pass."""

    decoder: Back
    encoder: Back


class Encoder(NamedTuple):
    """The network that reads the sources of pairs, and what is handed over to the decoder."""

    net: Net
    buffers: Buffers
    head: Head
    handed: Handed
    attention: Attention


BATCH = named_type(
    Batch,
    *(INTEGERS[2], FLOATS[3], INTEGERS[1], INTEGERS[2], FLOATS[3], FLOATS[2]),
    *(INTEGER, NUMBER, DROPOUT, FLOATS[3], INTEGERS[2], INTEGERS[1], INTEGER),
)
HEAD = named_type(
    Head,
    *(INTEGER, INTEGER, INTEGER, *(FLOATS[n] for n in (4, 4, 4, 4, 4, 4))),
    *(INTEGER, FLOATS[2], FLOATS[2], FLOATS[4]),
)
ATTENTION = named_type(Attention, *[FLOATS[3]] * 7)
HANDED = named_type(Handed, *[INTEGER] * 3)
ENCODER = named_type(Encoder, NET, BUFFERS, HEAD, HANDED, ATTENTION)
