"""The sizes of a network, and the names and shapes that follow from them."""

from collections.abc import Iterator
from dataclasses import dataclass

from charrnn.cells.table import Cell, cell_named
from charrnn.errors import CharrnnError

MAXIMUM_HIDDEN = 16_384
MAXIMUM_LAYERS = 64


def gate_name(letter: str, gate: str) -> str:
    """Name a gate's parameter as the equations do: U_i, or plain U where there is but one gate."""
    return f"{letter}_{gate}" if gate else letter


@dataclass(frozen=True)
class Architecture:
    """A network of characters: one-hot input, `layers` layers of a cell, a softmax over `vocabulary` symbols.

    Raises CharrnnError where a size makes no network.
    """

    cell: str
    vocabulary: int
    hidden: int
    layers: int = 1

    def __post_init__(self) -> None:
        cell_named(self.cell)
        if self.vocabulary < 1:
            raise CharrnnError("a network needs a vocabulary of at least one symbol")
        if not 1 <= self.hidden <= MAXIMUM_HIDDEN:
            raise CharrnnError(f"the hidden size must be from 1 to {MAXIMUM_HIDDEN:,}, not {self.hidden:,}")
        if not 1 <= self.layers <= MAXIMUM_LAYERS:
            raise CharrnnError(f"the number of layers must be from 1 to {MAXIMUM_LAYERS}, not {self.layers:,}")

    @property
    def row(self) -> Cell:
        """The cell's row of the table."""
        return cell_named(self.cell)

    def inputs(self, layer: int) -> int:
        """Return N, how many inputs a layer has: the vocabulary for the first, else H."""
        return self.vocabulary if layer == 0 else self.hidden

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by its name, in the order of the flat vector.

        ``layer0.U_i`` [N, H], ``layer0.W_i`` [H, H], ``layer0.b_i`` [H] for each gate, ``output.V`` [H, V],
        ``output.c`` [V].
        """
        return dict(self._parameters())

    def _parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        size, cell = self.hidden, self.row
        for layer in range(self.layers):
            for gate in cell.input_gates:
                yield f"layer{layer}.{gate_name('U', gate)}", (self.inputs(layer), size)
            for gate in cell.recurrent_gates:
                yield f"layer{layer}.{gate_name('W', gate)}", (size, size)
            for gate in cell.gates:
                yield f"layer{layer}.{gate_name('b', gate)}", (size,)
        yield "output.V", (size, self.vocabulary)
        yield "output.c", (self.vocabulary,)

    def parameter_count(self) -> int:
        """Return how many numbers the network learns."""
        count = 0
        for _, shape in self._parameters():
            count += shape[0] * (shape[1] if len(shape) > 1 else 1)
        return count
