"""The run that ``charrnn train`` is asked for: a new one, or one that goes on."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.train_options import TrainOptions
from charrnn.cli.train_usage import INHERITED
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.model.model_file import Checkpoint
    from charrnn.model.team import Team
    from charrnn.text.ingest import Corpus
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.settings import Settings
    from charrnn.training.trainer import Trainer


def new_run(options: TrainOptions, team: "Team") -> "Trainer":
    """Prepare a new run, from the weights of another model if asked to."""
    from charrnn.display import sentences
    from charrnn.model.model_file import load
    from charrnn.model.transfer import starting_weights
    from charrnn.training.trainer import Trainer

    source = None if options.init_from is None else load(options.init_from)
    if source is not None:
        if "byte_level" in options.given and not source.vocabulary.byte_level:
            raise click.UsageError("With --init-from, the model decides --bytes.")
        options = _inheriting(options, source)
    corpus = _new_corpus(options, source)
    say = _notes(options)
    if corpus.skipped:
        say(f"{len(corpus.skipped)} files are not text and were left out, such as {corpus.skipped[0]}")
    if warning := sentences.many_symbols(len(corpus.vocabulary)):
        say(warning)
    initial = None if source is None else starting_weights(source, corpus.vocabulary, seed=options.seed)
    settings = settings_of(options, corpus.ids.size)
    trainer = Trainer(settings, corpus, team, initial)
    if shortened := sentences.short_text(trainer.streams.ids.size, settings, trainer.settings):
        say(shortened)
    return trainer


def online_run(options: TrainOptions, team: "Team") -> "OnlineTrainer":
    """Prepare a new run that learns online, from the weights of another model if asked to, or take up one."""
    from charrnn.cells.real_time import why_not_in_real_time
    from charrnn.model.model_file import load
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.online import OnlineTrainer

    if path := options.resume:
        checkpoint = load(path, resume=True)
        try:
            return OnlineTrainer.resumed(checkpoint, team)
        except CharrnnError as error:
            raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    if options.init_from is None:
        return OnlineTrainer(settings_of(options), Vocabulary.of_bytes(), team)
    source = load(options.init_from)
    if why_not := why_not_in_real_time(source.architecture):
        raise CharrnnError(why_not)
    settings = settings_of(_inheriting(options, source))
    return OnlineTrainer(settings, source.vocabulary, team, source.parameters)


def resumed_run(path: str, options: TrainOptions, team: "Team") -> "Trainer":
    """Take up a run where it was, on the text it was trained on."""
    from charrnn.model.model_file import load
    from charrnn.training.settings import Settings
    from charrnn.training.trainer import Trainer

    checkpoint = load(path, resume=True)
    if checkpoint.training.get("online"):
        raise CharrnnError(f"{path} has learnt online; it goes on with: … | charrnn train - --resume {path} --online")
    corpus = _same_corpus(path, checkpoint, options)
    try:
        settings = Settings.of(checkpoint.training)
        if options.epochs is not None:
            settings = replace(settings, epochs=options.epochs, seconds=None)
        elif options.seconds is not None and settings.seconds is not None:
            settings = replace(settings, seconds=options.seconds)
        trainer = Trainer.resumed(checkpoint, corpus, team, settings)
    except CharrnnError as error:
        raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    _require_unfinished(path, trainer, options)
    return trainer


def settings_of(options: TrainOptions, characters: int | None = None) -> "Settings":
    """Return the settings of a run on a text of so many characters, or on one without end."""
    from charrnn.training.settings import Settings, default_epochs, default_lr, default_seq_length

    epochs, seconds = options.epochs, options.seconds
    if options.online or epochs is not None:
        seconds = None  # it only pauses the run
    elif seconds is None and characters is not None:
        epochs = default_epochs(characters, options.gradient)
    return Settings(
        cell=options.cell,
        hidden=options.hidden,
        layers=options.layers,
        activation=options.activation,
        projection=options.projection,
        periods=options.periods,
        bidirectional=options.bidirectional,
        learned_state=options.learned_state,
        gradient=options.gradient,
        online=options.online,
        dropout=options.dropout,
        seq_length=options.seq_length or default_seq_length(options.bidirectional),
        batch_size=options.batch_size,
        epochs=epochs,
        seconds=seconds,
        optimizer=options.optimizer,
        lr=default_lr(options.cell) if options.lr is None else options.lr,
        schedule=options.schedule,
        warmup=options.warmup,
        clip=options.clip,
        clip_value=options.clip_value or 0.0,
        val_fraction=options.val_fraction,
        patience=options.patience,
        seed=options.seed,
    )


def _inheriting(options: TrainOptions, source: "Checkpoint") -> TrainOptions:
    """Return options that fit the weights of another model."""
    network = source.architecture
    inherited = {name: getattr(network, name) for name in INHERITED}
    if network.periods is not None:
        inherited["periods"] = ",".join(map(str, network.periods))
    return replace(options, **inherited, byte_level=source.vocabulary.byte_level)


def _notes(options: TrainOptions) -> Callable[[str], None]:
    """Return what says a sentence on stderr, or does not with --quiet."""
    from charrnn.display.console import note

    return (lambda sentence: None) if options.quiet else note


def _new_corpus(options: TrainOptions, source: "Checkpoint | None") -> "Corpus":
    """Read a text to learn from, with the vocabulary of another model if there is one."""
    from charrnn.display import sentences
    from charrnn.model.transfer import common_vocabulary
    from charrnn.text.ingest import read_corpus

    separator = _separator(options.separator) if source is None else source.vocabulary.separator
    say = _notes(options)
    corpus = read_corpus(
        options.corpus,
        byte_level=options.byte_level,
        separator=separator,
        vocabulary=partial(common_vocabulary, source.vocabulary, remap=options.remap) if source else None,
        on_large=lambda size: say(sentences.reading(size)),
    )
    if corpus.documents == 1:
        raise CharrnnError(f"the whole text is one document: {separator[:60]!r} stands nowhere between two parts of it")
    return corpus


def _separator(typed: str | None) -> str:
    """Return what --documents says to stand between documents, "" where a text is one."""
    from charrnn.model.model_file import LONGEST_SEPARATOR

    separator = "\n" if typed == "lines" else typed or ""
    if len(separator) > LONGEST_SEPARATOR:
        raise click.UsageError(f"The separator of --documents has more than {LONGEST_SEPARATOR:,} characters.")
    if not separator.isprintable() and any("\ud800" <= c <= "\udfff" for c in separator):
        raise click.UsageError("The separator of --documents is not UTF-8.")
    return separator


def _same_corpus(path: str, checkpoint: "Checkpoint", options: TrainOptions) -> "Corpus":
    """Read the text that a run was trained on. Raises CharrnnError where it is another one now."""
    from charrnn.display import sentences
    from charrnn.text.ingest import AnotherTextError, listed, read_corpus

    sources = options.corpus or _remembered(path, checkpoint.corpus.get("sources"))
    say = _notes(options)
    try:
        corpus = read_corpus(
            sources,
            vocabulary=checkpoint.vocabulary,
            sha256=str(checkpoint.corpus.get("sha256")),
            on_large=lambda size: say(sentences.reading(size)),
        )
    except AnotherTextError:
        raise CharrnnError(
            f"{listed(sources)} is not the text that {path} was trained on (its SHA-256 differs); "
            "--init-from starts a new run on another text"
        ) from None
    except CharrnnError as error:
        if options.corpus:
            raise
        raise CharrnnError(f"{error}; if the text has moved, say where: charrnn train CORPUS --resume {path}") from None
    if corpus.characters != checkpoint.corpus.get("characters"):
        raise CharrnnError(f"{listed(sources)} has the bytes that {path} was trained on, but cut in other files")
    return corpus


def _remembered(path: str, sources: Any) -> tuple[str, ...]:
    """Return the files and folders that a model file says it was trained on.

    Raises CharrnnError for anything else: a pipe or a device that a file names could keep a reader waiting for ever.
    """
    from charrnn.storage.files import shown

    if not (isinstance(sources, list) and sources and all(isinstance(source, str) for source in sources)):
        raise CharrnnError(f"{path} does not say what text it was trained on; give it as CORPUS")
    if "-" in sources:
        raise CharrnnError(f"{path} was trained on standard input; give the same text again as CORPUS")
    for source in sources:
        found = False
        with suppress(OSError, ValueError):  # a name that no file can have
            found = bool(source) and (Path(source).is_file() or Path(source).is_dir())
        if not found:
            raise CharrnnError(
                f"{shown(source):.300} cannot be read: there is no such file or folder; if the text has moved, "
                f"say where: charrnn train CORPUS --resume {path}"
            )
    return tuple(sources)


def _require_unfinished(path: str, trainer: "Trainer", options: TrainOptions) -> None:
    """Raise CharrnnError where a resumed run has nothing more to do."""
    from charrnn.display.words import duration

    asked, flag, done = options.epochs, "--epochs", f"{trainer.state.step / trainer.streams.windows:.4g} epochs"
    if trainer.settings.seconds is not None:
        asked, flag, done = options.seconds, "--time", duration(trainer.state.seconds)
    if trainer.finished and not trainer.over and asked is not None:
        trainer.state.waited = 0  # who asks for more than an early end is not to be stopped at once
    if trainer.finished:
        so_far = "is complete" if asked is None else f"has had {done} of training already"
        raise CharrnnError(f"the run in {path} {so_far}; {flag} with a larger value goes on")
