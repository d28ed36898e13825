"""Characters in colors, and without where none are wanted."""

import io
import re
import sys

import numpy as np
import pytest

from charrnn.display.color import BLUE_WHITE_RED, LEVELS, YELLOW_RED, ColoredText, Scale, ink
from charrnn.display.standard_streams import standard_streams
from tests.helpers.commands import COLOR_CODES, on_a_terminal


def test_levels_of_a_scale():
    """The ends and the middle of a scale are its colors; what is beyond has those of the ends, and nan the lowest."""
    scale = Scale(-2.0, 2.0)
    assert scale.levels([-9.0, -2.0, 0.0, 2.0, np.inf, np.nan]).tolist() == [
        0,
        0,
        LEVELS // 2,
        LEVELS - 1,
        LEVELS - 1,
        0,
    ]
    shades = scale.shades()
    assert (shades[0], shades[LEVELS // 2], shades[-1]) == BLUE_WHITE_RED
    assert Scale(1.0, 1.0).levels([1.0, 2.0]).tolist() == [0, LEVELS - 1]
    assert [ink(shades[k]) for k in (0, LEVELS // 2, -1)] == [(255, 255, 255), (0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("system", ["truecolor", "256", "16"])
def test_colored_text(monkeypatch, system):
    """On a terminal each character has its value's color, piece by piece; without the codes it is the text."""
    terms = {"truecolor": {"COLORTERM": "truecolor"}, "256": {}, "16": {"TERM": "xterm"}}
    screen = on_a_terminal(monkeypatch, **terms[system])
    writer = ColoredText(Scale(0.0, 1.0))
    assert writer.colored
    writer.write("ab", [0.0, 0.0])
    writer.write("c", [1.0])
    writer.write("", [])
    written = screen.getvalue()
    assert COLOR_CODES.sub("", written) == "abc"
    blue, red = re.fullmatch(r"(\x1b\[[0-9;]+m)ab\x1b\[0m(\x1b\[[0-9;]+m)c\x1b\[0m", written).groups()
    assert blue != red
    if system == "truecolor":
        assert "48;2;33;102;172" in blue
        assert "48;2;178;24;43" in red


def test_a_color_ends_with_its_line(monkeypatch):
    """No color is on when a line ends, as it would run on to the screen's edge; a line feed's color is a space's."""
    screen = on_a_terminal(monkeypatch)
    ColoredText(Scale(0.0, 1.0)).write("a\n\nb", [1.0, 1.0, 0.0, 0.0])
    lines = screen.getvalue().split("\n")
    assert [COLOR_CODES.sub("", line) for line in lines] == ["a ", " ", "b"]
    for line in lines[:-1]:
        assert line.endswith("\x1b[0m")


def test_the_lowest_shade_may_be_none(monkeypatch):
    """With ``bare`` what has the lowest shade is written as it is."""
    screen = on_a_terminal(monkeypatch)
    ColoredText(Scale(0.0, 8.0, YELLOW_RED, bare=True)).write("ab\nc", [0.0, 8.0, 0.0, 0.1])
    assert re.fullmatch(r"a\x1b\[[0-9;]+mb\x1b\[0m\nc", screen.getvalue())


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colors_where_none_are_wanted(monkeypatch, environment):
    """NO_COLOR and TERM=dumb leave plain text, in which nothing commands the terminal."""
    screen = on_a_terminal(monkeypatch, **environment)
    with standard_streams():
        writer = ColoredText(Scale(0.0, 1.0))
        writer.write("a\x1bb\n", [0.0, 0.5, 1.0, 1.0])
    assert not writer.colored
    assert screen.getvalue() == "a�b\n"


def test_a_pipe_gets_the_text_as_it_is(monkeypatch):
    """Where stdout is no terminal not a character is changed."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    ColoredText(Scale(0.0, 1.0)).write("a\x1bb\n", [0.0, 0.5, 1.0, 1.0])
    assert sys.stdout.getvalue() == "a\x1bb\n"
