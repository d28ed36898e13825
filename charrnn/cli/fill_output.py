"""Completed texts: as they are to be written, and as they are told in tables and JSON."""

import math
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.writing.filling import Filling, Gapped

BESIDE = 30  # characters on each side of gaps that are shown of a text in a table


class Completion:
    """A text whose gaps were filled, and how likely it is."""

    def __init__(self, gapped: "Gapped", filling: "Filling", vocabulary: "Vocabulary") -> None:
        self._gapped, self._byte_level = gapped, vocabulary.byte_level
        self._fillings = gapped.split(vocabulary.spell(filling.symbols))
        self._nats = filling.nats
        total = float(filling.nats.sum())
        self.probability, self.bits_per_char = math.exp(-total), total / filling.nats.size / math.log(2.0)

    @property
    def data(self) -> bytes:
        """The whole text, as it is to be written."""
        return self._bytes(self._gapped.completed(self._fillings))

    def _bytes(self, text: str) -> bytes:
        return text.encode("latin-1" if self._byte_level else "utf-8", "surrogateescape")

    def _string(self, text: str) -> str:
        return self._bytes(text).decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        """The whole text, with escapes for bytes that are no UTF-8."""
        return self._string(self._gapped.completed(self._fillings))

    @property
    def excerpt(self) -> str:
        """What is beside the gaps, with what was filled in."""
        before, *between, behind = self._gapped.known
        known = (
            before if len(before) <= BESIDE else "…" + before[-BESIDE:],
            *(part if len(part) <= 2 * BESIDE else f"{part[:BESIDE]}…{part[-BESIDE:]}" for part in between),
            behind if len(behind) <= BESIDE else behind[:BESIDE] + "…",
        )
        return self._string(replace(self._gapped, known=known).completed(self._fillings))

    @property
    def record(self) -> dict[str, Any]:
        """All that is told in JSON."""
        gaps, place, filled = [], 1, 0
        for known, filling in zip(self._gapped.known, self._fillings, strict=False):
            place += len(known)
            nats = float(self._nats[filled : filled + len(filling)].sum())
            gaps.append({"index": place, "filling": self._string(filling), "probability": math.exp(-nats)})
            place, filled = place + len(filling), filled + len(filling)
        return {"text": self.text, "gaps": gaps, "probability": self.probability, "bits_per_char": self.bits_per_char}


def write_completed(data: bytes, *, ended: bool) -> None:
    """Write a completed text as it is, or with a line feed behind it where it is to be `ended`."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data + b"\n" * ended)
        return
    from charrnn.display.words import harmless

    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    sys.stdout.write(harmless(text) + "\n" * (ended or not text.endswith("\n")))
