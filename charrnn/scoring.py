"""How well a network predicts a text."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from charrnn.network import Network, Window
from charrnn.streams import Streams
from charrnn.vocabulary import Ids
from charrnn.workers import Workers

STREAMS = 64  # parts of a long text that are read side by side, so that the weights are read once for all
STREAM_LENGTH = 2048  # a text too short for two parts of this length is read in one
WARM_UP = 256  # characters that a stream reads before its part, unscored, to have the state of one that read all
SEQ_LENGTH = 32
PIECE = 16  # windows read in one go: what Ctrl-C waits for


@dataclass(frozen=True)
class Score:
    """The loss over a text: `nats` in all, over `characters` predictions."""

    nats: float
    characters: int

    @property
    def nats_per_char(self) -> float:
        """Mean loss in natural units, as in training."""
        return self.nats / self.characters

    @property
    def bits_per_char(self) -> float:
        """Mean loss in bits: nats / ln 2."""
        return self.nats_per_char / math.log(2.0)

    @property
    def perplexity(self) -> float:
        """E to the mean loss: as unsure as a fair choice between that many characters."""
        return math.exp(min(self.nats_per_char, 700.0))


def score(network: Network, ids: Ids, team: Workers, *, boundary: int | None = None) -> Score:
    """Score each character of a text [N], but the first, by its probability given all before it; N ≥ 2.

    The state runs on through the text from zero. A long text is read in up to 64 streams, each of which reads the 256
    characters before its part first. The result does not depend on the number of threads. An endless loss counts as
    such.
    """
    streams = Streams.plan(ids, max(1, min(STREAMS, ids.size // STREAM_LENGTH)), SEQ_LENGTH, boundary)
    batch = streams.batch_size
    window = Window(network.architecture, batch, SEQ_LENGTH)
    nats = np.zeros(batch)

    def warm_up(worker: int) -> None:
        first, last = team.share(batch, worker)
        rows = slice(first, last)
        for begin in range(-WARM_UP, 0, SEQ_LENGTH):
            at = streams.start[:-1][rows] + np.arange(begin, begin + SEQ_LENGTH)[:, np.newaxis]
            window.ids[:, rows] = ids[np.maximum(at, 0)]
            network.forward(window, first, last, SEQ_LENGTH)
            window.carry(first, last, SEQ_LENGTH)

    def read(piece: int, worker: int) -> None:
        first, last = team.share(batch, worker)
        rows = slice(first, last)
        for w in range(piece, min(piece + PIECE, streams.windows)):
            steps = streams.window(w, window.ids, window.targets, rows)
            network.forward(window, first, last, steps)
            network.losses(window, first, last, steps)
            window.carry(first, last, steps)
            # In order, however many rows this thread has: a sum would not be.
            nats[rows] += np.cumsum(window.losses[:steps, rows], axis=0, dtype=np.float64)[-1]

    if batch > 1:
        team.run(warm_up)
        window.begin(slice(0, 1))  # nothing is before the first stream
    for piece in range(0, streams.windows, PIECE):
        team.run(partial(read, piece))
    between = 0 if boundary is None else int(np.count_nonzero(ids[:-1] > boundary))
    return Score(float(nats.sum()), streams.steps - between)
