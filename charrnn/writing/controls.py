"""How a character is chosen: a table of controls, each of which changes the log-probabilities."""

import math
from dataclasses import dataclass

from charrnn.errors import CharrnnError

USUAL_LENGTH = 1000  # characters of a sample if nothing else can end it
BEAM = 16  # beginnings of a filling that are kept
LENGTH_AT_MOST = 100_000  # characters of a sample if something else can end it


@dataclass(frozen=True)
class Control:
    """A row of the table: the name of a control, what it does, and its range."""

    name: str
    help: str  # for users
    effect: str  # on log p: of the model's probabilities, or as the previous row has changed them
    least: float
    most: float
    whole: bool = False
    least_is_open: bool = False  # values must be above `least`

    def allows(self, value: float) -> bool:
        """Return whether a value is in the row's range."""
        above = value > self.least if self.least_is_open else value >= self.least
        return above and value <= self.most and math.isfinite(value) and not (self.whole and value % 1)


# They apply in this order. Each keeps the most probable character, so that one is always left to draw.
CONTROLS = (
    Control(
        "repeat_penalty",
        "Divide the probability of each character among the last ones by this number; 1 changes nothing.",
        "log p − log penalty for each character in the window",
        1e-6,
        1e6,
    ),
    Control(
        "repeat_window",
        "Number of last characters, including the prime, that --repeat-penalty looks at.",
        "",
        1,
        65_536,
        whole=True,
    ),
    Control(
        "temperature",
        "How bold the model is: 0 always takes the most probable character, 0.5 is careful, 1 is as learned, and more "
        "is wild.",
        "log p / temperature; 0 keeps only the most probable",
        0.0,
        math.inf,
    ),
    Control(
        "top_k",
        "Choose only among the K most probable characters.",
        "−∞ for all but the K most probable",
        1,
        2**31 - 1,
        whole=True,
    ),
    Control(
        "min_p",
        "Leave out characters with less than this share of the highest probability; 0 leaves out none.",
        "−∞ if log p < log max p + log share",
        0.0,
        1.0,
    ),
    Control(
        "top_p",
        "Choose among the most probable characters, as few as have this probability together; 1 keeps all.",
        "−∞ for all but the most probable whose p add up to it",
        0.0,
        1.0,
        least_is_open=True,
    ),
)


@dataclass(frozen=True)
class Controls:
    """A value for each control; the defaults change nothing. Raises CharrnnError for a value outside its range."""

    repeat_penalty: float = 1.0
    repeat_window: int = 64
    temperature: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        for control in CONTROLS:
            value = getattr(self, control.name)
            if value is None:
                continue
            if not control.allows(value):
                kind = "a whole number" if control.whole else "a number"
                least = f"{'more than' if control.least_is_open else 'at least'} {control.least:.12g}"
                most = f" and at most {control.most:.12g}" if math.isfinite(control.most) else ""
                name = control.name.replace("_", " ")
                raise CharrnnError(f"the {name} must be {kind}, {least}{most}, not {value:.12g}")
