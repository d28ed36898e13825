"""Runs on documents: what repeats, what is resumed, what is learnt and scored."""

import random
from dataclasses import replace

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.scoring import score
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.networks import assert_carried, read_one_by_one
from tests.helpers.runs import finish, resumed_run, state_of
from tests.helpers.texts import corpus_of, drawn_documents, symbols_of
from tests.rows import KINDS


def run_to(trainer, step):
    """Train up to a step."""
    for _ in trainer.run():
        trainer.stop = trainer.state.step >= step


def corpus(documents):
    """Make a corpus of lines."""
    return corpus_of("\n".join(documents), "\n")


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize(
    ("documents", "batch", "length"),
    [(drawn_documents(40, 6), 3, 4), (drawn_documents(6, 100), 5, 16), (["a", "b"] * 20, 1, 1)],
)
def test_a_run_on_documents_repeats_and_resumes(tmp_path, cell, documents, batch, length):
    """Any number of threads, and a stop at any step, lead to the same bits; one window of one step does no harm."""
    text = corpus(documents)
    chosen = Settings(cell=cell, hidden=6, layers=2, seq_length=length, batch_size=batch, epochs=2.0, dropout=0.2)
    ends = []
    for threads in (1, 2, 3):
        with Team(threads) as team:
            trainer = Trainer(TextData(chosen, text), team)
            finish(trainer)
            assert np.isfinite(trainer.network.weights.flat).all()
            ends.append(state_of(trainer))
    assert ends[0] == ends[1] == ends[2]
    windows = trainer.steps.per_epoch
    with Team(2) as team:
        for stop, path in ((1, None), (windows - 1, tmp_path / "model.npz"), (windows, None), (windows + 1, None)):
            trainer = Trainer(TextData(chosen, text, Pace(chunk_seconds=0.0)), team)  # step by step
            run_to(trainer, stop)
            if path:
                save(path, trainer.checkpoint())
            trainer = resumed_run(load(path, resume=True) if path else trainer.checkpoint(), text, team)
            finish(trainer)
            assert state_of(trainer) == ends[0]


@pytest.mark.parametrize("cell", KINDS)
def test_steps_on_documents_are_the_twins(cell):
    """A step's loss is the mean over what it predicts; states are carried over windows and epochs, and no gap."""
    pace = Pace(fresh_share=1.0)  # of documents none but they themselves begins anew
    chosen = Settings(cell=cell, hidden=3, layers=2, seq_length=4, batch_size=3, epochs=2.0, dropout=0.0)
    still = replace(chosen, optimizer="sgd", lr=1e-12, schedule="constant", warmup=0.0, val_fraction=0.0)
    with Team(2) as team:
        trainer = Trainer(TextData(still, corpus(drawn_documents(8, 9, seed=3)), pace), team)
        weights = {name: values.astype(np.float64) for name, values in trainer.network.weights.named.items()}
        windows, length = trainer.steps.per_epoch, int(trainer.data.streams.start[1])
        ended = np.diff(trainer.data.streams.start) < length  # one step before the others
        assert ended.tolist() == [False, False, True]
        inputs, targets = (x.reshape(-1, 3)[:length] for x in trainer.data.streams.span(0, windows)[:2])
        state = [{name: np.zeros((3, 3)) for name in trainer.architecture.row.states} for _ in range(2)]
        for _epoch in range(2):
            losses, last = read_one_by_one(cell, weights, inputs, targets, state)
            _, before = read_one_by_one(cell, weights, inputs[:-1], targets[:-1], state)
            last = [one if early else other for early, one, other in zip(ended, before, last, strict=True)]
            for begin in range(0, length, 4):
                part = slice(begin, begin + 4)
                mean = losses[part].real.sum() / max(1, (targets[part] >= 0).sum())
                assert trainer.advance(1).loss == pytest.approx(mean, rel=1e-5)
            assert_carried(trainer.learner, last)
            for layer, values in enumerate(state):  # each stream goes on where the one before it ended
                values |= {n: np.concatenate([np.zeros((1, 3)), *(row[layer][n] for row in last[:-1])]) for n in values}


def test_a_run_learns_where_documents_begin_and_end():
    """Of documents that say "ab" a few times the network learns all there is to know, but for their lengths."""
    choose = random.Random(1)
    text = corpus(["ab" * choose.randint(1, 8) for _ in range(200)])
    chosen = Settings(hidden=24, seq_length=16, batch_size=8, epochs=25.0, lr=0.02, dropout=0.0)
    with Team(2) as team:
        trainer = Trainer(TextData(chosen, text), team)
        finish(trainer)
        assert trainer.state.best_loss < 0.35
        assert trainer.data.validation[0] == text.vocabulary.boundary
        best = Network(trainer.architecture, trainer.checkpoint().parameters)
        held_out = score(best, trainer.data.validation, team, boundary=text.vocabulary.boundary)
        assert held_out.nats_per_char == trainer.state.best_loss


@pytest.mark.parametrize("cell", KINDS)
def test_score_of_documents_is_the_twins(cell):
    """Every character and end costs what it does in a document read by itself, in however many streams."""
    documents = drawn_documents(30, 10) + drawn_documents(40, 250)
    text = corpus(documents)
    architecture = Architecture(cell, len(text.vocabulary), 6, 2)
    parameters = initialize(architecture, 1)
    with Team(2) as team:
        scored = score(Network(architecture, parameters), text.ids, team, boundary=text.vocabulary.boundary)
    twin = {name: values.astype(np.float64) for name, values in parameters.items()}
    zero, nats = [{name: np.zeros((1, 6)) for name in architecture.row.states} for _ in range(2)], 0.0
    for document in documents:
        ids = np.array(symbols_of([document], text.vocabulary))[:, np.newaxis]
        ids[-1] -= 1
        nats += read_one_by_one(cell, twin, ids[:-1], ids[1:], zero)[0].real.sum()
    assert text.ids.size > 4096
    assert scored.characters == text.ids.size - len(documents)
    assert scored.nats == pytest.approx(nats, rel=1e-6)


@pytest.mark.parametrize(("cell", "batch", "length"), [("lstm", 3, 4), ("gru-reset-before", 5, 16), ("rnn", 1, 1)])
def test_a_shuffled_run_repeats_and_resumes(tmp_path, cell, batch, length):
    """In another order each epoch: any number of threads, and a stop at any step, lead to the same bits."""
    text = corpus(drawn_documents(60, 9))
    chosen = Settings(
        cell=cell, hidden=6, seq_length=length, batch_size=batch, epochs=3.0, dropout=0.2, shuffle=True, seed=3
    )
    ends = []
    for threads in (1, 2, 3):
        with Team(threads) as team:
            trainer = Trainer(TextData(chosen, text), team)
            finish(trainer)
            ends.append(state_of(trainer))
    assert ends[0] == ends[1] == ends[2]
    windows = trainer.steps.per_epoch
    with Team(2) as team:
        for stop in (1, windows - 1, windows, 2 * windows + 1):
            trainer = Trainer(TextData(chosen, text, Pace(chunk_seconds=0.0)), team)  # step by step
            run_to(trainer, stop)
            save(tmp_path / "model.npz", trainer.checkpoint())
            trainer = resumed_run(load(tmp_path / "model.npz", resume=True), text, team)
            finish(trainer)
            assert state_of(trainer) == ends[0]


def test_the_order_of_documents_makes_no_difference():
    """Sorted or shuffled, a text of documents gives the same model, bit for bit, and validates the same."""
    lines = drawn_documents(80, 9)
    chosen = Settings(hidden=6, seq_length=8, batch_size=4, epochs=2.0, shuffle=True)
    ends = []
    for text in (sorted(lines), random.Random(1).sample(lines, len(lines))):
        with Team(1) as team:
            trainer = Trainer(TextData(chosen, corpus(text)), team)
            finish(trainer)
            ends.append((state_of(trainer), [record["val_loss"] for record in trainer.history]))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_softmax_over_a_sample_counts_the_ends_of_documents(shuffle):
    """The end is predicted as often as there are documents, and about as well as by a softmax over all."""
    lines = drawn_documents(400, 6)
    chosen = Settings(hidden=6, seq_length=8, batch_size=4, epochs=3.0, dropout=0.0, val_fraction=0.0, shuffle=shuffle)
    losses = []
    for sampled in (0, 3):
        with Team(2) as team:
            trainer = Trainer(TextData(replace(chosen, sampled_softmax=sampled), corpus(lines)), team)
            boundary = trainer.architecture.vocabulary - 1
            assert trainer.steps.streams.text.counts(boundary + 1)[boundary] == 400
            finish(trainer)
            losses.append(score(trainer.network, corpus(lines).ids, team, boundary=boundary).nats_per_char)
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_windows_without_a_prediction_change_nothing():
    """They are counted as no character, and the optimizer's momentum does not move the weights in them."""
    text = corpus(["a", "b", "ab"] * 30)
    with Team(1) as team:
        trainer = Trainer(
            TextData(Settings(hidden=4, seq_length=1, batch_size=1, epochs=1.0, val_fraction=0.0), text), team
        )
        predicted = 0
        for _ in range(trainer.steps.per_epoch):
            before = trainer.network.weights.flat.copy()
            done = trainer.advance(1)
            predicted += done.characters
            assert (before == trainer.network.weights.flat).all() == (done.characters == 0)
    assert predicted == trainer.state.loss_count == sum(len(line) + 1 for line in ["a", "b", "ab"] * 30)
