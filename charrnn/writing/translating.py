"""Translation: a decoder writes a text for each source, character by character."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.arithmetic import exp, log_softmax
from charrnn.kernels.example_arguments import Batch
from charrnn.model.example_batches import EncodedExamples, by_length, source_batch
from charrnn.model.example_window import ExampleWindow
from charrnn.model.network import Network
from charrnn.model.team import Team

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

ROWS_AT_ONCE = 128  # texts, or beams, that are written side by side
STEPS_AT_ONCE = 1 << 14  # of all their sources; this bounds memory
MOST_BEAMS = 64
LENGTHS, LEAST_LENGTH = 4, 60  # the longest text that is written: so many times its source, and at least so much
PURPOSE = 7  # of the random bits, as `training.steps.random_bits` numbers purposes


@dataclass(frozen=True)
class Search:
    """How texts are written for a source.

    With `temperature` 0, the most probable ones that a beam search finds with so many `beams` (Sutskever, Vinyals & Le
    2014; 1 is greedy: each character is the most probable one); else each character is drawn, as in sampling. Raises
    CharrnnError for values out of range.
    """

    best: int = 1  # how many texts are written for each source
    beams: int = 1
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.best <= MOST_BEAMS:
            raise CharrnnError(f"from 1 to {MOST_BEAMS} translations of a text can be written, not {self.best}")
        if not 1 <= self.beams <= MOST_BEAMS:
            raise CharrnnError(f"the beam must be from 1 to {MOST_BEAMS}, not {self.beams}")
        if not 0.0 <= self.temperature <= 100.0:  # also if it is NaN
            raise CharrnnError(f"the temperature must be from 0 to 100, not {self.temperature:g}")
        if self.temperature and self.beams > 1:
            raise CharrnnError("a beam search draws nothing: give a beam or a temperature, not both")

    @property
    def width(self) -> int:
        """The number of texts that are written side by side for a source."""
        return max(self.best, self.beams)


@dataclass(frozen=True, order=True)
class Written:
    """A text for a source: −log p of all its characters and of its end, and its symbols.

    A text that has become too long is without its end.
    """

    nats: float
    symbols: tuple[int, ...] = field(compare=False)

    @property
    def probability(self) -> float:
        """The probability that the model gives to the text."""
        return float(exp(-self.nats))


def translate(
    network: Network, sources: EncodedExamples, team: Team, search: Search, *, first: int = 0
) -> list[list[Written]]:
    """Return the texts that a network writes for each source, the most probable first.

    The sources are the ones from the ``first`` on of those that share a seed. Raises CharrnnError if predictions are
    not finite. The result depends neither on which sources are written side by side nor on the team.
    """
    lengths = np.maximum(1, sources.pieces.lengths)
    found: list[list[Written]] = [[] for _ in range(lengths.size)]
    rows = max(1, ROWS_AT_ONCE // search.width)
    for group in by_length(lengths, rows, max(1, STEPS_AT_ONCE // search.width)):
        writer = _Writer(network, sources, group, team, search.width)
        texts = _draw(writer, group + first, search) if search.temperature else _search(writer, search.width)
        for place, written in zip(group.tolist(), texts, strict=True):
            found[place] = sorted(written)[: search.best]
    return found


class _Writer:
    """A decoder that writes `width` texts side by side for each of some sources, which have consecutive rows."""

    def __init__(self, network: Network, sources: EncodedExamples, group: Places, team: Team, width: int) -> None:
        a, lengths = network.architecture, sources.pieces.lengths[group]
        self.network, self.team, self.rows = network, team, group.size * width
        self.boundary = a.targets - 1
        self.longest = np.maximum(LEAST_LENGTH, LENGTHS * lengths).tolist()
        self.window = ExampleWindow(a, self.rows, max(1, int(lengths.max())))
        self.batch = source_batch(sources, np.repeat(group, width), a)
        self.batch.ids[0] = self.boundary
        self._share(network.read_sources)

    def _share(self, read: Callable[[ExampleWindow, Batch, int, int], None]) -> None:
        """Let the members of the team read some rows each."""

        def job(worker: int) -> None:
            first, last = self.team.share(self.rows, worker)
            if first < last:
                read(self.window, self.batch, first, last)

        self.team.run(job)

    def predict(self) -> Floats:
        """Let each row read its symbol; return log p of the next one [rows, K]."""
        self._share(self.network.read_on)
        logits = self.window.logits[0, :, : self.boundary + 1]
        if not np.isfinite(logits).all():
            raise CharrnnError("the model's weights are so large that its predictions are not finite")
        return log_softmax(logits)

    def go_on(self, parents: Places, symbols: Places) -> None:
        """Let each row [rows] continue the text of a parent, a row of the same source, by a symbol."""
        states = self.window.states[:, :, 0]
        states[:] = states[:, :, parents]
        self.batch.ids[0] = symbols


def _search(writer: _Writer, width: int) -> list[list[Written]]:
    """Return what a beam search finds for each source: at least `width` texts.

    Of all continuations of the texts of a beam, the most probable ones stay, and those among them that end are found. A
    search is over if no text of its beam is as probable as the last of the best that are found.
    """
    count = writer.rows // width
    found: list[list[Written]] = [[] for _ in range(count)]
    texts: list[tuple[int, ...]] = [()] * writer.rows
    nats = np.full((count, width), np.inf)
    nats[:, 0] = 0.0  # all texts of a beam begin alike
    is_over = [False] * count
    while not all(is_over):
        costs = (nats.reshape(-1, 1) - writer.predict()).reshape(count, -1)
        parents, symbols = np.arange(writer.rows), np.zeros(writer.rows, np.int64)
        longer = list(texts)
        nats = np.full((count, width), np.inf)
        for k in np.flatnonzero(np.logical_not(is_over)).tolist():
            live = 0
            for rank, place in enumerate(_least(costs[k], 2 * width)):
                row, symbol = k * width + place // (writer.boundary + 1), place % (writer.boundary + 1)
                cost = float(costs[k, place])
                if symbol == writer.boundary:
                    if rank < width:
                        found[k].append(Written(cost, texts[row]))
                elif live < width and cost < np.inf:
                    here, text = k * width + live, (*texts[row], symbol)
                    parents[here], symbols[here], longer[here], nats[k, live] = row, symbol, text, cost
                    live += 1
            if len(texts[k * width]) + 1 >= writer.longest[k]:
                found[k] += [Written(float(nats[k, j]), longer[k * width + j]) for j in range(live)]
                live = 0
            found[k] = sorted(found[k])[:width]
            is_over[k] = not live or (len(found[k]) == width and found[k][-1].nats <= nats[k, 0])
        texts = longer
        writer.go_on(parents, symbols)
    return found


def _least(costs: Floats, count: int) -> list[int]:
    """Return the places of the least costs, in order; of equal ones the first."""
    some = np.argpartition(costs, count - 1)[:count] if count < costs.size else np.arange(costs.size)
    order: list[int] = some[np.lexsort((some, costs[some]))].tolist()
    return order


def _draw(writer: _Writer, places: Places, search: Search) -> list[list[Written]]:
    """Return texts of which each character is drawn; the random numbers of each text are its own."""
    width = search.width
    streams = [
        np.random.Generator(np.random.Philox(key=search.seed, counter=[0, place, PURPOSE, copy]))
        for place in places.tolist()
        for copy in range(width)
    ]
    texts: list[list[int]] = [[] for _ in streams]
    nats, live = np.zeros(writer.rows), set(range(writer.rows))
    while live:
        chances = writer.predict()
        weights = exp((chances - chances.max(axis=1, keepdims=True)) / search.temperature).cumsum(axis=1)
        symbols = np.zeros(writer.rows, np.int64)
        for row in sorted(live):
            part = streams[row].random() * weights[row, -1]
            symbol = min(int(np.searchsorted(weights[row], part, "right")), writer.boundary)
            nats[row] -= chances[row, symbol]
            if symbol != writer.boundary:
                texts[row].append(symbol)
                symbols[row] = symbol
            if symbol == writer.boundary or len(texts[row]) >= writer.longest[row // width]:
                live.remove(row)
        writer.go_on(np.arange(writer.rows), symbols)
    written = [Written(float(nats[row]), tuple(text)) for row, text in enumerate(texts)]
    return [written[k : k + width] for k in range(0, writer.rows, width)]
