"""What a run needs of its data: here, made-up sequences whose first symbol is to be named at their end."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.kernels.arguments import Windows
from charrnn.model.team import Team
from charrnn.reading.losses import score_pieces
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.pace import Pace, blind_loss
from charrnn.training.settings import Settings
from charrnn.training.steps import Steps
from charrnn.training.trainer import Trainer
from tests.helpers.runs import finish, state_of

LENGTH, COUNT = 5, 120
SETTINGS = Settings(hidden=8, seq_length=LENGTH, batch_size=8, epochs=12.0, lr=0.03, dropout=0.1, patience=0)


class SequenceSteps(Steps):
    """A batch of whole sequences [U, T] at each step, each of which starts from the initial state."""

    def __init__(self, settings, architecture, pace, sequences):
        per_epoch = len(sequences) // settings.batch_size
        super().__init__(settings, architecture, pace, per_epoch=per_epoch, symbols=sequences.size)
        self.sequences = sequences

    def windows(self, begin, steps):
        """Return whole sequences, whose last symbol is to be answered with the first."""
        batch = self.settings.batch_size
        first = begin % self.per_epoch * batch
        ids = self.sequences[first : first + steps * batch].reshape(steps, batch, LENGTH).transpose(0, 2, 1)
        targets = np.full(ids.shape, -1, np.int32)
        targets[:, -1] = ids[:, 0]
        return Windows(np.ascontiguousarray(ids), targets, np.full(steps, LENGTH))


class Sequences:
    """Sequences to train on, without a text; the first ones validate, if any do."""

    def __init__(self, settings, pace, *, held_out=True):
        self.asked = self.settings = settings
        self.longest, self.targets, self.figures = LENGTH, None, {}
        self.pace, self.vocabulary = pace, Vocabulary("abcd")
        self.architecture = settings.architecture(4)
        self.sequences = np.random.default_rng(0).integers(0, 4, (COUNT, LENGTH)).astype(np.int32)
        self.steps = SequenceSteps(settings, self.architecture, pace, self.sequences)
        self.blind, self.held_out, self.tried = blind_loss(4), held_out, 0

    def steps_per_epoch(self, settings):
        """Return how many whole batches there are."""
        return COUNT // settings.batch_size

    def validate(self, network, team):
        """Return the loss on some sequences, or None."""
        return self._loss(network, team) if self.held_out else None

    def trial(self, network, team):
        """Count that it was asked for."""
        self.tried += 1
        return self._loss(network, team)

    def _loss(self, network, team):
        """Return the mean loss of naming the first symbol after some sequences."""
        whole = [np.append(ids, ids[0]) for ids in self.sequences[:16]]
        return float(np.mean([next(iter(score_pieces(network, [ids], team, None)))[1][-1] for ids in whole]))

    def record(self):
        """Return how many sequences there are."""
        return {"sequences": COUNT}


@pytest.fixture
def team():
    """Return a team of two."""
    with Team(2) as members:
        yield members


def test_a_run_trains_on_data_that_is_no_text(team):
    """It learns, and its model is the best one of its own validations."""
    data = Sequences(SETTINGS, Pace(shortest_interval=1))
    trainer = Trainer(data, team)
    losses = [record.val_loss for record in finish(trainer) if record.val_loss is not None]
    assert len(losses) == 12
    assert trainer.best_loss == min(losses) < 0.5 * data.blind
    checkpoint = trainer.checkpoint()
    assert (checkpoint.corpus, checkpoint.vocabulary.characters) == ({"sequences": COUNT}, "abcd")
    assert trainer.state.step == trainer.steps.total == 12 * 15


def test_it_resumes_exactly(team):
    """A run that was stopped ends on the bits of one that was not."""
    pace = Pace(shortest_interval=1, chunk_seconds=0.0)
    whole = Trainer(Sequences(SETTINGS, pace), team)
    finish(whole)
    part = Trainer(Sequences(SETTINGS, pace), team)
    for record in part.run():
        part.stop = record.step == 100
    rest = Trainer.resumed(part.checkpoint(), Sequences(SETTINGS, pace), team)
    assert rest.state.step == 100
    finish(rest)
    assert state_of(rest) == state_of(whole)


def test_another_batch_size_keeps_the_epoch(team):
    """The steps of a new leg are counted as the data count them."""
    pace = Pace(shortest_interval=1)
    short = Trainer(Sequences(replace(SETTINGS, epochs=2.0), pace), team)
    finish(short)
    more = replace(SETTINGS, epochs=4.0, batch_size=24)
    trainer = Trainer.resumed(short.checkpoint(), Sequences(more, pace), team)
    assert (trainer.state.step, trainer.steps.per_epoch) == (2 * 5, 5)
    assert trainer.legs == [{"epoch": 2.0, "batch_size": 24}]


def test_without_validation_a_trial_judges_the_weights(team):
    """What is not held out does not validate, but weights are looked at all the same."""
    data = Sequences(SETTINGS, Pace(shortest_interval=1), held_out=False)
    trainer = Trainer(data, team)
    assert {record.val_loss for record in finish(trainer)} == {None}
    assert data.tried == 12
    assert trainer.best_loss is None
