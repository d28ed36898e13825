"""Messages on stderr, and tables on stdout."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from charrnn.display.standard_streams import Codes
from charrnn.display.words import harmless

if TYPE_CHECKING:
    from charrnn.model.network import Network


class SafeConsole(Console):
    """A rich console whose own codes reach the terminal, but none from the text that it prints."""

    def __init__(self, stream: TextIO, **options: Any) -> None:
        super().__init__(file=cast(IO[str], _Trusted(stream)), highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render an object, with its text made harmless."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that rich is handling, instead of ending the program."""
        raise


class _Trusted:
    """A stream that takes what rich writes for `Codes`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(Codes(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def console() -> SafeConsole:
    """Return a console on stderr.

    It honors NO_COLOR and TERM=dumb, and is plain if stderr is not a terminal.
    """
    return SafeConsole(sys.stderr, soft_wrap=True)


def note(text: str) -> None:
    """Print one sentence on stderr."""
    console().print(f"charrnn: {text}", markup=False)


class Compiled:
    """The seconds that compiling took (None if there was nothing to compile), and whether the result is kept."""

    seconds: float | None = None
    kept: bool = True


@contextmanager
def compiling(
    network: "Network", *, training: bool = False, sampling: bool = False, quiet: bool = False
) -> Iterator[Compiled]:
    """Show that kernels are compiled, and measure it.

    Without the message, a first run would seem to hang. Nothing is shown if all is compiled already.
    """
    result = Compiled()
    if network.is_compiled(training=training, sampling=sampling):
        yield result
        return
    began = time.monotonic()
    screen = console()
    result.kept = network.can_keep_compiled()
    sentence = "compiling the kernels for this processor, which takes some seconds " + (
        "on the first run only" if result.kept else "on each run, because there is no private folder to keep them in"
    )
    if quiet:
        yield result
    elif screen.is_terminal and not screen.is_dumb_terminal:
        with screen.status(sentence + " …"):
            yield result
    else:
        note(sentence)
        yield result
    result.seconds = time.monotonic() - began


class ReadingBar:
    """A bar on a terminal for each pass over a large text, with the time left; anywhere else, a line for each."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._what = ""

    def __call__(self, what: str, done: int, size: int) -> None:
        """Show how many bytes of a text of this size are done."""
        if what != self._what:
            self._what = what
            self._begin(f"{what} {size / 1e9:.1f} GB of text", size)
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
            if done >= size:
                self._bar.stop()
                self._bar = None

    def _begin(self, sentence: str, size: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        screen = console()
        if not screen.is_terminal or screen.is_dumb_terminal:
            note(f"{sentence}, which takes a while")
            return
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), TextColumn("left")
        self._bar = Progress(*columns, console=screen, transient=True)
        self._task = self._bar.add_task(sentence, total=size)
        self._bar.start()

    def close(self) -> None:
        """Take the bar away, if there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Print a table to stdout, in plain columns."""
    from rich.table import Table  # imported here because it takes time, and few runs need it

    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column)
    for row in rows:
        grid.add_row(*(escape(str(cell)) for cell in row))
    SafeConsole(sys.stdout).print(grid)
