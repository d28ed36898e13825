"""What happens to files with time."""

import os
import time
from pathlib import Path

import pytest

POSIX = pytest.mark.skipif(os.name == "nt", reason="for POSIX systems")


def age(path, days):
    """Make a file or folder look as if it was last changed so many days ago."""
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def appended(path):
    """Write more behind a file."""
    with path.open("ab") as file:
        file.write("ü".encode())


def spoilt(path):
    """Write over a part of a file."""
    with path.open("r+b") as file:
        file.seek(800_000)
        file.write(b"\xff" * 10)


# What happens to a text of 500,000 ü while it is read, the symbols that are read of it, and what is said then.
CHANGES = {
    "grows": (appended, 500_001, None),
    "shrinks": (lambda path: os.truncate(path, 600_000), 300_000, None),
    "shrinks within a character": (
        lambda path: os.truncate(path, 600_001),
        300_000,
        "at offset 600000) and seems to be",
    ),
    "vanishes": (Path.unlink, 500_000, None),
    "is spoilt": (spoilt, 400_000, "byte 0xFF at offset 800000"),
}
