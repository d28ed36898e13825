"""The scans over time of the vanilla network (Elman 1990).

a_t = x_t U + h_{t-1} W + b ;  h_t = f(a_t), with f = tanh, relu or the logistic function

In a clockwork network (Koutník et al. 2014), a unit computes only once in each of its periods, and keeps its value in
between. Each unit's count of steps since it last computed is a state, so the clock continues from window to window.
"""

from charrnn.kernels.activations import logistic, logistic_slope, tanh, tanh_slope
from charrnn.kernels.llvm.compiler import jit, separate
from charrnn.kernels.llvm.vector import LANES, chosen_at_least, load, maximum, store
from charrnn.kernels.product import PANEL, multiply_add, share
from charrnn.kernels.scans import BACKWARD_SCAN, EXTRA_GRADIENTS, FORWARD_SCAN

RELU, SIGMOID, CLOCKWORK = 1, 2, 4
FLAGS = {"relu": RELU, "sigmoid": SIGMOID, "clockwork": CLOCKWORK}
NEXT = 1.1754944e-38  # the smallest number above 0, as smaller ones are flushed to 0


@separate(FORWARD_SCAN)
def forward(z, states, layer, weights, part, flags):
    """Run a part of a window forward.

    z [T, B, H] holds x_t U + b; h [T+1, B, H] holds the carried state in slot 0; step t writes h_t to slot t+1. W is
    packed.
    """
    h = states[0, layer]
    size = h.shape[2]
    first, last, periods = part.first, part.last, weights.periods
    for t in range(part.begin, part.end):
        busy = size
        if flags & CLOCKWORK:
            busy = until(states[1, layer], periods, t, first, last)
        multiply_add(z[t : t + 1, first:last, :busy], h[t : t + 1, first:last], weights.W[: size * busy], t & 1)
        for b in range(first, last):
            for j in range(0, size, LANES):
                a = load(z, (t, b, j))
                if flags & RELU:
                    y = maximum(a, 0.0)
                elif flags & SIGMOID:
                    y = chosen_at_least(load(periods, (j,)), 0.5, logistic(a))  # 0 in the padding
                else:
                    y = tanh(a)
                if flags & CLOCKWORK:
                    count = load(states, (1, layer, t, b, j))
                    y = chosen_at_least(0.5 - count, 0.0, y) + chosen_at_least(count, 0.5, load(h, (t, b, j)))
                    left = count + 1.0 - load(periods, (j,))
                    store(states, (1, layer, t + 1, b, j), (count + 1.0) - chosen_at_least(left, 0.0, count + 1.0))
                store(h, (t + 1, b, j), y)


@separate(BACKWARD_SCAN)
def backward(z, states, dh, _d_others, layer, weights, part, flags):
    """Backpropagate through a part of a window: z becomes ∂L/∂a_t.

    dh [T+1, B, H] holds ∂L/∂h_t from the layer above in slot t+1 and zeros in slot 0 on entry, and the whole ∂L/∂h_t on
    return, that of the carried state in slot 0: δ_t = dh_t ⊙ f'(a_t) ;  dh_{t-1} += δ_t Wᵀ (Werbos 1990).
    """
    h = states[0, layer]
    dh = dh[layer]
    size = h.shape[2]
    first, last, periods = part.first, part.last, weights.periods
    for t in range(part.end - 1, part.begin - 1, -1):
        busy = size
        if flags & CLOCKWORK:
            busy = until(states[1, layer], periods, t, first, last)
        for b in range(first, last):
            for j in range(0, size, LANES):
                y = load(h, (t + 1, b, j))
                d_h = load(dh, (t + 1, b, j))
                if flags & RELU:
                    d_a = chosen_at_least(y, NEXT, d_h)
                elif flags & SIGMOID:
                    d_a = d_h * logistic_slope(y)
                else:
                    d_a = d_h * tanh_slope(y)
                if flags & CLOCKWORK:
                    count = load(states, (1, layer, t, b, j))
                    d_a = chosen_at_least(0.5 - count, 0.0, d_a)
                    store(dh, (t, b, j), load(dh, (t, b, j)) + chosen_at_least(count, 0.5, d_h))
                store(z, (t, b, j), d_a)
        multiply_add(dh[t : t + 1, first:last], z[t : t + 1, first:last, :busy], weights.W, t & 1)


@jit
def until(clock, periods, t, first, last):
    """Return how many columns a clockwork network computes at a step.

    It computes all columns up to the last unit that is due in some row, in whole panels of W. Slower units come after
    faster ones, so most steps need only the first columns.
    """
    size = clock.shape[2]
    for j in range(size - 1, -1, -1):
        for b in range(first, last):
            if clock[t, b, j] == 0.0 and periods[j] > 0.0:
                return min(size, (j // PANEL + 1) * PANEL)
    return min(size, PANEL)


@separate(EXTRA_GRADIENTS)
def extra_gradients(gradient, _buffers, layer, member, _steps, _scratch, flags):
    """Clear ∇W where a clockwork unit would read a faster one.

    It clears a member's columns; for other networks it does nothing.
    """
    if flags & CLOCKWORK:
        dW, periods = gradient.W[layer], gradient.periods
        first, last = share(dW.shape[1], member)
        for k in range(dW.shape[0]):
            for j in range(first * PANEL, min(last * PANEL, dW.shape[1])):
                if periods[k] < periods[j]:
                    dW[k, j] = 0.0
