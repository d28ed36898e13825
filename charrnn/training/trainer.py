"""Training on data, step by step, as a generator of progress records. Nothing is printed here."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, Generic, TypeVar

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint, require_storable
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.team import Team
from charrnn.training import legs
from charrnn.training.data import Data
from charrnn.training.learner import Advance, Learner
from charrnn.training.progress import Progress, State
from charrnn.training.rules import OPTIMIZERS
from charrnn.training.settings import Settings

D = TypeVar("D", bound=Data)


class Trainer(Generic[D]):
    """One run over some data.

    Iterate over ``run()`` for its progress; set ``stop`` to end it after the current chunk of steps. ``checkpoint()``
    is its whole state. ``Trainer.resumed`` continues from it; a run measured in epochs ends on the same bits as if it
    had never stopped. A finished run continues if its settings have more epochs, with the learning rates of a run of
    that length.

    A network gets its first values when it is first needed, or by ``begin()``. Before, a run takes neither time nor
    memory, but knows all that a display says of it.
    """

    def __init__(self, data: D, team: Team, initial: Mapping[str, Array] | None = None) -> None:
        """Prepare a new run, from `initial` weights if they are given.

        Raises CharrnnError if no model file can contain the run.
        """
        require_storable(data.architecture, OPTIMIZERS[data.settings.optimizer].moments)
        self.data, self.team = data, team
        self.settings, self.architecture, self.pace = data.settings, data.architecture, data.pace
        self.steps = data.steps
        self._learner = Learner.of(self.settings, self.architecture, team, data.longest)
        self._initial, self._begun = initial, False
        self.best = self._learner.network.weights.alike()
        self.history: list[dict[str, Any]] = []
        self.legs: list[dict[str, Any]] = []
        self.state = State(given=initial is not None)
        self.stop = False
        self._chunk = 1  # steps to take at once
        self._hopeless_loss = self.pace.hopeless_loss(data.blind)

    def begin(self) -> None:
        """Give the network its first values, unless it has them: those that were given, or random ones.

        They are the best weights so far, for rollbacks.
        """
        if not self._begun:
            self._begun = True
            sample = self.steps.sample
            self._learner.begin(self._initial, self.settings, None if sample is None else sample.biases)
            self.best.flat[:] = self._learner.network.weights.flat

    @property
    def learner(self) -> Learner:
        """The network in training, with its optimizer and its state."""
        self.begin()
        return self._learner

    @property
    def network(self) -> Network:
        """The network."""
        return self.learner.network

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, data: D, team: Team) -> "Trainer[D]":
        """Resume a run on its data, with its own settings or others, such as more epochs.

        Other settings among `legs.CHANGEABLE` start a new leg: with the weights, moments and epoch of the run so far,
        and with its learning rate no longer halved. Raises CharrnnError if the checkpoint does not fit.
        """
        resume = checkpoint.resume
        if resume is None:
            raise CharrnnError("it is a slim model, without the state of the run")
        old = Settings.of(checkpoint.training)
        changes = legs.changes(old, data.asked)
        if data.architecture != checkpoint.architecture:
            raise CharrnnError("its settings do not match its network")
        trainer = cls(data, team)
        trainer.legs = legs.stored_legs(checkpoint.training)
        ratio = data.steps.per_epoch / data.steps_per_epoch(old) if "batch_size" in changes else 1
        try:
            progress, trainer.history = legs.rescaled(checkpoint, ratio)
            trainer.state = state = State.of(progress)
            trainer._begun = state.has_best or state.last_is_best  # else it could go back to the first values
            trainer.learner.restore(legs.fitted(resume, trainer.learner) if changes else resume)
            before = resume.progress["step"] - resume.progress["moments_begin"]
            trainer.learner.optimizer.recount(before, state.step - state.moments_begin)
        except (KeyError, TypeError, ValueError, OverflowError):  # the file is intact, but no run can have this state
            raise CharrnnError("the state of the run does not fit its settings") from None
        if state.last_is_best:  # the last weights are the model; those for rollbacks are in their place
            trainer.best.assign_concatenated(resume.weights)
            trainer.network.weights.assign(checkpoint.parameters)
            trainer.network.pack()
        elif state.has_best:
            trainer.best.assign(checkpoint.parameters)
        if state.ended and not trainer.over:  # a longer run would not have validated there
            state.ended, state.end_loss = False, None
            del trainer.history[-1:]
        if changes:
            trainer.legs = [*trainer.legs, {"epoch": state.step / trainer.steps.per_epoch, **changes}]
            state.waited, state.rate_scale, state.halvings = 0, 1.0, 0
        return trainer

    def checkpoint(self) -> Checkpoint:
        """Return the run's whole state, with the best weights as its model.

        If nothing is held out, these are the weights at the last validation step. If the run ended between two
        validations and its last weights are the best, the weights for rollbacks are stored in place of the last ones.
        """
        last, best = self.network.weights, self.best if self.state.has_best else self.network.weights
        if self.state.last_is_best:
            last, best = self.best, self.network.weights
        return Checkpoint(
            architecture=self.architecture,
            vocabulary=self.data.vocabulary,
            parameters={name: view.copy() for name, view in best.named.items()},
            training=self.settings.stored() | ({"legs": self.legs} if self.legs else {}),
            history=list(self.history),
            corpus=self.data.record(),
            targets=self.data.targets,
            resume=self.learner.snapshot(asdict(self.state), last),
        )

    def run(self) -> Iterator[Progress]:
        """Train until the run's end, an early end, or ``stop``.

        If the loss of a step or a validation is NaN or hopeless, or a weight or a value of the run's state is not
        finite, the run rolls back to its best weights and halves the learning rate. NaN and infinity do not go away, so
        it does not matter when they are noticed, as long as such weights never become the best. Raises CharrnnError if
        the loss diverges again and again, and for given weights that do not fit the text.
        """
        if self.state.given and self.state.step == 0 and self.state.best_loss is None:
            self._validate_given()
        record: Progress | None = None
        while not self.finished and not self.stop:
            done, record = self._take_chunk()
            if self._diverged(done):
                yield self._roll_back(record)
            elif not self._is_validation_due():
                yield record
            else:
                loss = self.validate() if self.is_finite() else math.nan
                yield self._judge(record, loss) if self._is_sensible(loss) else self._roll_back(record)
        if record is not None and not self.is_finite():  # the run was stopped, and is saved next
            yield self._roll_back(record)

    def _validate_given(self) -> None:
        """Validate the weights that the run starts from."""
        self.state.best_loss = self.validate()
        if not self._is_sensible(self.state.best_loss):
            raise CharrnnError(
                "the initial weights do not fit this text: their loss is NaN or far above blind guessing"
            )

    def _diverged(self, done: Advance) -> bool:
        """Return whether the loss diverged in some steps, or the last gradient norm is not finite."""
        state, losses = self.state, done.losses.tolist()
        at = state.judge(losses, done.predictions.tolist(), hopeless=self._hopeless_loss, least=self.pace.judged)
        return at is not None or not math.isfinite(done.grad_norm)

    def _take_chunk(self) -> tuple[Advance, Progress]:
        """Take some steps.

        They end at the next validation, the epoch's end or the run's end.
        """
        state, per_epoch, interval = self.state, self.steps.per_epoch, self.steps.validation_interval
        steps = min(self._chunk, interval - state.step % interval, per_epoch - state.step % per_epoch)
        if self.steps.total is not None:
            steps = min(steps, self.steps.total - state.step)
        began = time.perf_counter()
        done = self.advance(steps)
        seconds = time.perf_counter() - began
        state.seconds += seconds
        self._chunk = self.pace.next_chunk(self._chunk, steps, seconds)
        return done, Progress(
            step=state.step,
            epoch=state.step / per_epoch,
            seconds=state.seconds,
            fraction=self.steps.fraction(state.step, state.seconds),
            loss=done.loss if done.characters else self._mean_loss,
            learning_rate=done.learning_rate,
            grad_norm=done.grad_norm,
            chars_per_second=done.characters / max(seconds, 1e-9),
        )

    def advance(self, steps: int) -> Advance:
        """Train `steps` steps within one epoch.

        Stops after a step whose gradient norm is not finite.
        """
        state, begin = self.state, self.state.step
        if begin and begin % self.steps.per_epoch == 0:
            self.learner.next_epoch()
        windows, disturbance = self.steps.disturbed(begin, self.steps.windows(begin, steps))
        done = self.learner.advance(
            windows,
            np.array([self._rate(step) for step in range(begin + 1, begin + steps + 1)]),
            updates=begin - state.moments_begin,
            draws=self.steps.draws(begin, windows),
            dropout_keys=self.steps.dropout_keys(begin, steps),
            disturbance=disturbance,
            fresh=self.steps.fresh(begin, steps),
            full_rows=self.steps.full_rows(begin, steps),
        )
        state.step += done.steps
        for loss in done.losses.tolist():  # one by one, so that the sum does not depend on the chunk size
            state.loss_sum += loss
        state.loss_count += done.characters
        return done

    def validate(self) -> float | None:
        """Return the loss on what is held out, in nats per prediction, or None if nothing is."""
        return self.data.validate(self.network, self.team)

    def _is_sensible(self, loss: float | None) -> bool:
        """Return whether a validation loss is sensible: not NaN, and not hopeless.

        If nothing is held out, the loss on some training data is checked.
        """
        if loss is None:
            loss = self.data.trial(self.network, self.team)
        return loss < self._hopeless_loss

    def is_finite(self) -> bool:
        """Return whether all values of a checkpoint are finite.

        If not, it cannot be saved.
        """
        return self.learner.is_finite()

    def _judge(self, record: Progress, loss: float | None) -> Progress:
        """Record a validation; keep the weights if their loss is the best.

        At the run's end, between two regular validations, nothing else changes, so that the run can be extended.
        """
        state = self.state
        entry = {"step": record.step, "epoch": record.epoch, "seconds": record.seconds, "loss": self._mean_loss}
        self.history.append(entry | {"val_loss": loss, "learning_rate": record.learning_rate})
        if state.step % self.steps.validation_interval:
            state.ended, state.end_loss = True, loss
            return replace(record, val_loss=loss, best=state.last_is_best and loss is not None)
        rollbacks, state.rollbacks = state.rollbacks, 0
        state.loss_sum, state.loss_count = 0.0, 0
        best = loss is None or state.best_loss is None or loss < state.best_loss
        if best:
            if not rollbacks:  # nothing happened since the last validation
                state.recover()
            state.best_loss, state.best_step, state.waited = loss, state.step, 0
            self.best.flat[:] = self.network.weights.flat
        else:
            state.waited += 1
            if state.waited % self.pace.halve_after == 0:
                state.rate_scale /= 2.0
        if len(self.history) > self.pace.history_length:
            del self.history[1::2]
        early = self.finished and not self.over
        return replace(record, val_loss=loss, best=best and loss is not None, stopped_early=early)

    def _roll_back(self, record: Progress) -> Progress:
        """Roll back to the best or initial weights, at half the learning rate.

        The optimizer's moments and the carried states start over, so that a checkpoint has all that this needs. Raises
        CharrnnError after several rollbacks in a row.
        """
        state = self.state
        self.learner.start_over(self.best.flat)
        state.step = state.best_step
        self.history = [entry for entry in self.history if entry["step"] <= state.step]
        state.waited, state.loss_sum, state.loss_count = 0, 0.0, 0
        rate = state.count_rollback(self.settings.lr, self.pace.most_rollbacks)
        return replace(record, step=state.step, learning_rate=rate, rolled_back=True)

    @property
    def _mean_loss(self) -> float:
        """The mean training loss since the last validation, in nats per prediction."""
        return self.state.loss_sum / max(1, self.state.loss_count)

    def _is_validation_due(self) -> bool:
        return self.state.step % self.steps.validation_interval == 0 or self.over

    def _rate(self, step: int) -> float:
        """Return the learning rate of a step (1, 2, …)."""
        return self.steps.rate(step, self.state.seconds) * self.state.rate_scale

    @property
    def over(self) -> bool:
        """Whether the run has reached its end."""
        if self.settings.seconds is not None:
            return self.state.seconds >= self.settings.seconds
        return self.steps.total is not None and self.state.step >= self.steps.total

    @property
    def finished(self) -> bool:
        """Whether the run is over, or stopped early because validation no longer improved."""
        return self.over or 0 < self.settings.patience <= self.state.waited

    @property
    def best_loss(self) -> float | None:
        """The validation loss of the best weights; None if there is no validation, or none yet."""
        return self.state.end_loss if self.state.last_is_best else self.state.best_loss

    @property
    def best_step(self) -> int:
        """The step of the best weights."""
        return self.state.step if self.state.last_is_best else self.state.best_step

    @property
    def nbytes(self) -> int:
        """The bytes of weights, moments and buffers."""
        return self._learner.nbytes + self.best.flat.nbytes

    def compile(self) -> None:
        """Compile all that a step needs, by taking no steps."""
        self.learner.compile()
