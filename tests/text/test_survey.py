"""How each file of a text is read, and which ones are left out."""

import bz2
import gzip
import io
import random
from pathlib import Path

import pytest

from charrnn.errors import CharrnnError
from charrnn.text.detection import UNCERTAIN
from charrnn.text.ingest import Listener, read_corpus, read_stream, read_text, read_verbatim
from charrnn.text.sources import Known, surveyed
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.encodings import TEXTS
from tests.helpers.errors import failure

GERMAN, POLISH = TEXTS["German"][1], TEXTS["Polish"][1]
FILES = {
    "a.txt": GERMAN.encode(),
    "b.txt": GERMAN.encode("cp1252"),
    "c.txt": POLISH.encode("iso8859-2"),
    "d.txt": GERMAN.encode("utf-16"),
    "e.txt.gz": gzip.compress(POLISH.encode()),
    "f": bz2.compress(GERMAN.encode("cp1252")),
    "g.docx": b"PK\x03\x04\x14\0..word/document.xml",
    "h.gz": gzip.compress(GERMAN.encode())[:-9],
    "i.png": b"\x89PNG\r\n\x1a\n\0\0\0",
    "j.txt": b"abc\xff d",
}
READ = GERMAN + GERMAN + POLISH + GERMAN + POLISH + GERMAN


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    """Return a folder with files of all kinds."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return str(folder)


def content(*paths: str, **options: object) -> str:
    """Return what a corpus decodes to."""
    corpus = read_corpus(paths, listener=Listener(lambda _: None), **options)
    return corpus.vocabulary.decode(corpus.ids)


def test_a_folder_of_all_kinds(mixed: str) -> None:
    """Each text is read in its encoding, and what is no text is left out with its reason; both are said."""
    said: list[str] = []
    corpus = read_corpus([mixed], listener=Listener(said.append))
    assert corpus.vocabulary.decode(corpus.ids) == READ
    encodings = [["utf-8", 1], ["cp1252", 1], ["iso8859-2", 1], ["utf-16-le", 1], ["utf-8", 1], ["cp1252", 1], ["", 4]]
    skipped = {"files": 4, "examples": [*map(list, corpus.skipped)]}
    assert corpus.files_read == {"encodings": encodings, "skipped": skipped}
    reasons = {Path(path).name: reason for path, reason in corpus.skipped}
    assert reasons == {
        "g.docx": f"a Word document; make a text of it with: pandoc {mixed}/g.docx -t plain -o {mixed}/g.txt",
        "h.gz": "damaged: its gzip data ends too early",
        "i.png": "a binary file",
        "j.txt": UNCERTAIN,
    }
    assert said[:3] == [
        f"2 files, such as {mixed}/b.txt, are read as Windows-1252",
        f"{mixed}/c.txt is read as ISO-8859-2",
        f"{mixed}/d.txt is read as UTF-16-LE",
    ]
    assert said[3:] == [f"{mixed}/{name} is left out: it is {reason}" for name, reason in reasons.items()]


def test_every_way_of_reading_reads_the_same(mixed: str) -> None:
    """As a corpus, as a stream, as a string and unchanged; a pipe as the file that comes through it."""
    known = Vocabulary.of(READ)
    for name, data in list(FILES.items())[:6]:
        path = f"{mixed}/{name}"
        text = content(path)
        assert text in (GERMAN, POLISH)
        assert "".join(known.decode(ids) for ids in read_stream(path, known, say=print)) == text
        assert read_text([path], say=print) == text
        assert read_verbatim(path, byte_level=False, say=print).removeprefix("\ufeff") == text
        assert content("-", stdin=io.BytesIO(data)) == text
        assert read_text(["-"], stdin=io.BytesIO(data), say=print) == text
    assert "".join(known.decode(ids) for ids in read_stream(mixed, known, say=print)) == READ
    assert read_text([mixed], say=print) == READ


def test_a_stream_says_the_same(mixed: str) -> None:
    """Of a file at its beginning, of a folder at its end, once."""
    said: list[str] = []
    blocks = read_stream(f"{mixed}/b.txt", Vocabulary.of(READ), say=said.append)
    next(blocks)
    assert said == [f"{mixed}/b.txt is read as Windows-1252"]
    assert list(blocks) == []
    whole: list[str] = []
    read_corpus([mixed], listener=Listener(whole.append))
    said.clear()
    assert sum(ids.size for ids in read_stream(mixed, Vocabulary.of(READ), say=said.append)) == len(READ)
    assert said == whole


def test_eleven_files_left_out(tmp_path: Path) -> None:
    """Ten are named, and the others are counted."""
    (tmp_path / "a.txt").write_bytes(b"abc")
    for number in range(12):
        (tmp_path / f"b{number:02}.bin").write_bytes(b"\0")
    said: list[str] = []
    read_corpus([str(tmp_path)], listener=Listener(said.append))
    assert said[:-1] == [f"{tmp_path}/b{number:02}.bin is left out: it is a binary file" for number in range(10)]
    assert said[-1] == "2 more files are left out"


def test_an_encoding_that_is_named(mixed: str) -> None:
    """It is for files that are neither marked nor UTF-8 with more than ASCII; how others are read is said."""
    said: list[str] = []
    corpus = read_corpus([f"{mixed}/a.txt"], known=Known(encoding="cp1252"), listener=Listener(said.append))
    assert (corpus.vocabulary.decode(corpus.ids), said) == (GERMAN, [f"{mixed}/a.txt is read as UTF-8"])
    path = f"{mixed}/c.txt"
    assert content(path, known=Known(encoding="cp1250")) == POLISH.encode("iso8859-2").decode("cp1250")
    assert content(f"{mixed}/j.txt", known=Known(encoding="cp1252")) == "abcÿ d"
    assert "is not GB18030 (byte" in failure(content, f"{mixed}/j.txt", known=Known(encoding="gb18030"))
    for name in ("g.docx", "h.gz", "i.png"):
        (Path(mixed) / name).unlink()
    czech = POLISH.encode("iso8859-2").decode("cp1250")
    german = GERMAN.encode("cp1252").decode("cp1250")
    expected = [GERMAN, german, czech, GERMAN, POLISH, german, "abc˙ d"]
    assert content(mixed, known=Known(encoding="cp1250")) == "".join(expected)
    with pytest.raises(CharrnnError, match="has no encoding; leave out --encoding"):
        content(mixed, byte_level=True, known=Known(encoding="cp1250"))


def test_bytes_are_bytes(mixed: str) -> None:
    """With bytes, nothing is detected, unpacked or left out."""
    corpus = read_corpus([mixed], byte_level=True)
    assert corpus.ids.tobytes() == b"".join(FILES.values())
    assert (corpus.files_read, corpus.skipped) == ({}, ())


def test_what_a_run_has_read_before(mixed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read in the same way, whatever would be detected now; without a record, only UTF-8 was read."""
    first = read_corpus([mixed], listener=Listener(lambda _: None))
    monkeypatch.setattr("charrnn.text.detection._guess", lambda scan: "cp1253")
    again = read_corpus(
        [mixed], known=Known(sha256=first.sha256, files_read=first.files_read), listener=Listener(lambda _: None)
    )
    assert again.ids.tobytes() == first.ids.tobytes()
    assert again.files_read == first.files_read
    monkeypatch.undo()
    again = read_corpus(
        [mixed], known=Known(sha256=first.sha256, files_read=first.files_read), listener=Listener(lambda _: None)
    )
    assert (again.skipped, again.files_read) == (first.skipped, first.files_read)
    assert content(mixed, known=Known(files_read={})) == GERMAN + POLISH
    assert content(f"{mixed}/a.txt", known=Known(files_read={})) == GERMAN


def test_a_compressed_text_is_a_large_one(mixed: str) -> None:
    """What is in a small file can be too large for memory."""
    path = Path(mixed) / "large.gz"
    path.write_bytes(gzip.compress(GERMAN.encode() * 2000))
    assert path.stat().st_size < 5000
    corpus = read_corpus([str(path)], large=100_000)
    assert not corpus.ids.flags.writeable  # it is a file that is mapped
    assert corpus.vocabulary.decode(corpus.ids) == GERMAN * 2000


def test_a_guess_that_fails_later(tmp_path: Path) -> None:
    """In a folder, a file that is not all in its encoding is left out; alone, it is an error with its place."""
    data = "\ufeff".encode("utf-16") + GERMAN.encode("utf-16-le") + b"\0\xdcab"
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt").write_bytes(b"abc")
    said: list[str] = []
    read_corpus([str(tmp_path)], listener=Listener(said.append))
    assert said == [f"{tmp_path}/a.txt is left out: it is damaged: not all of it is UTF-16-LE"]
    assert f"offset {len(data) - 4}" in failure(content, str(tmp_path / "a.txt"))


def test_documents_are_named_with_what_helps(mixed: str) -> None:
    """Alone, through a pipe, and in a folder of nothing else."""
    assert failure(content, f"{mixed}/g.docx").startswith(f"{mixed}/g.docx is a Word document; make a text")
    said = failure(read_text, ["-"], stdin=io.BytesIO(b"%PDF-1.7\n"))
    assert said == "standard input is a PDF file; make a text of it with: pdftotext book.pdf book.txt"
    for name in FILES:
        if name != "g.docx":
            (Path(mixed) / name).unlink()
    assert f"there is no text in {mixed}; {mixed}/g.docx is left out: it is a Word document" in failure(content, mixed)


def test_any_bytes_are_a_text_or_one_sentence(tmp_path: Path) -> None:
    """Whatever stands in a file, reading it ends well, the same as a corpus and as a stream."""
    draw, refusals = random.Random(1), []
    kinds = [
        draw.randbytes,
        lambda size: bytes(draw.choices(b"\0ab \n\xe9\xff", k=size)),
        lambda size: (GERMAN * 20).encode("cp1252")[:size],
    ]
    starts = [
        b"",
        b"\xff\xfe",
        b"\0\0\xfe\xff",
        b"\x1f\x8b\x08",
        b"BZh91AY&SY",
        b"\xfd7zXZ\0",
        b"(\xb5/\xfd",
        b"\x1b$B",
    ]
    path = tmp_path / "a"
    for start in starts:
        for size in (0, 1, 3, 50, 2000):
            for kind in kinds:
                path.write_bytes(start + kind(size))
                try:
                    found = content(str(path))
                except CharrnnError as error:
                    refusals.append(str(error))
                    continue
                known = Vocabulary.of(found)
                assert "".join(map(known.decode, read_stream(str(path), known, say=lambda _: None))) == found
    assert 20 < len(refusals) < 110
    assert not any("\n" in said for said in refusals)


def test_a_survey_alone(mixed: str) -> None:
    """It finds the same without reading a text."""
    survey = surveyed([mixed, f"{mixed}/b.txt"])
    assert [encoding for _, encoding in survey.found[:3]] == ["utf-8", "cp1252", "iso8859-2"]
    assert survey.found[-1] == (f"{mixed}/b.txt", "cp1252")
    assert survey.skipped == list(read_corpus([mixed], listener=Listener(lambda _: None)).skipped)
    assert failure(surveyed, ["none.txt"]) == "none.txt cannot be read: no such file or directory"
