"""Pairs of texts: an encoder reads the source, and a decoder, which writes the target, begins with its last states.

The states of an encoder's two stacks stand side by side, as each has half the decoder's units (Sutskever, Vinyals & Le
2014; Cho et al. 2014; in both directions: Bahdanau, Cho & Bengio 2015). A clock is not handed over: the decoder counts
its own steps. See `attention` for how a decoder looks back at all of the encoder's outputs.
"""

from numba import types

from charrnn.kernels import inputs, softmax
from charrnn.kernels.arguments import BACK, BUFFERS, FLOATS, INTEGER, MEMBER, NET, PART, Dropout, Part
from charrnn.kernels.attention import add_attention_gradients, attend, attend_back, recall, remember
from charrnn.kernels.example_arguments import BATCH, ENCODER, HEAD, Batch
from charrnn.kernels.examples_backward import (
    add_layer_gradients,
    add_output_gradients,
    go_back_to_top,
    layers_backward,
)
from charrnn.kernels.examples_forward import layers_forward, outputs_forward
from charrnn.kernels.forward_pass import handed_up
from charrnn.kernels.llvm.compiler import call, entry, jit, shared
from charrnn.kernels.states import begin_row, clear


@jit
def of_layers(dropout, first, last):
    """Return the dropout of the layers `first` to `last`."""
    return Dropout(dropout.keep, dropout.keys[first:last], dropout.factors, dropout.noise)


@jit
def target_of(batch, layers):
    """Return a batch as a decoder of so many layers reads it."""
    dropout = of_layers(batch.dropout, 0, layers)
    return with_input(batch, batch.ids, batch.ends, batch.length, dropout)


@jit
def source_of(batch, layers):
    """Return a batch as the encoder below a decoder of so many layers reads it."""
    dropout = of_layers(batch.dropout, layers, batch.dropout.keys.size)
    return with_input(batch, batch.source_ids, batch.source_ends, batch.source_length, dropout)


@jit
def with_input(batch, ids, ends, length, dropout):
    """Return a batch that reads something else."""
    numbers, targets, values, weights, given = batch.numbers, batch.targets, batch.values, batch.weights, batch.given
    source = batch.source_ids, batch.source_ends, batch.source_length
    return Batch(ids, numbers, ends, targets, values, weights, length, batch.scale, dropout, given, *source)


@jit
def hand_over(states, encoded, handed, source, part):
    """Begin a decoder's states [S, L, T+1, B, H] with the last ones of an encoder [S, D·L, S+1, B, H]."""
    depth, stacks = states.shape[1], encoded.shape[1] // states.shape[1]
    for k in range(states.shape[0]):
        size = handed.hidden if k else handed.outputs
        for layer in range(depth):
            clear(states[k, layer], part.first, part.last, 0, 1)
            for b in range(part.first, part.last):
                for stack in range(stacks if k < handed.states else 0):
                    slot = source.length if stack else source.ends[b]
                    for j in range(size):
                        states[k, layer, 0, b, stack * size + j] = encoded[k, stack * depth + layer, slot, b, j]


@jit
def hand_back(d_final, d_initial, handed, part):
    """Set the gradient of an encoder's last states [S, D·L, B, H] to that of the decoder's first ones [S, L, B, H]."""
    depth, stacks = d_initial.shape[1], d_final.shape[1] // d_initial.shape[1]
    for k in range(d_initial.shape[0]):
        size = handed.hidden if k else handed.outputs
        clear(d_final[k], part.first, part.last, 0, d_final.shape[1])
        for layer in range(depth):
            for b in range(part.first, part.last):
                for stack in range(stacks):
                    for j in range(size):
                        d_final[k, stack * depth + layer, b, j] = d_initial[k, layer, b, stack * size + j]


@jit
def top_outputs(net, buffers, stack, is_dropped):
    """Return the outputs [T+1, B, H] of a stack's top layer."""
    depth = buffers.z.shape[0] // net.weights.first_U.shape[0]
    return handed_up(buffers.states, buffers.dropped, (stack + 1) * depth - 1, is_dropped)


@shared(types.void(ENCODER, FLOATS[5], BATCH, PART))
def encode(encoder, states, source, part):
    """Run some rows of an encoder forward, and begin the decoder's states with what it has read."""
    net, buffers, head, attention = encoder.net, encoder.buffers, encoder.head, encoder.attention
    whole = Part(part.first, part.last, 0, source.length)
    for row in range(part.first, part.last):
        begin_row(buffers.states, net.weights.initial, row)
    layers_forward(net, buffers, head, source, whole)
    hand_over(states, buffers.states, encoder.handed, source, whole)
    for stack in range(net.weights.first_U.shape[0] if attention.memory.shape[0] else 0):
        outputs = top_outputs(net, buffers, stack, source.dropout.keys.size)
        remember(attention.memory, outputs, head.size, source.ends, stack, source.length, whole)


@shared(types.void(NET, BUFFERS, HEAD, ENCODER, BATCH, PART))
def decode(net, buffers, head, encoder, target, part):
    """Run some rows of a decoder forward, from the states in slot 0 to the outputs."""
    layers_forward(net, buffers, head, target, part)
    attention = encoder.attention
    if attention.memory.shape[0]:
        attend(net, attention, top_outputs(net, buffers, 0, target.dropout.keys.size), target.source_ends, part)
        inputs.fill_biases(buffers.logits, net.weights.c, part)
        softmax.add(buffers.logits, net.packed.V[0], attention.attended, net.weights.V.shape[2], 1, part)
    else:
        outputs_forward(net, buffers, head, target, part)


@shared(types.void(NET, BACK, BACK, BUFFERS, HEAD, ENCODER, BATCH, INTEGER, INTEGER))
def forward_backward(net, back, encoder_back, buffers, head, encoder, batch, first, last):
    """Run the forward and the backward pass of both networks for some rows of a batch, as in `examples_backward`."""
    layers, attention = buffers.z.shape[0], encoder.attention
    target, source = target_of(batch, layers), source_of(batch, layers)
    part, read = Part(first, last, 0, target.length), Part(first, last, 0, source.length)
    encode(encoder, buffers.states, source, part)
    decode(net, buffers, head, encoder, target, part)
    call(head.loss, (buffers.logits, target, buffers.losses, net.symbols, part, 0))
    if attention.memory.shape[0]:
        outputs, d_outputs = top_outputs(net, buffers, 0, target.dropout.keys.size), buffers.dh[layers - 1]
        attend_back(net, back, buffers, attention, outputs, d_outputs, source.ends, part)
    else:
        go_back_to_top(net, back, buffers, head, target, part)
    layers_backward(net, back, buffers, head, target, part)
    hand_back(encoder.head.d_final, buffers.d_initial, encoder.handed, part)
    dh, stacks = encoder.buffers.dh, encoder.net.weights.first_U.shape[0]
    depth = dh.shape[0] // stacks
    for stack in range(stacks):
        d_top = dh[(stack + 1) * depth - 1]
        clear(d_top, first, last, 0, source.length + 1)
        if attention.memory.shape[0]:
            recall(d_top, attention.d_memory, encoder.head.size, source.ends, stack, source.length, read)
    layers_backward(encoder.net, encoder_back, encoder.buffers, encoder.head, source, read)


@shared(types.void(NET, BACK, BACK, BUFFERS, HEAD, ENCODER, BATCH, MEMBER, FLOATS[1]))
def add_gradients(net, back, encoder_back, buffers, head, encoder, batch, member, scratch):
    """Add a member's share of every weight's gradient; the backward pass of all rows must be done."""
    layers, attention = buffers.z.shape[0], encoder.attention
    target, source = target_of(batch, layers), source_of(batch, layers)
    add_layer_gradients(net, back, buffers, head, target, member, scratch)
    if attention.memory.shape[0]:
        outputs = top_outputs(net, buffers, 0, target.dropout.keys.size)
        add_attention_gradients(back, buffers, attention, outputs, target.length, member, scratch)
    else:
        add_output_gradients(net, back, buffers, head, target, member, scratch)
    add_layer_gradients(encoder.net, encoder_back, encoder.buffers, encoder.head, source, member, scratch)


@entry
def forward(net, buffers, head, encoder, batch, part):
    """Run some rows of a batch forward, from the sources to the outputs."""
    layers = buffers.z.shape[0]
    encode(encoder, buffers.states, source_of(batch, layers), part)
    decode(net, buffers, head, encoder, target_of(batch, layers), part)


@entry
def read_sources(net, buffers, head, encoder, batch, part):
    """Let some rows of a decoder begin with what the encoder has read; it is to go on with `read_on`."""
    encode(encoder, buffers.states, source_of(batch, buffers.z.shape[0]), part)


@entry
def read_on(net, buffers, head, encoder, batch, part):
    """Let some rows of a decoder read a batch, of one or more symbols, from the states in slot 0, to the outputs."""
    decode(net, buffers, head, encoder, target_of(batch, buffers.z.shape[0]), part)
