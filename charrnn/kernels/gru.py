"""The gated recurrent unit's scans over time (Cho et al. 2014), with the reset gate after the product as in cuDNN.

    r, z = σ(x_t U + h_{t-1} W + b)
    n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)) ;  h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n

A row of the buffer holds n, r, z, m side by side, where m = h_{t-1} W_n + b_hn. The input feeds the first three and the
state feeds the last three, so each is one product without gaps. With the reset gate before the product there is no m:
n = tanh(x_t U_n + (r ⊙ h_{t-1}) W_n + b_n). That product must wait for r, and r ⊙ h_{t-1} is kept for each step.
"""

from charrnn.kernels.activations import logistic, logistic_slope, tanh, tanh_slope
from charrnn.kernels.llvm.compiler import separate
from charrnn.kernels.llvm.vector import LANES, fma, load, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.scans import BACKWARD_SCAN, EXTRA_GRADIENTS, FORWARD_SCAN
from charrnn.kernels.states import clear
from charrnn.kernels.weight_gradients import add_product

RESET_BEFORE = 1
FLAGS = {"reset before": RESET_BEFORE}


@separate(FORWARD_SCAN)
def forward(z, states, layer, weights, part, flags):
    """Run a part of a window forward.

    z [T, B, Z] holds x_t U + b on entry and n, r, z, m on return (without m where the reset is before the product).
    h [T+1, B, H] holds the carried state in slot 0; step t writes h_t to slot t+1. W is packed.
    """
    h = states[0, layer]
    size = h.shape[2]
    first, last = part.first, part.last
    for t in range(part.begin, part.end):
        multiply_add(z[t : t + 1, first:last, size:], h[t : t + 1, first:last], weights.W, t & 1)
        if flags & RESET_BEFORE:
            for b in range(first, last):
                for j in range(0, size, LANES):
                    reset = logistic(load(z, (t, b, size + j)))
                    store(z, (t, b, size + j), reset)
                    store(states, (1, layer, t + 1, b, j), reset * load(h, (t, b, j)))
            multiply_add(
                z[t : t + 1, first:last, :size], states[1, layer, t + 1 : t + 2, first:last], weights.extra[0], t & 1
            )
        for b in range(first, last):
            for j in range(0, size, LANES):
                new = load(z, (t, b, j))
                update = logistic(load(z, (t, b, 2 * size + j)))
                if flags & RESET_BEFORE:
                    new = tanh(new)
                else:
                    reset = logistic(load(z, (t, b, size + j)))
                    new = tanh(fma(reset, load(z, (t, b, 3 * size + j)), new))
                    store(z, (t, b, size + j), reset)
                store(z, (t, b, j), new)
                store(z, (t, b, 2 * size + j), update)
                store(h, (t + 1, b, j), fma(update, load(h, (t, b, j)) - new, new))


@separate(BACKWARD_SCAN)
def backward(z, states, dh, d_others, layer, weights, part, flags):
    """Backpropagate through a part of a window.

    n, r, z, m become the gradients of their pre-activations. dh [T+1, B, H] holds ∂L/∂h_t from the layer above in slot
    t+1 and zeros in slot 0 on entry, and the gradient of the carried state in slot 0 on return. `d_others`
    [·, 1, B, H] is room for the gradient of r ⊙ h.
    """
    h = states[0, layer]
    dh = dh[layer]
    size = h.shape[2]
    first, last = part.first, part.last
    for t in range(part.end - 1, part.begin - 1, -1):
        for b in range(first, last):
            for j in range(0, size, LANES):
                new = load(z, (t, b, j))
                update = load(z, (t, b, 2 * size + j))
                d_h = load(dh, (t + 1, b, j))
                d_new = d_h * (1.0 - update) * tanh_slope(new)
                store(z, (t, b, j), d_new)
                if not flags & RESET_BEFORE:
                    reset = load(z, (t, b, size + j))
                    store(z, (t, b, size + j), d_new * load(z, (t, b, 3 * size + j)) * logistic_slope(reset))
                    store(z, (t, b, 3 * size + j), d_new * reset)
                store(z, (t, b, 2 * size + j), d_h * (load(h, (t, b, j)) - new) * logistic_slope(update))
                store(dh, (t, b, j), fma(d_h, update, load(dh, (t, b, j))))
        if flags & RESET_BEFORE:
            clear(d_others[0, layer], first, last, 0, 1)
            multiply_add(d_others[0, layer, :, first:last], z[t : t + 1, first:last, :size], weights.extra[0], t & 1)
            for b in range(first, last):
                for j in range(0, size, LANES):
                    reset = load(z, (t, b, size + j))
                    d_fed = load(d_others, (0, layer, 0, b, j))
                    store(z, (t, b, size + j), d_fed * load(h, (t, b, j)) * logistic_slope(reset))
                    store(dh, (t, b, j), fma(d_fed, reset, load(dh, (t, b, j))))
        multiply_add(dh[t : t + 1, first:last], z[t : t + 1, first:last, size:], weights.W, t & 1)


@separate(EXTRA_GRADIENTS)
def extra_gradients(gradient, buffers, layer, member, steps, scratch, flags):
    """Add a member's columns of ∇W_n = Σ (r ⊙ h_{t-1})ᵀ δn_t.

    It does nothing unless the reset comes before the product.
    """
    if flags & RESET_BEFORE:
        batch, width = buffers.z.shape[2], buffers.z.shape[3]
        dz = buffers.z[layer].reshape(-1, width)
        add_product(gradient.extra[layer, 0], buffers.states[1, layer], 1, dz, 0, steps * batch, member, scratch)
