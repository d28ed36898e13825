"""Texts that are documents: each read from the zero state, with a start and an end that the network knows."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.errors import CharrnnError
from charrnn.text.decoding import decoded
from charrnn.text.ingest import read_corpus
from charrnn.text.streams import Streams, split
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.texts import symbols_of

# Vocabulary: separators of one to four characters, and texts in which they, and parts of them, are frequent.


@st.composite
def separated(draw):
    """Draw a separator, and a text of documents with it between them, and before, after and in a row."""
    characters = draw(st.sampled_from(["a\n", "ab\n", "abé", "\r\n😀"]))
    separator = draw(st.text(characters, min_size=1, max_size=4))
    pieces = st.sampled_from([separator, *characters, "x"])
    return separator, "".join(draw(st.lists(pieces, max_size=12)))


cuts = st.lists(st.integers(1, 4), max_size=40)


def pieces_of(text, sizes):
    """Cut a text, or bytes, in pieces of these sizes, and one with what is left."""
    ends = np.minimum(np.cumsum([0, *sizes]), len(text)).tolist()
    return [text[begin:end] for begin, end in zip(ends, [*ends[1:], len(text)], strict=True)]


def documents_of(text, separator):
    """Return the documents of a text, without the empty ones."""
    return [document for document in text.split(separator) if document]


@given(separated(), cuts, st.integers(1, 5))
@example(("aa", "aaa"), [1, 1], 1)
@example(("\n\n", "a\n\n\nb\n"), [2, 1], 2)
@example(("aab", "aaab"), [1, 1, 1], 3)
def test_a_text_of_documents_round_trips(drawn, sizes, block):
    """Wherever it is cut, a text becomes its documents that are not empty, and these come back."""
    separator, text = drawn
    documents = documents_of(text, separator)
    ours = Vocabulary.of_blocks(pieces_of(text, sizes), separator)
    assert ours.characters == "".join(sorted(set("".join(documents))))
    assert (len(ours), ours.boundary) == (len(ours.characters) + 1, len(ours.characters))
    expected = symbols_of(documents, ours)
    assert [int(k) for ids in ours.encode_blocks(pieces_of(text, sizes)) for k in ids] == expected
    for form in (text, text.encode()):
        ids = ours.encode(form, block=block)
        assert (ids.tolist(), ids.dtype) == (expected, ours.dtype)
    assert ours.decode(ids) == "".join(document + separator for document in documents)


@given(separated(), cuts, st.binary(max_size=3), st.integers(1, 5))
def test_bytes_are_documents_too(drawn, sizes, more, block):
    """At byte level a separator is its UTF-8 bytes, and documents hold any bytes."""
    separator, text = drawn
    data = more.join(pieces_of(text.encode(), sizes))
    documents = documents_of(data, separator.encode())
    ours = Vocabulary("", byte_level=True, separator=separator)
    assert (len(ours), ours.boundary) == (257, 256)
    ids = ours.encode(data, block=block)
    assert ids.tolist() == symbols_of(documents, ours)
    assert ours.decode_bytes(ids) == b"".join(document + separator.encode() for document in documents)


@given(separated(), cuts, st.sampled_from(["é", "?a", "\ufffdab", " b\n", "ab\n"]))
def test_unknown_characters_of_documents(drawn, sizes, known):
    """They are left out, replaced, or refused with line and column; within a separator any character is known."""
    separator, text = drawn
    known = "".join(sorted(known))
    ours = Vocabulary(known, separator=separator)
    documents = documents_of(text, separator)

    def encoded(unknown):
        return [int(k) for ids in ours.encode_blocks(pieces_of(text, sizes), unknown=unknown) for k in ids]

    left = ["".join(c for c in document if c in known) for document in documents]
    assert encoded("skip") == symbols_of(filter(None, left), ours)
    stand_in = next(c for c in "\ufffd? " + known if c in known)
    replaced = ["".join(c if c in known else stand_in for c in document) for document in documents]
    assert encoded("replace") == symbols_of(replaced, ours)
    tokens = re.finditer(f"{re.escape(separator)}|(?s:.)", text)
    at = next((m.start() for m in tokens if m[0] != separator and m[0] not in known), None)
    if at is None:
        assert encoded("error") == symbols_of(documents, ours)
        return
    line, column = text[:at].count("\n") + 1, at - text.rfind("\n", 0, at)
    with pytest.raises(CharrnnError, match=f"on line {line}, column {column} of the text is") as caught:
        encoded("error")
    assert str(caught.value).startswith(repr(text[at]))


@given(separated())
def test_a_part_of_a_document(drawn):
    """Without documents a text is encoded with no boundary, and a separator is nothing special."""
    separator, text = drawn
    ours = Vocabulary("".join(sorted(set(text))), separator=separator)
    assert ours.encode(text, documents=False).tolist() == Vocabulary.of(text).encode(text).tolist()
    with pytest.raises(CharrnnError, match="line 1, column 1"):
        Vocabulary("x", separator=separator).encode(separator, documents=False)


@pytest.mark.parametrize(("count", "dtype"), [(254, "u1"), (255, "u2"), (256, "u2"), (65_534, "u2"), (65_535, "u4")])
def test_the_type_of_numbers_holds_the_end_of_a_document(count, dtype):
    """Two numbers more than characters are needed: with 254 of these they fit a byte, with 255 no longer."""
    characters = "".join(map(chr, range(0x10000, 0x10000 + count)))
    ours = Vocabulary(characters, separator="\n")
    assert ours.dtype == dtype
    assert ours.encode(characters).tolist() == [count, *range(count), count + 1]
    assert Vocabulary("", byte_level=True, separator="\n").dtype == "u2"


@pytest.mark.parametrize("byte_level", [False, True])
@pytest.mark.parametrize(
    ("separator", "texts"),
    [("\n\n", ["x\n", "\ny"]), ("aa", ["ba", "ac"]), ("\n", ["x\ny", "\n\nz\n"]), ("ab", ["xab", "aby"])],
)
def test_no_separator_spans_two_files(tmp_path, separator, texts, byte_level):
    """A document ends where its file does, nothing is put between files, and the documents are counted."""
    for k, text in enumerate(texts):
        (tmp_path / f"{k}").write_bytes(text.encode())
    read = read_corpus([str(tmp_path / f"{k}") for k in range(2)], byte_level=byte_level, separator=separator)
    documents = [document for text in texts for document in documents_of(text, separator)]
    assert read.vocabulary.decode(read.ids) == "".join(document + separator for document in documents)
    assert (read.documents, read.characters) == (len(documents), len("".join(documents)))
    assert byte_level or read.vocabulary.characters == "".join(sorted(set("".join(documents))))
    again = read_corpus([str(tmp_path)], vocabulary=read.vocabulary)
    assert again.ids.tobytes() == read.ids.tobytes()
    assert read.sha256 == again.sha256


@pytest.mark.parametrize("byte_level", [False, True])
def test_nothing_but_separators(tmp_path, byte_level):
    """Files without documents are refused."""
    for k, text in enumerate(["\n\n", "\n", ""]):
        (tmp_path / f"{k}").write_bytes(text.encode())
    with pytest.raises(CharrnnError, match="only separators and unknown characters"):
        read_corpus([str(tmp_path)], byte_level=byte_level, separator="\n")


mixed = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", "é😀".encode(), b"\xef\xbb\xbf", b"\xf0", b"\x80"]))


@given(mixed.map(b"".join), cuts)
def test_utf_8_in_chunks(data, sizes):
    """Wherever it is cut, it is read as a whole would be, or refused at the same byte."""
    chunks = pieces_of(data, sizes)
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        for newlines in (False, True):
            with pytest.raises(CharrnnError, match=f"byte 0x{data[fault.start]:02X} at offset {fault.start}\\)"):
                list(decoded(chunks, "it", newlines=newlines))
        return
    assert "".join(decoded(chunks, "it")) == text
    with_line_feeds = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(decoded(chunks, "it", newlines=True)) == with_line_feeds


# Streams and split: the characters 0 to 2, the boundary 3


encoded_documents = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=12).map(
    lambda documents: np.array([symbol for document in documents for symbol in (3, *document, 4)], np.uint8)
)


@given(encoded_documents, st.integers(1, 6), st.integers(1, 7), st.integers(0, 6))
def test_streams_of_documents_make_every_prediction_once(ids, B, T, middle):
    """One by one, streams read all but the ends and predict all but the beginnings, with −1 exactly between."""
    streams = Streams.plan(ids, B, T, 3)
    inputs, targets, steps = streams.span(0, streams.windows)
    pairs = []
    for b, length in enumerate(np.diff(streams.start)):
        row = [(inputs[w, t, b], targets[w, t, b]) for w in range(streams.windows) for t in range(steps[w])]
        pairs += row[:length]
        assert row[length:] in ([], [(0, -1)])
    assert pairs == [(-1, -1) if a == 4 else (a, min(b, 3)) for a, b in zip(ids.tolist(), ids[1:].tolist())]  # noqa: B905
    predicted = [target for _, target in pairs if target >= 0]
    assert Counter(predicted) == Counter(np.minimum(ids[ids != 3], 3).tolist())
    for rows in (slice(0, middle), slice(middle, B)):  # members of a team fill their own rows
        part = np.full((2, T, B), 7, np.int32)
        assert streams.window(0, *part, rows) == steps[0]
        expected = np.full_like(part, 7)
        expected[:, : steps[0], rows] = inputs[0, : steps[0], rows], targets[0, : steps[0], rows]
        assert (part == expected).all()


@given(encoded_documents, st.floats(0, 1, exclude_max=True))
def test_split_keeps_documents_whole(ids, fraction):
    """The cut is at the beginning of a document, the nearest, and leaves something on both sides if it can."""
    train, held_out = split(ids, fraction, 3)
    assert np.concatenate([train, held_out]).tobytes() == ids.tobytes()
    begins, tail = np.flatnonzero(ids == 3)[1:], round(ids.size * fraction)
    assert train.size
    assert bool(held_out.size) == (tail >= 2 and begins.size > 0)
    if held_out.size:
        assert train.size in begins
        assert abs(train.size - (ids.size - tail)) == np.abs(begins - (ids.size - tail)).min()
