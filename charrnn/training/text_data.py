"""A text to train on, in streams, and the part of it that validates."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.target_names import Targets
from charrnn.model.team import Team
from charrnn.reading.scoring import score
from charrnn.text.holding_out import hold_out
from charrnn.text.ingest import Corpus, require_learnable
from charrnn.text.streams import Streams, fit_streams
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.training.pace import DEFAULT_PACE, Pace, blind_loss
from charrnn.training.settings import Settings
from charrnn.training.text_steps import TextSteps


class TextData:
    """A text as the `Data` of a run: streams to train on, and symbols [M] to validate with."""

    targets: Targets | None = None
    figures: Mapping[str, float] = MappingProxyType({})

    def __init__(self, settings: Settings, corpus: Corpus, pace: Pace | None = None) -> None:
        """Divide a text for a run with these settings.

        Raises CharrnnError for a text that is too short.
        """
        require_learnable(corpus)
        self.corpus, self.pace, self.asked = corpus, pace or DEFAULT_PACE, settings
        self.architecture = settings.architecture(len(corpus.vocabulary))
        boundary = corpus.vocabulary.boundary
        if self.architecture.bidirectional and boundary is not None:
            raise CharrnnError("a bidirectional network reads a text as one, not as documents")
        self.held_out = hold_out(corpus, settings.val_fraction, shuffled=settings.shuffle)
        self.validation = self.held_out.validation
        train = self.held_out.train
        batch, length = fit_streams(train.size, settings.batch_size, settings.seq_length)
        self.settings = replace(settings, batch_size=batch, seq_length=length)
        seed = settings.seed if settings.shuffle else None
        self.streams = Streams.plan(train, batch, length, boundary, seed=seed)
        self.steps = TextSteps(self.settings, self.architecture, self.pace, self.streams)
        self.longest = length
        self.blind = blind_loss(self.architecture.vocabulary)

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters of the text and their numbers."""
        return self.corpus.vocabulary

    def steps_per_epoch(self, settings: Settings) -> int:
        """Return how many windows an epoch has with the batch size and sequence length of other settings."""
        text, boundary, seed = self.streams.text, self.streams.boundary, self.streams.seed
        return Streams.plan(text, settings.batch_size, settings.seq_length, boundary, seed=seed).windows

    def validate(self, network: Network, team: Team) -> float | None:
        """Return the loss on the held-out text, in nats per character.

        Returns None if nothing is held out. The text is read with a separate state.
        """
        if self.validation.size < 2:
            return None
        if self.settings.shuffle or self.corpus.validation is not None:
            return self._score(network, self.validation, team)
        step = self.settings.batch_size * self.settings.seq_length
        size = max(2, self.steps.validation_interval * step // self.pace.validation_part)
        return self._score(network, self.validation[:size], team)

    def trial(self, network: Network, team: Team) -> float:
        """Return the loss on the beginning of the training text, in nats per character."""
        return self._score(network, self.streams.text.beginning(self.pace.trial_length), team)

    def _score(self, network: Network, ids: Ids, team: Team) -> float:
        return score(network, ids, team, boundary=self.streams.boundary).nats_per_char

    def record(self) -> dict[str, Any]:
        """Return what a model file says about the text and the part that validates."""
        return self.corpus.record | self.held_out.record(self.corpus)
