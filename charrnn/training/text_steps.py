"""The inputs of the steps of a run over a text: windows of its streams."""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Windows
from charrnn.model.bidirectional import made_gaps, read_both
from charrnn.text.streams import Streams
from charrnn.training.pace import Pace
from charrnn.training.picks import Sample
from charrnn.training.settings import Settings
from charrnn.training.steps import Steps, fresh_by_chance, random_bits


class TextSteps(Steps):
    """The steps of a run over the streams of a text: a window of all streams each."""

    def __init__(self, settings: Settings, architecture: Architecture, pace: Pace, streams: Streams) -> None:
        super().__init__(settings, architecture, pace, per_epoch=streams.windows, symbols=streams.steps)
        self.streams = streams
        self._number, self._streams = 0, streams.epoch(0)
        if settings.sampled_softmax:
            self.sample = Sample(streams.text.counts(architecture.vocabulary), settings.sampled_softmax)
        # With real-time recurrent learning, a window is only the text between two updates.
        self._carries = architecture.carries or settings.gradient == "rtrl"

    def windows(self, begin: int, steps: int) -> Windows:
        """Return the windows of steps within one epoch.

        ids [N, D·T, B], targets [N, T, B], and lengths [N].
        """
        inputs, targets, lengths = self._epoch(begin).span(begin % self.per_epoch, steps)
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

    def _epoch(self, step: int) -> Streams:
        """Return the streams of a step's epoch."""
        number = step // self.per_epoch
        if number != self._number:
            self._number, self._streams = number, self.streams.epoch(number)
        return self._streams

    def full_rows(self, begin: int, steps: int) -> NDArray[np.int64]:
        """Return how many streams take all steps of each window [N].

        In an epoch's last window, only the first streams do.
        """
        batch = self.settings.batch_size
        full_rows = np.full(steps, batch)
        if self.streams.seed is None and steps and (begin + steps) % self.per_epoch == 0:
            full_rows[-1] = self.streams.steps % batch or batch
        return full_rows

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
            if step % self.per_epoch == 0:  # start of an epoch: nothing precedes the first stream
                fresh[k, : 1 if self.streams.seed is None else None] = True  # or any, if each starts with a document
        return fresh
