"""Numbers and texts in a readable form."""

import math
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charrnn.cells.architecture import Architecture

KEPT = "\n\t\u200c\u200d"  # characters that are not printable, but harmless
_PRINTABLE = dict.fromkeys(map(ord, KEPT), " ")


def duration(seconds: float) -> str:
    """Return a time, such as 42 s or 3 min 05 s."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Return a readable number of bytes, such as 1.4 MB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def bits(nats: float) -> float:
    """Convert nats to bits."""
    return nats / math.log(2.0)


def count(number: int, what: str) -> str:
    """Return a number of things in words, such as 1 example or 1,200 examples."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def shown_figures(figures: Mapping[str, float]) -> str:
    """Return how good predictions are in words: their accuracy or R²; "" if neither is known."""
    if "accuracy" in figures:
        return f"accuracy {100 * figures['accuracy']:.1f} %"
    return f"R² {figures['r2']:.3f}" if "r2" in figures else ""


def shown_loss(loss: float) -> str:
    """Return a loss with three decimals, or if it is small with two digits."""
    return f"{loss:.3f}" if not 0.0 < loss < 0.01 else f"{loss:.1e}"


def loss_unit(architecture: "Architecture") -> str:
    """Return the unit of a network's loss, such as nats per character; "" for squared errors, which have none."""
    if architecture.head == "linear":
        return ""
    if architecture.pooling != "each":
        return "nats per example"
    return "nats per character" if architecture.vocabulary else "nats per step"


def harmless(text: str) -> str:
    """Replace the characters that could control a terminal.

    They, and those that reverse the direction of a line, become �, so the length stays. The joiners of Persian, Hindi
    and emoji stay.
    """
    if text.isprintable() or text.translate(_PRINTABLE).isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else _stand_in(c) for c in text)


def _stand_in(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def cells(text: str) -> int:
    """Return the number of terminal columns of a text.

    Assumes that the terminal does not combine several characters into one.
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def padded(text: str, width: int) -> str:
    """Return a text padded with spaces to at least `width` terminal columns."""
    return text + " " * (width - cells(text))


def unknown_symbol(count: int, characters: int, rare: int) -> str:
    """Return what the unknown symbol of a model stands for in its text."""
    share = f"{count:,} characters ({100 * count / max(1, characters):.2g} %)"
    return f"� for {share} that occur fewer than {rare:,} times"
