"""Checks of files to write: not over a file that is read, nor over a file of another kind."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from charrnn.errors import CharrnnError

LONGEST_RECORD = 4096  # bytes of the first line of a log; ours has about 200


def refuse_sources(
    target: str, sources: Sequence[tuple[str, str]], option: str, *, byte_level: bool = False, joins: bool = False
) -> None:
    """Raise CharrnnError if a file to write is one of the sources, or in a folder and read with it.

    A source is a path and what the file is. With ``joins``, a new file in a folder counts, too.
    """
    from charrnn.storage.files import shown
    from charrnn.text.sources import is_read

    for path, what in sources:
        if is_read(target, path, byte_level=byte_level, joins=joins):
            where = f"in {shown(path)}, {what}" if Path(path).is_dir() else what
            raise CharrnnError(f"{shown(target)} is {where}; name another file with {option}")


def require_log(path: str) -> None:
    """Raise CharrnnError if a file exists that is not the log of a run, so that no other file is lost."""
    from charrnn.storage.files import shown

    if not Path(path).is_file():  # a new file, or a pipe or device
        return
    record: object = None
    with suppress(OSError, ValueError, RecursionError), Path(path).open("rb") as file:
        line = file.readline(LONGEST_RECORD)
        record = json.loads(line or b'{"step": 0}')  # nothing is lost with an empty file
    if not (isinstance(record, dict) and "step" in record):
        raise CharrnnError(f"{shown(path)} exists and is not the log of a run; name another file with --log")


def require_text(path: str | Path) -> None:
    """Raise CharrnnError if a file exists that is not a text (has a NUL), so that no model is lost."""
    from charrnn.storage.files import reason, shown
    from charrnn.text.sources import chunks

    if not Path(path).is_file():
        return
    try:
        with Path(path).open("rb") as file:
            binary = any(b"\0" in block for block in chunks(file))
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be read: {reason(fault)}") from None
    if binary:
        raise CharrnnError(f"{shown(path)} exists and is not a text file, so it is not replaced; name another file")


def refuse_stdout(path: str) -> None:
    """Raise CharrnnError if standard output goes to a file that is read and written again: that would never end."""
    from charrnn.storage.files import shown

    with suppress(AttributeError, OSError, ValueError):  # no such file, or no standard output
        same = os.path.samestat(Path(path).stat(), os.fstat(sys.stdout.fileno()))
        if same and Path(path).is_file():
            advice = "--no-prime appends only what the model writes"
            raise CharrnnError(f"{shown(path)} is read, and standard output goes to it; {advice}")


def refuse_existing(target: str, otherwise: str) -> None:
    """Raise CharrnnError if the target exists, even as a broken link."""
    from charrnn.storage.files import shown

    if os.path.lexists(target):
        raise CharrnnError(f"{shown(target)} already exists; {otherwise}")
