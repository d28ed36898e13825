"""Checks of files to write: not over a file that is read, nor over a file of another kind."""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.library.opened import OpenedModel

LONGEST_RECORD = 4096  # bytes of the first line of a log; ours has about 200
TEXTS = (".svg", ".html", ".htm")  # endings of pages and pictures that are texts
RECORD = b'{"step": '  # its beginning, also if a fault has cut the line


def refuse_sources(
    target: str,
    sources: Sequence[tuple[str, str]],
    option: str,
    *,
    byte_level: bool = False,
    outputs: Sequence[str] = (),
) -> None:
    """Raise CharrnnError if a file to write is one of the sources, or in a folder and read with it.

    A source is a path, or - for standard input, and what the file is. The ``outputs`` of a run are not read with a
    folder.
    """
    from charrnn.storage.files import shown
    from charrnn.text.sources import is_read

    for path, what in sources:
        if is_read(target, path, byte_level=byte_level, outputs=outputs):
            where = f"in {shown(path)}, {what}" if Path(path).is_dir() else what
            raise CharrnnError(f"{shown(target)} is {where}; name another file with {option}")


def refuse_model_files(target: str, option: str, model: "OpenedModel", text: str | None = None) -> None:
    """Raise CharrnnError if a page or picture of a model would replace the model, or a text that is read with it.

    Also if it would replace or join the text that the model was trained on: its run could not be resumed.
    """
    from charrnn.storage.files import shown
    from charrnn.text.sources import names_within

    byte_level, name = model.vocabulary.byte_level, shown(model.path)
    trained_on: list[str] = model.checkpoint.corpus.get("sources", [])
    read = [(path, f"the text that {name} was trained on") for path in trained_on if path != "-"]
    folders = [path for path, _ in read if Path(path).is_dir()]
    read = [(path, what) for path, what in read if path not in folders]
    read += [(model.path, "the model that is read")] + ([] if text is None else [(text, "the text that is read")])
    refuse_sources(target, read, option, byte_level=byte_level)
    if byte_level or Path(target).suffix.lower() in TEXTS:
        for folder in folders:
            if any(not part.startswith(".") and "/." not in part for part in names_within(folder, [target])):
                place = f"in {shown(folder)}, which {name} was trained on, so the run could not be resumed"
                raise CharrnnError(f"{shown(target)} would be {place}; name another file with {option}")


def refuse_messages(target: str, option: str) -> None:
    """Raise CharrnnError if standard error goes to a file that is written."""
    from charrnn.storage.files import place_of, redirected, shown

    if redirected(sys.stderr) == place_of(target):
        raise CharrnnError(f"{shown(target)} gets the messages of standard error; name another file with {option}")


def require_log(path: str) -> None:
    """Raise CharrnnError if a file exists that is not the log of a run, so that no other file is lost."""
    from charrnn.storage.files import shown

    if not Path(path).is_file():  # a new file, or a pipe or device
        return
    line, record = b"", None
    with suppress(OSError), Path(path).open("rb") as file:
        line = file.readline(LONGEST_RECORD)
    with suppress(ValueError, RecursionError):
        record = json.loads(line)
    cut = not line.endswith(b"\n") and (line.startswith(RECORD) or RECORD.startswith(line))  # also an empty file
    if not (cut or (isinstance(record, dict) and "step" in record)):
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


def refuse_stdout(path: str, advice: str = "write to another file") -> None:
    """Raise CharrnnError if standard output goes to a file that is read: that could never end, or ruin the file."""
    from charrnn.storage.files import place_of, redirected

    output = redirected(sys.stdout)
    if output is not None and output == (redirected(sys.stdin) if path == "-" else place_of(path)):
        from charrnn.text.sources import name_of

        raise CharrnnError(f"{name_of(path)} is read, and standard output goes to it; {advice}")


def refuse_existing(target: str, otherwise: str) -> None:
    """Raise CharrnnError if the target exists, even as a broken link."""
    from charrnn.storage.files import shown

    if os.path.lexists(target):
        raise CharrnnError(f"{shown(target)} already exists; {otherwise}")
