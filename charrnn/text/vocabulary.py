"""The set of symbols, and the conversion of text to numbers and back."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError, UnknownWarning
from charrnn.text.decoding import decoded
from charrnn.text.defaults import FILES, MARK, MOST_RARE, NEAR, UNKNOWN
from charrnn.text.near_forms import NearForms
from charrnn.text.places import BEGIN, END, Place, code_points, counted, marked

Ids: TypeAlias = NDArray[np.unsignedinteger[Any]]

UNKNOWN_CHARACTER = "\N{REPLACEMENT CHARACTER}"  # what an unknown character is written as
STAND_INS = UNKNOWN_CHARACTER + "? "  # "replace" uses the first of these that is in the vocabulary
SHOWN = 40  # characters in a `repr`
TEXT_BLOCK = 1 << 20  # characters or bytes converted at a time, so that memory hardly exceeds text and result


@dataclass(frozen=True)
class Vocabulary:
    """The set of symbols: Unicode characters, or the 256 byte values.

    ``characters`` has the set in code point order; the number of a symbol is its place in the set. With ``byte_level``,
    ``characters`` is empty, and the number of a symbol is the byte. Raises ValueError if the set is not ordered,
    repeats a character, or has a surrogate (which no UTF-8 text can contain).

    If ``separator`` is not empty, texts are documents with that string between them, and there is one more symbol,
    ``boundary``: a network reads it before the first character of a document, and predicts it after the last one. An
    encoded text has both: ``boundary`` where a document starts, ``boundary + 1`` where it ends. With the separator
    `FILES`, each file is a document.

    With ``byte_level``, ``seen`` has the bytes that occur in the training text, as U+0000 to U+00FF, in order; all
    others are unknown, but they are symbols, too. If it is empty, which bytes occur is not known.

    If ``rare`` is not 0, U+FFFD is the unknown symbol: the characters that occur fewer than ``rare`` times in the
    training text are not in the vocabulary, and an unknown character is read and predicted as U+FFFD.
    """

    characters: str
    byte_level: bool = False
    separator: str = ""
    seen: str = ""
    rare: int = 0

    def __post_init__(self) -> None:
        (self.characters + self.separator).encode()  # a surrogate raises UnicodeEncodeError, which is a ValueError
        codes = code_points(self.characters)
        if not (codes[:-1] < codes[1:]).all() or (self.byte_level and self.characters):
            raise ValueError("characters must be distinct and in code point order, and empty for bytes")
        codes = code_points(self.seen)
        if not (codes[:-1] < codes[1:]).all() or (codes > 255).any() or (self.seen and not self.byte_level):
            raise ValueError("the bytes that were seen must be distinct and in order, and there are none of characters")
        if self.rare and (not 2 <= self.rare <= MOST_RARE or UNKNOWN_CHARACTER not in self.characters):
            raise ValueError(f"rare must be 0 or from 2 to {MOST_RARE}, and needs the character U+FFFD")

    def __repr__(self) -> str:
        some = repr(self.characters[:SHOWN]) + "…" * (len(self.characters) > SHOWN)
        symbols = "256 bytes" if self.byte_level else f"{len(self.characters):,} characters: {some}"
        symbols += f", {len(self.seen)} of them seen" * bool(self.seen) + ", � is for all others" * bool(self.rare)
        documents = f", {self.documents}" if self.separator else ""
        return f"<Vocabulary: {symbols}{documents}>"

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """Return the vocabulary of all characters in ``text``."""
        return cls.of_blocks([text])

    @classmethod
    def of_blocks(cls, blocks: Iterable[str], separator: str = "") -> Vocabulary:
        """Return the vocabulary of a text in blocks."""
        return cls.of_counts(counted(blocks, separator), separator=separator)

    @classmethod
    def of_counts(
        cls, counts: NDArray[np.int64], *, byte_level: bool = False, separator: str = "", rare: int = 0
    ) -> Vocabulary:
        """Return the vocabulary of a text, of which `counted` has returned the counts.

        Characters that occur fewer than ``rare`` times are unknown. If there are none, there is no unknown symbol.
        """
        common = cls("".join(map(chr, np.flatnonzero(counts >= max(1, rare)))), separator=separator)
        if byte_level:
            return cls("", byte_level, separator, common.characters)
        return common.with_unknown(rare) if counts[counts > 0].min(initial=rare) < rare else common

    def with_unknown(self, rare: int) -> Vocabulary:
        """Return the vocabulary with an unknown symbol, for characters that occur fewer than ``rare`` times."""
        return replace(self, characters="".join(sorted({*self.characters, UNKNOWN_CHARACTER})), rare=rare)

    def as_one_text(self) -> Vocabulary:
        """Return the vocabulary for a text with its separators, not in documents."""
        if not self.separator:
            return self
        characters = "" if self.byte_level else "".join(sorted({*self.characters, *self.separator}))
        return replace(self, characters=characters, separator="", seen="")

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return the vocabulary of the 256 byte values."""
        return cls("", byte_level=True)

    def __len__(self) -> int:
        return self._alphabet.size + bool(self.separator)

    @property
    def boundary(self) -> int | None:
        """The symbol before and after a document, or None if texts are not documents."""
        return self._alphabet.size if self.separator else None

    @property
    def ending(self) -> str:
        """What is written at the end of a document, if texts are documents: the separator, or a line feed for files."""
        return "\n" if self.separator == FILES else self.separator

    @property
    def documents(self) -> str:
        """What documents are, in words."""
        if self.separator == FILES:
            return "each file is a document"
        return f"documents separated by {self.separator[:SHOWN]!r}"

    @property
    def start_symbol(self) -> int:
        """The symbol that is read before a text: the boundary of documents, else the line feed, else symbol 0."""
        if self.boundary is not None:
            return self.boundary
        return ord("\n") if self.byte_level else max(0, self.characters.find("\n"))

    @cached_property
    def unknown_symbol(self) -> int:
        """The number that marks an unknown character in a text that was encoded with "mark".

        It is not a symbol, unless the vocabulary has the unknown symbol.
        """
        return self.characters.index(UNKNOWN_CHARACTER) if self.rare else len(self) + bool(self.separator)

    @cached_property
    def stand_in(self) -> int:
        """The symbol that replaces unknown characters."""
        known = (self.characters.find(character) for character in STAND_INS)
        return next((symbol for symbol in known if symbol >= 0), 0)

    @cached_property
    def symbol_names(self) -> tuple[str, ...]:
        """The name of each symbol of an encoded text, by its number, for a list of characters.

        A character is its own name. A byte beyond ASCII is named by its hexadecimal number, and the end of a document
        by the separator. The start of a document has an empty name.
        """
        names = list(self.spell(np.arange(self._alphabet.size)))
        if self.byte_level:
            names[128:] = [f"\\x{byte:02x}" for byte in range(128, 256)]
        return tuple(names) if self.boundary is None else (*names, "", self.ending)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest of uint8, uint16 and uint32 that can represent every number of an encoded text."""
        numbers = len(self) + bool(self.separator)
        return np.dtype(np.uint8 if numbers <= 1 << 8 else np.uint16 if numbers <= 1 << 16 else np.uint32)

    def encode(
        self,
        text: str | bytes,
        *,
        unknown: str = "error",
        near: NearForms | None = None,
        where: str = "the text",
        documents: bool = True,
        block: int = TEXT_BLOCK,
    ) -> Ids:
        """Return the symbols of a text as numbers.

        The result has shape [N] and type ``dtype``; ``block`` characters or bytes are converted at a time. Bytes are
        read as strict UTF-8. With ``byte_level``, bytes are taken unchanged, and a string counts as its UTF-8 bytes, or
        as the bytes typed if it is a command-line argument that is not UTF-8. ``unknown`` decides about a character
        that is not in the vocabulary: ``"error"``, ``"skip"`` (leave it out) or ``"replace"`` (put the first of U+FFFD,
        question mark and space that is in the vocabulary in its place, else symbol 0). A vocabulary with the unknown
        symbol reads it as this symbol instead of an error. Before that, ``near``, which
        `near_forms` returns, reads it in a near form if it has one. Empty ``documents`` are left out. Without
        ``documents``, the text is a part of one, and the separator has no special meaning.

        Raises CharrnnError for an unknown character, with its line and column in the text ``where``, and for bytes that
        are not UTF-8. Raises ValueError for any other ``unknown``, and with ``byte_level`` for a surrogate that is not
        a byte.
        """
        blocks: Iterable[str]
        if self.byte_level:
            data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            blocks = (part.decode("latin-1") for part in cut(data, block))
        else:
            blocks = cut(text, block) if isinstance(text, str) else decoded(cut(text, block), where)
        parts = list(self.encode_blocks(blocks, unknown=unknown, near=near, where=where, documents=documents))
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, self.dtype), *parts])

    def encode_blocks(
        self,
        blocks: Iterable[str],
        *,
        unknown: str = "error",
        near: NearForms | None = None,
        where: str = "the text",
        documents: bool = True,
        seen: Place | None = None,
    ) -> Iterator[Ids]:
        """Encode a text in blocks, as `encode` does.

        Bytes come as the characters U+0000 to U+00FF. With "mark", an unknown character becomes ``unknown_symbol``,
        whose type can be wider than ``dtype``. At the end, an UnknownWarning says how many characters were skipped or
        replaced, and another one which were read in near forms; or, of one of several texts, the characters are added
        to those that were ``seen``.
        """
        if unknown not in (*UNKNOWN, MARK):
            raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, not {unknown!r}")
        separator = self.typed(self.separator) if documents else ""
        place = Place(where, separator)
        try:
            yield from self._encoded(blocks, unknown, near, separator, place)
        except CharrnnError:  # which is all there is to say
            near = None
            raise
        finally:  # also if the rest of the text is not wanted
            if seen is not None:
                seen.add(place)
            elif near is not None and near.count:
                warnings.warn(near.told(where), UnknownWarning, stacklevel=2)
            counts = seen is None and place.unknown and unknown != MARK
            if counts and (place.unknown < place.characters or unknown != "skip"):  # else an error says that all are
                warnings.warn(place.told_unknown(self.done(unknown)), UnknownWarning, stacklevel=2)

    def done(self, unknown: str) -> str:
        """Return in words what is done with unknown characters."""
        return "skipped" if unknown == "skip" else f"read as {UNKNOWN_CHARACTER}" if self.rare else "replaced"

    def lacks(self, text: str) -> bool:
        """Return whether a text has an unknown character."""
        return bool((self._numbers(self.typed(text)) < 0).any())

    def near_forms(self, kind: str) -> NearForms | None:
        """Return what reads the unknown characters of one text in near forms, as a ``kind`` of `NEAR` says.

        Bytes have none. Raises CharrnnError for any other kind.
        """
        if kind not in NEAR:
            raise CharrnnError(f"near must be one of {', '.join(NEAR)}, not {kind!r:.60}")
        return None if kind == "none" else NearForms(self.characters, case=kind == "case")

    def _encoded(
        self, blocks: Iterable[str], unknown: str, near: NearForms | None, separator: str, place: Place
    ) -> Iterator[Ids]:
        dtype = np.result_type(self.dtype, np.min_scalar_type(self.unknown_symbol)) if unknown == MARK else self.dtype
        begun = False  # whether the last block ended with the start of a document
        for block in marked(blocks, separator, place, near.held if near else None):
            found = self._numbers(block)
            if near is not None and (read := near.read(block, found >= 0)) != block:
                found = self._numbers(read)
            known, fault = found >= 0, None
            if not known.all():
                if (
                    unknown == "error" and not self.rare
                ) or not self._alphabet.size:  # what comes before it is yielded first
                    found = found[: int(known.argmin())]
                    known = known[: found.size]
                    fault = self._never_seen(place, block, near.origin(found.size) if near else found.size, near)
                place.unknown += known.size - int(np.count_nonzero(known))
                if unknown == "skip":
                    found = found[known]
                else:
                    found[~known] = self.stand_in if unknown == "replace" else self.unknown_symbol
            if separator:  # an empty document is a start followed by an end; a start waits for the next symbol
                found = np.concatenate([np.full(int(begun), self.boundary), found])
                begins = found == self.boundary
                empty = np.flatnonzero(begins[:-1] & (found[1:] == len(self)))
                found = np.delete(found, [*empty, *(empty + 1)])
                begun = bool(found.size) and found[-1] == self.boundary
                found = found[: found.size - begun]
            if found.size:
                yield found.astype(dtype)
            if fault:
                raise fault

    def _never_seen(self, place: Place, block: str, at: int, near: NearForms | None) -> CharrnnError:
        """Return the error for an unknown character of the block that was read last."""
        similar = "" if self.byte_level else (near or NearForms(self.characters)).similar(block, at)
        return place.never_seen(block, at, byte_level=self.byte_level, similar=similar)

    def spell_marked(self, ids: Ids) -> str:
        """Return symbols [N] as `spell` does, and unknown characters that are marked as U+FFFD."""
        unknown = ids == self.unknown_symbol
        if not unknown.any():
            return self.spell(ids)
        spelt = np.array(list(self.spell(np.where(unknown, 0, ids))))
        spelt[unknown] = UNKNOWN_CHARACTER
        return "".join(spelt.tolist())

    def spell(self, ids: ArrayLike) -> str:
        """Return symbols [N] as N characters.

        Bytes become U+0000 to U+00FF, and starts and ends of documents become surrogates. Raises ValueError for a
        number that is not a symbol's.
        """
        numbers = np.asarray(ids, np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self._codes.size:
            raise ValueError(f"symbols are numbered from 0 to {len(self) - 1}")
        return self._codes[numbers].tobytes().decode("utf-32-le", "surrogatepass")

    def decode(self, ids: ArrayLike) -> str:
        """Return symbols, shape [N], as text.

        The `ending` is put where a document ends. Raises ValueError as `spell` does, and for bytes (``byte_level``)
        that are not complete UTF-8.
        """
        return self.decode_bytes(ids).decode()

    def decode_bytes(self, ids: ArrayLike) -> bytes:
        """Return symbols as UTF-8 or raw bytes.

        Raises ValueError as `spell` does.
        """
        spelt = self.spell(ids)
        if self.separator:
            spelt = spelt.replace(BEGIN, "").replace(END, self.typed(self.ending))
        return spelt.encode("latin-1" if self.byte_level else "utf-8")

    def typed(self, text: str) -> str:
        """Return a string with one character for each symbol.

        With ``byte_level``, these are its bytes as U+0000 to U+00FF.
        """
        return text.encode("utf-8", "surrogateescape").decode("latin-1") if self.byte_level else text

    @cached_property
    def _alphabet(self) -> NDArray[np.uint32]:
        return np.arange(256, dtype=np.uint32) if self.byte_level else code_points(self.characters)

    @cached_property
    def _codes(self) -> NDArray[np.uint32]:
        """The code point of each number."""
        return np.concatenate([self._alphabet, code_points((BEGIN + END) * bool(self.separator))])

    def _numbers(self, text: str) -> NDArray[np.int32]:
        """Return the number of each character of a text; −1 if it has none."""
        # The table's last entry is for every code point beyond the vocabulary's greatest.
        return self._table[np.minimum(code_points(text), self._table.size - 1)]

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        """The number of each code point up to one past the greatest; −1 if it has none."""
        table = np.full(int(self._codes.max(initial=0)) + 2, -1, np.int32)
        table[self._codes] = np.arange(self._codes.size)
        if self.seen:
            table[:256][~np.isin(np.arange(256), code_points(self.seen))] = -1
        if self.rare:
            table[ord(UNKNOWN_CHARACTER)] = -1
        return table


def cut(text: Any, size: int = TEXT_BLOCK) -> Iterator[Any]:
    """Yield a string or bytes in pieces."""
    return (text[k : k + size] for k in range(0, len(text), size))
