"""Texts to write, each for a text or under a condition: those to train on, and those that validate."""

import math

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.examples.dataset import Examples
from charrnn.examples.scaling import Scaling
from charrnn.kernels.arithmetic import log
from charrnn.model.example_batches import EncodedExamples
from charrnn.model.network import Network
from charrnn.model.target_names import Targets
from charrnn.model.team import Team
from charrnn.reading.predictions import step_losses
from charrnn.reading.writing_encoding import encoded_texts
from charrnn.training.example_data import ExampleData, require_storable_names


class WritingData(ExampleData):
    """Texts to write, as the `Data` of a run."""

    def _targets_of(self, train: Examples) -> Targets:
        if self.examples.translations is not None:
            # All of them: what validates may not have a character that cannot be written.
            texts = (*(train.translations or ()), *(self.validated.translations or ()))
            return Targets(tuple(sorted(set().union(*texts))))
        require_storable_names(train)
        scaling = None if train.values is None else Scaling.of(train.values)
        return Targets(names=train.names, given=train.labels, input_scaling=scaling)

    def _architecture_of(self, train: Examples) -> Architecture:
        if train.translations is not None:
            return self.settings.architecture(len(self.vocabulary), targets=len(self.targets.labels) + 1)  # and the end
        conditions = len(train.labels) or train.targets.shape[1]
        return self.settings.architecture(len(self.vocabulary), conditions=conditions)

    def _encoded(self, examples: Examples) -> EncodedExamples:
        return encoded_texts(examples, self.vocabulary, self.targets, self.architecture, self.settings.seq_length)

    def _blind_loss(self) -> float:
        return float(log(max(2, self.architecture.predicted)))

    def _judge(self, network: Network, examples: EncodedExamples, team: Team) -> tuple[float, dict[str, float]]:
        losses = step_losses(network, examples, team, finite=False)
        if not np.isfinite(losses).all():  # the run has diverged
            return math.nan, {}
        return float(losses.mean()), {}
