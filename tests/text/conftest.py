"""How texts are cut when they are converted."""

import pytest

from charrnn.text import sources, vocabulary


@pytest.fixture(params=[5, 1 << 20])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert in blocks that cut the texts below in many places, then in one."""
    monkeypatch.setattr(vocabulary, "BLOCK", request.param)
    monkeypatch.setattr(sources, "BLOCK", request.param)
