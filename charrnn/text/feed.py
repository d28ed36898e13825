"""A text that arrives through a pipe, encoded as it arrives."""

from __future__ import annotations

import io
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

from charrnn.text.decoding import decoded
from charrnn.text.passes import typed
from charrnn.text.sources import name_of, readable
from charrnn.text.vocabulary import Ids, Vocabulary

PIECE = 1 << 12  # bytes that are read at once, if that many have arrived
WAITING = 4  # pieces that are queued for training; a faster pipe has to wait, so memory use stays bounded
NAP = 0.05  # seconds between two reads of a non-blocking pipe that has no data


class Feed:
    """Standard input, read by its own thread, so that an idle pipe does not block the program.

    The text is encoded as `read_stream` encodes it, but without waiting for a full block.
    """

    def __init__(self, vocabulary: Vocabulary, *, unknown: str = "error") -> None:
        self.ended = False
        self._waiting: queue.Queue[Ids | Exception | None] = queue.Queue(WAITING)
        arguments = (vocabulary, unknown)
        threading.Thread(target=self._read, args=arguments, daemon=True, name="charrnn-feed").start()

    def next(self, seconds: float) -> Ids | None:
        """Return the next symbols [N], or None.

        None means that nothing has arrived for this many seconds, or that the text has ended (``ended``). Raises
        CharrnnError if the text cannot be read, is not UTF-8 or has an unknown character, after everything before it.
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
                arrived = pieces()
                blocks = typed(arrived) if vocabulary.byte_level else decoded(arrived, name, newlines=True)
                for ids in vocabulary.encode_blocks(blocks, unknown=unknown, where=name):
                    self._waiting.put(ids)
        except Exception as error:  # raised again by `next`
            self._waiting.put(error)
        else:
            self._waiting.put(None)


def pieces() -> Iterator[bytes]:
    """Yield bytes from standard input as they arrive."""
    file: io.FileIO | BinaryIO
    try:
        # Not through Python's buffer: the program could not end while this thread waits in it.
        file = io.FileIO(sys.stdin.fileno(), closefd=False)
    except (AttributeError, OSError, ValueError):  # closed, or not a file of the system
        file = getattr(sys.stdin, "buffer", io.BytesIO())
    while True:
        piece = file.read(PIECE)
        if piece is None:
            time.sleep(NAP)
        elif piece:
            yield piece
        else:
            return
