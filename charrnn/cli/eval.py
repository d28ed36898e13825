"""``charrnn eval``: score texts."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from click.core import ParameterSource

from charrnn.cli.options import COMPARABLE, copied_options, model_argument, unknown_option
from charrnn.cli.records import Column, chosen, fitting, format_options, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.model.network import Network
    from charrnn.model.team import Team
    from charrnn.reading.scoring import Line, Score, Scored
    from charrnn.text.vocabulary import Ids, Vocabulary

FIGURES = (
    Column("nats_per_char", 10, ".4f"),
    Column("bits_per_char", 10, ".4f"),
    Column("perplexity", 10, ".3f"),
    Column("characters", 13, ","),
)


@click.command()
@model_argument
@click.argument("texts", nargs=-1, type=click.Path(), metavar="[TEXT…]")
@click.option(
    "-m", "--model", "others", multiple=True, type=click.Path(), metavar="MODEL", help="Score by this model as well."
)
@click.option("--per-line", is_flag=True, help="Tell the bits of each line, or of each document.")
@click.option("--per-char", is_flag=True, help="Tell the bits of each character.")
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help="Tell the N lines, or documents, with the most bits per character, of those that are not empty.",
)
@copied_options
@format_options
@click.option("--threads", type=click.IntRange(min=1), help="Threads to use; by default one a processor.")
@unknown_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    model: str,
    texts: tuple[str, ...],
    others: tuple[str, ...],
    per_line: bool,
    per_char: bool,
    top: int | None,
    copied: str | None,
    copied_run: int,
    as_json: bool,
    as_tsv: bool,
    threads: int | None,
    unknown: str,
) -> None:
    """Tell how well MODEL predicts a text: a file, a folder, or standard input (-), of any length.

    The fewer bits per character, the less the text surprised the model. The first character is given, not predicted.
    A bidirectional model predicts each character from those on both of its sides, so its bits are of another kind. For
    a model of documents each document is predicted from its first character to its end, which counts as one more.

    Of several texts each is scored by itself. With -m every text is scored by every model, and of each text the best
    model, with the fewest bits per character, is marked: who wrote this? No model is marked where they did not
    predict equally many characters, as then their figures differ in kind.

    --per-line, --per-char, --top and --copied look closer, at one text by one model. A line feed belongs to the line
    that it ends. Lines and places are counted in the text as the model reads it: without what --unknown skip leaves
    out. Of a line longer than 65,536 characters only the beginning is printed. With --tsv a tabulator, line feed,
    carriage return or backslash inside a text is printed as \\t, \\n, \\r or \\\\.

    \b
    Examples:
      charrnn eval model.npz other.txt
      charrnn eval model.npz -m better.npz other.txt corpus.txt
      cat chapter*.txt | charrnn eval model.npz - --top 10
      charrnn eval model.npz other.txt --per-char --tsv > surprises.tsv
      charrnn eval model.npz story.txt --copied corpus.txt
    """
    form = chosen(as_json, as_tsv)
    if not texts:
        if sys.stdin is None or sys.stdin.isatty():
            raise click.UsageError("Give a text to score, or - for standard input.")
        texts = ("-",)
    models = (model, *others)
    closer = {"--per-line": per_line, "--per-char": per_char, "--top": top, "--copied": copied is not None}
    asked = [option for option, value in closer.items() if value]
    if len(asked) > 1:
        raise click.UsageError(f"Give {asked[0]} or {asked[1]}, not both.")
    if asked and (len(models) > 1 or len(texts) > 1):
        raise click.UsageError(f"{asked[0]} takes one text and one model.")
    if ctx.get_parameter_source("copied_run") is ParameterSource.COMMANDLINE and copied is None:
        raise click.UsageError("--copied-run goes with --copied.")
    if [*texts, copied].count("-") > 1:
        raise click.UsageError("Standard input (-) can be read only once.")
    from charrnn.model.team import Team

    readers = [_reader(path) for path in models]
    if any(reader.both_sides for reader in readers):
        from charrnn.display.console import note

        note("a bidirectional model predicts each character from those on both of its sides")
    with Team(threads) as team:
        if len(models) > 1 or len(texts) > 1:
            _compare(readers, texts, unknown, team, form)
            return
        pieces = _scored(readers[0], texts[0], None, unknown, team)
        if per_char:
            _per_char(pieces, readers[0].vocabulary, form)
        elif per_line or top:
            _per_line(pieces, readers[0].vocabulary, top, form)
        else:
            _whole(pieces, readers[0].vocabulary, copied, copied_run, form)


@dataclass(frozen=True)
class _Reader:
    """A model that reads texts, and its name."""

    path: str
    network: "Network"
    vocabulary: "Vocabulary"

    @property
    def both_sides(self) -> bool:
        """Whether it predicts a character from those on both of its sides."""
        return self.network.architecture.bidirectional


def _reader(path: str) -> _Reader:
    from charrnn.display.console import compiling
    from charrnn.model.model_file import load
    from charrnn.model.network import Network

    checkpoint = load(path)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    with compiling(network):
        network.compile()
    return _Reader(path, network, checkpoint.vocabulary)


def _scored(reader: _Reader, text: str, source: BinaryIO | None, unknown: str, team: "Team") -> "Iterator[Scored]":
    """Score a text, piece by piece. Raises CharrnnError where there is too little of it, or a loss is no number."""
    import numpy as np

    from charrnn.reading.scoring import given, score_pieces
    from charrnn.storage.files import shown
    from charrnn.text.ingest import name_of, read_stream

    boundary = reader.vocabulary.boundary
    blocks = read_stream(text, reader.vocabulary, unknown=unknown, source=source)
    enough = False
    for ids, nats in score_pieces(reader.network, blocks, team, boundary):
        if not enough and ids.size <= given(boundary):
            continue  # a fault may follow, which tells more
        enough = True
        if not np.isfinite(nats).all():
            raise CharrnnError(f"the weights in {shown(reader.path)} are so large that its predictions are no numbers")
        yield ids, nats
    if not enough:
        raise CharrnnError(f"{name_of(text)} has one character, but scoring takes two, as the first one is given")


def _figures(score: "Score") -> tuple[float, float, float, int]:
    return score.nats_per_char, score.bits_per_char, score.perplexity, score.characters


def _whole(pieces: "Iterable[Scored]", vocabulary: "Vocabulary", copied: str | None, run: int, form: str) -> None:
    """Tell the figures of a text, and how much of it is copied, if that is asked."""
    import numpy as np

    from charrnn.display import sentences
    from charrnn.display.words import harmless
    from charrnn.reading.copying import comparison
    from charrnn.reading.scoring import total
    from charrnn.text.ingest import name_of

    compare = None if copied is None else comparison(copied, vocabulary)
    kept: list[Ids] = []
    score = total(_keeping(pieces, kept) if compare else pieces, vocabulary.boundary)
    found = compare([np.concatenate(kept)], run) if compare else None
    if form != "text":
        more = found.fields(run) if found else {}
        columns = (Column(name, form="" if isinstance(value, str) else "d") for name, value in more.items())
        write([(*_figures(score), *more.values())], [*FIGURES, *columns], form)
        return
    click.echo(f"{score.nats_per_char:.4f} nats per character")
    click.echo(f"{score.bits_per_char:.4f} bits per character")
    click.echo(f"{score.perplexity:.3f} perplexity: as unsure as a fair choice between so many characters")
    click.echo(f"{score.characters:,} characters predicted")
    for sentence in sentences.copied(found, run, name_of(copied)) if found and copied else ():
        click.echo(harmless(sentence))


def _keeping(pieces: "Iterable[Scored]", kept: "list[Ids]") -> "Iterator[Scored]":
    """Pass on pieces whose symbols are kept. Raises CharrnnError where they become too many."""
    size = 0
    for ids, nats in pieces:
        size += ids.size
        if size > COMPARABLE:
            raise CharrnnError(f"the text is too long for --copied, which takes {COMPARABLE:,} characters at most")
        kept.append(ids)
        yield ids, nats


def _compare(readers: Sequence[_Reader], texts: Sequence[str], unknown: str, team: "Team", form: str) -> None:
    """Tell the figures of every text by every model, a row each, and which model is the best for each text."""
    from charrnn.display.console import note
    from charrnn.reading.scoring import Score, total
    from charrnn.storage.files import shown
    from charrnn.text.ingest import read_again

    many, unlike = len(readers) > 1, False

    def by(reader: _Reader, text: str, source: BinaryIO | None) -> Score:
        try:
            return total(_scored(reader, text, source, unknown, team), reader.vocabulary.boundary)
        except CharrnnError as error:
            raise CharrnnError(f"{shown(reader.path)}: {error}" if many else str(error)) from None

    def rows() -> Iterator[tuple[Any, ...]]:
        nonlocal unlike
        for text in texts:
            with read_again(text) if many else nullcontext() as source:
                scores = [by(reader, text, source) for reader in readers]
            best = min(score.bits_per_char for score in scores)
            alike = (
                len({(score.characters, reader.both_sides) for score, reader in zip(scores, readers, strict=True)}) == 1
            )
            unlike = unlike or not alike
            for reader, score in zip(readers, scores, strict=True):
                marks = (alike and score.bits_per_char == best,) if many else ()
                yield reader.path, text, *_figures(score), *marks

    names = fitting("model", [reader.path for reader in readers]), fitting("text", texts)
    write(rows(), [*names, *FIGURES, *([Column("best")] if many else [])], form)
    if unlike:
        note("no model is marked as the best where they did not predict equally many characters, or not from one side")


def _per_line(pieces: "Iterable[Scored]", vocabulary: "Vocabulary", top: int | None, form: str) -> None:
    """Tell the bits of each line, or of the most surprising ones."""
    from charrnn.reading.scoring import lines

    def surprise(line: "Line") -> float:
        return line.bits_per_char or 0.0

    found: Iterable[Line] = lines(pieces, vocabulary)
    if top:
        found = nlargest(top, (line for line in found if line.text and line.characters), key=surprise)
    columns = (
        Column(_line_or_document(vocabulary), 8, "d"),
        Column("characters", 10, ",", "d"),
        Column("bits", 10, ".2f", ".7g"),
        Column("bits_per_char", 9, ".4f", ".7g"),
        Column("text"),
    )
    write(((line.number, line.characters, line.bits, line.bits_per_char, line.text) for line in found), columns, form)


def _per_char(pieces: "Iterable[Scored]", vocabulary: "Vocabulary", form: str) -> None:
    """Tell the bits and the probability of each character."""
    from charrnn.reading.scoring import characters

    columns = (
        Column("index", 10, "d"),
        Column(_line_or_document(vocabulary), 8, "d"),
        Column("column", 6, "d"),
        Column("character", 9),
        Column("bits", 8, ".4f", ".6g"),
        Column("probability", 11, ".3g", ".6g"),
    )
    write(characters(pieces, vocabulary), columns, form)


def _line_or_document(vocabulary: "Vocabulary") -> str:
    return "line" if vocabulary.boundary is None else "document"
