"""Drawing characters from a network."""

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import barrier
from charrnn.network import Network, Window
from charrnn.vocabulary import Vocabulary
from charrnn.workers import Workers

LENGTH = 64  # characters of a prime that are read in one go
BLOCK_SECONDS = 0.02  # of drawing between two blocks: no reader sees it stutter, and Ctrl-C need not wait
COLDEST, HOTTEST = 1e-30, 1e30  # beyond these a temperature makes no difference, and its inverse may be no number


def first_symbol(vocabulary: Vocabulary) -> int:
    """Return what an empty prime stands for: the end of a line where the model knows one, else its first symbol."""
    if vocabulary.byte_level:
        return ord("\n")
    return max(0, vocabulary.characters.find("\n"))


def sample_blocks(
    network: Network,
    prime: ArrayLike,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    streams: int = 1,
    team: Workers | None = None,
) -> Iterator[NDArray[np.int32]]:
    """Read a prime (at least one symbol), then yield blocks of symbols [N, streams] without end, the first of one.

    The streams go on from the same prime, each by its own chances; the weights are read once for all. The same seed
    yields the same symbols, stream by stream, for any number of streams and of threads in the team. Temperature 0
    takes the likeliest symbol. Raises CharrnnError where the predictions are no numbers.
    """
    window, slot = _read(network, np.atleast_1d(np.asarray(prime)), streams)
    generators = [np.random.default_rng([seed, stream]) for stream in range(streams)]
    inverse = 0.0 if temperature <= 0.0 else 1.0 / min(max(temperature, COLDEST), HOTTEST)
    size = 1
    while True:
        began = time.perf_counter()
        chances = np.stack([generator.random(size) for generator in generators], axis=1)
        drawn = np.zeros((size, streams), np.int32)
        slots = np.full(1 if team is None else team.size, slot)

        def job(
            worker: int,
            slot: int = slot,
            chances: NDArray[np.float64] = chances,
            drawn: NDArray[np.int32] = drawn,
            slots: NDArray[np.int64] = slots,
        ) -> None:
            first, last = (0, streams) if team is None else team.share(streams, worker)
            slots[worker] = network.sample(window, inverse, chances, drawn, slot, first, last)

        if team is None:
            job(0)
        else:
            team.run(job)
        if slots.min() < 0:
            raise CharrnnError("the model's weights are so large that its predictions are no numbers")
        slot = int(slots[0])
        yield drawn
        if time.perf_counter() - began < BLOCK_SECONDS / 2:
            size *= 2


def sample(network: Network, prime: ArrayLike, *, temperature: float = 1.0, seed: int = 0) -> Iterator[int]:
    """Read a prime (at least one symbol), then yield symbols without end: a single stream of `sample_blocks`."""
    for block in sample_blocks(network, prime, temperature=temperature, seed=seed):
        yield from block[:, 0].tolist()


def _read(network: Network, prime: NDArray[np.integer], streams: int) -> tuple[Window, int]:
    """Read a prime; return a window in which every stream has, and the slot after its last symbol."""
    reader = Window(network.architecture, 1, LENGTH)
    mode = barrier.flush_denormals()
    steps = 0
    for begin in range(0, len(prime), LENGTH):
        reader.carry(0, 1, steps)
        steps = min(LENGTH, len(prime) - begin)
        reader.ids[:steps, 0] = prime[begin : begin + steps]
        network.forward(reader, 0, 1, steps)
    barrier.restore_denormals(mode)
    if streams == 1:
        return reader, steps
    window = Window(network.architecture, streams, LENGTH)
    window.states[...] = reader.states
    window.logits[...] = reader.logits
    return window, steps
