"""Drawing characters: network, softmax, controls and draw, in one compiled call for a block of characters."""

import math

import numpy as np

from charrnn.kernels.activations import exp, log
from charrnn.kernels.arguments import Part
from charrnn.kernels.barrier import flush_denormals, restore_denormals
from charrnn.kernels.forward_pass import forward
from charrnn.kernels.llvm.compiler import entry, jit
from charrnn.kernels.llvm.vector import LANES, chosen_at_least, lane_maximum, lane_sum, load, maximum, splat, store
from charrnn.kernels.states import carry

NEVER = np.float32(1e-37)  # weights up to this are never drawn: below −87, `exp` returns e⁻⁸⁷, not 0
NO_LOGIT = np.float32(-np.inf)  # of padding
STRIDE = np.float32(32.0)


@jit
def draw(logits, weights, penalties, symbols, controls, chance):
    """Draw a symbol; return it and its loss.

    The controls change how it is drawn, but not the loss, −log p by softmax(logits). logits, weights (room) and
    penalties (subtracted from log p) are [V], padded; `chance` is a random number from [0, 1). Temperature 0 takes the
    most likely symbol. Returns -1 if a logit is NaN or the largest one is infinite.
    """
    for j in range(symbols, logits.shape[0]):
        logits[j] = NO_LOGIT
    scores, top = logits, largest(logits)
    weigh(weights, logits, symbols, top, 1.0)
    total = mass(weights)
    if not (math.isfinite(top) and math.isfinite(total)):
        return -1, 0.0
    log_total = log(total) + top
    if controls.penalty != 0.0:
        for j in range(0, weights.shape[0], LANES):
            store(weights, (j,), (load(logits, (j,)) - top) - load(penalties, (j,)))
        scores, top = weights, largest(weights)
    if controls.temperature <= 0.0:
        symbol = first_at_least(scores, top, symbols)
        return symbol, log_total - logits[symbol]
    inverse = 1.0 / controls.temperature
    if controls.penalty != 0.0 or inverse != 1.0:
        weigh(weights, scores, symbols, top, inverse)
    if controls.top_k < symbols:
        keep_likeliest(weights, controls.top_k, True)
    if controls.min_p > 0.0:
        for j in range(0, weights.shape[0], LANES):
            w = load(weights, (j,))
            store(weights, (j,), chosen_at_least(w, controls.min_p, w))
    if controls.top_p < 1.0:
        keep_likeliest(weights, controls.top_p * mass(weights), False)
    symbol = pick(weights, symbols, chance)
    return symbol, log_total - logits[symbol]


@jit
def largest(x):
    """Return the largest entry of x [V] (any, if one is NaN)."""
    most = splat(NO_LOGIT)
    for j in range(0, x.shape[0], LANES):
        most = maximum(load(x, (j,)), most)
    return lane_maximum(most)


@jit
def first_at_least(x, threshold, symbols):
    """Return the first symbol at which x [V] reaches a threshold.

    If there is none, it returns the last symbol.
    """
    for j in range(symbols):
        if x[j] >= threshold:
            return j
    return symbols - 1


@jit
def weigh(weights, scores, symbols, top, inverse):
    """Set the weights to exp((scores − top)·inverse).

    That is 1 for the most likely symbol. Weights up to NEVER, and those of the padding, are 0.
    """
    for j in range(0, weights.shape[0], LANES):
        w = exp((load(scores, (j,)) - top) * inverse)
        store(weights, (j,), w - chosen_at_least(NEVER, w, w))
    for j in range(symbols, weights.shape[0]):
        weights[j] = 0.0


@jit
def mass(weights):
    """Return the sum of the weights, ordered as in `pick`."""
    total = 0.0
    for j in range(0, weights.shape[0], LANES):
        total += lane_sum(load(weights, (j,)))
    return total


@jit
def pick(weights, symbols, chance):
    """Return the symbol whose share of the weights contains `chance`.

    It is one of the `symbols`, whatever the weights are.
    """
    rest, last = chance * mass(weights), 0
    for j in range(0, weights.shape[0], LANES):
        block = lane_sum(load(weights, (j,)))
        if rest < block:
            for k in range(j, j + LANES):
                if weights[k] > 0.0:
                    last = k
                    rest -= weights[k]
                    if rest < 0.0:
                        break
            return last
        rest -= block
    return first_at_least(weights, 1.0, symbols)  # reached only by rounding errors


@jit
def reached(weights, threshold):
    """Return how many weights reach a threshold, and their sum."""
    count, total = splat(0.0), splat(0.0)
    for j in range(0, weights.shape[0], LANES):
        w = load(weights, (j,))
        count = count + chosen_at_least(w, threshold, splat(1.0))
        total = total + chosen_at_least(w, threshold, w)
    return lane_sum(count), lane_sum(total)


@jit
def keep_likeliest(weights, goal, counted):
    """Keep the largest weights, as few as reach `goal`.

    All others become 0. The goal is their number if `counted`, else their sum. Of equal weights, the first are kept.
    The smallest weight to keep is found in strides, then by bisection on a logarithmic scale, until at most one weight
    lies in the interval: about ten passes, for any number of weights.
    """
    nothing = np.float32(0.0), np.float32(0.0)
    high, above = np.float32(2.0), nothing
    low, below = high, nothing
    while (below[0] if counted else below[1]) < goal:
        if low < NEVER:  # no weights are left
            return
        high, above = low, below
        low = np.float32(low / STRIDE)
        below = reached(weights, max(low, NEVER))
    while below[0] - above[0] > 1.0:
        middle = np.float32(math.sqrt(np.float64(low) * np.float64(high)))
        if not low < middle < high:  # the weights in the interval are equal
            break
        there = reached(weights, middle)
        if (there[0] if counted else there[1]) >= goal:
            low, below = middle, there
        else:
            high, above = middle, there
    for j in range(0, weights.shape[0], LANES):
        w = load(weights, (j,))
        store(weights, (j,), chosen_at_least(w, low, w))
    if below[0] - above[0] > 1.0:
        got = above[0] if counted else above[1]
        for j in range(weights.shape[0]):
            if 0.0 < weights[j] < high:
                if got >= goal:
                    weights[j] = 0.0
                else:
                    got += np.float32(1.0) if counted else weights[j]


@jit
def remember(recent, penalty, symbol, b):
    """Replace the oldest recent symbol of stream b by `symbol`."""
    slot = recent.oldest[b]
    oldest = recent.ring[slot, b]
    if oldest >= 0:
        recent.counts[b, oldest] -= 1
        if recent.counts[b, oldest] == 0:
            recent.penalties[b, oldest] = 0.0
    recent.ring[slot, b] = symbol
    recent.counts[b, symbol] += 1
    recent.penalties[b, symbol] = penalty
    recent.oldest[b] = (slot + 1) % recent.ring.shape[0]


@entry
def draw_character(logits, drawing, symbols, n, first, last):
    """Draw character n of the streams `first` to `last` from logits [B, V], for a network that Python computes.

    Returns whether all predictions are finite.
    """
    recent, controls = drawing.recent, drawing.controls
    for b in range(first, last):
        chance, penalties = drawing.chances[n, b], recent.penalties[b]
        symbol, loss = draw(logits[b], drawing.room[b], penalties, symbols, controls, chance)
        if symbol < 0:
            return False
        drawing.drawn.symbols[n, b] = symbol
        drawing.drawn.nats[n, b] = loss
        remember(recent, controls.penalty, symbol, b)
    return True


@entry
def sample(net, buffers, ids, no_dropout, drawing, slot, first, last):
    """Draw a block of characters; return the next slot.

    Each of the streams `first` to `last` reads each character that it draws. The last character was read in step
    `slot` − 1 of the window [T, B]. A full window starts again at slot 0, with the states carried on. Returns -1 if the
    network's predictions are not finite.
    """
    before = flush_denormals()
    controls, recent, chances, room = drawing.controls, drawing.recent, drawing.chances, drawing.room
    logits, symbols, nats = buffers.logits, drawing.drawn.symbols, drawing.drawn.nats
    for n in range(chances.shape[0]):
        for b in range(first, last):
            penalties = recent.penalties[b]
            symbol, loss = draw(logits[slot - 1, b], room[b], penalties, net.symbols, controls, chances[n, b])
            if symbol < 0:
                restore_denormals(before)
                return -1
            symbols[n, b] = symbol
            nats[n, b] = loss
            remember(recent, controls.penalty, symbol, b)
        if slot == ids.shape[0]:
            carry(buffers.states, first, last, slot)
            slot = 0
        for b in range(first, last):
            ids[slot, b] = symbols[n, b]
        forward(net, buffers, ids, no_dropout, Part(first, last, slot, slot + 1))
        slot += 1
    restore_denormals(before)
    return slot
