"""Training on a text of many characters: plainly, and with a sampled softmax, through an embedding or not.

PyTorch is measured beside it, with an embedding of the same size, which is its fastest way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.benchmark import pytorch
from charrnn.benchmark.report import Table, size
from charrnn.benchmark.sides import training_side
from charrnn.benchmark.timing import Side, Timing, Turns, alternate, fastest
from charrnn.cells.architecture import Architecture
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.training.settings import Settings, default_sampled_softmax
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

LEAST = 2000  # characters of a vocabulary that counts as large where a smaller one is measured
EMBEDDING = 64


@dataclass(frozen=True)
class Way:
    """One way to train: its network, its bytes of memory, and its characters per second."""

    architecture: Architecture
    nbytes: int
    timing: Timing

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "vocabulary": self.architecture.vocabulary,
            "embedding": self.architecture.embedding,
            "parameters": self.architecture.parameter_count(),
            "bytes": self.nbytes,
            "chars_per_second": self.timing.as_dict(),
        }


@dataclass(frozen=True)
class Ways:
    """The ways of this program, in turns with each other and with PyTorch's fastest ones."""

    ours: tuple[Way, ...]
    theirs: tuple[Timing, ...]

    @property
    def ratio_to_plain(self) -> float:
        """The last way's median divided by the first one's."""
        return self.ours[-1].timing.median / self.ours[0].timing.median

    @property
    def ratio_to_pytorch(self) -> float | None:
        """The last way's median divided by the best median of PyTorch."""
        return self.ours[-1].timing.median / max(t.median for t in self.theirs) if self.theirs else None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "ways": [way.as_dict() for way in self.ours],
            "pytorch": [timing.as_dict() for timing in self.theirs],
            "ratio_to_plain": self.ratio_to_plain,
            "ratio_to_pytorch": self.ratio_to_pytorch,
        }


def ways(symbols: int) -> Mapping[str, dict[str, Any]]:
    """Return settings of each way for a vocabulary of `symbols`, by name; those of a large one if it is small."""
    sample = default_sampled_softmax(max(symbols, LEAST))
    embedded = {"embedding": EMBEDDING, "sampled_softmax": sample}
    return {
        "one-hot input, softmax over all": {},
        f"embedding of {EMBEDDING}, sampled softmax of {sample}": embedded,
        f"one-hot input, sampled softmax of {sample}": {"sampled_softmax": sample},
    }


def measured(corpus: Corpus, plain: Settings, team: Team, *, turns: Turns, against_torch: bool = False) -> Ways:
    """Measure each way of training with the other settings of a `plain` run; all take turns."""
    found = ways(len(corpus.vocabulary))
    trainers = {name: Trainer(TextData(replace(plain, **more), corpus), team) for name, more in found.items()}
    sides = {name: training_side(trainer) for name, trainer in trainers.items()}
    theirs: dict[str, Side] = {}
    for threads in sorted({1, team.size}) if against_torch else ():
        theirs |= fastest(pytorch.training_sides(list(trainers.values())[1], threads), turns)
    timings = alternate({**sides, **theirs}, turns)
    return Ways(
        tuple(Way(trainer.architecture, trainer.nbytes, timings[name]) for name, trainer in trainers.items()),
        tuple(timings[name] for name in theirs),
    )


def table(found: Ways) -> Table:
    """Return a table of each way's speed, parameters and memory."""
    plain = found.ours[0].timing.median
    network = found.ours[0].architecture
    rows = [
        (
            way.timing.name,
            f"{way.timing.median:,.0f}",
            f"{way.timing.median / plain:.2f}",
            f"{way.architecture.parameter_count():,}",
            f"{way.nbytes / 1e6:.0f} MB",
        )
        for way in found.ours
    ]
    rows += [(t.name, f"{t.median:,.0f}", f"{t.median / plain:.2f}", "", "") for t in found.theirs]
    title = f"training, {size(network)}, V {network.vocabulary:,}"
    return Table((title, "chars/s", "ratio", "parameters", "memory"), tuple(rows))
