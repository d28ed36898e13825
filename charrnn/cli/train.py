"""``charrnn train``: learn from a text."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import click

from charrnn.cli.options import given
from charrnn.cli.targets import refuse_log
from charrnn.cli.train_log import Log
from charrnn.cli.train_options import TrainOptions, train_options
from charrnn.cli.train_run import orderly
from charrnn.cli.train_usage import check_usage, with_defaults
from charrnn.errors import CharrnnError


@click.command()
@train_options
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
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
    options = TrainOptions(given=given(ctx), **values)
    check_usage(options, ctx.command.params)
    options = with_defaults(options)
    from charrnn.cli.train_online import learn
    from charrnn.cli.train_preparation import new_run, online_run, resumed_run
    from charrnn.cli.train_session import train
    from charrnn.model.team import Team
    from charrnn.storage.files import check_writable, is_same_file, locked

    output, resume = options.target, options.resume
    if output == "-":
        raise CharrnnError("a model cannot be written to standard output; give -o a file's name")
    same = resume is not None and is_same_file(output, resume)
    with ExitStack() as stack:
        stack.enter_context(orderly())
        stack.enter_context(locked(output))  # first of all: another run may be about to write its first model
        check_writable(output, force=options.force or same)
        team = stack.enter_context(Team(options.threads))
        if options.online:
            run = online_run(options, team)
            code = learn(run, options, stack.enter_context(_log(options)))
        else:
            trainer = resumed_run(resume, options, team) if resume else new_run(options, team)
            code = train(trainer, options, stack.enter_context(_log(options, trainer.corpus.sources)))
    ctx.exit(code)


def _log(options: TrainOptions, sources: Sequence[str] = ()) -> Log:
    """Open the file of --log; refuse one that the run reads or writes."""
    if options.log:
        refuse_log(options.log, [options.target, options.resume, options.init_from, *sources])
    return Log(options.log, append=options.resume is not None)
