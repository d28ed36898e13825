"""How much of a text stands word for word in a corpus."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charrnn.reading import copying
from charrnn.reading.copying import Copied, measure


def naive(corpus, texts, least):
    """Compare each window of the texts with each place of the corpus."""
    corpus = bytes(corpus)
    copied, best = 0, (0, 0, 0, 0)
    for number, text in enumerate(map(bytes, texts)):
        inside = set()
        for begin in range(len(text)):
            for end in range(begin + 1, len(text) + 1):
                place = corpus.find(text[begin:end])
                if place < 0:
                    break
                if end - begin >= least:
                    inside.update(range(begin, end))
                if end - begin > best[0]:
                    best = (end - begin, number, begin, place)
        copied += len(inside)
    return Copied(sum(map(len, texts)), copied, *best)


def ids(symbols, dtype=np.uint8):
    """Return an encoded text."""
    return np.array(list(symbols), dtype)


def over(symbols, longest):
    """Draw texts over the first so many symbols."""
    return st.lists(st.integers(0, symbols - 1), max_size=longest)


@pytest.fixture
def lookups(monkeypatch):
    """Count the keys that are looked up."""
    counts, find = [], copying._Table.find
    monkeypatch.setattr(copying._Table, "find", lambda table, keys: counts.append(keys.size) or find(table, keys))
    return counts


# All measures, by a twin


@given(
    corpus=st.one_of(over(2, 60), over(4, 60)),
    texts=st.lists(st.one_of(over(2, 40), over(4, 40)), max_size=3),
    least=st.integers(1, 45),
    chunk=st.sampled_from([1, 3, 7, 1 << 18]),
)
@example(corpus=[0] * 40, texts=[[0] * 40], least=32, chunk=7)  # all of it, at a power of two
@example(corpus=[0, 1] * 20, texts=[[1, 0] * 16, [0, 0, 1]], least=31, chunk=3)
@example(corpus=[0] * 9, texts=[[0] * 5, [0] * 5], least=6, chunk=1)  # no run goes from text to text
@example(corpus=[], texts=[[0]], least=1, chunk=1)
@example(corpus=[0], texts=[[], [], [0]], least=1, chunk=1)
def test_as_if_compared_one_by_one(corpus, texts, least, chunk):
    """Every figure is that of comparing every window with every place, however the corpus is cut in chunks."""
    assert measure(ids(corpus), list(map(ids, texts)), least, chunk=chunk) == naive(corpus, texts, least)


@given(data=st.data(), least=st.integers(1, 70))
def test_pieces_of_the_corpus(data, least):
    """Texts put together from pieces of a long corpus, with changes, are measured as by the twin."""
    corpus = data.draw(over(3, 400))
    text = []
    for begin, length in data.draw(st.lists(st.tuples(st.integers(0, 399), st.integers(0, 120)), max_size=3)):
        text += [*corpus[begin : begin + length], *data.draw(over(3, 2))]
    assert measure(ids(corpus), [ids(text)], least) == naive(corpus, [text], least)


@pytest.mark.parametrize("multiplier", [0, 1, 1 << 40])
@given(known=st.sets(st.integers(0, 1 << 40), min_size=1, max_size=50), wanted=st.lists(st.integers(0, 1 << 40)))
def test_no_hash_is_trusted(multiplier, known, wanted):
    """Keys that collide are told apart: with a multiplier that puts all, or nearly all, in one slot."""
    known = np.array(sorted(known), np.int64)
    keys = np.concatenate([known[::-1], np.array(wanted, np.int64)])
    places = {key: place for place, key in enumerate(known.tolist())}
    found = copying._Table(known, np.uint64(multiplier)).find(keys)
    assert found.tolist() == [places.get(key, -1) for key in keys.tolist()]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_symbols_of_any_size(dtype):
    """The greatest symbol of each type is one like any other, and corpus and text may differ in type."""
    top = int(np.iinfo(dtype).max)
    corpus, text = ids([5, 0, top, 9, 0, top], dtype), ids([0, top, 9, 9], dtype)
    assert measure(corpus, [text], 3) == Copied(4, 3, 3, 0, 0, 1)
    assert measure(ids([7, 8, 9], np.uint8), [ids([8, 9, top], dtype)], 2) == Copied(3, 2, 2, 0, 0, 1)


# What the figures mean


def test_share():
    """The share is of all characters of all texts, and 0 where there are none."""
    corpus, copy, other = ids(range(100)), ids(range(20, 60)), ids([200] * 10)
    measured = measure(corpus, [other, copy])
    assert measured == Copied(50, 40, 40, 1, 0, 20)
    assert measured.share == 0.8
    assert measure(corpus, [other]) == Copied(10, 0)
    for texts in ([], [ids([])]):
        assert measure(corpus, texts) == Copied(0, 0)
        assert measure(corpus, texts).share == 0


def test_overlapping_runs():
    """A character in two runs counts once; runs that meet do not make one longer run."""
    corpus = ids([1, 2, 3, 4, 9, 3, 4, 5, 6, 9, 7, 8, 9])
    assert measure(corpus, [ids([1, 2, 3, 4, 5, 6, 7, 8])], 4) == Copied(8, 6, 4, 0, 0, 0)
    assert measure(corpus, [ids([1, 2, 3, 4, 5, 6, 7, 8])], 2) == Copied(8, 8, 4, 0, 0, 0)


def test_shorter_than_asked():
    """The longest run is told even if it is shorter than what counts as copied, and than the text."""
    assert measure(ids(range(31)), [ids([99, *range(31)])]) == Copied(32, 0, 31, 0, 1, 0)
    assert measure(ids(range(32)), [ids([99, *range(32)])]) == Copied(33, 32, 32, 0, 1, 0)
    assert measure(ids(range(9)), [ids(range(3))]) == Copied(3, 0, 3, 0, 0, 0)


def test_first_of_equals():
    """Of runs as long the first in the texts is told, and where the corpus has it first."""
    corpus = ids([8, 3, 4, 5, 8, 0, 1, 2, 8, 3, 4, 5])
    assert measure(corpus, [ids([9]), ids([9, 0, 1, 2, 9, 3, 4, 5])], 3) == Copied(9, 6, 3, 1, 1, 5)
    assert measure(corpus, [ids([3, 4, 5])], 3) == Copied(3, 3, 3, 0, 0, 1)


@pytest.mark.parametrize("least", [0, -1])
def test_no_run_of_nothing(least):
    """A run has at least one symbol."""
    with pytest.raises(ValueError, match="at least one symbol"):
        measure(ids([1]), [ids([1])], least)


# At size


def repetitive(name, size):
    """Return a text that repeats itself."""
    places = np.arange(size)
    if name == "one symbol":
        return np.zeros(size, np.uint8)
    if name == "two in turn":
        return (places % 2).astype(np.uint8)
    if name == "Thue and Morse":  # equal polynomial hashes modulo 2^64 for windows that differ
        return (np.bitwise_count(places) % 2).astype(np.uint8)
    return ((places % 1009) ** 2 % 251).astype(np.uint8)


@pytest.mark.parametrize("name", ["one symbol", "two in turn", "Thue and Morse", "a long period"])
def test_bounded_work(name, lookups):
    """A text that repeats itself, in a corpus that does, takes few lookups a symbol, and all of it is found."""
    size = 50_000
    corpus = repetitive(name, 2 * size)
    text = corpus[777 : 777 + size]
    assert measure(corpus, [text]) == Copied(size, size, size, 0, 0, bytes(corpus).find(bytes(text)))
    assert sum(lookups) <= (2 * np.log2(size) + 3) * corpus.size


def test_little_work_for_other_texts(lookups):
    """A text of its own costs a few lookups a symbol of the corpus, as windows that are not shared are dropped."""
    rng = np.random.default_rng(4)
    corpus, text = rng.integers(0, 60, 200_000, np.uint8), rng.integers(0, 60, 20_000, np.uint8)
    text[4_000:4_100] = corpus[150_000:150_100]
    text[9_000:9_400] = corpus[60_000:60_400]
    measured = measure(corpus, [text])
    assert (measured.copied, measured.longest) == (500, 400)
    assert (measured.at_text, measured.at_corpus) == (9_000, 60_000)
    assert sum(lookups) <= 4 * corpus.size


@given(
    corpus=st.one_of(over(2, 60), over(4, 60)),
    texts=st.lists(st.one_of(over(2, 20), over(4, 20)), max_size=3),
    least=st.integers(1, 25),
    part=st.sampled_from([1, 2, 5, 13]),
)
@example(corpus=[1, 0, 1], texts=[[1]], least=1, part=1)  # where the corpus has it first
@example(corpus=[1, 2, 3, 0, 2, 3, 1], texts=[[2, 3, 1], [1, 2, 3]], least=2, part=1)
def test_a_corpus_in_parts(corpus, texts, least, part):
    """However the corpus is parted, every figure is that of comparing every window with every place."""
    assert measure(ids(corpus), list(map(ids, texts)), least, part=part) == naive(corpus, texts, least)
