"""Small models that generate under a condition: a name, or two numbers."""

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.examples.scaling import Scaling
from charrnn.model.model_file import Checkpoint, save
from charrnn.model.target_names import Targets
from charrnn.text.vocabulary import Vocabulary

LABELS = ("Irish", "Italian", "a,b=0.5", "x=1")
NAMED = Targets(given=LABELS)
MEASURED = Targets(
    names=("size", "weight"), input_scaling=Scaling(np.array([10.0, 0.5]), np.array([2.0, 0.25], np.float64))
)


def untrained_given(path, targets=NAMED, *, given_at="every", cell="lstm", hidden=12, seed=1, **options):
    """Save a model that has learnt nothing, which writes texts of a few letters under a condition; return its path."""
    vocabulary = Vocabulary("abcdefghijklmnopqrstuvwxyz", separator="\n")
    count = len(targets.given) or 2
    a = Architecture(cell, len(vocabulary), hidden, conditions=count, given_at=given_at, **options)
    weights = initialize(a, seed)
    rng = np.random.default_rng(seed)
    weights |= {name: rng.standard_normal(w.shape).astype(np.float32) for name, w in weights.items() if "given" in name}
    weights["output.V"] = rng.standard_normal(weights["output.V"].shape).astype(np.float32)
    save(path, Checkpoint(a, vocabulary, weights, {"seq_length": 1000}, [], {}, targets=targets))
    return path
