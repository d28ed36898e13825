"""Networks and simple methods learn the same examples, and are judged on the same ones."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.benchmark import pytorch, pytorch_examples, task_comparison
from charrnn.benchmark.sides import training_side
from charrnn.benchmark.task_comparison import OURS, TaskRun
from charrnn.examples.dataset import Examples
from charrnn.reading.predictions import outputs_of
from charrnn.training.settings import Settings
from tests.helpers.bench import NEEDS_TORCH, SHORT

SMALL = {"hidden": 8, "batch_size": 8, "seq_length": 30, "dropout": 0.0, "epochs": 2.0, "patience": 0}
TURNS = replace(SHORT, rounds=1)


def words(count=90, *, per_step=False):
    """Return random words whose class is whether they have an a; or the tag of a letter is whether it is one."""
    rng = np.random.default_rng(0)
    texts = tuple("".join(rng.choice(list("abcd"), rng.integers(1, 9))) for _ in range(count))
    of_text = ["a" in text for text in texts]
    classes = np.array([c == "a" for c in "".join(texts)] if per_step else of_text, np.int32)
    lengths = np.array([len(text) for text in texts])
    return Examples(lengths, texts, labels=("no", "yes"), classes=classes, per_step=per_step)


def images(count=60, *, test=None):
    """Return images of 4 rows of 3 numbers, whose class is whether the first number is large."""
    numbers = np.random.default_rng(1).random((4 * count, 3), np.float32)
    classes = (numbers[::4, 0] > 0.5).astype(np.int32)
    lengths = np.full(count, 4)
    return Examples(lengths, numbers=numbers, labels=("0", "1"), classes=classes, test=test and images(test))


def wave(steps=300):
    """Return a series that is predicted one step ahead."""
    numbers = np.sin(np.arange(steps, dtype=np.float32) / 5)[:, np.newaxis]
    values = np.append(numbers[1:], [[np.nan]], axis=0).astype(np.float32)
    return Examples(np.array([steps]), numbers=numbers, values=values, per_step=True, series=True, record={"ahead": 1})


def run_of(examples, team, task="classify", **changes):
    """Return a small run on some examples."""
    return TaskRun(examples, Settings(**{**SMALL, "task": task, **changes}), team)


def test_words_are_classified_beside_naive_bayes(team):
    """The figures of all sides are of the same examples; the run ends after its epochs."""
    found = run_of(words(), team, epochs=30.0, lr=0.02).measured(turns=TURNS)
    assert [side.name for side in found.sides] == [OURS, "naive Bayes of n-grams", "majority"]
    ours, bayes, majority = (side.figures for side in found.sides)
    assert ours["accuracy"] > majority["accuracy"]
    assert bayes["log_loss"] < majority["log_loss"]
    assert (found.trained + found.judged, found.test) == (90, False)
    assert found.compared.ratio_of_medians is None
    told = found.as_dict()
    assert told["judged_on"] == {"examples": found.judged, "part": "validation"}
    assert told["learned"][0]["training_seconds"] > 0
    first, second = task_comparison.tables(found)
    assert first.columns == (f"classify, {found.judged} validation examples", *first.columns[1:])
    assert [row[0] for row in first.rows] == [side.name for side in found.sides]
    assert "lstm 1×8, pooling last" in second.columns[0]


def test_a_file_with_a_test_part_is_judged_on_it(team):
    """All other examples are trained on."""
    found = run_of(images(test=20), team, bidirectional=True, joined=True).measured(turns=TURNS)
    assert (found.trained, found.judged, found.test) == (60, 20, True)
    assert "both directions" in found.network


@pytest.mark.parametrize(
    ("examples", "task", "names", "figures"),
    [
        (words(per_step=True), "tag", ["tag of the character", "majority"], {"accuracy", "macro_f1", "log_loss"}),
        (wave(), "predict", ["same as last", "linear model", "mean"], {"squared_error", "r2"}),
    ],
    ids=["tag", "predict"],
)
def test_each_task_has_simple_methods_beside_it(team, examples, task, names, figures):
    """Tags and numbers have methods and figures of their own, and speeds are of predictions."""
    run = run_of(examples, team, task)
    found = run.measured(turns=TURNS)
    assert all(side.name.startswith(name) for side, name in zip(found.sides[1:], names, strict=True))
    assert set(found.sides[0].figures) == figures
    assert {"tag of the character": 1.0}.get(found.sides[1].name, 1.0) == found.sides[1].figures.get("accuracy", 1.0)
    pieces = run.data.train.pieces
    predictions = (pieces.last - pieces.first).sum()
    assert found.steps_per_prediction == pytest.approx(pieces.lengths.sum() / predictions)


def give_parameters(learner, network):
    """Give a network in PyTorch the parameters of ours; it learns only one of its two biases."""
    torch, ours = pytorch.require(), network.weights.named
    a = network.architecture
    with torch.no_grad():
        for back, where in enumerate(["", "reverse."][: a.directions]):
            for layer in range(a.layers):
                end = f"_l{layer}" + "_reverse" * back
                for name, letter in (("weight_ih", "U"), ("weight_hh", "W"), ("bias_ih", "b")):
                    gates = np.concatenate([ours[f"{where}layer{layer}.{letter}_{gate}"].T for gate in "ifgo"])
                    getattr(learner.layers, name + end).copy_(torch.from_numpy(gates))
                getattr(learner.layers, "bias_hh" + end).zero_().requires_grad_(False)
        V = [ours[name].T for name in ("output.V", "output.V_reverse")[: a.directions]]
        learner.output.weight.copy_(torch.from_numpy(np.concatenate(V, axis=1)))
        learner.output.bias.copy_(torch.from_numpy(ours["output.c"].copy()))


@NEEDS_TORCH
@pytest.mark.parametrize(
    ("examples", "task", "changes"),
    [
        (words(), "classify", {}),
        (words(), "classify", {"pooling": "mean", "layers": 2, "class_weights": "balanced"}),
        (words(), "classify", {"bidirectional": True, "joined": True, "layers": 2}),
        (images(), "classify", {"bidirectional": True, "joined": True, "layers": 2, "schedule": "constant"}),
        (images(), "classify", {"pooling": "mean", "clip": 0.01}),
        (words(per_step=True), "tag", {"seq_length": 6, "bidirectional": True, "joined": True}),
        (wave(), "predict", {"layers": 2}),
    ],
)
def test_pytorch_trains_the_same_network(team, examples, task, changes):
    """In each of its ways, from the same first weights, PyTorch ends with the outputs of our network."""
    run = run_of(examples, team, task, **changes)
    ways = [way for way in pytorch_examples.ways(run.data, 1) if way.one_hot or examples.texts is None]
    for way in ways:
        trainer = run.trainer()
        learner = pytorch_examples.Learner(trainer, way)
        give_parameters(learner, trainer.network)
        before = outputs_of(trainer.network, run.data.validation, team)
        np.testing.assert_allclose(learner.judged(run.data.validation), before, atol=1e-5)
        total = run.data.steps.total
        assert learner.advance(total) == training_side(trainer)(total)
        after = outputs_of(trainer.network, run.data.validation, team)
        np.testing.assert_allclose(learner.judged(run.data.validation), after, atol=2e-3)
        assert np.nanmax(np.abs(after - before)) > 0.02


@NEEDS_TORCH
def test_pytorch_is_measured_beside(team):
    """The fastest way on one thread and on all are in the turns; the faster of both learns."""
    found = run_of(words(), team).measured(turns=TURNS, against_torch=True)
    assert found.compared.ratio_of_medians > 0
    assert [name.split()[-2] for name in (t.name for t in found.compared.theirs)] == ["1", "2"]
    assert found.sides[1].name == found.compared.fastest.name
    assert 0 <= found.sides[1].figures["accuracy"] <= 1
    assert [row[0] for table in task_comparison.tables(found) for row in table.rows][1] == "PyTorch"


@NEEDS_TORCH
def test_pytorch_is_measured_in_all_ways_that_compute_the_same(team):
    """Padded batches are not read in two directions, and images have nothing to pack."""

    def orders(examples, **changes):
        ways = pytorch_examples.ways(run_of(examples, team, **changes).data, 1)
        return {way.packed for way in ways}, {way.one_hot for way in ways}

    assert orders(words()) == ({False, True}, {False, True})
    assert orders(words(), bidirectional=True) == ({True}, {False, True})
    assert orders(images(), bidirectional=True) == ({False}, {False})
