"""Where a run stands: what it tells, and what it keeps to go on from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 1e300  # of any number in a state: JSON's have no end


@dataclass(frozen=True)
class Progress:
    """What a run has to tell, several times a second; losses are nats per character."""

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


@dataclass
class State:
    """Where a run stands, beside its arrays."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int = 0
    waited: int = 0  # validations since the best one
    rate_scale: float = 1.0
    rollbacks: int = 0  # since the last good validation
    moments_begin: int = 0  # the step at which the optimizer's moments were zero
    loss_sum: float = 0.0  # nats over the steps since the last validation
    loss_count: int = 0  # characters that they predicted
    given: bool = False  # the run began from given weights, which are the best until there are others
    ended: bool = False  # it came to its end where it would not have validated, but for that
    end_loss: float | None = None  # the validation loss there

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "State":
        """Read a state from a file; raise TypeError or ValueError if it is none."""
        state = cls(**values)
        counts = (state.step, state.best_step, state.waited, state.rollbacks, state.moments_begin, state.loss_count)
        if not all(type(count) is int and 0 <= count < 2**62 for count in counts):
            raise ValueError("counts are whole numbers")
        if max(state.moments_begin, state.best_step) > state.step:
            raise ValueError("what is past comes before the present step")
        if not (type(state.given) is bool and type(state.ended) is bool):
            raise ValueError("what holds or not is a truth value")
        losses = [state.loss_sum, *(loss for loss in (state.best_loss, state.end_loss) if loss is not None)]
        if not all(type(value) in (int, float) for value in (state.seconds, state.rate_scale, *losses)):
            raise ValueError("measures and losses are numbers")
        if not all(0.0 <= value < MOST for value in (state.seconds, state.rate_scale)):
            raise ValueError("measures are not below zero")
        if not all(abs(value) < MOST for value in losses):
            raise ValueError("losses are not as large as that")
        return state

    @property
    def judged(self) -> bool:
        """Whether there are best weights of a validation, or given ones."""
        return self.best_step > 0 or self.best_loss is not None or self.given

    @property
    def last_is_best(self) -> bool:
        """Whether the run ended between two validations, on weights better than those of any."""
        return self.ended and (self.end_loss is None or self.best_loss is None or self.end_loss < self.best_loss)
