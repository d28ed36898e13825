"""The loss of each character of a text of any length, which a network reads in parts, side by side.

A text is cut at fixed places, counted from its beginning. So the loss of a character depends only on what is before it,
and in a bidirectional network on what is near it, but never on how long the text is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.tasks import TEXT_TASKS, require_task
from charrnn.errors import CharrnnError
from charrnn.model.bidirectional import read_both
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.encoded import release
from charrnn.text.vocabulary import Ids

SEQ_LENGTH = 32
AT_ONCE = 16  # windows that are read at once; Ctrl-C waits for them
PARTS_OF_A_LENGTH = 16  # at the beginning of a text; the parts behind them are longer
USUAL_PERIOD = 8  # of a clockwork network's slowest unit: a longer one needs a longer warm-up
CONTEXT, PART = 64, 128  # characters that a bidirectional network reads on each side of a part, and in the part
LINES_AT_ONCE = 1 << 18  # symbols of lines that are sorted by length and read side by side
LONGEST_LINE_ALONE = 20_000_000  # symbols of a line that is scored by itself
SIDE_BY_SIDE = 16  # parts that a bidirectional network reads at once

Nats: TypeAlias = NDArray[np.float32]
Scored: TypeAlias = tuple[Ids, Nats]  # symbols [n] of a text, and the loss of each [n]
Places: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """How a long text is cut for scoring."""

    piece: int = 1 << 20  # symbols that are scored before the next ones are read; this bounds memory
    streams: int = 64  # parts of a piece that are read side by side, so that the weights are read once for all
    stream_length: int = 4096  # of a part at the beginning of a text; the text behind is cut into longer parts
    # Characters that a stream reads before its part, unscored, so that its state is close to the state after all text.
    warm_up: int = 256


DEFAULT_CUT = Cut()


class Piece(NamedTuple):
    """Symbols ``begin`` to ``end`` of ``ids``, with what is around them. The first one has a ``place`` in the text."""

    ids: Ids
    begin: int
    end: int
    place: int


def score_pieces(
    network: Network, blocks: Iterable[Ids], team: Team, boundary: int | None = None, *, cut: Cut = DEFAULT_CUT
) -> Iterator[Scored]:
    """Score each character of a text in blocks.

    The score is the loss, from the probability of the character given all characters before it. Yields the symbols [n]
    in order, with their losses in nats [n], piece by piece. The first character of a text is given, and its loss is 0.
    In a text of documents, the ``boundary`` at the start of each is left out; the end of each is scored.

    A bidirectional network predicts a symbol from the text on both sides: at least 64 symbols on each side if they
    exist, and at most 191.

    The state is carried through the text from the initial state, or through each document. If the network's cell
    forgets, up to 64 parts of the text are read side by side. A part starts at a fixed place of the text, after reading
    the 256 characters before it, unless `cut` says otherwise. The result does not depend on the blocks, the number of
    threads, or what comes after a character. A loss can be NaN or infinity; this is not an error. Raises CharrnnError
    for a network that reads examples.
    """
    require_task(network.architecture.task, *TEXT_TASKS)
    both = network.architecture.bidirectional
    reader = _FromBothSides(network, team) if both else _FromTheLeft(network, team, boundary, cut)
    for piece in _pieces(blocks, cut.piece, reader.behind, reader.ahead):
        own = slice(piece.begin, piece.end)
        ids, nats = piece.ids[own], reader.nats(piece)[own]
        predicted = slice(None) if boundary is None else ids != boundary
        yield ids[predicted], nats[predicted]


def score_lines(
    network: Network, blocks: Iterable[Ids], team: Team, start: int, end: int, *, at_once: int = LINES_AT_ONCE
) -> Iterator[Scored]:
    """Score each line of a text by itself, many side by side.

    A line is read from the initial state, after a symbol ``end``. Its own ``end`` is predicted, too. Before the first
    line, the symbol ``start`` is read: ``end``, if the vocabulary has it. So equal lines have equal losses. Yields
    symbols and losses as `score_pieces` does, but all are predicted, and there are at least ``at_once`` symbols in all
    pieces but the last. Raises CharrnnError for a bidirectional network, and for a line too long to be kept in memory.
    """
    require_task(network.architecture.task, *TEXT_TASKS)
    if network.architecture.bidirectional:
        raise CharrnnError("a bidirectional model cannot score lines by themselves")
    reader = _FromTheLeft(network, team, None, DEFAULT_CUT)
    for ids in _whole_lines(blocks, end, at_once):
        yield ids, reader.nats_of_lines(np.concatenate([np.array([start], ids.dtype), ids]), end)[1:]


def _whole_lines(blocks: Iterable[Ids], end: int, at_once: int) -> Iterator[Ids]:
    """Cut a text after symbols ``end``; a CharrnnError of the blocks is raised after all text before it."""
    held: list[Ids] = []
    size = 0
    fault: CharrnnError | None = None
    try:
        for block in blocks:
            held.append(block)
            size += block.size
            if size >= at_once and (ends := np.flatnonzero(block == end)).size:
                cut = int(ends[-1]) + 1
                yield np.concatenate([*held[:-1], block[:cut]])
                held, size = [block[cut:]], block.size - cut
            elif size > LONGEST_LINE_ALONE:
                held, size = [], 0
                raise CharrnnError(f"a line of more than {LONGEST_LINE_ALONE:,} characters cannot be scored by itself")
    except CharrnnError as error:
        fault = error
    if size:
        yield np.concatenate(held)
    if fault:
        raise fault


def _pieces(blocks: Iterable[Ids], size: int, behind: int, ahead: int) -> Iterator[Piece]:
    """Cut a text into pieces of one size.

    Only the last piece can be shorter. It is yielded with the symbols before and after it: ``behind`` and ``ahead``, or
    all if there are fewer. A CharrnnError of the blocks is raised after all text before it.
    """
    held: list[Ids] = []
    begin = place = waiting = 0  # where the next piece begins in what is held; the symbols from there on
    fault: CharrnnError | None = None
    try:
        for block in blocks:
            for start in range(0, block.size, size):
                held.append(block[start : start + size])
                waiting += held[-1].size
                while waiting >= size + ahead:
                    ids = np.concatenate(held)
                    end = begin + size
                    yield Piece(ids[: end + ahead], begin, end, place)
                    kept = max(0, end - behind)
                    held, begin, place, waiting = [ids[kept:]], end - kept, place + size, waiting - size
            release(block)
    except CharrnnError as error:
        fault = error
    if waiting:
        ids = np.concatenate(held)
        while waiting:  # what is left can be longer than a piece by what was ahead of it
            end = min(begin + size, ids.size)
            yield Piece(ids[: end + ahead], begin, end, place)
            begin, place, waiting = end, place + size, ids.size - end
    if fault:
        raise fault


class _FromTheLeft:
    """Reads a text from left to right, in parts that start at fixed places."""

    ahead = 0

    def __init__(self, network: Network, team: Team, boundary: int | None, cut: Cut) -> None:
        architecture = network.architecture
        self.network, self.team, self.boundary, self.cut = network, team, boundary, cut
        self.periods = np.array(architecture.unit_periods())
        slowness = -(-int(self.periods.max()) // USUAL_PERIOD)
        slowness = 1 << (slowness - 1).bit_length()  # a power of two: most clocks are in phase with each other
        self.warm_up, self.shortest = cut.warm_up * slowness, cut.stream_length * slowness
        self.longest = max(self.shortest, cut.piece // cut.streams)
        self.in_one_go = not architecture.row.forgets or 2 * self.shortest > cut.piece
        self.behind = 1 if self.in_one_go else self.warm_up + 1
        self.documents = np.zeros(1, np.int64)  # places where documents start, and so clocks; else that of the text
        self.window = Window(architecture, 1, SEQ_LENGTH)

    def nats(self, piece: Piece) -> Nats:
        """Return the losses [n] of symbols, of which those outside the piece do not count."""
        losses = np.zeros(piece.ids.size, np.float32)
        self._find_documents(piece)
        starts = self._starts(piece.place, piece.place + piece.end - piece.begin)
        bounds = np.maximum([*starts, piece.place + piece.end - piece.begin], 1) - (piece.place - piece.begin)
        begins, ends = bounds[:-1], bounds[1:]
        order = np.argsort(begins - ends, kind="stable")  # the longest first: those that are still read are the first
        for k in range(0, order.size, self.cut.streams):
            now = order[k : k + self.cut.streams]
            self._prepare(piece, begins[now])
            self._read(piece.ids, begins[now], ends[now], losses)
        return losses

    def nats_of_lines(self, ids: Ids, end: int) -> Nats:
        """Return the losses [n] of whole lines, after the symbol that is read before the first one."""
        losses = np.zeros(ids.size, np.float32)
        begins = np.append(1, np.flatnonzero(ids[1:-1] == end) + 2)
        ends = np.append(begins[1:], ids.size)
        order = np.argsort(begins - ends, kind="stable")
        for k in range(0, order.size, self.cut.streams):
            now = order[k : k + self.cut.streams]
            self._make_room(now.size)
            self.network.begin(self.window, 0, now.size)
            self._read(ids, begins[now], ends[now], losses)
        return losses

    def _make_room(self, streams: int) -> None:
        if self.window.batch_size < streams:
            self.window = Window(self.network.architecture, streams, SEQ_LENGTH)

    def _starts(self, place: int, end: int) -> list[int]:
        """Return where parts start, from a place to another."""
        if self.in_one_go:
            return [place]
        starts, length = [], self.shortest
        while place < end:
            starts.append(place)
            while length < self.longest and place >= PARTS_OF_A_LENGTH * length * (length // self.shortest):
                length *= 2
            place += length
        return starts

    def _prepare(self, piece: Piece, begins: Places) -> None:
        """Set each stream to the state before its part, which begins with the symbol at one of ``begins`` [B]."""
        self._make_room(begins.size)
        window, first_of_all = self.window, begins + (piece.place - piece.begin) == 1
        if not (self.in_one_go and piece.place):
            self.network.begin(window, 0, begins.size)
        if self.in_one_go or first_of_all.all():
            return
        starts = begins - 1 - self.warm_up
        self._set_clocks(piece, starts)

        def warm_up(worker: int) -> None:
            first, last = self.team.share(begins.size, worker)
            rows = slice(first, last)
            for step in range(0, self.warm_up, SEQ_LENGTH):
                steps = min(SEQ_LENGTH, self.warm_up - step)
                at = starts[rows] + np.arange(step, step + steps)[:, np.newaxis]
                inputs = piece.ids[np.maximum(at, 0)].astype(np.int32)
                # Before the text there is a gap; the first stream is reset below, as gaps take time.
                inputs[(at < 0) & ~first_of_all[rows]] = -1
                if self.boundary is not None:
                    inputs[inputs > self.boundary] = -1
                window.ids[:steps, rows] = inputs
                self.network.forward(window, first, last, steps)
                window.carry(first, last, steps)

        self.team.run(warm_up)
        for row in np.flatnonzero(first_of_all).tolist():
            self.network.begin(window, row, row + 1)

    def _set_clocks(self, piece: Piece, starts: Places) -> None:
        """Set the clocks of streams that start reading at ``starts`` [B], in phase with those of the text."""
        states = self.network.architecture.row.states
        if "clock" not in states:
            return
        places = np.maximum(starts + piece.place - piece.begin, 0)
        read = places - self.documents[np.maximum(np.searchsorted(self.documents, places, side="right") - 1, 0)]
        clocks = self.window.states[states.index("clock"), :, 0, : starts.size, : self.periods.size]
        clocks[...] = np.maximum(read, 0)[:, np.newaxis] % self.periods

    def _find_documents(self, piece: Piece) -> None:
        """Find where documents start: the last one before the symbols of a piece, and those among them."""
        if self.boundary is not None:
            first = piece.place - piece.begin
            before = self.documents[self.documents <= first][-1:]
            self.documents = np.append(before, np.flatnonzero(piece.ids > self.boundary) + first + 1)

    def _read(self, ids: Ids, begins: Places, ends: Places, losses: Nats) -> None:
        """Read parts and write the losses of their symbols, from ``begins`` to ``ends`` [B], into ``losses``."""
        window, lengths = self.window, ends - begins
        longest = int(lengths.max())

        def read(start: int, rows_left: int, worker: int) -> None:
            first, last = self.team.share(rows_left, worker)
            rows = slice(first, last)
            for step in range(start, min(start + AT_ONCE * SEQ_LENGTH, longest), SEQ_LENGTH):
                steps = min(SEQ_LENGTH, longest - step)
                at = begins[rows] + np.arange(step, step + steps)[:, np.newaxis]
                there = at < ends[rows]
                at = np.minimum(at, ids.size - 1)
                inputs, targets = ids[at - 1].astype(np.int32), ids[at].astype(np.int32)
                if self.boundary is not None:
                    between = inputs > self.boundary
                    targets = np.minimum(targets, self.boundary)
                    inputs[between] = targets[between] = -1
                window.ids[:steps, rows], window.targets[:steps, rows] = inputs, np.where(there, targets, -1)
                self.network.forward(window, first, last, steps)
                self.network.losses(window, first, last, steps)
                window.carry(first, last, steps)
                losses[at[there]] = window.losses[:steps, rows][there]

        for start in range(0, longest, AT_ONCE * SEQ_LENGTH):
            self.team.run(partial(read, start, int(np.count_nonzero(lengths > start))))


class _FromBothSides:
    """Reads a text with a bidirectional network, which predicts each symbol from what is around it."""

    behind = ahead = CONTEXT

    def __init__(self, network: Network, team: Team) -> None:
        self.network, self.team = network, team

    def nats(self, piece: Piece) -> Nats:
        """Return the losses [n] of symbols, of which those outside the piece do not count."""
        network, length = self.network, 2 * CONTEXT + PART
        parts = np.arange(piece.begin, piece.end, PART)  # the first symbol of each
        batch = min(SIDE_BY_SIDE, parts.size)
        window = Window(network.architecture, batch, length)
        losses = np.zeros(piece.ids.size + PART, np.float32)

        def read(rows: int, worker: int) -> None:
            first, last = self.team.share(rows, worker)
            network.begin(window, first, last)
            network.forward(window, first, last, length)
            network.losses(window, first, last, length)

        for k in range(0, parts.size, batch):
            now = parts[k : k + batch]
            at = now - CONTEXT + np.arange(length)[:, np.newaxis]
            there = (at >= 0) & (at < piece.ids.size)  # outside the text there is a gap, where both stacks are reset
            read_now = np.where(there, piece.ids[np.clip(at, 0, piece.ids.size - 1)].astype(np.int32), np.int32(-1))
            window.ids[:, : now.size] = read_both(read_now, length, network.architecture.vocabulary)
            window.targets[:, : now.size] = read_now
            self.team.run(partial(read, now.size))
            for row, part in enumerate(now.tolist()):
                losses[part : part + PART] = window.losses[CONTEXT : CONTEXT + PART, row]
        if piece.place == 0:
            losses[0] = 0.0  # it is given
        return losses[: piece.ids.size]
