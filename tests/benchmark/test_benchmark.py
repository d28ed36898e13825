"""What is measured, and that it is measured fairly; how fast anything is, no test asks."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from charrnn.benchmark import processes, pytorch, report, roof, suite, timing
from charrnn.benchmark.flop import flop_per_character
from charrnn.benchmark.sides import sampling_side, training_side
from charrnn.benchmark.timing import Comparison, Timing, alternate, fastest
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels.llvm import peak
from charrnn.kernels.llvm.vector import LANES
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import default_lr
from charrnn.training.trainer import Trainer

WITHOUT_TORCH = importlib.util.find_spec("torch") is None
SMALL = ("bench", "corpus.txt", "--hidden", 16, "--rounds", 3, "--threads", 2)


@pytest.fixture
def short_turns(monkeypatch):
    """Measure a moment: what comes of it is not asked."""
    monkeypatch.setattr(timing, "ROUND_SECONDS", 0.002)
    monkeypatch.setattr(timing, "REST_SECONDS", 0.0)
    monkeypatch.setattr(roof, "ROUNDS", 1000)


@pytest.fixture
def corpus(text):
    """Return the made-up text, encoded."""
    vocabulary = Vocabulary.of(text)
    return Corpus(vocabulary.encode(text), vocabulary, ("made up",), "")


@pytest.fixture
def team():
    """Return a team of two."""
    with Team(2) as members:
        yield members


def small(**sizes):
    """Return settings of a tiny run."""
    return suite.plain_settings(**({"cell": "lstm", "hidden": 16, "batch_size": 4, "seq_length": 8} | sizes))


# Turns


class Clock:
    """A clock that stands still but for what sides do, and sides that take so many seconds a step."""

    def __init__(self, monkeypatch):
        self.now, self.turns = 0.0, []
        monkeypatch.setattr(timing, "perf_counter", lambda: self.now)
        monkeypatch.setattr(timing, "sleep", self._rest)

    def _rest(self, _):
        self.now += 1000.0  # must not be measured

    def side(self, name, *seconds, done=1):
        """Make a side: a step takes the first time in the first turn, and so on; the last one from then on."""
        turn = count()

        def work(steps):
            self.turns.append((name, steps))
            self.now += steps * seconds[min(next(turn), len(seconds) - 1)]
            return steps * done

        return work


def test_sides_take_turns(monkeypatch):
    """Each round is one turn of each side, in the same order, none twice in a row."""
    clock = Clock(monkeypatch)
    alternate({name: clock.side(name, 0.1) for name in "abc"}, 4)
    assert "".join(name for name, _ in clock.turns[-12:]) == 4 * "abc"


def test_a_turn_is_as_long_for_slow_sides_as_for_fast_ones(monkeypatch):
    """As many steps as take the seconds of a round; at least one."""
    clock = Clock(monkeypatch)
    alternate({"fast": clock.side("fast", 0.001), "slow": clock.side("slow", 100.0)}, 1)
    assert clock.turns[-2:] == [("fast", round(timing.ROUND_SECONDS / 0.001)), ("slow", 1)]


def test_steps_can_be_given(monkeypatch):
    """A side is then called for so many steps, once untimed and once a round."""
    clock = Clock(monkeypatch)
    alternate({"process": clock.side("process", 0.5)}, 3, steps=1)
    assert clock.turns == 4 * [("process", 1)]


def test_rates_are_work_by_time(monkeypatch):
    """What a side says that it did, by the time that passed while it did it; its first steps do not count."""
    clock = Clock(monkeypatch)
    timings = alternate({"a": clock.side("a", 99.0, 0.5, 0.25, 1.0, done=10)}, 3, steps=2)
    assert timings["a"].rates == (20.0, 40.0, 10.0)
    assert (timings["a"].median, timings["a"].best) == (20.0, 40.0)


def test_the_others_best_way_counts():
    """A ratio of medians is against the greatest median of the others, one of bests against their best round."""
    ours, steady, wild = (
        Timing("us", (6.0, 8.0, 10.0)),
        Timing("steady", (4.0, 4.0, 4.0)),
        Timing("wild", (1.0, 2.0, 5.0)),
    )
    compared = Comparison(ours, (steady, wild))
    assert compared.fastest is steady
    assert (compared.ratio_of_medians, compared.ratio_of_bests) == (2.0, 2.0)
    assert Comparison(ours, ()).as_dict()["ratio_of_medians"] is None


def test_the_fastest_is_found_by_a_trial(monkeypatch):
    """Of several ways the fastest remains, though something else slows it for a while."""
    clock = Clock(monkeypatch)
    sides = {str(seconds): clock.side("", seconds) for seconds in (0.3, 0.1, 0.4, 0.2)}
    sides["slowed"] = clock.side("", 0.05, 0.05, 0.6, 0.05)
    assert fastest(sides) == {"slowed": sides["slowed"]}


# What counts as work


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_flop_are_counted(cell, gates):
    """By hand: W of both layers, U of the second, V; 2 FLOP each forward, 6 in training; nothing for U of the first."""
    weights = 2 * gates * 20 * 20 + gates * 20 * 20 + 20 * 7
    architecture = Architecture(cell, vocabulary=7, hidden=20, layers=2)
    assert flop_per_character(architecture, training=False) == 2 * weights
    assert flop_per_character(architecture, training=True) == 6 * weights


def test_the_peak_is_of_real_arithmetic():
    """The kernel multiplies and adds as often as it says, on every entry."""
    sums = np.random.default_rng(0).uniform(-2, 2, (peak.SUMS, LANES)).astype(np.float32)
    expected = sums.astype(np.float64)
    for _ in range(37):
        expected = expected * np.float32(0.9) + np.float32(0.3)
    peak.multiply_and_add(sums, 0.9, 0.3, 37)
    assert np.abs(sums - expected).max() < 1e-5
    assert 2 * sums.size == peak.FLOP_PER_ROUND


def test_the_peak_is_of_all_threads(team, monkeypatch):
    """A step's work is done by each member of the team, and counted for each."""
    done = []
    monkeypatch.setattr(roof.peak, "multiply_and_add", lambda sums, factor, addend, rounds: done.append(rounds))
    assert roof.peak_side(team)(3) == 2 * 3 * roof.ROUNDS * peak.FLOP_PER_ROUND
    assert done == [3 * roof.ROUNDS] * 2


def test_numpys_product_has_a_process_of_its_own():
    """It answers each request; where it has ended, that is one sentence."""
    with roof.product_side(1) as side:
        assert [side(1), side(2)] == [2 * 1024**3, 4 * 1024**3]
    with pytest.raises(CharrnnError, match="NumPy"):
        side(1)


def test_a_training_step_is_a_step(corpus, team):
    """A side does the steps it is told to, past the end of an epoch too, and counts each character."""
    trainer = Trainer(small(), corpus, team)
    windows, predictions = trainer.streams.windows, trainer.streams.steps
    assert training_side(trainer)(windows) == predictions
    assert training_side(trainer)(windows + 1) == predictions + 4 * 8
    assert trainer.state.step == 2 * windows + 1


def test_a_sampling_step_is_a_character(corpus):
    """A side draws as many characters as it is told to."""
    architecture = Architecture("gru", len(corpus.vocabulary), 16)
    assert sampling_side(Network(architecture, initialize(architecture, 0)), 1, None)(5) == 5


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_what_is_trained_is_what_pytorch_can_do(cell):
    """Adam with clipping at the cell's own rate; no dropout."""
    settings = suite.plain_settings(cell)
    assert (settings.optimizer, settings.lr, settings.dropout) == ("adam", default_lr(cell), 0.0)
    assert settings.clip


# Growth


def test_growth_doubles_one_size_at_a_time(corpus, team, short_turns):
    """Each row but the first has one size twice as large, the vocabulary among them."""
    rows = suite.growth(corpus, small(), team, rounds=1)
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
        suite.growth(corpus, small(seq_length=1000), team, rounds=1)


# The suite


def test_the_suite_is_the_list(corpus, team, monkeypatch):
    """Every network of the list is measured: trained once, and sampled in one stream."""
    measured = []
    monkeypatch.setattr(suite, "_trainer", lambda settings, corpus, team: settings)
    monkeypatch.setattr(suite, "training_speed", lambda trainer, **_: measured.append(trainer))
    monkeypatch.setattr(suite, "sampling_speed", lambda network, *, streams, **_: measured.append((network, streams)))
    list(suite.suite(corpus, team, rounds=1, streams=64, against_torch=False))
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


def test_the_suites_rows_stand_below_its_headings(corpus, team, short_turns):
    """A row is as wide as the headings, and has the figures that were measured."""
    from charrnn.benchmark.speed import training_speed

    speed = training_speed(Trainer(small(), corpus, team), rounds=1, products=False)
    speed = replace(speed, compared=Comparison(Timing("us", (123456.0,)), (Timing("them", (61728.0,)),)))
    row = report.suite_row(speed)
    assert len(row) == len(report.suite_head()) < 100
    assert row.split()[:7] == ["training", "lstm", "1×16", "4×8", "123,456", "61,728", "2.00"]


# Processes


def test_start_up_alternates_commands_and_sets_the_cache_aside(monkeypatch):
    """Each command once untimed and once a round, then one training with a cache and a home of its own."""
    started = []

    def run(command, environment=None):
        started.append((command, environment))
        if environment:
            (Path(environment["XDG_CACHE_HOME"]) / "kernel.nbc").touch()
        return b""

    monkeypatch.setattr(processes, "_run", run)
    measured = processes.start_up("gru", rounds=2)
    told = [" ".join(command[1:]) for command, _ in started]
    assert told[:4] == told[4:8] == told[8:12]
    assert told[0] == "-m charrnn --help"
    assert told[1] == "-c import click"
    assert told[2].startswith("-m charrnn sample ")
    assert told[2].endswith(" --length 1")
    assert told[3] == "-c import numba"
    ((train, environment),) = started[12:]
    assert train[3:5] == ("train", train[4])
    assert environment["XDG_CACHE_HOME"] == environment["HOME"]
    commands = measured.as_dict()["commands"]
    assert [(one["name"], one["of_which"]) for one in commands] == [
        ("--help", "import click"),
        ("first sampled character", "import numba"),
    ]
    assert measured.compile_seconds > 0.0


def test_a_cache_that_cannot_be_set_aside_gives_no_figure(monkeypatch, tmp_path):
    """Where a first run has compiled nothing in the empty folder, its time is not that of a first compile."""
    monkeypatch.setattr(processes, "_run", lambda *_: b"")
    assert processes._first_compile("lstm", "text", tmp_path) is None


def test_a_command_that_fails_is_said():
    """The last line of what it said is the reason."""
    with pytest.raises(CharrnnError, match="failed: there is no file missing"):
        processes._run((*processes.PROGRAM, "sample", "missing.npz"))


def test_peak_memory_is_that_of_the_command():
    """Memory that a command holds for a moment counts, in the system's unit."""
    pytest.importorskip("resource", reason="for POSIX systems")

    def asked(size):
        ask = (sys.executable, "-c", processes.ASK, sys.executable, "-c", f"b = bytes(1) * {size}")
        return int(subprocess.run(ask, capture_output=True, check=True).stdout)

    unit = 1 if sys.platform == "darwin" else 1024
    assert 80e6 < (asked(120_000_000) - asked(20_000_000)) * unit < 120e6


def test_peak_memory_is_of_a_training_of_these_sizes(corpus, monkeypatch):
    """The run that is measured has the text and the sizes that were asked for; the lower of two runs counts."""
    pytest.importorskip("resource", reason="for POSIX systems")
    answers, started = iter([b"300\n", b"200\n"]), []

    def run(command):
        started.append(command)
        assert Path(command[7]).read_bytes() == corpus.vocabulary.decode_bytes(corpus.ids)
        return next(answers)

    monkeypatch.setattr(processes, "_run", run)
    unit = 1 if sys.platform == "darwin" else 1024
    assert processes.peak_memory(corpus, small(cell="gru", hidden=48), threads=3) == 200 * unit
    told = " ".join(started[0])
    for option in ("train", "--cell gru", "--hidden 48", "--batch-size 4", "--seq-length 8", "--threads 3"):
        assert f" {option} " in told


@pytest.mark.slow
def test_processes_for_real(corpus):
    """Start-up and memory come out, with the real commands."""
    measured = processes.start_up("rnn", rounds=1)
    assert all(one["seconds"] > 0 for one in measured.as_dict()["commands"])
    assert measured.compile_seconds is not None
    assert 30e6 < processes.peak_memory(corpus, small(), threads=1) < 3e9


# PyTorch


@pytest.mark.skipif(WITHOUT_TORCH, reason="PyTorch is not installed")
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_pytorch_trains_the_same_network(cell, corpus, team):
    """In each of its ways PyTorch counts the characters of whole windows, and reads the same text."""
    trainer = Trainer(small(cell=cell, layers=2), corpus, team)
    sides = pytorch.training_sides(trainer, 2)
    assert len(sides) == 2 * 2
    for side in sides.values():
        assert side(3) == 3 * 4 * 8
    ids, targets = np.zeros((8, 4), np.int32), np.zeros((8, 4), np.int32)
    trainer.streams.window(1, ids, targets)
    inputs, outputs = pytorch._windows(trainer)[1]
    assert (inputs.numpy() == ids).all()
    assert (outputs.numpy() == targets).all()
    layers = pytorch._network(trainer.architecture, one_hot=True)
    learnt = sum(p.numel() for part in layers for p in part.parameters())
    second_biases = {"lstm": 4, "gru": 2, "rnn": 1}[cell]  # PyTorch has two for each gate
    assert learnt == trainer.architecture.parameter_count() + 2 * 16 * second_biases


@pytest.mark.skipif(WITHOUT_TORCH, reason="PyTorch is not installed")
def test_pytorch_learns(corpus, team, monkeypatch):
    """Its steps are those of an optimizer: the loss falls."""
    import torch

    losses = []
    entropy = torch.nn.functional.cross_entropy

    def noted(*arguments):
        losses.append(entropy(*arguments))
        return losses[-1]

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", noted)
    for side in pytorch.training_sides(Trainer(small(), corpus, team), 1).values():
        losses.clear()
        side(60)
        assert losses[-1].item() < 0.9 * losses[0].item()


@pytest.mark.skipif(WITHOUT_TORCH, reason="PyTorch is not installed")
@pytest.mark.parametrize("streams", [1, 64])
def test_pytorch_samples(streams):
    """One character in each stream is a step; an LSTM is tried with and without oneDNN, and that is left as it was."""
    import torch

    for cell, onednn in (("gru", True), ("lstm", True), ("lstm", False)):
        sides = pytorch.sampling_sides(Architecture(cell, 30, 16, 2), streams, 2, onednn=onednn)
        assert len(sides) == 2
        for side in sides.values():
            assert side(3) == 3 * streams
    assert torch.backends.mkldnn.enabled


@pytest.mark.skipif(WITHOUT_TORCH, reason="PyTorch is not installed")
def test_bench_against_pytorch(folder, run, short_turns):
    """Ratios are of the medians and bests that stand beside them, for training and for sampling."""
    result = run(*SMALL, "--against", "torch", "--only", "training", "--only", "sampling", "--json")
    assert result.code == 0
    told = json.loads(result.out)
    assert told["versions"]["torch"]
    for speed in (told["results"]["training"], *told["results"]["sampling"]):
        speeds = speed["chars_per_second"]
        ours, *theirs = speeds["sides"]
        assert ["1 thread," in f"{side['name']}," for side in theirs] == [True, False]
        assert speeds["ratio_of_medians"] == ours["median"] / max(side["median"] for side in theirs)
        assert speeds["ratio_of_bests"] == ours["best"] / max(side["best"] for side in theirs)
        assert speeds["fastest_other"] in {side["name"] for side in theirs}


@pytest.mark.parametrize("options", [(), ("--suite",), ("--json",)])
def test_without_pytorch_nothing_is_measured(folder, run, monkeypatch, options):
    """One sentence says that it is missing, and how to get it."""
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run("bench", "corpus.txt", "--against", "torch", *options)
    assert (result.code, result.stdout) == (1, b"")
    assert result.err == "charrnn: error: PyTorch is not installed here; pip install torch\n"


# The command


def test_training_as_json(folder, run, short_turns):
    """One object with the sizes, what counts as a FLOP, the figures, and quotients of these very figures."""
    result = run(*SMALL, "--cell", "gru", "--layers", 2, "--only", "training", "--json")
    assert result.code == 0
    told = json.loads(result.out)
    assert (told["threads"], told["rounds"]) == (2, 3)
    assert "multiplication or an addition" in told["flop"]
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


def test_only_what_is_asked_for_is_measured(folder, run, short_turns):
    """``--only`` picks parts, in whatever order they are typed."""
    told = json.loads(run(*SMALL, "--only", "threads", "--only", "sampling", "--json").out)["results"]
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


def test_one_thread_is_not_compared_with_itself(folder, run, short_turns):
    """Where there is but one thread, the ratio is left out, and that is said."""
    one = (
        "bench",
        "corpus.txt",
        "--hidden",
        16,
        "--rounds",
        1,
        "--threads",
        1,
        "--only",
        "threads",
        "--only",
        "sampling",
    )
    assert json.loads(run(*one, "--json").out)["results"]["threads"] is None
    result = run(*one)
    assert (result.code, result.err) == (0, "charrnn: threads are not compared, as there is but one\n")
    assert "the same training" not in result.out


def test_tables(folder, run, short_turns, monkeypatch):
    """All parts have a table, in their order, and it is said what a FLOP is."""
    measured = processes.StartUp({name: Timing(name, (4.0,)) for name in ("a", "b")}, {"a": "b"}, 12.34)
    monkeypatch.setattr(processes, "start_up", lambda cell, rounds: measured)
    monkeypatch.setattr(processes, "peak_memory", lambda *_, threads: 123_456_789)
    result = run(*SMALL)
    assert (result.code, result.err) == (0, "")
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
    places = [result.out.index(part) for part in parts]
    assert places == sorted(places)
    assert max(map(len, result.out.splitlines())) <= 110


def test_growth_table(folder, run, short_turns):
    """The table has a row for each size; as JSON, a list."""
    command = ("bench", "corpus.txt", "--growth", "--hidden", 16, "--rounds", 1, "--batch-size", 4)
    shown = run(*command)
    assert shown.code == 0
    for name in ("hidden size", "layers", "batch size", "sequence length", "vocabulary"):
        assert f"twice the {name} " in shown.out
    told = json.loads(run(*command, "--json").out)["results"]["growth"]
    assert [row["doubled"] for row in told][:2] == [None, "hidden size"]


def test_suite_rows_come_one_by_one(folder, run, short_turns, monkeypatch):
    """Each row is shown when it is measured; as JSON they are one list."""
    monkeypatch.setattr(suite, "TRAINED", ((("gru",), 1, 16, 4, 8), (("rnn",), 2, 16, 4, 8)))
    monkeypatch.setattr(suite, "SAMPLED", ((("lstm",), 1, 16),))
    command = ("bench", "corpus.txt", "--suite", "--rounds", 1, "--threads", 1)
    shown = run(*command)
    assert shown.code == 0
    rows = shown.out.splitlines()
    assert rows[0] == report.suite_head()
    assert [row.split()[:3] for row in rows[1:4]] == [
        ["training", "gru", "1×16"],
        ["training", "rnn", "2×16"],
        ["sampling", "lstm", "1×16"],
    ]
    told = json.loads(run(*command, "--json").out)["results"]["suite"]
    speeds = iter([suite.training_speed])
    monkeypatch.setattr(suite, "training_speed", lambda trainer, **options: next(speeds)(trainer, **options))
    assert run(*command).out.splitlines()[1].startswith("training  gru 1×16")  # though the next row fails
    assert [row["work"] for row in told][:3] == ["training", "training", "sampling"]
    assert told[0]["fma_peak"]["share"] > 0


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
    result = run("bench", *options)
    assert (result.code, result.stdout) == (2, b"")
    error = result.err.splitlines()[-1]
    assert error.startswith("Error: ")
    for word in words:
        assert word in error


def test_a_short_text_is_told(folder, run, short_turns):
    """Where the text is too short for the streams that were asked for, it is said which were measured instead."""
    Path("short.txt").write_text("abcdefgh" * 10, encoding="utf-8")
    options = ("--hidden", 16, "--rounds", 1, "--only", "training")
    shown = run("bench", "short.txt", *options)
    assert shown.code == 0
    assert shown.err.startswith("charrnn: the text is short")
    training = json.loads(run("bench", "short.txt", *options, "--json").out)["results"]["training"]
    assert f"{training['batch_size']} streams of {training['seq_length']} characters" in shown.err
