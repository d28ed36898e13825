"""Texts whose gaps are filled."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from charrnn.arithmetic import LN_2, exp
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.filling import Filling, Gapped

BESIDE = 30  # characters on each side of gaps that an excerpt shows


@dataclass(frozen=True)
class Gap:
    """A gap of a text: its place, counted from 1, its filling, and the probability of the filling."""

    index: int
    filling: str
    probability: float


class Completion:
    """A text with its gaps filled, and the probability of the fillings.

    The `probability` is of all filled-in characters together, each given the text and the characters filled in before
    it. `bits_per_char` is the mean loss of a filled-in character in bits.
    """

    def __init__(self, gapped: Gapped, filling: Filling, vocabulary: Vocabulary) -> None:
        """Complete a text with a filling of its gaps."""
        self._gapped, self._byte_level = gapped, vocabulary.byte_level
        self._fillings = gapped.split(vocabulary.spell(filling.symbols))
        self._nats = filling.nats
        total = float(filling.nats.sum())
        self.probability, self.bits_per_char = float(exp(-total)), total / filling.nats.size / LN_2

    @property
    def data(self) -> bytes:
        """The whole text as bytes, ready to be written."""
        return self._bytes(self._gapped.completed(self._fillings))

    def _bytes(self, text: str) -> bytes:
        return text.encode("latin-1" if self._byte_level else "utf-8", "surrogateescape")

    def _string(self, text: str) -> str:
        return self._bytes(text).decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        """The whole text, with escapes for bytes that are not UTF-8."""
        return self._string(self._gapped.completed(self._fillings))

    @property
    def excerpt(self) -> str:
        """The filled gaps with the text next to them."""
        before, *between, behind = self._gapped.known
        known = (
            before if len(before) <= BESIDE else "…" + before[-BESIDE:],
            *(part if len(part) <= 2 * BESIDE else f"{part[:BESIDE]}…{part[-BESIDE:]}" for part in between),
            behind if len(behind) <= BESIDE else behind[:BESIDE] + "…",
        )
        return self._string(replace(self._gapped, known=known).completed(self._fillings))

    @property
    def gaps(self) -> list[Gap]:
        """The gaps, in order."""
        gaps, place, filled = [], 1, 0
        for known, filling in zip(self._gapped.known, self._fillings, strict=False):
            place += len(known)
            nats = float(self._nats[filled : filled + len(filling)].sum())
            gaps.append(Gap(place, self._string(filling), float(exp(-nats))))
            place, filled = place + len(filling), filled + len(filling)
        return gaps

    @property
    def record(self) -> dict[str, Any]:
        """All fields, as JSON values."""
        gaps = [asdict(gap) for gap in self.gaps]
        return {"text": self.text, "gaps": gaps, "probability": self.probability, "bits_per_char": self.bits_per_char}

    def __repr__(self) -> str:
        return f"Completion(text={self.text!r}, probability={self.probability:.4g})"
