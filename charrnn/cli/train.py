"""``charrnn train``: learn from a text."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from charrnn.cli.metrics import Log
from charrnn.cli.options import Duration, Number, Text
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.display.training import TrainingDisplay
    from charrnn.settings import Settings
    from charrnn.text import Corpus
    from charrnn.training import Trainer
    from charrnn.workers import Workers

SAVE_SECONDS = 60.0  # between two saves of a run that goes on
SAMPLE_SECONDS = 20.0  # between two looks at what the model writes
SAMPLE_LENGTH = 240
SAMPLE_DOCUMENTS = 4
CELLS = ("lstm", "gru", "rnn")  # a test holds these three lists to their tables, which are slower to import
OPTIMIZERS = ("adam", "rmsprop", "adagrad", "sgd")
SCHEDULES = ("cosine", "exponential", "constant")

# Options that a resumed run may be given anew; all others are the run's own.
RESUMABLE = {
    "corpus",
    "resume",
    "output",
    "epochs",
    "seconds",
    "threads",
    "quiet",
    "log",
    "samples",
    "slim",
    "force",
}
# Options that the weights of --init-from decide.
INHERITED = ("cell", "hidden", "layers")


@click.command()
@click.argument("corpus", nargs=-1, type=click.Path(), metavar="[CORPUS…]")
@click.option("-o", "--output", type=click.Path(), help="The model file to write.  [default: model.npz]")
@click.option("--force", is_flag=True, help="Overwrite an existing model file.")
@click.option("--resume", type=click.Path(), metavar="MODEL", help="Go on with the run that wrote MODEL, where it was.")
@click.option("--init-from", type=click.Path(), metavar="MODEL", help="Start a new run from MODEL's weights.")
@click.option("--remap", is_flag=True, help="With --init-from: add the text's characters that MODEL does not know.")
@click.option("--cell", type=click.Choice(CELLS), default="lstm", show_default=True, help="Kind of network.")
@click.option("--hidden", type=click.IntRange(1, 16384), default=256, show_default=True, help="Units in a layer.")
@click.option("--layers", type=click.IntRange(1, 64), default=1, show_default=True, help="Layers, one upon another.")
@click.option(
    "--dropout",
    type=Number(0.0, 1.0, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of each layer's output to drop at random, against learning by heart.",
)
@click.option(
    "--seq-length",
    type=click.IntRange(1, 65536),
    default=32,
    show_default=True,
    help="Steps to learn through.",
)
@click.option("--batch-size", type=click.IntRange(1, 65536), default=16, show_default=True, help="Parallel streams.")
@click.option(
    "--epochs", type=Number(0.0, 1e6, min_open=True), help="Passes over the text at most.  [default: by its size]"
)
@click.option("--time", "seconds", type=Duration(), help="Time to train instead, such as 90s, 5m or 2h.")
@click.option(
    "--optimizer",
    type=click.Choice(OPTIMIZERS),
    default="adam",
    show_default=True,
    help="How to follow the gradient.",
)
@click.option(
    "--lr",
    type=Number(0.0, min_open=True),
    help="Peak learning rate.  [default: 0.01 for lstm, 0.006 for gru, 0.004 for rnn]",
)
@click.option("--schedule", type=click.Choice(SCHEDULES), default="cosine", show_default=True, help="How it falls.")
@click.option(
    "--warmup",
    type=Number(0.0, 1.0),
    default=0.01,
    show_default=True,
    help="Share of the run in which it rises first.",
)
@click.option(
    "--clip",
    type=Number(0.0),
    default=1.0,
    show_default=True,
    help="Bound on the gradient's norm; 0 for none.",
)
@click.option("--clip-value", type=Number(0.0, min_open=True), help="Bound on each entry of the gradient.")
@click.option(
    "--val-fraction",
    type=Number(0.0, 0.9),
    default=0.1,
    show_default=True,
    help="Share of the text, at its end, that is held out to validate.",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=8,
    show_default=True,
    help="Stop after so many validations without a better one; 0 never does.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all that is random.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads to use; the result is the same for any number.")
@click.option("--bytes", "byte_level", is_flag=True, help="Model raw bytes instead of characters: any file will do.")
@click.option(
    "--documents",
    "separator",
    type=Text(),
    metavar="lines|SEPARATOR",
    help="Each line, or what stands between two SEPARATORs, is a text of its own, with a start and an end.",
)
@click.option("--slim", is_flag=True, help="Leave out of the model file what only --resume needs.")
@click.option("--samples/--no-samples", default=True, help="Show a few lines by the model now and then.")
@click.option("--quiet", is_flag=True, help="Show nothing but errors.")
@click.option("--log", type=click.Path(), metavar="FILE", help="Write progress to FILE, a JSON object a line.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Learn from a text: files, folders, or standard input (-).

    The end of the text is held out to measure what was learnt (validation); the best weights are kept. Ctrl-C stops,
    saves and says where; --resume goes on from there to the same result.

    \b
    Examples:
      charrnn train corpus.txt
      charrnn train corpus.txt --cell gru --time 5m -o gru.npz
      charrnn train --resume model.npz
      charrnn train names.txt --documents lines -o names.npz
      cat *.txt | charrnn train - --hidden 512 --dropout 0.2
    """
    _check_usage(ctx, options)
    from charrnn.checkpoint import check_writable
    from charrnn.workers import Workers

    output, resume = options["output"], options["resume"]
    if output is None:
        output = resume or "model.npz"
    if output == "-":
        raise CharrnnError("a model cannot be written to standard output; give -o a file's name")
    same = resume is not None and Path(output).resolve() == Path(resume).resolve()
    check_writable(output, force=options["force"] or same)
    with ExitStack() as stack:
        team = stack.enter_context(Workers(options["threads"]))
        trainer = _resumed(options, team) if resume else _new(ctx, options, team)
        log = stack.enter_context(Log(options["log"], append=resume is not None))
        code = _train(trainer, output, options, log)
    ctx.exit(code)


def _check_usage(ctx: click.Context, options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    given = {name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}

    def flags(names: set[str]) -> str:
        return ", ".join(sorted(p.opts[-1] for p in ctx.command.params if p.name in names))

    if {"epochs", "seconds"} <= given:
        raise click.UsageError("Give --epochs or --time, not both.")
    if {"resume", "init_from"} <= given:
        raise click.UsageError("Give --resume or --init-from, not both.")
    if options["remap"] and not options["init_from"]:
        raise click.UsageError("--remap goes with --init-from.")
    if "resume" in given:
        if others := given - RESUMABLE:
            raise click.UsageError(f"A resumed run keeps its own {flags(others)}; --init-from starts a new run.")
    elif not options["corpus"]:
        raise click.UsageError("Give a text to learn from: files, folders, or - for standard input.")
    if "init_from" in given and (others := given & {*INHERITED, "separator"}):
        raise click.UsageError(f"With --init-from, the model decides {flags(others)}.")


def _new(ctx: click.Context, options: dict[str, Any], team: "Workers") -> "Trainer":
    """Prepare a new run, from the weights of another model if asked to."""
    from charrnn.checkpoint import load
    from charrnn.display.console import note
    from charrnn.text import read_corpus
    from charrnn.training import Trainer
    from charrnn.transfer import starting_weights
    from charrnn.vocabulary import size_warning

    source = load(options["init_from"]) if options["init_from"] else None
    if source is not None:
        if ctx.get_parameter_source("byte_level") is ParameterSource.COMMANDLINE and not source.vocabulary.byte_level:
            raise click.UsageError("With --init-from, the model decides --bytes.")
        options |= {name: getattr(source.architecture, name) for name in INHERITED}
        options["byte_level"] = source.vocabulary.byte_level
        options["separator"] = source.vocabulary.separator
    separator = "\n" if options["separator"] == "lines" else options["separator"] or ""
    if not separator.isprintable() and any("\ud800" <= c <= "\udfff" for c in separator):
        raise click.UsageError("The separator of --documents is not UTF-8.")
    corpus = read_corpus(options["corpus"], byte_level=options["byte_level"], separator=separator)
    if corpus.documents == 1:
        raise CharrnnError(f"the whole text is one document: {separator!r} stands nowhere between two parts of it")
    if corpus.skipped and not options["quiet"]:
        note(f"{len(corpus.skipped)} files are not text and were left out, such as {corpus.skipped[0]}")
    warning = size_warning(corpus.vocabulary)
    if warning and not options["quiet"]:
        note(warning)
    initial = None
    if source is not None:
        corpus, initial = starting_weights(source, corpus, remap=options["remap"], seed=options["seed"])
    trainer = Trainer(_settings(options, corpus), corpus, team, initial)
    if trainer.note and not options["quiet"]:
        note(trainer.note)
    return trainer


def _settings(options: dict[str, Any], corpus: "Corpus") -> "Settings":
    from dataclasses import fields

    from charrnn.settings import Settings, default_epochs, default_lr

    values = {field.name: options[field.name] for field in fields(Settings) if field.name in options}
    values["clip"] = options["clip"] or None
    if options["lr"] is None:
        values["lr"] = default_lr(options["cell"])
    if options["epochs"] is None and options["seconds"] is None:
        values["epochs"] = default_epochs(corpus.ids.size)
    return Settings(**values)


def _resumed(options: dict[str, Any], team: "Workers") -> "Trainer":
    """Take up a run where it was, on the text it was trained on."""
    from dataclasses import replace

    from charrnn.checkpoint import load
    from charrnn.settings import Settings
    from charrnn.text import read_corpus
    from charrnn.training import Trainer

    path = options["resume"]
    checkpoint = load(path, resume=True)
    remembered = checkpoint.corpus.get("sources")
    sources = options["corpus"] or (tuple(map(str, remembered)) if isinstance(remembered, list) else ())
    if not sources:
        raise CharrnnError(f"{path} does not say what text it was trained on; give it as CORPUS")
    if "-" in sources and not options["corpus"]:
        raise CharrnnError(f"{path} was trained on standard input; give the same text again as CORPUS")
    try:  # a text that has changed may hold characters that the model does not know: the check below tells
        corpus = read_corpus(sources, vocabulary=checkpoint.vocabulary, unknown="replace")
    except CharrnnError as error:
        if options["corpus"]:
            raise
        raise CharrnnError(f"{error}; if the text has moved, say where: charrnn train CORPUS --resume {path}") from None
    if (corpus.sha256, corpus.characters) != (checkpoint.corpus.get("sha256"), checkpoint.corpus.get("characters")):
        raise CharrnnError(
            f"{', '.join(sources)} is not the text that {path} was trained on (its SHA-256 differs); "
            "--init-from starts a new run on another text"
        )
    try:
        settings = Settings.of(checkpoint.training)
        if options["epochs"] is not None:
            settings = replace(settings, epochs=options["epochs"], seconds=None)
        if options["seconds"] is not None:
            settings = replace(settings, epochs=None, seconds=options["seconds"])
        trainer = Trainer.resumed(checkpoint, corpus, team, settings)
    except CharrnnError as error:
        raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    if not trainer.over and (options["epochs"] is not None or options["seconds"] is not None):
        trainer.state.waited = 0  # who asks for more is not to be stopped early at once
    if trainer.finished:
        raise CharrnnError(f"the run in {path} is complete; --epochs or --time with a larger value goes on")
    return trainer


@contextmanager
def _stop_signals(trainer: "Trainer", caught: list[int]) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM, SIGHUP) end the run in good order, and a second one at once."""

    def handle(number: int, frame: object) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)
        trainer.stop = True

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # What is ignored stays ignored: nohup means it.
    before = {n: signal.signal(n, handle) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _train(trainer: "Trainer", output: str, options: dict[str, Any], log: Log) -> int:
    """Run to the end, an error or a signal; save; return the exit code."""
    from charrnn.checkpoint import save
    from charrnn.display.console import compiling
    from charrnn.display.training import TrainingDisplay

    caught: list[int] = []
    failure: CharrnnError | None = None
    saved = sampled = time.monotonic()
    worked = stored = False
    samples = options["samples"] and not options["quiet"]

    def store(*, slim: bool) -> None:
        nonlocal stored
        checkpoint = trainer.checkpoint()
        if slim:
            checkpoint.resume = None
        save(output, checkpoint)
        stored = True

    with compiling(trainer.network, training=True, quiet=options["quiet"]) as compiled:
        trainer.compile()
    with (
        TrainingDisplay(trainer, quiet=options["quiet"]) as display,
        _stop_signals(trainer, caught),
    ):
        display.header(compiled)
        records = trainer.run()
        while True:
            try:
                record = next(records, None)
            except CharrnnError as error:  # the loss could not be mended: the best model is kept
                failure = error
                break
            if record is None:
                break
            worked = True
            display.update(record)
            log.write(record)
            now = time.monotonic()
            if now - saved > SAVE_SECONDS:
                saved = now
                try:
                    store(slim=False)
                except CharrnnError as error:  # the disk may have room again before the run ends
                    display.say(f"{error}; the run goes on, and saves again later")
            if samples and record.val_loss is not None and now - sampled > SAMPLE_SECONDS:
                display.sample(_sample(trainer))
                sampled = now
        if worked and (failure is None or trainer.state.best_loss is not None):
            store(slim=options["slim"] and trainer.finished)
    if failure is not None:
        kept = f"the best model so far is in {output}" if stored else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    _conclude(trainer, output, display, stored=stored)
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {output}" if stored else log.failure)
    return 128 + caught[0] if caught else 0


def _conclude(trainer: "Trainer", output: str, display: "TrainingDisplay", *, stored: bool) -> None:
    """Say what the run came to."""
    if not stored:
        display.say("stopped before the first step; nothing was saved")
        return
    if not trainer.finished:
        display.say(f"stopped and saved in {output}; go on with: charrnn train --resume {output}")
        return
    state = trainer.state
    if state.best_loss is not None:
        if not trainer.over:
            display.say("stopped early, as validation no longer improved")
        epoch = state.best_step / trainer.streams.windows
        display.say(f"the best validation loss was {state.best_loss:.4f}, at epoch {epoch:.2f}")
    display.say(f"saved in {output}; let it write with: charrnn sample {output} --temp 0.8")


def _sample(trainer: "Trainer") -> str:
    """Return a few lines by the model as it is now."""
    from charrnn.controls import Controls
    from charrnn.generation import Ending, samples
    from charrnn.sampling import Sampler, first_symbol

    vocabulary = trainer.corpus.vocabulary
    sampler = Sampler(trainer.network, controls=Controls(temperature=0.8))
    sampler.read([first_symbol(vocabulary)])
    count = 1 if vocabulary.boundary is None else SAMPLE_DOCUMENTS
    pieces = samples(sampler, vocabulary, Ending(SAMPLE_LENGTH), seed=trainer.state.step, count=count)
    texts = [""] * count
    for piece in pieces:
        texts[piece.sample] += vocabulary.decode_bytes(piece.symbols).decode("utf-8", "replace")
    return "\n".join(texts)
