"""The slow, obviously right twin of everything the fast code computes.

Every formula stands here as its paper writes it, a line for a line, in plain NumPy; nothing is imported from
the package under test, so a mistake cannot be made in both places at once.

All of it runs in float64 and, as far as `loss`, in complex128 too. The second gives derivatives exact to
rounding: Im f(x + ih) / h with h = 1e-20 has no difference to cancel (Squire & Trapp 1998). That holds while
f is analytic, hence: no absolute value, no comparison that sees an imaginary part.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # float64 or complex128; integers for ids
Arrays = dict[str, Array]
State = list[Arrays]  # one dict of named arrays a layer, the lowest first
Step = Callable[[Mapping[str, Array], Array, Mapping[str, Array]], Arrays]
Memory = dict[str, Any]  # what an optimizer remembers between two updates; empty before the first

COMPLEX_STEP = 1e-20


# ---- Activations -----------------------------------------------------------------------------------------


def logistic(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^−a), by whichever of its two forms does not overflow."""
    rises = a.real >= 0
    e = np.exp(np.where(rises, -a, a))
    return np.where(rises, 1 / (1 + e), e / (1 + e))


def relu(a: Array) -> Array:
    """Return max(0, a), decided by the real part; its slope at 0 is 0."""
    return np.where(a.real > 0, a, 0.0)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"tanh": np.tanh, "relu": relu, "sigmoid": logistic}


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


def rnn_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array], activation: str = "tanh") -> Arrays:
    """One step of the plain network (Elman 1990)."""
    h = state["h"]
    return {"h": ACTIVATIONS[activation](times_input(x, p["U"]) + h @ p["W"] + p["b"])}


def irnn_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the network of Le, Jaitly & Hinton 2015; what sets it apart is W = 1 and b = 0 at the start."""
    h = state["h"]
    return {"h": relu(times_input(x, p["U"]) + h @ p["W"] + p["b"])}


def clockwork_step(
    p: Mapping[str, Array],
    x: Array,
    state: Mapping[str, Array],
    periods: Sequence[int] = (1, 2, 4, 8),
    activation: str = "tanh",
) -> Arrays:
    """One step of the clockwork network (Koutník et al. 2014).

    Equal groups, the fastest first, each with a period. A unit computes where its own count, `clock` [B, H], is 0;
    it hears the units of its own period and of longer ones.
    """
    h, clock = state["h"], state["clock"]
    groups, rest = divmod(h.shape[1], len(periods))
    if rest or list(periods) != sorted(periods):
        raise ValueError("clockwork needs equal groups, the fastest first")
    period = np.repeat(periods, groups)
    hears = period[:, np.newaxis] >= period  # [k, j]: unit j hears unit k
    computed = ACTIVATIONS[activation](times_input(x, p["U"]) + h @ (p["W"] * hears) + p["b"])
    return {"h": np.where(clock == 0, computed, h), "clock": (clock + 1) % period}


def lstm_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM (Hochreiter & Schmidhuber 1997) with a forget gate (Gers et al. 2000)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + p["b_f"])
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + p["b_o"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    return {"h": o * np.tanh(c), "c": c}


def lstm_peephole_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM whose gates see the cell (Gers & Schmidhuber 2000): i and f the old one, o the new one."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_peephole_full_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM whose gates see the cells of all units, through matrices."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c @ p["C_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c @ p["C_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c @ p["C_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_coupled_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM that takes in as much as it forgets (Greff et al. 2015: CIFG), without peepholes."""
    h, c = state["h"], state["c"]
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + p["b_f"])
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + p["b_o"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + (1 - f) * g
    return {"h": o * np.tanh(c), "c": c}


def lstm_coupled_peephole_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM with coupled gates (Greff et al. 2015: CIFG)."""
    h, c = state["h"], state["c"]
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + (1 - f) * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_nig_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM without an input gate, i = 1 (Greff et al. 2015)."""
    h, c = state["h"], state["c"]
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_nfg_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM without a forget gate, f = 1 (Greff et al. 2015)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + p["b_i"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_nog_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM without an output gate, o = 1 (Greff et al. 2015)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    return {"h": np.tanh(c), "c": c}


def lstm_niaf_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM without an input activation, g linear (Greff et al. 2015)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"]
    c = f * c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * np.tanh(c), "c": c}


def lstm_noaf_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM without an output activation, h = o ⊙ c (Greff et al. 2015)."""
    h, c = state["h"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + p["b_o"])
    return {"h": o * c, "c": c}


def lstm_fgr_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the peephole LSTM whose gates also hear all gates of the step before (Greff et al. 2015).

    R_ab takes gate a of the step before to gate b.
    """
    h, c, was_i, was_f, was_o = (state[name] for name in ("h", "c", "i", "f", "o"))
    heard_i = was_i @ p["R_ii"] + was_f @ p["R_fi"] + was_o @ p["R_oi"]
    heard_f = was_i @ p["R_if"] + was_f @ p["R_ff"] + was_o @ p["R_of"]
    heard_o = was_i @ p["R_io"] + was_f @ p["R_fo"] + was_o @ p["R_oo"]
    i = logistic(times_input(x, p["U_i"]) + h @ p["W_i"] + c * p["p_i"] + heard_i + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + h @ p["W_f"] + c * p["p_f"] + heard_f + p["b_f"])
    g = np.tanh(times_input(x, p["U_g"]) + h @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    o = logistic(times_input(x, p["U_o"]) + h @ p["W_o"] + c * p["p_o"] + heard_o + p["b_o"])
    return {"h": o * np.tanh(c), "c": c, "i": i, "f": f, "o": o}


def lstm_projection_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the LSTM of which only a projection recurs and is handed on (Sak et al. 2014), without peepholes."""
    r, c = state["r"], state["c"]
    i = logistic(times_input(x, p["U_i"]) + r @ p["W_i"] + p["b_i"])
    f = logistic(times_input(x, p["U_f"]) + r @ p["W_f"] + p["b_f"])
    o = logistic(times_input(x, p["U_o"]) + r @ p["W_o"] + p["b_o"])
    g = np.tanh(times_input(x, p["U_g"]) + r @ p["W_g"] + p["b_g"])
    c = f * c + i * g
    h = o * np.tanh(c)
    return {"r": h @ p["P"], "c": c}


def gru_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the GRU (Cho et al. 2014), the reset applied after the product; z keeps the old state."""
    h = state["h"]
    r = logistic(times_input(x, p["U_r"]) + h @ p["W_r"] + p["b_r"])
    z = logistic(times_input(x, p["U_z"]) + h @ p["W_z"] + p["b_z"])
    n = np.tanh(times_input(x, p["U_n"]) + p["b_n"] + r * (h @ p["W_n"] + p["b_hn"]))
    return {"h": z * h + (1 - z) * n}


def gru_reset_before_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the GRU (Cho et al. 2014) as it was first: the reset applied to h before the product."""
    h = state["h"]
    r = logistic(times_input(x, p["U_r"]) + h @ p["W_r"] + p["b_r"])
    z = logistic(times_input(x, p["U_z"]) + h @ p["W_z"] + p["b_z"])
    n = np.tanh(times_input(x, p["U_n"]) + (r * h) @ p["W_n"] + p["b_n"])
    return {"h": z * h + (1 - z) * n}


def mingru_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the minGRU (Feng et al. 2024); their z is 1 − z here."""
    h = state["h"]
    z = logistic(times_input(x, p["U_z"]) + p["b_z"])
    n = times_input(x, p["U_n"]) + p["b_n"]
    return {"h": z * h + (1 - z) * n}


def minlstm_step(p: Mapping[str, Array], x: Array, state: Mapping[str, Array]) -> Arrays:
    """One step of the minLSTM (Feng et al. 2024), whose gates are scaled to a sum of 1."""
    h = state["h"]
    f = logistic(times_input(x, p["U_f"]) + p["b_f"])
    i = logistic(times_input(x, p["U_i"]) + p["b_i"])
    g = times_input(x, p["U_g"]) + p["b_g"]
    return {"h": f / (f + i) * h + i / (f + i) * g}


# A step takes a layer's parameters, its input and its state, and returns the next state. What a layer hands
# on to the one above is the first of its states.
STEPS: dict[str, Step] = {
    "rnn": rnn_step,
    "irnn": irnn_step,
    "clockwork": clockwork_step,
    "lstm": lstm_step,
    "lstm-peephole": lstm_peephole_step,
    "lstm-peephole-full": lstm_peephole_full_step,
    "lstm-coupled": lstm_coupled_step,
    "lstm-coupled-peephole": lstm_coupled_peephole_step,
    "lstm-nig": lstm_nig_step,
    "lstm-nfg": lstm_nfg_step,
    "lstm-nog": lstm_nog_step,
    "lstm-niaf": lstm_niaf_step,
    "lstm-noaf": lstm_noaf_step,
    "lstm-fgr": lstm_fgr_step,
    "lstm-projection": lstm_projection_step,
    "gru": gru_step,
    "gru-reset-before": gru_reset_before_step,
    "mingru": mingru_step,
    "minlstm": minlstm_step,
}


def states_of(cell: str) -> tuple[str, ...]:
    """Name what a cell carries from step to step; the first is what it hands on."""
    others = {"clockwork": ("h", "clock"), "lstm-fgr": ("h", "c", "i", "f", "o"), "lstm-projection": ("r", "c")}
    return others.get(cell, ("h", "c") if cell.startswith("lstm") else ("h",))


def step_of(cell: str, *, activation: str = "tanh", periods: Sequence[int] = (1, 2, 4, 8)) -> Step:
    """Return a cell's step; the activation is heeded by `rnn` and `clockwork` alone, the periods by the latter."""
    if cell == "rnn":
        return partial(rnn_step, activation=activation)
    if cell == "clockwork":
        return partial(clockwork_step, periods=periods, activation=activation)
    return STEPS[cell]


# ---- The network -----------------------------------------------------------------------------------------


def layers_of(parameters: Mapping[str, Array], stack: str = "") -> list[Arrays]:
    """Return each layer's arrays by their names in the equations: `layer0.U_i` is `U_i` of the first.

    The stack `reverse.` is the one of a bidirectional network that reads from the right.
    """
    layers: list[Arrays] = []
    prefix = f"{stack}layer0."
    while found := {name.removeprefix(prefix): a for name, a in parameters.items() if name.startswith(prefix)}:
        layers.append(found)
        prefix = f"{stack}layer{len(layers)}."
    return layers


def initial_state(cell: str, parameters: Mapping[str, Array], batch: int, stack: str = "") -> State:
    """Return what a text begins from: the learned `layer0.h0` … where there are such parameters, else zeros."""
    state: State = []
    for p in layers_of(parameters, stack):
        H = next(len(array) for name, array in p.items() if name.startswith("b"))
        widths = {name: p["P"].shape[1] if name == "r" else H for name in states_of(cell)}
        state.append({name: np.tile(p.get(f"{name}0", np.zeros(width)), (batch, 1)) for name, width in widths.items()})
    return state


def read(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    state: Sequence[Mapping[str, Array]] | None,
    masks: Sequence[Array] | None = None,
    *,
    stack: str = "",
    nudges: Mapping[str, Array] | None = None,
    **options: Any,
) -> tuple[Array, State, list[Array]]:
    """Run a stack of layers over a window, as `forward` says, up to what the output sees [T, B, H].

    `nudges` maps names of states to [T, L, B, H], added to them after each step.
    """
    step = step_of(cell, **options)
    layers = layers_of(parameters, stack)
    begin = initial_state(cell, parameters, ids_or_x.shape[1], stack)
    now: State = [dict(arrays) for arrays in (begin if state is None else state)]
    if len(now) != len(layers) or (masks is not None and len(masks) != len(layers)):
        raise ValueError("parameters, state and masks must have equally many layers")
    seen: list[Array] = []
    handed_up: list[list[Array]] = [[] for _ in layers]
    for t, x in enumerate(ids_or_x):
        gap = (x == -1)[:, np.newaxis] if are_ids(x) else np.zeros((len(x), 1), bool)
        if "embedding.E" in parameters and are_ids(x):
            x = parameters["embedding.E"][x]
        for layer, p in enumerate(layers):
            now[layer] = step(p, x, now[layer])
            if gap.any():
                now[layer] = {name: np.where(gap, begin[layer][name], array) for name, array in now[layer].items()}
            for name, nudge in (nudges or {}).items():
                now[layer][name] = now[layer][name] + nudge[t, layer]
            up = now[layer][states_of(cell)[0]]
            handed_up[layer].append(up)
            x = up if masks is None else up * masks[layer][t]
        seen.append(x)
    return np.stack(seen), now, [np.stack(h) for h in handed_up]


def forward(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    state: Sequence[Mapping[str, Array]] | None,
    masks: Sequence[Array] | None = None,
    **options: Any,
) -> tuple[Array, State, list[Array]]:
    """Run the network over a window, from a state or, without one, from `initial_state`.

    `ids_or_x` is [T, B] of integers or [T, B, N] dense. An id of −1 is the gap between two documents: it predicts
    nothing, so that its logits are NaN, and after it the row's state is the initial one. A mask [T, B, H] a layer,
    already divided by the share kept, multiplies what goes up from it and never what recurs (Zaremba et al. 2014).
    The options are those of `step_of`. Returns the logits [T, B, V], the state after the last step, and what each
    layer hands up [T, B, H] as it recurs, so before its mask.
    """
    seen, now, handed_up = read(cell, parameters, ids_or_x, state, masks, **options)
    logits = seen @ parameters["output.V"] + parameters["output.c"]
    if are_ids(ids_or_x):
        logits[ids_or_x == -1] = np.nan
    return logits, now, handed_up


def cross_entropy(logits: Array, targets: Array) -> Any:
    """Mean over the counted targets of −log softmax(logits)[target], in nats; −1 marks one not counted."""
    log_y = log_softmax(logits)
    counted = [(int(target), index) for index, target in np.ndenumerate(targets) if target != -1]
    if not counted:
        raise ValueError("no target is counted, so there is no mean")
    return -sum(log_y[index][target] for target, index in counted) / len(counted)


def sampled_cross_entropy(logits: Array, targets: Array, drawn: Array, chances: Array) -> Any:
    """Mean over the counted targets of log Z − o_target, with an estimate of Z from a sample of the symbols.

    Z = Σ_j exp(o_j) is estimated by exp(o_target) + Σ exp(o_j)/π_j over the symbols j that are `drawn` [V] and not the
    target (Horvitz & Thompson 1952); symbol j is drawn with the chance π_j [V].
    """
    losses = []
    for index, target in np.ndenumerate(targets):
        if target != -1:
            others = [j for j in np.flatnonzero(drawn) if j != target]
            o = logits[index]
            shift = o.real.max()
            Z = np.exp(o[target] - shift) + sum(np.exp(o[j] - shift) / chances[j] for j in others)
            losses.append(np.log(Z) - (o[target] - shift))
    return sum(losses) / len(losses)


def inclusion_chances(counts: Array, size: int) -> Array:
    """Return chances [V] in proportion to counts, but at most 1, of sum `size`: what is over goes to the rest."""
    certain = np.zeros(len(counts), bool)
    while True:
        share = (size - certain.sum()) / counts[~certain].sum() if not certain.all() else 0.0
        more = ~certain & (counts * share >= 1.0)
        if not more.any():
            return np.where(certain, 1.0, counts * share)
        certain |= more


def loss(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]] | None,
    masks: Sequence[Array] | None = None,
    **options: Any,
) -> Any:
    """Return the cross-entropy of a window; a float, or a complex number if any of the arrays is complex."""
    return cross_entropy(forward(cell, parameters, ids_or_x, state, masks, **options)[0], targets)


# ---- Both directions -------------------------------------------------------------------------------------


def fill_logits(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    seen_from_the_right: Array,
    masks: tuple[Sequence[Array], Sequence[Array]] | None = None,
    **options: Any,
) -> Array:
    """Predict every position from both its sides (Schuster & Paliwal 1997): logits [T, B, V].

    Two stacks begin from their initial states. That of the left sees `ids` up to the position, that of the right,
    `reverse.layer0.` …, sees `seen_from_the_right` from the end back to the position; both are [T, B] in the order of
    the text, the second with the symbol V where nothing is known. A mask [T, B, H] a layer, first the left stack's,
    then the right one's, multiplies at t what goes up on the way to the logits of position t.
    """
    nothing = np.full_like(ids[:1], -1)  # before the first character of either side there is the initial state
    before = np.concatenate([nothing, ids[:-1]])
    beyond = np.concatenate([nothing, seen_from_the_right[:0:-1]])  # the last character first
    left, right = masks or (None, None)
    right = right and [mask[::-1] for mask in right]
    from_left, _, _ = read(cell, parameters, before, None, left, **options)
    from_right, _, _ = read(cell, parameters, beyond, None, right, stack="reverse.", **options)
    logits: Array = from_left @ parameters["output.V"] + from_right[::-1] @ parameters["output.V_reverse"]
    return logits + parameters["output.c"]


def fill_loss(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    seen_from_the_right: Array,
    targets: Array,
    masks: tuple[Sequence[Array], Sequence[Array]] | None = None,
    **options: Any,
) -> Any:
    """Return the cross-entropy of what `fill_logits` predicts; targets [T, B], −1 for a position not counted."""
    return cross_entropy(fill_logits(cell, parameters, ids, seen_from_the_right, masks, **options), targets)


# ---- Whole examples --------------------------------------------------------------------------------------


def example_outputs(
    cell: str,
    parameters: Mapping[str, Array],
    x: Array,
    masks: Sequence[Array] | None = None,
    *,
    pooling: str = "each",
    joined: bool = False,
    **options: Any,
) -> Array:
    """Return what a network predicts of one example, ids [T] or numbers [T, N]: outputs [T, K], or [K] if pooled.

    With `reverse.` layers it is bidirectional (Schuster & Paliwal 1997): y_t = →h_t V + ←h_t V_reverse + c. Layers of
    both directions read [→h_t; ←h_t] of the level below if they are `joined`, else their own direction's. The last
    states are →h_T and ←h_1. Masks [T, H], those of all layers of one direction, then of the other, are in the order in
    which a layer reads.
    """
    outputs, _ = read_example(cell, parameters, x, masks, joined=joined, **options)
    matrices = {"": parameters["output.V"], "reverse.": parameters.get("output.V_reverse", np.zeros(0))}
    seen = {
        "each": lambda h, stack: h,
        "last": lambda h, stack: h[0 if stack else -1],
        "mean": lambda h, stack: h.sum(axis=0) / len(h),
    }[pooling]
    predicted: Array = sum(seen(outputs[stack], stack) @ matrices[stack] for stack in outputs) + parameters["output.c"]
    return predicted


def read_example(
    cell: str,
    parameters: Mapping[str, Array],
    x: Array,
    masks: Sequence[Array] | None = None,
    *,
    joined: bool = False,
    begin: State | None = None,
    **options: Any,
) -> tuple[dict[str, Array], dict[str, State]]:
    """Return the top layer's outputs [T, H] for one example, in the text's order, and the last states of all layers.

    Both are by direction, "" and "reverse."; the layers of the first one can begin with given states.
    """
    stacks = [stack for stack in ("", "reverse.") if layers_of(parameters, stack)]
    layers = {stack: layers_of(parameters, stack) for stack in stacks}
    depth = len(layers[""])
    first = {stack: initial_state(cell, parameters, 1, stack) for stack in stacks}
    if begin is not None:
        first[""] = begin
    last: dict[str, State] = {stack: [] for stack in stacks}
    read: dict[str, Array] = dict.fromkeys(stacks, x)  # what each direction's next layer reads, in the text's order
    if "embedding.E" in parameters:
        read = dict.fromkeys(stacks, parameters["embedding.E"][x])
    step = step_of(cell, **options)
    outputs: dict[str, Array] = {}
    for level in range(depth):
        outputs = {}
        for place, stack in enumerate(stacks):
            order = list(range(len(x))) if stack == "" else list(range(len(x)))[::-1]
            now, found = dict(first[stack][level]), {}
            for k, t in enumerate(order):
                now = step(layers[stack][level], read[stack][t : t + 1], now)
                up = now[states_of(cell)[0]][0]
                found[t] = up if masks is None else up * masks[place * depth + level][k]
            last[stack].append(now)
            outputs[stack] = np.array([found[t] for t in range(len(x))]).reshape(
                len(x), now[states_of(cell)[0]].shape[1]
            )
        both = np.concatenate([outputs[stack] for stack in stacks], axis=1)
        read = {stack: both if joined else outputs[stack] for stack in stacks}
    return outputs, last


def pair_outputs(
    cell: str,
    parameters: Mapping[str, Array],
    source: Array,
    written: Array,
    source_masks: Sequence[Array] | None = None,
    masks: Sequence[Array] | None = None,
    *,
    joined: bool = False,
    **options: Any,
) -> Array:
    """Return what a decoder predicts after each of the symbols that were written, ids [T], for a source, ids [S].

    It begins with the last states of the encoder (Sutskever et al. 2014); of both directions, side by side. A clock
    starts anew. With `attention.W_…`, it attends to the encoder's outputs (Luong et al. 2015, dot product): the output
    layer reads tanh([κ; h] W), where κ = Σ α_s m_s and α = softmax(h · m_s).
    """
    reader = {name.removeprefix("encoder."): a for name, a in parameters.items() if name.startswith("encoder.")}
    writer = {name: a for name, a in parameters.items() if not name.startswith("encoder.")}
    outputs, last = read_example(cell, reader, source, source_masks, joined=joined, **options)
    begin = initial_state(cell, writer, 1)
    for level, state in enumerate(begin):
        for name in state:
            if name != "clock":
                state[name] = np.concatenate([last[stack][level][name] for stack in last], axis=1)
    seen = read_example(cell, writer, written, masks, begin=begin, **options)[0][""]
    if "attention.W_state" in parameters:
        memory = np.concatenate([outputs[stack] for stack in outputs], axis=1)
        looked = []
        for h in seen:
            context = np.exp(log_softmax(memory @ h)) @ memory if len(memory) else 0 * h
            both = np.concatenate([context, h])
            W = np.concatenate([parameters["attention.W_context"], parameters["attention.W_state"]])
            looked.append(np.tanh(both @ W))
        seen = np.stack(looked)
    predicted: Array = seen @ parameters["output.V"] + parameters["output.c"]
    return predicted


def conditioned_outputs(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    v: Array,
    masks: Sequence[Array] | None = None,
    *,
    first: bool = False,
    **options: Any,
) -> Array:
    """Return what a network predicts of a text, ids [T], under a condition v [K]: a_t = x_t U + h W + v W_v + b.

    That holds at every step of the first layer, or with `first` in a step before the text, in which x_0 is zero.
    """
    plain = {name: a for name, a in parameters.items() if not name.startswith("given.")}
    given = dict(plain)
    for name, W in parameters.items():
        if name.startswith("given.W"):
            bias = name.replace("given.W", "layer0.b")
            given[bias] = plain[bias] + v @ W
    if not first:
        return example_outputs(cell, given, ids, masks, **options)
    inputs = next(len(array) for name, array in plain.items() if name.startswith("layer0.U"))
    step, begin = step_of(cell, **options), initial_state(cell, plain, 1)
    x = np.zeros((1, inputs))
    for level, p in enumerate(layers_of(given)):
        begin[level] = step(p, x, begin[level])
        x = begin[level][states_of(cell)[0]]
        if masks is not None:
            x = x * masks[level][0]
    seen = read_example(cell, plain, ids, None if masks is None else [m[1:] for m in masks], begin=begin, **options)[0]
    predicted: Array = seen[""] @ plain["output.V"] + plain["output.c"]
    return predicted


def example_loss(outputs: Array, target: Array, head: str) -> Any:
    """Return the loss of outputs [K] or [T, K]: of classes (−1: none), or of numbers, summed over steps."""
    o = np.atleast_2d(outputs)
    if head == "softmax":
        log_y = log_softmax(o)
        return -sum(log_y[t, int(y)] for t, y in enumerate(np.atleast_1d(target)) if y != -1)
    y = np.atleast_2d(target)
    if head == "linear":
        return 0.5 * ((o - y) ** 2).sum()
    p = logistic(o)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum()


# ---- Derivatives -----------------------------------------------------------------------------------------


def complex_step_gradients(f: Callable[[Arrays], Any], arrays: Mapping[str, Array]) -> Arrays:
    """Return ∂f/∂(every entry of every array), by Im f(x + ih) / h (Squire & Trapp 1998).

    Where f is an array, its axes stand before the entry's.
    """
    gradients: Arrays = {}
    for name, array in arrays.items():
        entries = []
        for index in np.ndindex(array.shape):
            moved = array.astype(np.complex128)
            moved[index] += 1j * COMPLEX_STEP
            entries.append(np.imag(f({**arrays, name: moved})) / COMPLEX_STEP)
        stacked = np.stack(entries, axis=-1)
        gradients[name] = stacked.reshape(stacked.shape[:-1] + array.shape)
    return gradients


def loss_gradients(
    cell: str,
    parameters: Mapping[str, Array],
    ids_or_x: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]] | None,
    masks: Sequence[Array] | None = None,
    **options: Any,
) -> Arrays:
    """Return the derivative of `loss` by everything it depends on.

    The keys are those of `parameters`, then `layer{l}.h` (and `layer{l}.c` …) for the state it starts from, if one is
    given, and `x` for the input where that is dense. A clock has no derivative.
    """
    arrays = dict(parameters)
    for layer, named in enumerate(state or []):
        arrays |= {f"layer{layer}.{name}": array for name, array in named.items() if name != "clock"}
    dense = not are_ids(ids_or_x)
    if dense:
        arrays["x"] = ids_or_x

    def f(moved: Arrays) -> Any:
        start = state and [
            {name: moved.get(f"layer{layer}.{name}", array) for name, array in named.items()}
            for layer, named in enumerate(state)
        ]
        return loss(cell, moved, moved["x"] if dense else ids_or_x, targets, start, masks, **options)

    return complex_step_gradients(f, arrays)


def fill_gradients(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    seen_from_the_right: Array,
    targets: Array,
    masks: tuple[Sequence[Array], Sequence[Array]] | None = None,
    **options: Any,
) -> Arrays:
    """Return the derivative of `fill_loss` by every parameter."""

    def f(moved: Arrays) -> Any:
        return fill_loss(cell, moved, ids, seen_from_the_right, targets, masks, **options)

    return complex_step_gradients(f, parameters)


def state_gradient_norms(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]] | None,
    **options: Any,
) -> Arrays:
    """Return ‖∂L_t/∂h_{t−k}‖, t being the last step of the window, as `h` [k, layer, b], k from 0 to T − 1.

    L_t is what each row loses at t, so only the last row of the targets [T, B] counts. Likewise for every other
    state. The states after a step are held apart: h moves alone, heard by the step after and by the layer above; so
    does c, and the h that was made of it stays.
    """
    begin = initial_state(cell, parameters, ids.shape[1])
    shape = len(ids), len(begin)
    nudges = {name: np.zeros((*shape, *array.shape)) for name, array in begin[0].items() if name != "clock"}

    def f(moved: Arrays) -> Any:
        seen, _, _ = read(cell, parameters, ids, state, nudges=moved, **options)
        log_y = log_softmax(seen[-1] @ parameters["output.V"] + parameters["output.c"])
        return -sum(log_y[b, target] for b, target in enumerate(targets[-1]))

    return {name: np.linalg.norm(g[::-1], axis=-1) for name, g in complex_step_gradients(f, nudges).items()}


def joined(cell: str, state: Sequence[Mapping[str, Array]]) -> Array:
    """Join all that is carried, of all layers, but the clock, to [B, S]."""
    return np.concatenate([arrays[name] for arrays in state for name in states_of(cell) if name != "clock"], axis=1)


def rtrl(
    cell: str,
    parameters: Mapping[str, Array],
    ids: Array,
    targets: Array,
    state: Sequence[Mapping[str, Array]],
    influence: Mapping[str, Array] | None = None,
    **options: Any,
) -> tuple[Arrays, State, Arrays]:
    """Return the gradient of `loss` by every parameter, with nothing cut off at the window's start.

    Real-time recurrent learning (Williams & Zipser 1989): the influence P_t = ∂s_t/∂θ of every parameter on the whole
    state s is carried forward, P_t = ∂s_t/∂θ with s_{t−1} held + (∂s_t/∂s_{t−1}) P_{t−1}. It is [B, S, …]: S runs over
    the states of the first layer (h, then c), then of the next, and … are the parameter's own axes. Without one it is
    zero. Returns the gradient, and the state and the influence after the window.
    """
    weights = {name: array for name, array in parameters.items() if not name.startswith("output.")}
    V, c = parameters["output.V"], parameters["output.c"]
    now: State = [dict(arrays) for arrays in state]
    B, S = joined(cell, now).shape
    P = dict(influence or {name: np.zeros((B, S, *array.shape)) for name, array in weights.items()})
    gradient = {name: np.zeros(array.shape) for name, array in parameters.items()}
    counted = max(1, int((targets != -1).sum()))
    for t in range(len(ids)):
        before = now

        def step(moved: Arrays, t: int = t, before: State = before) -> Array:
            """s_t of moved parameters, and of s_{t−1} moved equally in all rows."""
            start, place = [dict(arrays) for arrays in before], 0
            for arrays in start:
                for name in states_of(cell):
                    if name != "clock":
                        width = arrays[name].shape[1]
                        arrays[name] = arrays[name] + moved["s"][place : place + width]
                        place += width
            return joined(cell, read(cell, moved, ids[t : t + 1], start, **options)[1])

        held = complex_step_gradients(step, {**weights, "s": np.zeros(S)})
        J = held.pop("s")
        P = {name: held[name] + np.einsum("bsk,bk...->bs...", J, P[name]) for name in weights}

        (h,), now, _ = read(cell, parameters, ids[t : t + 1], before, **options)
        d_logits = np.exp(log_softmax(h @ V + c)) - np.eye(len(c))[targets[t]]
        d_logits[targets[t] == -1] = 0.0
        d_logits /= counted
        gradient["output.V"] += h.T @ d_logits
        gradient["output.c"] += d_logits.sum(axis=0)
        d_state = [{name: np.zeros(array.shape) for name, array in arrays.items()} for arrays in now]
        d_state[-1][states_of(cell)[0]] = d_logits @ V.T
        for name in weights:
            gradient[name] += np.einsum("bs,bs...->...", joined(cell, d_state), P[name])
    return gradient, now, P


# ---- First values ----------------------------------------------------------------------------------------


def orthogonal(rng: np.random.Generator, rows: int, columns: int, rounds: int = 12) -> Array:
    """Return the first columns of a random orthogonal matrix: a product of shuffles and of Householder's reflections.

    After each shuffle, row k of each quarter of the rows is in group k, and what is left over in none. A group is
    reflected at v = (1, 1, 1, w). Fewer than four rows are one group.
    """
    result = np.eye(rows)[:, :columns]
    size = min(4, rows)
    groups = rows // size
    for _ in range(rounds):
        w = rng.random(groups, np.float32).astype(np.float64) - 0.5
        w = np.where(w < 0, w - 0.75, w + 0.75)
        result = np.eye(rows)[rng.permutation(rows)] @ result
        for k in range(groups):
            v = np.zeros(rows)
            v[k : size * groups : groups] = 1.0
            v[(size - 1) * groups + k] = w[k]
            result = (np.eye(rows) - 2.0 * np.outer(v, v) / (v @ v)) @ result
    return result


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


# ---- Optimizers ------------------------------------------------------------------------------------------
# Each takes a parameter vector, its gradient and the memory of the update before, and returns a new vector
# and a new memory. No setting has a default here, so that a default changed in the fast code is always seen.


def sgd(p: Array, g: Array, memory: Memory, *, lr: float, momentum: float) -> tuple[Array, Memory]:
    """Stochastic gradient descent with classical momentum (Polyak 1964)."""
    m = momentum * memory.get("m", np.zeros_like(p)) + g
    return p - lr * m, {"m": m}


def nesterov(p: Array, g: Array, memory: Memory, *, lr: float, momentum: float) -> tuple[Array, Memory]:
    """Nesterov's accelerated gradient (Sutskever et al. 2013, equations 3 and 4).

    There, the gradient is that at θ + μ v, which takes the place of θ here: both are computed from it.
    """
    v = memory.get("v", np.zeros_like(p))
    theta = p - momentum * v
    v_new = momentum * v - lr * g
    return theta + v_new + momentum * v_new, {"v": v_new}


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


OPTIMIZERS: dict[str, Callable[..., tuple[Array, Memory]]] = {
    "sgd": sgd,
    "nesterov": nesterov,
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
# counts as the likelier. As in the optimizers, no setting has a default.


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
