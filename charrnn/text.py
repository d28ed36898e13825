"""Reading texts: files, folders and standard input."""

from __future__ import annotations

import codecs
import hashlib
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.vocabulary import Ids, Vocabulary, cut, decoded


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text that was read and encoded, and where it came from."""

    ids: Ids  # shape [N], in the vocabulary's dtype
    vocabulary: Vocabulary
    sources: tuple[str, ...]  # the paths as given; "-" is standard input
    sha256: str  # of all bytes read, in order, before anything was changed
    skipped: tuple[str, ...] = ()  # what was left out of folders because it is no text

    @property
    def documents(self) -> int | None:
        """How many documents the text is, or None where it is one text."""
        boundary = self.vocabulary.boundary
        return None if boundary is None else int(np.count_nonzero(self.ids == boundary))

    @property
    def characters(self) -> int:
        """How many characters (or bytes) the text has, without the marks of its documents."""
        return self.ids.size - 2 * (self.documents or 0)


def read_corpus(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    vocabulary: Vocabulary | None = None,
    unknown: str = "error",
    stdin: BinaryIO | None = None,
) -> Corpus:
    """Read files, folders and standard input (``-``), in the order given, as one encoded text.

    Files are strict UTF-8; a leading byte order mark goes, and CRLF and lone CR become LF. A line feed is put after
    a file that lacks one where another follows. A folder means the files in it and below, by path; hidden ones are
    passed over; those that hold a NUL or are not UTF-8 are listed in ``skipped``, as are links to folders, pipes and
    devices. With ``byte_level`` nothing is changed or put between, and a folder's files are read whatever they hold.
    A device that never ends, if named, is read for ever.

    With a ``separator`` the text is documents with that string between them; a document ends where its file does.

    A given ``vocabulary`` encodes the text, with ``unknown`` as in ``Vocabulary.encode``, and says itself whether
    symbols are bytes and what separates documents; otherwise the vocabulary is made from the text. Raises CharrnnError
    for what cannot be read, is not UTF-8 or has a character that the vocabulary lacks, for a folder without text, and
    if all files are empty.
    """
    if vocabulary is not None:
        byte_level, separator = vocabulary.byte_level, vocabulary.separator
    # The line feed between files is ours: a model that knows none must not be asked to.
    line_feeds = not (byte_level or separator) and (vocabulary is None or "\n" in vocabulary.characters)
    pieces, digest, skipped = _read(paths, byte_level, line_feeds, stdin)
    if not pieces:
        raise CharrnnError(f"there is no text in {_listed(paths)}")
    if vocabulary is None:
        vocabulary = _vocabulary_of((data for _, data in pieces), byte_level, separator)
    parts = [vocabulary.encode(data, unknown=unknown, where=name) for name, data in pieces]
    ids = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not ids.size:
        what = "there is nothing but separators" if separator else "the model knows none of the characters"
        raise CharrnnError(f"{what} in {_listed(paths)}")
    return Corpus(ids, vocabulary, tuple(paths), digest, skipped)


def read_text(paths: Sequence[str], *, byte_level: bool = False, stdin: BinaryIO | None = None) -> str | bytes:
    """Read as ``read_corpus`` does: a string, or bytes with ``byte_level``; empty if all files are."""
    whole = b"".join(data for _, data in _read(paths, byte_level, not byte_level, stdin)[0])
    return whole if byte_level else whole.decode()


def require_learnable(corpus: Corpus) -> None:
    """Raise CharrnnError if the corpus is one character over and over: always guessing it is right."""
    if corpus.ids.min() == corpus.ids.max():
        where = _listed(corpus.sources)
        raise CharrnnError(f"the text in {where} has only one distinct character; there is nothing to learn")


def _vocabulary_of(texts: Iterable[bytes], byte_level: bool, separator: str) -> Vocabulary:
    if byte_level:
        return Vocabulary("", byte_level, separator)
    blocks = (block for text in texts for block in chain(decoded(cut(text), "the text"), [separator]))
    return Vocabulary.of_blocks(blocks, separator)


def _shown(path: str) -> str:
    """Return a path for a message, where line breaks and bytes that are not UTF-8 would do harm."""
    return "standard input" if path == "-" else path if path.isprintable() else repr(path)


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(map(_shown, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _read(
    paths: Sequence[str], byte_level: bool, line_feeds: bool, stdin: BinaryIO | None
) -> tuple[list[tuple[str, bytes]], str, tuple[str, ...]]:
    """Return (name, contents) of each file that is not empty, the SHA-256, and the files skipped."""
    if paths.count("-") > 1:
        raise CharrnnError("standard input (-) can be read only once")
    digest = hashlib.sha256()
    pieces: list[tuple[str, bytes]] = []
    skipped: list[str] = []
    for given in paths:
        before = len(pieces)
        for path, raw, in_folder in _files(given, stdin, skipped):
            try:
                data = raw if byte_level else _text_of(raw, _shown(path))
            except CharrnnError:
                if not in_folder:
                    raise
                data = b"\0"
            if in_folder and not byte_level and b"\0" in data:
                skipped.append(path)
                continue
            digest.update(raw)
            if line_feeds and data and pieces and not pieces[-1][1].endswith(b"\n"):
                pieces.append((_shown(path), b"\n"))
            if data:
                pieces.append((_shown(path), data))
        if len(pieces) == before and given != "-" and Path(given).is_dir():
            raise CharrnnError(f"there is no text in {_shown(given)}")
    return pieces, digest.hexdigest(), tuple(skipped)


def _files(given: str, stdin: BinaryIO | None, skipped: list[str]) -> Iterator[tuple[str, bytes, bool]]:
    """Yield path, contents and whether it is from a folder, for each file that a path stands for."""
    if not given:  # Path("") would be the current folder
        raise CharrnnError("the name of a file or folder to read is empty")
    try:
        if given == "-":
            source = getattr(sys.stdin, "buffer", io.BytesIO()) if stdin is None else stdin  # none if closed
            yield given, source.read(), False
        else:
            folder = Path(given).is_dir()
            for file in _below(Path(given), skipped) if folder else [Path(given)]:
                yield str(file), file.read_bytes(), folder
    except OSError as fault:
        reason = (fault.strerror or str(fault)).lower()
        raise CharrnnError(f"{_shown(str(fault.filename or given))} cannot be read: {reason}") from None


def _below(folder: Path, skipped: list[str]) -> Iterator[Path]:
    """Yield all files to read in a folder, in the order of their paths."""
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".")):
        if path.is_dir() and not path.is_symlink():  # links to folders may go in circles
            yield from _below(path, skipped)
        elif path.is_file():
            yield path
        else:  # a pipe would block, a device may never end, a link may lead nowhere
            skipped.append(str(path))


def _text_of(raw: bytes, name: str) -> bytes:
    """Return the text without byte order mark and with LF alone. Raises CharrnnError if it is not UTF-8."""
    for _ in decoded(cut(raw), name):
        pass
    data = raw.removeprefix(codecs.BOM_UTF8)
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
