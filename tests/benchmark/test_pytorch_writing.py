"""PyTorch's networks that write texts are ours: with the same weights, the same losses, before training and after."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.benchmark import pytorch_writing, task_comparison
from charrnn.benchmark.sides import training_side
from charrnn.benchmark.task_comparison import OURS, TaskRun
from charrnn.examples.dataset import Examples
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from tests.helpers.bench import NEEDS_TORCH, SHORT

SMALL = {"hidden": 8, "batch_size": 8, "seq_length": 30, "dropout": 0.0, "epochs": 2.0, "patience": 0, "lr": 0.02}
TURNS = replace(SHORT, rounds=1)


def random_texts(count, letters="abcd"):
    """Return random words of 1 to 9 letters, and their lengths."""
    rng = np.random.default_rng(len(letters))
    texts = tuple("".join(rng.choice(list(letters), rng.integers(1, 10))) for _ in range(count))
    return texts, np.array([len(text) for text in texts])


def pairs(count=90):
    """Return words to translate: to every second letter, and an end."""
    texts, lengths = random_texts(count)
    return Examples(lengths, texts, translations=tuple(f"{text[::2]}!" for text in texts))


def named(count=90):
    """Return words, each under the name of the letter that it begins with."""
    texts, lengths = random_texts(count)
    classes = np.array(["abcd".index(text[0]) for text in texts], np.int32)
    return Examples(lengths, texts, labels=tuple("abcd"), classes=classes, given=True)


def measured(count=90):
    """Return words, each under a condition of two numbers: its length, and how many letters are an a."""
    texts, lengths = random_texts(count)
    values = np.array([[len(text), text.count("a")] for text in texts], np.float32)
    return Examples(lengths, texts, values=values, given=True)


def run_of(examples, team, **changes):
    """Return a small run on some examples."""
    task = {"task": "translate"} if examples.translations else {"task": "generate", "given_at": "every"}
    vocabulary = Vocabulary.of_blocks(examples.texts, separator="\n" if examples.given else "")
    return TaskRun(examples, Settings(**{**SMALL, **task, **changes}), team, vocabulary=vocabulary)


@NEEDS_TORCH
@pytest.mark.parametrize(
    ("examples", "changes"),
    [
        (pairs(), {}),
        (pairs(), {"bidirectional": True, "clip": 0.1}),
        (pairs(), {"attention": True, "schedule": "constant"}),
        (pairs(), {"attention": True, "bidirectional": True, "layers": 2, "joined": True}),
        (pairs(), {"cell": "gru", "attention": True, "bidirectional": True}),
        (pairs(), {"cell": "rnn", "layers": 2}),
        (pairs(), {"embedding": 3, "attention": True}),
        (pairs(), {"seq_length": 3}),
        (named(), {}),
        (named(), {"seq_length": 4, "cell": "gru"}),
        (named(), {"given_at": "first", "layers": 2}),
        (measured(), {"embedding": 3}),
        (measured(), {"given_at": "first", "embedding": 3, "cell": "rnn"}),
    ],
)
def test_pytorch_trains_the_same_network(team, examples, changes):
    """In each of its ways, the losses of the texts held out are ours, with the first weights and after training."""
    run = run_of(examples, team, **changes)
    alike = [way for way in pytorch_writing.ways(run.data, 1) if way.one_hot is not ("embedding" in changes)]
    assert len(alike) == 4
    for way in alike:
        trainer = run.trainer()
        learner = pytorch_writing.learner_of(trainer, way)
        before = run.data.validate(trainer.network, team)
        assert learner.mean_loss(run.data.validation) == pytest.approx(before, abs=2e-6)
        assert sum(p.numel() for p in learner.parameters) >= trainer.architecture.parameter_count()
        total = run.data.steps.total
        assert learner.advance(total) == training_side(trainer)(total)
        after = run.data.validate(trainer.network, team)
        assert learner.mean_loss(run.data.validation) == pytest.approx(after, abs=1e-3)
        assert abs(before - after) > 0.01


@NEEDS_TORCH
@pytest.mark.parametrize("attention", [False, True])
def test_dropout_is_in_the_same_places(team, attention):
    """With the masks of a step of ours, PyTorch has its loss: of what predicts, and of what is attended to."""
    import torch

    run = run_of(pairs(), team, attention=attention, bidirectional=True, dropout=0.4)
    trainer = run.trainer()
    learner = pytorch_writing.learner_of(trainer, pytorch_writing.ways(run.data, 1)[-1])
    (group,) = learner.groups(1)
    loss, window = trainer.advance(1).loss, trainer.learner.window
    (own,) = run.data.steps.epoch(0)[1][:1]
    rows = [own.tolist().index(piece) for piece in group.tolist()]
    T, S = (of.pieces.lengths[group].max() for of in (run.data.train, run.data.train.sources))
    left, right = window.source.masks[:, :S, rows, :4]
    masks = [window.masks[0, :T, rows, :8], np.concatenate([left, right[::-1]], axis=2).swapaxes(0, 1)]
    learner.dropout = lambda x: x * torch.from_numpy(masks.pop(0))
    assert learner.loss(learner.train, group)[0].item() == pytest.approx(loss, abs=2e-6)
    assert len(masks) == (not attention)
    learner.dropout = torch.nn.Identity()
    assert abs(learner.loss(learner.train, group)[0].item() - loss) > 1e-3


def test_texts_are_written_beside_simple_methods(team):
    """Speeds are of the characters to write; steps are those of both texts."""
    found = run_of(pairs(), team, bidirectional=True, attention=True).measured(turns=TURNS)
    assert [side.name for side in found.sides] == [OURS, "n-grams of characters", "frequency of characters"]
    assert found.sides[0].figures["loss"] > 0
    trained = found.trained
    assert trained + found.judged == 90
    assert 2 < found.steps_per_prediction < 3
    first, second = task_comparison.tables(found)
    assert "loss" in first.columns
    assert second.columns[:2] == ("training, lstm 1×8, both directions, attention", "characters written/s")
    assert found.as_dict()["attention"] is True


@NEEDS_TORCH
def test_pytorch_is_measured_beside(team):
    """The fastest way learns, from the same first weights: with symbols that are one-hot, as here."""
    found = run_of(named(), team).measured(turns=TURNS, against_torch=True)
    assert found.compared.ratio_of_medians > 0
    assert "one-hot" in found.sides[1].name
    assert found.sides[1].figures["loss"] == pytest.approx(found.sides[0].figures["loss"], abs=1e-3)
