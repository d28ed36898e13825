"""The pace of a run: how often it reports and validates, and when it rolls back."""

from dataclasses import dataclass

from charrnn.kernels.arithmetic import log


@dataclass(frozen=True)
class Pace:
    """Limits that no option sets; the defaults suit all networks and texts."""

    chunk_seconds: float = 0.15  # of training between two records; Ctrl-C waits for it
    longest_interval: int = 1_000_000  # characters of training between two validations; an epoch, if it is shorter
    shortest_interval: int = 50_000
    validation_part: int = 5  # a validation reads at most a fifth of the characters trained on since the last one
    trial_length: int = 500  # characters of training text to check weights on, if nothing is held out
    history_length: int = 10_000  # validations to keep; if there are more, every second one is dropped
    # Validations without a new best until the learning rate is halved: a long run's schedule is still high when the
    # network starts to overfit, and lower rates help only before that.
    halve_after: int = 2
    hopeless: float = 10.0  # a mean loss this many times the loss of blind guessing is as bad as NaN
    judged: int = 500  # predictions, at least, in such a mean: a single rare character can cost as much
    most_rollbacks: int = 5  # in a row, before a run gives up
    # Share of the windows at which a stream starts over from the initial state. A network that sees the initial state
    # only in its first steps can later diverge from it, and sampling starts there.
    fresh_share: float = 0.01
    recent_characters: float = 1000.0  # time constant of an online run's recent loss, a moving average
    safe_every: int = 1000  # updates of an online run between two copies of its weights, for rollbacks

    def next_chunk(self, chunk: int, steps: int, elapsed: float) -> int:
        """Return how many steps to take next.

        Of the last `chunk`, `steps` took `elapsed` seconds.
        """
        return max(1, min(4 * chunk, round(steps * self.chunk_seconds / max(elapsed, 1e-6))))

    def hopeless_loss(self, blind: float) -> float:
        """Return the loss from which weights are hopeless, given that of blind guessing."""
        return self.hopeless * blind


def blind_loss(symbols: int) -> float:
    """Return the loss of guessing blindly among symbols, in nats."""
    return float(log(max(2, symbols)))


DEFAULT_PACE = Pace()
