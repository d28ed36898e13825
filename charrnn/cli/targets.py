"""Checks of files to write: not over a file that is read, nor over an existing one unless asked for."""

import os
from collections.abc import Sequence

import click

from charrnn.errors import CharrnnError


def refuse_sources(target: str, sources: Sequence[tuple[str, str]], instead: str = "write to") -> None:
    """Raise click.UsageError if a file to write is one that is read.

    A source is a path and what the file is.
    """
    from charrnn.storage.files import is_same_file, shown

    for path, what in sources:
        if path != "-" and is_same_file(target, path):
            raise click.UsageError(f"{shown(target)} is {what} that is read; {instead} another file.")


def refuse_log(log: str, others: Sequence[str | None]) -> None:
    """Raise CharrnnError if --log is the text or a model."""
    from charrnn.storage.files import is_same_file

    if any(other and is_same_file(log, other) for other in others):
        raise CharrnnError(f"{log} is the text or a model of this run; give another file after --log")


def refuse_existing(target: str, otherwise: str) -> None:
    """Raise CharrnnError if the target exists, even as a broken link."""
    from charrnn.storage.files import shown

    if os.path.lexists(target):
        raise CharrnnError(f"{shown(target)} already exists; {otherwise}")
