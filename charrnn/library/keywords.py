"""Keyword arguments of the library, named as the options of the command line."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from charrnn.errors import CharrnnError
from charrnn.writing.controls import CONTROLS, Controls

Unknown: TypeAlias = Literal["error", "skip", "replace"]
Near: TypeAlias = Literal["none", "forms", "case"]
ScoredUnknown: TypeAlias = Literal["error", "skip", "replace", "charge"]
Cell: TypeAlias = Literal[
    "rnn",
    "irnn",
    "clockwork",
    "lstm",
    "lstm-peephole",
    "lstm-peephole-full",
    "lstm-coupled",
    "lstm-coupled-peephole",
    "lstm-nig",
    "lstm-nfg",
    "lstm-nog",
    "lstm-niaf",
    "lstm-noaf",
    "lstm-fgr",
    "lstm-projection",
    "gru",
    "gru-reset-before",
    "mingru",
    "minlstm",
]
Activation: TypeAlias = Literal["tanh", "relu", "sigmoid"]
FirstState: TypeAlias = Literal["zero", "learned", "random"]
RecurrentStart: TypeAlias = Literal["orthogonal", "identity", "random"]
Gradient: TypeAlias = Literal["bptt", "rtrl"]
Optimizer: TypeAlias = Literal["adam", "rmsprop", "adagrad", "sgd"]
Task: TypeAlias = Literal["generate", "fill", "classify", "tag", "predict", "translate"]
GivenAt: TypeAlias = Literal["every", "first"]
Condition: TypeAlias = str | float | Mapping[str, float] | Iterable[float]  # to generate under
Pooling: TypeAlias = Literal["each", "last", "mean"]
ClassWeights: TypeAlias = Literal["none", "balanced"]
Schedule: TypeAlias = Literal["cosine", "exponential", "constant"]


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
    unknown: Unknown
    near: Near
    allow_unknown: bool
    given: Condition | None


class NetworkOptions(TypedDict, total=False):
    """Options of a network; a run that starts from another model takes them from it."""

    cell: Cell | str | Callable[..., Any]  # of the table, or FILE:FUNCTION, or that function
    hidden: int | None
    layers: int
    activation: Activation | None
    projection: int | None
    periods: str | Sequence[int] | None
    bidirectional: bool
    first_state: FirstState
    embedding: int | None


class StartOptions(TypedDict, total=False):
    """Options of the first weights; a run that starts from another model has these."""

    recurrent_start: RecurrentStart | None
    start_scale: float


class SettingOptions(NetworkOptions, StartOptions, total=False):
    """Settings of a run, as in `charrnn.training.settings.Settings`, except its length."""

    gradient: Gradient
    sampled_softmax: int | None
    dropout: float | None
    input_dropout: float
    noise: float
    seq_length: int | None
    batch_size: int | None
    optimizer: Optimizer
    momentum: float | None
    nesterov: bool
    lr: float | None
    schedule: Schedule
    warmup: float
    clip: float
    clip_value: float
    val_fraction: float | None
    shuffle: bool
    patience: int
    seed: int


class ExampleSettings(TypedDict, total=False):
    """Settings of a run on examples."""

    task: Task
    pooling: Pooling
    joined: bool | None
    class_weights: ClassWeights
    attention: bool
    given_at: GivenAt | None


class ExampleOptions(ExampleSettings, total=False):
    """Options of a run on examples."""

    labels: str | None
    texts: str | None
    given: str | None
    inputs: str | None
    ahead: int


class TrainingOptions(SettingOptions, ExampleOptions, total=False):
    """All options of a run."""

    bytes: bool
    rare: int


TIME_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds
UNIT_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day"}
INHERITED = tuple(NetworkOptions.__annotations__)
DECIDED = (*INHERITED, *StartOptions.__annotations__)  # by the model that a run starts from
SETTINGS = (*SettingOptions.__annotations__, *ExampleSettings.__annotations__)


def controls_of(options: WritingOptions) -> Controls:
    """Return the controls among the options. Raises CharrnnError for a value out of range."""
    names = {"temp" if control.name == "temperature" else control.name: control.name for control in CONTROLS}
    return Controls(**{name: options[given] for given, name in names.items() if given in options})  # type: ignore[literal-required]


def seed_of(seed: int | None) -> int:
    """Return the given seed, or a new one. Raises CharrnnError for one out of range."""
    if seed is None:
        from charrnn.writing.samples import fresh_seed

        return fresh_seed()
    if not 0 <= seed < 2**63:
        raise CharrnnError(f"the seed must be from 0 to 2^63 − 1, not {seed}")
    return seed


def seconds_of(time: str | float) -> float:
    """Return the seconds of a time such as 90s, 5m, 1.5h or 2d, or of a number of seconds.

    Raises CharrnnError for anything else.
    """
    if isinstance(time, int | float):
        seconds = float(time)
    else:
        match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhd]?)", time.strip())
        seconds = float(match[1]) * TIME_UNITS[match[2] or "s"] if match else 0.0
    if not 0.0 < seconds < math.inf:
        raise CharrnnError(f"{str(time)[:60]!r} is not a time; give a number of seconds above 0, or 90s, 5m or 2h")
    return seconds


def spelled(seconds: float) -> tuple[str, str]:
    """Return a time as `seconds_of` reads it, such as 2m, and in words, such as 2 minutes."""
    unit = next(unit for unit in reversed(TIME_UNITS) if seconds % TIME_UNITS[unit] == 0.0 or unit == "s")
    count = seconds / TIME_UNITS[unit]
    return f"{count:.10g}{unit}", f"{count:.10g} {UNIT_NAMES[unit]}{'s' * (count != 1.0)}"
