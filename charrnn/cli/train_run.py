"""Common parts of the runs of ``charrnn train``: signals stop them, and they are saved at intervals."""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from charrnn.cli.train_log import Log
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.display.console import Compiled
    from charrnn.model.model_file import Checkpoint
    from charrnn.model.network import Network
    from charrnn.training.progress import Progress

# A run is saved at a validation too, if the time since the last save is at least
SAVE_COST = 20  # times the duration of that save,
SAVE_LEAST_SECONDS = 5.0  # and this many seconds: a small network would wear out the disk.
SOON_SECONDS = 0.01
AGAIN_SECONDS = 0.5  # seconds after which a second Ctrl-C counts

Clock: TypeAlias = Callable[[], float]  # seconds


class Run(Protocol):
    """A run that can be stopped and saved."""

    network: "Network"
    stop: bool

    def compile(self) -> None:
        """Compile all that it needs."""

    def is_finite(self) -> bool:
        """Return whether it can be saved."""

    def checkpoint(self) -> "Checkpoint":
        """Return its whole state."""


class _Ended(SystemExit):
    """The end of the program by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def orderly() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise an exception, as Ctrl-C does.

    So unfinished files are removed.
    """

    def end(number: int, frame: object) -> None:
        raise _Ended(number)

    with _handling(end, "SIGTERM", "SIGHUP"), _sent_again():
        yield


@contextmanager
def _sent_again() -> Iterator[None]:
    """Send a signal again if Python drops its exception.

    Python does so in a finalizer, and while it imports a module.
    """
    before = sys.unraisablehook

    def hook(dropped: "sys.UnraisableHookArgs") -> None:
        if isinstance(dropped.exc_value, _Ended | KeyboardInterrupt):
            number = getattr(dropped.exc_value, "number", signal.SIGINT)
            # A little later, because an exception in this function would be dropped too.
            threading.Timer(SOON_SECONDS, os.kill, (os.getpid(), number)).start()
        else:
            before(dropped)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def stopping(
    run: Run, caught: list[int], sentence: str | None = None, *, clock: Clock = time.monotonic
) -> Iterator[None]:
    """Let a signal stop the run in order.

    The signals are Ctrl-C (SIGINT), SIGTERM and SIGHUP. A later Ctrl-C ends the run at once.
    """
    from charrnn.display.console import note

    first = -math.inf

    def stop(number: int, frame: object) -> None:
        nonlocal first
        # Only a later Ctrl-C counts: a terminal that closes can send SIGHUP twice, and a parent process can pass on
        # the signal that the program has received itself.
        if caught and number == signal.SIGINT and clock() - first > AGAIN_SECONDS:
            raise KeyboardInterrupt
        if not caught:
            first = clock()
            if sentence is not None:
                note(sentence)
        caught.append(number)
        run.stop = True

    with _handling(stop, "SIGINT", "SIGTERM", "SIGHUP"):
        yield


@contextmanager
def _handling(handle: Callable[[int, Any], None], *names: str) -> Iterator[None]:
    """Handle the signals that the system has."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # An ignored signal stays ignored, as nohup wants.
    before = {n: signal.signal(n, handle) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def compile_run(run: Run, caught: list[int], *, quiet: bool) -> "Compiled":
    """Compile what a run needs.

    A signal meanwhile stops the run before its first step.
    """
    from charrnn.display.console import compiling

    wait = None if quiet else "stopping as soon as the kernels are compiled"
    with compiling(run.network, training=True, quiet=quiet) as compiled, stopping(run, caught, wait):
        run.compile()
    return compiled


class Store:
    """The model file of a run, which is written at intervals and at the end."""

    def __init__(self, run: Run, output: str, every: float, *, clock: Clock = time.monotonic) -> None:
        self.run, self.output, self.every, self._clock = run, output, every, clock
        self.saved = False
        self._last = clock()
        self._cost = 0.0  # seconds that the last save took

    def is_due(self, record: "Progress | None") -> bool:
        """Return whether to save now.

        True at intervals, and at validations if saving is quick.
        """
        passed = self._clock() - self._last
        validated = record is not None and record.val_loss is not None
        validated = validated and passed >= max(SAVE_COST * self._cost, SAVE_LEAST_SECONDS * self.saved)
        # Values that are not finite cannot be saved; the run rolls back as soon as it notices them.
        return (validated or passed >= self.every) and self.run.is_finite()

    def save_if_due(self, record: "Progress | None", say: Callable[[str], None]) -> bool:
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
        return True

    def save(self, *, slim: bool = False) -> None:
        """Write the file.

        Raises CharrnnError if that fails.
        """
        from charrnn.model.model_file import save

        began, self._cost = self._clock(), math.inf  # after a failure, a validation does not save again
        try:
            checkpoint = self.run.checkpoint()
            if slim:
                checkpoint.resume = None
            save(self.output, checkpoint)
            self.saved, self._cost = True, self._clock() - began
        finally:
            self._last = self._clock()


@contextmanager
def after(failure: CharrnnError | None) -> Iterator[None]:
    """Add an earlier failure to an error in the block."""
    try:
        yield
    except CharrnnError as error:
        raise CharrnnError(f"{failure}; {error}" if failure else str(error)) from None


def exit_code(caught: list[int], log: Log, store: Store) -> int:
    """Return the exit code of a run.

    Raises CharrnnError if its log could not be written to the end.
    """
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {store.output}" if store.saved else log.failure)
    return 128 + caught[0] if caught else 0
