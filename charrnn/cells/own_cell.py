"""What is known of a cell that a user wrote, without its code: its states, and the shapes of its parameters."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from charrnn.cells.table import Cell, cell_named
from charrnn.errors import CharrnnError

FAMILY = "own"  # in place of a module in kernels/
MOST_STATES, MOST_PARAMETERS = 16, 64
LONGEST_NAME = 80  # characters of a cell's name
MOST_BLOCKS, MOST_NUMBERS = 64, 65_536  # of a dimension
USUAL = {"U": "input hidden", "W": "hidden hidden", "b": "hidden", "p": "hidden"}  # shapes by first letter

_NAME = re.compile(r"[^/\\:]+:[A-Za-z_]\w*", re.ASCII)
_STATE = re.compile(r"[a-z]{1,12}")
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_SIZE = re.compile(r"(?P<inputs>input)|(?:(?P<blocks>\d{1,2})\*)?hidden|(?P<number>\d{1,6})")


@dataclass(frozen=True)
class Shape:
    """The declared shape of a parameter: ``hidden hidden``, ``4*hidden``, or ``hidden = 1`` with its first values.

    Sizes are ``input`` (N), which can only come first, ``hidden`` (H), a multiple of that, or a number. The first
    values are a number, ``identity``, or the usual ones: zeros for a vector; for a matrix, see `cells.initial`.
    """

    sizes: tuple[str, ...]
    start: str = ""

    @classmethod
    def of(cls, text: str) -> "Shape":
        """Read a declaration; raise CharrnnError if it is not one."""
        dimensions, equals, start = text.partition("=")
        shape = cls(tuple(dimensions.replace(",", " ").split()), start.strip())
        fits = len(shape.sizes) in (1, 2) and all(map(_is_size, shape.sizes)) and "input" not in shape.sizes[1:]
        if not (fits and bool(equals) == bool(start.strip()) and shape._starts()):
            raise CharrnnError(
                f"{text[:40]!r} is not a shape such as 'input hidden', 'hidden hidden', '4*hidden' or 'hidden = 1'"
            )
        return shape

    def _starts(self) -> bool:
        if self.start in ("", "identity"):
            return self.start == "" or len(self.sizes) == 2
        return self.value is not None

    @property
    def value(self) -> float | None:
        """The number that all first values are, or None."""
        if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", self.start, re.IGNORECASE):
            return None
        return number if abs(number := float(self.start)) < 1e30 else None

    @property
    def text(self) -> str:
        """The declaration, spelled in one way."""
        return " ".join(self.sizes) + f" = {self.start}" * bool(self.start)

    @property
    def blocks(self) -> int:
        """How many blocks of H columns it has, each of which is drawn by itself."""
        match = _SIZE.fullmatch(self.sizes[-1])
        return int(match["blocks"] or 1) if match and not match["number"] else 1

    def fitted(self, inputs: int, hidden: int) -> tuple[int, ...]:
        """Return the shape in a layer with N inputs and H units."""
        return tuple(_size(size, inputs, hidden) for size in self.sizes)


def _is_size(text: str) -> bool:
    match = _SIZE.fullmatch(text)
    if not match:
        return False
    return 1 <= int(match["blocks"] or 1) <= MOST_BLOCKS and 1 <= int(match["number"] or 1) <= MOST_NUMBERS


def _size(text: str, inputs: int, hidden: int) -> int:
    match = _SIZE.fullmatch(text)
    assert match
    if match["inputs"]:
        return inputs
    return int(match["number"]) if match["number"] else int(match["blocks"] or 1) * hidden


@dataclass(frozen=True)
class OwnCell:
    """A cell that a user wrote as a function: ``mycell.py:step``.

    ``sha256`` is that of its source; ``parameters`` are pairs of a name and a declared shape. Raises CharrnnError for
    names and shapes that no cell can have.
    """

    name: str
    sha256: str
    states: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.name) and self.name.isprintable() and len(self.name) <= LONGEST_NAME):
            raise CharrnnError(
                f"{self.name[:60]!r} is not the name of a file and a function in it, such as cell.py:step"
            )
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise CharrnnError("a SHA-256 has 64 hexadecimal digits")
        if not 1 <= len(self.states) <= MOST_STATES or len(self.parameters) > MOST_PARAMETERS:
            raise CharrnnError(f"a cell has from 1 to {MOST_STATES} states, and at most {MOST_PARAMETERS} parameters")
        for state in self.states:
            if not _STATE.fullmatch(state) or state == "clock":
                raise CharrnnError(f"a state is named by a few lowercase letters, such as h or c, not {state[:40]!r}")
        names = [*self.states, *(name for name, _ in self.parameters)]
        if len(set(names)) < len(names):
            raise CharrnnError("a name stands for two states or parameters")
        for name, _ in self.parameters:
            if not _PARAMETER.fullmatch(name) or name in {f"{state}0" for state in self.states}:
                raise CharrnnError(f"a parameter cannot be called {name[:40]!r}")
        _ = self.shapes

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The declared shapes of the parameters by name."""
        found = {}
        for name, text in self.parameters:
            try:
                found[name] = Shape.of(text)
            except CharrnnError as error:
                raise CharrnnError(f"the parameter {name}: {error}") from None
        return found

    def fitted(self, inputs: int, hidden: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the name and the shape of each parameter of a layer with N inputs and H units."""
        for name, shape in self.shapes.items():
            yield name, shape.fitted(inputs, hidden)

    @property
    def row(self) -> Cell:
        """Its row, as the cells of the table have one; it has no gates that the program knows."""
        return Cell(self.name, FAMILY, (), (), (), self.states, "", f"SHA-256 {self.sha256}")

    def record(self) -> dict[str, Any]:
        """Return what a model file says of it."""
        return {"sha256": self.sha256, "states": list(self.states), "parameters": dict(self.parameters)}

    @classmethod
    def of_record(cls, name: str, record: Mapping[str, Any]) -> "OwnCell":
        """Read what a model file says of a cell; raise CharrnnError if it is not valid."""
        states, parameters, sha256 = (record.get(field) for field in ("states", "parameters", "sha256"))
        if not (
            set(record) == {"sha256", "states", "parameters"}
            and isinstance(sha256, str)
            and isinstance(states, list)
            and isinstance(parameters, dict)
            and all(isinstance(text, str) for text in (*states, *parameters.values()))
        ):
            raise CharrnnError("the record of its cell is not valid")
        return cls(name, sha256, tuple(states), tuple(parameters.items()))


DECLARED: dict[str, OwnCell] = {}  # by name: the cells that the user has given in this process


def is_own(name: str) -> bool:
    """Return whether a cell's name is that of a file or a function, and not of a row of the table."""
    return ":" in name or name.endswith(".py")


def own_cell(name: str) -> OwnCell | None:
    """Return the cell that the user has given by this name; None for a cell of the table.

    Raises CharrnnError if the name is not that of a row, and was not given.
    """
    if not is_own(name):
        return None
    if name not in DECLARED:
        raise CharrnnError(f"the cell {name:.80} is not part of charrnn; give its file, too: --cell {name:.80}")
    return DECLARED[name]


def row_of(name: str) -> Cell:
    """Return the row of a cell: its row of the table, or that of a cell that the user has given.

    Raises CharrnnError if there is none.
    """
    own = own_cell(name)
    return cell_named(name) if own is None else own.row


def require_possible(network: Any) -> None:  # an Architecture, whose file imports this one
    """Raise CharrnnError for a network that cannot have its cell because it is the user's own."""
    refused = {
        f"it has no task {network.task}": network.task_row.reads_examples,
        "it cannot be bidirectional": network.bidirectional,
        "it has no embedding": network.embedding,
        "it has no condition": network.conditions,
    }
    for reason, asked in refused.items():
        if asked and network.own is not None:
            raise CharrnnError(f"a network with a cell of your own reads and writes a text: {reason}")


def looks_up(network: Any, name: str) -> bool:  # of an Architecture, too
    """Return whether a parameter has a row for each symbol or label that is read, and a step uses only one of them."""
    layer, _, own = name.removeprefix("reverse.").rpartition(".")
    if layer != "layer0" or network.embedding or network.features:
        return layer in ("given", "embedding")
    if network.own is None:
        return own.startswith("U")
    return bool(own in network.own.shapes and "input" in network.own.shapes[own].sizes)
