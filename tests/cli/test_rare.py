"""``--rare``: characters that are rare in the training text are one unknown symbol, in every command."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.cli.train_session import _sample
from charrnn.errors import UnknownWarning
from charrnn.model.model_file import load, save
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import TINY, json_lines, misused, refused, trained_on
from tests.helpers.model_files import assert_same_bits, meta_of

WORDS = "the cat sat on the mat and the dog ran up the hill".split()
RARE = "漢字仮名交じり文ΩЖ"


def made(seed=0, lines=300):
    """Return lines of words, with a rare character here and there."""
    choose = np.random.default_rng(seed)
    text = [" ".join(choose.choice(WORDS, 6)) for _ in range(lines)]
    for character in RARE:
        for _ in range(2):
            text[choose.integers(lines)] += f" {character}"
    return "\n".join(text) + "\n"


@pytest.fixture(scope="module")
def text():
    """Return a text with characters that occur twice."""
    return made()


@pytest.fixture(scope="module")
def model(tmp_path_factory, text):
    """Train a small model with an unknown symbol."""
    return trained_on(text, tmp_path_factory.mktemp("rare"), "--rare", 3, "--epochs", 2)


@pytest.fixture(scope="module")
def both(tmp_path_factory, text):
    """Train a small bidirectional model with an unknown symbol."""
    return trained_on(text, tmp_path_factory.mktemp("both"), "--rare", 3, "--epochs", 2, "--bidirectional")


@pytest.fixture
def eager(tmp_path, model):
    """Return a model that predicts the unknown symbol nearly always."""
    checkpoint = load(model)
    bias = checkpoint.parameters["output.c"].copy()
    bias[checkpoint.vocabulary.unknown_symbol] = 50.0
    save(tmp_path / "eager.npz", replace(checkpoint, parameters=checkpoint.parameters | {"output.c": bias}))
    return tmp_path / "eager.npz"


def test_what_is_rare_is_said(folder, run, model, text):
    """In the header, by info, and in the file: how many characters, and which share of the text."""
    counts = Counter(text)
    facts = meta_of(model)
    assert facts["vocabulary"]["characters"] == "".join(sorted({c for c in counts if counts[c] >= 3} | {"�"}))
    assert facts["vocabulary"]["rare"] == 3
    assert facts["corpus"]["unknown"] == 2 * len(RARE)
    share = f"� for {2 * len(RARE)} characters ({200 * len(RARE) / len(text):.2g} %) that occur fewer than 3 times"
    assert share in run("info", model).out
    assert json.loads(run("info", model, "--json").out)["vocabulary"]["rare"] == 3
    Path("corpus.txt").write_text(text, encoding="utf-8")
    told = run("train", "corpus.txt", *TINY, "--epochs", 0.01, "--rare", 3, "-o", "new.npz")
    assert f"{len(facts['vocabulary']['characters']) - 1} distinct characters and {share}" in " ".join(told.err.split())


def test_no_rare_characters(folder, run):
    """Then there is no unknown symbol, and a note says so; a U+FFFD in the text is a character like any other."""
    Path("corpus.txt").write_text("ab�\n" * 500, encoding="utf-8")
    told = run("train", "corpus.txt", *TINY, "--epochs", 0.1, "--rare", 5, "-o", "new.npz")
    assert "no character occurs fewer than 5 times" in told.err
    assert "rare" not in meta_of("new.npz")["vocabulary"]
    assert "no unknown symbol" in run("sample", "new.npz", "--allow-unknown").err


def test_the_unknown_symbol_is_not_written_unless_allowed(eager, run, both):
    """By no command: however probable it is, the others are drawn by their own probabilities."""
    for options in (("--temp", 0), ("--temp", 1.5), ("--top-k", 1, "--repeat-penalty", 1.5)):
        told = run("sample", eager, "--length", 200, "--seed", 1, *options)
        assert "�" not in told.out
        assert len(told.out.rstrip("\n")) > 100
    assert run("sample", eager, "--length", 200, "--allow-unknown", "--seed", 1).out.count("�") > 190
    assert "�" not in run("play", eager, "--length", 50, stdin=b"the\n").out
    assert "�" in run("play", eager, "--length", 50, "--allow-unknown", stdin=b"the\n").out
    model = charrnn.load(eager)
    assert "�" not in model.sample(length=99, seed=1)
    assert model.sample(length=99, seed=1, allow_unknown=True).count("�") > 90
    assert model.next_characters("the")[0][0] == "�"  # what the model predicts
    checkpoint = load(both)
    checkpoint.parameters["output.c"][checkpoint.vocabulary.unknown_symbol] = 50.0
    save(eager, checkpoint)
    assert "�" not in run("fill", eager, "the c_t").out
    assert run("fill", eager, "the c_t", "--allow-unknown").out == "the c�t\n"
    assert all("�" not in found["text"] for found in json_lines(run("fill", eager, "the c__", "-k", 20, "--json")))
    assert charrnn.load(eager).fill("the c_t", allow_unknown=True) == "the c�t"


def test_unknown_characters_are_read_as_the_symbol(model, both, run):
    """After near forms, and the count is said."""
    told = run("sample", model, "--prime", "the 漢\u00a0cat ☃�", "--length", 5)
    assert told.out.startswith("the � cat ��")
    assert "3 of 12 characters of the prime are unknown to the model and were read as �" in told.err
    assert "U+00A0 as U+0020" in told.err
    assert run("sample", model, "--prime", "the ☃cat", "--unknown", "skip", "--length", 5).out.startswith("the cat")
    assert "were read as �" in run("fill", both, "the ☃☃ c_t").err
    assert "was read as �" in run("play", model, stdin="☃\n".encode()).err
    refused(run("sample", model, "--stop", "☃"), "can never end a text")
    with pytest.warns(UnknownWarning, match="was read as �"):
        assert charrnn.load(model).next_characters("☃") == charrnn.load(model).next_characters("☄")


def test_a_score_says_what_the_symbol_costs(model, folder, run):
    """Unknown characters are counted, predicted as the symbol, and the sentence says what that leaves out."""
    Path("other.txt").write_text("the cat 漢 sat ☃\n", encoding="utf-8")
    told = run("eval", model, "other.txt")
    assert "2 characters are unknown (12.50 %) and predicted as one symbol, �; which characters they are" in told.out
    (figures,) = json_lines(run("eval", model, "other.txt", "--json"))
    assert (figures["characters"], figures["unknown"]) == (15, 2)
    rows = json_lines(run("eval", model, "other.txt", "--per-char", "--json"))
    assert [row["character"] for row in rows] == list("the cat � sat �\n")
    total = sum(row["bits"] for row in rows[1:])
    assert figures["bits_per_char"] == pytest.approx(total / 15, rel=1e-6)
    for rule, characters in (("skip", 13), ("replace", 15), ("charge", 15)):
        (ruled,) = json_lines(run("eval", model, "other.txt", "--json", "--unknown", rule))
        assert (ruled["characters"], ruled["unknown"]) == (characters, 2)
        assert (ruled["nats_per_char"] == figures["nats_per_char"]) == (rule == "replace")
    compared = run("eval", model, "-m", model, "other.txt", "--json")
    assert '"best": true' not in compared.out
    (score,) = [charrnn.load(model).score(Path("other.txt"))]
    assert (score.unknown, score.nats_per_char) == (2, figures["nats_per_char"])


@pytest.mark.parametrize("options", [(), ("--documents", "lines"), ("--bidirectional",)])
def test_a_resumed_run_reads_the_same(folder, run, text, options):
    """The text is encoded with the vocabulary of the run, and as many characters are unknown."""
    Path("corpus.txt").write_text(text, encoding="utf-8")
    common = ("train", "corpus.txt", *TINY, "--rare", 3, *options, "--quiet")
    assert run(*common, "--epochs", 1, "--threads", 2, "-o", "whole.npz").said == ""
    assert run(*common, "--epochs", 0.4, "--threads", 1, "-o", "half.npz").code == 0
    assert run("train", "--resume", "half.npz", "--epochs", 1, "--quiet", "-o", "resumed.npz").code == 0
    first, second = load("whole.npz"), load("resumed.npz")
    assert first.vocabulary == second.vocabulary
    assert first.corpus == second.corpus
    assert first.corpus["unknown"] == 2 * len(RARE)


def test_resume_keeps_every_bit(folder, run, text):
    """A run that pauses ends with the bits of one that does not, with any number of threads."""
    Path("corpus.txt").write_text(text, encoding="utf-8")
    whole = charrnn.train("corpus.txt", hidden=8, rare=3, epochs=1, seed=2, threads=2)
    whole.finish(save="whole.npz")
    paused = charrnn.train("corpus.txt", hidden=8, rare=3, epochs=1, seed=2, threads=1)
    next(paused)
    paused.save("paused.npz")
    charrnn.train(resume="paused.npz").finish(save="resumed.npz")
    assert_same_bits("whole.npz", "resumed.npz")


def test_start_from_a_model_with_the_symbol(model, folder, run):
    """Its symbol stays the symbol: unknown characters of another text are read as it, or added with --remap."""
    Path("other.txt").write_text(made(1) + "☃☃☃☃ ☄\n", encoding="utf-8")
    start = ("train", "other.txt", "--init-from", model, "--epochs", 0.1, "--quiet", "--seq-length", 16)
    assert run(*start, "-o", "same.npz").code == 0
    same, before = load("same.npz"), load(model)
    assert same.vocabulary == before.vocabulary
    assert same.corpus["unknown"] == 2 * len(RARE) + 5
    assert run(*start, "--remap", "--rare", 4, "-o", "more.npz").code == 0
    more = load("more.npz")
    assert set(more.vocabulary.characters) == {*before.vocabulary.characters, "☃"}
    assert (more.vocabulary.rare, more.corpus["unknown"]) == (4, 2 * len(RARE) + 1)
    refused(run(*start, "--rare", 4, "-o", "no.npz"), "--rare needs --remap")


def test_the_symbol_keeps_its_weights(model):
    """In a larger vocabulary, each character has its own, and so has the symbol."""
    from charrnn.model.transfer import common_vocabulary, starting_weights

    source = load(model)
    larger = common_vocabulary(source.vocabulary, Vocabulary.of("☃abc"), remap=True)
    assert larger.rare == 3
    weights = starting_weights(source, larger, seed=1)
    old, new = source.vocabulary.unknown_symbol, larger.unknown_symbol
    assert old != new
    assert np.array_equal(weights["output.V"][:, new], source.parameters["output.V"][:, old])


def test_characters_of_a_validation_text(folder, run, text):
    """One that the text does not have is unknown, too, even if no character of the text is rare."""
    Path("corpus.txt").write_text("the cat\n" * 200, encoding="utf-8")
    Path("valid.txt").write_text("the c☃t\n" * 20, encoding="utf-8")
    options = ("train", "corpus.txt", *TINY, "--epochs", 0.5, "--validate", "valid.txt", "--quiet", "-o", "new.npz")
    assert run(*options, "--rare", 2).code == 0
    made_of = load("new.npz").vocabulary
    assert (made_of.characters, made_of.rare) == ("\n aceht�", 2)


def test_wrong_use(model, folder, run):
    """Bytes have no rare characters, and a resumed run keeps its own."""
    refused(run("train", "corpus.txt", "--bytes", "--rare", 3), "--rare is for characters")
    misused(run("train", "corpus.txt", "--rare", 1), "from 2")
    misused(run("train", "--resume", model, "--rare", 3), "keeps its own --rare")
    with pytest.raises(charrnn.CharrnnError, match="rare must be 0 or from 2"):
        charrnn.train("corpus.txt", rare=1)


def test_samples_of_a_run_do_not_show_the_symbol(text):
    """What is shown during training is written as by ``sample``; the run itself is not changed."""
    run_of = charrnn.train(text, hidden=8, rare=3, epochs=0.1)
    next(run_of)
    trainer = run_of._trainer
    bias = trainer.network.weights.named["output.c"]
    bias[trainer.data.vocabulary.unknown_symbol] = 50.0
    trainer.network.pack()
    before = bias.copy()
    assert "�" not in _sample(trainer)
    assert np.array_equal(bias, before)
    run_of.close()
