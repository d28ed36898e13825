"""The sizes of a network, and the names and shapes that follow from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from charrnn.cells.table import (
    ACTIVATIONS,
    CELLS,
    MAXIMUM_HIDDEN,
    MAXIMUM_LAYERS,
    MAXIMUM_PERIOD,
    PERIODS,
    Cell,
    cell_named,
)
from charrnn.errors import CharrnnError


def gate_name(letter: str, gate: str) -> str:
    """Name a gate's parameter as the equations do: U_i, or plain U where there is but one gate."""
    return f"{letter}_{gate}" if gate else letter


@dataclass(frozen=True)
class Architecture:
    """A network of characters: one-hot input, `layers` layers of a cell, a softmax over `vocabulary` symbols.

    `activation`, `projection` (R) and `periods` are options of some cells: None stands for the usual one where a cell
    has it. A `bidirectional` network has two stacks of layers, of which one reads the text from its end; they meet at
    the output only. With `learned_state` the state that a text begins from is learnt. Raises CharrnnError where a size
    makes no network, or where the cell has no such option.
    """

    cell: str
    vocabulary: int
    hidden: int
    layers: int = 1
    activation: str | None = None
    projection: int | None = None
    periods: tuple[int, ...] | None = None
    bidirectional: bool = False
    learned_state: bool = False

    def __post_init__(self) -> None:
        row = cell_named(self.cell)
        if self.vocabulary < 1:
            raise CharrnnError("a network needs a vocabulary of at least one symbol")
        if not 1 <= self.hidden <= MAXIMUM_HIDDEN:
            raise CharrnnError(f"the hidden size must be from 1 to {MAXIMUM_HIDDEN:,}, not {self.hidden:,}")
        if not 1 <= self.layers <= MAXIMUM_LAYERS:
            raise CharrnnError(f"the number of layers must be from 1 to {MAXIMUM_LAYERS}, not {self.layers:,}")
        usual = {"activation": ACTIVATIONS[0], "projection": max(1, self.hidden // 2), "periods": PERIODS}
        for option, value in usual.items():
            if option not in row.options:
                if getattr(self, option) is not None:
                    having = ", ".join(cell.name for cell in CELLS.values() if option in cell.options)
                    raise CharrnnError(f"the cell {self.cell} has no {option}; {having} has")
            elif getattr(self, option) is None:
                object.__setattr__(self, option, value)
        self._check_options()

    def _check_options(self) -> None:
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise CharrnnError(f"there is no activation {self.activation!r:.60}; there are {', '.join(ACTIVATIONS)}")
        if self.projection is not None and not 1 <= self.projection <= self.hidden:
            raise CharrnnError(
                f"the projection must be from 1 to the hidden size, {self.hidden:,}, not {self.projection:,}"
            )
        if self.periods is None:
            return
        listed = ",".join(map(str, self.periods))
        ordered = all(a < b for a, b in pairwise(self.periods))
        if not (self.periods and ordered and self.periods[0] >= 1 and self.periods[-1] <= MAXIMUM_PERIOD):
            raise CharrnnError(
                f"the periods must be whole numbers from 1 to {MAXIMUM_PERIOD:,}, each larger than the one before, "
                f"not {listed[:60]!r}"
            )
        if self.hidden % len(self.periods):
            raise CharrnnError(
                f"the hidden size must be a multiple of the number of periods: {self.hidden:,} units cannot be shared "
                f"out among {len(self.periods)} ({listed:.60})"
            )

    @property
    def row(self) -> Cell:
        """The cell's row of the table."""
        return cell_named(self.cell)

    @property
    def flags(self) -> tuple[str, ...]:
        """In what the network's cell differs from its family's plain one."""
        activation = () if self.activation in (None, ACTIVATIONS[0]) else (self.activation,)
        return *self.row.flags, *activation

    @property
    def carries(self) -> bool:
        """Whether training carries the state from window to window: not where nothing bounds it, as it runs away."""
        return not self.bidirectional and "relu" not in self.flags

    @property
    def options(self) -> dict[str, Any]:
        """What is not as in a plain network of the cell, as a model file has it."""
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.row.options}
        if self.periods is not None:
            chosen["periods"] = list(self.periods)
        return chosen | {name: True for name in ("bidirectional", "learned_state") if getattr(self, name)}

    @property
    def directions(self) -> int:
        """How many stacks of layers there are: two in a bidirectional network."""
        return 2 if self.bidirectional else 1

    @property
    def outputs(self) -> int:
        """How many numbers a layer hands up, and back to itself: H, or R where they are projected."""
        return self.projection or self.hidden

    def symbols(self, direction: int) -> int:
        """Return how many symbols a stack reads: from the right, the gap too, which stands for what is not known."""
        return self.vocabulary + direction

    def inputs(self, layer: int, direction: int = 0) -> int:
        """Return N, how many inputs a layer has: the symbols for the first, else H, or R."""
        return self.symbols(direction) if layer == 0 else self.outputs

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by its name, in the order in which they are stored.

        For each layer, by gates: ``layer0.U_i`` [N, H], ``layer0.W_i`` [H, H] ([R, H] where there is a projection),
        what the cell has beside (``R_if`` [H, H], ``P`` [H, R]), ``layer0.b_i`` [H], peepholes ``layer0.p_i`` [H], and
        learned first states ``layer0.h0`` [H]; then the same with ``reverse.`` before it; ``output.V`` [H, V] or
        [R, V], ``output.V_reverse``, ``output.c`` [V].
        """
        return dict(self._parameters())

    def width(self, kind: str) -> int:
        """Return how many there are of a state or a gate: H, or R of what is projected."""
        return self.outputs if kind == self.row.states[0] else self.hidden

    def _parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        size, cell, outputs = self.hidden, self.row, self.outputs
        for direction in range(self.directions):
            for layer in range(self.layers):
                prefix = f"{'reverse.' * direction}layer{layer}."
                for gate in cell.input_gates:
                    yield prefix + gate_name("U", gate), (self.inputs(layer, direction), size)
                for gate in cell.recurrent_gates:
                    yield prefix + gate_name("W", gate), (outputs, size)
                for names in cell.extra:
                    for name in names:
                        yield prefix + name, (size, self.extra_size)
                for gate in cell.gates:
                    yield prefix + gate_name("b", gate), (size,)
                for gate in cell.peepholes:
                    yield f"{prefix}p_{gate}", (size,)
                for state in cell.learnable_states if self.learned_state else ():
                    yield f"{prefix}{state}0", (self.width(state),)
        yield "output.V", (outputs, self.vocabulary)
        if self.bidirectional:
            yield "output.V_reverse", (outputs, self.vocabulary)
        yield "output.c", (self.vocabulary,)

    @property
    def extra_size(self) -> int:
        """How wide each column block of the cell's extra matrices is."""
        return self.outputs if self.projection else self.hidden

    def stored_count(self) -> int:
        """Return how many numbers all parameters have together, as they are stored."""
        return sum(prod(shape) for _, shape in self._parameters())

    def parameter_count(self) -> int:
        """Return how many numbers the network learns: of W in a clockwork network, only what a unit can hear."""
        groups = len(self.periods or (1,))
        unheard = (self.hidden // groups) ** 2 * groups * (groups - 1) // 2
        return self.stored_count() - self.directions * self.layers * unheard

    def multiply_adds(self) -> int:
        """Return how many weights a character is multiplied with on its way: a first layer's U is only looked up.

        A clockwork network computes each unit once in its period only.
        """
        count = 0.0
        for name, shape in self._parameters():
            if len(shape) == 2 and not name.removeprefix("reverse.").startswith("layer0.U"):
                rests = self.periods is not None and name.endswith(".W")
                columns = sum(1.0 / period for period in self.unit_periods()) if rests else shape[1]
                count += shape[0] * columns
        return round(count)

    @property
    def description(self) -> str:
        """The network in words, as ``lstm, 2 layers of 128``."""
        words = [self.cell, f"{self.layers} layer{'s' * (self.layers > 1)} of {self.hidden}"]
        if self.activation not in (None, ACTIVATIONS[0]):
            words[0] += f" ({self.activation})"
        if self.projection is not None:
            words.append(f"projected to {self.projection}")
        if self.periods is not None:
            words.append(f"periods {','.join(map(str, self.periods))}")
        if self.bidirectional:
            words.append("from both sides")
        if self.learned_state:
            words.append("learned first state")
        return ", ".join(words)

    def unit_periods(self) -> list[int]:
        """Return how many steps there are from one computation of each unit [H] to its next: 1 but in clockwork."""
        periods = self.periods or (1,)
        return [period for period in periods for _ in range(self.hidden // len(periods))]
