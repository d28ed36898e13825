"""Kinds of files by their content: compressed ones, and documents with formatting."""

import bz2
import gzip
import lzma
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from charrnn.text.formats import decompressed, formatted, markup
from charrnn.text.vocabulary import cut
from tests.helpers.errors import failure


def zstandard(data: bytes) -> bytes:
    """Compress with Zstandard."""
    zstd = pytest.importorskip("backports.zstd")
    return bytes(zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}))


KINDS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "Zstandard": zstandard}
TEXT = "Der Fuchs ging über die Straße.\n".encode() * 3000

Compress = Callable[[bytes], bytes]
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_what_is_in_a_compressed_file(kind: str, size: int) -> None:
    """It is read in blocks of any size; several streams are one text, and zeros may follow."""
    packed = KINDS[kind](TEXT[:5000])
    assert b"".join(decompressed(cut(packed, size), "it")) == TEXT[:5000]
    assert b"".join(decompressed(cut(packed + packed, size), "it")) == TEXT[:5000] * 2
    assert b"".join(decompressed(cut(packed + bytes(600), size), "it")) == TEXT[:5000]
    assert b"".join(decompressed(cut(KINDS[kind](b""), size), "it")) == b""


@kinds
def test_a_damaged_file_is_a_sentence(kind: str) -> None:
    """Cut short anywhere, or changed: one sentence, and never more text than there was."""
    packed = KINDS[kind](TEXT)
    for end in range(12, len(packed), max(1, len(packed) // 40)):
        assert failure(lambda end=end: list(decompressed([packed[:end]], "it"))).startswith("it is damaged: its ")
    wrong = 0
    for place in range(12, len(packed), max(1, len(packed) // 40)):
        changed = packed[:place] + bytes([packed[place] ^ 0x55]) + packed[place + 1 :]
        with suppress(pytest.fail.Exception):  # a byte that says nothing about the content can change
            said = failure(lambda changed=changed: list(decompressed([changed], "it")))
            assert said.startswith(f"it is damaged: its {kind} data ")
            wrong += 1
    assert wrong > 20


@kinds
def test_a_bomb_takes_no_memory(kind: str) -> None:
    """200 MB of zeros in a small file come in portions."""
    packed = KINDS[kind](bytes(200_000_000))
    assert len(packed) < 500_000
    tracemalloc.start()
    size = sum(map(len, decompressed([packed], "it")))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 200_000_000
    assert most < 40_000_000


def test_what_is_not_compressed_stays() -> None:
    """A text that begins like a compressed file is a text."""
    for data in (b"", b"BZh", b"BZh is a name\n", b"\x1f\x8b", b"abc" * 100):
        assert b"".join(decompressed(cut(data, 2), "it")) == data


def test_zstandard_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install."""
    for name in ("compression", "backports"):
        monkeypatch.setitem(sys.modules, name, None)
    said = failure(lambda: list(decompressed([b"\x28\xb5\x2f\xfd" + bytes(20)], "a.zst")))
    assert said.startswith("a.zst is compressed with Zstandard, which needs backports.zstd")
    assert "pip install '.[zstd]'" in said


@pytest.mark.parametrize(
    ("name", "head", "told"),
    [
        ("a.docx", b"PK\x03\x04\x14\0..word/document.xml", "a Word document; … pandoc a.docx -t plain -o a.txt"),
        ("a b.odt", b"PK\x03\x04..mimetypeapplication/vnd.oasis.opendocument.text", "pandoc 'a b.odt' -t plain"),
        ("a.epub", b"PK\x03\x04..mimetypeapplication/epub+zip", "an EPUB book; … pandoc a.epub -t plain -o a.txt"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3", "a PDF file; … pdftotext a.pdf a.txt"),
        ("standard input", b"%PDF-1.7\n", "pdftotext book.pdf book.txt"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word document; … antiword a.doc > a.txt"),
        ("a.zip", b"PK\x03\x04\x14\0..a.txt", "a zip archive; unpack it first"),
    ],
)
def test_a_document_is_not_text(name: str, head: bytes, told: str) -> None:
    """What it is, and the command that makes a text of it, by its content."""
    said = formatted(name, head)
    assert said is not None
    assert all(part in said for part in told.split(" … "))
    assert markup("a.txt", head) is None


def test_markup_can_be_read() -> None:
    """A web page and RTF are text, but with a hint; so by their name alone."""
    for name, head in (
        ("a.html", b"<p>text"),
        ("a.HTM", b"text"),
        ("a.txt", b"\xef\xbb\xbf \n<!DOCTYPE html>"),
        ("a", b"<html lang=en>"),
        ("a.rtf", b"{\\rtf1\\ansi"),
    ):
        assert formatted(name, head) is None
        assert "pandoc" in str(markup(name, head))
    for name, head in (("a.txt", b"a <b> c"), ("a.md", b"# html")):
        assert markup(name, head) is formatted(name, head) is None
