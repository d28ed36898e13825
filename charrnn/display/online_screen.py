"""The display of an online run."""

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.status import Status

from charrnn.display.screen import PLAIN_SECONDS, Screen
from charrnn.display.words import bits, size

if TYPE_CHECKING:
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.progress import OnlineProgress

ENOUGH = 100  # characters per second from which they are shown in thousands


class OnlineDisplay(Screen):
    """A header, then a live line on a terminal, or a plain line at intervals. With ``quiet``, nothing."""

    def __init__(self, trainer: "OnlineTrainer", *, quiet: bool = False, plain_seconds: float = PLAIN_SECONDS) -> None:
        super().__init__(quiet=quiet, plain_seconds=plain_seconds)
        self.trainer = trainer
        self.status: Status | None = None

    def __enter__(self) -> "OnlineDisplay":
        if self.is_live:
            self.status = Status("waiting for text", console=self.console)
            self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is not None:
            self.status.stop()

    def header(self) -> None:
        """Print the text, the model and the settings."""
        trainer = self.trainer
        settings, architecture, vocabulary = trainer.settings, trainer.architecture, trainer.vocabulary
        symbols = "256 byte values" if vocabulary.byte_level else f"{len(vocabulary):,} characters"
        every = "every character" if settings.seq_length == 1 else f"every {settings.seq_length} characters"
        threads = f"{trainer.team.size} thread{'s' * (trainer.team.size > 1)}"
        rows = [
            ("text", f"standard input, as it arrives: {symbols}"),
            ("model", f"{architecture.description}, {architecture.parameter_count():,} parameters"),
            ("learning", f"an update {every}, {settings.update_rule}, learning rate {settings.lr:g}"),
            ("machine", f"{threads}, {size(trainer.nbytes)} of memory for weights, their influence and buffers"),
        ]
        self.say_facts(rows)

    def summary(self, record: "OnlineProgress") -> str:
        """Return how much was read, and how well it was predicted.

        Each character is predicted before the network learns from it.
        """
        symbol = "byte" if self.trainer.vocabulary.byte_level else "character"
        recent, mean = bits(record.recent), bits(record.mean)
        return f"{record.characters:,} {symbol}s  {recent:.3f} bits per {symbol} recently  {mean:.3f} overall"

    def update(self, record: "OnlineProgress") -> None:
        """Show a record on the live line, or print a line."""
        if self.quiet:
            return
        if record.rolled_back:
            self.say(
                f"the loss diverged; back at earlier weights, with half the learning rate, "
                f"{record.learning_rate / 2:.2g}"
            )
        text = f"{self.summary(record)}  {_speed(record.chars_per_second)} chars/s"
        if self.status is not None:
            self.status.update(text)
        elif time.monotonic() - self._last_line >= self.plain_seconds:
            self.say(text)
            self._last_line = time.monotonic()


def _speed(chars_per_second: float) -> str:
    """Return characters per second for display, such as 4.1k or 83."""
    return f"{chars_per_second / 1000:.1f}k" if chars_per_second >= ENOUGH else f"{chars_per_second:.0f}"
