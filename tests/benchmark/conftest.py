"""What is measured, and with how many threads."""

import pytest

from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.training.trainer import Trainer
from tests.helpers.texts import corpus_of


@pytest.fixture
def corpus(text):
    """Return the made-up text, encoded."""
    return corpus_of(text)


@pytest.fixture
def team():
    """Return a team of two."""
    with Team(2) as members:
        yield members


@pytest.fixture
def running_away(monkeypatch):
    """Let the loss of every run run away."""

    def run(self):
        yield from ()
        raise CharrnnError("the loss diverged")

    monkeypatch.setattr(Trainer, "run", run)
