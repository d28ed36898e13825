"""The long short-term memory's scans over time (Hochreiter & Schmidhuber 1997, forget gate Gers et al. 2000).

    i, f, o = σ(x_t U + h_{t-1} W + b) ;  g = tanh(likewise)
    c_t = f ⊙ c_{t-1} + i ⊙ g ;  h_t = o ⊙ tanh(c_t)

Flags say in what a cell differs from that, by the abbreviations of Greff et al. 2015. A kernel is compiled for each
value of them, so a test of a flag costs nothing. The gates that there are stand side by side in a row of z, in the
order i, f, o, g. What goes back into them is h, or r = h P where it is projected; with full gate recurrence, the gates
of the step before as well, which are states then.

Below, `at` is (t, b, j): a step, a row of the batch, and the first of 16 units; δ of a gate is ∂L/∂(what entered it).
"""

from typing import NamedTuple

from charrnn.kernels.activations import logistic, tanh
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, chosen_at_least, fma, load, splat, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.scans import BACKWARD_SCAN, EXTRA_GRADIENTS, FORWARD_SCAN
from charrnn.kernels.states import clear
from charrnn.kernels.weight_gradients import add_product, add_row_sums_of_products

NIG, NFG, NOG, NIAF, NOAF, CIFG, FGR, PEEPHOLES, PROJECTION = (1 << bit for bit in range(9))
FLAGS = {
    "nig": NIG,  # no input gate: i = 1
    "nfg": NFG,  # no forget gate: f = 1
    "nog": NOG,  # no output gate: o = 1
    "niaf": NIAF,  # no input activation: g is linear
    "noaf": NOAF,  # no output activation: h = o ⊙ c
    "cifg": CIFG,  # coupled input and forget gate: i = 1 − f
    "fgr": FGR,  # full gate recurrence: i, f, o see those of the step before
    "peepholes": PEEPHOLES,  # i and f see p ⊙ c_{t-1}, o sees p ⊙ c_t
    "projection": PROJECTION,  # r = h P in the place of h
}


class Gate(NamedTuple):
    """Where a gate is: its first column in z, and its row among the peepholes and the other gates."""

    column: int
    row: int


class Gates(NamedTuple):
    """Where the gates of a cell are; one that is not there is where the next one is."""

    i: Gate
    f: Gate
    o: Gate
    g: Gate


@jit
def gates_of(flags, size):
    """Return where the gates of a cell with `size` units are."""
    f = 0 if flags & (NIG | CIFG) else 1
    o = f if flags & NFG else f + 1
    g = o if flags & NOG else o + 1
    return Gates(Gate(0, 0), Gate(f * size, f), Gate(o * size, o), Gate(g * size, g))


# Forward: each piece takes what entered a gate from z, and leaves the gate there for the way back.


@jit
def open_gate(z, gate, at, cell, peepholes, flags):
    """Return σ(a + p ⊙ c) for what entered a gate."""
    t, b, j = at
    a = load(z, (t, b, gate.column + j))
    if flags & PEEPHOLES:
        a = fma(cell, load(peepholes, (gate.row, j)), a)
    value = logistic(a)
    store(z, (t, b, gate.column + j), value)
    return value


@jit
def forget_gate(z, f, at, before, peepholes, flags):
    """Return f = σ(a_f + p_f ⊙ c_{t-1}), or 1 without the gate."""
    if flags & NFG:
        return splat(1.0)
    return open_gate(z, f, at, before, peepholes, flags)


@jit
def input_gate(z, i, at, before, peepholes, forget, flags):
    """Return i = σ(a_i + p_i ⊙ c_{t-1}), or 1 without the gate, or 1 − f where it is coupled."""
    if flags & NIG:
        return splat(1.0)
    if flags & CIFG:
        return 1.0 - forget
    return open_gate(z, i, at, before, peepholes, flags)


@jit
def input_value(z, g, at, flags):
    """Return g = tanh(a_g), or a_g where it is linear."""
    t, b, j = at
    value = load(z, (t, b, g.column + j))
    if not flags & NIAF:
        value = tanh(value)
        store(z, (t, b, g.column + j), value)
    return value


@jit
def output_value(z, o, at, cell, peepholes, flags):
    """Return h_t = o ⊙ tanh(c_t), o = σ(a_o + p_o ⊙ c_t): without tanh, or o, where a cell has none."""
    t, b, j = at
    value = cell if flags & NOAF else tanh(cell)
    if flags & NOG:
        return value
    if flags & PEEPHOLES:
        return open_gate(z, o, at, cell, peepholes, flags) * value
    return load(z, (t, b, o.column + j)) * value  # it was opened already


@separate(FORWARD_SCAN)
def forward(z, states, layer, weights, part, flags):
    """Run a part of the batch through steps of a window.

    z [T, B, Z] comes with x_t U + b and leaves with the gates; h and c [T+1, B, H] hold the carried state in slot 0
    and get step t's in slot t+1.
    """
    h, c = states[0, layer], states[1, layer]
    size = c.shape[2]
    gates = gates_of(flags, size)
    peepholes, first, last = weights.peepholes, part.first, part.last
    fed = weights.W.size // z.shape[2]
    for t in range(part.begin, part.end):
        multiply_add(z[t : t + 1, first:last], h[t : t + 1, first:last, :fed], weights.W, t & 1)
        if flags & FGR:
            for k in range(weights.extra.shape[0]):
                seen = states[2 + k, layer, t : t + 1, first:last]
                multiply_add(z[t : t + 1, first:last, : gates.g.column], seen, weights.extra[k], t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                at = t, b, j
                before = load(c, at)
                f = forget_gate(z, gates.f, at, before, peepholes, flags)
                i = input_gate(z, gates.i, at, before, peepholes, f, flags)
                if not flags & (NOG | PEEPHOLES):
                    open_gate(z, gates.o, at, before, peepholes, flags)
                g = input_value(z, gates.g, at, flags)
                store(c, (t + 1, b, j), fma(f, before, i * g))
            for j in range(0, size, LANES):  # apart, as a processor sees too few steps ahead to overlap longer chains
                y = output_value(z, gates.o, (t, b, j), load(c, (t + 1, b, j)), peepholes, flags)
                if flags & PROJECTION:
                    store(states, (2, layer, t + 1, b, j), y)
                    store(h, (t + 1, b, j), 0.0)
                else:
                    store(h, (t + 1, b, j), y)
                if flags & FGR:
                    for k in range(weights.extra.shape[0]):  # 0 in the padding
                        gate = load(z, (t, b, k * size + j))
                        store(states, (2 + k, layer, t + 1, b, j), in_use(gate, weights.periods, j))
        if flags & PROJECTION:
            whole = states[2, layer, t + 1 : t + 2, first:last]
            multiply_add(h[t + 1 : t + 2, first:last, :fed], whole, weights.extra[0], t & 1)


@jit
def in_use(values, periods, j):
    """Return values of units, and 0 for the padding, whose periods are 0."""
    return chosen_at_least(load(periods, (j,)), 0.5, values)


# Back: each piece takes a gate from z, and leaves δ there.


@jit
def left_gate(z, gate, at):
    """Return a gate as the way forward has left it."""
    t, b, j = at
    return load(z, (t, b, gate.column + j))


@jit
def left_input_gate(z, i, at, forget, flags):
    """Return i, or what stands for it."""
    if flags & NIG:
        return splat(1.0)
    return 1.0 - forget if flags & CIFG else left_gate(z, i, at)


@jit
def back_through_gate(z, gate, at, value, d, d_others, layer, flags):
    """Return δ = d ⊙ σ'(a), where d = ∂L/∂(the gate), and what comes to it from the step after as a state."""
    t, b, j = at
    if flags & FGR:
        d = d + load(d_others, (1 + gate.row, layer, 0, b, j))
    delta = d * (value * (1.0 - value))
    store(z, (t, b, gate.column + j), delta)
    return delta


@jit
def back_through_peephole(delta, gate, j, peepholes, d_cell, flags):
    """Add δ ⊙ p to the gradient of the cell that a gate has seen."""
    if flags & PEEPHOLES:
        return fma(delta, load(peepholes, (gate.row, j)), d_cell)
    return d_cell


@jit
def back_through_step(z, c, d_others, layer, gates, at, d_h, peepholes, flags):
    """Turn the gates of a step into δ, and ∂L/∂c_t into ∂L/∂c_{t-1}, given ∂L/∂h_t."""
    t, b, j = at
    before, cell = load(c, at), load(c, (t + 1, b, j))
    f = splat(1.0) if flags & NFG else left_gate(z, gates.f, at)
    i = left_input_gate(z, gates.i, at, f, flags)
    o = splat(1.0) if flags & NOG else left_gate(z, gates.o, at)
    g = left_gate(z, gates.g, at)

    # h_t = o ⊙ tanh(c_t)
    squashed, slope = cell, splat(1.0)
    if not flags & NOAF:
        squashed = tanh(cell)  # again: cheaper than a buffer for it
        slope = 1.0 - squashed * squashed
    d_c = fma(d_h * o, slope, load(d_others, (0, layer, 0, b, j)))
    if not flags & NOG:
        d_o = back_through_gate(z, gates.o, at, o, d_h * squashed, d_others, layer, flags)
        d_c = back_through_peephole(d_o, gates.o, j, peepholes, d_c, flags)

    # c_t = f ⊙ c_{t-1} + i ⊙ g
    d_before = d_c * f
    if not flags & (NIG | CIFG):
        d_i = back_through_gate(z, gates.i, at, i, d_c * g, d_others, layer, flags)
        d_before = back_through_peephole(d_i, gates.i, j, peepholes, d_before, flags)
    if not flags & NFG:
        d_f = d_c * (before - g) if flags & CIFG else d_c * before
        d_f = back_through_gate(z, gates.f, at, f, d_f, d_others, layer, flags)
        d_before = back_through_peephole(d_f, gates.f, j, peepholes, d_before, flags)
    d_g = d_c * i
    if not flags & NIAF:
        d_g = d_g * (1.0 - g * g)
    store(z, (t, b, gates.g.column + j), d_g)
    store(d_others, (0, layer, 0, b, j), d_before)


@separate(BACKWARD_SCAN)
def backward(z, states, dh, d_others, layer, weights, part, flags):
    """Go back through steps of a window: the gates in z become δ, the gradient of what entered them.

    dh [T+1, B, H] comes with ∂L/∂h_t from above in slot t+1 and zeros in slot 0; `d_others` [·, 1, B, H] is room for
    ∂L/∂c_t, then for that of the gates that are states, or of h where it is projected. All leave with the gradient of
    the carried state, dh in slot 0.
    """
    c, dh = states[1, layer], dh[layer]
    size = c.shape[2]
    gates = gates_of(flags, size)
    first, last = part.first, part.last
    fed = weights.W.size // z.shape[2]
    for t in range(part.end - 1, part.begin - 1, -1):
        if flags & PROJECTION:
            clear(d_others[1, layer], first, last, 0, 1)
            multiply_add(
                d_others[1, layer, :, first:last], dh[t + 1 : t + 2, first:last, :fed], weights.extra[0], t & 1
            )
        for b in range(first, last):
            for j in range(0, size, LANES):
                d_h = load(d_others, (1, layer, 0, b, j)) if flags & PROJECTION else load(dh, (t + 1, b, j))
                back_through_step(z, c, d_others, layer, gates, (t, b, j), d_h, weights.peepholes, flags)
        multiply_add(dh[t : t + 1, first:last, :fed], z[t : t + 1, first:last], weights.W, t & 1)
        if flags & FGR:
            for k in range(weights.extra.shape[0]):
                clear(d_others[1 + k, layer], first, last, 0, 1)
                d_gate = d_others[1 + k, layer, :, first:last]
                multiply_add(d_gate, z[t : t + 1, first:last, : gates.g.column], weights.extra[k], t & 1)


@separate(EXTRA_GRADIENTS)
def extra_gradients(gradient, buffers, layer, member, steps, scratch, flags):
    """Add a member's columns of the gradients of what the cell has beside U, W and b.

    ∇R_k = Σ (gate k)_{t-1}ᵀ δ_t ;  ∇P = Σ h_tᵀ ∂L/∂r_t ;  ∇p_i = Σ δ_i ⊙ c_{t-1}, likewise f, and ∇p_o = Σ δ_o ⊙ c_t.
    """
    states, d_extra, d_peepholes = buffers.states, gradient.extra[layer], gradient.peepholes[layer]
    batch, size = states.shape[3], states.shape[4]
    rows = steps * batch
    dz = buffers.z[layer].reshape(-1, buffers.z.shape[3])
    if flags & FGR:
        for k in range(d_extra.shape[0]):
            add_product(d_extra[k], states[2 + k, layer], 0, dz, 0, rows, member, scratch)
    if flags & PROJECTION:
        d_r = buffers.dh[layer, 1:].reshape(-1, size)
        add_product(d_extra[0], states[2, layer], 1, d_r, 0, rows, member, scratch)
    if flags & PEEPHOLES:
        o = gates_of(flags, size).o
        c = states[1, layer].reshape(-1, size)
        for k in range(d_peepholes.shape[0]):
            seen = batch if k == o.row else 0  # o sees the new c, in the next slot
            add_row_sums_of_products(d_peepholes[k], dz, k * size, c, seen, rows, member)
