"""``charrnn bench``: measure the speed on this machine."""

import json
from typing import Any

import click

CELLS = ("lstm", "gru", "rnn")


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(corpus: tuple[str, ...], against: str | None, as_json: bool, rounds: int, **options: Any) -> None:
    """Measure the speed of training on this machine, in characters a second.

    Without CORPUS the text is made up. With --against torch both programs train the same network on the same windows of
    text with Adam and clipping, in turns; PyTorch is measured with one thread and with all, with an embedding and with
    one-hot input, and its fastest way counts.

    \b
    Examples:
      charrnn bench
      charrnn bench corpus.txt --cell gru --hidden 128 --against torch
    """
    from charrnn.benchmark import training_speed
    from charrnn.corpora.fables import fables
    from charrnn.display import table
    from charrnn.settings import Settings
    from charrnn.text import Corpus, Vocabulary, read_corpus
    from charrnn.workers import Workers

    if corpus:
        text = read_corpus(corpus)
    else:
        written = fables()
        vocabulary = Vocabulary.of(written)
        text = Corpus(vocabulary.encode(written), vocabulary, ("fables",), "")
    threads = options.pop("threads")
    with Workers(threads) as team:
        settings = Settings(epochs=1.0, dropout=0.0, **options)  # what both programs do alike
        ours, *theirs = training_speed(text, settings, team, rounds=rounds, against_torch=against is not None)
        threads = team.size
    fastest = max(theirs, key=lambda timing: timing.median, default=None)
    if as_json:
        figures = [{"name": t.name, "median": t.median, "best": t.best, "rounds": t.rates} for t in (ours, *theirs)]
        ratios = {} if fastest is None else {"ratio_of_medians": ours.median / fastest.median}
        click.echo(json.dumps({**options, "threads": threads, "chars_per_second": figures, **ratios}))
        return
    table(
        (f"training, {threads} threads", "chars/s, median", "best", "ratio of medians"),
        (
            (t.name, f"{t.median:,.0f}", f"{t.best:,.0f}", "" if t is ours else f"{ours.median / t.median:.2f}")
            for t in (ours, *theirs)
        ),
    )
