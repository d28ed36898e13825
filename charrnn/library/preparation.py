"""Preparation of runs: new ones, and resumed ones."""

import io
import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

from charrnn.cells.own_cell import is_own
from charrnn.errors import CharrnnError
from charrnn.library import sentences
from charrnn.library.keywords import INHERITED, spelled
from charrnn.library.own_cells import require_code
from charrnn.model.model_file import LONGEST_SEPARATOR, Checkpoint, load
from charrnn.model.team import Team
from charrnn.model.transfer import common_vocabulary, starting_weights
from charrnn.storage.files import shown
from charrnn.text.corpus_file import is_encoded_text, vocabulary_of
from charrnn.text.defaults import FILES, LINES, MOST_RARE
from charrnn.text.holding_out import default_fraction
from charrnn.text.ingest import AnotherTextError, Corpus, Listener, Watch, listed, read_corpus
from charrnn.text.places import ADVICE
from charrnn.text.sources import NOTHING, Known, files_read, written
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.rules import CHANGEABLE
from charrnn.training.settings import (
    Settings,
    default_embedding,
    default_epochs,
    default_lr,
    default_sampled_softmax,
    default_seq_length,
)
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

IN_REAL_TIME = {"hidden": 32, "batch_size": 1, "dropout": 0.0}  # the cost grows with the fourth power of the units
ONLINE = {"schedule": "constant", "warmup": 0.0, "val_fraction": 0.0, "patience": 0}  # a run without an end

Given = Mapping[str, Any]  # settings by name, with the length of a run: epochs, seconds; None is not chosen
Say = Callable[[str], None]  # prints a note for the user


@dataclass(frozen=True)
class Symbols:
    """The symbols of a text, if no model decides them: characters or bytes, and the separator of documents.

    Characters that occur fewer than ``rare`` times are one symbol. Raises CharrnnError for that of bytes.
    """

    byte_level: bool = False
    separator: str = ""
    rare: int = 0

    def __post_init__(self) -> None:
        if self.rare and self.byte_level:
            raise CharrnnError("--rare is for characters; of bytes, there are only 256")
        if self.rare and not 2 <= self.rare <= MOST_RARE:
            raise CharrnnError(f"rare must be 0 or from 2 to {MOST_RARE}, not {self.rare}")


@dataclass(frozen=True)
class Texts:
    """The texts of a run: files and folders, or ``data``, a text in memory that counts as standard input.

    Without paths, they are those that the model file of a resumed run names.
    """

    paths: tuple[str, ...] = ()
    data: bytes | None = None
    watch: Watch | None = None  # hears how far a large text is; by default, a note says that it is large
    validate: tuple[str, ...] = ()  # files and folders of a validation text
    known: Known = NOTHING

    def read(self, say: Say, **options: Any) -> Corpus:
        """Read the texts as `read_corpus` does, with its options."""
        stdin = None if self.data is None else io.BytesIO(self.data)
        watch = self.watch or _said_once(say)
        return read_corpus(self.paths, stdin=stdin, known=self.known, listener=Listener(say, watch), **options)

    def read_validation(self, say: Say, vocabulary: Vocabulary | None, symbols: Symbols) -> Corpus | None:
        """Read the validation text, if there is one.

        Its vocabulary is the given one, or its own.
        """
        if not self.validate:
            return None
        if self.validate == ("-",) and "-" in self.paths:
            raise CharrnnError("standard input (-) can be read only once: as the text, or as the validation text")
        return read_corpus(
            self.validate,
            byte_level=symbols.byte_level,
            separator=symbols.separator,
            vocabulary=vocabulary,
            known=self.known,
            listener=Listener(say),
        )

    def symbols(self, asked: Symbols) -> Symbols:
        """Return the symbols of the texts: those of an encoded text, or else those that are ``asked`` for."""
        if len(self.paths) != 1 or not is_encoded_text(self.paths[0]):
            return asked
        own = vocabulary_of(self.paths[0])
        separator = asked.separator or own.separator
        return Symbols(asked.byte_level or own.byte_level, separator, asked.rare or own.rare)

    def again(self, path: str, record: Mapping[str, Any], *, validate: bool = False) -> "Texts":
        """Return the texts that a run has read before, as the ``record`` in its model file describes them.

        Raises CharrnnError if neither the user nor the record names files.
        """
        named = self.validate if validate else self.paths
        paths = named or remembered(path, record.get("sources"))
        outputs = (*self.known.outputs, path, *written(record, paths))
        sha256, size = str(record.get("sha256")), record.get("bytes")
        known = Known(
            outputs, sha256, size, safely=not named, files_read=files_read(record), near=bool(record.get("near"))
        )
        texts = replace(self, known=known)
        return replace(texts, validate=paths) if validate else replace(texts, paths=paths)


def nothing(sentence: str) -> None:
    """Say nothing."""


def _said_once(say: Say) -> Watch:
    """Return what says once that a text is large."""

    def watch(what: str, done: int, size: int) -> None:
        if what == "reading" and not done:
            say(sentences.reading(size))

    return watch


def new_trainer(
    texts: Texts,
    given: Given,
    symbols: Symbols,
    team: Team,
    say: Say,
    *,
    source: Checkpoint | None = None,
    remap: bool = False,
) -> Trainer[TextData]:
    """Prepare a new run on a text.

    It starts from the weights of a ``source``, if there is one. Raises CharrnnError for an unusable text, and for
    invalid settings.
    """
    if source is not None:
        require_code(source, given)
        given = inheriting(given, source)
        symbols = Symbols(source.vocabulary.byte_level, source.vocabulary.separator, symbols.rare)
        if symbols.rare and not remap:
            raise CharrnnError("with --init-from, --rare needs --remap, which adds the other characters")
        texts = replace(texts, known=replace(texts.known, near=not remap))
    else:
        symbols = texts.symbols(symbols)
    validation = texts.read_validation(say, None, symbols)

    def choose(own: Vocabulary) -> Vocabulary:
        """Return the vocabulary of the text, the validation text and the source."""
        if validation is not None and symbols.rare and set(validation.vocabulary.characters) - set(own.characters):
            own = own.with_unknown(symbols.rare)  # which do not occur in the text at all
        elif validation is not None:
            own = common_vocabulary(own, validation.vocabulary, remap=True)
        return own if source is None else common_vocabulary(source.vocabulary, own, remap=remap)

    separator = symbols.separator
    with _advising_remap(source is not None and not remap):
        corpus = texts.read(say, **asdict(symbols), vocabulary=choose)
        if validation is not None:
            corpus = replace(corpus, validation=texts.read_validation(nothing, corpus.vocabulary, symbols))
    if corpus.documents is not None:
        _require_documents(corpus)
        if meant := sentences.meant_documents(separator):
            say(f"documents are separated by {separator!r}{meant}")
    none_rare = sentences.none_rare(symbols.rare) if symbols.rare and not corpus.vocabulary.rare else None
    many = sentences.many_symbols(len(corpus.vocabulary))
    for sentence in (sentences.markup(corpus.markup), none_rare, many):
        if sentence:
            say(sentence)
    if corpus.validation is not None:
        given = {**given, "val_fraction": 0.0}
    settings = settings_of(given, corpus.ids.size, len(corpus.vocabulary))
    initial = None if source is None else starting_weights(source, corpus.vocabulary, seed=settings.seed)
    trainer = Trainer(TextData(settings, corpus), team, initial)
    if shortened := sentences.short_text(trainer.data.streams.text.size, settings, trainer.settings):
        say(shortened)
    return trainer


@contextmanager
def _advising_remap(advised: bool) -> Iterator[None]:
    """Advise --remap in an error for a character that the model does not know."""
    try:
        yield
    except CharrnnError as error:
        if not (advised and str(error).endswith(ADVICE)):
            raise
        raise CharrnnError(f"{str(error).removesuffix(ADVICE)}; add --remap to extend it") from None


def resumed_trainer(path: str, texts: Texts, team: Team, say: Say, *, given: Given) -> Trainer[TextData]:
    """Resume the run of a model file, on the text that it was trained on.

    If the texts have no paths, the file names them. A larger ``epochs`` or ``seconds`` makes the run longer, and other
    settings that are `CHANGEABLE` start a new leg. Raises
    CharrnnError for another text, and for a run that is complete.
    """
    checkpoint = load(path, resume=True)
    require_code(checkpoint, given, path)
    if checkpoint.training.get("online"):
        raise CharrnnError(f"{path} is an online run; continue it with: … | charrnn train - --resume {path} --online")
    corpus = _same_corpus(path, checkpoint, texts, say)
    try:
        settings = resumed_settings(checkpoint, given)
        trainer = Trainer.resumed(checkpoint, TextData(settings, corpus), team)
        if settings.shuffle and trainer.data.held_out.record(corpus)["held_out"] != checkpoint.corpus.get("held_out"):
            raise CharrnnError("the text is divided into other files, so other parts of it would be held out")
    except CharrnnError as error:
        raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    require_unfinished(path, trainer, given)
    return trainer


def resumed_settings(checkpoint: Checkpoint, given: Given) -> Settings:
    """Return the settings of a run that is resumed: its own, for a longer run or a new leg if that is asked for."""
    settings = Settings.of(checkpoint.training)
    epochs, seconds = given.get("epochs"), given.get("seconds")
    if epochs is not None:
        settings = replace(settings, epochs=float(epochs), seconds=None)
    elif seconds is not None and settings.seconds is not None:
        settings = replace(settings, seconds=float(seconds))
    return replace(settings, **{name: given[name] for name in CHANGEABLE if given.get(name) is not None})


def settings_of(given: Given, characters: int = 1, symbols: int = 1) -> Settings:
    """Return the given settings, and defaults for the others.

    Some defaults depend on the number of `characters` in the text, and of `symbols` in the vocabulary.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    gradient, online = chosen.get("gradient", Settings.gradient), chosen.get("online", False)
    if gradient == "rtrl":
        chosen = IN_REAL_TIME | chosen
    if online:
        chosen |= ONLINE
    if online or "epochs" in chosen:
        chosen.pop("seconds", None)  # they only pause the run
    elif "seconds" not in chosen:
        chosen["epochs"] = default_epochs(characters, gradient)
    chosen.setdefault("shuffle", not online)
    if chosen["shuffle"]:
        chosen.setdefault("val_fraction", default_fraction(characters))
    if gradient == "bptt" and not is_own(chosen.get("cell", "")):
        chosen.setdefault("embedding", default_embedding(symbols))
        chosen.setdefault("sampled_softmax", default_sampled_softmax(symbols))
    chosen.setdefault("lr", default_lr(chosen.get("cell", Settings.cell)))
    chosen.setdefault("seq_length", default_seq_length(chosen.get("bidirectional", False)))
    if not isinstance(chosen.get("periods", ""), str):
        chosen["periods"] = ",".join(map(str, chosen["periods"]))
    measures: set[str] = {field.name for field in fields(Settings) if float in (get_args(field.type) or (field.type,))}
    values: dict[str, Any] = {name: float(value) if name in measures else value for name, value in chosen.items()}
    return Settings(**values)


def inheriting(given: Given, source: Checkpoint) -> Given:
    """Return settings that fit the weights of another model; raise CharrnnError if it is one for examples."""
    if source.architecture.reads_examples:
        own = "has conditions" if source.architecture.conditions else f"is for the task {source.architecture.task}"
        raise CharrnnError(
            f"--init-from starts from a model that reads a text, and this one {own}; --resume continues its own run"
        )
    return {**given, **{name: getattr(source.architecture, name) for name in INHERITED}}


def separator_of(documents: str | None) -> str:
    """Return the separator of documents, or "".

    "lines", "paragraphs" and "files" stand for their separators. Raises CharrnnError if it is not valid.
    """
    separator = sentences.DOCUMENTS.get(documents or "", documents or "")
    if len(separator) > LONGEST_SEPARATOR:
        raise CharrnnError(f"the separator of documents has more than {LONGEST_SEPARATOR:,} characters")
    if not separator.isprintable() and any("\ud800" <= c <= "\udfff" for c in separator):
        raise CharrnnError("the separator of documents is not UTF-8")
    return separator


def _require_documents(corpus: Corpus) -> None:
    """Raise CharrnnError if a text has only one document, or no separator within any of its files."""
    separator, files = corpus.vocabulary.separator, len(corpus.files)
    if separator == FILES and files == 1:
        raise CharrnnError("the text is one file, so --documents files makes one document of it; name several files")
    # Lines and files can be the same; with any other separator, files are what is meant.
    if corpus.documents == 1 or (separator not in (LINES, FILES) and corpus.documents == files):
        usual = "; to make each file a document, use --documents files" if files > 1 else ""
        meant = sentences.meant_documents(separator) or usual
        raise CharrnnError(f"{separator[:60]!r} is not between any two parts of the text{meant}")


def _same_corpus(path: str, checkpoint: Checkpoint, texts: Texts, say: Say) -> Corpus:
    """Read the text that a run was trained on.

    Raises CharrnnError if it is another text now.
    """
    given = texts.again(path, checkpoint.corpus)
    name = listed(given.paths)
    try:
        corpus = given.read(say, vocabulary=checkpoint.vocabulary)
    except AnotherTextError:
        corpus_now = shlex.join(given.paths) if given.data is None and len(given.paths) <= 3 else "CORPUS"
        raise CharrnnError(
            f"{name} has changed since {path} was trained on it{', or is another text' * bool(texts.paths)} (its "
            "SHA-256 differs); to train on it as it is now, start from the model's weights with: "
            f"charrnn train {corpus_now} --init-from {path} -o new.npz"
        ) from None
    except CharrnnError as error:
        if texts.paths:
            raise
        raise CharrnnError(
            f"{error}; if the text has moved, give its place: charrnn train CORPUS --resume {path}"
        ) from None
    if corpus.characters != checkpoint.corpus.get("characters"):
        raise CharrnnError(f"{name} has the bytes that {path} was trained on, but divided into other files")
    return replace(corpus, validation=_same_validation(path, checkpoint, texts, say))


def _same_validation(path: str, checkpoint: Checkpoint, texts: Texts, say: Say) -> Corpus | None:
    """Read the separate validation text of a run, if it had one."""
    record = checkpoint.corpus.get("validation")
    if not isinstance(record, dict):
        return None
    texts = texts.again(path, record, validate=True)
    try:
        return texts.read_validation(say, checkpoint.vocabulary, Symbols())
    except AnotherTextError:
        name = listed(texts.validate)
        raise CharrnnError(
            f"{name} has changed since {path} was validated with it (its SHA-256 differs); to validate with it as it "
            f"is now, start from the model's weights with --init-from {path} -o new.npz"
        ) from None


def remembered(path: str, sources: Any) -> tuple[str, ...]:
    """Return the files and folders that a model was trained on.

    Raises CharrnnError for anything else in the model file, because reading a pipe or a device could take forever.
    """
    if not (isinstance(sources, list) and sources and all(isinstance(source, str) for source in sources)):
        raise CharrnnError(f"{path} does not name the text that it was trained on; give the text as CORPUS")
    if "-" in sources:
        raise CharrnnError(f"{path} was trained on standard input; give the same text again as CORPUS")
    for source in dict.fromkeys(sources):
        found = False
        with suppress(OSError, ValueError):  # not a possible name of a file
            found = bool(source) and (Path(source).is_file() or Path(source).is_dir())
        if not found:
            raise CharrnnError(
                f"{shown(source):.300} cannot be read: there is no such file or folder; if the text has moved, "
                f"give its place: charrnn train CORPUS --resume {path}"
            )
    return tuple(sources)


def require_unfinished(path: str, trainer: Trainer[Any], given: Given) -> None:
    """Raise CharrnnError if a resumed run has nothing left to do."""
    state, in_time = trainer.state, trainer.settings.seconds is not None
    asked = given.get("seconds" if in_time else "epochs")
    if trainer.finished and not trainer.over and asked is not None:
        state.waited = 0  # a longer run was asked for, so it does not stop early at once
    if not trainer.finished:
        return
    if in_time:
        (_, done), (more, total) = spelled(_rounded(state.seconds)), spelled(_rounded(2.0 * state.seconds))
    else:
        epochs = state.step / trainer.steps.per_epoch
        more = f"{math.ceil(2.0 * epochs)}"
        done, total = f"{epochs:.4g} epoch{'s' * (epochs != 1.0)}", f"{more} epoch{'s' * (more != '1')}"
    so_far = "is complete: it has been trained" if asked is None else "has already been trained"
    longer = f"{'--time' if in_time else '--epochs'} {more} trains it to {total} in total"
    raise CharrnnError(f"the run in {path} {so_far} for {done}; {longer}")


def _rounded(seconds: float) -> float:
    """Round a time for a message: to two digits if it is short, else to minutes."""
    return float(f"{seconds:.2g}") if seconds < 100.0 else 60.0 * round(seconds / 60.0)
