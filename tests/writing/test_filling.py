"""Filling gaps: against all fillings that there are, and as a command."""

import itertools
import math

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing import filling
from charrnn.writing.controls import HOTTEST, SMALLEST
from charrnn.writing.filling import Filler, Gapped
from tests import naive
from tests.helpers.networks import V, bidirectional, wide
from tests.rows import KINDS

GAP = V  # the symbol for what is not known
ALL = V**5  # a beam from which nothing falls here
TEXTS = {
    "one": [0, 1, GAP, 3, 2],
    "long": [1, GAP, GAP, GAP, 0],
    "several": [GAP, 2, 1, GAP, 0, GAP, GAP],
    "ends": [GAP, 1, 3, GAP],
    "nothing else": [GAP, GAP, GAP],
    "alone": [GAP],
}


def every_filling(network, cell, options, ids):
    """Return the log-probability of every filling of a text, by the chain rule, as the naive twin has it."""
    ids = np.array(ids)
    places = np.flatnonzero(ids == GAP)
    fillings = np.array(list(itertools.product(range(V), repeat=places.size)))
    filled = np.repeat(ids[:, np.newaxis], len(fillings), axis=1)
    filled[places] = fillings.T
    seen = np.repeat(ids[:, np.newaxis], len(fillings), axis=1)
    log_p = naive.log_softmax(naive.fill_logits(cell, wide(network), filled, seen, **options))
    columns = np.arange(len(fillings))
    logs = np.stack([log_p[place, columns, filled[place]] for place in places], axis=1)
    return {tuple(symbols): log for symbols, log in zip(fillings.tolist(), logs, strict=True)}


@pytest.mark.parametrize(
    ("cell", "text"), [*((cell, "several") for cell in KINDS), *(("lstm", text) for text in TEXTS)]
)
def test_probabilities_are_those_of_all_fillings(cell, text):
    """With a beam that drops nothing all fillings are found, the likeliest first; they add up to one."""
    network, options = bidirectional(cell, layers=2)
    expected = every_filling(network, cell, options, TEXTS[text])
    found = Filler(network).best(np.array(TEXTS[text], np.int32), len(expected), ALL)
    assert len(found) == len(expected)
    totals = [f.nats.sum() for f in found]
    assert totals == sorted(totals)
    assert sum(math.exp(-total) for total in totals) == pytest.approx(1.0, rel=1e-9)
    for f in found:
        np.testing.assert_allclose(f.nats, -expected[tuple(f.symbols.tolist())], rtol=1e-5, atol=1e-5)


def test_what_is_chosen_bears_on_what_is_chosen_next():
    """A later gap's probabilities depend on what was filled in before it: it is no product of both gaps' own."""
    network, options = bidirectional("lstm")
    expected = every_filling(network, "lstm", options, TEXTS["several"])
    second = {filled: logs[1] for filled, logs in expected.items()}
    assert abs(second[0, 0, 0, 0] - second[3, 0, 0, 0]) > 1e-4
    assert second[0, 0, 0, 0] == pytest.approx(second[0, 0, 2, 1])  # and not on what comes after it


def greedy(network, options, ids):
    """Fill a text with the likeliest character at each place, by the naive twin."""
    ids = np.array(ids)[:, np.newaxis]
    filled = ids.copy()
    for place in np.flatnonzero(ids == GAP):
        logits = naive.fill_logits("lstm", wide(network), np.where(filled == GAP, 0, filled), ids, **options)
        filled[place] = logits[place, 0].argmax()
    return filled[ids == GAP]


def test_the_narrowest_beam_takes_the_likeliest_at_each_place():
    """With a beam of one; a wider one finds nothing less likely."""
    network, options = bidirectional("lstm", layers=2, seed=3)
    ids = np.array(TEXTS["several"] * 3, np.int32)
    filler = Filler(network)
    (narrow,) = filler.best(ids, beam=1)
    assert narrow.symbols.tolist() == greedy(network, options, ids).tolist()
    totals = [filler.best(ids, beam=beam)[0].nats.sum() for beam in (1, 4, 64, 1024)]
    assert totals[0] >= totals[-1]
    assert totals[2] >= totals[3]


@pytest.mark.parametrize("beam", [1, 3, 40])
def test_a_gap_longer_than_what_is_read_at_once(beam):
    """What each character of a long gap costs is what the twin says of the text that came of it."""
    network, options = bidirectional("gru", layers=2)
    rng = np.random.default_rng(1)
    ids = rng.integers(0, V, 900).astype(np.int32)
    ids[300:620] = GAP
    ids[880:] = GAP
    found = Filler(network).best(ids, 2, beam)
    read = ids[300 - filling.CONTEXT : 620 + filling.CONTEXT]
    for f in found:
        filled = np.where(read == GAP, 0, read)
        filled[read == GAP] = f.symbols[:320]
        log_p = naive.log_softmax(
            naive.fill_logits("gru", wide(network), filled[:, np.newaxis], read[:, np.newaxis], **options)
        )[:, 0]
        costs = -log_p[np.arange(read.size), filled][read == GAP]
        np.testing.assert_allclose(f.nats[:320], costs, rtol=1e-4, atol=1e-5)


def test_known_text_beside_gaps_is_read_whatever_its_length():
    """It makes no difference how much is read in one go."""
    network, _ = bidirectional("lstm", layers=2)
    ids = np.random.default_rng(2).integers(0, V, 200).astype(np.int32)
    ids[[40, 41, 42, 120, 199]] = GAP
    found = []
    for at_once in (256, 4, 7, 10_000):
        fillings = Filler(network, at_once=at_once).best(ids, 5)
        found.append([(f.symbols.tolist(), f.nats.tolist()) for f in fillings])
    assert found[0] == found[1] == found[2] == found[3]


def test_gaps_far_from_each_other_are_filled_apart():
    """They are read with so many characters on each side; the likeliest ways for all are of the likeliest for each."""
    network, options = bidirectional("lstm", layers=2)
    ids = np.random.default_rng(6).integers(0, V, 30).astype(np.int32)
    ids[[0, 4, 9, 12, 29]] = GAP  # 0 and 4 have three known characters between them, 9 and 12 two
    parts = [ids[0:4], ids[1:8], ids[6:16], ids[26:30]]
    each = [every_filling(network, "lstm", options, part) for part in parts]
    every = {}
    for combination in itertools.product(*(each[k].items() for k in range(4))):
        symbols = sum((filled for filled, _ in combination), ())
        every[symbols] = np.concatenate([logs for _, logs in combination])
    likeliest = sorted(every, key=lambda symbols: -every[symbols].sum())
    for count in (1, 2, 7, 100, ALL):
        found = Filler(network, context=3).best(ids, count, ALL)
        assert [tuple(f.symbols.tolist()) for f in found] == likeliest[:count]
        costs = [-every[tuple(f.symbols.tolist())] for f in found]
        np.testing.assert_allclose([f.nats for f in found], costs, rtol=1e-5, atol=1e-5)


def test_a_long_text_is_read_where_it_has_gaps_alone(monkeypatch):
    """A million characters with a gap at each end take no more steps than what is beside the gaps."""
    network, _ = bidirectional("rnn", layers=1)
    ids = np.zeros(1_000_000, np.int32)
    ids[[0, 500_000, -1]] = GAP
    filler, steps = Filler(network), []
    for stack in (filler._left, filler._right):
        forward = stack.forward
        monkeypatch.setattr(stack, "forward", lambda *args, forward=forward: steps.append(args[3]) or forward(*args))
    assert filler.best(ids)[0].symbols.size == 3
    assert 3 * filling.CONTEXT < sum(steps) < 10 * filling.CONTEXT


def test_draws_are_as_likely_as_they_should_be():
    """At temperature 1 each filling is drawn as often as it is likely; nats are the network's own."""
    network, options = bidirectional("gru", layers=1, seed=2)
    ids = np.array([1, GAP, 2, GAP], np.int32)
    expected = every_filling(network, "gru", options, ids)
    count = 4000
    drawn = Filler(network).draw(ids, 1.0, range(count))
    assert len(drawn) == count
    for symbols, logs in expected.items():
        often = sum(tuple(f.symbols.tolist()) == symbols for f in drawn)
        p = math.exp(logs.sum())
        assert abs(often - count * p) < 5.0 * math.sqrt(count * p * (1.0 - p)) + 1.0
    for f in drawn[:50]:
        np.testing.assert_allclose(f.nats, -expected[tuple(f.symbols.tolist())], rtol=1e-5)


def test_the_temperature_of_draws():
    """A low one draws the likeliest, a high one all alike."""
    network, _ = bidirectional("lstm", layers=1, seed=2)
    ids = np.array([1, GAP, 2, GAP, GAP], np.int32)
    filler = Filler(network)
    (greedy,) = filler.best(ids, beam=1)
    for cold in (1e-4, SMALLEST):
        assert all(f.symbols.tolist() == greedy.symbols.tolist() for f in filler.draw(ids, cold, range(20)))
    hot = np.array([f.symbols for f in filler.draw(ids, HOTTEST, range(2000))])
    shares = np.stack([np.bincount(column, minlength=V) / 2000 for column in hot.T])
    np.testing.assert_allclose(shares, 1.0 / V, atol=0.06)


def test_a_seed_draws_the_same_beside_any_others():
    """A draw depends on its seed alone, with gaps far from each other too."""
    network, _ = bidirectional("lstm", layers=2)
    ids = np.random.default_rng(3).integers(0, V, 60).astype(np.int32)
    ids[5::9] = GAP
    filler = Filler(network, context=2)
    together = filler.draw(ids, 1.0, range(7))
    for seed in (0, 3, 6):
        (alone,) = filler.draw(ids, 1.0, [seed])
        assert alone.symbols.tolist() == together[seed].symbols.tolist()
    assert len({tuple(f.symbols.tolist()) for f in together}) == 7


def test_more_than_can_be_kept():
    """Too many unknown characters are refused before any is filled in."""
    network, _ = bidirectional("lstm")
    filler = Filler(network, most=1000)
    assert filler.best(np.full(14, GAP, np.int32), beam=16)
    with pytest.raises(CharrnnError, match="the text has 15 characters to fill in; at most 14 can be filled in"):
        filler.best(np.full(15, GAP, np.int32), beam=16)


def test_predictions_that_are_no_numbers():
    """Weights near the limit of a float are refused, with the sentence that other commands have for it."""
    network, _ = bidirectional("lstm")
    network.weights.named["output.V"][:] = 1e37
    network.weights.named["output.c"][:] = -1e38
    with np.errstate(all="raise"):
        assert Filler(network).best(np.array([0, GAP], np.int32))
    network.weights.named["output.c"][0] = np.inf
    with pytest.raises(CharrnnError, match="so large that its predictions are not finite"):
        Filler(network).best(np.array([0, GAP], np.int32))


# The text

LETTERS = Vocabulary.of("ab_?\n ")


@pytest.mark.parametrize(
    ("text", "mark", "known", "lengths"),
    [
        ("a_b", "_", ("a", "b"), (1,)),
        ("__", "_", ("", ""), (2,)),
        ("_a__b___", "_", ("", "a", "b", ""), (1, 2, 3)),
        ("a??b?", "??", ("a", "b?"), (1,)),
        ("a???", "??", ("a", "?"), (1,)),
        ("a????", "??", ("a", ""), (2,)),
        ("a.b", ".", ("a", "b"), (1,)),
    ],
)
def test_a_run_of_marks_is_a_gap(text, mark, known, lengths):
    """Of as many characters as there are marks, whatever the mark; all else stays."""
    gapped = Gapped.of(text, mark, LETTERS)
    assert (gapped.known, gapped.lengths) == (known, lengths)
    assert (gapped.ids == len(LETTERS)).sum() == sum(lengths)
    fillings = ["b" * length for length in lengths]
    assert gapped.split("".join(fillings)) == fillings
    expected = text.replace(mark, "b")
    assert gapped.completed(fillings) == expected
    assert LETTERS.decode(np.where(gapped.ids == len(LETTERS), LETTERS.characters.find("b"), gapped.ids)) == expected


def test_a_text_is_read_as_every_text_is():
    """With line feeds for any line breaks and without a byte order mark, whatever stands beside a gap."""
    gapped = Gapped.of("\ufeffa\r\nb\r_\nb\r\n_", "_", LETTERS)
    gap = len(LETTERS)
    assert gapped.ids.tolist() == [*LETTERS.encode("a\nb\n"), gap, *LETTERS.encode("\nb\n"), gap]
    assert gapped.completed(["a", "b"]) == "\ufeffa\r\nb\ra\nb\r\nb"


@pytest.mark.parametrize("mark", ["?", "_", "\U0010ffff", "#"])
def test_what_stands_for_an_unknown_character_is_no_gap(mark):
    """Not even where it is the mark that stands for it, or the last character that there is."""
    text = f"aé{mark}b" + "\U0010ffff" * (mark != "\U0010ffff")
    gapped = Gapped.of(text, mark, LETTERS, unknown="replace")
    assert (gapped.ids == len(LETTERS)).tolist() == [False, False, True, False, False][: len(text)]
    assert Gapped.of(text, mark, LETTERS, unknown="skip").ids.size == 3


def test_a_vocabulary_with_the_last_character_that_there_is():
    """Leaves room for a gap."""
    vocabulary = Vocabulary.of("a\U0010ffff\U0010fffd")
    gapped = Gapped.of("\U0010ffff_a\U0010fffd", "_", vocabulary)
    assert gapped.ids.tolist() == [2, 3, 0, 1]
