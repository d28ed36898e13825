"""Unknown characters of a text that is scored: they are counted, and can be charged."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from charrnn.kernels.arithmetic import LN_2
from charrnn.reading.losses import Scored
from charrnn.text.defaults import UNKNOWN_BITS
from charrnn.text.vocabulary import Ids, Vocabulary

COST = UNKNOWN_BITS * LN_2  # nats


class Unknown:
    """Takes the marks of unknown characters out of a text, and puts them back where it is scored.

    The text is from `Vocabulary.encode_blocks` with "mark". With the rule "skip", the loss of an unknown character is
    NaN: it is not predicted. With "charge", it is `COST`. With "replace", the network reads and predicts the stand-in.
    If "charge" meets one at the very beginning of a text, the network reads `Vocabulary.start_symbol` there, so that it
    predicts the same characters as a network that knows it.
    """

    def __init__(self, vocabulary: Vocabulary, rule: str, *, alone: bool = False) -> None:
        """Begin a text; if its lines are scored ``alone``, no character is given."""
        self.vocabulary, self.rule, self.alone = vocabulary, rule, alone
        self._places = np.zeros(0, np.int64)  # of unknown characters: the symbols that are scored before each
        self._scored = 0  # symbols that have been read and are scored
        self._given = False  # whether the first character is unknown, and the start symbol is given in its place

    def taken_out(self, blocks: Iterable[Ids]) -> Iterator[Ids]:
        """Yield what the network reads of blocks."""
        vocabulary, begun = self.vocabulary, self.alone
        for block in blocks:
            marked = block == vocabulary.unknown_symbol
            scored = block != (-1 if vocabulary.boundary is None else vocabulary.boundary)
            if marked.any():
                block = block.copy()
                if self.rule == "charge" and not begun and vocabulary.boundary is None and marked[0]:
                    block[0], marked[0], self._given = vocabulary.start_symbol, False, True
                if self.rule == "replace":
                    block[marked] = vocabulary.stand_in
                else:
                    scored &= ~marked
                before = self._scored + np.cumsum(scored) - scored
                self._places = np.append(self._places, before[marked])
                if self.rule != "replace":
                    block = block[~marked]
            begun = begun or block.size > 0
            self._scored += int(np.count_nonzero(scored))
            if block.size:
                yield block

    def put_back(self, pieces: Iterable[Scored]) -> Iterator[Scored]:
        """Yield the pieces of the scored text with the marks in them."""
        mark, place = self.vocabulary.unknown_symbol, 0  # symbols that are scored before the piece
        loss = COST if self.rule == "charge" else math.nan
        for ids, nats in pieces:
            count = int(np.searchsorted(self._places, place + ids.size))
            at, self._places = self._places[:count] - place, self._places[count:]
            if (place == 0 and self._given and ids.size) or (at.size and self.rule == "replace"):
                ids = ids.copy()
                ids[at if self.rule == "replace" else 0] = mark
            place += ids.size
            if at.size and self.rule != "replace":
                ids, nats = np.insert(ids, at, mark), np.insert(nats, at, np.float32(loss))
            yield ids, nats
        if self._places.size:
            yield np.full(self._places.size, mark, np.uint32), np.full(self._places.size, loss, np.float32)
