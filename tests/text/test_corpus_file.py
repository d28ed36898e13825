"""The file of an encoded text is the text, and a hostile one ends in one sentence."""

import random
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CharrnnError
from charrnn.storage import archive
from charrnn.text import corpus_file, encoded
from charrnn.text.encoded_corpus import AnotherTextError
from charrnn.text.ingest import read_corpus, read_stream, read_text
from charrnn.text.sources import Known
from charrnn.text.vocabulary import Vocabulary
from tests import hostile
from tests.helpers.errors import failure

TEXTS = ("Über den Fluß,\r\nunter die Bäume\n\n\nund weiter", "\n\nzwei ♥\n", "drei --\n\n")
KINDS = [
    {},
    {"byte_level": True},
    {"separator": "\n"},
    {"separator": "\n\n"},
    {"rare": 2},
    {"rare": 3, "separator": "--"},
]
quickly = settings(max_examples=60, deadline=None, database=None)


@pytest.fixture
def paths(tmp_path):
    """Return the paths of some texts."""
    for number, text in enumerate(TEXTS):
        (tmp_path / f"{number}.txt").write_bytes(text.encode())
    return [str(tmp_path / f"{number}.txt") for number in range(len(TEXTS))]


def saved(corpus, folder):
    """Write a corpus; return the path of the file."""
    path = str(folder / "corpus.npz")
    corpus_file.save(path, corpus)
    return path


def same(one, other):
    """Tell whether two corpora are the same text."""
    return (one.ids.tobytes(), one.ids.dtype, one.vocabulary, one.files, one.documents, one.unknown) == (
        other.ids.tobytes(), other.ids.dtype, other.vocabulary, other.files, other.documents, other.unknown
    )  # fmt: skip


@pytest.mark.parametrize("large", [0, 1 << 20])
@pytest.mark.parametrize("options", KINDS)
def test_the_file_is_the_text(paths, tmp_path, monkeypatch, options, large):
    """The same symbols, vocabulary and files; in its own vocabulary and in another one; in memory and in the cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(encoded, "private_folder", lambda *names: folder)
    corpus = read_corpus(paths, **options)
    path = saved(corpus, tmp_path)
    assert same(read_corpus([path], large=large), corpus)
    assert same(read_corpus([path], large=large, vocabulary=corpus.vocabulary), corpus)
    assert same(read_corpus([path], large=large, **options), corpus)
    assert corpus_file.load(path).record == corpus.record
    if not (corpus.vocabulary.byte_level or corpus.vocabulary.rare):
        other = Vocabulary.of_blocks([*TEXTS, "xyz"], corpus.vocabulary.separator)
        found = read_corpus([path], vocabulary=other, large=large)
        assert same(found, read_corpus(paths, vocabulary=other))
        skipping = Vocabulary.of_blocks(["den Bäume\n"], corpus.vocabulary.separator)
        found = read_corpus([path], vocabulary=skipping, unknown="skip", large=large)
        assert same(found, read_corpus(paths, vocabulary=skipping, unknown="skip"))


@pytest.mark.parametrize(("options", "other"), [({}, {"byte_level": True}), ({"byte_level": True}, {})])
def test_bytes_and_characters(paths, tmp_path, options, other):
    """A text that is encoded as one of them can be read as the other."""
    path = saved(read_corpus(paths[1:2], **options), tmp_path)
    expected = read_corpus(paths[1:2], **other)
    assert same(read_corpus([path], vocabulary=expected.vocabulary), expected)


def test_other_commands_read_the_text(paths, tmp_path):
    """As a stream, and as one string."""
    corpus = read_corpus(paths)
    path = saved(corpus, tmp_path)
    streamed = np.concatenate(list(read_stream(path, corpus.vocabulary)))
    assert streamed.tobytes() == corpus.ids.tobytes()
    assert read_text([path]) == read_text(paths)
    other = Vocabulary.of("".join(TEXTS) + "xyz")
    streamed = np.concatenate(list(read_stream(path, other)))
    assert other.decode(streamed) == read_text(paths)


@quickly
@given(st.lists(st.text(alphabet="ab\n- é", min_size=1, max_size=20), min_size=1, max_size=4), st.sampled_from(KINDS))
def test_any_texts_come_back(tmp_path_factory, texts, options):
    """Whatever the files and the separator are."""
    folder = tmp_path_factory.mktemp("texts")
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_bytes(text.encode())
    try:
        corpus = read_corpus([str(folder / f"{number}.txt") for number in range(len(texts))], **options)
    except CharrnnError:  # only separators
        return
    path = saved(corpus, folder)
    assert same(read_corpus([path]), corpus)
    wider = Vocabulary("".join(sorted({*corpus.vocabulary.characters, "~"})), separator=corpus.vocabulary.separator)
    if not (corpus.vocabulary.byte_level or corpus.vocabulary.rare):  # documents come back in another vocabulary, too
        again = read_corpus([path], vocabulary=wider)
        assert (again.files, again.documents) == (tuple(filter(None, corpus.files)), corpus.documents)
        assert wider.spell(again.ids) == corpus.vocabulary.spell(corpus.ids)


def test_a_file_of_separators_alone(tmp_path):
    """It has no documents, so its length is 0; nothing of other files is read in its place."""
    for name, text in (("0.txt", "\n\n"), ("1.txt", "a\nb"), ("2.txt", "\n"), ("3.txt", "c\n")):
        (tmp_path / name).write_text(text)
    corpus = read_corpus([str(tmp_path / f"{number}.txt") for number in range(4)], separator="\n")
    assert corpus.files == (0, 6, 0, 3)
    path = saved(corpus, tmp_path)
    assert same(read_corpus([path]), corpus)
    wider = Vocabulary("abcd", separator="\n")
    assert wider.decode(read_corpus([path], vocabulary=wider).ids) == "a\nb\nc\n"


def test_what_is_refused(paths, tmp_path):
    """Other symbols than those of the file, other texts beside it, and a file that is not the expected one."""
    path = saved(read_corpus(paths, separator="\n"), tmp_path)
    for options, name in (({"byte_level": True}, "bytes"), ({"separator": "--"}, "documents"), ({"rare": 2}, "rare")):
        assert f"was encoded with another --{name}; encode its text again" in failure(read_corpus, [path], **options)
    assert "cannot be read together with other texts" in failure(read_corpus, [path, *paths])
    assert "cannot be read together with other texts" in failure(read_text, [*paths, path])
    for known in (Known(size=3), Known(sha256="0" * 64)):
        with pytest.raises(AnotherTextError, match="is not the expected text"):
            read_corpus([path], known=known)


def test_in_a_folder_it_is_left_out(paths, tmp_path):
    """A folder has texts; an encoded one is named by itself."""
    saved(read_corpus(paths), tmp_path)
    corpus = read_corpus([str(tmp_path)])
    assert [skipped.reason for skipped in corpus.skipped] == ["an encoded text; name it by itself"]


# Hostile files


def put(*place, value):
    """Return a change of the JSON."""
    return lambda entries: entries | {"text.npy": hostile.placed(entries["text.npy"], place, value)}


def array(name, values, dtype):
    """Return a change of an array."""
    return lambda entries: entries | {f"{name}.npy": np.array(values, dtype)}


def of_an_empty_document(entries):
    """Make the second document empty, with the right counts and lengths."""
    entries = put("text", "characters", value=2)(array("counts", [1, 1, 2], "<u8")(entries))
    return array("symbols", [2, 0, 1, 3, 2, 3], "u1")(array("files", [4, 2], "<u8")(entries))


ATTACKS = {
    "no-json": (lambda e: e | {"text.npy": np.zeros(9, np.uint8)}, "'text' is not JSON"),
    "no-record": (lambda e: e | {"text.npy": np.frombuffer(b"[1]", np.uint8)}, "no valid format number"),
    "newer": (put("format", value=2), "was written by a newer charrnn (format 2)"),
    "no-vocabulary": (put("vocabulary", value=...), "'vocabulary' in its entry 'text' is missing"),
    "more": (put("more", value=1), "unexpected field 'more'"),
    "order": (put("vocabulary", "characters", value="ba"), "is not an encoded text: characters must be distinct"),
    "no-characters": (put("vocabulary", "characters", value=""), "has the wrong type or shape"),
    "surrogate": (put("vocabulary", "characters", value="a\ud800"), "is not an encoded text: "),
    "long": (
        put("vocabulary", "separator", value="x" * 5000),
        "'separator' in its entry 'text: vocabulary' is too long",
    ),
    "rare": (put("vocabulary", "rare", value=5), "needs the character U+FFFD"),
    "sources": (put("text", "sources", value=[1]), "are not names"),
    "encodings": (put("text", "encodings", value=[["x", 1]]), "are not names and counts"),
    "characters": (put("text", "characters", value=4), "the number of its characters is not that of its symbols"),
    "wide": (array("symbols", [2, 0, 1, 3, 2, 1, 3], "<u2"), "'symbols' has the wrong type or shape"),
    "flat": (array("symbols", [[2, 0, 1, 3, 2, 1, 3]], "u1"), "'symbols' has the wrong type or shape"),
    "beyond": (array("symbols", [2, 0, 4, 3, 2, 1, 3], "u1"), "a symbol is not in its vocabulary"),
    "swapped": (array("symbols", [2, 1, 1, 3, 2, 0, 3], "u1"), None),  # the same counts: another text
    "count": (array("counts", [2, 1, 2], "<u8"), "its counts are not those of its symbols"),
    "few-counts": (array("counts", [1, 2], "<u8"), "'counts' has the wrong type or shape"),
    "no-start": (array("symbols", [0, 0, 1, 3, 2, 1, 3], "u1"), "do not start and end one after another"),
    "no-end": (array("symbols", [2, 0, 1, 3, 2, 1, 1], "u1"), "do not start and end one after another"),
    "no-last-end": (
        lambda e: array("files", [4, 2], "<u8")(array("symbols", [2, 0, 1, 3, 2, 1], "u1")(e)),
        "documents do not",
    ),
    "two-starts": (array("symbols", [2, 2, 1, 3, 2, 1, 3], "u1"), "do not start and end one after another"),
    "empty-document": (of_an_empty_document, "do not start and end one after another"),
    "within": (array("files", [3, 4], "<u8"), "do not start and end one after another"),
    "short-files": (array("files", [4], "<u8"), "its files do not end where its symbols do"),
    "long-files": (array("files", [4, 9], "<u8"), "its files do not end where its symbols do"),
    "file-of-separators": (array("files", [0, 4, 0, 3], "<u8"), None),
    "huge-file": (array("files", [4, 2**64 - 1], "<u8"), "the lengths of its files are not possible"),
    "no-files": (lambda e: {k: v for k, v in e.items() if k != "files.npy"}, "it has no entry 'files'"),
    "another": (lambda e: e | {"x.npy": np.zeros(1)}, "unexpected entry 'x'"),
    "pickle": (lambda e: e | {"symbols.npy": np.array([{}], object)}, "'symbols' has the wrong type or shape"),
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("large", [0, 1 << 20])
def test_an_attack_is_refused(tmp_path, monkeypatch, name, large):
    """In one sentence that names the file; and nothing stays in the cache."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(encoded, "private_folder", lambda *names: folder)
    change, why = ATTACKS[name]
    path = tmp_path / "x.npz"
    path.write_bytes(hostile.encoded_text(hostile.encoded_entries()))
    corpus_file.load(str(path), large=1 << 20)
    path.write_bytes(hostile.encoded_text(change(hostile.encoded_entries())))
    if why is None:
        corpus_file.load(str(path), large=large)
        return
    told = failure(corpus_file.load, str(path), large=large)
    assert told.startswith(str(path))
    assert why in told
    assert "charrnn model" not in told
    assert len(told) < 400 + len(str(path))
    if name != "characters":
        assert list(folder.iterdir()) == []


def archives():
    """Yield attacks on a zip file, the same ones as on a model's."""
    for name, (attack, _) in hostile.ZIPS.items():
        with suppress(KeyError, ValueError, IndexError):  # it changes an array of a model
            yield pytest.param(attack(hostile.encoded_text(hostile.encoded_entries())), id=name)


@pytest.mark.parametrize("data", list(archives()))
def test_an_attack_on_the_archive_is_refused(tmp_path, data):
    """In an error that names the file."""
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    assert str(path) in failure(corpus_file.load, str(path))


@quickly
@given(st.integers(0, 1 << 32), st.integers(1, 4))
def test_any_change_is_harmless(tmp_path_factory, seed, changes):
    """Changed bytes are an error that is expected, or the file is still a text."""
    choose = random.Random(seed)
    data = bytearray(hostile.encoded_text(hostile.encoded_entries()))
    for _ in range(changes):
        data[choose.randrange(len(data))] = choose.randrange(256)
    path = tmp_path_factory.mktemp("changed") / "x.npz"
    path.write_bytes(data[: choose.choice([len(data), choose.randrange(len(data))])])
    with suppress(CharrnnError):
        corpus_file.load(str(path))


def test_a_file_is_written_whole_or_not_at_all(paths, tmp_path, monkeypatch):
    """A full disk changes nothing, and a file of another kind is not replaced."""

    def full(*_):
        raise OSError(28, "No space left on device")

    corpus = read_corpus(paths)
    path = saved(corpus, tmp_path)
    before = (tmp_path / "corpus.npz").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(archive, "_write_zip", full)
        assert "no space left on device" in failure(corpus_file.save, path, corpus)
    assert (tmp_path / "corpus.npz").read_bytes() == before
    corpus_file.require_replaceable(path)
    assert "exists and is not an encoded text" in failure(corpus_file.require_replaceable, paths[0])
    assert read_corpus([path]).sha256 == corpus_file.load(path).sha256
