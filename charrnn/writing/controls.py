"""How a character is chosen: a table of controls, each of which changes the log-probabilities."""

from dataclasses import dataclass

from charrnn.errors import CharrnnError

USUAL_LENGTH = 1000  # characters of a sample if nothing else can end it
BEAM = 16  # beginnings of a filling that are kept
LENGTH_AT_MOST = 100_000  # characters of a sample if something else can end it
SMALLEST = 1e-30  # compiled code takes numbers below 1e-38 as 0
HOTTEST = 1000.0  # at a higher temperature, characters that are not equally probable could get equal weights


@dataclass(frozen=True)
class Control:
    """A row of the table: the name of a control, what it does, and its range."""

    name: str
    help: str  # for users
    effect: str  # on log p: of the model's probabilities, or as the previous row has changed them
    least: float
    most: float
    whole: bool = False
    zero: bool = False  # 0 is in the range, too

    def allows(self, value: float) -> bool:
        """Return whether a value is in the row's range."""
        return (self.zero and value == 0) or (self.least <= value <= self.most and not (self.whole and value % 1))


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
        SMALLEST,
        HOTTEST,
        zero=True,
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
        "Leave out characters with less than this share of the highest probability; 0 keeps all.",
        "−∞ if log p < log max p + log share",
        SMALLEST,
        1.0,
        zero=True,
    ),
    Control(
        "top_p",
        "Choose among the fewest most probable characters that together have this probability; 1 keeps all.",
        "−∞ for all but the fewest most probable whose p add up to it",
        SMALLEST,
        1.0,
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
                least = f"{'0 or ' * control.zero}at least {control.least:.12g}"
                name = control.name.replace("_", " ")
                raise CharrnnError(
                    f"the {name} must be {kind}, {least} and at most {control.most:.12g}, not {value:.12g}"
                )
