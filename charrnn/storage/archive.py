"""A ``.npz`` file that is written whole or not at all, and read without trusting a byte of it."""

import io
import math
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
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

MAXIMUM_BYTES = 8 << 30  # of all arrays in a file together

_DIRECTORY = 1 << 20  # bytes of the zip directory; ours has about a hundred for each array
_HEADER = 1 << 12  # bytes of an array's header; ours has 118
_RATIO = 1032  # no DEFLATE stream becomes longer than this many times itself
_EXPANSION = 16  # times the size of a file that its arrays may take; weights hardly compress, but zeros do
_ALLOWANCE = 64 << 20  # bytes that they may take beside that: a small network of zeros is no bomb
_WIDE = 0xFFFFFFFF  # in place of a size: it has 64 bits and stands elsewhere
_ENCRYPTED_OR_PATCHED = 0x61
_CHUNK = 1 << 20  # bytes read or written at a time
_DOUBTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class UnfitError(Exception):
    """What is wrong with a file that was read: a sentence that still lacks its subject, the file's name."""


@dataclass(frozen=True)
class Form:
    """What an array in a file has to be: its dtype as ``.npy`` spells it, and its shape.

    One axis may be None: any length from 1 up that makes ``limit`` bytes or fewer.
    """

    dtype: str
    shape: tuple[int | None, ...]
    limit: int = MAXIMUM_BYTES

    @property
    def unit(self) -> int:
        """The array's bytes, or those for each step along the axis that is None."""
        return np.dtype(self.dtype).itemsize * math.prod(n for n in self.shape if n is not None)

    def filled(self, size: int) -> tuple[int, ...] | None:
        """Return the shape with which the array has ``size`` bytes; None if there is no such shape."""
        length, rest = divmod(size, self.unit)
        if rest or length < 1 or size > self.limit or (length > 1 and None not in self.shape):
            return None
        return tuple(length if n is None else n for n in self.shape)


class Reader:
    """The arrays in an open ``.npz`` file, by name, without the ``.npy`` that the zip entries end in.

    Raises UnfitError unless the file is plain entries one behind another, a directory that says of each what its own
    header says, and the directory's end, with nothing before, between or after them; if an entry claims more bytes than
    its share of the file can hold, or all together more than `most` or many times the file. Nothing is unpacked here.
    """

    def __init__(self, file: BinaryIO, size: int, most: int = MAXIMUM_BYTES) -> None:
        with _doubting("its list of entries"):
            self._zipped = zipfile.ZipFile(file)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        end = total = 0
        for info in sorted(self._zipped.infolist(), key=lambda info: info.header_offset):
            # `filename` is cleaned up, so that two entries could share it; this is what the file says.
            path = info.orig_filename
            name, what = path.removesuffix(".npy"), f"its entry {path[:60]!r}"
            if name == path:
                raise UnfitError(f"is not a charrnn model: {what} is no array")
            if name in self._entries:
                raise UnfitError(f"is not a charrnn model: {what} is there twice")
            if info.flag_bits & _ENCRYPTED_OR_PATCHED:
                raise UnfitError(f"is not a charrnn model: {what} is encrypted")
            if info.compress_type == zipfile.ZIP_STORED:
                possible = info.file_size == info.compress_size
            elif info.compress_type == zipfile.ZIP_DEFLATED:
                possible = info.file_size <= _RATIO * info.compress_size
            else:
                raise UnfitError(f"is not a charrnn model: {what} is compressed in an unknown way")
            if not possible or info.compress_size > size:
                raise UnfitError(f"is damaged: {what} claims more bytes than there are")
            if info.header_offset != end:
                raise UnfitError(f"is damaged: {what} does not begin where the one before it ends")
            with _doubting(what):
                end += _header_size(file, info) + info.compress_size
            total += info.file_size
            self._entries[name] = info
        with _doubting("its list of entries"):
            _check_ending(file, size, len(self._entries), end)
        if total > most:
            raise UnfitError(f"is too large: its arrays claim more than {most >> 30} GiB")
        if total > _EXPANSION * size + _ALLOWANCE:
            raise UnfitError(f"is too large: its arrays claim more than {_EXPANSION} times the size of the file")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def require(self, forms: Mapping[str, Form]) -> None:
        """Raise UnfitError unless the file has exactly these arrays, in these forms; makes none."""
        for name in self._entries:
            if name not in forms:
                raise UnfitError(f"is not a charrnn model: nothing calls for its entry {name[:60]!r}")
        for name, form in forms.items():
            with self._values(name, form):
                pass

    def read(self, name: str, form: Form) -> NDArray[Any]:
        """Return an array, after a check that it has this form. Raises UnfitError if not, or if damaged."""
        with self._values(name, form) as (shape, entry):
            array = np.empty(shape, form.dtype)
            room = memoryview(array.data).cast("B")
            for begin in range(0, len(room), _CHUNK):
                piece = room[begin : begin + _CHUNK]
                piece[:] = entry.read(len(piece))  # a ValueError where fewer come
        return array

    @contextmanager
    def _values(self, name: str, form: Form) -> Iterator[tuple[tuple[int, ...], IO[bytes]]]:
        """Open an entry of this form at its first value; yield the array's shape as well."""
        if name not in self._entries:
            raise UnfitError(f"is not a charrnn model: it has no entry {name!r}")
        with _doubting(f"its entry {name!r}"), self._zipped.open(self._entries[name]) as entry:
            start = entry.read(len(npy.MAGIC_PREFIX) + 2)
            widths = {npy.magic(1, 0): 2, npy.magic(2, 0): 4}
            if start not in widths:
                raise UnfitError(f"is not a charrnn model: its entry {name!r} is no array")
            length = int.from_bytes(entry.read(widths[start]), "little")
            size = self._entries[name].file_size - len(start) - widths[start] - length
            shape = form.filled(size) if length <= _HEADER else None
            # Only one text is right, so the header is compared with it: there is nothing to parse.
            if shape is None or entry.read(length).rstrip() != _header(form.dtype, shape)[10:].rstrip():
                raise UnfitError(f"is not a charrnn model: its entry {name!r} has a wrong type or shape")
            yield shape, entry


@contextmanager
def reading(path: str | Path, most: int = MAXIMUM_BYTES) -> Iterator[Reader]:
    """Open a ``.npz`` file of at most so many bytes of arrays.

    Raises CharrnnError that names it, also for an UnfitError raised in the block.
    """
    name = shown(path)
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for someone to write to it
            raise UnfitError(other_kind(found.st_mode))
        with _Bounded(io.FileIO(path)) as file:
            if file.read(4) != b"PK\x03\x04":
                raise UnfitError("is not a charrnn model: it is no .npz file")
            yield Reader(file, found.st_size, most)
    except FileNotFoundError:
        raise CharrnnError(f"there is no file {name}") from None
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be read: {reason(fault)}") from None
    except MemoryError:
        raise CharrnnError(f"{name} needs more memory than there is") from None
    except UnfitError as fault:  # cut, as a hostile file decides how long it is
        raise CharrnnError(f"{name} {fault!s:.300}") from None


def write(path: str | Path, arrays: Mapping[str, NDArray[Any]], most: int = MAXIMUM_BYTES) -> None:
    """Write C-ordered arrays as a ``.npz`` file in place of the one at ``path``, if there is one.

    Whoever opens ``path`` finds the old file or the new one, whole, at any time, even after a power cut. A
    symbolic link stays, and what it points to is replaced. Raises CharrnnError if writing fails, or for
    more than `most` bytes: the old file is then as it was, and nothing else is left behind.
    """
    name = shown(path)
    if sum(array.nbytes for array in arrays.values()) > most - (_HEADER * len(arrays)):
        raise CharrnnError(f"{name} cannot be written: it would have more than {most >> 30} GiB")
    with files.replacing(path) as file:
        _write_zip(file, arrays)


class _Bounded(io.BufferedReader):
    """A file that cannot be read in large pieces: zipfile believes what it says of its directory's length."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile("the directory is too long")
        return super().read(size)


@contextmanager
def _doubting(what: str) -> Iterator[None]:
    """Turn all that zipfile and zlib raise for a file that is not as it should be into one error."""
    try:
        yield
    except _DOUBTS:
        raise UnfitError(f"is damaged: {what} was changed or cut short") from None


def _header_size(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return the size of an entry's own header, which zipfile does not look at; a ValueError if it says something else.

    Whoever unpacks the file in another way has to find the same in it.
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
        raise ValueError("the directory says something else")
    size: int = 30 + sum(lengths)
    return size


def _check_ending(file: BinaryIO, size: int, count: int, begin: int) -> None:
    """Raise ValueError unless what says where the directory is says that it begins there, and ends where that stands.

    Else there could be a second directory, for readers that look for it elsewhere.
    """
    file.seek(max(0, size - 98))
    ending = file.read(98)
    is_wide = ending[-42:-38] == b"PK\6\7"  # sizes of 64 bits, and where to find them
    length = size - begin - (98 if is_wide else 22)
    expected = b""
    if is_wide:
        expected += struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, begin)
        expected += struct.pack("<4sLQL", b"PK\6\7", 0, begin + length, 1)
    counted, capped = min(count, 0xFFFF), (min(length, _WIDE), min(begin, _WIDE))
    expected += struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, counted, counted, *capped, 0)
    if not ending.endswith(expected):
        raise ValueError("the directory is elsewhere")


def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before an array's values: ten bytes of magic, version and length, then the text."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _write_zip(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(file, "w") as zipped:
        for name, array in arrays.items():
            header = _header(array.dtype.str, array.shape)
            info = zipfile.ZipInfo(f"{name}.npy")  # of a fixed date: the same arrays give the same bytes
            info.file_size = len(header) + array.nbytes  # decides whether the entry needs 64-bit sizes
            with zipped.open(info, "w") as entry:
                entry.write(header)
                values = memoryview(array.data).cast("B")
                for begin in range(0, len(values), _CHUNK):
                    entry.write(values[begin : begin + _CHUNK])
