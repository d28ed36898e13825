"""Starting a new run from the weights of another model."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charrnn.cells import initialise
from charrnn.checkpoint import Checkpoint
from charrnn.errors import CharrnnError
from charrnn.text import Corpus
from charrnn.vocabulary import Vocabulary


def starting_weights(
    source: Checkpoint, corpus: Corpus, *, remap: bool, seed: int
) -> tuple[Corpus, dict[str, NDArray[np.float32]]]:
    """Prepare a new run from another model's weights: the corpus in the vocabulary to use, and the weights for it.

    A text that the model's vocabulary covers is encoded with it, and the weights are used as they are. Otherwise
    CharrnnError is raised, unless `remap` asks for the union of both vocabularies: then what the model learnt of a
    character goes with the character, and characters new to it begin like those of a new network.
    """
    old, new = source.vocabulary, corpus.vocabulary
    if old.byte_level:
        return corpus, source.parameters
    unknown = sorted(set(new.characters) - set(old.characters))
    if not unknown:
        return _recoded(corpus, old), source.parameters
    if not remap:
        shown = ", ".join(repr(c) for c in unknown[:5]) + (" …" if len(unknown) > 5 else "")
        raise CharrnnError(
            f"the text has {len(unknown):,} characters that the model does not know ({shown}); "
            "--remap adds them to its vocabulary"
        )
    union = replace(old, characters="".join(sorted({*old.characters, *new.characters})))
    parameters = initialise(replace(source.architecture, vocabulary=len(union)), seed)
    places = _places(old, union)[: len(old)]
    for name, values in source.parameters.items():
        if name.startswith("layer0.U"):
            parameters[name][places] = values
        elif name.startswith("output."):
            parameters[name][..., places] = values
        else:
            parameters[name] = values
    return _recoded(corpus, union), parameters


def _recoded(corpus: Corpus, vocabulary: Vocabulary) -> Corpus:
    """Return a corpus in another vocabulary, which covers it."""
    places = _places(corpus.vocabulary, vocabulary).astype(vocabulary.dtype)
    return replace(corpus, ids=places[corpus.ids], vocabulary=vocabulary)


def _places(old: Vocabulary, new: Vocabulary) -> NDArray[np.int64]:
    """Return the number in one vocabulary of each of another's, the ends of documents among them."""
    places = new.encode(old.characters, documents=False).astype(np.int64)
    return places if new.boundary is None else np.append(places, [new.boundary, new.boundary + 1])
