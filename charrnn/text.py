"""Text becomes numbers here: the vocabulary, reading corpora, and a text cut in parallel streams."""

from __future__ import annotations

import codecs
import hashlib
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.errors import CharrnnError

Ids: TypeAlias = NDArray[np.unsignedinteger[Any]]

MINIMUM = 24  # characters: less than this is not worth a training run
LARGE = 5_000  # symbols: above this the output layer outweighs the rest of the network
UNKNOWN = ("error", "skip", "replace")  # what may be done with a character outside the vocabulary
STAND_INS = "\N{REPLACEMENT CHARACTER}? "  # what "replace" puts in its place: the first that there is
_BLOCK = 1 << 20  # a text is converted in blocks of this size: memory hardly exceeds text and result


@dataclass(frozen=True)
class Vocabulary:
    """What one symbol is: a Unicode character out of a fixed set, or one of the 256 byte values.

    ``characters`` holds the set in code point order; a symbol's number is its place in it. With ``byte_level`` it is
    empty, and a symbol's number is the byte. A set that is unordered, repeats a character or holds a surrogate
    (which no UTF-8 text can) is a ValueError.
    """

    characters: str
    byte_level: bool = False

    def __post_init__(self) -> None:
        self.characters.encode()  # a surrogate raises UnicodeEncodeError, which is a ValueError
        if list(self.characters) != sorted(set(self.characters)) or (self.byte_level and self.characters):
            raise ValueError("characters must be distinct, in code point order, and none for bytes")

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """Return the vocabulary of all characters in ``text``."""
        return cls(_distinct([text]))

    @classmethod
    def of_bytes(cls) -> Vocabulary:
        """Return the vocabulary of the 256 byte values."""
        return cls("", byte_level=True)

    def __len__(self) -> int:
        return 256 if self.byte_level else len(self.characters)

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The smallest of uint8, uint16 and uint32 that holds every symbol's number."""
        return np.dtype(np.uint8 if len(self) <= 1 << 8 else np.uint16 if len(self) <= 1 << 16 else np.uint32)

    def encode(self, text: str | bytes, *, unknown: str = "error", where: str = "the text") -> Ids:
        """Return the symbols of ``text`` as numbers: shape [N], in ``dtype``.

        Bytes are read as strict UTF-8, or with ``byte_level`` taken as they are; with ``byte_level`` a string
        counts as its UTF-8 bytes, and a command-line argument that was not UTF-8 as the bytes typed.
        ``unknown`` is ``"error"``, ``"skip"`` (leave out what the vocabulary lacks) or ``"replace"`` (put one
        stand-in for it: the first of U+FFFD, question mark and space that there is, else symbol 0).

        Raises CharrnnError for an unknown character, with its line and column in ``where``, and for bytes
        that are not UTF-8; ValueError for any other ``unknown``, and for surrogates that stand for no byte.
        """
        if unknown not in UNKNOWN:
            raise ValueError(f"unknown must be one of {', '.join(UNKNOWN)}, not {unknown!r}")
        if self.byte_level:
            data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
            return np.frombuffer(data, np.uint8).copy()
        ids = np.empty(len(text) if isinstance(text, str) else _count_characters(text, where), self.dtype)
        filled = 0
        for block in _blocks(text):
            # The table's last entry stands for every code point beyond the vocabulary's greatest.
            found = self._table[np.minimum(_code_points(block), self._table.size - 1)]
            known = found >= 0
            if not known.all():
                if unknown == "error" or not self.characters:
                    raise _never_seen(text, filled + int(known.argmin()), where)
                if unknown == "skip":
                    found = found[known]
                else:
                    wanted = STAND_INS + self.characters
                    found[~known] = next(self._table[ord(c)] for c in wanted if c in self.characters)
            ids[filled : filled + found.size] = found
            filled += found.size
        return ids[:filled]

    def decode(self, ids: ArrayLike) -> str:
        """Return the characters with these numbers, shape [N].

        Raises ValueError as ``decode_bytes`` does, and for bytes (``byte_level``) that are not whole UTF-8.
        """
        return self.decode_bytes(ids).decode()

    def decode_bytes(self, ids: ArrayLike) -> bytes:
        """Return these symbols as UTF-8 or raw bytes. Raises ValueError for a number that is no symbol's."""
        numbers = np.asarray(ids, np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise ValueError(f"symbols are numbered from 0 to {len(self) - 1}")
        if self.byte_level:
            return numbers.astype(np.uint8).tobytes()
        return self._codes[numbers].tobytes().decode("utf-32-le").encode()

    @cached_property
    def _codes(self) -> NDArray[np.uint32]:
        return _code_points(self.characters)

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        """Each code point's number, up to the greatest one and one more; −1 where there is none."""
        table = np.full(int(self._codes.max(initial=0)) + 2, -1, np.int32)
        table[self._codes] = np.arange(self._codes.size)
        return table


@dataclass(frozen=True, eq=False)
class Corpus:
    """A text that was read and encoded, and where it came from."""

    ids: Ids  # shape [N], in the vocabulary's dtype
    vocabulary: Vocabulary
    sources: tuple[str, ...]  # the paths as given; "-" is standard input
    sha256: str  # of all bytes read, in order, before anything was changed
    skipped: tuple[str, ...] = ()  # what was left out of folders because it is no text


def read_corpus(
    paths: Sequence[str],
    *,
    byte_level: bool = False,
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

    A given ``vocabulary`` encodes the text, with ``unknown`` as in ``Vocabulary.encode``, and says itself whether
    symbols are bytes; otherwise the vocabulary is made from the text. Raises CharrnnError for what cannot be read,
    is not UTF-8 or has a character that the vocabulary lacks, for a folder without text, and if all files are empty.
    """
    byte_level = byte_level if vocabulary is None else vocabulary.byte_level
    # The line feed between files is ours: a model that knows none must not be asked to.
    line_feeds = not byte_level and (vocabulary is None or "\n" in vocabulary.characters)
    pieces, digest, skipped = _read(paths, byte_level, line_feeds, stdin)
    if not pieces:
        raise CharrnnError(f"there is no text in {_listed(paths)}")
    if vocabulary is None:
        vocabulary = Vocabulary("" if byte_level else _distinct(data for _, data in pieces), byte_level)
    parts = [vocabulary.encode(data, unknown=unknown, where=name) for name, data in pieces]
    ids = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not ids.size:
        raise CharrnnError(f"the model knows none of the characters in {_listed(paths)}")
    return Corpus(ids, vocabulary, tuple(paths), digest, skipped)


def read_text(paths: Sequence[str], *, byte_level: bool = False, stdin: BinaryIO | None = None) -> str | bytes:
    """Read as ``read_corpus`` does: a string, or bytes with ``byte_level``; empty if all files are."""
    whole = b"".join(data for _, data in _read(paths, byte_level, not byte_level, stdin)[0])
    return whole if byte_level else whole.decode()


def split(ids: Ids, fraction: float) -> tuple[Ids, Ids]:
    """Cut a text in two: what to train on, and the last ``fraction`` to validate with. Both are views.

    The second part is empty where it would have fewer than two characters, as nothing could be predicted
    in it; all is trained on then. Raises ValueError unless 0 ≤ ``fraction`` < 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the fraction to validate with must be at least 0 and less than 1, not {fraction}")
    tail = round(ids.size * fraction)
    cut = ids.size - tail if tail >= 2 else ids.size
    return ids[:cut], ids[cut:]


def require_learnable(corpus: Corpus) -> None:
    """Raise CharrnnError if the corpus is one character over and over: always guessing it is right."""
    if corpus.ids.min() == corpus.ids.max():
        where = _listed(corpus.sources)
        raise CharrnnError(f"the text in {where} has only one distinct character; there is nothing to learn")


def size_warning(vocabulary: Vocabulary) -> str | None:
    """Return a sentence if there are so many symbols that the model will be large and slow, else None."""
    many = f"the text has {len(vocabulary):,} distinct characters, which makes the model large and slow"
    return f"{many}; --bytes makes do with 256 symbols" if len(vocabulary) > LARGE else None


@dataclass(frozen=True, eq=False)
class Streams:
    """A text of N symbols as B parallel streams, cut in windows of T: every prediction exactly once.

    Symbol k predicts symbol k+1, so there are N−1 predictions; stream b makes those from ``start[b]`` up to
    ``start[b + 1]``, not included (``start`` has shape [B+1]). Streams differ in length by one at most, longer ones
    first. They are read side by side, T steps at a time; the last window may be shorter. Where stream b ends,
    stream b+1 starts: carry the final state of stream b into stream b+1 for the next epoch, and the text is read on
    without a break. Some streams make no prediction if N−1 < B.
    """

    ids: Ids
    batch_size: int
    seq_length: int
    start: NDArray[np.int64]

    @classmethod
    def plan(cls, ids: Ids, batch_size: int, seq_length: int) -> Streams:
        """Cut ``ids``, shape [N], evenly. Raises ValueError if N < 2 or a size is below 1."""
        if ids.size < 2 or batch_size < 1 or seq_length < 1:
            raise ValueError("streams need at least two symbols, one stream and one step")
        length, longer = divmod(ids.size - 1, batch_size)
        streams = np.arange(batch_size + 1, dtype=np.int64)
        return cls(ids, batch_size, seq_length, streams * length + np.minimum(streams, longer))

    @property
    def predictions(self) -> int:
        """How many predictions there are in one epoch: N − 1."""
        return self.ids.size - 1

    @property
    def windows(self) -> int:
        """How many windows there are in one epoch."""
        return -(-int(self.start[1]) // self.seq_length)

    def window(
        self, w: int, inputs_out: NDArray[np.int32], targets_out: NDArray[np.int32], rows: slice = slice(None)
    ) -> int:
        """Fill window ``w`` of the epoch into two arrays of shape [T, B] and return its number of steps, ≤ T.

        Only the columns ``rows`` are written, and only as many steps as returned. A stream that is one step
        shorter than the longest has input 0 and target −1 in the last step. IndexError: no such window.
        """
        if not 0 <= w < self.windows:
            raise IndexError(f"windows are numbered from 0 to {self.windows - 1}")
        first = w * self.seq_length
        steps = min(self.seq_length, int(self.start[1]) - first)
        at = self.start[:-1][rows] + np.arange(first, first + steps)[:, np.newaxis]
        inputs_out[:steps, rows] = self.ids[at]
        # Only a stream that has ended can point past the text, and its target is overwritten below.
        targets_out[:steps, rows] = self.ids[np.minimum(at + 1, self.predictions)]
        ended = at[-1] >= self.start[1:][rows]  # only ever true in the last window
        inputs_out[steps - 1, rows][ended] = 0
        targets_out[steps - 1, rows][ended] = -1
        return steps

    def span(self, w: int, count: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Return ``count`` windows of the epoch from ``w`` on: inputs and targets [count, T, B], and steps [count]."""
        inputs = np.zeros((count, self.seq_length, self.batch_size), np.int32)
        targets = np.zeros_like(inputs)
        steps = np.array([self.window(w + k, inputs[k], targets[k]) for k in range(count)], np.int64)
        return inputs, targets, steps


def fit_streams(characters: int, batch_size: int, seq_length: int) -> tuple[int, int, str | None]:
    """Fit streams and windows to a short text: (streams, window length, what was changed).

    What was asked for is kept if each stream then has at least one full window. If not, there are fewer streams, down
    to 4, then shorter windows, down to 8 characters, so as to have 4 windows a stream; and fewer streams again where
    even that does not fit. The last item is a sentence for the user, or None. Raises CharrnnError below ``MINIMUM``.
    """
    if characters < MINIMUM:
        raise CharrnnError(f"training needs at least {MINIMUM} characters, but here there are {characters}")
    predictions = characters - 1
    if predictions >= batch_size * seq_length:
        return batch_size, seq_length, None
    streams = max(min(batch_size, 4), predictions // (4 * seq_length))
    length = min(seq_length, max(8, predictions // (4 * streams)))
    streams = min(streams, predictions // length)
    fitted = f"{streams} stream{'s' * (streams > 1)} of {length} character{'s' * (length > 1)}"
    short = f"the text is short ({characters:,} characters)"
    return streams, length, f"{short}: {fitted} instead of {batch_size} of {seq_length}"


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def _blocks(text: str | bytes) -> Iterator[str]:
    """Yield a text, or UTF-8 bytes, in strings of bounded size. Raises UnicodeDecodeError."""
    starts = range(0, len(text), _BLOCK)
    if isinstance(text, str):
        return (text[k : k + _BLOCK] for k in starts)
    return codecs.iterdecode((text[k : k + _BLOCK] for k in starts), "utf-8")


def _count_characters(data: bytes, where: str) -> int:
    """Count the characters of UTF-8 bytes. Raises CharrnnError that names the first byte that is not."""
    with suppress(UnicodeDecodeError):
        return sum(map(len, _blocks(data)))
    try:
        data.decode()  # in one go, as blocks do not know their place
    except UnicodeDecodeError as fault:
        at = fault.start
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    kind = "UTF-16" if utf16 else "a binary file" if b"\0" in data else "in another encoding"
    raise CharrnnError(
        f"{where} is not UTF-8 text (see byte 0x{data[at]:02X} at offset {at}) and seems to be {kind}; "
        "save it as UTF-8, or give --bytes to model its bytes as they are"
    )


def _distinct(texts: Iterable[str | bytes]) -> str:
    """Return all characters that occur, in code point order."""
    seen = np.zeros(sys.maxunicode + 1, np.bool_)
    for block in (block for text in texts for block in _blocks(text)):
        seen[_code_points(block)] = True
    return "".join(map(chr, np.flatnonzero(seen)))


def _never_seen(text: str | bytes, at: int, where: str) -> CharrnnError:
    whole = text if isinstance(text, str) else text.decode()
    line, column = whole.count("\n", 0, at) + 1, at - whole.rfind("\n", 0, at)
    return CharrnnError(
        f"{whole[at]!r} (U+{ord(whole[at]):04X}) on line {line}, column {column} of {where} is a character"
        " the model has never seen; --unknown skip leaves it out, --unknown replace puts another in its place"
    )


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
    _count_characters(raw, name)
    data = raw.removeprefix(codecs.BOM_UTF8)
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
