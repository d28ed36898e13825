"""``charrnn bench``: what is measured, how it is told, and what is refused; how fast anything is, no test asks."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from charrnn.benchmark import processes, report, suite
from charrnn.benchmark.timing import Timing
from charrnn.cli.bench_speed import Bench, speed
from charrnn.cli.models import team_of
from charrnn.model.team import Team
from charrnn.text.ingest import read_corpus
from tests.helpers.bench import NEEDS_TORCH, SHORT, bench_options
from tests.helpers.commands import misused

SMALL = ("corpus.txt", "--hidden", 16, "--rounds", 3, "--threads", 2)


@pytest.fixture
def measure(folder, capsys):
    """Measure as the command does, but for moments: return what it says on stdout and on stderr."""

    def measured(*arguments, way=""):
        options = bench_options(*arguments)
        with team_of(options.threads) as team:
            speed(options, way, read_corpus(options.corpus), team, replace(SHORT, rounds=options.rounds))
        return capsys.readouterr()

    return measured


@NEEDS_TORCH
def test_bench_against_pytorch(measure):
    """Ratios are of the medians and bests that stand beside them, for training and for sampling."""
    told = json.loads(measure(*SMALL, "--against", "torch", "--only", "training", "--only", "sampling", "--json").out)
    assert told["versions"]["torch"]
    for result in (told["results"]["training"], *told["results"]["sampling"]):
        speeds = result["chars_per_second"]
        ours, *theirs = speeds["sides"]
        assert {"1 thread," in f"{side['name']}," for side in theirs} == {True, False}
        assert speeds["ratio_of_medians"] == ours["median"] / max(side["median"] for side in theirs)
        assert speeds["ratio_of_bests"] == ours["best"] / max(side["best"] for side in theirs)
        assert speeds["fastest_other"] in {side["name"] for side in theirs}


@pytest.mark.parametrize("options", [(), ("--suite",), ("--json",)])
def test_without_pytorch_nothing_is_measured(folder, run, monkeypatch, options):
    """One sentence says that it is missing, and how to get it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("bench", "corpus.txt", "--against", "torch", *options)
    assert (result.code, result.stdout) == (1, b"")
    assert result.err == "charrnn: error: PyTorch is not installed; install it with: pip install torch\n"


def test_training_as_json(measure):
    """One object with the sizes, what counts as a FLOP, the figures, and quotients of these very figures."""
    told = json.loads(measure(*SMALL, "--cell", "gru", "--layers", 2, "--only", "training", "--json").out)
    assert (told["threads"], told["rounds"]) == (2, 3)
    assert "multiplication or addition" in told["flop"]
    training = told["results"]["training"]
    assert (training["cell"], training["layers"], training["hidden"], training["work"]) == ("gru", 2, 16, "training")
    assert (training["batch_size"], training["seq_length"]) == (16, 32)
    (ours,) = training["chars_per_second"]["sides"]
    assert len(ours["rounds"]) == 3
    assert ours["median"] == sorted(ours["rounds"])[1]
    assert ours["best"] == max(ours["rounds"])
    assert training["chars_per_second"]["ratio_of_medians"] is None
    assert training["ms_per_step"] == pytest.approx(1e3 * 16 * 32 / ours["median"])
    assert training["flop_per_character"] == 6 * (9 * 16 * 16 + 16 * training["vocabulary"])
    assert training["gflop_per_second"] == pytest.approx(ours["median"] * training["flop_per_character"] / 1e9)
    products = training["numpy_products"]
    assert [most["name"] for most in products] == ["NumPy's product, 1 thread", "NumPy's product, 2 threads"]
    for most in (training["fma_peak"], *products):
        assert most["share"] == pytest.approx(training["gflop_per_second"] / most["gflop_per_second"])


def test_only_what_is_asked_for_is_measured(measure):
    """``--only`` picks parts, in whatever order they are typed."""
    told = json.loads(measure(*SMALL, "--only", "threads", "--only", "sampling", "--json").out)["results"]
    assert list(told) == ["sampling", "threads"]
    one = told["sampling"][0]
    assert (one["work"], one["batch_size"]) == ("sampling", 1)
    assert one["gflop_per_second"] == pytest.approx(
        one["chars_per_second"]["sides"][0]["median"] * one["flop_per_character"] / 1e9
    )
    assert "fma_peak" not in one
    threads = told["threads"]
    two, alone = threads["sides"]
    assert (two["name"], alone["name"]) == ("2 threads", "1 thread")
    assert threads["ratio_of_medians"] == two["median"] / alone["median"]


def test_one_thread_is_not_compared_with_itself(folder, run):
    """Where there is but one thread, the ratio is left out, and that is said."""
    one = ("bench", "corpus.txt", "--hidden", 16, "--rounds", 1, "--threads", 1)
    one = (*one, "--only", "threads", "--only", "sampling")
    assert json.loads(run(*one, "--json").out)["results"]["threads"] is None
    result = run(*one)
    assert (result.code, result.err) == (0, "charrnn: threads are not compared, because there is only one\n")
    assert "the same training" not in result.out


def test_tables(measure, monkeypatch):
    """All parts have a table, in their order, and it is said what a FLOP is."""
    measured = processes.StartUp({name: Timing(name, (4.0,)) for name in ("a", "b")}, {"a": "b"}, 12.34)
    monkeypatch.setattr(processes, "start_up", lambda cell, turns: measured)
    monkeypatch.setattr(processes, "peak_memory", lambda *_, threads: 123_456_789)
    told = measure(*SMALL).out
    parts = (
        "training, lstm 1×16, B 16, T 32",
        "charrnn, 2 threads",
        "GFLOP/s",
        "fused multiply-adds, 2 threads",
        "NumPy's product, 1 thread",
        "sampling, lstm 1×16, one stream",
        "the same training on",
        "0.25 s",
        "12.3 s",
        "123 MB",
        "A FLOP is",
    )
    places = [told.index(part) for part in parts]
    assert places == sorted(places)
    assert max(map(len, told.splitlines())) <= 110


def test_growth_table(measure):
    """The table has a row for each size; as JSON, a list."""
    command = ("corpus.txt", "--growth", "--hidden", 16, "--rounds", 1, "--batch-size", 4)
    shown = measure(*command, way="growth").out
    for name in ("hidden size", "layers", "batch size", "sequence length", "vocabulary"):
        assert f"twice the {name} " in shown
    told = json.loads(measure(*command, "--json", way="growth").out)["results"]["growth"]
    assert [row["doubled"] for row in told][:2] == [None, "hidden size"]


def test_suite_rows_come_one_by_one(folder, capsys, monkeypatch):
    """Each row is shown when it is measured, and kept for JSON."""
    networks = suite.Networks(trained=((("gru",), 1, 16, 4, 8), (("rnn",), 2, 16, 4, 8)), sampled=((("lstm",), 1, 16),))
    options = bench_options("corpus.txt", "--suite", "--threads", 1)
    with Team(1) as team:
        bench = Bench(options, read_corpus(options.corpus), team, replace(SHORT, rounds=1))
        bench.suite(networks)
        rows = capsys.readouterr().out.splitlines()
        assert rows[0] == report.suite_head()
        assert [row.split()[:3] for row in rows[1:4]] == [
            ["training", "gru", "1×16"],
            ["training", "rnn", "2×16"],
            ["sampling", "lstm", "1×16"],
        ]
        told = bench.results["suite"]
        assert [row["work"] for row in told][:3] == ["training", "training", "sampling"]
        assert told[0]["fma_peak"]["share"] > 0
        speeds = iter([suite.training_speed])
        monkeypatch.setattr(suite, "training_speed", lambda trainer, **options: next(speeds)(trainer, **options))
        with pytest.raises(RuntimeError):  # the next row fails
            bench.suite(networks)
    assert capsys.readouterr().out.splitlines()[1].startswith("training  gru 1×16")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--suite", "--growth"), ("--suite", "--growth")),
        (("--suite", "--only", "memory"), ("--suite", "--only")),
        (("--growth", "--only", "memory"), ("--growth", "--only")),
        (("--suite", "--hidden", 128, "--batch-size", 8), ("--hidden, --batch-size", "--suite")),
        (("--growth", "--against", "torch"), ("--against",)),
        (("--only", "memory", "--only", "start-up", "--against", "torch"), ("--against",)),
        (("--only", "threads", "--threads", 1), ("--threads 1",)),
        (("--only", "speed"), ("speed",)),
        (("--rounds", 0), ("--rounds",)),
    ],
)
def test_contradictions_are_refused(folder, run, options, words):
    """What asks for two things, or for nothing, is one clear error about usage, before anything is measured."""
    misused(run("bench", *options), *words)


def test_a_short_text_is_told(measure):
    """Where the text is too short for the streams that were asked for, it is said which were measured instead."""
    Path("short.txt").write_text("abcdefgh" * 10, encoding="utf-8")
    options = ("--hidden", 16, "--rounds", 1, "--only", "training")
    shown = measure("short.txt", *options)
    assert shown.err.startswith("charrnn: the text is short")
    training = json.loads(measure("short.txt", *options, "--json").out)["results"]["training"]
    assert f"{training['batch_size']} streams of {training['seq_length']} characters" in shown.err
