"""``charrnn sample``: let a model write."""

import sys
import time

import click

from charrnn.cli.options import Number, model_argument, unknown_option

FLUSH_SECONDS = 0.05  # a terminal looks alive at twenty writes a second, and a pipe is not slowed


@click.command()
@model_argument
@click.option(
    "--temp",
    "--temperature",
    "temperature",
    type=Number(min=0.0),
    default=1.0,
    show_default=True,
    help="How bold: 0 always takes the likeliest character, 0.5 is careful, 1 as learnt, above 1 wild.",
)
@click.option(
    "--length",
    type=click.IntRange(0, 10**15),
    default=1000,
    show_default=True,
    help="Characters to write; 0 never ends.",
)
@click.option("--prime", metavar="TEXT", help="Text to go on from; - reads it from standard input.")
@click.option("--prime-file", type=click.Path(), metavar="FILE", help="A file with the text to go on from.")
@click.option("--seed", type=click.IntRange(min=0), help="The same seed writes the same text; else each run differs.")
@unknown_option
def command(
    model: str,
    temperature: float,
    length: int,
    prime: str | None,
    prime_file: str | None,
    seed: int | None,
    unknown: str,
) -> None:
    """Write text with a trained MODEL, each character as it is drawn.

    A text to go on from (the prime) is written first. Stop an endless sample with Ctrl-C.

    \b
    Examples:
      charrnn sample model.npz --temp 0.8
      charrnn sample model.npz --prime "Once upon a time" --length 300 --seed 1
      fortune | charrnn sample model.npz --prime - | head -c 500
    """
    if prime is not None and prime_file is not None:
        raise click.UsageError("Give --prime or --prime-file, not both.")
    from charrnn.checkpoint import load
    from charrnn.network import Network
    from charrnn.sampling import first_symbol, sample_blocks
    from charrnn.text import read_text

    checkpoint = load(model)
    vocabulary = checkpoint.vocabulary
    text: str | bytes = prime or ""
    where = "the prime"
    if prime == "-" or prime_file is not None:
        where = prime_file or "-"
        text = read_text([where], byte_level=vocabulary.byte_level)
    ids = vocabulary.encode(text, unknown=unknown, where="standard input" if where == "-" else where)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    if not network.is_compiled(training=False):
        from charrnn.display.console import compiling

        with compiling(network, training=False, quiet=False):
            network.compile()
    out = sys.stdout.buffer
    out.write(vocabulary.decode_bytes(ids))
    out.flush()
    start = ids if ids.size else [first_symbol(vocabulary)]
    drawn = sample_blocks(network, start, temperature=temperature, seed=_fresh_seed() if seed is None else seed)
    flushed = time.monotonic()
    left = length or sys.maxsize
    for block in drawn:
        out.write(vocabulary.decode_bytes(block[:left, 0]))
        left -= len(block)
        if left <= 0:
            break
        now = time.monotonic()
        if now - flushed > FLUSH_SECONDS:
            out.flush()
            flushed = now
    if length and out.isatty():
        out.write(b"\n")
    out.flush()


def _fresh_seed() -> int:
    import secrets

    return secrets.randbits(63)
