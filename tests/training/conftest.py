"""What tests of training share."""

import pytest

from charrnn.training import trainer


@pytest.fixture
def validate_often(monkeypatch):
    """Validate several times an epoch, and not always at its end: every INTERVAL steps of 5 streams of 8 characters."""
    monkeypatch.setattr(trainer, "VALIDATE_SELDOM", 1)
    monkeypatch.setattr(trainer, "VALIDATE_EVERY", 400)
