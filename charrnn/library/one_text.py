"""A text that a model reads, as the library takes it: a string, bytes, or the path of a file."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from charrnn.errors import CharrnnError
from charrnn.library.signatures import is_rather_a_text, names_a_file, path_of
from charrnn.library.terms import quoted, warn
from charrnn.text.defaults import UNKNOWN
from charrnn.text.ingest import read_stream, read_string
from charrnn.text.near_forms import NearForms
from charrnn.text.vocabulary import Ids, Vocabulary

Text: TypeAlias = str | bytes | os.PathLike[str]  # a string is a text itself, a pathlib.Path the file that has it


def read(text: Text, vocabulary: Vocabulary, unknown: str, near: NearForms | None) -> Iterator[Ids]:
    """Encode a text in blocks."""
    if isinstance(text, str) and not is_rather_a_text(text) and names_a_file(text) and Path(text).is_file():
        warn(f"the text is {quoted(text)}, which is also the name of a file; to read the file, pass Path({text!r})")
    if isinstance(text, str | bytes):
        return read_string(text, vocabulary, unknown=unknown, near=near)
    return read_stream(path_of(text), vocabulary, unknown=unknown, near=near)


def require_unknown(unknown: str, rules: tuple[str, ...] = UNKNOWN) -> None:
    """Raise CharrnnError if a rule for unknown characters is not one of the ``rules``."""
    if unknown not in rules:
        raise CharrnnError(f"unknown must be one of {', '.join(rules)}, not {quoted(unknown)}")
