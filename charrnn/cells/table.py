"""The table of cells."""

from dataclasses import dataclass

from charrnn.errors import CharrnnError


@dataclass(frozen=True)
class Cell:
    """One cell: a row that says what its family's kernel is to compute.

    A step fills a row of gates, each H wide: the biases (`gates`), plus x_t U, which feeds the first gates
    (`input_gates` names U's column blocks), plus h_{t-1} W, which feeds the last ones (`recurrent_gates` names W's).
    """

    name: str
    family: str  # the module of kernels/ that scans over time
    gates: tuple[str, ...]
    input_gates: tuple[str, ...]
    recurrent_gates: tuple[str, ...]
    states: tuple[str, ...]  # what is carried from step to step; the first is the output
    formula: str
    source: str
    bias_start: tuple[tuple[str, float], ...] = ()  # biases that do not start at zero


_LSTM_GATES = ("i", "f", "o", "g")

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell(
            name="rnn",
            family="rnn",
            gates=("",),
            input_gates=("",),
            recurrent_gates=("",),
            states=("h",),
            formula="h_t = tanh(x_t U + h_{t-1} W + b)",
            source="Elman 1990",
        ),
        Cell(
            name="lstm",
            family="lstm",
            gates=_LSTM_GATES,
            input_gates=_LSTM_GATES,
            recurrent_gates=_LSTM_GATES,
            states=("h", "c"),
            formula="c_t = f ⊙ c_{t-1} + i ⊙ g ; h_t = o ⊙ tanh(c_t)",
            source="Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000",
            bias_start=(("f", 1.0),),  # remember until told to forget
        ),
        Cell(
            name="gru",
            family="gru",
            gates=("n", "r", "z", "hn"),  # hn: what r lets through, h_{t-1} W_n + b_hn
            input_gates=("n", "r", "z"),
            recurrent_gates=("r", "z", "n"),
            states=("h",),
            formula="n = tanh(x_t U_n + b_n + r ⊙ (h_{t-1} W_n + b_hn)) ; h_t = z ⊙ h_{t-1} + (1 − z) ⊙ n",
            source="Cho et al. 2014; reset after the product: cuDNN, PyTorch",
        ),
    )
}


def cell_named(name: str) -> Cell:
    """Return a row of the table; raise CharrnnError where there is none of that name."""
    try:
        return CELLS[name]
    except KeyError:
        raise CharrnnError(f"there is no cell {name!r}; there are {', '.join(CELLS)}") from None
