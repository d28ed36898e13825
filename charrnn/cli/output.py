"""How samples are written: as they are, in colours, or as JSON."""

import codecs
import json
import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from charrnn.generation import Piece
    from charrnn.vocabulary import Vocabulary

FLUSH_SECONDS = 0.05  # a terminal looks alive at twenty writes a second, and a pipe is not slowed
MANY_BITS = 8.0  # of a character that gets the strongest colour


class PlainOutput:
    """Samples as they are, one after another: documents with their separator between them, other texts a blank line.

    A single text is written to the last character and no further, but on a terminal a line is ended.
    """

    def __init__(self, vocabulary: "Vocabulary", *, single: bool) -> None:
        self.vocabulary, self.single = vocabulary, single and not vocabulary.separator
        self._begun = False
        self._line_is_open = False
        self._flushed = 0.0

    def begin(self, prime: "NDArray[Any]") -> None:
        """Begin a sample with the text that it goes on from."""
        if self._begun:
            self.write_between()
        self._begun = True
        self.go_on(prime)

    def go_on(self, prime: "NDArray[Any]") -> None:
        """Write more of the text that a sample goes on from."""
        self.write(prime)
        self.flush()

    def add(self, piece: "Piece") -> None:
        """Write a part of a sample."""
        self.write(piece.symbols, piece.nats)
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def close(self) -> None:
        """End the last line where that is due."""
        if self._line_is_open and (not self.single or sys.stdout.isatty()):
            self.put(b"\n")
        self.flush()

    def flush(self) -> None:
        """Hand over what was written."""
        sys.stdout.flush()
        self._flushed = time.monotonic()

    def write_between(self) -> None:
        """Write what stands between two samples."""
        if separator := self.vocabulary.separator:
            self.put(separator.encode())
        else:
            self.put(b"\n\n" if self._line_is_open else b"\n")

    def write(self, symbols: "NDArray[Any]", nats: "NDArray[np.float32] | None" = None) -> None:  # noqa: ARG002
        """Write symbols [n]."""
        self.put(self.vocabulary.decode_bytes(symbols))

    def put(self, data: bytes) -> None:
        """Write bytes."""
        if data:
            sys.stdout.buffer.write(data)
            self._line_is_open = not data.endswith(b"\n")


class ColouredOutput(PlainOutput):
    """The same, with each character in a colour: the redder, the more bits it has; plain where there are no colours."""

    def __init__(self, vocabulary: "Vocabulary", *, single: bool) -> None:
        from charrnn.display.colour import YELLOW_RED, ColouredText, Scale

        super().__init__(vocabulary, single=single)
        self.text = ColouredText(Scale(0.0, MANY_BITS, YELLOW_RED, bare=True))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._bits = 0.0  # of the first bytes of a character

    def write(self, symbols: "NDArray[Any]", nats: "NDArray[np.float32] | None" = None) -> None:
        """Write symbols [n] with their bits; the bytes of a character together, with the sum of theirs."""
        data = self.vocabulary.decode_bytes(symbols)
        if not self.text.coloured or not data:
            self.put(data)
            return
        bits = [0.0] * len(symbols) if nats is None else (nats / math.log(2.0)).tolist()
        text, values = data.decode() if not self.vocabulary.byte_level else "", bits
        if self.vocabulary.byte_level:
            values = []
            for byte, cost in zip(data, bits, strict=True):
                self._bits += cost
                for character in self._decoder.decode(bytes([byte])):
                    text += character
                    values.append(self._bits)
                    self._bits = 0.0
        sys.stdout.flush()
        self.text.write(text, values)
        sys.stdout.flush()
        self._line_is_open = not data.endswith(b"\n")


class JsonOutput:
    """A JSON object a sample, when it is whole; with `copied`, a function, what that finds in its parts as well."""

    def __init__(
        self, vocabulary: "Vocabulary", copied: "Callable[[list[NDArray[Any]]], dict[str, Any]] | None"
    ) -> None:
        self.vocabulary, self.copied = vocabulary, copied
        self._prime: NDArray[Any] = np.zeros(0, np.int32)
        self._pieces: list[Piece] = []

    def begin(self, prime: "NDArray[Any]") -> None:
        """Begin a sample with the text that it goes on from."""
        self._prime = prime

    def add(self, piece: "Piece") -> None:
        """Take a part of a sample; print it where it is the last."""
        self._pieces.append(piece)
        if piece.ended is None:
            return
        symbols = np.concatenate([part.symbols for part in self._pieces])
        nats = np.concatenate([part.nats for part in self._pieces])
        text = self.vocabulary.decode_bytes(self._prime) + self.vocabulary.decode_bytes(symbols)
        record = {
            "sample": piece.sample,
            "text": text.decode("utf-8", "backslashreplace"),
            "seed": piece.seed,
            "bits_per_char": float(nats.mean(dtype=np.float64)) / math.log(2.0) if nats.size else None,
            "characters": int(symbols.size),
            "ended": piece.ended,
        }
        if self.copied is not None:
            record |= self.copied([symbols])
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
        self._pieces = []

    def go_on(self, prime: "NDArray[Any]") -> None:
        """Begin, or go on with, the text that a sample goes on from."""
        self._prime = np.concatenate([self._prime, prime])

    def close(self) -> None:
        """Do nothing: every line is ended."""
