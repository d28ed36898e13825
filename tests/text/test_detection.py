"""The encoding of a file, found from its bytes."""

import pytest

from charrnn.text.detection import BINARY, DAMAGED, UNCERTAIN, Finding, examine
from charrnn.text.vocabulary import TEXT_BLOCK, cut
from tests.helpers.encodings import TEXTS

GERMAN = TEXTS["German"][1]


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("times", [1, 30])
def test_the_encodings_that_people_bring(kind: str, times: int) -> None:
    """Each is found, from a short text and from a long one, and in blocks that cut its characters."""
    encoding, text = TEXTS[kind]
    data = (text * times).encode(encoding)
    assert examine([data]) == Finding(encoding, guessed=True)
    assert data.decode(encoding) == text * times
    if times > 1:
        assert examine(cut(data, 3001)) == Finding(encoding, guessed=True)


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_unicode_in_two_or_four_bytes(kind: str, encoding: str) -> None:
    """It is known by its mark, and without one by its blanks, in any script."""
    text = TEXTS[kind][1]
    assert examine([("\ufeff" + text).encode(encoding)]) == Finding(encoding)
    assert examine([text.encode(encoding)]) == Finding(encoding, guessed=True)


def test_utf_8() -> None:
    """It is not guessed if there is more than ASCII; a mark makes no difference."""
    for data, guessed in (
        (GERMAN.encode(), False),
        (b"\xef\xbb\xbf" + GERMAN.encode(), False),
        (b"abc", True),
        (b"", True),
    ):
        assert examine([data]) == Finding("utf-8", guessed=guessed)
        assert examine([data[:-1]], whole=False) == Finding("utf-8", guessed=guessed)


def test_a_few_letters_in_much_ascii() -> None:
    """Lines with other letters are found wherever they stand in a large file."""
    plain = b"The fox went to the well and looked down, and saw nothing but water.\n" * 30_000
    for kind in ("English, curly quotes", "Polish", "Russian on Unix"):
        encoding, text = TEXTS[kind]
        for data in (
            text.encode(encoding) + plain,
            plain + text.encode(encoding) + plain,
            plain + text.encode(encoding),
        ):
            assert examine(cut(data)) == Finding(encoding, guessed=True)


def test_a_letter_that_a_sample_lacks() -> None:
    """A byte that is a letter in one of two similar encodings only, far from the sample, decides between them."""
    line = "Le renard était près de la fenêtre.\n".encode("iso8859-1") * 100
    assert examine([line * 1000, "… “Ça” …\n".encode("cp1252")]).encoding == "cp1252"
    assert examine([line]).encoding == "cp1252"  # the usual name of what is the same


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x7fELF\0\0\xff\0" * 9, BINARY),
        (b"abc\0def\0", BINARY),
        (b"a\0b", BINARY),
        (bytes(range(256)) * 9, BINARY),
        (b"abc\xff d", UNCERTAIN),
        ("José\nZoë\nBjörn\n".encode("cp1252"), UNCERTAIN),
        (GERMAN.encode() * 9 + b"\xff" + GERMAN.encode(), DAMAGED),
        (GERMAN.encode() + b"\xc3", DAMAGED),
    ],
)
def test_what_is_not_sure_is_not_guessed(data: bytes, reason: str) -> None:
    """Binary files, damaged UTF-8 and too few letters have a reason to be left out, and no other encoding."""
    found = examine([data])
    assert (found.encoding, found.reason) == ("utf-8", reason)


def test_blocks_make_no_difference() -> None:
    """UTF-8 is UTF-8 wherever a character is cut."""
    data = (GERMAN * 2000).encode()
    for size in (TEXT_BLOCK, 1001, 7):
        assert examine(cut(data[:20_000], size)) == Finding("utf-8")
