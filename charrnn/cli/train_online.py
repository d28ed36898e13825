"""``charrnn train - --online``: learn from standard input until it ends."""

import math
import shlex
import time
from typing import TYPE_CHECKING

from charrnn.cli.train_log import Log
from charrnn.cli.train_options import TrainOptions
from charrnn.cli.train_run import after, compile_run, exit_code, stopping
from charrnn.errors import CharrnnError
from charrnn.library.saving import Clock, Store

if TYPE_CHECKING:
    from charrnn.display.online_screen import OnlineDisplay
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.progress import OnlineProgress

WAIT_SECONDS = 0.1  # for text, before checking whether to stop or save
LOG_SECONDS = 1.0  # between two lines of a log: a run can last for months


def learn(trainer: "OnlineTrainer", options: TrainOptions, log: Log, *, clock: Clock = time.monotonic) -> int:
    """Learn until the run ends; save; return the exit code.

    The end of the text, an error, a signal or the given time ends the run. Raises CharrnnError if the text can no
    longer be read, or the run gives up or cannot be saved.
    """
    from charrnn.display.online_screen import OnlineDisplay

    display = OnlineDisplay(trainer, quiet=options.quiet)
    display.header()
    caught: list[int] = []
    compile_run(trainer, display, caught)
    with display, stopping(trainer, caught):
        session = _Session(trainer, options, log, display, clock)
        store, failure = session.store, session.listen()
        if session.record is not None:
            with after(failure):
                trainer.mend()
                store.finish(slim=options.slim and session.feed.ended and failure is None)
    if failure is not None:
        kept = f"the model is saved in {store.output}" if store.saved else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    if session.record is None and not caught:
        raise CharrnnError("standard input had nothing to learn from; nothing was saved")
    _conclude(session, display)
    return exit_code(caught, log, store)


class _Session:
    """An online run in progress: its records are shown and logged, and it is saved."""

    def __init__(
        self, trainer: "OnlineTrainer", options: TrainOptions, log: Log, display: "OnlineDisplay", clock: Clock
    ) -> None:
        from charrnn.display.console import note
        from charrnn.text.feed import Feed

        self.trainer, self.log, self.display, self._clock = trainer, log, display, clock
        self.feed = Feed(trainer.vocabulary, unknown=options.unknown)
        self.store = Store(trainer, options.target, options.save_every, clock=clock, inform=display.say)
        if options.resume is not None:
            log.write_resumed(trainer.state.seconds, step=trainer.state.step, characters=trainer.state.characters)
        self.record: OnlineProgress | None = None
        self._say = note if options.quiet else display.say
        self._end = clock() + (math.inf if options.seconds is None else options.seconds)
        self._logged: OnlineProgress | None = None
        self._told = -math.inf  # when the log was last written
        self._saved: OnlineProgress | None = None

    def listen(self) -> CharrnnError | None:
        """Learn from text as it arrives, until the end.

        Returns the error that ended it, if any.
        """
        trainer = self.trainer
        failure: CharrnnError | None = None
        try:
            while not trainer.stop:
                if self._clock() >= self._end or self.log.unread:
                    trainer.stop = True
                if not self._note(trainer.learn()):
                    if self.feed.ended:
                        break
                    try:
                        symbols = self.feed.next(WAIT_SECONDS)
                    except CharrnnError as error:  # the text before the error is learned first
                        failure = error
                        continue
                    if symbols is not None:
                        trainer.feed(symbols)
                if self.record is not self._saved and self.store.save_if_due(None, self._say):
                    self._saved = self.record
            if trainer.waiting < trainer.settings.seq_length:
                self._note(trainer.learn(rest=True))
        except CharrnnError as error:  # the loss diverged again and again
            failure = error
        if self.record is not None:
            self._write(self.record)
        return failure

    def _note(self, record: "OnlineProgress | None") -> bool:
        """Show and log a record; return whether there is one."""
        if record is None:
            return False
        self.record = record
        self.display.update(record)
        if self._clock() - self._told >= LOG_SECONDS:
            self._write(record)
        return True

    def _write(self, record: "OnlineProgress") -> None:
        """Write a record to the log, only once."""
        if record is not self._logged:
            self.log.write_online(record)
        self._logged, self._told = record, self._clock()


def _conclude(session: _Session, display: "OnlineDisplay") -> None:
    """Print the result of the run."""
    if session.record is None:
        display.say("stopped before the first step; nothing was saved")
        return
    place = shlex.quote(session.store.output)
    ended = "stopped" if session.trainer.stop else "the text has ended"
    display.say(display.summary(session.record))
    display.say(f"{ended}; saved in {session.store.output}; write text with: charrnn sample {place} --temp 0.8")
    display.say(f"continue with: … | charrnn train - --resume {place} --online")
