"""The number of steps of a run, and the inputs of each: windows of text, learning rate, fresh streams, dropout.

They follow from the settings and the step's number, so a checkpoint does not store them. Only the learning rate of a
run measured in time depends on the time.
"""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Windows
from charrnn.model.bidirectional import made_gaps, read_both
from charrnn.text.streams import Streams
from charrnn.training.pace import Pace
from charrnn.training.picks import Draw, Sample
from charrnn.training.rules import learning_rate
from charrnn.training.settings import Settings


def random_bits(seed: int, step: int, count: int, *, purpose: int) -> NDArray[np.uint64]:
    """Return random bits [count] for a seed, a step and a purpose.

    They depend on nothing else, so there is no generator to save.
    """
    return np.asarray(np.random.Philox(key=seed, counter=[0, step, purpose, 0]).random_raw(count), np.uint64)


def fresh_by_chance(seed: int, step: int, streams: int, share: float) -> NDArray[np.bool_]:
    """Draw which streams [B] start over at a step.

    Each does with probability `share`.
    """
    return random_bits(seed, step, streams, purpose=2) < np.uint64(share * 2.0**64)


class Steps:
    """The steps of a run over the streams of a text, numbered from 0 through all epochs."""

    def __init__(self, settings: Settings, architecture: Architecture, streams: Streams, pace: Pace) -> None:
        self.settings, self.architecture, self.streams, self.pace = settings, architecture, streams, pace
        self._number, self._streams = 0, streams.epoch(0)
        self.sample: Sample | None = None
        if settings.sampled_softmax:
            self.sample = Sample(streams.text.counts(architecture.vocabulary), settings.sampled_softmax)
        # With real-time recurrent learning, a window is only the text between two updates.
        self._carries = architecture.carries or settings.gradient == "rtrl"

    @property
    def total(self) -> int | None:
        """The number of steps of the whole run; None if it is measured in time."""
        epochs = self.settings.epochs
        return None if epochs is None else max(1, round(epochs * self.streams.windows))

    @property
    def validation_interval(self) -> int:
        """The number of steps between two validations."""
        characters = min(self.streams.steps, self.pace.longest_interval)
        if characters < self.pace.shortest_interval:
            return max(1, round(self.pace.shortest_interval / self.streams.steps)) * self.streams.windows
        if characters == self.streams.steps:
            return self.streams.windows
        return -(-characters // (self.settings.batch_size * self.settings.seq_length))

    def fraction(self, step: int, seconds: float) -> float:
        """Return the share of the run that is over."""
        if self.settings.seconds is not None:
            return min(1.0, seconds / self.settings.seconds)
        assert self.total is not None
        return min(1.0, step / self.total)

    def rate(self, step: int, seconds: float) -> float:
        """Return the schedule's learning rate after a step and a time."""
        s, fraction = self.settings, self.fraction(step, seconds)
        return learning_rate(s.schedule, fraction, peak=s.lr, warmup=s.warmup, final=s.final_lr)

    def windows(self, begin: int, steps: int) -> Windows:
        """Return the windows of steps within one epoch.

        ids [N, D·T, B], targets [N, T, B], and lengths [N].
        """
        inputs, targets, lengths = self._epoch(begin).span(begin % self.streams.windows, steps)
        if not self.architecture.bidirectional:
            return Windows(inputs, targets, lengths)
        length, batch = inputs.shape[1:]
        both = np.zeros((steps, 2 * length, batch), np.int32)
        for k, size in enumerate(lengths.tolist()):  # the targets are the characters that are read
            bits = random_bits(self.settings.seed, begin + k, (length + 1) * batch, purpose=3)
            beyond = targets[k] < 0  # after the end of a stream
            hidden = made_gaps(bits, length, batch) | beyond
            both[k] = read_both(inputs[k], size, self.architecture.vocabulary, hidden)
            targets[k] = np.where(beyond, -1, inputs[k])
        return Windows(both, targets, lengths)

    def draws(self, begin: int, windows: Windows) -> list[Draw]:
        """Draw the candidates of steps, if the softmax is sampled."""
        if self.sample is None:
            return []
        seed, symbols = self.settings.seed, self.architecture.vocabulary
        bits = (random_bits(seed, begin + k, symbols, purpose=4) for k in range(windows.lengths.size))
        return [self.sample.draw(*both) for both in zip(bits, windows.targets, strict=True)]

    def _epoch(self, step: int) -> Streams:
        """Return the streams of a step's epoch."""
        number = step // self.streams.windows
        if number != self._number:
            self._number, self._streams = number, self.streams.epoch(number)
        return self._streams

    def full_rows(self, begin: int, steps: int) -> NDArray[np.int64]:
        """Return how many streams take all steps of each window [N].

        In an epoch's last window, only the first streams do.
        """
        batch = self.settings.batch_size
        full_rows = np.full(steps, batch)
        if self.streams.seed is None and steps and (begin + steps) % self.streams.windows == 0:
            full_rows[-1] = self.streams.steps % batch or batch
        return full_rows

    def dropout_keys(self, begin: int, steps: int) -> NDArray[np.int32]:
        """Return the seeds of dropout [N, layers of all stacks].

        The shape is [N, 0] without dropout.
        """
        layers = self.architecture.directions * self.architecture.layers if self.settings.dropout else 0
        keys = [random_bits(self.settings.seed, begin + k, layers, purpose=1) >> np.uint64(32) for k in range(steps)]
        return np.array(keys, np.uint32).astype(np.int32).reshape(steps, layers)

    def fresh(self, begin: int, steps: int) -> NDArray[np.bool_]:
        """Return which streams start from the initial state [N, B].

        All do at the start of the run, and some by chance.
        """
        fresh = np.zeros((steps, self.settings.batch_size), np.bool_)
        for k in range(steps):
            step = begin + k
            if step == 0 or not self._carries:
                fresh[k] = True
            elif self.streams.boundary is None:  # every document starts from it anyway
                fresh[k] = fresh_by_chance(self.settings.seed, step, self.settings.batch_size, self.pace.fresh_share)
            if step % self.streams.windows == 0:  # start of an epoch: nothing precedes the first stream
                fresh[k, : 1 if self.streams.seed is None else None] = True  # or any, if each starts with a document
        return fresh
