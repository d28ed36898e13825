"""Online learning: training on a text as it arrives, by real-time recurrent learning, which needs no past text."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Windows
from charrnn.model.model_file import Checkpoint
from charrnn.model.parameters import Array
from charrnn.model.team import Team
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.training.learner import Advance, Learner
from charrnn.training.pace import DEFAULT_PACE, Pace
from charrnn.training.progress import OnlineProgress, OnlineState
from charrnn.training.settings import Settings
from charrnn.training.steps import fresh_by_chance


class OnlineTrainer:
    """A run that learns from symbols as they are fed to it, with an update every ``settings.seq_length`` symbols.

    The result depends on the symbols, not on when they arrive. The text is not kept.
    """

    def __init__(
        self,
        settings: Settings,
        vocabulary: Vocabulary,
        team: Team,
        initial: Mapping[str, Array] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Prepare a new run, from `initial` weights if they are given.

        Raises CharrnnError if the vocabulary or the network does not allow it.
        """
        if vocabulary.boundary is not None:
            raise CharrnnError("online learning reads a text as one; it cannot start from a model of documents")
        self.settings, self.vocabulary, self.team, self.pace = settings, vocabulary, team, pace or DEFAULT_PACE
        self.architecture = settings.architecture(len(vocabulary))
        self.learner = Learner.of(settings, self.architecture, team, initial)
        self.network = self.learner.network
        self.state = OnlineState()
        self.stop = False
        self._safe = self.network.weights.flat.copy()  # weights for rollbacks
        self._pending = np.zeros(0, np.int32)  # symbols that were fed but not yet learned from
        self._chunk = 1  # updates to make at once

    @classmethod
    def resumed(cls, checkpoint: Checkpoint, team: Team, pace: Pace | None = None) -> "OnlineTrainer":
        """Resume an online run.

        Raises CharrnnError if the checkpoint is from another kind of run, or does not fit.
        """
        resume, settings = checkpoint.resume, Settings.of(checkpoint.training)
        if resume is None or not settings.online:
            raise CharrnnError("it is not an online run; --init-from starts an online run from its weights")
        trainer = cls(settings, checkpoint.vocabulary, team, pace=pace)
        if trainer.architecture != checkpoint.architecture:
            raise CharrnnError("its settings do not match its network")
        try:
            trainer.learner.restore(resume)
            trainer.state = OnlineState.of(resume.progress, len(checkpoint.vocabulary))
        except (TypeError, ValueError):
            raise CharrnnError("the state of the run does not fit its settings") from None
        trainer._safe[:] = trainer.network.weights.flat
        return trainer

    def checkpoint(self) -> Checkpoint:
        """Return the run's whole state, without symbols not yet learned from."""
        return Checkpoint(
            architecture=self.architecture,
            vocabulary=self.vocabulary,
            parameters={name: view.copy() for name, view in self.network.weights.named.items()},
            training=self.settings.stored(),
            history=[],
            corpus={"sources": ["-"], "sha256": "", "characters": self.state.characters},
            resume=self.learner.snapshot(asdict(self.state)),
        )

    def feed(self, ids: Ids) -> None:
        """Add the next symbols [N] of the text."""
        self._pending = np.concatenate([self._pending, ids.astype(np.int32)])
        if self.state.last is None and self._pending.size:
            self.state.last, self._pending = int(self._pending[0]), self._pending[1:]

    @property
    def waiting(self) -> int:
        """The number of symbols that were fed but not yet learned from."""
        return self._pending.size

    def learn(self, *, rest: bool = False) -> OnlineProgress | None:
        """Learn for a moment from the symbols that were fed.

        Returns None if they are not enough for an update; with `rest`, for the end of a text, it learns from them
        anyway. Raises CharrnnError if the loss diverges again and again.
        """
        symbols = self._next_symbols(rest)
        if not symbols.size:
            return None
        began = time.perf_counter()
        done = self._advance(symbols)
        seconds = time.perf_counter() - began
        state = self.state
        state.seconds += seconds
        state.characters += symbols.size
        self._chunk = self.pace.next_chunk(self._chunk, -(-symbols.size // self.settings.seq_length), seconds)
        ran_away = self._ran_away(done)
        if ran_away:
            self._roll_back()
        else:
            self._judge(done)
        return OnlineProgress(
            step=state.step,
            characters=state.characters,
            seconds=state.seconds,
            recent=state.recent,
            mean=state.loss_sum / max(1, state.loss_count),
            grad_norm=done.grad_norm,
            learning_rate=done.learning_rate,
            chars_per_second=symbols.size / max(seconds, 1e-9),
            rolled_back=ran_away,
        )

    def _next_symbols(self, rest: bool) -> NDArray[np.int32]:
        """Take the symbols of the next updates.

        They end at the next copy of the weights.
        """
        length, every = self.settings.seq_length, self.pace.safe_every
        updates = min(self._chunk, self._pending.size // length, every - self.state.step % every)
        count = updates * length if updates else self._pending.size * rest
        symbols, self._pending = self._pending[:count], self._pending[count:]
        return symbols

    def _advance(self, symbols: NDArray[np.int32]) -> Advance:
        """Learn from symbols [N].

        There is an update for each `seq_length` of them, and one for the rest.
        """
        state, length = self.state, self.settings.seq_length
        assert state.last is not None  # `feed` has set it to the first symbol
        updates = -(-symbols.size // length)
        targets = np.full((updates, length, 1), -1, np.int32)
        targets.reshape(-1)[: symbols.size] = symbols
        ids = np.zeros_like(targets)
        ids.reshape(-1)[0] = state.last
        ids.reshape(-1)[1 : symbols.size] = symbols[:-1]
        lengths = np.full(updates, length)
        lengths[-1] -= targets.size - symbols.size
        numbers, share = range(state.step, state.step + updates), self.pace.fresh_share
        fresh = [k == 0 or bool(fresh_by_chance(self.settings.seed, k, 1, share)[0]) for k in numbers]
        done = self.learner.advance(
            Windows(ids, targets, lengths),
            np.full(updates, self.settings.lr * state.rate_scale),
            updates=state.step - state.moments_begin,
            fresh=np.array(fresh).reshape(updates, 1),
        )
        state.step += updates
        state.last = int(symbols[-1])
        return done

    def _ran_away(self, done: Advance) -> bool:
        """Return whether updates diverged, or left values that are not finite."""
        if done.ran_away(self.pace.hopeless_loss(self.architecture.vocabulary)):
            return True
        return self.state.step % self.pace.safe_every == 0 and not self.is_finite()

    def _judge(self, done: Advance) -> None:
        """Record the losses of good updates; copy the weights at intervals."""
        state = self.state
        losses, counts = (done.losses / done.predictions).tolist(), done.predictions.tolist()
        for loss, count in zip(losses, counts, strict=True):  # one by one, so that the chunk size does not matter
            state.loss_sum += loss * count
            state.loss_count += count
            forgotten = 1.0 if state.loss_count == count else 1.0 - math.exp(-count / self.pace.recent_characters)
            state.recent += forgotten * (loss - state.recent)
        if state.step % self.pace.safe_every == 0:
            self._safe[:] = self.network.weights.flat
            state.rollbacks = 0

    def mend(self) -> None:
        """Roll back if a value is not finite.

        Otherwise the run could not be saved.
        """
        if not self.is_finite():
            self._roll_back()

    def _roll_back(self) -> None:
        """Roll back to safe weights, at half the learning rate.

        Raises CharrnnError after several rollbacks in a row.
        """
        self.learner.start_over(self._safe)
        self._chunk = 1
        self.state.count_rollback(self.settings.lr, self.pace.most_rollbacks)

    def is_finite(self) -> bool:
        """Return whether all values of a checkpoint are finite.

        If not, it cannot be saved.
        """
        return self.learner.is_finite()

    @property
    def nbytes(self) -> int:
        """The bytes of weights, moments and buffers."""
        return self.learner.nbytes + self._safe.nbytes

    def compile(self) -> None:
        """Compile all that learning needs, by making no updates."""
        self.learner.compile()
