"""Whole samples: where each begins and ends, and many of them side by side."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing import samples as generation
from charrnn.writing.controls import Controls
from charrnn.writing.sampler import Sampler
from charrnn.writing.samples import TRIES, Ending, novelty, samples, seeds
from tests.helpers.networks import opinionated

LETTERS = Vocabulary.of("ab\nc ")
NAMES = Vocabulary("\nabcdefg", separator="\n")
BYTES = Vocabulary.of_bytes()
CONTROLS = Controls(repeat_penalty=1.5, repeat_window=5, temperature=1.2, top_p=0.97)


def sampler_of(vocabulary, controls=CONTROLS, prime=(), **options):
    """Make a network for a vocabulary, and read what a text begins after, and a prime."""
    sampler = Sampler(opinionated("gru", len(vocabulary), hidden=12, layers=1, seed=3), controls=controls, **options)
    sampler.read([vocabulary.start_symbol, *prime])
    return sampler


def whole(pieces, vocabulary):
    """Put pieces together, a (seed, text, what ended it, nats) a sample, and check that they come in order."""
    found = []
    ended = "before the first"
    for piece in pieces:
        if ended is not None:
            found.append((piece.seed, "", None, []))
        assert piece.sample == len(found) - 1  # one after another, none left out
        assert piece.symbols.size == piece.nats.size
        assert piece.symbols.size or piece.ended
        seed, text, _, nats = found[-1]
        assert piece.seed == seed
        ended = piece.ended
        found[-1] = (seed, text + vocabulary.spell(piece.symbols), ended, [*nats, *piece.nats.tolist()])
    assert ended is not None
    return found


# The end of a sample


def naive_end(text, stops, boundary, lines, length):
    """Read character by character: return how many belong to the sample and what ended it, or how many so far."""
    for n in range(1, len(text) + 1):
        read = text[:n]
        ends = [(n - len(stop), "stop") for stop in stops if read.endswith(stop)]
        if read[-1] == boundary:
            ends.append((n - 1, "end"))
        if lines is not None and read.count("\n") == lines:
            ends.append((n, "lines"))
        if n == length:
            ends.append((n, "length"))
        if ends:
            return min(ends)
    for begin in range(len(text)):  # what is from here on may yet become a string to stop at
        if any(stop.startswith(text[begin:]) for stop in stops):
            return begin, None
    return len(text), None


def cut_of(vocabulary, ending):
    """Make the finder of a sample's end."""
    boundary = None if vocabulary.boundary is None else vocabulary.spell([vocabulary.boundary])
    return generation._Cut(ending, tuple(map(vocabulary.typed, ending.stops)), boundary)


@st.composite
def texts_and_stops(draw):
    """Make up a text, perhaps with a document's end, and strings that stand in it or nearly do."""
    text = draw(st.text("ab\n", max_size=25)) + draw(st.sampled_from(["", "", "|", "|ab"]))
    part = st.tuples(st.integers(0, max(0, len(text) - 1)), st.integers(0, 4), st.sampled_from(["", "a", "b", "\n"]))
    near = (
        text[begin : begin + size].replace("|", "") + tail for begin, size, tail in draw(st.lists(part, max_size=3))
    )
    return text, [stop for stop in near if stop]


@settings(max_examples=400, deadline=None, database=None)
@given(
    text_and_stops=texts_and_stops(),
    sizes=st.lists(st.integers(1, 4), max_size=25),
    lines=st.one_of(st.none(), st.integers(1, 5)),
    length=st.one_of(st.none(), st.integers(1, 28)),
)
def test_a_sample_ends_where_reading_on_would_say(text_and_stops, sizes, lines, length):
    """However a text is cut into blocks: after each, just so much is released as can be, and the first end is found."""
    text, stops = text_and_stops
    vocabulary = Vocabulary("\nab", separator="|")
    ids = np.array(["\nab|".index(c) for c in text], np.int32)
    cut = cut_of(vocabulary, Ending(length, lines, tuple(stops)))
    released, costs, begin = [], [], 0
    for size in [*sizes, len(text)]:
        if begin >= len(text) or cut.ended is not None:
            break
        block = slice(begin, begin + size)
        symbols, nats = cut.take(vocabulary, ids[block], np.arange(len(text), dtype=np.float32)[block])
        begin += size
        released += symbols.tolist()
        costs += nats.tolist()
        expected, ended = naive_end(text[:begin], stops, "|", lines, length)
        assert (released, costs, cut.ended) == (ids[:expected].tolist(), list(range(expected)), ended)


@pytest.mark.parametrize(
    ("text", "ending", "expected"),
    [
        ("abcabc", Ending(4), ("abca", "length")),
        ("a\nb\nc", Ending(lines=2), ("a\nb\n", "lines")),
        ("\n\n\n", Ending(lines=1), ("\n", "lines")),
        ("aabab", Ending(stops=("ab",)), ("a", "stop")),
        ("caab", Ending(stops=("ab", "aab")), ("c", "stop")),  # two at once: before the longer one
        ("abc", Ending(stops=("abc", "b")), ("a", "stop")),  # the one that is whole first
        ("aaab", Ending(stops=("aab",)), ("a", "stop")),
        ("ab\n", Ending(3, 1, ("\n",)), ("ab", "stop")),  # all at once: what is shortest
        ("ab\n", Ending(3, 1), ("ab\n", "length")),
        ("abc", Ending(2, stops=("bc",)), ("ab", "length")),
        ("abc", Ending(3, stops=("bc",)), ("a", "stop")),
    ],
)
def test_the_first_end_counts(text, ending, expected):
    """In one block or many, with one end or several."""
    for size in range(1, len(text) + 1):
        cut = cut_of(LETTERS, ending)
        ids = LETTERS.encode(text).astype(np.int32)
        found = ""
        for begin in range(0, len(text), size):
            if cut.ended is None:
                symbols, _ = cut.take(LETTERS, ids[begin : begin + size], np.zeros(size, np.float32))
                found += LETTERS.spell(symbols)
        assert (found, cut.ended) == expected


def test_bytes_stop_at_the_bytes_of_a_string():
    """A string that is several bytes in UTF-8 is found across blocks; its first bytes alone are no end."""
    ids = np.frombuffer("aêbéc".encode(), np.uint8).astype(np.int32)
    for size in range(1, 8):
        cut = cut_of(BYTES, Ending(stops=("é",)))
        found = []
        for begin in range(0, ids.size, size):
            if cut.ended is None:
                found += cut.take(BYTES, ids[begin : begin + size], np.zeros(size, np.float32))[0].tolist()
        assert (bytes(found), cut.ended) == ("aêb".encode(), "stop")


@pytest.mark.parametrize(
    ("vocabulary", "ending", "said"),
    [
        (LETTERS, Ending(stops=("ab", "axb")), "--stop 'axb' can never end a text: the model cannot write it"),
        (Vocabulary.of("ab"), Ending(lines=3), "--lines 3 can never end a text: the model cannot write it"),
        (
            Vocabulary("ab", separator="\n"),
            Ending(lines=1),
            "--lines 1 can never end a text: the model cannot write it; each document ends by itself",
        ),
        (
            Vocabulary("ab", separator="\n\n"),
            Ending(stops=("\n\n",)),
            "--stop '\\n\\n' can never end a text: the model cannot write it; each document ends by itself",
        ),
    ],
)
def test_an_end_that_never_comes_is_refused(vocabulary, ending, said):
    """One sentence, with what the model cannot write."""
    with pytest.raises(CharrnnError) as caught:
        ending.check(vocabulary)
    assert str(caught.value) == said


def test_an_end_that_may_come_will_do():
    """What the model knows each character of is an end, and so are bytes; no end is none."""
    for vocabulary in (LETTERS, NAMES, BYTES):
        Ending(5, 2, ("ab", "\n", "b\na")).check(vocabulary)
        Ending().check(vocabulary)
    Ending(stops=("é☃",)).check(BYTES)
    Ending(7).check(Vocabulary.of("ab"))


# Samples


def test_the_seeds_of_samples():
    """The first is the one that is given; the others follow from it, differ, and are small enough for JSON."""
    for seed in (0, 1, 2**63 - 1):
        found = list(islice(seeds(seed), 200))
        assert found[0] == seed
        assert found == list(islice(seeds(seed), 200))
        assert len(set(found)) == 200
        assert all(0 <= other < 2**53 for other in found[1:])
        assert max(found[1:]) > 2**50
    assert not set(islice(seeds(0), 1, 50)) & set(islice(seeds(1), 1, 50))


@pytest.mark.parametrize(
    ("vocabulary", "ending", "ways"),
    [
        (LETTERS, Ending(40), {"length"}),
        (LETTERS, Ending(20, 3, ("abb", "ba a")), {"length", "lines", "stop"}),
        (NAMES, Ending(25), {"length", "end"}),
        (NAMES, Ending(12, 2, ("ab", "gg")), {"length", "lines", "stop", "end"}),
        (BYTES, Ending(50, stops=("a", "é")), {"length", "stop"}),
    ],
)
def test_samples_are_what_is_drawn_by_their_seeds_and_cut(vocabulary, ending, ways):
    """Each is the beginning of what a fresh sampler draws by its seed, up to its first end, with its nats."""
    sampler = sampler_of(vocabulary, prime=[1, 2])
    boundary = None if vocabulary.boundary is None else vocabulary.spell([vocabulary.boundary])
    stops = tuple(map(vocabulary.typed, ending.stops))
    found = whole(samples(sampler, vocabulary, ending, seed=4, count=70), vocabulary)
    assert [seed for seed, *_ in found] == list(islice(seeds(4), 70))
    for seed, text, ended, nats in found:
        alone = Sampler(sampler.network, seeds=[seed], controls=CONTROLS)
        alone.read([vocabulary.start_symbol, 1, 2])
        drawn = alone.draw(ending.length)
        size, why = naive_end(vocabulary.spell(drawn.symbols[:, 0]), stops, boundary, ending.lines, ending.length)
        assert (text, ended) == (vocabulary.spell(drawn.symbols[:size, 0]), why)
        assert nats == drawn.nats[:size, 0].tolist()
        if seed != 4:
            assert whole(samples(sampler, vocabulary, ending, seed=seed), vocabulary) == [(seed, text, ended, nats)]
    assert {ended for _, _, ended, _ in found} == ways


@pytest.mark.parametrize("block_seconds", [0.0, 60.0])
@pytest.mark.parametrize("count", [1, 2, 64, 65, 130])
def test_any_number_of_samples(count, block_seconds, monkeypatch):
    """More are more of the same, on any number of threads, whatever the size of blocks; documents end by themselves."""
    sampler = sampler_of(NAMES, block_seconds=block_seconds)
    expected = whole(samples(sampler, NAMES, Ending(30), seed=9, count=131), NAMES)[:count]
    assert len(expected) == count
    assert all((ended == "end") == (len(text) < 30) for _, text, ended, _ in expected)
    jobs = []
    run = Team.run
    monkeypatch.setattr(Team, "run", lambda team, job: run(team, job) or jobs.append(team.size))
    for threads in (1, 3):
        with Team(threads) as team:
            assert whole(samples(sampler, NAMES, Ending(30), seed=9, count=count, team=team), NAMES) == expected
    assert set(jobs) == {1, 3}  # all of a team draw
    assert list(samples(sampler, NAMES, Ending(30), seed=9, count=0)) == []


def test_a_sample_is_yielded_as_it_is_drawn(monkeypatch):
    """The first piece comes after one character; what may be the beginning of an end waits, and nothing else does."""
    drawn = []
    original = Sampler.draw

    def counted(self, count):
        drawn.append(count)
        return original(self, count)

    monkeypatch.setattr(Sampler, "draw", counted)
    written = 0
    for piece in samples(sampler_of(LETTERS, block_seconds=0.0), LETTERS, Ending(50), seed=1, count=3):
        written += piece.symbols.size
        if piece.sample == 0:
            assert sum(drawn) == written
    assert sum(drawn) == 50
    assert written == 150
    drawn.clear()
    endless = samples(sampler_of(LETTERS, block_seconds=0.0), LETTERS, Ending(), seed=1)
    assert sum(piece.symbols.size for piece in islice(endless, 200)) == 200 == sum(drawn)


def test_the_sampler_itself_is_left_as_it_was():
    """Samples go on from what was read, and a second call from there too."""
    sampler = sampler_of(LETTERS, prime=[1, 1, 2])
    first, second = (whole(samples(sampler, LETTERS, Ending(20), seed=2, count=3), LETTERS) for _ in range(2))
    assert first == second


def test_only_what_is_accepted_is_yielded():
    """The rest is left out without a gap in the numbers; seeds and texts are those that would be there anyway."""
    sampler = sampler_of(NAMES)
    everything = whole(samples(sampler, NAMES, Ending(30), seed=5, count=500), NAMES)
    for count in (1, 2, 5, 40):
        asked = []

        def accept(text, asked=asked):
            asked.append(text)
            return text.startswith("a") and text not in asked[:-1]

        found = whole(samples(sampler, NAMES, Ending(30), seed=5, count=count, accept=accept), NAMES)
        texts = [text for _, text, _, _ in everything]
        wanted = [one for k, one in enumerate(everything) if one[1].startswith("a") and one[1] not in texts[:k]]
        assert found == wanted[:count]
        assert asked == texts[: len(asked)]


@pytest.mark.parametrize("count", [1, 3])
def test_what_is_never_accepted_is_given_up(count):
    """After so many tries for each there is an error that says how many; what was accepted was yielded before it."""
    sampler = sampler_of(NAMES)
    asked = []

    def first_alone(text):
        asked.append(text)
        return len(asked) == 1 < count

    pieces = []
    with pytest.raises(CharrnnError, match=rf"^only {int(count > 1)} of ([\d,]+) samples were new; .*--temp") as caught:
        pieces.extend(samples(sampler, NAMES, Ending(10), seed=5, count=count, accept=first_alone))
    assert count * TRIES <= len(asked) < count * TRIES + 64
    assert f" {len(asked)} samples" in str(caught.value).replace(",", "")
    assert {piece.sample for piece in pieces} == ({0} if count > 1 else set())


def test_predictions_that_are_no_numbers_end_samples():
    """The error of the sampler is the error of the samples."""
    sampler = sampler_of(LETTERS)
    sampler.network.weights.named["output.c"][...] = np.nan
    sampler.network.pack()
    with pytest.raises(CharrnnError, match="not finite"):
        list(samples(sampler, LETTERS, Ending(20), seed=2, count=3))


@given(
    documents=st.lists(st.text("ab\n", max_size=4), max_size=8),
    sample=st.text("ab\n", max_size=4),
    separator=st.sampled_from(["\n", "\n\n", "aa", ""]),
)
@example(documents=["a", "\nb"], sample="b", separator="\n\n")
@example(documents=["ab"], sample="a", separator="\n")
def test_novelty_by_a_twin(documents, sample, separator):
    """A document is new if it is none of the corpus and was not tested before; another text, if no part of it."""
    text = (separator or "\n").join(documents)
    vocabulary = Vocabulary("\nab", separator=separator)
    known = (
        {*text.split(separator), ""}
        if separator
        else {text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)}
    )
    for digest in (hash, lambda _: 7):  # no digest is trusted
        new = novelty(text, vocabulary, digest=digest)
        if digest is hash or not (separator and sample in text):
            assert new(sample) == (sample not in known)
        assert not new(sample)


def test_long_samples_are_drawn_one_by_one(monkeypatch):
    """Samples are the same however many wait for each other, and few wait where they are long."""
    vocabulary = Vocabulary("\n abcdeü")
    architecture = Architecture("gru", len(vocabulary), 8, 1)
    network = Network(architecture, initialize(architecture, 1))
    forks = []

    def drawn(most_waiting):
        sampler = Sampler(network)
        sampler.read([0])
        fork = sampler.fork
        monkeypatch.setattr(sampler, "fork", lambda seeds, team: forks.append(len(seeds)) or fork(seeds, team))
        pieces = samples(sampler, vocabulary, Ending(50), seed=3, count=5, most_waiting=most_waiting)
        texts = [""] * 5
        for piece in pieces:
            texts[piece.sample] += vocabulary.decode(piece.symbols)
        return texts

    assert drawn(1 << 24) == drawn(100) == drawn(1)
    assert forks == [5, 2, 2, 1, 1, 1, 1, 1, 1]
