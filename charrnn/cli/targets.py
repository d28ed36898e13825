"""Files that a command is to write: never over one that it reads."""

from collections.abc import Sequence

import click


def refuse_sources(target: str, sources: Sequence[tuple[str, str]], instead: str = "write to") -> None:
    """Raise click.UsageError where a file to be written is one that is read; of each source: its path, what it is."""
    from charrnn.storage.files import is_same_file, shown

    for path, what in sources:
        if path != "-" and is_same_file(target, path):
            raise click.UsageError(f"{shown(target)} is {what} to be read; {instead} another file.")
