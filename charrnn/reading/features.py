"""What a reader sees in a text at each character: a table of features, for comparison with what a network's units do.

Each is known once the character has been read, as the network knows it, but for those that say what comes next.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

QUOTES = '"“”„«»'  # an apostrophe may be a quotation mark, and mostly is not


class Characters:
    """A text of N characters; all that is asked of it has shape [N]."""

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        distinct, self._which = np.unique(codes, return_inverse=True)
        self._distinct = [chr(code) for code in distinct]

    def where(self, test: Callable[[str], bool]) -> Flags:
        """Say of each character whether it passes a test."""
        return np.array([test(c) for c in self._distinct], np.bool_)[self._which]

    @cached_property
    def letters(self) -> Flags:
        """Letters and digits: what words are made of."""
        return self.where(str.isalnum)

    @cached_property
    def spaces(self) -> Flags:
        """Spaces, tabulators and ends of lines."""
        return self.where(str.isspace)

    @cached_property
    def line_ends(self) -> Flags:
        """Line feeds, and the ends of documents, which `Vocabulary.spell` writes as surrogates."""
        return self.where(lambda c: c == "\n" or "\ud800" <= c <= "\udfff")

    @cached_property
    def line_begins(self) -> Flags:
        """The first character of each line."""
        return before(self.line_ends, first=True)

    @cached_property
    def columns(self) -> Counts:
        """How many characters of its line are before each."""
        return since(self.line_begins)

    @cached_property
    def paragraph_begins(self) -> Flags:
        """The first character after each empty line."""
        return before(self.line_ends & (self.columns == 0), first=True)


@dataclass(frozen=True)
class Feature:
    """A property of each character of a text in its place: yes or no, or a number."""

    name: str
    help: str
    of: Callable[[Characters], NDArray[Any]]


def before(flags: Flags, *, first: bool = False) -> Flags:
    """Return each character's predecessor's flag."""
    return np.concatenate([np.full(min(1, flags.size), first), flags[:-1]])


def after(flags: Flags) -> Flags:
    """Return each character's successor's flag; the last one has none."""
    return np.concatenate([flags[1:], np.zeros(min(1, flags.size), np.bool_)])


def since(flags: Flags) -> Counts:
    """Return how many characters ago the last flag was, 0 at a flag; before the first, as if one were before all."""
    index = np.arange(flags.size)
    last: Counts = np.maximum.accumulate(np.where(flags, index, -1))
    return index - last


def count_since(flags: NDArray[Any], begins: Flags) -> Counts:
    """Add up flags from the last begin on, that character included; the first character must be a begin."""
    total = np.cumsum(flags, dtype=np.int64)
    before_begin: Counts = (total - flags)[np.arange(flags.size) - since(begins)]
    return total - before_begin


def _quoted(text: Characters) -> Flags:
    # Many marks open here and close there. One after a space or a bracket opens, any other turns what was: so that a
    # text that begins within a quotation, or lacks a mark, is soon understood again.
    marks = text.where(lambda c: c in QUOTES)
    opening = before(text.spaces | text.where(lambda c: c in "([{"), first=True)
    at = np.flatnonzero(marks | text.paragraph_begins)
    inside, states = False, []
    for is_mark, opens in zip(marks[at].tolist(), opening[at].tolist(), strict=True):
        inside = is_mark and (opens or not inside)
        states.append(inside)
    return np.repeat(np.array(states, np.bool_), np.diff(at, append=marks.size))


def _bracketed(text: Characters) -> Flags:
    opened = text.where(lambda c: c in "([{").astype(np.int64) - text.where(lambda c: c in ")]}")
    depth = count_since(opened, text.paragraph_begins)
    # What closes a bracket that was not opened, as in a list's 1), goes for nothing: the depth is above the lowest one
    # of the paragraph so far. Each paragraph is shifted below all before, so that one running minimum serves for all.
    shift = np.cumsum(text.paragraph_begins) * (2 * depth.size + 1)
    lowest = np.minimum.accumulate(depth - shift) + shift
    inside: Flags = depth > np.minimum(lowest, 0)
    return inside


def _capitals(text: Characters) -> Flags:
    small = text.letters & ~text.where(str.isupper)
    begins = ~text.letters
    begins[:1] = True
    capitals: Flags = (since(~text.letters) >= 2) & (count_since(small, begins) == 0)
    return capitals


def _indentation(text: Characters) -> Counts:
    blank = count_since(~text.spaces, text.line_begins) == 0
    return count_since(blank & ~text.line_ends, text.line_begins)


FEATURES: tuple[Feature, ...] = (
    Feature("quotation", "inside quotation marks", _quoted),
    Feature("bracket", "inside brackets", _bracketed),
    Feature("capital", "a capital letter", lambda text: text.where(str.isupper)),
    Feature("capitals", "in a word in capitals, from its second letter on", _capitals),
    Feature("digit", "a digit", lambda text: text.where(str.isdigit)),
    Feature("vowel", "a vowel of the Latin alphabet", lambda text: text.where(_is_vowel)),
    Feature("punctuation", "a punctuation mark", lambda text: text.where(_is_punctuation)),
    Feature("word start", "the first letter of a word", lambda text: since(~text.letters) == 1),
    Feature("word length", "how many letters of the word so far", lambda text: since(~text.letters)),
    Feature("space", "a space or the end of a line", lambda text: text.spaces),
    Feature("space next", "a space or the end of a line comes next", lambda text: after(text.spaces)),
    Feature("line end next", "the end of a line comes next", lambda text: after(text.line_ends)),
    Feature("line position", "how many characters into the line", lambda text: text.columns),
    Feature("indentation", "how far the line is indented", _indentation),
    Feature("sentence", "how long ago a sentence ended", lambda text: since(text.where(lambda c: c in ".!?"))),
    Feature(
        "first line", "in the first line of a paragraph", lambda text: since(text.paragraph_begins) == text.columns
    ),
    Feature("position", "how far into the text", lambda text: np.arange(text.letters.size)),
)


def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character)[0] in "aeiouAEIOU"


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")
