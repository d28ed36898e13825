"""What all runs of ``charrnn train`` have in common: they are stopped by signals, and saved now and then."""

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

SAVE_COST = 20  # a validation is saved too where as many times what the last save took has passed since it,
SAVE_LEAST_SECONDS = 5.0  # and as many seconds: a small network would wear out a disk
SOON_SECONDS = 0.01
AGAIN_SECONDS = 0.5  # seconds after which another Ctrl-C is meant as one

Clock: TypeAlias = Callable[[], float]  # seconds


class Run(Protocol):
    """What can be stopped and saved."""

    network: "Network"
    stop: bool

    def compile(self) -> None:
        """Compile all that it needs."""

    def is_finite(self) -> bool:
        """Tell whether it can be saved."""

    def checkpoint(self) -> "Checkpoint":
        """Return its whole state."""


class _Ended(SystemExit):
    """The end of the program by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


@contextmanager
def orderly() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does, so that what it is about to write is cleared away."""

    def end(number: int, frame: object) -> None:
        raise _Ended(number)

    with _handling(end, "SIGTERM", "SIGHUP"), _sent_again():
        yield


@contextmanager
def _sent_again() -> Iterator[None]:
    """Send a signal again whose exception is dropped: Python does so in a finalizer, or while it imports a module."""
    before = sys.unraisablehook

    def hook(dropped: "sys.UnraisableHookArgs") -> None:
        if isinstance(dropped.exc_value, _Ended | KeyboardInterrupt):
            number = getattr(dropped.exc_value, "number", signal.SIGINT)
            # A little later, as what is raised in this function would be dropped as well.
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
    """Let the first Ctrl-C (or SIGTERM, SIGHUP) end the run in good order, and a later Ctrl-C at once."""
    from charrnn.display.console import note

    first = -math.inf

    def stop(number: int, frame: object) -> None:
        nonlocal first
        # Only a hand means it: a terminal that is closed may send SIGHUP twice, and what has started the program may
        # pass on the signal that it got as well.
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
    """Handle signals, where the system has them."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored stays ignored: nohup means it.
    before = {n: signal.signal(n, handle) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def compile_run(run: Run, caught: list[int], *, quiet: bool) -> "Compiled":
    """Compile what a run needs; a signal meanwhile stops it before its first step."""
    from charrnn.display.console import compiling

    wait = None if quiet else "stopping as soon as the kernels are compiled"
    with compiling(run.network, training=True, quiet=quiet) as compiled, stopping(run, caught, wait):
        run.compile()
    return compiled


class Store:
    """The model file of a run: written at its end and, now and then, before."""

    def __init__(self, run: Run, output: str, every: float, *, clock: Clock = time.monotonic) -> None:
        self.run, self.output, self.every, self._clock = run, output, every, clock
        self.saved = False
        self._last = clock()
        self._cost = 0.0  # seconds that the last save took

    def is_due(self, record: "Progress | None") -> bool:
        """Tell whether to save now: so often, and at a validation where that takes next to no time."""
        passed = self._clock() - self._last
        validated = record is not None and record.val_loss is not None
        validated = validated and passed >= max(SAVE_COST * self._cost, SAVE_LEAST_SECONDS * self.saved)
        # A run whose numbers have just gone wrong is not worth it: it goes back as soon as it notices.
        return (validated or passed >= self.every) and self.run.is_finite()

    def save_if_due(self, record: "Progress | None", say: Callable[[str], None]) -> bool:
        """Save the run where it is due, and return whether it was saved; the disk may have room again later."""
        if not self.is_due(record):
            return False
        try:
            self.save()
        except CharrnnError as error:
            say(f"{error}; the run goes on, and saves again later")
            return False
        return True

    def save(self, *, slim: bool = False) -> None:
        """Write the file; raise CharrnnError if that cannot be done."""
        from charrnn.model.model_file import save

        began, self._cost = self._clock(), math.inf  # where it fails, a validation is no reason to try again
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
    """Let an error in the block tell of an earlier failure too."""
    try:
        yield
    except CharrnnError as error:
        raise CharrnnError(f"{failure}; {error}" if failure else str(error)) from None


def exit_code(caught: list[int], log: Log, store: Store) -> int:
    """Return the exit code of a run that came to its end, or was stopped by signals.

    Raises CharrnnError where its log was not written to the end.
    """
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {store.output}" if store.saved else log.failure)
    return 128 + caught[0] if caught else 0
