"""Documents in an order of their own, streams that read them shuffled, and what is held out of a text."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text import pieces
from charrnn.text.holding_out import default_fraction, hold_out
from charrnn.text.ingest import read_corpus
from charrnn.text.pieces import Pieces, documents_of
from charrnn.text.streams import Streams
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.texts import corpus_of

LINES = st.lists(st.text("ab c", min_size=1, max_size=9).map(str.strip).filter(bool), min_size=2, max_size=60)


def texts_of(vocabulary, found):
    """Return pieces of documents as strings."""
    begins = found.ends - found.lengths
    return [
        vocabulary.decode(found.ids[found.sources(np.arange(begin, end))]).removesuffix("\n")
        for begin, end in zip(begins, found.ends, strict=True)
    ]


@given(LINES, st.randoms(use_true_random=False))
def test_documents_have_an_order_of_their_own(lines, chance):
    """It holds each of them once, and is the same in whatever order the text lists them."""
    vocabulary = Vocabulary.of_blocks(["abc \n"], "\n")
    shuffled = chance.sample(lines, len(lines))
    orders = [documents_of(vocabulary.encode("\n".join(text)), vocabulary.boundary)[0] for text in (lines, shuffled)]
    first, second = (texts_of(vocabulary, order) for order in orders)
    assert sorted(first) == sorted(lines)
    assert first == second


def test_neighbors_are_moved_together_if_there_are_many():
    """So that memory stays bounded; none is lost."""
    lines = [f"{'ab'[k % 2]}{'c' * (k % 7)}" for k in range(100)]
    corpus = corpus_of("\n".join(lines), "\n")
    grouped, _ = documents_of(corpus.ids, corpus.vocabulary.boundary, most=30)
    assert grouped.starts.size == 25
    assert grouped.size == corpus.ids.size
    found = "\n".join(texts_of(corpus.vocabulary, grouped)).split("\n")
    assert sorted(found) == sorted(lines)


def test_keys_see_both_ends_and_the_length():
    """Documents that differ in one symbol near an end, or in length, are told apart."""
    long = "a" * 200
    lines = [long, "b" + long[1:], long[1:] + "b", long[1:], long[:70] + "b" + long[71:]]
    corpus = corpus_of("\n".join(lines), "\n")
    begins = np.flatnonzero(corpus.ids == corpus.vocabulary.boundary)
    keys = pieces._keys(Pieces.of(corpus.ids, begins, np.diff(begins, append=corpus.ids.size)))
    assert len(set(keys[:4].tolist())) == 4
    assert keys[4] == keys[0]  # the middle of a long document is not looked at


@given(LINES, st.integers(1, 5), st.integers(1, 9), st.integers(0, 3))
def test_every_document_once_an_epoch(lines, batch, length, seed):
    """Whole, in one stream, from a start on; in another order in each epoch, and in as many windows."""
    vocabulary = Vocabulary.of_blocks(["abc \n"], "\n")
    documents, _ = documents_of(vocabulary.encode("\n".join(lines)), vocabulary.boundary)
    streams = Streams.plan(documents, batch, length, vocabulary.boundary, seed=seed)
    for number in range(2):
        epoch = streams.epoch(number)
        assert epoch.windows == streams.windows
        inputs, targets, steps = epoch.span(0, streams.windows)
        read = []
        for b in range(batch):
            x, y = ([row for w in range(len(steps)) for row in rows[w, : steps[w], b]] for rows in (inputs, targets))
            predicted = [(i, t) for i, t in zip(x, y, strict=True) if t >= 0]
            read += predicted
        if streams.seed is None:  # a document is too long for streams that start with documents
            return
        starts = sum(i == vocabulary.boundary for i, _ in read)
        assert starts == len(lines)
        text = "".join(vocabulary.spell([t])[0] if t != vocabulary.boundary else "\n" for _, t in read)
        assert sorted(text.removesuffix("\n").split("\n")) == sorted(lines)
        assert (targets[inputs < 0] < 0).all()


def test_epochs_differ_and_repeat():
    """The order depends on the seed and the epoch, and on nothing else."""
    corpus = corpus_of("\n".join(f"{k:03}" for k in range(500)), "\n")
    documents, _ = documents_of(corpus.ids, corpus.vocabulary.boundary)

    def order(seed, number):
        streams = Streams.plan(documents, 4, 8, corpus.vocabulary.boundary, seed=seed)
        return streams.epoch(number).text.starts.tobytes()

    assert order(0, 3) == order(0, 3)
    assert len({order(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_long_documents_are_read_in_streams_of_equal_length():
    """Rather than in a few streams while all others wait."""
    corpus = corpus_of("\n".join(["ab" * 200, "ba" * 150, "aabb" * 60]), "\n")
    documents, _ = documents_of(corpus.ids, corpus.vocabulary.boundary)
    streams = Streams.plan(documents, 8, 16, corpus.vocabulary.boundary, seed=1)
    assert streams.seed is None
    assert streams.epoch(3) is streams
    assert np.ptp(np.diff(streams.start)) <= 1


@pytest.mark.parametrize("times", [2, 9, 40, 300])
def test_equal_documents_stay_together(times):
    """All of them validate or none does, however often one occurs: what was learned by heart must not validate."""
    lines = [f"{k:03}" for k in range(60)] * times
    corpus = corpus_of("\n".join(lines), "\n")
    held = hold_out(corpus, 0.1, shuffled=True)
    assert 0.05 < held.validation.size / corpus.ids.size < 0.15
    trained, validated = set(texts_of(corpus.vocabulary, held.train)), corpus.vocabulary.decode(held.validation)
    assert not trained & set(validated.split("\n"))


def test_a_fair_share_of_documents_is_held_out():
    """About a tenth, of all kinds; the same in any order; equal documents on one side."""
    lines = [f"{'ab'[k % 2] * (3 + k % 5)}{k:04}" for k in range(2000)] + ["same"] * 50
    found = []
    for seed in range(2):
        random.Random(seed).shuffle(lines)
        corpus = corpus_of("\n".join(lines), "\n")
        held = hold_out(corpus, 0.1, shuffled=True)
        assert held.validation.size == pytest.approx(0.1 * corpus.ids.size, rel=0.1)
        assert held.validation.size + held.train.size == corpus.ids.size
        text = corpus.vocabulary.decode(held.validation)
        assert 0.35 < text.count("a") / (text.count("a") + text.count("b")) < 0.65
        trained = texts_of(corpus.vocabulary, held.train)
        assert not set(trained) & set(text.split("\n"))
        assert held.source == f"{len(lines) - len(trained):,} documents, drawn at random"
        found.append(sorted(text.split("\n")))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("sizes", "held"), [([7, 5000], 0), ([2000] * 20, 2 * 2002), ([2000] * 5, 2002), ([900] * 2, 0)]
)
def test_documents_that_give_no_fair_share(sizes, held):
    """Nothing is held out where that would be next to nothing, or half of the text."""
    corpus = corpus_of("\n".join(chr(97 + k) * size for k, size in enumerate(sizes)), "\n")
    assert hold_out(corpus, 0.1, shuffled=True).validation.size == held


def test_each_file_gives_its_end(tmp_path):
    """Of two languages, both validate; what trains and what validates is the whole text."""
    for name, letters in (("a.txt", "abc"), ("b.txt", "xyz"), ("c.txt", "pq")):
        (tmp_path / name).write_text("".join(letters[k % len(letters)] for k in range(1000)))
    corpus = read_corpus([str(tmp_path)])
    assert corpus.files == (1001, 1001, 1000)  # a line feed ends each but the last
    held = hold_out(corpus, 0.1, shuffled=True)
    text = corpus.vocabulary.decode(held.validation)
    assert [set(part) for part in text.split("\n")] == [set("abc"), set("xyz"), set("pq")]
    trained = held.train.beginning(10_000)
    assert trained.size + held.validation.size == corpus.ids.size
    assert held.source == "the ends of 3 files"
    single = hold_out(corpus_of("abc" * 100), 0.1, shuffled=True)
    assert (single.validation.size, single.source) == (30, "its end")


def test_long_texts_hold_out_less():
    """A tenth, but no more than is read in a validation."""
    assert default_fraction(1_000_000) == 0.1
    assert default_fraction(10_000_000) == pytest.approx(0.02)


def test_files_are_read_one_after_another_in_streams(tmp_path):
    """Each prediction once, also from a file's last training symbol to the next file's first."""
    ids = np.arange(100, dtype=np.uint8)
    parts = Pieces.of(ids, np.array([0, 50]), np.array([40, 45]))
    text = np.concatenate([ids[:40], ids[50:95]])
    whole = Streams.plan(text, 3, 7)
    streams = Streams.plan(parts, 3, 7)
    assert streams.windows == whole.windows
    for mine, its in zip(streams.span(0, whole.windows), whole.span(0, whole.windows), strict=True):
        assert np.array_equal(mine, its)
