"""Character-level recurrent networks for a CPU: train on any text, write more like it.

    import charrnn

    model = charrnn.load("model.npz")
    print(model.sample(prime="Once upon a time", length=300, temp=0.8, seed=1))

`load` opens a model file, `train` trains on a text, and `Layer` runs a cell on NumPy arrays. Each of them is imported
when it is first used. An error that a user can fix is a `CharrnnError`, whose message is one sentence; a misspelled
option, or a value of the wrong type, is a TypeError.
"""

from charrnn.version import __version__

TYPE_CHECKING = False  # as typing's, which would take longer to import than all of this
if TYPE_CHECKING:
    from charrnn.errors import CharrnnError
    from charrnn.library.keywords import TrainingOptions, WritingOptions
    from charrnn.library.layer import Layer
    from charrnn.library.model import Model, load
    from charrnn.library.run import Run, train
    from charrnn.reading.answers import Classified, Span, Tagged
    from charrnn.reading.evaluation import Evaluation
    from charrnn.reading.scoring import Character, Score
    from charrnn.training.progress import Progress
    from charrnn.writing.completion import Completion
    from charrnn.writing.samples import Sample

__all__ = [
    "Character",
    "CharrnnError",
    "Classified",
    "Completion",
    "Evaluation",
    "Layer",
    "Model",
    "Progress",
    "Run",
    "Sample",
    "Score",
    "Span",
    "Tagged",
    "TrainingOptions",
    "WritingOptions",
    "__version__",
    "load",
    "train",
]

_MODULES = {
    "Character": "reading.scoring",
    "CharrnnError": "errors",
    "Classified": "reading.answers",
    "Completion": "writing.completion",
    "Evaluation": "reading.evaluation",
    "Layer": "library.layer",
    "Model": "library.model",
    "Progress": "training.progress",
    "Run": "library.run",
    "Sample": "writing.samples",
    "Score": "reading.scoring",
    "Span": "reading.answers",
    "Tagged": "reading.answers",
    "TrainingOptions": "library.keywords",
    "WritingOptions": "library.keywords",
    "load": "library.model",
    "train": "library.run",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'charrnn' has no attribute {name!r}; it has {', '.join(sorted(_MODULES))}")
    import importlib

    value: object = getattr(importlib.import_module(f"charrnn.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
