"""Output of ``charrnn gradients``: tables and curves, JSON, and a picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.records import Column, fitting, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.model.network import Network
    from charrnn.text.vocabulary import Ids
    from charrnn.training.gradient_flow import Spectrum, Summary
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
    """The measurements: norms by lag in each layer, at `places` places; matrices; norms of whole gradients [N]."""

    subject: Subject
    places: int
    layers: "list[Summary]"
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
    _tell_matrices(found, labels)
    _tell_steps(found, labels)


def _tell_norms(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms by lag.

    Prints the means and, for a single network, the quartiles.
    """
    from charrnn.display.curve import logarithmic_curves

    several = len(found) > 1
    curves = [result.layers[0].mean for result in found]
    first = found[0].layers[0]
    one = {"mean": first.mean, "lower": first.lower, "median": first.median, "upper": first.upper}
    shown = dict(zip(labels, curves, strict=True)) if several else one
    places = " or ".join(f"{places:,}" for places in sorted({result.places for result in found}))
    click.echo(f"\n{'Mean norm' if several else 'Norm'} of the gradient by lag, over {places} places:")
    columns = [Column("lag", 5, "d"), *(Column(name, 9, ".2e") for name in shown)]
    write(((k, *(values[k] for values in shown.values())) for k in _lags(len(first.mean) - 1)), columns, "text")
    if drawn := logarithmic_curves(curves, "characters back"):
        click.echo("\n" + "\n".join(drawn))


def _tell_matrices(found: Sequence[Result], labels: Sequence[str]) -> None:
    """Print the norms and radii of recurrent matrices."""
    rows = [(label, m.name, m.norm, m.radius) for label, r in zip(labels, found, strict=True) for m in r.matrices]
    if not rows:  # not every cell has a W
        return
    click.echo("\nMatrices that multiply the state at each step:")
    matrix = fitting("matrix", [row[1] for row in rows])
    write(rows, [_labels(found), matrix, Column("norm", 8, ".3f"), Column("radius", 8, ".3f")], "text")


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


def _lags(most: int) -> list[int]:
    """Return 0, 1, 2, 4, 8, … and `most`."""
    return [0, *(1 << k for k in range(most.bit_length()) if 1 << k < most), most]


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


def draw(png: str, found: Sequence[Result], text: str) -> None:
    """Write the picture of --png, with a curve per network."""
    from charrnn.display.plots import plot_norms
    from charrnn.text.ingest import name_of

    where = name_of(text) if text == "-" else name_of(Path(text).name)
    curves = [(result.subject.name, result.layers[0].mean) for result in found]
    plot_norms(png, curves, f"How far back the gradient reaches: {where}")
