"""The file of ``charrnn train --log``: one JSON object per line."""

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from charrnn.errors import CharrnnError
from charrnn.storage.files import reason, shown

if TYPE_CHECKING:
    from charrnn.training.progress import OnlineProgress, Progress


class Log:
    """The file of --log, or none.

    If writing fails, the log is closed and ``failure`` says why; the run continues.
    """

    def __init__(self, path: str | None, *, append: bool) -> None:
        self.path = path
        self.stream: TextIO | None = None
        self.failure: str | None = None
        if path is None:
            return
        try:
            self.stream = Path(path).open("a" if append else "w", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise CharrnnError(f"{shown(path)} cannot be written: {reason(error)}") from None

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *exception: object) -> None:
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()

    def write(self, record: "Progress") -> None:
        """Write a record of a run on a text.

        Losses are in nats per character.
        """
        entry: dict[str, Any] = {
            "step": record.step,
            "epoch": round(record.epoch, 6),
            "seconds": round(record.seconds, 3),
            "loss": record.loss,
            "learning_rate": record.learning_rate,
            "grad_norm": record.grad_norm,
            "chars_per_second": round(record.chars_per_second, 1),
        }
        if record.val_loss is not None:
            entry["val_loss"] = record.val_loss
        self._put(entry, rolled_back=record.rolled_back)

    def write_online(self, record: "OnlineProgress") -> None:
        """Write a record of an online run."""
        entry = {
            "step": record.step,
            "characters": record.characters,
            "seconds": round(record.seconds, 3),
            "recent_loss": record.recent,
            "mean_loss": record.mean,
            "learning_rate": record.learning_rate,
            "grad_norm": record.grad_norm,
            "chars_per_second": round(record.chars_per_second, 1),
        }
        self._put(entry, rolled_back=record.rolled_back)

    def _put(self, entry: dict[str, Any], *, rolled_back: bool) -> None:
        """Write a line of JSON, if there is a file.

        NaN and infinity become null.
        """
        if self.stream is None:
            return
        # JSON has neither NaN nor infinity.
        entry = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()}
        if rolled_back:
            entry["rolled_back"] = True
        try:
            self.stream.write(json.dumps(entry, allow_nan=False) + "\n")
            self.stream.flush()
        except OSError as error:
            self.failure = f"{shown(self.path or '')} could not be written to the end: {reason(error)}"
            with suppress(OSError):
                self.stream.close()
            self.stream = None
