"""The measurements as rows of text."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from math import sqrt
from platform import python_version

from charrnn.benchmark.comparison import Compared
from charrnn.benchmark.processes import StartUp
from charrnn.benchmark.recall import STREAMS, Recall, Task
from charrnn.benchmark.speed import Speed
from charrnn.benchmark.suite import Growth
from charrnn.benchmark.timing import Comparison, Timing
from charrnn.cells.architecture import Architecture
from charrnn.version import __version__

# The suite's columns and their widths, which are fixed because rows are printed one by one.
SUITE_COLUMNS = {
    "work": 8,
    "network": 10,
    "B×T": 6,
    "charrnn": 10,
    "PyTorch": 10,
    "medians": 7,
    "bests": 6,
    "GFLOP/s": 7,
    "of peak": 7,
}
CELLS_COLUMNS = {
    "network": 21,
    "units": 6,
    "parameters": 10,
    "rate": 7,
    "in epochs": 9,
    "in time": 8,
    "epochs": 6,
    "chars/s": 8,
}
CELLS_CAPTION = (
    "Validation loss of the best weights, in nats per character, after the given number of epochs and after the given "
    "time of training, and the epochs and characters per second in that time. rate: the learning rate with the lowest "
    "loss in epochs, of those tried. −: the loss diverged."
)
SUITE_CAPTION = (
    "charrnn, PyTorch: characters per second, medians; for PyTorch, its fastest variant. medians, bests: charrnn "
    "divided by PyTorch. B×T: streams × steps. of peak: share of the most fused multiply-adds that all threads can do."
)


@dataclass(frozen=True)
class Table:
    """Headings and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def versions() -> dict[str, str]:
    """Return the versions of the programs that are installed."""
    found = {"python": python_version(), "charrnn": __version__}
    for package in ("numpy", "numba", "torch"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def size(architecture: Architecture) -> str:
    """Return a network's size, such as lstm 2×128 (layers × units)."""
    return f"{architecture.cell} {architecture.layers}×{architecture.hidden}"


def threads(number: int) -> str:
    """Return a number of threads in words."""
    return f"{number} thread{'s' * (number != 1)}"


def training(speed: Speed) -> Iterator[Table]:
    """Yield tables of training speed and its share of the peak."""
    yield _compared(f"training, {size(speed.architecture)}, B {speed.batch_size}, T {speed.seq_length}", speed)
    rows = [("training", f"{speed.flop_per_second / 1e9:.0f}", "")]
    for most in (speed.peak, *speed.products):
        if most is not None:
            rows.append((most.name, f"{most.median / 1e9:.0f}", f"{speed.share_of(most):.0%}"))
    yield Table((f"{speed.flop_per_character / 1e6:.2f} MFLOP a character", "GFLOP/s", "training's share"), tuple(rows))


def sampling(speeds: Iterable[Speed]) -> Iterator[Table]:
    """Yield tables of the speed of sampling."""
    for speed in speeds:
        streams = "one stream" if speed.batch_size == 1 else f"{speed.batch_size} streams"
        yield _compared(f"sampling, {size(speed.architecture)}, {streams}", speed)


def controls(architecture: Architecture, timings: Sequence[Timing]) -> Table:
    """Return a table of the cost of sampling controls."""
    plain, *_ = timings
    rows = (
        (timing.name, f"{timing.median:,.0f}", "" if timing is plain else f"{plain.median / timing.median - 1:+.0%}")
        for timing in timings
    )
    return Table((f"sampling, {size(architecture)}, one stream", "chars/s", "time"), tuple(rows))


def _compared(title: str, speed: Speed) -> Table:
    compared, step = speed.compared, speed.batch_size * speed.seq_length
    plain = not compared.theirs
    columns = (title, "chars/s", "best", "ms/step")

    def row(timing: Timing) -> tuple[str, ...]:
        ours = timing is compared.ours
        name = f"{timing.name}, {threads(speed.threads)}" if ours else timing.name
        cells = (name, f"{timing.median:,.0f}", f"{timing.best:,.0f}", f"{1e3 * step / timing.median:.3g}")
        ratios = (
            f"{compared.ours.median / timing.median:.2f}",
            f"{compared.ours.best / timing.best:.2f}",
        )
        return cells if plain else cells + (("", "") if ours else ratios)

    rows = tuple(row(timing) for timing in (compared.ours, *compared.theirs))
    return Table(columns if plain else (*columns, "ratio", "of bests"), rows)


def teams(compared: Comparison) -> Table:
    """Return a table of the gain from more threads."""
    (one,) = compared.theirs
    rows = (
        (one.name, f"{one.median:,.0f}", ""),
        (compared.ours.name, f"{compared.ours.median:,.0f}", f"{compared.ratio_of_medians:.2f}"),
    )
    return Table(("the same training on", "chars/s", "ratio"), rows)


def start_up(measured: StartUp) -> Table:
    """Return a table of the times of commands."""
    rows = [
        (name, f"{measured.seconds(name):.2f} s", f"{other}: {measured.seconds(other):.2f} s")
        for name, other in measured.beside.items()
    ]
    compiled = measured.compile_seconds
    rows.append(("first run, to its first step", "not measured" if compiled is None else f"{compiled:.1f} s", ""))
    return Table(("start-up", "seconds", "of which"), tuple(rows))


def memory(most: int | None) -> Table:
    """Return a table of the peak memory of training."""
    shown = "not measured on this system" if most is None else f"{most / 1e6:.0f} MB"
    return Table(("memory", "peak"), (("a training process", shown),))


def growth(measured: Sequence[Growth]) -> Table:
    """Return a table of the effect of doubling each size."""
    base = measured[0]
    settings = base.settings
    title = f"training, {settings.cell} {settings.layers}×{settings.hidden}, "
    title += f"B {settings.batch_size}, T {settings.seq_length}, V {base.vocabulary}"
    rows = (
        (
            f"twice the {one.doubled}" if one.doubled else "as it is",
            f"{1e6 / one.timing.median:.2f}",
            f"{one.relative:.2f}",
            f"{1e3 * one.step_seconds:.3g}",
            f"{one.step_seconds / base.step_seconds:.2f}",
        )
        for one in measured
    )
    return Table((title, "µs/char", "times", "ms/step", "times"), tuple(rows))


def suite_head() -> str:
    """Return the headings of the suite's table."""
    return _line(tuple(SUITE_COLUMNS), SUITE_COLUMNS.values(), names=3)


def suite_row(speed: Speed) -> str:
    """Return a row of the suite's table."""
    compared, peak = speed.compared, speed.peak
    window = f"{speed.batch_size}×{speed.seq_length}"
    theirs = compared.fastest
    row = (
        speed.work,
        size(speed.architecture),
        window,
        f"{compared.ours.median:,.0f}",
        "" if theirs is None else f"{theirs.median:,.0f}",
        "" if compared.ratio_of_medians is None else f"{compared.ratio_of_medians:.2f}",
        "" if compared.ratio_of_bests is None else f"{compared.ratio_of_bests:.2f}",
        f"{speed.flop_per_second / 1e9:.1f}",
        "" if peak is None else f"{speed.share_of(peak):.0%}",
    )
    return _line(row, SUITE_COLUMNS.values(), names=3)


def cells_head(epochs: float, seconds: float) -> str:
    """Return the headings of the comparison of cells."""
    told = {"in epochs": f"{epochs:g} epochs", "in time": f"{seconds:g} s"}
    return _line([told.get(name, name) for name in CELLS_COLUMNS], CELLS_COLUMNS.values(), names=1)


def cells_row(result: Compared) -> str:
    """Return a row of the comparison of cells."""
    network, losses = result.architecture, (result.loss, result.timed_loss)
    row = (
        result.name,
        f"{network.layers}×{network.hidden}",
        f"{network.parameter_count():,}",
        f"{result.settings.lr:g}",
        *("−" if loss is None else f"{loss:.4f}" for loss in losses),
        f"{result.timed_epochs:.1f}",
        f"{result.chars_per_second:,.0f}",
    )
    return _line(row, CELLS_COLUMNS.values(), names=1)


def memory_head(distances: Sequence[int]) -> str:
    """Return the headings of what cells remember at each distance."""
    return _line(["cell", "parameters", *map(str, distances)], _memory_widths(distances), names=1)


def memory_row(results: Sequence[Recall]) -> str:
    """Return the row of what a cell remembers at each distance."""
    first = results[0]
    row = (first.cell, f"{first.parameters:,}", *(f"{result.accuracy:.1%}" for result in results))
    return _line(row, _memory_widths(results), names=1)


def memory_caption(task: Task) -> str:
    """Return the explanation of the figures."""
    chance = 98 / sqrt(2 * task.pairs)  # percent: 1.96 standard deviations of the share of heads in that many tosses
    return (
        f'Share of {2 * task.pairs:,} new sentences in which the right verb ("was" or "were") was more probable, by '
        f"the number of characters between noun and verb; guessing is right in 50% ± {chance:.0f}. Networks of "
        f"{task.hidden} units, {task.steps:,} steps of {STREAMS} sentences at each length."
    )


def _memory_widths(columns: Sequence[object]) -> tuple[int, ...]:
    return (16, 10, *(6 for _ in columns))


def _line(cells: Sequence[str], widths: Iterable[int], *, names: int) -> str:
    """Join cells: names to the left, then numbers to the right."""
    sides = "<" * names + ">" * (len(cells) - names)
    return "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(cells, sides, widths, strict=True))
