"""A run that its own loop saves: at intervals, at the end, and when it is interrupted."""

import itertools
import math
import shutil
import signal
import warnings
from pathlib import Path

import pytest

import charrnn
from charrnn.storage.files import locked
from tests.helpers.errors import refused
from tests.helpers.model_files import assert_same_file

OPTIONS = {"hidden": 16, "threads": 1}


@pytest.fixture
def whole(folder):
    """Train a run to its end in one go, and save it."""
    run = charrnn.train("corpus.txt", epochs=4, **OPTIONS)
    run.finish()
    run.save("whole.npz")
    return Path("whole.npz")


def interrupt(run, count, how):
    """Call a function at the end of a run's chunk of steps of this number."""
    take, numbers = run._trainer.advance, itertools.count(1)

    def advance(steps):
        done = take(steps)
        if next(numbers) == count:
            how()
        return done

    run._trainer.advance = advance


def press_ctrl_c():
    """Send the signal that Ctrl-C sends."""
    signal.raise_signal(signal.SIGINT)


def fail():
    """Raise an error that nobody expects."""
    raise RuntimeError("out of luck")


def test_a_run_is_saved_at_intervals_and_at_the_end(whole, monkeypatch):
    """The file can be resumed at any time; at the end, it is that of a run that was saved by hand."""
    saved = []
    from charrnn.model import model_file

    write = model_file.save

    def spied(path, checkpoint):
        write(path, checkpoint)
        saved.append(checkpoint.resume.progress["step"])

    monkeypatch.setattr(model_file, "save", spied)
    run = charrnn.train("corpus.txt", epochs=4, **OPTIONS)
    model = run.finish(save="model.npz", save_every=1e-6)
    assert len(saved) > 3
    assert saved == sorted(saved)
    assert saved[-1] == run._trainer.state.step
    assert_same_file("whole.npz", "model.npz")
    assert model.parameters["output.c"].tolist() == charrnn.load("model.npz").parameters["output.c"].tolist()
    saved.clear()
    charrnn.train("corpus.txt", epochs=4, **OPTIONS).finish(save="rarely.npz", save_every="1d")
    assert len(saved) <= 2  # at a validation, if any, and at the end
    assert_same_file("whole.npz", "rarely.npz")


@pytest.mark.parametrize(("how", "error"), [(press_ctrl_c, KeyboardInterrupt), (fail, RuntimeError)])
def test_an_interrupted_run_is_saved(whole, how, error):
    """The run continues from the file, to the bits of a run that never stopped."""
    run = charrnn.train("corpus.txt", epochs=4, **OPTIONS)
    interrupt(run, 3, how)
    with pytest.raises(error):
        run.finish(save="half.npz", save_every="1d")
    resumed = charrnn.train(resume="half.npz", threads=1)
    resumed.finish(save="half.npz", force=True)
    assert_same_file("whole.npz", "half.npz")


def test_weights_that_are_not_finite_are_not_saved(folder):
    """An interrupted run rolls them back first."""
    run = charrnn.train("corpus.txt", epochs=40, **OPTIONS)
    next(record for record in run if record.best)

    def spoil():
        run._trainer.network.weights.flat[0] = math.nan
        press_ctrl_c()

    interrupt(run, 3, spoil)
    with pytest.raises(KeyboardInterrupt):
        run.finish(save="half.npz", save_every="1d")
    assert charrnn.train(resume="half.npz").finish().sample(length=5)


def test_a_run_that_diverges_saves_its_best_model(folder):
    """And says what it has to say."""
    options = {"lr": 1e9, "clip": 0, "cell": "rnn", "activation": "relu", "warmup": 0.0}
    run = charrnn.train("corpus.txt", epochs=3, **OPTIONS, **options)
    with refused("diverged"):
        run.finish(save="best.npz")
    assert Path("best.npz").exists() == run._has_learned


def test_nothing_is_overwritten_by_chance(folder, text):
    """No file that exists, is no model, is the text or belongs to another run; that is found before the first step."""
    run = charrnn.train("corpus.txt", epochs=1, **OPTIONS)
    Path("model.npz").write_bytes(b"")
    Path("notes.txt").write_text("notes")
    for name, words in (
        ("model.npz", "use force=True to replace it"),
        ("notes.txt", "is not a charrnn model"),
        ("corpus.txt", "is a text that the run reads"),
        ("nowhere/model.npz", "nowhere does not exist"),
    ):
        with refused(words):
            run.finish(save=name)
    with locked("other.npz"), refused("another run"):
        run.finish(save="other.npz")
    with refused("'soon' is not a time"):
        run.finish(save="new.npz", save_every="soon")
    assert run._trainer.state.step == 0
    run.finish(save="model.npz", force=True)
    assert charrnn.load("model.npz").sample(length=5)


def test_a_full_disk_is_a_warning_until_the_end(folder, monkeypatch):
    """The run goes on, and tries again; what cannot be written at the end is an error."""
    from charrnn.model import model_file

    def full(path, checkpoint):
        raise charrnn.CharrnnError("the disk is full")

    run = charrnn.train("corpus.txt", epochs=2, **OPTIONS)
    with monkeypatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(model_file, "save", full)
        with refused("the disk is full"):
            run.finish(save="model.npz", save_every=1e-6)
    assert run.finished
    assert "the disk is full; the run continues, and tries again later" in str(caught[0].message)


def test_a_model_whose_folder_has_gone_is_saved_elsewhere(folder):
    """In the current folder; the error names the file."""
    Path("gone").mkdir()
    run = charrnn.train("corpus.txt", epochs=1, **OPTIONS)
    interrupt(run, 1, lambda: shutil.rmtree("gone"))
    with refused("gone/m.npz cannot be written: .*; the model is saved in m.npz"):
        run.finish(save="gone/m.npz", save_every="1d")
    assert charrnn.load("m.npz").sample(length=5)


def test_a_loop_saves_nothing_by_itself(folder):
    """What the page and the docstring say; nor does finish without a path."""
    run = charrnn.train("corpus.txt", epochs=1, **OPTIONS)
    for _ in run:
        pass
    run.finish()
    assert [path.name for path in Path().iterdir()] == ["corpus.txt"]
