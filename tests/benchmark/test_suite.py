"""A list of networks one by one, and how the time grows with each size."""

from dataclasses import replace

import pytest

from charrnn.benchmark import report, suite
from charrnn.benchmark.timing import Comparison, Timing
from charrnn.errors import CharrnnError
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.bench import SHORT, small


def test_growth_doubles_one_size_at_a_time(corpus, team):
    """Each row but the first has one size twice as large, the vocabulary among them."""
    rows = suite.growth(corpus, small(), team, turns=replace(SHORT, rounds=1))
    base = rows[0].as_dict()
    names = {
        "hidden size": "hidden",
        "layers": "layers",
        "batch size": "batch_size",
        "sequence length": "seq_length",
        "vocabulary": "vocabulary",
    }
    sizes = ("cell", *names.values())
    assert (base["doubled"], base["time_per_character"]) == (None, 1.0)
    assert [row.doubled for row in rows[1:]] == list(names)
    for row in rows[1:]:
        told = row.as_dict()
        changed = {size: told[size] for size in sizes if told[size] != base[size]}
        size = names[row.doubled]
        assert changed == {size: 2 * base[size]}
        median = told["chars_per_second"]["median"]
        assert told["time_per_character"] == pytest.approx(base["chars_per_second"]["median"] / median)
        assert told["ms_per_step"] == pytest.approx(1e3 * told["batch_size"] * told["seq_length"] / median)


def test_twice_the_vocabulary_is_the_same_text_in_two_scripts(corpus):
    """All old and new characters occur, and each stands where it stood."""
    doubled = suite.with_twice_the_vocabulary(corpus)
    symbols = len(corpus.vocabulary)
    assert len(doubled.vocabulary) == 2 * symbols
    assert (doubled.ids % symbols == corpus.ids).all()
    assert 0.4 < (doubled.ids >= symbols).mean() < 0.6
    assert doubled.vocabulary.decode(doubled.ids[:100]) != corpus.vocabulary.decode(corpus.ids[:100])


def test_a_text_too_short_for_a_row_is_said(corpus, team):
    """No row tells of sizes that were not measured."""
    with pytest.raises(CharrnnError, match="too short to measure 8 streams of 1000"):
        suite.growth(corpus, small(seq_length=1000), team, turns=replace(SHORT, rounds=1))


# The suite


def test_the_suite_is_the_list(corpus, team, monkeypatch):
    """Every network of the list is measured: trained once, and sampled in one stream."""
    measured = []
    monkeypatch.setattr(suite, "_trainer", lambda settings, corpus, team: settings)
    monkeypatch.setattr(suite, "training_speed", lambda trainer, **_: measured.append(trainer))
    monkeypatch.setattr(suite, "sampling_speed", lambda network, *, streams, **_: measured.append((network, streams)))
    list(suite.suite(corpus, team, turns=SHORT, streams=64, against_torch=False))
    trained = {
        (one.cell, one.layers, one.hidden, one.batch_size, one.seq_length) for one in measured if hasattr(one, "lr")
    }
    assert len(trained) == 15
    assert {
        ("rnn", 1, 128, 16, 32),
        ("gru", 2, 128, 50, 50),
        ("lstm", 1, 512, 32, 64),
        ("gru", 2, 512, 64, 64),
    } < trained
    sampled = [(one[0].cell, one[0].layers, one[0].hidden, one[1]) for one in measured if not hasattr(one, "lr")]
    assert {("lstm", layers, hidden, 1) for layers, hidden in ((1, 128), (1, 256), (2, 256), (1, 512))} < set(sampled)
    assert len(sampled) == len(set(sampled)) == 24


def test_the_suites_rows_stand_below_its_headings(corpus, team):
    """A row is as wide as the headings, and has the figures that were measured."""
    from charrnn.benchmark.speed import training_speed

    speed = training_speed(Trainer(TextData(small(), corpus), team), turns=SHORT, products=False)
    speed = replace(speed, compared=Comparison(Timing("us", (123456.0,)), (Timing("them", (61728.0,)),)))
    row = report.suite_row(speed)
    assert len(row) == len(report.suite_head()) < 100
    assert row.split()[:7] == ["training", "lstm", "1×16", "4×8", "123,456", "61,728", "2.00"]
