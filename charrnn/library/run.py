"""A training run, as an iterator of progress records."""

import os
import signal
import threading
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from charrnn.errors import CharrnnError
from charrnn.library.keywords import INHERITED, TrainingOptions, require_known, seconds_of
from charrnn.library.model import Model, write_model
from charrnn.library.preparation import Symbols, Texts, new_trainer, resumed_trainer, separator_of
from charrnn.model.model_file import Checkpoint, load
from charrnn.model.team import Team
from charrnn.storage.files import shown
from charrnn.text.sources import is_read
from charrnn.training.legs import CHANGEABLE
from charrnn.training.progress import Progress
from charrnn.training.trainer import Trainer

LONGEST_PATH = 4096  # characters; a longer string is a text
LONGEST_NAME = 200  # characters without a line break: rather the name of a file that does not exist


def train(
    corpus: str | bytes | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    *,
    resume: str | os.PathLike[str] | None = None,
    init_from: str | os.PathLike[str] | None = None,
    remap: bool = False,
    documents: str | None = None,
    validate: str | os.PathLike[str] | None = None,
    epochs: float | None = None,
    time: str | float | None = None,
    threads: int | None = None,
    **options: Unpack[TrainingOptions],
) -> "Run":
    """Prepare a training run on a text; iterate over it to train.

        run = charrnn.train("corpus.txt", cell="gru", hidden=128, epochs=3)
        for record in run:
            print(f"epoch {record.epoch:.2f}, loss {record.loss:.3f}")
        run.model.save("model.npz")

    The corpus is the path of a file or folder, a list of paths, or the text itself: a string that is not the name of an
    existing file or folder. All options are those of ``charrnn train``, with the same defaults and results; ``time`` is
    in seconds, or a string such as "5m". ``resume`` continues the run in a model file; without a corpus, it reads the
    text that the file names. Notes about the text are warnings (UserWarning).

    Raises CharrnnError for an unusable text, for invalid options, and for a model file that cannot be resumed;
    TypeError for an unknown option.
    """
    require_known("train", options, TrainingOptions.__annotations__)
    texts = None if corpus is None else _texts(corpus)
    if texts is not None and validate is not None:
        texts = replace(texts, validate=(os.fspath(validate),))
    given: dict[str, Any] = {**options, "epochs": epochs, "seconds": None if time is None else seconds_of(time)}
    byte_level = given.pop("bytes", False)
    decided = {name for name, value in (("documents", documents), ("validate", validate)) if value is not None}
    _check(texts, resume, init_from, {*options, *decided}, remap=remap)
    team = Team(threads)
    try:
        if resume is not None:
            trainer = resumed_trainer(os.fspath(resume), texts, team, _warn, given=given)
        else:
            source = None if init_from is None else load(os.fspath(init_from))
            symbols = Symbols(byte_level, separator_of(documents))
            trainer = new_trainer(texts or Texts(), given, symbols, team, _warn, source=source, remap=remap)
    except CharrnnError as error:
        team.close()
        if texts is None or texts.data is None:
            raise
        raise CharrnnError(str(error).replace(" in standard input", "").replace("standard input", "the text")) from None
    except BaseException:
        team.close()
        raise
    return Run(trainer, team)


class Run(Iterator[Progress]):
    """A training run: an iterator that trains for a moment, then yields a `Progress` record.

        for record in run:
            if record.val_loss is not None and record.val_loss < 1.5:
                break

    To stop, leave the loop, or call `stop`. To continue, iterate again: the result is the same as without a stop.
    Ctrl-C also ends the loop, after the current step. Only one thread at a time can use a run. The run keeps threads of
    its own until it is finished, closed (it is a context manager), or no longer used.
    """

    def __init__(self, trainer: Trainer, team: Team) -> None:
        """Wrap a trainer; its team is closed with the run."""
        self._trainer = trainer
        self._records: Iterator[Progress] | None = None
        self._turn = threading.Lock()
        self._close = weakref.finalize(self, team.close)

    def __repr__(self) -> str:
        epoch = self._trainer.state.step / self._trainer.streams.windows
        return f"<charrnn.Run: {self._trainer.architecture.description}, epoch {epoch:.2f}>"

    def __next__(self) -> Progress:
        if not self._turn.acquire(blocking=False):
            raise CharrnnError("another thread is training this run; only one thread at a time can train it")
        try:
            return self._next()
        finally:
            self._turn.release()

    def _next(self) -> Progress:
        if self._trainer.finished and self._records is None:
            raise StopIteration
        if not self._close.alive:
            raise CharrnnError("the run is closed; resume it from the file that save() wrote")
        if self._records is None:
            self._trainer.compile()
            self._trainer.stop = False
            self._records = self._trainer.run()
        try:
            with _interrupted_later():
                return next(self._records)
        except BaseException as end:
            if not isinstance(end, KeyboardInterrupt):
                self._records = None
            if self._trainer.finished:
                self._close()
            raise

    def stop(self) -> None:
        """End the loop after the current record; iterating again continues."""
        self._trainer.stop = True

    def finish(self) -> Model:
        """Train to the end, and return the model."""
        for _ in self:
            pass
        return self.model

    @property
    def finished(self) -> bool:
        """Whether the run is complete, or stopped early because validation no longer improved."""
        return self._trainer.finished

    @property
    def history(self) -> list[dict[str, Any]]:
        """A record of each validation so far: step, epoch, seconds, loss, val_loss, learning_rate; losses in nats."""
        return [dict(record) for record in self._trainer.history]

    @property
    def model(self) -> Model:
        """The best model so far, by its validation loss: a copy that further training does not change.

        Raises CharrnnError before the first step.
        """
        return Model(self._checkpoint())

    def save(self, path: str | os.PathLike[str], *, slim: bool = False, force: bool = False) -> None:
        """Write the best model so far, with all that ``resume`` needs unless ``slim``, as `Model.save` does.

        Also raises CharrnnError if the file is one that the run reads.
        """
        corpus = self._trainer.corpus
        byte_level = corpus.vocabulary.byte_level  # of a folder, the model would then be read, too
        if any(is_read(path, source, byte_level=byte_level, joins=byte_level) for source in corpus.all_sources):
            raise CharrnnError(f"{shown(os.fspath(path))} is a text that the run reads; name another file")
        write_model(self._checkpoint(), path, slim=slim, force=force)

    def _checkpoint(self) -> Checkpoint:
        state = self._trainer.state
        if not (state.step or state.given):
            raise CharrnnError("the run has not learned anything yet; iterate over it first: for record in run: …")
        return self._trainer.checkpoint()

    def close(self) -> None:
        """End the run's threads; what the run has learned remains."""
        self._close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _texts(corpus: str | bytes | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Texts:
    """Return the texts to train on."""
    if isinstance(corpus, bytes):
        return Texts(data=corpus)
    if isinstance(corpus, str):
        if _names_a_file(corpus):
            return Texts((corpus,))
        if "\n" not in corpus and len(corpus) <= LONGEST_NAME:
            raise CharrnnError(f"there is no file {corpus!r}, and this string is too short to train on")
        try:
            return Texts(data=corpus.encode())
        except UnicodeEncodeError:
            raise CharrnnError("the text has a lone surrogate, which is not a Unicode character") from None
    paths = [corpus] if isinstance(corpus, os.PathLike) else corpus
    return Texts(tuple(os.fspath(path) for path in paths))


def _names_a_file(text: str) -> bool:
    try:
        return 0 < len(text) <= LONGEST_PATH and Path(text).exists()
    except (OSError, ValueError):  # no file can have this name
        return False


def _check(
    texts: Texts | None,
    resume: str | os.PathLike[str] | None,
    init_from: str | os.PathLike[str] | None,
    given: set[str],
    *,
    remap: bool,
) -> None:
    """Raise CharrnnError for options that contradict each other."""
    if resume is not None:
        if init_from is not None:
            raise CharrnnError("give resume or init_from, not both")
        if kept := given - set(CHANGEABLE):
            raise CharrnnError(f"a resumed run keeps its own {', '.join(sorted(kept))}; init_from starts a new run")
    elif texts is None:
        raise CharrnnError("give a text to train on, or its path")
    if init_from is not None and (decided := given & {*INHERITED, "documents", "bytes"}):
        raise CharrnnError(f"with init_from, the model decides {', '.join(sorted(decided))}")
    if remap and init_from is None:
        raise CharrnnError("remap needs init_from")


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=4)


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Delay Ctrl-C until the block ends: weights and the step count must change together."""
    own = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not own:
        yield
        return
    caught: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, own)
    if caught:
        raise KeyboardInterrupt
