"""``charrnn train``: train a model on a text or on examples."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.options import given
from charrnn.cli.targets import refuse_messages, refuse_sources, require_log
from charrnn.cli.train_log import Log
from charrnn.cli.train_options import TrainOptions, train_options
from charrnn.cli.train_run import orderly
from charrnn.cli.train_usage import check_usage
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.model.team import Team
    from charrnn.training.trainer import Trainer


@click.command(short_help="Train a model on a text or on examples.")
@train_options
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Train a model on a text: files, folders, or standard input (-).

    A network learns to predict each character of the text by changing its weights (its numbers). The loss measures how
    wrong its predictions are: lower is better. A part of the text is held out for validation: the network does not
    train on it. If the validation loss rises while the training loss still falls, the network is overfitting: it
    memorizes the text. The weights with the lowest validation loss are kept.

    A run lasts for --epochs (passes over the text) or for --time, and the learning rate falls over the whole run. With
    both, the run lasts for --epochs and pauses after --time. Ctrl-C stops a run and saves it; --resume continues it. A
    run measured in epochs ends with the same weights as if it had never stopped. --resume with more --epochs (or more
    --time, for a run measured in time) extends a run, which then continues with the learning rate of the longer run.
    --resume with another --lr, --schedule, --warmup, --dropout, --batch-size or --clip starts a new leg of the run.

    With --task classify, tag or predict, the network learns labels or numbers from examples instead: texts, or
    sequences of numbers. Then charrnn classify, tag or predict ask the model. With --given, it learns to generate texts
    under a condition each, such as the language of a name, and charrnn sample --given writes under one of them.

    \b
    Examples:
      charrnn train corpus.txt
      charrnn train corpus.txt --cell gru --time 5m -o gru.npz
      charrnn train --resume model.npz
      charrnn train --resume model.npz --epochs 20 --time 10m
      charrnn train names.txt --documents lines -o names.npz
      charrnn train corpus.txt --bidirectional -o both.npz
      charrnn train names/*.txt --task classify -o names.npz
      charrnn train names/*.txt --given file -o languages.npz
      cat *.txt | charrnn train - --hidden 512 --dropout 0.2
      tail -f log.txt | charrnn train - --gradient rtrl --online -o log.npz
    """
    values["bidirectional"] |= values["task"] == "fill"
    options = TrainOptions(given=given(ctx), **values)
    check_usage(options, ctx.command.params)
    from charrnn.cli.train_online import learn
    from charrnn.cli.train_preparation import notes, online_run, tell_skipped
    from charrnn.cli.train_session import train
    from charrnn.model.model_file import require_replaceable
    from charrnn.model.team import Team
    from charrnn.storage.files import check_writable, is_same_file, locked

    output, resume = options.target, options.resume
    if output == "-":
        raise CharrnnError("a model cannot be written to standard output; give the name of a file after -o")
    same = resume is not None and is_same_file(output, resume)
    _check_targets(options)
    if not same:
        require_replaceable(output)
    with ExitStack() as stack:
        stack.enter_context(orderly())
        stack.enter_context(locked(output))  # before anything else: another run can be about to write its first model
        check_writable(output, force=options.force or same)
        team = stack.enter_context(Team.of(options.threads, notes(options)))
        if options.online:
            run = online_run(options, team)
            code = learn(run, options, stack.enter_context(Log(options.log, append=resume is not None)))
        else:
            trainer = _prepared(options, team)
            _check_targets(options, trainer)
            if options.quiet:  # what is left out is not silent
                tell_skipped(trainer.data.record())
            code = train(trainer, options, stack.enter_context(Log(options.log, append=resume is not None)))
    ctx.exit(code)


def _prepared(options: TrainOptions, team: "Team") -> "Trainer[Any]":
    """Prepare a run: a new or a resumed one, on a text or on examples."""
    from charrnn.cli import train_preparation as preparation
    from charrnn.model.model_file import reads_examples

    if options.resume is None:
        new = preparation.new_example_run if options.reads_examples else preparation.new_run
        return new(options, team)
    resumed = preparation.resumed_example_run if reads_examples(options.resume) else preparation.resumed_run
    return resumed(options.resume, options, team)


def _check_targets(options: TrainOptions, trainer: "Trainer[Any] | None" = None) -> None:
    """Raise CharrnnError if the model or the log would replace a file that the run reads.

    A resumed run's texts are known only from its data.
    """
    from charrnn.cli.train_preparation import replaced_outputs
    from charrnn.text.sources import written

    texts, byte_level = options.texts, options.byte_level
    outputs: tuple[str, ...] = ()
    if trainer is not None:
        record = trainer.data.record()
        validation = record.get("validation", {})
        texts = (*record.get("sources", ()), *validation.get("sources", ()))
        byte_level = trainer.data.vocabulary.byte_level
        outputs = written(record, texts)
    outputs = outputs if options.resume else replaced_outputs(options)
    read = [(path, "the text that is read") for path in texts]
    if options.init_from:
        read.append((options.init_from, "the model that is read"))
    refuse_sources(options.target, read, "-o", byte_level=byte_level, outputs=outputs)
    if options.log not in (None, "-"):
        models = [(options.target, "the model that is written")]
        models += [(options.resume, "the model that is read")] if options.resume else []
        refuse_sources(options.log, [*models, *read], "--log", byte_level=byte_level, outputs=outputs)
        require_log(options.log)
        refuse_messages(options.log, "--log")
