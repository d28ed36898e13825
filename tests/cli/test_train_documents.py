"""``charrnn train --documents``: lines, and what a separator parts."""

from pathlib import Path

import pytest

import charrnn
from charrnn.model.model_file import load
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import misused, refused
from tests.helpers.model_files import assert_same_bits
from tests.helpers.texts import drawn_documents

TINY = ("--hidden", 8, "--batch-size", 2, "--seq-length", 8, "--threads", 1, "--quiet")


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Work in a folder with a list of names."""
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("\n".join(drawn_documents(60, 8)) + "\n", encoding="utf-8", newline="")


@pytest.mark.usefixtures("names")
def test_train_on_lines(run):
    """A model of lines is trained, resumed and built upon; its separator is no character, and stays."""
    assert run("train", "names.txt", "--documents", "lines", "--epochs", 2, *TINY).code == 0
    first = load("model.npz")
    assert first.vocabulary == Vocabulary("abc", separator="\n")
    assert first.corpus["characters"] == sum(map(len, drawn_documents(60, 8)))
    assert run("train", "--resume", "model.npz", "--epochs", 3, "-o", "on.npz", "--quiet").code == 0
    resumed = load("on.npz", resume=True)
    assert resumed.vocabulary == first.vocabulary
    assert resumed.resume.progress["step"] * 2 == 3 * load("model.npz", resume=True).resume.progress["step"]
    Path("more.txt").write_text("cxa\nabcy\n\n" * 20, encoding="utf-8", newline="")
    onwards = ("--epochs", 1, "--batch-size", 2, "--seq-length", 8, "--threads", 1, "--quiet", "-o", "next.npz")
    assert run("train", "names.txt", "--init-from", "model.npz", *onwards).code == 0
    assert load("next.npz").vocabulary == first.vocabulary
    refused(run("train", "more.txt", "--init-from", "model.npz", *onwards, "--force"), "'x', 'y'", "--remap")
    assert run("train", "more.txt", "--init-from", "model.npz", "--remap", *onwards, "--force").code == 0
    assert load("next.npz").vocabulary == Vocabulary("abcxy", separator="\n")
    misused(run("train", "names.txt", "--init-from", "model.npz", "--documents", "lines"), "decides", "--documents")
    misused(run("train", "--resume", "model.npz", "--documents", "lines"), "keeps its own", "--documents")


@pytest.mark.usefixtures("names")
def test_a_run_on_documents_ends_with_how_to_write_several(run):
    """One name is little: the command at the end writes twenty."""
    result = run("train", "names.txt", "--documents", "lines", "--epochs", 1, *TINY[:-1], "-o", "names.npz")
    hint = "saved in names.npz; write text with: charrnn sample names.npz --count 20"
    assert result.err.splitlines()[-1] == hint
    assert run(*hint.split("charrnn ")[1].split()).out.count("\n") == 20


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize("typed", [r"\n\n", "\n\n"])
@pytest.mark.parametrize("option", [(), ("--bytes",)])
def test_train_on_what_a_separator_parts(run, typed, option):
    """A separator of two line feeds, typed or escaped, leaves single ones in the documents."""
    Path("poems.txt").write_text("a\nb\n\n\nb\na" * 20, encoding="utf-8", newline="")
    arguments = ("train", "poems.txt", "--documents", typed, "--epochs", 1, *TINY, *option)
    assert run(*arguments).code == 0
    expected = ("", True, "\n\n", "\nab") if option else ("\nab", False, "\n\n")
    assert load("model.npz").vocabulary == Vocabulary(*expected)
    assert run("train", "--resume", "model.npz", "--epochs", 2, "--quiet").code == 0


@pytest.mark.usefixtures("names")
def test_a_text_that_cannot_be_documents_is_refused(run):
    """One document is an error that names the separator, and so are separators alone; nothing is written."""
    refused(run("train", "names.txt", "--documents", r"\n\n", *TINY), "is not between any two parts", r"'\n\n'")
    Path("empty.txt").write_text("\n" * 50, encoding="utf-8", newline="")
    refused(
        run("train", "empty.txt", "--documents", "lines", *TINY), "only separators and unknown characters", "empty.txt"
    )
    misused(run("train", "names.txt", "--documents", "", *TINY), "--documents")
    assert not Path("model.npz").exists()


def test_files_and_paragraphs_are_documents(folder, run):
    """By their words: a document for each file or paragraph, also in bytes, in every command and after resuming."""
    Path("tales").mkdir()
    tales = ["Es war ein Fuchs.\n\nEr ging.\n", "Die Krähe\x1c sang.\n", "Und der Bär?\n\nEr schlief.\n"] * 8
    for number, tale in enumerate(tales):
        Path(f"tales/{number:02}.txt").write_bytes(tale.encode())
    Path("one.txt").write_text("\n\n".join(tales).replace("\n\n\n", "\n\n"), encoding="utf-8")
    constant = ("--hidden", 16, "--threads", 1, "--no-samples", "--schedule", "constant", "--warmup", 0)
    for word, source, options in (
        ("files", "tales", ()),
        ("files", "tales", ("--bytes",)),
        ("paragraphs", "one.txt", ()),
    ):
        documents = 24 if word == "files" else 40
        whole = run("train", source, *constant, *options, "--documents", word, "--epochs", 2, "-o", "w.npz", "--force")
        assert f" in {documents} documents" in whole.err
        assert run("train", source, *constant, *options, "--documents", word, "--epochs", 1, "--force").code == 0
        assert run("train", "--resume", "model.npz", "--epochs", 2).code == 0
        assert_same_bits("model.npz", "w.npz")
        told = "each file is a document" if word == "files" else r"separated by '\n\n'"
        assert f"documents:   {told}\n" in run("info", "model.npz").out
        assert len(run("eval", "model.npz", source, "--per-line", "--json").out.splitlines()) == documents
        sample = run("sample", "model.npz", "--count", 2, "--seed", 1, "--length", 5, "--temp", 0.5)
        assert (sample.code, sample.stdout.count(b"\n") > 0) == (0, True)
    names = [f"tales/{number:02}.txt" for number in range(24)]
    assert run("train", *names, *constant, "--documents", "files", "--epochs", 2, "-o", "names.npz").code == 0
    assert run("train", "tales", *constant, "--documents", "files", "--epochs", 2, "-o", "tales.npz").code == 0
    assert_same_bits("names.npz", "tales.npz")


def test_a_separator_that_never_occurs(folder, run):
    """It is refused, with the word that may be meant; a word that does occur is a separator, with a note."""
    Path("tales").mkdir()
    for number in range(3):
        Path(f"tales/{number}.txt").write_text("Der Fuchs und die Krähe.\nSie gingen.\n" * 5, encoding="utf-8")
    for word, meant in (("line", "lines"), ("file", "files"), ("Paragraph", "paragraphs"), ("===", "files")):
        refused(run("train", "tales", "--documents", word, *TINY), word, f"--documents {meant}")
    result = run("train", "tales/1.txt", "--documents", "===", *TINY)
    refused(result, "'===' is not between any two parts of the text\n")
    refused(run("train", "tales/1.txt", "--documents", "files", *TINY), "the text is one file")
    Path("lines.txt").write_text("Der Fuchs line und die Krähe line Sie gingen. line " * 9, encoding="utf-8")
    noted = run("train", "lines.txt", "--documents", "line", "--hidden", 16, "--epochs", 1)
    assert noted.code == 0
    assert "documents are separated by 'line'; to make each line a document, use --documents lines" in noted.err


def test_files_are_documents_in_python(folder):
    """With the same words; lines of a text are scored as documents."""
    Path("tales").mkdir()
    for number in range(9):
        Path(f"tales/{number}.txt").write_text(f"Der Fuchs ging {number} Tage lang.\nUnd schlief.\n", encoding="utf-8")
    with pytest.warns(UserWarning, match="the text is short"):
        run = charrnn.train("tales", documents="files", hidden=8, epochs=1, threads=1)
    model = run.finish()
    assert "each file is a document" in repr(model)
    assert len(model.score_lines(["Der Fuchs.\nUnd", "Und\x1c"], unknown="skip")) == 2
    with pytest.raises(charrnn.CharrnnError, match='use documents="lines"'):
        charrnn.train("tales", documents="line", hidden=8)
