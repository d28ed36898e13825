"""What a reader sees in a text at each character: a table of features, to compare with a network's units.

A feature is known once the character has been read, as it is to the network, except for those about what comes next.
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

QUOTES = '"“”„«»'  # without the apostrophe, which is rarely a quotation mark


class Characters:
    """A text of N characters. All its properties have shape [N]."""

    def __init__(self, text: str) -> None:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        distinct, self._which = np.unique(codes, return_inverse=True)
        self._distinct = [chr(code) for code in distinct]

    def where(self, test: Callable[[str], bool]) -> Flags:
        """Return whether each character passes a test."""
        return np.array([test(c) for c in self._distinct], np.bool_)[self._which]

    @cached_property
    def letters(self) -> Flags:
        """Letters and digits, the characters of words."""
        return self.where(str.isalnum)

    @cached_property
    def spaces(self) -> Flags:
        """Spaces, tabs and line breaks."""
        return self.where(str.isspace)

    @cached_property
    def line_ends(self) -> Flags:
        """Line feeds, and the ends of documents, which `Vocabulary.spell` returns as surrogates."""
        return self.where(lambda c: c == "\n" or "\ud800" <= c <= "\udfff")

    @cached_property
    def line_begins(self) -> Flags:
        """The first character of each line."""
        return before(self.line_ends, first=True)

    @cached_property
    def columns(self) -> Counts:
        """The number of characters before each one in its line."""
        return since(self.line_begins)

    @cached_property
    def paragraph_begins(self) -> Flags:
        """The first character of the text and after each empty line."""
        return before(self.line_ends & (self.columns == 0), first=True)


@dataclass(frozen=True)
class Feature:
    """A property of each character in a text: true or false, or a number."""

    name: str
    help: str
    of: Callable[[Characters], NDArray[Any]]


def before(flags: Flags, *, first: bool = False) -> Flags:
    """Return the flag of each character's predecessor.

    The first character gets ``first``.
    """
    return np.concatenate([np.full(min(1, flags.size), first), flags[:-1]])


def after(flags: Flags) -> Flags:
    """Return the flag of each character's successor.

    The last character gets False.
    """
    return np.concatenate([flags[1:], np.zeros(min(1, flags.size), np.bool_)])


def since(flags: Flags) -> Counts:
    """Return the number of characters since the last flag.

    It is 0 at a flag. Before the first flag, it counts as if there were one just before the text.
    """
    index = np.arange(flags.size)
    last: Counts = np.maximum.accumulate(np.where(flags, index, -1))
    return index - last


def count_since(flags: NDArray[Any], begins: Flags) -> Counts:
    """Add up flags since the last start.

    ``begins`` has the starts, one at the first character. The start and the character itself are included.
    """
    total = np.cumsum(flags, dtype=np.int64)
    before_begin: Counts = (total - flags)[np.arange(flags.size) - since(begins)]
    return total - before_begin


def _quoted(text: Characters) -> Flags:
    # Many marks can both open and close. A mark after a space or a bracket opens; any other mark opens or closes. So
    # a text that starts inside a quotation, or lacks a mark, is soon interpreted correctly again.
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
    # A bracket that closes without having been opened, as in 1), has no effect: a character is inside if the depth is
    # above the lowest one of the paragraph so far. Each paragraph is shifted below all previous ones, so that one
    # running minimum is enough for all.
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
    Feature("capitals", "in a word in all capitals, from its second letter on", _capitals),
    Feature("digit", "a digit", lambda text: text.where(str.isdigit)),
    Feature("vowel", "a vowel of the Latin alphabet", lambda text: text.where(_is_vowel)),
    Feature("punctuation", "a punctuation mark", lambda text: text.where(_is_punctuation)),
    Feature("word start", "the first letter of a word", lambda text: since(~text.letters) == 1),
    Feature("word length", "the number of letters in the word so far", lambda text: since(~text.letters)),
    Feature("space", "a space or line break", lambda text: text.spaces),
    Feature("space next", "a space or line break comes next", lambda text: after(text.spaces)),
    Feature("line end next", "a line break comes next", lambda text: after(text.line_ends)),
    Feature("line position", "the position in the line", lambda text: text.columns),
    Feature("indentation", "the indentation of the line", _indentation),
    Feature("sentence", "the distance from the last . ! or ?", lambda text: since(text.where(lambda c: c in ".!?"))),
    Feature(
        "first line", "in the first line of a paragraph", lambda text: since(text.paragraph_begins) == text.columns
    ),
    Feature("position", "the position in the text", lambda text: np.arange(text.letters.size)),
)


def _is_vowel(character: str) -> bool:
    return unicodedata.normalize("NFD", character)[0] in "aeiouAEIOU"


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")
