"""A census of a text: how often each character occurs in it, and what else shows how it was written."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.text import passes
from charrnn.text.corpus_file import EncodedText, is_encoded_text, load
from charrnn.text.passes import Listener
from charrnn.text.places import BEGIN, END, code_points, counted, marked
from charrnn.text.sources import LARGE_TEXT, Known, Source, sources
from charrnn.text.survey import Survey
from charrnn.text.vocabulary import Vocabulary

# The second characters of what UTF-8 of two bytes becomes if it is read as Windows-1252 or ISO-8859-1
_SECOND = "".join(
    sorted({bytes([k]).decode(encoding, "ignore") for k in range(0x80, 0xC0) for encoding in ("cp1252", "latin-1")})
)
MISREAD = re.compile(f"[ÂÃÐÑ][{re.escape(_SECOND)}]|â€")  # the first ones of accents, Cyrillic, and quotes and dashes


@dataclass
class Writing:
    """How a text is written: what reading does not keep, counted."""

    line_ends: Counter[str] = field(default_factory=Counter)  # LF, CRLF, and CR alone
    documents: int = 0  # that are not empty
    decomposed: int = 0  # characters that would be joined to the one before them if the text were composed (NFC)
    misread: Counter[str] = field(default_factory=Counter)  # pairs that UTF-8 becomes if it is read as another encoding
    _last: str = ""  # the character before the next block

    def hear(self, text: str) -> None:
        """Take the next block of a file."""
        crlf = (self._last + text).count("\r\n")
        self.line_ends += Counter(CRLF=crlf)
        self.line_ends.update(LF=text.count("\n") - crlf, CR=text.count("\r") - crlf)
        if not text.isascii():
            whole = self._last + text
            self.misread.update(MISREAD.findall(whole))
            if not unicodedata.is_normalized("NFC", whole):
                self.decomposed += max(0, len(whole) - len(unicodedata.normalize("NFC", whole)))
        self._last = text[-1:] or self._last

    def count_documents(self, blocks: Iterable[str]) -> Iterator[str]:
        """Yield the blocks of a file, and count the documents in them."""
        last = ""
        for block in blocks:
            self.documents += block.count(BEGIN) - (last + block).count(BEGIN + END)
            last = block[-1:] or last
            yield block
        self._last = ""  # here the file ends


@dataclass(frozen=True, eq=False)
class Census:
    """The characters of a text, as training counts them, and how the text is written."""

    counts: NDArray[np.int64]  # [1,114,112] how often each code point occurs; with ``byte_level``, each byte
    byte_level: bool
    separator: str
    sources: tuple[str, ...]
    sha256: str  # of all bytes, as `Corpus` has it
    size: int  # bytes
    writing: Writing
    survey: Survey  # which encodings the files have, and which ones are left out
    given: Vocabulary | None = None  # of a text that is encoded already

    @property
    def characters(self) -> int:
        """The number of characters, without separators."""
        return int(self.counts.sum())

    @property
    def record(self) -> dict[str, Any]:
        """What a model file would say about the text."""
        record = {
            "sources": list(self.sources),
            "sha256": self.sha256,
            "characters": self.characters,
            "bytes": self.size,
        }
        return record | self.survey.record

    def vocabulary(self, rare: int = 0) -> Vocabulary:
        """Return the vocabulary of the text, in which characters that occur fewer than ``rare`` times are unknown."""
        if self.given is not None:
            return self.given
        return Vocabulary.of_counts(self.counts, byte_level=self.byte_level, separator=self.separator, rare=rare)

    def rare(self, rare: int) -> tuple[int, int]:
        """Return how many characters occur fewer than ``rare`` times, and how often they do together."""
        few = self.counts[(self.counts > 0) & (self.counts < rare)]
        return few.size, int(few.sum())


def take_census(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    encoding: str = "",
    listener: Listener | None = None,
    large: int = LARGE_TEXT,
) -> Census:
    """Count the characters of files, folders and standard input, as `read_corpus` reads them.

    Memory is bounded, whatever the size of the text. Raises CharrnnError as `read_corpus` does.
    """
    listener = listener or Listener()
    if len(paths) == 1 and is_encoded_text(paths[0]):
        file = load(paths[0], large=large, watch=listener.watch if Path(paths[0]).stat().st_size > large else None)
        file.require(bytes=byte_level, documents=separator)
        return _of_encoded_text(file)
    survey, digest, writing = Survey(byte_level, encoding), hashlib.sha256(), Writing()
    counts = counted(())
    parting = Vocabulary("", byte_level).typed(separator)
    with ExitStack() as stack:
        found: list[Source] = []
        known = Known(encoding=encoding)
        for source in chain.from_iterable(sources(path, survey, None, large, known) for path in paths):
            stack.callback(source.close)
            found.append(source)
        watch = listener.watch if sum(source.size_now() for source in found) > large else None
        opened = passes.watched(found, digest, watch, "reading")
        for _, blocks in passes.texts(opened, not (byte_level or separator), None if byte_level else writing.hear):
            counted(writing.count_documents(marked(blocks, parting)), counts=counts)
    if not counts.any():
        raise passes.no_text(paths, survey.skipped)
    size = sum(source.size or 0 for source in found)
    return Census(counts, byte_level, separator, tuple(paths), digest.hexdigest(), size, writing, survey)


def _of_encoded_text(file: EncodedText) -> Census:
    """Return the census of an encoded text, which no longer shows how its text was written."""
    vocabulary, counts = file.vocabulary, counted(())
    symbols = np.arange(len(vocabulary) - bool(vocabulary.separator))
    counts[code_points(vocabulary.spell(symbols))] = file.counts[: symbols.size]
    writing = Writing(documents=0 if vocabulary.boundary is None else int(file.counts[vocabulary.boundary]))
    return Census(
        counts,
        vocabulary.byte_level,
        vocabulary.separator,
        (file.path,),
        file.sha256,
        file.size,
        writing,
        Survey(vocabulary.byte_level),
        vocabulary,
    )
