"""What is measured in moments."""

import importlib.util

import pytest

from charrnn.benchmark import suite
from charrnn.benchmark.recall import Task
from charrnn.benchmark.timing import Turns

NEEDS_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
SHORT = Turns(3, seconds=0.002, rest_seconds=0.0)  # what comes of it is not asked
SMALL_TASK = Task(distances=(5, 12), hidden=8, steps=6, validation=8, pairs=20)


def small(**sizes):
    """Return settings of a tiny run."""
    return suite.plain_settings(**({"cell": "lstm", "hidden": 16, "batch_size": 4, "seq_length": 8} | sizes))


def bench_options(*arguments):
    """Return what ``charrnn bench`` is asked for by these arguments."""
    from charrnn.cli.bench import command
    from charrnn.cli.bench_options import BenchOptions
    from charrnn.cli.options import given

    context = command.make_context("bench", [str(argument) for argument in arguments])
    return BenchOptions(given=given(context), **context.params)
