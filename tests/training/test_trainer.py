"""Whole runs: what is learnt, what repeats, what is resumed, and what is mended."""

import json
from dataclasses import replace

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.transfer import common_vocabulary, starting_weights
from charrnn.reading.scoring import score
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training import learner
from charrnn.training.pace import Pace
from charrnn.training.settings import Settings, default_epochs
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests import naive
from tests.helpers.runs import finish, resumed_run, state_of
from tests.helpers.texts import corpus_of, rhyme
from tests.rows import PLAIN

SMALL = Settings(hidden=24, layers=1, seq_length=8, batch_size=5, epochs=3.0, lr=0.01, dropout=0.2, seed=3)


@pytest.mark.parametrize("cell", PLAIN)
def test_a_run_learns(cell):
    """The validation loss falls far below that of blind guessing, and the best weights are those reported."""
    text = corpus_of(rhyme(6000))
    with Team(2) as team:
        trainer = Trainer(TextData(replace(SMALL, cell=cell, epochs=6.0, dropout=0.0), text), team)
        records = finish(trainer)
        losses = [record.val_loss for record in records if record.val_loss is not None]
        assert min(losses) < 0.8 < np.log(len(text.vocabulary))
        network = Network(trainer.architecture, trainer.checkpoint().parameters)
        assert score(network, trainer.data.validation, team).nats_per_char == min(losses) == trainer.best_loss


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("layers", [1, 2])
def test_threads_do_not_change_a_run(cell, layers):
    """The same seed gives the same weights, moments and states with 1, 2 and 3 threads; another seed does not."""
    text = corpus_of(rhyme(1500))
    runs = []
    for threads, seed in ((1, 3), (2, 3), (3, 3), (1, 4)):
        with Team(threads) as team:
            trainer = Trainer(TextData(replace(SMALL, cell=cell, layers=layers, seed=seed), text), team)
            finish(trainer)
            runs.append(state_of(trainer))
    assert runs[0] == runs[1] == runs[2]
    assert runs[0][0] != runs[3][0]


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "adagrad"])
def test_a_resumed_run_equals_one_that_never_stopped(cell, optimizer):
    """Stopped at several points and taken up with another number of threads, a run ends with the same bits."""
    text = corpus_of(rhyme(1500))
    settings = replace(SMALL, cell=cell, optimizer=optimizer, lr=0.003)
    with Team(2) as team:
        whole = Trainer(TextData(settings, text), team)
        finish(whole)
    for stops in ((1,), (7, 33), (34, 35, 36, 70)):
        trainer = None
        for threads, stop in enumerate((*stops, None), start=1):
            with Team(threads) as team:
                if trainer is None:
                    trainer = Trainer(TextData(settings, text), team)
                else:
                    trainer = resumed_run(trainer.checkpoint(), text, team)
                for record in trainer.run():
                    if stop is not None and record.step >= stop:
                        trainer.stop = True
        assert state_of(trainer) == state_of(whole)


def test_first_values_are_drawn_once_and_only_if_they_are_needed(monkeypatch):
    """Not for a run that nobody asks for its network, nor for one that goes on from a validation."""
    drawn, original = [], learner.first_values

    def spy(*arguments, **options):
        drawn.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(learner, "first_values", spy)
    text = corpus_of(rhyme(1500))
    with Team(1) as team:
        trainer = Trainer(TextData(SMALL, text), team)
        assert (trainer.nbytes > 0, trainer.finished, drawn) == (True, False, [])
        first = trainer.checkpoint()
        assert [record.best for record in trainer.run()][-1]
        assert len(drawn) == 1
        assert resumed_run(trainer.checkpoint(), text, team).network.weights.flat.any()
        assert len(drawn) == 1
        again = resumed_run(first, text, team)  # it could have to go back to them
        assert len(drawn) == 2
        assert list(again.run())
        assert state_of(again) == state_of(trainer)


def test_every_step_is_counted_and_validated_in_time():
    """A run of E epochs takes E times the windows of steps, and validates at its end."""
    text = corpus_of(rhyme(2000))
    with Team(1) as team:
        trainer = Trainer(TextData(SMALL, text), team)
        records = finish(trainer)
    assert records[-1].step == trainer.steps.total == 3 * trainer.steps.per_epoch
    assert records[-1].val_loss is not None
    assert records[-1].fraction == 1.0
    assert records[-1].epoch == pytest.approx(3.0)
    assert trainer.over


def test_validating_does_not_disturb_training():
    """With and without a held-out text of its own, the same training text gives the same weights."""
    text = corpus_of(rhyme(2000))
    cut = round(2000 * 0.9)
    alone = replace(text, ids=text.ids[:cut])
    runs = []
    for data, fraction in ((text, 0.1), (alone, 0.0)):
        with Team(1) as team:
            trainer = Trainer(TextData(replace(SMALL, val_fraction=fraction), data), team)
            records = finish(trainer)
        runs.append(trainer.network.weights.flat.tobytes())
    assert runs[0] == runs[1]
    assert records[-1].val_loss is None
    assert trainer.checkpoint().parameters["output.c"].tobytes() == trainer.network.weights.named["output.c"].tobytes()


def test_a_run_stops_when_it_learns_by_heart():
    """Where validation gets worse and worse, the run ends early and keeps its best weights."""
    rng = np.random.default_rng(0)
    text = corpus_of("".join("abcdefgh"[i] for i in rng.integers(0, 8, 3000)))
    with Team(1) as team:
        settings = replace(SMALL, epochs=1e6, dropout=0.0, patience=2, schedule="constant", hidden=32)
        trainer = Trainer(TextData(settings, text), team)
        records = finish(trainer)
        assert records[-1].stopped_early
        assert trainer.state.rate_scale <= 0.5
        assert records[-1].learning_rate < settings.lr
        best = min(record.val_loss for record in records if record.val_loss is not None)
        network = Network(trainer.architecture, trainer.checkpoint().parameters)
        assert score(network, trainer.data.validation, team).nats_per_char == best < records[-1].val_loss


def test_a_rate_far_too_high_is_halved_and_given_up():
    """A loss that is no number goes back to the best weights with half the rate; in the end one sentence says so."""
    text = corpus_of(rhyme(3000))
    with Team(2) as team:
        trainer = Trainer(TextData(replace(SMALL, lr=1e30, warmup=0.0), text), team)
        initial = trainer.network.weights.flat.copy()
        records = []
        with pytest.raises(CharrnnError, match="the loss diverged 6 times"):
            records.extend(trainer.run())
        assert trainer.network.weights.flat.tobytes() == initial.tobytes()


def test_a_rate_that_is_mended_goes_on_to_learn():
    """After a loss that is no number, a run goes on from its best weights and still learns."""
    text = corpus_of(rhyme(6000))
    with Team(2) as team:
        trainer = Trainer(TextData(replace(SMALL, epochs=30.0, dropout=0.0), text), team)
        records, poisoned = [], False
        for record in trainer.run():
            records.append(record)
            if record.val_loss is not None and not poisoned:
                trainer.network.weights.named["output.V"][0, 0] = np.nan
                trainer.network.pack()
                poisoned = True
    back = [record for record in records if record.rolled_back]
    assert len(back) == 1
    assert back[0].learning_rate == pytest.approx(SMALL.lr / 2)
    assert trainer.state.halvings == 0  # the rate has recovered
    assert np.isfinite(trainer.network.weights.flat).all()
    assert records[-1].val_loss < 0.8
    steps = [record["step"] for record in trainer.history]
    assert steps == sorted(set(steps))  # what was rolled back is not in the history


def test_the_first_step_after_going_back_is_no_larger_than_the_rate():
    """Moments that begin anew are corrected for it: Adam moves no weight by more than the halved rate."""
    settings = replace(SMALL, epochs=30.0, dropout=0.0, schedule="constant")
    with Team(1) as team:
        trainer = Trainer(TextData(settings, corpus_of(rhyme(6000)), Pace(fresh_share=0.0)), team)
        poisoned = False
        for record in trainer.run():
            if record.rolled_back:
                break
            if record.val_loss is not None and not poisoned:
                trainer.network.weights.named["output.V"][0, 0] = np.nan
                trainer.network.pack()
                poisoned = True
        sizes = []
        for _ in range(12):
            before = trainer.network.weights.flat.copy()
            rate = trainer.advance(1).learning_rate
            sizes.append(np.abs(trainer.network.weights.flat - before).max() / rate)
    assert rate == pytest.approx(SMALL.lr / 2)
    assert max(sizes) < 1.5


@pytest.mark.parametrize("cell", PLAIN)
@pytest.mark.parametrize(("epochs", "fresh"), [(1.0, 0.0), (2.0, 0.0), (1.0, 0.999999)])
def test_a_state_is_that_of_the_text_before(cell, epochs, fresh):
    """A stream carries the state at its own end, hands it to the next one for another epoch, or begins anew."""
    text = corpus_of(rhyme(203))
    with Team(2) as team:
        settings = replace(SMALL, cell=cell, val_fraction=0.0, dropout=0.0, lr=1e-30, epochs=epochs)
        trainer = Trainer(TextData(settings, text, Pace(fresh_share=fresh)), team)
        finish(trainer)
    start = trainer.data.streams.start
    assert len(set(np.diff(start))) == 2
    parameters = {name: view.astype(np.float64) for name, view in trainer.network.weights.named.items()}
    last_window = (trainer.steps.per_epoch - 1) * settings.seq_length
    for b in range(settings.batch_size):
        begin = start[b] + last_window if fresh else start[max(0, b - 1)] if epochs == 2.0 else start[b]
        ids = text.ids[begin : start[b + 1], np.newaxis]
        if not ids.size:
            continue
        state = [{name: np.zeros((1, settings.hidden)) for name in trainer.architecture.row.states}]
        _, (last,), _ = naive.forward(cell, parameters, ids, state)
        for k, name in enumerate(trainer.architecture.row.states):
            np.testing.assert_allclose(trainer.learner.window.carried()[0, k, b], last[name][0], rtol=1e-4, atol=1e-5)


def test_weights_that_predict_nonsense_are_no_start():
    """A new run refuses weights whose loss is absurd, in one sentence, rather than fail when it saves."""
    with Team(1) as team:
        trainer = Trainer(TextData(SMALL, corpus_of(rhyme(1500))), team)
        weights = {name: view * np.float32(1e30) for name, view in trainer.network.weights.named.items()}
        with pytest.raises(CharrnnError, match="the initial weights do not fit this text"):
            next(Trainer(TextData(SMALL, trainer.data.corpus), team, weights).run())


def test_a_history_stays_within_bounds():
    """However many validations a run makes, those remembered are few enough to be saved, the last one among them."""
    settings, pace = replace(SMALL, epochs=23.0, patience=0), Pace(history_length=4, shortest_interval=1)
    with Team(1) as team:
        trainer = Trainer(TextData(settings, corpus_of(rhyme(600)), pace), team)
        validations = [record for record in trainer.run() if record.val_loss is not None]
    assert len(validations) > 10
    assert 2 <= len(trainer.history) <= 4
    assert trainer.history[-1]["step"] == validations[-1].step


def test_compiling_changes_nothing():
    """The step of no length that compiles the kernels leaves weights, moments and states as they were."""
    text = corpus_of(rhyme(1500))
    with Team(2) as team:
        trainer = Trainer(TextData(SMALL, text), team)
        before = state_of(trainer)
        trainer.compile()
        assert state_of(trainer) == before


def test_weights_of_another_model_serve_a_text_it_knows():
    """A text within the model's vocabulary is encoded with it; the weights are used as they are."""
    with Team(1) as team:
        trainer = Trainer(TextData(replace(SMALL, epochs=1.0), corpus_of(rhyme(1500))), team)
        finish(trainer)
        source = trainer.checkpoint()
        vocabulary = common_vocabulary(source.vocabulary, Vocabulary.of("the cat was full.\n"), remap=False)
        assert vocabulary == source.vocabulary
        weights = starting_weights(source, vocabulary, seed=0)
        assert all(weights[name] is source.parameters[name] for name in weights)


def test_remapped_weights_follow_their_characters():
    """New characters are refused unless they are to be added; what was learnt of a character stays with it."""
    with Team(1) as team:
        trainer = Trainer(TextData(replace(SMALL, epochs=1.0), corpus_of(rhyme(1500))), team)
        finish(trainer)
        source = trainer.checkpoint()
        other = "a Bag dog was Out! " * 30
        with pytest.raises(CharrnnError, match="the model's vocabulary lacks 3 of the text's characters"):
            common_vocabulary(source.vocabulary, Vocabulary.of(other), remap=False)
        vocabulary = common_vocabulary(source.vocabulary, Vocabulary.of(other), remap=True)
        weights = starting_weights(source, vocabulary, seed=0)
        for character in source.vocabulary.characters:
            old, new = (v.characters.index(character) for v in (source.vocabulary, vocabulary))
            for name in ("layer0.U_i", "layer0.U_g"):
                assert (weights[name][new] == source.parameters[name][old]).all()
            assert (weights["output.V"][:, new] == source.parameters["output.V"][:, old]).all()
            assert weights["output.c"][new] == source.parameters["output.c"][old]
        Trainer(TextData(SMALL, Corpus(vocabulary.encode(other), vocabulary, ("a text",), "0" * 64)), team, weights)


@pytest.mark.parametrize(("clip", "clip_value"), [(0.0, 0.0), (2.5, 0.0), (0.0, 0.1)])
def test_no_bound_is_zero_here_and_null_in_a_file(clip, clip_value):
    """Settings go through a model file unchanged; what bounds nothing is null there, as it always was."""
    settings = Settings(epochs=1.0, clip=clip, clip_value=clip_value)
    stored = json.loads(json.dumps(settings.stored()))
    assert (stored["clip"], stored["clip_value"]) == (clip or None, clip_value or None)
    assert Settings.of(stored) == settings


def test_a_first_state_is_read_by_the_name_that_it_had():
    """Older files say whether the first state is learned; anything but true or false is refused."""
    settings = Settings(epochs=1.0, first_state="learned")
    assert settings.stored()["first_state"] == "learned"
    assert "first_state" not in Settings(epochs=1.0).stored()
    old = {name: value for name, value in settings.stored().items() if name != "first_state"}
    assert Settings.of(old | {"learned_state": True}) == settings
    assert Settings.of(old | {"learned_state": False}) == Settings(epochs=1.0)
    for value in (1, "learned", None):
        with pytest.raises(CharrnnError, match="not valid settings"):
            Settings.of(old | {"learned_state": value})


def test_options_of_an_optimizer_are_stored_if_it_has_them():
    """The usual momentum is chosen, and told; a file of a run without such options is as it always was."""
    plain, usual = Settings(epochs=1.0), Settings(epochs=1.0, optimizer="sgd")
    assert not {"momentum", "nesterov"} & set(plain.stored())
    assert (usual.stored()["momentum"], usual.update_rule) == (0.9, "sgd with momentum 0.9")
    assert "nesterov" not in usual.stored()
    other = replace(usual, momentum=0.0)
    assert (other.stored()["momentum"], other.update_rule) == (0.0, "sgd with momentum 0")
    ahead = replace(usual, nesterov=True)
    for settings in (plain, usual, other, ahead):
        assert Settings.of(json.loads(json.dumps(settings.stored()))) == settings
    before = {name: value for name, value in usual.stored().items() if name != "momentum"}  # of an older version
    assert Settings.of(before) == usual


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dropout": 1.0}, "the dropout must be"),
        ({"seq_length": 0}, "the sequence length must be"),
        ({"batch_size": 0}, "the batch size must be"),
        ({"epochs": 0.0}, "the number of epochs must be more than 0"),
        ({"epochs": None}, "a run is measured either in epochs or in time"),
        ({"seconds": 5.0}, "a run is measured either in epochs or in time"),
        ({"epochs": None, "seconds": float("nan")}, "the time must be more than 0"),
        ({"lr": -1.0}, "the learning rate must be more than 0"),
        ({"lr": float("nan")}, "the learning rate must be more than 0"),
        ({"optimizer": "lion"}, "unknown optimizer 'lion'"),
        ({"momentum": 0.5}, "the optimizer adam has no momentum; use sgd"),
        ({"optimizer": "rmsprop", "nesterov": True}, "the optimizer rmsprop has no nesterov; use sgd"),
        ({"optimizer": "sgd", "momentum": 1.0}, "the momentum must be at least 0 and less than 1, not 1"),
        ({"optimizer": "sgd", "momentum": float("nan")}, "the momentum must be"),
        ({"optimizer": "sgd", "momentum": 0.0, "nesterov": True}, "nesterov needs a momentum above 0"),
        ({"schedule": "step"}, "unknown schedule 'step'"),
        ({"recurrent_start": "zeros"}, "unknown recurrent start 'zeros'; choose from orthogonal, identity, random"),
        ({"start_scale": 0.0}, "the scale of the first weights must be from 1e-06 to 1,000, not 0"),
        ({"start_scale": float("nan")}, "the scale of the first weights must be"),
        ({"clip": -1.0}, "the clip must be 0 or at least 1e-30"),
        ({"clip": 1e-310}, "the clip must be 0 or at least 1e-30"),
        ({"clip_value": 5e-324}, "the clip value must be 0 or at least 1e-30"),
        ({"val_fraction": 1.0}, "the validation fraction must be"),
        ({"warmup": 2.0}, "the warm-up must be"),
        ({"seed": -1}, "the seed must be"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(change, sentence):
    """One sentence says what is wrong."""
    with pytest.raises(CharrnnError, match=sentence):
        replace(SMALL, **change)


def test_the_default_length_follows_the_size_of_the_text():
    """A short text is read often, a long one a few times."""
    assert default_epochs(1000) == 50
    assert 5 < default_epochs(1_115_394) < 15
    assert default_epochs(10**9) == 3


def test_a_rare_character_is_no_divergence():
    """Where a window holds one prediction, one surprise costs more than the limit; the run learns on."""
    corpus = corpus_of(("a" * 599 + "b") * 20)
    with Team(1) as team:
        settings = Settings(hidden=8, seq_length=1, batch_size=1, epochs=1.0, lr=0.01)
        trainer = Trainer(TextData(settings, corpus), team)
        assert not any(record.rolled_back for record in trainer.run())
        assert trainer.best_loss < 0.1


def test_a_run_is_resumed_across_a_rollback(tmp_path):
    """Saved before it, at it or after it, a run ends on the bits of one that never stopped."""
    settings, corpus = replace(SMALL, epochs=3.0, lr=1.5, clip=0.0), corpus_of(rhyme(3000))
    pace = Pace(shortest_interval=1, longest_interval=300, hopeless=0.95, most_rollbacks=1000)
    with Team(1) as team:
        whole = Trainer(TextData(settings, corpus, pace), team)
        backs = [k for k, record in enumerate(whole.run()) if record.rolled_back]
        assert backs
        for stop in (3, 17, 40):
            trainer = Trainer(TextData(settings, corpus, pace), team)
            for k, _ in enumerate(trainer.run()):
                if k >= stop:
                    trainer.stop = True
            save(tmp_path / "model.npz", trainer.checkpoint())
            trainer = resumed_run(load(tmp_path / "model.npz", resume=True), corpus, team, pace=pace)
            for _ in trainer.run():
                pass
            assert state_of(trainer) == state_of(whole)
            steps = [entry["step"] for entry in trainer.history]
            assert steps == [entry["step"] for entry in whole.history] == sorted(set(steps))


def test_what_is_rolled_back_leaves_the_history(monkeypatch):
    """Validations after the best one are taken back with their steps, and are there once when these are taken again."""
    with Team(1) as team:
        pace = Pace(shortest_interval=1, longest_interval=300)
        trainer = Trainer(TextData(replace(SMALL, epochs=4.0, patience=0), corpus_of(rhyme(3000)), pace), team)
        losses = iter([1.0, 2.0, 2.0])
        monkeypatch.setattr(trainer, "validate", lambda: next(losses, 2.0))
        for _ in trainer.run():
            if len(trainer.history) == 3:
                trainer.network.weights.named["output.V"][0, 0] = np.nan
                trainer.network.pack()
                break
        records = trainer.run()
        assert next(record for record in records if record.rolled_back)
        assert [entry["val_loss"] for entry in trainer.history] == [1.0]
        list(records)
        steps = [entry["step"] for entry in trainer.history]
        assert len(steps) > 3
        assert steps == sorted(set(steps))
