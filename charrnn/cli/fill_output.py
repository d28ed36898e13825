"""Output of ``charrnn fill``."""

import sys


def write_completed(data: bytes, *, ended: bool) -> None:
    """Write a completed text.

    If it is to be `ended`, a line feed follows.
    """
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data + b"\n" * ended)
        return
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    sys.stdout.write(text + "\n" * (ended or not text.endswith("\n")))
