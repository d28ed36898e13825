"""The progress of a run: its reports, and the state from which it resumes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.errors import CharrnnError

LARGEST_NUMBER = 1e300  # in a state; JSON has no limit
LARGEST_COUNT = 2**62


@dataclass(frozen=True)
class Progress:
    """A report of a run, several times a second; losses are in nats per character.

    `loss` is the mean over the steps since the last report: as many as fit into a sixth of a second, so it differs from
    run to run. `val_loss`, in the reports of validations, and the history of the run are the same in every run with the
    same options: use them to compare runs, or to stop at a target.
    """

    step: int
    epoch: float
    seconds: float
    fraction: float  # of the run
    loss: float  # mean over the steps since the last report
    learning_rate: float
    grad_norm: float  # of the last step, before clipping
    chars_per_second: float
    val_loss: float | None = None
    best: bool = False  # the weights of this record are the best so far
    rolled_back: bool = False  # the loss diverged: the run is back at its best weights, with half the learning rate
    stopped_early: bool = False  # validation no longer improved


@dataclass(frozen=True)
class OnlineProgress:
    """A report of an online run; losses are in nats per character."""

    step: int  # updates
    characters: int  # predicted in total
    seconds: float  # of learning
    recent: float  # a moving average
    mean: float  # in total
    grad_norm: float  # of the last update, before clipping
    learning_rate: float
    chars_per_second: float
    rolled_back: bool = False  # the loss diverged: the run is back at earlier weights, with half the learning rate


class RunState:
    """The state of a run besides its arrays. A model file has the fields in the subclass's order."""

    step: int
    seconds: float
    rate_scale: float  # of the learning rate; halved at each rollback
    rollbacks: int  # since the weights were last known to be good
    moments_begin: int  # the step at which the optimizer's moments were last zero
    loss_sum: float  # nats
    loss_count: int  # characters in that sum
    judged_sum: float  # nats of the predictions that are not judged yet
    judged_count: int
    halvings: int  # rollbacks whose halved rate has not recovered

    def judge(self, losses: Sequence[float], predictions: Sequence[int], *, hopeless: float, least: int) -> int | None:
        """Return the first of some steps at which the loss diverged, from 0, or None.

        ``losses`` are sums over ``predictions``, in nats. A sum diverged if it is not finite. Otherwise means over at
        least so many predictions are judged, as a window can consist of one surprising character: they diverged if they
        are ``hopeless``. Which predictions make a mean does not depend on how many steps are judged at once.
        """
        for k, (loss, count) in enumerate(zip(losses, predictions, strict=True)):
            self.judged_sum += loss
            self.judged_count += count
            if not math.isfinite(loss):
                return k
            if self.judged_count >= least:
                mean = self.judged_sum / self.judged_count
                self.judged_sum, self.judged_count = 0.0, 0
                if mean >= hopeless:
                    return k
        return None

    def recover(self) -> None:
        """Double a learning rate that a rollback halved."""
        if self.halvings:
            self.halvings -= 1
            self.rate_scale *= 2.0

    def count_rollback(self, peak_rate: float, most: int) -> float:
        """Count a rollback to this step; return the halved peak rate.

        The moments start over here. Raises CharrnnError after more than `most` rollbacks in a row.
        """
        self.moments_begin = self.step
        self.judged_sum, self.judged_count = 0.0, 0
        self.halvings += 1
        self.rollbacks += 1
        self.rate_scale /= 2.0
        rate = peak_rate * self.rate_scale
        if self.rollbacks > most:
            raise CharrnnError(
                f"the loss diverged {self.rollbacks} times, although the learning rate was halved each "
                f"time; try --lr {rate / 10:.1g}"
            )
        return rate

    def _require(self, *, counts: Iterable[Any], measures: Iterable[Any], losses: Iterable[Any]) -> None:
        """Raise ValueError for values from a file that cannot be right.

        Counts and measures must be numbers of at least 0, losses any numbers.
        """
        counts = (self.step, self.rollbacks, self.moments_begin, self.loss_count, *counts)
        counts = (*counts, self.judged_count, self.halvings)
        if not all(type(count) is int and 0 <= count < LARGEST_COUNT for count in counts):
            raise ValueError("a count is not a whole number of at least 0")
        if self.moments_begin > self.step:
            raise ValueError("the moments start after the current step")
        measures, losses = (self.seconds, self.rate_scale, self.judged_sum, *measures), (self.loss_sum, *losses)
        if not all(type(value) in (int, float) and abs(value) < LARGEST_NUMBER for value in (*measures, *losses)):
            raise ValueError("a measure or a loss is not a number")
        if not all(value >= 0.0 for value in measures):
            raise ValueError("a measure is below 0")


@dataclass
class State(RunState):
    """The state of a run over a text. Its loss is summed since the last validation."""

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
    judged_sum: float = 0.0
    judged_count: int = 0
    halvings: int = 0
    given: bool = False  # the run started from given weights, which are the best until a validation
    ended: bool = False  # the run ended between two regular validations
    end_loss: float | None = None  # the validation loss at that end

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "State":
        """Read a state from a file.

        Raises TypeError or ValueError if it is not valid.
        """
        state = cls(**values)
        losses = (loss for loss in (state.best_loss, state.end_loss) if loss is not None)
        state._require(counts=(state.best_step, state.waited), measures=(), losses=losses)
        if state.best_step > state.step:
            raise ValueError("the best step is after the current step")
        if not (type(state.given) is bool and type(state.ended) is bool):
            raise ValueError("a truth value is not true or false")
        return state

    @property
    def has_best(self) -> bool:
        """Whether there are best weights: from a validation, or given."""
        return self.best_step > 0 or self.best_loss is not None or self.given

    @property
    def last_is_best(self) -> bool:
        """Whether the run ended between two regular validations, and its last weights are the best."""
        return self.ended and (self.end_loss is None or self.best_loss is None or self.end_loss < self.best_loss)


@dataclass
class OnlineState(RunState):
    """The state of an online run. Its steps are updates; its loss is summed over all characters."""

    step: int = 0
    characters: int = 0
    seconds: float = 0.0
    last: int | None = None  # the symbol that was read last: the input for the next prediction
    loss_sum: float = 0.0
    loss_count: int = 0
    recent: float = 0.0  # moving average of the loss, in nats per character
    rate_scale: float = 1.0
    rollbacks: int = 0
    moments_begin: int = 0
    judged_sum: float = 0.0
    judged_count: int = 0
    halvings: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any], symbols: int) -> "OnlineState":
        """Read a state from a file, for a vocabulary of `symbols`.

        Raises TypeError or ValueError if it is not valid.
        """
        state = cls(**values)
        state._require(counts=(state.characters,), measures=(state.loss_sum, state.recent), losses=())
        if state.last is not None and not (type(state.last) is int and 0 <= state.last < symbols):
            raise ValueError("the last symbol is not in the vocabulary")
        return state
