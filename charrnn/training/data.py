"""What a run trains on, in the terms that all runs share; `text_data` has texts."""

from collections.abc import Mapping
from typing import Any, Protocol

from charrnn.cells.architecture import Architecture
from charrnn.model.network import Network
from charrnn.model.target_names import Targets
from charrnn.model.team import Team
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings
from charrnn.training.steps import Steps


class Data(Protocol):
    """What a run trains on and validates with, and the run's settings, which are fitted to it."""

    @property
    def asked(self) -> Settings:
        """The settings that were asked for."""

    @property
    def settings(self) -> Settings:
        """The same settings, with a batch size and a sequence length that fit the data."""

    @property
    def pace(self) -> Pace:
        """The limits of the run."""

    @property
    def architecture(self) -> Architecture:
        """The architecture of the network to train."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that the network reads."""

    @property
    def steps(self) -> Steps:
        """The steps of the run, with the inputs of each."""

    @property
    def targets(self) -> Targets | None:
        """What is predicted of examples; None for a text."""

    @property
    def figures(self) -> Mapping[str, float]:
        """What the last validation found besides the loss, by name."""

    @property
    def longest(self) -> int:
        """The steps of the longest window."""

    @property
    def blind(self) -> float:
        """The loss of blind guessing, in nats per prediction; many times that means that a run has diverged."""

    def steps_per_epoch(self, settings: Settings) -> int:
        """Return how many steps an epoch has with the batch size and sequence length of other settings."""

    def validate(self, network: Network, team: Team) -> float | None:
        """Return the loss on what is held out, in nats per prediction, or None if nothing is."""

    def trial(self, network: Network, team: Team) -> float:
        """Return the loss on a little of what is trained on, in nats per prediction.

        It checks weights if nothing is held out.
        """

    def record(self) -> dict[str, Any]:
        """Return what a model file says about the data."""
