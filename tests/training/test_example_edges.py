"""Runs on examples in unusual cases: too few of them, divergence, other batch sizes, and more than fits in a batch."""

import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.examples.dataset import Examples
from charrnn.examples.scaling import Scaling
from charrnn.model.example_batches import EncodedExamples
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.example_encoding import pieces_of
from charrnn.reading.predictions import losses_of, outputs_of
from charrnn.training.pace import DEFAULT_PACE
from charrnn.training.trainer import Trainer
from tests.helpers.example_runs import KINDS, assert_same, data, trained, wave, words


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [1e-9, 10.0])
def test_how_many_steps_are_taken_at_once_does_not_matter(kind, seconds):
    """Runs with one step between two records, and with as many as there can be, end with the same bits."""
    pace = replace(DEFAULT_PACE, chunk_seconds=seconds)
    assert_same(
        trained(data(kind, bidirectional=kind == "tag", pace=pace)), trained(data(kind, bidirectional=kind == "tag"))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_diverges_goes_back(kind):
    """A run with too high a rate rolls back and goes on at a lower one; the threads do not change where it ends."""
    rate = 100.0 if kind in ("translate", "generate") else 10.0
    changes = {"lr": rate, "clip": 0.0, "epochs": 60.0, "optimizer": "sgd", "dropout": 0.0}
    run, records = data(kind, **changes), []
    with Team(3) as team:
        trainer = Trainer(run, team)
        records += trainer.run()
        assert any(record.rolled_back for record in records)
        assert trainer.history[-1]["val_loss"] < (1.1 if rate > 10.0 else 1.0) * run.blind
        assert_same(trainer.checkpoint(), trained(data(kind, **changes), 1))
    with pytest.raises(CharrnnError, match="the loss diverged 6 times"):
        trained(data(kind, **{**changes, "lr": 1e30}))


@pytest.mark.parametrize("kind", [*KINDS, "one number"])
def test_outputs_that_are_not_finite(kind):
    """Finite weights whose outputs overflow have no validation loss; whoever asks for the outputs gets an error."""
    examples = None
    if kind == "one number":
        found = words()
        values = found.classes[:, np.newaxis].astype(np.float32)
        examples = Examples(found.lengths, found.texts, values=values, record=found.record)
    run = data(
        kind if kind in KINDS else "classify", examples=examples, **({} if kind in KINDS else {"task": "predict"})
    )
    with Team(2) as team:
        trainer = Trainer(run, team)
        trainer.begin()
        assert math.isfinite(trainer.validate())
        for parameters in (trainer.network.weights.named,):
            parameters["output.V"][...] = 3e38
            parameters["output.c"][...] = -3e38
        trainer.network.pack()
        with np.errstate(all="raise"):
            assert math.isnan(trainer.validate())
            assert math.isnan(run.trial(trainer.network, team))
        with pytest.raises(CharrnnError, match="not finite"):
            outputs_of(trainer.network, run.train, team)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_holds_nothing_out(kind, tmp_path):
    """A run without validation ends with its last weights, and its file says that nothing was held out."""
    run = data(kind, val_fraction=0.0)
    assert run.train.pieces.lengths.sum() >= run.examples.steps
    checkpoint = trained(run)
    assert [entry["val_loss"] for entry in checkpoint.history] == [None]
    assert checkpoint.corpus["held_out"]["examples"] == 0
    save(tmp_path / "model.npz", checkpoint)
    assert_same(load(tmp_path / "model.npz", resume=True), checkpoint)


@pytest.mark.parametrize(("kind", "count"), [("classify", 5), ("tag", 5), ("series", 20), ("series", 80)])
def test_fewer_examples_than_rows_are_one_batch(kind, count):
    """Where there are fewer examples, or pieces of a series, than the batch size, an epoch is one step."""
    examples = wave(count) if kind == "series" else words(count, per_step=kind == "tag")
    run = data(kind, examples=examples, batch_size=500)
    assert run.steps.per_epoch == run.steps_per_epoch(replace(run.settings, batch_size=1000)) == 1
    for epoch in range(9):
        (targets,) = run.steps.windows(epoch, 1).targets
        predicted = examples.count if kind == "classify" else examples.steps
        assert (targets >= 0).sum() <= predicted
        assert (targets >= 0).any()
    assert_same(trained(run, 1), trained(run, 3))


def test_steps_without_predictions_change_nothing(monkeypatch):
    """A batch in which nothing is to be predicted leaves the weights as they are, momentum or not."""
    run = data("tag", dropout=0.0)
    with Team(2) as team:
        trainer = Trainer(run, team)
        trainer.advance(3)
        before = trainer.network.weights.flat.copy()
        windows = run.steps.windows
        monkeypatch.setattr(
            run.steps, "windows", lambda *at: (found := windows(*at))._replace(targets=np.full_like(found.targets, -1))
        )
        done = trainer.advance(2)
        assert (done.losses.tolist(), done.norms.tolist(), done.characters) == ([0.0, 0.0], [0.0, 0.0], 0)
        assert trainer.network.weights.flat.tobytes() == before.tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_carried_between_batches(kind):
    """Every step starts from the initial states, whatever an earlier one left behind."""
    ends = []
    for left in (0.0, 0.7):
        with Team(2) as team:
            trainer = Trainer(data(kind, first_state="learned" if kind == "tag" else "zero"), team)
            trainer.begin()
            trainer.learner.window.states[:, :, 0] = left
            trainer.advance(2)
            ends.append(trainer.network.weights.flat.tobytes())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("kind", "unknown", "bidirectional"), [("tag", 0, False), ("tag", 0, True), ("series", 2, False)]
)
def test_each_step_is_trained_on_once_in_an_epoch(kind, unknown, bidirectional):
    """What pieces read beside the steps that they predict is not predicted, and neither is what is not known."""
    examples = Examples(
        np.array([7, 300, 64]),
        ("abcdabc", "abcd" * 75, "dcba" * 16),
        labels=("no", "yes"),
        per_step=True,
        classes=np.random.default_rng(0).integers(0, 2, 371).astype(np.int32),
        record=words().record,
    )
    run = data(kind, examples=examples if kind == "tag" else None, bidirectional=bidirectional, val_fraction=0.0)
    cuts = set()
    for epoch in range(4):
        batches = run.steps.windows(epoch * run.steps.per_epoch, run.steps.per_epoch)
        assert (batches.targets >= 0).sum() == run.examples.steps - unknown
        cuts.add(batches.targets.tobytes() + batches.numbers.tobytes())
    assert len(cuts) == 4  # in another order, and of a series elsewhere


def test_the_pieces_of_a_series_begin_elsewhere_in_each_epoch():
    """Otherwise the same steps would always be read from the initial state."""
    run, begins = data("series"), []
    for epoch in range(4):
        run.steps.windows(epoch * run.steps.per_epoch, 1)
        begins.append(set(run.steps._epoch.pieces.starts.tolist()))
    assert len(set.union(*begins)) > 2 * len(begins[0])


def test_steps_have_the_weights_of_their_classes():
    """Each prediction of a training step counts as much as its class does."""
    run = data("classify", class_weights="balanced")
    batches = run.steps.windows(0, run.steps.per_epoch)
    known = batches.targets >= 0
    assert len(set(run.train.weights.tolist())) == 2
    np.testing.assert_array_equal(batches.weights[known], run.train.weights[batches.targets[known]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_size", [1, 5, 100])
def test_a_leg_with_another_batch_size(kind, batch_size, tmp_path):
    """A run goes on with batches of another size, at the same place of the schedule, whatever the threads."""
    with Team(2) as team:
        trainer = Trainer(data(kind, epochs=4.0), team)
        for record in trainer.run():
            trainer.stop = record.epoch >= 1
        save(tmp_path / "half.npz", trainer.checkpoint())
    ends = []
    for threads in (1, 3):
        with Team(threads) as team:
            run = data(kind, epochs=4.0, batch_size=batch_size)
            half = load(tmp_path / "half.npz", resume=True)
            resumed = Trainer.resumed(half, run, team)
            assert resumed.state.step / run.steps.per_epoch == pytest.approx(
                record.epoch, abs=0.5 / run.steps.per_epoch
            )
            assert resumed.legs[0]["batch_size"] == batch_size
            assert list(resumed.run())[-1].epoch == 4.0
            ends.append(resumed.checkpoint())
    assert_same(*ends)


def test_a_run_ends_when_it_no_longer_improves():
    """With patience, a run whose labels are noise ends early."""
    examples = words(400)
    noise = replace(examples, classes=np.random.default_rng(1).integers(0, 2, 400).astype(np.int32))
    changes = {"epochs": 4000.0, "patience": 2, "dropout": 0.0, "hidden": 32, "shuffle": True, "lr": 0.05}
    run = data("classify", examples=noise, pace=replace(DEFAULT_PACE, shortest_interval=1000), **changes)
    with Team(2) as team:
        trainer = Trainer(run, team)
        *_, last = trainer.run()
    assert last.stopped_early
    assert last.epoch < 1000


def test_a_run_of_some_time_pauses_and_goes_on(tmp_path):
    """A run measured in time ends when it is over; a saved one has the rest of it."""
    with Team(2) as team:
        trainer = Trainer(data("tag", epochs=None, seconds=0.2), team)
        for _ in trainer.run():
            trainer.stop = True
        assert not trainer.finished
        save(tmp_path / "half.npz", trainer.checkpoint())
        half = load(tmp_path / "half.npz", resume=True)
        resumed = Trainer.resumed(half, data("tag", epochs=None, seconds=0.2), team)
        list(resumed.run())
        assert resumed.over
        assert resumed.state.step > trainer.state.step


def test_weights_of_classes_without_examples():
    """A label that no example to train on has does not disturb the weights of the others."""
    examples = replace(words(), labels=("no", "yes", "never"))
    run = data("classify", examples=examples, class_weights="balanced")
    assert np.isfinite(run.train.weights).all()
    assert trained(run).history[-1]["val_loss"] < run.blind


@pytest.mark.parametrize("names", [("no", "y" * 1001), ("x" * 500, "y" * 500)])
def test_names_that_no_file_can_hold_are_refused_at_once(names, monkeypatch):
    """What could not be saved at the end is not trained."""
    monkeypatch.setattr("charrnn.training.example_data.LONGEST_NAMES", 1000)
    with pytest.raises(CharrnnError, match=r"longer than 1,000 characters|too long together"):
        data("classify", examples=replace(words(), labels=names))


def test_numbers_beyond_the_scale():
    """Numbers that are not finite after scaling are an error, and those that are unknown stay so."""
    scaling = Scaling(np.zeros(1), np.full(1, 1e-3))
    np.testing.assert_array_equal(scaling.apply(np.array([[np.nan], [2.0]], np.float32)), [[np.nan], [2000.0]])
    with pytest.raises(CharrnnError, match="too large"):
        scaling.apply(np.array([[3e38]], np.float32))
    with pytest.raises(CharrnnError, match="too large"):
        Scaling(np.zeros(1), np.full(1, 1e3)).undo(np.array([[3e38]], np.float32))


def test_texts_with_half_a_character_are_recorded():
    """The record of what is held out is made of any text that can be read."""
    examples = words()
    texts = tuple(text.replace("d", "\udc80") for text in examples.texts)
    run = data("classify")
    run.validated = replace(examples, texts=texts)
    assert len(run.record()["held_out"]["digest"]) == 64


def growing():
    """Return a series that grows as e^t, which ends far above what is trained on."""
    values = np.exp(np.arange(200, dtype=np.float32) / 10)[:, np.newaxis]
    return Examples(
        np.array([199]),
        None,
        values[:-1],
        values=np.append(values[1:-1], np.full((1, 1), np.nan, np.float32), axis=0),
        names=("x",),
        per_step=True,
        series=True,
        record=wave().record | {"ahead": 1},
    )


def outlier():
    """Return words with the number of their letters, of which one is ten thousand times too large."""
    found = words(700)
    values = found.lengths[:, np.newaxis].astype(np.float32)
    values[350] *= 10_000
    return Examples(found.lengths, found.texts, values=values, record=found.record)


def rare():
    """Return words of which only a few of many have the second label."""
    found = words(20_000)
    return replace(found, classes=(np.arange(20_000) % 10_000 == 0).astype(np.int32))


@pytest.mark.parametrize(
    ("kind", "examples", "changes"),
    [
        ("series", growing, {}),
        ("classify", outlier, {"task": "predict", "val_fraction": 0.0}),
        ("classify", rare, {"class_weights": "balanced", "epochs": 1.0}),
    ],
)
def test_what_cannot_be_learnt_is_no_divergence(kind, examples, changes):
    """A run does not roll back as a few numbers or labels are unlike all others."""
    run = data(kind, examples=examples(), **{"lr": 0.001, "dropout": 0.0, **changes})
    with Team(2) as team:
        assert not any(record.rolled_back for record in Trainer(run, team).run())


def test_weights_are_tried_on_enough_examples():
    """Where nothing is held out, a long first example does not decide alone, whatever its label."""
    found = words(600)
    texts = ("abcd" * 200, *found.texts[1:])
    run = data(
        "classify",
        examples=replace(found, texts=texts, lengths=np.array(list(map(len, texts)))),
        val_fraction=0.0,
        seq_length=1000,
    )
    with Team(1) as team:
        trainer = Trainer(run, team)
        trainer.begin()
        whole = run.trial(trainer.network, team)
        pieces = run.train.pieces
        some = replace(run.train, pieces=type(pieces)(*(of[:500] for of in vars(pieces).values())))
        outputs = outputs_of(trainer.network, some, team)
    assert whole == pytest.approx(losses_of(outputs, run.train.classes[:500], "softmax").mean())


def network(kind):
    """Return a small network without training."""
    run = data(kind, hidden=4, dropout=0.0)
    return Network(
        run.architecture,
        {name: np.full(shape, 0.1, np.float32) for name, shape in run.architecture.parameter_shapes().items()},
    )


@pytest.mark.parametrize("kind", ["classify", "tag"])
@pytest.mark.parametrize(("count", "length"), [(100_000, 10), (1, 1_000_000)])
def test_memory_does_not_grow_with_the_examples(kind, count, length):
    """Many examples and a very long one take little more memory than their outputs; a class reads the beginning."""
    own, seq_length = network(kind), 256
    lengths = np.full(count, length, np.int64)
    starts = np.cumsum(lengths) - lengths
    ids = (np.arange(count * length) % 4).astype(np.int32)
    pieces = pieces_of(starts, lengths, own.architecture, seq_length)
    with Team(2) as team:
        outputs_of(own, EncodedExamples(pieces_of(starts[:1], np.array([3]), own.architecture, 9), ids[:9]), team)
        tracemalloc.start()
        found = outputs_of(own, EncodedExamples(pieces, ids), team)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert np.isfinite(found).all()
    assert len(found) == (count if kind == "classify" else count * length)
    assert peak < 48 << 20
    if (kind, count) == ("classify", 1):
        assert pieces.lengths.tolist() == [seq_length]
