"""``charrnn fill``: what is filled in, how it is told, and what is refused."""

import json
import math
import sys

import numpy as np
import pytest

from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import BEAM
from charrnn.writing.filling import CONTEXT
from tests.helpers.commands import Screen, enter, on_a_terminal, trained_on
from tests.helpers.model_files import untrained

SENTENCES = ("The cat sat on the mat.\n", "The dog ran up the hill.\n")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Train a small bidirectional model on two sentences, in any order."""
    text = "".join(SENTENCES[k] for k in np.random.default_rng(0).integers(0, 2, 400))
    options = ("--bidirectional", "--hidden", 24, "--epochs", 40)
    return trained_on(text, tmp_path_factory.mktemp("both"), *options)


@pytest.mark.parametrize(
    ("gapped", "text"),
    [
        ("The c_t s_t on the m_t.", SENTENCES[0][:-1]),
        ("The ___ sat on the ____", SENTENCES[0][:-1]),
        ("The dog r__ _________ll.", SENTENCES[1][:-1]),
        ("The ___ ran up", "The dog ran up"),
        ("t.\n___ cat sa", "t.\nThe cat sa"),
    ],
)
def test_what_was_learnt_is_filled_in(both, run, gapped, text):
    """By what is on both sides; a line feed ends what came from the command line."""
    result = run("fill", both, gapped)
    assert (result.code, result.out, result.err) == (0, text + "\n", "")


def test_standard_input_is_written_as_it_was(both, run):
    """With - or without, whatever its line breaks, and nothing is put behind it."""
    for text in (SENTENCES[0], SENTENCES[0][:-1], "\ufeff" + SENTENCES[0][:-1] + "\r\n" + SENTENCES[1]):
        given = text.replace("cat", "c__").encode()
        for arguments in ((), ("-",)):
            result = run("fill", both, *arguments, stdin=given)
            assert (result.code, result.stdout) == (0, text.encode())


def test_other_marks(both, run):
    """A character that needs no quoting in a pattern or does, one that the model does not know, and several."""
    for mark in ("?", ".", "…", "xyz", "\\n", "a"):
        text = SENTENCES[1][:-1].replace("n", mark.replace("\\n", "\n") if mark != "." else mark)
        if mark != ".":
            assert run("fill", both, text, "--mark", mark).out == SENTENCES[1][:-1] + "\n"
        else:
            assert len(run("fill", both, text, "--mark", mark).out) == len(SENTENCES[1])


def test_the_best_are_told_with_their_probability(both, run):
    """A line each: as text, as TSV and as JSON the same ones, and the first is what is filled in without."""
    text = "The _a_ s"
    rows = [json.loads(line) for line in run("fill", both, text, "-k", 4, "--json").out.splitlines()]
    assert rows[0]["text"] + "\n" == run("fill", both, text).out
    assert len(rows) == 4
    probabilities = [row["probability"] for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    for row in rows:
        assert [gap["index"] for gap in row["gaps"]] == [5, 7]
        assert "The {}a{} s".format(*(gap["filling"] for gap in row["gaps"])) == row["text"]
        assert math.prod(gap["probability"] for gap in row["gaps"]) == pytest.approx(row["probability"])
        assert row["bits_per_char"] == pytest.approx(-math.log2(row["probability"]) / 2.0)
    head, *lines = run("fill", both, text, "-k", 4, "--tsv").out.splitlines()
    assert head.split("\t") == ["probability", "bits_per_char", "text"]
    assert [line.split("\t") for line in lines] == [
        [str(row["probability"]), str(row["bits_per_char"]), row["text"].replace("\n", "\\n")] for row in rows
    ]
    head, *lines = run("fill", both, text, "-k", 4).out.splitlines()
    assert head.split() == ["probability", "bits/char", "text"]
    assert [line.split(maxsplit=2)[2] for line in lines] == [row["text"].replace("\n", "\\n").rstrip() for row in rows]
    assert run("fill", both, text, "-k", 1).out.splitlines()[0] == head


def test_all_that_there_are(both, run):
    """Where there are fewer than were asked for; they add up to one."""
    rows = run("fill", both, "The c_t", "--best", 999, "--json").out.splitlines()
    assert len(rows) == len(set("".join(SENTENCES)))
    assert sum(json.loads(row)["probability"] for row in rows) == pytest.approx(1.0)


def test_a_long_text_in_a_table_is_cut_where_it_is_known(both, run):
    """But not in the other forms."""
    text = SENTENCES[0] * 5 + "The c_t sat" + SENTENCES[0][11:] * 9 + SENTENCES[1] * 5 + "The _og"
    (line,) = run("fill", both, "-k", 1, stdin=text.encode()).out.splitlines()[1:]
    shown = line.split(maxsplit=2)[2]
    assert shown.startswith("…")
    assert "The cat sat on" in shown
    assert shown.endswith("The dog")
    assert len(shown) < 150
    row = json.loads(run("fill", both, "-k", 1, "--json", stdin=text.encode()).out)
    assert row["text"] == text.replace("c_t", "cat").replace("_og", "dog")
    assert [gap["index"] for gap in row["gaps"]] == [text.find("_") + 1, text.rfind("_") + 1]


def test_drawing(both, run):
    """A seed draws the same again, the first of several draws is the single one, and heat makes a difference."""
    text = ("The ___ ___",)
    one = run("fill", both, *text, "--temp", 2, "--seed", 5).out
    assert run("fill", both, *text, "--temp", 2, "--seed", 5).out == one
    rows = run("fill", both, *text, "--temp", 2, "--seed", 5, "--count", 30, "--json").out.splitlines()
    texts = [json.loads(row)["text"] for row in rows]
    assert texts[0] + "\n" == one
    assert len(set(texts)) > 10
    assert run("fill", both, "The c_t sat", "--temp", 0.01).out == "The cat sat\n"
    assert len(run("fill", both, *text, "--temp", 1, "--count", 2).out.splitlines()) == 3
    assert len({run("fill", both, "________", "--temp", 9).out for _ in range(3)}) == 3  # without a seed they differ


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("The cat",), "the text has no gap: the mark '_' is not in it; --mark sets another mark"),
        (("The c_t", "--mark", "?"), "the text has no gap: the mark '?' is not in it"),
        (("corpus.txt",), "the mark '_' is not in it; to read a file, type < corpus.txt"),
        (("",), "the text is empty"),
        (("Thé c_t",), "'é' (U+00E9) on line 1, column 3 of the text is not in the model's vocabulary"),
        (("_\n_é c_t",), "'é' (U+00E9) on line 2, column 2 of the text is not in the model's vocabulary"),
        (("c\udcff_",), "byte 0xFF on line 1, column 2 of the text is not UTF-8"),
    ],
)
def test_a_text_that_cannot_be_filled(both, folder, run, arguments, sentence):
    """One sentence says why."""
    result = run("fill", both, *arguments)
    assert (result.code, result.out) == (1, "")
    assert sentence in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("stdin", "sentence"),
    [
        (b"", "standard input is empty"),
        (b"The cat\n", "standard input has no gap: the mark '_' is not in it; --mark sets another mark"),
        (b"The\nc_t \xff", "standard input is not UTF-8 text"),
        (b"The\nc_t #", "'#' (U+0023) on line 2, column 5 of standard input"),
    ],
)
def test_standard_input_that_cannot_be_filled(both, run, stdin, sentence):
    """One sentence says why."""
    result = run("fill", both, stdin=stdin)
    assert (result.code, result.out) == (1, "")
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_unknown_characters_beside_gaps(both, run):
    """They are left out, or replaced, for the model alone: in what is written they stay."""
    for rule in ("skip", "replace"):
        result = run("fill", both, "The c_t «sat» on", "--unknown", rule)
        assert (result.code, result.out) == (0, "The cat «sat» on\n")
        assert "charrnn: 2 of 16 characters of " in result.err
        assert f"are unknown to the model and were {'skipped' if rule == 'skip' else 'replaced'}\n" in result.err
    assert run("fill", both, "é_", "--unknown", "skip").code == 0


def test_a_model_that_reads_one_side_alone(trained, run):
    """It is refused, and how to train another is told."""
    result = run("fill", trained, "der M_nn")
    assert (result.code, result.out) == (1, "")
    assert "charrnn train --bidirectional" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", 0),
        ("-k", 2, "--temp", 1),
        ("--count", 2),
        ("--seed", 1),
        ("--temp", 0),
        ("--temp", 1, "--beam", 4),
        ("--mark", ""),
        ("--json", "--tsv"),
        ("--beam", 0),
        ("too", "much"),
    ],
)
def test_wrong_usage(both, run, arguments):
    """Is refused before the model is read."""
    result = run("fill", both, "c_t", *arguments)
    assert (result.code, result.out) == (2, "")


def test_no_text_at_a_terminal(both, capsys, monkeypatch):
    """Nobody is left to wait for a text to be typed."""
    monkeypatch.setattr(sys, "stdin", Screen())
    assert enter("fill", both) == 2
    assert "Give a text with gaps, or - for standard input." in capsys.readouterr().err


def test_bytes(tmp_path, run):
    """A mark stands for a byte, in what is no UTF-8 too; nothing else is changed."""
    model = untrained(tmp_path / "bytes.npz", Vocabulary.of_bytes(), bidirectional=True)
    given = b"\xff\xfe\r\n_\x00__\r"
    result = run("fill", model, stdin=given)
    assert (result.code, len(result.stdout)) == (0, len(given))
    assert result.stdout[:4] == given[:4]
    assert (result.stdout[5:6], result.stdout[8:]) == (b"\x00", b"\r")
    result = run("fill", model, "é…ü", "--mark", "…")
    assert (result.code, len(result.stdout)) == (0, 6)
    assert (result.stdout[:2], result.stdout[3:]) == ("é".encode(), "ü\n".encode())
    row = json.loads(run("fill", model, "--json", "é_").out)
    assert len(row["gaps"]) == 1
    assert row["gaps"][0]["index"] == 3  # bytes are counted


def test_a_text_of_gaps_alone(both, run):
    """Is written by the model from nothing."""
    result = run("fill", both, "_" * 25)
    assert (result.code, len(result.out)) == (0, 26)
    assert set(result.out) <= set("".join(SENTENCES))


def test_a_terminal_is_not_commanded(tmp_path, run, monkeypatch):
    """What was filled in, or given, does nothing to a terminal, and goes as it is into a pipe."""
    model = untrained(tmp_path / "escapes.npz", Vocabulary.of("\x1b\x07\n"), bidirectional=True)
    given = b"\x1b\r\n\x07__"
    written = run("fill", model, stdin=given).stdout
    assert written.startswith(given[:4])
    for arguments in ((), ("-k", 3), ("-k", 3, "--tsv")):
        with monkeypatch.context() as patch:
            screen = on_a_terminal(patch)
            assert run("fill", model, *arguments, stdin=given).code == 0
            assert screen.getvalue().endswith("\n")
            assert not set(screen.getvalue()) & set("\x1b\x07\r")


def test_help_tells_what_is_needed(run):
    """The help names the mark, both sides and how such a model is trained."""
    told = " ".join(run("fill", "--help").out.split())
    for words in (
        "--bidirectional",
        "each _ stands for one unknown character",
        "choose another",
        f"{CONTEXT} characters",
    ):
        assert words in told
    assert f"[default: {BEAM};" in told
