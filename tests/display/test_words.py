"""Words and characters as a terminal can show them."""

import math

import pytest

from charrnn.display.words import bits, harmless
from tests.helpers.texts import EMOJI


def test_bits():
    """A fair choice between two costs one bit, and one between eight costs three."""
    assert [bits(math.log(choices)) for choices in (2, 8)] == pytest.approx([1.0, 3.0])


def test_harmless():
    """What could command a terminal is replaced, character by character; a text stays as long as it is."""
    text = "a\n\tä\x1b[2J\x00\x9b\u202e\ud801\u00a0漢"
    assert harmless(text) == "a\n\tä�[2J���� 漢"
    assert len(harmless(text)) == len(text)


# Characters of any kind, on a terminal and in columns
def test_harmless_texts():
    """What commands a terminal or turns a line round goes; letters of all scripts, marks and joiners stay."""
    shown = harmless(EMOJI)
    assert len(shown) == len(EMOJI)
    for character in EMOJI:
        stays = character.isprintable() or character in "\t\u200c\u200d"
        assert (character in shown) == stays
    assert harmless("می\u200cخواهم क्\u200dष e\u0301 👩\u200d👧") == "می\u200cخواهم क्\u200dष e\u0301 👩\u200d👧"
