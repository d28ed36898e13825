"""What is measured, and with how many threads."""

import pytest

from charrnn.model.team import Team
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
