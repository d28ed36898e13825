"""Files that a command is to write: never over one that it reads, nor over one that is there unless that is wanted."""

import os
from collections.abc import Sequence

import click

from charrnn.errors import CharrnnError


def refuse_sources(target: str, sources: Sequence[tuple[str, str]], instead: str = "write to") -> None:
    """Raise click.UsageError where a file to be written is one that is read; of each source: its path, what it is."""
    from charrnn.storage.files import is_same_file, shown

    for path, what in sources:
        if path != "-" and is_same_file(target, path):
            raise click.UsageError(f"{shown(target)} is {what} to be read; {instead} another file.")


def refuse_log(log: str, others: Sequence[str | None]) -> None:
    """Raise CharrnnError where the log of a run would be written over its text or a model."""
    from charrnn.storage.files import is_same_file

    if any(other and is_same_file(log, other) for other in others):
        raise CharrnnError(f"{log} is the text or a model of this run; --log needs another file")


def refuse_existing(target: str, otherwise: str) -> None:
    """Raise CharrnnError where there is something already, if only a link that leads nowhere."""
    from charrnn.storage.files import shown

    if os.path.lexists(target):
        raise CharrnnError(f"{shown(target)} exists already; {otherwise}")
