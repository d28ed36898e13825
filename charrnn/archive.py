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
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from charrnn import files
from charrnn.errors import CharrnnError
from charrnn.files import check_writable, other_kind, reason, shown

__all__ = ["MAXIMUM_BYTES", "Form", "Reader", "UnfitError", "check_writable", "reading", "shown", "write"]

MAXIMUM_BYTES = 8 << 30  # of all arrays in a file together

_DIRECTORY = 1 << 20  # bytes of the zip directory; ours has about a hundred for each array
_HEADER = 1 << 12  # bytes of an array's header; ours has 118
_RATIO = 1032  # no DEFLATE stream becomes longer than this many times itself
_LOCAL = 30  # bytes that a zip entry has at least before its name
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

    Raises UnfitError unless each entry is a plain one, none overlaps another, and none claims more bytes
    than its share of the file can hold, nor all together more than MAXIMUM_BYTES. Nothing is unpacked here.
    """

    def __init__(self, zipped: zipfile.ZipFile, size: int) -> None:
        self._zipped = zipped
        self._entries: dict[str, zipfile.ZipInfo] = {}
        end = total = 0
        for info in sorted(zipped.infolist(), key=lambda info: info.header_offset):
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
            if info.header_offset < end:
                raise UnfitError(f"is damaged: {what} overlaps another")
            end = info.header_offset + _LOCAL + len(path) + info.compress_size
            if not possible or end > size:
                raise UnfitError(f"is damaged: {what} claims more bytes than there are")
            total += info.file_size
            self._entries[name] = info
        if total > MAXIMUM_BYTES:
            raise UnfitError(f"is too large: its arrays claim more than {MAXIMUM_BYTES >> 30} GiB")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def require(self, forms: Mapping[str, Form]) -> None:
        """Raise UnfitError unless the file has exactly these arrays, in sizes that fit; reads none."""
        for name in self._entries:
            if name not in forms:
                raise UnfitError(f"is not a charrnn model: nothing calls for its entry {name[:60]!r}")
        for name, form in forms.items():
            if name not in self._entries:
                raise UnfitError(f"is not a charrnn model: it has no entry {name!r}")
            spare = self._entries[name].file_size - form.unit
            if spare < 0 or (spare > 2 * _HEADER and None not in form.shape):
                raise UnfitError(f"is damaged: its entry {name!r} has not the size it should have")

    def read(self, name: str, form: Form) -> NDArray[Any]:
        """Return an array, after a check that it has this form. Raises UnfitError if not, or if damaged."""
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
            array = np.empty(shape, form.dtype)
            room = memoryview(array.data).cast("B")
            for begin in range(0, size, _CHUNK):
                piece = room[begin : begin + _CHUNK]
                piece[:] = entry.read(len(piece))  # a ValueError where fewer come
        return array


@contextmanager
def reading(path: str | Path) -> Iterator[Reader]:
    """Open a ``.npz`` file. Raises CharrnnError that names it, also for an UnfitError raised in the block."""
    name = shown(path)
    try:
        found = Path(path).stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for someone to write to it
            raise UnfitError(other_kind(found.st_mode))
        with _Bounded(io.FileIO(path)) as file:
            if file.read(4) != b"PK\x03\x04":
                raise UnfitError("is not a charrnn model: it is no .npz file")
            with _doubting("its list of entries"):
                zipped = zipfile.ZipFile(file)
            with zipped:
                yield Reader(zipped, found.st_size)
    except FileNotFoundError:
        raise CharrnnError(f"there is no file {name}") from None
    except OSError as fault:
        raise CharrnnError(f"{name} cannot be read: {reason(fault)}") from None
    except MemoryError:
        raise CharrnnError(f"{name} needs more memory than there is") from None
    except UnfitError as fault:  # cut, as a hostile file decides how long it is
        raise CharrnnError(f"{name} {fault!s:.300}") from None


def write(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write C-ordered arrays as a ``.npz`` file in place of the one at ``path``, if there is one.

    Whoever opens ``path`` finds the old file or the new one, whole, at any time, even after a power cut. A
    symbolic link stays, and what it points to is replaced. Raises CharrnnError if writing fails: the old
    file is then as it was, and nothing else is left behind.
    """
    name = shown(path)
    if sum(array.nbytes for array in arrays.values()) > MAXIMUM_BYTES - (_HEADER * len(arrays)):
        raise CharrnnError(f"{name} cannot be written: it would have more than {MAXIMUM_BYTES >> 30} GiB")
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
