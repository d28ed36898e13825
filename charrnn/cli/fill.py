"""``charrnn fill``: fill the gaps in a text."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from charrnn.cells.tasks import TEXT_TASKS
from charrnn.cli.models import compile_noticed, open_model
from charrnn.cli.options import (
    ESCAPES,
    EscapedText,
    Number,
    Whole,
    allow_unknown_option,
    encoding_option,
    given,
    is_file,
    model_argument,
    note_escapes,
    unknown_options,
)
from charrnn.cli.records import Column, chosen, format_options, write
from charrnn.cli.targets import refuse_stdout
from charrnn.errors import CharrnnError
from charrnn.writing.controls import BEAM, HOTTEST, SMALLEST

if TYPE_CHECKING:
    from charrnn.library.opened import OpenedModel
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.writing.filling import Filler, Filling, Gapped

COLUMNS = (Column("probability", 11, ".4g"), Column("bits_per_char", 9, ".4f"), Column("text"))


@dataclass(frozen=True)
class FillOptions:
    """Values of the options of ``charrnn fill``."""

    model: str
    text: str | None
    mark: str
    best: int | None
    beam: int
    temperature: float | None
    count: int | None
    seed: int | None
    as_json: bool
    as_tsv: bool
    unknown: str
    near: str
    allow_unknown: bool
    encoding: str
    given: frozenset[str]

    @property
    def from_stdin(self) -> bool:
        """Whether the text is read from standard input."""
        return self.text in (None, "-")

    @property
    def where(self) -> str:
        """Name of the text in messages."""
        return "standard input" if self.from_stdin else "the text"


@click.command(short_help="Fill gaps in a text with a bidirectional model.")
@model_argument
@click.argument("text", required=False, type=EscapedText(optional=True), metavar="[TEXT]")
@click.option(
    "--mark",
    type=EscapedText(),
    default="_",
    show_default=True,
    metavar="TEXT",
    help=f"Mark for one unknown character; choose another if the text itself contains this one. {ESCAPES}.",
)
@click.option("-k", "--best", type=Whole(1, 1000), metavar="K", help="Print the K most probable completions.")
@click.option(
    "--beam",
    type=Whole(1, 1000),
    default=BEAM,
    show_default=True,
    metavar="N",
    help="Partial fillings that the search keeps: more can find better ones, but take longer.",
)
@click.option(
    "--temp",
    "--temperature",
    "temperature",
    type=Number(min=SMALLEST, max=HOTTEST),
    help="Draw characters at random instead of taking the most probable ones: 0.5 is careful, 1 follows the "
    "model, above 1 is wild.",
)
@click.option("--count", type=Whole(1, 1000), metavar="N", help="With --temp: draw N completions.")
@click.option("--seed", type=Whole(0, 2**63 - 1), help="With --temp: the same seed draws the same characters.")
@format_options
@unknown_options
@allow_unknown_option
@encoding_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Fill the gaps in TEXT, or in standard input (-), with a MODEL that was trained with --bidirectional.

    A gap is a run of marks: each _ stands for one unknown character. By default, a gap gets the most probable
    characters, given the known text on both sides (128 characters or more). The rest of the text stays unchanged.

    Gaps with fewer than 128 characters between them are filled together; others are filled separately. Often, there are
    too many combinations to try all of them, so the search keeps only the most probable partial fillings (--beam).

    -k prints the most probable completions, one per line, each with its probability: the product of the probabilities
    of the filled characters, each given the text and the characters filled in before it. Two completions can differ in
    a single gap; --json adds each gap's characters and their probability, and the bits per filled character. --temp
    draws a completion at random; with --count, completions are printed as with -k.

    \b
    Examples:
      charrnn fill both.npz "The c_t s_t on the m_t"
      charrnn fill both.npz "The c?t" --mark "?" -k 5
      charrnn fill both.npz < torn.txt > whole.txt
    """
    options = FillOptions(given=given(ctx), **values)
    form = _check_usage(options)
    from charrnn.writing.filling import Filler

    if options.from_stdin:
        refuse_stdout("-")
    model = open_model(options.model, *TEXT_TASKS)
    filler = Filler(model.writer(allow_unknown=options.allow_unknown))
    gapped = _gapped(options, model)
    note_escapes(
        {"the text": "" if options.from_stdin else options.text or "", "--mark": options.mark}, model.vocabulary
    )
    compile_noticed(model.network, filler.compile)
    found = _found(options, filler, gapped)
    _tell(options, form, gapped, found, model.vocabulary)


def _check_usage(options: FillOptions) -> str:
    """Return the output format.

    Raises click.UsageError for options that contradict each other, and for no text.
    """
    drawn = options.temperature is not None
    for name, value in (("count", options.count), ("seed", options.seed)):
        if value is not None and not drawn:
            raise click.UsageError(f"--{name} needs --temp.")
    if drawn and options.best:
        raise click.UsageError("Give --best or --temp, not both; with --temp, --count says how many to draw.")
    if drawn and "beam" in options.given:
        raise click.UsageError("Give --beam or --temp, not both: --beam is for the search, and --temp draws at random.")
    if options.encoding and not options.from_stdin:
        raise click.UsageError("--encoding is for a text from standard input.")
    if options.text is None and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("Give a text with gaps, or - for standard input.")
    return chosen(options.as_json, options.as_tsv)


def _gapped(options: FillOptions, model: "OpenedModel") -> "Gapped":
    """Find the gaps of the text.

    Raises CharrnnError if there are none.
    """
    from charrnn.storage.files import shown
    from charrnn.text.ingest import read_verbatim

    vocabulary, text = model.vocabulary, options.text
    if options.from_stdin or text is None:
        text = read_verbatim("-", byte_level=vocabulary.byte_level, encoding=options.encoding)
    else:
        if options.mark not in text and is_file(text):
            raise CharrnnError(
                f"the text has no gap: the mark {options.mark!r} is not in it; to read a file, type < {shown(text)}"
            )
        text = vocabulary.typed(text)
    return model.gapped(text, options.mark, options.unknown, options.near, where=options.where)


def _found(options: FillOptions, filler: "Filler", gapped: "Gapped") -> "list[Filling]":
    """Find the most probable completions, or draw some."""
    from charrnn.writing.samples import fresh_seed, seeds

    if options.temperature is None:
        return filler.best(gapped.ids, options.best or 1, options.beam)
    seed = fresh_seed() if options.seed is None else options.seed
    return filler.draw(gapped.ids, options.temperature, list(islice(seeds(seed), options.count or 1)))


def _tell(
    options: FillOptions, form: str, gapped: "Gapped", found: "Sequence[Filling]", vocabulary: "Vocabulary"
) -> None:
    """Print several completions as records, or a single one as text."""
    from charrnn.cli.fill_output import write_completed
    from charrnn.writing.completion import Completion, completed, excerpt

    if form not in ("json", "tsv") and not (options.best or options.count):
        write_completed(completed(gapped, found[0], vocabulary), ended=not options.from_stdin)
        return
    completions = [Completion.of(gapped, filling, vocabulary) for filling in found]
    if form == "json":
        for completion in completions:
            click.echo(json.dumps(asdict(completion)))
        return
    rows = (
        (c.probability, c.bits_per_char, c.text if form == "tsv" else excerpt(gapped, filling, vocabulary))
        for c, filling in zip(completions, found, strict=True)
    )
    write(rows, COLUMNS, form)
