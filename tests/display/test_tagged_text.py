"""Texts with tags: in colors on a terminal, and otherwise as they are."""

import io
import sys

import pytest

from charrnn.display.tagged_text import PALETTE, TaggedText
from tests.helpers.commands import COLOR_CODES, on_a_terminal

SPANS = [("Mr Darcy", "PER"), (" met in ", "O"), ("Kent", "LOC"), (".", "O")]
LINE = "[Mr Darcy]PER met in [Kent]LOC.\n"


def test_each_tag_has_its_color(monkeypatch):
    """The same one wherever it is; without the codes, the line is that of a pipe, and what is outside has none."""
    screen = on_a_terminal(monkeypatch)
    writer = TaggedText(["PER", "PER", "LOC", "O"], "O")
    writer.write(SPANS)
    writer.write(SPANS[2:])
    written = screen.getvalue()
    assert COLOR_CODES.sub("", written) == LINE + "[Kent]LOC.\n"
    person, place, again = [code for code in COLOR_CODES.findall(written) if code != "\x1b[0m"]
    assert person != place == again
    assert "\x1b[0m met in \x1b" in written


def test_many_tags_share_colors(monkeypatch):
    """There are as many as the palette has."""
    screen = on_a_terminal(monkeypatch)
    tags = [str(k) for k in range(2 * len(PALETTE))]
    TaggedText(tags, "O").write([("a", tag) for tag in tags])
    assert len(set(COLOR_CODES.findall(screen.getvalue()))) == len(PALETTE) + 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colors_where_none_are_wanted(monkeypatch, variables):
    """On a terminal without them, or for someone who does not want them."""
    screen = on_a_terminal(monkeypatch, **variables)
    TaggedText(["PER", "LOC", "O"], "O").write(SPANS)
    assert screen.getvalue() == LINE


def test_a_pipe_gets_the_text_as_it_is(monkeypatch):
    """With all of its characters."""
    monkeypatch.setattr(sys, "stdout", pipe := io.StringIO())
    TaggedText(["PER", "O"], "O").write([("a\x1b[2J", "PER"), ("\x07", "O")])
    assert pipe.getvalue() == "[a\x1b[2J]PER\x07\n"
