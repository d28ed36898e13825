"""``charrnn bench``: measure how fast networks are on this machine, and what cells learn and remember."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from charrnn.cli.bench_options import BenchOptions
from charrnn.cli.bench_speed import PARTS, speed
from charrnn.cli.bench_task import check_task, task, task_options
from charrnn.cli.cell_option import CellName
from charrnn.cli.models import team_of
from charrnn.cli.options import Duration, Input, Number, Whole, given, size_options, threads_option

if TYPE_CHECKING:
    from charrnn.text.ingest import Corpus

SIZES = ("cell", "hidden", "layers", "seq_length", "batch_size")
SPEED = ("threads", "rounds", "as_json")

# The options that each kind of measurement takes, by the option that selects it; "" is the plain command.
TAKEN = {
    "": ("corpus", *SIZES, *SPEED, "against", "only"),
    "suite": ("corpus", *SPEED, "against"),
    "growth": ("corpus", *SIZES, *SPEED),
    "rtrl": ("corpus", "cell", *SPEED),
    "vocabulary": ("corpus", *SIZES, *SPEED, "against"),
    "cells": (
        *("corpus", "cell", "layers", "seq_length", "batch_size", "threads", "as_json"),
        *("parameters", "epochs", "seconds", "rates", "dropout", "seed"),
    ),
    "memory": ("cell", "threads", "as_json", "seed"),
    "task": (
        *("corpus", *SIZES, *SPEED, "against", "labels", "texts_column", "inputs", "ahead", "pooling", "joined"),
        *("given_column", "given_at", "attention", "class_weights", "bidirectional", "epochs", "rates", "schedule"),
        *("clip", "dropout", "seed"),
    ),
}


@click.command(short_help="Measure speed, memory and learning on this machine.")
@click.argument("corpus", nargs=-1, type=Input(), metavar="[CORPUS…]")
@click.option(
    "--cell",
    type=CellName(),
    multiple=True,
    metavar="CELL",
    help="Kind of network; with --cells and --memory, can be given several times.  [default: lstm; all with --cells, "
    "five with --memory]",
)
@size_options
@click.option(
    "--seq-length",
    type=Whole(1, 65536),
    default=32,
    show_default=True,
    help="Sequence length: characters to backpropagate through.",
)
@click.option(
    "--batch-size",
    type=Whole(1, 65536),
    default=16,
    show_default=True,
    help="Batch size: streams read in parallel.",
)
@threads_option
@click.option("--rounds", type=Whole(1), default=7, show_default=True, help="How often to take each measurement.")
@click.option(
    "--against", type=click.Choice(["torch"]), help="Measure PyTorch too, on the same work, in turns with charrnn."
)
@click.option(
    "--only", type=click.Choice(list(PARTS)), multiple=True, help="Measure only this; can be given several times."
)
@click.option("--suite", is_flag=True, help="Measure a list of networks instead; takes minutes.")
@click.option("--growth", is_flag=True, help="Measure how training time grows with each size instead.")
@click.option("--rtrl", is_flag=True, help="Measure the cost of --gradient rtrl instead, with 16 to 128 units.")
@click.option(
    "--vocabulary",
    is_flag=True,
    help="Measure training with and without --embedding and --sampled-softmax instead, for a text of many characters.",
)
@click.option(
    "--memory", is_flag=True, help="Measure how far back each cell remembers instead, with 64 units; takes minutes."
)
@click.option(
    "--cells", is_flag=True, help="Measure how well each cell learns the text instead; takes minutes per cell."
)
@task_options
@click.option(
    "--parameters",
    type=Whole(1),
    default=100_000,
    show_default=True,
    help="With --cells: parameters (learned numbers) of each network; sets its hidden size.",
)
@click.option(
    "--epochs",
    type=Number(0.0, 1e6, min_open=True),
    default=3,
    show_default=True,
    help="With --cells: passes over the text in the first measurement. With --task: passes over the examples; the "
    "default is that of charrnn train, as for all options of a run.",
)
@click.option(
    "--time",
    "seconds",
    type=Duration(),
    default="60s",
    show_default=True,
    help="With --cells: training time in the second measurement.",
)
@click.option(
    "--lr",
    "rates",
    type=Number(0.0, min_open=True),
    multiple=True,
    help="With --cells: a learning rate to try; can be given several times, and the best counts. With --task: the "
    "learning rate.  [default: the cell's]",
)
@click.option(
    "--dropout",
    type=Number(0.0, 1.0, max_open=True),
    default=0.0,
    show_default=True,
    help="With --cells and --task: share of each layer's output to set to 0 at random.",
)
@click.option(
    "--seed",
    type=Whole(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="With --cells, --memory and --task: seed of all random numbers.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one object; with --cells and --memory, one object per line."
)
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> None:
    """Measure the speed of training, sampling, its controls, threads and start-up, and the memory of training.

    Without CORPUS, the text is made up. Each figure is the median of several rounds; what is compared takes turns in
    each round. Ratios compare the medians, and the best rounds. Training is compared with the most that the processor
    can do: fused multiply-adds in registers, on all threads at once, and NumPy's product of 1024×1024 matrices, on one
    thread and on all.

    With --against torch, PyTorch trains the same network on the same windows of text, with Adam and clipping, and
    samples from it. It runs on one thread and on all, with an embedding and with one-hot input, and with two kinds of
    Adam; the fastest combination counts.

    A FLOP is one multiplication or addition in a matrix product with weights: 2 per weight and character in the forward
    pass and, in training, 4 more in the backward pass. One-hot input, biases, pointwise functions, softmax and the
    optimizer are not counted.

    With --cells, each kind of network learns the text with the same number of parameters: once for --epochs, and once
    for --time, without the time of validations. The result is the validation loss of the best weights, on the last
    tenth of the text. The result after --epochs depends on --seed, but not on the speed of the machine.

    With --memory, each kind of network, with 64 units, learns made-up sentences such as "the cats, never far behind,
    were glad". The noun decides between "was" and "were"; the clause after it gets longer and longer. The result is how
    often the network gives the right verb the higher probability in sentences that it has not seen; guessing is right
    in half of them.

    With --task, CORPUS has examples with labels, numbers, translations or conditions, as charrnn train reads them. The
    network learns them with Adam until its run ends, without validations in between; with --against torch, so does the
    same network in PyTorch, of which the fastest way to write it counts, on the same batches with the same learning
    rates, and if it writes texts, from the same first weights. Beside them stand simple methods, such as naive Bayes of
    n-grams. All are judged on the same examples: those that their file keeps for tests, or else those that are held
    out. The speeds of training are measured in turns.

    \b
    Examples:
      charrnn bench
      charrnn bench corpus.txt --cell gru --hidden 128 --against torch
      charrnn bench --only training --only sampling --json
      charrnn bench --suite --against torch
      charrnn bench --growth
      charrnn bench --rtrl --cell gru
      charrnn bench poems.txt --vocabulary --against torch
      charrnn bench corpus.txt --cells --parameters 50000 --time 30s
      charrnn bench --memory --cell rnn --cell lstm
      charrnn bench labels.csv --task classify --texts name --labels origin --against torch
      charrnn bench pairs.tsv --task translate --attention --against torch
      charrnn bench names/*.txt --task generate --given file --against torch
    """
    options = BenchOptions(given=given(ctx), **values)
    way = _way(options, ctx.command.params)
    _check_usage(options, way)
    from charrnn.benchmark import pytorch
    from charrnn.cli.bench_learning import cells, memory

    if options.against is not None:
        pytorch.require()  # before anything is measured
    with team_of(options.threads) as team:
        if way == "memory":
            memory(options, team)
        elif way == "cells":
            cells(options, _read(options.corpus), team)
        elif way == "task":
            task(options, team)
        else:
            speed(options, way, _read(options.corpus), team)


def _way(options: BenchOptions, params: Sequence[click.Parameter]) -> str:
    """Return the option that selects what to measure, or "".

    `params` are those of the command. Raises click.UsageError for an option that does not go with it.
    """
    names = {param.name or "": "/".join(param.opts[:1]) for param in params} | {"corpus": "CORPUS"}
    typed = [name for name in names if name in options.given]
    way = next((name for name in typed if name in TAKEN), "")
    strange = [name for name in typed if name not in (way, *TAKEN[way])]
    if strange and way:
        raise click.UsageError(f"--{way} cannot be used with {', '.join(names[name] for name in strange)}.")
    if strange:
        ways = " or ".join(f"--{way}" for way, taken in TAKEN.items() if strange[0] in taken)
        raise click.UsageError(f"{names[strange[0]]} needs {ways}.")
    return way


def _check_usage(options: BenchOptions, way: str) -> None:
    """Raise click.UsageError for options that contradict each other."""
    from charrnn.cells.own_cell import is_own
    from charrnn.cells.real_time import REAL_TIME_CELLS

    cells, only = options.cell, set(options.only)
    if way == "task":
        check_task(options)
    if way == "rtrl" and cells and cells[0] not in REAL_TIME_CELLS:
        raise click.UsageError(f"--rtrl is for the cells {', '.join(REAL_TIME_CELLS)}, not for {cells[0]}.")
    if any(map(is_own, cells)) and way not in ("cells", "memory"):
        raise click.UsageError("A cell of your own can be measured only with --cells and --memory.")
    if len(cells) > 1 and way not in ("cells", "memory"):
        raise click.UsageError("--cell can be given more than once only with --cells and --memory.")
    if len(set(cells)) < len(cells):
        raise click.UsageError("The same --cell is given twice.")
    if options.against:
        from charrnn.benchmark.pytorch import LAYERS

        if not set(cells) <= set(LAYERS):
            raise click.UsageError(f"PyTorch has no {cells[0]}; --against is for the cells {', '.join(LAYERS)}.")
    if options.against and only and not {"training", "sampling"} & only:
        raise click.UsageError("--against is for training, sampling, --suite, --vocabulary and --task.")
    if options.threads == 1 and only == {"threads"}:
        raise click.UsageError("--only threads compares one thread with several; leave out --threads 1.")


def _read(paths: tuple[str, ...]) -> "Corpus":
    from charrnn.corpora.fables import fables
    from charrnn.text.ingest import Corpus, read_corpus
    from charrnn.text.vocabulary import Vocabulary

    if paths:
        return read_corpus(paths, vocabulary=Vocabulary.as_one_text)
    text = fables()
    vocabulary = Vocabulary.of(text)
    return Corpus(vocabulary.encode(text), vocabulary, ("fables",), "")
