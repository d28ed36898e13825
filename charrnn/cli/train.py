"""``charrnn train``: learn from a text."""

import os
from contextlib import ExitStack
from typing import Any

import click
from click.core import ParameterSource

from charrnn.cells.architecture import ACTIVATIONS
from charrnn.cells.table import CELLS
from charrnn.cli import train_online as online
from charrnn.cli import train_real_time as real_time
from charrnn.cli.options import Duration, EscapedText, Number
from charrnn.cli.train_log import Log
from charrnn.cli.train_preparation import INHERITED, new_run, resumed_run
from charrnn.cli.train_session import orderly, train
from charrnn.errors import CharrnnError
from charrnn.training.rules import OPTIMIZERS, SCHEDULES

# Options that a resumed run may be given anew; all others are the run's own.
RESUMABLE = {
    "corpus",
    "resume",
    "output",
    "epochs",
    "seconds",
    "online",
    "unknown",
    "save_every",
    "threads",
    "quiet",
    "log",
    "samples",
    "slim",
    "force",
}


@click.command()
@click.argument("corpus", nargs=-1, type=click.Path(), metavar="[CORPUS…]")
@click.option("-o", "--output", type=click.Path(), help="The model file to write.  [default: model.npz]")
@click.option("--force", is_flag=True, help="Overwrite an existing model file.")
@click.option(
    "--resume",
    type=click.Path(),
    metavar="MODEL",
    help="Go on with the run that wrote MODEL, where it was, as if it had never stopped.",
)
@click.option("--init-from", type=click.Path(), metavar="MODEL", help="Start a new run from MODEL's weights.")
@click.option("--remap", is_flag=True, help="With --init-from: add the text's characters that MODEL does not know.")
@click.option(
    "--cell",
    type=click.Choice(list(CELLS)),
    default="lstm",
    show_default=True,
    metavar="CELL",
    help="Kind of network; charrnn cells lists them.",
)
@click.option(
    "--hidden",
    type=click.IntRange(1, 16384),
    default=256,
    help="Units in a layer.  [default: 256; 32 with --gradient rtrl]",
)
@click.option("--layers", type=click.IntRange(1, 64), default=1, show_default=True, help="Layers, one upon another.")
@click.option("--activation", type=click.Choice(ACTIVATIONS), help="rnn: what bounds its units.  [default: tanh]")
@click.option(
    "--projection",
    type=click.IntRange(1, 16384),
    metavar="R",
    help="lstm-projection: how many numbers it puts out.  [default: half of --hidden]",
)
@click.option(
    "--periods",
    metavar="T1,T2,…",
    help="clockwork: every how many characters each group of units computes.  [default: 1,2,4,8]",
)
@click.option(
    "--bidirectional",
    is_flag=True,
    help="Learn each character from both sides: to fill gaps (charrnn fill), not to write on.",
)
@click.option("--learned-state", is_flag=True, help="Learn the state that a text begins from, in the place of zeros.")
@real_time.options
@click.option(
    "--dropout",
    type=Number(0.0, 1.0, max_open=True),
    default=0.2,
    help="Share of each layer's output to drop at random, against learning by heart.  [default: 0.2; 0 with --gradient "
    "rtrl]",
)
@click.option(
    "--seq-length",
    type=click.IntRange(1, 65536),
    help="Steps to learn through; with --gradient rtrl characters between two updates, and the gradient does not stop "
    "there.  [default: 32; 64 with --bidirectional]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 65536),
    default=16,
    help="Parallel streams.  [default: 16; 1 with --gradient rtrl]",
)
@click.option(
    "--epochs",
    type=Number(0.0, 1e6, min_open=True),
    help="Passes over the text at most, in all: with --resume too.  [default: by its size]",
)
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    help="Time to train instead, such as 90s, 5m or 2h. A run that has --epochs is only paused after that time.",
)
@click.option(
    "--optimizer",
    type=click.Choice(list(OPTIMIZERS)),
    default="adam",
    show_default=True,
    help="How to follow the gradient.",
)
@click.option(
    "--lr",
    type=Number(0.0, min_open=True),
    help="Peak learning rate.  [default: 0.01 for lstm…, 0.006 for gru…, 0.004 for the others]",
)
@click.option(
    "--schedule", type=click.Choice(list(SCHEDULES)), default="cosine", show_default=True, help="How it falls."
)
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
    type=EscapedText(),
    metavar="lines|SEPARATOR",
    help="Each line, or what stands between two SEPARATORs, is a text of its own, with a start and an end.",
)
@click.option(
    "--save-every",
    type=Duration(),
    default="60s",
    show_default=True,
    metavar="TIME",
    help="Save the run so often while it goes on, for a crash or a power cut; and where it validates.",
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

    A run is as long as its --epochs, or else its --time, and the learning rate falls over the whole of it. With both it
    has these epochs, and pauses after that time, to be resumed. Where --resume is given more --epochs (or more --time,
    for a run without epochs), the run goes on as one that was to be so long: with the rate that such a run has there.

    \b
    Examples:
      charrnn train corpus.txt
      charrnn train corpus.txt --cell gru --time 5m -o gru.npz
      charrnn train --resume model.npz
      charrnn train --resume model.npz --epochs 20 --time 10m
      charrnn train names.txt --documents lines -o names.npz
      charrnn train corpus.txt --bidirectional -o both.npz
      cat *.txt | charrnn train - --hidden 512 --dropout 0.2
      tail -f log.txt | charrnn train - --gradient rtrl --online -o log.npz
    """
    _check_usage(ctx, options)
    from charrnn.model.team import Team
    from charrnn.storage.files import check_writable, locked

    output, resume = options["output"], options["resume"]
    if output is None:
        output = resume or "model.npz"
    if output == "-":
        raise CharrnnError("a model cannot be written to standard output; give -o a file's name")
    same = resume is not None and os.path.realpath(output) == os.path.realpath(resume)
    with ExitStack() as stack:
        stack.enter_context(orderly())
        stack.enter_context(locked(output))  # first of all: another run may be about to write its first model
        check_writable(output, force=options["force"] or same)
        team = stack.enter_context(Team(options["threads"]))
        if options["online"]:
            run = online.online_run(options, team)
            _check_log(options["log"], [output, resume, options["init_from"]])
            log_online = online.OnlineLog(options["log"], append=resume is not None)
            stack.enter_context(log_online)
            ctx.exit(online.learn(run, output, options, log_online))
        trainer = resumed_run(options, team) if resume else new_run(ctx, options, team)
        _check_log(options["log"], [output, resume, options["init_from"], *trainer.corpus.sources])
        log = stack.enter_context(Log(options["log"], append=resume is not None))
        code = train(trainer, output, options, log)
    ctx.exit(code)


def _check_log(log: str | None, others: list[str | None]) -> None:
    """Refuse a log that would be written over what the run reads or writes."""
    if log and any(other and os.path.realpath(log) == os.path.realpath(other) for other in others):
        raise CharrnnError(f"{log} is the text or a model of this run; --log needs another file")


def _check_usage(ctx: click.Context, options: dict[str, Any]) -> None:
    """Refuse options that contradict each other."""
    given = {name for name in options if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}

    def flags(names: set[str]) -> str:
        return ", ".join(sorted(p.opts[-1] for p in ctx.command.params if p.name in names))

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
    if "init_from" not in given and "resume" not in given:
        _check_cell(options)
    real_time.check_usage(options, given, flags)
    real_time.set_defaults(options, given)


def _check_cell(options: dict[str, Any]) -> None:
    """Refuse options that the kind of network does not have."""
    for name in ("activation", "projection", "periods"):
        if options[name] is not None and name not in CELLS[options["cell"]].options:
            having = ", ".join(cell.name for cell in CELLS.values() if name in cell.options)
            raise click.UsageError(f"--{name} is an option of {having}, and not of {options['cell']}.")
    if options["bidirectional"] and options["separator"] is not None:
        raise click.UsageError("Give --bidirectional or --documents: a bidirectional network reads a text as one.")
