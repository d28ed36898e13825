"""Runs on examples: what they learn, and that resuming, threads and padding change no bit."""

from dataclasses import replace

import numpy as np
import pytest

from charrnn.model.example_batches import Pieces
from charrnn.model.model_file import load, save
from charrnn.model.team import Team
from charrnn.reading.predictions import outputs_of
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.example_data import ExampleData, balanced
from charrnn.training.settings import Settings
from charrnn.training.trainer import Trainer
from tests.helpers.example_runs import KINDS, SMALL, assert_same, data, trained, wave, words


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_a_run(kind):
    """Runs with one and with three threads end with the same bits."""
    assert_same(trained(data(kind), 1), trained(data(kind), 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [1, 5])
def test_a_resumed_run_ends_as_if_it_had_never_stopped(kind, after, tmp_path):
    """A run that stops in an epoch, is saved and resumed ends with the same bits."""
    whole = trained(data(kind))
    with Team(2) as team:
        trainer = Trainer(data(kind), team)
        for number, _ in enumerate(trainer.run()):
            trainer.stop = number >= after
        save(tmp_path / "half.npz", trainer.checkpoint())
        half = load(tmp_path / "half.npz", resume=True)
        resumed = Trainer.resumed(half, data(kind), team)
        for _ in resumed.run():
            pass
        assert_same(whole, resumed.checkpoint())
    expected = {"series": (), "translate": ("A", "B", "C", "D"), "generate": ()}
    assert half.targets.labels == expected.get(kind, ("no", "yes"))
    assert half.targets.given == (("no", "yes") if kind == "generate" else ())


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adagrad"])
@pytest.mark.parametrize("kind", ["translate", "generate"])
def test_every_optimizer_learns_to_write(kind, optimizer):
    """Deep, with dropout, in both directions and with attention: the loss falls, and a rerun has the same bits."""
    changes = {"bidirectional": True, "joined": True, "attention": True} if kind == "translate" else {}
    changes |= {"optimizer": optimizer, "layers": 2, "lr": 0.05 if optimizer != "rmsprop" else 0.005, "epochs": 30.0}
    run = data(kind, **changes)
    found = trained(run, 1)
    assert min(record["val_loss"] for record in found.history) < 0.97 * run.blind
    assert_same(found, trained(data(kind, **changes), 3))


@pytest.mark.parametrize(("kind", "enough"), [("classify", 0.25), ("tag", 0.1), ("series", 0.05)])
def test_runs_learn(kind, enough):
    """Small runs learn what is easy: the loss falls well below that of blind guessing."""
    run = data(kind, epochs=40.0, dropout=0.0, hidden=24, patience=0)
    assert min(h["val_loss"] for h in trained(run).history) < enough


def test_how_examples_are_read_together_does_not_change_what_is_predicted():
    """Outputs are the same in any order of the pieces, and with any number of threads."""
    run = data("classify", bidirectional=True, joined=True, layers=2)
    with Team(1) as one, Team(3) as three:
        trainer = Trainer(run, one)
        trainer.begin()
        outputs = outputs_of(trainer.network, run.train, three)
        order = np.random.default_rng(0).permutation(run.train.pieces.count)
        pieces = Pieces(*(of[order] for of in vars(run.train.pieces).values()))
        np.testing.assert_array_equal(
            outputs_of(trainer.network, replace(run.train, pieces=pieces), one), outputs[order]
        )


@pytest.mark.parametrize(("length", "most"), [(5, 10), (10, 10), (11, 10), (95, 10), (40, 3), (7, 1)])
@pytest.mark.parametrize("skipped", [0, 1, 4])
def test_every_step_predicts_in_one_piece(length, most, skipped):
    """Pieces of long examples have every step to predict once, and at most the steps that are allowed."""
    pieces = Pieces.cut(np.array([100]), np.array([length]), most, before=most // 4, behind=most // 8, skipped=skipped)
    found = [
        start + t
        for start, first, last in zip(pieces.starts, pieces.first, pieces.last, strict=True)
        for t in range(first, last)
    ]
    assert found == list(range(100, 100 + length))
    assert (pieces.lengths <= most).all()
    assert (pieces.starts >= 100).all()
    assert (pieces.starts + pieces.lengths <= 100 + length).all()
    assert (pieces.last <= pieces.lengths).all()


def test_class_weights_make_classes_count_the_same():
    """Balanced weights have a mean of 1 over the examples, and the same sum in each class."""
    examples = words()
    weights = balanced(examples)[examples.classes]
    assert weights.mean() == pytest.approx(1.0)
    assert weights[examples.classes == 0].sum() == pytest.approx(weights[examples.classes == 1].sum())
    assert trained(data("classify", class_weights="balanced")).history


def test_numbers_are_standardized_in_the_model():
    """A series in other units has the same losses: numbers are scaled by what is trained on."""
    run, small = wave(), trained(data("series"))
    larger = replace(run, numbers=run.numbers * 1024, values=run.values * 1024)
    again = trained(ExampleData(Settings(**{**SMALL, "task": "predict"}), larger, Vocabulary("")))
    assert [h["val_loss"] for h in again.history] == pytest.approx([h["val_loss"] for h in small.history], rel=1e-3)
    np.testing.assert_allclose(again.targets.target_scaling.mean, 1024 * small.targets.target_scaling.mean, rtol=1e-5)
