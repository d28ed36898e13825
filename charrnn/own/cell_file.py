"""Cells in users' files: the only place where the program runs a user's code, when the user names its file.

A model file holds the name of such a cell, and the SHA-256 of its source, but no code.
"""

import ast
import hashlib
import inspect
import io
import linecache
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from charrnn.cells.own_cell import DECLARED, USUAL, OwnCell
from charrnn.errors import CharrnnError
from charrnn.own.step import Step, in_sentences
from charrnn.storage.files import shown

GIVEN: dict[str, Step] = {}  # by the SHA-256 of the source: what the user has given in this process
MOST_BYTES = 1 << 20  # of a file

Cell = str | Callable[..., Any]


def give(cell: Cell) -> OwnCell:
    """Take a cell from the user, ``mycell.py:step`` or a function, and run its file; models can use it from now on.

    Raises CharrnnError, in one sentence, for a file that cannot be read or run, and a function that is no cell.
    """
    step = _of_function(cell) if callable(cell) else _of_file(cell)
    DECLARED[step.cell.name] = step.cell
    GIVEN[step.cell.sha256] = step
    return step.cell


def step_of(cell: OwnCell, model: str = "") -> Step:
    """Return the step of a cell that the user has given.

    Raises CharrnnError if it was not given, or if its source has changed since a model was trained with it.
    """
    step = GIVEN.get(cell.sha256)
    if step is not None and (step.cell.states, step.cell.parameters) == (cell.states, cell.parameters):
        return step
    who = shown(model) if model else "the model"
    function = cell.name.rpartition(":")[2]
    for name in DECLARED:
        if name.rpartition(":")[2] == function:
            raise CharrnnError(
                f"{who} was trained with another {function} than that of {name}: its source has changed (its SHA-256 "
                "differs); give the file as it was then, or train a new model"
            )
    raise CharrnnError(
        f"{who} computes with a cell of your own, whose code no model file holds; give its file, too: "
        f"--cell {cell.name}"
    )


def _of_file(name: str) -> Step:
    """Load ``path:function``."""
    path, colon, function = name.rpartition(":")
    if not colon or not function.isidentifier():
        raise CharrnnError(f"name the function in the file, too: --cell {shown(name.rstrip(':'))}:step")
    source = _read(path)
    with in_sentences(path):
        code = compile(source, path, "exec", dont_inherit=True)
    module = types.ModuleType(Path(path).stem)
    module.__file__ = path
    with in_sentences(path):
        exec(code, module.__dict__)
    found = vars(module).get(function)
    if not inspect.isfunction(found):
        others = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        there = f"; it has {', '.join(others)}" if others else ""
        what = "no function" if found is None else f"{function}, but it is no function"
        raise CharrnnError(f"{shown(path)} has {what}{f' {function}' * (found is None)}{there}")
    cell = _declared(found, f"{Path(path).name}:{function}", used_source(source, function), path)
    return Step(cell, found, path)


def _read(path: str) -> str:
    """Return the source in a file; raise CharrnnError if it is none."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise CharrnnError(f"the cell's file {shown(path)} cannot be read: {reason}") from None
    if len(raw) > MOST_BYTES:
        raise CharrnnError(f"the cell's file {shown(path)} has more than a megabyte; give a file of Python")
    try:
        return io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        raise CharrnnError(f"the cell's file {shown(path)} is not UTF-8; give a file of Python") from None


def _of_function(function: Callable[..., Any]) -> Step:
    """Take a function of a running program, such as a notebook."""
    if not inspect.isfunction(function):
        raise CharrnnError(f"a cell is a function, not {type(function).__name__}")
    file = function.__code__.co_filename
    whole = "".join(linecache.getlines(file))
    source = used_source(whole, function.__name__) if whole and function.__qualname__ == function.__name__ else ""
    if not source:
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError):
            raise CharrnnError(
                f"the source of {function.__name__} cannot be read; write it into a file, and give cell='file.py:step'"
            ) from None
    where = Path(file).name if Path(file).is_file() else "python"
    name = function.__name__ if function.__name__.isidentifier() else "step"
    return Step(_declared(function, f"{where}:{name}", source, file), function, file)


def _declared(function: types.FunctionType, name: str, source: str, file: str) -> OwnCell:
    """Read a function's states and parameters from its signature."""
    states: list[str] = []
    parameters: list[tuple[str, str]] = []
    where = f"{file}, line {function.__code__.co_firstlineno}"
    example = f"def {function.__name__ if function.__name__.isidentifier() else 'step'}(x, h, *, U, W, b):"
    for own in inspect.signature(function).parameters.values():
        if own.kind in (own.VAR_POSITIONAL, own.VAR_KEYWORD):
            raise CharrnnError(f"{where}: a cell names its states and parameters one by one, as in: {example}")
        if own.kind is own.KEYWORD_ONLY:
            parameters.append((own.name, _shape_of(own, where)))
        elif own.default is not own.empty:
            raise CharrnnError(
                f"{where}: {own.name} has a default, so it is a parameter, and comes after the star, as in: {example}"
            )
        else:
            states.append(own.name)
    if len(states) < 2:
        raise CharrnnError(f"{where}: a cell takes what it reads, x, and at least one state, as in: {example}")
    del states[0]
    try:
        return OwnCell(name, hashlib.sha256(source.encode()).hexdigest(), tuple(states), tuple(parameters))
    except CharrnnError as error:
        raise CharrnnError(f"{where}: {error}") from None


def _shape_of(parameter: inspect.Parameter, where: str) -> str:
    """Return the declared shape of a parameter: its default, or what its first letter stands for."""
    if parameter.default is parameter.empty:
        usual = USUAL.get(parameter.name.partition("_")[0])
        if usual is None:
            raise CharrnnError(
                f'{where}: the parameter {parameter.name} needs a shape, such as {parameter.name}="hidden hidden" or '
                f'{parameter.name}="hidden = 1"; only U, W, b and p have a usual one'
            )
        return usual
    if not isinstance(parameter.default, str):
        raise CharrnnError(f'{where}: the shape of {parameter.name} is not a string such as "hidden hidden"')
    return parameter.default


def used_source(source: str, name: str) -> str:
    """Return the statements of a file that define a name, and all that these use, in the file's order.

    It is "" if no top-level statement defines it. Comments between statements do not count, and neither does whatever
    else is in the file.
    """
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # such as that of a notebook's cell, with commands of its own
        return ""
    makers: dict[str, list[ast.stmt]] = {}
    for statement in statements:
        for made in _made_by(statement):
            makers.setdefault(made, []).append(statement)
    used: list[ast.stmt] = []
    waiting = [name]
    while waiting:
        for statement in makers.get(waiting.pop(), ()):
            if statement not in used:
                used.append(statement)
                waiting += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    lines = source.splitlines()
    parts = sorted((_first_line(statement), statement.end_lineno or 0) for statement in used)
    return "\n".join("\n".join(lines[begin - 1 : end]) for begin, end in parts)


def _made_by(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement defines."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _first_line(statement: ast.stmt) -> int:
    """Return the line on which a statement begins, with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(int(decorator.lineno) for decorator in decorators)])
