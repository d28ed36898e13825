"""A text that a model reads, as the library takes it: a string, bytes, or the path of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from charrnn.cells.tasks import TEXT_TASKS, require_task
from charrnn.errors import CharrnnError
from charrnn.library.opened import OpenedModel
from charrnn.library.signatures import is_rather_a_text, names_a_file, path_of
from charrnn.library.terms import quoted, warn
from charrnn.text.decoding import codec
from charrnn.text.defaults import MARK, SCORED_UNKNOWN, UNKNOWN
from charrnn.text.ingest import name_of, read_stream, read_string
from charrnn.text.near_forms import NearForms
from charrnn.text.vocabulary import Ids, Vocabulary

if TYPE_CHECKING:
    from charrnn.model.team import Team
    from charrnn.reading.losses import Scored

Text: TypeAlias = str | bytes | os.PathLike[str]  # a string is a text itself, a pathlib.Path the file that has it


def read(
    text: Text, vocabulary: Vocabulary, unknown: str, near: NearForms | None, encoding: str | None
) -> Iterator[Ids]:
    """Encode a text in blocks; an ``encoding`` is that of a file."""
    named = "" if encoding is None else codec(encoding)
    if isinstance(text, str) and not is_rather_a_text(text) and names_a_file(text) and Path(text).is_file():
        warn(f"the text is {quoted(text)}, which is also the name of a file; to read the file, pass Path({text!r})")
    if isinstance(text, str | bytes):
        if named:
            raise CharrnnError("encoding is for a file, whose path is a pathlib.Path; decode bytes before")
        return read_string(text, vocabulary, unknown=unknown, near=near)
    return read_stream(path_of(text), vocabulary, unknown=unknown, near=near, encoding=named, say=warn)


def require_unknown(unknown: str, rules: tuple[str, ...] = UNKNOWN) -> None:
    """Raise CharrnnError if a rule for unknown characters is not one of the ``rules``."""
    if unknown not in rules:
        raise CharrnnError(f"unknown must be one of {', '.join(rules)}, not {quoted(unknown)}")


def scored(
    model: OpenedModel, text: Text, unknown: str, near: NearForms | None, encoding: str | None, team: Team
) -> Iterator[Scored]:
    """Score a text with a model, as `OpenedModel.score_blocks` does; raise CharrnnError for a model for examples."""
    require_task(model.architecture.task, *TEXT_TASKS)
    name = "the text" if isinstance(text, str | bytes) else name_of(os.fspath(text))
    require_unknown(unknown, SCORED_UNKNOWN)
    blocks = read(text, model.vocabulary, unknown if unknown == "error" else MARK, near, encoding)
    return model.score_blocks(blocks, team, name, unknown)
