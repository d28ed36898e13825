"""The log of ``charrnn train --log``: one JSON object per line."""

import json
import math
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from charrnn.errors import CharrnnError
from charrnn.storage.files import reason, shown

if TYPE_CHECKING:
    from charrnn.training.progress import OnlineProgress, Progress

TAIL = 1 << 20  # bytes at the end of a log in which its last line begins; a line has about 200


class Log:
    """The log: a file, standard output (-), or none. All its lines are whole, whatever fails.

    If writing fails, the log is closed and ``failure`` says why; the run continues. If the reader of standard output
    has gone, the log is ``unread``.
    """

    def __init__(self, path: str | None, *, append: bool) -> None:
        self.failure: str | None = None
        self.unread = False
        self._name = "standard output" if path == "-" else shown(path or "")
        self._own = path not in (None, "-")
        self._file: Any = None
        try:
            if path == "-":
                sys.stdout.write("")  # raises an error if it is closed
                self._file = getattr(sys.stdout.buffer, "raw", sys.stdout.buffer)
            elif path is not None:
                if append and Path(path).is_file():
                    with Path(path).open("r+b") as file:
                        mend(file)
                self._file = Path(path).open("ab" if append else "wb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise CharrnnError(f"{self._name} cannot be written: {reason(error)}") from None

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def write_resumed(self, seconds: float, **place: float) -> None:
        """Write where a resumed run continues, its step and so on: it takes all steps after this one again."""
        self._put({**place, "seconds": round(seconds, 3), "resumed": True})

    def write(self, record: "Progress", figures: Mapping[str, float]) -> None:
        """Write a record of a run, and what its last validation found besides the loss.

        Losses on a text are in nats per character.
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
            entry |= {"val_loss": record.val_loss, **figures}
        self._put(entry | ({"rolled_back": True} if record.rolled_back else {}))

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
        self._put(entry | ({"rolled_back": True} if record.rolled_back else {}))

    def _put(self, entry: dict[str, Any]) -> None:
        """Write a line of JSON, if there is a log.

        NaN and infinity become null.
        """
        if self._file is None:
            return
        # JSON has neither NaN nor infinity.
        entry = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in entry.items()}
        line, size = (json.dumps(entry, allow_nan=False) + "\n").encode(), self._size()
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            self.unread = not self._own and isinstance(error, BrokenPipeError)
            self.failure = f"{self._name} could not be written to the end: {reason(error)}"
            if size is not None:
                with suppress(OSError):
                    os.ftruncate(self._file.fileno(), size)  # which needs no room
            self._close()

    def _size(self) -> int | None:
        """Return the size of the log; None if it is no file."""
        with suppress(OSError):
            found = os.fstat(self._file.fileno())
            return found.st_size if stat.S_ISREG(found.st_mode) else None
        return None

    def _close(self) -> None:
        if self._own and self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._file = None


def mend(file: BinaryIO) -> None:
    """End a log with a whole line: remove the last line if a fault has cut it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL))
    last = file.read().rpartition(b"\n")[2]
    if last and (isinstance(parsed(last), dict) or len(last) == TAIL):  # or nothing that we wrote
        file.write(b"\n")
    elif last:
        file.truncate(size - len(last))


def parsed(line: bytes) -> object:
    """Return a line's JSON value; None if it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
