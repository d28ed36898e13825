"""Reading texts: as one encoded corpus, as a stream of blocks, or unchanged."""

from __future__ import annotations

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charrnn.errors import CharrnnError, UnknownWarning
from charrnn.text import corpus_file, encoded, passes
from charrnn.text.corpus_file import EncodedText
from charrnn.text.decoding import UTF_8, decoded
from charrnn.text.defaults import MARK
from charrnn.text.encoded_corpus import AnotherTextError, Corpus
from charrnn.text.near_forms import NearForms
from charrnn.text.passes import Listener, Watch
from charrnn.text.places import Place
from charrnn.text.sources import (
    LARGE_TEXT,
    MOST_NAMED,
    NOTHING,
    Known,
    Source,
    files,
    listed,
    name_of,
    readable,
    sources,
    spooled,
)
from charrnn.text.survey import BYTES, Say, Survey, every, told
from charrnn.text.vocabulary import TEXT_BLOCK, Ids, Vocabulary

__all__ = [
    "AnotherTextError",
    "Corpus",
    "Listener",
    "Watch",
    "listed",
    "name_of",
    "read_again",
    "read_corpus",
    "read_stream",
    "read_string",
    "read_text",
    "read_verbatim",
    "require_learnable",
]


DEFAULT = Listener()
MOST_IN_MEMORY = 20_000_000  # characters of a text that has to be in memory as a whole


def read_corpus(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    rare: int = 0,
    vocabulary: Vocabulary | Callable[[Vocabulary], Vocabulary] | None = None,
    unknown: str = "error",
    known: Known = NOTHING,
    stdin: BinaryIO | None = None,
    listener: Listener = DEFAULT,
    large: int = LARGE_TEXT,
) -> Corpus:
    """Read files, folders and standard input as one text.

    The paths are read in this order; ``-`` is standard input. The encoding of each file is detected, unless it is
    ``known``, and compressed files are read as what is in them; see `Survey`. A leading byte order mark is removed, and
    CRLF and lone CR become LF. If a file does not end with a line feed and another file follows, one is added. A folder
    means the files in it and in its subfolders, sorted by path. Hidden ones are ignored. Files that are not text are
    listed in ``skipped``, as are links to folders, pipes and devices. With ``byte_level``, nothing is changed or added,
    and every file of a folder is read. The ``listener`` hears of encodings other than UTF-8, and of what is left out.

    With a ``separator``, the text is documents with that string between them; the end of a file ends a document.

    One path can lead to an encoded text, which decides about its symbols: see `corpus_file`.

    A given ``vocabulary`` encodes the text, with ``unknown`` as in `Vocabulary.encode`, and decides whether symbols are
    bytes and what separates documents. Otherwise the vocabulary is made from the text; if ``vocabulary`` is a function,
    it gets this one and returns the one to encode with. Characters that occur fewer than ``rare`` times are then
    unknown: see `Vocabulary`. An unknown symbol encodes all unknown characters.

    The text is read twice: for its SHA-256 and its characters, then to encode it. A text of more than ``large`` bytes
    is never in memory as a whole: it is encoded into the cache, memory-mapped, and reused the next time. As this takes
    a while, the ``listener`` hears at first and at each block what is done, and the bytes done and in all.

    Raises CharrnnError if a path cannot be read, is a device, changes while it is read, is not text or has a character
    that is not in the vocabulary; if a folder has no text; and if all files are empty. Raises AnotherTextError if the
    text is not the ``known`` one.
    """
    _require_once(paths)
    if len(paths) > MOST_NAMED:
        raise CharrnnError(f"the text has more than {MOST_NAMED:,} names; put the files in a folder and name that")
    given = vocabulary if isinstance(vocabulary, Vocabulary) else None
    if any(corpus_file.is_encoded_text(path) for path in paths if not known.safely or known.may_have(Path(path))):
        asked = None if given else {"bytes": byte_level, "documents": separator, "rare": rare}
        return _of_encoded_text(_loaded(paths, known, large, listener, asked), vocabulary, unknown, known, large)
    if given is not None:
        byte_level, separator = given.byte_level, given.separator
    survey = Survey(byte_level, known.encoding, None if known.files_read is None else every(known.files_read))
    digest = hashlib.sha256()
    with ExitStack() as stack:
        found: list[Source] = []
        size = 0
        for source in chain.from_iterable(sources(path, survey, stdin, large, known) for path in paths):
            stack.callback(source.close)
            found.append(source)
            size += source.size_now()
            if known.size is not None and size > known.size:
                break
        if known.size not in (None, size):
            raise AnotherTextError(f"{listed(paths)} is not the expected text: its size differs")
        watch = listener.watch if size > large else None
        opened = passes.watched(found, digest, watch, "reading")
        if given is None:
            own_texts = passes.texts(opened, line_feeds=not (byte_level or separator))
            own = passes.vocabulary_of(own_texts, byte_level, separator, rare)
        else:
            own = given
            for _, data, _ in opened:
                deque(data, maxlen=0)
        with_text = {source.given for source in found if source.size}
        for path in paths:
            if path != "-" and path not in with_text and Path(path).is_dir():
                raise passes.no_text([path], survey.skipped)
        survey.tell(listener.say)
        if known.sha256 not in (None, digest.hexdigest()):
            raise AnotherTextError(f"{listed(paths)} is not the expected text: its SHA-256 differs")
        chosen = vocabulary(own) if callable(vocabulary) else own
        unknown = MARK if chosen.rare and unknown == "error" else unknown
        near = chosen.near_forms("forms") if known.near and not chosen.rare else None
        ids, lengths = _encoded(paths, found, chosen, unknown, digest.hexdigest(), large, watch, near)
    size, sha256 = sum(source.size or 0 for source in found), digest.hexdigest()
    corpus = Corpus(ids, chosen, tuple(paths), sha256, lengths, None, tuple(survey.skipped), size, known.outputs)
    recorded = survey.record if known.files_read is None else known.files_read
    return replace(corpus, files_read=recorded, markup=tuple(survey.markup), near=known.near)


def read_stream(
    path: str,
    vocabulary: Vocabulary,
    *,
    unknown: str = "error",
    encoding: str = "",
    near: NearForms | None = None,
    source: BinaryIO | None = None,
    block: int = TEXT_BLOCK,
    say: Say = told,
) -> Iterator[Ids]:
    """Read a file, folder or standard input in blocks.

    Reads as `read_corpus` does, but yields the encoded text as it is read, ``block`` bytes at a time, so a text of any
    length takes little memory, and even an endless device can be read: its beginning decides its encoding. If
    ``source``, which `read_again` kept of ``path``, is given, it is read from its beginning instead. Raises
    CharrnnError as `read_corpus` does, after all text before the fault.
    """
    survey = Survey(vocabulary.byte_level, encoding)
    if source is None and corpus_file.is_encoded_text(path):
        file = corpus_file.load(path)
        if file.vocabulary == vocabulary:
            return encoded.blocks_of(file.ids)
        opened = file.contents(byte_level=vocabulary.byte_level)
    elif source is None:
        opened = passes.opened([path], survey, block=block, say=say)
    else:
        kept = survey.encoding_of(source, name_of(path), in_folder=False)
        opened = iter([passes.content(source, name_of(path), kept, survey, block)])
    return passes.symbols(opened, vocabulary, unknown, [path], near=near)


def read_string(
    text: str | bytes,
    vocabulary: Vocabulary,
    *,
    unknown: str = "error",
    near: NearForms | None = None,
    where: str = "the text",
    seen: Place | None = None,
) -> Iterator[Ids]:
    """Yield the symbols of a text in memory, which messages call ``where``.

    Reads it as `read_stream` reads a file; with ``seen``, as `Vocabulary.encode_blocks` says. Raises CharrnnError as
    `read_stream` does, and for a lone surrogate.
    """
    try:
        data = text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError:
        raise CharrnnError(f"{where} has a lone surrogate, which is not a Unicode character") from None
    if not data:
        raise CharrnnError(f"{where} is empty")
    coding = BYTES if vocabulary.byte_level else UTF_8
    content = iter([(where, iter([data]), coding)])
    return passes.symbols(content, vocabulary, unknown, [where], near=near, seen=seen)


@contextmanager
def read_again(path: str, times: int = 2) -> Iterator[BinaryIO | None]:
    """Keep a pipe's input for reading it again.

    Yields a file with this input, which is removed when the block ends. Yields None if ``path`` is neither standard
    input nor a named pipe, or if ``times``, the number of readings, is 1.
    """
    if times <= 1 or (path != "-" and not Path(path).is_fifo()):
        yield None
        return
    with readable(path):
        for name, file, _ in files(path, Survey(byte_level=True)):
            kept = spooled(name, file)
    with kept:
        yield kept


def read_text(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
    separator: str = "",
    encoding: str = "",
    most: int | None = None,
    stdin: BinaryIO | None = None,
    say: Say = told,
) -> str | bytes:
    """Return texts as one string, or as bytes.

    Reads as `read_corpus` does, and puts the separator between files. Returns bytes with ``byte_level``. Raises
    CharrnnError as `read_corpus` does, also if all files are empty, and for more than ``most`` characters or bytes.
    """
    _require_once(paths)
    if any(map(corpus_file.is_encoded_text, paths)):
        opened = _loaded(paths).contents(byte_level=byte_level)
    else:
        opened = passes.opened(paths, Survey(byte_level, encoding), stdin, say=say)
    texts, size = [], 0
    for name, blocks in passes.texts(opened, not (byte_level or separator)):
        parts = []
        for block in blocks:
            size += len(block)
            if most is not None:
                check_size(name, size, most)
            parts.append(block)
        texts.append("".join(parts))
    if not texts:
        raise passes.no_text(paths)
    if byte_level:
        return separator.encode().join(text.encode("latin-1") for text in texts)
    return separator.join(texts)


def read_verbatim(
    path: str, *, byte_level: bool, encoding: str = "", most: int = MOST_IN_MEMORY, say: Say = told
) -> str:
    """Return a file or standard input unchanged.

    With ``byte_level``, bytes become U+0000 to U+00FF. Raises CharrnnError if the text cannot be read, is not text, or
    has more than ``most`` characters.
    """
    parts, size = [], 0
    with readable(path):
        for name, data, found in passes.opened([path], Survey(byte_level, encoding), say=say):
            for part in passes.typed(data) if byte_level else decoded(data, name, found):
                parts.append(part)
                size += len(part)
                check_size(name, size, most)
    return "".join(parts)


def check_size(name: str, size: int, most: int = MOST_IN_MEMORY) -> None:
    """Raise CharrnnError if a text exceeds ``most`` characters."""
    if size > most:
        raise CharrnnError(f"{name} is too long: at most {most:,} characters can be kept in memory")


def require_learnable(corpus: Corpus) -> None:
    """Raise CharrnnError if a corpus repeats one character.

    Always predicting this character would be right.
    """
    if all(bool((ids == corpus.ids[0]).all()) for ids in encoded.blocks_of(corpus.ids)):
        where = listed(corpus.sources)
        raise CharrnnError(f"the text in {where} has only one distinct character; there is nothing to learn")


def _loaded(
    paths: Sequence[str],
    known: Known = NOTHING,
    large: int = LARGE_TEXT,
    listener: Listener = DEFAULT,
    asked: Mapping[str, Any] | None = None,
) -> EncodedText:
    """Read an encoded text; raise CharrnnError if its symbols are not those that are ``asked`` for by options."""
    path = next(filter(corpus_file.is_encoded_text, paths))
    if len(paths) > 1:
        raise CharrnnError(f"{name_of(path)} is an encoded text; it cannot be read together with other texts")
    if known.size not in (None, Path(path).stat().st_size):
        raise AnotherTextError(f"{name_of(path)} is not the expected text: its size differs")
    file = corpus_file.load(path, large=large, watch=listener.watch if Path(path).stat().st_size > large else None)
    if known.sha256 not in (None, file.sha256):
        raise AnotherTextError(f"{name_of(path)} is not the expected text: its SHA-256 differs")
    file.require(**(asked or {}))
    return file


def _of_encoded_text(
    file: EncodedText,
    vocabulary: Vocabulary | Callable[[Vocabulary], Vocabulary] | None,
    unknown: str,
    known: Known,
    large: int,
) -> Corpus:
    """Return the corpus in a file, in its own vocabulary or in another one, as `read_corpus` does."""
    chosen = vocabulary(file.vocabulary) if callable(vocabulary) else vocabulary or file.vocabulary
    ids, lengths, paths = file.ids, [*file.files], [file.path]
    if chosen != file.vocabulary:
        unknown = MARK if chosen.rare and unknown == "error" else unknown
        near = chosen.near_forms("forms") if known.near and not chosen.rare else None
        lengths.clear()
        blocks = passes.symbols(file.contents(byte_level=chosen.byte_level), chosen, unknown, paths, lengths, near)
        key = encoded.key_of([file.sha256, asdict(chosen), unknown, known.near])
        ids = np.concatenate(list(blocks)) if file.size <= large else encoded.keep(key, chosen.dtype, blocks)
    corpus = Corpus(ids, chosen, (file.path,), file.sha256, tuple(lengths), size=file.size, outputs=known.outputs)
    return replace(corpus, near=known.near)


def _encoded(
    paths: Sequence[str],
    found: Sequence[Source],
    vocabulary: Vocabulary,
    unknown: str,
    sha256: str,
    large: int,
    watch: Watch | None,
    near: NearForms | None,
) -> tuple[Ids, tuple[int, ...]]:
    """Read all sources again; return them encoded, and the number of symbols of each file.

    A large text that is in the cache is not read again.
    """
    lengths: list[int] = []

    def blocks() -> Iterator[Ids]:
        digest = hashlib.sha256()
        opened = passes.watched(found, digest, watch, "encoding")
        yield from passes.symbols(opened, vocabulary, unknown, paths, lengths, near)
        if digest.hexdigest() != sha256:
            raise CharrnnError(f"{listed(paths)} changed while it was being read")

    def keep_ids() -> Ids:
        ids = encoded.keep(key, vocabulary.dtype, blocks())
        if near is not None and near.count:
            encoded.keep(key_of_near, np.dtype(np.uint64), [np.array([near.count], np.uint64)])
        return ids

    sizes = [source.size or 0 for source in found]
    if sum(source.content_size for source in found) <= large:
        return np.concatenate(list(blocks())), tuple(lengths)
    record = [sha256, sizes, asdict(vocabulary), unknown]
    if not {source.encoding for source in found} <= {BYTES, UTF_8}:
        record.append([source.encoding for source in found])
    key, key_of_lengths = encoded.key_of(record), encoded.key_of([*record, "lengths of files"])
    key_of_near = encoded.key_of([*record, "near forms"])
    ids, in_near_forms = encoded.find(key, vocabulary.dtype), encoded.find(key_of_near, np.dtype(np.uint64))
    if ids is not None and in_near_forms is not None:
        said = f"{in_near_forms[0]:,} characters of {listed(paths)} were read in near forms"
        warnings.warn(said, UnknownWarning, stacklevel=2)
    if len(found) == 1:
        ids = keep_ids() if ids is None else ids
        return ids, (ids.size,)
    kept = None if ids is None else encoded.find(key_of_lengths, np.dtype(np.uint64))
    if ids is None or kept is None:
        ids = keep_ids()
        kept = encoded.keep(key_of_lengths, np.dtype(np.uint64), [np.array(lengths, np.uint64)])
    return ids, tuple(kept.tolist())


def _require_once(paths: Sequence[str]) -> None:
    if paths.count("-") > 1:
        raise CharrnnError("standard input (-) can be read only once")
