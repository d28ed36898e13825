"""Drawing characters from a network."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.cells.tasks import require_task
from charrnn.errors import CharrnnError
from charrnn.kernels.arguments import Drawing, DrawingControls, Drawn, Recent
from charrnn.kernels.arithmetic import exp, log
from charrnn.kernels.llvm.vector import padded
from charrnn.model.network import Network
from charrnn.model.reader import Reader
from charrnn.model.team import Team
from charrnn.writing.controls import Controls

BLOCK_SECONDS = 0.02  # of drawing in a block, so that the output looks continuous and Ctrl-C is quick


def compile_sampling(network: Network) -> None:
    """Compile what a sampler needs by drawing nothing."""
    sampler = Sampler(network)
    sampler.read([0])
    sampler.draw(0)


def drawing_controls(controls: Controls) -> DrawingControls:
    """Return controls as compiled code takes them.

    Each number has a fixed type. If top_k is None, it is larger than any vocabulary.
    """
    return DrawingControls(
        penalty=float(log(controls.repeat_penalty)),
        temperature=float(controls.temperature),
        top_k=2**31 - 1 if controls.top_k is None else int(controls.top_k),
        min_p=float(controls.min_p),
        top_p=float(controls.top_p),
    )


class Sampler:
    """B streams of a network, each with its own state, that read texts and draw characters.

    Each stream has its own random numbers, from its seed: the same seed draws the same symbols, whatever the other
    streams and the number of threads are. The weights are read once for all streams. A sampler must read something
    before it draws.
    """

    def __init__(
        self,
        network: Network,
        *,
        seeds: Sequence[int] = (0,),
        controls: Controls | None = None,
        team: Team | None = None,
        block_seconds: float = BLOCK_SECONDS,
    ) -> None:
        require_task(network.architecture.task, "generate")
        self.network, self.team, self.block_seconds = network, team, block_seconds
        self.streams = len(seeds)
        self._reader = Reader(network, self.streams)
        self._generators = [np.random.default_rng([seed, 0]) for seed in seeds]
        self._weights = np.zeros((self.streams, padded(network.architecture.vocabulary)), np.float32)
        self._controls = Controls() if controls is None else controls
        self._remember(np.zeros((0, self.streams), np.int32))

    @property
    def controls(self) -> Controls:
        """How characters are chosen; new controls apply from the next character on."""
        return self._controls

    @controls.setter
    def controls(self, controls: Controls) -> None:
        last = self._last_characters()
        self._controls = controls
        self._remember(last)

    def begin(self, symbol: int) -> None:
        """Let every stream read the symbol before a text.

        It is not a part of the text, so the repeat window does not hold it. Raises ValueError as `read` does.
        """
        self._read([symbol])

    def read(self, ids: ArrayLike) -> None:
        """Let every stream read the symbols [N].

        They follow what the stream has read or drawn so far. Raises ValueError for a number that is not a symbol's,
        such as the end of a document.
        """
        read = self._read(ids)[-int(self.controls.repeat_window) :]
        self._remember(np.concatenate([self._last_characters(), read]))

    def _read(self, ids: ArrayLike) -> NDArray[np.int32]:
        """Let every stream read symbols [N]; return them for each stream [N, B]."""
        symbols = np.asarray(ids, np.int32)
        if len(symbols) and not 0 <= symbols.min() <= symbols.max() < self.network.architecture.vocabulary:
            raise ValueError(f"symbols are numbered from 0 to {self.network.architecture.vocabulary - 1}")
        for_all = np.broadcast_to(symbols[:, np.newaxis], (len(symbols), self.streams))
        self._reader.read(for_all)
        return for_all

    def draw(self, count: int) -> Drawn:
        """Draw, and read, ``count`` characters in each stream.

        Raises CharrnnError if the predictions are not finite, ValueError if nothing has been read yet.
        """
        reader = self._reader
        if not reader.slot:
            raise ValueError("nothing has been read yet")
        chances = np.stack([generator.random(count) for generator in self._generators], axis=1)
        drawn = Drawn(np.zeros((count, self.streams), np.int32), np.zeros((count, self.streams), np.float32))
        drawing = Drawing(drawing_controls(self.controls), self._recent, self._weights, chances, drawn)
        size = 1 if self.team is None else self.team.size
        slots = [0] * size

        def job(worker: int) -> None:
            first, last = worker * self.streams // size, (worker + 1) * self.streams // size
            slots[worker] = self.network.sample(reader.window, drawing, reader.slot, first, last)

        if self.team is None:
            job(0)
        else:
            self.team.run(job)
        if min(slots) < 0:
            raise CharrnnError("the model's weights are so large that its predictions are not finite")
        reader.slot = slots[0]
        return drawn

    def probabilities(self) -> NDArray[np.float64]:
        """Return the probabilities of the next symbols [B, V].

        They are the network's own: no control applies. Raises CharrnnError if the predictions are not finite,
        ValueError if nothing has been read yet.
        """
        reader = self._reader
        if not reader.slot:
            raise ValueError("nothing has been read yet")
        logits = reader.window.logits[reader.slot - 1, :, : self.network.architecture.vocabulary].astype(np.float64)
        if not np.isfinite(logits).all():
            raise CharrnnError("the model's weights are so large that its predictions are not finite")
        odds = exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def blocks(self) -> Iterator[Drawn]:
        """Draw without end, in blocks.

        The first block has one character, and later ones take some hundredths of a second.
        """
        size = 1
        while True:
            began = time.perf_counter()
            drawn = self.draw(size)
            if time.perf_counter() - began < self.block_seconds / 2:
                size *= 2
            yield drawn

    def fork(self, seeds: Sequence[int], team: Team | None = None) -> "Sampler":
        """Return a sampler that continues from the first stream.

        All its streams start from the state of this sampler's first stream.
        """
        other = Sampler(self.network, seeds=seeds, controls=self.controls, team=team, block_seconds=self.block_seconds)
        other._reader.follow(self._reader)
        other._remember(np.repeat(self._last_characters()[:, :1], other.streams, axis=1))
        return other

    def _last_characters(self) -> NDArray[np.int32]:
        """Return the characters in the repeat window.

        They have shape [≤ N, B]; the oldest comes first.
        """
        ordered = np.roll(self._recent.ring, -int(self._recent.oldest[0]), axis=0)
        return ordered[ordered[:, 0] >= 0]

    def _remember(self, last: NDArray[np.int32]) -> None:
        """Set the repeat window and its penalties."""
        size = int(self.controls.repeat_window)
        last = last[-size:]
        ring = np.full((size, self.streams), -1, np.int32)
        ring[: len(last)] = last
        counts = np.zeros(self._weights.shape, np.int32)
        for stream in range(self.streams):
            counts[stream] = np.bincount(last[:, stream], minlength=counts.shape[1])
        penalties = np.where(counts > 0, np.float32(log(self.controls.repeat_penalty)), np.float32(0.0))
        self._recent = Recent(penalties, counts, ring, np.full(self.streams, len(last) % size))
