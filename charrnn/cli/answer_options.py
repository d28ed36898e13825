"""The options of the commands classify, tag and predict, and the texts or numbers that they read."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from charrnn.cli.options import (
    EscapedText,
    encoding_option,
    given,
    is_file,
    model_argument,
    note_escapes,
    threads_option,
    unknown_options,
)
from charrnn.cli.records import format_options
from charrnn.cli.targets import refuse_stdout
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.library.answering import Answering
    from charrnn.library.text_rules import Rules

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class AnswerOptions:
    """Values of the options that the three commands have."""

    model: str
    texts: tuple[str, ...]
    whole: bool
    as_json: bool
    as_tsv: bool
    unknown: str
    near: str
    encoding: str
    threads: int | None
    given: frozenset[str]

    @property
    def from_stdin(self) -> bool:
        """Whether standard input is read."""
        return self.texts in ((), ("-",))


def answer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the three commands."""

    @wraps(function)
    @click.pass_context
    def with_given(ctx: click.Context, /, **values: Any) -> Any:
        return function(given=given(ctx), **values)

    decorated = with_given
    for option in reversed(
        (
            model_argument,
            click.argument("texts", nargs=-1, type=EscapedText(optional=True), metavar="[TEXT…]"),
            click.option("--whole", is_flag=True, help="Take all of standard input as one text, not each line."),
            format_options,
            unknown_options,
            encoding_option,
            threads_option,
        )
    ):
        decorated = option(decorated)
    return decorated


def check_usage(options: AnswerOptions) -> None:
    """Raise click.UsageError for options that contradict each other, and for no text."""
    if not options.texts and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("Give a text, or - for standard input.")
    if not options.texts:
        refuse_stdout("-")
    if options.whole and not options.from_stdin:
        raise click.UsageError("--whole is for a text from standard input.")
    if options.encoding and not options.from_stdin:
        raise click.UsageError("--encoding is for texts from standard input.")
    if "-" in options.texts and not options.from_stdin:
        raise click.UsageError("Give texts, or - for standard input, not both.")


def refuse_text_options(options: AnswerOptions, *others: str) -> None:
    """Raise CharrnnError for options of texts, and for ``others``, as a model reads numbers."""
    if found := sorted({"whole", "unknown", "near", *others} & options.given):
        flags = ", ".join(f"--{name}" for name in found)
        raise CharrnnError(f"{flags}: for a model of texts; this one reads numbers")


def answered(
    options: AnswerOptions, answering: "Answering", answer: "Callable[[Iterator[str], Rules], Iterator[Answer]]"
) -> "Iterator[Answer | None]":
    """Yield the answer for each text, and None whenever the next text has yet to arrive.

    At the end, notes say how many characters of all texts are unknown. Raises CharrnnError for a model that does not
    read texts, and for a text that it cannot read, after the answers for those before it.
    """
    if options.from_stdin:
        rules = answering.rules(options.unknown, options.near, "standard input", one=options.whole)
    else:
        one = len(options.texts) == 1
        rules = answering.rules(options.unknown, options.near, "the text" if one else "the texts", one=one)
        _note_files(options.texts)
        note_escapes({"the text": "".join(options.texts)}, answering.model.vocabulary)
    try:
        for texts in texts_of(options):
            if options.whole and answering.model.vocabulary.lacks("\n"):  # as where each line is an example
                texts = [text.removesuffix("\n") for text in texts]
            yield from answer(iter(texts), rules)
            yield None
    finally:
        answering.tell(rules)


def _note_files(texts: tuple[str, ...]) -> None:
    """Note that a text is also the name of a file."""
    if found := next(filter(is_file, texts), None):
        from charrnn.display.console import note
        from charrnn.storage.files import shown

        note(f"{shown(found)} is read as a text, though a file has this name; to read its lines, type < {shown(found)}")


def texts_of(options: AnswerOptions) -> Iterator[list[str]]:
    """Yield the texts: those that were typed, or the lines of standard input as they arrive, or all of it as one.

    Empty lines are passed over. Raises CharrnnError if standard input cannot be read.
    """
    if not options.from_stdin:
        yield list(options.texts)
    elif options.whole:
        from charrnn.text.ingest import read_verbatim

        yield [read_verbatim("-", byte_level=False, encoding=options.encoding)]
    else:
        yield from filter(None, _lines(options.encoding))


def _lines(encoding: str) -> Iterator[list[str]]:
    """Yield the lines of standard input that have arrived, without empty ones."""
    from charrnn.text.decoding import UTF_8, decoded
    from charrnn.text.feed import pieces
    from charrnn.text.sources import readable

    with readable("-"):
        rest = ""
        for block in decoded(pieces(), "standard input", encoding or UTF_8, newlines=True):
            *lines, rest = (rest + block).split("\n")
            yield [line for line in lines if line]
        yield [rest] if rest else []


def arrays_of(options: AnswerOptions) -> Any:
    """Return the sequences of numbers in the only file that was named.

    Raises CharrnnError if there is another number of files, or if it cannot be read.
    """
    from charrnn.examples.arrays import read_inputs

    refuse_text_options(options, "encoding")
    if len(options.texts) != 1 or options.from_stdin:
        raise CharrnnError("this model reads numbers: name one .npz file with an array x")
    return read_inputs(options.texts[0])
