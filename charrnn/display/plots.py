"""Pictures in files: the only file that imports matplotlib."""

import importlib.util
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.storage.files import check_writable, replacing, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from charrnn.reading.answers import Forecast

ENDINGS = (".png", ".svg", ".pdf")
PLOTTED, MOST_PLOTTED = 200, 6  # steps, and columns, of a series
TICKS = 120  # characters that are legible beneath a heat map
# No date, so that a picture of the same numbers has the same bytes.
_UNDATED: dict[str, dict[str, Any]] = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def check_plottable(path: str | Path) -> None:
    """Raise CharrnnError if a picture cannot be written to ``path``."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise CharrnnError(f"{shown(path)} is not the name of a picture; it must end in {_listed()}")
    if importlib.util.find_spec("matplotlib") is None:
        raise CharrnnError("a picture needs matplotlib; install it in a clone of charrnn with: pip install '.[plot]'")
    check_writable(path, force=True)


def plot_history(
    path: str | Path, points: Sequence[tuple[float, float, float | None]], title: str, unit: str = "nats per character"
) -> None:
    """Draw a learning curve.

    Points are epochs, loss and validation loss in this unit, which can be "". Raises CharrnnError if the file cannot be
    written.
    """
    with _picture(path, 7.0, 4.2) as figure:
        axes = figure.add_subplot()
        epochs, losses, _ = zip(*points, strict=True)
        axes.plot(epochs, losses, color="tab:gray", linewidth=1, label="training loss")
        validated = [(epoch, held_out) for epoch, _, held_out in points if held_out is not None]
        if validated:
            axes.plot(*zip(*validated, strict=True), color="tab:blue", marker=".", label="validation loss")
            best = min(validated, key=lambda point: point[1])
            axes.plot(*best, "o", color="tab:red", label=f"best: {best[1]:.4f}")
        axes.set_xlabel("epochs")
        axes.set_ylabel(unit or "loss")
        if unit:
            axes.secondary_yaxis("right", functions=(_to_bits, _to_nats)).set_ylabel(unit.replace("nats", "bits"))
        axes.set_title(title, parse_math=False)
        axes.grid(alpha=0.3)
        axes.legend()


def plot_units(path: str | Path, text: str, units: Sequence[tuple[str, NDArray[np.float64]]], title: str) -> None:
    """Draw units as rows of colors.

    A unit has a label, and a value from −1 to 1 for each character [N]. Raises CharrnnError if the file cannot be
    written.
    """
    with _picture(path, min(2.0 + 0.15 * len(text), 20.0), 1.6 + 0.3 * len(units)) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(
            np.stack([values for _, values in units]),
            cmap="RdBu_r",
            vmin=-1.0,
            vmax=1.0,
            aspect="auto",
            interpolation="nearest",
        )
        axes.set_yticks(range(len(units)), [label for label, _ in units], parse_math=False)
        if len(text) <= TICKS:
            axes.set_xticks(range(len(text)), list(text), fontfamily="monospace", parse_math=False)
            axes.tick_params(axis="x", length=0)
        else:
            axes.set_xlabel("characters from the beginning of the text")
        axes.set_title(title, parse_math=False)
        ends = figure.colorbar(image, ax=axes, ticks=[-1, 1], pad=0.01)
        ends.set_ticklabels(["low", "high"])  # each unit has its own scale


def plot_norms(path: str | Path, curves: Sequence[tuple[str, Sequence[float | None]]], title: str) -> None:
    """Draw norms over lags 0, 1, 2, … on a logarithmic axis.

    A curve has a name, and numbers or None. Raises CharrnnError if the file cannot be written.
    """
    with _picture(path, 7.0, 4.2) as figure:
        axes = figure.add_subplot()
        for _, values in curves:
            points = [(lag, value) for lag, value in enumerate(values) if value]  # a logarithmic axis has no 0
            axes.plot([lag for lag, _ in points], [value for _, value in points])
        axes.set_yscale("log")
        axes.set_xlabel("characters back")
        axes.set_ylabel("norm of the gradient")
        axes.set_title(title, parse_math=False)
        axes.grid(alpha=0.3)
        for text in axes.legend(axes.lines, [name for name, _ in curves]).get_texts():
            text.set_parse_math(False)


def plot_forecast(path: str | Path, forecast: "Forecast") -> None:
    """Draw the end of a series, what was predicted one step before, and the steps after its end.

    Raises CharrnnError if the file cannot be written.
    """
    count, ahead = len(forecast.columns), forecast.ahead
    steps = len(forecast.numbers)
    begin = max(0, steps - max(PLOTTED, 4 * ahead))
    with _picture(path, 9.0, 1.4 + 2.2 * min(count, MOST_PLOTTED)) as figure:
        rows = figure.subplots(min(count, MOST_PLOTTED), 1, sharex=True, squeeze=False)[:, 0]
        for k, axes in enumerate(rows):
            shown = range(begin, steps)
            axes.plot(shown, forecast.numbers[begin:, k], label="series", color="tab:blue")
            before = forecast.all[max(begin - 1, 0) : -1, k]
            axes.plot(
                range(steps - len(before), steps), before, label="predicted a step before", color="tab:orange", lw=1
            )
            after = [forecast.numbers[-1, k], *forecast.next[:, k]]
            axes.plot(
                range(steps - 1, steps + ahead), after, label="predicted after the end", color="tab:red", marker="."
            )
            axes.set_ylabel(forecast.columns[k], parse_math=False)
            axes.grid(alpha=0.3)
        rows[0].legend(loc="upper left", fontsize="small")
        rows[-1].set_xlabel("step")


@contextmanager
def _picture(path: str | Path, width: float, height: float) -> Iterator["Figure"]:
    """Make a figure for the block to draw.

    Then it is written to a file. The size is in inches. The user's settings for matplotlib, and its windows, are not
    used.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ending, buffer = Path(path).suffix.lower(), io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "charrnn"  # the same picture has the same names inside
        warnings.simplefilter("ignore", UserWarning)  # a character that is in no font is drawn as a box
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        figure.savefig(buffer, format=ending[1:], dpi=150, metadata=_UNDATED[ending])
    with replacing(path) as file:
        file.write(buffer.getbuffer())


def _to_bits(nats: Any) -> Any:
    return nats / math.log(2.0)


def _to_nats(bits: Any) -> Any:
    return bits * math.log(2.0)


def _listed() -> str:
    return f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
