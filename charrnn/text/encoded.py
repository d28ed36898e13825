"""An encoded text on the disk: written once, block by block, in the cache, and memory-mapped from then on."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.storage.caches import UNUSED, forget, private_folder
from charrnn.storage.files import reason, replacing, shown
from charrnn.text.vocabulary import TEXT_BLOCK, Ids

_FORMAT = 1  # to be raised whenever the same text would be encoded in another way, or kept in another form
_SUFFIX = ".symbols"
_END = 128  # bytes of the digest in hexadecimal that a file ends with


def find(key: str, dtype: np.dtype[Any]) -> Ids | None:
    """Return the text that was kept under a key, or None where there is none, or one that was damaged since."""
    folder = private_folder("texts")
    if folder is None:
        return None
    path = folder / f"{key}{_SUFFIX}"
    with suppress(OSError):
        os.utime(path)  # it is in use
    forget(folder, ".*.tmp", days=1 / 24)
    forget(folder, f"*{_SUFFIX}", days=UNUSED)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size - _END
            if size <= 0 or size % dtype.itemsize:
                return None
            digest = _digest(key)
            for begin in range(0, size, TEXT_BLOCK):
                digest.update(file.read(min(TEXT_BLOCK, size - begin)))
            if file.read() != digest.hexdigest().encode():
                return None
            return _mapped(file, size // dtype.itemsize, dtype)
    except OSError:
        return None


def keep(key: str, dtype: np.dtype[Any], blocks: Iterable[Ids]) -> Ids:
    """Write a text that comes in blocks, all of one type, to the disk and return it, memory-mapped, shape [N].

    It is kept under the key, for ``find``; where there is no safe folder for that, for this process alone. Raises
    CharrnnError where there is no room on the disk, and whatever ``blocks`` raises; nothing is left behind then.
    """
    folder = private_folder("texts")
    if folder is None:
        place = tempfile.gettempdir()
        try:
            with tempfile.TemporaryFile() as file:
                return _mapped(file, _write(file, key, blocks), dtype)
        except OSError as fault:
            raise CharrnnError(f"the encoded text cannot be written to {shown(place)}: {reason(fault)}") from None
    path = folder / f"{key}{_SUFFIX}"
    with replacing(path) as file:
        count = _write(file, key, blocks)
    try:
        with path.open("rb") as file:
            return _mapped(file, count, dtype)
    except OSError as fault:
        raise CharrnnError(f"{shown(path)} cannot be read: {reason(fault)}") from None


def key_of(record: Any) -> str:
    """Return a name for a text by all that decides how it is encoded, as JSON."""
    return hashlib.sha256(json.dumps([_FORMAT, record]).encode()).hexdigest()


def blocks_of(ids: Ids) -> Iterator[Ids]:
    """Yield a text, shape [N], in views of bounded size, so that one on the disk never has to be in memory whole."""
    for begin in range(0, ids.size, TEXT_BLOCK):
        yield ids[begin : begin + TEXT_BLOCK]
        release(ids)


def release(ids: Ids) -> None:
    """Let go of the memory that reading a memory-mapped text, or a view of one, has taken. Others stay as they are."""
    base: Any = ids.base
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _write(file: BinaryIO, key: str, blocks: Iterable[Ids]) -> int:
    """Write a text, and behind it what tells whether it is whole; return how many symbols it has."""
    digest, count = _digest(key), 0
    for ids in blocks:
        file.write(ids.data)
        digest.update(ids.data)
        count += ids.size
    file.write(digest.hexdigest().encode())
    return count


def _mapped(file: BinaryIO, count: int, dtype: np.dtype[Any]) -> Ids:
    if not count:
        return np.zeros(0, dtype)
    file.flush()
    return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype, count)


def _digest(key: str) -> Any:
    return hashlib.blake2b(key.encode())
