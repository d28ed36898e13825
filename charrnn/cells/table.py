"""The table of cells, and the limits of their sizes and options."""

from dataclasses import dataclass

from charrnn.errors import CharrnnError

MAXIMUM_HIDDEN = 16_384
MAXIMUM_LAYERS = 64
MAXIMUM_EMBEDDING = 4096
MAXIMUM_PERIOD = 1 << 20  # steps of a clockwork network, which a float counts
ACTIVATIONS = ("tanh", "relu", "sigmoid")
PERIODS = (1, 2, 4, 8)
FIRST_STATES = ("zero", "learned", "random")  # from which a text is read
RECURRENT_STARTS = ("orthogonal", "identity", "random")  # how W starts


@dataclass(frozen=True)
class Cell:
    """One cell: a row that says what its family's kernels compute, and with which parameters.

    A step fills a row of gates, each H wide: the biases (`gates`), plus x_t U, which feeds the first gates
    (`input_gates` names U's column blocks), plus h_{t-1} W, which feeds the last gates (`recurrent_gates` names W's).
    """

    name: str
    family: str  # the module in kernels/ with its scans over time
    gates: tuple[str, ...]
    input_gates: tuple[str, ...]
    recurrent_gates: tuple[str, ...]  # none if there is no W
    states: tuple[str, ...]  # what is carried from step to step; the first is the output
    formula: str
    source: str
    flags: tuple[str, ...] = ()  # how it differs from the family's plain cell, by the names in the family's module
    options: tuple[str, ...] = ()  # fields of Architecture that this cell has
    bias_start: tuple[tuple[str, float], ...] = ()  # biases that do not start at zero
    recurrent_start: str = RECURRENT_STARTS[0]
    kept: tuple[str, ...] = ()  # kept of a step for the backward pass, H wide, besides gates and states
    # Matrices in the recurrence besides U and W: for each, the names of its column blocks.
    extra: tuple[tuple[str, ...], ...] = ()
    peepholes: tuple[str, ...] = ()  # gates that see c through a vector p

    @property
    def learnable_states(self) -> tuple[str, ...]:
        """The states whose initial values can be learned, or random: all except a count of steps."""
        return tuple(state for state in self.states if state != "clock")

    @property
    def forgets(self) -> bool:
        """Whether its state depends little on what it read long ago, so that a text can be read in parts.

        It does not without a forget gate, nor if gates feed themselves: they can latch.
        """
        return not {"nfg", "fgr"} & set(self.flags)


def rnn_row(name: str, formula: str, source: str, *flags: str, **more: object) -> Cell:
    """Make a row of the vanilla network's family."""
    states = ("h", "clock") if "clockwork" in flags else ("h",)
    one = ("",)
    return Cell(name, "rnn", one, one, one, states, formula, source, flags, **more)  # type: ignore[arg-type]


def lstm_row(name: str, formula: str, source: str, *flags: str) -> Cell:
    """Make a row of the LSTM's family from its flags.

    These are the abbreviations of Greff et al. 2015: nig, nfg, nog: no input, forget or output gate (it is 1); niaf,
    noaf: no activation of the input, of the output; cifg: i = 1 − f; fgr: the gates see the gates of the previous step;
    and in addition peepholes (through vectors), full peepholes (through matrices) and projection. Raises ValueError for
    flags that contradict each other.
    """
    if "cifg" in flags and ("nfg" in flags or "nig" in flags):
        raise ValueError("coupled gates need both an input and a forget gate")
    if len({"fgr", "projection", "full peepholes"} & set(flags)) > 1:
        raise ValueError("a cell can have only one kind of extra matrices")
    if "peepholes" in flags and "full peepholes" in flags:
        raise ValueError("peepholes are vectors or matrices")
    absent = {flag[1] for flag in flags if flag in ("nig", "nfg", "nog")} | ({"i"} if "cifg" in flags else set())
    own = tuple(gate for gate in "ifo" if gate not in absent)
    gates = (*own, "g")
    recurrent = "fgr" in flags
    projected = "projection" in flags
    extra: tuple[tuple[str, ...], ...] = (("P",),) if projected else ()
    if recurrent:
        extra = tuple(tuple(f"R_{source}{target}" for target in own) for source in own)
    elif "full peepholes" in flags:
        extra = tuple((f"C_{gate}",) for gate in own)
    return Cell(
        name=name,
        family="lstm",
        gates=gates,
        input_gates=gates,
        recurrent_gates=gates,
        states=("r" if projected else "h", "c", *(own if recurrent else ())),
        formula=formula,
        source=source,
        flags=flags,
        options=("projection",) if projected else (),
        bias_start=(("f", 1.0),) if "f" in own else (),  # so that it remembers until it learns to forget
        kept=("h",) if projected else (),
        extra=extra,
        peepholes=own if "peepholes" in flags else (),
    )


_ODYSSEY = "Greff et al. 2015, with peepholes"
_PEEPHOLES = "like lstm-peephole"

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        rnn_row(
            "rnn",
            "h_t = f(x_t U + h_{t-1} W + b), f = tanh, relu or sigmoid",
            "Elman 1990",
            options=("activation",),
        ),
        rnn_row(
            "irnn",
            "h_t = relu(x_t U + h_{t-1} W + b), initially W = I, b = 0",
            "Le, Jaitly & Hinton 2015",
            "relu",
            recurrent_start="identity",
        ),
        rnn_row(
            "clockwork",
            "h_t = f(x_t U + h_{t-1} W + b) for each group of units every T_i steps, else h_t = h_{t-1}",
            "Koutník et al. 2014",
            "clockwork",
            options=("periods", "activation"),
        ),
        lstm_row(
            "lstm",
            "c_t = f ⊙ c_{t-1} + i ⊙ g ; h_t = o ⊙ tanh(c_t)",
            "Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000",
        ),
        lstm_row(
            "lstm-peephole",
            "like lstm; i and f also see p ⊙ c_{t-1}, and o sees p ⊙ c_t",
            "Gers & Schmidhuber 2000",
            "peepholes",
        ),
        lstm_row(
            "lstm-peephole-full",
            "like lstm; i and f also see c_{t-1} C, the cells of all units, and o sees c_t C",
            "Gers & Schmidhuber 2000, with matrices; also written σ(W [c, h, x] + b)",
            "full peepholes",
        ),
        lstm_row(
            "lstm-coupled", "c_t = f ⊙ c_{t-1} + (1 − f) ⊙ g ; h_t = o ⊙ tanh(c_t)", "CIFG: Greff et al. 2015", "cifg"
        ),
        lstm_row(
            "lstm-coupled-peephole",
            "like lstm-coupled; f also sees p ⊙ c_{t-1}, and o sees p ⊙ c_t",
            "CIFG with peepholes: Greff et al. 2015, who write f = 1 − i: the same with f's weights negated",
            "cifg",
            "peepholes",
        ),
        lstm_row("lstm-nig", f"{_PEEPHOLES}, without input gate: i = 1", _ODYSSEY, "nig", "peepholes"),
        lstm_row("lstm-nfg", f"{_PEEPHOLES}, without forget gate: f = 1", _ODYSSEY, "nfg", "peepholes"),
        lstm_row("lstm-nog", f"{_PEEPHOLES}, without output gate: o = 1", _ODYSSEY, "nog", "peepholes"),
        lstm_row("lstm-niaf", f"{_PEEPHOLES}, without input activation: g is linear", _ODYSSEY, "niaf", "peepholes"),
        lstm_row("lstm-noaf", f"{_PEEPHOLES}, without output activation: h_t = o ⊙ c_t", _ODYSSEY, "noaf", "peepholes"),
        lstm_row(
            "lstm-fgr", f"{_PEEPHOLES}; i, f, o also see all gates of the previous step", _ODYSSEY, "fgr", "peepholes"
        ),
        lstm_row(
            "lstm-projection",
            "like lstm; r_t = h_t P, in place of h_t, feeds the gates and the next layer",
            "LSTMP: Sak, Senior & Beaufays 2014, without peepholes",
            "projection",
        ),
        Cell(
            name="gru",
            family="gru",
            gates=("n", "r", "z", "hn"),  # hn: h_{t-1} W_n + b_hn, which r multiplies
            input_gates=("n", "r", "z"),
            recurrent_gates=("r", "z", "n"),
            states=("h",),
            formula="n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)) ; h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n",
            source="Cho et al. 2014; reset after the product: cuDNN, PyTorch; also written with z and 1 − z exchanged",
        ),
        Cell(
            name="gru-reset-before",
            family="gru",
            gates=("n", "r", "z"),
            input_gates=("n", "r", "z"),
            recurrent_gates=("r", "z"),
            states=("h",),
            formula="n = tanh(x_t U_n + (r ⊙ h_{t-1}) W_n + b_n) ; h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n",
            source="Cho et al. 2014; also written with z and 1 − z exchanged",
            flags=("reset before",),
            kept=("rh",),
            extra=(("W_n",),),
        ),
        Cell(
            name="mingru",
            family="minimal",
            gates=("n", "z"),
            input_gates=("n", "z"),
            recurrent_gates=(),
            states=("h",),
            formula="n = x_t U_n + b_n ; h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n",
            source="minGRU: Feng et al. 2024, who write it with z and 1 − z exchanged",
        ),
        Cell(
            name="minlstm",
            family="minimal",
            gates=("i", "f", "g"),
            input_gates=("i", "f", "g"),
            recurrent_gates=(),
            states=("h",),
            formula="h_t = (f ⊙ h_{t-1} + i ⊙ g) / (f + i)",
            source="minLSTM: Feng et al. 2024",
            flags=("minimal lstm",),
            bias_start=(("f", 1.0),),
        ),
    )
}


def cell_named(name: str) -> Cell:
    """Return a cell's row; raise CharrnnError if there is none."""
    try:
        return CELLS[name]
    except KeyError:
        raise CharrnnError(f"unknown cell {name!r:.60}; choose from {', '.join(CELLS)}") from None
