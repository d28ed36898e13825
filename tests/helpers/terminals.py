"""A pseudo-terminal with the program on it, and what a person sees there (POSIX systems)."""

import os
import re
import select
import struct
import time

import pytest

from tests.helpers.processes import PATIENCE

fcntl = pytest.importorskip("fcntl", reason="for POSIX systems")
termios = pytest.importorskip("termios", reason="for POSIX systems")

ESCAPE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])")


class Terminal:
    """A pseudo-terminal with so many columns, and the program on it."""

    def __init__(self, launch, columns, *arguments, env=None):
        self.screen, inner = os.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), inner)
        self.process = launch(*arguments, terminal=True, env=env, **streams)
        os.close(inner)
        self.shown = b""

    def read(self, until=None):
        """Read what is shown, to the end or until something is; return it."""
        end = time.monotonic() + PATIENCE
        while until is None or until not in self.shown:
            assert select.select([self.screen], [], [], end - time.monotonic())[0]
            try:
                piece = os.read(self.screen, 1 << 16)
            except OSError:  # how Linux says that the program has ended
                break
            if not piece:
                break
            self.shown += piece
        return self.shown.decode("utf-8", "replace")

    def finish(self):
        """Read to the end and hold that the program ended well; return all that was shown."""
        shown = self.read()
        os.close(self.screen)
        assert self.process.wait(PATIENCE) == 0
        return shown

    def hang_up(self):
        """Close the window."""
        os.close(self.screen)


def colors(shown):
    """Return the colors in escape codes, as numbers."""
    numbers = [int(n or 0) for codes, kind in ESCAPE.findall(shown) if kind == "m" for n in codes.split(";")]
    return [n for n in numbers if 30 <= n <= 49 or 90 <= n <= 107]
