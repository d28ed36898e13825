"""``charrnn fill``: complete a text that has gaps."""

import json
import math
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from charrnn.cli.options import Number, Text, model_argument, unknown_option
from charrnn.cli.records import Column, chosen, format_options, write
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.writing.filling import Filling, Gapped

COLUMNS = (Column("probability", 11, ".4g"), Column("bits_per_char", 9, ".4f"), Column("text"))
KEPT = 20_000_000  # characters of a text, at most, that are kept in memory
BESIDE = 30  # characters on each side of gaps that are shown of a text in a table


@click.command()
@model_argument
@click.argument("text", required=False, metavar="[TEXT]")
@click.option(
    "--mark",
    type=Text(),
    default="_",
    show_default=True,
    metavar="TEXT",
    help="What stands for one character that is not known. Where it stands in the text as itself, choose another.",
)
@click.option("-k", "--best", type=click.IntRange(1, 1000), metavar="K", help="Tell the K likeliest completions.")
@click.option(
    "--beam",
    type=click.IntRange(1, 1000),
    default=16,
    show_default=True,
    metavar="N",
    help="Beginnings to keep while looking for the likeliest: more find better ones, and take longer.",
)
@click.option(
    "--temp",
    "--temperature",
    "temperature",
    type=Number(min=0.0, min_open=True),
    help="Draw what to fill in, instead of the likeliest: 0.5 is careful, 1 as learnt, above 1 wild.",
)
@click.option("--count", type=click.IntRange(1, 1000), metavar="N", help="With --temp: draw N completions.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="With --temp: the same seed draws the same.")
@format_options
@unknown_option
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Fill the gaps of TEXT, or of standard input (-), with a MODEL that was trained with --bidirectional.

    A gap is a run of marks: each _ is one character that is not known. What is filled in is the likeliest, given all
    that is known on both sides of the gaps: 128 characters or more. The text is written as it was but for its gaps.

    Gaps with less than 128 characters between them are filled together. As there may be too many ways to do so to try
    them all, only the likeliest beginnings (--beam) are followed. Others are filled apart.

    With -k the likeliest completions are told, a line each, with their probability: that of all that is filled in,
    each character given the text and those filled in before it. They may differ in one gap alone; --json tells what is
    in each gap, and its probability, with the bits per character that is filled in. With --temp and --count
    completions are drawn, and told in the same way.

    \b
    Examples:
      charrnn fill both.npz "The c_t s_t on the m_t"
      charrnn fill both.npz "The c?t" --mark "?" -k 5
      charrnn fill both.npz < torn.txt > whole.txt
    """
    form = _check_usage(ctx, options)
    from charrnn.display.console import compiling
    from charrnn.model.model_file import load
    from charrnn.model.network import Network
    from charrnn.writing.filling import Filler
    from charrnn.writing.samples import fresh_seed, seeds

    checkpoint = load(options["model"])
    vocabulary = checkpoint.vocabulary
    network = Network(checkpoint.architecture, checkpoint.parameters)
    filler = Filler(network)
    from_stdin = options["text"] in (None, "-")
    text = _stdin(vocabulary) if from_stdin else vocabulary.typed(options["text"])
    gapped = _gapped(text, options, vocabulary, "standard input" if from_stdin else "the text")
    with compiling(network):
        filler.compile()
    if options["temperature"] is None:
        found = filler.best(gapped.ids, options["best"] or 1, options["beam"])
    else:
        seed = fresh_seed() if options["seed"] is None else options["seed"]
        found = filler.draw(gapped.ids, options["temperature"], list(islice(seeds(seed), options["count"] or 1)))
    completions = (_Completion(gapped, filling, vocabulary) for filling in found)
    if form == "json":
        for completion in completions:
            click.echo(json.dumps(completion.record))
    elif form == "tsv":
        write(((c.probability, c.bits_per_char, c.text) for c in completions), COLUMNS, form)
    elif options["best"] or options["count"]:
        write(((c.probability, c.bits_per_char, c.excerpt) for c in completions), COLUMNS, form)
    else:
        _write(next(completions).data, ended=not from_stdin)


class _Completion:
    """A text whose gaps were filled, and how likely it is."""

    def __init__(self, gapped: "Gapped", filling: "Filling", vocabulary: "Vocabulary") -> None:
        self._gapped, self._byte_level = gapped, vocabulary.byte_level
        self._fillings = gapped.split(vocabulary.spell(filling.symbols))
        self._nats = filling.nats
        total = float(filling.nats.sum())
        self.probability, self.bits_per_char = math.exp(-total), total / filling.nats.size / math.log(2.0)

    @property
    def data(self) -> bytes:
        """The whole text, as it is to be written."""
        return self._bytes(self._gapped.completed(self._fillings))

    def _bytes(self, text: str) -> bytes:
        return text.encode("latin-1" if self._byte_level else "utf-8", "surrogateescape")

    def _string(self, text: str) -> str:
        return self._bytes(text).decode("utf-8", "backslashreplace")

    @property
    def text(self) -> str:
        """The whole text, with escapes for bytes that are no UTF-8."""
        return self._string(self._gapped.completed(self._fillings))

    @property
    def excerpt(self) -> str:
        """What is beside the gaps, with what was filled in."""
        before, *between, behind = self._gapped.known
        known = (
            before if len(before) <= BESIDE else "…" + before[-BESIDE:],
            *(part if len(part) <= 2 * BESIDE else f"{part[:BESIDE]}…{part[-BESIDE:]}" for part in between),
            behind if len(behind) <= BESIDE else behind[:BESIDE] + "…",
        )
        return self._string(replace(self._gapped, known=known).completed(self._fillings))

    @property
    def record(self) -> dict[str, Any]:
        """All that is told in JSON."""
        gaps, place, filled = [], 1, 0
        for known, filling in zip(self._gapped.known, self._fillings, strict=False):
            place += len(known)
            nats = float(self._nats[filled : filled + len(filling)].sum())
            gaps.append({"index": place, "filling": self._string(filling), "probability": math.exp(-nats)})
            place, filled = place + len(filling), filled + len(filling)
        return {"text": self.text, "gaps": gaps, "probability": self.probability, "bits_per_char": self.bits_per_char}


def _check_usage(ctx: click.Context, options: dict[str, Any]) -> str:
    """Refuse options that contradict each other, and no text; return the form of what is written."""
    drawn = options["temperature"] is not None
    for name in ("count", "seed"):
        if options[name] is not None and not drawn:
            raise click.UsageError(f"--{name} goes with --temp.")
    if drawn and options["best"]:
        raise click.UsageError("Give --best or --temp, not both; --count tells how many to draw.")
    if drawn and ctx.get_parameter_source("beam") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--beam looks for the likeliest, --temp draws; give one of them.")
    if options["text"] is None and (sys.stdin is None or sys.stdin.isatty()):
        raise click.UsageError("Give a text with gaps, or - for standard input.")
    return chosen(options["as_json"], options["as_tsv"])


def _stdin(vocabulary: "Vocabulary") -> str:
    """Read standard input as it stands: bytes as the characters U+0000 to U+00FF, if the model reads bytes."""
    from charrnn.text.sources import chunks, files, readable
    from charrnn.text.vocabulary import decoded

    parts, size = [], 0
    with readable("-"):
        for name, file in files("-", vocabulary.byte_level, []):
            blocks = chunks(file)
            for part in (b.decode("latin-1") for b in blocks) if vocabulary.byte_level else decoded(blocks, name):
                parts.append(part)
                size += len(part)
                if size > KEPT:
                    raise CharrnnError(f"{name} is longer than the {KEPT:,} characters that can be kept in memory")
    return "".join(parts)


def _gapped(text: str, options: dict[str, Any], vocabulary: "Vocabulary", where: str) -> "Gapped":
    """Find the gaps of a text. Raises CharrnnError where there is none."""
    from charrnn.storage.files import shown
    from charrnn.writing.filling import Gapped

    if not text:
        raise CharrnnError(f"{where} is empty")
    mark = vocabulary.typed(options["mark"])
    if mark not in text:
        hint = "--mark tells another"
        if where == "the text" and _is_file(options["text"]):
            hint = f"a file is read with < {shown(options['text'])}"
        raise CharrnnError(f"there is no gap in {where}, as the mark {options['mark']!r} is not in it; {hint}")
    return Gapped.of(text, mark, vocabulary, unknown=options["unknown"], where=where)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # it is no path at all
        return False


def _write(data: bytes, *, ended: bool) -> None:
    """Write a completed text as it is, or with a line feed behind it where it is to be `ended`."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data + b"\n" * ended)
        return
    from charrnn.display.words import harmless

    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    sys.stdout.write(harmless(text) + "\n" * (ended or not text.endswith("\n")))
