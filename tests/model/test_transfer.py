"""Weights of a model for the vocabulary of another."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint
from charrnn.model.team import Team
from charrnn.model.transfer import common_vocabulary, starting_weights
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.texts import corpus_of
from tests.rows import KINDS


@pytest.mark.parametrize("cell", KINDS)
def test_weights_go_with_their_symbols(cell):
    """Where characters are added, or fewer are used, each keeps its weights, and so does the boundary."""
    with Team(1) as team:
        chosen = Settings(cell=cell, hidden=5, layers=2, epochs=1.0)
        source = Trainer(TextData(chosen, corpus_of("bd\nfb\n" * 9, "\n")), team).checkpoint()
    old = source.vocabulary
    assert common_vocabulary(old, Vocabulary("bf", separator="\n"), remap=False) == old
    assert starting_weights(source, old, seed=3) is source.parameters
    with pytest.raises(CharrnnError, match="'a', 'z'"):
        common_vocabulary(old, Vocabulary("az", separator="\n"), remap=False)
    vocabulary = common_vocabulary(old, Vocabulary("abdz", separator="\n"), remap=True)
    assert vocabulary == Vocabulary("abdfz", separator="\n")
    weights = starting_weights(source, vocabulary, seed=3)
    fresh = initialize(Architecture(cell, 6, 5, 2), 3)
    for name, values in source.parameters.items():
        axis = 0 if name.startswith("layer0.U") else values.ndim - 1
        if name.startswith(("layer0.U", "output.")):
            kept = np.take(weights[name], [1, 2, 3, 5], axis)  # b, d, f and the boundary
            assert np.take(weights[name], [0, 4], axis).tobytes() == np.take(fresh[name], [0, 4], axis).tobytes()
        else:
            kept = weights[name]
        assert kept.tobytes() == values.tobytes()


def test_the_gap_goes_along_to_another_vocabulary():
    """A run from a bidirectional model begins with what that learnt of each character, and of the gap."""
    small, large = Vocabulary.of("abd"), Vocabulary.of("abcd")
    architecture = Architecture("gru", 3, 4, bidirectional=True)
    parameters = initialize(architecture, 0)
    model = Checkpoint(architecture, small, parameters, {}, [], {})
    begun = starting_weights(model, large, seed=1)
    assert {name: values.shape for name, values in begun.items()} == replace(
        architecture, vocabulary=4
    ).parameter_shapes()
    assert np.array_equal(begun["layer0.U_n"][[0, 1, 3]], parameters["layer0.U_n"])
    assert np.array_equal(begun["reverse.layer0.U_n"][[0, 1, 3, 4]], parameters["reverse.layer0.U_n"])
    assert np.array_equal(begun["output.V_reverse"][:, [0, 1, 3]], parameters["output.V_reverse"])
    assert np.array_equal(begun["reverse.layer0.W_r"], parameters["reverse.layer0.W_r"])
