"""What kernels are given: tuples with named fields, made in Python and read in compiled code alike.

Sizes: D stacks (two in a bidirectional network) of L layers, those of all stacks one after another; T steps, B rows of
the batch, H units, Z columns of all gates, G columns of those that the input feeds, R of those that the state feeds,
V symbols, I numbers that a layer puts out, S states. H, I and V are padded to whole vectors.
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


def _type(of: type[Any], *fields: Any) -> Any:
    """Return Numba's type of a named tuple whose fields have these types."""
    return types.BaseTuple.from_types(fields, of)


class Weights(NamedTuple):
    """A network's parameters, or their gradient: views into one flat vector; and its units' periods."""

    first_U: Floats  # [D, N, G]: of the first layers, which read symbols
    U: Floats  # [D·(L−1), I, G]: of the layers above
    W: Floats  # [D·L, I, R]
    extra: Floats  # [D·L, n, H, C]: matrices that only some cells have
    peepholes: Floats  # [D·L, n, H]
    b: Floats  # [D·L, Z]
    initial: Floats  # [D·L, n, H]: learned first states
    V: Floats  # [D, I, V]
    c: Floats  # [V]
    periods: Floats  # [H]: steps from one computation of a unit to its next; 0 in the padding; not learned


class Packed(NamedTuple):
    """Matrices as products read them (see `product.pack`), or their transposes; without room where not needed."""

    U: Floats  # [D·(L−1), ·]
    W: Floats  # [D·L, ·]
    extra: Floats  # [D·L, n, ·]
    V: Floats  # [D, ·]


class LayerWeights(NamedTuple):
    """What a scan over time reads of one layer's weights."""

    W: Floats  # packed; its transpose on the way back
    extra: Floats  # [n, ·]: likewise
    peepholes: Floats  # [n, H]
    periods: Floats  # [H]


class Scan(NamedTuple):
    """A cell's way through time, forward: where its code is, and the cell's flags."""

    address: int
    flags: int


class Net(NamedTuple):
    """A network that reads."""

    scan: Scan
    weights: Weights
    packed: Packed
    symbols: int  # how many of the V columns are real


class Back(NamedTuple):
    """What a network that learns has besides, for the way back."""

    scan: int  # where the code is that goes back through time
    extra_gradients: int  # and that adds the gradients of what only some cells have
    transposed: Packed
    gradient: Weights


class Buffers(NamedTuple):
    """What a window of text leaves on its way through a network and back."""

    z: Floats  # [D·L, T, B, Z]: gates, then the gradient of what entered them
    states: Floats  # [S, D·L, T+1, B, H]: those of step t in slot t+1, the carried ones in slot 0
    dh: Floats  # [D·L, T+1, B, H]: ∂L/∂h
    d_others: Floats  # [S−1, D·L, 1, B, H]: the gradient of the other states, of one step only
    dropped: Floats  # [D·L, T+1, B, H]: what dropout lets through of h, or no room
    masks: Floats  # [D·L, T, B, H]: what h is multiplied by
    logits: Floats  # [T, B, V], then their gradient
    losses: Floats  # [T, B] in nats
    d_initial: Floats  # [S, D·L, B, H]: the gradient of the first states, or no room


class Part(NamedTuple):
    """A part of a window: rows `first` to `last` of the batch, steps `begin` to `end`."""

    first: int
    last: int
    begin: int
    end: int


class Tile(NamedTuple):
    """A product that is added to a tile of c: ``c[r, :] += Σ_k a[r·a_row + k·a_inner] · panel[k, :]``.

    Addresses, and strides that count floats.
    """

    rows: int  # 1 to TILE_ROWS
    vectors: int  # of columns, 1 to TILE_VECTORS
    c: int
    c_row: int
    a: int
    a_row: int
    a_inner: int
    panel: int  # `inner` rows of so many vectors without gaps
    inner: int


class Member(NamedTuple):
    """A thread of a team: its number, how many there are, and the barrier at which they meet."""

    worker: int
    workers: int
    barrier: NDArray[np.int64]


class Dropout(NamedTuple):
    """What is dropped in a step: nothing where there are no keys."""

    keep: float  # the share that is kept
    keys: Integers  # [D·L]: a seed for each layer's mask


class Step(NamedTuple):
    """What a step of training is given."""

    ids: Integers  # [D·T, B]: what is read; below 0 in the gap between two documents
    targets: Integers  # [T, B]: what is to be predicted; below 0 where nothing is
    length: int  # how many of the T steps there are
    scale: float  # what the sum of losses is multiplied by
    dropout: Dropout
    fresh: NDArray[np.bool_]  # [B]: rows that begin from the first states


class Windows(NamedTuple):
    """N windows of text, one after the other."""

    ids: Integers  # [N, D·T, B]
    targets: Integers  # [N, T, B]
    lengths: NDArray[np.int64]  # [N]: steps


class Plan(NamedTuple):
    """What N steps of training are to do, one for each window, and room for what comes of them."""

    scales: NDArray[np.float64]  # [N]: what the sum of a window's losses is multiplied by, 1/predictions
    rates: NDArray[np.float64]  # [N]: learning rates
    updates: NDArray[np.float64]  # [N]: which update it is since the optimizer's moments were zero, from 1 on
    keep: float  # the share that dropout keeps
    keys: Integers  # [N, D·L]: dropout's seeds, or [N, 0] where nothing is dropped
    fresh: NDArray[np.bool_]  # [N, B]: rows that begin from the first states
    full_rows: NDArray[np.int64]  # [N]: how many of the first rows take all steps; the others take one less
    losses: NDArray[np.float64]  # [N]: written: the sum of each window's losses, in nats
    norms: NDArray[np.float64]  # [N]: written: the gradient's norm before clipping


class OptimizerArguments(NamedTuple):
    """What an optimizer steps with."""

    weights: Floats  # [P], flat, in whole blocks
    gradient: Floats  # [P]
    moments: Floats  # [n, P]
    sums: NDArray[np.float64]  # [P / BLOCK]: room for the sums of squares
    rule: int  # which optimizer, as `update` numbers them
    momentum: float  # μ of sgd, β₁ of adam
    decay: float  # ρ of rmsprop, β₂ of adam
    epsilon: float
    clip: float  # bound on the gradient's norm; 0 for none
    clip_value: float  # bound on each entry; 0 for none


class Influence(NamedTuple):
    """∂s/∂θ of a layer, in panels, as real-time recurrent learning carries it."""

    P: Floats  # [B, ·]
    live: Integers  # [B, V + H + 1]: 0 for the rows of P that are all zero


class Probes(NamedTuple):
    """Of one stream, ways back through a window that set out from each of its N states: S·H without padding."""

    z: Floats  # [T, N, Z]: as in `Buffers`, of the layer that there is
    states: Floats  # [S, 1, T+1, N, H]
    dh: Floats  # [1, T+1, N, H]
    d_others: Floats  # [S−1, 1, 1, N, H]
    packed: Floats  # [N, T·R·H]: ∂s_T/∂(h W), in panels
    J: Floats  # [·, N, TILE_ROWS]: ∂s_T/∂s_0, in tiles
    room: Floats  # [workers, N·PANEL]


class DrawingControls(NamedTuple):
    """How a character is drawn: the table of controls, as numbers."""

    repeat_penalty: float
    temperature: float
    top_k: int
    min_p: float
    top_p: float


class Recent(NamedTuple):
    """The last characters of each stream, and what repeating one of them costs."""

    penalties: Floats  # [B, V]: subtracted from log p
    counts: Integers  # [B, V]: how often each symbol is in the window
    ring: Integers  # [N, B]: the window; −1 where it is empty
    oldest: NDArray[np.int64]  # [B]: the place of the oldest in it


class Drawn(NamedTuple):
    """A block of characters that were drawn, and −log p of each by the network's own prediction."""

    symbols: Integers  # [N, B]
    nats: Floats  # [N, B]


class Drawing(NamedTuple):
    """How B streams are to draw N characters each, and room for them."""

    controls: DrawingControls
    recent: Recent
    room: Floats  # [B, V]: what the characters weigh
    chances: NDArray[np.float64]  # [N, B], from [0, 1)
    drawn: Drawn


WEIGHTS = _type(Weights, *(FLOATS[n] for n in (3, 3, 3, 4, 3, 2, 3, 3, 1, 1)))
PACKED = _type(Packed, *(FLOATS[n] for n in (2, 2, 3, 2)))
LAYER_WEIGHTS = _type(LayerWeights, *(FLOATS[n] for n in (1, 2, 2, 1)))
SCAN = _type(Scan, INTEGER, INTEGER)
NET = _type(Net, SCAN, WEIGHTS, PACKED, INTEGER)
BACK = _type(Back, INTEGER, INTEGER, PACKED, WEIGHTS)
BUFFERS = _type(Buffers, *(FLOATS[n] for n in (4, 5, 4, 5, 4, 4, 3, 2, 4)))
TILE = _type(Tile, *[INTEGER] * 9)
PART = _type(Part, *[INTEGER] * 4)
MEMBER = _type(Member, INTEGER, INTEGER, types.int64[::1])
DROPOUT = _type(Dropout, NUMBER, INTEGERS[1])
STEP = _type(Step, INTEGERS[2], INTEGERS[2], INTEGER, NUMBER, DROPOUT, types.boolean[::1])
OPTIMIZER_ARGUMENTS = _type(
    OptimizerArguments,
    *(FLOATS[1], FLOATS[1], FLOATS[2], types.float64[::1]),
    *(types.int64, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER),
)
INFLUENCE = _type(Influence, FLOATS[2], INTEGERS[2])
PROBES = _type(Probes, *(FLOATS[n] for n in (3, 5, 4, 5, 2, 3, 2)))
