"""The measurements of speed for ``charrnn bench``: each is made, shown and kept."""

import json
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.models import compile_noticed

if TYPE_CHECKING:
    from charrnn.benchmark.report import Table
    from charrnn.benchmark.suite import Networks
    from charrnn.benchmark.timing import Turns
    from charrnn.cells.architecture import Architecture
    from charrnn.cli.bench_options import BenchOptions
    from charrnn.model.team import Team
    from charrnn.text.ingest import Corpus
    from charrnn.training.settings import Settings

PAGE_COLUMNS = 110  # width of a caption, in columns


def compile_training(settings: "Settings", text: "Corpus", team: "Team", *, quiet: bool) -> None:
    """Compile what training needs, with a message if it takes time."""
    from charrnn.training.text_data import TextData
    from charrnn.training.trainer import Trainer

    trainer = Trainer(TextData(settings, text), team)
    compile_noticed(trainer.network, trainer.compile, training=True, quiet=quiet)


class Bench:
    """Measures, keeps each result, and shows it at once unless the output is JSON."""

    def __init__(self, options: "BenchOptions", text: "Corpus", team: "Team", turns: "Turns | None" = None) -> None:
        from charrnn.benchmark.suite import plain_settings
        from charrnn.benchmark.timing import Turns

        self.text, self.team = text, team
        self.turns = turns or Turns(options.rounds)
        self.torch, self.as_json = options.against is not None, options.as_json
        self.settings = plain_settings(
            cell=options.cell[0] if options.cell else "lstm",
            hidden=options.hidden,
            layers=options.layers,
            seq_length=options.seq_length,
            batch_size=options.batch_size,
        )
        self.results: dict[str, Any] = {}

    def parts(self, chosen: Collection[str]) -> None:
        """Make the chosen measurements of one network."""
        if {"training", "threads", "memory"} & set(chosen):
            self.compile(self.settings)
        for part in chosen:
            self.results[part.replace("-", "_")] = PARTS[part](self)

    def training(self) -> Any:
        """Measure the speed of training."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import training_speed
        from charrnn.library import sentences
        from charrnn.training.text_data import TextData
        from charrnn.training.trainer import Trainer

        trainer = Trainer(TextData(self.settings, self.text), self.team)
        self.note(sentences.short_text(trainer.data.streams.text.size, self.settings, trainer.settings))
        speed = training_speed(trainer, turns=self.turns, against_torch=self.torch)
        self.show(report.training(speed))
        return speed.as_dict()

    @property
    def network(self) -> "Architecture":
        """The network to measure."""
        return self.settings.architecture(len(self.text.vocabulary))

    def sampling(self) -> Any:
        """Measure the speed of sampling."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import MANY, sampling_speed

        measured = [
            sampling_speed(self.network, streams=streams, turns=self.turns, team=self.team, against_torch=self.torch)
            for streams in (1, MANY)
        ]
        self.show(report.sampling(measured))
        return [speed.as_dict() for speed in measured]

    def controls(self) -> Any:
        """Measure the cost of sampling controls."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import control_speed

        timings = control_speed(self.network, turns=self.turns)
        self.show([report.controls(self.network, timings)])
        return [timing.as_dict() for timing in timings]

    def threads(self) -> Any:
        """Measure the gain from more threads."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import thread_speed

        if self.team.size == 1:
            self.note("threads are not compared, because there is only one")
            return None
        compared = thread_speed(self.text, self.settings, self.team, turns=self.turns)
        self.show([report.teams(compared)])
        return compared.as_dict()

    def start_up(self) -> Any:
        """Measure the start-up time of commands."""
        from charrnn.benchmark import report
        from charrnn.benchmark.processes import start_up

        measured = start_up(self.settings.cell, turns=self.turns)
        self.show([report.start_up(measured)])
        return measured.as_dict()

    def memory(self) -> Any:
        """Measure the peak memory of training."""
        from charrnn.benchmark import report
        from charrnn.benchmark.processes import peak_memory

        most = peak_memory(self.text, self.settings, threads=self.team.size)
        self.show([report.memory(most)])
        return {"peak_bytes": most}

    def suite(self, networks: "Networks | None" = None) -> None:
        """Measure a list of networks; show each row when it is ready."""
        from charrnn.benchmark import report
        from charrnn.benchmark.speed import MANY
        from charrnn.benchmark.suite import ALL, NETWORKS, plain_settings, suite

        for cell in ALL:
            self.compile(plain_settings(cell=cell, hidden=16, layers=2))
        if not self.as_json:
            click.echo(report.suite_head())
        rows = self.results["suite"] = []
        listed = suite(
            self.text,
            self.team,
            turns=self.turns,
            streams=MANY,
            against_torch=self.torch,
            networks=networks or NETWORKS,
        )
        for speed in listed:
            rows.append(speed.as_dict())
            if not self.as_json:
                click.echo(report.suite_row(speed))
        if not self.as_json:
            click.echo("\n" + click.wrap_text(report.SUITE_CAPTION, PAGE_COLUMNS))

    def growth(self) -> None:
        """Measure how training time grows with each size."""
        from dataclasses import replace

        from charrnn.benchmark import report
        from charrnn.benchmark.suite import growth

        self.compile(replace(self.settings, layers=2))
        measured = growth(self.text, self.settings, self.team, turns=self.turns)
        self.show([report.growth(measured)])
        self.results["growth"] = [one.as_dict() for one in measured]

    def real_time(self) -> None:
        """Measure the cost of real-time recurrent learning."""
        from dataclasses import replace

        from charrnn.benchmark import rtrl_cost
        from charrnn.training.rules import GRADIENTS

        for gradient in GRADIENTS:
            self.compile(replace(self.settings, gradient=gradient, hidden=16, layers=1, dropout=0.0))
        measured = tuple(rtrl_cost.costs(self.text, self.settings.cell, self.team, turns=self.turns))
        self.show([rtrl_cost.table(measured)])
        self.results["rtrl"] = [cost.as_dict() for cost in measured]
        if not self.as_json:
            click.echo(click.wrap_text(rtrl_cost.COUNTED, PAGE_COLUMNS))

    def large_vocabulary(self) -> None:
        """Measure the ways to train on a text of many characters."""
        from dataclasses import replace

        from charrnn.benchmark import large_vocabulary

        for more in large_vocabulary.ways(len(self.text.vocabulary)).values():
            self.compile(replace(self.settings, **more))
        found = large_vocabulary.measured(
            self.text, self.settings, self.team, turns=self.turns, against_torch=self.torch
        )
        self.show([large_vocabulary.table(found)])
        self.results["vocabulary"] = found.as_dict()

    def compile(self, settings: "Settings") -> None:
        """Compile what the training of a network needs."""
        compile_training(settings, self.text, self.team, quiet=self.as_json)

    def show(self, tables: Iterable["Table"]) -> None:
        """Print tables, with an empty line after each."""
        from charrnn.display.console import table

        for each in tables:
            if not self.as_json:
                table(each.columns, each.rows)
                click.echo()

    def note(self, sentence: str | None) -> None:
        """Print a sentence on stderr, if there is one."""
        from charrnn.display.console import note

        if sentence is not None and not self.as_json:
            note(sentence)


# The choices of --only.
PARTS: dict[str, Callable[[Bench], Any]] = {
    "training": Bench.training,
    "sampling": Bench.sampling,
    "controls": Bench.controls,
    "threads": Bench.threads,
    "start-up": Bench.start_up,
    "memory": Bench.memory,
}


def speed(options: "BenchOptions", way: str, text: "Corpus", team: "Team", turns: "Turns | None" = None) -> None:
    """Measure speed in the way that was asked for."""
    from charrnn.benchmark import report
    from charrnn.benchmark.flop import COUNTED

    bench = Bench(options, text, team, turns)
    if way == "suite":
        bench.suite()
    elif way == "growth":
        bench.growth()
    elif way == "rtrl":
        bench.real_time()
    elif way == "vocabulary":
        bench.large_vocabulary()
    else:
        bench.parts([part for part in PARTS if part in (options.only or PARTS)])
    if options.as_json:
        about = {"versions": report.versions(), "threads": team.size, "rounds": options.rounds, "flop": COUNTED}
        click.echo(json.dumps({**about, "results": bench.results}))
    elif way not in ("growth", "rtrl", "vocabulary") and (not options.only or "training" in options.only):
        click.echo(click.wrap_text(COUNTED, PAGE_COLUMNS))
