"""The vanilla (Elman 1990) network's scans over time.

a_t = x_t U + h_{t-1} W + b ;  h_t = tanh(a_t)
"""

from charrnn.kernels.activations import tanh
from charrnn.kernels.compiler import separate
from charrnn.kernels.gemm import multiply_add
from charrnn.kernels.passes import BACKWARD_SCAN, FORWARD_SCAN
from charrnn.kernels.simd import LANES, load, store


@separate(FORWARD_SCAN)
def forward(z, states, layer, W, first, last, begin, end):
    """Run rows `first` to `last` of the batch through steps `begin` to `end` of a window.

    z [T, B, H] holds x_t U + b; h [T+1, B, H] holds the carried state in slot 0 and gets h_t in slot t+1; W is packed.
    """
    h = states[0, layer]
    for t in range(begin, end):
        multiply_add(z[t : t + 1, first:last], h[t : t + 1, first:last], W, t & 1)
        for b in range(first, last):
            for j in range(0, h.shape[2], LANES):
                store(h, (t + 1, b, j), tanh(load(z, (t, b, j))))


@separate(BACKWARD_SCAN)
def backward(z, states, dh, _other, layer, W_transposed, first, last, begin, end):
    """Go back through steps `end` to `begin` of a window: z becomes ∂L/∂a_t.

    dh [T+1, B, H] comes with ∂L/∂h_t from above in slot t+1 and zeros in slot 0, and leaves with the whole of it, slot
    0 being the carried state's: δ_t = dh_t ⊙ (1 − h_t²) ;  dh_{t-1} += δ_t Wᵀ (Werbos 1990).
    """
    h = states[0, layer]
    dh = dh[layer]
    for t in range(end - 1, begin - 1, -1):
        for b in range(first, last):
            for j in range(0, h.shape[2], LANES):
                y = load(h, (t + 1, b, j))
                store(z, (t, b, j), load(dh, (t + 1, b, j)) * (1.0 - y * y))
        multiply_add(dh[t : t + 1, first:last], z[t : t + 1, first:last], W_transposed, t & 1)
