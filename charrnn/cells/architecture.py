"""The sizes of a network, and the names and shapes of its parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from charrnn.cells.table import (
    ACTIVATIONS,
    CELLS,
    MAXIMUM_EMBEDDING,
    MAXIMUM_HIDDEN,
    MAXIMUM_LAYERS,
    MAXIMUM_PERIOD,
    PERIODS,
    Cell,
    cell_named,
)
from charrnn.errors import CharrnnError


def gate_name(letter: str, gate: str) -> str:
    """Return the name of a gate's parameter.

    It is that of the equations: U_i, or U if there is only one gate.
    """
    return f"{letter}_{gate}" if gate else letter


@dataclass(frozen=True)
class Architecture:
    """A character-level network: one-hot input, `layers` layers of a cell, a softmax over `vocabulary` symbols.

    With an `embedding` of M numbers (0: none), the input is x_t E, and the first layer's U has M rows (Bengio et al.
    2003).
    `activation`, `projection` (R) and `periods` are options of some cells; None stands for the cell's default. A
    `bidirectional` network has two stacks of layers, of which one reads the text from its end; they meet only at the
    output. With `learned_state`, the initial state is learned. Raises CharrnnError for a size out of range, and for an
    option that the cell does not have.
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
    embedding: int = 0

    def __post_init__(self) -> None:
        row = cell_named(self.cell)
        if self.vocabulary < 1:
            raise CharrnnError("a network needs a vocabulary of at least one symbol")
        if not 1 <= self.hidden <= MAXIMUM_HIDDEN:
            raise CharrnnError(f"the hidden size must be from 1 to {MAXIMUM_HIDDEN:,}, not {self.hidden:,}")
        if not 1 <= self.layers <= MAXIMUM_LAYERS:
            raise CharrnnError(f"the number of layers must be from 1 to {MAXIMUM_LAYERS}, not {self.layers:,}")
        if not 0 <= self.embedding <= MAXIMUM_EMBEDDING:
            raise CharrnnError(
                f"the embedding must have from 0 to {MAXIMUM_EMBEDDING:,} numbers, not {self.embedding:,}"
            )
        usual = {"activation": ACTIVATIONS[0], "projection": max(1, self.hidden // 2), "periods": PERIODS}
        for option, value in usual.items():
            if option not in row.options:
                if getattr(self, option) is not None:
                    having = ", ".join(cell.name for cell in CELLS.values() if option in cell.options)
                    raise CharrnnError(f"the cell {self.cell} has no {option}; use {having}")
            elif getattr(self, option) is None:
                object.__setattr__(self, option, value)
        self._check_options()

    def _check_options(self) -> None:
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise CharrnnError(f"unknown activation {self.activation!r:.60}; choose from {', '.join(ACTIVATIONS)}")
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
                f"the hidden size must be a multiple of the number of periods: {self.hidden:,} units cannot be divided "
                f"into {len(self.periods)} equal groups ({listed:.60})"
            )

    @property
    def row(self) -> Cell:
        """The cell's row of the table."""
        return cell_named(self.cell)

    @property
    def flags(self) -> tuple[str, ...]:
        """How the network's cell differs from the plain cell of its family."""
        activation = () if self.activation in (None, ACTIVATIONS[0]) else (self.activation,)
        return *self.row.flags, *activation

    @property
    def carries(self) -> bool:
        """Whether training carries the state between windows: not if bidirectional, nor with relu (it can diverge)."""
        return not self.bidirectional and "relu" not in self.flags

    @property
    def options(self) -> dict[str, Any]:
        """The options of the cell and of the network, as a model file stores them."""
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.row.options}
        if self.periods is not None:
            chosen["periods"] = list(self.periods)
        chosen |= {name: True for name in ("bidirectional", "learned_state") if getattr(self, name)}
        return chosen | ({"embedding": self.embedding} if self.embedding else {})

    @property
    def directions(self) -> int:
        """The number of stacks of layers: two in a bidirectional network, else one."""
        return 2 if self.bidirectional else 1

    @property
    def outputs(self) -> int:
        """The number of outputs of a layer, to the next layer and to its own next step: H, or R if projected."""
        return self.projection or self.hidden

    def symbols(self, direction: int) -> int:
        """Return the number of symbols that a stack reads.

        The right stack also reads the gap, which stands for a missing character.
        """
        return self.vocabulary + direction

    def inputs(self, layer: int, direction: int = 0) -> int:
        """Return N, the number of inputs of a layer.

        For the first layer it is the number of symbols, or of the embedding's numbers; else H, or R if projected.
        """
        return self.outputs if layer else self.embedding or self.symbols(direction)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by name, in stored order.

        For each layer, by gates: ``layer0.U_i`` [N, H], ``layer0.W_i`` [H, H] ([R, H] with a projection), the cell's
        extra matrices (``R_if`` [H, H], ``P`` [H, R]), ``layer0.b_i`` [H], peepholes ``layer0.p_i`` [H], and learned
        initial states ``layer0.h0`` [H]. Then the same of a right stack, with the prefix ``reverse.``; ``output.V``
        [H, V] or [R, V], ``output.V_reverse``, ``output.c`` [V]; ``embedding.E`` [V, M], in a bidirectional network
        with one more row, for the gap.
        """
        return dict(self._parameters())

    def width(self, kind: str) -> int:
        """Return a state's or gate's size: H, or R if projected."""
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
        if self.embedding:
            yield "embedding.E", (self.symbols(self.directions - 1), self.embedding)

    @property
    def extra_size(self) -> int:
        """The width of each column block of the cell's extra matrices."""
        return self.outputs if self.projection else self.hidden

    def stored_count(self) -> int:
        """Return the number of parameters that are stored."""
        return sum(prod(shape) for _, shape in self._parameters())

    def parameter_count(self) -> int:
        """Return the number of parameters that are learned.

        In a clockwork network, only the part of W counts where a unit reads another.
        """
        groups = len(self.periods or (1,))
        size = self.hidden // groups
        unheard = size * size * groups * (groups - 1) // 2
        return self.stored_count() - self.directions * self.layers * unheard

    def multiply_adds(self) -> int:
        """Return the number of multiply-adds per character.

        It is one for each weight. What is only looked up does not count: the embedding, or without one the first
        layer's U. A clockwork network computes each unit only once in its period.
        """
        count, looked_up = 0.0, "embedding." if self.embedding else "layer0.U"
        for name, shape in self._parameters():
            if len(shape) == 2 and not name.removeprefix("reverse.").startswith(looked_up):
                rests = self.periods is not None and name.endswith(".W")
                columns = sum(1.0 / period for period in self.unit_periods()) if rests else shape[1]
                count += shape[0] * columns
        return round(count)

    @property
    def description(self) -> str:
        """The network in words, such as ``lstm, 2 layers of 128``."""
        words = [self.cell, f"{self.layers} layer{'s' * (self.layers > 1)} of {self.hidden}"]
        if self.activation not in (None, ACTIVATIONS[0]):
            words[0] += f" ({self.activation})"
        if self.projection is not None:
            words.append(f"projected to {self.projection}")
        if self.periods is not None:
            words.append(f"periods {','.join(map(str, self.periods))}")
        if self.embedding:
            words.append(f"embedding of {self.embedding}")
        if self.bidirectional:
            words.append("bidirectional")
        if self.learned_state:
            words.append("learned initial state")
        return ", ".join(words)

    def unit_periods(self) -> list[int]:
        """Return the period of each unit [H], in steps.

        It is 1 except in a clockwork network.
        """
        periods = self.periods or (1,)
        return [period for period in periods for _ in range(self.hidden // len(periods))]
