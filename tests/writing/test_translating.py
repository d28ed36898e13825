"""Texts that a decoder writes: greedy, with a beam and drawn, beside all texts that there are, and what they cost."""

from itertools import product

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.reading.writing_encoding import encoded_sources
from charrnn.writing import translating
from charrnn.writing.translating import Search, translate
from tests import naive
from tests.helpers.pairs import PairCase

TARGETS, END = 3, 2  # symbols, and the last of them


@pytest.fixture(scope="module")
def case():
    """Return a network with an opinion, which reads five symbols and writes two."""
    made = PairCase((1,), (1,), targets=TARGETS, bidirectional=True, attention=True)
    for name, values in made.network.weights.named.items():
        values *= 2.5
        made.parameters[name] = values.astype(np.float64)
    made.network.weights.named["output.c"][END] += 0.3
    made.parameters["output.c"][END] = made.network.weights.named["output.c"][END]
    made.network.pack()
    return made


SOURCES = [np.array(ids, np.int32) for ids in ([1, 2, 0], [4], [3, 3, 1, 0, 2, 4, 1], [0, 1])]


def written(case, search, sources=SOURCES, threads=2, **more):
    """Return what is written for sources."""
    with Team(threads) as team:
        return translate(case.network, encoded_sources(sources, 100), team, search, **more)


def nats_of(case, source, text):
    """Return −log p of a text and its end by the twin."""
    outputs = naive.pair_outputs(case.architecture.cell, case.parameters, source, np.array([END, *text]))
    return -sum(naive.log_softmax(o)[y] for o, y in zip(outputs, [*text, END], strict=True))


def test_each_text_has_its_probability(case):
    """However it was written, it is the product of its characters' and of its end's, by the twin."""
    for search in (Search(), Search(3, 5), Search(2, temperature=0.9, seed=3)):
        for source, texts in zip(SOURCES, written(case, search), strict=True):
            assert len(texts) == search.best
            for text in texts:
                assert text.nats == pytest.approx(nats_of(case, source, text.symbols), abs=1e-4)
                assert text.probability == pytest.approx(np.exp(-text.nats))


def test_greedy_takes_the_most_probable_symbol_each_time(case):
    """As the twin's predictions say, until the end is the most probable."""
    for source, ((text,),) in ((s, written(case, Search(), [s])) for s in SOURCES):
        so_far = [END]
        for symbol in (*text.symbols, END):
            outputs = naive.pair_outputs(case.architecture.cell, case.parameters, source, np.array(so_far))
            assert outputs[-1].argmax() == symbol
            so_far.append(symbol)


def test_a_wide_beam_finds_the_most_probable_texts(case):
    """Of all texts of up to six symbols, in order."""
    every = [text for n in range(7) for text in product(range(END), repeat=n)]
    for source, texts in zip(SOURCES, written(case, Search(4, 40)), strict=True):
        best = sorted(every, key=lambda text: nats_of(case, source, text))[:4]
        assert [text.symbols for text in texts] == best


def test_a_beam_finds_no_less_probable_text_than_greedy(case):
    """Here, and the best ones come first."""
    for (greedy,), texts in zip(written(case, Search()), written(case, Search(5, 5)), strict=True):
        assert texts[0].nats <= greedy.nats
        assert [text.nats for text in texts] == sorted(text.nats for text in texts)
        assert len({text.symbols for text in texts}) == 5


def test_texts_are_drawn_as_often_as_the_model_says(case):
    """Of 3,000 draws, the share of each of the most probable texts; with another seed, others."""
    source = SOURCES[0]
    draws = [texts[0].symbols for texts in written(case, Search(temperature=1.0, seed=7), [source] * 3000)]
    for text in written(case, Search(4, 20), [source])[0]:
        share = draws.count(text.symbols) / len(draws)
        assert share == pytest.approx(text.probability, abs=4 * (text.probability / len(draws)) ** 0.5)
    assert draws != [texts[0].symbols for texts in written(case, Search(temperature=1.0, seed=8), [source] * 3000)]


@pytest.mark.parametrize("search", [Search(), Search(2, 3), Search(2, temperature=0.8, seed=5)])
def test_neither_the_team_nor_what_is_beside_a_text_matters(case, search, monkeypatch):
    """The same texts and bits, with any threads, any groups, and alone."""
    whole = written(case, search)
    assert written(case, search, threads=3) == whole
    monkeypatch.setattr(translating, "ROWS_AT_ONCE", 3)
    assert written(case, search) == whole
    for place, source in enumerate(SOURCES):
        assert written(case, search, [source], first=place) == [whole[place]]


def test_a_text_that_does_not_end_is_cut(case, monkeypatch):
    """At so many times the length of its source, and its probability is that of what is written."""
    monkeypatch.setattr(translating, "LEAST_LENGTH", 2)
    monkeypatch.setattr(translating, "LENGTHS", 1)
    network = case.network.without(END)
    sources = encoded_sources(SOURCES, 100)
    with Team(1) as team:
        for search in (Search(), Search(2, 3), Search(temperature=1.0)):
            lengths = [len(texts[0].symbols) for texts in translate(network, sources, team, search)]
            assert lengths == [max(2, len(source)) for source in SOURCES]


def test_searches_out_of_range_are_refused():
    """One sentence each."""
    for options in ({"best": 0}, {"beams": 65}, {"temperature": -1.0}, {"temperature": float("nan")}):
        with pytest.raises(CharrnnError, match=r"must be|can be"):
            Search(**options)
    with pytest.raises(CharrnnError, match="not both"):
        Search(beams=3, temperature=0.5)


def test_predictions_that_are_not_finite_are_an_error(case):
    """And nothing is written."""
    other = case.network.without(0)
    other.weights.named["output.c"][1] = np.inf
    other.pack()
    with Team(1) as team, pytest.raises(CharrnnError, match="not finite"):
        translate(other, encoded_sources(SOURCES, 100), team, Search())
