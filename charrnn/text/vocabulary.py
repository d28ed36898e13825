"""What one symbol is, and how a text becomes numbers and a text again."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError
from charrnn.text.unknown_rules import UNKNOWN

Ids: TypeAlias = NDArray[np.unsignedinteger[Any]]

STAND_INS = "\N{REPLACEMENT CHARACTER}? "  # what "replace" puts in its place: the first that there is
TEXT_BLOCK = 1 << 20  # a text is converted in blocks of this size: memory hardly exceeds text and result
MARKS = (  # what a text in another of Unicode's encodings may begin with: the longer ones first, as they begin alike
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)

# Where a document begins and ends, while a text is being converted: code points that no UTF-8 text can hold.
_BEGIN, _END = "\ud800", "\ud801"


@dataclass(frozen=True)
class Vocabulary:
    """What one symbol is: a Unicode character out of a fixed set, or one of the 256 byte values.

    ``characters`` holds the set in code point order; a symbol's number is its place in it. With ``byte_level`` it is
    empty, and a symbol's number is the byte. A set that is unordered, repeats a character or holds a surrogate
    (which no UTF-8 text can) is a ValueError.

    Where ``separator`` is not empty, texts are documents with that string between them, and there is one more symbol,
    ``boundary``: a network reads it before a document's first character, and predicts it after the last one. An encoded
    text holds both: ``boundary`` where a document begins, ``boundary + 1`` where it ends.
    """

    characters: str
    byte_level: bool = False
    separator: str = ""

    def __post_init__(self) -> None:
        (self.characters + self.separator).encode()  # a surrogate raises UnicodeEncodeError, which is a ValueError
        codes = _code_points(self.characters)
        if not (codes[:-1] < codes[1:]).all() or (self.byte_level and self.characters):
            raise ValueError("characters must be distinct, in code point order, and none for bytes")

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """Return the vocabulary of all characters in ``text``."""
        return cls.of_blocks([text])

    @classmethod
    def of_blocks(cls, blocks: Iterable[str], separator: str = "") -> Vocabulary:
        """Return the vocabulary of all characters in a text that comes in blocks, but for its separators."""
        seen = np.zeros(sys.maxunicode + 1, np.bool_)
        for block in _marked(blocks, separator):
            seen[_code_points(block)] = True
        seen[[ord(_BEGIN), ord(_END)]] = False
        return cls("".join(map(chr, np.flatnonzero(seen))), separator=separator)

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return the vocabulary of the 256 byte values."""
        return cls("", byte_level=True)

    def __len__(self) -> int:
        return self._alphabet.size + bool(self.separator)

    @property
    def boundary(self) -> int | None:
        """The symbol before and after a document, or None where texts are not documents."""
        return self._alphabet.size if self.separator else None

    @property
    def start_symbol(self) -> int:
        """What a text begins after: a document's boundary, the end of a line where there is one, else symbol 0."""
        if self.boundary is not None:
            return self.boundary
        return ord("\n") if self.byte_level else max(0, self.characters.find("\n"))

    @cached_property
    def symbol_names(self) -> tuple[str, ...]:
        """What each symbol of an encoded text is called in a list of characters: itself, by its number.

        A byte beyond ASCII is called by its hexadecimal number, and the end of a document by what separates them; where
        one begins there is nothing to call.
        """
        names = list(self.spell(np.arange(self._alphabet.size)))
        if self.byte_level:
            names[128:] = [f"\\x{byte:02x}" for byte in range(128, 256)]
        return tuple(names) if self.boundary is None else (*names, "", self.separator)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest of uint8, uint16 and uint32 that holds every number of an encoded text."""
        numbers = len(self) + bool(self.separator)
        return np.dtype(np.uint8 if numbers <= 1 << 8 else np.uint16 if numbers <= 1 << 16 else np.uint32)

    def encode(
        self,
        text: str | bytes,
        *,
        unknown: str = "error",
        where: str = "the text",
        documents: bool = True,
        block: int = TEXT_BLOCK,
    ) -> Ids:
        """Return the symbols of ``text`` as numbers: shape [N], in ``dtype``; ``block`` of it are converted at a time.

        Bytes are read as strict UTF-8, or with ``byte_level`` taken as they are; with ``byte_level`` a string
        counts as its UTF-8 bytes, and a command-line argument that was not UTF-8 as the bytes typed.
        ``unknown`` is ``"error"``, ``"skip"`` (leave out what the vocabulary lacks) or ``"replace"`` (put one
        stand-in for it: the first of U+FFFD, question mark and space that there is, else symbol 0). Of ``documents``
        the empty ones are left out; without, a text is a part of one, and the separator nothing special.

        Raises CharrnnError for an unknown character, with its line and column in ``where``, and for bytes
        that are not UTF-8; ValueError for any other ``unknown``, and for surrogates that stand for no byte.
        """
        blocks: Iterable[str]
        if self.byte_level:
            data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            blocks = (part.decode("latin-1") for part in cut(data, block))
        else:
            blocks = cut(text, block) if isinstance(text, str) else decoded(cut(text, block), where)
        parts = list(self.encode_blocks(blocks, unknown=unknown, where=where, documents=documents))
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, self.dtype), *parts])

    def encode_blocks(
        self, blocks: Iterable[str], *, unknown: str = "error", where: str = "the text", documents: bool = True
    ) -> Iterator[Ids]:
        """Encode a text that comes in blocks, as ``encode`` does; bytes come as the characters U+0000 to U+00FF."""
        if unknown not in UNKNOWN:
            raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, not {unknown!r}")
        separator = self.typed(self.separator) if documents else ""
        place = _Place(where, separator)
        begun = False  # whether the last part ended with the begin of a document
        for block in _marked(blocks, separator, place):
            # The table's last entry stands for every code point beyond the vocabulary's greatest.
            found = self._table[np.minimum(_code_points(block), self._table.size - 1)]
            known, fault = found >= 0, None
            if not known.all():
                if unknown == "error" or not self._alphabet.size:  # what comes before it is told first
                    fault = place.never_seen(block[int(known.argmin())])
                    found = found[: int(known.argmin())]
                elif unknown == "skip":
                    found = found[known]
                else:
                    wanted = STAND_INS + self.characters
                    found[~known] = next(self._table[ord(c)] for c in wanted if c in self.characters)
            if separator:  # an empty document is a begin with an end behind it; a begin waits for what comes
                found = np.concatenate([np.full(int(begun), self.boundary), found])
                begins = found == self.boundary
                empty = np.flatnonzero(begins[:-1] & (found[1:] == len(self)))
                found = np.delete(found, [*empty, *(empty + 1)])
                begun = bool(found.size) and found[-1] == self.boundary
                found = found[: found.size - begun]
            if found.size:
                yield found.astype(self.dtype)
            if fault:
                raise fault

    def spell(self, ids: ArrayLike) -> str:
        """Return symbols [N] as N characters: bytes as U+0000 to U+00FF, the ends of documents as surrogates.

        Raises ValueError for a number that is no symbol's.
        """
        numbers = np.asarray(ids, np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self._codes.size:
            raise ValueError(f"symbols are numbered from 0 to {len(self) - 1}")
        return self._codes[numbers].tobytes().decode("utf-32-le", "surrogatepass")

    def decode(self, ids: ArrayLike) -> str:
        """Return the characters with these numbers, shape [N], with the separator where documents end.

        Raises ValueError as ``spell`` does, and for bytes (``byte_level``) that are not whole UTF-8.
        """
        return self.decode_bytes(ids).decode()

    def decode_bytes(self, ids: ArrayLike) -> bytes:
        """Return these symbols as UTF-8 or raw bytes. Raises ValueError for a number that is no symbol's."""
        spelt = self.spell(ids)
        if self.separator:
            spelt = spelt.replace(_BEGIN, "").replace(_END, self.typed(self.separator))
        return spelt.encode("latin-1" if self.byte_level else "utf-8")

    def typed(self, text: str) -> str:
        """Return a string as the symbols that it is made of: with ``byte_level``, its bytes as characters."""
        return text.encode("utf-8", "surrogateescape").decode("latin-1") if self.byte_level else text

    @cached_property
    def _alphabet(self) -> NDArray[np.uint32]:
        return np.arange(256, dtype=np.uint32) if self.byte_level else _code_points(self.characters)

    @cached_property
    def _codes(self) -> NDArray[np.uint32]:
        """Each number's code point."""
        return np.concatenate([self._alphabet, _code_points((_BEGIN + _END) * bool(self.separator))])

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        """Each code point's number, up to the greatest one and one more; −1 where there is none."""
        table = np.full(int(self._codes.max(initial=0)) + 2, -1, np.int32)
        table[self._codes] = np.arange(self._codes.size)
        return table


def decoded(chunks: Iterable[bytes], where: str, *, newlines: bool = False) -> Iterator[str]:
    """Read UTF-8 that comes in chunks; with ``newlines``, without byte order mark, and CRLF and lone CR as LF.

    Raises CharrnnError that names the first byte that is not UTF-8, and what the file seems to be, after all that comes
    before it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line_feeds = io.IncrementalNewlineDecoder(None, translate=True)
    read, first, binary, mark = 0, True, False, b""
    fault: UnicodeDecodeError | None = None
    for chunk, last in chain(((chunk, False) for chunk in chunks), [(b"", True)]):
        mark = mark or chunk[:4]
        read += len(chunk)
        binary = binary or b"\0" in chunk
        try:
            text = decoder.decode(chunk, last)
        except UnicodeDecodeError as error:
            fault, last = error.with_traceback(None), True  # its frames would keep the file open
            # What comes before it is told first, but of a binary file that is no text either.
            text = "" if binary else fault.object[: fault.start].decode()
        if newlines:
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            text = line_feeds.decode(text, last)
        if text:
            yield text
        if fault:
            at = read - len(fault.object) + fault.start
            if named := next((name for bom, name in MARKS if mark.startswith(bom)), None):
                kind = named
            else:
                end = "cut off within its last character, or " * (not chunk)  # a whole one would have failed before
                kind = "a binary file" if binary else f"{end}in another encoding"
            raise CharrnnError(
                f"{where} is not UTF-8 text (see byte 0x{fault.object[fault.start]:02X} at offset {at}) and seems to be"
                f" {kind}; save it as UTF-8, or have it read as it is by a model trained with --bytes"
            ) from None


def cut(text: Any, size: int = TEXT_BLOCK) -> Iterator[Any]:
    """Yield a string, or bytes, in pieces of bounded size."""
    return (text[k : k + size] for k in range(0, len(text), size))


class _Place:
    """How far a text that comes in blocks has been read, to say where a character stands."""

    def __init__(self, where: str, separator: str) -> None:
        self.where, self.separator = where, separator
        self.line, self.column = 1, 1  # of the first character of `text`
        self.text = ""

    def read(self, text: str) -> None:
        """Take what is converted next."""
        if "\n" in self.text:
            self.line += self.text.count("\n")
            self.column = len(self.text) - self.text.rfind("\n")
        else:
            self.column += len(self.text)
        self.text = text

    def never_seen(self, character: str) -> CharrnnError:
        """Return the error for a character of what was read last that the vocabulary lacks."""
        text = self.text
        if self.separator:  # within one it is known
            text = text.replace(self.separator, _END * len(self.separator))
        at = text.find(character)
        before = self.text[:at]
        line = self.line + before.count("\n")
        column = at - before.rfind("\n") if "\n" in before else self.column + at
        there = f"on line {line}, column {column} of {self.where}"
        if "\udc80" <= character <= "\udcff":  # as what was typed and is not UTF-8 comes from the command line
            what = f"byte 0x{ord(character) - 0xDC00:02X} {there} is not UTF-8"
        else:
            what = f"{character!r} (U+{ord(character):04X}) {there} is a character the model has never seen"
        return CharrnnError(f"{what}; --unknown skip leaves it out, --unknown replace puts another in its place")


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _marked(blocks: Iterable[str], separator: str, place: _Place | None = None) -> Iterator[str]:
    """Yield a text with marks where its documents begin and end instead of the separators, if there are such."""
    if separator:
        yield _BEGIN
    rest = ""  # the first part of a separator, perhaps
    for block in chain(blocks, [""]):
        whole = rest + block
        marked = whole.replace(separator, _END + _BEGIN) if separator else whole
        lengths = range(len(separator) - 1, 0, -1) if block else ()
        held = next((n for n in lengths if marked.endswith(separator[:n])), 0)
        rest = whole[len(whole) - held :]
        if place is not None:
            place.read(whole[: len(whole) - held])
        yield marked[: len(marked) - held]
    if separator:
        yield _END
