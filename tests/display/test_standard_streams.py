"""The standard streams while a command runs: all or an error, and nothing that commands a terminal."""

import errno
import io
import os
import sys
import threading
import time

import pytest

from charrnn.display.console import SafeConsole
from charrnn.display.standard_streams import Codes, standard_streams
from tests.helpers.commands import COLOR_CODES, Screen
from tests.helpers.files import POSIX

TEXT = "".join(f"{number} ä\n" for number in range(40_000))
FULL = OSError(errno.ENOSPC, "No space left on device")
HOSTILE = "a\x1b]0;title\x07\x9b31mb\r\u202ec\n"
HARMLESS = "a�]0;title��31mb��c\n"


class Meager(io.RawIOBase):
    """A file that takes a few bytes at a time, and after so many raises an error for as long as there is one."""

    def __init__(self, error=None, room=0):
        super().__init__()
        self.error, self.room, self.kept = error, room, b""

    def writable(self):
        """Say so."""
        return True

    def write(self, data):
        """Take a few bytes, or none."""
        if self.error is not None and len(self.kept) >= self.room:
            raise self.error
        self.kept += bytes(data[:1000])
        return len(data[:1000])


@pytest.fixture
def connect(monkeypatch):
    """Make a file that takes bytes sys.stdout or sys.stderr, as Python does it, with a buffer or without."""

    def connected(name, raw, *, buffered=False):
        inner = io.BufferedWriter(raw) if buffered else raw
        monkeypatch.setattr(sys, name, io.TextIOWrapper(inner, encoding="ascii", write_through=not buffered))
        return raw

    yield connected
    for stream in (sys.stdout, sys.stderr):  # what a failed stream still holds is not to fail at its end
        getattr(stream.buffer, "raw", stream.buffer).error = None


@pytest.mark.parametrize("buffered", [False, True])
def test_a_stream_that_takes_a_few_bytes(connect, buffered):
    """What is written arrives, in its order, whether it is text or bytes, and however little is taken at a time."""
    out = connect("stdout", Meager(), buffered=buffered)
    sys.stdout.write("before\n")
    with standard_streams():
        sys.stdout.write(TEXT)
        sys.stdout.buffer.write(b"bytes\xff")
        print("text")  # noqa: T201
        sys.stdout.buffer.writelines([b"more", b"\x1b\r\n"])
    assert out.kept == b"before\n" + TEXT.encode() + b"bytes\xfftext\nmore\x1b\r\n"
    assert sys.stdout.encoding == "ascii"  # the former stream is back


def test_a_stream_of_text_alone(monkeypatch):
    """A stream in memory can be one of text; no character is lost where the buffer ends."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with standard_streams():
        sys.stdout.write(TEXT)
        sys.stdout.buffer.write(TEXT[1:].encode())
    assert sys.stdout.getvalue() == TEXT + TEXT[1:]


@POSIX
def test_a_pipe_that_does_not_block(connect):
    """Where a pipe is full, it is waited until its reader takes more."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    read = []

    def consume():
        time.sleep(0.05)
        while piece := os.read(reader, 10_000):
            read.append(piece)

    thread = threading.Thread(target=consume)
    thread.start()
    with io.FileIO(writer, "w") as raw:
        connect("stdout", raw)
        with standard_streams():
            sys.stdout.write(TEXT)
    thread.join()
    os.close(reader)
    assert b"".join(read) == TEXT.encode()


@POSIX
def test_an_input_that_does_not_block(monkeypatch):
    """Where a pipe has nothing to read yet, it is waited for, so that its text is read to the end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def produce():
        for piece in ("before\nä", "b" * 100_000, "\nend"):
            time.sleep(0.05)
            os.write(writer, piece.encode()[:60_000])
        os.close(writer)

    thread = threading.Thread(target=produce)
    thread.start()
    with open(reader, encoding="utf-8") as pipe:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", pipe)
        with standard_streams():
            assert sys.stdin.readline() == "before\n"
            assert sys.stdin.buffer.fileno() == reader
            assert sys.stdin.read() == "ä" + "b" * 60_000 + "\nend"
        assert sys.stdin is pipe
    thread.join()


def test_the_first_error_ends_the_output(connect):
    """An error is raised where it happens, and again at the end; what follows it is dropped."""
    out = connect("stdout", Meager(FULL, room=2000))
    with standard_streams() as output:
        with pytest.raises(OSError, match="No space") as caught:
            sys.stdout.write(TEXT)
        sys.stdout.write("after")
        sys.stdout.flush()
        assert output.failure is caught.value
        with pytest.raises(OSError, match="No space"):
            output.finish()
    assert out.kept == TEXT.encode()[:2000]


def test_an_interrupt_writes_nothing_twice(connect):
    """After Ctrl-C within a write, nothing more is written: it is not known what has been."""
    out = connect("stdout", Meager(KeyboardInterrupt(), room=2000))
    with standard_streams() as output:
        sys.stdout.write("x" * 5000)
        with pytest.raises(KeyboardInterrupt):
            output.finish()
        out.error = None
    assert out.kept == b"x" * 2000


@pytest.mark.parametrize("write", [lambda: sys.stdout.write("text"), lambda: sys.stdout.buffer.write(b"")])
def test_a_stream_that_is_closed(monkeypatch, write):
    """Where the caller has closed stdout, the first write is an error; on stderr, nothing is."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    with standard_streams():
        sys.stderr.write("nobody hears it\n")
        with pytest.raises(OSError, match="standard output is closed"):
            write()
    assert sys.stdout is None


def test_messages_that_cannot_be_written_are_lost(connect):
    """An error on stderr costs the message alone; when there is room again, the next one is there."""
    err = connect("stderr", Meager(FULL))
    with standard_streams():
        sys.stderr.write("lost\n")
        print("lost", file=sys.stderr, flush=True)  # noqa: T201
        err.error = None
        sys.stderr.write("said\n")
    assert err.kept == b"said\n"


def test_a_terminal_is_not_commanded(monkeypatch):
    """On a terminal, text and bytes are harmless, on stderr anywhere; only the program's own codes are codes."""
    screen, messages = Screen(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", messages)
    with standard_streams() as output:
        for stream in (sys.stdout, sys.stderr):
            stream.write(HOSTILE)
            for byte in (HOSTILE + "漢").encode() + b"\xe6\xbc":  # characters come in parts
                stream.buffer.write(bytes([byte]))
            stream.write(Codes("\x1b[1m"))
            stream.write(Codes("\x1b[1m") + "\x1b[1m")
        output.finish()
    shown = HARMLESS + HARMLESS + "漢\x1b[1m�[1m�[1m"
    assert screen.getvalue() == shown + "�"
    assert messages.buffer.getvalue().decode() == shown


def test_a_pipe_gets_every_byte(connect):
    """Where stdout is no terminal, not a byte is changed."""
    out = connect("stdout", Meager())
    with standard_streams():
        sys.stdout.write(HOSTILE)
        sys.stdout.buffer.write(HOSTILE.encode() + b"\xe6")
    assert out.kept == HOSTILE.encode() * 2 + b"\xe6"


def test_a_console_has_codes_of_its_own_alone(monkeypatch):
    """What rich prints has its colors, but no code of the text."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with standard_streams():
        SafeConsole(sys.stdout).print(HOSTILE, style="red", markup=False, end="")
    assert COLOR_CODES.search(screen.getvalue())
    assert COLOR_CODES.sub("", screen.getvalue()) == "a�]0;title�31mb�c\n"  # rich drops some by itself
