"""Curves in the terminal: of losses, and of what falls by powers of ten."""

import re

import numpy as np
import pytest

from charrnn.display.curve import HEIGHT, draw, draw_logarithmic

FALLING = [(1.0, 3.0, 3.2), (2.0, 2.0, 2.4), (3.0, 1.5, 2.0), (5.0, 1.0, 2.0)]


def drawing(lines):
    """Return the part of a curve's lines that is beside its axis, as rows of cells."""
    assert len(lines) == HEIGHT + 2
    return [line[7:] for line in lines[1:-1]]


def dots(rows):
    """Return the (x, y) of all dots of Braille characters, counted as terminals show them."""
    places = {0: (0, 0), 1: (0, 1), 2: (0, 2), 6: (0, 3), 3: (1, 0), 4: (1, 1), 5: (1, 2), 7: (1, 3)}
    return {
        (2 * x + places[bit][0], 4 * y + places[bit][1])
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
        for bit in range(8)
        if ord(cell) > 0x2800 and (ord(cell) - 0x2800) >> bit & 1
    }


def test_a_line_and_its_validations():
    """The loss runs from the first point to the last, as far down as it fell; each validation is in its place."""
    lines = draw([(epoch, loss, None) for epoch, loss, _ in FALLING], 60)
    there = dots(drawing(lines))
    assert (min(there), max(there)) == ((0, 0), (2 * 53 - 1, 4 * HEIGHT - 1))
    assert {x for x, _ in there} == set(range(2 * 53))
    assert [line[:5].strip() for line in lines[1:-1]] == ["3.00", "", "", "", "2.00", "", "", "", "1.00"]
    assert lines[-1].split() == ["1", "epochs", "5"]
    assert "validation" not in lines[0]
    lines = draw(FALLING, 60)
    marks = [(x, y) for y, row in enumerate(drawing(lines)) for x, cell in enumerate(row) if cell == "o"]
    assert sorted(marks) == [(0, 0), (13, 3), (26, 4), (52, 4)]
    assert "validation" in lines[0]


@pytest.mark.parametrize("width", [28, 39, 79])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_curve_fits_its_width(width, ascii_only):
    """No line is wider than asked for; in ASCII nothing else is used."""
    lines = draw(FALLING, width, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines) == ascii_only
    assert "o" in "".join(drawing(lines))


def test_what_makes_no_curve():
    """One point, none, or a terminal too narrow for one make no lines; equal numbers make a flat one."""
    assert draw([], 80) == draw(FALLING[:1], 80) == draw(FALLING, 12) == []
    assert drawing(draw([(1.0, 2.0, 2.0)] * 3, 80))
    assert drawing(draw([(1.0, 2.0, None), (2.0, 2.0, None)], 80))[-1].startswith("⣀")


def test_powers_lie_on_a_line():
    """Upwards go powers of ten: 10^−k is a straight line from corner to corner, with its numbers beside it."""
    lines = draw_logarithmic([[10.0**-k for k in range(9)]], "lag", 60, ascii_only=True)
    assert len(lines) == HEIGHT + 1
    rows = [line[7:] for line in lines[:-1]]
    assert rows[0][0] == "."
    assert rows[-1][52] == "."
    middles = [np.flatnonzero([c == "." for c in row]).mean() for row in rows]
    np.testing.assert_allclose(np.diff(middles), 53 / HEIGHT, atol=0.8)
    assert [lines[k][:5] for k in (0, HEIGHT // 2, HEIGHT - 1)] == ["1e+00", "1e-04", "1e-08"]
    assert lines[-1].split() == ["0", "lag", "8"]


def test_several_curves_have_letters():
    """Each of several curves has its letter, above what is smaller; one alone has none."""
    high, low = [1.0] * 20, [1e-3] * 20
    lines = draw_logarithmic([high, low], "lag", 60)
    assert lines[0].count("a") >= 3
    assert lines[HEIGHT - 1].count("b") >= 3
    twice = "".join(draw_logarithmic([high, high], "", 60))  # where one curve hides another, both letters are seen
    assert (twice.count("a"), twice.count("b")) == (5, 5)
    assert not re.search("[a-z]", "".join(line[7:] for line in draw_logarithmic([high], "lag", 60)[:-1]))


@pytest.mark.parametrize("width", [28, 59, 79])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_curves_fit_their_width(width, ascii_only):
    """No line is wider than asked for; in ASCII nothing else is used; 0, none and the very small are left out."""
    curves = [[2.0 * 0.3**k for k in range(65)], [1.0, None, 0.0, *[1e-30] * 62], [0.1 + k for k in range(65)]]
    lines = draw_logarithmic(curves, "characters before", width, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines) == ascii_only
    assert float(lines[HEIGHT - 1][:5]) >= 1e-12


def test_what_makes_no_logarithmic_curve():
    """Nothing but zeros, a single number or a narrow terminal make no lines."""
    assert draw_logarithmic([[0.0] * 9], "lag", 80) == draw_logarithmic([[1.0, None]], "lag", 80) == []
    assert draw_logarithmic([[1.0, 0.5]], "lag", 12) == draw_logarithmic([], "lag", 80) == []
