"""A run as an iterator: beside the command, stopped, continued, interrupted, shared, misused."""

import gc
import os
import signal
import threading
import time
import warnings
from pathlib import Path

import pytest

import charrnn
from charrnn import CharrnnError
from tests.helpers.commands import TINY, enter
from tests.helpers.model_files import assert_same_bits, assert_same_file, meta_of

SMALL = {"hidden": 16, "threads": 1}


def train(corpus="corpus.txt", **options):
    """Prepare a small run."""
    return charrnn.train(corpus, **SMALL, **options)


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        ({"epochs": 2}, ["--epochs", 2]),
        (
            {"epochs": 1, "cell": "gru", "layers": 2, "dropout": 0.3, "seed": 7},
            "--cell gru --layers 2 --dropout 0.3 --seed 7",
        ),
        ({"epochs": 1, "cell": "clockwork", "periods": [1, 2]}, "--cell clockwork --periods 1,2"),
        ({"epochs": 1, "bidirectional": True}, "--bidirectional"),
        ({"epochs": 1, "documents": "lines", "lr": 0.02, "clip": 0}, "--documents lines --lr 0.02 --clip 0"),
        ({"epochs": 1, "bytes": True, "optimizer": "rmsprop"}, "--bytes --optimizer rmsprop"),
        ({"epochs": 1, "gradient": "rtrl", "cell": "rnn"}, "--gradient rtrl --cell rnn"),
    ],
)
def test_a_run_is_that_of_the_command(folder, options, typed):
    """The same options give the same file, whatever the number of threads."""
    typed = [*typed.split(), "--epochs", 1] if isinstance(typed, str) else typed
    assert enter("train", "corpus.txt", *TINY, *typed, "--quiet", "-o", "typed.npz") == 0
    run = charrnn.train("corpus.txt", **(SMALL | {"threads": 2}), **options)
    records = list(run)
    run.save("called.npz")
    assert_same_file("typed.npz", "called.npz")
    assert records[-1].fraction == 1.0
    assert run.finished


def test_a_run_with_defaults_is_that_of_the_command(folder):
    """Where nothing is said, both decide alike."""
    run = charrnn.train(Path("corpus.txt"), time="1s")
    assert run._trainer.settings.seconds == 1.0
    run.close()
    from charrnn.cli.train_preparation import new_run
    from charrnn.model.team import Team
    from tests.helpers.commands import train_options

    with Team(1) as team:
        assert new_run(train_options("corpus.txt"), team).settings == charrnn.train("corpus.txt")._trainer.settings


def test_a_text_can_be_in_memory(folder, text):
    """A string, or bytes, learns as a file with it does; a list of paths as several files."""
    model = train(epochs=1).finish()
    for corpus in (text, text.encode(), Path("corpus.txt"), [Path("corpus.txt")], ["corpus.txt"]):
        other = train(corpus, epochs=1).finish()
        assert all((other.parameters[name] == values).all() for name, values in model.parameters.items())
        assert other.vocabulary == model.vocabulary


def test_a_run_is_not_saved_over_its_text(folder):
    """Not over a file that it reads, be it a model, and not into a folder whose files of any kind are its text."""
    Path("books").mkdir()
    train(epochs=1).finish().save("books/model.npz")
    run = train("books", epochs=1, bytes=True, validate="corpus.txt")
    run.finish()
    before = Path("books/model.npz").read_bytes()
    for name in ("corpus.txt", "books/model.npz", "books/new.npz"):
        with pytest.raises(CharrnnError, match=f"{name} is a text that the run reads; name another file"):
            run.save(name, force=True)
    assert Path("books/model.npz").read_bytes() == before
    run.save("new.npz")


def test_a_run_that_was_stopped_continues(folder):
    """In the same process, after a break or a stop, and from a file: to the bits of a run that never stopped."""
    whole = train(epochs=4)
    whole.finish()
    whole.save("whole.npz")
    run = train(epochs=4)
    for _ in run:
        break
    assert 0 < run._trainer.state.step < whole._trainer.state.step
    for record in run:
        if record.epoch >= 1.0:
            run.stop()
    assert not run.finished
    run.save("half.npz")
    resumed = charrnn.train(resume="half.npz", threads=2)
    resumed.finish()
    resumed.save("resumed.npz")
    run.finish()
    run.save("continued.npz")
    assert_same_file("whole.npz", "resumed.npz")
    assert_same_file("whole.npz", "continued.npz")
    assert enter("train", "--resume", "half.npz", "--quiet", "-o", "typed.npz") == 0
    assert_same_file("whole.npz", "typed.npz")
    longer = charrnn.train(resume="whole.npz", epochs=5)
    assert longer.finish().info["training"]["epochs"] == 5.0


def test_a_run_on_a_text_in_memory_is_resumed_with_it(folder, text):
    """The file cannot name it, and says so."""
    run = train(text, epochs=2)
    next(run)
    run.save("half.npz")
    with pytest.raises(CharrnnError, match="give the same text again"):
        charrnn.train(resume="half.npz")
    with pytest.raises(CharrnnError, match=r"the text has changed since half\.npz was trained on it"):
        charrnn.train(text + "!", resume="half.npz")
    resumed = charrnn.train(text, resume="half.npz")
    assert resumed.finish().info["corpus"]["characters"] == len(text)


def test_a_run_starts_from_another_models_weights(folder, text):
    """With its network and vocabulary, which the run cannot change."""
    first = train(epochs=1)
    first.finish()
    first.save("first.npz")
    Path("other.txt").write_text(text[:2000] + "Ω", encoding="utf-8")
    with pytest.raises(CharrnnError, match="--remap"):
        charrnn.train("other.txt", init_from="first.npz", epochs=1)
    run = charrnn.train("other.txt", init_from="first.npz", remap=True, epochs=1)
    assert "Ω" in run.model.vocabulary.characters  # a model before the first step: the weights that were given
    with pytest.raises(CharrnnError, match="the model decides cell, hidden"):
        charrnn.train("other.txt", init_from="first.npz", cell="gru", hidden=3)


def test_a_model_is_left_alone_by_what_follows(folder):
    """It is a copy, of the best weights so far; a slim file cannot be resumed."""
    run = train(epochs=3)
    next(run)
    early = run.model
    text = early.sample(length=50, seed=1)
    late = run.finish()
    assert early.sample(length=50, seed=1) == text
    assert late.sample(length=50, seed=1) != text
    assert run.history[-1]["val_loss"] is not None
    late.save("slim.npz", slim=True)
    with pytest.raises(CharrnnError, match="slim"):
        charrnn.train(resume="slim.npz")
    late.save("whole.npz")
    run.save("run.npz")
    assert_same_bits("whole.npz", "run.npz")
    assert "progress" in meta_of("whole.npz")


def test_ctrl_c_ends_a_loop_between_two_steps(folder):
    """The weights are those of a whole step, so that the run continues to the same bits."""
    whole = train(epochs=30).finish()
    run = train(epochs=30)
    next(run)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        timer.start()
        for _ in range(10_000):
            next(run)
            time.sleep(0)
        time.sleep(5)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    model = run.finish()
    assert all((model.parameters[name] == values).all() for name, values in whole.parameters.items())


def test_a_run_is_for_one_thread_at_a_time(folder):
    """A second one is told so; after the first one it may go on."""
    run = train(epochs=1000)
    next(run)
    waiting, going = threading.Event(), threading.Event()
    take = run._trainer.advance

    def slow(steps):
        going.set()
        assert waiting.wait(20)
        return take(steps)

    run._trainer.advance = slow
    thread = threading.Thread(target=next, args=(run,))
    thread.start()
    assert going.wait(20)
    with pytest.raises(CharrnnError, match="another thread is training this run"):
        next(run)
    waiting.set()
    thread.join()
    next(run)
    run.close()


def test_a_run_gives_back_its_threads(folder):
    """When it is finished, closed, or no longer used."""

    def ours():
        return sum(thread.name.startswith("charrnn-") for thread in threading.enumerate())

    before = ours()
    run = train(epochs=1)
    assert ours() == before + 1
    run.finish()
    assert ours() == before
    assert list(run) == []
    with train(epochs=100) as run:
        next(run)
    assert ours() == before
    with pytest.raises(CharrnnError, match="closed"):
        next(run)
    assert run.model.sample(length=5)  # what it has learned stays
    run = train(epochs=100)
    next(run)
    del run
    gc.collect()
    assert ours() == before
    with pytest.raises(CharrnnError):
        train("aaaa" * 100, epochs=1)
    assert ours() == before


def test_what_a_user_should_know_is_a_warning(folder, text):
    """Files that were left out, a text that is short."""
    Path("texts").mkdir()
    Path("texts/a.txt").write_text(text[:3000], encoding="utf-8")
    Path("texts/b.bin").write_bytes(b"\0\1")
    with pytest.warns(UserWarning, match="1 file is not text and was left out"):
        train("texts", epochs=1)
    with pytest.warns(UserWarning, match="the text is short"):
        train(text[:300], epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(epochs=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"corpus": None}, "give a text to train on"),
        ({"corpus": "nowhere.txt"}, "there is no file 'nowhere.txt'"),
        ({"corpus": ["nowhere.txt"]}, "nowhere.txt cannot be read"),
        ({"corpus": ""}, "there is no file ''"),
        ({"corpus": "\n\n\n"}, "the text has only one distinct character"),
        ({"corpus": "\ud800\n"}, "surrogate"),
        ({"cell": "lstn"}, "unknown cell 'lstn'"),
        ({"cell": "gru", "activation": "relu"}, "gru has no activation"),
        ({"cell": "clockwork", "periods": [2, 1]}, "periods"),
        ({"epochs": 0}, "epochs"),
        ({"time": "soon"}, "'soon' is not a time"),
        ({"time": -1.0}, "'-1.0' is not a time"),
        ({"lr": 0.0}, "learning rate"),
        ({"dropout": 1.5}, "dropout"),
        ({"bidirectional": True, "documents": "lines"}, "documents"),
        ({"documents": "@"}, "one document"),
        ({"remap": True}, "remap needs init_from"),
        ({"resume": "a.npz", "init_from": "b.npz"}, "not both"),
        ({"resume": "a.npz", "cell": "gru"}, "keeps its own cell"),
        ({"corpus": None, "resume": "a.npz"}, "a.npz"),
        ({"init_from": "a.npz", "documents": "lines"}, "the model decides documents"),
    ],
)
def test_wrong_use_is_one_sentence(folder, options, words):
    """It says what would be right, before anything is trained."""
    with pytest.raises(CharrnnError, match=words):
        charrnn.train(**{"corpus": "corpus.txt", **options})


def test_a_misspelled_option_is_named(folder):
    """As Python names one; and a model that has learned nothing says what to do."""
    with pytest.raises(TypeError, match=r"train\(\) has no argument 'hiden'; did you mean hidden\?"):
        charrnn.train("corpus.txt", hiden=3)
    with pytest.raises(CharrnnError, match="iterate over it first"):
        _ = train(epochs=1).model
    with pytest.raises(CharrnnError, match="iterate over it first"):
        train(epochs=1).save("model.npz")
    assert not Path("model.npz").exists()


def test_options_are_those_of_the_command():
    """Each keyword argument has the name of an option of ``charrnn train``."""
    import inspect

    from charrnn.cli.train import command
    from charrnn.library.keywords import TrainingOptions

    typed = {flag.removeprefix("--").replace("-", "_") for param in command.params for flag in param.opts}
    names = {*TrainingOptions.__annotations__, *inspect.signature(charrnn.train).parameters} - {"options"}
    assert names <= typed
    # What is shown, written and learned online is the command line's alone.
    others = {"output", "force", "save_every", "slim", "samples", "quiet", "log", "online", "unknown"}
    assert typed - names - {"_o"} == others


def test_a_run_that_gives_up_says_so(folder):
    """What cannot be learned raises the command line's error, and the run is over."""
    run = train(epochs=3, lr=1e9, clip=0, cell="rnn", activation="relu", warmup=0.0)
    with pytest.raises(CharrnnError, match="--lr"):
        run.finish()
