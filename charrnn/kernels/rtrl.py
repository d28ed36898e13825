"""Real-time recurrent learning of one layer (Williams & Zipser 1989): the gradient reaches back beyond the window.

Each stream carries its states s_t and their influence P_t = ∂s_t/∂θ: that of every parameter θ of the layer on every
state. Weights change only every T characters, and P need not be known at the steps in between (Schmidhuber 1992):

    ∇θ = the window's own gradient, from backpropagation through it, + λ P_0 ;  λ = ∂L/∂s_0
    P_T = J P_0 + ∂s_T/∂θ with s_0 constant ;  J = ∂s_T/∂s_0

After T steps this equals the recursion P_t = ∂s_t/∂s_{t-1} P_{t-1} + ∂s_t/∂θ with s_{t-1} constant, for fewer products.
J and ∂s_T/∂a_t, where a_t are the gates' pre-activations, come from one backward scan through the window for each
state: a probe, which starts with an error of 1 at that state alone. The scans are the family's own, so this code works
for any cell whose only parameters are U, W and b, and where h feeds W.

The N states are h's real units, then c's. The columns of P are those of U [V, G], W [H, R] and b [Z], row by row. Each
row is multiplied by one input: the presence of a symbol, a unit's h, or 1. A row's columns are cut into panels, and a
panel of P is stored as [N, width] without gaps. Each thread takes whole rows, and no sum runs over columns, so the bits
do not depend on the number of threads.
"""

from typing import NamedTuple

from numba import types

from charrnn.kernels.arguments import (
    BACK,
    BUFFERS,
    FLOATS,
    INFLUENCE,
    INTEGER,
    INTEGERS,
    NET,
    PROBES,
    LayerWeights,
    Part,
    Tile,
)
from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.forward_pass import layers_forward
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.llvm.tile import TILE_ROWS
from charrnn.kernels.llvm.vector import LANES, address, load, store
from charrnn.kernels.product import PANEL, multiply_tile
from charrnn.kernels.states import clear, gap_before
from charrnn.kernels.training_loop import begin_step, end_step, step_of


class Span(NamedTuple):
    """The steps of a stream's window after its last gap, on which its last state depends."""

    b: int
    begin: int
    end: int
    through: int  # whether that state depends on P_0


class Row(NamedTuple):
    """A row of a gradient [·, columns], and the same row of P."""

    row: int
    number: int  # among the rows of P
    place: int  # where it begins in P
    symbol: int  # the symbol at which its input is 1; ALWAYS; or NEVER in a row of W, which `add_recurrent` does


ALWAYS, NEVER = -1, -2
SPAN = types.BaseTuple.from_types([INTEGER] * 4, Span)
ROW = types.BaseTuple.from_types([INTEGER] * 4, Row)


@shared(types.void(NET, BACK, BUFFERS, PROBES, SPAN, INTEGER, INTEGER))
def probe(net, back, buffers, probes, span, first, last):
    """Run the probes `first` to `last` back over a span.

    z [T, N, Z] becomes ∂s_T/∂a_t, and J is set.
    """
    gates, states = buffers.z[0], buffers.states
    z, dh, d_others = probes.z, probes.dh, probes.d_others
    b, begin, end = span.b, span.begin, span.end
    count, hidden = z.shape[1], z.shape[1] // states.shape[0]
    for n in range(first, last):
        for t in range(begin, end):
            for j in range(0, z.shape[2], LANES):
                store(z, (t, n, j), load(gates, (t, b, j)))
        for k in range(states.shape[0]):
            for t in range(begin, end + 1):
                for j in range(0, states.shape[4], LANES):
                    store(probes.states, (k, 0, t, n, j), load(states, (k, 0, t, b, j)))
        clear(dh[0], n, n + 1, begin, end + 1)
        for k in range(d_others.shape[0]):
            clear(d_others[k, 0], n, n + 1, 0, 1)
        if n < hidden:
            dh[0, end, n, n] = 1.0
        else:
            d_others[n // hidden - 1, 0, 0, n, n % hidden] = 1.0
    weights, transposed = net.weights, back.transposed
    own = LayerWeights(transposed.W[0], transposed.extra[0], weights.peepholes[0], weights.periods)
    call(back.scan, (z, probes.states, dh, d_others, 0, own, Part(first, last, begin, end), net.scan.flags))
    fed, steps = weights.W.shape[2], end - begin
    skip = z.shape[2] - fed
    for n in range(first, last):
        for m in range(count):
            k = m // hidden
            slope = d_others[k - 1, 0, 0, n, m % hidden] if k else dh[0, begin, n, m]
            probes.J[n // TILE_ROWS, m, n % TILE_ROWS] = slope
        for left in range(0, fed, PANEL):
            width = min(PANEL, fed - left)
            for t in range(steps):
                for j in range(0, width, LANES):
                    packed = load(z, (begin + t, n, skip + left + j))
                    store(probes.packed, (n, left * steps + t * width + j), packed)


@jit
def advance(P, b, place, width, probes, through, worker):
    """Write J P of a panel to a worker's room for it.

    It writes zeros unless `through`: then no state came through the window.
    """
    J, room = probes.J, probes.room
    count = probes.z.shape[1]
    for j in range(0, count * width, LANES):
        store(room, (worker, j), 0.0)
    if through:
        for top in range(0, count, TILE_ROWS):
            multiply_tile(
                Tile(
                    rows=min(TILE_ROWS, count - top),
                    vectors=width // LANES,
                    c=address(room, (worker, top * width)),
                    c_row=width,
                    a=address(J, (top // TILE_ROWS, 0, 0)),
                    a_row=1,
                    a_inner=TILE_ROWS,
                    panel=address(P, (b, place)),
                    inner=count,
                )
            )


@jit
def add_direct(probes, t, left, width, worker):
    """Add ∂s_T/∂a_t of a panel's columns to a worker's room.

    This is the influence of a row whose input at step t is 1.
    """
    z, room = probes.z, probes.room
    for n in range(z.shape[1]):
        for j in range(0, width, LANES):
            store(room, (worker, n * width + j), load(room, (worker, n * width + j)) + load(z, (t, n, left + j)))


@shared(types.void(FLOATS[2], BUFFERS, INFLUENCE, PROBES, INTEGERS[2], SPAN, ROW, INTEGER))
def carry_row(gradient, buffers, influence, probes, ids, span, entry, worker):
    """Add λ P_0 to a gradient's row, and advance that row of P.

    gradient [·, columns]; P advances over a span. λ is the gradient that the backward pass left in slot 0; it is zero
    where a stream starts from the initial state.
    """
    P, live, room = influence.P, influence.live, probes.room
    b, symbol = span.b, entry.symbol
    count = probes.z.shape[1]
    hidden = count // buffers.states.shape[0]
    before = live[b, entry.number] != 0
    entered = False
    for t in range(span.begin, span.end):
        entered = entered or symbol == ALWAYS or ids[t, b] == symbol
    if not (before or entered):
        return
    for left in range(0, gradient.shape[1], PANEL):
        width = min(PANEL, gradient.shape[1] - left)
        panel = entry.place + left * count
        if before:
            for k in range(buffers.states.shape[0]):
                d_state = address(buffers.d_others, (k - 1, 0, 0, b, 0)) if k else address(buffers.dh, (0, 0, b, 0))
                multiply_tile(
                    Tile(
                        rows=1,
                        vectors=width // LANES,
                        c=address(gradient, (entry.row, left)),
                        c_row=0,
                        a=d_state,
                        a_row=0,
                        a_inner=1,
                        panel=address(P, (b, panel + k * hidden * width)),
                        inner=hidden,
                    )
                )
        advance(P, b, panel, width, probes, before and span.through, worker)
        for t in range(span.begin, span.end):
            if symbol == ALWAYS or ids[t, b] == symbol:
                add_direct(probes, t, left, width, worker)
        for j in range(0, count * width, LANES):
            store(P, (b, panel + j), load(room, (worker, j)))
    live[b, entry.number] = entered or (before and span.through)


@shared(types.void(FLOATS[5], FLOATS[2], PROBES, SPAN, *[INTEGER] * 4))
def add_recurrent(states, P, probes, span, fed, place, row, rows):
    """Add the influence of W over a span to some rows of P.

    Σ_t h_{t-1} ∂s_T/∂(h_{t-1} W) is added to `rows` rows, which begin at `place`.
    """
    count, steps = probes.z.shape[1], span.end - span.begin
    for n in range(count):
        for left in range(0, fed, PANEL):
            width = min(PANEL, fed - left)
            multiply_tile(
                Tile(
                    rows=rows,
                    vectors=width // LANES,
                    c=address(P, (span.b, place + left * count + n * width)),
                    c_row=fed * count,
                    a=address(states, (0, 0, span.begin, span.b, row)),
                    a_row=1,
                    a_inner=states.shape[3] * states.shape[4],
                    panel=address(probes.packed, (n, left * steps)),
                    inner=steps,
                )
            )


@jit
def carry_influence(gradient, buffers, influence, probes, ids, span, member):
    """Add λ P_0 of a stream to the gradient, and advance its P.

    P advances over a span; a member does its rows of both.
    """
    first_U, W, bias, states = gradient.first_U[0], gradient.W[0], gradient.b, buffers.states
    worker, workers = member.worker, member.workers
    count, fed, symbols = probes.z.shape[1], W.shape[1], first_U.shape[0]
    hidden = count // states.shape[0]
    for v in range(worker, symbols, workers):
        row = Row(v, v, v * first_U.shape[1] * count, v)
        carry_row(first_U, buffers, influence, probes, ids, span, row, worker)
    place = first_U.size * count
    for top in range(worker * TILE_ROWS, hidden, workers * TILE_ROWS):
        rows = min(TILE_ROWS, hidden - top)
        for k in range(top, top + rows):
            row = Row(k, symbols + k, place + k * fed * count, NEVER)
            carry_row(W, buffers, influence, probes, ids, span, row, worker)
        if span.begin < span.end:
            add_recurrent(states, influence.P, probes, span, fed, place + top * fed * count, top, rows)
            influence.live[span.b, symbols + top : symbols + top + rows] = 1
    if worker == workers - 1:
        row = Row(0, symbols + hidden, place + hidden * fed * count, ALWAYS)
        carry_row(bias, buffers, influence, probes, ids, span, row, worker)


@entry
def train(net, back, buffers, influence, probes, optimizer, windows, plan, member, scratch):
    """Train as `training_loop.train` does, in real time.

    The network has one layer, whose influence takes the gradient beyond the window.
    """
    batch, count = windows.ids.shape[2], probes.z.shape[1]
    first, last = share_of(batch, member)
    first_probe, last_probe = share_of(count, member)
    for k in range(windows.lengths.size):
        ids, steps = windows.ids[k], windows.lengths[k]
        begin_step(net, back, buffers, step_of(windows, plan, k), member, scratch)
        wait(member)  # until the window's own gradient is complete; then the gates are computed again
        layers_forward(net, buffers, ids, step_of(windows, plan, k).dropout, Part(first, last, 0, steps))
        wait(member)
        for b in range(batch):
            end = steps if b < plan.full_rows[k] else steps - 1
            begin = gap_before(ids, b, b + 1, 0, end) + 1
            span = Span(b, begin, end, 0 if plan.fresh[k, b] or begin else 1)
            probe(net, back, buffers, probes, span, first_probe, last_probe)
            wait(member)  # until all probes are done
            carry_influence(back.gradient, buffers, influence, probes, ids, span, member)
            wait(member)  # until the probes are free and, after the last stream, the gradient is complete
        if not end_step(net, back, buffers, optimizer, windows, plan, k, member):
            return k + 1
    wait(member)
    return windows.lengths.size
