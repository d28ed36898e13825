"""Kinds of files by their content: compressed ones, and documents with formatting."""

from __future__ import annotations

import bz2
import lzma
import re
import shlex
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import PurePath
from typing import Any

from charrnn.errors import CharrnnError

HEAD = 10  # bytes that tell how a file is compressed
COMPRESSED = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))|(?P<xz>\xfd7zXZ\0)|(?P<Zstandard>\x28\xb5\x2f\xfd)"
)
PORTION = 1 << 20  # bytes that a compressed file gives at a time, so that memory stays bounded
MOST_MEMORY = 256 << 20  # bytes that reading an xz file can take; the strongest usual compression needs 65 MB
PANDOC = "pandoc {} -t plain -o {}"
# What a document with formatting is, and what makes a text of it, by the end of its name.
DOCUMENTS = {
    ".docx": ("a Word document", PANDOC),
    ".odt": ("a LibreOffice document", PANDOC),
    ".epub": ("an EPUB book", PANDOC),
    ".pdf": ("a PDF file", "pdftotext {} {}"),
    ".doc": ("an old Word document", "antiword {} > {}"),
    ".rtf": ("a file with RTF formatting", PANDOC),
    ".html": ("a web page", PANDOC),
}
MARKUP = {".rtf": b"{\\rtf", ".html": b"<!doctype html", ".htm": b"<html"}  # text that can be read, and its beginning
STARTS = {b"%PDF-": ".pdf", b"\xd0\xcf\x11\xe0": ".doc"}
ZIP = b"PK\x03\x04"
ENCODED = b"text.npy"  # the first entry of an encoded text
IN_ZIP = {b"word/": ".docx", b"application/vnd.oasis.opendocument.text": ".odt", b"application/epub+zip": ".epub"}


def formatted(name: str, head: bytes) -> str | None:
    """Return what kind of document a file is that is not text, and what makes a text of it.

    ``head`` is the beginning of the file. Returns None for text, and for other files.
    """
    ending = next((ending for start, ending in STARTS.items() if head.startswith(start)), "")
    if head.startswith(ZIP) and head[30:38] == ENCODED:
        return "an encoded text; name it by itself"
    if head.startswith(ZIP):
        ending = next((ending for part, ending in IN_ZIP.items() if part in head), PurePath(name).suffix.lower())
        if ending not in DOCUMENTS:
            return "a zip archive; unpack it first"
    return _advice(name, ending) if ending else None


def markup(name: str, head: bytes) -> str | None:
    """Return what kind of formatting a text has that can be read, and what removes it; None if it has none."""
    start = head[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    found = next((ending for ending, mark in MARKUP.items() if start.startswith(mark)), PurePath(name).suffix.lower())
    return _advice(name, ".html" if found == ".htm" else found) if found in MARKUP else None


def _advice(name: str, ending: str) -> str:
    kind, command = DOCUMENTS[ending]
    path = PurePath(name if name.lower().endswith(ending) else f"book{ending}")
    told = command.format(shlex.quote(str(path)), shlex.quote(str(path.with_suffix(".txt"))))
    return f"{kind}; make a text of it with: {told}"


def decompressed(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield what is in a file: its bytes or, if it is compressed, what is compressed in it.

    Its first bytes decide, not its name. Memory is bounded, whatever the size of the content. Raises CharrnnError for
    a damaged file, after what comes before the fault, and if Zstandard is not installed.
    """
    chunks, head = iter(chunks), b""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD:
            break
    begun: Iterable[bytes] = chain([head], chunks) if head else ()
    found = COMPRESSED.match(head)
    yield from _unpacked(begun, str(found.lastgroup), name) if found else begun


def _unpacked(chunks: Iterable[bytes], kind: str, name: str) -> Iterator[bytes]:
    """Yield what is compressed in chunks: one stream, or several one after another."""
    new, faults = _decompressor(kind, name)
    stream: Any = None
    try:
        for chunk in chunks:
            while chunk:
                if stream is None or stream.eof:
                    if stream is not None and not chunk.strip(b"\0"):  # a tape or a disk fills the last block
                        break
                    stream = new()
                yield from _portions(stream, chunk)
                chunk = stream.unused_data if stream.eof else b""
    except faults as fault:
        raise CharrnnError(f"{name} is damaged: its {kind} data cannot be read ({fault})") from None
    if stream is not None and not stream.eof:
        raise CharrnnError(f"{name} is damaged: its {kind} data ends too early")


def _portions(stream: Any, chunk: bytes) -> Iterator[bytes]:
    """Yield what a chunk of a compressed stream gives, a portion at a time."""
    while True:
        part = stream.decompress(chunk, PORTION)
        if part:
            yield part
        chunk = getattr(stream, "unconsumed_tail", b"")  # zlib's keeps the rest there, the others in themselves
        hungry = stream.needs_input if hasattr(stream, "needs_input") else not chunk and len(part) < PORTION
        if stream.eof or hungry:
            return


def _decompressor(kind: str, name: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """Return what makes a decompressor, and the errors that it raises."""
    if kind == "gzip":
        return partial(zlib.decompressobj, wbits=31), (zlib.error,)
    if kind == "bzip2":
        return bz2.BZ2Decompressor, (OSError, ValueError)
    if kind == "xz":
        return partial(lzma.LZMADecompressor, memlimit=MOST_MEMORY), (lzma.LZMAError,)
    try:
        try:
            from compression import zstd
        except ImportError:  # before Python 3.14
            from backports import zstd
    except ImportError:
        raise CharrnnError(
            f"{name} is compressed with Zstandard, which needs backports.zstd; install it in a clone of charrnn with: "
            "pip install '.[zstd]'"
        ) from None
    return zstd.ZstdDecompressor, (zstd.ZstdError,)
