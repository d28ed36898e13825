"""``charrnn gradients``: how far back a network's gradient reaches."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from charrnn.cells.table import ACTIVATIONS
from charrnn.cli.cell_option import AnyCellName
from charrnn.cli.models import compile_noticed, open_writer, team_of
from charrnn.cli.options import Input, Whole, condition_option, encoding_option, given, threads_option, unknown_options
from charrnn.cli.records import chosen, format_options
from charrnn.cli.targets import refuse_model_files, refuse_sources
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.cli.gradients_output import Result, Subject
    from charrnn.model.team import Team

CHARACTERS_READ = 1_000_000  # of the text, at most
MOST_NETWORKS = 26  # each has a letter


@dataclass(frozen=True)
class GradientsOptions:
    """Values of the options of ``charrnn gradients``."""

    models: tuple[str, ...]
    text: str
    condition: str | None
    cells: tuple[str, ...]
    hidden: int
    layers: int
    activation: str | None
    seed: int
    lags: int
    samples: int
    png: str | None
    as_json: bool
    as_tsv: bool
    threads: int | None
    unknown: str
    near: str
    encoding: str
    given: frozenset[str]


@click.command(short_help="Measure how far back a network can learn.")
@click.argument("models", nargs=-1, type=Input(), metavar="[MODEL]…")
@click.argument("text", type=Input(), metavar="TEXT")
@click.option(
    "--cell",
    "cells",
    type=AnyCellName(),
    multiple=True,
    metavar="CELL",
    help="Measure a new, untrained network of this kind; charrnn cells lists them, or FILE:FUNCTION, which is run.",
)
@click.option("--hidden", type=Whole(min=1), default=256, show_default=True, help="Units per layer of a new network.")
@click.option("--layers", type=Whole(min=1), default=1, show_default=True, help="Layers of a new network.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), help="Activation function of a new rnn or clockwork.")
@click.option(
    "--seed",
    type=Whole(min=0),
    default=0,
    show_default=True,
    help="Seed of the random weights of a new network.",
)
@click.option(
    "--lags",
    type=Whole(2, 1024),
    default=64,
    show_default=True,
    help="How many characters back to measure.",
)
@click.option(
    "--samples",
    type=Whole(1, 10_000),
    default=512,
    show_default=True,
    help="Maximum number of places in the text to measure from.",
)
@click.option("--png", type=click.Path(), metavar="FILE", help="Draw the curves as a picture (.png, .svg or .pdf).")
@format_options
@condition_option
@threads_option
@unknown_options
@encoding_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Measure how far back a network can learn from TEXT: a file, a folder or standard input (-).

    A network learns that a character depends on an earlier one through the gradient: how the loss (how wrong the
    prediction is) at the later character changes with the network's state h at the earlier one. On the backward pass,
    the gradient goes through every step between the two. If each step makes it smaller, it vanishes, and the network
    cannot learn from further back; if each step makes it larger, it explodes. In trained networks, gates (lstm, gru)
    help to preserve the gradient. In a new gru they do not: its gates start near 1/2, so each step keeps about half of
    h, and adds at most a quarter through W_n. Measure one or more trained MODELs, or new, untrained networks (--cell),
    side by side.

    The first table shows the norm (length) of this gradient 0, 1, 2, 4, … characters back: the mean over many
    places in the text and, for a single network, the quartiles too, because a few places can dominate the mean.
    With several layers, the table shows the gradient of the first layer, which is furthest from the loss; --json
    and --tsv have all layers. In an lstm, the gradient flows back along the state c, and reaches h only in the last
    step: the column "c mean" is the gradient with respect to c. "Forgets within N characters" means that N
    characters back, less than 1% of the gradient one character back is left. The factor per step (×) is a geometric
    mean. Dropout is off.

    The second table shows the mean of each gate. "kept" is the mean of ∂c_t/∂c_{t-1}, the part of its memory c that
    a unit of an lstm keeps at each step: f, and what peepholes add. "> 0.9" is the share of units and steps that
    keep more than 0.9 of it: an lstm remembers because some of its units learn to keep nearly all. (In a mingru or
    minlstm, it is ∂h_t/∂h_{t-1}.) For an rnn or irnn, a table shows the norm of the Jacobian ∂h_t/∂h_{t-k} instead,
    at some places, beside its bound η^k, where η is the largest singular value of W times the largest slope of the
    activation function (1, or 1/4 for sigmoid).

    The next table shows each recurrent matrix W, which multiplies h at each step: its norm (the largest singular
    value, the most by which it can lengthen a vector), the median and smallest singular value, and its radius (the
    factor per step if it is applied many times); --json has all singular values. In an rnn with tanh or relu, the
    gradient must vanish if the norm is below 1, and can explode only if it is above 1; with sigmoid, the bound is 4
    (Pascanu, Mikolov & Bengio 2013). In a network with gates, the gradient has paths around the matrices.

    The last table shows how often training would clip the gradient: the norm of the whole gradient, of all weights,
    over windows of the text, and the share of windows in which it is above the model's --clip.

    Only the first million characters of the text are read.

    \b
    Examples:
      charrnn gradients model.npz other.txt
      charrnn gradients --cell rnn --cell lstm --cell gru corpus.txt
      charrnn gradients rnn.npz lstm.npz other.txt --png gradients.png
    """
    options = GradientsOptions(given=given(ctx), **values)
    _check_usage(options)
    from charrnn.cli.gradients_output import draw, record, table, tell

    with team_of(options.threads) as team:
        found = []
        for subject in _subjects(options):
            try:
                found.append(_measure(subject, team, options.lags, options.samples))
            except CharrnnError as error:
                raise CharrnnError(f"{subject.name}: {error}") from None
    if options.png is not None:
        draw(options.png, found, options.text)
    form = chosen(options.as_json, options.as_tsv)
    if form == "tsv":
        table(found)
    elif form == "json":
        for result in found:
            click.echo(json.dumps(record(result)))
    else:
        tell(found)


def _check_usage(options: GradientsOptions) -> None:
    """Raise click.UsageError for options that contradict each other.

    Raises CharrnnError if the picture cannot be written.
    """
    if not options.models and not options.cells:
        raise click.UsageError("Give a model and then a text, or --cell NAME and a text.")
    for option in ("hidden", "layers", "activation", "seed"):
        if not options.cells and option in options.given:
            raise click.UsageError(f"--{option} needs --cell.")
    if options.condition is not None and not options.models:
        raise click.UsageError("--given needs a model.")
    if options.activation is not None and not {"rnn", "clockwork"} & set(options.cells):
        raise click.UsageError("--activation needs --cell rnn or clockwork.")
    if len(options.models) + len(options.cells) > MOST_NETWORKS:
        raise click.UsageError(f"Give at most {MOST_NETWORKS} networks; each has a letter in the curves.")
    if options.png is not None:
        from charrnn.display.plots import check_plottable

        models = [(path, "a model that is read") for path in options.models]
        refuse_sources(options.png, [*models, (options.text, "the text that is read")], "--png")
        check_plottable(options.png)


def _subjects(options: GradientsOptions) -> "Iterator[Subject]":
    """Yield the networks: first those in files, then new ones."""
    from charrnn.storage.files import shown
    from charrnn.text.ingest import read_again

    several = len({Path(path).name for path in options.models}) == len(options.models)
    with read_again(options.text, len(options.models) + bool(options.cells)) as source:
        for path in options.models:
            yield _trained(path, shown(Path(path).name if several else path), options, source)
        if options.cells:
            yield from _untrained(options, source)


def _trained(path: str, name: str, options: GradientsOptions, source: BinaryIO | None) -> "Subject":
    """Open a model, and read the text with its vocabulary."""
    from charrnn.cli.gradients_output import Subject
    from charrnn.display.console import note
    from charrnn.text.encoded import beginning
    from charrnn.text.ingest import read_stream
    from charrnn.training.settings import Settings

    model = open_writer(path, options.condition)
    if options.png is not None:
        refuse_model_files(options.png, "--png", model, options.text)
    near = model.vocabulary.near_forms(options.near)
    blocks = read_stream(
        options.text, model.vocabulary, unknown=options.unknown, near=near, encoding=options.encoding, source=source
    )
    ids = beginning(blocks, CHARACTERS_READ)
    try:
        settings = Settings.of(model.checkpoint.training)
    except CharrnnError:
        note(f"{name} has no valid training settings; its steps are measured with the default ones")
        settings = Settings(epochs=1.0)
    return Subject(name, model.network, ids, model.vocabulary.boundary, settings)


def _untrained(options: GradientsOptions, source: BinaryIO | None) -> "Iterator[Subject]":
    """Yield new networks for a text."""
    from charrnn.cells.architecture import Architecture
    from charrnn.cells.initial import initialize
    from charrnn.cells.own_cell import row_of
    from charrnn.cli.gradients_output import Subject
    from charrnn.model.own_network import network_for
    from charrnn.text.ingest import read_corpus
    from charrnn.text.sources import Known
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.settings import Settings

    if source is not None:
        source.seek(0)
    paths, known = [options.text if source is None else "-"], Known(encoding=options.encoding)
    corpus = read_corpus(paths, vocabulary=Vocabulary.as_one_text, stdin=source, known=known)
    symbols, ids = len(corpus.vocabulary), corpus.ids[:CHARACTERS_READ]
    for cell in options.cells:
        own = options.activation if "activation" in row_of(cell).options else None
        architecture = Architecture(cell, symbols, options.hidden, options.layers, activation=own)
        network = network_for(architecture, initialize(architecture, options.seed))
        name = f"new {cell}" if own is None else f"new {cell} ({own})"
        yield Subject(name, network, ids, None, Settings(epochs=1.0))


def _measure(subject: "Subject", team: "Team", lags: int, samples: int) -> "Result":
    """Measure how far back a network's gradient reaches."""
    import numpy as np

    from charrnn.cli.gradients_output import Result
    from charrnn.training.gradient_flow import Probe, spectra, summary

    network, ids, boundary, settings = subject.network, subject.ids, subject.boundary, subject.settings
    probe = Probe(network, team)
    compile_noticed(network, probe.compile, training=True)
    flow = probe.flow(ids, lags, samples, boundary)
    places = int(np.count_nonzero(~np.isnan(flow.outputs[0, 0])))
    if not places:
        raise CharrnnError("none of the tried places in the text has a character to predict")
    steps = probe.update_norms(ids, settings.batch_size, settings.seq_length, boundary)
    layers = [summary(norms) for norms in flow.outputs]
    cells = [] if flow.cells is None else [summary(norms) for norms in flow.cells]
    return Result(subject, places, layers, cells, flow.paths, spectra(network.weights.named), steps)
