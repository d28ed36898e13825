"""The cost of real-time recurrent learning compared with backpropagation through windows, by network size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from charrnn.benchmark.report import Table
from charrnn.benchmark.sides import training_side
from charrnn.benchmark.timing import Timing, Turns, alternate
from charrnn.cells.architecture import Architecture
from charrnn.cells.real_time import influence_shape
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

HIDDEN = (16, 32, 64, 128)
UPDATES = (32, 1)  # characters between two updates
WINDOW = 32  # steps of backpropagation, with one stream, to compare with

COUNTED = (
    "A layer has P parameters, R·H² of them in W, and N = S·H states (S = 2 for an LSTM, else 1). Its influence is N·P "
    "numbers per stream. With T characters between two updates, a character takes N²·P/T multiply-adds to carry the "
    "influence on, N·P/T to read it, and 2·N·R·H² for its new part, in addition to the backward pass through the T "
    "characters. The rows of P for symbols that have not occurred yet cost nothing."
)


def multiply_adds(architecture: Architecture, updates: int) -> int:
    """Return the multiply-adds per character for the influence.

    `updates` is the number of characters between two updates.
    """
    units, parameters = influence_shape(architecture)
    recurrent = len(architecture.row.recurrent_gates) * architecture.hidden**2
    return round((units + 1) * units * parameters / updates) + 2 * units * recurrent


@dataclass(frozen=True)
class Cost:
    """The speed of one network in characters per second: by backpropagation, and in real time."""

    architecture: Architecture
    windows: Timing
    real_time: dict[int, Timing]  # by the number of characters between two updates

    @property
    def influence_bytes(self) -> int:
        """The bytes of one stream's influence."""
        units, parameters = influence_shape(self.architecture)
        return 4 * units * parameters

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "cell": self.architecture.cell,
            "hidden": self.architecture.hidden,
            "vocabulary": self.architecture.vocabulary,
            "influence_bytes": self.influence_bytes,
            "bptt_chars_per_second": self.windows.as_dict(),
            "rtrl_chars_per_second": {str(updates): timing.as_dict() for updates, timing in self.real_time.items()},
            "rtrl_multiply_adds": {str(updates): multiply_adds(self.architecture, updates) for updates in UPDATES},
        }


def costs(
    corpus: Corpus, cell: str, team: Team, *, turns: Turns, hidden_sizes: Sequence[int] = HIDDEN
) -> Iterator[Cost]:
    """Measure networks of one layer, from small to large.

    All have one stream, and take turns.
    """
    for hidden in hidden_sizes:
        plain = Settings(cell=cell, hidden=hidden, batch_size=1, seq_length=WINDOW, dropout=0.0, epochs=1e3, patience=0)
        runs = {"bptt": plain}
        runs |= {f"rtrl {updates}": replace(plain, gradient="rtrl", seq_length=updates) for updates in UPDATES}
        trainers = {name: Trainer(TextData(settings, corpus), team) for name, settings in runs.items()}
        timings = alternate({name: training_side(trainer) for name, trainer in trainers.items()}, turns)
        measured = {updates: timings[f"rtrl {updates}"] for updates in UPDATES}
        yield Cost(trainers["bptt"].architecture, timings["bptt"], measured)


def table(measured: Sequence[Cost]) -> Table:
    """Return a table of each network's speed and influence."""
    rows = tuple(
        (
            f"{cost.architecture.cell} {cost.architecture.hidden}",
            f"{cost.influence_bytes / 1e6:.1f} MB",
            f"{cost.windows.median:,.0f}",
            *(f"{cost.real_time[updates].median:,.0f}" for updates in UPDATES),
        )
        for cost in measured
    )
    title = f"training, one stream, V {measured[0].architecture.vocabulary}"
    real_time = (f"rtrl, an update every {updates}" if updates > 1 else "every character" for updates in UPDATES)
    return Table((title, "influence", f"bptt through {WINDOW}", *real_time), rows)
