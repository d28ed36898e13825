"""What is in a model file, read with NumPy alone; and checkpoints to be saved, compared and refused."""

import json

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint, Resume, load, save
from charrnn.text.vocabulary import Vocabulary
from tests import hostile

CHARACTERS = "\n aé\U0001f600"


def meta_of(model):
    """Return what a model file says about itself."""
    with np.load(model) as file:
        return json.loads(file["meta"].tobytes())


def arrays_of(model):
    """Return the arrays in a model file that its bits depend on."""
    with np.load(model) as file:
        return {name: file[name] for name in file.files if name != "meta"}


def steps_of(model):
    """Return how many steps a model file says were trained."""
    return meta_of(model)["progress"]["step"]


def assert_same_bits(one, other):
    """Hold that two model files have the same weights and the same state."""
    one, other = arrays_of(one), arrays_of(other)
    assert list(one) == list(other)
    assert any(name.startswith("param/") for name in one)
    assert any(name.startswith("state/") for name in one)
    for name, values in one.items():
        assert_identical(values, other[name])


def assert_same_file(one, other):
    """Hold that two model files have the same bits, and say the same but for the clock's seconds."""
    assert_same_bits(one, other)
    one, other = meta_of(one), meta_of(other)
    assert one["training"].get("seconds") == other["training"].get("seconds")  # what was asked for is no clock's
    assert timeless(one) == timeless(other)


def timeless(facts):
    """Return JSON without what a clock says."""
    if isinstance(facts, dict):
        return {name: timeless(value) for name, value in facts.items() if name != "seconds"}
    return [timeless(value) for value in facts] if isinstance(facts, list) else facts


def rewrite(source, target, change):
    """Copy a model file, with ``change(meta, arrays)`` done to it."""
    arrays, meta = arrays_of(source), meta_of(source)
    change(meta, arrays)
    np.savez(target, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), **arrays)


def with_meta(path, change):
    """Save a checkpoint and then change its meta: JSON by a function, or all of it for other bytes."""
    save(path, made_up())
    path.write_bytes(hostile.with_meta(path.read_bytes(), change))


def made_up(cell="lstm", *, layers=1, hidden=3, byte_level=False, slim=False, seed=0, batch=2, moments=2, examples=""):
    """Return a small checkpoint with some value everywhere; with `examples`, of a network of `hostile.EXAMPLES`."""
    options, targets = hostile.EXAMPLES[examples] if examples else ({}, None)
    vocabulary = Vocabulary.of_bytes() if byte_level else Vocabulary("" if "features" in options else CHARACTERS)
    hidden = options.get("hidden", hidden)
    architecture = Architecture(cell, len(vocabulary), **{"hidden": hidden, "layers": layers, **options})
    rng = np.random.default_rng(seed)
    count = architecture.parameter_count()

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    resume = Resume(
        progress={"step": 17, "seconds": 0.1 + 0.2, "best_loss": None, "generator": 1 << 127},
        weights=draw(count),
        moments=tuple(draw(count) for _ in range(moments)),
        carried=draw(architecture.directions * architecture.layers, len(architecture.row.states), batch, hidden),
    )
    corpus = {"sources": ["naïve.txt", "byte \udcff.txt"], "sha256": "ab" * 32, "characters": 1234}
    return Checkpoint(
        architecture,
        vocabulary,
        initialize(architecture, seed),
        {"lr": 0.002, "cell": cell, "clip": None},
        [{"step": 8, "loss": 3.25}, {"step": 16, "loss": 1 / 3}],
        corpus | ({"examples": 12} if examples else {}),
        None if slim else resume,
        targets,
    )


def untrained(path, vocabulary, *, hidden=8, seed=1, bidirectional=False):
    """Save a model that has learnt nothing, which reads and writes these symbols; return its path."""
    architecture = Architecture("lstm", len(vocabulary), hidden, 1, bidirectional=bidirectional)
    save(path, Checkpoint(architecture, vocabulary, initialize(architecture, seed), {}, [], {}))
    return path


def slimmed(checkpoint):
    """Return what is to be seen of a checkpoint that was not loaded to be resumed."""
    return Checkpoint(**{**vars(checkpoint), "resume": None})


def assert_identical(one, other):
    """Hold two arrays to be the same bits of the same type and shape."""
    assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def assert_same_checkpoint(ours, theirs):
    """Hold two checkpoints to be equal, bit for bit."""
    for name in ("architecture", "vocabulary", "training", "history", "corpus"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert (ours.targets and ours.targets.record()) == (theirs.targets and theirs.targets.record())
    assert list(ours.parameters) == list(theirs.parameters)
    for name, values in ours.parameters.items():
        assert_identical(values, theirs.parameters[name])
    assert (ours.resume is None) == (theirs.resume is None)
    if ours.resume:
        assert ours.resume.progress == theirs.resume.progress
        assert len(ours.resume.moments) == len(theirs.resume.moments)
        assert_identical(ours.resume.weights, theirs.resume.weights)
        assert_identical(ours.resume.carried, theirs.resume.carried)
        for one, other in zip(ours.resume.moments, theirs.resume.moments, strict=True):
            assert_identical(one, other)


def unloadable(path, *, resume=False):
    """Return why a file cannot be loaded: one sentence with its name, without that name."""
    with pytest.raises(CharrnnError) as caught:
        load(path, resume=resume)
    return sentence(caught, path)


def unsaved(path, checkpoint):
    """Return why a file cannot be saved: one sentence with its name, without that name."""
    with pytest.raises(CharrnnError) as caught:
        save(path, checkpoint)
    return sentence(caught, path)


def sentence(caught, path):
    """Return what an error says of a file beside its name, being one short sentence."""
    said = str(caught.value)
    name = str(path) if str(path).isprintable() else repr(str(path))
    assert said.isprintable()
    assert not said.endswith(".")
    assert len(said) < 400 + len(name)
    assert name in said
    return said.replace(name, "", 1).strip()


def names_in(folder):
    """Return the names of what is in a folder, in order."""
    return sorted(path.name for path in folder.iterdir())
