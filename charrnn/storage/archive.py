"""A ``.npz`` file that is written atomically, and read without trusting its contents."""

import hashlib
import io
import math
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.storage import files
from charrnn.storage.files import check_writable, other_kind, reason, shown

__all__ = ["MAXIMUM_BYTES", "Form", "Reader", "UnfitError", "check_writable", "reading", "shown", "write"]

MODEL = "a charrnn model"
MAXIMUM_BYTES = 8 << 30  # of all arrays in a file together

_DIRECTORY = 1 << 20  # largest zip directory, in bytes; ours has about 100 bytes for each array
_HEADER = 1 << 12  # longest header of an array, in bytes; ours has 118
RATIO = 1032  # the largest factor by which DEFLATE data can expand
_EXPANSION = 16  # the arrays can have this many times the size of the file; weights hardly compress, but zeros do
_ALLOWANCE = 64 << 20  # bytes that the arrays can have in addition: a small network of zeros is not a zip bomb
_WIDE = 0xFFFFFFFF  # in place of a size: the size has 64 bits and is in another field
_ENCRYPTED_OR_PATCHED = 0x61
_ANY_HEADER = re.compile(
    r"\{'descr': '(\|O|[<>|][a-zA-Z][0-9]{1,9})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \}\s*"
)
_PLAIN = re.compile(r"[<>|](b1|[iu][1248]|f[248]|[US][1-9][0-9]*)")  # numbers and strings, as ``.npy`` spells dtypes
_MOST_AXES = 8
_MAGIC = b"PK\x03\x04"
_NAME = slice(30, 38)  # bytes of a file of ours with the name of its first entry, such as meta.npy
_CHUNK = 1 << 20  # bytes read or written at a time
_DOUBTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class UnfitError(Exception):
    """What is wrong with a file: a sentence without its subject, which is the file's name."""


@dataclass(frozen=True)
class Form:
    """The required dtype (as ``.npy`` spells it) and shape of an array in a file.

    One axis can be None: it then has any length from 1 up. The array has at most ``limit`` bytes.
    """

    dtype: str
    shape: tuple[int | None, ...]
    limit: int = MAXIMUM_BYTES

    @property
    def unit(self) -> int:
        """The size of the array in bytes, or of one step along the axis that is None."""
        return np.dtype(self.dtype).itemsize * math.prod(n for n in self.shape if n is not None)

    def filled(self, size: int) -> tuple[int, ...] | None:
        """Return the shape that has ``size`` bytes, or None."""
        length, rest = divmod(size, self.unit)
        if rest or length < 1 or size > self.limit or (length > 1 and None not in self.shape):
            return None
        return tuple(length if n is None else n for n in self.shape)


class Reader:
    """The arrays in an open ``.npz`` file, by the names of the zip entries without ``.npy``.

    Raises UnfitError unless the file has plain entries one after another, then a directory that agrees with the header
    of each entry, then the directory's end record, and no other bytes. Also raises UnfitError if an entry claims more
    bytes than its part of the file can expand to, or if all entries together claim more than `most` bytes or many times
    the size of the file. The constructor decompresses nothing.
    """

    def __init__(self, file: BinaryIO, size: int, most: int = MAXIMUM_BYTES, expansion: int = _EXPANSION) -> None:
        with _doubting("its list of entries"):
            self._zipped = zipfile.ZipFile(file)
        self._file = file
        self._entries: dict[str, zipfile.ZipInfo] = {}
        end = total = 0
        for info in sorted(self._zipped.infolist(), key=lambda info: info.header_offset):
            # zipfile cleans up `filename`, so two entries could share one; `orig_filename` is what the file has.
            path = info.orig_filename
            name, what = path.removesuffix(".npy"), f"its entry {path[:60]!r}"
            if name == path:
                raise UnfitError(f"is not a charrnn model: {what} is not an array")
            if name in self._entries:
                raise UnfitError(f"is not a charrnn model: {what} appears twice")
            if info.flag_bits & _ENCRYPTED_OR_PATCHED:
                raise UnfitError(f"is not a charrnn model: {what} is encrypted")
            if info.compress_type == zipfile.ZIP_STORED:
                possible = info.file_size == info.compress_size
            elif info.compress_type == zipfile.ZIP_DEFLATED:
                possible = info.file_size <= RATIO * info.compress_size
            else:
                raise UnfitError(f"is not a charrnn model: {what} has an unsupported compression method")
            if not possible or info.compress_size > size:
                raise UnfitError(f"is damaged: {what} claims more bytes than the file can contain")
            if info.header_offset != end:
                raise UnfitError(f"is damaged: {what} does not start at the expected offset")
            with _doubting(what):
                end += _header_size(file, info) + info.compress_size
            total += info.file_size
            self._entries[name] = info
        with _doubting("its list of entries"):
            _check_ending(file, size, len(self._entries), end)
        if total > most:
            raise UnfitError(f"is too large: its arrays claim more than {most >> 30} GiB")
        if total > expansion * size + _ALLOWANCE:
            raise UnfitError(f"is too large: its arrays claim more than {expansion} times the size of the file")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all arrays."""
        return tuple(self._entries)

    def require(self, forms: Mapping[str, Form]) -> None:
        """Raise UnfitError unless the file has exactly these arrays.

        Each array must have its form. No values are read.
        """
        for name in self._entries:
            if name not in forms:
                raise UnfitError(f"is not a charrnn model: it has an unexpected entry {name[:60]!r}")
        for name, form in forms.items():
            with self._values(name, form):
                pass

    def read(self, name: str, form: Form) -> NDArray[Any]:
        """Return an array of this form.

        Raises UnfitError if it has another form or is damaged.
        """
        with self._values(name, form) as (shape, entry):
            array = np.empty(shape, form.dtype)
            _fill(memoryview(array.data).cast("B"), entry)
        return array

    def array(self, name: str) -> NDArray[Any]:
        """Return an array of numbers or strings, of any shape, in this processor's byte order and in C order.

        Raises UnfitError if it is of another type, such as Python objects, or is damaged.
        """
        if name not in self._entries:
            raise UnfitError(f"is not {MODEL}: it has no entry {name!r}")
        with _doubting(f"its entry {name!r}"), self._zipped.open(self._entries[name]) as entry:
            width = _width(entry, name)
            length = int.from_bytes(entry.read(width), "little")
            found = _ANY_HEADER.fullmatch(entry.read(length).decode("latin-1")) if length <= _HEADER else None
            dtype, fortran, axes = found.groups() if found else ("a record", "False", "")
            if not _PLAIN.fullmatch(dtype):
                kind = "Python objects" if dtype == "|O" else f"values of the type {dtype}"
                instead = "; before saving it, use .astype(str) or .astype(float)" if dtype == "|O" else ""
                raise UnfitError(f"is not {MODEL}: its entry {name!r} has {kind}, not numbers or strings{instead}")
            shape = tuple(int(axis) for axis in axes.replace(",", " ").split())
            size = math.prod(shape) * np.dtype(dtype).itemsize
            if size != self._entries[name].file_size - len(npy.MAGIC_PREFIX) - 2 - width - length:
                raise ValueError("the shape is not that of the values")
            if len(shape) > _MOST_AXES:
                raise UnfitError(f"is not {MODEL}: its entry {name!r} has {len(shape)} axes")
            array = np.empty(shape, dtype, order="F" if fortran == "True" else "C")
            _fill(memoryview(array.reshape(-1, order="A").view(np.uint8).data), entry)
        return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(shape)

    def blocks(self, name: str, form: Form) -> Iterator[NDArray[Any]]:
        """Yield an array [N] of this form in blocks, read-only.

        Raises UnfitError if it has another form or is damaged.
        """
        with self._values(name, form) as (shape, entry):
            left = math.prod(shape) * np.dtype(form.dtype).itemsize
            while left:
                piece = entry.read(min(left, _CHUNK))
                if len(piece) < min(left, _CHUNK):
                    raise ValueError("fewer bytes arrive")
                left -= len(piece)
                yield np.frombuffer(piece, form.dtype)

    def sha256(self) -> str:
        """Return the SHA-256 of the whole file."""
        digest = hashlib.sha256()
        self._file.seek(0)
        for piece in iter(lambda: self._file.read(_CHUNK), b""):
            digest.update(piece)
        return digest.hexdigest()

    @contextmanager
    def _values(self, name: str, form: Form) -> Iterator[tuple[tuple[int, ...], IO[bytes]]]:
        """Yield the shape and the values of an array.

        The values are an open file. Raises UnfitError if the array has another form.
        """
        if name not in self._entries:
            raise UnfitError(f"is not a charrnn model: it has no entry {name!r}")
        with _doubting(f"its entry {name!r}"), self._zipped.open(self._entries[name]) as entry:
            width = _width(entry, name)
            length = int.from_bytes(entry.read(width), "little")
            size = self._entries[name].file_size - len(npy.MAGIC_PREFIX) - 2 - width - length
            shape = form.filled(size) if length <= _HEADER else None
            # Only one header text is right, so the header is compared with it and never parsed.
            if shape is None or entry.read(length).rstrip() != _header(form.dtype, shape)[10:].rstrip():
                raise UnfitError(f"is not a charrnn model: its entry {name!r} has the wrong type or shape")
            yield shape, entry


@contextmanager
def reading(
    path: str | Path, most: int = MAXIMUM_BYTES, kind: str = MODEL, expansion: int = _EXPANSION
) -> Iterator[Reader]:
    """Open a ``.npz`` file of some kind for reading.

    Its arrays can have at most ``most`` bytes together, and about ``expansion`` times the size of the file.
    Raises CharrnnError with the name of the file, also for an UnfitError that the block raises.
    """
    name = shown(path)
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would block until a program writes to it
            raise UnfitError(other_kind(found.st_mode))
        with _Bounded(io.FileIO(path)) as file:
            if file.read(4) != _MAGIC:
                raise UnfitError("is not a charrnn model: it is not an .npz file")
            yield Reader(file, found.st_size, most, expansion)
    except FileNotFoundError:
        raise CharrnnError(f"{name} does not exist") from None
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be read: {reason(fault)}") from None
    except MemoryError:
        raise CharrnnError(f"{name} cannot be read: out of memory") from None
    except UnfitError as fault:  # cut off, as a hostile file decides how long the message is
        raise CharrnnError(f"{name} {str(fault).replace(f'is not {MODEL}', f'is not {kind}', 1):.300}") from None


def begins_with(path: str | Path, entry: str) -> bool:
    """Return whether a file is a zip file whose first entry has this name of four letters; can raise OSError."""
    if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would block
        return False
    head = _head(path)
    return head.startswith(_MAGIC) and head[_NAME] == f"{entry}.npy".encode()


def require_replaceable(path: str | Path, entry: str, kind: str) -> None:
    """Raise CharrnnError if a file exists that is not of a kind, which begins with an ``entry``: it would be lost."""
    if not Path(path).is_file():
        return
    try:
        head = _head(path)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be read: {reason(fault)}") from None
    if head and head[_NAME] != f"{entry}.npy".encode():  # an empty file has nothing to lose, a damaged one little
        raise CharrnnError(f"{shown(path)} exists and is not {kind}, so it is not replaced; name another file")


def _head(path: str | Path) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(_NAME.stop)


def write(
    path: str | Path,
    arrays: Mapping[str, NDArray[Any]],
    most: int = MAXIMUM_BYTES,
    watch: Callable[[int], None] | None = None,
) -> None:
    """Write C-ordered arrays to a ``.npz`` file atomically; ``watch`` hears how many bytes of one are written.

    Replaces the file at ``path`` if one exists. At any time, even after a power failure, a reader of ``path`` finds the
    complete old file or the complete new one. A symbolic link stays, and its target is replaced. Raises CharrnnError if
    writing fails, or for more than `most` bytes; the old file is then unchanged, and no temporary file is left behind.
    """
    name = shown(path)
    if sum(array.nbytes for array in arrays.values()) > most - (_HEADER * len(arrays)):
        raise CharrnnError(f"{name} cannot be written: it would be larger than {most >> 30} GiB")
    with files.replacing(path) as file:
        _write_zip(file, arrays, watch)


class _Bounded(io.BufferedReader):
    """A file that refuses large reads, as zipfile trusts the length that the file claims for its directory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile("the directory is too long")
        return super().read(size)


@contextmanager
def _doubting(what: str) -> Iterator[None]:
    """Turn zipfile's and zlib's errors about damage into UnfitError."""
    try:
        yield
    except _DOUBTS:
        raise UnfitError(f"is damaged: {what} was changed or cut off") from None


def _header_size(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return the size of an entry's own header.

    zipfile compares only its name with the directory. Raises ValueError if anything differs, so that every program that
    unpacks the file finds the same data.
    """
    file.seek(info.header_offset)
    magic, _, flags, method, _, _, crc, packed, unpacked, *lengths = struct.unpack("<4s5H3L2H", file.read(30))
    name, extra = map(file.read, lengths)
    if packed == unpacked == _WIDE and extra.startswith(b"\1\0\x10\0"):
        unpacked, packed = struct.unpack("<2Q", extra[4:20])
    encoded = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
    here = magic, flags, method, crc, packed, unpacked, name
    listed = info.flag_bits, info.compress_type, info.CRC, info.compress_size, info.file_size, encoded
    if here != (b"PK\3\4", *listed):
        raise ValueError("an entry's header differs from the directory")
    size: int = 30 + sum(lengths)
    return size


def _check_ending(file: BinaryIO, size: int, count: int, begin: int) -> None:
    """Raise ValueError unless the directory fills the file's end.

    The end record must say that the directory has ``count`` entries, starts at ``begin`` and ends at the end record.
    Otherwise the file could have a second directory, for programs that look for it elsewhere.
    """
    file.seek(max(0, size - 98))
    ending = file.read(98)
    is_wide = ending[-42:-38] == b"PK\6\7"  # the Zip64 locator: sizes have 64 bits
    length = size - begin - (98 if is_wide else 22)
    expected = b""
    if is_wide:
        expected += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, begin)
        expected += struct.pack("<4sLQL", b"PK\6\7", 0, begin + length, 1)
    counted, capped = min(count, 0xFFFF), (min(length, _WIDE), min(begin, _WIDE))
    expected += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, counted, counted, *capped, 0)
    if not ending.endswith(expected):
        raise ValueError("the directory does not fill the file's end")


def _width(entry: IO[bytes], name: str) -> int:
    """Read how an array begins; return the number of bytes of its header's length."""
    widths = {npy.magic(1, 0): 2, npy.magic(2, 0): 4}
    start = entry.read(len(npy.MAGIC_PREFIX) + 2)
    if start not in widths:
        raise UnfitError(f"is not {MODEL}: its entry {name!r} is not an array")
    return widths[start]


def _fill(room: memoryview, entry: IO[bytes]) -> None:
    """Read bytes until a room is full; raise ValueError if fewer arrive."""
    for begin in range(0, len(room), _CHUNK):
        piece = room[begin : begin + _CHUNK]
        piece[:] = entry.read(len(piece))


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return an array's header: magic, version, length, text.

    The first three have ten bytes.
    """
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _write_zip(file: BinaryIO, arrays: Mapping[str, NDArray[Any]], watch: Callable[[int], None] | None = None) -> None:
    with zipfile.ZipFile(file, "w") as zipped:
        for name, array in arrays.items():
            header = _header(array.dtype.str, array.shape)
            info = zipfile.ZipInfo(f"{name}.npy")  # has a fixed date, so that equal arrays give equal bytes
            info.file_size = len(header) + array.nbytes  # decides whether the entry needs 64-bit sizes
            with zipped.open(info, "w") as entry:
                entry.write(header)
                values = memoryview(array.data).cast("B")
                for begin in range(0, len(values), _CHUNK):
                    entry.write(values[begin : begin + _CHUNK])
                    if watch is not None:
                        watch(begin)
