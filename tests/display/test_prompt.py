"""A line that is typed, on the rows of a terminal."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from charrnn.display.prompt import cells, rows


@given(st.text("ab\u0301漢é", max_size=60), st.integers(2, 12))
def test_rows(line, width):
    """A line is cut into rows that are full but for the last, and never begin with a combining character."""
    cut = rows(line, width)
    assert "".join(cut) == line
    assert all(cells(row) <= width for row in cut)
    for row, next_ in pairwise(cut):
        assert cells(row) + cells(next_[0]) > width
        assert not next_.startswith("\u0301")
