"""How a character is chosen: a table of controls, each of which changes the logarithms of the probabilities."""

import math
from dataclasses import dataclass

from charrnn.errors import CharrnnError

USUAL_LENGTH = 1000  # characters of a sample that nothing else ends
BEAM = 16  # beginnings of a filling that are kept
LENGTH_AT_MOST = 100_000  # characters of a sample that something else can end


@dataclass(frozen=True)
class Control:
    """A row of the table: a control's name, what it does, and its values."""

    name: str
    help: str  # for people
    effect: str  # on log p, of the model's probabilities or of what the row before made of them
    least: float
    most: float
    whole: bool = False
    least_is_open: bool = False  # only more than `least` will do

    def allows(self, value: float) -> bool:
        """Tell whether a value is in the row's range."""
        above = value > self.least if self.least_is_open else value >= self.least
        return above and value <= self.most and math.isfinite(value) and not (self.whole and value % 1)


# They work in this order. Each one keeps the likeliest character, so that there always is one to draw.
CONTROLS = (
    Control(
        "repeat_penalty",
        "Makes characters that are among the last ones written so many times less likely; 1 changes nothing.",
        "log p − log penalty for each character in the window",
        1e-6,
        1e6,
    ),
    Control(
        "repeat_window",
        "How many last characters, of the prime too, --repeat-penalty looks at.",
        "",
        1,
        65_536,
        whole=True,
    ),
    Control(
        "temperature",
        "How bold: 0 always takes the likeliest character, 0.5 is careful, 1 as learnt, above 1 wild.",
        "log p / temperature; for 0, −∞ for all but the likeliest",
        0.0,
        math.inf,
    ),
    Control("top_k", "Choose among the K likeliest characters alone.", "−∞ for all but K", 1, 2**31 - 1, whole=True),
    Control(
        "min_p",
        "Leave out characters less likely than this share of the likeliest one's probability; 0 leaves out none.",
        "−∞ where log p < log max p + log share",
        0.0,
        1.0,
    ),
    Control(
        "top_p",
        "Choose among the likeliest characters that have this much probability together; 1 is all of them.",
        "−∞ for all but the fewest likeliest whose p add up to it",
        0.0,
        1.0,
        least_is_open=True,
    ),
)


@dataclass(frozen=True)
class Controls:
    """A value for each control; these defaults change nothing. CharrnnError for a value out of its row's range."""

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
