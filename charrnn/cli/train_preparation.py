"""The run that ``charrnn train`` is asked for: a new one, or one that goes on."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.model.team import Team
    from charrnn.text.ingest import Corpus
    from charrnn.training.settings import Settings
    from charrnn.training.trainer import Trainer

OPTIONS = ("activation", "projection", "periods", "bidirectional", "learned_state")
INHERITED = ("cell", "hidden", "layers", *OPTIONS)  # options that the weights of --init-from decide


def new_run(ctx: click.Context, options: dict[str, Any], team: "Team") -> "Trainer":
    """Prepare a new run, from the weights of another model if asked to."""
    from charrnn.display import sentences
    from charrnn.display.console import note
    from charrnn.model.model_file import LONGEST_SEPARATOR, load
    from charrnn.model.transfer import common_vocabulary, starting_weights
    from charrnn.text.ingest import read_corpus
    from charrnn.training.trainer import Trainer

    source = load(options["init_from"]) if options["init_from"] is not None else None
    if source is not None:
        if ctx.get_parameter_source("byte_level") is ParameterSource.COMMANDLINE and not source.vocabulary.byte_level:
            raise click.UsageError("With --init-from, the model decides --bytes.")
        options |= {name: getattr(source.architecture, name) for name in INHERITED}
        if options["periods"] is not None:
            options["periods"] = ",".join(map(str, options["periods"]))
        options["byte_level"] = source.vocabulary.byte_level
        options["separator"] = source.vocabulary.separator
    separator = "\n" if options["separator"] == "lines" and source is None else options["separator"] or ""
    if len(separator) > LONGEST_SEPARATOR:
        raise click.UsageError(f"The separator of --documents has more than {LONGEST_SEPARATOR:,} characters.")
    if not separator.isprintable() and any("\ud800" <= c <= "\udfff" for c in separator):
        raise click.UsageError("The separator of --documents is not UTF-8.")
    choose = partial(common_vocabulary, source.vocabulary, remap=options["remap"]) if source else None
    corpus = read_corpus(
        options["corpus"],
        byte_level=options["byte_level"],
        separator=separator,
        vocabulary=choose,
        on_large=None if options["quiet"] else lambda size: note(sentences.reading(size)),
    )
    if corpus.documents == 1:
        raise CharrnnError(f"the whole text is one document: {separator[:60]!r} stands nowhere between two parts of it")
    if corpus.skipped and not options["quiet"]:
        note(f"{len(corpus.skipped)} files are not text and were left out, such as {corpus.skipped[0]}")
    warning = sentences.many_symbols(len(corpus.vocabulary))
    if warning and not options["quiet"]:
        note(warning)
    initial = starting_weights(source, corpus.vocabulary, seed=options["seed"]) if source else None
    settings = _settings(options, corpus)
    trainer = Trainer(settings, corpus, team, initial)
    shortened = sentences.short_text(trainer.streams.ids.size, settings, trainer.settings)
    if shortened and not options["quiet"]:
        note(shortened)
    return trainer


def _settings(options: dict[str, Any], corpus: "Corpus") -> "Settings":
    from dataclasses import fields

    from charrnn.training.settings import Settings, default_epochs, default_lr, default_seq_length

    values = {field.name: options[field.name] for field in fields(Settings) if field.name in options}
    values["clip"] = options["clip"] or None
    if options["seq_length"] is None:
        values["seq_length"] = default_seq_length(options["bidirectional"])
    if options["lr"] is None:
        values["lr"] = default_lr(options["cell"])
    if options["epochs"] is not None:
        values["seconds"] = None  # it only pauses the run
    elif options["seconds"] is None:
        values["epochs"] = default_epochs(corpus.ids.size, options["gradient"])
    return Settings(**values)


def resumed_run(options: dict[str, Any], team: "Team") -> "Trainer":
    """Take up a run where it was, on the text it was trained on."""
    from dataclasses import replace

    from charrnn.display import sentences
    from charrnn.display.console import note
    from charrnn.display.words import duration
    from charrnn.model.model_file import load
    from charrnn.text.ingest import AnotherTextError, listed, read_corpus
    from charrnn.training.settings import Settings
    from charrnn.training.trainer import Trainer

    path = options["resume"]
    checkpoint = load(path, resume=True)
    if checkpoint.training.get("online"):
        raise CharrnnError(f"{path} has learnt online; it goes on with: … | charrnn train - --resume {path} --online")
    sources = options["corpus"] or _remembered(path, checkpoint.corpus.get("sources"))
    try:
        corpus = read_corpus(
            sources,
            vocabulary=checkpoint.vocabulary,
            sha256=str(checkpoint.corpus.get("sha256")),
            on_large=None if options["quiet"] else lambda size: note(sentences.reading(size)),
        )
    except AnotherTextError:
        raise CharrnnError(
            f"{listed(sources)} is not the text that {path} was trained on (its SHA-256 differs); "
            "--init-from starts a new run on another text"
        ) from None
    except CharrnnError as error:
        if options["corpus"]:
            raise
        raise CharrnnError(f"{error}; if the text has moved, say where: charrnn train CORPUS --resume {path}") from None
    if corpus.characters != checkpoint.corpus.get("characters"):
        raise CharrnnError(f"{listed(sources)} has the bytes that {path} was trained on, but cut in other files")
    try:
        settings = Settings.of(checkpoint.training)
        if options["epochs"] is not None:
            settings = replace(settings, epochs=options["epochs"], seconds=None)
        elif options["seconds"] is not None and settings.seconds is not None:
            settings = replace(settings, seconds=options["seconds"])
        trainer = Trainer.resumed(checkpoint, corpus, team, settings)
    except CharrnnError as error:
        raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    length, flag, done = "epochs", "--epochs", f"{trainer.state.step / trainer.streams.windows:.4g} epochs"
    if settings.seconds is not None:
        length, flag, done = "seconds", "--time", duration(trainer.state.seconds)
    if trainer.finished and not trainer.over and options[length] is not None:
        trainer.state.waited = 0  # who asks for more than an early end is not to be stopped at once
    if trainer.finished:
        so_far = "is complete" if options[length] is None else f"has had {done} of training already"
        raise CharrnnError(f"the run in {path} {so_far}; {flag} with a larger value goes on")
    return trainer


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
