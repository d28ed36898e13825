"""Training on a text, window by window, as a generator of progress records. Nothing is printed here."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Plan, Windows
from charrnn.model.influence import Influence
from charrnn.model.model_file import Checkpoint, Resume
from charrnn.model.network import Network
from charrnn.model.parameters import Parameters
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.reading.scoring import score
from charrnn.storage.archive import MAXIMUM_BYTES
from charrnn.text.ingest import Corpus, require_learnable
from charrnn.text.streams import Streams, fit_streams, split
from charrnn.training.optimizer import Optimizer
from charrnn.training.progress import Progress, State
from charrnn.training.rules import OPTIMIZERS, learning_rate
from charrnn.training.settings import Settings
from charrnn.training.steps import Steps

CHUNK_SECONDS = 0.15  # of training between two progress records: what Ctrl-C waits for
VALIDATE_EVERY = 1_000_000  # characters trained on between two validations at the most; an epoch if that is shorter
VALIDATE_SELDOM = 50_000  # and at the least
VALIDATION_SHARE = 5  # a validation reads at most a fifth of what was trained on since the last one
HISTORY = 10_000  # validations that are remembered; of more, every second one is forgotten

# Validations without a better one until the rate is halved: a long run's schedule is still high when it begins to learn
# by heart, and what lower rates gain must be had before.
HALVE_AFTER = 2

HOPELESS = 10.0  # a loss this many times that of blind guessing is as bad as one that is not a number
ROLLBACKS = 5  # in a row, before a run gives up
TRIAL = 500  # characters of the training text that tell whether weights are sane, where nothing is held out


@dataclass(frozen=True)
class Advance:
    """What some steps came to; losses in nats per character, rate and norm (before clipping) of the last step."""

    loss: float
    worst: float  # the largest mean loss of a single step
    characters: int
    learning_rate: float
    grad_norm: float


class Trainer:
    """One run over one corpus.

    Iterate over ``run()`` for its progress; set ``stop`` to end it after the current chunk of work. ``checkpoint()`` is
    its whole state, from which ``Trainer.resumed`` goes on to the same bits as a run that never stopped (where the run
    is measured in epochs: a clock does not repeat itself). A run that has come to its end goes on where there are to be
    more epochs: as one that was to have so many from there on, with the rate that such a run has at each step.
    """

    def __init__(
        self,
        settings: Settings,
        corpus: Corpus,
        team: Team,
        initial: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Prepare a new run, from `initial` weights where they are given; raise CharrnnError for a text too short."""
        require_learnable(corpus)
        architecture = settings.architecture(len(corpus.vocabulary))
        # In a model file: the best weights, the last ones, the moments.
        arrays = 2 + OPTIMIZERS[settings.optimizer].moments
        needed = 4 * architecture.stored_count() * arrays
        if needed > MAXIMUM_BYTES:
            raise CharrnnError(
                f"a network of {architecture.parameter_count():,} parameters needs a model file of "
                f"{needed / 2**30:.0f} GiB, and {MAXIMUM_BYTES / 2**30:.0f} GiB is the most that there can be"
            )
        self.architecture = architecture
        self.corpus, self.team = corpus, team
        boundary = corpus.vocabulary.boundary
        if architecture.bidirectional and boundary is not None:
            raise CharrnnError("a bidirectional network reads a text as one, not as documents")
        train, self.validation = split(corpus.ids, settings.val_fraction, boundary)
        batch, length = fit_streams(train.size, settings.batch_size, settings.seq_length)
        self.settings = replace(settings, batch_size=batch, seq_length=length)
        self.streams = Streams.plan(train, batch, length, boundary)
        self._steps = Steps(self.settings, architecture, self.streams)
        in_real_time = settings.gradient == "rtrl"
        self.influence = Influence(architecture, batch, length, team.size) if in_real_time else None
        self.network = Network(self.architecture, initial or initialize(self.architecture, settings.seed))
        self.gradient = self.network.prepare_training(team.size, self.influence)
        self.window = Window(self.architecture, batch, length, dropout=settings.dropout, training=True)
        self.optimizer = Optimizer(
            settings.optimizer,
            self.network.weights,
            self.gradient,
            clip=settings.clip,
            clip_value=settings.clip_value,
        )
        self.best = Parameters(self.architecture)
        self.best.flat[:] = self.network.weights.flat
        self.history: list[dict[str, Any]] = []
        self.state = State()
        self.stop = False
        if initial is not None:  # they are the ones to beat, and to go back to
            self.state.given = True
            self.state.best_loss = self.validate()
            if not self._is_sensible(self.state.best_loss):
                raise CharrnnError("the weights to start from make no sensible predictions of this text")

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, corpus: Corpus, team: Team, settings: Settings | None = None) -> "Trainer":
        """Go on with a run: with its own settings, or `settings` where, say, the number of epochs was raised."""
        resume = checkpoint.resume
        if resume is None:
            raise CharrnnError("a slim model file cannot be resumed")
        settings = settings or Settings.of(checkpoint.training)
        architecture = settings.architecture(len(corpus.vocabulary))
        if architecture != checkpoint.architecture:
            raise CharrnnError("its settings are those of another network")
        trainer = cls(settings, corpus, team)
        last = trainer.network.weights
        last.assign_concatenated(resume.weights)
        try:
            for moment, values in zip(trainer.optimizer.moments, resume.moments, strict=True):
                moment.assign_concatenated(values)
            trainer.window.assign_carried(resume.carried)
            if (trainer.influence is None) != (resume.influence is None):
                raise ValueError("there is an influence in real-time recurrent learning only")
            if trainer.influence is not None and resume.influence is not None:
                trainer.influence.assign_carried(resume.influence)
            trainer.state = State.of(resume.progress)
        except (TypeError, ValueError):  # a file that is whole, but not of a run that could have been
            raise CharrnnError("the state of the run does not fit its settings") from None
        trainer.history = list(checkpoint.history)
        state = trainer.state
        if state.last_is_best:
            trainer.best.assign_concatenated(resume.weights)
            last.assign(checkpoint.parameters)
        elif state.judged:
            trainer.best.assign(checkpoint.parameters)
        if state.ended and not trainer.over:  # a run of so many epochs would not have validated there
            state.ended, state.end_loss = False, None
            del trainer.history[-1:]
        trainer.network.pack()
        return trainer

    @property
    def nbytes(self) -> int:
        """Bytes that weights, moments and buffers take."""
        influence = 0 if self.influence is None else self.influence.nbytes
        flats = (self.network.nbytes, self.window.nbytes, self.best.flat.nbytes, influence)
        return sum(flats) + sum(moment.flat.nbytes for moment in self.optimizer.moments)

    @property
    def steps(self) -> int | None:
        """Steps in the whole run, or None where it is measured in time."""
        epochs = self.settings.epochs
        return None if epochs is None else max(1, round(epochs * self.streams.windows))

    @property
    def validation_interval(self) -> int:
        """Steps between two validations."""
        characters = min(self.streams.steps, VALIDATE_EVERY)
        step = self.settings.batch_size * self.settings.seq_length
        if characters < VALIDATE_SELDOM:
            return max(1, round(VALIDATE_SELDOM / self.streams.steps)) * self.streams.windows
        return -(-characters // step)

    def compile(self) -> None:
        """Compile all that a step needs, by no steps."""
        windows, plan = self._plan(0, 0)
        self.network.train(self.team, self.window, self.optimizer.arguments, windows, plan)

    def run(self) -> Iterator[Progress]:
        """Train until the run's end, its early end, or ``stop``; raise CharrnnError if the loss cannot be mended.

        Where the loss of a step or of a validation is not a number, or absurd, or where the weights or what goes with
        them are no numbers, the run goes back to its best weights with half the learning rate. Numbers that are none
        stay so: it makes no difference how soon it is noticed, as long as no such weights are taken for the best.
        """
        chunk = 1
        interval = self.validation_interval
        record: Progress | None = None
        while not self.finished and not self.stop:
            at = self.state.step
            until_validation = interval - at % interval
            until_epoch = self.streams.windows - at % self.streams.windows
            steps = min(chunk, until_validation, until_epoch)
            if self.steps is not None:
                steps = min(steps, self.steps - at)
            began = time.perf_counter()
            done = self.advance(steps)
            elapsed = time.perf_counter() - began
            self.state.seconds += elapsed
            chunk = max(1, min(4 * chunk, round(steps * CHUNK_SECONDS / max(elapsed, 1e-6))))
            record = Progress(
                step=self.state.step,
                epoch=self.state.step / self.streams.windows,
                seconds=self.state.seconds,
                fraction=self._fraction(self.state.step),
                loss=done.loss,
                learning_rate=done.learning_rate,
                grad_norm=done.grad_norm,
                chars_per_second=done.characters / max(elapsed, 1e-9),
            )
            if not (math.isfinite(done.grad_norm) and done.worst < self._hopeless):
                yield self._roll_back(record)
                continue
            if self.state.step % interval and not self.over:
                yield record
                continue
            loss = self.validate() if self.sound() else math.nan
            yield self._judge(record, loss) if self._is_sensible(loss) else self._roll_back(record)
        if record is not None and not self.sound():  # whoever stopped the run will want to save it
            yield self._roll_back(record)

    def validate(self) -> float | None:
        """Return the loss on the held-out text, with a state of its own; None where nothing was held out."""
        if self.validation.size < 2:
            return None
        step = self.settings.batch_size * self.settings.seq_length
        size = max(2, self.validation_interval * step // VALIDATION_SHARE)
        text, boundary = self.validation[:size], self.streams.boundary
        return score(self.network, text, self.team, boundary=boundary).nats_per_char

    def sound(self) -> bool:
        """Tell whether all that a checkpoint holds is numbers; if not, it cannot be saved."""
        moments = (moment.flat for moment in self.optimizer.moments)
        arrays = (self.network.weights.flat, *moments, self.window.states[:, :, 0])
        sound = all(bool(values.min() > -np.inf and values.max() < np.inf) for values in arrays)
        return sound and (self.influence is None or self.influence.sound())

    def _is_sensible(self, loss: float | None) -> bool:
        """Tell whether a validation loss is; where nothing was held out, whether that of some training text is."""
        if loss is None:
            text, boundary = self.streams.ids[:TRIAL], self.streams.boundary
            loss = score(self.network, text, self.team, boundary=boundary).nats_per_char
        return loss < self._hopeless

    def checkpoint(self) -> Checkpoint:
        """Return the run's whole state. Its model is the best so far.

        Where nothing is held out that is the last at which the run would have validated. Where the run ended between
        two validations on weights that are the best, what is stored as its last weights are those it would go back to.
        """
        last, best = self.network.weights, self.best if self.state.judged else self.network.weights
        if self.state.last_is_best:
            last, best = self.best, self.network.weights
        return Checkpoint(
            architecture=self.architecture,
            vocabulary=self.corpus.vocabulary,
            parameters={name: view.copy() for name, view in best.named.items()},
            training=asdict(self.settings),
            history=list(self.history),
            corpus={
                "sources": list(self.corpus.sources),
                "sha256": self.corpus.sha256,
                "characters": self.corpus.characters,
            },
            resume=Resume(
                progress=asdict(self.state),
                weights=last.concatenated(),
                moments=tuple(moment.concatenated() for moment in self.optimizer.moments),
                carried=self.window.carried(),
                influence=None if self.influence is None else self.influence.carried(),
            ),
        )

    @property
    def best_loss(self) -> float | None:
        """The validation loss of the best weights; None where nothing was held out, or not validated yet."""
        return self.state.end_loss if self.state.last_is_best else self.state.best_loss

    @property
    def best_step(self) -> int:
        """The step at which the weights were the best."""
        return self.state.step if self.state.last_is_best else self.state.best_step

    @property
    def finished(self) -> bool:
        """Whether there is no more to do: the run is over, or it stopped early as validation no longer improved."""
        return self.over or 0 < self.settings.patience <= self.state.waited

    @property
    def over(self) -> bool:
        """Whether the run has reached its end."""
        if self.settings.seconds is not None:
            return self.state.seconds >= self.settings.seconds
        return self.steps is not None and self.state.step >= self.steps

    def _fraction(self, step: int) -> float:
        if self.settings.seconds is not None:
            return min(1.0, self.state.seconds / self.settings.seconds)
        assert self.steps is not None
        return min(1.0, step / self.steps)

    def _rate(self, step: int) -> float:
        """Return the learning rate of a step; the first is number 1."""
        s = self.settings
        rate = learning_rate(s.schedule, self._fraction(step), peak=s.lr, warmup=s.warmup, final=s.final_lr)
        return rate * self.state.rate_scale

    def _plan(self, begin: int, steps: int) -> tuple[Windows, Plan]:
        """Return the windows of text of some steps of one epoch, and what is to be done with each."""
        windows = self._steps.windows(begin, steps)
        counts = np.maximum(1, np.count_nonzero(windows.targets >= 0, axis=(1, 2)))
        plan = Plan(
            1.0 / counts,
            np.array([self._rate(k + 1) for k in range(begin, begin + steps)]),
            np.arange(1.0, steps + 1.0) + (begin - self.state.moments_begin),
            1.0 - self.settings.dropout,
            self._steps.dropout_keys(begin, steps),
            self._steps.fresh(begin, steps),
            self._steps.full_rows(begin, steps),
            np.zeros(steps),
            np.zeros(steps),
        )
        return windows, plan

    def advance(self, steps: int) -> Advance:
        """Train `steps` steps within one epoch; end at once where a gradient's norm is not finite."""
        begin, windows = self.state.step, self.streams.windows
        if begin and begin % windows == 0:
            self.window.next_epoch()
            if self.influence is not None:
                self.influence.next_epoch()
        text, plan = self._plan(begin, steps)
        scales, rates, losses, norms = plan.scales, plan.rates, plan.losses, plan.norms
        done = self.network.train(self.team, self.window, self.optimizer.arguments, text, plan)
        last = done - 1
        self.state.step += done
        characters = round(float((1.0 / scales[:done]).sum()))
        for loss in losses[:done].tolist():  # one by one, so that the sum does not depend on how many at once
            self.state.loss_sum += loss
        self.state.loss_count += characters
        worst = float((losses * scales)[:done].max())
        return Advance(float(losses.sum() / characters), worst, characters, float(rates[last]), float(norms[last]))

    def _judge(self, record: Progress, loss: float | None) -> Progress:
        """Keep the weights if they are the best by their validation loss, and decide whether to go on.

        At an end where the run would not have validated otherwise, it stays as it is, so that it can go on from there.
        """
        state = self.state
        mean = state.loss_sum / max(1, state.loss_count)
        entry = {"step": record.step, "epoch": record.epoch, "seconds": record.seconds, "loss": mean}
        self.history.append(entry | {"val_loss": loss, "learning_rate": record.learning_rate})
        if state.step % self.validation_interval:
            state.ended, state.end_loss = True, loss
            return replace(record, val_loss=loss, best=state.last_is_best and loss is not None)
        state.rollbacks, state.loss_sum, state.loss_count = 0, 0.0, 0
        best = loss is None or state.best_loss is None or loss < state.best_loss
        if best:
            state.best_loss, state.best_step, state.waited = loss, state.step, 0
            self.best.flat[:] = self.network.weights.flat
        else:
            state.waited += 1
            if state.waited % HALVE_AFTER == 0:
                state.rate_scale /= 2.0
        if len(self.history) > HISTORY:
            del self.history[1::2]
        early = self.finished and not self.over
        return replace(record, val_loss=loss, best=best and loss is not None, stopped_early=early)

    @property
    def _hopeless(self) -> float:
        return HOPELESS * math.log(max(2, self.architecture.vocabulary))

    def _roll_back(self, record: Progress) -> Progress:
        """Go back to the best weights, or the first ones, with half the learning rate.

        The optimizer's moments and the carried states begin anew, so that all it takes is in a checkpoint. Raises
        CharrnnError when this has not helped several times in a row.
        """
        state = self.state
        self.network.weights.flat[:] = self.best.flat
        for values in (self.gradient, *self.optimizer.moments):
            values.flat[:] = 0.0
        self.window.states[:] = 0.0  # no NaN may linger in any slot
        self.network.begin(self.window, 0, self.settings.batch_size)
        if self.influence is not None:
            self.influence.begin()
        self.network.pack()
        state.step = state.moments_begin = state.best_step
        state.waited, state.loss_sum, state.loss_count = 0, 0.0, 0
        state.rollbacks += 1
        state.rate_scale /= 2.0
        rate = self.settings.lr * state.rate_scale
        if state.rollbacks > ROLLBACKS:
            raise CharrnnError(
                f"the loss ran away {state.rollbacks} times, though the learning rate was halved each "
                f"time; try --lr {rate / 10:.1g}"
            )
        return replace(record, step=state.step, learning_rate=rate, rolled_back=True)
