"""``charrnn info``: show what is in a model file."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.cell_option import own_cell_option
from charrnn.cli.models import open_model
from charrnn.cli.options import model_argument
from charrnn.cli.records import ESCAPES
from charrnn.cli.targets import refuse_model_files
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.model.model_file import Checkpoint
    from charrnn.text.vocabulary import Vocabulary

WIDE_SCREEN = 60  # columns of a terminal with room for nats and bits
LONGEST_LINE = 5000  # characters; a model can name any number of sources
MOST_PLAUSIBLE = 1e9  # epochs, seconds or nats; no run reaches this
NONSENSE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)  # errors from an invalid history
SETTINGS = (
    *("gradient", "optimizer", "momentum", "nesterov", "lr", "schedule", "batch_size", "seq_length", "dropout"),
    *("input_dropout", "noise"),
    *("epochs", "seconds", "clip", "recurrent_start", "start_scale", "seed"),
)
EXAMPLE_SETTINGS = ("pooling", "class_weights", "val_fraction")  # of a run on examples


@click.command(short_help="Show what a model is, and how it was trained.")
@model_argument
@own_cell_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Also draw the learning curve to FILE (.png, .svg or .pdf); an existing file is replaced.",
)
def command(model: str, as_json: bool, plot: str | None) -> None:
    """Show what MODEL is, how large it is, how it was trained, and how its loss fell.

    MODEL can also be an encoded text, which charrnn encode has written.

    The learning curve shows the loss in nats per character during training (lower is better; 1 nat is 1.44 bits): the
    loss on the text that the model trained on, and on the text held out for validation. The loss of a model for labels
    is in nats per example, or per tag; that of a model for numbers is half the squared error of scaled numbers.

    \b
    Examples:
      charrnn info model.npz
      charrnn info model.npz --plot curve.png
    """
    from charrnn.text.corpus_file import is_encoded_text

    if is_encoded_text(model):
        if plot is not None:
            raise CharrnnError(f"{model} is an encoded text, which has no learning curve")
        _encoded_text(model, as_json)
        return
    opened = open_model(model)
    checkpoint = opened.checkpoint
    if plot is not None:
        refuse_model_files(plot, "--plot", opened)
        _plot(model, checkpoint, plot)
    bytes_on_disk = Path(model).stat().st_size
    if as_json:
        click.echo(json.dumps({"file": model, "bytes": bytes_on_disk, **opened.info}))
        return
    from charrnn.display.curve import learning_curve
    from charrnn.display.words import harmless

    try:
        points = _points(checkpoint.history)
        lines = [*_facts(model, checkpoint, bytes_on_disk), *_validations(checkpoint)]
        if drawn := learning_curve(points):
            lines += ["", *drawn]
    except NONSENSE:
        raise _no_sense(model) from None
    for line in lines:
        line = harmless(line.translate(ESCAPES))  # a file must not control the terminal
        click.echo(line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…")


def _facts(model: str, checkpoint: "Checkpoint", bytes_on_disk: int) -> Iterator[str]:
    """Yield lines on the model and its training."""
    from charrnn.cli import info_examples
    from charrnn.display.words import size

    architecture, record, targets = checkpoint.architecture, checkpoint.corpus, checkpoint.targets
    yield f"file:        {model}, {size(bytes_on_disk)}"
    yield f"model:       {architecture.description}, {architecture.parameter_count():,} parameters"
    if architecture.own is not None:
        yield f"             SHA-256 of the cell's source {architecture.own.sha256}"
    if targets is not None:
        yield from info_examples.task(checkpoint, targets)
    if not architecture.features:
        yield from _symbols(checkpoint.vocabulary, record)
    if record:
        yield from _text(record) if targets is None else info_examples.examples(record, architecture)
        yield from files_read(record)
    if record and targets is not None:
        yield from info_examples.validation(record)
    elif held := record.get("held_out"):
        yield f"validation:  {held['characters']:,} characters: {held['source']}"
    if training := checkpoint.training:
        names = SETTINGS if targets is None else (*SETTINGS, *EXAMPLE_SETTINGS)
        training = training | {"pooling": architecture.pooling}  # which the file has only if it was chosen
        settings = [f"{name} {training[name]}" for name in names if training.get(name) not in (None, "")]
        if sample := training.get("sampled_softmax"):
            settings.append(f"sampled_softmax {sample}")
        yield f"training:    {', '.join(settings)}"
        for leg in training.get("legs", []):
            changed = (f"{name} {value}" for name, value in leg.items() if name != "epoch")
            yield f"             from epoch {leg['epoch']:.2f} on: {', '.join(changed)}"


def _symbols(vocabulary: "Vocabulary", text: dict[str, Any]) -> Iterator[str]:
    """Yield lines on the vocabulary of a text."""
    from charrnn.cli.info_examples import shown_characters
    from charrnn.display.words import unknown_symbol

    count = len(vocabulary.characters) - bool(vocabulary.rare)
    symbols = f"{count:,} characters: {shown_characters(vocabulary.characters)}"
    seen = f", {len(vocabulary.seen)} of them in the text" * bool(vocabulary.seen)
    yield f"vocabulary:  {f'256 byte values{seen}' if vocabulary.byte_level else symbols}"
    if vocabulary.rare and "examples" in text:  # of which the unknown ones are not counted
        yield f"             � for characters that occur fewer than {vocabulary.rare:,} times"
    elif vocabulary.rare:
        yield f"             {unknown_symbol(text.get('unknown', 0), text.get('characters', 0), vocabulary.rare)}"
    if vocabulary.separator:
        yield f"documents:   {vocabulary.documents.removeprefix('documents ')}"


def _text(text: dict[str, Any]) -> Iterator[str]:
    """Yield lines on a text."""
    yield f"text:        {', '.join(map(str, text['sources']))}: {text['characters']:,} characters"
    if text["sha256"]:  # the text of an online run is not kept
        yield f"             SHA-256 {text['sha256']}"


def _encoded_text(path: str, as_json: bool) -> None:
    """Print what an encoded text is."""
    from charrnn.display.words import harmless, size
    from charrnn.text.corpus_file import load

    file = load(path)
    vocabulary, boundary = file.vocabulary, file.vocabulary.boundary
    documents = None if boundary is None else int(file.counts[boundary])
    if as_json:
        record = {"file": path, "bytes": file.size, "sha256": file.sha256, "vocabulary": asdict(vocabulary)}
        record |= {"symbols": len(vocabulary), "documents": documents, "files": len(file.files), "corpus": file.record}
        click.echo(json.dumps(record))
        return
    lines = [f"file:        {path}, {size(file.size)}", f"             SHA-256 {file.sha256}"]
    lines.append(f"encoded:     {file.ids.size:,} symbols as {file.ids.dtype}, of {len(vocabulary):,} kinds")
    lines += [f"             {documents:,} documents"] if documents is not None else []
    for line in (*lines, *_symbols(vocabulary, file.record), *_text(file.record), *files_read(file.record)):
        line = harmless(line.translate(ESCAPES))
        click.echo(line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…")


def files_read(text: dict[str, Any]) -> Iterator[str]:
    """Yield lines on the encodings of a text's files, and on files that were left out."""
    from charrnn.text.decoding import shown_encoding

    counts: dict[str, int] = {}
    for encoding, count in text.get("encodings", []):
        if encoding:
            counts[encoding] = counts.get(encoding, 0) + count
    if counts:
        alone = sum(counts.values()) == 1
        read = (shown_encoding(encoding) + f" ({count:,} files)" * (not alone) for encoding, count in counts.items())
        yield f"             read as {', '.join(read)}".replace("(1 files)", "(1 file)")
    if skipped := text.get("skipped"):
        yield f"left out:    {skipped['files']:,} file{'s' * (skipped['files'] != 1)}"
        for path, reason in skipped["examples"]:
            yield f"             {path}: {reason}"


def _points(history: list[dict[str, Any]]) -> list[tuple[float, float, float | None]]:
    """Return epochs, loss and validation loss of each validation.

    Raises one of NONSENSE for an invalid history.
    """
    return [
        (_number(entry["epoch"]), _number(entry["loss"]), None if (v := entry["val_loss"]) is None else _number(v))
        for entry in history
    ]


def _number(value: Any) -> float:
    """Return a number of a history.

    Raises ValueError for anything that no run can reach.
    """
    if type(value) not in (int, float) or not 0 <= value < MOST_PLAUSIBLE:
        raise ValueError
    return float(value)


def _plot(model: str, checkpoint: "Checkpoint", path: str) -> None:
    from charrnn.display.plots import check_plottable, plot_history
    from charrnn.display.words import loss_unit
    from charrnn.storage.files import shown

    check_plottable(path)
    if not checkpoint.history:
        raise CharrnnError(f"{shown(model)} has no training history to draw")
    try:
        points = _points(checkpoint.history)
    except NONSENSE:
        raise _no_sense(model) from None
    plot_history(path, points, shown(Path(model).name), loss_unit(checkpoint.architecture))


def _no_sense(model: str) -> CharrnnError:
    from charrnn.storage.files import shown

    return CharrnnError(f"{shown(model)} has an invalid training history")


def _validations(checkpoint: "Checkpoint") -> Iterator[str]:
    """Yield the validations, one per line; losses on a text also in bits."""
    from charrnn.display.curve import width
    from charrnn.display.words import bits, duration

    history, wide = checkpoint.history, checkpoint.targets is None and width() >= WIDE_SCREEN
    if not history:
        return
    losses = [entry["val_loss"] for entry in history if entry["val_loss"] is not None]
    best = min(losses, default=None)
    yield ""
    yield "epoch  time        loss    validation"
    for entry in _thinned(history):
        loss = entry["val_loss"]
        in_bits = f" ({bits(loss):.3f} bits)" if loss is not None and wide else ""
        held_out = "" if loss is None else f"{loss:.4f}{in_bits}{'  best' if loss == best else ''}"
        yield f"{entry['epoch']:<6.2f} {duration(_number(entry['seconds'])):<11} {entry['loss']:.4f}  {held_out}"


def _thinned(history: list[dict[str, Any]], most: int = 10) -> list[dict[str, Any]]:
    """Return evenly spaced entries of a long history.

    The best and the last are among them.
    """
    if len(history) <= most:
        return history
    keep = {round(k * (len(history) - 1) / (most - 1)) for k in range(most)}
    losses = [(entry["val_loss"], k) for k, entry in enumerate(history) if entry["val_loss"] is not None]
    keep |= {min(losses)[1]} if losses else set()
    return [history[k] for k in sorted(keep)]
