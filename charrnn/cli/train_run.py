"""Common parts of the runs of ``charrnn train``: signals stop them."""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from charrnn.cli.train_log import Log
from charrnn.errors import CharrnnError
from charrnn.library.saving import Clock, Storable, Store

if TYPE_CHECKING:
    from charrnn.display.screen import Screen
    from charrnn.model.network import Network

SOON_SECONDS = 0.01
AGAIN_SECONDS = 0.5  # seconds after which a second Ctrl-C counts


class Run(Storable, Protocol):
    """A run that can be stopped and saved."""

    stop: bool

    @property
    def network(self) -> "Network":
        """The network in training."""

    def compile(self) -> None:
        """Compile all that it needs."""


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


def compile_run(run: Run, display: "Screen", caught: list[int]) -> None:
    """Compile what a run needs, and show how long it took.

    A signal meanwhile stops the run before its first step.
    """
    from charrnn.display.console import compiling

    quiet = display.quiet
    wait = None if quiet else "stopping as soon as the kernels are compiled"
    with compiling(run.network, training=True, quiet=quiet) as compiled, stopping(run, caught, wait):
        run.compile()
    display.compiled(compiled)


@contextmanager
def after(failure: CharrnnError | None) -> Iterator[None]:
    """Add an earlier failure to an error in the block."""
    try:
        yield
    except CharrnnError as error:
        raise CharrnnError(f"{failure}; {error}" if failure else str(error)) from None


def exit_code(caught: list[int], log: Log, store: Store) -> int:
    """Return the exit code of a run.

    Raises CharrnnError if its log could not be written to the end, and BrokenPipeError if its reader has gone.
    """
    if log.unread:
        raise BrokenPipeError
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {store.output}" if store.saved else log.failure)
    return 128 + caught[0] if caught else 0
