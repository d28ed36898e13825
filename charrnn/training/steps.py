"""How many steps a run takes and what each is given: windows of text, a rate, streams that begin anew, what is dropped.

All of it follows from the settings and the step's number, so that a run that goes on needs none of it stored. Only the
rate of a run that is measured in time follows from the time.
"""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Windows
from charrnn.model.bidirectional import made_gaps, read_both
from charrnn.text.streams import Streams
from charrnn.training.pace import Pace
from charrnn.training.rules import learning_rate
from charrnn.training.settings import Settings


def random_bits(seed: int, step: int, count: int, *, purpose: int) -> NDArray[np.uint64]:
    """Return random bits that depend on the seed, the step and their purpose alone: no generator to save."""
    return np.asarray(np.random.Philox(key=seed, counter=[0, step, purpose, 0]).random_raw(count), np.uint64)


def fresh_by_chance(seed: int, step: int, streams: int, share: float) -> NDArray[np.bool_]:
    """Draw which streams [B] begin anew at a step, each with the chance `share`."""
    return random_bits(seed, step, streams, purpose=2) < np.uint64(share * 2.0**64)


class Steps:
    """The steps of a run over a text in streams, numbered from 0 on through all epochs."""

    def __init__(self, settings: Settings, architecture: Architecture, streams: Streams, pace: Pace) -> None:
        self.settings, self.architecture, self.streams, self.pace = settings, architecture, streams, pace
        # With real-time recurrent learning a window is no more than the time between two updates.
        self._carries = architecture.carries or settings.gradient == "rtrl"

    @property
    def total(self) -> int | None:
        """How many steps the whole run takes, or None where it is measured in time."""
        epochs = self.settings.epochs
        return None if epochs is None else max(1, round(epochs * self.streams.windows))

    @property
    def validation_interval(self) -> int:
        """How many steps are between two validations."""
        characters = min(self.streams.steps, self.pace.longest_interval)
        if characters < self.pace.shortest_interval:
            return max(1, round(self.pace.shortest_interval / self.streams.steps)) * self.streams.windows
        return -(-characters // (self.settings.batch_size * self.settings.seq_length))

    def fraction(self, step: int, seconds: float) -> float:
        """Return what share of the run is over after a step, and so many seconds."""
        if self.settings.seconds is not None:
            return min(1.0, seconds / self.settings.seconds)
        assert self.total is not None
        return min(1.0, step / self.total)

    def rate(self, step: int, seconds: float) -> float:
        """Return the learning rate of the schedule where so much of the run is over."""
        s, fraction = self.settings, self.fraction(step, seconds)
        return learning_rate(s.schedule, fraction, peak=s.lr, warmup=s.warmup, final=s.final_lr)

    def windows(self, begin: int, steps: int) -> Windows:
        """Return the windows of some steps of one epoch: ids [N, D·T, B], targets [N, T, B], and their lengths [N]."""
        inputs, targets, lengths = self.streams.span(begin % self.streams.windows, steps)
        if not self.architecture.bidirectional:
            return Windows(inputs, targets, lengths)
        length, batch = inputs.shape[1:]
        both = np.zeros((steps, 2 * length, batch), np.int32)
        for k, size in enumerate(lengths.tolist()):  # what is read is what is predicted
            bits = random_bits(self.settings.seed, begin + k, (length + 1) * batch, purpose=3)
            beyond = targets[k] < 0  # a stream that has ended
            hidden = made_gaps(bits, length, batch) | beyond
            both[k] = read_both(inputs[k], size, self.architecture.vocabulary, hidden)
            targets[k] = np.where(beyond, -1, inputs[k])
        return Windows(both, targets, lengths)

    def full_rows(self, begin: int, steps: int) -> NDArray[np.int64]:
        """Return how many of the first streams [N] take all steps of a window: not all do in an epoch's last one."""
        batch = self.settings.batch_size
        full_rows = np.full(steps, batch)
        if steps and (begin + steps) % self.streams.windows == 0:
            full_rows[-1] = self.streams.steps % batch or batch
        return full_rows

    def dropout_keys(self, begin: int, steps: int) -> NDArray[np.int32]:
        """Return the seeds of dropout [N, layers of all stacks], or none [N, 0] where nothing is dropped."""
        layers = self.architecture.directions * self.architecture.layers if self.settings.dropout else 0
        keys = [random_bits(self.settings.seed, begin + k, layers, purpose=1) >> np.uint64(32) for k in range(steps)]
        return np.array(keys, np.uint32).astype(np.int32).reshape(steps, layers)

    def fresh(self, begin: int, steps: int) -> NDArray[np.bool_]:
        """Return which streams begin from the first state [N, B]: all at the run's begin, and some by chance."""
        fresh = np.zeros((steps, self.settings.batch_size), np.bool_)
        for k in range(steps):
            step = begin + k
            if step == 0 or not self._carries:
                fresh[k] = True
            elif self.streams.boundary is None:  # every document does that by itself
                fresh[k] = fresh_by_chance(self.settings.seed, step, self.settings.batch_size, self.pace.fresh_share)
            if step % self.streams.windows == 0:  # an epoch's: nothing is before the first stream
                fresh[k, 0] = True
        return fresh
