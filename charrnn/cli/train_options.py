"""What ``charrnn train`` can be asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from charrnn.cells.table import ACTIVATIONS, CELLS, MAXIMUM_HIDDEN
from charrnn.cli.options import Duration, EscapedText, Number, layers_option
from charrnn.text.unknown_rules import UNKNOWN
from charrnn.training.rules import GRADIENTS, OPTIMIZERS, SCHEDULES


@dataclass(frozen=True)
class TrainOptions:
    """What ``charrnn train`` is asked for; None is what nobody has chosen."""

    corpus: tuple[str, ...]
    output: str | None
    force: bool
    resume: str | None
    init_from: str | None
    remap: bool
    cell: str
    hidden: int
    layers: int
    activation: str | None
    projection: int | None
    periods: str | None
    bidirectional: bool
    learned_state: bool
    gradient: str
    online: bool
    unknown: str
    dropout: float
    seq_length: int | None
    batch_size: int
    epochs: float | None
    seconds: float | None
    optimizer: str
    lr: float | None
    schedule: str
    warmup: float
    clip: float
    clip_value: float | None
    val_fraction: float
    patience: int
    seed: int
    threads: int | None
    byte_level: bool
    separator: str | None
    save_every: float
    slim: bool
    samples: bool
    quiet: bool
    log: str | None
    given: frozenset[str]  # the names of those that were typed

    @property
    def target(self) -> str:
        """The model file to write."""
        return self.output if self.output is not None else self.resume or "model.npz"


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("corpus", nargs=-1, type=click.Path(), metavar="[CORPUS…]"),
    click.option("-o", "--output", type=click.Path(), help="The model file to write.  [default: model.npz]"),
    click.option("--force", is_flag=True, help="Overwrite an existing model file."),
    click.option(
        "--resume",
        type=click.Path(),
        metavar="MODEL",
        help="Go on with the run that wrote MODEL, where it was, as if it had never stopped.",
    ),
    click.option("--init-from", type=click.Path(), metavar="MODEL", help="Start a new run from MODEL's weights."),
    click.option("--remap", is_flag=True, help="With --init-from: add the text's characters that MODEL does not know."),
    click.option(
        "--cell",
        type=click.Choice(list(CELLS)),
        default="lstm",
        show_default=True,
        metavar="CELL",
        help="Kind of network; charrnn cells lists them.",
    ),
    click.option(
        "--hidden",
        type=click.IntRange(1, MAXIMUM_HIDDEN),
        default=256,
        help="Units in a layer.  [default: 256; 32 with --gradient rtrl]",
    ),
    layers_option,
    click.option("--activation", type=click.Choice(ACTIVATIONS), help="rnn: what bounds its units.  [default: tanh]"),
    click.option(
        "--projection",
        type=click.IntRange(1, MAXIMUM_HIDDEN),
        metavar="R",
        help="lstm-projection: how many numbers it puts out.  [default: half of --hidden]",
    ),
    click.option(
        "--periods",
        metavar="T1,T2,…",
        help="clockwork: every how many characters each group of units computes.  [default: 1,2,4,8]",
    ),
    click.option(
        "--bidirectional",
        is_flag=True,
        help="Learn each character from both sides: to fill gaps (charrnn fill), not to write on.",
    ),
    click.option(
        "--learned-state", is_flag=True, help="Learn the state that a text begins from, in the place of zeros."
    ),
    click.option(
        "--gradient",
        type=click.Choice(GRADIENTS),
        default="bptt",
        show_default=True,
        help="bptt goes back through --seq-length characters. rtrl goes back to the text's begin: for one small "
        "layer of a plain cell (32 units, 1 stream and no dropout by default).",
    ),
    click.option(
        "--online",
        is_flag=True,
        help="With --gradient rtrl: learn from a pipe, character by character, for as long as it gives any.",
    ),
    click.option(
        "--unknown",
        type=click.Choice(UNKNOWN),
        default="error",
        show_default=True,
        help="With --online: what to do with a character that the model has never seen.",
    ),
    click.option(
        "--dropout",
        type=Number(0.0, 1.0, max_open=True),
        default=0.2,
        help="Share of each layer's output to drop at random, against learning by heart.  [default: 0.2; 0 with "
        "--gradient rtrl]",
    ),
    click.option(
        "--seq-length",
        type=click.IntRange(1, 65536),
        help="Steps to learn through; with --gradient rtrl characters between two updates, and the gradient does not "
        "stop there.  [default: 32; 64 with --bidirectional]",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, 65536),
        default=16,
        help="Parallel streams.  [default: 16; 1 with --gradient rtrl]",
    ),
    click.option(
        "--epochs",
        type=Number(0.0, 1e6, min_open=True),
        help="Passes over the text at most, in all: with --resume too.  [default: by its size]",
    ),
    click.option(
        "--time",
        "seconds",
        type=Duration(),
        help="Time to train instead, such as 90s, 5m or 2h. A run that has --epochs is only paused after that time.",
    ),
    click.option(
        "--optimizer",
        type=click.Choice(list(OPTIMIZERS)),
        default="adam",
        show_default=True,
        help="How to follow the gradient.",
    ),
    click.option(
        "--lr",
        type=Number(0.0, min_open=True),
        help="Peak learning rate.  [default: 0.01 for lstm…, 0.006 for gru…, 0.004 for the others]",
    ),
    click.option(
        "--schedule", type=click.Choice(list(SCHEDULES)), default="cosine", show_default=True, help="How it falls."
    ),
    click.option(
        "--warmup",
        type=Number(0.0, 1.0),
        default=0.01,
        show_default=True,
        help="Share of the run in which it rises first.",
    ),
    click.option(
        "--clip",
        type=Number(0.0),
        default=1.0,
        show_default=True,
        help="Bound on the gradient's norm; 0 for none.",
    ),
    click.option("--clip-value", type=Number(0.0, min_open=True), help="Bound on each entry of the gradient."),
    click.option(
        "--val-fraction",
        type=Number(0.0, 0.9),
        default=0.1,
        show_default=True,
        help="Share of the text, at its end, that is held out to validate.",
    ),
    click.option(
        "--patience",
        type=click.IntRange(0),
        default=8,
        show_default=True,
        help="Stop after so many validations without a better one; 0 never does.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of all that is random."
    ),
    click.option(
        "--threads", type=click.IntRange(1, 1024), help="Threads to use; the result is the same for any number."
    ),
    click.option(
        "--bytes", "byte_level", is_flag=True, help="Model raw bytes instead of characters: any file will do."
    ),
    click.option(
        "--documents",
        "separator",
        type=EscapedText(),
        metavar="lines|SEPARATOR",
        help="Each line, or what stands between two SEPARATORs, is a text of its own, with a start and an end.",
    ),
    click.option(
        "--save-every",
        type=Duration(),
        default="60s",
        show_default=True,
        metavar="TIME",
        help="Save the run so often while it goes on, for a crash or a power cut; and where it validates.",
    ),
    click.option("--slim", is_flag=True, help="Leave out of the model file what only --resume needs."),
    click.option("--samples/--no-samples", default=True, help="Show a few lines by the model now and then."),
    click.option("--quiet", is_flag=True, help="Show nothing but errors."),
    click.option("--log", type=click.Path(), metavar="FILE", help="Write progress to FILE, a JSON object a line."),
)


def train_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options of ``charrnn train``."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function
