"""Draws by given chances, held to the naive twin's distribution."""

from dataclasses import asdict
from itertools import product

import numpy as np
import pytest

from charrnn.kernels.arguments import DrawingControls
from charrnn.kernels.barrier import flushed_denormals
from charrnn.kernels.drawing import draw
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned
from charrnn.writing.controls import Controls
from charrnn.writing.sampler import drawing_controls
from tests import naive

ALMOST_1 = np.nextafter(1.0, 0.0)
TOGETHER = Controls(repeat_penalty=3.0, repeat_window=4, temperature=1.4, top_k=7, min_p=0.02, top_p=0.9)
ALONE = (
    Controls(repeat_penalty=3.0, repeat_window=4),
    Controls(temperature=0.4),
    Controls(temperature=2.0),
    Controls(top_k=3),
    Controls(min_p=0.3),
    Controls(top_p=0.7),
)


def drawing(logits, controls=None, recent=()):
    """Return a function that draws by a chance, and says the loss; `recent` is the window of the last characters.

    Denormal numbers are zeros, as where a network draws.
    """
    row, penalties = aligned(padded(len(logits))), aligned(padded(len(logits)))  # padded by zeros as a network's are
    row[: len(logits)] = logits
    arguments = controls if isinstance(controls, DrawingControls) else drawing_controls(controls or Controls())
    penalties[list(recent)] = arguments.penalty
    room = aligned(row.size)
    room[...] = np.nan  # what is there before does not matter

    def one(chance):
        with flushed_denormals():
            return draw(row, room, penalties, len(logits), arguments, float(chance))

    return one


def fits(symbol, chance, p, tolerance):
    """Tell whether a chance lies in the share of [0, 1) that a symbol has, and it has one."""
    end = p[: symbol + 1].sum()
    return p[symbol] > 0 and end - p[symbol] - tolerance <= chance <= end + tolerance


def shares(logits, written, controls, tolerance):
    """Yield the twin's distribution, then those for bounds that are a little lower or higher.

    What lies at a bound but for rounding may be kept or not.
    """
    log_p = naive.log_softmax(np.asarray(logits, np.float64))
    for a, b in product((0.0, -tolerance, tolerance), repeat=2):
        near = asdict(controls) | {"min_p": controls.min_p * (1 + a), "top_p": controls.top_p * (1 + b)}
        yield np.exp(naive.controlled(log_p, written, **near))


def hold_to_twin(logits, controls, recent=(), count=20, tolerance=2e-6):
    """Hold draws by evenly spread chances, and by those at the ends of each share, to the twin, and their losses."""
    logits = np.asarray(logits, np.float32).astype(np.float64)
    log_p = naive.log_softmax(logits)
    one = drawing(logits, controls, recent)
    ends = np.cumsum(np.exp(naive.controlled(log_p, list(recent), **asdict(controls))))
    ends = ends[:: max(1, len(ends) // count)]
    chances = [0.0, 1e-300, ALMOST_1, *(np.arange(count) + 0.5) / count, *(ends - 1e-5), *(ends + 1e-5)]
    chances = [chance for chance in chances if 0 <= chance < 1]
    drawn = [one(chance) for chance in chances]
    for symbol, loss in drawn:
        assert loss == pytest.approx(-log_p[symbol], rel=2e-6, abs=2e-6)
    assert any(
        all(fits(symbol, chance, p, tolerance) for (symbol, _), chance in zip(drawn, chances, strict=True))
        for p in shares(logits, list(recent), controls, tolerance)
    )
