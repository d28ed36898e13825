"""The long short-term memory's scans over time (Hochreiter & Schmidhuber 1997, forget gate Gers et al. 2000).

    i, f, o = σ(x_t U + h_{t-1} W + b) ;  g = tanh(likewise)
    c_t = f ⊙ c_{t-1} + i ⊙ g ;  h_t = o ⊙ tanh(c_t)

The four gates stand side by side in a row of z: i, f, o, g.
"""

from charrnn.kernels.activations import logistic, tanh
from charrnn.kernels.compiler import separate
from charrnn.kernels.gemm import multiply_add
from charrnn.kernels.passes import BACKWARD_SCAN, FORWARD_SCAN
from charrnn.kernels.simd import LANES, fma, load, store


@separate(FORWARD_SCAN)
def forward(z, states, layer, W, first, last, begin, end):
    """Run rows `first` to `last` of the batch through steps `begin` to `end` of a window.

    z [T, B, 4H] comes with x_t U + b and leaves with the gates; h and c [T+1, B, H] hold the carried state in slot 0
    and get step t's in slot t+1; W is packed.
    """
    h, c = states[0, layer], states[1, layer]
    size = h.shape[2]
    for t in range(begin, end):
        multiply_add(z[t : t + 1, first:last], h[t : t + 1, first:last], W, t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                i = logistic(load(z, (t, b, j)))
                f = logistic(load(z, (t, b, size + j)))
                o = logistic(load(z, (t, b, 2 * size + j)))
                g = tanh(load(z, (t, b, 3 * size + j)))
                cell = fma(f, load(c, (t, b, j)), i * g)
                store(z, (t, b, j), i)
                store(z, (t, b, size + j), f)
                store(z, (t, b, 2 * size + j), o)
                store(z, (t, b, 3 * size + j), g)
                store(c, (t + 1, b, j), cell)
            for j in range(0, size, LANES):  # apart, as a processor sees too few steps ahead to overlap longer chains
                store(h, (t + 1, b, j), load(z, (t, b, 2 * size + j)) * tanh(load(c, (t + 1, b, j))))


@separate(BACKWARD_SCAN)
def backward(z, states, dh, other, layer, W_transposed, first, last, begin, end):
    """Go back through steps `end` to `begin` of a window: the gates in z become the gradient of what entered them.

    dh [T+1, B, H] comes with ∂L/∂h_t from above in slot t+1 and zeros in slot 0; dc [1, B, H] is room for ∂L/∂c_t. Both
    leave with the gradient of the carried state, dh in slot 0.
    """
    h, c = states[0, layer], states[1, layer]
    dh, dc = dh[layer], other[0, layer]
    size = h.shape[2]
    for t in range(end - 1, begin - 1, -1):
        for b in range(first, last):
            for j in range(0, size, LANES):
                i = load(z, (t, b, j))
                f = load(z, (t, b, size + j))
                o = load(z, (t, b, 2 * size + j))
                g = load(z, (t, b, 3 * size + j))
                squashed = tanh(load(c, (t + 1, b, j)))  # again: cheaper than a buffer for it
                d_h = load(dh, (t + 1, b, j))
                d_c = fma(d_h * o, 1.0 - squashed * squashed, load(dc, (0, b, j)))
                store(z, (t, b, j), d_c * g * (i * (1.0 - i)))
                store(z, (t, b, size + j), d_c * load(c, (t, b, j)) * (f * (1.0 - f)))
                store(z, (t, b, 2 * size + j), d_h * squashed * (o * (1.0 - o)))
                store(z, (t, b, 3 * size + j), d_c * i * (1.0 - g * g))
                store(dc, (0, b, j), d_c * f)
        multiply_add(dh[t : t + 1, first:last], z[t : t + 1, first:last], W_transposed, t & 1)
