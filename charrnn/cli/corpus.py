"""``charrnn corpus``: list texts to train on, or write one of them."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from charrnn import corpora
from charrnn.cli.options import Whole
from charrnn.cli.targets import refuse_sources, require_text
from charrnn.errors import CharrnnError


@click.command("corpus", short_help="List texts to train on, or write one of them.")
@click.argument("name", required=False, metavar="[NAME]", type=click.Choice(list(corpora.corpora())))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file; - is standard output, the default.",
)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--seed", type=Whole(min=0), help="fables: another seed makes other fables.  [default: 0]")
@click.option(
    "--characters",
    type=Whole(min=1),
    help="fables: minimum length of the text.  [default: 300000]",
)
def command(name: str | None, output: Path | None, force: bool, seed: int | None, characters: int | None) -> None:
    """List texts to train on, or write the one called NAME.

    The text that a network is trained on is called its corpus. Any text of about 100 kB or more works; the listed texts
    are for first experiments. Some are made on your machine; others are downloaded once, checked, and kept for the next
    time.

    \b
    Examples:
      charrnn corpus
      charrnn corpus fables -o fables.txt
      charrnn train fables.txt
    """
    made = {key: value for key, value in (("seed", seed), ("characters", characters)) if value is not None}
    if name is None:
        if made or force or output is not None:
            raise click.UsageError("Give the NAME of a corpus as well; options have no meaning without it.")
        click.echo(_table())
        return
    if made and name != "fables":
        raise click.UsageError(f"--{next(iter(made))} is an option of fables, not of {name}.")
    to_file = output is not None and str(output) != "-"
    if force and not to_file:
        raise click.UsageError("--force needs --output FILE.")

    from charrnn.storage.files import reason, shown

    def progress(received: int, _expected: int) -> None:
        if not received:
            click.echo(f"Downloading {name} …", err=True)

    pieces = corpora.pieces(name, progress=progress, **made)
    if output is None or not to_file:
        sys.stdout.buffer.writelines(pieces)
        return
    try:
        _write(name, pieces, output, force)
    except BrokenPipeError:
        raise  # the reader of a pipe has gone, which is not an error
    except OSError as error:
        raise CharrnnError(f"{shown(output)} cannot be written: {reason(error)}") from None


def _table() -> str:
    rows = [("NAME", "SIZE", "SOURCE", "LICENCE", "WHAT IT IS")]
    rows += [
        (corpus.name, _size(corpus.size), corpus.source, corpus.licence, corpus.what)
        for corpus in corpora.corpora().values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _size(size: int | None) -> str:
    if size is None:
        return "varies"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _write(name: str, pieces: Iterable[bytes], target: Path, force: bool) -> None:
    """Write a file atomically, or a pipe or device piece by piece."""
    from charrnn.storage.files import check_writable, replacing

    if target.exists() and not (target.is_file() or target.is_dir()):
        with target.open("wb") as file:
            file.writelines(pieces)
        return
    check_writable(target, force=force, exists="already exists; --force overwrites it")
    refuse_sources(str(target), [(corpora.place(name), "the text that is read")], "-o")
    require_text(target)
    with replacing(target) as file:
        file.writelines(pieces)
