"""What tests of training share."""

import pytest

from tests.helpers.runs import set_pace


@pytest.fixture
def validate_often(monkeypatch):
    """Validate several times an epoch, and not always at its end: every INTERVAL steps of 5 streams of 8 characters."""
    set_pace(monkeypatch, shortest_interval=1, longest_interval=400)
