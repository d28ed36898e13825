"""What kernels take: tuples with named fields, made in Python and read in compiled code.

Sizes: D stacks of L layers (two stacks in a bidirectional network, else one; arrays hold the layers of one stack after
those of the other), T steps, B rows of the batch, H units, Z columns of all gates, G columns of the gates that the
input feeds, R columns of the gates that the state feeds, V symbols, M numbers of an embedding, I outputs of a layer, S
states. H, I, M and V are padded to whole vectors.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import types
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]

INTEGER, NUMBER = types.intp, types.float64
FLOATS = [types.Array(types.float32, dimensions, "C") for dimensions in range(6)]  # FLOATS[n] has n dimensions
INTEGERS = [types.Array(types.int32, dimensions, "C") for dimensions in range(3)]


def named_type(of: type[Any], *fields: Any) -> Any:
    """Return the Numba type of a named tuple."""
    return types.BaseTuple.from_types(fields, of)


class Weights(NamedTuple):
    """A network's parameters or their gradient, as views into one flat vector, and the periods of its units."""

    first_U: (
        Floats  # [D, N, G]: of the first layers, which read N symbols, an embedding (see `picked_rows`), or numbers
    )
    U: Floats  # [D·(L−1), I, G]: of the layers above
    W: Floats  # [D·L, I, R]
    extra: Floats  # [D·L, n, H, C]: matrices that only some cells have
    peepholes: Floats  # [D·L, n, H]
    b: Floats  # [D·L, Z]
    initial: Floats  # [D·L, n, H]: learned or random initial states
    given: Floats  # [K, G]: W_v, of a condition of K numbers that the first layer reads; or empty
    attention: Floats  # [2, I, I]: of the context, and of the output of the top layer; or empty
    c: Floats  # [V]
    V: Floats  # [D, V, I]: transposed, so that a symbol's weights are a row, and some rows can be taken
    E: Floats  # [N, M]: the embedding of each symbol that is read; or empty
    periods: Floats  # [H]: steps from one computation of a unit to the next; 0 in the padding; not learned


class Packed(NamedTuple):
    """Packed matrices, as products read them (see `product.pack`), or their transposes; empty if not needed."""

    U: Floats  # [D·(L−1), ·]
    W: Floats  # [D·L, ·]
    extra: Floats  # [D·L, n, ·]
    V: Floats  # [D, ·]
    first_U: Floats  # [D, ·]: with an embedding, or if numbers are read
    attention: Floats  # [2, ·]


class LayerWeights(NamedTuple):
    """The weights of one layer that a scan over time reads."""

    W: Floats  # packed; the transpose in the backward pass
    extra: Floats  # [n, ·]: like W
    peepholes: Floats  # [n, H]
    periods: Floats  # [H]


class Scan(NamedTuple):
    """A cell's forward scan over time."""

    address: int  # of its code
    flags: int


class Net(NamedTuple):
    """A network in the forward pass."""

    scan: Scan
    weights: Weights
    packed: Packed
    symbols: int  # how many of the V columns are real


class Back(NamedTuple):
    """What a network needs in addition for the backward pass."""

    scan: int  # address of the code of the backward scan over time
    extra_gradients: int  # address of the code that adds the gradients of parameters that only some cells have
    transposed: Packed
    gradient: Weights


class Buffers(NamedTuple):
    """What the forward and the backward pass compute for a window of text."""

    z: Floats  # [D·L, T, B, Z]: gates, then the gradient of their pre-activations
    states: Floats  # [S, D·L, T+1, B, H]: those after step t in slot t+1, the carried ones in slot 0
    dh: Floats  # [D·L, T+1, B, H]: ∂L/∂h
    d_others: Floats  # [S−1, D·L, 1, B, H]: the gradient of the other states, for one step only
    dropped: Floats  # [D·L, T+1, B, H]: h after dropout, or empty
    masks: Floats  # [D·L, T, B, H]: what dropout multiplies h by, or empty
    logits: Floats  # [T, B, V], then their gradient
    losses: Floats  # [T, B] in nats
    d_initial: Floats  # [S, D·L, B, H]: the gradient of the initial states, or empty


class Part(NamedTuple):
    """A part of a window: rows [first, last) of the batch, steps [begin, end)."""

    first: int
    last: int
    begin: int
    end: int


class Tile(NamedTuple):
    """A product added to a tile of c: ``c[r, :] += Σ_k a[r·a_row + k·a_inner] · panel[k, :]``.

    c, a and panel are addresses; strides count floats.
    """

    rows: int  # 1 to TILE_ROWS
    vectors: int  # of columns, 1 to TILE_VECTORS
    c: int
    c_row: int
    a: int
    a_row: int
    a_inner: int
    panel: int  # `inner` rows of `vectors` vectors, without gaps
    inner: int


class Member(NamedTuple):
    """A thread of a team: its number, the number of threads, and their barrier."""

    worker: int
    workers: int
    barrier: NDArray[np.int64]


class Dropout(NamedTuple):
    """What disturbs a step in training: dropout of layers, without keys none; and what is done to symbols it reads."""

    keep: float  # the share that is kept
    keys: Integers  # [D·L]: a seed for each layer's mask
    factors: Floats = np.zeros((0, 0), np.float32)  # [D·T, B]: of each symbol that is read; or empty
    noise: Floats = np.zeros((0, 0, 0), np.float32)  # [D·T, B, M]: to add to its embedding; or empty


NO_DROPOUT = Dropout(1.0, np.zeros(0, np.int32))


class Sample(NamedTuple):
    """What the softmax over a sample of the symbols needs; without addresses if it is over all."""

    loss: int  # address of its code; 0 if it is over all symbols
    go_back: int  # address of the code of its backward pass, if there are others
    offsets: Floats  # [≥V]: −log π of the symbols in the sample
    others: Integers  # [n]: targets that are not in the sample
    V: Floats  # [D, V, I]: of all symbols
    c: Floats  # [V]
    own: Floats  # [T, B]: each target's own logit, then its gradient


class Step(NamedTuple):
    """The input of a training step."""

    ids: Integers  # [D·T, B]: symbols to read; below 0 in the gap between two documents
    targets: Integers  # [T, B]: symbols to predict; below 0 where there is none
    length: int  # how many of the T steps are used
    scale: float  # factor of the sum of losses
    dropout: Dropout
    fresh: NDArray[np.bool_]  # [B]: rows that start from the initial states
    sample: Sample


class Windows(NamedTuple):
    """N consecutive windows of text."""

    ids: Integers  # [N, D·T, B]
    targets: Integers  # [N, T, B]
    lengths: NDArray[np.int64]  # [N]: steps


class Picked(NamedTuple):
    """The symbols of N windows whose rows of large matrices are read and updated."""

    read: Integers  # [N, ·]: the symbols that a window reads, in order
    reads: NDArray[np.int64]  # [N]: how many they are
    places: Integers  # [N, D·T, B]: the window's `ids`, as places among them
    drawn: Integers  # [N, ·]: the symbols that a window's softmax is over, in order; [N, 0]: over all
    draws: NDArray[np.int64]  # [N]: how many they are
    offsets: Floats  # [N, ·]: see `Sample`
    others: Integers  # [N, ·]: targets that are not among them
    misses: NDArray[np.int64]  # [N]: how many they are


class Rooms(NamedTuple):
    """The moments of U, E and V, and room for the rows of them that a step picks; empty if each step updates all."""

    squares_U: Floats  # [D, N, G]: the last moment of the first layers' U; empty with an embedding
    squares_E: Floats  # [N, M]: the last moment of E
    squares_V: Floats  # [D, V, I]
    E: Floats  # [·, M]: the rows that were read
    dE: Floats  # [·, M]: their gradient
    U: Floats  # [·]: the rows of U, or of E U, that were read
    dU: Floats  # [·]
    V: Floats  # [·]: the rows of V that were drawn
    dV: Floats  # [·]
    c: Floats  # [·]
    dc: Floats  # [·]
    own: Floats  # [T, B]: see `Sample`
    d_others: Floats  # [D, ·, I]: the gradient of the other targets' rows of V


class Rows(NamedTuple):
    """Some rows of a matrix, and their gradient."""

    matrix: Floats  # [·, N]
    squares: Floats  # [·, N]: the moment of its squared gradients
    picked: Integers  # [n]: which rows
    gradient: Floats  # [≥n, N]: of these rows


class Plan(NamedTuple):
    """The plan of N training steps, one for each window, and room for their results."""

    scales: NDArray[np.float64]  # [N]: factor of the sum of a window's losses, 1/predictions; 0: no update
    rates: NDArray[np.float64]  # [N]: learning rates
    updates: NDArray[np.float64]  # [N]: the update's number since the optimizer's moments were zero, from 1 on
    keep: float  # the share that dropout keeps
    keys: Integers  # [N, D·L]: dropout's seeds, or [N, 0] if nothing is dropped
    sample: Sample  # what all steps have of it
    fresh: NDArray[np.bool_]  # [N, B]: rows that start from the initial states
    full_rows: NDArray[np.int64]  # [N]: how many of the first rows take all steps; the others take one less
    losses: NDArray[np.float64]  # [N], a result: the sum of each window's losses, in nats
    norms: NDArray[np.float64]  # [N], a result: the gradient norm before clipping
    factors: Floats  # [N, D·T, B]: see `Dropout`; or [N, 0, 0]
    noise: Floats  # [N, D·T, B, M]; or [N, 0, 0, 0]


class OptimizerArguments(NamedTuple):
    """The weights, gradient, moments and settings of an optimizer."""

    weights: Floats  # [P], flat, in whole blocks
    gradient: Floats  # [P]
    moments: Floats  # [n, P]
    sums: NDArray[np.float64]  # [≥blocks]: room for the sums of squares of blocks, then of picked rows
    blocks: int  # of the flat vector that each step updates; after them are matrices of which it picks rows
    rule: int  # which optimizer, by its number in `update`
    momentum: float  # μ of sgd, β₁ of adam
    decay: float  # ρ of rmsprop, β₂ of adam
    epsilon: float
    clip: float  # bound on the gradient norm; 0 for none
    clip_value: float  # bound on each entry; 0 for none
    nesterov: bool  # whether sgd steps by g + μ·m instead of m


class Influence(NamedTuple):
    """The influence ∂s/∂θ of a layer, in panels, for real-time recurrent learning."""

    P: Floats  # [B, ·]
    live: Integers  # [B, V + H + 1]: 0 for the rows of P that are all zero


class Probes(NamedTuple):
    """Backward passes over a window of one stream, one from each of its N = S·H states, without padding."""

    z: Floats  # [T, N, Z]: as in `Buffers`, of the only layer
    states: Floats  # [S, 1, T+1, N, H]
    dh: Floats  # [1, T+1, N, H]
    d_others: Floats  # [S−1, 1, 1, N, H]
    packed: Floats  # [N, T·R]: ∂s_T/∂(h W), in panels
    J: Floats  # [·, N, TILE_ROWS]: ∂s_T/∂s_0, in tiles
    room: Floats  # [workers, N·PANEL]


class DrawingControls(NamedTuple):
    """The values of the controls for drawing a character."""

    penalty: float  # subtracted from log p of what is in the window: the log of the repeat penalty
    temperature: float
    top_k: int
    min_p: float
    top_p: float


class Recent(NamedTuple):
    """The last characters of each stream, and the penalty for repeating one of them."""

    penalties: Floats  # [B, V]: subtracted from log p
    counts: Integers  # [B, V]: how often each symbol is in the window
    ring: Integers  # [·, B]: the window, as a ring; −1 where it is empty
    oldest: NDArray[np.int64]  # [B]: the index of the oldest symbol in the ring


class Drawn(NamedTuple):
    """A block of drawn characters, and −log p of each in the network's own prediction."""

    symbols: Integers  # [N, B]
    nats: Floats  # [N, B]


class Drawing(NamedTuple):
    """What B streams need to draw N characters each, and room for them."""

    controls: DrawingControls
    recent: Recent
    room: Floats  # [B, V]: room for the characters' weights
    chances: NDArray[np.float64]  # [N, B]: random numbers from [0, 1)
    drawn: Drawn


WEIGHTS = named_type(Weights, *(FLOATS[n] for n in (3, 3, 3, 4, 3, 2, 3, 2, 3, 1, 3, 2, 1)))
PACKED = named_type(Packed, *(FLOATS[n] for n in (2, 2, 3, 2, 2, 2)))
LAYER_WEIGHTS = named_type(LayerWeights, *(FLOATS[n] for n in (1, 2, 2, 1)))
SCAN = named_type(Scan, INTEGER, INTEGER)
NET = named_type(Net, SCAN, WEIGHTS, PACKED, INTEGER)
BACK = named_type(Back, INTEGER, INTEGER, PACKED, WEIGHTS)
BUFFERS = named_type(Buffers, *(FLOATS[n] for n in (4, 5, 4, 5, 4, 4, 3, 2, 4)))
TILE = named_type(Tile, *[INTEGER] * 9)
PART = named_type(Part, *[INTEGER] * 4)
MEMBER = named_type(Member, INTEGER, INTEGER, types.int64[::1])
DROPOUT = named_type(Dropout, NUMBER, INTEGERS[1], FLOATS[2], FLOATS[3])
SAMPLE = named_type(Sample, INTEGER, INTEGER, FLOATS[1], INTEGERS[1], FLOATS[3], FLOATS[1], FLOATS[2])
STEP = named_type(Step, INTEGERS[2], INTEGERS[2], INTEGER, NUMBER, DROPOUT, types.boolean[::1], SAMPLE)
ROOMS = named_type(Rooms, *(FLOATS[n] for n in (3, 2, 3, 2, 2, 1, 1, 1, 1, 1, 1, 2, 3)))
ROWS = named_type(Rows, FLOATS[2], FLOATS[2], INTEGERS[1], FLOATS[2])
OPTIMIZER_ARGUMENTS = named_type(
    OptimizerArguments,
    *(FLOATS[1], FLOATS[1], FLOATS[2], types.float64[::1]),
    *(types.int64, types.int64, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER, types.boolean),
)
INFLUENCE = named_type(Influence, FLOATS[2], INTEGERS[2])
PROBES = named_type(Probes, *(FLOATS[n] for n in (3, 5, 4, 5, 2, 3, 2)))
