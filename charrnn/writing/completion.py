"""Texts whose gaps are filled."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from charrnn.kernels.arithmetic import LN_2, exp
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.filling import Filling, Gapped

BESIDE = 30  # characters on each side of gaps that an excerpt shows


@dataclass(frozen=True)
class Gap:
    """A gap of a text: its place, counted from 1, its filling, and the probability of the filling."""

    index: int
    filling: str
    probability: float


@dataclass(frozen=True)
class Completion:
    """A text with its gaps filled, and the probability of the fillings.

    `text` is the whole text, with escapes for bytes that are not UTF-8. The `probability` is of all filled-in
    characters together, each given the text and the characters filled in before it. `bits_per_char` is the mean loss of
    a filled-in character in bits.
    """

    text: str
    gaps: list[Gap]
    probability: float
    bits_per_char: float

    @classmethod
    def of(cls, gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> "Completion":
        """Complete a text with a filling of its gaps."""
        total = float(filling.nats.sum())
        return cls(
            text=_string(gapped.completed(_fillings(gapped, filling, vocabulary)), vocabulary),
            gaps=list(_gaps(gapped, filling, vocabulary)),
            probability=float(exp(-total)),
            bits_per_char=total / filling.nats.size / LN_2,
        )


def completed(gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> bytes:
    """Return a whole completed text as bytes, ready to be written."""
    return _bytes(gapped.completed(_fillings(gapped, filling, vocabulary)), vocabulary)


def excerpt(gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> str:
    """Return the filled gaps with the text next to them."""
    before, *between, behind = gapped.known
    known = (
        before if len(before) <= BESIDE else "…" + before[-BESIDE:],
        *(part if len(part) <= 2 * BESIDE else f"{part[:BESIDE]}…{part[-BESIDE:]}" for part in between),
        behind if len(behind) <= BESIDE else behind[:BESIDE] + "…",
    )
    return _string(replace(gapped, known=known).completed(_fillings(gapped, filling, vocabulary)), vocabulary)


def _gaps(gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> Iterator[Gap]:
    """Yield the filled gaps, in order."""
    place, filled = 1, 0
    for known, text in zip(gapped.known, _fillings(gapped, filling, vocabulary), strict=False):
        place += len(known)
        nats = float(filling.nats[filled : filled + len(text)].sum())
        yield Gap(place, _string(text, vocabulary), float(exp(-nats)))
        place, filled = place + len(text), filled + len(text)


def _fillings(gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> list[str]:
    return gapped.split(vocabulary.spell(filling.symbols))


def _bytes(text: str, vocabulary: Vocabulary) -> bytes:
    return text.encode("latin-1" if vocabulary.byte_level else "utf-8", "surrogateescape")


def _string(text: str, vocabulary: Vocabulary) -> str:
    return _bytes(text, vocabulary).decode("utf-8", "backslashreplace")
