"""Reading examples: which reader reads which files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.examples.arrays import is_arrays, read_arrays
from charrnn.examples.class_files import read_class_files
from charrnn.examples.class_names import numbered, require_learnable
from charrnn.examples.dataset import Examples
from charrnn.examples.input_files import InputFiles, Request
from charrnn.examples.labelled_lines import read_labelled_lines
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

    An ``.npz`` file is read by `read_arrays`. To ``classify``, one file is read by `read_labelled_lines`, and a folder
    or several paths by `read_class_files`. The examples are the same whenever the files are; if they are not the
    ``known`` ones, AnotherTextError is raised.

    With ``classes`` of a model, the labels are these; otherwise they are those that are found, and must be at least
    two, with two examples each. ``say`` hears how files are read, and what is left out. Raises CharrnnError.
    """
    files = InputFiles(request.paths, known, stdin, say)
    if any(map(is_arrays, request.paths)):
        return read_arrays(files, request, classes)
    if request.task == "classify":
        return _classified(files, request, classes)
    raise CharrnnError(f"{files.shown} cannot be read to {request.task}")


def _classified(files: InputFiles, request: Request, classes: tuple[str, ...] | None) -> Examples:
    """Return texts with a class each."""
    if len(files.paths) == 1 and not Path(files.paths[0]).is_dir():
        found, names = read_labelled_lines(files)
    else:
        found, names = read_class_files(files)
    labels, numbers = numbered(names, files.shown, classes)
    if classes is None:
        require_learnable(labels, numbers, files.shown)
    examples = Examples(
        lengths=np.fromiter(map(len, found), np.int64, len(found)), texts=tuple(found), labels=labels, classes=numbers
    )
    return replace(examples, record=files.record(request, examples=examples.count, characters=examples.steps))
