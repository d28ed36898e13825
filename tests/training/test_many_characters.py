"""Runs on texts of many characters, as a user starts them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.model.team import Team
from charrnn.text.pieces import Pieces
from charrnn.training.settings import Settings, default_embedding, default_sampled_softmax
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.commands import enter, refused
from tests.helpers.model_files import assert_same_file, meta_of
from tests.helpers.texts import corpus_of

MANY = 2500  # different characters


@pytest.fixture
def poems(folder):
    """Write a text of many characters, of which a few are frequent; return its name."""
    rng = np.random.default_rng(0)
    ids = np.minimum((rng.pareto(0.6, 40_000) * 8).astype(int), MANY - 1)
    ids[:MANY] = np.arange(MANY)
    text = "".join(chr(0x4E00 + k) if (i + 1) % 8 else "，\n"[i // 8 % 2] for i, k in enumerate(rng.permutation(ids)))
    Path("poems.txt").write_text(text, encoding="utf-8")
    return "poems.txt"


def test_a_large_vocabulary_has_a_sampled_softmax_by_itself_and_a_very_large_one_an_embedding(poems, run):
    """Info tells of them; 0 is none; a small vocabulary has none."""
    assert enter("train", poems, "--hidden", 16, "--epochs", 0.2, "-o", "big.npz", "--no-samples") == 0
    training = meta_of("big.npz")["training"]
    assert (training["embedding"], training["sampled_softmax"]) == (0, 384)
    assert "embedding" not in meta_of("big.npz")["network"]
    assert "sampled_softmax 384" in run("info", "big.npz").out
    embedded = ("--embedding", 64, "--sampled-softmax", 0)
    assert enter("train", poems, "--hidden", 16, "--epochs", 0.1, *embedded, "-o", "other.npz", "--quiet") == 0
    assert "embedding of 64" in run("info", "other.npz").out
    assert "sampled_softmax" not in run("info", "other.npz").out
    assert (default_embedding(9999), default_embedding(10_000)) == (0, 64)
    assert (default_sampled_softmax(1999), default_sampled_softmax(2000)) == (0, 384)


@pytest.mark.parametrize("embedding", [0, 64])
def test_commands_read_such_a_model(poems, run, embedding):
    """It is sampled, scored and traced; a run goes on from it, and another starts from it, with more characters."""
    small = ("--hidden", 16, "--epochs", 0.3, "--embedding", embedding)
    assert enter("train", poems, *small, "--quiet", "-o", "m.npz") == 0
    assert len(run("sample", "m.npz", "--length", 30, "--seed", 1).out) == 30
    loss = charrnn.load("m.npz").score(Path(poems).read_text(encoding="utf-8")).nats_per_char
    assert loss < np.log(MANY)
    assert enter("train", "--resume", "m.npz", "--epochs", 0.4, "--quiet") == 0
    Path("more.txt").write_text(Path(poems).read_text(encoding="utf-8")[:5000] + "abc" * 50, encoding="utf-8")
    begun = ("train", "more.txt", "--init-from", "m.npz", "--epochs", 0.2, "--quiet", "-o", "n.npz")
    refused(run(*begun), "add --remap")
    assert enter(*begun, "--remap") == 0
    old, new = charrnn.load("m.npz"), charrnn.load("n.npz")
    name, width = ("embedding.E", 64) if embedding else ("layer0.U_f", 16)
    assert new.parameters[name].shape == (len(old.parameters[name]) + 3, width)


def test_a_sampled_run_begins_with_how_frequent_each_character_is():
    """Its first biases predict that; a run from given weights has those, and one over all characters none."""
    corpus = corpus_of("the fox met the crow at the well. " * 40)
    settings = Settings(cell="gru", hidden=8, epochs=0.1, sampled_softmax=9, val_fraction=0.0)
    counts = np.bincount(corpus.ids, minlength=len(corpus.vocabulary)) + 1.0
    with Team(1) as team:
        weights = Trainer(TextData(settings, corpus), team).network.weights.named
        np.testing.assert_allclose(np.exp(weights["output.c"]), counts / counts.mean(), rtol=1e-5)
        given = {name: np.ones_like(values) for name, values in weights.items()}
        assert (Trainer(TextData(settings, corpus), team, given).network.weights.named["output.c"] == 1.0).all()
        over_all = Trainer(TextData(replace(settings, sampled_softmax=0), corpus), team)
        assert not over_all.network.weights.named["output.c"].any()


@pytest.mark.parametrize("embedding", [0, 5])
@pytest.mark.parametrize("network", [("--cell", "lstm"), ("--cell", "gru", "--bidirectional")])
def test_a_run_resumes_exactly(poems, network, embedding):
    """Stopped anywhere, it ends on the same file, on one thread and on two."""
    options = (*network, "--hidden", 8, "--epochs", 0.5, "--embedding", embedding, "--quiet", "--threads", 2)
    assert enter("train", poems, *options, "-o", "whole.npz") == 0
    same = {"cell": network[1], "bidirectional": len(network) > 2, "embedding": embedding, "hidden": 8, "epochs": 0.5}
    run = charrnn.train(poems, **same, threads=1, seed=0)
    next(run)
    run.save("part.npz")
    assert enter("train", "--resume", "part.npz", "--quiet", "-o", "joined.npz", "--threads", 2) == 0
    assert_same_file("whole.npz", "joined.npz")


def test_a_gap_is_filled_through_an_embedding(poems, run):
    """Each direction reads its rows of E; the one from the right also that of the gap."""
    options = ("--bidirectional", "--embedding", 9, "--hidden", 8, "--epochs", 0.3, "--quiet", "-o", "both.npz")
    assert enter("train", poems, *options) == 0
    text = Path(poems).read_text(encoding="utf-8")[:6]
    filled = run("fill", "both.npz", text[:3] + "___" + text[3:], "--beam", 4).out
    assert filled.startswith(text[:3])
    assert len(filled.rstrip("\n")) >= 9 - filled.count("\n")


def test_counts_are_of_all_pieces_and_nothing_else():
    """Whether they touch or not, and in whatever order."""
    ids = np.random.default_rng(0).integers(0, 7, 100).astype(np.uint8)
    pieces = Pieces.of(ids, np.array([40, 0, 20, 90]), np.array([30, 10, 20, 5]))
    inside = np.r_[ids[40:70], ids[0:10], ids[20:40], ids[90:95]]
    np.testing.assert_array_equal(pieces.counts(8), np.bincount(inside, minlength=8))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--embedding", -1), "--embedding"),
        (("--embedding", 5000), "--embedding"),
        (("--sampled-softmax", -3), "--sampled-softmax"),
        (("--gradient", "rtrl", "--embedding", 8), "not through an embedding"),
        (("--gradient", "rtrl", "--sampled-softmax", 8), "no sampled softmax"),
    ],
)
def test_what_cannot_be_is_refused(folder, capfd, options, told):
    """In one sentence, before anything is written."""
    assert enter("train", "corpus.txt", *options) in (1, 2)
    error = capfd.readouterr().err
    assert told in error
    assert not Path("model.npz").exists()
