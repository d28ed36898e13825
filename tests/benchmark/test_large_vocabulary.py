"""The ways to train on a text of many characters, in turns."""

from dataclasses import replace

import pytest

from charrnn.benchmark import large_vocabulary
from charrnn.benchmark.suite import plain_settings
from tests.helpers.bench import SHORT


def test_each_way_is_measured_beside_the_others(corpus, team):
    """A table has a row for each way, with its parameters and memory; ratios are those of the medians."""
    found = large_vocabulary.measured(corpus, plain_settings("gru", hidden=8), team, turns=replace(SHORT, rounds=1))
    plain, embedded, sampled = found.ours
    assert plain.architecture == sampled.architecture
    assert (plain.architecture.embedding, embedded.architecture.embedding) == (0, large_vocabulary.EMBEDDING)
    told = found.as_dict()
    assert told["ratio_to_plain"] == pytest.approx(sampled.timing.median / plain.timing.median)
    assert (told["pytorch"], told["ratio_to_pytorch"]) == ([], None)
    assert told["ways"][0]["embedding"] == 0
    table = large_vocabulary.table(found)
    assert len(table.rows) == 3
    assert table.rows[0][2] == "1.00"
