"""Examples in the arrays of an ``.npz`` file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.examples.class_names import listing, numbered, require_learnable
from charrnn.examples.columns import names_of, no_column
from charrnn.examples.conditions import WHAT, require_different, require_kind
from charrnn.examples.dataset import Examples, Floats, Places
from charrnn.examples.input_files import InputFiles, Request, record_of, require_same
from charrnn.examples.number_series import series_of
from charrnn.examples.text_pairs import require_sources
from charrnn.storage import archive
from charrnn.storage.archive import Reader, UnfitError
from charrnn.storage.files import shown

KIND = "a file of examples"
KERAS = ("x_train", "y_train", "x_test", "y_test")
_BYTE = np.float32(255)  # by which arrays of bytes are divided
_STRINGS, _INTEGERS = "US", "biu"

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is read: texts or numbers, and which steps of padded examples are theirs."""

    name: str
    lengths: Places  # [N]
    texts: tuple[str, ...] | None = None
    numbers: Floats | None = None  # [steps, D]
    grid: tuple[int, ...] = ()  # N and T of examples in [N, T, …]
    kept: Array | None = None  # [N, T] which steps of the grid are read; None for all

    def steps(self, array: Array) -> Array | None:
        """Return what an array has for each step, [steps, …], or None if it does not have that."""
        if self.grid and array.shape[:2] == self.grid:
            flat = array.reshape(-1, *array.shape[2:])
            return flat if self.kept is None else flat[self.kept.ravel()]
        return array if not self.grid and array.shape[:1] == (int(self.lengths.sum()),) else None


def is_arrays(path: str) -> bool:
    """Return whether a path leads to an ``.npz`` file, by its name or by its first entry."""
    if path == "-" or not Path(path).is_file():
        return False
    try:
        with Path(path).open("rb") as file:
            head = file.read(200)
    except OSError:  # what reads it says why
        return False
    return head.startswith(b"PK\3\4") and (path.lower().endswith(".npz") or b".npy" in head)


def read_arrays(files: InputFiles, request: Request, classes: tuple[str, ...] | None) -> Examples:
    """Return the examples in an ``.npz`` file.

    ``x`` holds the inputs: numbers [N, T, D]; [N, T], where a step is one number; images [N, rows, columns, colors],
    where a step is a row of columns · colors numbers; or strings [N]. With ``lengths`` [N], only so many steps of each
    example are read, or ``x`` [steps, D] has the steps of all examples end to end. Bytes (uint8) are divided by 255.
    ``y`` holds the targets: integers or strings [N] are classes, and [N, T] (or [steps]) are tags; numbers [N] or
    [N, M] are values for each example, and [N, T, M] (or [steps, M]) for each step. To ``translate``, ``x`` and ``y``
    are strings [N]. To ``generate``, ``x`` holds strings [N], and ``y`` their conditions: integers or strings [N], or
    numbers [N] or [N, M]. As in the data sets of Keras, ``x_train`` and ``y_train`` can take their place, beside
    ``x_test`` and ``y_test``. Without ``y``, ``x`` [T] or [T, D] is a series: see `number_series.series_of`; ``labels``
    and ``inputs`` name columns by their numbers, from 0.

    No Python objects are read. Raises CharrnnError if the file cannot be read, lacks an array, or has arrays that do
    not belong together or are not finite.
    """
    if len(files.paths) > 1:
        raise CharrnnError(f"{shown(files.paths[0])} has to be read by itself: name one .npz file")
    (path,) = files.paths
    if request.texts is not None:
        raise CharrnnError(f"--texts names a column of a table; {shown(path)} is an .npz file, whose array x is read")
    with archive.reading(path, kind=KIND, expansion=archive.RATIO) as reader:
        size, sha256 = Path(path).stat().st_size, reader.sha256()
        require_same(shown(path), files.known, size, sha256)
        if request.task == "predict" and "x" in reader and "y" not in reader:
            return _series(reader, request, record_of(request, sha256, size))
        if request.task == "generate" and request.labels != "y":
            raise UnfitError("is an .npz file, whose array y has the conditions; type --given y")
        if request.inputs is not None or (request.labels is not None and request.task != "generate"):
            raise UnfitError("has an array y to predict; leave out --labels and --inputs")
        found = _examples(reader, request.task, classes, shown(path))
        if request.task == "translate" and request.divides:
            require_sources(found.texts or (), shown(path))
        files.say_left_out(
            [f"the array {shown(name)} of {shown(path)}" for name in _unread(reader)], "as it is not used"
        )
    what = "characters" if found.texts is not None else "steps"
    return replace(found, record=record_of(request, sha256, size) | {"examples": found.count, what: found.steps})


def read_inputs(path: str) -> list[Floats]:
    """Return the inputs in an ``.npz`` file without their targets: numbers [T, D] of each example.

    They are the array ``x``, with ``lengths`` if there are some; or ``x_test``, or ``x_train``. Raises CharrnnError as
    `read_arrays` does.
    """
    with archive.reading(path, kind=KIND, expansion=archive.RATIO) as reader:
        name = next((name for name in ("x", "x_test", "x_train") if name in reader), None)
        if name is None:
            raise UnfitError(f"has no array 'x'; it has {listing(reader.names) if reader.names else 'no arrays'}")
        lengths = reader.array("lengths") if "lengths" in reader and name == "x" else None
        inputs = _inputs(name, reader.array(name), lengths)
        if inputs.numbers is None:
            raise UnfitError(f"has {name} of strings; give texts on the command line or by standard input")
    return np.split(inputs.numbers, np.cumsum(inputs.lengths)[:-1])


def _unread(reader: Reader) -> list[str]:
    used = KERAS if "x_train" in reader else ("x", "y", "lengths")
    return [name for name in reader.names if name not in used]


def _examples(reader: Reader, task: str, classes: tuple[str, ...] | None, where: str) -> Examples:
    """Return the examples in the arrays of a file, with those for tests."""
    if "x_train" not in reader:
        return _pair(reader, ("x", "y"), task, classes, where)
    train = _pair(reader, ("x_train", "y_train"), task, classes, where)
    if "x_test" not in reader:
        return train
    try:
        test = _pair(reader, ("x_test", "y_test"), task, train.labels, where)
    except CharrnnError as error:
        raise CharrnnError(
            str(error).replace("the model does not know; it knows", "y_train does not have; it has", 1)
        ) from None
    if test.inputs != train.inputs or (test.values is not None and test.targets.shape[1:] != train.targets.shape[1:]):
        raise UnfitError("has examples for tests (x_test, y_test) of another shape than x_train and y_train")
    return replace(train, test=test)


def _pair(reader: Reader, names: tuple[str, str], task: str, classes: tuple[str, ...] | None, where: str) -> Examples:
    """Return the examples of a pair of arrays."""
    x, y = names
    for name in names:
        if name not in reader:
            has = listing(reader.names) if reader.names else "no arrays"
            raise UnfitError(f"has no array {name!r}; it has {has}")
    lengths = reader.array("lengths") if "lengths" in reader and x == "x" else None
    inputs = _inputs(x, reader.array(x), lengths)
    if task == "translate":
        return _translated(names, inputs, reader.array(y))
    if task == "generate":
        return _given(names, inputs, reader.array(y), classes, where)
    targets = _numeric_targets if task == "predict" else _class_targets
    return Examples(
        lengths=inputs.lengths,
        texts=inputs.texts,
        numbers=inputs.numbers,
        **targets(y, reader.array(y), inputs, task, classes, where),
    )


def _inputs(name: str, x: Array, lengths: Array | None) -> Inputs:
    """Return the inputs in an array."""
    if not x.size:
        raise UnfitError(f"has no examples: {name} has the shape {_shape(x)}")
    if x.dtype.kind in _STRINGS:
        return _texts(name, x, lengths)
    if x.ndim == 4:
        x = x.reshape(*x.shape[:2], -1)
    if lengths is not None:
        return _with_lengths(name, x, lengths)
    if x.ndim == 2:
        x = x[:, :, np.newaxis]
    if x.ndim != 3:
        raise UnfitError(f"has {name} of the shape {_shape(x)}; it must be [N, T, D], or [N, T] for one number a step")
    count, steps, width = x.shape
    return Inputs(name, np.full(count, steps, np.int64), None, _floats(name, x).reshape(-1, width), (count, steps))


def _texts(name: str, x: Array, lengths: Array | None) -> Inputs:
    if x.ndim != 1 or lengths is not None:
        raise UnfitError(f"has {name} of strings, which must be [N], without lengths")
    texts = _strings(name, x)
    if not all(texts):
        raise UnfitError(f"has an empty text in {name}[{texts.index('')}]")
    return Inputs(name, np.fromiter(map(len, texts), np.int64, len(texts)), tuple(texts))


def _with_lengths(name: str, x: Array, lengths: Array) -> Inputs:
    """Return inputs of given lengths: padded examples, or steps end to end."""
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not lengths.size:
        raise UnfitError("has lengths that are not integers [N]")
    if (lengths < 1).any() or (lengths > x.size).any():
        at = int(np.argmax((lengths < 1) | (lengths > x.size)))
        raise UnfitError(f"has a length that is not possible: lengths[{at}] is {lengths[at]}")
    lengths = lengths.astype(np.int64)
    total = int(lengths.sum())
    if x.ndim == 1:
        x = x[:, np.newaxis]
    if x.ndim == 2 and len(x) == total:
        return Inputs(name, lengths, None, _floats(name, x))
    if x.ndim == 2:
        x = x[:, :, np.newaxis]
    if x.ndim != 3 or len(x) != lengths.size or lengths.max() > x.shape[1]:
        raise UnfitError(
            f"has {name} of the shape {_shape(x)} and {lengths.size:,} lengths of {total:,} steps together; "
            f"{name} must be [N, T, D], or [steps, D] with the steps of all examples"
        )
    kept = np.arange(x.shape[1]) < lengths[:, np.newaxis]
    return Inputs(name, lengths, None, _floats(name, x[kept]), x.shape[:2], kept)


def _translated(names: tuple[str, str], inputs: Inputs, y: Array) -> Examples:
    """Return texts with their translations."""
    for name, strings in zip(names, (inputs.texts is not None, y.dtype.kind in _STRINGS), strict=True):
        if not strings:
            raise UnfitError(f"has {name} of numbers; to translate, save strings [N]")
    if y.shape != inputs.lengths.shape:
        raise _apart(names[1], y, inputs, "[N], a translation for each text")
    translations = _strings(names[1], y)
    if not all(translations):
        raise UnfitError(f"has an empty text in {names[1]}[{translations.index('')}]")
    return Examples(lengths=inputs.lengths, texts=inputs.texts, translations=tuple(translations))


def _given(names: tuple[str, str], inputs: Inputs, y: Array, classes: tuple[str, ...] | None, where: str) -> Examples:
    """Return texts with their conditions: names, or numbers."""
    x, name = names
    if inputs.texts is None:
        raise UnfitError(f"has {x} of numbers; to generate texts, save strings [N]")
    count = len(inputs.texts)
    one, strings = y.shape in ((count,), (count, 1)), y.dtype.kind in _STRINGS
    if not one and (strings or y.ndim != 2 or len(y) != count or not y.size):
        raise _apart(name, y, inputs, "[N], a condition for each text, or numbers [N, M]")
    numeric = not strings and (not one or y.dtype.kind == "f" or classes == ())
    require_kind(where, classes, numbers=numeric)
    if not numeric:
        found = _class_targets(name, y, inputs, "generate", classes, where)
        return Examples(lengths=inputs.lengths, texts=inputs.texts, **found, given=True)
    values = _floats(name, y.reshape(count, -1), scaled=False)
    if classes is None:
        require_different(values, where)
    return Examples(lengths=inputs.lengths, texts=inputs.texts, values=values, given=True)


def _class_targets(
    name: str, y: Array, inputs: Inputs, task: str, classes: tuple[str, ...] | None, where: str
) -> Mapping[str, Any]:
    """Return the classes of examples, or the tags of steps."""
    per_step, what = task == "tag", {"tag": "tag", "generate": WHAT}.get(task, "class")
    if y.dtype.kind == "f":
        one_hot = y.ndim >= 2 and y.shape[-1] > 1 and bool((((y == 0) | (y == 1)).all(-1) & (y.sum(-1) == 1)).all())
        instead = f"np.argmax({name}, axis=-1)" if one_hot else f"{name}.astype(int)"
        raise UnfitError(f"has {name} of floats, which --task predict predicts; to {task}, save {instead}")
    if not per_step and y.shape == (len(inputs.lengths), 1):
        y = y[:, 0]
    found = inputs.steps(y) if per_step else y
    if found is None or found.ndim != 1 or (not per_step and found.shape != inputs.lengths.shape):
        needed = "[N, T], a tag for each step" if per_step else "[N], a class for each example"
        raise _apart(name, y, inputs, needed)
    numbers, inverse = np.unique(found, return_inverse=True)
    distinct = _strings(name, numbers) if found.dtype.kind in _STRINGS else [str(int(n)) for n in numbers]
    labels, order = numbered(distinct, where if name == "y" else f"{name} in {where}", classes, what=what)
    chosen = order[inverse]
    if classes is None:
        require_learnable(labels, chosen, where, what=what)
    return {"labels": labels, "classes": chosen, "per_step": per_step}


def _numeric_targets(
    name: str, y: Array, inputs: Inputs, task: str, classes: tuple[str, ...] | None, where: str
) -> Mapping[str, Any]:
    """Return the values to predict for each example or each step."""
    if y.dtype.kind in _STRINGS:
        raise UnfitError(f"has {name} of strings, which --task classify reads; to predict numbers, save numbers")
    found, per_step = (y[:, np.newaxis] if y.ndim == 1 else y), False
    if y.ndim == 3 or (y.ndim <= 2 and found.shape[:1] != inputs.lengths.shape):
        steps = inputs.steps(y)
        if steps is None:
            raise _apart(name, y, inputs, "[N], [N, M], or [N, T, M] for each step")
        found, per_step = (steps[:, np.newaxis] if steps.ndim == 1 else steps), True
    if found.ndim != 2 or not found.size:
        raise _apart(name, y, inputs, "[N], [N, M], or [N, T, M] for each step")
    return {"values": _floats(name, found, scaled=False), "per_step": per_step}


def _apart(name: str, y: Array, inputs: Inputs, needed: str) -> UnfitError:
    count, steps = len(inputs.lengths), inputs.grid[1:] or (int(inputs.lengths.sum()),)
    each = "steps each" if inputs.grid else "steps together"
    return UnfitError(
        f"has {name} of the shape {_shape(y)}, but {inputs.name} has {count:,} examples of {steps[0]:,} {each}; "
        f"{name} must be {needed}"
    )


def _floats(name: str, x: Array, *, scaled: bool = True) -> Floats:
    """Return numbers as float32; bytes are divided by 255 if they are ``scaled``."""
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(x, np.float32)
    if scaled and x.dtype == np.uint8:
        numbers /= _BYTE
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), x.shape)
        what = "NaN" if np.isnan(numbers[at]) else "infinite" if not np.isfinite(x[at]) else "too large for float32"
        raise UnfitError(f"has a number in {name} that is {what}; the first one is at {tuple(map(int, at))}")
    return numbers


def _strings(name: str, array: Array) -> list[str]:
    """Return the strings of an array."""
    try:
        strings = [text.decode() if isinstance(text, bytes) else str(text) for text in array.tolist()]
        for text in strings:
            text.encode()
    except UnicodeError:
        raise UnfitError(f"has a string in {name} that is not Unicode text") from None
    return strings


def _shape(array: Array) -> str:
    return f"[{', '.join(map(str, array.shape))}]"


def _series(reader: Reader, request: Request, record: dict[str, Any]) -> Examples:
    """Return the series in the array x."""
    x = reader.array("x")
    if x.dtype.kind in _STRINGS or x.ndim not in (1, 2) or not x.size:
        raise UnfitError(f"has no array 'y', and x of the shape {_shape(x)}; a series is x [T] or [T, D] of numbers")
    numbers = _floats("x", x if x.ndim == 2 else x[:, np.newaxis], scaled=False)
    columns = [str(k) for k in range(numbers.shape[1])] if x.ndim == 2 else [""]
    inputs = names_of(request.inputs)
    predicted = names_of(request.labels) or [name for name in columns if name not in inputs]
    for name in (*predicted, *inputs):
        if name not in columns:
            raise CharrnnError(no_column(shown(request.paths[0]), name, columns))
    if not predicted:
        raise UnfitError("has no column to predict; name one with --labels, or fewer with --inputs")
    chosen = list(dict.fromkeys([*predicted, *inputs]))
    numbers = numbers[:, [columns.index(name) for name in chosen]]
    where = shown(request.paths[0])
    found = series_of(chosen, numbers, len(predicted), request.ahead, where, divides=request.divides)
    return replace(found, record=record | {"examples": 1, "steps": found.steps})
