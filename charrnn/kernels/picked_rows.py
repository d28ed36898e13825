"""Large matrices of which a step takes few rows: the first U or the embedding E, and V if the softmax is over a sample.

The rows of U that a window reads, and those of V that are in its sample, are copied to small matrices, and the step
goes on as with a small vocabulary. An embedding feeds x_t E U to the first layer. So a network reads symbols as if its
first U were E U, which is computed for those symbols only that a window has. What a step learns goes back to U, E and V
by `picked_update.step`, which touches no other rows.
"""

from charrnn.kernels.arguments import Back, Buffers, Net, Packed, Rows, Weights
from charrnn.kernels.barrier import share_of, wait
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, load, store
from charrnn.kernels.product import multiply_add, pack_transposed_shares, share
from charrnn.kernels.weight_gradients import multiply_transposed_add


@jit
def with_other(weights, first_U, V, c, E):
    """Return weights, or a gradient, with another first U, V, c and E."""
    U, W, extra, peepholes, b = weights.U, weights.W, weights.extra, weights.peepholes, weights.b
    own = weights.initial, weights.given, weights.attention
    return Weights(first_U, U, W, extra, peepholes, b, *own, c, V, E, weights.periods)


@jit
def with_room(packed, stacks, size):
    """Return packed matrices with a V of another size, in the same room."""
    V = packed.V.reshape(-1)[: stacks * size].reshape(stacks, size)
    return Packed(packed.U, packed.W, packed.extra, V, packed.first_U, packed.attention)


@jit
def narrowed(net, back, buffers, rooms, picked, k):
    """Return the network of step k: its first U and its V, and their gradients, have only the rows that it picks."""
    weights, gradient, logits, symbols = net.weights, back.gradient, buffers.logits, net.symbols
    packed, transposed = net.packed, back.transposed
    stacks, _, fed = weights.first_U.shape
    rows = max(1, picked.reads[k])  # a gap, whose input does not matter, is read as the first
    size = stacks * rows * fed
    U, dU = rooms.U[:size].reshape(stacks, rows, fed), rooms.dU[:size].reshape(stacks, rows, fed)
    weights = with_other(weights, U, weights.V, weights.c, weights.E)
    gradient = with_other(gradient, dU, gradient.V, gradient.c, rooms.dE)
    if picked.drawn.shape[1]:
        inner = weights.V.shape[2]
        steps, batch, _ = logits.shape
        symbols = picked.draws[k]
        width = (symbols + LANES - 1) // LANES * LANES
        size = width * inner
        V = rooms.V[: stacks * size].reshape(stacks, width, inner)
        dV = rooms.dV[: stacks * size].reshape(stacks, width, inner)
        weights = with_other(weights, weights.first_U, V, rooms.c[:width], weights.E)
        gradient = with_other(gradient, gradient.first_U, dV, rooms.dc[:width], gradient.E)
        packed, transposed = with_room(packed, stacks, size), with_room(transposed, stacks, size)
        logits = logits.reshape(-1)[: steps * batch * width].reshape(steps, batch, width)
    own_buffers = Buffers(
        buffers.z,
        buffers.states,
        buffers.dh,
        buffers.d_others,
        buffers.dropped,
        buffers.masks,
        logits,
        buffers.losses,
        buffers.d_initial,
    )
    own_back = Back(back.scan, back.extra_gradients, transposed, gradient)
    return Net(net.scan, weights, packed, symbols), own_back, own_buffers


@jit
def embed(U, E, packed_U, first, last):
    """Set rows `first` to `last` of U [N, G] to those of E [N, M] times the packed first U."""
    for r in range(first, last):
        for j in range(0, U.shape[1], LANES):
            store(U, (r, j), 0.0)
    product, rows = U.reshape(1, -1, U.shape[1]), E.reshape(1, -1, E.shape[1])
    multiply_add(product[:, first:last], rows[:, first:last], packed_U, 0)


@entry
def embed_all(table, weights, packed):
    """Set table [D, N, G] to E times the first U of each stack: what a network that only reads looks up."""
    for stack in range(table.shape[0]):
        embed(table[stack], weights.E, packed.first_U[stack], 0, table.shape[1])


@jit
def gather_read(own, whole, back, rooms, read, member):
    """Fill a step's first U with rows of U, or of E U, for the symbols that it has `read`; clear its gradient."""
    U, dU, first_U, E = own.weights.first_U, back.gradient.first_U, whole.weights.first_U, whole.weights.E
    first, last = share_of(read.size, member)
    for r in range(first, last):
        for j in range(0, E.shape[1], LANES):
            store(rooms.E, (r, j), load(E, (read[r], j)))
    if E.size:
        wait(member)  # until the new U is packed
    for stack in range(U.shape[0]):
        if E.size:
            embed(U[stack], rooms.E, whole.packed.first_U[stack], first, last)
        for r in range(first, last):
            for j in range(0, dU.shape[2], LANES):
                if not E.size:
                    store(U, (stack, r, j), load(first_U, (stack, read[r], j)))
                store(dU, (stack, r, j), 0.0)


@jit
def gather(own, whole, back, rooms, picked, k, member):
    """Fill the matrices of a step's `own` network from the `whole` one, and pack its V; each member does its share."""
    read, drawn = picked.read[k][: picked.reads[k]], picked.drawn[k][: picked.draws[k]]
    if read.size:
        gather_read(own, whole, back, rooms, read, member)
    if drawn.size:
        V, c = own.weights.V, own.weights.c
        first, last = share_of(drawn.size, member)
        for r in range(first, last):
            symbol = drawn[r]
            c[r] = whole.weights.c[symbol]
            for stack in range(V.shape[0]):
                for j in range(0, V.shape[2], LANES):
                    store(V, (stack, r, j), load(whole.weights.V, (stack, symbol, j)))
        wait(member)
        for stack in range(V.shape[0]):
            pack_transposed_shares(own.packed.V[stack], back.transposed.V[stack], V[stack], member)


@jit
def give_back(own, whole, rooms, picked, k, member, scratch):
    """Carry the gradient of E U back to E and U, and that of the sample's c to all; each member does its share."""
    drawn, rows = picked.drawn[k][: picked.draws[k]], picked.reads[k]
    d_first_U, dU, dE = whole.gradient.first_U, own.gradient.first_U, rooms.dE
    for stack in range(dU.shape[0] if rows * dE.size else 0):
        first, last = share(dU.shape[2], member)
        multiply_transposed_add(d_first_U[stack], rooms.E, 0, 0, dU[stack], 0, rows, first, last, scratch)
        first, last = share_of(rows, member)
        dx, dz = dE.reshape(1, -1, dE.shape[1]), dU[stack].reshape(1, -1, dU.shape[2])
        multiply_add(dx[:, first:last], dz[:, first:last], whole.transposed.first_U[stack], 0)
    first, last = share_of(drawn.size, member)
    for r in range(first, last):
        whole.gradient.c[drawn[r]] = rooms.dc[r]
        rooms.dc[r] = 0.0


@jit
def rows_of_step(net, back, rooms, picked, k):
    """Return the rows of U, E and V of all stacks that step k has picked; `back` is that of the step."""
    U, dU, squares_U, read = net.weights.first_U, back.gradient.first_U, rooms.squares_U, picked.read[k]
    V, dV, d_others, squares = net.weights.V, back.gradient.V, rooms.d_others, rooms.squares_V
    drawn, others = picked.drawn[k][: picked.draws[k]], picked.others[k][: picked.misses[k]]
    right = V.shape[0] - 1  # a left-to-right network has no other stack: then what is picked of it is nothing
    embedded = picked.reads[k] if net.weights.E.size else 0
    reads = picked.reads[k] - embedded
    return (
        Rows(net.weights.E, rooms.squares_E, read[:embedded], rooms.dE),
        Rows(U[0], squares_U[0], read[:reads], dU[0]),
        Rows(U[right], squares_U[right], read[: right * reads], dU[right]),
        Rows(V[0], squares[0], drawn, dV[0]),
        Rows(V[0], squares[0], others, d_others[0]),
        Rows(V[right], squares[right], drawn[: right * drawn.size], dV[right]),
        Rows(V[right], squares[right], others[: right * others.size], d_others[right]),
    )
