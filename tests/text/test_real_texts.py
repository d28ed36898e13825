"""Texts as the world has them: broken, endless, of any script, and changing while they are read."""

import pytest

from charrnn.errors import CharrnnError
from charrnn.text.decoding import decoded
from charrnn.text.ingest import read_stream
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary, cut
from tests.helpers.files import CHANGES, POSIX
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
