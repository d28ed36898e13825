"""The gated recurrent unit's scans over time (Cho et al. 2014), with the reset gate after the product as in cuDNN.

    r, z = σ(x_t U + h_{t-1} W + b)
    n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)) ;  h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n

A row of the buffer holds n, r, z, m side by side, where m = h_{t-1} W_n + b_hn: the input feeds the first three, the
state the last three, so each is one product without gaps.
"""

from charrnn.kernels.activations import logistic, tanh
from charrnn.kernels.compiler import separate
from charrnn.kernels.gemm import multiply_add
from charrnn.kernels.passes import BACKWARD_SCAN, FORWARD_SCAN
from charrnn.kernels.simd import LANES, fma, load, store


@separate(FORWARD_SCAN)
def forward(z, states, layer, W, first, last, begin, end):
    """Run rows `first` to `last` of the batch through steps `begin` to `end` of a window.

    z [T, B, 4H] comes with x_t U and the biases, and leaves with n, r, z, m; h [T+1, B, H] holds the carried state in
    slot 0 and gets h_t in slot t+1; W is packed.
    """
    h = states[0, layer]
    size = h.shape[2]
    for t in range(begin, end):
        multiply_add(z[t : t + 1, first:last, size:], h[t : t + 1, first:last], W, t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                reset = logistic(load(z, (t, b, size + j)))
                update = logistic(load(z, (t, b, 2 * size + j)))
                new = tanh(fma(reset, load(z, (t, b, 3 * size + j)), load(z, (t, b, j))))
                store(z, (t, b, j), new)
                store(z, (t, b, size + j), reset)
                store(z, (t, b, 2 * size + j), update)
                store(h, (t + 1, b, j), fma(update, load(h, (t, b, j)) - new, new))


@separate(BACKWARD_SCAN)
def backward(z, states, dh, _other, layer, W_transposed, first, last, begin, end):
    """Go back through steps `end` to `begin` of a window: n, r, z, m become the gradients of what entered them.

    dh [T+1, B, H] comes with ∂L/∂h_t from above in slot t+1 and zeros in slot 0, and leaves with the carried state's
    gradient in slot 0.
    """
    h = states[0, layer]
    dh = dh[layer]
    size = h.shape[2]
    for t in range(end - 1, begin - 1, -1):
        for b in range(first, last):
            for j in range(0, size, LANES):
                new = load(z, (t, b, j))
                reset = load(z, (t, b, size + j))
                update = load(z, (t, b, 2 * size + j))
                d_h = load(dh, (t + 1, b, j))
                d_new = d_h * (1.0 - update) * (1.0 - new * new)
                store(z, (t, b, j), d_new)
                store(z, (t, b, size + j), d_new * load(z, (t, b, 3 * size + j)) * (reset * (1.0 - reset)))
                store(z, (t, b, 2 * size + j), d_h * (load(h, (t, b, j)) - new) * (update * (1.0 - update)))
                store(z, (t, b, 3 * size + j), d_new * reset)
                store(dh, (t, b, j), fma(d_h, update, load(dh, (t, b, j))))
        multiply_add(dh[t : t + 1, first:last], z[t : t + 1, first:last, size:], W_transposed, t & 1)
