"""The display of a run over a text."""

import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from charrnn.display.data_facts import facts
from charrnn.display.screen import PLAIN_SECONDS, Screen
from charrnn.display.words import bits, count, duration, shown_figures, shown_loss, size

if TYPE_CHECKING:
    from charrnn.training.progress import Progress as Record
    from charrnn.training.trainer import Trainer

VALIDATION_SECONDS = 1.5  # between two validations that are shown: small networks validate several times a second
SMOOTHING = 0.9  # of the loss that is shown, so that it is readable
WIDE = 100  # columns from which everything is shown
NARROW = 60  # columns below which only the most important is shown


class TrainingDisplay(Screen):
    """A header, a progress bar on a terminal or a plain line at intervals, and a line per validation.

    Use it in a ``with`` statement. With ``quiet``, it shows nothing.
    """

    def __init__(self, trainer: "Trainer[Any]", *, quiet: bool = False, plain_seconds: float = PLAIN_SECONDS) -> None:
        super().__init__(quiet=quiet, plain_seconds=plain_seconds)
        self.trainer = trainer
        self.bar: Progress | None = None
        self._loss: float | None = None
        each, reads_texts = trainer.architecture.pooling == "each", trainer.architecture.vocabulary
        self._unit = ("chars" if reads_texts else "steps") if each else "examples"
        self._began = time.monotonic()
        self._resumed_at: float | None = None
        self._last_line = self._began - VALIDATION_SECONDS

    def __enter__(self) -> "TrainingDisplay":
        self._began = time.monotonic()
        if self.is_live:
            self.bar = Progress(
                BarColumn(bar_width=None, style="dim"),
                TextColumn("{task.fields[status]}"),
                console=self.console,
                expand=True,
                transient=True,
                refresh_per_second=8,
            )
            self.task = self.bar.add_task("", total=1.0, status="")
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def header(self) -> None:
        """Print the text, the model and the settings."""
        trainer = self.trainer
        settings, architecture = trainer.settings, trainer.architecture
        length = (
            duration(settings.seconds)
            if settings.seconds
            else f"{settings.epochs:g} epoch{'s' * (settings.epochs != 1)}"
        )
        threads = f"{trainer.team.size} thread{'s' * (trainer.team.size > 1)}"
        sampled = f", softmax over about {settings.sampled_softmax:,} at a time" if settings.sampled_softmax else ""
        rows = [
            facts(trainer.data),
            ("model", f"{architecture.description}, {architecture.parameter_count():,} parameters"),
            (
                "training",
                f"{length}, {_pace(trainer)}, {settings.update_rule}, peak learning rate {settings.lr:g}{sampled}",
            ),
            ("machine", f"{threads}, {size(trainer.nbytes)} of memory for weights and buffers"),
        ]
        self.say_facts(rows)

    def update(self, record: "Record") -> None:
        """Show a record: move the bar, or print a line.

        A line is printed for validations and rollbacks and, without a bar, at intervals.
        """
        if self.quiet:
            return
        keep = SMOOTHING if self._loss is not None and math.isfinite(self._loss) else 0.0
        self._loss = keep * (self._loss or 0.0) + (1.0 - keep) * record.loss
        if self._resumed_at is None:
            self._resumed_at = record.fraction
        if self.bar is not None:
            self.bar.update(self.task, completed=record.fraction, status=self._status(record))
        if record.rolled_back:
            self.say(
                f"the loss diverged; back at the best weights, of step {record.step:,}, "
                f"with half the learning rate, {record.learning_rate:.2g}"
            )
        elif record.val_loss is not None and (
            record.fraction >= 1.0 or record.stopped_early or time.monotonic() - self._last_line >= VALIDATION_SECONDS
        ):
            mark = ", the best so far" if record.best else ""
            self.say(
                f"epoch {record.epoch:.2f}  {duration(record.seconds)}  loss {shown_loss(self._loss)}  "
                f"validation {shown_loss(record.val_loss)} ({self._in_other_words(record.val_loss)}){mark}"
            )
            self._last_line = time.monotonic()
        elif self.bar is None and time.monotonic() - self._last_line >= self.plain_seconds:
            self.say(self._status(record, everything=True))
            self._last_line = time.monotonic()

    def _in_other_words(self, loss: float) -> str:
        """Return a validation loss in bits, or for examples how good the predictions were."""
        return shown_figures(self.trainer.data.figures) or f"{bits(loss):.3f} bits"

    def sample(self, text: str) -> None:
        """Show the first lines of a text that the model wrote."""
        lines = [line for line in text.split("\n") if line.strip()]
        for line in lines[:4]:
            shown = Text(
                "    " + "".join(c if c.isprintable() else " " for c in line),
                style="dim",
                overflow="ellipsis",
            )
            self.console.print(shown, no_wrap=True, soft_wrap=False)

    def _status(self, record: "Record", *, everything: bool = False) -> str:
        loss = self._loss if self._loss is not None else record.loss
        done = record.fraction - (self._resumed_at or 0.0)
        left = (time.monotonic() - self._began) * (1.0 - record.fraction) / done if done > 0.002 else None
        time_left = f"{duration(left)} left" if left is not None else ""
        parts = [f"{record.fraction:4.0%}", f"epoch {record.epoch:.1f}", f"loss {shown_loss(loss)}"]
        width = WIDE if everything else self.console.width
        if width >= WIDE:
            parts += [] if self.trainer.data.targets else [f"{bits(loss):.2f} bits"]
            parts += [f"rate {record.learning_rate:.1e}"]
        if width >= NARROW:
            parts += [f"{record.chars_per_second / 1000:.0f}k {self._unit}/s"]
            parts += [time_left] if time_left else []
        else:
            parts.pop(1)
        return "  ".join(parts)


def _pace(trainer: "Trainer[Any]") -> str:
    """Return the number of streams, and their windows or updates; or the sizes of batches of examples."""
    settings = trainer.settings
    if trainer.architecture.reads_examples:
        data, reads_texts = trainer.data, trainer.architecture.vocabulary
        what = count(settings.batch_size, "piece" if data.targets.series else "example")
        return f"batches of {what} of up to {count(data.longest, 'character' if reads_texts else 'step')}"
    streams = f"{settings.batch_size} stream{'s' * (settings.batch_size > 1)}"
    if settings.gradient == "rtrl":
        return f"{streams} in real time, an update every {settings.seq_length} characters"
    return f"{streams} in windows of {settings.seq_length} characters"
