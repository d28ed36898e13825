"""The pace of a run: how often it reports and validates, and the limits beyond which it goes back."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """What a run decides by itself; the defaults suit all networks and texts."""

    chunk_seconds: float = 0.15  # of training between two records: what Ctrl-C waits for
    longest_interval: int = 1_000_000  # characters of training between two validations; an epoch if that is shorter
    shortest_interval: int = 50_000
    validation_part: int = 5  # a validation reads at most one part in five of what was trained on since the last one
    trial_length: int = 500  # characters of training text that tell whether weights are sane, if nothing is held out
    history_length: int = 10_000  # validations that are remembered; of more, every second one is forgotten
    # Validations without a better one until the rate is halved: a long run's schedule is still high when it begins to
    # learn by heart, and what lower rates gain must be had before.
    halve_after: int = 2
    hopeless: float = 10.0  # a loss this many times that of blind guessing is as bad as one that is not a number
    most_rollbacks: int = 5  # in a row, before a run gives up
    # Share of the windows at which a stream begins anew from the first state. A network that sees it only in its first
    # steps may run away from there for ever, and that is where sampling begins.
    fresh_share: float = 0.01
    recent_characters: float = 1000.0  # over which the recent loss of an online run is a mean that forgets
    safe_every: int = 1000  # updates of an online run between two copies of weights that are worth to go back to

    def next_chunk(self, chunk: int, steps: int, elapsed: float) -> int:
        """Return how many steps to take in one go, after a `chunk` of which so many steps took so many seconds."""
        return max(1, min(4 * chunk, round(steps * self.chunk_seconds / max(elapsed, 1e-6))))

    def hopeless_loss(self, symbols: int) -> float:
        """Return the loss, in nats per character, from which on weights are beyond hope."""
        return self.hopeless * math.log(max(2, symbols))


DEFAULT_PACE = Pace()
