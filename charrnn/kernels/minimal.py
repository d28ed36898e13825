"""The scans over time of minimal recurrent networks (Feng et al. 2024), whose gates see the input alone.

minGRU:   z = σ(x_t U_z + b_z) ;  n = x_t U_n + b_n ;  h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n
minLSTM:  i, f = σ(x_t U + b) ;  g = x_t U_g + b_g ;  h_t = k ⊙ h_{t-1} + (1 − k) ⊙ g, with k = f / (f + i)

The paper's z is 1 − z here, so that z keeps the state, as in `gru`. A row of the buffer z holds the gates side by side:
n, z, or i, f, g. There is no W: h_t depends on h_{t-1} unit by unit, and a step has no product of matrices.
"""

from charrnn.kernels.activations import logistic, logistic_slope
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, fma, load, maximum, store
from charrnn.kernels.scans import BACKWARD_SCAN, EXTRA_GRADIENTS, FORWARD_SCAN

LSTM = 1
FLAGS = {"minimal lstm": LSTM}
SMALLEST = 1.1754944e-38  # below it, numbers are flushed to 0


@jit
def share_kept(f, i):
    """Return f / (f + i), the share of the state that a minLSTM keeps; 0 where both gates are 0."""
    return f / maximum(f + i, SMALLEST)


@separate(FORWARD_SCAN)
def forward(z, states, layer, _weights, part, flags):
    """Run a part of a window forward.

    z [T, B, Z] holds x_t U + b on entry and the gates on return. h [T+1, B, H] holds the carried state in slot 0; step
    t writes h_t to slot t+1.
    """
    h = states[0, layer]
    size = h.shape[2]
    for t in range(part.begin, part.end):
        for b in range(part.first, part.last):
            for j in range(0, size, LANES):
                before = load(h, (t, b, j))
                if flags & LSTM:
                    i, f = logistic(load(z, (t, b, j))), logistic(load(z, (t, b, size + j)))
                    new, keep = load(z, (t, b, 2 * size + j)), share_kept(f, i)
                    store(z, (t, b, j), i)
                    store(z, (t, b, size + j), f)
                else:
                    new, keep = load(z, (t, b, j)), logistic(load(z, (t, b, size + j)))
                    store(z, (t, b, size + j), keep)
                store(h, (t + 1, b, j), fma(keep, before - new, new))


@separate(BACKWARD_SCAN)
def backward(z, states, dh, _d_others, layer, _weights, part, flags):
    """Backpropagate through a part of a window: the gates become the gradients of their pre-activations.

    dh [T+1, B, H] holds ∂L/∂h_t from the layer above in slot t+1 and zeros in slot 0 on entry, and the gradient of the
    carried state in slot 0 on return. The slopes of k = f / (f + i) are k(1 − k)(1 − f) and −k(1 − k)(1 − i).
    """
    h = states[0, layer]
    dh = dh[layer]
    size = h.shape[2]
    for t in range(part.end - 1, part.begin - 1, -1):
        for b in range(part.first, part.last):
            for j in range(0, size, LANES):
                before, d_h = load(h, (t, b, j)), load(dh, (t + 1, b, j))
                if flags & LSTM:
                    i, f = load(z, (t, b, j)), load(z, (t, b, size + j))
                    new, keep = load(z, (t, b, 2 * size + j)), share_kept(f, i)
                    d_keep = d_h * (before - new) * logistic_slope(keep)
                    store(z, (t, b, j), (0.0 - d_keep) * (1.0 - i))
                    store(z, (t, b, size + j), d_keep * (1.0 - f))
                    store(z, (t, b, 2 * size + j), d_h * (1.0 - keep))
                else:
                    new, keep = load(z, (t, b, j)), load(z, (t, b, size + j))
                    store(z, (t, b, j), d_h * (1.0 - keep))
                    store(z, (t, b, size + j), d_h * (before - new) * logistic_slope(keep))
                store(dh, (t, b, j), fma(d_h, keep, load(dh, (t, b, j))))


@separate(EXTRA_GRADIENTS)
def extra_gradients(_gradient, _buffers, _layer, _member, _steps, _scratch, _flags):
    """Do nothing: there are no parameters besides U and b."""
