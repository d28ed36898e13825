"""Curves drawn in characters: the loss over training, and gradients by lag."""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from rich.console import Console

Point = tuple[float, float, float | None]  # epochs, loss and validation loss in nats

HEIGHT = 9
NARROWEST, WIDEST = 28, 90
BESIDE = 7  # columns for the numbers and the axis
DECADES = 12.0  # longest logarithmic axis, in powers of ten; smaller values are not drawn
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # names of curves that are drawn together
LETTERS_A_CURVE = 5
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a Braille character's two columns, in Unicode's order


def width() -> int:
    """Return the number of columns of the terminal, or 80."""
    return Console(file=sys.stdout).width


def learning_curve(points: Sequence[Point]) -> list[str]:
    """Draw losses to fit the terminal, as `draw` does.

    ASCII only on a dumb terminal. Returns no lines for a single point.
    """
    return draw(points, _room(), ascii_only=_is_dumb())


def logarithmic_curves(curves: Sequence[Sequence[float | None]], axis: str) -> list[str]:
    """Draw curves to fit the terminal, as `draw_logarithmic` does."""
    return draw_logarithmic(curves, axis, _room(), ascii_only=_is_dumb())


def draw(points: Sequence[Point], width: int, *, ascii_only: bool = False) -> list[str]:
    """Draw the loss as a line and each validation as an o.

    The lines have ``width`` columns at most. Raises OverflowError or ValueError for numbers too large to draw.
    """
    marks = [(epoch, loss, "o") for epoch, _, loss in points if loss is not None]
    rows = _frame([[(epoch, loss) for epoch, loss, _ in points]], marks, "{:.2f}".format, "epochs", width, ascii_only)
    if not rows:
        return []
    return [f"{' ' * BESIDE}{'.' if ascii_only else '⠒'} loss{'   o validation' * bool(marks)}", *rows]


def draw_logarithmic(
    curves: Sequence[Sequence[float | None]], axis: str, width: int, *, ascii_only: bool = False
) -> list[str]:
    """Draw curves over 0, 1, 2, … with a logarithmic vertical axis.

    The lines have ``width`` columns at most. Several curves are marked with letters, a for the first. Values that are
    None, 0 or too small are left out; if too few are left for a line, returns no lines.
    """
    floor = max((value for curve in curves for value in curve if value), default=1.0) * 10.0**-DECADES
    lines = [[(float(k), math.log10(value)) for k, value in enumerate(c) if value and value >= floor] for c in curves]
    marks = []
    for number, line in enumerate(lines if len(lines) > 1 else ()):
        for place in range(LETTERS_A_CURVE):  # apart from the letters of other curves, which can overlap
            share = (place + (number + 0.5) / len(lines)) / LETTERS_A_CURVE
            marks += [(*line[int(share * len(line))], LETTERS[number % len(LETTERS)])] if line else []
    return _frame(lines, marks, lambda power: f"{10.0**power:.0e}", axis, width, ascii_only)


def _room() -> int:
    return min(width() - 1, WIDEST)  # some terminals start a new line when one is full


def _is_dumb() -> bool:
    return Console(file=sys.stdout).is_dumb_terminal


def _frame(
    lines: Sequence[Sequence[tuple[float, float]]],
    marks: Sequence[tuple[float, float, str]],
    number: Callable[[float], str],
    axis: str,
    width: int,
    ascii_only: bool,
) -> list[str]:
    """Draw lines through points, and marks.

    The vertical axis has numbers; the horizontal axis has a name.
    """
    columns = width - BESIDE
    points = [(x, y) for x, y, _ in marks] + [point for line in lines for point in line]
    if max(map(len, lines), default=0) < 2 or width < NARROWEST:
        return []
    low, high = min(y for _, y in points), max(y for _, y in points)
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    high += (high == low) * 1.0
    last += (last == first) * 1.0

    def across(x: float) -> int:
        return round((x - first) / (last - first) * (2 * columns - 1))

    def down(y: float) -> int:
        return round((high - y) / (high - low) * (4 * HEIGHT - 1))

    cells = [[0] * columns for _ in range(HEIGHT)]
    for line in lines:
        for column, row in _line([(across(x), down(y)) for x, y in line]):
            cells[row // 4][column // 2] |= _DOTS[column % 2][row % 4]
    rows = [["." if ascii_only and cell else chr(0x2800 + cell) if cell else " " for cell in row] for row in cells]
    for x, y, mark in marks:
        rows[down(y) // 4][across(x) // 2] = mark
    numbers = {0: number(high), HEIGHT // 2: number((high + low) / 2), HEIGHT - 1: number(low)}
    side = "|" if ascii_only else "│"
    left, right = f"{round(first, 2):g}", f"{round(last, 2):g}"
    return [
        *(f"{numbers.get(k, ''):>5.5} {side}{''.join(row).rstrip()}" for k, row in enumerate(rows)),
        f"{' ' * BESIDE}{left}{axis:^{columns - len(left) - len(right)}}{right}",
    ]


def _line(dots: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield the dots of a line through the given dots."""
    for (x, y), (next_x, next_y) in pairwise(dots):
        steps = max(abs(next_x - x), abs(next_y - y), 1)
        for step in range(steps + 1):
            yield x + round((next_x - x) * step / steps), y + round((next_y - y) * step / steps)
