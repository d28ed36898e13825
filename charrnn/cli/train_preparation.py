"""The run of ``charrnn train``: a new one, or a resumed one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.train_options import TrainOptions
from charrnn.errors import CharrnnError
from charrnn.library.keywords import SETTINGS

if TYPE_CHECKING:
    from charrnn.model.team import Team
    from charrnn.text.ingest import Watch
    from charrnn.training.example_data import ExampleData
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.text_data import TextData
    from charrnn.training.trainer import Trainer

RUN_SETTINGS = (*SETTINGS, "online", "epochs", "seconds")


def new_run(options: TrainOptions, team: "Team") -> "Trainer[TextData]":
    """Prepare a new run, perhaps from another model's weights."""
    from charrnn.library.preparation import Symbols, Texts, new_trainer
    from charrnn.model.model_file import load
    from charrnn.text.sources import Known

    source = None if options.init_from is None else load(options.init_from)
    if source is not None and "byte_level" in options.given and not source.vocabulary.byte_level:
        raise click.UsageError("With --init-from, the model decides --bytes; leave that out.")
    symbols = Symbols(options.byte_level, _separator(options.separator), options.rare or 0)
    known = Known((*_outputs(options), *replaced_outputs(options)), encoding=options.encoding)
    validate, say = () if options.validate is None else (options.validate,), notes(options)
    with _watching(options) as watch:
        texts = Texts(options.corpus, watch=watch, validate=validate, known=known)
        return new_trainer(texts, _settings(options), symbols, team, say, source=source, remap=options.remap)


def online_run(options: TrainOptions, team: "Team") -> "OnlineTrainer":
    """Prepare an online run: a new one, or a resumed one.

    A new run starts from the weights of another model if asked to.
    """
    from charrnn.cells.real_time import why_not_in_real_time
    from charrnn.library.preparation import inheriting, settings_of
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
        return OnlineTrainer(settings_of(_settings(options)), Vocabulary.of_bytes(), team)
    source = load(options.init_from)
    settings = settings_of(inheriting(_settings(options), source))
    if why_not := why_not_in_real_time(source.architecture):
        raise CharrnnError(why_not)
    vocabulary = replace(source.vocabulary, seen="")  # any byte can arrive
    return OnlineTrainer(settings, vocabulary, team, source.parameters)


def resumed_run(path: str, options: TrainOptions, team: "Team") -> "Trainer[TextData]":
    """Resume a run on the text that it was trained on."""
    from charrnn.library.preparation import Texts, resumed_trainer
    from charrnn.text.sources import Known

    with _watching(options) as watch:
        texts = Texts(options.corpus, watch=watch, known=Known(_outputs(options)))
        return resumed_trainer(path, texts, team, notes(options), given=_settings(options))


def new_example_run(options: TrainOptions, team: "Team") -> "Trainer[ExampleData]":
    """Prepare a new run on examples with labels or numbers."""
    from charrnn.library.example_preparation import ExampleFiles, new_example_trainer, request_of
    from charrnn.text.sources import Known

    columns = {"labels": options.labels, "texts": options.texts_column, "inputs": options.inputs}
    columns |= {"given": options.given_column}
    request = request_of(options.corpus, options.task or "generate", columns, options.ahead)
    known = Known((*_outputs(options), *replaced_outputs(options)), encoding=options.encoding)
    validate = () if options.validate is None else (options.validate,)
    files = ExampleFiles(request, known, validate=validate, rare=options.rare or 0)
    return new_example_trainer(files, _settings(options), team, notes(options))


def resumed_example_run(path: str, options: TrainOptions, team: "Team") -> "Trainer[ExampleData]":
    """Resume a run on the examples that it was trained on."""
    from charrnn.library.example_preparation import resumed_example_trainer

    files = {"paths": options.corpus, "outputs": _outputs(options)}
    return resumed_example_trainer(path, files, team, notes(options), given=_settings(options))


def replaced_outputs(options: TrainOptions) -> tuple[str, ...]:
    """Return what an earlier run wrote into the folders of its text, if its model is replaced now."""
    from charrnn.model.model_file import load
    from charrnn.text.sources import written

    if any(Path(path).is_dir() for path in options.texts) and Path(options.target).is_file():
        with suppress(CharrnnError):  # it can be damaged
            record = load(options.target).corpus
            return written(record, record.get("sources", ()))
    return ()


def _outputs(options: TrainOptions) -> tuple[str, ...]:
    """Return the files that a run writes."""
    return (options.target,) if options.log in (None, "-") else (options.target, options.log)


@contextmanager
def _watching(options: TrainOptions) -> Iterator["Watch"]:
    """Show how far a large text is read, unless nothing is shown."""
    from charrnn.display.console import ReadingBar

    bar = ReadingBar()
    try:
        yield (lambda what, done, size: None) if options.quiet else bar
    finally:
        bar.close()


def _settings(options: TrainOptions) -> dict[str, Any]:
    """Return the settings that were typed."""
    chosen = {name: getattr(options, name) for name in RUN_SETTINGS if name in options.given}
    if options.task is not None and not options.reads_examples:  # which follows from --bidirectional
        chosen |= {"bidirectional": chosen.pop("task") == "fill"}
    return chosen


def notes(options: TrainOptions) -> Callable[[str], None]:
    """Return a function that prints a note on stderr.

    With --quiet, it prints nothing.
    """
    from charrnn.display.console import note

    return (lambda sentence: None) if options.quiet else note


def tell_skipped(record: Mapping[str, Any]) -> None:
    """Print how many files were left out, which --quiet does not silence."""
    from charrnn.display.console import note

    records = (record, record.get("validation", {}))
    if count := sum(text.get("skipped", {}).get("files", 0) for text in records):
        note(f"{count:,} file{'s are' if count > 1 else ' is'} left out; charrnn info names them")


def _separator(documents: str | None) -> str:
    """Return the separator that --documents gives.

    Raises click.UsageError if it is not valid.
    """
    from charrnn.library.preparation import separator_of

    try:
        return separator_of(documents)
    except CharrnnError as error:
        raise click.UsageError(str(error)) from None
