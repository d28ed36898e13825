"""Unknown characters are taken out before a network reads, and put back where they were, wherever blocks end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.reading.scoring import total
from charrnn.reading.unknown import COST, Unknown
from charrnn.text.vocabulary import Vocabulary


def scored(text, vocabulary, rule, places, ends):
    """Return what is read and what is told of a text in blocks, where symbol k that is read costs k / 8 nats."""
    ids = vocabulary.encode(text, unknown="mark")
    marks, read = Unknown(vocabulary, rule), []

    def pieces():
        for block in marks.taken_out(np.split(ids, sorted({p for p in places if p < ids.size}))):
            read.append(block)
        whole = np.concatenate(read) if read else ids[:0]
        whole = whole[whole != (-1 if vocabulary.boundary is None else vocabulary.boundary)]
        nats = np.arange(whole.size, dtype=np.float32) / 8
        cuts = sorted({p for p in ends if p < whole.size})
        yield from zip(np.split(whole, cuts), np.split(nats, cuts), strict=True)

    told = list(marks.put_back(pieces()))
    return np.concatenate(read) if read else ids[:0], *(np.concatenate(part) for part in zip(*told, strict=True))


cuts = st.lists(st.integers(0, 30), max_size=4)


@given(st.text("ab\n?ΩЖ", min_size=1), st.sampled_from(["skip", "replace", "charge"]), cuts, cuts)
def test_marks_are_where_they_were(text, rule, places, ends):
    """Whatever the rule and the blocks, what is told has the text's characters, and its unknown ones are marked."""
    vocabulary = Vocabulary("\n?ab")
    read, ids, nats = scored(text, vocabulary, rule, places, ends)
    assert vocabulary.spell_marked(ids) == text.replace("Ω", "�").replace("Ж", "�")
    unknown = ids == vocabulary.unknown_symbol
    if rule == "replace":
        assert vocabulary.spell(read) == text.replace("Ω", "?").replace("Ж", "?")
        assert np.array_equal(nats, np.arange(ids.size, dtype=np.float32) / 8)
    else:
        given_one = rule == "charge" and text[0] in "ΩЖ"
        assert vocabulary.spell(read) == "\n" * given_one + text.replace("Ω", "").replace("Ж", "")
        charged = unknown & (np.arange(ids.size) >= given_one)
        assert np.array_equal(nats[~charged], np.arange(read.size, dtype=np.float32) / 8)
        assert np.isnan(nats[charged]).all() if rule == "skip" else (nats[charged] == np.float32(COST)).all()
    score = total([(ids, nats)], None, vocabulary.unknown_symbol)
    assert score.unknown == unknown.sum() == sum(character in "ΩЖ" for character in text)
    assert score.characters == len(text) - 1 - score.unknown * (rule == "skip")
    assert score.unknown_share == score.unknown / len(text)


@pytest.mark.parametrize("rule", ["skip", "replace", "charge"])
@pytest.mark.parametrize("places", [[], [2, 5], range(1, 12)])
def test_marks_in_documents(rule, places):
    """Where documents begin is read, and not told of."""
    vocabulary = Vocabulary("ab", separator="|")
    _, ids, _ = scored("aΩ|Ωb|ΩΩa", vocabulary, rule, places, [3])
    assert ids.tolist() == [0, 4, 3, 4, 1, 3, 4, 4, 0, 3]


def test_a_mark_is_wider_than_a_full_alphabet():
    """With 256 symbols, a mark does not fit into a byte, and is one all the same."""
    vocabulary = Vocabulary("".join(map(chr, range(256))))
    ids = vocabulary.encode("aΩ", unknown="mark")
    assert (ids.dtype, ids.tolist()) == (np.uint16, [97, 256])
    assert vocabulary.encode("a").dtype == np.uint8
