"""Where a run stands: what it reports, and what it keeps to go on from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from charrnn.errors import CharrnnError

LARGEST_NUMBER = 1e300  # in a state: JSON's have no end
LARGEST_COUNT = 2**62


@dataclass(frozen=True)
class Progress:
    """What a run reports, several times a second; losses are nats per character."""

    step: int
    epoch: float
    seconds: float
    fraction: float  # of the run
    loss: float  # mean since the last record
    learning_rate: float
    grad_norm: float  # of the last step, before clipping
    chars_per_second: float
    val_loss: float | None = None
    best: bool = False  # the weights of this record are the best so far
    rolled_back: bool = False  # the loss ran away: the run went back to its best weights, at half the rate
    stopped_early: bool = False  # validation no longer improved


@dataclass(frozen=True)
class OnlineProgress:
    """What an online run reports after some characters; losses are nats per character."""

    step: int  # updates
    characters: int  # that were predicted, in all
    seconds: float  # of learning
    recent: float
    mean: float  # in all
    grad_norm: float  # of the last update, before clipping
    learning_rate: float
    chars_per_second: float
    rolled_back: bool = False  # the loss ran away: back at the weights of some time ago, at half the rate


class RunState:
    """What any run keeps of where it stands, beside its arrays. A model file has the fields in the subclass's order."""

    step: int
    seconds: float
    rate_scale: float  # halved whenever the run goes back
    rollbacks: int  # since weights were last found good
    moments_begin: int  # the step at which the optimizer's moments were zero
    loss_sum: float  # nats
    loss_count: int  # characters that these are the loss of

    def count_rollback(self, peak_rate: float, most: int) -> float:
        """Take account of a roll-back to this step: the moments begin here; return the halved rate.

        Raises CharrnnError where it is one more in a row than `most`.
        """
        self.moments_begin = self.step
        self.rollbacks += 1
        self.rate_scale /= 2.0
        rate = peak_rate * self.rate_scale
        if self.rollbacks > most:
            raise CharrnnError(
                f"the loss ran away {self.rollbacks} times, though the learning rate was halved each "
                f"time; try --lr {rate / 10:.1g}"
            )
        return rate

    def _require(self, *, counts: Iterable[Any], measures: Iterable[Any], losses: Iterable[Any]) -> None:
        """Raise ValueError unless counts and measures from a file are numbers from 0 on, and losses numbers."""
        counts = (self.step, self.rollbacks, self.moments_begin, self.loss_count, *counts)
        if not all(type(count) is int and 0 <= count < LARGEST_COUNT for count in counts):
            raise ValueError("a count is not a whole number from 0 on")
        if self.moments_begin > self.step:
            raise ValueError("the moments begin after the present step")
        measures, losses = (self.seconds, self.rate_scale, *measures), (self.loss_sum, *losses)
        if not all(type(value) in (int, float) and abs(value) < LARGEST_NUMBER for value in (*measures, *losses)):
            raise ValueError("a measure or a loss is not a number")
        if not all(value >= 0.0 for value in measures):
            raise ValueError("a measure is below 0")


@dataclass
class State(RunState):
    """Where a run over a text stands. Its loss is that of the steps since the last validation."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0  # validations since the best one
    rate_scale: float = 1.0
    rollbacks: int = 0
    moments_begin: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    given: bool = False  # the run began from given weights, which are the best until there are others
    ended: bool = False  # it came to its end where it would not have validated, but for that
    end_loss: float | None = None  # the validation loss there

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "State":
        """Read a state from a file; raise TypeError or ValueError if it is none."""
        state = cls(**values)
        losses = (loss for loss in (state.best_loss, state.end_loss) if loss is not None)
        state._require(counts=(state.best_step, state.waited), measures=(), losses=losses)
        if state.best_step > state.step:
            raise ValueError("the best step comes after the present one")
        if not (type(state.given) is bool and type(state.ended) is bool):
            raise ValueError("a truth value is none")
        return state

    @property
    def has_best(self) -> bool:
        """Whether there are best weights of a validation, or given ones."""
        return self.best_step > 0 or self.best_loss is not None or self.given

    @property
    def last_is_best(self) -> bool:
        """Whether the run ended between two validations, on weights better than those of any."""
        return self.ended and (self.end_loss is None or self.best_loss is None or self.end_loss < self.best_loss)


@dataclass
class OnlineState(RunState):
    """Where an online run stands. Its steps are updates, its loss is that of all characters."""

    step: int = 0
    characters: int = 0
    seconds: float = 0.0
    last: int | None = None  # the symbol that was read last, from which the next one is predicted
    loss_sum: float = 0.0
    loss_count: int = 0
    recent: float = 0.0  # mean loss of the last characters, in nats
    rate_scale: float = 1.0
    rollbacks: int = 0
    moments_begin: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any], symbols: int) -> "OnlineState":
        """Read a state from a file, of so many symbols; raise TypeError or ValueError if it is none."""
        state = cls(**values)
        state._require(counts=(state.characters,), measures=(state.loss_sum, state.recent), losses=())
        if state.last is not None and not (type(state.last) is int and 0 <= state.last < symbols):
            raise ValueError("the last symbol is none of the vocabulary")
        return state
