"""Examples as a network reads them: symbols and scaled numbers, in pieces of limited length."""

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.examples.dataset import Examples
from charrnn.examples.scaling import Scaling
from charrnn.model.example_batches import EncodedExamples, Pieces, Places
from charrnn.model.parameters import Array
from charrnn.model.target_names import Targets
from charrnn.text.vocabulary import Vocabulary

CONTEXT = 8  # a piece of a long example reads an eighth of its steps on each side, and of a series half of them before


def pieces_of(
    starts: Places,
    lengths: Places,
    architecture: Architecture,
    seq_length: int,
    *,
    series: bool = False,
    skipped: int = 0,
) -> Pieces:
    """Return pieces of at most ``seq_length`` steps of examples, which begin at ``starts`` among all steps.

    If each step predicts, long examples are cut so that all steps do; otherwise their first steps are read.
    """
    if architecture.pooling != "each":
        return Pieces.whole(starts, lengths, seq_length)
    before = seq_length // (2 if series else CONTEXT)
    behind = seq_length // CONTEXT if architecture.bidirectional else 0
    return Pieces.cut(starts, lengths, seq_length, before=before, behind=behind, skipped=skipped)


def encoded(
    examples: Examples,
    vocabulary: Vocabulary,
    targets: Targets,
    pieces: Pieces,
    *,
    class_weights: Array | None = None,
    unknown: str = "error",
    where: str = "",
) -> EncodedExamples:
    """Return examples as a network reads them.

    A character that is not in the vocabulary is treated as in `Vocabulary.encode`; it must not be skipped. Raises
    CharrnnError for one that is an error.
    """
    ids: NDArray[np.int32] | None = None
    if examples.texts is not None:
        blocks = vocabulary.encode_blocks(["".join(examples.texts)], unknown=unknown, where=where)
        ids = np.concatenate([np.zeros(0, np.int32), *(block.astype(np.int32) for block in blocks)])
        if ids.size != examples.steps:
            raise ValueError("each character must be one symbol")
    return EncodedExamples(
        pieces,
        ids,
        _scaled(examples.numbers, targets.input_scaling),
        examples.classes,
        _scaled(examples.values, targets.target_scaling),
        class_weights,
    )


def _scaled(values: Array | None, scaling: Scaling | None) -> Array | None:
    return values if values is None or scaling is None else scaling.apply(values)
