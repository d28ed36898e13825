"""Texts as the world has them: broken, endless, of any script, and changing while they are read."""

import hashlib
import re

import pytest

from charrnn.errors import CharrnnError
from charrnn.library.preparation import separator_of
from charrnn.text.decoding import decoded
from charrnn.text.ingest import Listener, read_corpus, read_stream
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary, cut
from tests.helpers import ROOT
from tests.helpers.files import CHANGES, POSIX
from tests.helpers.kinds import KINDS
from tests.helpers.texts import filled

BROKEN = {
    "at the beginning": (b"", b"\x80abc"),
    "at the end": (b"abc\nd\xc3\xbc", b"\xc3"),
    "a long sequence at the end": (b"abc", b"\xf0\x9f\x91"),
    "overlong": (b"abc ", b"\xc0\xafabc"),
    "an overlong line feed": (b"abc ", b"\xe0\x80\x8aabc"),
    "a surrogate": (b"abc ", b"\xed\xa0\x80abc"),
    "beyond the last code point": (b"abc ", b"\xf4\x90\x80\x80"),
    "Latin-1": (b"abc ", b"\xfc abc"),
    "begun in one block, broken in the next": (filled(TEXT_BLOCK - 1), b"\xc3abc"),
    "begun two bytes before the end of a block": (filled(TEXT_BLOCK - 2), b"\xf0\x9fabc"),
    "the first byte of a block": (filled(TEXT_BLOCK), b"\xffabc"),
    "begun in one block, after which nothing comes": (filled(TEXT_BLOCK - 1), b"\xc3"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_the_offset_of_what_is_not_utf8(kind):
    """Wherever it stands, the byte and its offset are named, after all that comes before it; bytes can be read."""
    good, bad = BROKEN[kind]
    blocks = []
    with pytest.raises(CharrnnError) as caught:
        blocks.extend(decoded(cut(good + bad), "it"))
    said = str(caught.value)
    assert f"it is not UTF-8 text (byte 0x{bad[0]:02X} at offset {len(good)})" in said
    assert "\n" not in said
    assert ("cut off" in said) == (bad in (b"\xc3", b"\xf0\x9f\x91"))
    assert "".join(blocks).encode() == good
    assert Vocabulary.of_bytes().encode(good + bad).tobytes() == good + bad


def test_a_binary_file_is_called_so():
    """What is before the fault is not told of a file with NULs, which is no text either."""
    binary = decoded([b"abc\0", b"abc\xff"], "it")
    assert next(binary) == "abc\0"
    with pytest.raises(CharrnnError, match=r"offset 7\).* seems to be a binary file"):
        next(binary)


def test_good_text_across_blocks():
    """A character, or CRLF, that two blocks share is one; a mark at the beginning goes, and one in the middle stays."""
    for character in ("ü", "漢", "👩"):
        raw = filled(TEXT_BLOCK - 1) + character.encode() + b"abc"
        assert "".join(decoded(cut(raw), "it")) == raw.decode()
    raw = b"\xef\xbb\xbfa\r" + b"\n\xef\xbb\xbfb\r" + b"\r" + b"\nc\r"
    for size in (1, 2, 3, 5, 100):
        chunks = [raw[k : k + size] for k in range(0, len(raw), size)]
        assert "".join(decoded(chunks, "it", newlines=True)) == "a\n\ufeffb\n\nc\n"


@POSIX
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read(tmp_path, change):
    """What is read is what is there, and ends with it; what is no text is a sentence."""
    path = tmp_path / "text.txt"
    path.write_bytes("ü".encode() * 500_000)
    act, size, fault = CHANGES[change]
    stream = read_stream(str(path), Vocabulary("abcü"), block=1000)
    read = next(stream).size
    act(path)
    said = None
    try:
        read += sum(block.size for block in stream)
    except CharrnnError as error:
        said = str(error)
    # A fault ends the reading before the sum of what came before it is known.
    assert (said is None and read == size) if fault is None else fault in str(said)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_file(tmp_path, name):
    """Its text comes back from the numbers, as a whole and in blocks; the vocabulary and the documents are right."""
    kind, path = KINDS[name], tmp_path / "text"
    path.write_bytes(kind.data)
    said = []
    corpus = read_corpus([str(path)], listener=Listener(said.append))
    assert corpus.vocabulary.characters == "".join(sorted(set(kind.text)))
    assert corpus.vocabulary.decode(corpus.ids) == kind.text
    assert corpus.sha256 == hashlib.sha256(kind.data).hexdigest()
    assert bool(said) == (kind.encoding != "utf-8")
    for block in (1, 7):
        stream = read_stream(str(path), corpus.vocabulary, block=block, say=said.append)
        assert "".join(map(corpus.vocabulary.decode, stream)) == kind.text
    what, count = kind.documents
    separator = separator_of(what)
    divided = read_corpus([str(path)], separator=separator, listener=Listener(said.append))
    assert divided.documents == (count or kind.text.count("\n"))
    documents = [document for document in kind.text.split(separator) if document]
    assert divided.vocabulary.decode(divided.ids) == "".join(document + separator for document in documents)
    as_bytes = read_corpus([str(path)], byte_level=True)
    assert as_bytes.vocabulary.decode_bytes(as_bytes.ids) == kind.data


def test_the_page_lists_these_files():
    """The table on the page has a row for each, in this order."""
    page = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    table = page.split("## Files of all kinds")[1].split("\n## ")[0]
    assert re.findall(r"^\| ([^|]+) \| [^|]+ \|$", table, re.M)[1:] == list(KINDS)
