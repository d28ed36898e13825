"""``charrnn cells``: the table, with sizes, and all equations of one cell."""

from pathlib import Path

import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.explained import explain
from charrnn.cells.table import CELLS
from charrnn.cli.cells import gate_equations
from tests.helpers.commands import json_lines


def test_the_list_of_cells(run):
    """Each row is told with its formula, its source, its options, and its size and cost, worked out by hand."""
    sizes = ("--hidden", 64, "--layers", 2, "--vocabulary", 30)
    result = run("cells", *sizes)
    assert result.code == 0
    for name, row in CELLS.items():
        assert "\n    ".join(("", *gate_equations(row), row.formula)) in result.out
        assert row.source in result.out
        assert f"\n{name}" in "\n" + result.out
    told = {about["name"]: about for about in json_lines(run("cells", *sizes, "--json"))}
    assert set(told) == set(CELLS)
    assert told["lstm"]["multiply_adds"] == 3 * 4 * 64 * 64 + 64 * 30
    assert told["lstm"]["parameters"] == 4 * (30 + 3 * 64 + 2) * 64 + 65 * 30
    # W of each layer: half of the units' columns at each step, on average 15/32; U of the second whole.
    assert told["clockwork"]["multiply_adds"] == 2 * 64 * 64 * 15 // 32 + 64 * 64 + 64 * 30
    assert told["rnn"]["options"] == ["--activation"]
    assert told["lstm-fgr"]["states"] == ["h", "c", "i", "f", "o"]


def test_a_cell_that_cannot_have_a_size_says_why(run):
    """A clockwork network of 10 units is told as one that there is not, and the rest as they are."""
    result = run("cells", "--hidden", 10)
    assert result.code == 0
    assert "10 units cannot be divided into 4 equal groups" in result.out
    assert result.out.count("parameters,") == len(CELLS) - 1


SIGMOID, TANH = "σ(x_t U + h_{t-1} W + b)", "tanh(x_t U + h_{t-1} W + b)"
SEES = ("σ(x_t U + h_{t-1} W + p ⊙ c_{t-1} + b)", "σ(x_t U + h_{t-1} W + p ⊙ c_t + b)")
FED_BACK = "x_t U + h_{t-1} W + i_{t-1} R_i + f_{t-1} R_f + o_{t-1} R_o +"


@pytest.mark.parametrize(
    ("cell", "equations"),
    [
        ("rnn", []),
        ("clockwork", []),
        ("lstm", [f"i, f, o = {SIGMOID}", f"g = {TANH}"]),
        ("lstm-peephole", [f"i, f = {SEES[0]}", f"o = {SEES[1]}", f"g = {TANH}"]),
        (
            "lstm-peephole-full",
            [
                "i, f = σ(x_t U + h_{t-1} W + c_{t-1} C + b)",
                "o = σ(x_t U + h_{t-1} W + c_t C + b)",
                f"g = {TANH}",
            ],
        ),
        ("lstm-coupled-peephole", [f"f = {SEES[0]}", f"o = {SEES[1]}", f"g = {TANH}"]),
        ("lstm-coupled", [f"f, o = {SIGMOID}", f"g = {TANH}"]),
        ("lstm-nog", [f"i, f = {SEES[0]}", f"g = {TANH}"]),
        ("lstm-niaf", [f"i, f = {SEES[0]}", f"o = {SEES[1]}", "g = x_t U + h_{t-1} W + b"]),
        (
            "lstm-fgr",
            [f"i, f = σ({FED_BACK} p ⊙ c_{{t-1}} + b)", f"o = σ({FED_BACK} p ⊙ c_t + b)", f"g = {TANH}"],
        ),
        ("lstm-projection", ["i, f, o = σ(x_t U + r_{t-1} W + b)", "g = tanh(x_t U + r_{t-1} W + b)"]),
        ("gru", [f"r, z = {SIGMOID}", "hn = h_{t-1} W_n + b_hn"]),
        ("gru-reset-before", [f"r, z = {SIGMOID}"]),
        ("mingru", ["z = σ(x_t U + b)"]),
        ("minlstm", ["i, f = σ(x_t U + b)", "g = x_t U + b"]),
    ],
)
def test_equations_of_gates(run, cell, equations):
    """Every gate has an equation, as the papers have it; those with the same one share it."""
    told = {about["name"]: about for about in json_lines(run("cells", "--json"))}
    assert told[cell]["gates"] == equations


@pytest.mark.parametrize("cell", CELLS)
def test_all_equations_of_a_cell(run, cell):
    """Each stands beside a line of a file; the shapes are those at the size; text and JSON tell the same."""
    sizes = ("--hidden", 16, "--layers", 2, "--vocabulary", 30)
    result = run("cells", cell, *sizes)
    assert (result.code, result.said) == (0, "")
    network = Architecture(cell, 30, 16, 2)
    (about,) = json_lines(run("cells", cell, *sizes, "--json"))
    assert [each["formula"] for each in about["equations"]] == [each.formula for each in explain(network)]
    for each in about["equations"]:
        assert Path(each["file"]).read_text(encoding="utf-8").splitlines()[each["line"] - 1].strip()
        (row,) = [line for line in result.out.splitlines() if line.endswith(f"  {each['formula']}")][:1]
        assert row.split()[0] == f"{Path(each['file']).name}:{each['line']}"
    assert sum(each["count"] for each in about["shapes"]) == about["parameters"] == network.parameter_count()
    assert f"{about['parameters']:,}  " in result.out
    assert result.out.startswith(f"{cell}, 2 layers of 16")
    assert CELLS[cell].source in result.out


def test_options_of_a_cell_to_explain(run):
    """They change formulas, shapes and counts; without a name, and for another cell, they are refused."""
    relu = run("cells", "rnn", "--activation", "relu").out
    assert "h_t = relu(a_t)" in relu
    assert "tanh" not in relu
    (about,) = json_lines(run("cells", "lstm-projection", "--projection", 7, "--hidden", 16, "--json"))
    assert {"names": ["layer0.P"], "letters": ["H", "R"], "shape": [16, 7], "count": 112} in about["shapes"]
    assert about["projection"] == 7
    (about,) = json_lines(run("cells", "clockwork", "--periods", "1,3", "--hidden", 16, "--json"))
    assert {"names": ["layer0.W"], "letters": ["H", "H"], "shape": [16, 16], "count": 3 * 64} in about["shapes"]
    assert any("divides t" in note for note in about["notes"])
    for arguments, code, words in (
        (("--periods", "1,2"), 2, "--periods needs the NAME of a cell"),
        (("lstm", "--projection", 4), 1, "the cell lstm has no projection; use lstm-projection"),
        (("clockwork", "--periods", "1,x"), 1, "periods must be whole numbers"),
        (("clockwork", "--hidden", 10), 1, "cannot be divided"),
        (("lstn",), 1, "unknown cell 'lstn'"),
    ):
        result = run("cells", *arguments)
        assert (result.code, result.out) == (code, "")
        assert words in result.err
