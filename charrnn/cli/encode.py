"""``charrnn encode``: encode a text once, for many runs."""

from typing import TYPE_CHECKING, Any

import click

from charrnn.cells.tasks import TEXT_TASKS
from charrnn.cli.characters import SymbolOptions, symbol_options
from charrnn.cli.options import Input, Whole
from charrnn.cli.targets import refuse_sources
from charrnn.errors import CharrnnError
from charrnn.text.defaults import MOST_RARE, UNKNOWN

if TYPE_CHECKING:
    from charrnn.text.ingest import Corpus
    from charrnn.text.vocabulary import Vocabulary


@click.command("encode", short_help="Encode a text once, to train on it many times or to read it with NumPy.")
@symbol_options
@click.option(
    "-o",
    "--output",
    default="corpus.npz",
    show_default=True,
    type=click.Path(),
    metavar="FILE",
    help="Write the encoded text to FILE.",
)
@click.option("--force", is_flag=True, help="Replace an existing encoded text.")
@click.option(
    "--rare",
    type=Whole(2, MOST_RARE),
    metavar="N",
    help="Make one symbol, �, of characters that occur fewer than N times.",
)
@click.option("--vocabulary-of", "model", type=Input(), metavar="MODEL", help="Encode with the vocabulary of a model.")
@click.option(
    "--unknown",
    type=click.Choice(UNKNOWN),
    default="error",
    show_default=True,
    help="With --vocabulary-of: what to do with characters that the model does not know.",
)
def command(output: str, force: bool, rare: int | None, model: str | None, unknown: str, **values: Any) -> None:
    """Encode a text: files, folders, or standard input (-). Each character becomes a number, its symbol.

    The file that is written can be used wherever a command reads a text. charrnn train makes the same model of it, bit
    for bit, but does not look for encodings and count characters again. The file is a .npz archive of plain arrays: the
    symbols, how often each one occurs, the vocabulary, and the names and the SHA-256 of the text. models/README.md
    describes it.

    \b
    Examples:
      charrnn encode books/ -o books.npz
      charrnn train books.npz -o model.npz
      charrnn encode other.txt --vocabulary-of model.npz -o other.npz
    """
    options = SymbolOptions.of(values)
    if model is None and unknown != "error":
        raise click.UsageError("--unknown needs --vocabulary-of.")
    if model is not None and (options.byte_level or options.separator is not None or rare is not None):
        raise click.UsageError(
            "With --vocabulary-of, the model decides --bytes, --documents and --rare; leave them out."
        )
    from charrnn.display.console import ReadingBar, note
    from charrnn.display.words import size
    from charrnn.storage.files import check_writable, locked, shown
    from charrnn.text import corpus_file
    from charrnn.text.sources import LARGE_TEXT

    if output == "-":
        raise CharrnnError("an encoded text cannot be written to standard output; give the name of a file after -o")
    read = [(path, "the text that is read") for path in options.texts]
    read += [] if model is None else [(model, "the model that is read")]
    refuse_sources(output, read, "-o", byte_level=options.byte_level)
    corpus_file.require_replaceable(output)
    bar = ReadingBar()
    try:
        with locked(output):
            check_writable(output, force=force)
            corpus = _read(options, rare or 0, model, unknown, bar)
            corpus_file.save(output, corpus, bar if corpus.size > LARGE_TEXT else None)
    finally:
        bar.close()
    told = f"{corpus.characters:,} {'bytes' if corpus.vocabulary.byte_level else 'characters'}"
    if corpus.documents is not None:
        told += f" in {corpus.documents:,} documents"
    written = f"{len(corpus.vocabulary):,} symbols, {size(corpus.ids.nbytes)} as {corpus.ids.dtype}"
    note(f"{shown(output)} has {told}: {written}")


def _read(options: SymbolOptions, rare: int, model: str | None, unknown: str, bar: Any) -> "Corpus":
    """Read the texts as a run would."""
    from charrnn.cli.models import open_model
    from charrnn.display.console import note
    from charrnn.library.preparation import Symbols
    from charrnn.text.ingest import Listener, read_corpus
    from charrnn.text.sources import Known

    vocabulary: Vocabulary | None = None if model is None else open_model(model, *TEXT_TASKS).vocabulary
    symbols = Symbols(options.byte_level, options.separated_by(), rare)
    return read_corpus(
        options.texts,
        byte_level=symbols.byte_level,
        separator=symbols.separator,
        rare=symbols.rare,
        vocabulary=vocabulary,
        unknown=unknown,
        known=Known(encoding=options.encoding, near=vocabulary is not None),
        listener=Listener(note, bar),
    )
