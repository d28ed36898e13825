"""Fables by a grammar: what agrees in them, and that they are the same everywhere."""

import hashlib
import re

import pytest

from charrnn.corpora.fables import fables
from charrnn.errors import CharrnnError
from tests.helpers import ROOT

FOLDER = ROOT / "corpora"
PLURALS = {"geese", "mice", "calves", "oxen"}


def paragraphs(fable: str) -> list[str]:
    """Return a fable's paragraphs, each as one line."""
    return [paragraph.replace("\n", " ") for paragraph in fable.split("\n  ")[1:]]


@pytest.fixture(scope="module")
def text() -> str:
    """Return the fables as they are told by default."""
    return fables()


@pytest.fixture(scope="module")
def others() -> list[str]:
    """Fables of another seed, so that what is tested holds for more than one text."""
    return fables(seed=7, characters=150_000).strip().split("\n\n")


def test_the_file_is_what_the_grammar_tells(text: str) -> None:
    """The file in corpora/ is, byte for byte, what ``fables()`` returns, and its README knows its hash."""
    content = (FOLDER / "fables.txt").read_bytes()
    assert content == text.encode("ascii")
    assert hashlib.sha256(content).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_seed_and_length() -> None:
    """A seed fixes the fables, another seed tells others, and only the end depends on the length."""
    short, long = fables(seed=3, characters=5_000), fables(seed=3, characters=9_000)
    assert long.startswith(short)
    assert 5_000 <= len(short) < 9_000 <= len(long)
    assert len(fables(characters=1)) > 100, "one character asked for is one whole fable"
    assert fables(seed=4, characters=5_000)[:1_000] != short[:1_000]


def test_impossible_fables() -> None:
    """A negative seed and an empty text are errors of the user, said in a sentence."""
    with pytest.raises(CharrnnError, match="must be 0 or more, not -1"):
        fables(seed=-1)
    with pytest.raises(CharrnnError, match="at least 1 character, not 0"):
        fables(characters=0)


def test_form(others: list[str]) -> None:
    """The text is ASCII in short lines; a fable has a title and a moral; nothing of the grammar shows."""
    assert len(others) > 80
    for fable in others:
        title, *lines = fable.split("\n")
        assert fable.isascii()
        assert not set(fable) & set("[]{}<>|~/@*=")
        assert max(map(len, lines)) <= 76
        assert title[0].isupper()
        assert title[-1] not in ".,:!"
        assert ":" in paragraphs(fable)[-1]


def test_sentences(others: list[str]) -> None:
    """Quotation marks close in their paragraph, sentences begin with a capital, and a and an are told apart."""
    for paragraph in (paragraph for fable in others for paragraph in paragraphs(fable)):
        assert paragraph.count('"') % 2 == 0, paragraph
        assert re.match(r'"?[A-Z].*[.!?]"?$', paragraph), paragraph
        assert not re.search(r'[.!?] [a-z]|\." [a-z]|,"?$|  |\b(\w+) \1\b', paragraph), paragraph
        assert not re.search(r"\ba (?:[aio]|e(?!we))|\ban [^aeiouh]", paragraph, re.IGNORECASE), paragraph


def test_agreement_over_distance(others: list[str]) -> None:
    """What is one stays one and what is many stays many, however far the verb is from its noun."""
    told = "\n".join(" ".join(paragraphs(fable)) for fable in others)
    places = r"lived in|slept behind|lived under|had heard it|had seen it|had stopped|had waited|had been watching"
    found = re.findall(rf"[Tt]he (\w+) that (?:{places})[^.,;]*? (was|were) ", told)
    found += re.findall(r"[Tt]he (\w+) that lives? there now (has|have) ", told)
    found += re.findall(r"the (\w+) that lives? near [^.,;]*? (runs|run)\.", told)
    assert len(found) > 50
    for noun, verb in found:
        many = noun in PLURALS or noun.endswith("s")
        assert noun == "sheep" or many == (verb in {"were", "have", "run"}), (noun, verb)
    assert {verb for _, verb in found} == {"was", "were", "has", "have", "runs", "run"}


def test_names_and_pronouns(others: list[str]) -> None:
    """A name is always he or always she, and a fable has two names in it, to its end."""
    seen: dict[str, set[str]] = {}
    for fable in others:
        names = set(re.findall(r"\b(?:named|called|by the name of|than) ([A-Z]\w+)", fable.replace("\n", " ")))
        assert len(names) == 2, fable
        for name, pronoun in re.findall(
            r"(?:named|called|name of) (\w+), and (he|she) lived", fable.replace("\n", " ")
        ):
            seen.setdefault(name, set()).add(pronoun)
    assert len(seen) > 5
    assert all(len(pronouns) == 1 for pronouns in seen.values())


def test_sentences_are_seldom_repeated(text: str) -> None:
    """Four sentences in five are distinct, so that a network has more to learn than a list of them."""
    told = " ".join(" ".join(paragraphs(fable)) for fable in text.strip().split("\n\n"))
    sentences = re.split(r'(?<=[.!?]) (?=["A-Z])|(?<=[.!?]") (?=["A-Z])', told)
    assert len(set(sentences)) > 0.8 * len(sentences)
