"""Writing model files: of a model, and of a run that is being trained, at intervals and at the end."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from charrnn.errors import CharrnnError
from charrnn.library.signatures import PathOf, path_of
from charrnn.storage.files import is_same_file, shown

if TYPE_CHECKING:
    from charrnn.model.model_file import Checkpoint
    from charrnn.training.progress import Progress

# A run is saved at a validation too, if the time since the last save is at least
SAVE_COST = 20  # times the duration of that save,
SAVE_LEAST_SECONDS = 5.0  # and this many seconds: a small network would wear out the disk.
# After a save that took at least so many seconds,
SLOW_SAVE = 0.1
PAUSE = 4  # the next one is due at the earliest after this many times as long, so that training has most of the time.

Clock: TypeAlias = Callable[[], float]  # seconds
Say: TypeAlias = Callable[[str], None]  # prints a note for the user


class Storable(Protocol):
    """A run that can be saved."""

    def is_finite(self) -> bool:
        """Return whether it can be saved."""

    def checkpoint(self) -> "Checkpoint":
        """Return its whole state."""


class Store:
    """The model file of a run, which is written at intervals and at the end.

    ``inform`` is told once if a save takes too long for the intervals.
    """

    def __init__(
        self, run: Storable, output: str, every: float, *, clock: Clock = time.monotonic, inform: Say | None = None
    ) -> None:
        self.run, self.output, self.every, self._clock, self._inform = run, output, every, clock, inform
        self.saved = False
        self._failed = False  # the last time
        self._last = clock()
        self._cost = 0.0  # seconds that the last save took

    def is_due(self, record: "Progress | None") -> bool:
        """Return whether to save now.

        True at intervals, and at validations if saving is quick.
        """
        passed = self._clock() - self._last
        validated = record is not None and record.val_loss is not None and not self._failed
        validated = validated and passed >= max(SAVE_COST * self._cost, SAVE_LEAST_SECONDS * self.saved)
        # Values that are not finite cannot be saved; the run rolls back as soon as it notices them.
        return (validated or passed >= max(self.every, self._pause)) and self.run.is_finite()

    @property
    def _pause(self) -> float:
        """The seconds to train between two saves, at least."""
        return PAUSE * self._cost if self._cost >= SLOW_SAVE else 0.0

    def save_if_due(self, record: "Progress | None", say: Say) -> bool:
        """Save the run if it is due; return whether it was saved.

        An error is reported only: the disk can have room again later.
        """
        if not self.is_due(record):
            return False
        try:
            self.save()
        except CharrnnError as error:
            say(f"{error}; the run continues, and tries again later")
            return False
        if self._pause > self.every and self._inform is not None:
            took, pause = f"{self._cost:.2g}", f"{self._pause:.2g}"
            self._inform(f"a save takes {took} s, so there are {pause} s of training between two saves")
            self._inform = None
        return True

    def finish(self, *, slim: bool = False) -> None:
        """Write the file at the end of the run.

        If that fails, the model is written to a new file in the current folder, or else in a new folder for temporary
        files. Raises CharrnnError, which names that file, if there is one.
        """
        try:
            self.save(slim=slim)
        except CharrnnError as error:
            if not self._saved_elsewhere(slim):
                raise
            raise CharrnnError(f"{error}; the model is saved in {shown(self.output)}") from None

    def _saved_elsewhere(self, slim: bool) -> bool:
        """Write the file to another place; return whether there is one."""
        output = self.output
        for place in _other_places(Path(output).name):
            self.output = place
            with suppress(CharrnnError):
                self.save(slim=slim)
                return True
        self.output = output
        return False

    def save(self, *, slim: bool = False) -> None:
        """Write the file.

        Raises CharrnnError if that fails.
        """
        from charrnn.model.model_file import save

        began, self._failed = self._clock(), True  # a validation does not save again then
        try:
            checkpoint = self.run.checkpoint()
            if slim:
                checkpoint.resume = None
            save(self.output, checkpoint)
            self.saved, self._failed = True, False
        finally:
            self._last = self._clock()
            self._cost = self._last - began


def _other_places(name: str) -> Iterator[str]:
    """Yield paths of new files in the current folder, and in a new folder for temporary files."""
    first = Path(name)
    yield next(path for k in count(1) if not os.path.lexists(path := first.stem + f"-{k}" * (k > 1) + first.suffix))
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="charrnn-"))
        yield str(folder / name)
        folder.rmdir()  # nothing could be written there either


def write_model(checkpoint: "Checkpoint", path: PathOf, *, slim: bool, force: bool, own: Path | None = None) -> None:
    """Write a model file, perhaps over its ``own``.

    Raises CharrnnError if it cannot be written, if a file exists that is not to be replaced, that is not a model, or
    that is the text which the model was trained on.
    """
    from charrnn.model.model_file import check_writable, require_replaceable, save
    from charrnn.text.sources import written

    target, text = path_of(path), checkpoint.corpus
    if checkpoint.vocabulary.byte_level and not (own and is_same_file(target, own)):  # else a model is no text
        sources = text.get("sources", ())
        require_unread(target, sources, byte_level=True, outputs=written(text, sources))
    require_replaceable(target)
    check_writable(target, force=force)
    save(target, replace(checkpoint, resume=None) if slim else checkpoint)


def require_unread(target: str, texts: Sequence[str], *, byte_level: bool, outputs: Sequence[str]) -> None:
    """Raise CharrnnError if a model to write is a text of its run; the run's ``outputs`` are not, in a folder."""
    from charrnn.text.sources import is_read

    if any(is_read(target, path, byte_level=byte_level, outputs=outputs) for path in texts):
        raise CharrnnError(f"{shown(target)} is a text that the run reads; name another file")


def whole(model: "Checkpoint", path: Path) -> "Checkpoint":
    """Return a loaded model with the state of its run, from the file that it was loaded from.

    Raises CharrnnError if that file has another model now, or none.
    """
    from charrnn.model.model_file import load

    alone = "slim=True saves the model alone, which cannot be trained further"
    try:
        stored = load(path, resume=True)
    except CharrnnError as error:
        raise CharrnnError(f"{error}; {alone}") from None
    kept = ("architecture", "vocabulary", "training", "history", "corpus")
    same = all(getattr(stored, name) == getattr(model, name) for name in kept)
    if not (same and all((stored.parameters[name] == values).all() for name, values in model.parameters.items())):
        raise CharrnnError(f"{shown(path)} has changed since the model was loaded from it; {alone}")
    return stored
