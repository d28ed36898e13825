"""A comparison of cells with the same number of parameters on one text, by epochs and by time."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from charrnn.cells.architecture import Architecture
from charrnn.cells.own_cell import row_of
from charrnn.cells.table import ACTIVATIONS, MAXIMUM_HIDDEN, PERIODS
from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.training.settings import Settings, default_lr
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

TOLERANCE = 0.1  # largest deviation from the number of parameters, as a share; networks grow by whole units


@dataclass(frozen=True)
class Trial:
    """A learning rate and its validation loss; None if the run diverged and gave up."""

    lr: float
    loss: float | None


@dataclass(frozen=True)
class Compared:
    """What a cell learned. Losses are those of the best weights on the held-out text, in nats per character.

    The runs in epochs try each learning rate; the run in time uses the best of them.
    """

    name: str
    settings: Settings  # of the run in time
    architecture: Architecture
    epochs: float
    trials: tuple[Trial, ...]
    timed_loss: float | None  # None if the run diverged and gave up
    timed_epochs: float
    chars_per_second: float  # of the run in time, without validations

    @property
    def loss(self) -> float | None:
        """The loss of the run in epochs with the best learning rate."""
        return best(self.trials).loss

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        settings = self.settings
        sizes = ("layers", "hidden", "batch_size", "seq_length", "dropout", "seed", "lr", "seconds")
        return {
            "name": self.name,
            "cell": settings.cell,
            **self.architecture.options,
            "parameters": self.architecture.parameter_count(),
            **{field: getattr(settings, field) for field in sizes},
            "epochs": self.epochs,
            "epochs_loss": self.loss,
            "trials": [asdict(trial) for trial in self.trials],
            "timed_loss": self.timed_loss,
            "timed_epochs": self.timed_epochs,
            "chars_per_second": self.chars_per_second,
        }


def best(trials: Sequence[Trial]) -> Trial:
    """Return the first trial with the lowest loss."""
    return min(trials, key=lambda trial: (trial.loss is None, trial.loss))


def candidates(cells: Sequence[str], settings: Settings, vocabulary: int, parameters: int) -> dict[str, Settings]:
    """Return the networks to compare, by name.

    There is one per cell, and of the vanilla network one per activation. Each has the hidden size that brings it
    nearest to the number of parameters, and its cell's default learning rate. Raises CharrnnError if that is more than
    a tenth off.
    """
    found = {}
    for cell in cells:
        own = replace(settings, cell=cell, lr=default_lr(cell))
        if row_of(cell).options == ("activation",):
            for activation in ACTIVATIONS:
                found[f"{cell} {activation}"] = replace(own, activation=activation)
        else:
            found[cell] = own
    return {name: _sized(name, own, vocabulary, parameters) for name, own in found.items()}


def _sized(name: str, settings: Settings, vocabulary: int, parameters: int) -> Settings:
    """Return settings with the hidden size that fits best."""

    def count(hidden: int) -> int:
        return replace(settings, hidden=hidden).architecture(vocabulary).parameter_count()

    step = len(PERIODS) if "periods" in row_of(settings.cell).options else 1  # each period has the same number of units
    sizes = range(step, MAXIMUM_HIDDEN + 1, step)
    place = min(bisect_left(sizes, parameters, key=count), len(sizes) - 1)
    hidden = min(sizes[max(0, place - 1) : place + 1], key=lambda size: abs(count(size) - parameters))
    if abs(count(hidden) - parameters) > TOLERANCE * parameters:
        raise CharrnnError(
            f"{name} cannot have about {parameters:,} parameters on this text; the nearest possible number is "
            f"{count(hidden):,}, with {hidden:,} hidden unit{'s' * (hidden > 1)}"
        )
    return replace(settings, hidden=hidden)


def compare(
    networks: dict[str, Settings], corpus: Corpus, team: Team, *, seconds: float, rates: Sequence[float] = ()
) -> Iterator[Compared]:
    """Train one network after another; yield each result when it is done.

    The settings are those of the runs in epochs, whose losses do not depend on the clock. `rates`, if given, replace
    each cell's default learning rate. Raises CharrnnError if the text is too short.
    """
    for name, settings in networks.items():
        trials = []
        for rate in rates or (settings.lr,):
            trials.append(Trial(rate, _run(replace(settings, lr=rate), corpus, team)[1]))
        timed = replace(settings, lr=best(trials).lr, epochs=None, seconds=seconds)
        trainer, loss, speed = _run(timed, corpus, team)
        assert settings.epochs is not None
        yield Compared(
            name=name,
            settings=trainer.settings,
            architecture=trainer.architecture,
            epochs=settings.epochs,
            trials=tuple(trials),
            timed_loss=loss,
            timed_epochs=trainer.state.step / trainer.steps.per_epoch,
            chars_per_second=speed,
        )


def _run(settings: Settings, corpus: Corpus, team: Team) -> tuple[Trainer[TextData], float | None, float]:
    """Train to the end.

    Returns the run, its best loss (None if the run diverged and gave up), and its median speed.
    """
    trainer = Trainer(TextData(settings, corpus), team)
    trainer.compile()
    speeds = [0.0]
    try:
        for record in trainer.run():
            speeds.append(record.chars_per_second)
    except CharrnnError:  # a comparison that takes an hour continues with the next network
        return trainer, None, median(speeds)
    return trainer, trainer.best_loss, median(speeds)
