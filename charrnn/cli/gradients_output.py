"""Output of ``charrnn gradients``: tables and curves, JSON, and a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.records import Column, fitting, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.model.network import Network
    from charrnn.text.vocabulary import Ids
    from charrnn.training.gradient_flow import Spectrum, Summary
    from charrnn.training.gradient_paths import Paths
    from charrnn.training.settings import Settings


@dataclass(frozen=True)
class Subject:
    """A network to measure, a text [N] in its symbols, and its training settings."""

    name: str
    network: "Network"
    ids: "Ids"
    boundary: int | None
    settings: "Settings"


@dataclass(frozen=True)
class Result:
    """The measurements: norms by lag in each layer, at `places` places, with respect to h and to cells c.

    Then the paths of each layer; matrices; norms of whole gradients [N].
    """

    subject: Subject
    places: int
    layers: "list[Summary]"
    cells: "list[Summary]"  # empty without cells c
    paths: "list[Paths]"
    matrices: "list[Spectrum]"
    norms: "NDArray[np.float64]"

    @property
    def clipped(self) -> float | None:
        """The share of steps whose gradient norm is above the clip."""
        clip = self.subject.settings.clip
        return float((self.norms > clip).mean()) if clip else None


def tell(found: Sequence[Result]) -> None:
    """Print the measurements: a sentence per network, tables and curves."""
    from charrnn.display.curve import LETTERS

    labels = list(LETTERS[: len(found)]) if len(found) > 1 else [""]
    for label, result in zip(labels, found, strict=True):
        click.echo(f"{label}  {result.subject.name} {_sentence(result.layers[0])}".lstrip())
    _tell_norms(found, labels)
    _tell_gates(found, labels)
    _tell_products(found, labels)
    _tell_matrices(found, labels)
    _tell_steps(found, labels)


def _tell_norms(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms by lag.

    Prints the means and, for a single network, the quartiles.
    """
    from charrnn.display.curve import logarithmic_curves
    from charrnn.training.gradient_flow import doubling

    several = len(found) > 1
    curves = [result.layers[0].mean for result in found]
    first = found[0].layers[0]
    one = {"mean": first.mean, "lower": first.lower, "median": first.median, "upper": first.upper}
    shown = dict(zip(labels, curves, strict=True)) if several else one
    of_cells = {f"{label} c mean".strip(): r.cells[0].mean for label, r in zip(labels, found, strict=True) if r.cells}
    places = " or ".join(f"{places:,}" for places in sorted({result.places for result in found}))
    click.echo(f"\n{'Mean norm' if several else 'Norm'} of the gradient by lag, over {places} places:")
    shown |= of_cells
    columns = [Column("lag", 5, "d"), *(Column(name, 9, ".2e") for name in shown)]
    write(((k, *(values[k] for values in shown.values())) for k in doubling(len(first.mean) - 1)), columns, "text")
    if drawn := logarithmic_curves(curves, "characters back"):
        click.echo("\n" + "\n".join(drawn))


def _tell_gates(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the mean of each gate, and of what a step keeps."""
    from charrnn.training.gradient_paths import MOSTLY

    means = [result.paths[0].means for result in found]
    titles = {"i": "i", "f": "f", "o": "o", "r": "r", "z": "z", "kept": "kept", "mostly": f"> {MOSTLY}"}
    names = [name for name in titles if any(name in each for each in means)]
    if names:
        click.echo("\nMeans over the text, of each gate, and of what a step keeps of a unit's memory:")
        rows = [(label, *map(each.get, names)) for label, each in zip(labels, means, strict=True) if each]
        write(rows, [_labels(found), *(Column(titles[name], 6, ".3f") for name in names)], "text")


def _tell_products(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms of products of Jacobians, with their bounds."""
    for label, result in zip(labels, found, strict=True):
        if (paths := result.paths[0]).products:
            named = f"{label}: norm" if label else "Norm"
            click.echo(f"\n{named} of ∂h_t/∂h_{{t-k}}, and its bound η^k with η = {paths.eta:.3f}:")
            rows = [(product.lag, product.norm, product.bound) for product in paths.products]
            write(rows, [Column("k", 5, "d"), Column("norm", 9, ".2e"), Column("bound", 9, ".2e")], "text")


def _tell_matrices(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms, radii and singular values of recurrent matrices."""
    rows = [
        (label, m.name, m.norm, m.radius, *_middle_and_smallest(m))
        for label, result in zip(labels, found, strict=True)
        for m in result.matrices
    ]
    if not rows:  # not every cell has a W
        return
    click.echo("\nMatrices that multiply the state at each step:")
    numbers = [Column(name, 8, ".3f") for name in ("norm", "radius", "median", "smallest")]
    write(rows, [_labels(found), fitting("matrix", [row[1] for row in rows]), *numbers], "text")


def _middle_and_smallest(matrix: "Spectrum") -> tuple[float | None, float | None]:
    """Return the median and the smallest singular value of a matrix."""
    values = matrix.singular
    return (median(values), values[-1]) if values else (None, None)


def _tell_steps(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms of whole gradients, and the clipped share."""
    import numpy as np

    click.echo("\nSteps of training: norm of the gradient, share clipped:")
    steps = [
        (
            label,
            len(r.norms),
            float(np.median(r.norms)),
            float(r.norms.max()),
            r.subject.settings.clip or None,
            r.clipped,
        )
        for label, r in zip(labels, found, strict=True)
    ]
    numbers = Column("median", 9, ".3g"), Column("largest", 9, ".3g"), Column("clip", 9, "g")
    write(steps, [_labels(found), Column("steps", 6, "d"), *numbers, Column("clipped", 8, ".1%")], "text")


def _labels(found: Sequence[Result]) -> Column:
    """Return the column of the networks' letters, if there are several."""
    return Column("", int(len(found) > 1))


def _sentence(summary: "Summary") -> str:
    """Return a sentence on how far back a gradient reaches."""
    lag, left = summary.deepest, summary.left
    if summary.mean[0] == 0.0:
        return "has no gradient: its predictions do not depend on its state."
    if summary.mean[1] == 0.0:
        return "forgets at once: no gradient reaches the previous character."
    if left is None:
        return "cannot be judged: the documents are too short."
    each = f"(×{summary.factor:.2f} a step)."
    if summary.forgotten is not None:
        return f"forgets within {summary.forgotten} characters {each}"
    if left > 1.0:
        return f"lets the gradient grow, to {left:.3g} times as much {lag} characters back {each}"
    return f"still has {left:.0%} of the gradient {lag} characters back {each}"


def record(result: Result) -> dict[str, Any]:
    """Return all measurements of a network."""
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
        "cells": [asdict(layer) for layer in result.cells],
        "paths": [
            {"means": paths.means, "eta": paths.eta, "jacobians": [asdict(product) for product in paths.products]}
            for paths in result.paths
        ],
        "matrices": [asdict(matrix) for matrix in result.matrices],
        "training": {
            "batch_size": settings.batch_size,
            "seq_length": settings.seq_length,
            "clip": settings.clip or None,
            "clipped": result.clipped,
            "median": float(np.median(result.norms)),
            "largest": float(result.norms.max()),
            "norms": result.norms.tolist(),
        },
    }


def table(found: Sequence[Result]) -> None:
    """Print the norms by network, layer and lag as tab-separated values."""
    names = "mean", "lower", "median", "upper", "c_mean", "jacobian", "bound"
    columns = [Column("network"), *(Column(name, form="g") for name in ("layer", "lag", *names))]
    rows = []
    for result in found:
        for number, layer in enumerate(result.layers):
            cells = result.cells[number].mean if result.cells else [None] * len(layer.mean)
            products = {product.lag: (product.norm, product.bound) for product in result.paths[number].products}
            values = zip(layer.mean, layer.lower, layer.median, layer.upper, cells, strict=True)
            for lag, each in enumerate(values):
                rows.append((result.subject.name, number, lag, *each, *products.get(lag, (None, None))))
    write(rows, columns, "tsv")


def draw(png: str, found: Sequence[Result], text: str) -> None:
    """Write the picture of --png, with a curve per network."""
    from charrnn.display.plots import plot_norms
    from charrnn.text.ingest import name_of

    where = name_of(text) if text == "-" else name_of(Path(text).name)
    curves: list[tuple[str, Sequence[float | None]]] = []
    for result in found:
        curves.append((result.subject.name, result.layers[0].mean))
        if result.cells:
            curves.append((f"{result.subject.name}: c", result.cells[0].mean))
        if products := result.paths[0].products:
            for name, values in (
                ("∂h_t/∂h_{t−k}", {each.lag: each.norm for each in products}),
                ("ηᵏ", {each.lag: each.bound for each in products}),
            ):
                lags = range(max(values) + 1)
                curves.append((f"{result.subject.name}: {name}", [values.get(lag) for lag in lags]))
    plot_norms(png, curves, f"How far back the gradient reaches: {where}")
