"""Online learning: training on a text as it arrives, by real-time recurrent learning, which needs no past text."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Windows
from charrnn.kernels.arithmetic import exp
from charrnn.model.model_file import Checkpoint
from charrnn.model.parameters import Array, Parameters
from charrnn.model.team import Team
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.training.learner import Advance, Learner
from charrnn.training.pace import DEFAULT_PACE, Pace, blind_loss
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
        self.learner = Learner.of(settings, self.architecture, team)
        self.learner.begin(initial, settings)
        self.network = self.learner.network
        self.state = OnlineState()
        self.stop = False
        self._safe = Parameters(self.architecture)  # weights for rollbacks
        self._safe.flat[:] = self.network.weights.flat
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
        trainer._safe.assign_concatenated(resume.weights)
        trainer.network.weights.assign(checkpoint.parameters)
        trainer.network.pack()
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
            resume=self.learner.snapshot(asdict(self.state), self._safe),  # the last weights are the model
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
        state.characters += done.characters
        self._chunk = self.pace.next_chunk(self._chunk, done.steps, seconds)
        self._count(done)
        diverged = self._diverged(done)
        if diverged:
            self._roll_back()
        elif state.step % self.pace.safe_every == 0:
            self._safe.flat[:] = self.network.weights.flat
            if not state.rollbacks:  # nothing happened since the last copy
                state.recover()
            state.rollbacks = 0
        return OnlineProgress(
            step=state.step,
            characters=state.characters,
            seconds=state.seconds,
            recent=state.recent,
            mean=state.loss_sum / max(1, state.loss_count),
            grad_norm=done.grad_norm,
            learning_rate=done.learning_rate,
            chars_per_second=done.characters / max(seconds, 1e-9),
            rolled_back=diverged,
        )

    def _next_symbols(self, rest: bool) -> NDArray[np.int32]:
        """Take the symbols of the next updates.

        They end at the next copy of the weights, and where losses are judged next, so that what is learned does not
        depend on how many are taken at once.
        """
        length, every = self.settings.seq_length, self.pace.safe_every
        unjudged = max(1, -(-(self.pace.judged - self.state.judged_count) // length))
        updates = min(self._chunk, self._pending.size // length, every - self.state.step % every, unjudged)
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
        learned = done.characters
        state.step += done.steps
        state.last = int(symbols[learned - 1])
        if learned < symbols.size:  # a gradient was not finite: the rest comes after the rollback
            self._pending = np.concatenate([symbols[learned:], self._pending])
        return done

    def _diverged(self, done: Advance) -> bool:
        """Return whether updates diverged, or left values that are not finite."""
        hopeless = self.pace.hopeless_loss(blind_loss(self.architecture.vocabulary))
        least, losses = self.pace.judged, done.losses.tolist()
        if self.state.judge(losses, done.predictions.tolist(), hopeless=hopeless, least=least) is not None:
            return True
        if not math.isfinite(done.grad_norm):
            return True
        return self.state.step % self.pace.safe_every == 0 and not self.is_finite()

    def _count(self, done: Advance) -> None:
        """Count the losses of updates, whatever becomes of these, except losses that are not finite."""
        state = self.state
        losses, counts = (done.losses / done.predictions).tolist(), done.predictions.tolist()
        shares = (1.0 - exp(-done.predictions / self.pace.recent_characters)).tolist()
        for loss, count, share in zip(losses, counts, shares, strict=True):  # one by one: chunks do not matter
            if not math.isfinite(loss):
                continue
            forgotten = share if state.loss_count else 1.0
            state.loss_sum += loss * count
            state.loss_count += count
            state.recent += forgotten * (loss - state.recent)

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
        self.learner.start_over(self._safe.flat)
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
        return self.learner.nbytes + self._safe.flat.nbytes

    def compile(self) -> None:
        """Compile all that learning needs, by making no updates."""
        self.learner.compile()
