"""The file of an encoded text: its symbols, its vocabulary, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.storage import archive
from charrnn.storage.archive import Form, UnfitError
from charrnn.storage.files import shown
from charrnn.storage.json_record import check, decode, format_of
from charrnn.text import encoded
from charrnn.text.decoding import UTF_8
from charrnn.text.encoded_corpus import Corpus
from charrnn.text.passes import Content, Watch
from charrnn.text.sources import LARGE_TEXT
from charrnn.text.survey import BYTES
from charrnn.text.text_record import VOCABULARY, VOCABULARY_OPTIONS, check_text, check_vocabulary
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.version import __version__

FORMAT = 1  # of the file; raise it whenever a reader of the old format would misunderstand the new one
KIND = "an encoded text"
FIRST = "text"  # the first entry, by which the file is recognized
_FIELDS = {"format": int, "charrnn": str, "vocabulary": dict, "text": dict}
_META = Form("|u1", (None,), limit=16 << 20)
_FILES = Form("<u8", (None,), limit=64 << 20)  # of eight million files


@dataclass(frozen=True, eq=False)
class EncodedText:
    """An encoded text in a file."""

    path: str
    size: int  # bytes of the file
    sha256: str  # of the file
    ids: Ids  # [N] symbols, and where documents start and end; for a large text, a read-only view of the cache
    vocabulary: Vocabulary
    files: tuple[int, ...]  # the number of symbols of each file that was encoded
    counts: NDArray[np.uint64]  # [V] how often each symbol occurs
    record: dict[str, Any]  # JSON: of the text that was encoded, as `Corpus.record` has it

    def require(self, **asked: Any) -> None:
        """Raise CharrnnError if ``bytes``, ``documents`` or ``rare`` are asked for that are not those of this text."""
        own = self.vocabulary
        for name, value in {"bytes": own.byte_level, "documents": own.separator, "rare": own.rare}.items():
            if asked.get(name) and asked[name] != value:
                raise CharrnnError(f"{shown(self.path)} was encoded with another --{name}; encode its text again")

    def contents(self, *, byte_level: bool) -> Iterator[Content]:
        """Yield the text of each file that was encoded, for another vocabulary."""
        begin = 0
        for length in filter(None, self.files):  # a file of separators alone has no documents
            yield shown(self.path), self._spelt(begin, begin + length), BYTES if byte_level else UTF_8
            begin += length

    def _spelt(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield a part of the text as bytes; the end of a file ends a document, without a separator."""
        part = self.ids[begin : end - bool(self.vocabulary.separator)]
        return (self.vocabulary.decode_bytes(ids) for ids in encoded.blocks_of(part))


def is_encoded_text(path: str | Path) -> bool:
    """Return whether a path leads to the file of an encoded text."""
    if path == "-":
        return False
    try:
        return archive.begins_with(path, FIRST)
    except (OSError, ValueError):  # what reads it says why
        return False


def require_replaceable(path: str | Path) -> None:
    """Raise CharrnnError if a file exists that is not an encoded text, so that no other file is lost."""
    archive.require_replaceable(path, FIRST, KIND)


def save(path: str | Path, corpus: Corpus, watch: Watch | None = None) -> None:
    """Write an encoded text, completely or not at all; it replaces an existing file.

    Raises CharrnnError if the file cannot be written, or if it would be too large to load.
    """
    ids, vocabulary = corpus.ids, corpus.vocabulary
    counts = np.zeros(_numbers(vocabulary), np.int64)
    for block in encoded.blocks_of(ids):
        counts += np.bincount(block, minlength=counts.size)
    meta = {
        "format": FORMAT,
        "charrnn": __version__,
        "vocabulary": {name: getattr(vocabulary, name) for name in VOCABULARY}
        | {name: value for name in VOCABULARY_OPTIONS if (value := getattr(vocabulary, name))},
        "text": corpus.record,
    }
    stored = json.dumps(meta).encode("ascii")  # escapes, as file names can contain what UTF-8 cannot encode
    if len(stored) > _META.limit or len(corpus.files) * 8 > _FILES.limit:
        raise CharrnnError(f"{shown(path)} was not written: the text has too many files")
    arrays = {
        FIRST: np.frombuffer(stored, np.uint8),
        "files": np.array(corpus.files, "<u8"),
        "counts": counts[: len(vocabulary)].astype("<u8"),
        "symbols": ids.astype(ids.dtype.newbyteorder("<"), copy=False),
    }

    def written(done: int) -> None:
        encoded.release(ids)
        if watch is not None:
            watch("writing", done, ids.nbytes)

    archive.write(path, arrays, watch=written)
    if watch is not None:
        watch("writing", ids.nbytes, ids.nbytes)


def load(path: str, *, large: int = LARGE_TEXT, watch: Watch | None = None) -> EncodedText:
    """Read an encoded text.

    A file of more than ``large`` bytes is copied into the cache once and memory-mapped, so that nobody can change it
    while it is used. Raises CharrnnError that names the file if it cannot be read, is no encoded text or is damaged:
    nothing in it is trusted, not even that its symbols are in its vocabulary.
    """
    size = 0
    with archive.reading(path, kind=KIND) as reader:
        size = Path(path).stat().st_size
        vocabulary, record = _described(decode(FIRST, reader.read(FIRST, _META).tobytes()))
        symbols, counts_form = Form(vocabulary.dtype.newbyteorder("<").str, (None,)), Form("<u8", (len(vocabulary),))
        reader.require({FIRST: _META, "files": _FILES, "counts": counts_form, "symbols": symbols})
        files, counts = reader.read("files", _FILES), reader.read("counts", counts_form)
        sha256 = reader.sha256()
        blocks = _checked(_heard(reader.blocks("symbols", symbols), size, watch), vocabulary, files, counts)
        if size > large:
            key = encoded.key_of([sha256, "symbols of a file"])
            ids = encoded.find(key, vocabulary.dtype)
            ids = encoded.keep(key, vocabulary.dtype, blocks) if ids is None else ids
        else:
            ids = np.concatenate(list(blocks)).astype(vocabulary.dtype, copy=False)
        documents = 0 if vocabulary.boundary is None else int(counts[vocabulary.boundary])
        if record["characters"] != ids.size - 2 * documents:
            raise UnfitError("is damaged: the number of its characters is not that of its symbols")
    return EncodedText(path, size, sha256, ids, vocabulary, tuple(files.tolist()), counts, record)


def vocabulary_of(path: str) -> Vocabulary:
    """Return the vocabulary of an encoded text, without reading its symbols; raise CharrnnError as `load` does."""
    with archive.reading(path, kind=KIND) as reader:
        return _described(decode(FIRST, reader.read(FIRST, _META).tobytes()))[0]


def _numbers(vocabulary: Vocabulary) -> int:
    """Return how many numbers an encoded text can have: the symbols, and the end of a document."""
    return len(vocabulary) + bool(vocabulary.separator)


def _described(meta: dict[str, Any]) -> tuple[Vocabulary, dict[str, Any]]:
    """Return the vocabulary and the record of the text; raise UnfitError if they are not valid."""
    format_of(FIRST, meta, FORMAT)
    check(FIRST, meta, _FIELDS)
    check_vocabulary(f"{FIRST}: vocabulary", meta["vocabulary"])
    check_text(f"{FIRST}: text", meta["text"])
    try:
        return Vocabulary(**meta["vocabulary"]), meta["text"]
    except ValueError as fault:
        raise UnfitError(f"is not {archive.MODEL}: {fault}") from None


def _heard(blocks: Iterator[NDArray[Any]], size: int, watch: Watch | None) -> Iterator[NDArray[Any]]:
    """Yield blocks, and say how much is read."""
    done = 0
    for block in blocks:
        yield block
        done += block.nbytes
        if watch is not None:
            watch("reading", min(done, size), size)
    if watch is not None:
        watch("reading", size, size)


def _checked(
    blocks: Iterator[Ids], vocabulary: Vocabulary, files: NDArray[np.uint64], counts: NDArray[np.uint64]
) -> Iterator[Ids]:
    """Yield the symbols in blocks; raise UnfitError if they are not those of a text with these files and counts."""
    numbers, begin = _numbers(vocabulary), vocabulary.boundary
    end = -1 if begin is None else begin + 1
    if int(files.max()) > archive.MAXIMUM_BYTES:
        raise UnfitError("is damaged: the lengths of its files are not possible")
    ends, found, size, last = np.cumsum(files.astype(np.int64)), np.zeros(numbers, np.int64), 0, end
    for ids in blocks:
        if not numbers or int(ids.max()) >= numbers:
            raise UnfitError("is damaged: a symbol is not in its vocabulary")
        found += np.bincount(ids, minlength=numbers)
        if begin is not None:
            before, now = np.concatenate([[last], ids[:-1].astype(np.int64)]), ids
            last = int(ids[-1])
            of_file = ends[np.searchsorted(ends, size, "right") : np.searchsorted(ends, size + ids.size, "right")]
            empty = (before == begin) & (now == end)
            if ((before == end) != (now == begin)).any() or empty.any() or (ids[of_file - size - 1] != end).any():
                raise UnfitError("is damaged: its documents do not start and end one after another")
        size += ids.size
        yield ids
    if size != int(ends[-1]):
        raise UnfitError("is damaged: its files do not end where its symbols do")
    if not np.array_equal(found[: len(vocabulary)].astype(np.uint64), counts):
        raise UnfitError("is damaged: its counts are not those of its symbols")
