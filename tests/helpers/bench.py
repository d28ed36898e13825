"""What is measured in moments."""

import importlib.util

import pytest

from charrnn.benchmark import suite

NEEDS_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


def small(**sizes):
    """Return settings of a tiny run."""
    return suite.plain_settings(**({"cell": "lstm", "hidden": 16, "batch_size": 4, "seq_length": 8} | sizes))
