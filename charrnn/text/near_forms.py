"""Near forms of characters that a model does not know: the same character, or what looks like it, spelled otherwise."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections import Counter
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charrnn.text.places import BEGIN, END

# Unicode's normalization forms: the canonical ones, then those of compatibility
FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
SEQUENCES = (("...", "…"), ("--", "—"))  # what typewriters put for one character
DASHES = "-‐‑−‒–—―"  # from short to long
SPACES = " \u00a0\u202f\u2009\u2002\u2003\u3000"  # the usual ones first
# Quotes: those that open, with the ones that are read instead, and those that close; straight ones are both.
OPENING = {"“": '“"«„”', "‘": "‘'‹‚’"}
CLOSING = {"”": '”"»“', "’": "’'›‘"}
GERMAN = {"“": ("„", "”"), "‘": ("‚", "’")}  # a text with „ and without ” closes with “
QUOTES = {  # each quote: as which one it opens, and as which one it closes; "" if it never does
    **dict.fromkeys('"″＂', ("“", "”")),
    **dict.fromkeys("'′＇", ("‘", "’")),
    **dict.fromkeys("“„‟«", ("“", "")),
    **dict.fromkeys("”»", ("", "”")),
    **dict.fromkeys("‘‚‛‹`", ("‘", "")),
    **dict.fromkeys("’›´ʼ", ("", "’")),
}
BEFORE_OPENING = frozenset("([{<" + DASHES + "“‘«‹„‚¿¡" + BEGIN + END)  # besides spaces and the start of a text
OTHERS = {"⁄": "/", "∕": "/", "·": "•", "•": "·"}
SAME_WIDTH = ("", "<wide>", "<narrow>", "<noBreak>")  # decompositions that change nothing but the width
HELD = 32  # characters of a block that are kept for the next one, at most
TOLD = 5  # replacements that a message names


class NearForms:
    """Reads the unknown characters of a text in their near forms, and counts them; `begin` begins another text.

    A character, with the marks on it, is read in the first of these forms that has only ``known`` characters: itself
    composed or decomposed (NFC, NFD); with other quotes, dashes, spaces or width; in a compatibility form (NFKC, NFKD);
    with ``case``, its other case. Straight quotes become opening ones at the start of a word and closing ones
    elsewhere.
    """

    def __init__(self, known: str, *, case: bool = False) -> None:
        self.known, self.case = frozenset(known), case
        self.read_as: Counter[tuple[str, str]] = Counter()  # how often a character was read in a form
        self._forms: dict[str, str | None] = {}  # of characters that do not depend on what is before them
        self._ends: list[tuple[int, int]] = []  # of replacements in the last block: as read, and as it was
        self._before = ""  # the end of the text that has been read

    @property
    def count(self) -> int:
        """The number of characters that were read in a near form, each with the marks on it."""
        return self.read_as.total()

    def begin(self) -> None:
        """Begin another text, whose characters are counted together with those of the texts before."""
        self._before, self._ends = "", []

    def held(self, text: str) -> int:
        """Return how many last characters of a block can change with the next block."""
        for sequence, _ in SEQUENCES:
            begun = len(text) - len(text.rstrip(sequence[0]))
            if begun and sequence[0] not in self.known:
                return begun % len(sequence)
        at = len(text) - 1
        while at > 0 and _extends(text[at]):
            at -= 1
        last = "" if at < 0 or text[at] in BEGIN + END else text[at:]
        alone = self.known.issuperset(last) and self._bases.isdisjoint(last)
        return 0 if alone or len(last) > HELD else len(last)

    def read(self, text: str, known: NDArray[np.bool_]) -> str:
        """Return a block with its unknown characters in their near forms; those without one are unchanged."""
        parts: list[str] = []
        done = size = 0  # characters of the block, and of what it is read as
        self._ends = []
        for at in np.flatnonzero(~known).tolist():
            if at < done:
                continue
            begin, end, form = self._replacement(text, at, done, "".join(parts[-1:]) or self._before)
            if form is not None:
                while form[0] == text[begin] and len(form) > 1 and begin < at:  # known, and stays as it is
                    begin, form = begin + 1, form[1:]
                parts += text[done:begin], form
                size += begin - done + len(form)
                done = end
                self._ends.append((size, done))
                self.read_as[text[begin:end], form] += 1
        parts.append(text[done:])
        whole = "".join(parts)
        self._before = (self._before + whole[-HELD:])[-HELD:]
        return whole

    def origin(self, at: int) -> int:
        """Return the place in the last block, as it was, of a place in what `read` returned."""
        k = bisect(self._ends, at, key=lambda ends: ends[0])
        size, done = self._ends[k - 1] if k else (0, 0)
        return done + at - size

    def may_read(self, character: str) -> bool:
        """Return whether an unknown character can have a near form, perhaps together with what is next to it."""
        joined = _extends(character) or character in self._bases
        joined = joined or any(single in self.known and character in sequence for sequence, single in SEQUENCES)
        return joined or self._form(character) is not None

    def told(self, where: str) -> str:
        """Return a sentence on the characters that were read in near forms."""
        by_form: dict[str, list[str]] = {}
        for (text, form), _ in self.read_as.most_common():
            by_form.setdefault(form, []).append(text)
        said = [_as_read(texts, form) for form, texts in by_form.items()]
        more = " …" * (len(said) > TOLD)
        are = f"characters of {where} are" if self.count > 1 else f"character of {where} is"
        was = "were" if self.count > 1 else "was"
        return (
            f"{self.count:,} {are} unknown to the model and {was} read in a near form: {'; '.join(said[:TOLD])}{more}"
        )

    def similar(self, text: str, at: int) -> str:
        """Return what is known and similar to an unknown character of a text, in words for an error, or ""."""
        begin, end, form = self._replacement(text, at, 0, "")
        if form is not None:
            return f"; --near forms reads {_as_read([text[begin:end]], form)}"
        plain = unicodedata.normalize("NFKD", text[at])[0]
        tried = text[at].swapcase(), plain, plain.swapcase()
        found = next((other for other in tried if self.known.issuperset(other)), "")
        return f", but {found!r} is" if found else ""

    @cached_property
    def _bases(self) -> frozenset[str]:
        """The known characters that can be the first part of another known one."""
        apart = ((c, unicodedata.normalize("NFD", c)) for c in self.known if c > "\x7f")
        return frozenset(part for c, parts in apart if parts != c for part in _beginnings(parts))

    @cached_property
    def _widths(self) -> dict[str, str]:
        """Known characters by what they are in the usual width, or alone."""
        kinds = ((c, unicodedata.decomposition(c)) for c in sorted(self.known) if c > "\x7f")
        same = (c for c, kind in kinds if kind and (kind.split()[0] if kind[0] == "<" else "") in SAME_WIDTH)
        return {unicodedata.normalize("NFKC", c): c for c in same}

    def _replacement(self, text: str, at: int, done: int, before: str) -> tuple[int, int, str | None]:
        """Return where an unknown character begins and ends, with all that is read with it, and its near form."""
        for sequence, single in SEQUENCES:
            if single in self.known and text.startswith(sequence, at):
                return at, at + len(sequence), single
        begin, end = at, at + 1
        while begin > max(done, at - HELD) and _extends(text[begin]):
            begin -= 1
        while end < min(len(text), at + HELD) and _extends(text[end]):
            end += 1
        between = text[max(done, begin - HELD) : begin]
        before = between if begin - done >= HELD else before + between
        form = self._remembered(text[begin:end], before)
        if form is None and end - begin > 1:  # at least without the marks on it
            begin, end, form = at, at + 1, self._remembered(text[at], before)
        return begin, end, form

    def _remembered(self, character: str, before: str) -> str | None:
        """Return the near form of a character after a text, or None; remember it, if it does not depend on that."""
        if not QUOTES.keys().isdisjoint(unicodedata.normalize("NFKC", character)):
            return self._form(character, before)
        if character not in self._forms:
            self._forms[character] = self._form(character)
        return self._forms[character]

    def _form(self, character: str, before: str = "") -> str | None:
        """Return the near form of a character after a text, or None."""
        cases = (character, character.swapcase()) if self.case else (character,)
        for cased in cases:
            forms = [unicodedata.normalize(name, cased) for name in FORMS]
            if canonical := next(filter(self.known.issuperset, forms[:2]), None):
                return canonical
            for form in dict.fromkeys((cased, *forms)):
                spelled = [c if c in self.known else self._other(c, before) for c in form]
                if all(spelled):
                    return "".join(spelled)
        return None

    def _other(self, character: str, before: str) -> str:
        """Return the known character that is nearest in looks to an unknown one, or ""."""
        if character in QUOTES:
            opening, closing = QUOTES[character]
            choices = self._opening(opening) if opening and not (closing and _ends(before)) else CLOSING[closing]
        elif character in DASHES:
            length = DASHES.index(character)
            choices = "".join(sorted(DASHES, key=lambda dash: abs(DASHES.index(dash) - length)))
        elif character in SPACES or unicodedata.category(character) == "Zs":
            choices = SPACES
        else:
            choices = OTHERS.get(character, "")
        found = next((choice for choice in choices if choice in self.known), "")
        return found or self._widths.get(character, "")

    def _opening(self, quote: str) -> str:
        """Return the quotes to open with, the nearest first."""
        low, high = GERMAN[quote]
        return low + OPENING[quote] if low in self.known and high not in self.known else OPENING[quote]


def _beginnings(text: str) -> list[str]:
    """Return the first character of a decomposed one, alone and composed with some of its marks."""
    return [text[0], *(form for n in range(2, len(text)) if len(form := unicodedata.normalize("NFC", text[:n])) == 1)]


def _extends(character: str) -> bool:
    """Return whether a character belongs to the one before it: a mark, or a later part of a Korean syllable."""
    part = "\u1160" <= character <= "\u11ff" or character in "\uff9e\uff9f"  # voicing marks of half width are letters
    return character > "\x7f" and (part or unicodedata.category(character)[0] == "M")


def _ends(before: str) -> bool:
    """Return whether a straight quote after a text closes."""
    before = before.rstrip("\"'")
    return bool(before) and not before[-1].isspace() and before[-1] not in BEFORE_OPENING


def _as_read(texts: list[str], form: str) -> str:
    """Return in words what was read as a form; by code points if that does not show a difference."""
    looks = unicodedata.normalize("NFC", form)
    visible = not form.isspace() and all(unicodedata.normalize("NFC", text) != looks for text in texts)
    names = [text if visible and text.isprintable() else _code_points(text) for text in texts]
    more = " …" * (len(names) > TOLD)
    return f"{', '.join(names[:TOLD])}{more} as {form if visible else _code_points(form)}"


def _code_points(text: str) -> str:
    return " ".join(f"U+{ord(character):04X}" for character in text)
