"""Pairs of texts: each a source and its translation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Examples
from charrnn.examples.input_files import InputFiles, Request
from charrnn.examples.labelled_rows import read_columns

FORMS = (
    "give lines of a text, a tab and its translation, or a table with a header, of which --texts and --labels name the "
    "columns of both"
)

Pair = tuple[str, str]


def read_pairs(files: InputFiles, request: Request) -> Examples:
    """Return pairs of texts, from the lines of files or, with ``request.texts``, from the columns of tables.

    A pair is text as it stands, with the spaces in it. Raises CharrnnError as `paired_lines` and `read_columns` do, and
    if all pairs have the same source, so that none could validate, unless they only need to be read
    (``request.divides`` is False).
    """
    if request.texts is None:
        pairs = paired_lines(files)
    else:
        rows = read_columns(files, request)
        (targets,) = rows.fields.values()
        pairs = list(zip(rows.texts, targets, strict=True))
    sources, translations = zip(*pairs, strict=True)
    if request.divides:
        require_sources(sources, files.shown)
    return Examples(lengths=np.fromiter(map(len, sources), np.int64), texts=sources, translations=translations)


def require_sources(texts: Sequence[str], where: str) -> None:
    """Raise CharrnnError if all texts to translate are the same: none could validate."""
    if len(set(texts)) < 2:
        raise CharrnnError(
            f"{where} has only one text to translate; at least 2 different ones are needed, one to learn from and one "
            "that validates"
        )


def paired_lines(files: InputFiles) -> list[Pair]:
    """Return the pairs in the lines of files.

    A line is a text, a tab, and its translation; what follows a second tab is not read, which ``say`` hears. Blank
    lines are passed over. Raises CharrnnError for a line without a tab or without one of the two texts, and as
    `InputFiles.texts` does.
    """
    pairs: list[Pair] = []
    for file in files.texts():
        longer = []
        tabs = "\t" in file.text
        for number, line in enumerate(file.text.split("\n"), start=1):
            if not line.strip() and "\t" not in line:
                continue
            place = f"line {number:,} of {file.name}"
            source, *targets = line.split("\t", 2)
            if not tabs:
                raise CharrnnError(f"{file.name} has no pairs of texts: its lines have no tab; {FORMS}")
            if not targets:
                raise CharrnnError(f"{place} has no tab between a text and its translation; {FORMS}")
            if not source.strip():
                raise CharrnnError(f"{place} has no text before the tab")
            if not targets[0].strip():
                raise CharrnnError(f"{place} has no translation after the tab")
            if len(targets) > 1:
                longer.append(number)
            pairs.append((source, targets[0]))
        if longer:
            lines = f"{len(longer):,} lines" if len(longer) > 1 else f"line {longer[0]:,}"
            files.say(f"what follows a second tab in {lines} of {file.name} is not read")
    if not pairs:
        raise files.no_examples()
    return pairs
