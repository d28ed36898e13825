"""What may be wrong with the characters of a text: each finding is a sentence."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from charrnn.text.census import Census
from charrnn.text.character_names import is_hidden, name_of_character

NAMED = 5  # characters that a sentence names
LEAST_MISREAD = 3  # pairs; fewer can be chance
MISREAD_SHARE = 0.5  # of a pair's first character: in other texts, it is seldom before such a second one
QUOTES = (("straight quotes", "\"'"), ("curly quotes", "“”‘’"))
WIDE = "".join(map(chr, range(0xFF01, 0xFF5F)))  # the same as ASCII, in the same order, but twice as wide
NARROW = "".join(map(chr, range(0xFF66, 0xFF9E)))  # katakana, half as wide as the usual ones
USUAL_KATAKANA = "".join(map(chr, range(0x30A1, 0x30FB)))
SPACES = ("Zs", "Zl", "Zp")


class Finding(NamedTuple):
    """Something that may be wrong with a text."""

    kind: str
    times: int  # that the characters which it is about occur
    sentence: str


def findings(census: Census) -> list[Finding]:
    """Return what may be wrong with a text of characters; bytes have nothing."""
    if census.byte_level:
        return []
    counts = {chr(code): int(census.counts[code]) for code in np.flatnonzero(census.counts).tolist()}
    return [*_hidden(counts), *_damage(counts, census), *_mixtures(counts, census)]


def _hidden(counts: dict[str, int]) -> Iterator[Finding]:
    kinds: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
        ("controls", "control characters", lambda category: category == "Cc"),
        ("invisible", "invisible characters", lambda category: category == "Cf"),
        ("spaces", "unusual spaces", lambda category: category in SPACES),
        ("unassigned", "characters that Unicode does not define", lambda category: category in ("Co", "Cn", "Cs")),
    )
    hidden = [character for character in counts if is_hidden(character)]
    for kind, what, belongs in kinds:
        found = [character for character in hidden if belongs(unicodedata.category(character))]
        if total := _total(counts, found):
            yield Finding(kind, total, f"{what}: {_named(counts, found)}")


def _damage(counts: dict[str, int], census: Census) -> Iterator[Finding]:
    if lost := counts.get("\N{REPLACEMENT CHARACTER}", 0):
        yield Finding("replacement", lost, f"{_times(lost)} �: characters that were lost when the text was converted")
    firsts: Counter[str] = Counter()
    for pair, count in census.writing.misread.items():
        firsts[pair[0]] += count
    likely = {
        pair: count
        for pair, count in census.writing.misread.items()
        if firsts[pair[0]] >= max(LEAST_MISREAD, MISREAD_SHARE * (counts[pair[0]] if pair != "â€" else 0))
    }
    if total := sum(likely.values()):
        common = ", ".join(f"{pair!r}" for pair in sorted(likely, key=lambda pair: (-likely[pair], pair))[:NAMED])
        told = f"{total:,} pairs such as {common} look like UTF-8 that was once read as Windows-1252"
        yield Finding("mojibake", total, f"{told}; repair the text with the Python package ftfy")


def _mixtures(counts: dict[str, int], census: Census) -> Iterator[Finding]:
    ends = {name: count for name, count in census.writing.line_ends.items() if count}
    if len(ends) > 1:
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(ends.items()))
        yield Finding(
            "line ends", sum(ends.values()) - max(ends.values()), f"mixed line ends: {told}; all are read as LF"
        )
    composed = _total(counts, (c for c in counts if len(unicodedata.normalize("NFD", c)) > 1))
    if composed and (decomposed := census.writing.decomposed):
        told = f"{composed:,} characters are composed, such as é, and {decomposed:,} are decomposed, such as e and ´"
        yield Finding("forms", decomposed, f"{told}; make them alike with: uconv -x any-nfc")
    yield from _both(counts, "quotes", *QUOTES)
    plain = "".join(map(chr, range(0x21, 0x7F)))
    both = [k for k, wide in enumerate(WIDE) if wide in counts and plain[k] in counts]
    pairs = ("full-width forms", [WIDE[k] for k in both]), ("the same in ASCII", [plain[k] for k in both])
    yield from _both(counts, "widths", *pairs)
    yield from _both(counts, "katakana", ("half-width katakana", NARROW), ("usual katakana", USUAL_KATAKANA))


def _both(
    counts: dict[str, int], kind: str, one: tuple[str, Iterable[str]], other: tuple[str, Iterable[str]]
) -> Iterator[Finding]:
    """Yield a finding if a text has characters of both kinds."""
    totals = [_total(counts, characters) for _, characters in (one, other)]
    if all(totals):
        told = ", ".join(f"{total:,} {what}" for total, (what, _) in zip(totals, (one, other), strict=True))
        yield Finding(kind, min(totals), f"both {told}".replace(", ", " and "))


def _total(counts: dict[str, int], characters: Iterable[str]) -> int:
    return sum(counts.get(character, 0) for character in characters)


def _named(counts: dict[str, int], characters: list[str]) -> str:
    """Return the names and counts of the most frequent characters."""
    first = sorted(characters, key=lambda character: (-counts[character], character))[:NAMED]
    told = [f"{name_of_character(c)} (U+{ord(c):04X}) {_times(counts[c])}" for c in first]
    more = len(characters) - len(first)
    return ", ".join(told) + f", and {more:,} more kinds" * bool(more)


def _times(count: int) -> str:
    return f"{count:,} time{'s' * (count > 1)}"
