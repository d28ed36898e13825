"""What tests of training share."""

import pytest

from tests.helpers.runs import OFTEN, set_pace


@pytest.fixture
def validate_often(monkeypatch):
    """Let runs of the command line go at the pace OFTEN."""
    set_pace(monkeypatch, shortest_interval=OFTEN.shortest_interval, longest_interval=OFTEN.longest_interval)
