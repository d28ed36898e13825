"""Text on stdout in which the color of each character shows a number."""

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.color import Color, ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style

from charrnn.display.standard_streams import Codes
from charrnn.display.words import harmless

Rgb = tuple[int, int, int]  # red, green and blue, from 0 to 255

LEVELS = 33  # shades of a scale, with one in the middle: about as many as an eye can distinguish
RESET = "\x1b[0m"

BLUE_WHITE_RED: tuple[Rgb, ...] = ((33, 102, 172), (247, 247, 247), (178, 24, 43))
YELLOW_RED: tuple[Rgb, ...] = ((255, 255, 204), (253, 141, 60), (128, 0, 38))


@dataclass(frozen=True)
class Scale:
    """The colors of the numbers from ``low`` to ``high``; numbers outside get the colors of the ends.

    With ``bare``, the lowest shade is no color, so that unremarkable text looks as usual.
    """

    low: float
    high: float
    colors: tuple[Rgb, ...] = BLUE_WHITE_RED
    bare: bool = False

    def levels(self, values: ArrayLike) -> NDArray[np.int64]:
        """Return the shade of each value [N].

        Shades go from 0 to LEVELS − 1; NaN has 0.
        """
        with np.errstate(all="ignore"):
            place = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
            return np.rint(np.nan_to_num(np.clip(place, 0.0, 1.0)) * (LEVELS - 1)).astype(np.int64)

    def shades(self) -> list[Rgb]:
        """Return the colors of all levels."""
        places, anchors = np.linspace(0.0, 1.0, LEVELS), np.linspace(0.0, 1.0, len(self.colors))
        parts = [np.rint(np.interp(places, anchors, part)).astype(int) for part in zip(*self.colors, strict=True)]
        return [(int(r), int(g), int(b)) for r, g, b in zip(*parts, strict=True)]


def ink(paper: Rgb) -> Rgb:
    """Return black or white, whichever is readable on a color.

    Decided by the luma of the color (ITU-R BT.601).
    """
    red, green, blue = paper
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


def color_system() -> ColorSystem | None:
    """Return the colors of the terminal that stdout is; None if it is none, has none, or they are not wanted."""
    console = Console(file=sys.stdout, highlight=False)
    wanted = console.is_terminal and not console.no_color
    return COLOR_SYSTEMS.get(console.color_system or "") if wanted else None


class ColoredText:
    """Writes text to stdout piece by piece, in colors if stdout is a terminal that has them.

    Honors NO_COLOR and TERM=dumb. Control characters are not written to a terminal. Does not flush.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        system = color_system()
        self.colored = system is not None
        self._codes = [_codes(shade, system) for shade in scale.shades()] if self.colored else []
        if self.colored and scale.bare:
            self._codes[0] = ""

    def write(self, text: str, values: ArrayLike) -> None:
        """Write N characters with their values [N].

        A line feed is shown as a colored space before it.
        """
        if not self.colored or not text:
            sys.stdout.write(text)
            return
        text = harmless(text)
        levels = self.scale.levels(values)
        cuts = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(text)]
        pieces = []
        for begin, end in pairwise(cuts):
            code, piece = self._codes[levels[begin]], text[begin:end]
            if code:  # a color left on at the end of a line would fill the rest of the row
                piece = f"{code}{piece}{RESET}".replace("\n", f" {RESET}\n{code}")
            pieces.append(piece)
        sys.stdout.write(Codes("".join(pieces)))


def _codes(paper: Rgb, system: Any) -> str:
    """Return the terminal codes for a background and the text on it."""
    style = Style(color=Color.from_rgb(*ink(paper)), bgcolor=Color.from_rgb(*paper))
    return style.render("\0", color_system=system).partition("\0")[0]
