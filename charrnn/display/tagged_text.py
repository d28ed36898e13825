"""Texts whose spans have tags, on stdout: in brackets, and in colors on a terminal that has them."""

import sys
from collections.abc import Iterable, Sequence

from rich.color import Color
from rich.style import Style

from charrnn.display.color import RESET, color_system
from charrnn.display.standard_streams import Codes
from charrnn.display.words import harmless

PALETTE = ("cyan", "magenta", "green", "yellow", "blue", "red")  # from the first tag on, and then again


class TaggedText:
    """Writes texts as spans ``[text]tag``; a span with the tag ``outside`` is as it was.

    Each tag has a color. Honors NO_COLOR and TERM=dumb; control characters are not written to a terminal.
    """

    def __init__(self, tags: Sequence[str], outside: str) -> None:
        self.outside = outside
        system = color_system()
        self._codes = {}
        if system is not None:
            for k, tag in enumerate(dict.fromkeys(tag for tag in tags if tag != outside)):
                style = Style(color=Color.parse(PALETTE[k % len(PALETTE)]))
                self._codes[tag] = style.render("\0", color_system=system).partition("\0")[0]

    def write(self, spans: Iterable[tuple[str, str]]) -> None:
        """Write a line with the texts of spans and their tags."""
        pieces = []
        for text, tag in spans:
            piece = text if tag == self.outside else f"[{text}]{tag}"
            code = self._codes.get(tag, "")
            pieces.append(f"{code}{harmless(piece)}{RESET}" if code else harmless(piece) if self._codes else piece)
        line = "".join(pieces) + "\n"
        sys.stdout.write(Codes(line) if self._codes else line)
        sys.stdout.flush()
