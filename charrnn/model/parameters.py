"""A network's parameters in one flat vector."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture, gate_name
from charrnn.kernels.arguments import Weights
from charrnn.kernels.llvm.vector import padded, whole_blocks

Array = NDArray[np.float32]


def aligned(*shape: int) -> Array:
    """Return zeros that start on a cache line.

    So no vector load straddles two cache lines.
    """
    size = int(np.prod(shape))
    raw = np.zeros(size + 32, np.float32)  # room for the alignment, and for a vector that is read at the end
    skip = (-raw.ctypes.data % 64) // 4
    return raw[skip : skip + size].reshape(shape)


def nbytes_of(values: Sequence[object]) -> int:
    """Return the bytes of all arrays in nested lists."""
    arrays = [value.nbytes for value in values if isinstance(value, np.ndarray)]
    return sum(arrays) + sum(nbytes_of(value) for value in values if isinstance(value, list | tuple))


class Parameters:
    """All parameters of a network, or their gradient, or a moment of it: one flat vector and views into it.

    ``blocks`` are the padded views that kernels read, and ``begins`` the places where they begin. ``named`` maps the
    names of ``Architecture.parameter_shapes()`` to views without the padding. The padding is zero and stays zero:
    nothing flows into it, so its gradient is zero too. At the end is what steps can pick rows of: V and E, and if
    `picking` without an embedding, the first layers' U. At the beginning are those of an ``encoder``.
    """

    encoder: "Parameters | None"
    flat: Array

    def __init__(self, architecture: Architecture, flat: Array | None = None, *, picking: bool = False) -> None:
        """Allocate the flat vector, or use an existing one."""
        self.architecture, self.picking, self.encoder = architecture, picking, None
        begin = 0  # of its own parameters
        if architecture.encoder is not None:
            begin = Parameters(architecture.encoder).flat.size
        cell, size, stacks = architecture.row, padded(architecture.hidden), architecture.directions
        inner, predicted = padded(architecture.outputs), padded(architecture.predicted)
        read, embedding = architecture.symbols(stacks - 1), architecture.embedding
        dense = embedding or architecture.features
        layers = stacks * architecture.layers
        fed, gates = len(cell.input_gates) * size, len(cell.gates) * size
        columns = len(cell.extra[0]) * padded(architecture.extra_size) if cell.extra else 0
        shapes: dict[str, tuple[int, ...]] = {
            "first_U": (stacks, padded(dense) if dense else read, fed),
            "U": (layers - stacks, padded(architecture.inputs(1)), fed),
            "W": (layers, inner, len(cell.recurrent_gates) * size),
            "b": (layers, gates),
            "c": (predicted,),
            "extra": (layers, len(cell.extra), size, columns),
            "peepholes": (layers, len(cell.peepholes), size),
            "initial": (layers, len(architecture.stored_states), size),
            "own": (padded(sum(map(prod, self._shapes_of_own_cell().values()))),),
            "given": (padded(architecture.conditions), fed) if architecture.conditions else (0, 0),
            "attention": (2, inner, inner) if architecture.attention else (0, 0, 0),
            "V": (stacks, predicted, inner),
            "E": (read, padded(embedding)) if embedding else (0, 0),
        }
        if picking and not embedding:
            shapes["first_U"] = shapes.pop("first_U")  # after V
        places, end = {}, begin
        for name, shape in shapes.items():
            if name in ("V", "E"):  # steps that do not update all of it leave out whole blocks
                end = whole_blocks(end)
            places[name] = slice(end, end + int(np.prod(shape)))
            end = places[name].stop
        self.flat = aligned(whole_blocks(end)) if flat is None else flat
        if architecture.encoder is not None:
            self.encoder = Parameters(architecture.encoder, self.flat[:begin])
        self.begins = {name: place.start for name, place in places.items()}
        views = {name: self.flat[places[name]].reshape(shape) for name, shape in shapes.items()}
        periods = aligned(size)
        periods[: architecture.hidden] = architecture.unit_periods()
        named = dict(self._name(views, size))
        own = views.pop("own")  # which kernels do not read
        named |= {name: own[part].reshape(shape) for name, part, shape in self._cut()} if own.size else {}
        self.blocks = Weights(**views, periods=periods)
        self.named: dict[str, Array] = {name: named[name] for name in architecture.parameter_shapes()}

    def _shapes_of_own_cell(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the parameters of a cell of the user's own, by name."""
        architecture, found = self.architecture, {}
        for layer in range(architecture.layers if architecture.own else 0):
            assert architecture.own is not None
            for name, shape in architecture.own.fitted(architecture.inputs(layer), architecture.hidden):
                found[f"layer{layer}.{name}"] = shape
        return found

    def _cut(self) -> Iterator[tuple[str, slice, tuple[int, ...]]]:
        """Yield the place of each of them, end to end."""
        begin = 0
        for name, shape in self._shapes_of_own_cell().items():
            yield name, slice(begin, begin + prod(shape)), shape
            begin += prod(shape)

    def _name(self, views: Mapping[str, Array], size: int) -> Iterator[tuple[str, Array]]:
        architecture = self.architecture
        if self.encoder is not None:
            yield from ((f"encoder.{name}", view) for name, view in self.encoder.named.items())
        cell, hidden, outputs, depth = architecture.row, architecture.hidden, architecture.outputs, architecture.layers
        for layer in range(architecture.directions * depth):
            stack, level = divmod(layer, depth)
            prefix = f"{'reverse.' * stack}layer{level}."
            rows = architecture.inputs(level, stack)
            for letter, block, gates in (
                ("U", views["U"][layer - 1 - stack] if level else views["first_U"][stack], cell.input_gates),
                ("W", views["W"][layer], cell.recurrent_gates),
                ("b", views["b"][layer], cell.gates),
            ):
                height = {"U": rows, "W": outputs}.get(letter)
                for place, gate in enumerate(gates):
                    columns = slice(place * size, place * size + hidden)
                    view = block[columns] if height is None else block[:height, columns]
                    yield prefix + gate_name(letter, gate), view
            width = padded(architecture.extra_size)
            for block, names in zip(views["extra"][layer], cell.extra, strict=True):
                for place, name in enumerate(names):
                    yield prefix + name, block[:hidden, place * width : place * width + architecture.extra_size]
            for vector, gate in zip(views["peepholes"][layer], cell.peepholes, strict=True):
                yield f"{prefix}p_{gate}", vector[:hidden]
            for vector, state in zip(views["initial"][layer], architecture.stored_states, strict=True):
                yield f"{prefix}{state}0", vector[: architecture.width(state)]
        for place, gate in enumerate(cell.input_gates if architecture.conditions else ()):
            columns = slice(place * size, place * size + hidden)
            yield f"given.{gate_name('W', gate)}", views["given"][: architecture.conditions, columns]
        for place, read in enumerate(("context", "state") if architecture.attention else ()):
            yield f"attention.W_{read}", views["attention"][place][:outputs, :outputs]
        for stack in range(architecture.directions):
            yield f"output.V{'_reverse' * stack}", views["V"][stack][: architecture.predicted, :outputs].T
        yield "output.c", views["c"][: architecture.predicted]
        if architecture.embedding:
            yield "embedding.E", views["E"][:, : architecture.embedding]

    def alike(self, flat: Array | None = None) -> "Parameters":
        """Return parameters in the same places: zeros, or those of an existing flat vector."""
        return Parameters(self.architecture, flat, picking=self.picking)

    def assign(self, values: Mapping[str, Array]) -> None:
        """Copy the values of named arrays."""
        for name, view in self.named.items():
            view[...] = values[name]

    def concatenated(self) -> Array:
        """Return all named arrays end to end, without padding.

        Checkpoints store the last weights and the moments in this form.
        """
        return np.concatenate([view.ravel() for view in self.named.values()])

    def assign_concatenated(self, values: Array) -> None:
        """Assign what `concatenated` returned."""
        begin = 0
        for view in self.named.values():
            view[...] = values[begin : begin + view.size].reshape(view.shape)
            begin += view.size
