"""Output of scores: for a text, per line, and per character."""

from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import TYPE_CHECKING

import click

from charrnn.cli.options import MOST_COMPARED
from charrnn.cli.records import Column, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.reading.losses import Scored
    from charrnn.reading.scoring import Line, Score
    from charrnn.text.near_forms import NearForms
    from charrnn.text.vocabulary import Ids, Vocabulary

EXACT = ".9g"  # as many digits as a float32 has
FIGURES = (
    Column("nats_per_char", 10, ".4f"),
    Column("bits_per_char", 10, ".4f"),
    Column("perplexity", 10, ".3f"),
    Column("characters", 13, ","),
    Column("unknown", 9, ","),
    Column("unknown_share", 13, ".4f"),
)
NEAR = Column("near", 6, ",")  # with --near


def columns_of(near: object) -> list[Column]:
    """Return the columns of a score's figures, with one for near forms if there is anything that reads them."""
    return [*FIGURES, NEAR] if near else [*FIGURES]


def figures(score: "Score", near: object) -> tuple[float, ...]:
    """Return a score's figures, in the order of `columns_of`."""
    rates = score.nats_per_char, score.bits_per_char, score.perplexity
    return *rates, score.characters, score.unknown, score.unknown_share, *((score.near,) if near else ())


def whole(
    pieces: "Iterable[Scored]", vocabulary: "Vocabulary", rule: str, form: str, near: "NearForms | None" = None
) -> None:
    """Print the figures of a text, whose unknown characters are treated by a ``rule``, after ``near`` forms."""
    from charrnn.reading.scoring import total

    score = total(pieces, vocabulary.boundary, vocabulary.unknown_symbol, near=near)
    if form == "text":
        _tell(score, rule)
    else:
        write([figures(score, near)], columns_of(near), form)


def copied(
    pieces: "Iterable[Scored]",
    vocabulary: "Vocabulary",
    rule: str,
    source: tuple[str, str],
    run: int,
    form: str,
    near: "NearForms | None" = None,
) -> None:
    """Print the figures of a text, as `whole` does, and the share that is copied from a source.

    The ``source`` is the path of a corpus and its encoding, if that is named.
    """
    import numpy as np

    from charrnn.display.words import harmless
    from charrnn.library import sentences
    from charrnn.reading.copying import comparison
    from charrnn.reading.scoring import total
    from charrnn.text.ingest import name_of

    corpus, encoding = source
    compare = comparison(corpus, vocabulary, encoding)
    kept: list[Ids] = []
    score = total(keeping(pieces, kept), vocabulary.boundary, vocabulary.unknown_symbol, near=near)
    found = compare([np.concatenate(kept)], run)
    if form != "text":
        fields = found.fields(run)
        columns = (Column(name, form="" if isinstance(value, str) else "d") for name, value in fields.items())
        write([(*figures(score, near), *fields.values())], [*columns_of(near), *columns], form)
        return
    _tell(score, rule)
    for sentence in sentences.copied(found, run, name_of(corpus)):
        click.echo(harmless(sentence))


def _tell(score: "Score", rule: str) -> None:
    from charrnn.library import sentences

    click.echo(f"{score.nats_per_char:.4f} nats per character")
    click.echo(f"{score.bits_per_char:.4f} bits per character")
    click.echo(f"{score.perplexity:.3f} perplexity: as uncertain as a random choice among this many characters")
    click.echo(f"{score.characters:,} characters predicted")
    if rule != "error" or score.unknown:
        click.echo(sentences.unknown(score.unknown, score.unknown_share, rule))
    if score.near:
        click.echo(sentences.near(score.near))


def keeping(pieces: "Iterable[Scored]", kept: "list[Ids]", *, most: int = MOST_COMPARED) -> "Iterator[Scored]":
    """Yield pieces, and keep their symbols.

    Raises CharrnnError if there are too many symbols.
    """
    size = 0
    for ids, nats in pieces:
        size += ids.size
        if size > most:
            raise CharrnnError(f"the text is too long for --copied, which takes at most {most:,} characters")
        kept.append(ids)
        yield ids, nats


def per_line(found: "Iterable[Line]", vocabulary: "Vocabulary", top: int | None, form: str) -> None:
    """Print the bits of each line, or the `top` lines."""

    def surprise(line: "Line") -> float:
        return line.bits_per_char or 0.0

    if top:
        found = nlargest(top, (line for line in found if line.text and line.characters), key=surprise)
    columns = (
        Column(line_or_document(vocabulary), 8, "d"),
        Column("characters", 10, ",", "d"),
        Column("unknown", 7, ",", "d"),
        Column("bits", 10, ".2f", EXACT),
        Column("bits_per_char", 9, ".4f", EXACT),
        Column("text"),
    )
    records = ((line.number, line.characters, line.unknown, line.bits, line.bits_per_char, line.text) for line in found)
    write(records, columns, form)


def per_char(pieces: "Iterable[Scored]", vocabulary: "Vocabulary", form: str) -> None:
    """Print the bits and the probability of each character."""
    from charrnn.reading.scoring import characters

    columns = (
        Column("index", 10, "d"),
        Column(line_or_document(vocabulary), 8, "d"),
        Column("column", 6, "d"),
        Column("character", 9),
        Column("bits", 8, ".4f", EXACT),
        Column("probability", 11, ".3g", EXACT),
    )
    write(characters(pieces, vocabulary), columns, form)


def line_or_document(vocabulary: "Vocabulary") -> str:
    """Return what a line of a text is called."""
    return "line" if vocabulary.boundary is None else "document"
