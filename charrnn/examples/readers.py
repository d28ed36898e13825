"""Reading examples: which reader reads which files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.arrays import is_arrays, read_arrays
from charrnn.examples.class_files import read_class_files
from charrnn.examples.class_names import numbered, require_learnable
from charrnn.examples.conditions import WAYS, read_conditions
from charrnn.examples.dataset import Examples
from charrnn.examples.input_files import InputFiles, Request
from charrnn.examples.labelled_rows import has_numbers_and_texts, labelled_lines, read_columns
from charrnn.examples.number_series import read_series
from charrnn.examples.tagged_lines import read_tagged_lines, tags_of
from charrnn.examples.text_pairs import read_pairs
from charrnn.text.sources import NOTHING, Known
from charrnn.text.survey import Say, told


def read_examples(
    paths: Sequence[str],
    *,
    task: str,
    labels: str | None = None,
    texts: str | None = None,
    inputs: str | None = None,
    ahead: int = 1,
    encoding: str = "",
    stdin: BinaryIO | None = None,
    classes: tuple[str, ...] | None = None,
    say: Say = told,
) -> Examples:
    """Read files, folders or standard input as examples of a task; see `read`."""
    request = Request(tuple(paths), task, labels, texts, inputs, ahead)
    return read(request, known=Known(encoding=encoding), stdin=stdin, classes=classes, say=say)


def read(
    request: Request,
    *,
    known: Known = NOTHING,
    stdin: BinaryIO | None = None,
    classes: tuple[str, ...] | None = None,
    say: Say = told,
) -> Examples:
    """Read what is requested as examples.

    An ``.npz`` file is read by `read_arrays`. With ``request.texts``, tables are read, whose column ``request.labels``
    has classes, tags (as `tags_of` reads them), translations or, in one or several columns, numbers. Otherwise, to
    ``classify``, one file is read by `labelled_lines`, and a folder or several paths by `read_class_files`; to ``tag``,
    files are read by `read_tagged_lines`; to ``predict``, one file is read by `read_series`, unless its lines are a
    number, a tab and a text; to ``translate``, files are read by `read_pairs`; and to ``generate`` texts that have
    conditions, by `read_conditions`. The examples are the same whenever the files are; if they are not the ``known``
    ones, AnotherTextError is raised.

    With ``classes`` of a model, the labels are these; otherwise they are those that are found, and must be at least
    two, with two examples each, unless they are tags or conditions. Of a model whose conditions are numbers,
    ``classes`` are (). ``say`` hears how files are read, and what is left out. Raises CharrnnError.
    """
    files = InputFiles(request.paths, known, stdin, say)
    if any(map(is_arrays, request.paths)):
        if known.encoding:
            raise CharrnnError("an .npz file has no encoding; leave out --encoding")
        return read_arrays(files, request, classes)
    _require_options(request)
    if request.task == "translate":
        found = read_pairs(files, request)
    elif request.task == "generate":
        found = read_conditions(files, request, classes)
    else:
        found = _read_values(files, request) if request.task == "predict" else _read_classes(files, request, classes)
    what = "characters" if found.texts is not None else "steps"
    return replace(found, record=files.record(request, **{"examples": found.count, what: found.steps}))


def _require_options(request: Request) -> None:
    """Raise CharrnnError for options of a table that do not belong together."""
    series = request.task == "predict" and request.texts is None
    given = request.task == "generate"
    if request.ahead > 1 and not series:
        raise CharrnnError("--ahead is for a series of numbers, which --task predict reads without --texts")
    if request.inputs is not None and not series:
        raise CharrnnError("--inputs is for a series of numbers, which --task predict reads without --texts")
    if given and request.labels is None:
        raise CharrnnError(f"--given says what the condition of each text is: {WAYS}")
    if request.texts is not None and request.labels is None:
        raise CharrnnError("--texts needs --labels, the column with what is to be predicted for each text")
    if request.labels is not None and request.texts is None and not (series or given):
        raise CharrnnError(
            "--labels needs --texts, the column with the texts; save sequences of numbers as an .npz file"
        )


def _read_classes(files: InputFiles, request: Request, classes: tuple[str, ...] | None) -> Examples:
    """Return texts with a class each, or a tag for each character."""
    per_step, what = (True, "tag") if request.task == "tag" else (False, "class")
    if per_step:
        texts, found = _read_tags(files, request)
    elif request.texts is None and (len(files.paths) > 1 or Path(files.paths[0]).is_dir()):
        texts, found = read_class_files(files)
    else:
        rows = labelled_lines(files, files.texts()) if request.texts is None else read_columns(files, request)
        texts, found = rows.texts, rows.labels()
    labels, numbers = numbered(found, files.shown, classes, what=what)
    if classes is None:
        require_learnable(labels, numbers, files.shown, what=what)
    return Examples(
        lengths=np.fromiter(map(len, texts), np.int64, len(texts)),
        texts=tuple(texts),
        labels=labels,
        classes=numbers,
        per_step=per_step,
    )


def _read_tags(files: InputFiles, request: Request) -> tuple[list[str], list[str]]:
    """Return texts, and the tags of all their characters, end to end."""
    if request.texts is None:
        texts, tags = read_tagged_lines(files)
    else:
        rows = read_columns(files, request)
        (fields,) = rows.fields.values()
        texts, tags = rows.texts, tags_of(rows.texts, fields, rows.place)
    return texts, list(chain.from_iterable(tags))


def _read_values(files: InputFiles, request: Request) -> Examples:
    """Return texts with numbers to predict for each, or a series of numbers."""
    if request.texts is not None:
        rows = read_columns(files, request)
    else:
        if len(files.paths) != 1 or Path(files.paths[0]).is_dir():
            raise CharrnnError(f"a series of numbers is one file, not {files.shown}; name one file")
        file = next(iter([*files.texts()]), None)
        if file is None:
            raise files.no_examples()
        if request.labels is not None or not has_numbers_and_texts(file):
            return read_series(file, request)
        rows = labelled_lines(files, [file])
    return Examples(
        lengths=np.fromiter(map(len, rows.texts), np.int64, len(rows.texts)),
        texts=tuple(rows.texts),
        values=rows.values(),
        names=tuple(filter(None, rows.fields)),
    )
