"""``charrnn train --documents``: lines, and what a separator parts."""

from pathlib import Path

import pytest

from charrnn.model.model_file import load
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import misused, refused
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
    refused(run("train", "names.txt", "--documents", r"\n\n", *TINY), "is one document", r"'\n\n'")
    Path("empty.txt").write_text("\n" * 50, encoding="utf-8", newline="")
    refused(
        run("train", "empty.txt", "--documents", "lines", *TINY), "only separators and unknown characters", "empty.txt"
    )
    misused(run("train", "names.txt", "--documents", "", *TINY), "--documents")
    assert not Path("model.npz").exists()
