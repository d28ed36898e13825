"""Output of samples: plain, in colors, or as JSON."""

import codecs
import json
import math
import os
import stat
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from charrnn.cli.options import MOST_COMPARED
from charrnn.errors import CharrnnError
from charrnn.writing.samples import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from charrnn.cli.sample_options import SampleOptions
    from charrnn.reading.copying import Comparison
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.writing.samples import Piece

FLUSH_SECONDS = 0.05  # a terminal looks alive at 20 writes per second, and a pipe is not slowed down
MANY_BITS = 8.0  # bits of a character with the strongest color


def output_for(
    options: "SampleOptions", vocabulary: "Vocabulary", compare: "Comparison | None"
) -> "PlainOutput | JsonOutput":
    """Return the output that the options select."""
    if options.as_json:
        return JsonOutput(vocabulary, compare, options.copied_run)
    copies = None if compare is None else Copies(compare, options.copied_run, options.copied or "")
    return (ColoredOutput if options.surprise else PlainOutput)(vocabulary, copies, single=options.count == 1)


class PlainOutput:
    """Samples as plain text, with a blank line (or the documents' separator) between them.

    A single sample is written without a line feed after it, except on a terminal. With `copies`, the output ends with a
    report of what was copied.
    """

    def __init__(self, vocabulary: "Vocabulary", copies: "Copies | None" = None, *, single: bool) -> None:
        self.vocabulary, self.copies = vocabulary, copies
        self.single = single and not vocabulary.separator
        self.on_terminal = sys.stdout.isatty()
        self._begun = False
        self._line_is_open = False
        self._nothing_written = False  # of a sample
        self._flushed = 0.0

    def begin(self, prime: "NDArray[Any]") -> None:
        """Start a sample with its prime."""
        if self._begun:
            self._end_text()
            self._put((self.vocabulary.ending or "\n\n"[not self._line_is_open :]).encode())
        self._begun = self._nothing_written = True
        self.go_on(prime)

    def go_on(self, prime: "NDArray[Any]") -> None:
        """Write more of the prime."""
        self._write(prime, np.zeros(len(prime)))
        self.flush()

    def add(self, piece: "Piece") -> None:
        """Write a piece of a sample."""
        self._write(piece.symbols, piece.nats / math.log(2.0))
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()
        if self.copies is not None:
            self.copies.add(piece)

    def close(self) -> None:
        """End the last line if needed; report what was copied."""
        self._end_text()
        ends_line = self._line_is_open or (self._nothing_written and bool(self.vocabulary.separator))
        if ends_line and (not self.single or self.on_terminal):
            self._put(b"\n")
        self.flush()
        if self.copies is not None:
            if self._line_is_open and _meets_stderr():
                click.echo(err=True)
            self.copies.tell()

    def flush(self) -> None:
        """Flush standard output."""
        sys.stdout.flush()
        self._flushed = time.monotonic()

    def _write(self, symbols: "NDArray[Any]", bits: "NDArray[Any]") -> None:
        """Write symbols [n] with their bits [n]."""
        data = self.vocabulary.decode_bytes(symbols)
        self._nothing_written = self._nothing_written and not data
        self._put(data, bits)

    def _put(self, data: bytes, bits: "NDArray[Any] | None" = None) -> None:  # noqa: ARG002
        """Write bytes; their bits [n] are for colors."""
        if data:
            sys.stdout.buffer.write(data)
            self._line_is_open = not data.endswith(b"\n")

    def _end_text(self) -> None:
        """Do nothing: standard output shows the bytes of an unfinished character."""


def _meets_stderr() -> bool:
    """Return whether stderr continues the last line of stdout: in one file, or on a terminal behind a pipe."""
    try:
        out, err = os.fstat(sys.stdout.fileno()), os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # one of them is closed
        return False
    return os.path.samestat(out, err) or (sys.stderr.isatty() and stat.S_ISFIFO(out.st_mode))


class ColoredOutput(PlainOutput):
    """Plain output in which a redder character has more bits, if the terminal has colors."""

    def __init__(self, vocabulary: "Vocabulary", copies: "Copies | None" = None, *, single: bool) -> None:
        from charrnn.display.color import YELLOW_RED, ColoredText, Scale

        super().__init__(vocabulary, copies, single=single)
        self._text = ColoredText(Scale(0.0, MANY_BITS, YELLOW_RED, bare=True))
        self._characters = Characters()

    def _put(self, data: bytes, bits: "NDArray[Any] | None" = None) -> None:
        if bits is None or not data or not self._text.colored:
            super()._put(data)
            return
        byte_level = self.vocabulary.byte_level
        self._text.write(*(self._characters.of(data, bits.tolist()) if byte_level else (data.decode(), bits)))
        self._line_is_open = not data.endswith(b"\n")

    def _end_text(self) -> None:
        self._text.write(*self._characters.rest())


class Characters:
    """Decodes bytes into characters, and sums the bits of each character's bytes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._bits = 0.0  # of the bytes of an unfinished character

    def of(self, data: bytes, bits: "Sequence[float]") -> "tuple[str, list[float]]":
        """Return the characters that these bytes complete."""
        text, sums = "", list[float]()
        for byte, cost in zip(data, bits, strict=True):
            completed = self._decoder.decode(bytes([byte]))
            if len(completed) == 2:  # the earlier bytes are invalid, and this one is a character by itself
                sums.append(self._bits)
                self._bits = 0.0
            self._bits += cost
            if completed:
                sums.append(self._bits)
                self._bits = 0.0
            text += completed
        return text, sums

    def rest(self) -> "tuple[str, list[float]]":
        """Return a replacement for the bytes of an unfinished character."""
        text, bits = self._decoder.decode(b"", True), self._bits
        self._bits = 0.0
        return text, [bits] * len(text)


class JsonOutput:
    """One JSON object per whole sample; with `compare`, also what is copied in runs of `run` or more."""

    def __init__(
        self,
        vocabulary: "Vocabulary",
        compare: "Comparison | None",
        run: int,
    ) -> None:
        self.vocabulary, self.compare, self.run = vocabulary, compare, run
        self._prime: NDArray[Any] = np.zeros(0, np.int32)
        self._pieces: list[Piece] = []

    def begin(self, prime: "NDArray[Any]") -> None:
        """Start a sample with its prime."""
        self._prime = prime

    def add(self, piece: "Piece") -> None:
        """Take a piece of a sample.

        After the last piece, the sample is printed.
        """
        self._pieces.append(piece)
        if piece.ended is None:
            return
        record = {"sample": piece.sample, **asdict(Sample.of(self._pieces, self._prime, self.vocabulary))}
        if self.compare is not None:
            symbols = np.concatenate([part.symbols for part in self._pieces])
            record |= self.compare([symbols], self.run).fields(self.run)
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
        self._pieces = []

    def go_on(self, prime: "NDArray[Any]") -> None:
        """Add to the prime."""
        self._prime = np.concatenate([self._prime, prime])

    def close(self) -> None:
        """Do nothing: every line has ended."""


class Copies:
    """Collects all samples, at most `most` symbols, and compares them with a corpus at the end."""

    def __init__(self, compare: "Comparison", run: int, corpus: str, *, most: int = MOST_COMPARED) -> None:
        self.compare, self.run, self.corpus, self.most = compare, run, corpus, most
        self._samples: dict[int, list[NDArray[Any]]] = {}
        self._size = 0

    def add(self, piece: "Piece") -> None:
        """Take a piece of a sample.

        Raises CharrnnError if there are too many symbols.
        """
        self._samples.setdefault(piece.sample, []).append(piece.symbols)
        self._size += piece.symbols.size
        if self._size > self.most:
            raise CharrnnError(f"the samples are too long for --copied, which takes at most {self.most:,} characters")

    def tell(self) -> None:
        """Report on stderr what was copied."""
        from charrnn.library import sentences

        found = self.compare([np.concatenate(parts) for parts in self._samples.values()], self.run)
        for sentence in sentences.copied(found, self.run, self.corpus):
            click.echo(sentence, err=True)
