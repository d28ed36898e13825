"""What comes through a pipe: as fast as it is wanted, and as soon as it is there."""

import os
import sys
import time

from charrnn.text import feed as feed_module
from charrnn.text.feed import Feed
from charrnn.text.vocabulary import Vocabulary


def test_a_fast_pipe_has_to_wait(monkeypatch):
    """Of a text without end only so much is read as is learnt from: memory is bounded."""
    end, start = os.pipe()
    os.set_blocking(start, False)
    with os.fdopen(end, "rb", buffering=0) as reader, os.fdopen(start, "wb", buffering=0) as writer:
        monkeypatch.setattr(sys, "stdin", reader)
        waiting = Feed(Vocabulary.of_bytes())
        taken, idle = 0, 0
        while idle < 20:
            wrote = writer.write(b"x" * 4096)
            taken, idle = taken + (wrote or 0), 0 if wrote else idle + 1
            time.sleep(0.01 * (not wrote))
        assert taken <= (feed_module.WAITING + 2) * feed_module.PIECE + (1 << 20)
        writer.close()
        pieces = []
        while not waiting.ended:
            pieces.append(waiting.next(1.0))
        sizes = [piece.size for piece in pieces if piece is not None]
        assert sum(sizes) == taken
        assert max(sizes) <= feed_module.PIECE


def test_what_is_there_is_read_at_once(monkeypatch):
    """A few bytes of a pipe that stays open come through; none are none; its end is told."""
    end, start = os.pipe()
    with os.fdopen(end, "rb", buffering=0) as reader, os.fdopen(start, "wb", buffering=0) as writer:
        monkeypatch.setattr(sys, "stdin", reader)
        waiting = Feed(Vocabulary.of("aä"))
        assert waiting.next(0.01) is None
        writer.write("aä".encode()[:2])
        assert waiting.next(10.0).tolist() == [0]
        writer.write("ä".encode()[1:])
        assert waiting.next(10.0).tolist() == [1]
        assert not waiting.ended
        writer.close()
        assert waiting.next(10.0) is None
        assert waiting.ended
