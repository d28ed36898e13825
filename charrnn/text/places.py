"""A text in blocks: the place of a character, where documents start and end, and how often each character occurs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.text.defaults import FILES

# The start and the end of a document while a text is converted: code points that no UTF-8 text can contain.
BEGIN, END = "\ud800", "\ud801"

ADVICE = "; use --unknown skip to leave it out, or --unknown replace to replace it"  # the end of an error


class Place:
    """The position in a text that comes in blocks, for messages about a character."""

    def __init__(self, where: str, separator: str) -> None:
        self.where, self.separator = where, "" if separator == FILES else separator
        self.line, self.column = 1, 1  # of the first character of `text`
        self.text = ""
        self.characters = self.unknown = 0  # of all blocks

    def read(self, text: str) -> None:
        """Take the block that is converted next."""
        if "\n" in self.text:
            self.line += self.text.count("\n")
            self.column = len(self.text) - self.text.rfind("\n")
        else:
            self.column += len(self.text)
        self.text = text
        self.characters += len(text)

    def add(self, other: Place) -> None:
        """Count the characters of another text with those of this one."""
        self.characters += other.characters
        self.unknown += other.unknown

    def told_unknown(self, done: str) -> str:
        """Return a sentence on the unknown characters, and what was ``done`` with them."""
        of_all = f"{self.unknown:,} of {self.characters:,} characters of {self.where}"
        plural = self.unknown > 1
        return f"{of_all} {'are' if plural else 'is'} unknown to the model and {'were' if plural else 'was'} {done}"

    def never_seen(self, marked: str, at: int, *, byte_level: bool = False, similar: str = "") -> CharrnnError:
        """Return the error for an unknown character: the one ``at`` this place of the block that was read last.

        The block is ``marked``. The message also says what ``similar`` character is known.
        """
        character, text = marked[at], self.text
        if self.separator:  # the characters of a separator are not unknown
            text = text.replace(self.separator, END * len(self.separator))
        place = -1
        for _ in range(marked.count(character, 0, at) + 1):  # marks are of another length than separators
            place = text.find(character, place + 1)
        before = self.text[:place]
        line = self.line + before.count("\n")
        column = place - before.rfind("\n") if "\n" in before else self.column + place
        there = f"on line {line}, column {column} of {self.where}"
        if "\udc80" <= character <= "\udcff":  # Python's form of a byte on the command line that is not UTF-8
            what = f"byte 0x{ord(character) - 0xDC00:02X} {there} is not UTF-8"
        elif byte_level:
            what = f"byte 0x{ord(character):02X} {there} is not in the text that the model was trained on"
        else:
            what = f"{character!r} (U+{ord(character):04X}) {there} is not in the model's vocabulary{similar}"
        return CharrnnError(f"{what}{ADVICE}")


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def marked(
    blocks: Iterable[str], separator: str, place: Place | None = None, hold: Callable[[str], int] | None = None
) -> Iterator[str]:
    """Yield a text with marks instead of its separators.

    The marks are where its documents start and end. Without a separator, the text is unchanged; with `FILES`, it is one
    document. ``hold`` returns how many last characters of a block to keep for the next one.
    """
    documents, separator = bool(separator), "" if separator == FILES else separator
    if documents:
        yield BEGIN
    rest = ""  # possibly the first part of a separator, or of what else is read together
    for block in chain(blocks, [""]):
        whole = rest + block
        found = whole.replace(separator, END + BEGIN) if separator else whole
        lengths = range(len(separator) - 1, 0, -1) if block else ()
        held = next((n for n in lengths if found.endswith(separator[:n])), 0)
        if hold is not None and block:
            held = max(held, hold(found))
        rest = whole[len(whole) - held :]
        if place is not None:
            place.read(whole[: len(whole) - held])
        yield found[: len(found) - held]
    if documents:
        yield END


def counted(blocks: Iterable[str], separator: str = "", counts: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Return how often each code point occurs in a text in blocks.

    Separators do not count as text. If there are ``counts`` of other texts, these are added to.
    """
    counts = np.zeros(sys.maxunicode + 1, np.int64) if counts is None else counts
    for block in marked(blocks, separator):
        found = np.bincount(code_points(block))
        counts[: found.size] += found
    counts[[ord(BEGIN), ord(END)]] = 0
    return counts
