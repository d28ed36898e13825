"""The work of this program in a turn: training steps, or sampled characters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.benchmark.timing import Side
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.training.trainer import Trainer
from charrnn.writing.controls import Controls
from charrnn.writing.sampler import Sampler


def training_side(trainer: Trainer[Any]) -> Side:
    """Return a side that takes training steps; it counts predictions: of a text, one for each character."""

    def side(steps: int) -> int:
        characters, windows = 0, trainer.steps.per_epoch
        while steps:  # a run advances within an epoch
            part = min(steps, windows - trainer.state.step % windows)
            characters += trainer.advance(part).characters
            steps -= part
        return characters

    return side


def sampling_side(network: Network, streams: int, team: Team | None, controls: Controls | None = None) -> Side:
    """Return a side that samples; it counts characters.

    A step is one character in each stream.
    """
    left: NDArray[np.int32] = np.zeros((0, streams), np.int32)
    sampler = Sampler(network, seeds=range(streams), controls=controls, team=team)
    sampler.read([0])
    blocks = sampler.blocks()

    def side(steps: int) -> int:
        nonlocal left
        done = 0
        while done < steps:
            if not len(left):
                left = next(blocks).symbols
            part = min(steps - done, len(left))
            done, left = done + part, left[part:]
        return steps * streams

    return side
