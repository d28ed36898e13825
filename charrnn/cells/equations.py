"""The equations of each family of cells, forward and backward, as plain data, and which code computes each.

A formula is written so that a program can read it, too: two names side by side are a product of matrices, ⊙ multiplies
unit by unit, ² is a square, ᵀ transposes, [h > 0] is 1 where that is so and else 0, and Σ sums over the steps and
streams. δ_k is ∂L/∂a_k, where a_k is what enters the activation of k. `$a_k` stands for a_k, the sum of the terms that
enter k, and `$to(s)` for the gradient that flows back through these terms to s: both follow from `TERMS`.

A family of `../kernels/` needs its entries here, and so does each of its flags. `explained` puts together the equations
of a cell.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Equation:
    """A formula, and the code that computes it: a function of a module of `../kernels/`, and words of one of its lines.

    The words are looked for in the function from its beginning; those after a … in the lines below the first. Without
    words, it is the line with the function's name. A cell has the formula if it has all flags of `needs` and none of
    `without`.
    """

    formula: str
    code: str  # module.function
    words: str = ""
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """A term of the sum that enters `into`: a source times a parameter; a cell has it if it has the parameter.

    Without a source, it is a bias.
    """

    source: str
    parameter: str
    into: str
    needs: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def forward(self, mask: str) -> str:
        """Return the term as it enters the sum."""
        if not self.source:
            return self.parameter
        return f"p_{self.into} ⊙ {self.source}" if self.is_vector else f"{self.source} {self._matrix(mask)}"

    def backward(self, mask: str) -> str:
        """Return what flows back to the source."""
        own = delta(self.into)
        return f"{own} ⊙ {self.parameter}" if self.is_vector else f"{own} {self._matrix(mask)}ᵀ"

    def gradient(self, mask: str) -> str:
        """Return the gradient of the parameter."""
        own = delta(self.into)
        if not self.source:
            return f"∇{self.parameter} = Σ {own}"
        if self.is_vector:
            return f"∇{self.parameter} = Σ {own} ⊙ {self.source}"
        product = f"Σ {self.source}ᵀ {own}"
        return f"∇{self.parameter} = {f'({product}) ⊙ {mask}' if mask and self.parameter == 'W' else product}"

    @property
    def is_vector(self) -> bool:
        """Whether the parameter is a vector that multiplies unit by unit."""
        return self.parameter.startswith("p_")

    def _matrix(self, mask: str) -> str:
        return f"({self.parameter} ⊙ {mask})" if mask and self.parameter == "W" else self.parameter


def delta(into: str) -> str:
    """Return the name of the gradient of a sum, δ_i, or δ_t if there is only one sum."""
    return f"δ_{into or 't'}"


_GATES = "ifog"
TERMS: dict[str, tuple[Term, ...]] = {
    "rnn": (Term("x_t", "U", ""), Term("h_{t-1}", "W", ""), Term("", "b", "")),
    "lstm": (
        *(Term("x_t", f"U_{k}", k) for k in _GATES),
        *(Term("h_{t-1}", f"W_{k}", k, without=("projection",)) for k in _GATES),
        *(Term("r_{t-1}", f"W_{k}", k, needs=("projection",)) for k in _GATES),
        *(Term(f"{source}_{{t-1}}", f"R_{source}{k}", k) for source in "ifo" for k in "ifo"),
        *(Term("c_t" if k == "o" else "c_{t-1}", f"C_{k}", k) for k in "ifo"),
        *(Term("c_t" if k == "o" else "c_{t-1}", f"p_{k}", k) for k in "ifo"),
        *(Term("", f"b_{k}", k) for k in _GATES),
    ),
    "gru": (
        *(Term("x_t", f"U_{k}", k) for k in "rzn"),
        *(Term("h_{t-1}", f"W_{k}", k) for k in "rz"),
        Term("h_{t-1}", "W_n", "m", without=("reset before",)),
        Term("s_t", "W_n", "n", needs=("reset before",)),
        *(Term("", f"b_{k}", k) for k in "rzn"),
        Term("", "b_hn", "m"),
    ),
    "minimal": (*(Term("x_t", f"U_{k}", k) for k in "nzifg"), *(Term("", f"b_{k}", k) for k in "nzifg")),
}

_NO_OUTPUT_GATE, _LINEAR_OUTPUT = ("nog",), ("noaf",)
_NO_INPUT_GATE = ("nig", "cifg")
_COUPLED, _RECURRENT, _PROJECTED, _CLOCKED = ("cifg",), ("fgr",), ("projection",), ("clockwork",)
_RESET = ("reset before",)
_LSTM = ("minimal lstm",)
_NOT_TANH = ("relu", "sigmoid", "clockwork")  # of the vanilla family: h_t is not the tanh of a sum

FORWARD: dict[str, tuple[Equation, ...]] = {
    "rnn": (
        Equation("a_t = $a", "rnn.forward", "multiply_add(z["),
        Equation("n_t = relu(a_t)", "rnn.forward", "maximum(a, 0.0)", needs=(*_CLOCKED, "relu")),
        Equation("n_t = σ(a_t)", "rnn.forward", "logistic(a)", needs=(*_CLOCKED, "sigmoid")),
        Equation("n_t = tanh(a_t)", "rnn.forward", "y = tanh(a)", needs=_CLOCKED, without=("relu", "sigmoid")),
        Equation("h_t = d_t ⊙ n_t + (1 − d_t) ⊙ h_{t-1}", "rnn.forward", "chosen_at_least(0.5 - count", needs=_CLOCKED),
        Equation("h_t = relu(a_t)", "rnn.forward", "maximum(a, 0.0)", needs=("relu",), without=_CLOCKED),
        Equation("h_t = σ(a_t)", "rnn.forward", "logistic(a)", needs=("sigmoid",), without=_CLOCKED),
        Equation("h_t = tanh(a_t)", "rnn.forward", "y = tanh(a)", without=_NOT_TANH),
    ),
    "lstm": (
        Equation("f_t = σ($a_f)", "lstm.forget_gate", "compute_gate(", without=("nfg",)),
        Equation("f_t = 1", "lstm.forget_gate", "splat(1.0)", needs=("nfg",)),
        Equation("i_t = σ($a_i)", "lstm.input_gate", "compute_gate(", without=_NO_INPUT_GATE),
        Equation("i_t = 1 − f_t", "lstm.input_gate", "1.0 - f", needs=_COUPLED),
        Equation("i_t = 1", "lstm.input_gate", "splat(1.0)", needs=("nig",)),
        Equation("g_t = tanh($a_g)", "lstm.candidate", "tanh(g)", without=("niaf",)),
        Equation("g_t = $a_g", "lstm.candidate", "g = load(", needs=("niaf",)),
        Equation("c_t = f_t ⊙ c_{t-1} + i_t ⊙ g_t", "lstm.compute_cells", "fma(f, c_before, i * g)"),
        Equation("o_t = σ($a_o)", "lstm.compute_gate", "logistic(a)", without=_NO_OUTPUT_GATE),
        Equation("o_t = 1", "lstm.output", "return h", needs=_NO_OUTPUT_GATE),
        Equation("h_t = o_t ⊙ tanh(c_t)", "lstm.output", "tanh(c)", without=_LINEAR_OUTPUT),
        Equation("h_t = o_t ⊙ c_t", "lstm.output", "h = c if", needs=_LINEAR_OUTPUT),
        Equation("r_t = h_t P", "lstm.forward", "whole, weights.extra[0]", needs=_PROJECTED),
    ),
    "gru": (
        Equation("r_t = σ($a_r)", "gru.forward", "reset = logistic(load(z", needs=_RESET),
        Equation("s_t = r_t ⊙ h_{t-1}", "gru.forward", "reset * load(h", needs=_RESET),
        Equation("z_t = σ($a_z)", "gru.forward", "update = logistic("),
        Equation("n_t = tanh($a_n)", "gru.forward", "new = tanh(new)", needs=_RESET),
        Equation("r_t = σ($a_r)", "gru.forward", "else: … reset = logistic(load(z", without=_RESET),
        Equation("m_t = $a_m", "gru.forward", "weights.W, t & 1", without=_RESET),
        Equation("n_t = tanh($a_n + r_t ⊙ m_t)", "gru.forward", "tanh(fma(reset", without=_RESET),
        Equation("h_t = z_t ⊙ h_{t-1} + (1 − z_t) ⊙ n_t", "gru.forward", "fma(update, load(h"),
    ),
    "minimal": (
        Equation("i_t = σ($a_i)", "minimal.forward", "i, f = logistic(", needs=_LSTM),
        Equation("f_t = σ($a_f)", "minimal.forward", "i, f = logistic(", needs=_LSTM),
        Equation("g_t = $a_g", "minimal.forward", "new, keep = load(z", needs=_LSTM),
        Equation("k_t = f_t / (f_t + i_t)", "minimal.share_kept", "f / ", needs=_LSTM),
        Equation("h_t = k_t ⊙ h_{t-1} + (1 − k_t) ⊙ g_t", "minimal.forward", "fma(keep, before", needs=_LSTM),
        Equation("n_t = $a_n", "minimal.forward", "else: … new, keep = load(z", without=_LSTM),
        Equation("z_t = σ($a_z)", "minimal.forward", "else: … logistic(load(z", without=_LSTM),
        Equation("h_t = z_t ⊙ h_{t-1} + (1 − z_t) ⊙ n_t", "minimal.forward", "fma(keep, before", without=_LSTM),
    ),
}

_OUTPUT = "lstm.back_through_output"
_CELL = "lstm.back_through_cell"
BACKWARD: dict[str, tuple[Equation, ...]] = {
    "rnn": (
        *(
            Equation(
                f"δ_t = d_t ⊙ ∂L/∂h_t ⊙ {slope}",
                "rnn.backward",
                "chosen_at_least(0.5 - count",
                needs=(*_CLOCKED, *needs),
                without=without,
            )
            for slope, needs, without in (
                ("[n_t > 0]", ("relu",), ()),
                ("n_t ⊙ (1 − n_t)", ("sigmoid",), ()),
                ("(1 − n_t²)", (), ("relu", "sigmoid")),
            )
        ),
        Equation(
            "∂L/∂h_{t-1} += (1 − d_t) ⊙ ∂L/∂h_t", "rnn.backward", "chosen_at_least(count, 0.5, d_h)", needs=_CLOCKED
        ),
        Equation(
            "δ_t = ∂L/∂h_t ⊙ [h_t > 0]", "rnn.backward", "chosen_at_least(y, NEXT", needs=("relu",), without=_CLOCKED
        ),
        Equation(
            "δ_t = ∂L/∂h_t ⊙ h_t ⊙ (1 − h_t)",
            "rnn.backward",
            "logistic_slope(y)",
            needs=("sigmoid",),
            without=_CLOCKED,
        ),
        Equation("δ_t = ∂L/∂h_t ⊙ (1 − h_t²)", "rnn.backward", "tanh_slope(y)", without=_NOT_TANH),
        Equation("∂L/∂h_{t-1} += $to(h_{t-1})", "rnn.backward", "multiply_add(dh["),
    ),
    "lstm": (
        Equation("∂L/∂h_t = ∂L/∂r_t Pᵀ", "lstm.backward", "d_r, weights.extra[0]", needs=_PROJECTED),
        Equation(
            "δ_o = (∂L/∂h_t ⊙ $squashed + ∂L/∂o_t) ⊙ o_t ⊙ (1 − o_t)",
            _OUTPUT,
            "delta_o = ",
            needs=_RECURRENT,
            without=_NO_OUTPUT_GATE,
        ),
        Equation(
            "δ_o = ∂L/∂h_t ⊙ $squashed ⊙ o_t ⊙ (1 − o_t)",
            _OUTPUT,
            "delta_o = ",
            without=(*_RECURRENT, *_NO_OUTPUT_GATE),
        ),
        Equation("∂L/∂c_t += ∂L/∂h_t ⊙ o_t ⊙ (1 − tanh(c_t)²)", _OUTPUT, "d_c = fma(", without=_LINEAR_OUTPUT),
        Equation("∂L/∂c_t += ∂L/∂h_t ⊙ o_t", _OUTPUT, "d_c = fma(", needs=_LINEAR_OUTPUT),
        Equation("∂L/∂c_t += $to(c_t)", "lstm.back_through_peephole", "fma(delta", needs=("peepholes",)),
        Equation("∂L/∂c_t += $to(c_t)", "lstm.back_to_cells", "multiply_add(", needs=("full peepholes",)),
        Equation(
            "δ_i = (∂L/∂c_t ⊙ g_t + ∂L/∂i_t) ⊙ i_t ⊙ (1 − i_t)",
            _CELL,
            "delta_i = ",
            needs=_RECURRENT,
            without=_NO_INPUT_GATE,
        ),
        Equation("δ_i = ∂L/∂c_t ⊙ g_t ⊙ i_t ⊙ (1 − i_t)", _CELL, "delta_i = ", without=(*_RECURRENT, *_NO_INPUT_GATE)),
        Equation(
            "δ_f = (∂L/∂c_t ⊙ c_{t-1} + ∂L/∂f_t) ⊙ f_t ⊙ (1 − f_t)",
            _CELL,
            "delta_f = ",
            needs=_RECURRENT,
            without=("nfg",),
        ),
        Equation("δ_f = ∂L/∂c_t ⊙ (c_{t-1} − g_t) ⊙ f_t ⊙ (1 − f_t)", _CELL, "delta_f = ", needs=_COUPLED),
        Equation(
            "δ_f = ∂L/∂c_t ⊙ c_{t-1} ⊙ f_t ⊙ (1 − f_t)",
            _CELL,
            "delta_f = ",
            without=(*_RECURRENT, *_COUPLED, "nfg"),
        ),
        Equation("δ_g = ∂L/∂c_t ⊙ i_t ⊙ (1 − g_t²)", _CELL, "tanh_slope(g)", without=("niaf",)),
        Equation("δ_g = ∂L/∂c_t ⊙ i_t", _CELL, "delta_g = d_c * i", needs=("niaf",)),
        Equation("∂L/∂c_{t-1} = ∂L/∂c_t ⊙ f_t", _CELL, "d_before = d_c * f"),
        Equation("∂L/∂c_{t-1} += $to(c_{t-1})", "lstm.back_through_peephole", "fma(delta", needs=("peepholes",)),
        Equation("∂L/∂c_{t-1} += $to(c_{t-1})", "lstm.back_to_cells", "multiply_add(", needs=("full peepholes",)),
        Equation("∂L/∂h_{t-1} += $to(h_{t-1})", "lstm.backward", "multiply_add(dh[", without=_PROJECTED),
        Equation("∂L/∂r_{t-1} += $to(r_{t-1})", "lstm.backward", "multiply_add(dh[", needs=_PROJECTED),
        *(
            Equation(f"∂L/∂{k}_{{t-1}} = $to({k}_{{t-1}})", "lstm.backward", "multiply_add(d_gate", needs=_RECURRENT)
            for k in "ifo"
        ),
    ),
    "gru": (
        Equation("δ_n = ∂L/∂h_t ⊙ (1 − z_t) ⊙ (1 − n_t²)", "gru.backward", "d_new = d_h"),
        Equation("δ_r = δ_n ⊙ m_t ⊙ r_t ⊙ (1 − r_t)", "gru.backward", "logistic_slope(reset))", without=_RESET),
        Equation("δ_m = δ_n ⊙ r_t", "gru.backward", "d_new * reset)", without=_RESET),
        Equation("δ_z = ∂L/∂h_t ⊙ (h_{t-1} − n_t) ⊙ z_t ⊙ (1 − z_t)", "gru.backward", "logistic_slope(update)"),
        Equation("∂L/∂h_{t-1} += ∂L/∂h_t ⊙ z_t", "gru.backward", "fma(d_h, update"),
        Equation("∂L/∂s_t = $to(s_t)", "gru.backward", "multiply_add(d_others", needs=_RESET),
        Equation("δ_r = ∂L/∂s_t ⊙ h_{t-1} ⊙ r_t ⊙ (1 − r_t)", "gru.backward", "d_fed * load(h", needs=_RESET),
        Equation("∂L/∂h_{t-1} += ∂L/∂s_t ⊙ r_t", "gru.backward", "fma(d_fed, reset", needs=_RESET),
        Equation("∂L/∂h_{t-1} += $to(h_{t-1})", "gru.backward", "multiply_add(dh["),
    ),
    "minimal": (
        Equation("∂L/∂k_t = ∂L/∂h_t ⊙ (h_{t-1} − g_t)", "minimal.backward", "d_keep = ", needs=_LSTM),
        Equation("δ_i = −∂L/∂k_t ⊙ k_t ⊙ (1 − k_t) ⊙ (1 − i_t)", "minimal.backward", "(1.0 - i)", needs=_LSTM),
        Equation("δ_f = ∂L/∂k_t ⊙ k_t ⊙ (1 − k_t) ⊙ (1 − f_t)", "minimal.backward", "(1.0 - f)", needs=_LSTM),
        Equation("δ_g = ∂L/∂h_t ⊙ (1 − k_t)", "minimal.backward", "(1.0 - keep)", needs=_LSTM),
        Equation("∂L/∂h_{t-1} += ∂L/∂h_t ⊙ k_t", "minimal.backward", "fma(d_h, keep", needs=_LSTM),
        Equation("δ_n = ∂L/∂h_t ⊙ (1 − z_t)", "minimal.backward", "else: … (1.0 - keep)", without=_LSTM),
        Equation(
            "δ_z = ∂L/∂h_t ⊙ (h_{t-1} − n_t) ⊙ z_t ⊙ (1 − z_t)",
            "minimal.backward",
            "else: … logistic_slope(keep)",
            without=_LSTM,
        ),
        Equation("∂L/∂h_{t-1} += ∂L/∂h_t ⊙ z_t", "minimal.backward", "fma(d_h, keep", without=_LSTM),
    ),
}

# After the backward pass of a layer: the gradients of parameters that no term has, and the code for those of terms.
GRADIENTS: dict[str, tuple[Equation, ...]] = {
    "lstm": (Equation("∇P = Σ h_tᵀ ∂L/∂r_t", "lstm.extra_gradients", "d_r, 0, rows", needs=_PROJECTED),),
}
_RECURRENT_CODE = "backward_pass.add_recurrent_gradients"
GRADIENT_CODE: dict[str, tuple[str, str]] = {  # by what a parameter's name starts with, and by its whole name
    "U": ("weight_gradients.add_picked_rows", "store(dU"),
    "W": (_RECURRENT_CODE, "add_product(dW"),
    "b": (_RECURRENT_CODE, "add_row_sums(gradient.b"),
    "p": ("lstm.extra_gradients", "add_row_sums_of_products(d_peepholes"),
    "C": ("lstm.extra_gradients", "add_product(d_extra[k], states[1"),
    "R": ("lstm.extra_gradients", "add_product(d_extra[k], states[2"),
    "rnn clockwork W": ("rnn.extra_gradients", "dW[k, j] = 0.0"),
    "gru reset before W_n": ("gru.extra_gradients", "add_product("),
}

# Around the layers; y_t is the character that follows x_t, as a one-hot row, and $h what a layer outputs.
INPUT_GRADIENT = Equation("∂L/∂x_t = $to(x_t)", "inputs.feed_back", "multiply_add(")
OUTPUT: tuple[Equation, ...] = (
    Equation("ŷ_t = softmax($h V + c)", "softmax.add", "multiply_add("),
    Equation("L = −Σ y_t ⊙ ln(ŷ_t)", "softmax.softmax_cross_entropy", "losses[t, b] = log(mass)"),
    Equation("e_t = ŷ_t − y_t", "softmax.softmax_cross_entropy", "logits[t, b, target] -= scale"),
    Equation("∂L/∂$h = e_t Vᵀ", "softmax.backward", "multiply_add("),
    Equation("∇V = Σ $hᵀ e_t", "weight_gradients.add_output_product"),
    Equation("∇c = Σ e_t", "backward_pass.add_gradients", "add_row_sums(gradient.c"),
)

# Remarks on the formulas of a family, or of a flag of it.
NOTES: dict[tuple[str, str], str] = {
    ("rnn", "clockwork"): "d_t [H] is 1 for the units whose period divides t, and 0 for the others; t counts on from "
    "window to window. M [H, H] is 1 where the unit of the row has the same or a longer period than the unit of the "
    "column, and 0 elsewhere: no unit reads a faster one.",
    ("rnn", "relu"): "[…] is 1 where that holds, and 0 elsewhere.",
    ("lstm", "projection"): "r_t [R] is what the gates of the next step and the layer above read.",
}
