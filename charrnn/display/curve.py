"""A learning curve drawn in characters."""

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise

from rich.console import Console

Point = tuple[float, float, float | None]  # epochs, loss and validation loss in nats

HEIGHT = 9
NARROWEST, WIDEST = 28, 90
BESIDE = 7  # columns for the numbers and the axis
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a Braille character's two columns, in Unicode's order


def width() -> int:
    """Return how many columns there are to write in: those of the terminal, or 80."""
    return Console(file=sys.stdout).width


def learning_curve(points: Sequence[Point]) -> list[str]:
    """Draw losses as wide as the terminal is, up to a point; on a dumb one in ASCII. No lines for one validation."""
    # Where a line is full, some terminals begin a new one.
    return draw(points, min(width() - 1, WIDEST), ascii_only=Console(file=sys.stdout).is_dumb_terminal)


def draw(points: Sequence[Point], width: int, *, ascii_only: bool = False) -> list[str]:
    """Draw the loss as a line and each validation as an o, in lines of ``width`` columns at most.

    Raises OverflowError or ValueError for numbers too large to be drawn.
    """
    columns = width - BESIDE
    losses = [loss for _, *both in points for loss in both if loss is not None]
    if len(points) < 2 or width < NARROWEST:
        return []
    low, high = min(losses), max(losses)
    first, last = min(point[0] for point in points), max(point[0] for point in points)
    high += (high == low) * 1.0
    last += (last == first) * 1.0

    def across(epoch: float) -> int:
        return round((epoch - first) / (last - first) * (2 * columns - 1))

    def down(loss: float) -> int:
        return round((high - loss) / (high - low) * (4 * HEIGHT - 1))

    cells = [[0] * columns for _ in range(HEIGHT)]
    for x, y in _line([(across(epoch), down(loss)) for epoch, loss, _ in points]):
        cells[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    rows = [["." if ascii_only and cell else chr(0x2800 + cell) if cell else " " for cell in row] for row in cells]
    for epoch, _, validation in points:
        if validation is not None:
            rows[down(validation) // 4][across(epoch) // 2] = "o"
    numbers = {0: f"{high:.2f}", HEIGHT // 2: f"{(high + low) / 2:.2f}", HEIGHT - 1: f"{low:.2f}"}
    side = "|" if ascii_only else "│"
    left, right = f"{round(first, 2):g}", f"{round(last, 2):g}"
    title = f"       {'.' if ascii_only else '⠒'} loss" + ("   o validation" if len(losses) > len(points) else "")
    lines = [f"{numbers.get(k, ''):>5.5} {side}{''.join(row).rstrip()}" for k, row in enumerate(rows)]
    return [title, *lines, f"       {left}{'epochs':^{columns - len(left) - len(right)}}{right}"]


def _line(dots: Sequence[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """Yield the dots from each to the next."""
    for (x, y), (next_x, next_y) in pairwise(dots):
        steps = max(abs(next_x - x), abs(next_y - y), 1)
        for step in range(steps + 1):
            yield x + round((next_x - x) * step / steps), y + round((next_y - y) * step / steps)
