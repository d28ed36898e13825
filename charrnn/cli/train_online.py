"""``charrnn train - --online``: learn from a pipe for as long as there is something in it."""

import math
import shlex
import time
from typing import TYPE_CHECKING

from charrnn.cli.train_log import Log
from charrnn.cli.train_options import TrainOptions
from charrnn.cli.train_run import Clock, Store, after, compile_run, exit_code, stopping
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.display.online_screen import OnlineDisplay
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.progress import OnlineProgress

WAIT_SECONDS = 0.1  # for text, before looking whether to stop or to save
LOG_SECONDS = 1.0  # between two lines of a log: a run may last for months


def learn(trainer: "OnlineTrainer", options: TrainOptions, log: Log, *, clock: Clock = time.monotonic) -> int:
    """Learn until the pipe's end, an error, a signal, or the time is up; save; return the exit code.

    Raises CharrnnError for a text that cannot be read on, a run that gives up, and where it cannot be saved.
    """
    from charrnn.display.online_screen import OnlineDisplay

    caught: list[int] = []
    compiled = compile_run(trainer, caught, quiet=options.quiet)
    with OnlineDisplay(trainer, quiet=options.quiet) as display, stopping(trainer, caught):
        display.header(compiled)
        session = _Session(trainer, options, log, display, clock)
        store, failure = session.store, session.listen()
        if session.record is not None:
            with after(failure):
                trainer.mend()
                store.save(slim=options.slim and session.feed.ended and failure is None)
    if failure is not None:
        kept = f"what was learnt is in {store.output}" if store.saved else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    if session.record is None and not caught:
        raise CharrnnError("nothing to learn from came through standard input; nothing was saved")
    _conclude(session, display)
    return exit_code(caught, log, store)


class _Session:
    """What goes on while a run listens."""

    def __init__(
        self, trainer: "OnlineTrainer", options: TrainOptions, log: Log, display: "OnlineDisplay", clock: Clock
    ) -> None:
        from charrnn.display.console import note
        from charrnn.text.feed import Feed

        self.trainer, self.log, self.display, self._clock = trainer, log, display, clock
        self.feed = Feed(trainer.vocabulary, unknown=options.unknown)
        self.store = Store(trainer, options.target, options.save_every, clock=clock)
        self.record: OnlineProgress | None = None
        self._say = note if options.quiet else display.say
        self._end = clock() + (math.inf if options.seconds is None else options.seconds)
        self._logged: OnlineProgress | None = None
        self._told = -math.inf  # when the log was told something
        self._saved: OnlineProgress | None = None

    def listen(self) -> CharrnnError | None:
        """Learn from what comes until there is no more, or the run is to stop; return what kept it from going on."""
        trainer = self.trainer
        failure: CharrnnError | None = None
        try:
            while not trainer.stop:
                if self._clock() >= self._end:
                    trainer.stop = True
                if not self._note(trainer.learn()):
                    if self.feed.ended:
                        break
                    try:
                        symbols = self.feed.next(WAIT_SECONDS)
                    except CharrnnError as error:  # what came before it is learnt from first
                        failure = error
                        continue
                    if symbols is not None:
                        trainer.feed(symbols)
                if self.record is not self._saved and self.store.save_if_due(None, self._say):
                    self._saved = self.record
            if trainer.waiting < trainer.settings.seq_length:
                self._note(trainer.learn(rest=True))
        except CharrnnError as error:  # the loss could not be mended
            failure = error
        if self.record is not None:
            self._write(self.record)
        return failure

    def _note(self, record: "OnlineProgress | None") -> bool:
        """Show and log a record, if there is one."""
        if record is None:
            return False
        self.record = record
        self.display.update(record)
        if self._clock() - self._told >= LOG_SECONDS:
            self._write(record)
        return True

    def _write(self, record: "OnlineProgress") -> None:
        """Write a record to the log, but not twice."""
        if record is not self._logged:
            self.log.write_online(record)
        self._logged, self._told = record, self._clock()


def _conclude(session: _Session, display: "OnlineDisplay") -> None:
    """Say what the session came to."""
    if session.record is None:
        display.say("stopped before the first step; nothing was saved")
        return
    place = shlex.quote(session.store.output)
    ended = "stopped" if session.trainer.stop else "the text has ended"
    display.say(display.summary(session.record))
    display.say(f"{ended}; saved in {session.store.output}; let it write with: charrnn sample {place} --temp 0.8")
    display.say(f"it goes on with: … | charrnn train - --resume {place} --online")
