"""The settings of a run, and the defaults that depend on others."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from charrnn.cells.architecture import MAXIMUM_STEPS, Architecture
from charrnn.cells.own_cell import is_own, row_of
from charrnn.cells.table import RECURRENT_STARTS
from charrnn.cells.tasks import task_named
from charrnn.errors import CharrnnError
from charrnn.training.rules import GRADIENTS, OPTIMIZERS, SCHEDULES, UpdateOptions

MOST_EPOCHS = 1e6
CLASS_WEIGHTS = ("none", "balanced")
_OF_EXAMPLES = ("task", "head", "pooling", "joined", "class_weights")
# What older versions do not know, which a model file has only if it is not this.
_UNSAID = {
    "first_state": "zero",
    "input_dropout": 0.0,
    "noise": 0.0,
    "momentum": None,
    "nesterov": False,
    "recurrent_start": None,
    "start_scale": 1.0,
    "attention": False,
    "given_at": "",
}
_NONE_IS_ZERO = ("clip", "clip_value")  # no bound: null in a model file, 0 here
SMALLEST_CLIP = 1e-30  # compiled code takes numbers below 1e-38 as 0, which would be no bound
SMALLEST_SCALE, LARGEST_SCALE = 1e-6, 1000.0  # of the first weights
LARGEST_NOISE = 1000.0  # its deviation
LONGEST_NAME = 100  # longest string of a setting in a file, in characters


@dataclass(frozen=True)
class Settings:
    """The settings of a run. Raises CharrnnError for an invalid value.

    A run lasts for `epochs` passes over the text or for `seconds` of training, and the learning rate's schedule spans
    it. The result of a run in `epochs` does not depend on the clock. An `online` run has no end, and a constant
    learning rate. With `shuffle`, each epoch reads documents in another order, and the held-out text comes from all
    parts of the text; without it, as in older model files, the end of the text is held out. `recurrent_start` (None: as
    the cell's row says) and `start_scale` are those of the first weights (see `charrnn.cells.initial`). `momentum` and
    `nesterov` are options of sgd (see `charrnn.kernels.update`); None is the usual momentum. `clip` bounds the
    gradient's norm, `clip_value` each entry of the gradient; 0 is no bound. With `sampled_softmax`, the softmax of a
    training step is over about so many characters instead of the whole vocabulary (see `picks`); 0 is over all.

    An empty `task` trains on a text, to generate or to fill. A run on examples reads at most `seq_length` steps at
    once, and `head`, `pooling` and `joined` are options of its network (see `Architecture`); empty ones are usual. With
    `balanced` class weights, each class counts as much as any other, however many examples it has. A run that
    generates reads whole texts, with a condition each, if that is `given_at` every step or the first one.
    """

    cell: str = "lstm"
    hidden: int = 256
    layers: int = 1
    activation: str | None = None
    projection: int | None = None
    periods: str | None = None
    bidirectional: bool = False
    first_state: str = "zero"
    embedding: int = 0
    recurrent_start: str | None = None
    start_scale: float = 1.0
    sampled_softmax: int = 0
    gradient: str = "bptt"
    online: bool = False
    dropout: float = 0.2
    input_dropout: float = 0.0
    noise: float = 0.0
    seq_length: int = 32
    batch_size: int = 16
    epochs: float | None = None
    seconds: float | None = None
    optimizer: str = "adam"
    momentum: float | None = None
    nesterov: bool = False
    lr: float = 0.01
    schedule: str = "cosine"
    warmup: float = 0.01
    final_lr: float = 0.02
    clip: float = 1.0
    clip_value: float = 0.0
    val_fraction: float = 0.1
    shuffle: bool = False
    patience: int = 8
    seed: int = 0
    task: str = ""
    head: str = ""
    pooling: str = ""
    joined: bool = False
    class_weights: str = CLASS_WEIGHTS[0]
    attention: bool = False
    given_at: str = ""

    @property
    def reads_examples(self) -> bool:
        """Whether the run trains on whole examples, and not on a text that predicts itself."""
        return bool(self.given_at or (self.task and task_named(self.task).reads_examples))

    def architecture(
        self, vocabulary: int, *, features: int = 0, targets: int = 0, conditions: int = 0
    ) -> Architecture:
        """Return the architecture for `vocabulary` symbols or so many `features`, and so many `targets` to predict.

        If there are `conditions`, it generates under one of so many numbers. Raises CharrnnError if the network cannot
        exist.
        """
        return Architecture(
            self.cell,
            vocabulary,
            self.hidden,
            self.layers,
            activation=self.activation,
            projection=self.projection,
            periods=None if self.periods is None else periods_of(self.periods),
            bidirectional=self.bidirectional,
            first_state=self.first_state,
            embedding=self.embedding,
            task=self.task,
            features=features,
            targets=targets,
            head=self.head,
            pooling=self.pooling,
            joined=self.joined,
            attention=self.attention,
            conditions=conditions,
            given_at=self.given_at,
        )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Settings":
        """Read settings as `stored` returns them.

        Raises CharrnnError for unknown names, wrong types and invalid values.
        """
        values = {name: value for name, value in values.items() if name != "legs"}  # which `legs` reads
        learned = values.pop("learned_state", False)  # of older versions
        if learned is True:
            values.setdefault("first_state", "learned")
        elif learned is not False:
            raise CharrnnError("the settings of the run are not valid settings of this program")
        values = {name: 0.0 if value is None and name in _NONE_IS_ZERO else value for name, value in values.items()}
        kinds = {field.name: field.type for field in fields(cls)}
        if not all(name in kinds and _fits(value, kinds[name]) for name, value in values.items()):
            raise CharrnnError("the settings of the run are not valid settings of this program")
        return cls(**values)

    def stored(self) -> dict[str, Any]:
        """Return the settings for a model file.

        No bound on the gradient is null there, only a run on examples has the settings for these, and some settings are
        there only if they ask for something.
        """
        stored = {name: None if name in _NONE_IS_ZERO and not v else v for name, v in asdict(self).items()}
        stored = {name: v for name, v in stored.items() if name not in _UNSAID or v != _UNSAID[name]}
        return {name: v for name, v in stored.items() if name not in _OF_EXAMPLES or self.reads_examples}

    @property
    def update_options(self) -> UpdateOptions:
        """How the gradient becomes an update of the weights."""
        return UpdateOptions(self.optimizer, self.momentum, self.nesterov, self.clip, self.clip_value)

    @property
    def update_rule(self) -> str:
        """The optimizer in words, such as ``sgd with momentum 0.9``."""
        if self.momentum is None:
            return self.optimizer
        return f"{self.optimizer} with {'Nesterov ' * self.nesterov}momentum {self.momentum:g}"

    def __post_init__(self) -> None:
        self._check_outputs()
        self._check_optimizer()
        self._check_start()
        self._check_disturbance()

        def need(holds: bool, what: str) -> None:
            if not holds:
                raise CharrnnError(what)

        need(self.gradient in GRADIENTS, f"unknown gradient {self.gradient!r:.60}; choose from {', '.join(GRADIENTS)}")
        need(
            1 <= self.seq_length <= MAXIMUM_STEPS,
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
        need(lengths == (not self.online), "a run is measured either in epochs or in time; an online run in neither")
        need(
            not self.online or (self.gradient, self.batch_size, self.dropout) == ("rtrl", 1, 0.0),
            "an online run needs real-time recurrent learning, a batch size of 1, and no dropout",
        )
        need(
            self.schedule in SCHEDULES,
            f"unknown schedule {self.schedule!r:.60}; choose from {', '.join(SCHEDULES)}",
        )
        need(0.0 < self.lr < math.inf, f"the learning rate must be more than 0, not {self.lr:g}")
        need(0.0 <= self.warmup <= 1.0, f"the warm-up must be a share from 0 to 1, not {self.warmup:g}")
        need(
            0.0 < self.final_lr <= 1.0,
            f"the final learning rate must be a share of the peak, more than 0 and at most 1, not {self.final_lr:g}",
        )
        for what, value in (("clip", self.clip), ("clip value", self.clip_value)):
            need(value == 0.0 or value >= SMALLEST_CLIP, f"the {what} must be 0 or at least 1e-30, not {value}")
        need(
            0.0 <= self.val_fraction <= 0.9,
            f"the validation fraction must be from 0 to 0.9, not {self.val_fraction:g}",
        )
        need(self.patience >= 0, f"the patience must be 0 or more, not {self.patience}")
        need(0 <= self.seed < 2**63, f"the seed must be from 0 to 2^63 − 1, not {self.seed}")

    def _check_optimizer(self) -> None:
        """Choose the usual momentum; raise CharrnnError for an unknown optimizer, or options that it does not have."""
        if self.optimizer not in OPTIMIZERS:
            raise CharrnnError(f"unknown optimizer {self.optimizer!r:.60}; choose from {', '.join(OPTIMIZERS)}")
        rule = OPTIMIZERS[self.optimizer]
        for option in ("momentum", "nesterov"):
            if option not in rule.options and getattr(self, option) not in (None, False):
                having = ", ".join(name for name, other in OPTIMIZERS.items() if option in other.options)
                raise CharrnnError(f"the optimizer {self.optimizer} has no {option}; use {having}")
        if self.momentum is None and "momentum" in rule.options:
            object.__setattr__(self, "momentum", rule.momentum)
        if self.momentum is not None and not 0.0 <= self.momentum < 1.0:
            raise CharrnnError(f"the momentum must be at least 0 and less than 1, not {self.momentum:g}")
        if self.nesterov and not self.momentum:
            raise CharrnnError("nesterov needs a momentum above 0")

    def _check_start(self) -> None:
        """Raise CharrnnError for first weights that cannot be."""
        if self.recurrent_start not in (None, *RECURRENT_STARTS):
            raise CharrnnError(
                f"unknown recurrent start {self.recurrent_start!r:.60}; choose from {', '.join(RECURRENT_STARTS)}"
            )
        if not SMALLEST_SCALE <= self.start_scale <= LARGEST_SCALE:
            raise CharrnnError(
                f"the scale of the first weights must be from {SMALLEST_SCALE:g} to {LARGEST_SCALE:,g}, "
                f"not {self.start_scale:g}"
            )

    def _check_disturbance(self) -> None:
        """Raise CharrnnError for dropout or noise that cannot be."""
        for what, value in (("dropout", self.dropout), ("dropout of the input", self.input_dropout)):
            if not 0.0 <= value < 1.0:
                raise CharrnnError(f"the {what} must be at least 0 and less than 1, not {value:g}")
        if not 0.0 <= self.noise <= LARGEST_NOISE:
            raise CharrnnError(f"the noise must be from 0 to {LARGEST_NOISE:,g}, not {self.noise:g}")
        if self.gradient != "bptt" and (self.noise or self.input_dropout):
            raise CharrnnError(
                "real-time recurrent learning (--gradient rtrl) has neither noise nor dropout of the input"
            )

    def _check_outputs(self) -> None:
        """Raise CharrnnError for what the output cannot be: an unknown task, or one with options of another."""
        if self.sampled_softmax < 0:
            raise CharrnnError(f"the sampled softmax must be over 0 or more, not {self.sampled_softmax}")
        if self.sampled_softmax and self.gradient != "bptt":
            raise CharrnnError("real-time recurrent learning (--gradient rtrl) has no sampled softmax")
        if self.sampled_softmax and is_own(self.cell):
            raise CharrnnError("a network with a cell of your own has no sampled softmax")
        if self.task:
            task_named(self.task)
        if self.reads_examples and (self.gradient != "bptt" or self.sampled_softmax):
            raise CharrnnError(f"the task {self.task} has neither real-time learning nor a sampled softmax")
        if self.class_weights not in CLASS_WEIGHTS:
            raise CharrnnError(
                f"unknown class weights {self.class_weights!r:.60}; choose from {', '.join(CLASS_WEIGHTS)}"
            )


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a JSON value has a field's type.

    True is not a number; an integer is also a float.
    """
    kinds = get_args(kind) or (kind,)
    if type(value) is int:
        return (int in kinds or float in kinds) and abs(value) < 2**63
    return type(value) in kinds and not (isinstance(value, str) and len(value) > LONGEST_NAME)


def periods_of(text: str) -> tuple[int, ...]:
    """Parse periods such as ``1,2,4,8``.

    Raises CharrnnError for anything else.
    """
    try:
        return tuple(int(period) for period in text.split(","))
    except ValueError:
        raise CharrnnError(
            f"periods must be whole numbers separated by commas, such as 1,2,4,8, not {text[:60]!r}"
        ) from None


def default_embedding(symbols: int) -> int:
    """Return the default size of the embedding for a vocabulary: 0, which is none, unless it is very large.

    Without one, a network learns more from a text, and as fast, but has several times as many parameters.
    """
    return 64 if symbols >= 10_000 else 0


def default_sampled_softmax(symbols: int) -> int:
    """Return the default number of characters that a training step's softmax is over: 0, which is all, for most."""
    return 384 if symbols >= 2000 else 0


def default_lr(cell: str) -> float:
    """Return a cell's default peak learning rate.

    Of the rates tried, it was the best for the cell's family, with Adam at usual sizes.
    """
    return {"lstm": 0.01, "gru": 0.006, "minimal": 0.01}.get(row_of(cell).family, 0.004)


def default_seq_length(bidirectional: bool) -> int:
    """Return the default sequence length.

    It is longer for a bidirectional network, which sees nothing outside its window.
    """
    return 64 if bidirectional else Settings.seq_length


def default_epochs(characters: int, gradient: str = "bptt") -> int:
    """Return the default number of epochs.

    About ten million characters in all, in 3 to 50 epochs. Real-time recurrent learning is slower but updates more
    often: one million, in 1 to 50.
    """
    if gradient == "rtrl":
        return max(1, min(50, round(1_000_000 / characters)))
    return max(3, min(50, round(10_000_000 / characters)))
