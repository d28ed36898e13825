"""``charrnn sample``: write text with a model."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.cell_option import own_cell_option
from charrnn.cli.models import compile_sampling, open_writer
from charrnn.cli.options import (
    EFFECTS,
    ESCAPES,
    EscapedText,
    Input,
    Whole,
    allow_unknown_option,
    condition_option,
    control_options,
    copied_options,
    encoding_option,
    given,
    model_argument,
    note_escapes,
    split_controls,
    unknown_options,
)
from charrnn.cli.sample_options import SampleOptions
from charrnn.cli.targets import refuse_stdout
from charrnn.writing.controls import LENGTH_AT_MOST, USUAL_LENGTH

if TYPE_CHECKING:
    from charrnn.cli.sample_output import JsonOutput, PlainOutput
    from charrnn.reading.copying import Comparison
    from charrnn.text.vocabulary import Ids, Vocabulary
    from charrnn.writing.sampler import Sampler
    from charrnn.writing.samples import Ending

MOST_OF_CORPUS = 500_000_000  # characters of the corpus of --novel, at most: it is kept in memory
NOVEL = f"Write only samples that are not in CORPUS, which can have up to {MOST_OF_CORPUS:,} characters."


@click.command(short_help="Write text with a trained model.", epilog=EFFECTS)
@model_argument
@own_cell_option
@control_options
@condition_option
@click.option(
    "--length",
    type=Whole(0, 10**15),
    help=f"Maximum number of characters; 0 means no limit.  [default: {USUAL_LENGTH}, or {LENGTH_AT_MOST} if something "
    "else can end the sample]",
)
@click.option("--lines", type=Whole(1), help="Maximum number of lines.")
@click.option(
    "--stop",
    type=EscapedText(),
    multiple=True,
    metavar="TEXT",
    help=f"End before TEXT, in which {ESCAPES}; can be given several times.",
)
@click.option("--count", type=Whole(1, 10**9), default=1, show_default=True, help="Number of samples.")
@click.option(
    "--prime",
    type=EscapedText(optional=True),
    metavar="TEXT",
    help=f"Text to continue, in which {ESCAPES}; - reads it from standard input, unchanged.",
)
@click.option("--prime-file", type=click.Path(), metavar="FILE", help="File with the text to continue.")
@click.option("--no-prime", is_flag=True, help="Do not write the prime, only the text after it.")
@click.option(
    "--seed",
    type=Whole(0, 2**63 - 1),
    help="The same seed writes the same text; without --seed, each run differs.",
)
@click.option("--novel", type=Input(), metavar="CORPUS", help=NOVEL)
@copied_options
@click.option("--surprise", is_flag=True, help="On a terminal, color each character: the redder, the less expected.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per sample.")
@unknown_options
@allow_unknown_option
@encoding_option
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Write text with a trained MODEL, character by character.

    The text to continue is called the prime; it is written first. A model trained with --documents continues only the
    last document of the prime, and ends each document itself: --count 20 writes twenty documents. Ctrl-C stops an
    endless sample.

    --novel leaves out samples that are in CORPUS or were already written. A document is left out if it equals a whole
    document of CORPUS, any other sample if it occurs anywhere in CORPUS. --copied reports on standard error, or in
    JSON, what was copied.

    A JSON object has the number of the sample, its text with the prime, the seed that reproduces it alone, the bits per
    character of the text after the prime (how much it surprises the model), the number of characters in that text, and
    what ended it: length, lines, stop, or end for the end of a document.

    A model that was trained with conditions (train --given) writes under the one that --given names.

    \b
    Examples:
      charrnn sample model.npz --temp 0.8
      charrnn sample model.npz --prime "Once upon a time" --stop "\\n\\n" --seed 1
      charrnn sample model.npz --top-p 0.9 --count 3 --json
      charrnn sample names.npz --count 20 --novel names.txt
      charrnn sample surnames.npz --given Italian --count 20
      fortune | charrnn sample model.npz --prime - | head -c 500
    """
    controls, values = split_controls(values)
    options = SampleOptions(controls=controls, given=given(ctx), **values)
    _check_usage(options)
    from charrnn.cli.sample_output import output_for
    from charrnn.model.team import Team
    from charrnn.model.threads import processors
    from charrnn.writing.sampler import Sampler
    from charrnn.writing.samples import fresh_seed, samples

    model = open_writer(options.model, options.condition)
    ending = _ending(options, model.vocabulary)
    note_escapes({"--prime": options.prime or "", "--stop": "".join(options.stop)}, model.vocabulary)
    compile_sampling(model)
    sampler = Sampler(model.writer(allow_unknown=options.allow_unknown), controls=controls)
    compare = _comparison(options, model.vocabulary)
    output = output_for(options, model.vocabulary, compare)
    prime = _read_prime(options, sampler, model.vocabulary, output)
    accept = None if options.novel is None else novel_to(options.novel, model.vocabulary, prime, options.encoding)
    seed, count = fresh_seed() if options.seed is None else options.seed, options.count
    number = -1
    with Team(min(count, processors())) if count > 1 else nullcontext() as team:
        for piece in samples(sampler, model.vocabulary, ending, seed=seed, count=count, team=team, accept=accept):
            if piece.sample != number and not options.reads_prime_once:
                output.begin(prime[:0] if options.no_prime else prime)
            number = piece.sample
            output.add(piece)
    output.close()


def _comparison(options: SampleOptions, vocabulary: "Vocabulary") -> "Comparison | None":
    """Return the comparison with the corpus of --copied, if there is one."""
    if options.copied is None:
        return None
    from charrnn.reading.copying import comparison

    return comparison(options.copied, vocabulary, options.encoding)


def _check_usage(options: SampleOptions) -> None:
    """Raise click.UsageError for options that contradict each other."""

    def need(holds: bool, sentence: str) -> None:
        if not holds:
            raise click.UsageError(sentence)

    given = options.given
    need(not {"prime", "prime_file"} <= given, "Give --prime or --prime-file, not both.")
    need("repeat_window" not in given or "repeat_penalty" in given, "--repeat-window needs --repeat-penalty.")
    need("copied_run" not in given or "copied" in given, "--copied-run needs --copied.")
    need(not (options.surprise and options.as_json), "Give --surprise or --json, not both.")
    inputs = [options.prime, options.prime_file, options.novel, options.copied]
    need(inputs.count("-") <= 1, "Standard input (-) can be read only once.")
    named = [path for path in inputs[1:] if path is not None]
    need(not options.encoding or bool(named) or options.prime == "-", "--encoding is for a text from a file or a pipe.")
    several = options.count > 1 or options.novel is not None
    need(options.controls.temperature > 0.0 or not several, "At --temp 0, all samples are the same; raise --temp.")


def _ending(options: SampleOptions, vocabulary: "Vocabulary") -> "Ending":
    """Return where samples end.

    Raises click.UsageError if an option needs whole samples and they never end.
    """
    from charrnn.text.ingest import MOST_IN_MEMORY
    from charrnn.writing.samples import Ending

    ending = Ending.of(vocabulary, length=options.length, lines=options.lines, stops=options.stop)
    if needing := options.needs_whole_samples:
        if not (ending.length or ending.lines or ending.stops or vocabulary.separator):
            raise click.UsageError(f"A sample of --length 0 never ends, but {needing} needs whole samples.")
        if needing != "--count" and (ending.length or 0) > MOST_IN_MEMORY:
            raise click.UsageError(f"{needing} keeps whole samples in memory; give at most --length {MOST_IN_MEMORY}.")
    return ending


def _read_prime(
    options: SampleOptions, sampler: "Sampler", vocabulary: "Vocabulary", output: "PlainOutput | JsonOutput"
) -> "Ids":
    """Let a sampler read the prime.

    Returns the prime if it is needed again.
    """
    from charrnn.writing.prime import read_prime, stored_prime, typed_prime

    path = "-" if options.prime == "-" else options.prime_file
    if path is not None and not options.no_prime:
        refuse_stdout(path, "--no-prime appends only what the model writes")
    if path is None:
        blocks: Iterable[Ids] = [typed_prime(options.prime or "", vocabulary, options.unknown, options.near)]
    else:
        blocks = stored_prime(path, vocabulary, options.unknown, options.near, options.encoding)
    if options.reads_prime_once:
        return read_prime(sampler, vocabulary, blocks, write=None if options.no_prime else output.go_on)
    return read_prime(sampler, vocabulary, blocks, keep=not options.no_prime or options.novel is not None)


def novel_to(
    path: str, vocabulary: "Vocabulary", prime: "Ids", encoding: str = "", *, most: int = MOST_OF_CORPUS
) -> Callable[[str], bool]:
    """Return a test whether a sample is not in a corpus.

    The corpus has at most `most` characters.
    """
    from charrnn.text.ingest import read_text
    from charrnn.writing.samples import novelty

    corpus = read_text(
        [path], byte_level=vocabulary.byte_level, separator=vocabulary.separator, encoding=encoding, most=most
    )
    text = corpus if isinstance(corpus, str) else corpus.decode("latin-1")
    return novelty(text, vocabulary, vocabulary.spell(prime))
