"""Drawing characters: network, softmax and draw in one compiled call that returns a block of them."""

import math

from charrnn.kernels.activations import exp
from charrnn.kernels.barrier import flush_denormals, restore_denormals
from charrnn.kernels.compiler import entry, jit
from charrnn.kernels.inputs import carry
from charrnn.kernels.passes import forward
from charrnn.kernels.simd import LANES, load, store

NEVER = 1e-37  # a weight that `exp` gives for its smallest argument or less: never drawn


@jit
def draw(logits, symbols, inverse, chance):
    """Draw a symbol by softmax(logits·inverse), or take the likeliest if `inverse` is 0; the logits are used up.

    `inverse` is 1/temperature, `chance` a number from [0, 1). Returns -1 where a logit is NaN or the largest infinite.
    """
    best = 0
    for j in range(symbols):
        if math.isnan(logits[j]):
            return -1
        if logits[j] > logits[best]:
            best = j
    top = logits[best]
    if not math.isfinite(top):
        return -1
    if inverse == 0.0:
        return best
    for j in range(0, logits.shape[0], LANES):
        store(logits, (j,), exp((load(logits, (j,)) - top) * inverse))
    total = 0.0
    for j in range(symbols):
        if logits[j] > NEVER:
            total += logits[j]
    rest = chance * total
    for j in range(symbols):
        if logits[j] > NEVER:
            rest -= logits[j]
            if rest < 0.0:
                return j
    return best


@entry
def sample(scan, weights, packed, buffers, ids, nothing, symbols, inverse, chances, drawn, slot, first, last):
    """Draw a block of characters for streams `first` to `last`, and read each; return the next slot.

    drawn [N, B] by chances [N, B]; ids [T, B]. The last character was read in step `slot` − 1 of the window, which
    begins anew when it is full. Returns -1 where the network's predictions are no numbers.
    """
    before = flush_denormals()
    states, logits = buffers[1], buffers[6]
    for n in range(drawn.shape[0]):
        for b in range(first, last):
            symbol = draw(logits[slot - 1, b], symbols, inverse, chances[n, b])
            if symbol < 0:
                restore_denormals(before)
                return -1
            drawn[n, b] = symbol
        if slot == ids.shape[0]:
            carry(states, first, last, slot)
            slot = 0
        for b in range(first, last):
            ids[slot, b] = drawn[n, b]
        forward(scan, weights, packed, buffers, ids, nothing, first, last, slot, slot + 1)
        slot += 1
    restore_denormals(before)
    return slot
