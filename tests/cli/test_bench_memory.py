"""``charrnn bench --memory``: a row a cell, with a share for each distance."""

import json

import pytest

from charrnn.benchmark import recall
from charrnn.benchmark.recall import Recall
from charrnn.cells.table import CELLS
from tests.helpers.commands import misused


def test_the_table_has_a_row_a_cell(small_recall, folder, run):
    """Rows are in the order that is asked for, with a share for each distance; and it is said what they are."""
    result = run("bench", "--memory", "--cell", "rnn", "--cell", "gru", "--threads", 1)
    assert (result.code, result.err) == (0, "")
    head, rnn, gru, _, *caption = result.out.splitlines()
    assert head.split() == ["cell", "parameters", "5", "12"]
    assert rnn.split()[0] == "rnn"
    assert gru.split()[0] == "gru"
    assert len(head) == len(rnn) == len(gru)
    for row in (rnn, gru):
        assert all(share.endswith("%") for share in row.split()[2:])
    assert "was and were" in " ".join(caption)
    assert max(map(len, caption)) <= 110


def test_json_is_a_line_a_measurement(small_recall, folder, run):
    """Each line can be understood by itself, and its figures are quotients of one another."""
    result = run("bench", "--memory", "--cell", "lstm", "--seed", 3, "--threads", 1, "--json")
    assert (result.code, result.err) == (0, "")
    told = [json.loads(line) for line in result.out.splitlines()]
    assert [one["distance"] for one in told] == [5, 12]
    for one in told:
        assert (one["cell"], one["hidden"], one["seed"], one["threads"], one["sentences"]) == ("lstm", 8, 3, 1, 40)
        assert one["accuracy"] == one["correct"] / 40
        assert one["interval"][0] < one["accuracy"] < one["interval"][1]
        assert one["versions"]["charrnn"]


def test_what_is_there_is_shown_when_it_is_there(small_recall, folder, run, monkeypatch):
    """A measurement that is broken off leaves the rows of the cells that were done."""

    def measured(cell, team, seed):
        if cell == "gru":
            raise KeyboardInterrupt
        yield Recall(cell, 8, 9, 5, 20, 40)

    monkeypatch.setattr(recall, "recall", measured)
    monkeypatch.setattr(recall, "DISTANCES", (5,))
    result = run("bench", "--memory", "--cell", "rnn", "--cell", "gru", "--threads", 1)
    assert result.code == 130
    assert [line.split() for line in result.out.splitlines()] == [["cell", "parameters", "5"], ["rnn", "9", "50.0%"]]


def test_plain_cells_are_compared_by_default(small_recall, folder, run, monkeypatch):
    """One of each family that there is."""
    seen = []
    monkeypatch.setattr(recall, "recall", lambda cell, team, seed: seen.append(cell) or [Recall(cell, 8, 9, 5, 1, 2)])
    monkeypatch.setattr(recall, "DISTANCES", (5,))
    assert run("bench", "--memory", "--threads", 1, "--json").code == 0
    assert seen == ["rnn", "irnn", "clockwork", "gru", "lstm"]
    assert {CELLS[cell].family for cell in seen} == {row.family for row in CELLS.values()}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("corpus.txt",), ("CORPUS", "--memory")),
        (("--cells",), ("--cells", "--memory")),
        (("--suite",), ("--suite", "--memory")),
        (("--only", "memory", "--rounds", 2), ("--rounds, --only", "--memory")),
        (("--hidden", 32, "--epochs", 2, "--lr", 0.1), ("--hidden", "--epochs", "--lr", "--memory")),
        (("--cell", "rnn", "--cell", "rnn"), ("--cell", "twice")),
        (("--cell", "brain"), ("brain",)),
        (("--seed", -1), ("--seed",)),
    ],
)
def test_what_does_not_go_with_it_is_refused(folder, run, options, words):
    """One clear error about usage, before anything is measured."""
    misused(run("bench", "--memory", *options), *words)
