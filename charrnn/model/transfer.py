"""Starting a new run from the weights of another model."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.initial import initialize
from charrnn.cells.own_cell import looks_up
from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint
from charrnn.text.near_forms import NearForms
from charrnn.text.vocabulary import Vocabulary


def common_vocabulary(model: Vocabulary, text: Vocabulary, *, remap: bool) -> Vocabulary:
    """Return the vocabulary for a new run from a model's weights.

    A text whose characters are all in the model's vocabulary is encoded with it, and a text with others, too, if these
    can have near forms, or if it has the unknown symbol. Otherwise CharrnnError is raised, unless ``remap`` asks for
    the union of both vocabularies.
    """
    if model.byte_level:  # of an old model, it is not known which bytes it has seen
        return replace(model, seen="".join(sorted({*model.seen, *text.seen})) if model.seen else "")
    unknown = sorted(set(text.characters) - set(model.characters))
    rare = text.rare or model.rare
    if model.rare == rare and (not unknown or (rare and not remap)):
        return model
    if not remap:
        near = NearForms(model.characters)
        unknown = [character for character in unknown if not near.may_read(character)]
        if not unknown:
            return model
        shown = ", ".join(repr(c) for c in unknown[:5]) + (" …" if len(unknown) > 5 else "")
        raise CharrnnError(
            f"the model's vocabulary lacks {len(unknown):,} of the text's characters ({shown}); "
            "add --remap to extend it"
        )
    return replace(model, characters="".join(sorted({*model.characters, *text.characters})), rare=rare)


def starting_weights(model: Checkpoint, vocabulary: Vocabulary, *, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return a model's weights for its own or a larger vocabulary.

    The vocabulary is one that ``common_vocabulary`` returns. Each character keeps its learned weights; the weights of
    new characters are those of a new network.
    """
    if vocabulary.characters == model.vocabulary.characters:
        return model.parameters
    parameters = initialize(replace(model.architecture, vocabulary=len(vocabulary)), seed)
    places = np.array([vocabulary.characters.index(character) for character in model.vocabulary.characters], np.int64)
    if vocabulary.boundary is not None:
        places = np.append(places, vocabulary.boundary)
    for name, values in model.parameters.items():
        if looks_up(model.architecture, name):
            gap = len(values) - model.architecture.vocabulary  # 1 in a bidirectional network's right stack
            parameters[name][places] = values[: len(places)]
            parameters[name][len(vocabulary) :] = values[len(values) - gap :]
        elif name.startswith("output."):
            parameters[name][..., places] = values
        else:
            parameters[name] = values
    return parameters
