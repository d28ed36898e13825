"""A run of training, as an iterator of its progress."""

from __future__ import annotations

import math
import signal
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any, NoReturn, Unpack

from charrnn.errors import CharrnnError
from charrnn.library.keywords import TrainingOptions, seconds_of
from charrnn.library.model import Model
from charrnn.library.own_cells import name_of
from charrnn.library.saving import Store, require_unread, write_model
from charrnn.library.signatures import PathOf, path_of, public
from charrnn.library.start import Start
from charrnn.library.terms import python_terms, warn
from charrnn.library.texts import CorpusOf, texts_of
from charrnn.model.model_file import Checkpoint, check_writable, require_replaceable
from charrnn.model.team import Team
from charrnn.storage.files import is_same_file, locked, shown
from charrnn.text.sources import written
from charrnn.training.progress import Progress
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer


@public
def train(
    corpus: CorpusOf | None = None,
    *,
    resume: PathOf | None = None,
    init_from: PathOf | Model | None = None,
    remap: bool = False,
    documents: str | None = None,
    validate: PathOf | None = None,
    encoding: str | None = None,
    epochs: float | None = None,
    time: str | float | None = None,
    threads: int | None = None,
    **options: Unpack[TrainingOptions],
) -> Run:
    """Prepare a run of training on a text; iterate over it to train.

        run = charrnn.train("corpus.txt", cell="gru", hidden=128, epochs=3)
        for record in run:
            print(f"epoch {record.epoch:.2f}, loss {record.loss:.3f}")
        run.save("model.npz")

    The corpus is the path of a file or folder (or of what ``charrnn encode`` has made of them), a list of paths, or the
    text itself: a string that is not the name of an existing file or folder. The options are those of ``charrnn
    train``, and give the same model; for some, None is a default that depends on others:

    resume=None          continue the run in this model file, on the text that the file names if none is given
    init_from=None       start from the weights of this model file or Model
    remap=False          with init_from: add the text's unknown characters to the vocabulary
    documents=None       "lines", "paragraphs", "files", or the string between two documents: each is a text with a
                         start and an end
    validate=None        validate with this file or folder instead of holding out text
    encoding=None        encoding of the files, such as "windows-1252"; None detects it
    epochs=None          passes over the text (with resume, in total); None: 3 to 50, fewer for a longer text
    time=None            seconds to train, or "90s", "5m", "2h"; with epochs, only a pause: see `Run`
    threads=None         threads to use, which do not change the result; None: one per processor
    cell="lstm"          kind of network: ``charrnn cells`` lists them; or a step of your own in NumPy, a function or
                         "FILE:FUNCTION", which is run
    hidden=None          units of a layer; None: 256, 32 with gradient="rtrl", or 128 for examples
    layers=1             layers, each of which reads the outputs of the one below
    activation=None      rnn, clockwork: "tanh", "relu" or "sigmoid"; None: "tanh"
    projection=None      lstm-projection: numbers that a layer outputs; None: half of hidden
    periods=None         clockwork: in how many steps each group of units computes once; None: [1, 2, 4, 8]
    bidirectional=False  predict each character from both sides, for filling gaps, not for writing
    first_state="zero"   the state before the first character: "zero", "learned", or "random": drawn once, and kept
    embedding=None       numbers that stand for a character; None: 0 (none), or 64 from 10,000 different characters on
    recurrent_start=None  how the matrices that multiply the state start: "orthogonal", "identity" or "random"; None:
                         "orthogonal", or "identity" for irnn
    start_scale=1.0      what all matrices of the new network are multiplied by
    gradient="bptt"      "bptt" backpropagates through seq_length characters; "rtrl" learns in real time
    sampled_softmax=None  characters to tell apart at a time; None: 0 (all), or 384 from 2,000 different ones on
    dropout=None         share of a layer's outputs to set to 0 at random; None: 0.2, or 0 with gradient="rtrl"
    input_dropout=0.0    share of the characters, or of the numbers that are read, to set to 0 at random
    noise=0.0            deviation of Gaussian noise to add to the numbers that are read, or to an embedding
    seq_length=None      characters to backpropagate through, or steps of an example to read; None: 32, 64 with
                         bidirectional=True, 1,000 for examples, 256 to tag, or 64 for a series of numbers
    batch_size=None      parts of the text to read in parallel, or examples; None: 16, 1 with gradient="rtrl",
                         32 for examples, or 8 for a series of numbers
    optimizer="adam"     "adam", "rmsprop", "adagrad" or "sgd"
    momentum=None        sgd: the share of the last update's direction that is kept; 0 is gradient descent; None: 0.9
    nesterov=False       sgd: Nesterov's momentum
    lr=None              peak learning rate; None: 0.01 for lstm cells, mingru and minlstm, 0.006 for gru cells,
                         0.004 for others
    schedule="cosine"    how the learning rate falls: "cosine", "exponential" or "constant"
    warmup=0.01          share of the run in which the learning rate rises to its peak
    clip=1.0             maximum norm of the gradient; 0 is no limit
    clip_value=0.0       maximum of each entry of the gradient; 0 is no limit
    val_fraction=None    share of the text to hold out for validation; None: 0.1, but at most 200,000 characters
    shuffle=True         read documents in another order in each epoch
    patience=8           stop after this many validations without an improvement; 0 never stops
    seed=0               seed of all random numbers
    task=None            what to learn: None generates the text, "fill" fills its gaps, as bidirectional=True does;
                         "classify", "tag" and "predict" learn labels, a tag for each character, or numbers;
                         "translate" writes a text for each text
    pooling=None         classify, predict: predict from the "last" state (None), or from the "mean" of all
    joined=None          with bidirectional=True: each layer reads both directions of the one below; None: True
    class_weights="none"  classify, tag: "balanced" lets each class count as much as any other
    attention=False      translate: look back at all of the text at each character to write
    given_at=None        with given: the network reads the condition at "every" step (None), or in a "first" step of its
                         own
    labels=None          column of a table with the labels, tags, numbers or translations; or several, with commas
                         between them
    texts=None           column of a table with the texts
    given=None           generate under a condition: "file", "label" (before a tab in each line), or a column of a table
    inputs=None          predict: other columns of a table of numbers over time to read, with commas between them
    ahead=1              predict: steps of a table of numbers over time to predict
    bytes=False          read bytes instead of characters
    rare=0               make one unknown symbol, �, of characters that occur fewer than this many times

    With ``resume``, lr, momentum, schedule, warmup, dropout, input_dropout, noise, batch_size, clip and clip_value can
    be given too: the run continues with them.

    Only the command has output, force, save_every, slim, samples, quiet, log, online and unknown: `Run.save` and
    `Run.finish` write files. What you should know about the text is a warning (UserWarning).

    Raises CharrnnError for a text that cannot be learned from, for options that make no sense, and for a model file
    that cannot be resumed; TypeError for an unknown option, and for a value of the wrong type.
    """
    texts = None if corpus is None else texts_of(corpus)
    if texts is not None and validate is not None:
        texts = replace(texts, validate=(path_of(validate),))
    seconds = None if time is None else seconds_of(time)
    given: dict[str, Any] = {**options, "epochs": epochs, "seconds": seconds}
    given["cell"] = name_of(given.get("cell"))
    source = init_from._opened.checkpoint if isinstance(init_from, Model) else init_from
    start = Start(None if resume is None else path_of(resume), source, remap, documents, encoding)
    team = Team.of(threads, warn)
    try:
        with python_terms(in_memory=texts is not None and texts.data is not None):
            trainer = start.trainer(texts, given, team, warn)
            trainer.begin()
    except BaseException:
        team.close()
        raise
    pause = math.inf if seconds is None or trainer.settings.seconds is not None else seconds
    return Run(trainer, team, pause, (init_from.path if isinstance(init_from, Model) else init_from) or None)


class Run(Iterator[Progress]):
    """A training run: an iterator that trains for a moment, then yields a `Progress` record.

        for record in run:
            if record.val_loss is not None:
                run.save("model.npz", force=True)

    A loop saves nothing by itself: save in the loop, as here, or let `finish` save at intervals. To stop, leave the
    loop, or call `stop`. To continue, iterate again: the result is the same as without a stop. Ctrl-C raises
    KeyboardInterrupt after the current step.

    A run in epochs that was also given a ``time`` pauses: the loop, and `finish`, end after that time of training, and
    the run is not `finished`; iterate again for as much time once more.

    Only one thread can train a run, but others can use `model`, `history` and `save` meanwhile: they wait for the end
    of the current step. The run keeps threads of its own until it is finished, closed (it is a context manager), or no
    longer used. It cannot be pickled.
    """

    def __init__(
        self, trainer: Trainer[TextData], team: Team, pause: float = math.inf, init_from: PathOf | None = None
    ) -> None:
        self._trainer, self._init_from = trainer, init_from
        self._pause, self._trained = pause, 0.0  # seconds between two pauses, and since the last one
        self._records: Iterator[Progress] | None = None
        self._turn, self._queue, self._step = threading.Lock(), threading.Lock(), threading.Lock()
        self._stepping: int | None = None  # the thread that is taking a step
        self._close = weakref.finalize(self, team.close)

    def __repr__(self) -> str:
        trainer, settings = self._trainer, self._trainer.settings
        length = f" of {settings.epochs:g}" if settings.epochs is not None else ""
        words = [trainer.architecture.description, f"epoch {trainer.state.step / trainer.steps.per_epoch:.2f}{length}"]
        if settings.seconds is not None:
            words.append(f"{trainer.state.seconds:.0f} of {settings.seconds:g} seconds")
        if trainer.best_loss is not None:
            words.append(f"validation {trainer.best_loss:.3f}")
        if self.finished or not self._close.alive:
            words.append("finished" if self.finished else "closed")
        return f"<charrnn.Run: {', '.join(words)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Run cannot be pickled: save it, and resume it from the file")

    @python_terms()
    def __next__(self) -> Progress:
        if not self._turn.acquire(blocking=False):
            raise CharrnnError("another thread is training this run; only one thread at a time can train it")
        try:
            return self._next()
        finally:
            self._turn.release()

    def _next(self) -> Progress:
        trainer = self._trainer
        if trainer.finished and self._records is None:
            raise StopIteration
        if not self._close.alive:
            raise CharrnnError("the run is closed; resume it from the file that save() wrote")
        if self._records is None:
            trainer.compile()
            trainer.stop, self._trained = False, 0.0
            self._records = trainer.run()
        began = monotonic()
        try:
            with self._queue:  # a thread that waits for the end of a step comes before the next step
                pass
            with self._step, _interrupted_later():
                self._stepping = threading.get_ident()
                try:
                    record = next(self._records)
                finally:
                    self._stepping = None
        except BaseException as end:
            if not isinstance(end, KeyboardInterrupt):
                self._records = None
            if trainer.finished:
                self._close()
            raise
        self._trained += monotonic() - began
        if self._trained >= self._pause:
            trainer.stop = True
        return record

    @contextmanager
    def _between_steps(self) -> Iterator[None]:
        """Wait for the end of a step that another thread is taking; the next step waits for the end of the block."""
        if self._stepping == threading.get_ident():
            raise CharrnnError("the run is in the middle of a step; call stop(), and do this after the loop")
        with self._queue, self._step:
            yield

    def stop(self) -> None:
        """End the loop after the current record; iterating again continues."""
        self._trainer.stop = True

    @public
    def finish(self, save: PathOf | None = None, *, save_every: str | float = "60s", force: bool = False) -> Model:
        """Train to the end, or to the pause of a run with a ``time``, and return the model.

            model = charrnn.train("corpus.txt").finish(save="model.npz")

        With ``save``, the run is saved in that file: at intervals (``save_every``, as for ``time``), at the end, and
        when it is interrupted, by Ctrl-C or by an error. `train` with ``resume`` continues it from there. Raises
        CharrnnError if the file cannot be written, exists and is not to be replaced (``force``), or is being written by
        another run, and if the loss diverges again and again. If the file can no longer be written at the end, the
        model is in another file, which the error names.
        """
        every = seconds_of(save_every)
        if save is None:
            for _ in self:
                pass
            return self.model
        path = self._target(save)
        with locked(path):
            require_replaceable(path)
            check_writable(path, force=force)
            store = Store(self._trainer, path, every)
            try:
                for record in self:
                    store.save_if_due(record, warn)
            finally:
                self._settle()
                if self._has_learned:
                    store.finish()
        return self.model

    def _settle(self) -> None:
        """End an interrupted loop, which rolls back a step whose weights are not finite."""
        if self._records is not None and self._close.alive:
            self.stop()
            for _ in self:
                pass

    @property
    def finished(self) -> bool:
        """Whether the run is complete, or stopped early because validation no longer improved."""
        return self._trainer.finished

    @property
    def history(self) -> list[dict[str, Any]]:
        """A record of each validation so far: step, epoch, seconds, loss, val_loss and learning_rate.

        Losses are in nats per character. ``loss`` is the mean over all steps since the validation before, ``val_loss``
        the loss on the held-out text. All but ``seconds`` are the same in every run with the same options.
        """
        with self._between_steps():
            return [dict(record) for record in self._trainer.history]

    @property
    @python_terms()
    def model(self) -> Model:
        """The best model so far, by its validation loss: a copy that further training does not change.

        Raises CharrnnError before the first step.
        """
        return Model(self._checkpoint())

    @public
    def save(self, path: PathOf, *, slim: bool = False, force: bool = False) -> None:
        """Write the best model so far, with all that ``resume`` needs unless ``slim``, as `Model.save` does.

        Also raises CharrnnError if the file is one that the run reads.
        """
        target = self._target(path)
        write_model(self._checkpoint(), target, slim=slim, force=force)

    def _target(self, path: PathOf) -> str:
        """Return the path of a file to write, which is not part of the run's text from now on.

        Raises CharrnnError if the run reads that file.
        """
        target, data = path_of(path), self._trainer.data
        if data.targets is not None:
            record = data.record()
            apart = record.get("validation", {}).get("sources", ())
            outputs = written(record, record["sources"])
            require_unread(target, (*record["sources"], *apart), byte_level=False, outputs=outputs)
            return target
        corpus = data.corpus
        require_unread(target, corpus.all_sources, byte_level=corpus.vocabulary.byte_level, outputs=corpus.outputs)
        if self._init_from is not None and is_same_file(target, self._init_from):
            raise CharrnnError(f"{shown(target)} is the model that the run started from; name another file")
        if not any(is_same_file(target, output) for output in corpus.outputs):
            self._trainer.data.corpus = corpus.writing(target)
        return target

    @property
    def _has_learned(self) -> bool:
        return self._trainer.state.step > 0 or self._trainer.state.given

    def _checkpoint(self) -> Checkpoint:
        with self._between_steps():
            if not self._has_learned:
                raise CharrnnError("the run has not learned anything yet; iterate over it first: for record in run: …")
            return self._trainer.checkpoint()

    def close(self) -> None:
        """End the run's threads; what the run has learned remains."""
        with self._between_steps():
            self._close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


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
