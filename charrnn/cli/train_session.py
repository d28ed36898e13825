"""A run of ``charrnn train`` on a text: trained, shown, logged and saved."""

import math
import shlex
import time
from typing import TYPE_CHECKING, Any

from charrnn.cli.train_log import Log
from charrnn.cli.train_options import TrainOptions
from charrnn.cli.train_run import after, compile_run, exit_code, stopping
from charrnn.cli.train_translations import translations
from charrnn.errors import CharrnnError
from charrnn.library.keywords import spelled
from charrnn.library.saving import Store

if TYPE_CHECKING:
    from charrnn.display.training_screen import TrainingDisplay
    from charrnn.model.network import Network
    from charrnn.training.progress import Progress
    from charrnn.training.trainer import Trainer

SAMPLE_SECONDS = 20.0  # between two samples by the model, at least
SAMPLE_LENGTH = 240
SAMPLE_DOCUMENTS = 4


def train(trainer: "Trainer[Any]", options: TrainOptions, log: Log, *, sample_seconds: float = SAMPLE_SECONDS) -> int:
    """Train until the run ends; save; return the exit code.

    The run's end, a pause, an error or a signal ends it. Raises CharrnnError if the run gives up, or cannot be saved at
    its end.
    """
    from charrnn.display.training_screen import TrainingDisplay

    display = TrainingDisplay(trainer, quiet=options.quiet)
    display.header()  # before the first values, which take seconds for a large network
    trainer.begin()
    caught: list[int] = []
    compile_run(trainer, display, caught)
    with display, stopping(trainer, caught):
        session = _Session(trainer, options, log, display, sample_seconds)
        store, failure = session.store, session.follow()
        if session.worked and (failure is None or trainer.state.has_best):
            with after(failure):
                store.finish(slim=options.slim and trainer.finished)
    if failure is not None:
        kept = f"the best model so far is in {store.output}" if store.saved else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    _conclude(session)
    return exit_code(caught, log, store)


class _Session:
    """A run in progress: its records are shown and logged, and it is saved."""

    def __init__(
        self,
        trainer: "Trainer[Any]",
        options: TrainOptions,
        log: Log,
        display: "TrainingDisplay",
        sample_seconds: float,
    ) -> None:
        from charrnn.display.console import note

        self.trainer, self.log, self.display = trainer, log, display
        self.worked = False  # whether a step was taken
        self._say = note if options.quiet else display.say
        shows = options.samples and not options.quiet and trainer.architecture.task in ("generate", "translate")
        self._sample_seconds = sample_seconds if shows else math.inf
        self.pause = None if trainer.settings.seconds else options.seconds  # seconds of training, then a pause
        self.paused = False
        self.figures: dict[str, float] = {}  # of the best weights, if this session found them
        began = self._sampled = time.monotonic()
        self._end = math.inf if self.pause is None else began + self.pause
        self.store = Store(trainer, options.target, options.save_every, inform=display.say)
        if options.resume is not None:
            state = trainer.state
            log.write_resumed(state.seconds, step=state.step, epoch=round(state.step / trainer.steps.per_epoch, 6))

    def follow(self) -> CharrnnError | None:
        """Train to the end; return the error that ended it, if any."""
        records = self.trainer.run()
        while True:
            try:
                record = next(records, None)
            except CharrnnError as error:  # the loss diverged again and again: the best model is kept
                return error
            if record is None:
                return None
            self._take(record)

    def _take(self, record: "Progress") -> None:
        """Show and log a record.

        Saves the run and shows a sample, if they are due.
        """
        self.worked = True
        self.display.update(record)
        self.log.write(record, self.trainer.data.figures)
        if record.best:
            self.figures = dict(self.trainer.data.figures)
        self.store.save_if_due(record, self._say)
        now = time.monotonic()
        if record.val_loss is not None and now - self._sampled > self._sample_seconds:
            write = translations if self.trainer.architecture.encoder else _sample
            self.display.sample(write(self.trainer))
            self._sampled = now
        if now >= self._end:
            self.trainer.stop = self.paused = True
        if self.log.unread:
            self.trainer.stop = True


def _conclude(session: _Session) -> None:
    """Print the result of the run."""
    from charrnn.display.words import shown_figures

    trainer, store, display = session.trainer, session.store, session.display
    output, place = store.output, shlex.quote(store.output)
    if not store.saved:
        display.say("stopped before the first step; nothing was saved")
        return
    if not trainer.finished:
        option, words = ("", "") if session.pause is None else spelled(session.pause)
        ended = f"paused after {words}" if session.paused else "stopped"
        again = f"charrnn train --resume {place}{option and f' --time {option}'}"
        display.say(f"{ended} and saved in {output}; continue with: {again}")
        return
    if trainer.best_loss is not None and not trainer.over:
        display.say("stopped early: the validation loss no longer improved")
    if trainer.best_loss is not None and trainer.state.given and not trainer.best_step:
        display.say(f"no validation was better than {trainer.best_loss:.4f}, that of the weights at the start")
        display.say(f"{output} has these old weights; try a lower --lr")
    elif trainer.best_loss is not None:
        epoch = trainer.best_step / trainer.steps.per_epoch
        found = f" ({shown_figures(session.figures)})" if session.figures else ""
        display.say(f"the best validation loss was {trainer.best_loss:.4f}{found}, at epoch {epoch:.2f}")
    if trainer.data.targets is not None:
        display.say(f"saved in {output}; {_next_step(trainer, place)}")
    elif trainer.architecture.bidirectional:
        display.say(f"saved in {output}; fill gaps with: charrnn fill {place} 'th_s and t__t'")
    else:
        options = "--temp 0.8" if trainer.data.corpus.documents is None else "--count 20"
        display.say(f"saved in {output}; write text with: charrnn sample {place} {options}")


def _next_step(trainer: "Trainer[Any]", place: str) -> str:
    """Return what to do with a model for examples, in words."""
    architecture, given = trainer.architecture, trainer.data.targets.given
    if architecture.conditions:
        condition = shlex.quote(given[0]) if given else ",".join(["0"] * architecture.conditions)
        return f"write texts with: charrnn sample {place} --given {condition} --count 20"
    text = "FILE" if architecture.features else "'a text'"
    names = {"classify": "classify others", "tag": "tag texts", "predict": "predict numbers"}
    done = {**names, "translate": "translate others"}[architecture.task]
    return f"{done} with: charrnn {architecture.task} {place} {text}"


def _sample(trainer: "Trainer[Any]") -> str:
    """Return a few lines that the model writes now, after the condition under which it does."""
    from charrnn.writing.controls import Controls
    from charrnn.writing.prime import read_prime
    from charrnn.writing.sampler import Sampler
    from charrnn.writing.samples import Ending, samples

    vocabulary = trainer.data.vocabulary
    network, heading = _writer(trainer)
    network = network.without(vocabulary.unknown_symbol) if vocabulary.rare else network
    sampler = Sampler(network, controls=Controls(temperature=0.8))
    read_prime(sampler, vocabulary, ())
    count = 1 if vocabulary.boundary is None else SAMPLE_DOCUMENTS
    pieces = samples(sampler, vocabulary, Ending(SAMPLE_LENGTH), seed=trainer.state.step, count=count)
    texts = [""] * count
    for piece in pieces:
        texts[piece.sample] += vocabulary.decode_bytes(piece.symbols).decode("utf-8", "replace")
    return "\n".join([*heading, *texts])


def _writer(trainer: "Trainer[Any]") -> "tuple[Network, list[str]]":
    """Return the network as it writes now: under a condition that depends on the step, if it has some, and its name."""
    if not trainer.architecture.conditions:
        return trainer.network, []
    import numpy as np

    from charrnn.model.given import network_given

    data, choose = trainer.data, np.random.default_rng(trainer.state.step)
    if names := data.targets.given:
        chosen = int(choose.integers(len(names)))
        return network_given(trainer.network, np.eye(len(names), dtype=np.float32)[chosen]), [f"{names[chosen]}:"]
    values = data.examples.values[choose.integers(data.examples.count)]
    condition = data.targets.input_scaling.apply(values)
    return network_given(trainer.network, condition), [f"{','.join(f'{value:.6g}' for value in values.tolist())}:"]
