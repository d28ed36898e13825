"""The options of ``charrnn train``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from charrnn.cells.table import (
    ACTIVATIONS,
    FIRST_STATES,
    MAXIMUM_EMBEDDING,
    MAXIMUM_HIDDEN,
    RECURRENT_STARTS,
)
from charrnn.cells.tasks import TASKS
from charrnn.cli.cell_option import CellName
from charrnn.cli.example_options import EXAMPLE_OPTIONS
from charrnn.cli.options import (
    ESCAPES,
    Duration,
    EscapedText,
    Input,
    Number,
    Whole,
    encoding_option,
    layers_option,
    threads_option,
)
from charrnn.library.task_rules import defaults
from charrnn.text.defaults import FRACTION, MOST_RARE, UNKNOWN, USUAL_MOST
from charrnn.training.rules import GRADIENTS, OPTIMIZERS, SCHEDULES


@dataclass(frozen=True)
class TrainOptions:
    """Values of the options of ``charrnn train``; None is an option that was not given."""

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
    first_state: str
    embedding: int | None
    recurrent_start: str | None
    start_scale: float
    sampled_softmax: int | None
    gradient: str
    online: bool
    unknown: str
    dropout: float
    input_dropout: float
    noise: float
    seq_length: int | None
    batch_size: int
    epochs: float | None
    seconds: float | None
    optimizer: str
    momentum: float | None
    nesterov: bool
    lr: float | None
    schedule: str
    warmup: float
    clip: float
    clip_value: float | None
    val_fraction: float | None
    validate: str | None
    shuffle: bool
    patience: int
    seed: int
    threads: int | None
    byte_level: bool
    encoding: str
    separator: str | None
    rare: int | None
    task: str | None
    labels: str | None
    texts_column: str | None
    given_column: str | None
    given_at: str | None
    attention: bool
    inputs: str | None
    ahead: int
    pooling: str | None
    joined: bool
    class_weights: str
    save_every: float
    slim: bool
    samples: bool
    quiet: bool
    log: str | None
    given: frozenset[str]  # names of the options that were typed

    @property
    def target(self) -> str:
        """The model file to write."""
        return self.output if self.output is not None else self.resume or "model.npz"

    @property
    def reads_examples(self) -> bool:
        """Whether the run trains on whole examples, and not on a text that predicts itself."""
        return self.given_column is not None or (self.task is not None and TASKS[self.task].reads_examples)

    @property
    def texts(self) -> tuple[str, ...]:
        """The files and folders that were typed, to train on and to validate with."""
        return self.corpus if self.validate is None else (*self.corpus, self.validate)


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("corpus", nargs=-1, type=Input(), metavar="[CORPUS…]"),
    click.option("-o", "--output", type=click.Path(), help="Model file to write.  [default: model.npz]"),
    click.option("--force", is_flag=True, help="Replace an existing model (never another kind of file)."),
    click.option(
        "--resume",
        type=Input(),
        metavar="MODEL",
        help="Continue the run that wrote MODEL from where it stopped.",
    ),
    click.option("--init-from", type=Input(), metavar="MODEL", help="Start a new run from the weights of MODEL."),
    click.option(
        "--remap", is_flag=True, help="With --init-from: add the text's unknown characters to the vocabulary."
    ),
    click.option(
        "--cell",
        type=CellName(),
        default="lstm",
        show_default=True,
        metavar="CELL",
        help="Kind of network: charrnn cells lists them; or FILE:FUNCTION, a step of your own in NumPy. FILE is run.",
    ),
    click.option(
        "--hidden",
        type=Whole(1, MAXIMUM_HIDDEN),
        default=256,
        help="Units (numbers) per layer: more units can learn more, but take longer.  [default: 256; 32 with "
        f"--gradient rtrl; {defaults('hidden')}]",
    ),
    layers_option,
    click.option(
        "--activation",
        type=click.Choice(ACTIVATIONS),
        help="rnn, clockwork: the activation function.  [default: tanh]",
    ),
    click.option(
        "--projection",
        type=Whole(1, MAXIMUM_HIDDEN),
        metavar="R",
        help="lstm-projection: numbers that a layer outputs.  [default: half of --hidden]",
    ),
    click.option(
        "--periods",
        metavar="T1,T2,…",
        help="clockwork: the first group of units computes every T1 characters, the second every T2, …  "
        "[default: 1,2,4,8]",
    ),
    click.option(
        "--bidirectional",
        is_flag=True,
        help="Predict each character from both sides: for filling gaps (charrnn fill), not for writing.",
    ),
    click.option(
        "--first-state",
        type=click.Choice(FIRST_STATES),
        default=FIRST_STATES[0],
        show_default=True,
        help="State of the network before the first character: zero, learned, or random (drawn once, and kept).",
    ),
    click.option(
        "--embedding",
        type=Whole(0, MAXIMUM_EMBEDDING),
        metavar="M",
        help="Numbers that stand for a character at the input, to be learned; 0 for none.  [default: 0; 64 if the "
        "text has 10,000 different characters or more]",
    ),
    click.option(
        "--recurrent-start",
        type=click.Choice(RECURRENT_STARTS),
        help="How the matrices that multiply the state start: random numbers keep its length only if they are "
        "orthogonal.  [default: orthogonal; identity for irnn]",
    ),
    click.option(
        "--start-scale",
        type=Number(1e-6, 1000.0),
        default=1.0,
        metavar="X",
        help="Multiply all matrices of the new network by X; biases and peepholes stay.  [default: 1]",
    ),
    click.option(
        "--sampled-softmax",
        type=Whole(0),
        metavar="N",
        help="Learn to tell the next character from about N others at a time, drawn at random, instead of from all; 0 "
        "is all.  [default: 0; 384 if the text has 2,000 different characters or more]",
    ),
    click.option(
        "--gradient",
        type=click.Choice(GRADIENTS),
        default="bptt",
        show_default=True,
        help="How to compute the gradient (how to change the weights). bptt backpropagates through --seq-length "
        "characters; rtrl (real-time recurrent learning) reaches back to the start of the text, for one small layer.",
    ),
    click.option(
        "--online",
        is_flag=True,
        help="With --gradient rtrl: learn from standard input as it arrives, until it ends.",
    ),
    click.option(
        "--unknown",
        type=click.Choice(UNKNOWN),
        default="error",
        show_default=True,
        help="With --online: what to do with unknown characters: report an error, skip or replace them.",
    ),
    click.option(
        "--dropout",
        type=Number(0.0, 1.0, max_open=True),
        default=0.2,
        help="Share of each layer's output to set to 0 at random in training, against overfitting.  "
        f"[default: 0.2; 0 with --gradient rtrl; {defaults('dropout')}]",
    ),
    click.option(
        "--input-dropout",
        type=Number(0.0, 1.0, max_open=True),
        default=0.0,
        help="Share of the characters, or of the numbers that are read, to set to 0 at random in training.  "
        "[default: 0]",
    ),
    click.option(
        "--noise",
        type=Number(0.0, 1000.0),
        default=0.0,
        metavar="X",
        help="Deviation of Gaussian noise to add in training to the numbers that are read, or to an --embedding.  "
        "[default: 0]",
    ),
    click.option(
        "--seq-length",
        type=Whole(1, 65536),
        help="Sequence length: characters to backpropagate through; with --gradient rtrl, characters between two "
        "updates. Of an example, the characters or steps that are read, at most.  [default: 32; 64 with "
        f"--bidirectional; {defaults('seq_length')}]",
    ),
    click.option(
        "--batch-size",
        type=Whole(1, 65536),
        default=16,
        help="Batch size: parts of the text (streams), or examples, to read in parallel.  [default: 16; 1 with "
        f"--gradient rtrl; {defaults('batch_size')}]",
    ),
    click.option(
        "--epochs",
        type=Number(0.0, 1e6, min_open=True),
        help="Passes over the text or the examples, at most; with --resume, in total.  [default: depends on their "
        "size]",
    ),
    click.option(
        "--time",
        "seconds",
        type=Duration(),
        help="Time to train, such as 90s, 5m or 2h; with --resume, in total. A run measured in epochs pauses after "
        "this time.",
    ),
    click.option(
        "--optimizer",
        type=click.Choice(list(OPTIMIZERS)),
        default="adam",
        show_default=True,
        help="Rule that updates the weights from the gradient.",
    ),
    click.option(
        "--momentum",
        type=Number(0.0, 1.0, max_open=True),
        help="sgd: share of the last update's direction to keep; 0 is plain gradient descent.  [default: "
        f"{OPTIMIZERS['sgd'].momentum:g}]",
    ),
    click.option("--nesterov", is_flag=True, help="sgd: Nesterov's momentum."),
    click.option(
        "--lr",
        type=Number(0.0, min_open=True),
        help="Peak learning rate: the size of the updates.  [default: 0.01 for lstm cells, mingru and minlstm, 0.006 "
        "for gru cells, 0.004 for others]",
    ),
    click.option(
        "--schedule",
        type=click.Choice(list(SCHEDULES)),
        default="cosine",
        show_default=True,
        help="How the learning rate falls.",
    ),
    click.option(
        "--warmup",
        type=Number(0.0, 1.0),
        default=0.01,
        show_default=True,
        help="Share of the run in which the learning rate rises to its peak.",
    ),
    click.option(
        "--clip",
        type=Number(0.0),
        default=1.0,
        show_default=True,
        help="Maximum norm (length) of the gradient; 0 means no limit.",
    ),
    click.option("--clip-value", type=Number(0.0, min_open=True), help="Maximum of each entry of the gradient."),
    click.option(
        "--val-fraction",
        type=Number(0.0, 0.9),
        help="Share of the text to hold out for validation: documents or examples drawn at random, or the end of each "
        "file or series.  "
        f"[default: {FRACTION}, but at most {USUAL_MOST:,} characters]",
    ),
    click.option(
        "--validate",
        type=Input(),
        metavar="FILE",
        help="Validate with this file or folder instead of holding out a part.",
    ),
    click.option(
        "--shuffle/--no-shuffle",
        default=True,
        help="Read documents in a new order in each epoch (the default); --no-shuffle keeps their order and holds out "
        "the end of the text.",
    ),
    click.option(
        "--patience",
        type=Whole(0),
        default=8,
        show_default=True,
        help="Stop after this many validations without an improvement; 0 never stops.",
    ),
    click.option("--seed", type=Whole(0, 2**63 - 1), default=0, show_default=True, help="Seed of all random numbers."),
    threads_option,
    click.option(
        "--bytes", "byte_level", is_flag=True, help="Read bytes instead of characters, from files of any kind."
    ),
    encoding_option,
    click.option(
        "--documents",
        "separator",
        type=EscapedText(),
        metavar="lines|paragraphs|files|SEPARATOR",
        help="Treat each line, paragraph (text between empty lines) or file, or each part between SEPARATORs, as a "
        "separate text with a start and an end; in "
        f"SEPARATOR, {ESCAPES}.",
    ),
    click.option(
        "--rare",
        type=Whole(2, MOST_RARE),
        metavar="N",
        help="Make one unknown symbol, �, of all characters that occur fewer than N times in the text.",
    ),
    *EXAMPLE_OPTIONS,
    click.option(
        "--save-every",
        type=Duration(),
        default="60s",
        show_default=True,
        metavar="TIME",
        help="Time between saves during the run, in case of a crash or a power cut.",
    ),
    click.option("--slim", is_flag=True, help="Leave the data that only --resume needs out of the finished model."),
    click.option("--samples/--no-samples", default=True, help="Show a few lines by the model from time to time."),
    click.option("--quiet", is_flag=True, help="Show only errors."),
    click.option(
        "--log",
        type=click.Path(),
        metavar="FILE",
        help="Write progress to FILE, one JSON object per line; - is standard output.",
    ),
)


def train_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the arguments and options of ``charrnn train``."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function
