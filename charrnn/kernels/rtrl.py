"""Real-time recurrent learning of one layer (Williams & Zipser 1989): training whose gradient has no window.

Beside each stream's states s_t goes their influence P_t = ∂s_t/∂θ, of every parameter θ of the layer on every state.
Weights change every T characters only, and between two changes P need not be known at each step (Schmidhuber 1992):

    ∇θ = the window's own gradient, found by going back through it, + λ P_0 ;  λ = ∂L/∂s_0
    P_T = J P_0 + ∂s_T/∂θ with s_0 held ;  J = ∂s_T/∂s_0

That is what P_t = ∂s_t/∂s_{t-1} P_{t-1} + ∂s_t/∂θ with s_{t-1} held comes to after T steps, for fewer products. J and
∂s_T/∂a_t, a_t being what enters the gates, come from a scan back through the window for each state: a probe, which sets
out with an error of 1 at that state alone. Those scans are the family's own, so what is here serves any cell whose
parameters are U, W and b, where h feeds W.

The N states are h's real units, then c's. The columns of P are those of U [V, G·H], W [H, R·H] and b [Z], row by row:
what enters multiplies a row, be it a symbol's presence, a unit's h, or 1. A row's columns are cut in panels, and a
panel of P lies as [N, width] without gaps. Each thread takes whole rows, and no sum runs over columns, so the bits do
not depend on how many threads there are.
"""

from numba import types

from charrnn.kernels import inputs
from charrnn.kernels.barrier import wait
from charrnn.kernels.forward_pass import BUFFERS, FLOATS, INTEGER, INTEGERS, PACKED, WEIGHTS, layers_forward
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.llvm.vector import LANES, address, load, store
from charrnn.kernels.product import PANEL, TILE_ROWS, multiply_tile
from charrnn.kernels.training_loop import SCANS, go_through, take_step

INFLUENCE = types.Tuple((FLOATS[2], INTEGERS[2]))  # P [B, ·], and which of its rows are not all zero [B, V + H + 1]

# Of one stream's probes: z [T, N, Z]; states [S, 1, T+1, N, H]; their gradients [1, T+1, N, H] and [S−1, 1, 1, N, H];
# ∂s_T/∂(h W) in panels [N, T·R·H]; J in tiles of TILE_ROWS rows [·, N, TILE_ROWS]; a worker's panel [·, N·PANEL].
PROBES = types.Tuple((FLOATS[3], FLOATS[5], FLOATS[4], FLOATS[5], FLOATS[2], FLOATS[3], FLOATS[2]))

# A stream; the steps of its window that its last state depends on, from the last gap on; whether that depends on P_0.
SPAN = types.UniTuple(INTEGER, 4)
ALWAYS, NEVER = -1, -2


@shared(types.void(SCANS, WEIGHTS, PACKED, BUFFERS, PROBES, SPAN, INTEGER, INTEGER))
def probe(scans, weights, back, buffers, probes, span, first, last):
    """Go back over a span with the probes `first` to `last`: z [T, N, Z] becomes ∂s_T/∂a_t, and J is set."""
    gates, states = buffers[0][0], buffers[1]
    z, copies, dh, other, packed, J, _ = probes
    b, begin, end, _ = span
    count, hidden = z.shape[1], z.shape[1] // states.shape[0]
    for n in range(first, last):
        for t in range(begin, end):
            for j in range(0, z.shape[2], LANES):
                store(z, (t, n, j), load(gates, (t, b, j)))
        for k in range(states.shape[0]):
            for t in range(begin, end + 1):
                for j in range(0, states.shape[4], LANES):
                    store(copies, (k, 0, t, n, j), load(states, (k, 0, t, b, j)))
        inputs.clear(dh[0], n, n + 1, begin, end + 1)
        for k in range(other.shape[0]):
            inputs.clear(other[k, 0], n, n + 1, 0, 1)
        if n < hidden:
            dh[0, end, n, n] = 1.0
        else:
            other[n // hidden - 1, 0, 0, n, n % hidden] = 1.0
    own = back[1][0], back[2][0], weights[4][0], weights[9]
    call(scans[1], (z, copies, dh, other, 0, *own, first, last, begin, end, scans[3]))
    fed, steps = weights[2].shape[2], end - begin
    skip = z.shape[2] - fed
    for n in range(first, last):
        for m in range(count):
            k = m // hidden
            J[n // TILE_ROWS, m, n % TILE_ROWS] = other[k - 1, 0, 0, n, m % hidden] if k else dh[0, begin, n, m]
        for left in range(0, fed, PANEL):
            width = min(PANEL, fed - left)
            for t in range(steps):
                for j in range(0, width, LANES):
                    store(packed, (n, left * steps + t * width + j), load(z, (begin + t, n, skip + left + j)))


@jit
def advance(P, b, place, width, probes, through, worker):
    """Write J P of a panel to a worker's room for it, or zeros where no state came through the window."""
    J, room = probes[5], probes[6]
    count = probes[0].shape[1]
    for j in range(0, count * width, LANES):
        store(room, (worker, j), 0.0)
    if through:
        for top in range(0, count, TILE_ROWS):
            multiply_tile(
                min(TILE_ROWS, count - top),
                width // LANES,
                address(room, (worker, top * width)),
                width,
                address(J, (top // TILE_ROWS, 0, 0)),
                1,
                TILE_ROWS,
                address(P, (b, place)),
                count,
            )


@jit
def add_direct(probes, t, left, width, worker):
    """Add ∂s_T/∂a_t of a panel's columns to a worker's room: the influence of a 1 that entered there at step t."""
    z, room = probes[0], probes[6]
    for n in range(z.shape[1]):
        for j in range(0, width, LANES):
            store(room, (worker, n * width + j), load(room, (worker, n * width + j)) + load(z, (t, n, left + j)))


@shared(types.void(FLOATS[2], BUFFERS, INFLUENCE, PROBES, INTEGERS[2], SPAN, types.UniTuple(INTEGER, 4), INTEGER))
def carry_row(gradient, buffers, influence, probes, ids, span, entry, worker):
    """Add λ P_0 to one row of a gradient [·, columns], and carry the same row of P over a span.

    `entry` is that row, its number among the rows of P, its place there, and what lets a 1 enter at a step: a symbol,
    ALWAYS, or NEVER, as `add_recurrent` does the rest. λ is what going back left in slot 0: zero, where a stream begins
    anew.
    """
    P, live = influence
    dh, other = buffers[2], buffers[3]
    b, begin, end, through = span
    row, number, place, symbol = entry
    count = probes[0].shape[1]
    hidden = count // buffers[1].shape[0]
    before = live[b, number] != 0
    entered = False
    for t in range(begin, end):
        entered = entered or symbol == ALWAYS or ids[t, b] == symbol
    if not (before or entered):
        return
    for left in range(0, gradient.shape[1], PANEL):
        width = min(PANEL, gradient.shape[1] - left)
        panel = place + left * count
        if before:
            for k in range(buffers[1].shape[0]):
                pull = address(other, (k - 1, 0, 0, b, 0)) if k else address(dh, (0, 0, b, 0))
                part = address(P, (b, panel + k * hidden * width))
                multiply_tile(1, width // LANES, address(gradient, (row, left)), 0, pull, 0, 1, part, hidden)
        advance(P, b, panel, width, probes, before and through, worker)
        for t in range(begin, end):
            if symbol == ALWAYS or ids[t, b] == symbol:
                add_direct(probes, t, left, width, worker)
        room = probes[6]
        for j in range(0, count * width, LANES):
            store(P, (b, panel + j), load(room, (worker, j)))
    live[b, number] = entered or (before and through)


@shared(types.void(FLOATS[5], FLOATS[2], PROBES, SPAN, *[INTEGER] * 4))
def add_recurrent(states, P, probes, span, fed, place, row, rows):
    """Add to some rows of P, from `place` on, what entered at W: Σ_t h_{t-1} ∂s_T/∂(h_{t-1} W)."""
    b, begin, end, _ = span
    count, steps = probes[0].shape[1], end - begin
    for n in range(count):
        for left in range(0, fed, PANEL):
            width = min(PANEL, fed - left)
            multiply_tile(
                rows,
                width // LANES,
                address(P, (b, place + left * count + n * width)),
                fed * count,
                address(states, (0, 0, begin, b, row)),
                1,
                states.shape[3] * states.shape[4],
                address(probes[4], (n, left * steps)),
                steps,
            )


@jit
def carry_influence(gradient, buffers, influence, probes, ids, span, worker, workers):
    """Add λ P_0 of a stream to the layer's gradient, and carry its P over a span, a worker's rows of both."""
    first_U, W, bias = gradient[0][0], gradient[2][0], gradient[5]
    P, live = influence
    states = buffers[1]
    b, begin, end, _ = span
    count, fed, symbols = probes[0].shape[1], W.shape[1], first_U.shape[0]
    hidden = count // states.shape[0]
    for v in range(worker, symbols, workers):
        at = v * first_U.shape[1] * count
        carry_row(first_U, buffers, influence, probes, ids, span, (v, v, at, v), worker)
    place = first_U.size * count
    for row in range(worker * TILE_ROWS, hidden, workers * TILE_ROWS):
        rows = min(TILE_ROWS, hidden - row)
        for k in range(row, row + rows):
            at = place + k * fed * count
            carry_row(W, buffers, influence, probes, ids, span, (k, symbols + k, at, NEVER), worker)
        if begin < end:
            add_recurrent(states, P, probes, span, fed, place + row * fed * count, row, rows)
            live[b, symbols + row : symbols + row + rows] = 1
    if worker == workers - 1:
        at = place + hidden * fed * count
        carry_row(bias, buffers, influence, probes, ids, span, (0, symbols + hidden, at, ALWAYS), worker)


@entry
def train(
    scans,
    weights,
    packed,
    back,
    gradient,
    buffers,
    influence,
    probes,
    optimizer,
    windows,
    plan,
    symbols,
    worker,
    meeting,
    scratch,
):
    """Do what `training.train` does, for one layer whose gradient goes on beyond a window: by way of its influence."""
    ids, targets, lengths = windows.ids, windows.targets, windows.lengths
    batch, workers = ids.shape[2], meeting[1]
    first, last = worker * batch // workers, (worker + 1) * batch // workers
    count = probes[0].shape[1]
    first_probe, last_probe = worker * count // workers, (worker + 1) * count // workers
    reader = scans[0], scans[3]
    for k in range(lengths.size):
        steps = lengths[k]
        arguments = ids[k], targets[k], symbols, plan, k, steps, worker, meeting
        go_through(scans, weights, packed, back, gradient, buffers, *arguments, scratch)
        wait(meeting)  # until the window's own gradient is whole
        layers_forward(
            reader, weights, packed, buffers, ids[k], plan.keep, plan.keys[k], first, last, 0, steps
        )  # gates again
        wait(meeting)
        for b in range(batch):
            end = steps if b < plan.full_rows[k] else steps - 1
            begin = inputs.gap_before(ids[k], b, b + 1, 0, end) + 1
            span = (b, begin, end, 0 if plan.fresh[k, b] or begin else 1)
            probe(scans, weights, back, buffers, probes, span, first_probe, last_probe)
            wait(meeting)  # until all probes are back
            carry_influence(gradient, buffers, influence, probes, ids[k], span, worker, workers)
            wait(meeting)  # until the probes are free, and at last the gradient whole
        if not take_step(weights, packed, back, buffers, optimizer, plan, k, steps, worker, meeting):
            return k + 1
    wait(meeting)
    return lengths.size
