"""``charrnn bench --cells``: a row a network, as JSON too."""

import json
from pathlib import Path

import pytest

from charrnn.benchmark import comparison
from charrnn.benchmark.comparison import candidates
from charrnn.cells.architecture import Architecture
from charrnn.cells.table import CELLS
from charrnn.training.settings import Settings
from tests.helpers.commands import misused

SMALL = ("bench", "corpus.txt", "--cells", "--parameters", 3000, "--epochs", 0.2, "--time", "0.1s", "--threads", 1)


def test_rows_are_shown_as_they_come(folder, run, monkeypatch):
    """A comparison that is broken off leaves all rows of what was done; each has a figure for every heading."""
    real, left = comparison._run, [4]

    def broken(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(comparison, "_run", broken)
    result = run(*SMALL, "--cell", "gru", "--cell", "lstm", "--cell", "rnn")
    assert result.code == 130
    head, gru, lstm = result.out.splitlines()
    assert head.split()[:4] == ["network", "units", "parameters", "rate"]
    assert "0.2 epochs" in head
    assert "0.1 s" in head
    assert len(head) == len(gru) == len(lstm) < 110
    assert (gru.split()[0], lstm.split()[0]) == ("gru", "lstm")
    assert gru.split()[3] == "0.006"
    assert 2700 < int(gru.split()[2].replace(",", "")) < 3300


def test_the_whole_table(folder, run):
    """After the last row it is said what the figures are."""
    result = run(*SMALL, "--cell", "gru", "--lr", 0.01, "--lr", 0.001)
    assert (result.code, result.said) == (0, "")
    _, gru, empty, *caption = result.out.splitlines()
    assert gru.split()[3] in ("0.01", "0.001")
    assert empty == ""
    assert "nats per character" in " ".join(caption)
    assert max(map(len, caption)) <= 110


def test_json_is_a_line_a_network(folder, run):
    """Each line tells all that is needed to understand it, and to measure it again."""
    options = ("--cell", "lstm", "--cell", "gru", "--lr", 0.01, "--lr", 0.001, "--seed", 4, "--dropout", 0.25)
    result = run(*SMALL, *options, "--batch-size", 8, "--seq-length", 16, "--json")
    assert (result.code, result.said) == (0, "")
    lstm, gru = (json.loads(line) for line in result.out.splitlines())
    for told in (lstm, gru):
        assert [trial["lr"] for trial in told["trials"]] == [0.01, 0.001]
        assert told["epochs_loss"] == min(trial["loss"] for trial in told["trials"])
        assert told["lr"] == min(told["trials"], key=lambda trial: trial["loss"])["lr"]
        assert (told["seed"], told["dropout"], told["batch_size"], told["seq_length"]) == (4, 0.25, 8, 16)
        assert (told["epochs"], told["seconds"], told["threads"]) == (0.2, 0.1, 1)
        vocabulary = len(set(Path("corpus.txt").read_text(encoding="utf-8")))
        size = Architecture(told["cell"], vocabulary, told["hidden"]).parameter_count()
        assert told["parameters"] == size
        assert told["timed_loss"] > 0
        assert told["timed_epochs"] > 0
        assert told["chars_per_second"] > 0
        assert told["versions"]["numba"]
    assert (lstm["name"], gru["name"]) == ("lstm", "gru")


def test_all_cells_are_compared_by_default(folder, run, monkeypatch):
    """And made-up fables are the text where none is given."""
    seen = []

    def noted(networks, text, team, *, seconds, rates):
        assert {own.patience for own in networks.values()} == {0}  # each run has its whole length
        seen.append((list(networks), text.sources, seconds, rates))
        return iter(())

    monkeypatch.setattr(comparison, "compare", noted)
    monkeypatch.setattr("charrnn.cli.bench_learning.compile_training", lambda *arguments, **options: None)
    assert run("bench", "--cells").code == 0
    assert run("bench", "corpus.txt", "--cells", "--parameters", 9000).code == 0
    (all_of_them, source, seconds, rates), (again, *_) = seen
    assert all_of_them == again == list(candidates(tuple(CELLS), Settings(epochs=1.0), 65, 100_000))
    assert (source, seconds, rates) == (("fables",), 60.0, ())


def test_a_network_that_cannot_be_so_small_is_told_before_anything_is_measured(folder, run):
    """One sentence, and no rows of others."""
    result = run(*SMALL, "--parameters", 50, "--cell", "rnn", "--cell", "lstm")
    assert (result.code, result.stdout) == (1, b"")
    assert result.err.startswith("charrnn: error: rnn tanh cannot have about 50 parameters on this text")
    assert result.err.count("\n") == 1


def test_a_short_text_is_told(folder, run):
    """What is too short for the streams asked for is told; what is too short for any is an error."""
    Path("short.txt").write_text("abcdefgh" * 10, encoding="utf-8")
    options = ("--cells", "--parameters", 330, "--time", "0.02s", "--cell", "gru")
    result = run("bench", "short.txt", *options)
    assert result.code == 0
    assert result.err.startswith("charrnn: the text is short (72 characters)")
    assert result.err.count("\n") == 1
    Path("short.txt").write_text("abcdefgh", encoding="utf-8")
    result = run("bench", "short.txt", *options)
    assert (result.code, result.stdout) == (1, b"")
    assert "at least" in result.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--cells", "--hidden", 32), ("--hidden", "--cells")),
        (("--cells", "--suite"), ("--cells", "--suite")),
        (("--cells", "--growth", "--rounds", 3), ("--cells", "--growth")),
        (("--cells", "--against", "torch", "--only", "training"), ("--against, --only", "--cells")),
        (("--cells", "--cell", "lstm", "--cell", "lstm"), ("--cell", "twice")),
        (("--cells", "--lr", 0), ("--lr",)),
        (("--cells", "--time", "soon"), ("--time",)),
        (("--cells", "--epochs", "nan"), ("--epochs",)),
        (("--parameters", 5000), ("--parameters", "--cells")),
        (("--lr", 0.1), ("--lr", "--cells")),
        (("--time", "5s"), ("--time", "--cells")),
        (("--seed", 1), ("--seed", "--cells or --memory")),
        (("--suite", "--dropout", 0.5), ("--suite", "--dropout")),
        (("--cell", "lstm", "--cell", "gru"), ("--cell", "--cells and --memory")),
        (("--against", "torch", "--cell", "lstm-nig"), ("--against", "lstm-nig")),
        (("--growth", "--cell", "lstm", "--cell", "gru"), ("--cell", "--cells and --memory")),
    ],
)
def test_contradictions_are_refused(folder, run, options, words):
    """What asks for two things, or does nothing, is one clear error about usage, before anything is measured."""
    misused(run("bench", *options), *words)
