"""Bytes that a model has never seen are unknown to it, as characters are, in every command."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import charrnn
from charrnn.model.model_file import load, save
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import TINY, json_lines, refused, trained_on
from tests.helpers.model_files import meta_of, untrained

TEXT = "the café in the hall\n" * 60


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Train a small model of the bytes of a text in UTF-8."""
    return trained_on(TEXT, tmp_path_factory.mktemp("bytes"), "--bytes", "--epochs", 2)


@pytest.fixture(scope="module")
def old(tmp_path_factory, model):
    """Return the model as an older version has written it: it is not known which bytes it has seen."""
    path, checkpoint = tmp_path_factory.mktemp("old") / "old.npz", load(model)
    save(path, replace(checkpoint, vocabulary=Vocabulary.of_bytes()))
    assert meta_of(path)["format"] == 3
    return path


def test_what_was_seen_is_kept(model, run):
    """In the file, in JSON, and in words; all 256 bytes are symbols."""
    seen = "".join(sorted(map(chr, set(TEXT.encode()))))
    assert meta_of(model)["vocabulary"]["seen"] == seen
    assert json.loads(run("info", model, "--json").out)["vocabulary"]["seen"] == seen
    assert f"256 byte values, {len(seen)} of them in the text" in run("info", model).out
    assert len(charrnn.load(model).vocabulary) == 256


@pytest.mark.parametrize(
    "command",
    [
        ("sample", "--prime-file", "latin.txt", "--no-prime"),
        ("eval", "latin.txt"),
        ("trace", "latin.txt"),
        ("gradients", "latin.txt"),
    ],
)
def test_a_text_in_another_encoding(model, old, folder, run, command):
    """Its bytes are named where they are; an old model reads them as it always has."""
    Path("latin.txt").write_bytes(TEXT.encode("latin-1"))
    name, *options = command
    refused(
        run(name, model, *options),
        "byte 0xE9 on line 1, column 8 of latin.txt is not in the text that the model was trained on",
        "--unknown skip",
    )
    assert run(name, model, *options, "--unknown", "skip").code == 0
    assert run(name, old, *options).code == 0


def test_rules_for_unknown_bytes(model, run, folder):
    """They are skipped, replaced, charged and counted as characters are."""
    Path("latin.txt").write_bytes(TEXT.encode("latin-1"))
    size = len(TEXT)
    for rule, predicted in (("skip", size - 61), ("replace", size - 1), ("charge", size - 1)):
        (figures,) = json_lines(run("eval", model, "latin.txt", "--unknown", rule, "--json"))
        assert (figures["characters"], figures["unknown"]) == (predicted, 60)
    rows = json_lines(run("eval", model, "latin.txt", "--unknown", "charge", "--per-char", "--json"))
    assert rows[7]["character"] == "�"
    assert rows[7]["bits"] == pytest.approx(20.08746284)
    copied = run("eval", model, "latin.txt", "--copied", "latin.txt", "--unknown", "replace", "--json")
    assert copied.code == 0
    told = run("sample", model, "--prime", "cafÃ the", "--unknown", "skip", "--length", 1)
    assert "1 of 9 characters of the prime is unknown to the model and was skipped" in told.err
    played = run("play", model, stdin="ß\n".encode())
    assert "byte 0x9F" in played.err
    with pytest.raises(charrnn.CharrnnError, match="byte 0x21"):
        charrnn.load(model).sample("the hall!")


def test_gaps_between_unknown_bytes(tmp_path, run):
    """What is filled is where the gaps are, whatever becomes of the bytes around them."""
    seen = "".join(sorted(map(chr, set(b"the cat_?"))))
    model = untrained(tmp_path / "both.npz", Vocabulary("", byte_level=True, seen=seen), bidirectional=True)
    refused(run("fill", model, "the é c_t"), "byte 0xC3 on line 1, column 5 of the text")
    filled = []
    for text, rule in (("é the é c_t h__é", "skip"), ("é the é c_t h__é", "replace"), (" the  c_t h__", "error")):
        told = run("fill", model, text, "--unknown", rule)
        known = [part.encode() for part in text.replace("__", "_").split("_")]
        filled.append(re.fullmatch(rb"(?s:%b(.)%b(..)%b)\n" % tuple(known), told.stdout).groups())
        assert ("6 of 19 characters of the text are unknown" in told.err) == (rule != "error")
    assert filled[0] == filled[2]
    assert filled[1] != filled[2]


def test_a_run_from_a_model_of_bytes(model, old, folder, run):
    """A new run has seen the bytes of both texts; a run from an old model does not know."""
    Path("latin.txt").write_bytes(TEXT.encode("latin-1"))
    start = ("train", "latin.txt", "--epochs", 0.2, "--quiet", "--seq-length", 16, "--init-from")
    assert run(*start, model, "-o", "new.npz").code == 0
    both = sorted(set(TEXT.encode("latin-1")) | set(TEXT.encode()))
    assert meta_of("new.npz")["vocabulary"]["seen"] == "".join(map(chr, both))
    assert run(*start, old, "-o", "from-old.npz").code == 0
    assert "seen" not in meta_of("from-old.npz")["vocabulary"]
    assert run("train", "--resume", "new.npz", "--epochs", 0.4, "--quiet", "-o", "resumed.npz").code == 0
    assert load("resumed.npz").vocabulary == load("new.npz").vocabulary


def test_bytes_of_documents(folder, run):
    """The separator is not text: its bytes are seen only where they are in a document."""
    Path("lines.txt").write_bytes(b"ab\nba\n" * 90)
    options = ("train", "lines.txt", *TINY, "--bytes", "--documents", "lines", "--epochs", 0.1, "--quiet")
    assert run(*options, "-o", "lines.npz").code == 0
    assert meta_of("lines.npz")["vocabulary"]["seen"] == "ab"
    assert run("sample", "lines.npz", "--prime", "ab\\nb", "--length", 3).code == 0
    refused(run("sample", "lines.npz", "--lines", 3), "can never end a text")


def test_any_byte_can_arrive(folder, run):
    """Online learning from a model of bytes has no bytes that are unknown, as its text has no end."""
    Path("corpus.txt").write_text(TEXT, encoding="utf-8")
    options = ("--bytes", "--hidden", 8, "--epochs", 1, "--quiet", "-o", "bytes.npz")
    assert run("train", "corpus.txt", *options).code == 0
    start = ("train", "-", "--online", "--gradient", "rtrl", "--init-from", "bytes.npz", "--quiet", "-o", "online.npz")
    assert run(*start, stdin=TEXT.encode("latin-1")).code == 0
    assert "seen" not in meta_of("online.npz")["vocabulary"]
    assert run("sample", "online.npz", "--prime", "ß", "--length", 3).code == 0
