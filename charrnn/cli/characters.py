"""``charrnn vocabulary``: list the characters of a text."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.options import EscapedText, Input, Whole, encoding_option
from charrnn.cli.records import chosen, format_options
from charrnn.errors import CharrnnError
from charrnn.text.defaults import MOST_RARE

if TYPE_CHECKING:
    from charrnn.text.census import Census

LISTED = 20  # characters


@dataclass(frozen=True)
class SymbolOptions:
    """The texts of a command, and how they are read."""

    texts: tuple[str, ...]
    byte_level: bool
    separator: str | None
    encoding: str

    @classmethod
    def of(cls, values: dict[str, Any]) -> "SymbolOptions":
        """Return the options among a command's values; raise click.UsageError if they contradict each other."""
        options = cls(**{field.name: values[field.name] for field in fields(cls)})
        if options.byte_level and options.encoding:
            raise click.UsageError("Give --bytes or --encoding, not both.")
        if options.texts.count("-") > 1:
            raise click.UsageError("Standard input (-) can be read only once.")
        return options

    def separated_by(self) -> str:
        """Return the separator of documents, or ""; raise click.UsageError if it is not valid."""
        from charrnn.library.preparation import separator_of

        try:
            return separator_of(self.separator)
        except CharrnnError as error:
            raise click.UsageError(str(error)) from None


def symbol_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the texts, and the options of `SymbolOptions`."""
    for option in (
        encoding_option,
        click.option(
            "--documents",
            "separator",
            type=EscapedText(),
            help="The text is documents with this string between them; lines makes each line a document.",
        ),
        click.option("--bytes", "byte_level", is_flag=True, help="Read bytes instead of characters."),
        click.argument("texts", nargs=-1, required=True, type=Input(), metavar="TEXT…"),
    ):
        function = option(function)
    return function


@click.command("vocabulary", short_help="List the characters of a text, and what may be wrong with them.")
@symbol_options
@click.option(
    "-n", "--most", type=Whole(1), help=f"List the N most frequent characters, or the first N.  [default: {LISTED}]"
)
@click.option("--all", "all_", is_flag=True, help="List all characters, as --json and --tsv do.")
@click.option(
    "--sort",
    type=click.Choice(("count", "code")),
    default="count",
    show_default=True,
    help="Order of the characters: the most frequent first, or by code point.",
)
@click.option("--rare", type=Whole(2, MOST_RARE), help="Also show what train --rare N would leave.")
@format_options
def command(
    most: int | None, all_: bool, sort: str, rare: int | None, as_tsv: bool, as_json: bool, **values: Any
) -> None:
    """List the characters of a text: files, folders, or standard input (-). Then tell what a model would learn.

    The text is read as train reads it. For each character, the list has its code point and name in Unicode, its kind
    (with the script of a letter), how often it occurs, and its share of the text. After the list come the kinds of
    characters, how many are rare, what may be wrong with the text (invisible characters, mixed line ends, quotes or
    forms of accents, UTF-8 that was read in another encoding), the encodings of its files, and the files that are left
    out. --json prints one object with all of this.

    \b
    Examples:
      charrnn vocabulary corpus.txt
      charrnn vocabulary books/ --rare 5
      charrnn vocabulary corpus.txt --sort code --tsv > characters.tsv
    """
    form = chosen(as_json, as_tsv)
    if all_ and most is not None:
        raise click.UsageError("Give --all or --most, not both.")
    options = SymbolOptions.of(values)
    census = _census(options)
    if rare is not None and census.given is not None:
        raise CharrnnError(f"--rare is for a text that is not encoded yet, and {options.texts[0]} is encoded")
    from charrnn.cli.characters_output import as_object, listed, summary, write_list

    rows = listed(census, sort)
    limit = most if most is not None else len(rows) if all_ or form != "text" else LISTED
    if form == "json":
        as_object(census, rows[:limit], rare)
        return
    write_list(rows[:limit], form)
    if form == "text":
        summary(census, len(rows) - limit, rare)


def _census(options: SymbolOptions) -> "Census":
    """Count the characters of the texts, with a bar for large ones."""
    from charrnn.display.console import ReadingBar
    from charrnn.text.census import take_census
    from charrnn.text.passes import Listener

    bar = ReadingBar()
    try:
        return take_census(
            options.texts,
            byte_level=options.byte_level,
            separator=options.separated_by(),
            encoding=options.encoding,
            listener=Listener(lambda sentence: None, bar),
        )
    finally:
        bar.close()
