"""Input and output of ``charrnn play``: a terminal with line editing and history, or a pipe."""

import codecs
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from textwrap import fill

from rich.console import Console

from charrnn.display.color import RESET
from charrnn.display.line_editing import LineEditor
from charrnn.display.standard_streams import Codes
from charrnn.display.words import cells, harmless
from charrnn.errors import CharrnnError

BOLD, DIM = "\x1b[1m", "\x1b[2m"
MARK = "› "  # before typed text
LONGEST_PIPED_LINE = 1 << 20  # characters of a line from a pipe, at most
TAIL = 32  # characters of the text before the mark, at most, if its rows on the screen are not known


class Pipe:
    """Lines from standard input; standard output has only the text.

    A turn that does not continue the last written text starts on a new line.
    """

    on_terminal = stopped = False
    width = 80

    def __init__(self) -> None:
        if sys.stdin is None:
            raise CharrnnError("standard input is closed; there is nothing to read")
        sys.stdout.buffer.write(b"")  # if standard output is closed, an error here rather than at the first turn
        self.line = 0  # number of the last line read
        self._at_start = True

    def ask(self, text: bytes) -> str:  # noqa: ARG002
        """Return the next line.

        Raises EOFError after the last line, and CharrnnError for a line that is too long.
        """
        line = part = sys.stdin.readline(LONGEST_PIPED_LINE + 1)
        if not line:
            raise EOFError
        self.line += 1
        while len(part) > LONGEST_PIPED_LINE and not part.endswith("\n"):  # skip the rest of a line that is too long
            part = sys.stdin.readline(LONGEST_PIPED_LINE + 1)
            line = ""
        if not line:
            raise CharrnnError(f"it is longer than {LONGEST_PIPED_LINE:,} characters")
        if self.line == 1:
            line = line.removeprefix("\ufeff")  # a byte order mark
        return line.removesuffix("\n")

    def begin(self, text: bytes, typed: bytes, *, goes_on: bool, answers: bool) -> None:  # noqa: ARG002
        """Start a turn with the typed text."""
        if not (goes_on or self._at_start):
            self.write(b"\n")
        self.write(typed)

    def write(self, data: bytes) -> None:
        """Write more of the text."""
        if data:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            self._at_start = data.endswith(b"\n")

    def end(self, separator: str | None) -> None:
        """End a turn, and with a separator, the document."""
        self.write((separator or "").encode())

    def show(self, text: bytes) -> None:
        """Write a whole text, on lines of its own."""
        self.write(b"" if self._at_start else b"\n")
        self.write(text)
        self.write(b"" if self._at_start else b"\n")

    def say(self, sentence: str) -> None:
        """Print a message that is not part of the text."""
        sys.stderr.write(f"{sentence}\n")

    def complain(self, sentence: str) -> None:
        """Print why a line was refused."""
        self.say(f"charrnn: error: line {self.line} of standard input: {sentence}")

    def close(self) -> None:
        """Do nothing."""


class Terminal:
    """Lines typed right after the text so far; the text then continues in their place.

    A dumb terminal shows each line separately, and the text continues below. Bold and dim are the only styles; a dumb
    terminal has none. Ctrl-C while a line is typed raises KeyboardInterrupt; at any other time it sets `stopped`. Tab
    completes `commands`.
    """

    on_terminal = True

    def __init__(self, history: Path, commands: Sequence[str]) -> None:
        console = Console(file=sys.stdout)
        self.plain = console.is_dumb_terminal or not console.is_terminal
        self.stopped = False
        self._before = signal.signal(signal.SIGINT, self._stop)
        self._editor = LineEditor(history, commands)
        self._asked = ""  # the last prompt and typed line, as they were shown
        self._at_start = True
        self._open = False  # whether the last line on the screen is text without a line feed
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def width(self) -> int:
        """The number of columns of the terminal."""
        with suppress(OSError):
            return os.get_terminal_size(sys.stdout.fileno()).columns or 80
        return 80

    def ask(self, text: bytes) -> str:
        """Return a line typed after the end of a text.

        Raises EOFError for Ctrl-D, and KeyboardInterrupt for Ctrl-C.
        """
        tail, whole = self._tail(text)
        if self._open or self.stopped:  # the prompt replaces the text's last row, and a ^C after it
            whole = whole and not (self.stopped and cells(tail) + 2 >= self.width)
            sys.stdout.write(Codes("\r\x1b[K") if whole else "\n")
        sys.stdout.flush()
        self.stopped = self._open = False
        mark = "> " if self.plain else MARK
        prompt = tail + mark
        if self._editor.takes_codes and not self.plain:
            prompt = f"{tail}\1{BOLD}\2{mark}\1{RESET}\2"
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            line = input(prompt)
        except (EOFError, KeyboardInterrupt):
            sys.stdout.write("\n")
            sys.stdout.flush()
            raise
        finally:
            signal.signal(signal.SIGINT, self._stop)
        self._asked = tail + mark + line
        return line

    def begin(self, text: bytes, typed: bytes, *, goes_on: bool, answers: bool) -> None:  # noqa: ARG002
        """Start a turn.

        Shows the end of the text so far, and the typed text. If the turn `answers` the typed line, it replaces the line
        on the screen.
        """
        if answers:
            self._take_away()
        self._at_start = True
        self._put(self._tail(text)[0])
        self._put(self._styled(BOLD, typed.decode("utf-8", "replace")))
        sys.stdout.flush()

    def write(self, data: bytes) -> None:
        """Show more of the text."""
        self._put(self._decoder.decode(data))
        sys.stdout.flush()

    def end(self, separator: str | None) -> None:
        """End a turn, and with a separator, the document."""
        self._put(self._decoder.decode(b"", True))
        if separator is not None:
            self._put(self._styled(DIM, " (the end)"))
            self._put("\n")
        elif self.plain and not self._at_start:
            self._put("\n")
        self._open = not self._at_start
        sys.stdout.flush()

    def show(self, text: bytes) -> None:
        """Show a whole text."""
        self._put(text.decode("utf-8", "replace"))
        self.end(None)

    def say(self, sentence: str) -> None:
        """Print a message that is not part of the text."""
        if self._open:
            self._put("\n")
            self._open = False
        sys.stdout.flush()
        text = "\n".join(fill(line, self.width - 1, break_on_hyphens=False) for line in sentence.split("\n"))
        sys.stderr.write(self._styled(DIM, text) if sys.stderr.isatty() else text)
        sys.stderr.write("\n")

    complain = say

    def close(self) -> None:
        """Save the history, and restore the handler of Ctrl-C."""
        signal.signal(signal.SIGINT, self._before)
        self._editor.close()

    def _stop(self, *_: object) -> None:
        self.stopped = True

    def _put(self, text: str) -> None:
        sys.stdout.write(text)
        if text:
            self._at_start = text.endswith("\n")

    def _styled(self, style: str, text: str) -> str:
        return text if self.plain or not text else Codes(f"{style}{harmless(text)}{RESET}")

    def _tail(self, text: bytes) -> tuple[str, bool]:
        """Return the last row of a text on the screen.

        Returns it and True or, if it is not known, the last characters and False.
        """
        line = harmless(text[text.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
        if not self.plain and "\t" not in line:
            return rows(line, self.width)[-1], True
        most = min(TAIL, self.width // 3)
        return (line if len(line) <= most else "…" + line[1 - most :]).replace("\t", " "), False

    def _take_away(self) -> None:
        """Remove the typed line from the screen.

        It stays if its number of rows is not certain.
        """
        if self.plain or not self._editor.edits or not self._asked.isprintable():
            return
        count = len(rows(self._asked, self.width))
        with suppress(OSError):
            if count < os.get_terminal_size(sys.stdout.fileno()).lines:
                sys.stdout.write(Codes(f"\x1b[{count}A\r\x1b[J"))


def rows(line: str, width: int) -> list[str]:
    """Return the rows of a line on a terminal with `width` columns."""
    begins, column = [0], 0
    for k, character in enumerate(line):
        size = cells(character)
        if column + size > width:
            begins.append(k)
            column = 0
        column += size
    return [line[begin:end] for begin, end in pairwise([*begins, len(line)])]
