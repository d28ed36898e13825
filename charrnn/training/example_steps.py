"""The batches of examples that a run trains on, in another order in each epoch."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.examples.batches import plan
from charrnn.kernels.example_arguments import Batches
from charrnn.model.example_batches import EncodedExamples, Pieces
from charrnn.reading.example_encoding import pieces_of
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings
from charrnn.training.steps import Steps, random_bits


class ExampleSteps(Steps):
    """The steps of a run over examples.

    A ``series`` is cut at other places in each epoch, as its pieces would otherwise always begin at the same ones.
    """

    def __init__(
        self,
        settings: Settings,
        architecture: Architecture,
        pace: Pace,
        examples: EncodedExamples,
        *,
        most: int,
        series: bool = False,
    ) -> None:
        """Count the steps over encoded examples, which have at ``most`` so many pieces in an epoch."""
        pieces = examples.pieces
        super().__init__(
            settings,
            architecture,
            pace,
            per_epoch=-(-most // settings.batch_size),
            symbols=int((pieces.last - pieces.first).sum()),
        )
        self.examples, self.series = examples, series
        sources = None if examples.sources is None else examples.sources.pieces
        self.longest = max(int(read.lengths.max(initial=1)) for read in (pieces, sources) if read is not None)
        self._number, self._epoch = -1, examples
        self._groups: list[NDArray[np.int64]] = []

    @property
    def validation_interval(self) -> int:
        """The number of steps between two validations."""
        if self.symbols <= self.pace.longest_interval:
            return super().validation_interval
        return max(1, round(self.per_epoch * self.pace.longest_interval / self.symbols))

    def windows(self, begin: int, steps: int) -> Batches:
        """Return the batches of steps within one epoch."""
        examples, groups = self.epoch(begin // self.per_epoch)
        place = begin % self.per_epoch
        return examples.batches(groups[place : place + steps], self.architecture, self.settings.batch_size)

    def epoch(self, number: int) -> tuple[EncodedExamples, list[NDArray[np.int64]]]:
        """Return the examples of an epoch, and which of their pieces each batch has."""
        self._begin_epoch(number)
        return self._epoch, self._groups

    def _begin_epoch(self, number: int) -> None:
        """Put the examples of an epoch into batches."""
        if number == self._number:
            return
        self._number, seed = number, self.settings.seed
        if self.series:
            self._epoch = replace(self.examples, pieces=self._cut(number))
        groups = plan(self._epoch.pieces.lengths, self.settings.batch_size, seed, number)
        empty = [np.zeros(0, np.int64)] * (self.per_epoch - len(groups))
        self._groups = groups + empty

    def _cut(self, number: int) -> Pieces:
        """Return the pieces of a series in an epoch."""
        length, steps = self.settings.seq_length, self.examples.pieces
        skipped = int(random_bits(self.settings.seed, number, 1, purpose=7)[0] % np.uint64(length))
        start, end = steps.starts[:1], (steps.starts + steps.lengths).max()
        return pieces_of(start, np.array([end]) - start, self.architecture, length, series=True, skipped=skipped)
