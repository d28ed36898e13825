"""How to train: the settings of a run, and those that follow from others."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from charrnn.cells.architecture import Architecture
from charrnn.cells.table import cell_named
from charrnn.errors import CharrnnError
from charrnn.training.rules import GRADIENTS, OPTIMIZERS, SCHEDULES

MOST_EPOCHS = 1e6
_NONE_IS_ZERO = ("clip", "clip_value")  # in a model file; no bound, where it is 0 here
TIME_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds
LONGEST_NAME = 100  # characters of a setting in a file


@dataclass(frozen=True)
class Settings:
    """How to train. Raises CharrnnError where a value makes no sense.

    A run ends after `epochs` passes over the text or `seconds` of training, and the learning rate's schedule is laid
    over whichever is given; over `epochs` alone the result depends on nothing but the seed. One that learns `online`
    has no end, and a constant rate. `clip` bounds the gradient's norm, `clip_value` each entry of it; 0 bounds nothing.
    """

    cell: str = "lstm"
    hidden: int = 256
    layers: int = 1
    activation: str | None = None
    projection: int | None = None
    periods: str | None = None
    bidirectional: bool = False
    learned_state: bool = False
    gradient: str = "bptt"
    online: bool = False
    dropout: float = 0.2
    seq_length: int = 32
    batch_size: int = 16
    epochs: float | None = None
    seconds: float | None = None
    optimizer: str = "adam"
    lr: float = 0.01
    schedule: str = "cosine"
    warmup: float = 0.01
    final_lr: float = 0.02
    clip: float = 1.0
    clip_value: float = 0.0
    val_fraction: float = 0.1
    patience: int = 8
    seed: int = 0

    def architecture(self, vocabulary: int) -> Architecture:
        """Return the network for so many symbols. Raises CharrnnError where there is none."""
        return Architecture(
            self.cell,
            vocabulary,
            self.hidden,
            self.layers,
            activation=self.activation,
            projection=self.projection,
            periods=None if self.periods is None else periods_of(self.periods),
            bidirectional=self.bidirectional,
            learned_state=self.learned_state,
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """Read settings from a file, as `stored` gives them; raise CharrnnError if they are none."""
        values = {name: 0.0 if value is None and name in _NONE_IS_ZERO else value for name, value in values.items()}
        kinds = {field.name: field.type for field in fields(cls)}
        if not all(name in kinds and _fits(value, kinds[name]) for name, value in values.items()):
            raise CharrnnError("the settings of the run are not those of this program")
        return cls(**values)

    def stored(self) -> dict[str, Any]:
        """Return the settings as a model file keeps them: null for no bound on the gradient."""
        return {name: None if name in _NONE_IS_ZERO and not v else v for name, v in asdict(self).items()}

    def __post_init__(self) -> None:
        def need(holds: bool, what: str) -> None:
            if not holds:
                raise CharrnnError(what)

        need(self.gradient in GRADIENTS, f"there is no gradient {self.gradient!r}; there are {', '.join(GRADIENTS)}")
        need(0.0 <= self.dropout < 1.0, f"the dropout must be at least 0 and less than 1, not {self.dropout:g}")
        need(
            1 <= self.seq_length <= 65_536,
            f"the sequence length must be from 1 to 65,536, not {self.seq_length}",
        )
        need(1 <= self.batch_size <= 65_536, f"the batch size must be from 1 to 65,536, not {self.batch_size}")
        most = f"more than 0 and at most {MOST_EPOCHS:,.0f}"
        need(
            self.epochs is None or 0.0 < self.epochs <= MOST_EPOCHS,
            f"the number of epochs must be {most}, not {self.epochs}",
        )
        need(self.seconds is None or 0.0 < self.seconds < math.inf, f"the time must be more than 0, not {self.seconds}")
        lengths = (self.epochs is not None) + (self.seconds is not None)
        need(lengths == (not self.online), "a run is measured in epochs or in time, in one of them, or learns online")
        need(
            not self.online or (self.gradient, self.batch_size, self.dropout) == ("rtrl", 1, 0.0),
            "a run learns online by real-time recurrent learning, from one stream, without dropout",
        )
        need(
            self.optimizer in OPTIMIZERS, f"there is no optimizer {self.optimizer!r}; there are {', '.join(OPTIMIZERS)}"
        )
        need(
            self.schedule in SCHEDULES,
            f"there is no schedule {self.schedule!r}; there are {', '.join(SCHEDULES)}",
        )
        need(0.0 < self.lr < math.inf, f"the learning rate must be more than 0, not {self.lr:g}")
        need(0.0 <= self.warmup <= 1.0, f"the warm-up must be a share from 0 to 1, not {self.warmup:g}")
        need(
            0.0 < self.final_lr <= 1.0,
            f"the final learning rate must be a share of the peak, not {self.final_lr:g}",
        )
        for what, value in (("clip", self.clip), ("clip value", self.clip_value)):
            need(value >= 0.0, f"the {what} must be 0 or more, not {value}")
        need(
            0.0 <= self.val_fraction <= 0.9,
            f"the fraction to validate with must be from 0 to 0.9, not {self.val_fraction:g}",
        )
        need(self.patience >= 0, f"the patience must be 0 or more, not {self.patience}")
        need(0 <= self.seed < 2**63, f"the seed must be from 0 to 2^63 − 1, not {self.seed}")


def _fits(value: Any, kind: Any) -> bool:
    """Tell whether a value out of JSON is of a field's type. True is no number; a whole number may be any number."""
    kinds = get_args(kind) or (kind,)
    if type(value) is int:
        return (int in kinds or float in kinds) and abs(value) < 2**63
    return type(value) in kinds and not (isinstance(value, str) and len(value) > LONGEST_NAME)


def periods_of(text: str) -> tuple[int, ...]:
    """Read periods such as ``1,2,4,8``; raise CharrnnError if they are none."""
    try:
        return tuple(int(period) for period in text.split(","))
    except ValueError:
        raise CharrnnError(
            f"periods are whole numbers with commas between them, such as 1,2,4,8, not {text[:60]!r}"
        ) from None


def seconds_of(time: str | float) -> float:
    """Read a time such as 90s, 5m, 1.5h or 2d, or a number of seconds; raise CharrnnError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhd]?)", str(time).strip())
    seconds = float(match[1]) * TIME_UNITS[match[2] or "s"] if match else 0.0
    if not 0.0 < seconds < math.inf:
        raise CharrnnError(f"{str(time)[:60]!r} is not a time; write 90s, 5m or 2h")
    return seconds


def default_lr(cell: str) -> float:
    """Return the peak learning rate that was best for a cell's family of those tried, with Adam at usual sizes."""
    return {"lstm": 0.01, "gru": 0.006, "rnn": 0.004}[cell_named(cell).family]


def default_seq_length(bidirectional: bool) -> int:
    """Return through how many steps to learn where nobody says: all that a bidirectional network reads of a window."""
    return 64 if bidirectional else Settings.seq_length


def default_epochs(characters: int, gradient: str = "bptt") -> int:
    """Return how long to train where nobody says: about ten million characters, in 3 to 50 epochs.

    In real time, which takes longer but learns at each character, one million, in 1 to 50.
    """
    if gradient == "rtrl":
        return max(1, min(50, round(1_000_000 / characters)))
    return max(3, min(50, round(10_000_000 / characters)))
