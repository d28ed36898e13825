"""The common parts of the displays of runs."""

import time
from collections.abc import Iterable

from charrnn.display.console import Compiled, console
from charrnn.display.words import duration

PLAIN_SECONDS = 10.0  # between two lines if there is no live display


class Screen:
    """A run on stderr: lines and, on a terminal, a live display beneath them. With ``quiet``, nothing."""

    def __init__(self, *, quiet: bool, plain_seconds: float) -> None:
        self.quiet, self.plain_seconds = quiet, plain_seconds
        self.console = console()
        self._last_line = time.monotonic()

    @property
    def is_live(self) -> bool:
        """Whether there is a live display."""
        return not self.quiet and self.console.is_terminal and not self.console.is_dumb_terminal

    def say(self, text: str) -> None:
        """Print a line, above the live display."""
        if not self.quiet:
            self.console.print(text, markup=False)

    def say_facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Print one line per fact, with its name before it."""
        for name, text in facts:
            self.say(f"{name + ':':<10} {text}")

    def compiled(self, compiled: Compiled) -> None:
        """Print how long compiling took, if there was anything to compile."""
        if compiled.seconds is not None:
            later = "; the next run on this machine starts at once" if compiled.kept else ""
            self.say_facts([("compiled", f"in {duration(compiled.seconds)}{later}")])
