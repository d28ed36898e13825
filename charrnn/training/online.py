"""Learning from a text that need not end, as it comes: by real-time recurrent learning, which needs no more of it."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
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
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.training.optimizer import Optimizer
from charrnn.training.progress import MOST
from charrnn.training.settings import Settings
from charrnn.training.steps import by_chance
from charrnn.training.trainer import CHUNK_SECONDS, HOPELESS, ROLLBACKS

RECENT = 1000.0  # characters over which the recent loss is a mean that forgets: the last ones weigh the most
SAFE_EVERY = 1000  # updates between two copies of weights that are worth to go back to
NO_DROPOUT: NDArray[np.int32] = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Heard:
    """What there is to tell after some characters; losses are nats per character."""

    step: int  # updates
    characters: int  # that were predicted, in all
    seconds: float  # of learning
    recent: float
    mean: float  # in all
    grad_norm: float  # of the last update, before clipping
    learning_rate: float
    chars_per_second: float
    rolled_back: bool = False  # the loss ran away: back at the weights of some time ago, with half the rate


@dataclass
class OnlineState:
    """Where such a run stands, beside its arrays."""

    step: int = 0  # updates
    characters: int = 0
    seconds: float = 0.0
    last: int | None = None  # the symbol that was read last, from which the next one is predicted
    loss_sum: float = 0.0  # nats, in all
    loss_count: int = 0  # characters that these are the loss of
    recent: float = 0.0
    rate_scale: float = 1.0
    rollbacks: int = 0  # since weights were found safe
    moments_begin: int = 0  # the step at which the optimizer's moments were zero

    @classmethod
    def of(cls, values: Mapping[str, Any], symbols: int) -> "OnlineState":
        """Read a state from a file; raise TypeError or ValueError if it is none."""
        state = cls(**values)
        counts = (state.step, state.characters, state.loss_count, state.rollbacks, state.moments_begin)
        if not all(type(count) is int and 0 <= count < 2**62 for count in counts):
            raise ValueError("counts are whole numbers")
        if state.moments_begin > state.step:
            raise ValueError("what is past comes before the present step")
        if state.last is not None and not (type(state.last) is int and 0 <= state.last < symbols):
            raise ValueError("the last symbol is one of the vocabulary")
        measures = (state.seconds, state.loss_sum, state.recent, state.rate_scale)
        if not all(type(value) in (int, float) and 0.0 <= value < MOST for value in measures):
            raise ValueError("measures are numbers from zero on")
        return state


class OnlineLearner:
    """A run that learns from symbols as they are fed to it, with an update every ``settings.seq_length`` of them.

    What it learns depends on the symbols alone, not on when they come. Nothing of the text is kept.
    """

    def __init__(
        self,
        settings: Settings,
        vocabulary: Vocabulary,
        team: Team,
        initial: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """Prepare a new run, from `initial` weights where they are given; raise CharrnnError where it cannot be."""
        if vocabulary.boundary is not None:
            raise CharrnnError("a text is learnt online as one, not as documents")
        self.settings, self.vocabulary, self.team = settings, vocabulary, team
        self.architecture = settings.architecture(len(vocabulary))
        self.influence = Influence(self.architecture, 1, settings.seq_length, team.size)
        self.network = Network(self.architecture, initial or initialize(self.architecture, settings.seed))
        self.gradient = self.network.prepare_training(team.size, self.influence)
        self.window = Window(self.architecture, 1, settings.seq_length, training=True)
        self.optimizer = Optimizer(
            settings.optimizer,
            self.network.weights,
            self.gradient,
            clip=settings.clip,
            clip_value=settings.clip_value,
        )
        self.state = OnlineState()
        self.stop = False
        self._safe = self.network.weights.flat.copy()
        self._pending = np.zeros(0, np.int32)
        self._chunk = 1

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, team: Team) -> "OnlineLearner":
        """Go on with a run. Raises CharrnnError if the checkpoint is not one of such a run."""
        resume, settings = checkpoint.resume, Settings.of(checkpoint.training)
        if resume is None or not settings.online:
            raise CharrnnError("it was not learnt online; --init-from starts an online run from its weights")
        learner = cls(settings, checkpoint.vocabulary, team)
        if learner.architecture != checkpoint.architecture:
            raise CharrnnError("its settings are those of another network")
        try:
            if resume.influence is None:
                raise ValueError("there is no influence")
            for moment, values in zip(learner.optimizer.moments, resume.moments, strict=True):
                moment.assign_concatenated(values)
            learner.window.assign_carried(resume.carried)
            learner.influence.assign_carried(resume.influence)
            learner.state = OnlineState.of(resume.progress, len(checkpoint.vocabulary))
        except (TypeError, ValueError):
            raise CharrnnError("the state of the run does not fit its settings") from None
        learner.network.weights.assign_concatenated(resume.weights)
        learner._safe[:] = learner.network.weights.flat
        learner.network.pack()
        return learner

    def compile(self) -> None:
        """Compile all that learning needs, by no steps."""
        self._train(np.zeros((0, self.settings.seq_length), np.int32), 0)

    def feed(self, ids: Ids) -> None:
        """Take symbols [N] that come next."""
        self._pending = np.concatenate([self._pending, ids.astype(np.int32)])
        if self.state.last is None and self._pending.size:
            self.state.last, self._pending = int(self._pending[0]), self._pending[1:]

    def learn(self, *, rest: bool = False) -> Heard | None:
        """Learn for a moment from what was fed, or return None where that is not enough for an update.

        The `rest` is less than that; it is learnt from at the end. Raises CharrnnError if the loss cannot be mended.
        """
        length = self.settings.seq_length
        whole = self._pending.size // length
        steps = min(self._chunk, whole, SAFE_EVERY - self.state.step % SAFE_EVERY)
        count = steps * length if steps else self._pending.size * rest
        if not count:
            return None
        symbols, self._pending = self._pending[:count], self._pending[count:]
        began = time.perf_counter()
        rows = np.full((max(1, steps), length), -1, np.int32)
        rows.reshape(-1)[:count] = symbols
        losses, norm, rate = self._train(rows, count)
        elapsed = time.perf_counter() - began
        self._chunk = max(1, min(4 * self._chunk, round(len(rows) * CHUNK_SECONDS / max(elapsed, 1e-6))))
        return self._judge(losses, count, norm, rate, elapsed)

    def _train(self, rows: NDArray[np.int32], count: int) -> tuple[NDArray[np.float64], float, float]:
        """Learn from rows of symbols [N, T], of which `count` are there; return each row's loss, the norm, the rate."""
        state, steps = self.state, len(rows)
        before = 0 if state.last is None else state.last
        inputs = np.concatenate([[before], rows.reshape(-1)[:-1]]) if steps else rows.reshape(-1)
        lengths = np.full(steps, rows.shape[1])
        lengths[-1:] -= rows.size - count
        numbers = range(state.step, state.step + steps)
        rate = self.settings.lr * state.rate_scale
        losses, norms = np.zeros(steps), np.zeros(steps)
        fresh = [k == 0 or bool(by_chance(self.settings.seed, k, 1)[0]) for k in numbers]
        plan = Plan(
            1.0 / lengths,
            np.full(steps, rate),
            np.arange(1.0, steps + 1.0) + (state.step - state.moments_begin),
            1.0,
            np.tile(NO_DROPOUT, (steps, 1)),
            np.array(fresh, np.bool_).reshape(steps, 1),
            np.ones(steps, np.int64),
            losses,
            norms,
        )
        ids = np.maximum(inputs, 0).astype(np.int32).reshape(*rows.shape, 1)
        windows = Windows(ids, rows[..., np.newaxis], lengths)
        done = self.network.train(self.team, self.window, self.optimizer.arguments, windows, plan)
        if steps:
            state.step += steps
            state.last = int(rows.reshape(-1)[count - 1])
        return losses / lengths, float(norms[done - 1]) if steps else 0.0, rate

    def _judge(self, losses: NDArray[np.float64], count: int, norm: float, rate: float, elapsed: float) -> Heard:
        """Take account of some losses; go back to safe weights where they ran away."""
        state, length = self.state, self.settings.seq_length
        state.seconds += elapsed
        state.characters += count
        limit = HOPELESS * math.log(max(2, self.architecture.vocabulary))
        ran_away = not (math.isfinite(norm) and bool(np.all(losses < limit)))
        if not ran_away and (state.step % SAFE_EVERY == 0):
            ran_away = not self.sound()
        if ran_away:
            self._roll_back()
        else:
            for k, loss in enumerate(losses.tolist()):  # one by one, so that it is all the same how many come at once
                heard = min(length, count - k * length)
                state.loss_sum += loss * heard
                state.loss_count += heard
                forgotten = 1.0 if state.loss_count == heard else 1.0 - math.exp(-heard / RECENT)
                state.recent += forgotten * (loss - state.recent)
            if state.step % SAFE_EVERY == 0:
                self._safe[:] = self.network.weights.flat
                state.rollbacks = 0
        return Heard(
            step=state.step,
            characters=state.characters,
            seconds=state.seconds,
            recent=state.recent,
            mean=state.loss_sum / max(1, state.loss_count),
            grad_norm=norm,
            learning_rate=rate,
            chars_per_second=count / max(elapsed, 1e-9),
            rolled_back=ran_away,
        )

    def mend(self) -> None:
        """Go back to safe weights where something is no number, as it could not be saved."""
        if not self.sound():
            self._roll_back()

    def _roll_back(self) -> None:
        """Go back to safe weights with half the rate; raise CharrnnError when this has not helped several times."""
        state = self.state
        self.network.weights.flat[:] = self._safe
        for values in (self.gradient, *self.optimizer.moments):
            values.flat[:] = 0.0
        self.window.states[:] = 0.0
        self.influence.begin()
        self.network.pack()
        self._chunk = 1
        state.moments_begin = state.step
        state.rollbacks += 1
        state.rate_scale /= 2.0
        if state.rollbacks > ROLLBACKS:
            raise CharrnnError(
                f"the loss ran away {state.rollbacks} times, though the learning rate was halved each "
                f"time; try --lr {self.settings.lr * state.rate_scale / 10:.1g}"
            )

    def sound(self) -> bool:
        """Tell whether all that a checkpoint holds is numbers; if not, it cannot be saved."""
        moments = (moment.flat for moment in self.optimizer.moments)
        arrays = (self.network.weights.flat, *moments, self.window.states[:, :, 0])
        return all(bool(np.isfinite(values).all()) for values in arrays) and self.influence.sound()

    @property
    def waiting(self) -> int:
        """How many symbols were fed and not learnt from yet."""
        return self._pending.size

    @property
    def nbytes(self) -> int:
        """Bytes that weights, moments and buffers take."""
        moments = sum(moment.flat.nbytes for moment in self.optimizer.moments)
        return self.network.nbytes + self.window.nbytes + self.influence.nbytes + self._safe.nbytes + moments

    def checkpoint(self) -> Checkpoint:
        """Return the run's whole state. What was fed and not learnt from is not in it."""
        weights: Parameters = self.network.weights
        return Checkpoint(
            architecture=self.architecture,
            vocabulary=self.vocabulary,
            parameters={name: view.copy() for name, view in weights.named.items()},
            training=asdict(self.settings),
            history=[],
            corpus={"sources": ["-"], "sha256": "", "characters": self.state.characters},
            resume=Resume(
                progress=asdict(self.state),
                weights=weights.concatenated(),
                moments=tuple(moment.concatenated() for moment in self.optimizer.moments),
                carried=self.window.carried(),
                influence=self.influence.carried(),
            ),
        )
