"""``charrnn eval`` of models for examples: labels, tags, numbers, translations, and texts under conditions."""

import json
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.eval_options import EvalOptions
from charrnn.cli.models import compile_answering, team_of
from charrnn.cli.records import Column, fitting, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.library.opened import OpenedModel
    from charrnn.reading.evaluation import Evaluation

FIGURES = {
    "examples": Column("examples", 8, ","),
    "accuracy": Column("accuracy", 8, ".4f"),
    "macro_f1": Column("macro_f1", 8, ".4f"),
    "log_loss": Column("log_loss", 8, ".4f"),
    "mean_squared_error": Column("mean_squared_error", 18, ".6g"),
    "r2": Column("r2", 8, ".4f"),
    "exact": Column("exact", 8, ".4f"),
    "character_error_rate": Column("character_error_rate", 20, ".4f"),
    "characters": Column("characters", 10, ","),
    "nats_per_char": Column("nats_per_char", 13, ".4f"),
}
PER_CLASS = [Column("precision", 9, ".4f"), Column("recall", 8, ".4f"), Column("f1", 8, ".4f"), Column("count", 8, ",")]
WIDTH, LEAST = 80, 3  # cells of a terminal: of a table of confusions, at most; of a number in it, at least
MOST_CONFUSED = 8  # pairs of classes that are named
OF_TEXTS = ("per_line", "alone", "per_char", "top", "copied", "copied_run")  # options


def evaluate(models: "list[OpenedModel]", options: EvalOptions, form: str) -> None:
    """Print how well models predict the examples in files."""
    from charrnn.library import translation
    from charrnn.library.answering import Answering
    from charrnn.reading.evaluation import of_simple_methods
    from charrnn.text.ingest import read_again
    from charrnn.text.survey import told

    _require_options(models[0], options)
    found, others = list["Evaluation"](), list[tuple[str, "Evaluation"]]()
    again = len(models) if "-" in options.sources else 1
    with team_of(options.threads) as team, read_again("-", again) as source:
        for model in models:
            with options.naming(model.path):
                answering = Answering(model, models[0].architecture.task, team)
            compile_answering(answering)
            if source is not None:
                source.seek(0)
            examples = answering.read(
                options.sources,
                say=told,
                encoding=options.encoding,
                labels=options.labels,
                texts=options.texts_column,
                trained=options.held_out,
                stdin=source,
            )
            if options.held_out:
                train, examples = answering.divided(examples)
                others = others or list(of_simple_methods(train, examples))
            rules = answering.rules(options.unknown, options.near)
            found.append(translation.evaluate(answering, examples, rules, options.beam))
    if len(found) == 1 and form == "json":
        beside = {name: _json(each) if each.by_condition else dict(each.figures) for name, each in others}
        click.echo(json.dumps(_json(found[0]) | ({"simple_methods": beside} if beside else {})))
        return
    names = [*(options.models if len(found) > 1 or others else ()), *(name for name, _ in others)]
    columns = [FIGURES[name] for name in found[0].figures]
    rows: list[list[Any]] = [
        [each.figures.get(column.name) for column in columns] for each in (*found, *(each for _, each in others))
    ]
    if names:
        columns = [fitting("model", names), *columns]
        rows = [[name, *row] for name, row in zip(names, rows, strict=True)]
    write(rows, columns, form)
    if len(found) == 1 and form == "text":
        _tell(found[0])
        _tell_conditions(found[0], others)


def _require_options(model: "OpenedModel", options: EvalOptions) -> None:
    """Raise CharrnnError for options that only a model of texts has."""
    if wrong := [name for name in OF_TEXTS if name in options.given]:
        flags = ", ".join("--" + name.replace("_", "-") for name in wrong)
        task, conditions = model.architecture.task, model.architecture.conditions
        own = "has conditions; --given names one" if conditions else f"is for the task {task}"
        raise CharrnnError(f"{flags}: for a model of texts; this one {own}")
    if options.unknown == "charge":
        raise CharrnnError("--unknown charge is for a model of texts; use skip or replace")


def _json(found: "Evaluation") -> dict[str, Any]:
    """Return all that is known, as JSON has it."""
    if found.by_condition:
        return {**found.figures, "by_condition": {name: each._asdict() for name, each in found.by_condition}}
    if found.confusion is None:
        return dict(found.figures)
    per_class = {label: figures._asdict() for label, figures in found.per_class}
    return {**found.figures, "per_class": per_class, "confusion": found.confusion.tolist()}


def _tell(found: "Evaluation") -> None:
    """Print the figures of each class, and which classes are confused."""
    if found.confusion is None:
        return
    present = found.present
    click.echo()
    rows = ((label, *figures) for label, figures in present.per_class)
    write(rows, [fitting("label", present.labels), *PER_CLASS], "text")
    if left := len(found.labels) - len(present.labels):
        others = f"{left:,} other labels were" if left > 1 else "1 other label was"
        click.echo(f"{others} neither there nor predicted")
    for line in (*_table(present), *_confused(present)):
        click.echo(line)


def _tell_conditions(found: "Evaluation", others: "list[tuple[str, Evaluation]]") -> None:
    """Print the figures of each condition, beside those of simple methods."""
    if not found.by_condition:
        return
    click.echo()
    names = [name for name, _ in found.by_condition]
    beside = [dict(each.by_condition) for _, each in others]
    columns = [fitting("condition", names), *(FIGURES[name] for name in ("examples", "characters", "nats_per_char"))]
    columns += [Column(name, len(name), ".4f") for name, _ in others]
    rows = (
        (name, own.examples, own.characters, own.nats_per_char, *(other[name].nats_per_char for other in beside))
        for name, own in found.by_condition
    )
    write(rows, columns, "text")


def _table(found: "Evaluation") -> list[str]:
    """Return the lines of a table of confusions in percent, if it is not too wide."""
    import numpy as np

    from charrnn.display.words import cells, harmless, padded

    assert found.confusion is not None
    labels = [harmless(label) for label in found.labels]
    counts = found.confusion.sum(axis=1, keepdims=True)
    percent = np.rint(100.0 * found.confusion / np.maximum(1, counts)).astype(np.int64)
    widest = max(map(cells, labels))
    heads = labels if widest < LEAST else [f"{k + 1}" for k in range(len(labels))]  # names of columns
    names = [label if head == label else f"{head:>2} {label}" for head, label in zip(heads, labels, strict=True)]
    first = max(map(cells, names)) + 1
    cell = max(LEAST, min(len(f"{percent.max()}") + 1, (WIDTH - first) // len(labels)))
    if first + cell * len(labels) > WIDTH:
        return []
    lines = ["", "Percent of the examples of each label (rows) that were given each label (columns):", ""]
    lines.append(" " * first + "".join(" " * (cell - cells(head)) + head for head in heads))
    for name, row in zip(names, percent.tolist(), strict=True):
        shown = "".join(f"{share or '.':>{cell}}" for share in row)  # all others of a row with 100 are 0
        lines.append(f"{padded(name, first)}{shown}")
    return lines


def _confused(found: "Evaluation") -> list[str]:
    """Return lines on the labels that are confused most often."""
    import numpy as np

    from charrnn.display.words import harmless

    assert found.confusion is not None
    wrong = found.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSED]
    pairs = [(*divmod(int(place), len(wrong)), int(wrong.flat[place])) for place in order]
    lines = [f"{harmless(found.labels[t])} taken for {harmless(found.labels[p])}: {n:,}" for t, p, n in pairs if n]
    return ["", "Most often confused:", *lines] if lines else []
