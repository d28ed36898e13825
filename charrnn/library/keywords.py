"""Keyword arguments of the library, named as the options of the command line."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from charrnn.errors import CharrnnError
from charrnn.writing.controls import CONTROLS, Controls


class ControlOptions(TypedDict, total=False):
    """Options that choose characters: see `charrnn.writing.controls`."""

    temp: float
    top_k: int | None
    min_p: float
    top_p: float
    repeat_penalty: float
    repeat_window: int


class WritingOptions(ControlOptions, total=False):
    """Options of writing; the README of `charrnn.cli` explains each of them."""

    length: int | None
    lines: int | None
    stop: str | Sequence[str]
    no_prime: bool
    seed: int | None
    unknown: str


class NetworkOptions(TypedDict, total=False):
    """Options of a network; a run that starts from another model takes them from it."""

    cell: str
    hidden: int
    layers: int
    activation: str
    projection: int
    periods: str | Sequence[int]
    bidirectional: bool
    learned_state: bool


class SettingOptions(NetworkOptions, total=False):
    """Settings of a run, as in `charrnn.training.settings.Settings`, except its length."""

    gradient: str
    dropout: float
    seq_length: int
    batch_size: int
    optimizer: str
    lr: float
    schedule: str
    warmup: float
    clip: float
    clip_value: float
    val_fraction: float
    shuffle: bool
    patience: int
    seed: int


class TrainingOptions(SettingOptions, total=False):
    """All options of a run."""

    bytes: bool


TIME_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds
UNIT_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
INHERITED = tuple(NetworkOptions.__annotations__)
SETTINGS = tuple(SettingOptions.__annotations__)


def require_known(function: str, given: Mapping[str, object], known: Collection[str]) -> None:
    """Raise TypeError for an unknown keyword argument, and suggest a name."""
    for name in given:
        if name not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; its arguments are {', '.join(sorted(known))}"
            raise TypeError(f"{function}() has no argument {name!r}{hint}")


def controls_of(options: WritingOptions) -> Controls:
    """Return the controls among the options. Raises CharrnnError for a value out of range."""
    names = {"temp" if control.name == "temperature" else control.name: control.name for control in CONTROLS}
    return Controls(**{name: options[given] for given, name in names.items() if given in options})  # type: ignore[literal-required]


def seconds_of(time: str | float) -> float:
    """Parse a time such as 90s, 5m, 1.5h or 2d, or a number of seconds.

    Raises CharrnnError for anything else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhd]?)", str(time).strip())
    seconds = float(match[1]) * TIME_UNITS[match[2] or "s"] if match else 0.0
    if not 0.0 < seconds < math.inf:
        raise CharrnnError(f"{str(time)[:60]!r} is not a time; write 90s, 5m or 2h")
    return seconds


def spelled(seconds: float) -> tuple[str, str]:
    """Return a time as `seconds_of` reads it, such as 2m, and in words, such as 2 minutes."""
    unit = next(unit for unit in reversed(TIME_UNITS) if seconds % TIME_UNITS[unit] == 0.0 or unit == "s")
    count = seconds / TIME_UNITS[unit]
    return f"{count:.10g}{unit}", f"{count:.10g} {UNIT_NAMES[unit]}{'s' * (count != 1.0)}"
