"""Names of encodings, and texts that are not in them."""

import pytest

from charrnn.text.decoding import codec, decoded, is_encoding, shown_encoding
from charrnn.text.vocabulary import cut
from tests.helpers.encodings import TEXTS
from tests.helpers.errors import failure


@pytest.mark.parametrize(
    ("name", "python", "shown"),
    [
        ("Windows-1252", "cp1252", "Windows-1252"),
        ("latin-1", "iso8859-1", "ISO-8859-1"),
        ("UTF8", "utf-8", "UTF-8"),
        ("utf-16-le", "utf-16-le", "UTF-16-LE"),
        ("KOI8-R", "koi8-r", "KOI8-R"),
        ("macroman", "mac-roman", "Mac Roman"),
        ("sjis", "shift_jis", "Shift_JIS"),
        ("gb18030", "gb18030", "GB18030"),
        ("cp437", "cp437", "IBM 437"),
    ],
)
def test_names(name: str, python: str, shown: str) -> None:
    """Any usual name of an encoding is known, and shown in its usual form."""
    assert codec(name) == python
    assert is_encoding(python)
    assert shown_encoding(name) == shown


@pytest.mark.parametrize(
    "name", ["", "rot13", "base64", "idna", "undefined", "os.path", "../x", "a\0b", "x" * 100, "é"]
)
def test_what_is_no_encoding(name: str) -> None:
    """It is refused in one sentence, and nothing of that name is imported."""
    assert "is not the name of an encoding" in failure(codec, name)
    assert not is_encoding(name)


def test_a_near_name_is_suggested() -> None:
    """A slip of the finger is seen."""
    assert failure(codec, "windows-1522").endswith("; did you mean windows-1252?")


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_decoding_in_chunks(kind: str, size: int) -> None:
    """Wherever it is cut, a text is the same; line ends become line feeds, and a mark goes."""
    encoding, text = TEXTS[kind]
    for name in (encoding, "utf-16-le", "utf-32-be"):
        mark = "\ufeff" * name.startswith("utf")
        data = (mark + text.replace("\n", "\r\n")).encode(name)
        assert "".join(decoded(cut(data, size), "it", name, newlines=True)) == text


@pytest.mark.parametrize(
    ("encoding", "good", "bad", "offset"),
    [
        ("cp1252", b"abc\xe9", b"\x81abc", 4),
        ("utf-16-le", "abc".encode("utf-16-le"), b"\x00\xdcab", 6),
        ("gb18030", "狐狸".encode("gb18030"), b"\xff\xff", 4),
        ("cp932", "狐".encode("cp932"), b"\x85", 2),
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_the_place_of_a_fault(encoding: str, good: bytes, bad: bytes, offset: int, size: int) -> None:
    """The byte and its offset are named in any encoding."""
    said = failure(lambda: list(decoded(cut(good + bad, size), "it", encoding)))
    assert said.startswith(f"it is not {shown_encoding(encoding)} (byte 0x{bad[0]:02X} at offset {offset}); --encoding")


def test_utf_16_without_a_mark() -> None:
    """If the order of bytes is not named, a mark has to tell it."""
    assert "".join(decoded(["\ufeffabc".encode("utf-16-be")], "it", "utf-16")) == "abc"
    assert failure(lambda: list(decoded([b"a\0b\0"], "it", "utf-16"))).startswith("it is not UTF-16: ")
