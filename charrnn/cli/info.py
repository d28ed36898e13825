"""``charrnn info``: what is in a model file."""

import json
from pathlib import Path
from typing import Any

import click

from charrnn.cli.options import model_argument


@click.command()
@model_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, as_json: bool) -> None:
    """Tell what MODEL is, how it was trained, how it learnt, and how large it is.

    \b
    Example:
      charrnn info model.npz
    """
    from charrnn.checkpoint import load

    checkpoint = load(model)
    architecture, vocabulary, text, training = (
        checkpoint.architecture,
        checkpoint.vocabulary,
        checkpoint.corpus,
        checkpoint.training,
    )
    bytes_on_disk, parameters = Path(model).stat().st_size, architecture.parameter_count()
    if as_json:
        facts = {
            "file": model,
            "bytes": bytes_on_disk,
            "cell": architecture.cell,
            "hidden": architecture.hidden,
            "layers": architecture.layers,
            "parameters": parameters,
            "vocabulary": {"byte_level": vocabulary.byte_level, "characters": vocabulary.characters},
            "corpus": text,
            "training": training,
            "history": checkpoint.history,
        }
        click.echo(json.dumps(facts))
        return
    from charrnn.display import bits, duration, size

    layers = f"{architecture.layers} layer{'s' * (architecture.layers > 1)} of {architecture.hidden}"
    symbols = (
        "256 byte values"
        if vocabulary.byte_level
        else f"{len(vocabulary):,} characters: {_shown(vocabulary.characters)}"
    )
    rows: list[tuple[str, str]] = [
        ("file", f"{model}, {size(bytes_on_disk)}"),
        ("model", f"{architecture.cell}, {layers}, {parameters:,} parameters"),
        ("vocabulary", symbols),
    ]
    if text:
        rows += [
            (
                "text",
                f"{', '.join(map(str, text.get('sources', [])))}: {text.get('characters', 0):,} characters",
            ),
            ("", f"SHA-256 {text.get('sha256')}"),
        ]
    if training:
        shown = (
            "optimizer",
            "lr",
            "schedule",
            "batch_size",
            "seq_length",
            "dropout",
            "epochs",
            "seconds",
            "clip",
            "seed",
        )
        rows.append(("training", ", ".join(f"{k} {training[k]}" for k in shown if training.get(k) is not None)))
    for name, value in rows:
        click.echo(f"{name + ':' if name else '':<12} {value}")
    history: list[dict[str, Any]] = checkpoint.history
    if history:
        losses = [entry["val_loss"] for entry in history if entry.get("val_loss") is not None]
        best = min(losses, default=None)
        click.echo("\nepoch     time         loss    validation")
        for entry in _thinned(history):
            loss = entry.get("val_loss")
            held_out = "" if loss is None else f"{loss:.4f} ({bits(loss):.3f} bits){'  best' if loss == best else ''}"
            click.echo(f"{entry['epoch']:<9.2f} {duration(entry['seconds']):<12} {entry['loss']:.4f}  {held_out}")


def _shown(characters: str) -> str:
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in characters)
    return shown if len(shown) <= 100 else shown[:97] + "…"


def _thinned(history: list[dict[str, Any]], most: int = 24) -> list[dict[str, Any]]:
    """Return evenly spaced entries of a long history, with the best and the last among them."""
    if len(history) <= most:
        return history
    keep = {round(k * (len(history) - 1) / (most - 1)) for k in range(most)}
    losses = [(e["val_loss"], k) for k, e in enumerate(history) if e.get("val_loss") is not None]
    keep |= {min(losses)[1]} if losses else set()
    return [history[k] for k in sorted(keep)]
