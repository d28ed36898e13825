"""The text that a sample goes on from."""

from dataclasses import asdict

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import Controls
from charrnn.writing.prime import last_document, read_prime, stored_prime, typed_prime
from charrnn.writing.sampler import Sampler
from tests import naive
from tests.helpers.networks import opinionated

PLAIN, LINES = Vocabulary("\nabc"), Vocabulary("abc", separator="\n")


def sampler(vocabulary, controls=None):
    """Return a sampler of a small network."""
    architecture = Architecture("lstm", len(vocabulary), 4)
    return Sampler(Network(architecture, initialize(architecture, 0)), controls=controls)


def test_a_typed_prime_of_documents_is_the_last_one():
    """A separator at the end ends no document; where texts are none, all of it counts."""
    for typed, read in (("ab", "ab"), ("ab\n", "ab"), ("ab\nc", "c"), ("ab\n\n", ""), ("", "")):
        assert LINES.spell(typed_prime(typed, LINES)) == read
        assert PLAIN.spell(typed_prime(typed, PLAIN)) == typed


def test_a_prime_of_nothing_known():
    """What is left out must leave something; no prime at all is no error."""
    with pytest.raises(CharrnnError, match="the prime has only unknown characters"):
        typed_prime("Ω", PLAIN, "skip")
    assert typed_prime("", PLAIN, "skip").size == 0


def test_what_is_read_before_a_prime():
    """A document's boundary always; in a plain text, what it begins after, where there is no prime."""
    for vocabulary, prime, expected in ((LINES, "a", [3, 0]), (LINES, "", [3]), (PLAIN, "a", [1]), (PLAIN, "", [0])):
        ours, twin = sampler(vocabulary), sampler(vocabulary)
        assert expected[0] == vocabulary.start_symbol or prime
        assert read_prime(ours, vocabulary, [vocabulary.encode(prime, documents=False)]).size == 0
        twin.read(expected)
        assert (ours.draw(20).symbols == twin.draw(20).symbols).all()


@pytest.mark.parametrize("penalty", [1000.0, 0.001])
def test_what_is_read_before_a_prime_is_not_in_the_repeat_window(penalty):
    """The penalty is for characters of the text: the prime's, and not the boundary or the line break before them."""
    controls = Controls(repeat_penalty=penalty, temperature=0.0)
    for vocabulary, prime in ((LINES, "ab"), (LINES, ""), (PLAIN, "ab"), (PLAIN, "")):
        ours = sampler(vocabulary, controls)
        ids = read_prime(ours, vocabulary, [vocabulary.encode(prime, documents=False)], keep=True)
        log_p = np.log(ours.probabilities()[0])
        expected = naive.controlled(log_p, ids.tolist(), **asdict(controls))
        assert ours.fork([0]).draw(1).symbols[0, 0] == expected.argmax()
        ours.controls = Controls()  # what is in the window stays there
        ours.controls = Controls(repeat_penalty=penalty)
        counts = np.bincount(ours.fork(range(3000)).draw(1).symbols[0], minlength=len(vocabulary))
        p = np.exp(naive.controlled(log_p, ids.tolist(), **asdict(ours.controls)))
        np.testing.assert_allclose(counts / 3000, p, atol=0.05)


def test_the_last_document_is_found_across_blocks(tmp_path):
    """However many come before it, only the last one is kept; it cannot be without end."""
    blocks = [np.array(block, np.uint8) for block in ([3, 0, 1], [4, 3], [2], [2, 0, 4])]
    assert np.concatenate(last_document(blocks, 3)).tolist() == [2, 2, 0]
    path = tmp_path / "prime.txt"
    path.write_bytes(b"abc\n" * 200 + b"a" * 100)
    assert sum(ids.size for ids in stored_prime(str(path), LINES, most=100)) == 100
    path.write_bytes(b"abc\n" + b"a" * 101)
    with pytest.raises(CharrnnError, match="a document of the prime is too long: at most 100 characters"):
        stored_prime(str(path), LINES, most=100)


def test_a_prime_that_is_kept_is_not_too_long():
    """A prime that has to be kept is refused where it is too long; one that need not be is not."""
    blocks = [np.zeros(60, np.uint8), np.ones(41, np.uint8)]
    written = []
    assert read_prime(sampler(PLAIN), PLAIN, blocks, write=written.append, most=10).size == 0
    assert [ids.size for ids in written] == [60, 41]
    assert read_prime(sampler(PLAIN), PLAIN, blocks, keep=True, most=101).tolist() == [0] * 60 + [1] * 41
    with pytest.raises(CharrnnError, match="the prime is too long: at most 100 characters"):
        read_prime(sampler(PLAIN), PLAIN, blocks, keep=True, most=100)


def test_a_prime_is_read_as_it_comes():
    """A prime that comes in blocks is written as it comes, and goes on to the same text as if read at once."""
    vocabulary = Vocabulary("abc")
    network = opinionated(symbols=3, hidden=8)
    text = np.random.default_rng(1).integers(0, 3, 1000).astype(np.uint8)
    drawn = []
    for blocks in ([text], np.split(text, range(0, 1000, 7))):
        sampler, written = Sampler(network), []
        read_prime(sampler, vocabulary, blocks, write=written.append)
        assert np.concatenate(written).tolist() == text.tolist()
        drawn.append(sampler.draw(50).symbols.tolist())
    assert drawn[0] == drawn[1]
