"""Texts as numbers and back, and what becomes of characters that are unknown."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary
from tests.helpers.errors import failure

BLOCKS = (5, TEXT_BLOCK)  # that cut the texts below in many places, and not at all


@given(st.text())
@example("e\u0301 é 😀 \U0010ffff\0\r\n")
def test_round_trip(s: str) -> None:
    """Any text comes back from its numbers, whether encoded from a string or from UTF-8."""
    vocabulary = Vocabulary.of(s)
    ids = vocabulary.encode(s)
    assert ids.dtype == vocabulary.dtype
    assert len(ids) == len(s)
    assert vocabulary.decode(ids) == s
    assert vocabulary.decode_bytes(ids) == s.encode()
    assert np.array_equal(vocabulary.encode(s.encode()), ids)


@given(st.binary())
def test_round_trip_of_bytes(data: bytes) -> None:
    """Any bytes are their own numbers, and come back."""
    vocabulary = Vocabulary.of_bytes()
    ids = vocabulary.encode(data)
    assert ids.tolist() == list(data)
    assert vocabulary.decode_bytes(ids) == data


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_do_not_show(block: int) -> None:
    """Where a long text is cut for conversion makes no difference, even inside a character's bytes."""
    s = "aé漢😀\n" * 7
    vocabulary = Vocabulary.of(s)
    assert vocabulary.characters == "\naé漢😀"
    expected = [1, 2, 3, 4, 0] * 7
    assert vocabulary.encode(s, block=block).tolist() == expected
    assert vocabulary.encode(s.encode(), block=block).tolist() == expected


def test_vocabulary_is_ordered_and_counts_code_points() -> None:
    """Characters are in code point order; a combining mark is one of its own; so is an astral character."""
    vocabulary = Vocabulary.of("😀e\u0301ba")
    assert vocabulary.characters == "abe\u0301😀"
    assert len(vocabulary) == 5
    assert vocabulary.encode("😀\u0301").tolist() == [4, 3]


def test_bytes_vocabulary_encodes_strings() -> None:
    """A string counts as its UTF-8 bytes, and an argument that was not UTF-8 as what was typed."""
    vocabulary = Vocabulary.of_bytes()
    assert len(vocabulary) == 256
    assert vocabulary.dtype == np.uint8
    assert vocabulary.encode("é").tolist() == [0xC3, 0xA9]
    assert vocabulary.encode(b"a\xffb".decode("utf-8", "surrogateescape")).tolist() == [0x61, 0xFF, 0x62]
    assert vocabulary.decode(vocabulary.encode("é")) == "é"
    with pytest.raises(ValueError, match="decode"):
        vocabulary.decode([0xC3])
    with pytest.raises(ValueError, match="surrogates"):
        vocabulary.encode("\ud800")


@pytest.mark.parametrize(
    ("size", "dtype"), [(1, np.uint8), (256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)]
)
def test_dtype_is_the_smallest(size: int, dtype: type) -> None:
    """Numbers take one byte up to 256 symbols, two up to 65,536, then four, and still round-trip."""
    characters = "".join(map(chr, range(0x10000, 0x10000 + size)))
    vocabulary = Vocabulary.of(characters[::-1])
    assert vocabulary.dtype == dtype
    ids = vocabulary.encode(characters)
    assert np.array_equal(ids, np.arange(size))
    assert vocabulary.decode(ids) == characters


@pytest.mark.parametrize(("characters", "byte_level"), [("ba", False), ("aa", False), ("\udcff", False), ("a", True)])
def test_vocabulary_is_checked(characters: str, byte_level: bool) -> None:
    """A set that is unordered, repeats, holds a surrogate, or comes with bytes is refused."""
    with pytest.raises(ValueError, match=r"characters|surrogates"):
        Vocabulary(characters, byte_level)


@pytest.mark.parametrize("ids", [[-1], [2], [0, 1, 2]])
def test_decode_refuses_strangers(ids: list[int]) -> None:
    """A number outside the vocabulary is an error, never another character."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        Vocabulary("ab").decode(ids)


def test_nothing_decodes_to_nothing() -> None:
    """An empty list is an empty text, even of an empty vocabulary."""
    assert Vocabulary("ab").decode([]) == ""
    assert Vocabulary("").decode(Vocabulary("").encode("")) == ""
    assert Vocabulary.of_bytes().decode_bytes([]) == b""


def test_encoded_text_may_be_written_to() -> None:
    """Both kinds of vocabulary give arrays of the same kind: owned or not, they are writeable."""
    assert Vocabulary("ab").encode(b"ab").flags.writeable
    assert Vocabulary.of_bytes().encode(b"ab").flags.writeable


def test_names_of_symbols() -> None:
    """Every symbol of an encoded text has a name, by its number: the two that no character has are the last."""
    assert Vocabulary("\nab").symbol_names == ("\n", "a", "b")
    assert Vocabulary("ab", separator="--").symbol_names == ("a", "b", "", "--")
    of_bytes = Vocabulary("", byte_level=True, separator="ß").symbol_names
    assert of_bytes[:128] == tuple(chr(byte) for byte in range(128))
    assert of_bytes[128:] == (*(rf"\x{byte:x}" for byte in range(128, 256)), "", "ß")


# Characters the vocabulary lacks
@pytest.mark.parametrize(
    ("s", "named", "place"),
    [
        ("é", "'é' (U+00E9)", "line 1, column 1"),
        ("ab\n\nbaéé", "'é' (U+00E9)", "line 3, column 3"),
        ("b\na\nb😀", "'😀' (U+1F600)", "line 3, column 2"),
        ("aaaaaaa\tb", r"'\t' (U+0009)", "line 1, column 8"),
        ("a\udcff", "byte 0xFF", "line 1, column 2"),  # a byte on the command line that is not UTF-8
    ],
)
@pytest.mark.parametrize("block", BLOCKS)
def test_unknown_is_named_with_its_place(block: int, s: str, named: str, place: str) -> None:
    """The first unknown character, its code point, line and column, the text, and what to do are all said."""
    said = failure(Vocabulary.of("ab\n").encode, s, where="the prime", block=block)
    assert said.startswith(f"{named} on {place} of the prime ")
    assert "--unknown skip" in said
    assert "--unknown replace" in said


@pytest.mark.parametrize("block", BLOCKS)
def test_unknown_may_be_skipped(block: int) -> None:
    """With "skip" just the known characters remain."""
    vocabulary = Vocabulary.of("ab")
    assert vocabulary.decode(vocabulary.encode("xxaéb😀bxa", unknown="skip", block=block)) == "abba"
    assert vocabulary.encode("xyz", unknown="skip", block=block).size == 0


@pytest.mark.parametrize(
    ("characters", "stand_in"), [("a? \ufffd", "\ufffd"), ("a? z", "?"), ("a z", " "), ("az", "a"), ("b", "b")]
)
@pytest.mark.parametrize("block", BLOCKS)
def test_unknown_may_be_replaced(block: int, characters: str, stand_in: str) -> None:
    """With "replace" each unknown character becomes U+FFFD, "?", a space or the first symbol, as there is."""
    vocabulary = Vocabulary.of(characters)
    known = characters[0]
    encoded = vocabulary.encode(f"x{known}😀{known}\n", unknown="replace", block=block)
    assert vocabulary.decode(encoded) == f"{stand_in}{known}{stand_in}{known}{stand_in}"


def test_nothing_can_stand_in_from_an_empty_vocabulary() -> None:
    """Where there is no symbol at all, an unknown character stays an error."""
    assert "U+0061" in failure(Vocabulary("").encode, "a", unknown="replace")


def test_unknown_has_three_values() -> None:
    """A misspelt rule is refused, in either kind of vocabulary."""
    for each in (Vocabulary("a"), Vocabulary.of_bytes()):
        with pytest.raises(ValueError, match="skip"):
            each.encode("a", unknown="ignore")


@pytest.mark.parametrize("block", BLOCKS)
def test_encode_refuses_bytes_that_are_not_utf8(block: int) -> None:
    """Bytes for a vocabulary of characters are read as strictly as a file."""
    assert "byte 0xFF at offset 6" in failure(Vocabulary.of("a").encode, b"aaaaaa\xff", where="it", block=block)
