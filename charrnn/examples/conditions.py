"""Texts to generate, each with its condition: a name, or numbers."""

from __future__ import annotations

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.class_files import read_class_files
from charrnn.examples.class_names import LISTED, all_whole, listing, numbered, require_learnable
from charrnn.examples.columns import as_numbers
from charrnn.examples.dataset import Examples, Floats
from charrnn.examples.input_files import InputFiles, Request
from charrnn.examples.labelled_rows import Rows, labelled_lines, read_columns

FILE, LABEL = "file", "label"  # what can be given, without a table
WAYS = (
    "with --given file, each file or folder is a condition; with --given label, each line is a condition, a tab and a "
    "text; and with --texts, --given names a column of a table"
)
WHAT = "condition"


def read_conditions(files: InputFiles, request: Request, classes: tuple[str, ...] | None) -> Examples:
    """Return texts with a condition each, as ``request.labels`` says.

    With ``request.texts``, it names columns of a table: one of names, or one or several of numbers. Otherwise, `FILE`
    reads `read_class_files`, and `LABEL` reads `labelled_lines`. One column of numbers that are all whole has names, as
    an array of integers does. ``classes`` are the names that a model knows, or () if its conditions are numbers.

    Raises CharrnnError for texts that all have the same condition, for a condition that the model does not know, and as
    the readers do.
    """
    if request.texts is not None:
        rows = read_columns(files, request)
    elif request.labels == LABEL:
        rows = labelled_lines(files, files.texts(), what=WHAT, ways=WAYS)
    elif request.labels == FILE:
        texts, found = read_class_files(files, what=WHAT)
        return _named(texts, found, files, classes)
    else:
        raise CharrnnError(f"--given {request.labels!s:.60} needs --texts, the column with the texts; {WAYS}")
    if _are_numbers(rows, classes):
        return _numeric(rows, files, classes)
    return _named(rows.texts, rows.labels(), files, classes)


def require_kind(where: str, classes: tuple[str, ...] | None, *, numbers: bool) -> None:
    """Raise CharrnnError if conditions are numbers and those that a model knows are names, or the other way round."""
    if classes is None or numbers == (not classes):
        return
    if numbers:
        raise CharrnnError(f"{where} has numbers as conditions; the model knows the names {listing(classes)}")
    raise CharrnnError(f"{where} has names as conditions; those of the model are numbers")


def require_different(values: Floats, where: str) -> None:
    """Raise CharrnnError if the conditions of all texts are the same numbers [N, M]."""
    if (values == values[0]).all():
        raise CharrnnError(
            f"{where} has the same numbers for all texts; to train without conditions, leave out --given"
        )


def _are_numbers(rows: Rows, classes: tuple[str, ...] | None) -> bool:
    if len(rows.fields) != 1 or classes is not None:
        return len(rows.fields) != 1 or classes == ()
    names = rows.labels()
    return as_numbers(names) is not None and not all_whole(names)


def _named(texts: list[str], found: list[str], files: InputFiles, classes: tuple[str, ...] | None) -> Examples:
    require_kind(files.shown, classes, numbers=False)
    labels, numbers = numbered(found, files.shown, classes, what=WHAT)
    if classes is None:
        require_learnable(labels, numbers, files.shown, what=WHAT)
        single = np.flatnonzero(np.bincount(numbers) == 1)
        if single.size > LISTED and 2 * single.size > numbers.size:  # a column of texts, rather than one of conditions
            files.say(
                f"{single.size:,} of {numbers.size:,} texts have a condition of their own, such as "
                f"{listing([labels[single[0]]])}; a condition comes before its text in a line, and --given names its "
                "column of a table"
            )
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return Examples(lengths=lengths, texts=tuple(texts), labels=labels, classes=numbers, given=True)


def _numeric(rows: Rows, files: InputFiles, classes: tuple[str, ...] | None) -> Examples:
    require_kind(files.shown, classes, numbers=True)
    try:
        values = rows.values()
    except CharrnnError as error:
        raise CharrnnError(f"{error}; --given takes one column of names, or columns of numbers") from None
    if classes is None:
        require_different(values, files.shown)
    return Examples(
        lengths=np.fromiter(map(len, rows.texts), np.int64, len(rows.texts)),
        texts=tuple(rows.texts),
        values=values,
        names=tuple(filter(None, rows.fields)),
        given=True,
    )
