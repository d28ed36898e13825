"""What ``charrnn info`` says about a model for examples: what it reads and predicts, and what it was trained on."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from charrnn.cells.tasks import task_named

if TYPE_CHECKING:
    from charrnn.cells.architecture import Architecture
    from charrnn.examples.scaling import Scaling
    from charrnn.model.model_file import Checkpoint
    from charrnn.model.target_names import Targets

SHOWN = 20  # names or numbers that are listed


def task(checkpoint: "Checkpoint", targets: "Targets") -> Iterator[str]:
    """Yield lines on the task of a model, the numbers that it reads, and what it predicts."""
    from charrnn.display.words import count

    architecture = checkpoint.architecture
    yield f"task:        {architecture.task}: {task_named(architecture.task).description}"
    if architecture.features:
        numbers = count(architecture.features, "number")
        yield f"reads:       {numbers} at each step{_scaled(targets.input_scaling)}"
    if architecture.conditions:
        yield _conditions(checkpoint, targets)
        return
    if targets.labels:
        if architecture.encoder is not None:
            yield f"writes:      {len(targets.labels):,} characters: {shown_characters(''.join(targets.labels))}"
            return
        name = "tags:   " if architecture.task == "tag" else "labels: "
        yield f"{name}     {len(targets.labels):,}: {listed(targets.labels)}"
        return
    names = f": {listed(targets.names)}" if targets.names else ""
    kind = " from 0 to 1" if architecture.head == "logistic" else ""
    yield f"predicts:    {count(architecture.targets, 'number')}{kind}{names}{_scaled(targets.target_scaling)}"
    if targets.series:
        steps = f"the next {targets.ahead:,} steps" if targets.ahead > 1 else "the next step"
        yield f"             of a series, {steps} at each step"


def _conditions(checkpoint: "Checkpoint", targets: "Targets") -> str:
    """Return a line on the conditions that a model knows, and when it reads them."""
    from charrnn.display.words import count

    architecture = checkpoint.architecture
    read = "at every step" if architecture.given_at == "every" else "in a first step of its own"
    if targets.given:
        return f"conditions:  {len(targets.given):,}, {read}: {listed(targets.given)}"
    names = f": {listed(targets.names)}" if targets.names else ""
    return f"condition:   {count(architecture.conditions, 'number')}, {read}{names}{_scaled(targets.input_scaling)}"


def examples(record: dict[str, Any], architecture: "Architecture") -> Iterator[str]:
    """Yield lines on the examples of a run, and on those that validate."""
    yield f"examples:    {_sources(record)}: {_counts(record)}"
    if record["sha256"]:
        yield f"             SHA-256 {record['sha256']}"
    if columns := record.get("columns"):
        flags = {"labels": "given"} if architecture.conditions else {}
        named = (f"--{flags.get(name, name)} {value}" for name, value in columns.items())
        yield f"             columns: {', '.join(named)}"


def validation(record: dict[str, Any]) -> Iterator[str]:
    """Yield a line on the examples that validate, if there are any."""
    from charrnn.display.words import count

    if apart := record.get("validation"):
        yield f"validation:  {_sources(apart)}: {_counts(apart)}"
    elif (held := record.get("held_out")) and held["examples"]:
        series = record["examples"] == 1  # whose end validates
        yield f"validation:  {'the end of the series' if series else count(held['examples'], 'example')}"


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def shown_characters(characters: str) -> str:
    """Return the first of some characters, of which each can be seen."""
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in characters)
    return shown if len(shown) <= 100 else shown[:97] + "…"


def _sources(record: dict[str, Any]) -> str:
    return ", ".join(map(str, record["sources"])) or "examples in memory"


def _counts(record: dict[str, Any]) -> str:
    from charrnn.display.words import count

    what = "character" if "characters" in record else "step"
    return f"{count(record['examples'], 'example')}, {count(record.get(f'{what}s', 0), what)}"


def _scaled(scaling: "Scaling | None") -> str:
    """Return how numbers are scaled, in words; of many, the range of their means and deviations."""
    if scaling is None:
        return ""
    measures = (("mean", scaling.mean.tolist()), ("standard deviation", scaling.deviation.tolist()))
    return "; " + ", ".join(f"{name} {_range(values)}" for name, values in measures)


def _range(values: list[float]) -> str:
    least, most = f"{min(values):.4g}", f"{max(values):.4g}"
    return least if least == most else f"from {least} to {most}"
