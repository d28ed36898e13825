"""``charrnn sample``: let a model write."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from charrnn.cli.options import (
    COMPARABLE,
    EFFECTS,
    Text,
    control_options,
    copied_options,
    model_argument,
    unknown_option,
)
from charrnn.errors import CharrnnError
from charrnn.writing.controls import CONTROLS, Controls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from charrnn.reading.copying import Copied
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.writing.sampler import Sampler

LENGTH = 1000  # characters that are written where nothing is said
LONGEST = 100_000  # the same where something else may end a sample
COMPARED = 500_000_000  # characters of the text that samples are to be no part of: it is kept in memory
KEPT = 20_000_000  # characters of one text, at most, that are kept in memory where it is needed whole
NOVEL = f"Write only samples that do not stand in CORPUS, of {COMPARED:,} characters at most."


@click.command(epilog=EFFECTS)
@model_argument
@control_options
@click.option(
    "--length",
    type=click.IntRange(0, 10**15),
    help=f"Characters to write at most; 0 never ends.  [default: {LENGTH}, or {LONGEST} where something else ends it]",
)
@click.option("--lines", type=click.IntRange(1), help="Lines to write at most.")
@click.option(
    "--stop",
    type=Text(),
    multiple=True,
    metavar="TEXT",
    help=r"End before TEXT, in which \n is a line break; may be given several times.",
)
@click.option("--count", type=click.IntRange(1, 10**9), default=1, show_default=True, help="Samples to write.")
@click.option("--prime", metavar="TEXT", help="Text to go on from; - reads it from standard input.")
@click.option("--prime-file", type=click.Path(), metavar="FILE", help="A file with the text to go on from.")
@click.option("--no-prime", is_flag=True, help="Do not write the text to go on from, only what comes after it.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="The same seed writes the same text; else each run differs.",
)
@click.option("--novel", type=click.Path(), metavar="CORPUS", help=NOVEL)
@copied_options
@click.option("--surprise", is_flag=True, help="Color each character, on a terminal: the redder, the less expected.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a sample.")
@unknown_option
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Write text with a trained MODEL, each character as it is drawn.

    A text to go on from (the prime) is written first; of a text of several documents, the last one is gone on from.
    Stop an endless sample with Ctrl-C. A model of documents ends each by itself: --count 20 writes twenty.

    --novel leaves out what stands in CORPUS, and what was written before: documents that are there as a whole, other
    samples that are there as a part. --copied tells on standard error, or in JSON, what was copied.

    A JSON object has the number of the sample, its text with the prime, the seed that writes it alone, the bits per
    character that the model itself would have needed for what comes after the prime, how many characters these are, and
    what ended it: length, lines, stop, or end for a document's.

    \b
    Examples:
      charrnn sample model.npz --temp 0.8
      charrnn sample model.npz --prime "Once upon a time" --stop "\\n\\n" --seed 1
      charrnn sample model.npz --top-p 0.9 --count 3 --json
      charrnn sample names.npz --count 20 --novel names.txt
      fortune | charrnn sample model.npz --prime - | head -c 500
    """
    _check_usage(ctx, options)
    import numpy as np

    from charrnn.cli.sample_output import ColoredOutput, JsonOutput, PlainOutput
    from charrnn.model.bidirectional import require_left_to_right
    from charrnn.model.model_file import load
    from charrnn.model.network import Network
    from charrnn.model.team import Team, processors
    from charrnn.writing.sampler import Sampler, compile_sampling
    from charrnn.writing.samples import Ending, fresh_seed, samples

    checkpoint = load(options["model"])
    vocabulary = checkpoint.vocabulary
    ends_itself = bool(vocabulary.separator or options["lines"] or options["stop"])
    length = options["length"]
    if length is None:
        length = LONGEST if ends_itself else LENGTH
    waiting = _waiting(options)
    if waiting and not (length or ends_itself):
        raise click.UsageError(f"A sample of --length 0 never ends, and {waiting} would wait for its end for ever.")
    if waiting not in (None, "--count") and length > KEPT:
        raise click.UsageError(f"{waiting} keeps a whole sample in memory, of --length {KEPT} at most.")
    ending = Ending(length or None, options["lines"], options["stop"])
    ending.check(vocabulary)
    require_left_to_right(checkpoint.architecture)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    if not network.is_compiled(sampling=True):
        from charrnn.display.console import compiling

        with compiling(network, sampling=True):
            compile_sampling(network)
    sampler = Sampler(network, controls=Controls(**{control.name: options[control.name] for control in CONTROLS}))
    compare = None if options["copied"] is None else _comparison(options["copied"], vocabulary)
    output: PlainOutput | JsonOutput
    if options["as_json"]:
        output = JsonOutput(vocabulary, compare, options["copied_run"])
    else:
        output = (ColoredOutput if options["surprise"] else PlainOutput)(vocabulary, single=options["count"] == 1)
    # A prime that is needed only once is written while it is read, however long it is.
    once = options["count"] == 1 and not options["as_json"] and options["novel"] is None
    go_on = output.go_on if once and not options["no_prime"] else None
    again = not once and (not options["no_prime"] or options["novel"] is not None)
    prime = _read_prime(options, vocabulary, sampler, go_on, keep=again)
    accept = None if options["novel"] is None else _novelty(options["novel"], vocabulary, prime)
    seed = fresh_seed() if options["seed"] is None else options["seed"]
    number, size = -1, 0
    texts: list[list[NDArray[Any]]] = []  # the symbols of each sample, in parts, where they are to be looked for later
    later = compare is not None and not options["as_json"]
    with ExitStack() as stack:
        count = options["count"]
        team = stack.enter_context(Team(min(count, processors()))) if count > 1 else None
        for piece in samples(sampler, vocabulary, ending, seed=seed, count=count, team=team, accept=accept):
            if piece.sample != number:
                number = piece.sample
                texts += [[]] if later else []
                if not once:
                    output.begin(prime[:0] if options["no_prime"] else prime)
            output.add(piece)
            if later:
                texts[-1].append(piece.symbols)
                size += piece.symbols.size
                if size > COMPARABLE:
                    raise CharrnnError(f"there is more to write than --copied takes, {COMPARABLE:,} characters")
    output.close()
    if compare and later:
        from charrnn.display import sentences
        from charrnn.display.words import harmless

        found = compare([np.concatenate(parts) for parts in texts], options["copied_run"])
        for sentence in sentences.copied(found, options["copied_run"], options["copied"]):
            click.echo(harmless(sentence), err=True)


def _comparison(path: str, vocabulary: "Vocabulary") -> "Callable[[Sequence[NDArray[Any]], int], Copied]":
    from charrnn.reading.copying import comparison

    return comparison(path, vocabulary)


def _novelty(path: str, vocabulary: "Vocabulary", prime: "NDArray[Any]") -> "Callable[[str], bool]":
    """Return a test whether a sample is new to a corpus."""
    from charrnn.text.ingest import read_text
    from charrnn.writing.samples import novelty

    corpus = read_text([path], byte_level=vocabulary.byte_level, separator=vocabulary.separator, most=COMPARED)
    text = corpus if isinstance(corpus, str) else corpus.decode("latin-1")
    return novelty(text, vocabulary, vocabulary.spell(prime))


def _check_usage(ctx: click.Context, options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""

    def given(name: str) -> bool:
        return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE

    def need(holds: bool, sentence: str) -> None:
        if not holds:
            raise click.UsageError(sentence)

    need(not (given("prime") and given("prime_file")), "Give --prime or --prime-file, not both.")
    need(not given("repeat_window") or given("repeat_penalty"), "--repeat-window goes with --repeat-penalty.")
    need(not given("copied_run") or given("copied"), "--copied-run goes with --copied.")
    need(not (options["surprise"] and options["as_json"]), "Give --surprise or --json, not both.")
    inputs = [options[name] for name in ("prime", "prime_file", "novel", "copied")]
    need(inputs.count("-") <= 1, "Standard input (-) can be read only once.")
    several = options["count"] > 1 or given("novel")
    need(options["temperature"] > 0.0 or not several, "At --temp 0 all samples are the same one.")


def _waiting(options: dict[str, Any]) -> str | None:
    """Return the option, if any, that needs a sample whole."""
    waiting = {
        "--json": options["as_json"],
        "--novel": options["novel"] is not None,
        "--copied": options["copied"] is not None,
        "--count": options["count"] > 1,
    }
    return next((name for name, given in waiting.items() if given), None)


def _read_prime(
    options: dict[str, Any],
    vocabulary: "Vocabulary",
    sampler: "Sampler",
    write: "Callable[[NDArray[Any]], None] | None",
    *,
    keep: bool,
) -> "NDArray[Any]":
    """Let the sampler read the text to go on from, and write it; return it if it is to be kept."""
    import numpy as np

    from charrnn.writing.sampler import first_symbol

    parts: list[NDArray[Any]] = [np.zeros(0, vocabulary.dtype)]
    begun = vocabulary.boundary is not None
    if begun:
        sampler.read([first_symbol(vocabulary)])
    size = 0
    for ids in _prime(options, vocabulary):
        begun = begun or ids.size > 0
        sampler.read(ids)
        if write is not None:
            write(ids)
        if keep:
            parts.append(ids)
            size += ids.size
            _require_kept("the text to go on from", size)
    if not begun:
        sampler.read([first_symbol(vocabulary)])
    return np.concatenate(parts)


def _prime(options: dict[str, Any], vocabulary: "Vocabulary") -> "Iterator[NDArray[Any]]":
    """Yield the text to go on from; where texts are documents, the last one of it."""
    from charrnn.text.ingest import read_stream

    path, text = options["prime_file"], options["prime"]
    if path is None and text == "-":
        path = "-"
    if path is not None:
        blocks = read_stream(path, vocabulary, unknown=options["unknown"])
        yield from blocks if vocabulary.boundary is None else _last_document(blocks, vocabulary.boundary)
        return
    if vocabulary.separator and text:
        text = text.removesuffix(vocabulary.separator).rsplit(vocabulary.separator, 1)[-1]
    ids = vocabulary.encode(text or "", unknown=options["unknown"], where="the prime", documents=False)
    if text and not ids.size:
        raise CharrnnError("the model knows none of the characters in the prime")
    yield ids


def _last_document(blocks: "Iterable[NDArray[Any]]", boundary: int) -> "list[NDArray[Any]]":
    """Return the last of the documents that come in blocks, without the symbols at its ends."""
    import numpy as np

    parts: list[NDArray[Any]] = []
    size = 0
    for ids in blocks:
        if (begins := np.flatnonzero(ids == boundary)).size:
            parts, size, ids = [], 0, ids[begins[-1] + 1 :]
        parts.append(ids[ids < boundary])
        size += parts[-1].size
        _require_kept("a document to go on from", size)
    return parts


def _require_kept(what: str, size: int) -> None:
    """Raise CharrnnError where what is kept becomes too long."""
    if size > KEPT:
        raise CharrnnError(f"{what} is longer than the {KEPT:,} characters that can be kept in memory")
