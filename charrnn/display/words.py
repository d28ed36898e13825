"""Numbers and texts as people may read them."""

import math
import unicodedata

KEPT = "\n\t\u200c\u200d"  # of what is not printable


def duration(seconds: float) -> str:
    """Write a time for people: 42 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Write a number of bytes for people: 1.4 MB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def bits(nats: float) -> float:
    """Turn nats into bits."""
    return nats / math.log(2.0)


def harmless(text: str) -> str:
    """Return a text without what could command a terminal or turn a line round: as long, with � instead.

    The joiners of Persian, Hindi and emoji stay, as they command nothing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in KEPT else _stand_in(c) for c in text)


def _stand_in(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes, where that does not draw several characters as one."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def padded(text: str, width: int) -> str:
    """Return a text with spaces after it, to so many columns of a terminal at least."""
    return text + " " * (width - cells(text))
