"""``charrnn gradients``: how far back a network's gradient reaches."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from click.core import ParameterSource

from charrnn.cells.architecture import ACTIVATIONS
from charrnn.cli.options import unknown_option
from charrnn.cli.records import Column, fitting, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.model.network import Network
    from charrnn.model.team import Team
    from charrnn.text.vocabulary import Ids
    from charrnn.training.gradient_flow import Spectrum, Summary
    from charrnn.training.settings import Settings

LONGEST = 1_000_000  # characters of a text that are looked at
MOST = 26  # networks: each is called by a letter


@click.command(short_help="See how far back a network's gradient reaches.")
@click.argument("models", nargs=-1, type=click.Path(), metavar="[MODEL]…")
@click.argument("text", type=click.Path(), metavar="TEXT")
@click.option("--cell", "cells", multiple=True, metavar="NAME", help="Look at a new, untrained network of this cell.")
@click.option(
    "--hidden", type=click.IntRange(min=1), default=256, show_default=True, help="Units in a layer of a new network."
)
@click.option("--layers", type=click.IntRange(min=1), default=1, show_default=True, help="Layers of a new network.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), help="What bounds the units of a new rnn.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Number a new network is drawn by."
)
@click.option(
    "--lags",
    type=click.IntRange(2, 1024),
    default=64,
    show_default=True,
    help="How many characters to look back.",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 10_000),
    default=512,
    show_default=True,
    help="Places in the text to look back from, at most.",
)
@click.option(
    "--png", type=click.Path(), metavar="FILE", help="Draw the curves into a picture: .png, .svg or .pdf, by its name."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line, with all that was measured.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to use; by default one a processor.")
@unknown_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    models: tuple[str, ...],
    text: str,
    cells: tuple[str, ...],
    hidden: int,
    layers: int,
    activation: str | None,
    seed: int,
    lags: int,
    samples: int,
    png: str | None,
    as_json: bool,
    threads: int | None,
    unknown: str,
) -> None:
    """Tell how far back a network can learn from TEXT, a file, a folder or standard input (-): why gates help.

    A network learns that a character depends on an earlier one by the gradient: how the loss at the one changes with
    the network's state h at the other. Going back, the gradient passes through every step between the two. If each
    makes it smaller it vanishes, and what is further back cannot be learnt; if each makes it larger it explodes. Gates
    (lstm, gru) let it pass. Look at a trained MODEL, at several, or with --cell at networks that have learnt nothing
    yet; all are told and drawn side by side.

    The first table tells the norm (the length) of that gradient 0, 1, 2, 4, … characters before: the mean over many
    places in the text, and of one network the quartiles too, as a few places may make up most of a mean. Of several
    layers it is that of the first, which is the furthest from the loss; --json has them all. In an
    lstm it came back along the state c, and to h by the last step alone. A network forgets within N characters where
    less than 1% is left of the gradient one character before; a step multiplies it by so much on the geometric mean.
    Nothing is dropped out meanwhile.

    The second table tells of each recurrent matrix W, which multiplies h at each step, its norm (the most it can make
    of a vector of length 1) and its radius (what it multiplies by in the long run). In an rnn with tanh or relu the
    gradient must vanish where the norm is below 1, in one with sigmoid where it is below 4, and can explode only where
    it is above (Pascanu, Mikolov & Bengio 2013). A network with gates has ways past its matrices.

    The third table tells how often an exploding gradient would be cut in training: the norms of the whole gradient, of
    all weights, over windows of the text, and the share of them above the model's --clip.

    Of a text longer than a million characters only the beginning is read.

    \b
    Examples:
      charrnn gradients model.npz other.txt
      charrnn gradients --cell rnn --cell lstm --cell gru corpus.txt
      charrnn gradients rnn.npz lstm.npz other.txt --png gradients.png
    """
    if not models and not cells:
        raise click.UsageError("Give a model and then a text, or --cell NAME and a text.")
    for option in ("hidden", "layers", "activation", "seed"):
        if not cells and ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} goes with --cell.")
    if activation is not None and "rnn" not in cells:
        raise click.UsageError("--activation goes with --cell rnn.")
    if len(models) + len(cells) > MOST:
        raise click.UsageError(f"More than {MOST} networks cannot be told apart in one picture.")
    _check_target(png, models, text)
    from charrnn.model.team import Team

    with Team(threads) as team:
        found = []
        for subject in _subjects(models, cells, text, (hidden, layers, activation, seed), unknown):
            try:
                found.append(_measure(subject, team, lags, samples))
            except CharrnnError as error:
                raise CharrnnError(f"{subject.name}: {error}") from None
    if png is not None:
        _draw(png, found, text)
    if as_json:
        for result in found:
            click.echo(json.dumps(_record(result)))
    else:
        _tell(found)


@dataclass(frozen=True)
class _Subject:
    """A network to be looked at, a text [N] as it reads it, and how it is trained."""

    name: str
    network: "Network"
    ids: "Ids"
    boundary: int | None
    settings: "Settings"


@dataclass(frozen=True)
class _Result:
    """What was measured: norms by the lag in each layer, at so many places; matrices; norms of whole gradients [N]."""

    subject: _Subject
    places: int
    layers: "list[Summary]"
    matrices: "list[Spectrum]"
    norms: "NDArray[np.float64]"

    @property
    def clipped(self) -> float | None:
        """The share of steps whose gradient is above the clip."""
        clip = self.subject.settings.clip
        return None if clip is None else float((self.norms > clip).mean())


def _check_target(png: str | None, models: Sequence[str], text: str) -> None:
    """Raise an error if the picture could not be written, before anything is computed for it."""
    from charrnn.display.plots import check_plottable
    from charrnn.storage.files import shown

    if png is None:
        return
    for source in (*models, text):
        if source != "-" and os.path.realpath(png) == os.path.realpath(source):
            raise click.UsageError(f"{shown(png)} is a file to be read; write to another file.")
    check_plottable(png)


def _subjects(
    models: Sequence[str], cells: Sequence[str], text: str, sizes: tuple[int, int, str | None, int], unknown: str
) -> Iterator[_Subject]:
    """Yield the networks one after another: those in files, then new ones, of the sizes and seed that are given."""
    from charrnn.storage.files import shown
    from charrnn.text.ingest import read_again

    several = len({Path(path).name for path in models}) == len(models)
    with read_again(text) if len(models) + bool(cells) > 1 else nullcontext() as source:
        for path in models:
            yield _trained(path, shown(Path(path).name if several else path), text, source, unknown)
        if cells:
            yield from _untrained(cells, text, source, *sizes)


def _trained(path: str, name: str, text: str, source: BinaryIO | None, unknown: str) -> _Subject:
    """Read a model, and the beginning of a text as it reads it."""
    from charrnn.display.console import note
    from charrnn.model.model_file import load
    from charrnn.model.network import Network
    from charrnn.text.ingest import beginning, read_stream
    from charrnn.training.settings import Settings

    checkpoint = load(path)
    vocabulary = checkpoint.vocabulary
    ids = beginning(read_stream(text, vocabulary, unknown=unknown, source=source), LONGEST)
    try:
        settings = Settings.of(checkpoint.training)
    except CharrnnError:
        note(f"{name} tells no settings of its training that make sense; its steps are those of a new network")
        settings = Settings(epochs=1.0)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    return _Subject(name, network, ids, vocabulary.boundary, settings)


def _untrained(
    cells: Sequence[str],
    text: str,
    source: BinaryIO | None,
    hidden: int,
    layers: int,
    activation: str | None,
    seed: int,
) -> Iterator[_Subject]:
    """Make new networks for a text."""
    from charrnn.cells.architecture import Architecture
    from charrnn.cells.initial import initialize
    from charrnn.cells.table import cell_named
    from charrnn.model.network import Network
    from charrnn.text.ingest import read_corpus
    from charrnn.training.settings import Settings

    if source is not None:
        source.seek(0)
    corpus = read_corpus([text if source is None else "-"], stdin=source)
    for cell in cells:
        own = activation if "activation" in cell_named(cell).options else None
        architecture = Architecture(cell, len(corpus.vocabulary), hidden, layers, activation=own)
        network = Network(architecture, initialize(architecture, seed))
        name = f"new {cell}" if own is None else f"new {cell} ({own})"
        yield _Subject(name, network, corpus.ids[:LONGEST], None, Settings(epochs=1.0))


def _measure(subject: _Subject, team: "Team", lags: int, samples: int) -> _Result:
    import numpy as np

    from charrnn.display.console import compiling
    from charrnn.training.gradient_flow import Probe, spectra, summary

    network, ids, boundary, settings = subject.network, subject.ids, subject.boundary, subject.settings
    probe = Probe(network, team)
    with compiling(network, training=True):
        probe.compile()
    norms = probe.state_gradients(ids, lags, samples, boundary)
    places = int(np.count_nonzero(~np.isnan(norms[0, 0])))
    if not places:
        raise CharrnnError("there is nothing to predict at any of the places that were tried in the text")
    steps = probe.update_norms(ids, settings.batch_size, settings.seq_length, boundary)
    return _Result(subject, places, [summary(layer) for layer in norms], spectra(network.weights.named), steps)


def _tell(found: Sequence[_Result]) -> None:
    """Print, for people, what was measured: in a sentence each, in tables, and as curves."""
    import numpy as np

    from charrnn.display.curve import LETTERS, logarithmic_curves

    several = len(found) > 1
    labels = LETTERS[: len(found)] if several else [""]
    for label, result in zip(labels, found, strict=True):
        click.echo(f"{label}  {result.subject.name} {_sentence(result.layers[0])}".lstrip())
    curves = [result.layers[0].mean for result in found]
    first = found[0].layers[0]
    one = {"mean": first.mean, "lower": first.lower, "median": first.median, "upper": first.upper}
    shown = dict(zip(labels, curves, strict=True)) if several else one
    places = " or ".join(f"{places:,}" for places in sorted({result.places for result in found}))
    click.echo(f"\n{'Mean norm' if several else 'Norm'} of the gradient by lag, over {places} places:")
    columns = [Column("lag", 5, "d"), *(Column(name, 9, ".2e") for name in shown)]
    write(((k, *(values[k] for values in shown.values())) for k in _lags(len(first.mean) - 1)), columns, "text")
    if drawn := logarithmic_curves(curves, "characters before"):
        click.echo("\n" + "\n".join(drawn))
    click.echo("\nMatrices that multiply the state at each step:")
    names = Column("", int(several))
    rows = [(label, m.name, m.norm, m.radius) for label, r in zip(labels, found, strict=True) for m in r.matrices]
    matrix = fitting("matrix", [row[1] for row in rows])
    write(rows, [names, matrix, Column("norm", 8, ".3f"), Column("radius", 8, ".3f")], "text")
    click.echo("\nSteps of training: norm of the gradient, share clipped:")
    steps = [
        (label, len(r.norms), float(np.median(r.norms)), float(r.norms.max()), r.subject.settings.clip, r.clipped)
        for label, r in zip(labels, found, strict=True)
    ]
    numbers = Column("median", 9, ".3g"), Column("largest", 9, ".3g"), Column("clip", 9, "g")
    write(steps, [names, Column("steps", 6, "d"), *numbers, Column("clipped", 8, ".1%")], "text")


def _sentence(summary: "Summary") -> str:
    """Say how far back a gradient reaches."""
    lag, left = summary.deepest, summary.left
    if summary.mean[0] == 0.0:
        return "has no gradient: what it predicts does not depend on its state."
    if summary.mean[1] == 0.0:
        return "forgets at once: no gradient reaches the character before."
    if left is None:
        return "reads documents too short to tell."
    each = f"(×{summary.factor:.2f} a step)."
    if summary.forgotten is not None:
        return f"forgets within {summary.forgotten} characters {each}"
    if left > 1.0:
        return f"lets the gradient grow, to {left:.3g} times as much {lag} characters before {each}"
    return f"still has {left:.0%} of the gradient {lag} characters before {each}"


def _lags(most: int) -> list[int]:
    """Return 0, 1, 2, 4, 8 and so on, and the last one."""
    return [0, *(1 << k for k in range(most.bit_length()) if 1 << k < most), most]


def _record(result: _Result) -> dict[str, Any]:
    """Return all that was measured of a network."""
    import numpy as np

    subject = result.subject
    architecture, settings = subject.network.architecture, subject.settings
    derived = ("forgotten", "left", "factor")
    return {
        "network": subject.name,
        "cell": architecture.cell,
        "hidden": architecture.hidden,
        "layers": architecture.layers,
        "places": result.places,
        "gradient": [asdict(layer) | {name: getattr(layer, name) for name in derived} for layer in result.layers],
        "matrices": [asdict(matrix) for matrix in result.matrices],
        "training": {
            "batch_size": settings.batch_size,
            "seq_length": settings.seq_length,
            "clip": settings.clip,
            "clipped": result.clipped,
            "median": float(np.median(result.norms)),
            "largest": float(result.norms.max()),
            "norms": result.norms.tolist(),
        },
    }


def _draw(png: str, found: Sequence[_Result], text: str) -> None:
    """Write the picture of --png: a curve for each network."""
    from charrnn.display.plots import plot_norms
    from charrnn.text.ingest import name_of

    where = name_of(text) if text == "-" else name_of(Path(text).name)
    curves = [(result.subject.name, result.layers[0].mean) for result in found]
    plot_norms(png, curves, f"How far back the gradient reaches: {where}")
