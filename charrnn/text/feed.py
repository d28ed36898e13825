"""A text that comes through a pipe, encoded as it comes."""

from __future__ import annotations

import io
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

from charrnn.text.sources import name_of, readable
from charrnn.text.vocabulary import Ids, Vocabulary, decoded

PIECE = 1 << 12  # bytes that are read at once, where so many have come
WAITING = 4  # pieces that wait to be learnt from: a faster pipe has to wait, so no more memory is needed
NAP = 0.05  # seconds between two looks at a pipe that says that it has nothing, instead of waiting


class Feed:
    """Standard input, read by a thread of its own, so that nobody hangs where nothing comes.

    The text is taken as ``read_stream`` takes it, but nothing waits for a block to be full.
    """

    def __init__(self, vocabulary: Vocabulary, *, unknown: str = "error") -> None:
        self.ended = False
        self._waiting: queue.Queue[Ids | Exception | None] = queue.Queue(WAITING)
        arguments = (vocabulary, unknown)
        threading.Thread(target=self._read, args=arguments, daemon=True, name="charrnn-feed").start()

    def next(self, seconds: float) -> Ids | None:
        """Return symbols [N] that have come within so many seconds, or None where there are none, or no more.

        Raises CharrnnError for what cannot be read, is not UTF-8, or is unknown, after all that came before it.
        """
        try:
            come = self._waiting.get(timeout=seconds)
        except queue.Empty:
            return None
        if come is None or isinstance(come, Exception):
            self.ended = True
            if come is not None:
                raise come
            return None
        return come

    def _read(self, vocabulary: Vocabulary, unknown: str) -> None:
        name = name_of("-")
        try:
            with readable("-"):
                pieces = _pieces()
                byte_level = vocabulary.byte_level
                blocks = (p.decode("latin-1") for p in pieces) if byte_level else decoded(pieces, name, newlines=True)
                for ids in vocabulary.encode_blocks(blocks, unknown=unknown, where=name):
                    self._waiting.put(ids)
        except Exception as error:  # for the one who waits
            self._waiting.put(error)
        else:
            self._waiting.put(None)


def _pieces() -> Iterator[bytes]:
    """Yield what comes through standard input, at once."""
    file: io.FileIO | BinaryIO
    try:
        # Not by Python's buffer, which could not be left at the program's end while another thread waits in it.
        file = io.FileIO(sys.stdin.fileno(), closefd=False)
    except (AttributeError, OSError, ValueError):  # closed, or none of the system's
        file = getattr(sys.stdin, "buffer", io.BytesIO())
    while True:
        piece = file.read(PIECE)
        if piece is None:
            time.sleep(NAP)
        elif piece:
            yield piece
        else:
            return
