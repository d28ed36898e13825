"""``charrnn train - --online``: learn from a pipe for as long as there is something in it."""

import math
import shlex
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from charrnn.cli.train_log import Log
from charrnn.cli.train_session import Store, stopping
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.display.online_screen import OnlineDisplay
    from charrnn.model.team import Team
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.progress import OnlineProgress

WAIT = 0.1  # seconds to wait for text, before looking whether to stop or to save
LOG_SECONDS = 1.0  # between two lines of a log: a run may last for months


def online_run(options: dict[str, Any], team: "Team") -> "OnlineTrainer":
    """Prepare a new run, from the weights of another model if asked to, or take up one."""
    from charrnn.cells.real_time import why_not_in_real_time
    from charrnn.cli.train_preparation import INHERITED
    from charrnn.model.model_file import load
    from charrnn.text.vocabulary import Vocabulary
    from charrnn.training.online import OnlineTrainer
    from charrnn.training.settings import Settings, default_lr, default_seq_length

    if path := options["resume"]:
        checkpoint = load(path, resume=True)
        try:
            return OnlineTrainer.resumed(checkpoint, team)
        except CharrnnError as error:
            raise CharrnnError(f"{path} cannot be resumed: {error}") from None
    source = load(options["init_from"]) if options["init_from"] is not None else None
    if source is not None:
        if why_not := why_not_in_real_time(source.architecture):
            raise CharrnnError(why_not)
        options |= {name: getattr(source.architecture, name) for name in INHERITED}
    settings = Settings(
        cell=options["cell"],
        hidden=options["hidden"],
        activation=options["activation"],
        gradient="rtrl",
        online=True,
        dropout=0.0,
        seq_length=options["seq_length"] or default_seq_length(bidirectional=False),
        batch_size=1,
        optimizer=options["optimizer"],
        lr=default_lr(options["cell"]) if options["lr"] is None else options["lr"],
        schedule="constant",
        warmup=0.0,
        clip=options["clip"] or None,
        clip_value=options["clip_value"],
        val_fraction=0.0,
        patience=0,
        seed=options["seed"],
    )
    if source is None:
        return OnlineTrainer(settings, Vocabulary.of_bytes(), team)
    return OnlineTrainer(settings, source.vocabulary, team, source.parameters)


def learn(trainer: "OnlineTrainer", output: str, options: dict[str, Any], log: "OnlineLog") -> int:
    """Learn until the pipe's end, an error, a signal, or the time is up; save; return the exit code.

    Raises CharrnnError for a text that cannot be read on, a run that gives up, and where it cannot be saved.
    """
    from charrnn.display.console import compiling, note
    from charrnn.display.online_screen import OnlineDisplay

    caught: list[int] = []
    wait = None if options["quiet"] else "stopping as soon as the kernels are compiled"
    with (
        compiling(trainer.network, training=True, quiet=options["quiet"]) as compiled,
        stopping(trainer, caught, wait),
    ):
        trainer.compile()
    with OnlineDisplay(trainer, quiet=options["quiet"]) as display, stopping(trainer, caught):
        display.header(compiled)
        run = _Run(trainer, output, options, log, display)
        failure = run.listen(note if options["quiet"] else display.say)
        try:
            if run.record is not None:
                trainer.mend()
                run.store.save(slim=options["slim"] and run.feed.ended and failure is None)
        except CharrnnError as error:
            raise CharrnnError(f"{failure}; {error}" if failure else str(error)) from None
    if failure is not None:
        kept = f"what was learnt is in {output}" if run.store.saved else "nothing was saved"
        raise CharrnnError(f"{failure}; {kept}")
    if run.record is None and not caught:
        raise CharrnnError("nothing to learn from came through standard input; nothing was saved")
    _conclude(run, display)
    if log.failure is not None:
        raise CharrnnError(f"{log.failure}; the model is in {output}" if run.store.saved else log.failure)
    return 128 + caught[0] if caught else 0


class _Run:
    """What goes on while a run listens."""

    def __init__(
        self, trainer: "OnlineTrainer", output: str, options: dict[str, Any], log: "OnlineLog", display: "OnlineDisplay"
    ) -> None:
        from charrnn.text.feed import Feed

        self.trainer, self.output, self.log, self.display = trainer, output, log, display
        self.feed = Feed(trainer.vocabulary, unknown=options["unknown"])
        self.store = Store(trainer, output, options["save_every"])
        self.record: OnlineProgress | None = None
        self._end = time.monotonic() + (math.inf if options["seconds"] is None else options["seconds"])
        self._logged: OnlineProgress | None = None
        self._told = -math.inf  # when the log was told something
        self._saved: OnlineProgress | None = None

    def listen(self, say: Callable[[str], None]) -> CharrnnError | None:
        """Learn from what comes until there is no more, or the run is to stop; return what kept it from going on."""
        trainer = self.trainer
        failure: CharrnnError | None = None
        try:
            while not trainer.stop:
                if time.monotonic() >= self._end:
                    trainer.stop = True
                if not self._note(trainer.learn()):
                    if self.feed.ended:
                        break
                    try:
                        symbols = self.feed.next(WAIT)
                    except CharrnnError as error:  # what came before it is learnt from first
                        failure = error
                        continue
                    if symbols is not None:
                        trainer.feed(symbols)
                if self.record is not self._saved and self.store.is_due(None):
                    self._save(say)
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
        if time.monotonic() - self._told >= LOG_SECONDS:
            self._write(record)
        return True

    def _save(self, say: Callable[[str], None]) -> None:
        """Save now and then; a disk that is full may have room again later."""
        try:
            self.store.save()
            self._saved = self.record
        except CharrnnError as error:
            say(f"{error}; the run goes on, and saves again later")

    def _write(self, record: "OnlineProgress") -> None:
        """Write a record to the log, but not twice."""
        if record is not self._logged:
            self.log.tell(record)
        self._logged, self._told = record, time.monotonic()


class OnlineLog(Log):
    """The file of --log for such a run, or none."""

    def tell(self, record: "OnlineProgress") -> None:
        """Write a record as a line of JSON; losses are nats per character."""
        entry: dict[str, Any] = {
            "step": record.step,
            "characters": record.characters,
            "seconds": round(record.seconds, 3),
            "recent_loss": record.recent,
            "mean_loss": record.mean,
            "learning_rate": record.learning_rate,
            "grad_norm": record.grad_norm,
            "chars_per_second": round(record.chars_per_second, 1),
        }
        if record.rolled_back:
            entry["rolled_back"] = True
        self.put(entry)


def _conclude(run: _Run, display: "OnlineDisplay") -> None:
    """Say what the run came to."""
    if run.record is None:
        display.say("stopped before the first step; nothing was saved")
        return
    place = shlex.quote(run.output)
    ended = "stopped" if run.trainer.stop else "the text has ended"
    display.say(display.summary(run.record))
    display.say(f"{ended}; saved in {run.output}; let it write with: charrnn sample {place} --temp 0.8")
    display.say(f"it goes on with: … | charrnn train - --resume {place} --online")
