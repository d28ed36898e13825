"""The vocabulary, the reading of corpora, and a text as parallel streams."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.text.detection import BINARY, UNCERTAIN
from charrnn.text.ingest import (
    AnotherTextError,
    read_again,
    read_corpus,
    read_stream,
    read_text,
    read_verbatim,
    require_learnable,
)
from charrnn.text.sources import Known, is_read
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary
from tests.helpers.errors import failure

Write = Callable[[str, bytes], str]


BLOCKS = (5, TEXT_BLOCK)  # that cut the texts below in many places, and not at all


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file, in folders if need be, and returns its path."""

    def write(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return write


def content(path: str, **kwargs: object) -> str:
    """Return what a corpus decodes to."""
    corpus = read_corpus([path], **kwargs)
    return corpus.vocabulary.decode(corpus.ids)


# Reading files


def test_corpus_says_where_it_is_from(write: Write) -> None:
    """Numbers, vocabulary, source and the SHA-256 that sha256sum prints are all there."""
    path = write("a.txt", "żaba\n".encode())
    corpus = read_corpus([path])
    assert corpus.vocabulary == Vocabulary("\nabż")
    assert corpus.ids.tolist() == [3, 1, 2, 1, 0]
    assert corpus.ids.dtype == np.uint8
    assert corpus.sources == (path,)
    assert corpus.sha256 == hashlib.sha256("żaba\n".encode()).hexdigest()
    assert corpus.skipped == ()


def test_line_ends_become_line_feeds(write: Write) -> None:
    """CRLF and lone CR become LF; the SHA-256 is of what the file holds."""
    raw = b"a\r\nb\rc\n\r\r\nd"
    path = write("a.txt", raw)
    assert content(path) == "a\nb\nc\n\n\nd"
    assert read_corpus([path]).sha256 == hashlib.sha256(raw).hexdigest()


def test_byte_order_mark_is_dropped(write: Write) -> None:
    """A mark at the start of each file goes; one further on is a character."""
    path = write("a.txt", "\ufeffa\ufeff\n".encode())
    assert content(path) == "a\ufeff\n"
    assert read_text([path, path]) == "a\ufeff\n" * 2


def test_bytes_are_left_alone(write: Write) -> None:
    """With byte_level nothing is dropped, changed, or put between files."""
    raw = b"\xef\xbb\xbfa\r\n\r\0\xff"
    path = write("a.bin", raw)
    corpus = read_corpus([path, path], byte_level=True)
    assert corpus.vocabulary == Vocabulary("", byte_level=True, seen="\0\n\ra\xbb\xbf\xef\xff")
    assert corpus.vocabulary.decode_bytes(corpus.ids) == raw + raw
    assert corpus.sha256 == hashlib.sha256(raw + raw).hexdigest()
    assert read_text([path], byte_level=True) == raw


def test_nul_is_a_character(write: Write) -> None:
    """A named file may hold NULs, if it is UTF-8."""
    assert content(write("a.txt", b"a\0b")) == "a\0b"


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"abc\xffd", "byte 0xFF at offset 3"),
        (b"caf\xe9", "byte 0xE9 at offset 3"),
        (b"aaaaa\xc3(", "byte 0xC3 at offset 5"),
        (b"\xef\xbb\xbf\r\n\r\n\x80", "byte 0x80 at offset 7"),
        ("aéé漢".encode() + b"\xf0\x90\x80\x80\x80", "byte 0x80 at offset 12"),
        ("é".encode() * 9 + b"\xed\xa0\x80", "byte 0xED at offset 18"),
        (b"ab\xe6\xbc", "byte 0xE6 at offset 2"),
    ],
)
def test_invalid_utf8_has_its_offset(write: Write, raw: bytes, place: str) -> None:
    """The file, the byte, its offset in that file, and --bytes are named; a truncated end is invalid too."""
    path = write("b.txt", raw)
    said = failure(read_corpus, [write("a.txt", b"first\n"), path])
    for block in BLOCKS:
        assert failure(streamed, path, Vocabulary("a"), unknown="skip", block=block) == said
    assert said.startswith(f"{path} is not UTF-8 text")
    assert place in said
    assert ("--encoding" in said) != ("iconv -c -f UTF-8" in said)


def test_binary_is_recognised(write: Write) -> None:
    """What is not UTF-8 is called a binary file if it has NULs."""
    said = failure(read_corpus, [write("a.bin", b"\x7fELF\0\0\xff")])
    assert "seems to be a binary file" in said
    assert "--bytes" in said


def test_files_are_joined_in_order(write: Write) -> None:
    """A line feed is put after a file that lacks one, only where another follows, and is not in the SHA-256."""
    paths = [
        write("b", b"one"),
        write("e", b""),
        write("a", b"two\n"),
        write("c", b"three\r"),
        write("d", b"4"),
        write("f", b""),
    ]
    corpus = read_corpus(paths)
    assert corpus.vocabulary.decode(corpus.ids) == read_text(paths) == "one\ntwo\nthree\n4"
    assert corpus.sha256 == hashlib.sha256(b"onetwo\nthree\r4").hexdigest()
    assert corpus.sources == tuple(paths)


def test_no_line_feed_for_a_model_that_knows_none(write: Write) -> None:
    """The line feed between files is not an unknown character to a vocabulary without one."""
    paths = [write("a", b"ab"), write("b", b"ba")]
    assert read_corpus(paths, vocabulary=Vocabulary("ab")).ids.tolist() == [0, 1, 1, 0]


def test_given_vocabulary_is_used(write: Write) -> None:
    """A model's vocabulary encodes the text, by its own rule for unknown characters, named by file and place."""
    first, second = write("a.txt", b"aaa\r\n"), write("b.txt", b"\xef\xbb\xbfa\r\nab\n")
    vocabulary = Vocabulary.of("\nac")
    said = failure(read_corpus, [first, second], vocabulary=vocabulary)
    assert said.startswith(f"'b' (U+0062) on line 2, column 2 of {second} ")
    corpus = read_corpus([second], vocabulary=vocabulary, unknown="skip")
    assert corpus.vocabulary is vocabulary
    assert vocabulary.decode(corpus.ids) == "a\na\n"
    assert vocabulary.decode(read_corpus([second], vocabulary=vocabulary, unknown="replace").ids) == "a\na\n\n"
    assert read_corpus([second], vocabulary=Vocabulary.of_bytes()).ids.size == 9


def test_nothing_known_is_an_error(write: Write) -> None:
    """A text of which skipping leaves nothing is not an empty corpus but an error."""
    path = write("a.txt", b"xyz")
    assert path in failure(read_corpus, [path], vocabulary=Vocabulary("ab"), unknown="skip")


def test_missing_file(write: Write, tmp_path: Path) -> None:
    """A file that is not there is named, with the reason."""
    path = str(tmp_path / "none.txt")
    assert failure(read_corpus, [write("a", b"a"), path]) == f"{path} cannot be read: no such file or directory"


def test_forbidden_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is named, with the reason."""

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = write("notes/a.txt", b"a")
    monkeypatch.setattr(Path, "open", refuse)
    for given_path in (path, str(Path(path).parent)):
        assert failure(read_corpus, [given_path]) == f"{path} cannot be read: permission denied"


@pytest.mark.parametrize("raw", [b"", "\ufeff".encode()])
def test_empty_corpus(write: Write, raw: bytes) -> None:
    """Files without a character are an error that names them."""
    path = write("a.txt", raw)
    assert failure(read_corpus, [path]) == f"there is no text in {path}"
    assert failure(read_corpus, [path] * 5).endswith("and 2 more")
    assert failure(read_text, [path]) == f"there is no text in {path}"


def test_strange_names_are_shown_safely(tmp_path: Path) -> None:
    """A name with a line break or a byte that is not UTF-8 does not break the message."""
    assert r"a\nb\udcff" in failure(read_corpus, [str(tmp_path / "a\nb\udcff")])
    assert "empty" in failure(read_corpus, [""])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_is_read_as_a_stream(tmp_path: Path) -> None:
    """A pipe with a name, such as a shell makes for <(…), is read to its end."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"from a pipe",))
    writer.start()
    assert content(str(path)) == "from a pipe"
    writer.join()


# Standard input


def test_standard_input(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is standard input, wherever it stands among the files; by default the process's own."""
    path = write("a.txt", b"file")
    corpus = read_corpus(["-", path], stdin=io.BytesIO(b"piped\r\n"))
    assert corpus.vocabulary.decode(corpus.ids) == "piped\nfile"
    assert corpus.sources == ("-", path)
    assert corpus.sha256 == hashlib.sha256(b"piped\r\nfile").hexdigest()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"own")))
    assert read_text(["-"]) == "own"


def test_standard_input_fails_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice, empty, closed or not UTF-8: each is one sentence."""
    assert "only once" in failure(read_corpus, ["-", "-"], stdin=io.BytesIO(b"a"))
    assert failure(read_corpus, ["-"], stdin=io.BytesIO()) == "there is no text in standard input"
    assert failure(read_corpus, ["-"], stdin=io.BytesIO(b"\xff")).startswith("standard input is not UTF-8")
    monkeypatch.setattr("sys.stdin", None)
    assert failure(read_corpus, ["-"]) == "there is no text in standard input"


# Folders


def test_folder_is_read_in_order_of_paths(write: Write, tmp_path: Path) -> None:
    """All files below are read, a folder's where its name comes in order; hidden ones are not even listed."""
    for name in ("n/b.txt", "n/a/z.txt", "n/a/y/x.txt", "n/a.txt", "n/.hidden", "n/.git/config", "n/c.txt"):
        write(name, Path(name).name.encode() + b"\n")
    corpus = read_corpus([str(tmp_path / "n")])
    assert corpus.vocabulary.decode(corpus.ids) == "x.txt\nz.txt\na.txt\nb.txt\nc.txt\n"
    assert corpus.sources == (str(tmp_path / "n"),)
    assert corpus.skipped == ()


def test_folders_nested_deeper_than_calls(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in a folder in a folder, and so on a thousand times, is read as any other."""
    deepest = Path("top", *"d" * (sys.getrecursionlimit() + 100))
    monkeypatch.chdir(tmp_path)
    for folder in (*reversed(deepest.parents), deepest):
        folder.mkdir(exist_ok=True)
    try:
        (deepest / "deep.txt").write_text("deep", encoding="utf-8")
        assert read_corpus(["top"]).ids.size == 4
        assert is_read(deepest / "deep.txt", "top")
    finally:
        subprocess.run(["rm", "-r", "top"], check=True)  # shutil.rmtree can be recursive


def test_folder_skips_what_is_not_text(write: Write, tmp_path: Path) -> None:
    """Files with a NUL or invalid UTF-8 are listed, and count neither in the text nor in the SHA-256."""
    write("n/b.txt", b"text")
    others = [(write("n/a.png", b"\x89PNG"), UNCERTAIN), (write("n/c/d.bin", b"a\0b"), BINARY)]
    corpus = read_corpus([str(tmp_path / "n")])
    assert corpus.vocabulary.decode(corpus.ids) == "text"
    assert corpus.skipped == tuple(others)
    assert corpus.sha256 == hashlib.sha256(b"text").hexdigest()
    whole = read_corpus([str(tmp_path / "n")], byte_level=True)
    assert whole.ids.tobytes() == b"\x89PNGtexta\0b"
    assert whole.skipped == ()


def test_folder_without_text(write: Write, tmp_path: Path) -> None:
    """A folder in which there is nothing to read is named in the error."""
    folder = tmp_path / "n"
    folder.mkdir()
    assert failure(read_corpus, [str(folder)]) == f"there is no text in {folder}"
    assert str(folder) in failure(read_corpus, [write("a.txt", b"text"), str(folder)])
    write("n/a.bin", b"\0")
    why = f"{folder / 'a.bin'} is left out: it is a binary file"
    assert failure(read_corpus, [str(folder)]) == f"there is no text in {folder}; {why}"


def test_links_and_pipes_in_a_folder(write: Write, tmp_path: Path) -> None:
    """Links to files are read; links to folders, to nowhere and to themselves, and pipes, are skipped."""
    folder = tmp_path / "n"
    target = write("elsewhere.txt", b"linked\n")
    write("n/a.txt", b"text\n")
    try:
        (folder / "b.txt").symlink_to(target)
        (folder / "loop").symlink_to(folder, target_is_directory=True)
        (folder / "nowhere").symlink_to(tmp_path / "none")
        (folder / "self").symlink_to(folder / "self")
        (tmp_path / "alias").symlink_to(folder, target_is_directory=True)
        os.mkfifo(folder / "pipe")
    except (OSError, AttributeError, NotImplementedError):
        pytest.skip("needs symbolic links and named pipes")
    corpus = read_corpus([str(folder)])
    assert corpus.vocabulary.decode(corpus.ids) == "text\nlinked\n"
    assert corpus.skipped == tuple((str(folder / name), "not a file") for name in ("loop", "nowhere", "pipe", "self"))
    assert read_text([str(tmp_path / "alias")]) == "text\nlinked\n"
    assert "cannot be read" in failure(read_corpus, [str(folder / "self")])


# Texts that are read as they come


def streamed(path: str, vocabulary: Vocabulary, **kwargs: object) -> list[int]:
    """Return all that the stream yields, in blocks of the vocabulary's type that are not empty."""
    blocks = list(read_stream(path, vocabulary, **kwargs))
    assert all(block.size and block.dtype == vocabulary.dtype for block in blocks)
    return np.concatenate(blocks).tolist()


VOCABULARIES = [
    Vocabulary("\n\rabé漢\ufeff"),
    Vocabulary("abé漢"),
    Vocabulary("", byte_level=True),
    Vocabulary("\nab", separator="\n"),
    Vocabulary("abé", separator="b\n"),
    Vocabulary("", byte_level=True, separator="é"),
]


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=range(len(VOCABULARIES)))
@pytest.mark.parametrize("unknown", ["skip", "replace"])
@pytest.mark.parametrize("raw", ["ab\r\n\ra\rébé\n漢ab", "\ufeffabb\n\n\nab\ufeffa\n", "aaab\n" * 9, "aaaaé漢" * 9])
@pytest.mark.parametrize("block", BLOCKS)
def test_a_stream_is_what_is_read_whole(
    block: int, write: Write, vocabulary: Vocabulary, unknown: str, raw: str
) -> None:
    """A file's blocks are together what reading it at once gives, wherever they are cut."""
    path = write("a.txt", raw.encode())
    expected = read_corpus([path], vocabulary=vocabulary, unknown=unknown).ids.tolist()
    assert streamed(path, vocabulary, unknown=unknown, block=block) == expected
    assert streamed("-", vocabulary, unknown=unknown, block=block, source=io.BytesIO(raw.encode())) == expected


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=range(len(VOCABULARIES)))
@pytest.mark.parametrize("block", BLOCKS)
def test_a_stream_of_a_folder(block: int, write: Write, tmp_path: Path, vocabulary: Vocabulary) -> None:
    """A folder's files are joined as ever, and what is no text is left out however late that shows."""
    files = {
        "a": b"ab",
        "b": b"",
        "c": b"ba\r",
        "d": b"a\xff",
        "e": b"a" * 30 + b"\0",
        "f": b"b\n\r\n",
        "g": b"x",
        "h": b"a",
    }
    for name, data in {**files, ".hidden": b"b", "i/j": b"bb", "k": "é\n".encode()}.items():
        write(f"n/{name}", data)
    folder = str(tmp_path / "n")
    expected = read_corpus([folder], vocabulary=vocabulary, unknown="skip").ids.tolist()
    assert streamed(folder, vocabulary, unknown="skip", block=block) == expected


@pytest.mark.parametrize("block", BLOCKS)
def test_a_fault_in_a_stream_has_its_place(block: int, write: Write) -> None:
    """An unknown character has its line and column, bytes that are not UTF-8 their offset, after what came before."""
    vocabulary = Vocabulary("\nab")
    path = write("a.txt", b"ab\r\nab\nabaX")
    assert f"line 3, column 4 of {path}" in failure(streamed, path, vocabulary, block=block)
    path = write("b.txt", b"ab\r\nab\n\xc3(")
    assert f"{path} is not UTF-8 text (byte 0xC3 at offset 7)" in failure(streamed, path, vocabulary, block=block)
    path = write("c.txt", b"ab\n" * block + b"X")
    blocks, said = [], ""
    try:
        for ids in read_stream(path, vocabulary, block=block):
            blocks.append(ids)
    except CharrnnError as fault:
        said = str(fault)
    assert blocks
    assert f"line {block + 1}, column 1" in said


def test_a_stream_without_text(write: Write, tmp_path: Path) -> None:
    """Nothing, nothing that is known, nothing but separators: each is one sentence, as where a text is read whole."""
    for raw in (b"", b"\xef\xbb\xbf", b"xyz"):
        path = write("a.txt", raw)
        said = failure(read_corpus, [path], vocabulary=Vocabulary("ab"), unknown="skip")
        assert failure(streamed, path, Vocabulary("ab"), unknown="skip") == said
    path = write("a.txt", b"\n\n\n")
    lines = Vocabulary("ab", separator="\n")
    assert failure(streamed, path, lines) == failure(read_corpus, [path], vocabulary=lines)
    write("n/a", b"\0")
    for missing in (str(tmp_path / "n"), str(tmp_path / "none"), ""):
        assert failure(read_corpus, [missing], vocabulary=lines).startswith(failure(streamed, missing, lines))


def test_a_stream_is_read_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block is yielded before the next is read, so that the text may be endless."""

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += 1
            return b"ab" * (size // 2)

    source = Endless()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr("sys.stdin.buffer", source, raising=False)
    blocks = read_stream("-", Vocabulary("ab"), block=1 << 10)
    for taken in range(1, 20):
        assert next(blocks).size == 1 << 10
        assert source.given <= taken + 2


def test_standard_input_may_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came through a pipe is kept and can be read as often as wanted, with its name in errors."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfab\r\nX")))
    with read_again("-") as kept:
        assert kept is not None
        for _ in range(2):
            assert streamed("-", Vocabulary("\nab"), unknown="skip", source=kept) == [1, 2, 0]
        assert "line 2, column 1 of standard input" in failure(streamed, "-", Vocabulary("\nab"), source=kept)
    assert kept.closed
    with pytest.raises(CharrnnError, match="is empty"):
        streamed("", Vocabulary("ab"))


def test_a_file_need_not_be_kept(write: Write, tmp_path: Path) -> None:
    """What can be read again by itself is not copied, and what is not there is no trouble yet."""
    for path in (write("a.txt", b"ab"), str(tmp_path), str(tmp_path / "none")):
        with read_again(path) as kept:
            assert kept is None


def test_what_is_read_once_need_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is read once is not copied first."""
    monkeypatch.setattr("sys.stdin", None)
    with read_again("-", 1) as kept:
        assert kept is None


def test_a_text_as_it_stands(write: Write) -> None:
    """Nothing is changed in it; it is as long as there is room for, and refused while it is read where it is longer."""
    path = write("a.txt", "\ufeffé\r\n".encode())
    assert read_verbatim(path, byte_level=False) == "\ufeffé\r\n"
    assert read_verbatim(path, byte_level=True) == "\xef\xbb\xbf\xc3\xa9\r\n"
    assert len(read_verbatim(path, byte_level=False, most=4)) == 4
    said = f"{path} is too long: at most 3 characters can be kept in memory"
    assert failure(read_verbatim, path, byte_level=False, most=3) == said
    assert "0xFF" in failure(read_verbatim, write("b.txt", b"a\xff"), byte_level=False)


def test_one_distinct_character(write: Write) -> None:
    """A text of one character repeated is refused by name, whatever the vocabulary; two characters are enough."""
    path = write("a.txt", b"aaaa")
    said = f"the text in {path} has only one distinct character; there is nothing to learn"
    assert failure(require_learnable, read_corpus([path])) == said
    assert failure(require_learnable, read_corpus([path], byte_level=True)) == said
    assert failure(require_learnable, read_corpus([path], vocabulary=Vocabulary("abc"))) == said
    require_learnable(read_corpus([write("b.txt", b"ab")]))


def test_a_text_that_cannot_be_read_to_its_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk or a terminal that fails: the error has no file, and must not be taken for one of the output."""

    class Failing(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    stdin = io.TextIOWrapper(Failing())
    monkeypatch.setattr(sys, "stdin", stdin)
    for read in (read_corpus, read_text, lambda paths: list(read_stream(paths[0], Vocabulary("ab")))):
        assert failure(read, ["-"]) == "standard input cannot be read: input/output error"
    assert failure(read_verbatim, "-", byte_level=False) == "standard input cannot be read: input/output error"


@pytest.mark.skipif(os.name != "posix", reason="needs pipes")
def test_what_a_model_file_names_is_not_even_opened_if_it_is_not_the_text(write: Write, tmp_path: Path) -> None:
    """Pipes, devices, files of the system, empty and larger files: opening or reading them could take forever."""
    text, larger, empty = (Path(write(name, data)) for name, data in (("a", b"text"), ("b", b"texts"), ("c", b"")))
    os.mkfifo(tmp_path / "pipe")
    strange = [empty, tmp_path / "pipe", Path("/dev/null"), Path("/proc/self/status")]
    strange += [path for path in (Path("/proc/kcore"), Path("/sys/kernel/uevent_helper")) if path.exists()]
    for size in (4, None):
        known = Known(size=size, safely=True)
        assert known.may_have(text)
        assert known.may_have(larger) == (size is None)
        assert not any(map(known.may_have, strange))
    assert all(map(Known(size=4).may_have, [*strange, larger]))
    folder = tmp_path / "folder"
    folder.mkdir()
    text.rename(folder / "a")
    (folder / "larger").symlink_to(larger)
    digest = hashlib.sha256(b"text").hexdigest()
    assert read_corpus([str(folder)], known=Known((), digest, 4, safely=True)).size == 4
    with pytest.raises(AnotherTextError):
        read_corpus([str(folder)], known=Known((), digest, 4))
