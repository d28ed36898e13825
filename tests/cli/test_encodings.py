"""Texts in any encoding, compressed or in folders with other files, through every command that reads a text."""

import gzip
import json
import warnings
from pathlib import Path

import pytest

import charrnn
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import TINY, contents, misused, refused
from tests.helpers.encodings import TEXTS
from tests.helpers.model_files import assert_same_bits, meta_of, untrained

GERMAN = TEXTS["German"][1] * 30


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Stand in a folder that has a text in several encodings, and a folder with other files."""
    monkeypatch.chdir(tmp_path)
    Path("utf8.txt").write_bytes(GERMAN.encode())
    Path("windows.txt").write_bytes(GERMAN.encode("cp1252"))
    Path("wide.txt").write_bytes(GERMAN.encode("utf-16"))
    Path("packed.gz").write_bytes(gzip.compress(GERMAN.encode("cp1252")))
    Path("few.txt").write_bytes("José\nZoë\nBjörn\n".encode("cp1252") * 60)
    Path("folder").mkdir()
    for name in ("utf8.txt", "windows.txt", "few.txt"):
        (Path("folder") / name).write_bytes(Path(name).read_bytes())
    Path("folder/z.bin").write_bytes(b"\0")
    Path("folder/a-large.bin").write_bytes(bytes(100_000))  # more than all texts: a resumed run does not even open it
    Path("folder/an-empty.txt").write_bytes(b"")
    return tmp_path


TOLD = {
    "utf8.txt": "",
    "windows.txt": "charrnn: windows.txt is read as Windows-1252\n",
    "wide.txt": "charrnn: wide.txt is read as UTF-16-LE\n",
    "packed.gz": "charrnn: packed.gz is read as Windows-1252\n",
}


def test_every_command_reads_any_encoding(texts, run):
    """With the same result as from UTF-8, and a word about the encoding."""
    model = "model.npz"
    assert run("train", "utf8.txt", *TINY, "--epochs", 1, "--quiet", "-o", model).code == 0
    run("eval", model, "utf8.txt")  # compiles
    for command in (
        ("eval", model, "TEXT", "--json"),
        ("eval", model, "TEXT", "--per-line", "--tsv"),
        ("trace", model, "TEXT", "--tsv"),
        ("gradients", model, "TEXT", "--samples", 2, "--lags", 4, "--json"),
        ("gradients", "--cell", "rnn", "--hidden", 8, "TEXT", "--samples", 2, "--lags", 4, "--json"),
        ("sample", model, "--prime-file", "TEXT", "--seed", 1, "--length", 9),
        ("sample", model, "--novel", "TEXT", "--seed", 1, "--length", 9),
        ("sample", model, "--copied", "TEXT", "--seed", 1, "--length", 9, "--json"),
        ("eval", model, "utf8.txt", "--copied", "TEXT", "--json"),
    ):
        expected = run(*("utf8.txt" if part == "TEXT" else part for part in command))
        assert expected.code == 0, command
        for name, told in TOLD.items():
            for options in ((), () if name in ("utf8.txt", "wide.txt") else ("--encoding", "windows-1252")):
                result = run(*(name if part == "TEXT" else part for part in command), *options)
                assert (result.code, result.out) == (0, expected.out), (command, name)
                assert (told in result.err) == (not options)


def test_a_run_is_the_same_from_any_encoding(texts, run):
    """Bit for bit: from files, from a folder, compressed, and through a pipe."""
    for name in TOLD:
        assert run("train", name, *TINY, "--epochs", 1, "--no-samples", "-o", f"{name}.npz").code == 0
        assert_same_bits(f"{name}.npz", "utf8.txt.npz")
        piped = run("train", "-", *TINY, "--epochs", 1, "-o", "piped.npz", "--force", stdin=Path(name).read_bytes())
        assert piped.code == 0
        assert_same_bits("piped.npz", "utf8.txt.npz")
        assert meta_of(f"{name}.npz")["corpus"].get("encodings", []) == (
            [] if name == "utf8.txt" else [["utf-16-le" if name == "wide.txt" else "cp1252", 1]]
        )


def test_a_resumed_run_reads_as_before(texts, run, monkeypatch):
    """The file says how, also if other encodings would be detected now, or if the user named one."""
    constant = (*TINY, "--schedule", "constant", "--warmup", 0)
    options = (*constant, "--epochs", 1)
    for source, named in (("folder", ()), ("few.txt", ("--encoding", "cp1250")), ("windows.txt", ())):
        assert run("train", source, *options, *named, "-o", "half.npz", "--force").code == 0
        assert run("train", source, *constant, "--epochs", 2, *named, "-o", "whole.npz", "--force").code == 0
        with monkeypatch.context() as patch:
            patch.setattr("charrnn.text.detection._guess", lambda scan: "cp1253")
            resumed = run("train", "--resume", "half.npz", "--epochs", 2)
        assert resumed.code == 0, resumed.err
        corpora = [meta_of(name)["corpus"] for name in ("half.npz", "whole.npz")]
        for record in corpora:
            record.pop("outputs", None)
        assert corpora[0] == corpora[1]
        assert_same_bits("half.npz", "whole.npz")
    misused(run("train", "--resume", "half.npz", "--encoding", "cp1252"), "A resumed run keeps its own --encoding")


def test_what_is_left_out_is_never_silent(texts, run):
    """Each file with its reason; with --quiet a single line; and info names them."""
    result = run("train", "folder", *TINY, "--epochs", 1, "--no-samples")
    assert "charrnn: folder/z.bin is left out: it is a binary file\n" in result.err
    assert "charrnn: folder/few.txt is left out: it is in an encoding that cannot be told with certainty" in result.err
    quiet = run("train", "folder", *TINY, "--epochs", 1, "--quiet", "--force")
    assert (quiet.code, quiet.err) == (0, "charrnn: 3 files are left out; charrnn info names them\n")
    info = run("info", "model.npz").out
    assert "             read as UTF-8 (2 files), Windows-1252 (1 file)\n" in info
    assert "left out:    3 files\n" in info
    assert "             folder/z.bin: a binary file\n" in info
    skipped = json.loads(run("info", "model.npz", "--json").out)["corpus"]["skipped"]
    assert (skipped["files"], skipped["examples"][2]) == (3, ["folder/z.bin", "a binary file"])
    said = run("eval", "model.npz", "folder", "--unknown", "skip").err
    assert "charrnn: folder/z.bin is left out: it is a binary file\n" in said


def test_a_note_is_printed_once(texts, run):
    """Also if several models read a text, each for itself."""
    assert run("train", "utf8.txt", *TINY, "--epochs", 1, "--quiet").code == 0
    result = run("eval", "model.npz", "-m", "model.npz", "windows.txt", "--json")
    assert result.err.count("windows.txt is read as Windows-1252") == 1


def test_wrong_usage(texts, run):
    """An encoding that there is not, one for bytes, and one for nothing to read."""
    before = contents(texts)
    misused(run("train", "utf8.txt", "--encoding", "windows-1522"), "did you mean windows-1252?")
    misused(run("train", "utf8.txt", "--bytes", "--encoding", "cp1252"), "Give --bytes or --encoding, not both.")
    online = ("train", "-", "--online", "--gradient", "rtrl", "--encoding", "cp1252")
    misused(run(*online), "--online cannot be used with --encoding")
    refused(run("train", "few.txt", *TINY), "few.txt is not UTF-8 text", "name its encoding with --encoding")
    assert contents(texts) == before
    model = untrained(texts / "m.npz", Vocabulary("_abc"))
    misused(run("sample", model, "--encoding", "cp1252"), "--encoding is for a text from a file or a pipe")
    misused(run("fill", model, "a_b", "--encoding", "cp1252"), "--encoding is for a text from standard input")


def test_the_library_reads_the_same(texts):
    """By its options, with warnings; a text that is a string has no encoding."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        run = charrnn.train("folder", hidden=8, epochs=1, threads=1)
    assert "folder/z.bin is left out: it is a binary file" in [str(warning.message) for warning in said]
    assert run.finish().info["corpus"]["encodings"] == [
        ["", 1],
        ["utf-8", 1],
        ["", 1],
        ["utf-8", 1],
        ["cp1252", 1],
        ["", 1],
    ]
    model = charrnn.train("utf8.txt", hidden=8, epochs=1, threads=1).finish()
    expected = model.score(GERMAN)
    with pytest.warns(UserWarning, match="windows.txt is read as Windows-1252"):
        assert model.score(Path("windows.txt")) == expected
    assert model.score(Path("windows.txt"), encoding="windows-1252") == expected
    with pytest.raises(charrnn.CharrnnError, match="encoding is for a file"):
        model.score(GERMAN, encoding="windows-1252")
    with pytest.raises(charrnn.CharrnnError, match="did you mean windows-1252"):
        model.score(Path("windows.txt"), encoding="windows-1522")
    with warnings.catch_warnings(action="ignore"):  # it is short
        named = charrnn.train("few.txt", hidden=8, epochs=1, threads=1, encoding="windows-1252")
    assert "ë" in named.finish().vocabulary.characters
    with pytest.raises(charrnn.CharrnnError, match="name its encoding with encoding"):
        charrnn.train("few.txt", hidden=8)
    text = "a\0b\0\n\0" * 200  # would be UTF-16 in a file
    assert charrnn.train(text, hidden=8, epochs=1, threads=1).finish().vocabulary.characters == "\0\nab"
