"""``charrnn bench --task``: examples from files, tables or JSON, and what is refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from charrnn.cli.bench_task import task
from charrnn.cli.models import team_of
from tests.helpers.bench import NEEDS_TORCH, SHORT, bench_options
from tests.helpers.commands import misused

SMALL = ("names.tsv", "--task", "classify", "--hidden", 8, "--epochs", 1, "--rounds", 1, "--threads", 2)


@pytest.fixture
def measure(folder, capsys):
    """Measure as the command does, but for moments: return what it says on stdout and on stderr."""
    rows = [f"{name}{end}\t{'ab'[name > 'g']}\n" for name in "abcdefghijklm" for end in ("", "o", "im", "ette")]
    Path("names.tsv").write_text("name\tkind\n" + "".join(rows), encoding="utf-8")

    def measured(*arguments):
        options = bench_options(*arguments)
        with team_of(options.threads) as team:
            task(options, team, replace(SHORT, rounds=options.rounds))
        return capsys.readouterr()

    return measured


def test_examples_of_a_table_are_learned(measure):
    """Two tables: what each side has learned, and how fast."""
    shown = measure(*SMALL, "--texts", "name", "--labels", "kind").out
    for words in (
        "classify, ",
        "accuracy",
        "charrnn",
        "naive Bayes",
        "majority",
        "lstm 1×8, pooling last",
        "examples/s",
    ):
        assert words in shown


def test_json_has_settings_and_figures(measure):
    """What is not given is as in a run of charrnn train; a constant learning rate has no warm-up."""
    command = (*SMALL, "--texts", "name", "--labels", "kind", "--json", "--cell", "gru", "--lr", 0.02)
    told = json.loads(measure(*command, "--schedule", "constant", "--bidirectional", "--pooling", "mean").out)
    assert (told["threads"], told["rounds"]) == (2, 1)
    found = told["results"]["task"]
    assert (found["cell"], found["hidden"], found["batch_size"], found["lr"]) == ("gru", 8, 32, 0.02)
    assert (found["bidirectional"], found["pooling"], found["schedule"]) == (True, "mean", "constant")
    assert [side["name"] for side in found["learned"]] == ["charrnn", "naive Bayes of n-grams", "majority"]


@pytest.mark.parametrize(
    "how",
    [
        ("names.tsv", "--task", "translate", "--attention", "--bidirectional"),
        ("names.tsv", "--task", "generate", "--given", "kind", "--texts", "name", "--given-at", "first"),
    ],
)
def test_texts_to_write_are_learned(measure, how):
    """For other texts, and under a condition: the loss of each side, and how many characters are learned per second."""
    small = ("--hidden", 8, "--epochs", 1, "--rounds", 1, "--threads", 2)
    found = json.loads(measure(*how, *small, "--json").out)["results"]["task"]
    assert [side["loss"] > 0 for side in found["learned"]] == [True] * 3
    assert found["attention"] is ("--attention" in how)
    assert (found["given_at"] or None) == {"generate": "first"}.get(found["task"])
    assert "characters written/s" in measure(*how, *small).out


@NEEDS_TORCH
def test_against_pytorch(measure):
    """PyTorch's network learns too."""
    found = json.loads(measure(*SMALL, "--texts", "name", "--labels", "kind", "--json", "--against", "torch").out)
    assert found["results"]["task"]["learned"][1]["name"].startswith("PyTorch, ")
    assert found["results"]["task"]["predictions_per_second"]["ratio_of_medians"] > 0


def test_without_pytorch_nothing_is_measured(folder, run, monkeypatch):
    """One sentence says that it is missing."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("bench", "corpus.txt", "--task", "classify", "--against", "torch")
    assert (result.code, result.stdout) == (1, b"")
    assert "PyTorch is not installed" in result.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("--task", "CORPUS")),
        (("corpus.txt", "--suite"), ("--suite", "--task")),
        (("corpus.txt", "--lr", 0.1, "--lr", 0.2), ("--lr", "--cells")),
        (("corpus.txt", "--only", "memory"), ("--only", "--task")),
        (("corpus.txt", "--cell", "lstm", "--cell", "gru"), ("--cell", "more than once")),
        (("corpus.txt", "--cell", "irnn", "--against", "torch"), ("irnn", "--against")),
        (("corpus.txt", "--bidirectional", "--layers", 2, "--no-joined", "--against", "torch"), ("--no-joined",)),
    ],
)
def test_what_does_not_go_with_it_is_refused(folder, run, options, words):
    """One clear error about usage, before anything is measured."""
    misused(run("bench", "--task", "classify", *options), *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("classify", "--attention"), ("--attention", "translate")),
        (("classify", "--given", "file"), ("--given",)),
        (("generate",), ("generate", "--given")),
        (("generate", "--given", "file", "--bidirectional"), ("--bidirectional", "generate")),
        (("translate", "--pooling", "mean"), ("--pooling", "classify")),
    ],
)
def test_options_of_another_task_are_refused(folder, run, options, words):
    """The rules are those of charrnn train."""
    misused(run("bench", "corpus.txt", "--task", *options), *words)


def test_options_of_a_task_need_it(folder, run):
    """An option of examples without --task is an error."""
    misused(run("bench", "corpus.txt", "--pooling", "mean"), "--pooling needs --task")
