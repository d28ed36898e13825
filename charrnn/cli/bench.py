"""``charrnn bench``: measure the speed on this machine."""

import json
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from charrnn.benchmark.report import Table
    from charrnn.cells import Architecture
    from charrnn.settings import Settings
    from charrnn.text import Corpus
    from charrnn.workers import Workers

CELLS = ("lstm", "gru", "rnn")
PARTS = ("training", "sampling", "controls", "threads", "start-up", "memory")
SIZES = ("cell", "hidden", "layers", "seq_length", "batch_size")
PAGE = 110  # columns of a caption


@click.command()
@click.argument("corpus", nargs=-1, type=click.Path(), metavar="[CORPUS…]")
@click.option("--cell", type=click.Choice(CELLS), default="lstm", show_default=True, help="Kind of network.")
@click.option("--hidden", type=click.IntRange(1, 16384), default=256, show_default=True, help="Units in a layer.")
@click.option("--layers", type=click.IntRange(1, 64), default=1, show_default=True, help="Layers, one upon another.")
@click.option(
    "--seq-length", type=click.IntRange(1, 65536), default=32, show_default=True, help="Steps to learn through."
)
@click.option("--batch-size", type=click.IntRange(1, 65536), default=16, show_default=True, help="Parallel streams.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads to use; by default one a processor.")
@click.option("--rounds", type=click.IntRange(1), default=7, show_default=True, help="Times each side is measured.")
@click.option("--against", type=click.Choice(["torch"]), help="Measure PyTorch too, on the same work, in turns.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Measure only this; may be given repeatedly.")
@click.option("--suite", is_flag=True, help="Measure a list of networks instead, one by one; takes minutes.")
@click.option("--growth", is_flag=True, help="Measure instead how the time of training grows with each size.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    corpus: tuple[str, ...],
    threads: int | None,
    rounds: int,
    against: str | None,
    only: tuple[str, ...],
    suite: bool,
    growth: bool,
    as_json: bool,
    **sizes: Any,
) -> None:
    """Measure the speed on this machine: training, sampling, what its controls cost, threads, start-up; and memory.

    Without CORPUS the text is made up. Figures are medians of rounds in which all sides take turns; ratios are those of
    medians, and of the best rounds. Training is held against the most that the processor can do: fused multiply-adds in
    registers, on all threads at once, and NumPy's product of 1024×1024 matrices on one thread and on all.

    With --against torch, PyTorch trains the same network on the same windows of text with Adam and clipping, and
    samples from it. It is tried on one thread and on all, with an embedding and with one-hot input, and with two kinds
    of Adam; its fastest way counts.

    A FLOP is a multiplication or an addition in a matrix product with weights: 2 for each weight and character on the
    way forward and, in training, 4 on the way back. One-hot input, biases, pointwise functions, softmax and optimiser
    count nothing.

    \b
    Examples:
      charrnn bench
      charrnn bench corpus.txt --cell gru --hidden 128 --against torch
      charrnn bench --only training --only sampling --json
      charrnn bench --suite --against torch
      charrnn bench --growth
    """
    explicit = {name for name in SIZES if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    _refuse_contradictions(only, suite=suite, growth=growth, against=against, threads=threads, sizes=explicit)
    from charrnn.benchmark import pytorch, report
    from charrnn.benchmark.flop import COUNTED
    from charrnn.benchmark.suite import plain_settings
    from charrnn.workers import Workers

    if against is not None:
        pytorch.require()  # before anything is measured
    text, settings = _read(corpus), plain_settings(**sizes)
    with Workers(threads) as team:
        bench = _Bench(text, settings, team, rounds, torch=against is not None, as_json=as_json)
        if suite:
            bench.suite()
        elif growth:
            bench.growth()
        else:
            bench.parts([part for part in PARTS if part in (only or PARTS)])
    if as_json:
        about = {"versions": report.versions(), "threads": team.size, "rounds": rounds, "flop": COUNTED}
        click.echo(json.dumps({**about, "results": bench.results}))
    elif not growth and (not only or "training" in only):
        click.echo(click.wrap_text(COUNTED, PAGE))


def _refuse_contradictions(
    only: Collection[str],
    *,
    suite: bool,
    growth: bool,
    against: str | None,
    threads: int | None,
    sizes: Collection[str],
) -> None:
    """Raise click.UsageError for options that ask for two things, or for nothing."""
    if suite and growth:
        raise click.UsageError("Give --suite or --growth, not both.")
    if only and (suite or growth):
        raise click.UsageError(f"Give --only or --{'suite' if suite else 'growth'}, not both.")
    if suite and sizes:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in SIZES if name in sizes)
        raise click.UsageError(f"The networks of --suite have sizes of their own; leave out {options}.")
    if against and (growth or (only and not {"training", "sampling"} & set(only))):
        raise click.UsageError("--against is for training, sampling and --suite.")
    if threads == 1 and set(only) == {"threads"}:
        raise click.UsageError("--only threads compares one thread with more; leave out --threads 1.")


def _read(paths: tuple[str, ...]) -> "Corpus":
    from charrnn.corpora.fables import fables
    from charrnn.text import Corpus, read_corpus
    from charrnn.vocabulary import Vocabulary

    if paths:
        return read_corpus(paths)
    text = fables()
    vocabulary = Vocabulary.of(text)
    return Corpus(vocabulary.encode(text), vocabulary, ("fables",), "")


class _Bench:
    """Measures, shows each result as it comes unless it is for JSON, and keeps it."""

    def __init__(
        self, text: "Corpus", settings: "Settings", team: "Workers", rounds: int, *, torch: bool, as_json: bool
    ) -> None:
        self.text, self.settings, self.team, self.rounds = text, settings, team, rounds
        self.torch, self.as_json = torch, as_json
        self.results: dict[str, Any] = {}

    def parts(self, chosen: Collection[str]) -> None:
        """Measure one network in each of some ways."""
        measure = {
            "training": self.training,
            "sampling": self.sampling,
            "controls": self.controls,
            "threads": self.threads,
            "start-up": self.start_up,
            "memory": self.memory,
        }
        if {"training", "threads", "memory"} & set(chosen):
            self.compile(self.settings)
        for part in chosen:
            self.results[part.replace("-", "_")] = measure[part]()

    def training(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import training_speed
        from charrnn.training import Trainer

        trainer = Trainer(self.settings, self.text, self.team)
        self.note(trainer.note)
        speed = training_speed(trainer, rounds=self.rounds, against_torch=self.torch)
        self.show(report.training(speed))
        return speed.as_dict()

    @property
    def network(self) -> "Architecture":
        """The network that is measured."""
        from charrnn.cells import Architecture

        return Architecture(self.settings.cell, len(self.text.vocabulary), self.settings.hidden, self.settings.layers)

    def sampling(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import MANY, sampling_speed

        measured = [
            sampling_speed(self.network, streams=streams, rounds=self.rounds, team=self.team, against_torch=self.torch)
            for streams in (1, MANY)
        ]
        self.show(report.sampling(measured))
        return [speed.as_dict() for speed in measured]

    def controls(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import control_speed

        timings = control_speed(self.network, rounds=self.rounds)
        self.show([report.controls(self.network, timings)])
        return [timing.as_dict() for timing in timings]

    def threads(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import thread_speed

        if self.team.size == 1:
            self.note("threads are not compared, as there is but one")
            return None
        compared = thread_speed(self.text, self.settings, self.team, rounds=self.rounds)
        self.show([report.teams(compared)])
        return compared.as_dict()

    def start_up(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.processes import start_up

        measured = start_up(self.settings.cell, rounds=self.rounds)
        self.show([report.start_up(measured)])
        return measured.as_dict()

    def memory(self) -> Any:
        from charrnn.benchmark import report
        from charrnn.benchmark.processes import peak_memory

        most = peak_memory(self.text, self.settings, threads=self.team.size)
        self.show([report.memory(most)])
        return {"peak_bytes": most}

    def suite(self) -> None:
        """Measure a list of networks, and show each row when it is there."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import MANY
        from charrnn.benchmark.suite import plain_settings, suite

        for cell in CELLS:
            self.compile(plain_settings(cell=cell, hidden=16, layers=2))
        if not self.as_json:
            click.echo(report.suite_head())
        rows = self.results["suite"] = []
        for speed in suite(self.text, self.team, rounds=self.rounds, streams=MANY, against_torch=self.torch):
            rows.append(speed.as_dict())
            if not self.as_json:
                click.echo(report.suite_row(speed))
        if not self.as_json:
            click.echo("\n" + click.wrap_text(report.SUITE_CAPTION, PAGE))

    def growth(self) -> None:
        """Measure how the time grows."""
        from dataclasses import replace

        from charrnn.benchmark import report
        from charrnn.benchmark.suite import growth

        self.compile(replace(self.settings, layers=2))
        measured = growth(self.text, self.settings, self.team, rounds=self.rounds)
        self.show([report.growth(measured)])
        self.results["growth"] = [one.as_dict() for one in measured]

    def compile(self, settings: "Settings") -> None:
        """Compile what training needs, and say so where that takes its time."""
        from charrnn.display.console import compiling
        from charrnn.training import Trainer

        trainer = Trainer(settings, self.text, self.team)
        with compiling(trainer.network, training=True, quiet=self.as_json):
            trainer.compile()

    def show(self, tables: Iterable["Table"]) -> None:
        """Print tables, with an empty line after each."""
        from charrnn.display.console import table

        for each in tables:
            if not self.as_json:
                table(each.columns, each.rows)
                click.echo()

    def note(self, sentence: str | None) -> None:
        """Say a sentence on stderr, if there is one."""
        from charrnn.display.console import note

        if sentence is not None and not self.as_json:
            note(sentence)
