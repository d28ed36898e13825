"""The influence of a layer's parameters on its states, which real-time recurrent learning carries from step to step."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.cells.real_time import influence_shape, why_not_in_real_time
from charrnn.errors import CharrnnError
from charrnn.kernels import arguments
from charrnn.kernels.arguments import Probes
from charrnn.kernels.llvm.tile import TILE_ROWS
from charrnn.kernels.llvm.vector import padded
from charrnn.kernels.product import PANEL
from charrnn.model.parameters import Array, aligned
from charrnn.storage.archive import MAXIMUM_BYTES


def require_room(architecture: Architecture, streams: int, steps: int) -> None:
    """Raise CharrnnError if a network cannot learn in real time.

    The reason is its architecture, or too little room in this machine's memory or in a model file.
    """
    if reason := why_not_in_real_time(architecture):
        raise CharrnnError(reason)
    units, parameters = influence_shape(architecture)
    stored = 4 * streams * units * parameters
    needed, free = stored + needed_bytes(architecture, streams, steps), available_bytes()
    what = (
        f"real-time recurrent learning of {architecture.cell} with {architecture.hidden:,} units needs "
        f"{needed / 2**30:.1f} GiB for the influence of each weight on each unit"
    )
    if stored + 16 * architecture.parameter_count() > MAXIMUM_BYTES:
        raise CharrnnError(f"{what}, more than a model file can have; use a smaller --hidden")
    if free is not None and needed > free:
        raise CharrnnError(f"{what}, but only {free / 2**30:.1f} GiB is available; use a smaller --hidden")


def needed_bytes(architecture: Architecture, streams: int, steps: int) -> int:
    """Return the bytes of the influence and of a window's probes.

    The window has `steps` steps.
    """
    cell, size = architecture.row, padded(architecture.hidden)
    units = len(cell.states) * architecture.hidden
    columns = sum(rows * size * len(gates) for rows, gates in _parts(architecture))
    a_step = size * (len(cell.gates) + len(cell.recurrent_gates) + len(cell.states) + 1)
    return 4 * units * (streams * columns + (steps + 1) * a_step)


def available_bytes() -> int | None:
    """Return the available memory in bytes, or None if unknown.

    If the system reports only the size of all memory, that is returned.
    """
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _parts(architecture: Architecture) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return the rows and the gates of U, W and b."""
    cell = architecture.row
    return (
        (architecture.vocabulary, cell.input_gates),
        (architecture.hidden, cell.recurrent_gates),
        (1, cell.gates),
    )


class Influence:
    """The influence of each stream, in the layout of the kernels, and the probes that carry it over a window.

    Without padding it is [streams, S·H, P]: ∂(a unit's state)/∂(a parameter of the layer). The states are h's units,
    then c's; the parameters have the order of ``Architecture.parameter_shapes()``.
    """

    def __init__(self, architecture: Architecture, streams: int, steps: int, workers: int) -> None:
        """Allocate the influence; raise CharrnnError as `require_room` does."""
        require_room(architecture, streams, steps)
        cell, size = architecture.row, padded(architecture.hidden)
        self.architecture = architecture
        self._count = N = len(cell.states) * architecture.hidden
        gates, recurrent, S = size * len(cell.gates), size * len(cell.recurrent_gates), len(cell.states)
        columns = sum(rows * size * len(names) for rows, names in _parts(architecture))
        # Zeros that are never written take no memory: the rows of symbols that never occur.
        self._values = aligned(streams, columns * N)
        self._live = np.zeros((streams, architecture.vocabulary + architecture.hidden + 1), np.int32)
        probes = Probes(
            aligned(steps, N, gates),
            aligned(S, 1, steps + 1, N, size),
            aligned(1, steps + 1, N, size),
            aligned(S - 1, 1, 1, N, size),
            aligned(N, steps * recurrent),
            aligned(-(-N // TILE_ROWS), N, TILE_ROWS),
            aligned(workers, N * PANEL),
        )
        self.arguments = arguments.Influence(self._values, self._live), probes
        self.nbytes = sum(array.nbytes for arrays in self.arguments for array in arrays)  # once every symbol occurred

    def begin(self) -> None:
        """Clear the influence, as all streams start again."""
        self._values[:] = 0.0
        self._live[:] = 0

    def next_epoch(self) -> None:
        """Pass each stream's influence on, like `Window.next_epoch`."""
        for array in (self._values, self._live):
            for b in range(len(array) - 1, 0, -1):
                array[b] = array[b - 1]

    def is_finite(self) -> bool:
        """Return whether the whole influence is finite."""
        return all(
            bool(np.isfinite(block[b, row]).all()) for _, block, live in self._blocks() for b, row in np.argwhere(live)
        )

    def carried(self) -> Array:
        """Return a copy without padding."""
        values = np.zeros((len(self._values), *influence_shape(self.architecture)), np.float32)
        for outer, inner in self._pieces(values):
            outer[...] = inner
        return values

    def assign_carried(self, values: NDArray[Any]) -> None:
        """Assign what `carried` returned; raise ValueError for another shape."""
        if values.shape != (len(self._values), *influence_shape(self.architecture)):
            raise ValueError("the influence does not fit the network")
        for outer, inner in self._pieces(values):
            inner[...] = outer
        for _, block, live in self._blocks():
            live[...] = block.any(axis=2)

    def _blocks(self) -> Iterator[tuple[tuple[str, ...], NDArray[Any], NDArray[Any]]]:
        """Yield each block of P, for U, W and b.

        That is its gates, its part of P [streams, rows, columns·N], and which rows are not zero.
        """
        row = place = 0
        for rows, gates in _parts(self.architecture):
            columns = padded(self.architecture.hidden) * len(gates) * self._count
            block = self._values[:, place : place + rows * columns].reshape(len(self._values), rows, columns)
            yield gates, block, self._live[:, row : row + rows]
            row, place = row + rows, place + rows * columns

    def _pieces(self, values: NDArray[Any]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield each piece of `values` with its piece of a panel.

        The values are unpadded. Both pieces are [streams, N, rows, ·].
        """
        hidden, size, N = self.architecture.hidden, padded(self.architecture.hidden), self._count
        begin = 0
        for gates, block, _ in self._blocks():
            rows, columns = block.shape[1], size * len(gates)
            for gate in range(len(gates)):
                whole = values[:, :, begin : begin + rows * hidden].reshape(-1, N, rows, hidden)
                begin += rows * hidden
                first, last = gate * size, gate * size + hidden
                for left in range(first - first % PANEL, last, PANEL):
                    right = min(left + PANEL, columns)
                    panel = block[:, :, left * N : right * N].reshape(-1, rows, N, right - left).swapaxes(1, 2)
                    a, b = max(first, left), min(last, right)
                    yield whole[..., a - first : b - first], panel[..., a - left : b - left]
