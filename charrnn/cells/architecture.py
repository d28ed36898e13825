"""The sizes of a network, and the names and shapes of its parameters."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

from charrnn.cells.own_cell import OwnCell, looks_up, own_cell, require_possible
from charrnn.cells.table import (
    ACTIVATIONS,
    CELLS,
    FIRST_STATES,
    MAXIMUM_EMBEDDING,
    MAXIMUM_HIDDEN,
    MAXIMUM_LAYERS,
    MAXIMUM_PERIOD,
    PERIODS,
    Cell,
    cell_named,
)
from charrnn.cells.tasks import TASKS, Task, check_pairs, checked_step, task_named
from charrnn.errors import CharrnnError

MAXIMUM_FEATURES = 65_536  # numbers that are read at a step
MAXIMUM_STEPS = 65_536  # of a window or an example that is read at once
MAXIMUM_TARGETS = 65_536  # classes or numbers that are predicted


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
    output. The `first_state`, from which a text is read, is zero, learned, or random: drawn once, and then kept.

    A network for another `task` reads whole examples: texts, or with `features`, that many numbers at each step. It has
    `targets` outputs, K: classes or numbers. `head` says which, and `pooling` from what they are predicted. If such a
    network is bidirectional, its stacks meet at the output, and if they are `joined`, each layer reads both layers
    below.

    A network that translates has an `encoder`, to which the directions belong, and `targets` symbols to write; with
    `attention`, it looks back at all of the encoder's outputs. A network that generates can have a condition of K
    numbers, `conditions`: v W_v is added to what the first layer reads at every step, or, if it is `given_at` the first
    one, in a step of its own before the text (Vinyals et al. 2015). Raises CharrnnError for a size out of range, and
    for an option that the cell or the task does not have.
    """

    cell: str
    vocabulary: int
    hidden: int
    layers: int = 1
    activation: str | None = None
    projection: int | None = None
    periods: tuple[int, ...] | None = None
    bidirectional: bool = False
    first_state: str = FIRST_STATES[0]
    embedding: int = 0
    task: str = ""  # generate, or fill if bidirectional
    features: int = 0
    targets: int = 0
    head: str = ""
    pooling: str = ""
    joined: bool = False
    attention: bool = False
    conditions: int = 0
    given_at: str = ""
    own: OwnCell | None = None  # the cell, if it is no row of the table

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", self.own or own_cell(self.cell))
        self._check_task()
        require_possible(self)
        if self.vocabulary < 1 and not self.features:
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
            if option not in self.row.options:
                if getattr(self, option) is not None:
                    having = ", ".join(cell.name for cell in CELLS.values() if option in cell.options)
                    raise CharrnnError(f"the cell {self.cell} has no {option}; use {having}")
            elif getattr(self, option) is None:
                object.__setattr__(self, option, value)
        self._check_options()
        if self.task == "translate":
            check_pairs(self.features, self.hidden, self.projection, both=self.bidirectional)

    def _check_task(self) -> None:
        """Choose the task and its usual head and pooling; raise CharrnnError for what it does not have."""
        if not self.task:
            object.__setattr__(self, "task", "fill" if self.bidirectional else "generate")
        task = task_named(self.task)
        for option, choices in (("head", task.heads), ("pooling", task.poolings)):
            if not getattr(self, option):
                object.__setattr__(self, option, choices[0])
            elif getattr(self, option) not in choices:
                raise CharrnnError(
                    f"the task {self.task} has no {option} {getattr(self, option)!r:.60}; it has {', '.join(choices)}"
                )
        if self.attention and self.task != "translate":
            raise CharrnnError(f"the task {self.task} has no attention; translate has")
        object.__setattr__(self, "given_at", checked_step(self.task, self.conditions, self.given_at))
        if task.is_part:
            if self.targets or self.features:
                raise CharrnnError(f"a network for the task {self.task} cannot have these options")
        elif task.reads_examples:
            if not 1 <= self.targets <= MAXIMUM_TARGETS:
                raise CharrnnError(f"the task {self.task} needs from 1 to {MAXIMUM_TARGETS:,} targets")
            if not 0 <= self.features <= MAXIMUM_FEATURES:
                raise CharrnnError(f"a network reads at most {MAXIMUM_FEATURES:,} numbers at a step")
            if self.features and (self.vocabulary or self.embedding):
                raise CharrnnError("a network reads symbols or numbers, not both")
            if self.joined and not self.bidirectional:
                raise CharrnnError("only a bidirectional network can join its directions")
        elif self.targets or self.features or self.joined or self.bidirectional != (self.task == "fill"):
            raise CharrnnError(f"a network for the task {self.task} cannot have these options")

    def _check_options(self) -> None:
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise CharrnnError(f"unknown activation {self.activation!r:.60}; choose from {', '.join(ACTIVATIONS)}")
        if self.projection is not None and not 1 <= self.projection <= self.hidden:
            raise CharrnnError(
                f"the projection must be from 1 to the hidden size, {self.hidden:,}, not {self.projection:,}"
            )
        if self.first_state not in FIRST_STATES:
            raise CharrnnError(f"unknown first state {self.first_state!r:.60}; choose from {', '.join(FIRST_STATES)}")
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
        """The cell's row of the table, or that of a cell of the user's own."""
        return cell_named(self.cell) if self.own is None else self.own.row

    @property
    def task_row(self) -> Task:
        """The task's row of its table."""
        return TASKS[self.task]

    @property
    def reads_examples(self) -> bool:
        """Whether it is trained on whole examples, and not on a text that predicts itself."""
        return self.task_row.reads_examples or self.conditions > 0

    @cached_property
    def encoder(self) -> "Architecture | None":
        """The network that reads the texts to translate; None for another task.

        In both directions, each stack has half of the units, so that both together have those of the decoder.
        """
        if self.task != "translate":
            return None
        hidden, projection = self.hidden // self.directions_read, self.projection
        if projection is not None:
            projection //= self.directions_read
        return replace(self, task="encode", targets=0, attention=False, hidden=hidden, projection=projection)

    @property
    def predicted(self) -> int:
        """The number of outputs of the network: symbols, classes or numbers."""
        if self.task_row.is_part:
            return 0
        return self.targets or self.vocabulary

    @property
    def flags(self) -> tuple[str, ...]:
        """How the network's cell differs from the plain cell of its family."""
        activation = () if self.activation in (None, ACTIVATIONS[0]) else (self.activation,)
        return *self.row.flags, *activation

    @property
    def carries(self) -> bool:
        """Whether training carries the state between windows: not if bidirectional, nor with relu (it can diverge)."""
        return not (self.bidirectional or self.reads_examples) and "relu" not in self.flags

    @property
    def options(self) -> dict[str, Any]:
        """The options of the cell and of the network, as a model file stores them.

        A learned first state has its own name, as files had no other kind at first, and a clockwork network has an
        activation only if it is not tanh, as that was the only one.
        """
        chosen: dict[str, Any] = {name: getattr(self, name) for name in self.row.options}
        chosen |= {"own": self.own.record()} if self.own else {}
        if self.periods is not None:
            chosen["periods"] = list(self.periods)
            if self.activation == ACTIVATIONS[0]:
                del chosen["activation"]
        chosen |= {name: True for name in ("bidirectional", "joined", "attention") if getattr(self, name)}
        if self.first_state != FIRST_STATES[0]:
            chosen |= {"learned_state": True} if self.first_state == "learned" else {"first_state": self.first_state}
        numbers = "embedding", "features", "targets", "conditions", "given_at"
        chosen |= {name: getattr(self, name) for name in numbers if getattr(self, name)}
        if self.task_row.reads_examples:
            chosen |= {name: getattr(self, name) for name in ("task", "head", "pooling")}
        return chosen

    @property
    def directions_read(self) -> int:
        """In how many directions a text is read."""
        return 2 if self.bidirectional else 1

    @property
    def directions(self) -> int:
        """The number of stacks of layers: two in a bidirectional network, else one.

        A network that translates writes in one direction, whatever its encoder does.
        """
        return 1 if self.task == "translate" else self.directions_read

    @property
    def dropped_layers(self) -> int:
        """The number of layers whose outputs dropout masks, those of an encoder after the others."""
        return self.directions * self.layers + (self.encoder.dropped_layers if self.encoder else 0)

    @property
    def outputs(self) -> int:
        """The number of outputs of a layer, to the next layer and to its own next step: H, or R if projected."""
        return self.projection or self.hidden

    def symbols(self, direction: int) -> int:
        """Return the number of symbols that a stack reads.

        To fill gaps, the right stack also reads the gap, which stands for a missing character. To translate, it is the
        number of symbols that are written.
        """
        if self.task == "translate":
            return self.targets
        return self.vocabulary + (direction if self.task == "fill" else 0)

    def inputs(self, layer: int, direction: int = 0) -> int:
        """Return N, the number of inputs of a layer.

        For the first layer it is the number of symbols, or of the numbers that are read; else H, or R if projected, and
        twice that if the stacks are joined.
        """
        if layer:
            return self.outputs * (2 if self.joined and self.directions == 2 else 1)
        return self.features or self.embedding or self.symbols(direction)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by name, in stored order.

        For each layer, by gates: ``layer0.U_i`` [N, H], ``layer0.W_i`` [H, H] ([R, H] with a projection), the cell's
        extra matrices (``R_if`` or ``C_i`` [H, H], ``P`` [H, R]), ``layer0.b_i`` [H], peepholes ``layer0.p_i`` [H], and
        initial states ``layer0.h0`` [H] that are not zero. Then those of a right stack, with the prefix ``reverse.``;
        ``output.V`` [H, V] or [R, V], ``output.V_reverse``, ``output.c`` [V], or [K] for K targets; ``embedding.E``
        [V, M], to fill gaps with one more row, for the gap. Those of an encoder are first, with the prefix
        ``encoder.``; ``attention.`` has ``W_context`` and ``W_state`` [H, H] or [R, R], and ``given.`` a condition's
        ``W_i`` [K, H], by gates.
        """
        return dict(self._parameters())

    def own_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter by name, without those of an encoder."""
        return dict(self._own_parameters())

    def width(self, kind: str) -> int:
        """Return a state's or gate's size: H, or R if projected."""
        return self.outputs if kind == self.row.states[0] else self.hidden

    def _parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        if self.encoder is not None:
            for name, shape in self.encoder._parameters():
                yield f"encoder.{name}", shape
        yield from self._own_parameters()

    def _own_parameters(self) -> Iterator[tuple[str, tuple[int, ...]]]:
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
                for name, shape in self.own.fitted(self.inputs(layer, direction), size) if self.own else ():
                    yield prefix + name, shape
                for state in self.stored_states:
                    yield f"{prefix}{state}0", (self.width(state),)
        for gate in cell.input_gates if self.conditions else ():
            yield f"given.{gate_name('W', gate)}", (self.conditions, size)
        for read in ("context", "state") if self.attention else ():
            yield f"attention.W_{read}", (outputs, outputs)
        if self.predicted:
            yield "output.V", (outputs, self.predicted)
            if self.directions == 2:
                yield "output.V_reverse", (outputs, self.predicted)
            yield "output.c", (self.predicted,)
        if self.embedding:
            yield "embedding.E", (self.symbols(self.directions - 1), self.embedding)

    @property
    def stored_states(self) -> tuple[str, ...]:
        """The states whose initial values are parameters: none if they are zero, or those of an encoder."""
        return self.row.learnable_states if self.first_state != FIRST_STATES[0] and self.task != "translate" else ()

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
        constant = self.stored_states if self.first_state == "random" else ()
        kept = sum(self.width(state) for state in constant)
        groups = len(self.periods or (1,))
        size = self.hidden // groups
        unheard = size * size * groups * (groups - 1) // 2
        own = sum(prod(shape) for _, shape in self._own_parameters()) - self.directions * self.layers * (unheard + kept)
        return own + (self.encoder.parameter_count() if self.encoder else 0)

    def multiply_adds(self) -> int:
        """Return the number of multiply-adds per character.

        It is one for each weight. What is only looked up does not count: the embedding, or without one, if symbols are
        read, the first layer's U, and a condition's matrix. A clockwork network computes each unit only once in its
        period. For pairs, it is the number for a character of each text.
        """
        count, busy = 0.0, sum(1.0 / period for period in self.unit_periods())
        for name, shape in self._own_parameters():
            if len(shape) == 2 and not looks_up(self, name):
                count += shape[0] * (busy if self.periods is not None and name.endswith(".W") else shape[1])
        return round(count) + (self.encoder.multiply_adds() if self.encoder else 0)

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
            words.append("bidirectional" + ", joined" * self.joined)
        if self.attention:
            words.append("attention")
        if self.conditions:
            words.append(f"a condition of {self.conditions:,}" + ", at the first step" * (self.given_at == "first"))
        if self.first_state != FIRST_STATES[0]:
            words.append(f"{self.first_state} initial state")
        return ", ".join(words)

    def unit_periods(self) -> list[int]:
        """Return the period of each unit [H], in steps.

        It is 1 except in a clockwork network.
        """
        periods = self.periods or (1,)
        return [period for period in periods for _ in range(self.hidden // len(periods))]
