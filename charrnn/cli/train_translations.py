"""A few translations by a network in training."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

SHOWN = 3


def translations(trainer: "Trainer[Any]") -> str:
    """Return what the model writes now for a few of the texts that validate, or else of all: others each time."""
    import numpy as np

    from charrnn.reading.writing_encoding import encoded_parts, encoded_sources, written_vocabulary
    from charrnn.writing.translating import Search, translate

    data = trainer.data
    pairs = data.validated if data.validated.count else data.examples
    places = np.random.default_rng(trainer.state.step).permutation(pairs.count)[:SHOWN]
    some = pairs.take(np.sort(places))
    assert some.texts is not None
    sources = np.split(encoded_parts(data.vocabulary, some.texts, "the texts"), some.starts[1:])
    writer = written_vocabulary(data.targets)
    read = encoded_sources(sources, data.settings.seq_length)
    lines = []
    for source, target, (best, *_) in zip(
        some.texts, some.translations, translate(trainer.network, read, trainer.team, Search()), strict=True
    ):
        written = writer.decode(np.array(best.symbols, np.int32))
        lines.append(f"{source} → {written}" + ("" if written == target else f"  (right: {target})"))
    return "\n".join(line.replace("\n", " ") for line in lines)
