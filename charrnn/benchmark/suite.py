"""Many networks: a list of sizes, and how the time grows with each size."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from charrnn.benchmark.sides import training_side
from charrnn.benchmark.speed import Speed, sampling_speed, training_speed
from charrnn.benchmark.timing import Timing, Turns, alternate
from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings, default_lr
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

ALL, GATED = ("lstm", "gru", "rnn"), ("lstm", "gru")


@dataclass(frozen=True)
class Networks:
    """The networks of the list."""

    trained: tuple[tuple[tuple[str, ...], int, int, int, int], ...]  # cells, layers, hidden size, streams, steps
    sampled: tuple[tuple[tuple[str, ...], int, int], ...]  # cells, layers, hidden size


NETWORKS = Networks(
    trained=(
        (ALL, 1, 128, 16, 32),
        (ALL, 1, 256, 16, 32),
        (ALL, 2, 128, 50, 50),
        (GATED, 2, 256, 64, 64),
        (GATED, 1, 512, 32, 64),
        (GATED, 2, 512, 64, 64),
    ),
    sampled=((ALL, 1, 128), (ALL, 1, 256), (ALL, 2, 256), (ALL, 1, 512)),
)


def plain_settings(cell: str, **sizes: Any) -> Settings:
    """Return settings for a run that PyTorch also does.

    Adam, clipping, no dropout.
    """
    return Settings(cell=cell, lr=default_lr(cell), epochs=1.0, dropout=0.0, **sizes)


def suite(
    corpus: Corpus, team: Team, *, turns: Turns, streams: int, against_torch: bool, networks: Networks = NETWORKS
) -> Iterator[Speed]:
    """Measure the networks of the list one after another.

    Training first, then sampling with one stream and with `streams`. Raises CharrnnError if the text is too short for a
    row, or if PyTorch is asked for and not installed.
    """
    for cells, layers, hidden, batch_size, seq_length in networks.trained:
        for cell in cells:
            settings = plain_settings(
                cell=cell, layers=layers, hidden=hidden, batch_size=batch_size, seq_length=seq_length
            )
            trainer = _trainer(settings, corpus, team)
            yield training_speed(trainer, turns=turns, against_torch=against_torch, products=False)
    for number in (1, streams):
        for cells, layers, hidden in networks.sampled:
            for cell in cells:
                architecture = Architecture(cell, len(corpus.vocabulary), hidden, layers)
                yield sampling_speed(architecture, streams=number, turns=turns, team=team, against_torch=against_torch)


def _trainer(settings: Settings, corpus: Corpus, team: Team) -> Trainer[TextData]:
    """Return a run of exactly these sizes.

    Raises CharrnnError if the text is too short for them.
    """
    trainer = Trainer(TextData(settings, corpus), team)
    if trainer.settings != settings:  # the sizes were reduced to fit the text
        raise CharrnnError(
            f"the text is too short to measure {settings.batch_size} streams of {settings.seq_length} characters"
        )
    return trainer


@dataclass(frozen=True)
class Growth:
    """The effect of doubling one size on the time, by medians, in seconds."""

    doubled: str  # the name of the size; "" for the base
    settings: Settings
    vocabulary: int
    timing: Timing
    base: Timing

    @property
    def step_seconds(self) -> float:
        """The seconds of a step."""
        return self.settings.batch_size * self.settings.seq_length / self.timing.median

    @property
    def relative(self) -> float:
        """The time of a character, as a multiple of the base's."""
        return self.base.median / self.timing.median

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        sizes = {
            name: getattr(self.settings, name) for name in ("cell", "hidden", "layers", "batch_size", "seq_length")
        }
        return {
            "doubled": self.doubled or None,
            **sizes,
            "vocabulary": self.vocabulary,
            "us_per_character": 1e6 / self.timing.median,
            "ms_per_step": 1e3 * self.step_seconds,
            "time_per_character": self.relative,
            "chars_per_second": self.timing.as_dict(),
        }


def growth(corpus: Corpus, settings: Settings, team: Team, *, turns: Turns) -> list[Growth]:
    """Measure training at a base size, and with each size doubled.

    All take turns. Raises CharrnnError if the text is too short.
    """
    trainers = {"": _trainer(settings, corpus, team)}
    doubles = {"hidden size": "hidden", "layers": "layers", "batch size": "batch_size", "sequence length": "seq_length"}
    for name, field in doubles.items():
        larger = replace(settings, **{field: 2 * getattr(settings, field)})
        trainers[name] = _trainer(larger, corpus, team)
    trainers["vocabulary"] = _trainer(settings, with_twice_the_vocabulary(corpus), team)
    timings = alternate({name: training_side(trainer) for name, trainer in trainers.items()}, turns)
    return [
        Growth(name, trainer.settings, trainer.architecture.vocabulary, timings[name], timings[""])
        for name, trainer in trainers.items()
    ]


def with_twice_the_vocabulary(corpus: Corpus) -> Corpus:
    """Return a text with twice the vocabulary.

    A random half of its characters is replaced by new ones.
    """
    symbols = len(corpus.vocabulary)
    first = max(0x10000, 1 + max(map(ord, corpus.vocabulary.characters)))  # beyond the surrogates
    characters = corpus.vocabulary.characters + "".join(map(chr, range(first, first + symbols)))
    vocabulary = Vocabulary(characters)
    new = np.random.default_rng(0).integers(0, 2, corpus.ids.size)
    ids = (corpus.ids + new * symbols).astype(vocabulary.dtype)
    return Corpus(ids, vocabulary, corpus.sources, corpus.sha256)
