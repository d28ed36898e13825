"""A step that a user wrote: it is called here, what it returns is checked, and its errors become one sentence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.cells.own_cell import OwnCell
from charrnn.errors import CharrnnError
from charrnn.own.products import Values
from charrnn.own.variable import OneHot, Tape, Variable, go_back

TRIED_STEPS = 3  # of the first try, from the zero state


@dataclass(frozen=True)
class Step:
    """A user's function and what is known of it; ``file`` is the name of its source in Python's tracebacks."""

    cell: OwnCell
    function: Callable[..., Any]
    file: str

    def __call__(self, x: Variable, states: Sequence[Variable], parameters: Mapping[str, Variable]) -> list[Variable]:
        """Return the new states [B, H] of the states before, what is read [B, N] and the parameters.

        Raises CharrnnError, with the place in the user's file, for any error in the function, and for a result that is
        not one array [B, H] per state.
        """
        with in_sentences(self.file):
            result = self.function(x, *states, **parameters)
        found = list(result) if isinstance(result, tuple | list) else [result]
        names, shape = self.cell.states, states[0].shape
        if len(found) != len(names):
            arrays = f"{len(found)} array{'s' * (len(found) != 1)}"
            raise CharrnnError(
                f"{self.cell.name} returns {arrays}, but its states are {', '.join(names)}: return {', '.join(names)}"
            )
        for name, value in zip(names, found, strict=True):
            if not isinstance(value, Variable | np.ndarray) or np.asarray(_values(value)).dtype.kind not in "fiub":
                raise CharrnnError(f"{self.cell.name} returns {type(value).__name__} for {name}, not an array")
            if value.shape != shape:
                raise CharrnnError(
                    f"{self.cell.name} returns an array of shape {list(value.shape)} for {name}, not {list(shape)}: "
                    "rows of text × hidden units"
                )
        dtype = states[0].dtype
        return [v if isinstance(v, Variable) else Variable(np.asarray(v, dtype)) for v in found]

    def rehearse(self, layers: Sequence[Mapping[str, Values]], symbols: int, hidden: int) -> None:
        """Try some steps, and their gradient, with the parameters of each layer; raise CharrnnError for what is wrong.

        Besides the errors of a call: NaN or infinity, with the line where it comes from, and results that differ from
        call to call.
        """
        ids = np.array([0, symbols - 1])
        with np.errstate(all="ignore"):
            found, again = (self._try(layers, ids, symbols, hidden) for _ in range(2))
        if any(value.tobytes() != other.tobytes() for value, other in zip(found, again, strict=True)):
            raise CharrnnError(
                f"{self.cell.name} returns other values when it is called again; it cannot draw random numbers or "
                "remember anything but its states"
            )
        if not all(np.isfinite(value).all() for value in found):
            with np.errstate(invalid="raise", divide="raise"), in_sentences(self.file, FloatingPointError):
                self._try(layers, ids, symbols, hidden)
            raise CharrnnError(f"{self.cell.name} returns NaN or infinity, or its derivative is, in the first steps")

    def _try(self, layers: Sequence[Mapping[str, Values]], ids: Values, symbols: int, hidden: int) -> list[Values]:
        """Return the states of some steps, and the gradient of the sum of the outputs."""
        tape: Tape = []
        found: list[Values] = []
        leaves: list[Variable] = []
        inputs: list[Variable] = [OneHot(ids, symbols)] * TRIED_STEPS
        for layer in layers:
            parameters = {name: Variable(values, tape) for name, values in layer.items()}
            leaves += parameters.values()
            states = [Variable(np.zeros((ids.size, hidden), np.float32)) for _ in self.cell.states]
            outputs = []
            for x in inputs:
                states = self(x, states, parameters)
                found += [state.value for state in states]
                outputs.append(next(iter(states)))
            inputs = outputs
        for output in inputs:
            output.accumulate(np.ones_like(output.value))
        go_back(tape)
        return found + [leaf.gradient for leaf in leaves if leaf.gradient is not None]


def _values(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


@contextmanager
def in_sentences(file: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn the errors of a user's code into a CharrnnError that says where in the user's file they come from.

    That is the last line of the file that was running. By default, all errors are turned.
    """
    try:
        yield
    except CharrnnError:
        raise
    except (Exception, SystemExit) as error:
        if kinds and not isinstance(error, kinds):
            raise
        raise CharrnnError(f"{place_of(error, file)}: {what_happened(error)}") from None


def place_of(error: BaseException, file: str) -> str:
    """Return the file, and the last line of it that was running when an error came up."""
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == file else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{file}, line {line}" if line else file


def what_happened(error: BaseException) -> str:
    """Return an error in one line."""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(said.split())
    return f"{type(error).__name__}: {words:.300}" if words else type(error).__name__
