"""``charrnn cells``: the table, with sizes."""

from charrnn.cells.table import CELLS
from tests.helpers.commands import json_lines


def test_the_list_of_cells(run):
    """Each row is told with its formula, its source, its options, and its size and cost, worked out by hand."""
    sizes = ("--hidden", 64, "--layers", 2, "--vocabulary", 30)
    result = run("cells", *sizes)
    assert result.code == 0
    for name, row in CELLS.items():
        assert row.formula in result.out
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
