"""The slow, obviously right twin of everything the fast code computes.

Every formula stands here as its paper writes it, a line for a line, in plain NumPy; nothing is imported from
the package under test, so a mistake cannot be made in both places at once.

All of it runs in float64 and, as far as `loss`, in complex128 too. The second gives derivatives exact to
rounding: Im f(x + ih) / h with h = 1e-20 has no difference to cancel (Squire & Trapp 1998). That holds while
f is analytic, hence: no absolute value, no comparison that sees an imaginary part.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # float64 or complex128; integers for ids
Arrays = dict[str, Array]
State = list[Arrays]  # one dict of named arrays a layer, the lowest first
Step = Callable[[Mapping[str, Array], Array, Mapping[str, Array]], Arrays]
Memory = dict[str, Any]  # what an optimiser remembers between two updates; empty before the first

COMPLEX_STEP = 1e-20


# ---- Activations -----------------------------------------------------------------------------------------


def logistic(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^−a), by whichever of its two forms does not overflow."""
    rises = a.real >= 0
    e = np.exp(np.where(rises, -a, a))
    return np.where(rises, 1 / (1 + e), e / (1 + e))


def log_softmax(o: Array) -> Array:
    """Logarithm of the softmax along the last axis."""
    # the shift by the largest real part cancels, so the derivative does not see it either
    shifted: Array = o - o.real.max(axis=-1, keepdims=True)
    total: Array = np.exp(shifted).sum(axis=-1, keepdims=True)
    return shifted - np.log(total)


# ---- One time step of each cell --------------------------------------------------------------------------


def are_ids(x: Array) -> bool:
    """Tell ids, which are integers, from dense input."""
    return x.dtype.kind in "iu"


def times_input(x: Array, U: Array) -> Array:
    """Product x U, where x is either dense rows [B, N] or ids [B], each standing for a one-hot row."""
    return U[x] if are_ids(x) else x @ U


def rnn_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the tanh network (Elman 1990)."""
    h = state["h"]
    return {"h": np.tanh(times_input(x, p["U"]) + h @ p["W"] + p["b"])}


def lstm_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + p["b_f"])
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + p["b_o"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    return {"h": o * np.tanh(c), "c": c}


def gru_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the GRU (Cho et al. 2014), the reset applied after the product; z keeps the old state."""
    h = state["h"]
    r = logistic(times_input(x, p["U_r"]) + h @ p["W_r"] + p["b_r"])
    z = logistic(times_input(x, p["U_z"]) + h @ p["W_z"] + p["b_z"])
    n = np.tanh(times_input(x, p["U_n"]) + p["b_n"] + r * (h @ p["W_n"] + p["b_hn"]))
    return {"h": z * h + (1 - z) * n}


# A step takes a layer's parameters, its input and its state, and returns the next state. What a layer hands
# on to the one above is its `h`.
STEPS: dict[str, Step] = {
    "rnn": rnn_step,
    "lstm": lstm_step,
    "gru": gru_step,
}


# ---- The network -----------------------------------------------------------------------------------------


def layers_of(parameters: Mapping[str, Array]) -> list[Arrays]:
    """Return each layer's arrays by their names in the equations: `layer0.U_i` is `U_i` of the first."""
    layers: list[Arrays] = []
    prefix = "layer0."
    while found := {name.removeprefix(prefix): a for name, a in parameters.items() if name.startswith(prefix)}:
        layers.append(found)
        prefix = f"layer{len(layers)}."
    return layers


def forward(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    state: Sequence[Mapping[str, Array]],
    masks: Sequence[Array] | None = None,
) -> tuple[Array, State, list[Array]]:
    """Run a stack of layers over a window.

    `ids_or_x` is [T, B] of integers or [T, B, N] dense. A mask [T, B, H] a layer, already divided by the
    share kept, multiplies what goes up from it and never what recurs (Zaremba et al. 2014). Returns the
    logits [T, B, V], the state after the last step, and each layer's h [T, B, H] as it recurs, so before its
    mask.
    """
    step = STEPS[cell]
    layers = layers_of(parameters)
    if len(state) != len(layers) or (masks is not None and len(masks) != len(layers)):
        raise ValueError("parameters, state and masks must have equally many layers")
    now: State = [dict(arrays) for arrays in state]
    logits: list[Array] = []
    hs: list[list[Array]] = [[] for _ in layers]
    for t in range(len(ids_or_x)):
        x = ids_or_x[t]
        for layer, p in enumerate(layers):
            now[layer] = step(p, x, now[layer])
            hs[layer].append(now[layer]["h"])
            x = now[layer]["h"] if masks is None else now[layer]["h"] * masks[layer][t]
        logits.append(x @ parameters["output.V"] + parameters["output.c"])
    return np.stack(logits), now, [np.stack(h) for h in hs]


def cross_entropy(logits: Array, targets: Array) -> Any:
    """Mean over the counted targets of −log softmax(logits)[target], in nats; −1 marks one not counted."""
    log_y = log_softmax(logits)
    counted = [(int(target), index) for index, target in np.ndenumerate(targets) if target != -1]
    if not counted:
        raise ValueError("no target is counted, so there is no mean")
    return -sum(log_y[index][target] for target, index in counted) / len(counted)


def loss(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]],
    masks: Sequence[Array] | None = None,
) -> Any:
    """Return the cross-entropy of a window; a float, or a complex number if any of the arrays is complex."""
    return cross_entropy(forward(cell, parameters, ids_or_x, state, masks)[0], targets)


# ---- Derivatives -----------------------------------------------------------------------------------------


def complex_step_gradients(f: Callable[[Arrays], Any], arrays: Mapping[str, Array]) -> Arrays:
    """Return ∂f/∂(every entry of every array), by Im f(x + ih) / h (Squire & Trapp 1998)."""
    gradients = {name: np.zeros(array.shape) for name, array in arrays.items()}
    for name, array in arrays.items():
        for index in np.ndindex(array.shape):
            moved = array.astype(np.complex128)
            moved[index] += 1j * COMPLEX_STEP
            gradients[name][index] = np.imag(f({**arrays, name: moved})) / COMPLEX_STEP
    return gradients


def loss_gradients(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]],
    masks: Sequence[Array] | None = None,
) -> Arrays:
    """Return the derivative of `loss` by everything it depends on.

    The keys are those of `parameters`, then `layer{l}.h` (and `layer{l}.c`) for the initial state, and `x`
    for the input where that is dense.
    """
    arrays = dict(parameters)
    for layer, named in enumerate(state):
        arrays |= {f"layer{layer}.{name}": array for name, array in named.items()}
    dense = not are_ids(ids_or_x)
    if dense:
        arrays["x"] = ids_or_x

    def f(moved: Arrays) -> Any:
        start = [{name: moved[f"layer{layer}.{name}"] for name in named} for layer, named in enumerate(state)]
        return loss(cell, moved, moved["x"] if dense else ids_or_x, targets, start, masks)

    return complex_step_gradients(f, arrays)


# ---- Clipping --------------------------------------------------------------------------------------------


def global_norm(gradients: Mapping[str, Array]) -> float:
    """‖g‖, the Euclidean norm of all entries of all arrays taken as one vector."""
    return math.hypot(*(float(entry) for g in gradients.values() for entry in g.flat))


def clip_by_norm(gradients: Mapping[str, Array], limit: float) -> Arrays:
    """Scale to g · min(1, limit / ‖g‖) (Pascanu, Mikolov & Bengio 2013)."""
    norm = global_norm(gradients)
    scale = limit / norm if norm > limit else 1.0
    return {name: g * scale for name, g in gradients.items()}


def clip_by_value(gradients: Mapping[str, Array], limit: float) -> Arrays:
    """Cut each entry to [−limit, limit] (Mikolov 2012)."""
    return {name: np.minimum(np.maximum(g, -limit), limit) for name, g in gradients.items()}


# ---- Optimisers ------------------------------------------------------------------------------------------
# Each takes a parameter vector, its gradient and the memory of the update before, and returns a new vector
# and a new memory. No setting has a default here, so that a default changed in the fast code is always seen.


def sgd(p: Array, g: Array, memory: Memory, *, lr: float, momentum: float) -> tuple[Array, Memory]:
    """Stochastic gradient descent with classical momentum (Polyak 1964)."""
    m = momentum * memory.get("m", np.zeros_like(p)) + g
    return p - lr * m, {"m": m}


def rmsprop(p: Array, g: Array, memory: Memory, *, lr: float, rho: float, epsilon: float) -> tuple[Array, Memory]:
    """RMSprop (Tieleman & Hinton 2012)."""
    v = rho * memory.get("v", np.zeros_like(p)) + (1 - rho) * g**2
    return p - lr * g / (np.sqrt(v) + epsilon), {"v": v}


def adagrad(p: Array, g: Array, memory: Memory, *, lr: float, epsilon: float) -> tuple[Array, Memory]:
    """Adagrad (Duchi, Hazan & Singer 2011)."""
    v = memory.get("v", np.zeros_like(p)) + g**2
    return p - lr * g / (np.sqrt(v) + epsilon), {"v": v}


def adam(
    p: Array, g: Array, memory: Memory, *, lr: float, beta1: float, beta2: float, epsilon: float
) -> tuple[Array, Memory]:
    """Adam (Kingma & Ba 2015, algorithm 1), with both moments corrected for their start at zero."""
    t = memory.get("t", 0) + 1
    m = beta1 * memory.get("m", np.zeros_like(p)) + (1 - beta1) * g
    v = beta2 * memory.get("v", np.zeros_like(p)) + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return p - lr * m_hat / (np.sqrt(v_hat) + epsilon), {"m": m, "v": v, "t": t}


OPTIMISERS: dict[str, Callable[..., tuple[Array, Memory]]] = {
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
    "adam": adam,
}


# ---- Learning-rate schedules -----------------------------------------------------------------------------
# Each maps the share s of the way from the end of the warm-up (0) to the end of training (1) to a factor of
# the peak learning rate: 1 at s = 0 and, but for the constant one, `final` at s = 1.


def constant(_s: float, _final: float) -> float:
    """Stay at the peak."""
    return 1.0


def exponential(s: float, final: float) -> float:
    """Fall by the same ratio in equal times."""
    return float(final**s)


def cosine(s: float, final: float) -> float:
    """Follow half a wave of a cosine, from the peak down to the final share (Loshchilov & Hutter 2017)."""
    return final + (1 - final) * (1 + math.cos(math.pi * s)) / 2


SCHEDULES: dict[str, Callable[[float, float], float]] = {
    "constant": constant,
    "exponential": exponential,
    "cosine": cosine,
}


def learning_rate(schedule: str, progress: float, *, peak: float, warmup: float, final: float) -> float:
    """Return the rate at `progress`, the share of training done.

    It climbs on a straight line from 0 to the peak over the first `warmup` share, then follows the schedule
    over what remains; past the end it stays at the end's value.
    """
    if progress < warmup:
        return peak * progress / warmup
    # with a warm-up as long as the training, nothing remains for the schedule
    s = min(1.0, (progress - warmup) / (1 - warmup)) if warmup < 1 else 0.0
    return peak * SCHEDULES[schedule](s, final)


# ---- Controls of drawing ---------------------------------------------------------------------------------
# Each takes log p [V] and returns another, −∞ for what is not to be drawn. Of equally likely symbols the lower one
# counts as the likelier. As in the optimisers, no setting has a default.


def ranked(log_p: Array) -> Array:
    """Return the symbols, the likeliest first."""
    return np.argsort(-log_p, kind="stable")


def only(log_p: Array, kept: Array) -> Array:
    """Keep log p of some symbols."""
    result = np.full_like(log_p, -np.inf)
    result[kept] = log_p[kept]
    return result


def penalise(log_p: Array, window: Sequence[int], penalty: float) -> Array:
    """Make what is in the window less likely, however often it is there (after Keskar et al. 2019, on log p)."""
    result = log_p.copy()
    for symbol in set(window):
        result[symbol] -= math.log(penalty)
    return result


def heat(log_p: Array, temperature: float) -> Array:
    """Divide by the temperature; 0 is its limit."""
    return only(log_p, ranked(log_p)[:1]) if temperature == 0 else log_p / temperature


def keep_top_k(log_p: Array, k: int) -> Array:
    """Keep the k likeliest (Fan, Lewis & Dauphin 2018)."""
    return only(log_p, ranked(log_p)[:k])


def keep_min_p(log_p: Array, share: float) -> Array:
    """Keep what is at least so likely as a share of the likeliest's probability (Nguyen et al. 2024)."""
    return log_p if share == 0 else only(log_p, np.flatnonzero(log_p >= log_p.max() + math.log(share)))


def keep_top_p(log_p: Array, mass: float) -> Array:
    """Keep as few of the likeliest as have a mass together: the nucleus (Holtzman et al. 2020)."""
    order = ranked(log_p)
    mass_before = np.concatenate([[0.0], np.cumsum(np.exp(log_p[order]))[:-1]])
    return only(log_p, order[mass_before < mass])


def controlled(
    log_p: Array,
    written: Sequence[int],
    *,
    repeat_penalty: float,
    repeat_window: int,
    temperature: float,
    top_k: int | None,
    min_p: float,
    top_p: float,
) -> Array:
    """Return log p [V] of what is drawn after all that is written, by all controls, one after another."""
    log_p = log_softmax(penalise(log_p, written[-repeat_window:], repeat_penalty))
    log_p = log_softmax(heat(log_p, temperature))
    log_p = log_softmax(keep_top_k(log_p, len(log_p) if top_k is None else top_k))
    log_p = log_softmax(keep_min_p(log_p, min_p))
    return log_softmax(keep_top_p(log_p, top_p))
