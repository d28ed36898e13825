"""``charrnn bench --memory``: a row a cell, with a share for each distance."""

import json

import pytest

from charrnn.benchmark import recall
from charrnn.benchmark.recall import Recall, Task
from charrnn.cells.table import CELLS
from charrnn.cli.bench_learning import memory
from charrnn.model.team import Team
from tests.helpers.bench import SMALL_TASK, bench_options
from tests.helpers.commands import misused


def test_the_table_has_a_row_a_cell(capsys):
    """Rows are in the order that is asked for, with a share for each distance; and it is said what they are."""
    with Team(1) as team:
        memory(bench_options("--memory", "--cell", "rnn", "--cell", "gru"), team, SMALL_TASK)
    out, _ = capsys.readouterr()
    head, rnn, gru, _, *caption = out.splitlines()
    assert head.split() == ["cell", "parameters", "5", "12"]
    assert rnn.split()[0] == "rnn"
    assert gru.split()[0] == "gru"
    assert len(head) == len(rnn) == len(gru)
    for row in (rnn, gru):
        assert all(share.endswith("%") for share in row.split()[2:])
    assert "Share of 40 new sentences" in " ".join(caption)
    assert '"was" or "were"' in " ".join(caption)
    assert max(map(len, caption)) <= 110


def test_json_is_a_line_a_measurement(capsys):
    """Each line can be understood by itself, and its figures are quotients of one another."""
    with Team(1) as team:
        memory(bench_options("--memory", "--cell", "lstm", "--seed", 3, "--json"), team, SMALL_TASK)
    out, err = capsys.readouterr()
    assert err == ""
    told = [json.loads(line) for line in out.splitlines()]
    assert [one["distance"] for one in told] == [5, 12]
    for one in told:
        assert (one["cell"], one["hidden"], one["seed"], one["threads"], one["sentences"]) == ("lstm", 8, 3, 1, 40)
        assert one["accuracy"] == one["correct"] / 40
        assert one["interval"][0] < one["accuracy"] < one["interval"][1]
        assert one["versions"]["charrnn"]


def test_what_is_there_is_shown_when_it_is_there(run, monkeypatch):
    """A measurement that is broken off leaves the rows of the cells that were done."""

    def measured(cell, team, seed, task):
        if cell == "gru":
            raise KeyboardInterrupt
        for distance in task.distances:
            yield Recall(cell, 8, 9, distance, 20, 40)

    monkeypatch.setattr(recall, "recall", measured)
    result = run("bench", "--memory", "--cell", "rnn", "--cell", "gru", "--threads", 1)
    assert result.code == 130
    head, row = (line.split() for line in result.out.splitlines())
    assert head == ["cell", "parameters", *map(str, recall.TASK.distances)]
    assert row == ["rnn", "9", *["50.0%"] * len(recall.TASK.distances)]


def test_plain_cells_are_compared_by_default(run, monkeypatch):
    """One of each family that there is."""
    seen = []

    def noted(cell, team, seed, task):
        seen.append(cell)
        return [Recall(cell, 8, 9, distance, 1, 2) for distance in task.distances]

    monkeypatch.setattr(recall, "recall", noted)
    assert run("bench", "--memory", "--threads", 1, "--json").code == 0
    assert seen == ["rnn", "irnn", "clockwork", "gru", "lstm", "mingru"]
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


def test_help_names_the_size_of_the_networks(run):
    """--memory takes no --hidden, so the help says how many units each network has."""
    assert f"instead, with {Task().hidden} units" in " ".join(run("bench", "--help").out.split())
