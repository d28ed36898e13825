"""The number of steps of a run, and the inputs of each: windows, learning rate, fresh streams, dropout.

They follow from the settings and the step's number, so a checkpoint does not store them. Only the learning rate of a
run measured in time depends on the time.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Windows
from charrnn.kernels.example_arguments import Batches
from charrnn.kernels.llvm.vector import padded
from charrnn.model.parameters import aligned
from charrnn.training.disturbance import Disturbance, count, dropout_factors, gaussian, nothing, require_numbers
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


class Steps(ABC):
    """The steps of a run, numbered from 0 through all epochs.

    A subclass has their windows. By default, a window has whole sequences, which all start from the initial state.
    """

    sample: Sample | None = None  # draws candidates if the softmax is sampled

    def __init__(
        self, settings: Settings, architecture: Architecture, pace: Pace, *, per_epoch: int, symbols: int
    ) -> None:
        """Count the steps of a run, ``per_epoch`` in each epoch, which read so many ``symbols``."""
        require_numbers(settings, architecture)
        self.settings, self.architecture, self.pace = settings, architecture, pace
        self.per_epoch, self.symbols = per_epoch, symbols

    @property
    def total(self) -> int | None:
        """The number of steps of the whole run; None if it is measured in time."""
        epochs = self.settings.epochs
        return None if epochs is None else max(1, round(epochs * self.per_epoch))

    @property
    def validation_interval(self) -> int:
        """The number of steps between two validations."""
        symbols = min(self.symbols, self.pace.longest_interval)
        if symbols < self.pace.shortest_interval:
            return max(1, round(self.pace.shortest_interval / self.symbols)) * self.per_epoch
        if symbols == self.symbols:
            return self.per_epoch
        return -(-symbols // (self.settings.batch_size * self.settings.seq_length))

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

    def dropout_keys(self, begin: int, steps: int) -> NDArray[np.int32]:
        """Return the seeds of dropout [N, layers of all stacks].

        The shape is [N, 0] without dropout.
        """
        layers = self.architecture.dropped_layers if self.settings.dropout else 0
        keys = [random_bits(self.settings.seed, begin + k, layers, purpose=1) >> np.uint64(32) for k in range(steps)]
        return np.array(keys, np.uint32).astype(np.int32).reshape(steps, layers)

    def disturbed(self, begin: int, windows: Windows | Batches) -> tuple[Windows | Batches, Disturbance]:
        """Return the windows of steps as training reads them, and what is done to symbols: see `disturbance`.

        Numbers are changed in place.
        """
        s, architecture, steps = self.settings, self.architecture, windows.lengths.size
        found = nothing(steps)
        for amount, make, purpose in ((s.input_dropout, dropout_factors, 8), (s.noise, gaussian, 9)):
            for k in range(steps if amount else 0):
                read = windows.ids[k].shape  # [D·T, B]
                shape: tuple[int, ...] = read
                if numbers := architecture.features or (architecture.embedding if make is gaussian else 0):
                    shape = (*read, numbers)
                drawn = make(random_bits(s.seed, begin + k, count(shape), purpose=purpose), shape, amount)
                if architecture.features and isinstance(windows, Batches):
                    own = windows.numbers[k, :, :, :numbers]
                    own[...] = own * drawn if make is dropout_factors else own + drawn
                elif make is dropout_factors:
                    found = (
                        found if found.factors.size else found._replace(factors=np.zeros((steps, *read), np.float32))
                    )
                    found.factors[k] = drawn
                else:
                    if not found.noise.size:
                        found = found._replace(noise=aligned(steps, *read, padded(numbers)))
                    found.noise[k, :, :, :numbers] = drawn
        return windows, found

    @abstractmethod
    def windows(self, begin: int, steps: int) -> Windows | Batches:
        """Return the windows of steps within one epoch.

        ids [N, D·T, B], targets [N, T, B], and lengths [N].
        """

    def fresh(self, begin: int, steps: int) -> NDArray[np.bool_]:  # noqa: ARG002
        """Return which streams start from the initial state [N, B]; by default, all do."""
        return np.ones((steps, self.settings.batch_size), np.bool_)

    def full_rows(self, begin: int, steps: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return how many streams take all steps of each window [N]; by default, all do."""
        return np.full(steps, self.settings.batch_size)

    def draws(self, begin: int, windows: Windows | Batches) -> list[Draw]:
        """Draw the candidates of steps, if the softmax is sampled."""
        if self.sample is None:
            return []
        seed, symbols = self.settings.seed, self.architecture.vocabulary
        bits = (random_bits(seed, begin + k, symbols, purpose=4) for k in range(windows.lengths.size))
        return [self.sample.draw(*both) for both in zip(bits, windows.targets, strict=True)]
