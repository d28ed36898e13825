"""The long short-term memory's scans over time (Hochreiter & Schmidhuber 1997, forget gate Gers et al. 2000).

    i, f, o = σ(x_t U + h_{t-1} W + b) ;  g = tanh(likewise)
    c_t = f ⊙ c_{t-1} + i ⊙ g ;  h_t = o ⊙ tanh(c_t)

Flags say in what a cell differs from that, by the abbreviations of Greff et al. 2015. The gates that there are stand
side by side in a row of z, in the order i, f, o, g. What goes back into them is h, or r = h P where it is projected;
with full gate recurrence, the gates of the step before as well, which are states then.
"""

from charrnn.kernels.activations import logistic, tanh
from charrnn.kernels.forward_pass import BACKWARD_SCAN, FORWARD_SCAN
from charrnn.kernels.inputs import clear
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, chosen_at_least, fma, load, splat, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.weight_gradients import FURTHER, add_product, add_row_sums_of_products

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


@jit
def places(flags):
    """Return in which column block of z f, o and g stand, and f and o among the peepholes; i is always the first."""
    f = 0 if flags & (NIG | CIFG) else 1
    o = f if flags & NFG else f + 1
    g = o if flags & NOG else o + 1
    return f, o, g


@separate(FORWARD_SCAN)
def forward(z, states, layer, W, further, peepholes, periods, first, last, begin, end, flags):
    """Run rows `first` to `last` of the batch through steps `begin` to `end` of a window.

    z [T, B, 4H] comes with x_t U + b and leaves with the gates; h and c [T+1, B, H] hold the carried state in slot 0
    and get step t's in slot t+1; W is packed.
    """
    h, c = states[0, layer], states[1, layer]
    size = c.shape[2]
    f_place, o_place, g_place = places(flags)
    f_at, o_at, g_at = f_place * size, o_place * size, g_place * size
    fed = W.size // z.shape[2]
    for t in range(begin, end):
        multiply_add(z[t : t + 1, first:last], h[t : t + 1, first:last, :fed], W, t & 1)
        if flags & FGR:
            for k in range(further.shape[0]):
                gates = states[2 + k, layer, t : t + 1, first:last]
                multiply_add(z[t : t + 1, first:last, :g_at], gates, further[k], t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                before = load(c, (t, b, j))
                f = splat(1.0)
                if not flags & NFG:
                    a = load(z, (t, b, f_at + j))
                    if flags & PEEPHOLES:
                        a = fma(before, load(peepholes, (f_place, j)), a)
                    f = logistic(a)
                    store(z, (t, b, f_at + j), f)
                i = 1.0 - f if flags & CIFG else splat(1.0)
                if not flags & (NIG | CIFG):
                    a = load(z, (t, b, j))
                    if flags & PEEPHOLES:
                        a = fma(before, load(peepholes, (0, j)), a)
                    i = logistic(a)
                    store(z, (t, b, j), i)
                if not flags & (NOG | PEEPHOLES):
                    store(z, (t, b, o_at + j), logistic(load(z, (t, b, o_at + j))))
                g = load(z, (t, b, g_at + j))
                if not flags & NIAF:
                    g = tanh(g)
                    store(z, (t, b, g_at + j), g)
                store(c, (t + 1, b, j), fma(f, before, i * g))
            for j in range(0, size, LANES):  # apart, as a processor sees too few steps ahead to overlap longer chains
                cell = load(c, (t + 1, b, j))
                y = cell if flags & NOAF else tanh(cell)
                if not flags & NOG:
                    o = load(z, (t, b, o_at + j))
                    if flags & PEEPHOLES:
                        o = logistic(fma(cell, load(peepholes, (o_place, j)), o))
                        store(z, (t, b, o_at + j), o)
                    y = o * y
                if flags & PROJECTION:
                    store(states, (2, layer, t + 1, b, j), y)
                    store(h, (t + 1, b, j), 0.0)
                else:
                    store(h, (t + 1, b, j), y)
                if flags & FGR:
                    for k in range(further.shape[0]):  # 0 in the padding
                        gate = chosen_at_least(load(periods, (j,)), 0.5, load(z, (t, b, k * size + j)))
                        store(states, (2 + k, layer, t + 1, b, j), gate)
        if flags & PROJECTION:
            whole = states[2, layer, t + 1 : t + 2, first:last]
            multiply_add(h[t + 1 : t + 2, first:last, :fed], whole, further[0], t & 1)


@separate(BACKWARD_SCAN)
def backward(z, states, dh, other, layer, W_transposed, further, peepholes, _periods, first, last, begin, end, flags):
    """Go back through steps `end` to `begin` of a window: the gates in z become the gradient of what entered them.

    dh [T+1, B, H] comes with ∂L/∂h_t from above in slot t+1 and zeros in slot 0; `other` [·, 1, B, H] is room for
    ∂L/∂c_t, then for that of the gates that are states, or of h where it is projected. All leave with the gradient of
    the carried state, dh in slot 0.
    """
    c = states[1, layer]
    dh, dc = dh[layer], other[0, layer]
    size = c.shape[2]
    f_place, o_place, g_place = places(flags)
    f_at, o_at, g_at = f_place * size, o_place * size, g_place * size
    fed = W_transposed.size // z.shape[2]
    for t in range(end - 1, begin - 1, -1):
        if flags & PROJECTION:
            clear(other[1, layer], first, last, 0, 1)
            multiply_add(other[1, layer, :, first:last], dh[t + 1 : t + 2, first:last, :fed], further[0], t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                before = load(c, (t, b, j))
                f = splat(1.0) if flags & NFG else load(z, (t, b, f_at + j))
                i = 1.0 - f if flags & CIFG else splat(1.0)
                if not flags & (NIG | CIFG):
                    i = load(z, (t, b, j))
                o = splat(1.0) if flags & NOG else load(z, (t, b, o_at + j))
                g = load(z, (t, b, g_at + j))
                squashed = load(c, (t + 1, b, j))
                slope = splat(1.0)
                if not flags & NOAF:
                    squashed = tanh(squashed)  # again: cheaper than a buffer for it
                    slope = 1.0 - squashed * squashed
                d_h = load(other, (1, layer, 0, b, j)) if flags & PROJECTION else load(dh, (t + 1, b, j))
                d_c = fma(d_h * o, slope, load(dc, (0, b, j)))
                if not flags & NOG:
                    d_o = d_h * squashed
                    if flags & FGR:
                        d_o = d_o + load(other, (1 + o_place, layer, 0, b, j))
                    d_o = d_o * (o * (1.0 - o))
                    store(z, (t, b, o_at + j), d_o)
                    if flags & PEEPHOLES:
                        d_c = fma(d_o, load(peepholes, (o_place, j)), d_c)
                d_before = d_c * f
                if not flags & (NIG | CIFG):
                    d_i = d_c * g
                    if flags & FGR:
                        d_i = d_i + load(other, (1, layer, 0, b, j))
                    d_i = d_i * (i * (1.0 - i))
                    store(z, (t, b, j), d_i)
                    if flags & PEEPHOLES:
                        d_before = fma(d_i, load(peepholes, (0, j)), d_before)
                if not flags & NFG:
                    d_f = d_c * (before - g) if flags & CIFG else d_c * before
                    if flags & FGR:
                        d_f = d_f + load(other, (1 + f_place, layer, 0, b, j))
                    d_f = d_f * (f * (1.0 - f))
                    store(z, (t, b, f_at + j), d_f)
                    if flags & PEEPHOLES:
                        d_before = fma(d_f, load(peepholes, (f_place, j)), d_before)
                d_g = d_c * i
                if not flags & NIAF:
                    d_g = d_g * (1.0 - g * g)
                store(z, (t, b, g_at + j), d_g)
                store(dc, (0, b, j), d_before)
        multiply_add(dh[t : t + 1, first:last, :fed], z[t : t + 1, first:last], W_transposed, t & 1)
        if flags & FGR:
            for k in range(further.shape[0]):
                clear(other[1 + k, layer], first, last, 0, 1)
                multiply_add(other[1 + k, layer, :, first:last], z[t : t + 1, first:last, :g_at], further[k], t & 1)


@separate(FURTHER)
def further_gradients(
    _dW, d_further, d_peepholes, z, states, dh, layer, _periods, worker, workers, steps, scratch, flags
):
    """Add a worker's columns of the gradients of what the cell has beside U, W and b.

    ∇R_k = Σ (gate k)_{t-1}ᵀ δ_t ;  ∇P = Σ h_tᵀ ∂L/∂r_t ;  ∇p_i = Σ δ_i ⊙ c_{t-1}, likewise f, and ∇p_o = Σ δ_o ⊙ c_t.
    """
    batch, width = z.shape[1], z.shape[2]
    rows = steps * batch
    dz = z.reshape(-1, width)
    size = states.shape[4]
    if flags & FGR:
        for k in range(d_further.shape[0]):
            add_product(d_further[k], states[2 + k, layer], 0, dz, 0, rows, worker, workers, scratch)
    if flags & PROJECTION:
        d_r = dh[layer, 1:].reshape(-1, size)
        add_product(d_further[0], states[2, layer], 1, d_r, 0, rows, worker, workers, scratch)
    if flags & PEEPHOLES:
        _, o_place, _ = places(flags)
        c = states[1, layer].reshape(-1, size)
        for k in range(d_peepholes.shape[0]):
            seen = batch if k == o_place else 0  # o sees the new c, in the next slot
            add_row_sums_of_products(d_peepholes[k], dz, k * size, c, seen, rows, worker, workers)
