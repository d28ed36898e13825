"""A run of ``charrnn train`` from its first step to its last: saved now and then, stopped by signals, shown."""

import math
import shlex
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from charrnn.cli.train_log import Log
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.display.training_screen import TrainingDisplay
    from charrnn.model.model_file import Checkpoint
    from charrnn.training.progress import Progress
    from charrnn.training.trainer import Trainer

SAVE_COST = 20  # a validation is saved too where as many times what the last save took has passed since it,
SAVE_LEAST = 5.0  # and as many seconds: a small network would wear out a disk
AGAIN = 0.5  # seconds after which another Ctrl-C is meant as one
SAMPLE_SECONDS = 20.0  # between two looks at what the model writes
SAMPLE_LENGTH = 240
SAMPLE_DOCUMENTS = 4


class Run(Protocol):
    """What can be stopped and saved."""

    stop: bool

    def is_finite(self) -> bool:
        """Tell whether it can be saved."""

    def checkpoint(self) -> "Checkpoint":
        """Return its whole state."""


@contextmanager
def orderly() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does, so that what it is about to write is cleared away."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    with _handling(end, "SIGTERM", "SIGHUP"):
        yield


@contextmanager
def stopping(run: Run, caught: list[int], sentence: str | None = None) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM, SIGHUP) end the run in good order, and a later Ctrl-C at once."""
    from charrnn.display.console import note

    first = -math.inf

    def stop(number: int, frame: object) -> None:
        nonlocal first
        # Only a hand means it: a terminal that is closed may send SIGHUP twice, and what has started the program may
        # pass on the signal that it got as well.
        if caught and number == signal.SIGINT and time.monotonic() - first > AGAIN:
            raise KeyboardInterrupt
        if not caught:
            first = time.monotonic()
            if sentence is not None:
                note(sentence)
        caught.append(number)
        run.stop = True

    with _handling(stop, "SIGINT", "SIGTERM", "SIGHUP"):
        yield


@contextmanager
def _handling(handle: Callable[[int, Any], None], *names: str) -> Iterator[None]:
    """Handle signals, where the system has them."""
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # What is ignored stays ignored: nohup means it.
    before = {n: signal.signal(n, handle) for n in numbers if signal.getsignal(n) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(trainer: "Trainer", output: str, options: dict[str, Any], log: Log) -> int:
    """Run to the end, a pause, an error or a signal; save; return the exit code.

    Raises CharrnnError for a run that gives up, and where it cannot be saved at its end.
    """
    from charrnn.display.console import compiling, note
    from charrnn.display.training_screen import TrainingDisplay

    caught: list[int] = []
    failure: CharrnnError | None = None
    worked = False
    samples = options["samples"] and not options["quiet"] and not trainer.architecture.bidirectional
    pause = math.inf if options["seconds"] is None or trainer.settings.seconds is not None else options["seconds"]

    wait = None if options["quiet"] else "stopping as soon as the kernels are compiled"
    with (
        compiling(trainer.network, training=True, quiet=options["quiet"]) as compiled,
        stopping(trainer, caught, wait),
    ):
        trainer.compile()
    with (
        TrainingDisplay(trainer, quiet=options["quiet"]) as display,
        stopping(trainer, caught),
    ):
        display.header(compiled)
        began = sampled = time.monotonic()
        store = Store(trainer, output, options["save_every"])
        records = trainer.run()
        while True:
            try:
                record = next(records, None)
            except CharrnnError as error:  # the loss could not be mended: the best model is kept
                failure = error
                break
            if record is None:
                break
            worked = True
            display.update(record)
            log.write(record)
            if store.is_due(record):
                try:
                    store.save()
                except CharrnnError as error:  # the disk may have room again before the run ends
                    (note if options["quiet"] else display.say)(f"{error}; the run goes on, and saves again later")
            now = time.monotonic()
            if samples and record.val_loss is not None and now - sampled > SAMPLE_SECONDS:
                display.sample(_sample(trainer))
                sampled = now
            if now - began >= pause:
                trainer.stop = True
        if worked and (failure is None or trainer.state.has_best):
            try:
                store.save(slim=options["slim"] and trainer.finished)
            except CharrnnError as error:
                raise CharrnnError(f"{failure}; {error}" if failure else str(error)) from None
    if failure is not None:
        kept = f"the best model so far is in {output}" if store.saved else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    _conclude(trainer, output, display, stored=store.saved)
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {output}" if store.saved else log.failure)
    return 128 + caught[0] if caught else 0


class Store:
    """The model file of a run: written at its end and, now and then, before."""

    def __init__(self, run: Run, output: str, every: float) -> None:
        self.run, self.output, self.every = run, output, every
        self.saved = False
        self._last = time.monotonic()
        self._cost = 0.0  # seconds that the last save took

    def is_due(self, record: "Progress | None") -> bool:
        """Tell whether to save now: so often, and at a validation where that takes next to no time."""
        passed = time.monotonic() - self._last
        validated = record is not None and record.val_loss is not None
        validated = validated and passed >= max(SAVE_COST * self._cost, SAVE_LEAST * self.saved)
        # A run whose numbers have just gone wrong is not worth it: it goes back as soon as it notices.
        return (validated or passed >= self.every) and self.run.is_finite()

    def save(self, *, slim: bool = False) -> None:
        """Write the file; raise CharrnnError if that cannot be done."""
        from charrnn.model.model_file import save

        began, self._cost = time.monotonic(), math.inf  # where it fails, a validation is no reason to try again
        try:
            checkpoint = self.run.checkpoint()
            if slim:
                checkpoint.resume = None
            save(self.output, checkpoint)
            self.saved, self._cost = True, time.monotonic() - began
        finally:
            self._last = time.monotonic()


def _conclude(trainer: "Trainer", output: str, display: "TrainingDisplay", *, stored: bool) -> None:
    """Say what the run came to."""
    if not stored:
        display.say("stopped before the first step; nothing was saved")
        return
    if not trainer.finished:
        display.say(f"stopped and saved in {output}; go on with: charrnn train --resume {shlex.quote(output)}")
        return
    if trainer.best_loss is not None:
        if not trainer.over:
            display.say("stopped early, as validation no longer improved")
        epoch = trainer.best_step / trainer.streams.windows
        display.say(f"the best validation loss was {trainer.best_loss:.4f}, at epoch {epoch:.2f}")
    if trainer.architecture.bidirectional:
        display.say(f"saved in {output}; let it fill gaps with: charrnn fill {shlex.quote(output)} 'th_s and t__t'")
    else:
        display.say(f"saved in {output}; let it write with: charrnn sample {shlex.quote(output)} --temp 0.8")


def _sample(trainer: "Trainer") -> str:
    """Return a few lines by the model as it is now."""
    from charrnn.writing.controls import Controls
    from charrnn.writing.sampler import Sampler, first_symbol
    from charrnn.writing.samples import Ending, samples

    vocabulary = trainer.corpus.vocabulary
    sampler = Sampler(trainer.network, controls=Controls(temperature=0.8))
    sampler.read([first_symbol(vocabulary)])
    count = 1 if vocabulary.boundary is None else SAMPLE_DOCUMENTS
    pieces = samples(sampler, vocabulary, Ending(SAMPLE_LENGTH), seed=trainer.state.step, count=count)
    texts = [""] * count
    for piece in pieces:
        texts[piece.sample] += vocabulary.decode_bytes(piece.symbols).decode("utf-8", "replace")
    return "\n".join(texts)
