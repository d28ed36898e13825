"""Small runs on examples, and what they end with."""

from dataclasses import replace

import numpy as np

from charrnn.examples.dataset import Examples
from charrnn.model.team import Team
from charrnn.text.defaults import LINES
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.example_data import ExampleData
from charrnn.training.settings import Settings
from charrnn.training.trainer import Trainer
from charrnn.training.writing_data import WritingData

SMALL = {"hidden": 12, "batch_size": 8, "seq_length": 30, "dropout": 0.1, "shuffle": True, "epochs": 3.0, "lr": 0.01}
RECORD = {"record": {"sources": ["-"], "sha256": "0" * 64, "steps": 0, "examples": 1}}
KINDS = ["classify", "tag", "series", "translate", "generate"]


def words(count=120, *, per_step=False):
    """Return random words whose class is whether they have an a; or the tag of a letter is whether it follows an a."""
    rng = np.random.default_rng(0)
    texts = tuple("".join(rng.choice(list("abcd"), rng.integers(1, 12))) for _ in range(count))
    if per_step:
        tags = [[k > 0 and text[k - 1] == "a" for k in range(len(text))] for text in texts]
        classes = np.array([tag for row in tags for tag in row], np.int32)
    else:
        classes = np.array(["a" in text for text in texts], np.int32)
    lengths = np.array([len(text) for text in texts])
    return Examples(lengths, texts, labels=("no", "yes"), classes=classes, per_step=per_step, **RECORD)


def wave(steps=600):
    """Return a series of two columns, of which the first is predicted two steps ahead."""
    t = np.arange(steps, dtype=np.float32)
    numbers = np.stack([5 + np.sin(t / 5), np.cos(t / 3)], axis=1).astype(np.float32)
    values = np.full((steps, 2), np.nan, np.float32)
    values[:-1, 0], values[:-2, 1] = numbers[1:, 0], numbers[2:, 0]
    values[-2:] = np.nan
    names, record = ("x t+1", "x t+2"), {**RECORD["record"], "ahead": 2}
    return Examples(
        np.array([steps]), None, numbers, values=values, names=names, per_step=True, series=True, record=record
    )


def pairs(count=80):
    """Return random words, and the same turned around, in capitals."""
    found = words(count)
    turned = tuple(text[::-1].upper() for text in found.texts)
    return Examples(found.lengths, found.texts, translations=turned, **RECORD)


def conditioned(count=120):
    """Return random words to generate, given whether they have an a."""
    return replace(words(count), given=True)


def data(kind, *, examples=None, pace=None, **changes):
    """Return the data of a small run, of a kind or of other examples."""
    own, task = {
        "classify": (words, "classify"),
        "tag": (lambda: words(per_step=True), "tag"),
        "series": (wave, "predict"),
        "translate": (pairs, "translate"),
        "generate": (conditioned, "generate"),
    }[kind]
    found = own() if examples is None else examples
    given = {"given_at": "every"} if found.given else {}
    settings = Settings(**{**SMALL, "task": task, **given, **changes})
    vocabulary = Vocabulary.of_blocks(found.texts or (), LINES if found.given else "")
    writes = found.given or found.translations is not None
    return (WritingData if writes else ExampleData)(settings, found, vocabulary, pace)


def trained(run, threads=2):
    """Return the checkpoint of a whole run."""
    with Team(threads) as team:
        trainer = Trainer(run, team)
        for _ in trainer.run():
            pass
        return trainer.checkpoint()


def assert_same(one, other):
    """Hold two checkpoints to the same bits, except times."""
    assert one.parameters.keys() == other.parameters.keys()
    for name, values in one.parameters.items():
        assert values.tobytes() == other.parameters[name].tobytes(), name
    assert [h["val_loss"] for h in one.history] == [h["val_loss"] for h in other.history]
    assert one.resume.weights.tobytes() == other.resume.weights.tobytes()
    for ours, theirs in zip(one.resume.moments, other.resume.moments, strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert one.architecture == other.architecture
