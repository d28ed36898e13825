"""Encoded texts in the cache folder: written once, block by block, then memory-mapped."""

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

_FORMAT = 2  # increase it whenever the same text is encoded or stored in another way
_SUFFIX = ".symbols"
_END = 128  # bytes of the hexadecimal digest at the end of a file


def find(key: str, dtype: np.dtype[Any]) -> Ids | None:
    """Return the cached text of a key, or None.

    None means that the text is not in the cache or is damaged. Also removes texts not used for `UNUSED` days.
    """
    folder = private_folder("texts")
    if folder is None:
        return None
    path = folder / f"{key}{_SUFFIX}"
    with suppress(OSError):
        os.utime(path)  # marks it as used
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
    """Write an encoded text to disk and memory-map it.

    ``blocks`` are its parts, all of one dtype; the result has shape [N]. The text is cached under the key, for `find`.
    Without a safe cache folder, it is kept for this process only. Raises CharrnnError if the text cannot be written,
    for example because the disk is full, and whatever ``blocks`` raises; no file is left behind then.
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
    """Return the cache key of a text.

    ``record`` is everything that decides how the text is encoded, as JSON values.
    """
    return hashlib.sha256(json.dumps([_FORMAT, record]).encode()).hexdigest()


def blocks_of(ids: Ids) -> Iterator[Ids]:
    """Yield a text [N] in views of bounded size.

    A memory-mapped text is then never in memory as a whole.
    """
    for begin in range(0, ids.size, TEXT_BLOCK):
        yield ids[begin : begin + TEXT_BLOCK]
        release(ids)


def beginning(blocks: Iterable[Ids], length: int) -> Ids:
    """Return the first symbols [≤ length] of a text.

    Reads no more blocks than necessary.
    """
    parts, size = [], 0
    for block in blocks:
        parts.append(block)
        size += block.size
        if size >= length:
            break
    return np.concatenate(parts)[:length]


def release(ids: Ids) -> None:
    """Free the memory that a memory-mapped text has taken.

    ``ids`` is the text or a view of it. Nothing happens for any other array.
    """
    base: Any = ids.base
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def _write(file: BinaryIO, key: str, blocks: Iterable[Ids]) -> int:
    """Write a text and its digest; return its length.

    The digest shows whether a file is complete. The length is in symbols.
    """
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
