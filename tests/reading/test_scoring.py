"""Scoring texts of any length, and telling of each line and character what it cost."""

import math
from dataclasses import astuple
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.model.model_file import load
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.losses import DEFAULT_CUT, Cut, score_pieces
from charrnn.reading.scoring import characters, lines, score, total
from charrnn.text.vocabulary import Vocabulary
from tests import naive
from tests.helpers.networks import opinionated, wide, zero_state


def twin_losses(net, inputs, targets):
    """Return what the naive twin loses at each step [n], from the zero state."""
    architecture = net.architecture
    ids = np.asarray(inputs)[:, np.newaxis]
    logits, _, _ = naive.forward(architecture.cell, wide(net), ids, zero_state(architecture))
    return -naive.log_softmax(logits[:, 0])[np.arange(len(targets)), targets]


def pieces_of(net, blocks, boundary=None, threads=2, cut=DEFAULT_CUT):
    """Score blocks; return all symbols and what each of them cost, and how many pieces there were."""
    with Team(threads) as team:
        scored = list(score_pieces(net, blocks, team, boundary, cut=cut))
    return np.concatenate([ids for ids, _ in scored]), np.concatenate([nats for _, nats in scored]), len(scored)


def cut_at(text, places):
    """Cut a text at some places."""
    return np.split(text, sorted(places))


SMALL = Cut(piece=2500, stream_length=600)  # so that a text has many pieces, and these have many streams


# The losses


@pytest.mark.parametrize("size", [2, 3, 50, 1000])
def test_the_score_of_a_short_text_is_the_twins(size):
    """A short text is read in one go: the loss is exactly that of the twin."""
    net = opinionated("gru", scale=2.0)
    ids = np.random.default_rng(size).integers(0, 9, size).astype(np.uint8)
    expected = twin_losses(net, ids[:-1], ids[1:]).mean()
    with Team(2) as team:
        result = score(net, ids, team)
    assert result.characters == size - 1
    assert result.nats_per_char == pytest.approx(expected, rel=1e-5)
    assert result.bits_per_char == pytest.approx(expected / np.log(2), rel=1e-5)
    assert result.perplexity == pytest.approx(np.exp(expected), rel=1e-4)


def test_a_long_text_read_side_by_side_scores_nearly_as_in_one_go():
    """Streams that warm up on what comes before them lose next to nothing, and threads change no bit of it."""
    net = opinionated(scale=1.0)
    ids = np.random.default_rng(1).integers(0, 9, 5 * DEFAULT_CUT.stream_length + 77).astype(np.uint8)
    results = []
    for threads in (1, 2, 3):
        with Team(threads) as team:
            results.append(score(net, ids, team))
    assert results[0] == results[1] == results[2]
    assert results[0].characters == ids.size - 1
    assert results[0].nats_per_char == pytest.approx(twin_losses(net, ids[:-1], ids[1:]).mean(), rel=1e-4)


def test_a_thread_with_one_stream_scores_as_one_with_many(monkeypatch):
    """The order of a sum does not depend on how many rows a thread has, though losses differ by orders of magnitude."""
    net = opinionated("rnn", layers=1, scale=1.0)
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 9, 7 * DEFAULT_CUT.stream_length).astype(np.uint8)
    table = 10 ** rng.uniform(-14, 1.3, (9, 64))

    def losses(window, first, last, steps):
        here = window.ids[:steps, first:last]
        window.losses[:steps, first:last] = table[here, np.arange(steps)[:, np.newaxis]]

    monkeypatch.setattr(net, "losses", losses)
    scores = []
    for threads in (1, 3, 7):
        with Team(threads) as team:
            scores.append([score(net, ids[k:], team).nats for k in range(3)])
    assert scores[0] == scores[1] == scores[2]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("size", [1, 2, 2499, 2500, 2501, 2502, 5000, 9001])
def test_every_character_costs_what_the_twin_says(cell, size):
    """In order, each character of a text in many pieces costs what it would in one go; the first one costs nothing."""
    net = opinionated(cell, layers=1, scale=1.0)
    text = np.random.default_rng(3).integers(0, 9, size).astype(np.uint8)
    ids, nats, pieces = pieces_of(net, [text], cut=SMALL)
    assert pieces == -(-size // 2500)
    assert nats.dtype == np.float32
    assert np.array_equal(ids, text)
    assert nats[0] == 0.0
    if size > 1:
        np.testing.assert_allclose(nats[1:], twin_losses(net, text[:-1], text[1:]), atol=2e-5)


def test_blocks_and_threads_change_no_bit():
    """However a text arrives, and however many threads read it, every figure has the same bits."""
    net, rng = opinionated(scale=1.0), np.random.default_rng(4)
    text = rng.integers(0, 9, 8000).astype(np.uint8)
    expected = pieces_of(net, [text], cut=SMALL)
    for threads, places in ((1, [1, 2, 2500]), (3, range(1, 8000, 7)), (2, [5000]), (5, rng.integers(1, 8000, 9))):
        ids, nats, pieces = pieces_of(net, cut_at(text, places), threads=threads, cut=SMALL)
        assert pieces == expected[2] == 4
        assert np.array_equal(ids, expected[0])
        assert nats.tobytes() == expected[1].tobytes()
    with Team(1) as team:
        assert total(score_pieces(net, [text], team, cut=SMALL)).nats == pytest.approx(
            expected[1].sum(dtype=np.float64), rel=1e-12
        )


def documents(sizes, boundary):
    """Make up documents of these sizes; return each, and all of them encoded."""
    rng = np.random.default_rng(5)
    made = [rng.integers(0, boundary, size) for size in sizes]
    return made, np.concatenate([[boundary, *each, boundary + 1] for each in made]).astype(np.uint8)


@pytest.mark.parametrize("sizes", [[1], [3, 1, 4], [30] * 300, [2498, 2498, 3, 2495, 1], [7000, 1, 1]])
def test_documents_are_scored_one_by_one(sizes):
    """Each document costs what the twin says from the zero state, its end included, wherever pieces are cut."""
    net = opinionated("gru", symbols=9, layers=1, scale=1.0)
    made, text = documents(sizes, 8)
    ids, nats, _ = pieces_of(net, [text], boundary=8, cut=SMALL)
    assert np.array_equal(ids, text[text != 8])
    expected = np.concatenate([twin_losses(net, [8, *each], [*each, 8]) for each in made])
    np.testing.assert_allclose(nats, expected, atol=3e-5)
    with Team(2) as team:
        result = total(score_pieces(net, [text], team, 8, cut=SMALL), 8)
    assert result.characters == sum(sizes) + len(sizes)
    assert result.nats == pytest.approx(expected.sum(), rel=1e-5)


def test_a_text_is_read_as_it_is_scored():
    """No more of a text is read than the piece that is scored: it may be endless."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield np.zeros(100, np.uint8)

    with Team(1) as team:
        for pieces, _ in enumerate(islice(score_pieces(opinionated(scale=1.0), endless(), team, cut=SMALL), 3), 1):
            assert taken == 25 * pieces


def test_an_endless_loss_counts_as_such():
    """Predictions that are no numbers make no number of a score, and no error: training goes back after such a one."""
    net = opinionated(scale=1.0)
    net.weights.named["output.V"][...] = np.inf
    net.pack()
    with Team(1) as team:
        assert not math.isfinite(score(net, np.zeros(50, np.uint8), team).nats)


# Lines


def scored(text, vocabulary, places=()):
    """Return a text's pieces as if scored: symbol k costs k / 8 nats, which adds up exactly."""
    ids = vocabulary.encode(text)
    if vocabulary.boundary is not None:
        ids = ids[ids != vocabulary.boundary]
    nats = np.arange(ids.size, dtype=np.float32) / 8
    cuts = sorted({place for place in places if 0 < place < ids.size})
    return list(zip(np.split(ids, cuts), np.split(nats, cuts), strict=True))


@given(st.text("ab\n", min_size=1), st.lists(st.integers(1, 40), max_size=4))
@example("\n", [])
@example("a", [])
@example("\n\na\n", [1, 2, 3])
@example("ab\nb", [2, 3])
def test_lines_are_the_texts(text, places):
    """Each line has its number, what is on it, and the sum of what it and its line feed cost, wherever a piece ends."""
    found = list(lines(scored(text, Vocabulary("\nab"), places), Vocabulary("\nab")))
    whole = text.split("\n") if not text.endswith("\n") else text.split("\n")[:-1]
    assert [line.text for line in found] == whole
    assert [line.number for line in found] == list(range(1, len(whole) + 1))
    begin = 0
    for number, (line, whole_line) in enumerate(zip(found, text.splitlines(keepends=True), strict=True)):
        end = begin + len(whole_line)
        assert line.characters == len(whole_line) - (number == 0)
        assert line.nats == sum(range(begin, end)) / 8
        assert line.bits == pytest.approx(line.nats / math.log(2))
        assert line.bits_per_char == (line.bits / line.characters if line.characters else None)
        begin = end
    result = total(scored(text, Vocabulary("\nab"), places))
    assert result.characters == sum(line.characters for line in found) == len(text) - 1
    assert result.nats == sum(line.nats for line in found)


def test_a_model_without_line_feeds_has_one_line():
    """Where the vocabulary has no line feed all is one line."""
    (line,) = lines(scored("abba", Vocabulary("ab"), [1, 3]), Vocabulary("ab"))
    assert (line.number, line.characters, line.text) == (1, 3, "abba")


@pytest.mark.parametrize("places", [(), (2, 5), range(1, 9)])
def test_documents_stand_for_lines(places):
    """Of documents each is one record, with its end, whatever lines it has."""
    vocabulary = Vocabulary("\nab", separator="--")
    found = list(lines(scored("a\nb--ba--a", vocabulary, places), vocabulary))
    assert [(line.number, line.characters, line.text) for line in found] == [(1, 4, "a\nb"), (2, 3, "ba"), (3, 2, "a")]
    assert [line.nats * 8 for line in found] == [0 + 1 + 2 + 3, 4 + 5 + 6, 7 + 8]


def test_lines_of_bytes_are_read_as_utf8():
    """Bytes are shown as the characters that they spell, and what is no UTF-8 as �."""
    data = "Tür\n".encode() + b"\xff\n"
    found = list(lines(scored(data, Vocabulary.of_bytes(), [2]), Vocabulary.of_bytes()))
    assert [line.text for line in found] == ["Tür", "\N{REPLACEMENT CHARACTER}"]
    assert [line.characters for line in found] == [4, 2]


@pytest.mark.parametrize("places", [(), (5,), (10, 11, 25), range(3, 40, 3)])
def test_a_line_without_end_is_not_kept(places):
    """Of a line longer than what is shown only the beginning is kept, but all of it counts."""
    vocabulary = Vocabulary("\nab")
    found = list(lines(scored("a" * 10 + "\n" + "ab" * 10 + "\nb", vocabulary, places), vocabulary, longest=10))
    assert [line.text for line in found] == ["a" * 10, "ababababab…", "b"]
    assert [line.characters for line in found] == [10, 21, 1]


# Characters


@given(st.text("ab\n", min_size=1), st.lists(st.integers(1, 40), max_size=4), st.integers(1, 9))
@example("\n\n", [1], 1)
@example("a\n\nb\n", [2], 2)
def test_characters_have_their_places(text, places, at_once):
    """Each character has its place, line and column, its bits and its probability; the first was given."""
    vocabulary = Vocabulary("\nab")
    found = list(characters(scored(text, vocabulary, places), vocabulary, at_once=at_once))
    assert "".join(record[3] for record in found) == text
    for k, (index, line, column, _, bits, probability) in enumerate(found):
        assert index == k + 1
        assert line == 1 + text[:k].count("\n")
        assert column == k - text.rfind("\n", 0, k)
        if k:
            assert bits == pytest.approx(k / 8 / math.log(2))
            assert probability == pytest.approx(math.exp(-k / 8))
            assert probability == pytest.approx(2**-bits)
        else:
            assert bits is probability is None


def test_pieces_do_not_show(trained):
    """Where a long text is cut into pieces makes next to no difference, to lines and to characters."""
    model = load(trained)
    network, vocabulary = Network(model.architecture, model.parameters), model.vocabulary
    text = vocabulary.encode(trained.with_name("corpus.txt").read_text(encoding="utf-8"))
    told = []
    with Team(1) as team:
        for cut in (DEFAULT_CUT, Cut(piece=1000)):
            pieces = list(score_pieces(network, [text], team, cut=cut))
            told.append([*map(astuple, lines(pieces, vocabulary)), *characters(pieces, vocabulary)])
    for one, other in zip(*told, strict=True):
        for value, same in zip(one, other, strict=True):
            assert value == (pytest.approx(same, abs=2e-3) if isinstance(same, float) else same)


def test_characters_of_documents():
    """All of a document is predicted; its end is what separates documents, and the next one begins after it."""
    vocabulary = Vocabulary("\nab", separator="--")
    found = list(characters(scored("a\nb--b", vocabulary), vocabulary))
    assert [record[:4] for record in found] == [
        (1, 1, 1, "a"),
        (2, 1, 2, "\n"),
        (3, 1, 3, "b"),
        (4, 1, 4, "--"),
        (5, 2, 1, "b"),
        (6, 2, 2, "--"),
    ]
    assert found[0][4:] == (0.0, 1.0)


def test_bytes_are_spelt():
    """ASCII is spelt as it is, another byte by its number."""
    found = characters(scored("aß\n".encode(), Vocabulary.of_bytes()), Vocabulary.of_bytes())
    assert [record[3] for record in found] == ["a", "\\xc3", "\\x9f", "\n"]


def test_no_probability_is_above_one():
    """A loss that rounding made negative is none."""
    vocabulary = Vocabulary("ab")
    (_, record) = characters([(vocabulary.encode("ab"), np.array([0, -1e-7], np.float32))], vocabulary)
    assert record[4:] == (0.0, 1.0)


def test_parts_of_a_long_text_are_read_from_the_learned_state():
    """A part that is scored beside others, with nothing read before it, begins where a text begins."""
    architecture = Architecture("gru", 5, 6, first_state="learned")
    parameters = initialize(architecture, 0)
    parameters["layer0.h0"][:] = np.linspace(-1.0, 1.0, 6)
    ids = np.random.default_rng(0).integers(0, 5, 20).astype(np.uint8)
    with Team(1) as team:
        cut = Cut(warm_up=0, stream_length=10)
        ours = total(score_pieces(Network(architecture, parameters), [ids], team, cut=cut)).nats
    twin = {name: values.astype(np.float64) for name, values in parameters.items()}
    halves = [part[:, np.newaxis].astype(np.int32) for part in (ids[:10], ids[9:])]
    assert ours == pytest.approx(
        sum((len(half) - 1) * naive.loss("gru", twin, half[:-1], half[1:], None) for half in halves), rel=1e-5
    )
