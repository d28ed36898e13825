"""The LSTM's forward and backward pass through time (Hochreiter & Schmidhuber 1997, forget gate Gers et al. 2000).

    i = σ(x_t U_i + h_{t-1} W_i + b_i), f and o likewise ;  g = tanh(x_t U_g + h_{t-1} W_g + b_g)
    c_t = f ⊙ c_{t-1} + i ⊙ g ;  h_t = o ⊙ tanh(c_t)

The pre-activation a of a gate starts as x_t U + b (`inputs.py`); the scans below add h_{t-1} W. Flags say how a
variant differs from these formulas. Their names are those of Greff et al. 2015, plus peepholes, full peepholes and
projection. A kernel is compiled once for each combination of flags, so testing a flag costs nothing at run time.

The gates that a cell has lie side by side in a row of z, in the order i, f, o, then the candidate g. With a projection,
states[0] is r = h P, which feeds the gates of the next step, and states[2] is h. With full gate recurrence, i, f and o
also see the gates of the previous step, states[2 + k]. With full peepholes, they see c through matrices, which the
backward pass goes through between the units of a step. Below, `at` is (t, b, j): a step, a row of the batch, and the
first of 16 units; δ of a gate is ∂L/∂a. Sizes: see `arguments.py`.
"""

from typing import NamedTuple

from charrnn.kernels.activations import logistic, logistic_slope, tanh, tanh_slope
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, chosen_at_least, fma, load, splat, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.scans import BACKWARD_SCAN, EXTRA_GRADIENTS, FORWARD_SCAN
from charrnn.kernels.states import clear
from charrnn.kernels.weight_gradients import add_product, add_row_sums_of_products

NIG, NFG, NOG, NIAF, NOAF, CIFG, FGR, PEEPHOLES, PROJECTION, FULL = (1 << bit for bit in range(10))
FLAGS = {
    "nig": NIG,  # no input gate: i = 1
    "nfg": NFG,  # no forget gate: f = 1
    "nog": NOG,  # no output gate: o = 1
    "niaf": NIAF,  # no input activation: g is linear
    "noaf": NOAF,  # no output activation: h = o ⊙ c
    "cifg": CIFG,  # coupled input and forget gate: i = 1 − f
    "fgr": FGR,  # full gate recurrence: i, f, o see the gates of the previous step
    "peepholes": PEEPHOLES,  # i and f see p ⊙ c_{t-1}, o sees p ⊙ c_t
    "projection": PROJECTION,  # r = h P in place of h
    "full peepholes": FULL,  # i and f see c_{t-1} C, o sees c_t C
}


class Place(NamedTuple):
    """The place of a gate: its first column in z, and its row among the peepholes and among gates that are states."""

    column: int
    row: int


class Places(NamedTuple):
    """The places of a cell's gates; a missing gate has the place of the next one, and is never read."""

    i: Place
    f: Place
    o: Place
    g: Place


@jit
def places_of(flags, size):
    """Return the places of a cell's gates, `size` units each."""
    f = 0 if flags & (NIG | CIFG) else 1
    o = f if flags & NFG else f + 1
    g = o if flags & NOG else o + 1
    return Places(Place(0, 0), Place(f * size, f), Place(o * size, o), Place(g * size, g))


# Forward: each function reads a pre-activation from z and overwrites it with the gate, which the backward pass needs.


@jit
def compute_gate(z, place, at, c, peepholes, flags):
    """Compute σ(a + p ⊙ c) for a gate, store it in z and return it."""
    t, b, j = at
    a = load(z, (t, b, place.column + j))
    if flags & PEEPHOLES:
        a = fma(c, load(peepholes, (place.row, j)), a)
    gate = logistic(a)
    store(z, (t, b, place.column + j), gate)
    return gate


@jit
def forget_gate(z, place, at, c_before, peepholes, flags):
    """Return f = σ(a_f + p_f ⊙ c_{t-1}), or 1 without the gate."""
    if flags & NFG:
        return splat(1.0)
    return compute_gate(z, place, at, c_before, peepholes, flags)


@jit
def input_gate(z, place, at, c_before, peepholes, f, flags):
    """Return i = σ(a_i + p_i ⊙ c_{t-1}), or 1 without the gate, or 1 − f if coupled."""
    if flags & NIG:
        return splat(1.0)
    if flags & CIFG:
        return 1.0 - f
    return compute_gate(z, place, at, c_before, peepholes, flags)


@jit
def candidate(z, place, at, flags):
    """Return g = tanh(a_g), or a_g if g is linear."""
    t, b, j = at
    g = load(z, (t, b, place.column + j))
    if not flags & NIAF:
        g = tanh(g)
        store(z, (t, b, place.column + j), g)
    return g


@jit
def output(z, place, at, c, peepholes, flags):
    """Return h_t = o ⊙ tanh(c_t), with o = σ(a_o + p_o ⊙ c_t).

    NOAF leaves out the tanh, and NOG leaves out o.
    """
    h = c if flags & NOAF else tanh(c)
    if flags & NOG:
        return h
    if flags & (PEEPHOLES | FULL):
        return compute_gate(z, place, at, c, peepholes, flags) * h
    return stored_gate(z, place, at) * h  # computed with the other gates


@jit
def stored_gate(z, place, at):
    """Return a gate that the forward pass has stored."""
    t, b, j = at
    return load(z, (t, b, place.column + j))


@jit
def see_cells(z, place, c, slot, t, weights, part):
    """Add c C of a gate to its pre-activation at step t; c is in a slot."""
    size, first, last = c.shape[2], part.first, part.last
    own = z[t : t + 1, first:last, place.column : place.column + size]
    multiply_add(own, c[slot : slot + 1, first:last], weights.extra[place.row], t & 1)


@jit
def compute_cells(z, c, places, t, b, peepholes, flags):
    """Compute the gates and c_t of a row at step t; o only if it does not see c_t."""
    for j in range(0, c.shape[2], LANES):
        at = t, b, j
        c_before = load(c, at)
        f = forget_gate(z, places.f, at, c_before, peepholes, flags)
        i = input_gate(z, places.i, at, c_before, peepholes, f, flags)
        if not flags & (NOG | PEEPHOLES | FULL):
            compute_gate(z, places.o, at, c_before, peepholes, flags)
        g = candidate(z, places.g, at, flags)
        store(c, (t + 1, b, j), fma(f, c_before, i * g))


@jit
def compute_outputs(z, states, layer, places, t, b, weights, flags):
    """Compute h_t of a row, and keep the gates that are states."""
    h, c = states[0, layer], states[1, layer]
    for j in range(0, c.shape[2], LANES):
        h_new = output(z, places.o, (t, b, j), load(c, (t + 1, b, j)), weights.peepholes, flags)
        if flags & PROJECTION:
            store(states, (2, layer, t + 1, b, j), h_new)
            store(h, (t + 1, b, j), 0.0)
        else:
            store(h, (t + 1, b, j), h_new)
        if flags & FGR:
            for k in range(weights.extra.shape[0]):
                gate = load(z, (t, b, k * c.shape[2] + j))
                store(states, (2 + k, layer, t + 1, b, j), without_padding(gate, weights.periods, j))


@separate(FORWARD_SCAN)
def forward(z, states, layer, weights, part, flags):
    """Run a part of a window forward.

    z [T, B, Z] holds x_t U + b on entry and the gates on return. h and c, which are states[0] and states[1], hold the
    state before the first step in slot `part.begin`; step t writes its state to slot t+1. W is packed.
    """
    h, c = states[0, layer], states[1, layer]
    places = places_of(flags, c.shape[2])
    first, last = part.first, part.last
    outputs = weights.W.size // z.shape[2]  # rows of W: H, or R with a projection
    for t in range(part.begin, part.end):
        # t & 1: every other step reads W backwards, as `multiply_add` explains
        multiply_add(z[t : t + 1, first:last], h[t : t + 1, first:last, :outputs], weights.W, t & 1)
        if flags & FGR:
            for k in range(weights.extra.shape[0]):
                gates_before = states[2 + k, layer, t : t + 1, first:last]
                multiply_add(z[t : t + 1, first:last, : places.g.column], gates_before, weights.extra[k], t & 1)
        if flags & FULL and not flags & (NIG | CIFG):
            see_cells(z, places.i, c, t, t, weights, part)
        if flags & FULL and not flags & NFG:
            see_cells(z, places.f, c, t, t, weights, part)
        for b in range(first, last):
            compute_cells(z, c, places, t, b, weights.peepholes, flags)
            if not flags & FULL:  # a second loop over the units, as the processor overlaps shorter chains of operations
                compute_outputs(z, states, layer, places, t, b, weights, flags)
        if flags & FULL:
            if not flags & NOG:
                see_cells(z, places.o, c, t + 1, t, weights, part)
            for b in range(first, last):
                compute_outputs(z, states, layer, places, t, b, weights, flags)
        if flags & PROJECTION:
            whole = states[2, layer, t + 1 : t + 2, first:last]
            multiply_add(h[t + 1 : t + 2, first:last, :outputs], whole, weights.extra[0], t & 1)


@jit
def without_padding(gate, periods, j):
    """Return a gate with 0 in the padding.

    Periods are 0 there, and σ(0) is ½.
    """
    return chosen_at_least(load(periods, (j,)), 0.5, gate)


# Backward: each function reads a gate from z and overwrites it with δ.


@jit
def stored_input_gate(z, place, at, f, flags):
    """Return the stored i, or 1 without the gate, or 1 − f if coupled."""
    if flags & NIG:
        return splat(1.0)
    return 1.0 - f if flags & CIFG else stored_gate(z, place, at)


@jit
def back_through_gate(z, place, at, gate, d_gate, d_others, layer, flags):
    """Store and return δ = d_gate ⊙ σ'(a).

    With FGR, d_gate also includes the gradient from step t+1.
    """
    t, b, j = at
    if flags & FGR:
        d_gate = d_gate + load(d_others, (1 + place.row, layer, 0, b, j))
    delta = d_gate * logistic_slope(gate)
    store(z, (t, b, place.column + j), delta)
    return delta


@jit
def back_through_peephole(delta, place, j, peepholes, d_c, flags):
    """Return d_c + δ ⊙ p, the gradient of the c that a gate sees."""
    if flags & PEEPHOLES:
        return fma(delta, load(peepholes, (place.row, j)), d_c)
    return d_c


@jit
def back_through_output(z, c, d_others, layer, places, at, d_h, peepholes, flags):
    """Backpropagate through h_t = o ⊙ tanh(c_t), given d_h = ∂L/∂h_t: set δ_o, and return ∂L/∂c_t."""
    t, b, j = at
    c_now = load(c, (t + 1, b, j))
    o = splat(1.0) if flags & NOG else stored_gate(z, places.o, at)
    squashed, slope = c_now, splat(1.0)
    if not flags & NOAF:
        squashed = tanh(c_now)  # recomputed, as that is cheaper than storing it
        slope = tanh_slope(squashed)
    d_c = fma(d_h * o, slope, load(d_others, (0, layer, 0, b, j)))
    if not flags & NOG:
        delta_o = back_through_gate(z, places.o, at, o, d_h * squashed, d_others, layer, flags)
        d_c = back_through_peephole(delta_o, places.o, j, peepholes, d_c, flags)
    return d_c


@jit
def back_through_cell(z, c, d_others, layer, places, at, d_c, peepholes, flags):
    """Backpropagate through c_t = f ⊙ c_{t-1} + i ⊙ g, given d_c = ∂L/∂c_t: set the other δ, and return ∂L/∂c_{t-1}."""
    t, b, j = at
    c_before = load(c, at)
    f = splat(1.0) if flags & NFG else stored_gate(z, places.f, at)
    i = stored_input_gate(z, places.i, at, f, flags)
    g = stored_gate(z, places.g, at)
    d_before = d_c * f
    if not flags & (NIG | CIFG):
        delta_i = back_through_gate(z, places.i, at, i, d_c * g, d_others, layer, flags)
        d_before = back_through_peephole(delta_i, places.i, j, peepholes, d_before, flags)
    if not flags & NFG:
        d_f = d_c * (c_before - g) if flags & CIFG else d_c * c_before
        delta_f = back_through_gate(z, places.f, at, f, d_f, d_others, layer, flags)
        d_before = back_through_peephole(delta_f, places.f, j, peepholes, d_before, flags)
    delta_g = d_c * i
    if not flags & NIAF:
        delta_g = delta_g * tanh_slope(g)
    store(z, (t, b, places.g.column + j), delta_g)
    return d_before


@jit
def back_to_cells(z, place, d_c, t, weights, part):
    """Add δ Cᵀ of a gate to d_c [1, B, H], the gradient of the c that it sees."""
    size, first, last = d_c.shape[2], part.first, part.last
    delta = z[t : t + 1, first:last, place.column : place.column + size]
    multiply_add(d_c[:, first:last], delta, weights.extra[place.row], t & 1)


@jit
def back_through_full_peepholes(z, c, d_others, layer, places, t, weights, part, flags):
    """Backpropagate through c_t where gates see all cells: ∂L/∂c_t in d_others becomes ∂L/∂c_{t-1}."""
    d_c = d_others[0, layer]
    if not flags & NOG:
        back_to_cells(z, places.o, d_c, t, weights, part)
    for b in range(part.first, part.last):
        for j in range(0, c.shape[2], LANES):
            own = load(d_c, (0, b, j))
            own = back_through_cell(z, c, d_others, layer, places, (t, b, j), own, weights.peepholes, flags)
            store(d_c, (0, b, j), own)
    if not flags & (NIG | CIFG):
        back_to_cells(z, places.i, d_c, t, weights, part)
    if not flags & NFG:
        back_to_cells(z, places.f, d_c, t, weights, part)


@separate(BACKWARD_SCAN)
def backward(z, states, dh, d_others, layer, weights, part, flags):
    """Backpropagate through a part of a window.

    The gates in z become δ, the gradient of their pre-activations. dh [L, T+1, B, H] holds ∂L/∂h_t from the layer above
    in slot t+1, and zeros in slot 0. d_others [S−1, L, 1, B, H] holds ∂L/∂c_t, then the gradients of the gates that are
    states, or room for the gradient of h if h is projected. On return, slot `part.begin` of dh, and d_others, hold the
    gradient of the state before the first step.
    """
    c, dh = states[1, layer], dh[layer]
    size, peepholes = c.shape[2], weights.peepholes
    places = places_of(flags, size)
    first, last = part.first, part.last
    outputs = weights.W.size // z.shape[2]
    for t in range(part.end - 1, part.begin - 1, -1):
        if flags & PROJECTION:
            clear(d_others[1, layer], first, last, 0, 1)
            d_r = dh[t + 1 : t + 2, first:last, :outputs]
            multiply_add(d_others[1, layer, :, first:last], d_r, weights.extra[0], t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                at = t, b, j
                d_h = load(d_others, (1, layer, 0, b, j)) if flags & PROJECTION else load(dh, (t + 1, b, j))
                d_c = back_through_output(z, c, d_others, layer, places, at, d_h, peepholes, flags)
                if not flags & FULL:
                    d_c = back_through_cell(z, c, d_others, layer, places, at, d_c, peepholes, flags)
                store(d_others, (0, layer, 0, b, j), d_c)
        if flags & FULL:
            back_through_full_peepholes(z, c, d_others, layer, places, t, weights, part, flags)
        multiply_add(dh[t : t + 1, first:last, :outputs], z[t : t + 1, first:last], weights.W, t & 1)
        if flags & FGR:
            for k in range(weights.extra.shape[0]):
                clear(d_others[1 + k, layer], first, last, 0, 1)
                d_gate = d_others[1 + k, layer, :, first:last]
                multiply_add(d_gate, z[t : t + 1, first:last, : places.g.column], weights.extra[k], t & 1)


@separate(EXTRA_GRADIENTS)
def extra_gradients(gradient, buffers, layer, member, steps, scratch, flags):
    """Add a member's columns of the gradients besides ∇U, ∇W and ∇b.

    ∇R_k = Σ (gate k)_{t-1}ᵀ δ_t ;  ∇P = Σ h_tᵀ ∂L/∂r_t ;  ∇p_i = Σ δ_i ⊙ c_{t-1}, ∇p_f the same way ;
    ∇p_o = Σ δ_o ⊙ c_t ;  ∇C_i = Σ c_{t-1}ᵀ δ_i, ∇C_f the same way ;  ∇C_o = Σ c_tᵀ δ_o.
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
    o = places_of(flags, size).o
    if flags & FULL:
        for k in range(d_extra.shape[0]):
            slot = 1 if k == o.row else 0  # o sees the new c
            add_product(d_extra[k], states[1, layer], slot, dz, k * size, rows, member, scratch)
    if flags & PEEPHOLES:
        c = states[1, layer].reshape(-1, size)
        for k in range(d_peepholes.shape[0]):
            seen = batch if k == o.row else 0  # o sees the new c, in the next slot
            add_row_sums_of_products(d_peepholes[k], dz, k * size, c, seen, rows, member)
