"""What commands tell people."""

import pytest

from charrnn.library import sentences
from charrnn.reading.copying import SHOWN, Copied
from charrnn.text.survey import Skipped
from charrnn.training.settings import Settings


def test_many_symbols() -> None:
    """More than 5,000 symbols get a warning with their number and the way out."""
    assert sentences.many_symbols(5_000) is None
    assert sentences.many_symbols(256) is None
    said = sentences.many_symbols(5_001)
    assert said is not None
    assert "5,001" in said
    assert "--bytes" in said


def test_documents_with_formatting() -> None:
    """The first one is named, with what makes a text of it."""
    page, other = Skipped("a.html", "a web page; make a text of it with: pandoc"), Skipped("b.rtf", "")
    said = "has formatting, which the network learns, too: it is a web page; make a text of it with: pandoc"
    assert sentences.markup([page]) == f"a.html {said}"
    assert sentences.markup([page, other]) == f"a.html (and 1 more) {said}"
    assert sentences.markup([]) is None


def test_a_large_text_is_told_in_gigabytes() -> None:
    """It is read twice, so a long wait must not seem to be a fault."""
    assert sentences.reading(1_440_000_000) == "reading 1.4 GB of text, which takes a while"


@pytest.mark.parametrize(
    ("characters", "asked", "fitted", "said"),
    [
        (100_000, (16, 32), (16, 32), None),
        (180, (16, 32), (4, 11), "(180 characters); it is read in 4 streams of 11 characters instead of 16 of 32"),
        (
            1_500,
            (64, 32),
            (11, 32),
            "(1,500 characters); it is read in 11 streams of 32 characters instead of 64 of 32",
        ),
        (24, (1, 32), (1, 8), "(24 characters); it is read in 1 stream of 8 characters instead of 1 of 32"),
        (24, (2, 1), (1, 1), "(24 characters); it is read in 1 stream of 1 character instead of 2 of 1"),
    ],
)
def test_what_was_fitted_to_a_short_text(
    characters: int, asked: tuple[int, int], fitted: tuple[int, int], said: str | None
) -> None:
    """The size of the text is told, what it gets, and what was asked for; nothing if all is kept."""

    def settings(streams: int, length: int) -> Settings:
        return Settings(batch_size=streams, seq_length=length, epochs=1.0)

    told = sentences.short_text(characters, settings(*asked), settings(*fitted))
    assert told == (said and f"the text is short {said}")


def test_what_was_copied() -> None:
    """The share is told, and the longest run with line breaks that can be seen; dots where it is not whole."""
    share, run = sentences.copied(Copied(1_000, 250, longest=1, run="\n"), 32, "corpus.txt")
    assert share == ("25.0 % copied: 250 of 1,000 characters are in corpus.txt, word for word, in runs of 32 or more")
    assert run == "1 character in the longest run: ↵"
    assert sentences.copied(Copied(3, 0), 32, "a")[1:] == []
    (_, long) = sentences.copied(Copied(1_000, 250, longest=SHOWN + 1, run="a" * SHOWN), 32, "a")
    assert long.endswith("a…")
