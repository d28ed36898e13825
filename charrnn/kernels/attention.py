"""Attention: at each step a decoder looks at all states of its encoder (Luong, Pham & Manning 2015, dot product).

With the encoder's outputs m_s and the decoder's output h_t, both I wide, the weights are α_s = softmax_s(h_t · m_s),
the context is κ_t = Σ_s α_s m_s, and the output layer reads h̃_t = tanh(κ_t W_context + h_t W_state). Of an empty
source, the context is 0.
"""

from numba import types

from charrnn.kernels.activations import exp, tanh, tanh_slope
from charrnn.kernels.arguments import BACK, BUFFERS, FLOATS, INTEGER, INTEGERS, MEMBER, NET, PART
from charrnn.kernels.example_arguments import ATTENTION
from charrnn.kernels.llvm.compiler import jit, shared
from charrnn.kernels.llvm.vector import LANES, fma, lane_maximum, lane_sum, load, splat, store
from charrnn.kernels.product import multiply_add
from charrnn.kernels.states import clear
from charrnn.kernels.weight_gradients import add_output_product, add_product, add_row_sums


@jit
def remember(memory, outputs, size, ends, stack, steps, part):
    """Set what a decoder can attend to, memory [S, B, I], to an encoder's outputs [S+1, B, H] of some rows.

    Both stacks' outputs of a step, `size` units each, stand side by side; see `joining`.
    """
    for b in range(part.first, part.last):
        for s in range(ends[b]):
            slot = steps - s if stack else s + 1
            for j in range(size):
                memory[s, b, stack * size + j] = outputs[slot, b, j]


@jit
def recall(d_outputs, d_memory, size, ends, stack, steps, part):
    """Set the gradient of an encoder's outputs [S+1, B, H] to that of memory [S, B, I]."""
    clear(d_outputs, part.first, part.last, 0, steps + 1)
    for b in range(part.first, part.last):
        for s in range(ends[b]):
            slot = steps - s if stack else s + 1
            for j in range(size):
                d_outputs[slot, b, j] = d_memory[s, b, stack * size + j]


@jit
def dot(x, i, b, y, s):
    """Return the dot product of rows x[i, b] and y[s, b]."""
    total = splat(0.0)
    for j in range(0, y.shape[2], LANES):
        total = fma(load(x, (i, b, j)), load(y, (s, b, j)), total)
    return lane_sum(total)


@jit
def add_scaled(x, i, b, factor, y, s):
    """Add row y[s, b] times a factor to row x[i, b]."""
    for j in range(0, y.shape[2], LANES):
        store(x, (i, b, j), fma(splat(factor), load(y, (s, b, j)), load(x, (i, b, j))))


@jit
def softmax_row(weights, t, b, count):
    """Turn the first entries of weights [t, b, :] into their softmax."""
    top = weights[t, b, 0]
    for s in range(1, count):
        top = max(top, weights[t, b, s])
    total = 0.0
    for s in range(count):
        weights[t, b, s] = lane_maximum(exp(splat(weights[t, b, s] - top)))
        total += weights[t, b, s]
    for s in range(count):
        weights[t, b, s] /= total


@shared(types.void(NET, ATTENTION, FLOATS[3], INTEGERS[1], PART))
def attend(net, attention, outputs, ends, part):
    """Set what the output layer reads, of a decoder's outputs [T+1, B, I] at some steps and rows."""
    memory, weights, context, attended = attention.memory, attention.weights, attention.context, attention.attended
    matrices, inner = net.packed.attention, net.weights.V.shape[2]
    first, last, begin, end = part
    for b in range(first, last):
        for t in range(begin, end):
            for s in range(ends[b]):
                weights[t, b, s] = dot(outputs, t + 1, b, memory, s)
            if ends[b]:
                softmax_row(weights, t, b, ends[b])
    clear(context, first, last, begin + 1, end + 1)
    clear(attended, first, last, begin + 1, end + 1)
    for b in range(first, last):
        for t in range(begin, end):
            for s in range(ends[b]):
                add_scaled(context, t + 1, b, weights[t, b, s], memory, s)
    ahead, below = attended[begin + 1 : end + 1, first:last], outputs[begin + 1 : end + 1, first:last, :inner]
    multiply_add(ahead, context[begin + 1 : end + 1, first:last], matrices[0], 0)
    multiply_add(ahead, below, matrices[1], 0)
    for t in range(begin + 1, end + 1):
        for b in range(first, last):
            for j in range(0, inner, LANES):
                store(attended, (t, b, j), tanh(load(attended, (t, b, j))))


@shared(types.void(NET, BACK, BUFFERS, ATTENTION, FLOATS[3], FLOATS[3], INTEGERS[1], PART))
def attend_back(net, back, buffers, attention, outputs, d_outputs, ends, part):
    """Set the gradients of a decoder's outputs [T+1, B, I], and of the memory, from that of the logits."""
    memory, d_memory, weights = attention.memory, attention.d_memory, attention.weights
    context, attended, d_context, d_attended = (
        attention.context,
        attention.attended,
        attention.d_context,
        attention.d_attended,
    )
    transposed, inner, V = back.transposed.attention, net.weights.V.shape[2], back.transposed.V
    first, last, _, steps = part
    clear(d_attended, first, last, 1, steps + 1)
    clear(d_context, first, last, 1, steps + 1)
    clear(d_outputs, first, last, 0, steps + 1)
    d_read = d_attended[1 : steps + 1, first:last]
    multiply_add(d_read, buffers.logits[:steps, first:last], V[0], 0)
    for t in range(1, steps + 1):
        for b in range(first, last):
            for j in range(0, inner, LANES):
                slope = tanh_slope(load(attended, (t, b, j)))
                store(d_attended, (t, b, j), load(d_attended, (t, b, j)) * slope)
    multiply_add(d_context[1 : steps + 1, first:last], d_read, transposed[0], 0)
    multiply_add(d_outputs[1 : steps + 1, first:last, :inner], d_read, transposed[1], 0)
    for b in range(first, last):
        clear(d_memory, b, b + 1, 0, ends[b])
        for t in range(steps):
            mean = dot(d_context, t + 1, b, context, t + 1)  # Σ_s α_s ∂L/∂α_s
            for s in range(ends[b]):
                alpha = weights[t, b, s]
                d_score = alpha * (dot(d_context, t + 1, b, memory, s) - mean)
                add_scaled(d_memory, s, b, alpha, d_context, t + 1)
                add_scaled(d_memory, s, b, d_score, outputs, t + 1)
                add_scaled(d_outputs, t + 1, b, d_score, memory, s)


@shared(types.void(BACK, BUFFERS, ATTENTION, FLOATS[3], INTEGER, MEMBER, FLOATS[1]))
def add_attention_gradients(back, buffers, attention, outputs, steps, member, scratch):
    """Add a member's share of the gradients of the matrices of attention, and of the output layer that reads it."""
    gradient, size = back.gradient, buffers.losses.shape[1]
    rows, d_logits = steps * size, buffers.logits.reshape(-1, buffers.logits.shape[2])
    d_read = attention.d_attended.reshape(-1, attention.d_attended.shape[2])[size:]
    add_product(gradient.attention[0], attention.context, 1, d_read, 0, rows, member, scratch)
    add_product(gradient.attention[1], outputs, 1, d_read, 0, rows, member, scratch)
    add_output_product(gradient.V[0], d_logits, attention.attended, 1, rows, member, scratch)
    add_row_sums(gradient.c, d_logits, rows, member)
