"""``charrnn eval``: score texts."""

import json
import math
import sys

import click

from charrnn.cli.options import model_argument, unknown_option
from charrnn.errors import CharrnnError


@click.command()
@model_argument
@click.argument("texts", nargs=-1, type=click.Path(), metavar="[TEXT…]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to use; by default one a processor.")
@unknown_option
def command(model: str, texts: tuple[str, ...], as_json: bool, threads: int | None, unknown: str) -> None:
    """Tell how well MODEL predicts a text: files, folders, or standard input (-).

    The fewer bits per character, the less the text surprised the model. The first character is given, not predicted.

    \b
    Examples:
      charrnn eval model.npz other.txt
      cat chapter*.txt | charrnn eval model.npz - --json
    """
    if not texts:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("Give a text to score, or - for standard input.")
        texts = ("-",)
    from charrnn.checkpoint import load
    from charrnn.display.console import compiling
    from charrnn.network import Network
    from charrnn.scoring import score
    from charrnn.text import read_corpus
    from charrnn.workers import Workers

    checkpoint = load(model)
    corpus = read_corpus(texts, vocabulary=checkpoint.vocabulary, unknown=unknown)
    if corpus.ids.size < 2:
        raise CharrnnError("a text needs at least two characters to be scored: the first one is given")
    network = Network(checkpoint.architecture, checkpoint.parameters)
    with compiling(network, training=False, quiet=False):
        network.compile()
    with Workers(threads) as team:
        result = score(network, corpus.ids, team)
    if not math.isfinite(result.nats):
        raise CharrnnError(f"the weights in {model} are so large that its predictions are no numbers")
    figures = {
        "nats_per_char": result.nats_per_char,
        "bits_per_char": result.bits_per_char,
        "perplexity": result.perplexity,
        "characters": result.characters,
    }
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"{result.nats_per_char:.4f} nats per character")
    click.echo(f"{result.bits_per_char:.4f} bits per character")
    click.echo(f"{result.perplexity:.3f} perplexity: as unsure as a fair choice between so many characters")
    click.echo(f"{result.characters:,} characters predicted")
