"""One network's speed: training, sampling, and training on one thread compared with all.

Of PyTorch's variants, the fastest on one thread and the fastest on all take part in the rounds; trials select them.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from charrnn.benchmark import pytorch
from charrnn.benchmark.flop import flop_per_character
from charrnn.benchmark.roof import peak_side, product_side
from charrnn.benchmark.sides import sampling_side, training_side
from charrnn.benchmark.timing import Comparison, Side, Timing, Turns, alternate, fastest
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from charrnn.writing.controls import Controls

OURS = "charrnn"
MANY = 64  # streams
CONTROLLED = {
    "plain": Controls(),
    "--temp 0.8": Controls(temperature=0.8),
    "--repeat-penalty 1.2": Controls(repeat_penalty=1.2),
    "--top-k 20": Controls(top_k=20),
    "--min-p 0.05": Controls(min_p=0.05),
    "--top-p 0.9": Controls(top_p=0.9),
    "all of them": Controls(temperature=0.8, repeat_penalty=1.2, top_k=20, min_p=0.05, top_p=0.9),
}


@dataclass(frozen=True)
class Speed:
    """The speed of training or sampling. Rates are characters per second; those of the machine, FLOP per second."""

    work: str  # "training" or "sampling"
    architecture: Architecture
    batch_size: int  # parallel streams
    seq_length: int
    threads: int
    compared: Comparison
    peak: Timing | None = None  # fused multiply-adds on all threads
    products: tuple[Timing, ...] = ()  # NumPy's matrix product, on one thread and on all

    @property
    def flop_per_character(self) -> int:
        """The FLOP per character; see ``flop.COUNTED``."""
        return flop_per_character(self.architecture, training=self.work == "training")

    @property
    def flop_per_second(self) -> float:
        """The FLOP per second, by the median."""
        return self.compared.ours.median * self.flop_per_character

    @property
    def step_seconds(self) -> float:
        """The seconds of a step of all streams, by the median."""
        return self.batch_size * self.seq_length / self.compared.ours.median

    def share_of(self, most: Timing) -> float:
        """Return the share of the machine's best, by medians."""
        return self.flop_per_second / most.median

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        network = self.architecture
        result: dict[str, Any] = {
            "work": self.work,
            "cell": network.cell,
            "layers": network.layers,
            "hidden": network.hidden,
            "vocabulary": network.vocabulary,
            "parameters": network.parameter_count(),
            "batch_size": self.batch_size,
            "seq_length": self.seq_length,
            "threads": self.threads,
            "chars_per_second": self.compared.as_dict(),
            "ms_per_step": 1e3 * self.step_seconds,
            "flop_per_character": self.flop_per_character,
            "gflop_per_second": self.flop_per_second / 1e9,
        }
        if self.peak is not None:
            result["fma_peak"] = {
                "gflop_per_second": self.peak.median / 1e9,
                "share": self.share_of(self.peak),
            }
        if self.products:
            result["numpy_products"] = [
                {"name": most.name, "gflop_per_second": most.median / 1e9, "share": self.share_of(most)}
                for most in self.products
            ]
        return result


def training_speed(
    trainer: Trainer[TextData], *, turns: Turns, against_torch: bool = False, products: bool = True
) -> Speed:
    """Measure the speed of training.

    The machine's peak, NumPy's products and PyTorch take turns, if asked for. Raises CharrnnError if PyTorch is asked
    for and not installed.
    """
    team = trainer.team
    theirs: dict[str, Side] = {}
    for threads in sorted({1, team.size}) if against_torch else ():
        theirs |= fastest(pytorch.training_sides(trainer, threads), turns)
    with ExitStack() as stack:
        numbers = sorted({1, team.size}) if products else []
        numpy_sides: dict[str, Side] = {
            f"NumPy's product, {threads} thread{'s' * (threads > 1)}": stack.enter_context(product_side(threads))
            for threads in numbers
        }
        peak = f"fused multiply-adds, {team.size} thread{'s' * (team.size > 1)}"
        sides = {OURS: training_side(trainer), peak: peak_side(team), **numpy_sides, **theirs}
        timings = alternate(sides, turns)
    return Speed(
        work="training",
        architecture=trainer.architecture,
        batch_size=trainer.settings.batch_size,
        seq_length=trainer.settings.seq_length,
        threads=team.size,
        compared=Comparison(timings[OURS], tuple(timings[name] for name in theirs)),
        peak=timings[peak],
        products=tuple(timings[name] for name in numpy_sides),
    )


def sampling_speed(
    architecture: Architecture, *, streams: int, turns: Turns, team: Team, against_torch: bool = False
) -> Speed:
    """Measure the speed of sampling.

    A team shares the streams if there are several. Raises CharrnnError if PyTorch is asked for and not installed.
    """
    ours = sampling_side(Network(architecture, initialize(architecture, 0)), streams, team if streams > 1 else None)
    theirs: dict[str, Side] = {}
    for number in sorted({1, team.size}) if against_torch else ():
        theirs |= fastest(pytorch.sampling_sides(architecture, streams, number), turns)
        if architecture.cell == "lstm":
            theirs |= fastest(pytorch.sampling_sides(architecture, streams, number, onednn=False), turns)
    timings = alternate({OURS: ours, **theirs}, turns)
    compared = Comparison(timings[OURS], tuple(timings[name] for name in theirs))
    return Speed("sampling", architecture, streams, 1, team.size if streams > 1 else 1, compared)


def control_speed(architecture: Architecture, *, turns: Turns) -> tuple[Timing, ...]:
    """Measure sampling in one stream: plain, with each control, and with all."""
    network = Network(architecture, initialize(architecture, 0))
    sides = {name: sampling_side(network, 1, None, controls) for name, controls in CONTROLLED.items()}
    return tuple(alternate(sides, turns).values())


def thread_speed(corpus: Corpus, settings: Settings, team: Team, *, turns: Turns) -> Comparison:
    """Compare training on all threads of a team and on one thread."""
    with Team(1) as alone:
        sides = {
            f"{members.size} thread{'s' * (members.size > 1)}": training_side(
                Trainer(TextData(settings, corpus), members)
            )
            for members in (team, alone)
        }
        all_threads, one = alternate(sides, turns).values()
    return Comparison(all_threads, (one,))
