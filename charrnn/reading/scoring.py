"""How well a network predicts a text of any length: as a whole, for each line, or for each character."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.model.bidirectional import read_both
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from charrnn.text.streams import Streams
from charrnn.text.vocabulary import Ids, Vocabulary

SEQ_LENGTH = 32
CONTEXT, PART = 64, 128  # characters that a bidirectional network reads on each side of a part, and in the part
SIDE_BY_SIDE = 16  # parts that a bidirectional network reads at once
AT_ONCE = 16  # windows that are read at once; Ctrl-C waits for them
RECORDS = 1 << 13  # characters whose records are made at once
LONGEST_LINE = 1 << 16  # characters of a line that are kept to be shown

Nats: TypeAlias = NDArray[np.float32]
Scored: TypeAlias = tuple[Ids, Nats]  # symbols [n] of a text, and the loss of each [n]
Fields: TypeAlias = tuple[int, int, int, str, float | None, float | None]  # of a Character


@dataclass(frozen=True)
class Cut:
    """How a long text is cut for scoring."""

    piece: int = 1 << 20  # symbols that are scored before the next ones are read; this bounds memory
    streams: int = 64  # parts of a piece that are read side by side, so that the weights are read once for all
    stream_length: int = 2048  # a piece that is too short for two parts of this length is not divided
    # Characters that a stream reads before its part, unscored, so that its state is close to the state after all text.
    warm_up: int = 256


DEFAULT_CUT = Cut()


@dataclass(frozen=True)
class Character:
    """A character of a text: its place in the text, its line (or document), and its place in the line, all from 1.

    A character that is given and not predicted, such as the first one of a text, has no bits and no probability.
    """

    index: int
    line: int
    column: int
    character: str
    bits: float | None
    probability: float | None


@dataclass(frozen=True)
class Score:
    """The loss over a text: `nats` in total, for `characters` predictions."""

    nats: float
    characters: int

    @property
    def nats_per_char(self) -> float:
        """Mean loss in nats, as in training."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean loss in bits: nats / ln 2."""
        return self.nats_per_char / math.log(2.0)

    @property
    def perplexity(self) -> float:
        """Exponential of the mean loss in nats: the number of equally probable characters with the same loss."""
        return math.exp(min(self.nats_per_char, 700.0))


@dataclass(frozen=True)
class Line:
    """A line of a text, or a document: its `number` from 1, and its loss for `characters` predictions.

    The line feed, or the end of the document, is predicted and counts. `text` does not have it, and is cut off if it is
    too long.
    """

    number: int
    characters: int
    nats: float
    text: str

    @property
    def bits(self) -> float:
        """The loss in bits."""
        return self.nats / math.log(2.0)

    @property
    def bits_per_char(self) -> float | None:
        """The mean loss in bits, or None if nothing was predicted."""
        return self.bits / self.characters if self.characters else None


def score(network: Network, ids: Ids, team: Team, *, boundary: int | None = None) -> Score:
    """Score an encoded text [N], N ≥ 2.

    Scores as `score_pieces` does.
    """
    return total(score_pieces(network, [ids], team, boundary), boundary)


def total(pieces: Iterable[Scored], boundary: int | None = None) -> Score:
    """Add up the losses from `score_pieces`."""
    nats, characters = 0.0, -unpredicted(boundary)
    for _, costs in pieces:
        nats += float(costs.sum(dtype=np.float64))
        characters += costs.size
    return Score(nats, characters)


def unpredicted(boundary: int | None) -> int:
    """Return how many first characters are not predicted.

    The first character of a text is given; in documents, every character is predicted.
    """
    return 1 if boundary is None else 0


def score_pieces(
    network: Network, blocks: Iterable[Ids], team: Team, boundary: int | None = None, *, cut: Cut = DEFAULT_CUT
) -> Iterator[Scored]:
    """Score each character of a text in blocks.

    The score is the loss, from the probability of the character given all characters before it. Yields the symbols [n]
    in order, with their losses in nats [n], piece by piece. The first character of a text is given, and its loss is 0.
    In a text of documents, the ``boundary`` at the start of each is left out; the end of each is scored.

    A bidirectional network predicts a symbol from the text on both sides, at least 64 symbols if they exist.

    The state is carried through the text from the initial state, or through each document. A piece is read in up to 64
    streams, each of which first reads the 256 characters before its part, unless `cut` says otherwise. The result does
    not depend on the blocks or the number of threads. A loss can be NaN or infinity; this is not an error.
    """
    before: Ids = np.zeros(0, np.uint8)
    for piece in _pieces(blocks, cut.piece):
        whole = np.concatenate([before, piece]) if before.size else piece
        nats = np.zeros(piece.size, np.float32)
        if whole.size > 1:
            nats[0 if before.size else 1 :] = _nats(network, whole, max(before.size - 1, 0), team, boundary, cut)
        before = whole[-cut.warm_up - 1 :]
        predicted = slice(None) if boundary is None else piece != boundary
        yield piece[predicted], nats[predicted]


def lines(pieces: Iterable[Scored], vocabulary: Vocabulary, *, longest: int = LONGEST_LINE) -> Iterator[Line]:
    """Turn scored pieces into lines, or into documents.

    The pieces are from `score_pieces`. At most ``longest`` characters of a line are kept as text.
    """
    end_symbol = _end_of_line(vocabulary)
    number, characters, nats, text = 1, -unpredicted(vocabulary.boundary), 0.0, ""  # of the line that is being read
    for ids, costs in pieces:
        spelt, begin = vocabulary.spell(ids), 0
        ends = np.flatnonzero(ids == end_symbol) + 1
        sums = np.add.reduceat(costs, [0, *ends[ends < ids.size]], dtype=np.float64).tolist()
        for end, more in zip(ends.tolist(), sums, strict=False):
            shown = _shown(text + spelt[begin : end - 1], vocabulary, longest)
            yield Line(number, characters + end - begin, nats + more, shown)
            number, characters, nats, text, begin = number + 1, 0, 0.0, "", end
        if begin < ids.size:
            characters, nats = characters + ids.size - begin, nats + sums[-1]
            text = text[: longest + 1] + spelt[begin : begin + longest + 1]
    if text:
        yield Line(number, characters, nats, _shown(text, vocabulary, longest))


def characters(pieces: Iterable[Scored], vocabulary: Vocabulary, *, at_once: int = RECORDS) -> Iterator[Fields]:
    """Turn scored pieces into the fields of `Character` objects.

    The pieces are from `score_pieces`; `at_once` characters are converted at once.
    """
    names = vocabulary.symbol_names
    end_symbol = _end_of_line(vocabulary)
    place, line, start = 1, 1, 1  # of the next character, and the place where its line starts
    for ids, costs in pieces:
        for begin in range(0, ids.size, at_once):
            part, nats = ids[begin : begin + at_once], np.maximum(costs[begin : begin + at_once], 0.0)
            ended = part == end_symbol
            places = np.arange(place, place + part.size)
            numbers = line + np.cumsum(ended) - ended
            starts = np.maximum.accumulate(np.concatenate([[start], np.where(ended, places + 1, 0)]))
            bits: list[float | None] = (nats / math.log(2.0)).tolist()
            chances: list[float | None] = np.exp(-nats).tolist()
            if place == 1 and unpredicted(vocabulary.boundary):
                bits[0] = chances[0] = None
            within = (places - starts[:-1] + 1).tolist()
            symbols = map(names.__getitem__, part.tolist())
            yield from zip(places.tolist(), numbers.tolist(), within, symbols, bits, chances, strict=True)
            place, line, start = place + part.size, int(numbers[-1] + ended[-1]), int(starts[-1])


def _end_of_line(vocabulary: Vocabulary) -> int:
    """Return the symbol that ends a line, or −1.

    In documents, it ends a document.
    """
    if vocabulary.boundary is not None:
        return vocabulary.boundary + 1
    return ord("\n") if vocabulary.byte_level else vocabulary.characters.find("\n")


def _shown(line: str, vocabulary: Vocabulary, longest: int) -> str:
    """Return a line as text of limited length.

    ``line`` is from `Vocabulary.spell`.
    """
    cut = line[:longest]
    if vocabulary.byte_level:
        cut = cut.encode("latin-1").decode("utf-8", "replace")
    return cut + "…" if len(line) > longest else cut


def _pieces(blocks: Iterable[Ids], piece: int) -> Iterator[Ids]:
    """Cut a text into pieces of one size.

    Only the last piece can be shorter. A CharrnnError of the blocks is raised after all text before it.
    """
    held: list[Ids] = []
    size = 0
    fault: CharrnnError | None = None
    try:
        for block in blocks:
            begin = 0
            while block.size - begin >= piece - size:
                end = begin + piece - size
                yield np.concatenate([*held, block[begin:end]]) if held else block[begin:end]
                held, size, begin = [], 0, end
            if begin < block.size:
                held.append(block[begin:])
                size += block.size - begin
    except CharrnnError as error:
        fault = error
    if held:
        yield np.concatenate(held)
    if fault:
        raise fault


def _nats_from_both_sides(network: Network, ids: Ids, begin: int, team: Team) -> Nats:
    """Return the same as `_nats` for a bidirectional network.

    Each symbol is predicted from at least `CONTEXT` symbols on each side, if they exist.
    """
    length = min(ids.size, 2 * CONTEXT + PART)
    parts = np.arange(begin + 1, ids.size, PART)  # the first symbol of each
    starts = np.clip(parts - CONTEXT, 0, ids.size - length)  # the first symbol that is read for each
    batch = min(SIDE_BY_SIDE, parts.size)
    window = Window(network.architecture, batch, length)
    losses = np.empty(ids.size, np.float32)

    def read(rows: int, worker: int) -> None:
        first, last = team.share(rows, worker)
        network.begin(window, first, last)
        network.forward(window, first, last, length)
        network.losses(window, first, last, length)

    for k in range(0, parts.size, batch):
        rows = min(batch, parts.size - k)
        read_now = ids[starts[k : k + rows] + np.arange(length)[:, np.newaxis]].astype(np.int32)
        window.ids[:, :rows] = read_both(read_now, length, network.architecture.vocabulary)
        window.targets[:, :rows] = read_now
        team.run(partial(read, rows))
        for row in range(rows):
            start, part = int(starts[k + row]), int(parts[k + row])
            losses[part : part + PART] = window.losses[part - start : part - start + PART, row][: ids.size - part]
    return losses[begin + 1 :]


def _nats(network: Network, ids: Ids, begin: int, team: Team, boundary: int | None, cut: Cut) -> Nats:
    """Return the losses of a text after a place.

    They are for the symbols from ``begin`` + 1 on: [N − 1 − begin], in nats.
    """
    if network.architecture.bidirectional:
        return _nats_from_both_sides(network, ids, begin, team)
    count = ids.size - 1 - begin
    batch = max(1, min(cut.streams, (count + 1) // cut.stream_length))
    streams = Streams.plan(ids[begin:], batch, SEQ_LENGTH, boundary)
    window = Window(network.architecture, batch, SEQ_LENGTH)
    network.begin(window, 0, batch)
    losses = np.empty((batch, streams.windows * SEQ_LENGTH), np.float32)

    def warm_up(worker: int) -> None:
        first, last = team.share(batch, worker)
        rows = slice(first, last)
        for step in range(begin - cut.warm_up, begin, SEQ_LENGTH):
            at = streams.start[:-1][rows] + np.arange(step, step + SEQ_LENGTH)[:, np.newaxis]
            window.ids[:, rows] = ids[np.maximum(at, 0)]
            if boundary is not None:
                window.ids[:, rows][window.ids[:, rows] > boundary] = -1
            network.forward(window, first, last, SEQ_LENGTH)
            window.carry(first, last, SEQ_LENGTH)

    def read(start: int, worker: int) -> None:
        first, last = team.share(batch, worker)
        rows = slice(first, last)
        for w in range(start, min(start + AT_ONCE, streams.windows)):
            steps = streams.window(w, window.ids, window.targets, rows)
            network.forward(window, first, last, steps)
            network.losses(window, first, last, steps)
            window.carry(first, last, steps)
            losses[rows, w * SEQ_LENGTH : w * SEQ_LENGTH + steps] = window.losses[:steps, rows].T

    if batch > 1 or begin:
        team.run(warm_up)
    if not begin:
        network.begin(window, 0, 1)  # the first stream has nothing before it
    for start in range(0, streams.windows, AT_ONCE):
        team.run(partial(read, start))
    lengths = np.diff(streams.start)
    return np.concatenate([row[:length] for row, length in zip(losses, lengths, strict=True)])
