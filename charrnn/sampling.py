"""Drawing characters from a network."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels import barrier
from charrnn.network import Network, Window
from charrnn.text import Vocabulary

PRIME_LENGTH = 64  # characters of a prime that are read in one go


def first_symbol(vocabulary: Vocabulary) -> int:
    """Return what an empty prime stands for: the end of a line where the model knows one, else its first symbol."""
    if vocabulary.byte_level:
        return ord("\n")
    return max(0, vocabulary.characters.find("\n"))


def draw(logits: NDArray[np.float32], temperature: float, chance: float) -> int:
    """Draw a symbol by softmax(logits / temperature); temperature 0 takes the likeliest.

    `chance` is a number drawn uniformly from [0, 1).
    """
    likeliest = logits.max()
    if not np.isfinite(likeliest):
        raise CharrnnError("the model's weights are so large that its predictions are no numbers")
    if temperature <= 0.0:
        return int(logits.argmax())
    with np.errstate(over="ignore", under="ignore"):  # a small temperature sends all but the likeliest to −∞, rightly
        weights = np.exp((logits.astype(np.float64) - likeliest) / temperature)
    sums = np.cumsum(weights)
    return min(int(np.searchsorted(sums, chance * sums[-1], side="right")), logits.size - 1)


def sample(network: Network, prime: ArrayLike, *, temperature: float = 1.0, seed: int = 0) -> Iterator[int]:
    """Read a prime (at least one symbol), then yield symbols without end.

    The same seed yields the same symbols.
    """
    window = Window(network.architecture, 1, PRIME_LENGTH)
    generator = np.random.default_rng(seed)
    symbols = network.architecture.vocabulary
    prime = np.atleast_1d(np.asarray(prime))
    steps = 0
    for begin in range(0, len(prime), PRIME_LENGTH):
        window.carry(0, 1, steps)
        steps = min(PRIME_LENGTH, len(prime) - begin)
        window.ids[:steps, 0] = prime[begin : begin + steps]
        _forward(network, window, steps)
    while True:
        symbol = draw(window.logits[steps - 1, 0, :symbols], temperature, generator.random())
        yield symbol
        window.carry(0, 1, steps)
        window.ids[0, 0] = symbol
        steps = 1
        _forward(network, window, steps)


def _forward(network: Network, window: Window, steps: int) -> None:
    mode = barrier.flush_denormals()
    network.forward(window, 0, 1, steps)
    barrier.restore_denormals(mode)
