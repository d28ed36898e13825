"""The equations of one cell, put together from `equations`, with the lines of the code and the sizes of its arrays."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path

from charrnn.cells.architecture import Architecture
from charrnn.cells.equations import (
    BACKWARD,
    FORWARD,
    GRADIENT_CODE,
    GRADIENTS,
    INPUT_GRADIENT,
    NOTES,
    OUTPUT,
    TERMS,
    Equation,
    Term,
)
from charrnn.errors import CharrnnError

KERNELS = Path(__file__).parent.parent / "kernels"
SUM_OF = re.compile(r"\$a_?(\w*)")
FLOWS_TO = re.compile(r"\$to\((.+?)\)(?=$)")


@dataclass(frozen=True)
class Explained:
    """An equation of a cell: the pass that it belongs to, its formula, and the code, as a file and a line in it.

    The parts are ``forward``, ``output``, ``backward`` and ``gradients``.
    """

    part: str
    formula: str
    file: Path
    line: int


@dataclass(frozen=True)
class Parameters:
    """Parameters of one shape: their names, the shape in letters and in numbers, and how many numbers are learned.

    The letters are N (inputs), H (units), R (of a projection), and V (characters).
    """

    names: tuple[str, ...]
    letters: str
    shape: tuple[int, ...]
    count: int


def explain(architecture: Architecture) -> list[Explained]:
    """Return the equations of a cell: of its layers forward, of the output, backward, and of the weights' gradients.

    Raises CharrnnError for a cell whose family has none.
    """
    row, flags = architecture.row, architecture.flags
    if row.family not in FORWARD:
        raise CharrnnError(f"the equations of {row.name} are not in charrnn/cells/equations.py")
    terms = _terms(architecture)
    mask = "M" if architecture.periods is not None else ""
    of_terms = [_gradient_of(term, row.family, flags, mask) for term in sorted(terms, key=_parameter_order)]
    parts = {
        "forward": FORWARD[row.family],
        "output": OUTPUT,
        "backward": (*BACKWARD[row.family], INPUT_GRADIENT),
        "gradients": (*of_terms, *GRADIENTS.get(row.family, ())),
    }
    found = []
    for part, equations in parts.items():
        for equation in _chosen(equations, flags):
            formula = _written(equation.formula, terms, mask).replace("$h", f"{row.states[0]}_t")
            formula = formula.replace("$squashed", "c_t" if "noaf" in flags else "tanh(c_t)")
            if not formula.endswith("= "):  # a sum without terms
                found.append(Explained(part, formula, *place(equation.code, equation.words)))
    return found


def notes(architecture: Architecture) -> list[str]:
    """Return remarks on the formulas of a cell."""
    flags = ("", *architecture.flags)
    return [note for (family, flag), note in NOTES.items() if family == architecture.row.family and flag in flags]


def sizes(architecture: Architecture) -> list[Parameters]:
    """Return the sizes of all parameters, those of one layer, letter and shape together, in stored order.

    In a clockwork network, only the part of W that can differ from 0 is learned.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    shapes = architecture.parameter_shapes()
    for name in shapes:
        prefix, _, own = name.rpartition(".")
        groups.setdefault((prefix, own[0]), []).append(name)
    found = []
    for (_, letter), names in groups.items():
        shape = shapes[names[0]]
        count = prod(shape) * len(names)
        if architecture.periods is not None and letter == "W":
            periods = len(architecture.periods)
            count = count * (periods + 1) // (2 * periods)
        found.append(Parameters(tuple(names), _letters(letter, names[0], architecture), shape, count))
    return found


@cache
def place(code: str, words: str) -> tuple[Path, int]:
    """Return the file, and the number of the line, of a function's code that has some words, as `Equation` says.

    Raises LookupError if there is none. The module is read and not imported, as it would import Numba.
    """
    module, function = code.split(".")
    path = KERNELS / f"{module}.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.parse("\n".join(lines)).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            at, last = node.lineno, node.end_lineno or node.lineno
            for part in words.split(" … ") if words else ():
                at = next((n for n in range(at + 1, last + 1) if part in lines[n - 1]), 0)
                if not at:
                    raise LookupError(f"{code} has no line with {words!r}")
            return path, at
    raise LookupError(f"there is no function {code}")


def _chosen(equations: Iterable[Equation], flags: Iterable[str]) -> Iterator[Equation]:
    there = set(flags)
    return (e for e in equations if there.issuperset(e.needs) and there.isdisjoint(e.without))


def _terms(architecture: Architecture) -> list[Term]:
    """Return the terms of the cell's sums: those whose parameters it has."""
    row, flags = architecture.row, set(architecture.flags)
    own = {name.partition(".")[2] for name in architecture.parameter_shapes() if name.startswith("layer0.")}
    terms = (term for term in TERMS[row.family] if term.parameter in own)
    return [term for term in terms if flags.issuperset(term.needs) and flags.isdisjoint(term.without)]


def _written(formula: str, terms: list[Term], mask: str) -> str:
    """Write out the sums in a formula."""

    def entering(match: re.Match[str]) -> str:
        return " + ".join(term.forward(mask) for term in terms if term.into == match[1])

    def flowing(match: re.Match[str]) -> str:
        return " + ".join(term.backward(mask) for term in terms if term.source == match[1])

    return FLOWS_TO.sub(flowing, SUM_OF.sub(entering, formula))


def _parameter_order(term: Term) -> int:
    """Order gradients by what a parameter's name starts with."""
    return "UWRCbp".index(term.parameter[0])


def _gradient_of(term: Term, family: str, flags: Iterable[str], mask: str) -> Equation:
    """Return the gradient of a term's parameter."""
    special = (f"{family} {flag} {term.parameter}" for flag in flags)
    code = next((GRADIENT_CODE[name] for name in special if name in GRADIENT_CODE), None)
    return Equation(term.gradient(mask), *(code or GRADIENT_CODE[term.parameter[0]]))


def _letters(letter: str, name: str, architecture: Architecture) -> str:
    """Return the shape of a parameter in letters."""
    outputs = "R" if architecture.projection else "H"
    if name.endswith("0"):
        return outputs if letter == architecture.row.states[0] else "H"
    known = {"U": "N, H", "W": f"{outputs}, H", "P": "H, R", "V": f"{outputs}, V", "b": "H", "p": "H", "c": "V"}
    return known.get(letter, "H, H")
