"""The standard streams while a command runs.

All that is written to standard output arrives, or the failure is known. What is said on standard error may be lost,
silently. Nothing that is shown controls a terminal, except the program's own `Codes`. Streams that do not block are
waited for, standard input too.
"""

import codecs
import errno
import io
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TextIO, cast

from charrnn.display.words import harmless

BUFFER_SIZE = 1 << 16  # bytes, as many as a pipe holds


class Codes(str):
    """Text with terminal codes of the program's own; whatever else is in it is harmless already."""

    __slots__ = ()


class Stream(io.TextIOWrapper):
    """A standard stream in UTF-8, whatever the locale.

    A `guarded` one makes all text harmless, except `Codes`, and bytes as well. `failure` is the error that ended it.
    """

    def __init__(self, raw: "Whole", *, guarded: bool, buffered: bool) -> None:
        inner = io.BufferedWriter(raw, BUFFER_SIZE) if buffered else cast(BinaryIO, raw)
        # The text waits in the buffer beneath alone, so that text and bytes keep their order.
        super().__init__(inner, "utf-8", "backslashreplace", line_buffering=raw.isatty(), write_through=True)
        self._raw = raw
        self._shown = _Shown(self.write) if guarded else None

    @property
    def buffer(self) -> Any:
        """The same stream, for bytes."""
        return super().buffer if self._shown is None else self._shown

    @property
    def failure(self) -> OSError | None:
        """The error that ended the stream, or None."""
        return self._raw.failure

    def write(self, text: str) -> int:
        """Write text."""
        return super().write(text if self._shown is None or isinstance(text, Codes) else harmless(text))

    def finish(self) -> None:
        """Write all that was held back; raise the stream's failure, if it had one."""
        if self._shown is not None:
            self._shown.finish()
        self.flush()
        if self.failure is not None:
            raise self.failure

    def discard(self) -> None:
        """Drop what is held back and all that follows."""
        self._raw.ended = True


class Whole(io.RawIOBase):
    """Writes all bytes, however few the system takes at a time. An error ends it: what follows is dropped.

    Without a stream, as the caller has closed it, every write is an error, also one of no bytes.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._put: Callable[[memoryview], int | None] = _refuse
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
            inner = getattr(stream, "buffer", None)  # a stream in memory can be one of text alone
            self._put = _Shown(stream.write).write if inner is None else getattr(inner, "raw", inner).write
        self.failure: OSError | None = None
        self.ended = False

    def write(self, data: Any) -> int:
        """Write bytes; wait while the other end of a pipe takes none."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while not self.ended:
                count = self._put(rest)
                if count is None:  # the stream does not block; Python's own would give up here
                    select.select([], [self.fileno()], [])
                    continue
                rest = rest[count:]
                if not rest:
                    break
        except BaseException as fault:  # also an interrupt: what has been written must not be written again
            self.ended = True
            self.failure = fault if isinstance(fault, OSError) else None
            raise
        return size

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream; raise OSError if it has none."""
        return super().fileno() if self._stream is None else self._stream.fileno()


class Spoken(Whole):
    """Writes what can be written, and drops the rest: nobody hears it, but the work goes on."""

    def write(self, data: Any) -> int:
        """Write bytes, or none of them."""
        try:
            with suppress(OSError):
                super().write(data)
        finally:
            self.ended = False  # a full disk can have room again
        return len(data)


class _Patient(io.RawIOBase):
    """Reads from a file, and waits while a pipe has nothing to read, also if it does not block."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw

    def readinto(self, buffer: Any) -> int:
        """Read bytes; return how many, 0 at the end."""
        while (count := cast(int | None, self._raw.readinto(buffer))) is None:
            select.select([self.fileno()], [], [])
        return count

    def readable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the file."""
        return self._raw.fileno()


class _Shown(io.RawIOBase):
    """Bytes that become text; a character can come in parts."""

    def __init__(self, show: Callable[[str], int]) -> None:
        self._show = show
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: Any) -> int:
        """Show bytes."""
        self._show(self._decoder.decode(data))
        return len(data)

    def finish(self) -> None:
        """Show a replacement for a part of a character."""
        self._show(self._decoder.decode(b"", True))


@contextmanager
def standard_streams() -> Iterator[Stream]:
    """Replace ``sys.stdin``, ``sys.stdout`` and ``sys.stderr`` during the block; return the new stdout."""
    before = sys.stdin, sys.stdout, sys.stderr
    raw, spoken = Whole(sys.stdout), Spoken(sys.stderr)
    output = Stream(raw, guarded=raw.isatty(), buffered=sys.stdout is not None)
    sys.stdin, sys.stdout, sys.stderr = _patient(sys.stdin), output, Stream(spoken, guarded=True, buffered=False)
    try:
        yield output
    finally:
        with suppress(OSError):
            output.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _patient(stream: TextIO) -> TextIO:
    """Return standard input as one that waits; a terminal, or no file of the system, stays as it is."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if raw is None or stream.isatty():
        return stream
    return io.TextIOWrapper(io.BufferedReader(_Patient(raw), BUFFER_SIZE), stream.encoding, stream.errors)


def _refuse(_: memoryview) -> int:
    raise OSError(errno.EBADF, "standard output is closed")
