"""What ``charrnn train`` refuses: texts, places and values; in one line, and nothing is left behind."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.commands import TINY, contents, misused, refused


# Files that are not replaced
def unchanged(run, *cases):
    """Type commands; hold that each is refused in one line with the words after it, and changes no file."""
    for arguments, *words in cases:
        before = contents(".")
        refused(run("train", *arguments), *words)
        assert contents(".") == before, arguments


def test_a_model_is_not_written_over_what_the_run_reads(trained, folder, run):
    """The text, a file of a folder, the text to validate with, another model: refused, with --force too."""
    Path("books").mkdir()
    Path("books/one.txt").write_bytes(Path("corpus.txt").read_bytes())
    Path("link.txt").symlink_to("books/one.txt")
    Path("hard.txt").hardlink_to("books/one.txt")
    Path("model.npz").write_bytes(trained.read_bytes())
    Path("books/model.npz").write_bytes(trained.read_bytes())
    text, other = (
        "the text that is read; name another file with -o",
        "the model that is read; name another file with -o",
    )
    unchanged(
        run,
        (("corpus.txt", "-o", "./corpus.txt"), f"./corpus.txt is {text}"),
        (("corpus.txt", "-o", "corpus.txt", "--force"), f"corpus.txt is {text}"),
        (("books", "-o", "books/one.txt", "--force"), f"books/one.txt is in books, {text}"),
        (("books", "-o", "hard.txt", "--force"), f"hard.txt is in books, {text}"),
        (("books/one.txt", "-o", "link.txt", "--force"), f"link.txt is {text}"),
        (("books", "--bytes", "-o", "books/model.npz", "--force"), f"books/model.npz is in books, {text}"),
        (("books", "--validate", "corpus.txt", "-o", "corpus.txt", "--force"), f"corpus.txt is {text}"),
        (("corpus.txt", "--init-from", "model.npz", "--force"), f"model.npz is {other}"),
    )
    assert run("train", "books", *TINY, "--epochs", 1, "--quiet", "-o", "books/model.npz", "--force").code == 0
    assert run("train", "--resume", "books/model.npz", "--epochs", 2, "--quiet").code == 0  # it was not read as text


def test_only_a_model_is_replaced_by_a_model(trained, folder, run):
    """--force replaces a model, whole or damaged, and an empty file; anything else stays, and one line says so."""
    Path("notes.txt").write_text("not to be lost")
    Path("archive.npz").write_bytes(b"PK\3\4" + bytes(100))
    Path("model.npz").write_bytes(trained.read_bytes())
    why = "exists and is not a charrnn model, so it is not replaced; name another file"
    unchanged(
        run,
        (("corpus.txt", "-o", "notes.txt", "--force"), f"notes.txt {why}"),
        (("corpus.txt", "-o", "notes.txt"), f"notes.txt {why}"),
        (("corpus.txt", "-o", "archive.npz", "--force"), f"archive.npz {why}"),
        (("--resume", "model.npz", "--epochs", 30, "-o", "corpus.txt", "--force"), f"corpus.txt {why}"),
    )
    for data in (b"", trained.read_bytes(), trained.read_bytes()[:1000]):
        Path("old.npz").write_bytes(data)
        assert run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet", "-o", "old.npz", "--force").code == 0
        assert run("info", "old.npz").code == 0


def test_a_log_is_not_written_over_other_files(trained, folder, run):
    """A log by the name of what the run reads or writes, of a file of another kind, or in a folder of the text."""
    Path("model.npz").write_bytes(trained.read_bytes())
    Path("notes.txt").write_text("not to be lost")
    Path("package.json").write_text('{"name": "not to be lost"}')
    Path("nested.json").write_text("[" * 100_000)
    Path("books").mkdir()
    Path("books/one.txt").write_bytes(Path("corpus.txt").read_bytes())
    Path("books/two").write_text('{"step": 1}\n')
    end = "name another file with --log"
    unchanged(
        run,
        (("corpus.txt", "--log", "./corpus.txt", "-o", "new.npz"), f"./corpus.txt is the text that is read; {end}"),
        (("corpus.txt", "--log", "new.npz", "-o", "new.npz"), f"new.npz is the model that is written; {end}"),
        (
            ("--resume", "model.npz", "--epochs", 30, "--log", "model.npz"),
            f"model.npz is the model that is written; {end}",
        ),
        (("corpus.txt", "--init-from", "model.npz", "--log", "model.npz", "-o", "new.npz"), "the model that is read"),
        (("corpus.txt", "--log", "notes.txt", "-o", "new.npz"), f"notes.txt exists and is not the log of a run; {end}"),
        (("corpus.txt", "--log", "package.json", "-o", "new.npz"), "package.json exists and is not the log of a run"),
        (("corpus.txt", "--log", "nested.json", "-o", "new.npz"), "nested.json exists and is not the log of a run"),
        (("books", "--log", "books/two", "-o", "new.npz"), f"books/two is in books, the text that is read; {end}"),
    )


def test_names_that_no_model_can_have(trained, folder, run):
    """Nothing, a folder's name, a link to itself: one sentence each."""
    Path("a").symlink_to("b")
    Path("b").symlink_to("a")
    for name in ("", "folder/", "a"):
        for arguments in (("corpus.txt", *TINY), ("--resume", trained, "--epochs", 30)):
            result = run("train", *arguments, "-o", name, "--quiet")
            assert result.code == 1
            assert result.err.startswith("charrnn: error: ")
            assert result.err.count("\n") == 1
            assert "internal error" not in result.err


# Texts that are none
BAD_TEXTS = {
    "a missing file": (None, ("cannot be read", "no such file")),
    "an empty file": (b"", ("no text",)),
    "one character": (b"a", ("one distinct character",)),
    "one distinct character": (b"a" * 100, ("one distinct character",)),
    "too few characters": (b"ab" * 10, ("at least 24 characters",)),
    "bytes that are not UTF-8": (b"a good beginning \xff and a bad end", ("UTF-8", "0xFF", "offset 17", "--bytes")),
    "a cut character": ("what ends in ü".encode()[:-1], ("UTF-8", "offset 13", "--bytes")),
    "damaged UTF-16": (b"\xff\xfea\0b\0\0\xdc\0\xdc", ("is not UTF-16-LE", "offset 6", "--encoding")),
    "a binary file": (bytes(range(256)) * 4, ("UTF-8", "offset 128", "binary", "--bytes")),
}


@pytest.mark.parametrize("case", BAD_TEXTS)
@pytest.mark.parametrize("through", ["file", "stdin"])
def test_texts_that_cannot_be_trained_on(folder, run, case, through):
    """A text that is none ends in one line that says why, and leaves no file behind."""
    data, words = BAD_TEXTS[case]
    if data is None and through == "stdin":
        pytest.skip("standard input is never missing")
    if data is not None and through == "file":
        Path("text").write_bytes(data)
    before = contents(folder)
    result = run("train", "text" if through == "file" else "-", *TINY, "--epochs", 1, stdin=data or b"")
    refused(result, *words)
    assert contents(folder) == before


def test_folders_without_text(folder, run):
    """A folder that is empty, has hidden or binary files only, or a name that is empty, ends in one line."""
    Path("empty").mkdir()
    Path("hidden").mkdir()
    Path("hidden/.text").write_text("a hidden text that is long enough")
    Path("binary").mkdir()
    Path("binary/file").write_bytes(bytes(range(256)))
    before = contents(folder)
    for name in ("empty", "hidden", "binary"):
        refused(run("train", name, *TINY, "--epochs", 1), name, "no text")
    refused(run("train", "", *TINY, "--epochs", 1))
    assert contents(folder) == before


def test_a_failed_start_leaves_the_log_alone(folder, run):
    """Where the text cannot be read, a log of an earlier run is kept, and no new one is begun."""
    Path("old").write_text('{"step": 1}\n')
    before = contents(folder)
    for log in ("old", "new"):
        refused(run("train", "nowhere", *TINY, "--epochs", 1, "--log", log), "nowhere")
        assert contents(folder) == before


# Places that cannot be written
def test_places_where_no_model_can_be(folder, run):
    """A folder that is missing, a file in its place, a folder as file, or a device end in one line at once."""
    Path("place").mkdir()
    before = contents(folder)
    for output, why in (
        ("missing/model.npz", "the folder missing does not exist"),
        ("corpus.txt/model.npz", "not a directory"),
        ("place", "is a folder"),
        (os.devnull, "device"),
    ):
        refused(run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", output, "--force"), output, why)
        assert contents(folder) == before


def test_a_folder_that_may_not_be_written(folder, run, monkeypatch):
    """Without the right to write there, training does not even begin."""
    Path("place").mkdir()
    original = Path.open

    def guarded(path, mode="r", *rest, **more):
        if path.parent.name == "place" and set(mode) & set("wxa+"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", guarded)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", "place/model.npz")
    refused(result, "place/model.npz", "permission denied")
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "place/log")
    refused(result, "place/log", "permission denied")
    assert not list(Path("place").iterdir())


def test_a_log_that_cannot_be_opened(folder, run):
    """A log in a missing folder, or one that is a folder, ends in one line before anything is trained."""
    before = contents(folder)
    for log in ("missing/log", "."):
        refused(run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", log), log, "cannot be written")
        assert contents(folder) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_log_on_a_full_disk_does_not_cost_the_model(folder, run):
    """Where the log can no longer be written, that is said in one plain line, and what was learnt is saved."""
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--log", "/dev/full", "--quiet")
    refused(result, "/dev/full", "no space left")
    assert Path("model.npz").exists()


def test_a_full_disk(folder, run, monkeypatch):
    """A save that fails is told, with --quiet too; the last one ends in a line, without a file that is half a model."""

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = run("train", "corpus.txt", *TINY, "--epochs", 1, "--quiet")
    on_the_way, last = result.err.splitlines()
    assert "no space left on device; the run continues, and tries again later" in on_the_way
    refused(replace(result, err=last + "\n"), "model.npz", "no space left")
    assert list(contents(folder)) == [folder / "corpus.txt"]


# Numbers and flags that make no sense
WRONG_TRAIN = [
    ("--hidden", 0),
    ("--hidden", "many"),
    ("--hidden", 10**9),
    ("--layers", 0),
    ("--cell", "transformer"),
    ("--dropout", 1),
    ("--dropout", "nan"),
    ("--seq-length", 0),
    ("--batch-size", -1),
    ("--epochs", 0),
    ("--epochs", "nan"),
    ("--epochs", "inf"),
    ("--time", "0s"),
    ("--time", "-5s"),
    ("--time", "5 parsecs"),
    ("--time", "9" * 400),
    ("--lr", 0),
    ("--lr", -1),
    ("--lr", "nan"),
    ("--warmup", 2),
    ("--clip", -1),
    ("--clip", "nan"),
    ("--clip-value", 0),
    ("--val-fraction", 1),
    ("--val-fraction", -0.1),
    ("--patience", -1),
    ("--seed", -1),
    ("--seed", 2**63),
    ("--threads", 0),
    ("--optimizer", "newton"),
    ("--momentum", 0.5),
    ("--momentum", 1, "--optimizer", "sgd"),
    ("--nesterov",),
    ("--nesterov", "--optimizer", "adagrad"),
    ("--input-dropout", 1),
    ("--noise", -1),
    ("--noise", 0.1, "--task", "translate"),
    ("--recurrent-start", "zeros"),
    ("--start-scale", 0),
    ("--start-scale", "nan"),
    ("--schedule", "sometimes"),
    ("--nonsense",),
]


@pytest.mark.parametrize("option", WRONG_TRAIN, ids=lambda option: " ".join(map(str, option))[:30])
def test_options_of_train_out_of_range(folder, run, option):
    """A value out of range is wrong usage: exit code 2, the option named, nothing written."""
    misused(run("train", "corpus.txt", *option), option[0])
    assert list(contents(folder)) == [folder / "corpus.txt"]
