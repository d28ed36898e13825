"""A run as an iterator: beside the command, stopped, continued, interrupted, shared, misused."""

import gc
import itertools
import math
import os
import pickle
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.model import model_file
from tests.helpers.commands import TINY, enter
from tests.helpers.errors import refused
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
    """Not over a file that it reads, be it a model in a folder; a new file in the folder is no part of the text."""
    Path("books").mkdir()
    train(epochs=1).finish().save("books/model.npz")
    run = train("books", epochs=1, bytes=True, validate="corpus.txt")
    run.finish()
    before = Path("books/model.npz").read_bytes()
    for name in ("corpus.txt", "books/model.npz"):
        with refused(f"{name} is a text that the run reads; name another file"):
            run.save(name, force=True)
    assert Path("books/model.npz").read_bytes() == before
    run.save("books/new.npz")
    assert charrnn.train(resume="books/new.npz", epochs=2).finish()


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
    with refused(r"half\.npz was trained on a text in memory; give it again: train\(text, resume=…\)"):
        charrnn.train(resume="half.npz")
    with refused(r"the text has changed since half\.npz .*with: train\(corpus, init_from='half\.npz'\)"):
        charrnn.train(text + "!", resume="half.npz")
    resumed = charrnn.train(text, resume="half.npz")
    assert resumed.finish().info["corpus"]["characters"] == len(text)


def test_a_text_in_memory_is_called_the_text(folder, text):
    """In messages; in the file, it stands where standard input does."""
    for corpus, words in (
        ("a" * 300, "the text has only one distinct character"),
        (b"Der \xff Mann" * 99, "the text is not UTF-8 text"),
        (b"\r\n" * 99, "the text has only one distinct character"),
        (b"\xef\xbb\xbf", "there is no text"),
    ):
        with refused(words):
            train(corpus, epochs=1)
    assert train(text, epochs=1).finish().info["corpus"]["sources"] == ["-"]


def test_a_run_starts_from_another_models_weights(folder, text):
    """With its network and vocabulary, which the run cannot change."""
    first = train(epochs=1)
    first.finish()
    first.save("first.npz")
    Path("other.txt").write_text(text[:2000] + "Ω", encoding="utf-8")
    with refused("add remap=True to extend it"):
        charrnn.train("other.txt", init_from="first.npz", epochs=1)
    run = charrnn.train("other.txt", init_from="first.npz", remap=True, epochs=1)
    assert "Ω" in run.model.vocabulary.characters  # a model before the first step: the weights that were given
    with refused("the model decides cell, hidden"):
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
    with refused("slim"):
        charrnn.train(resume="slim.npz")
    late.save("whole.npz")
    run.save("run.npz")
    assert_same_bits("whole.npz", "run.npz")
    assert "progress" in meta_of("whole.npz")


def test_ctrl_c_ends_a_loop_between_two_steps(folder):
    """The weights are those of a whole step, so that the run continues to the same bits."""
    whole = train(epochs=300).finish()  # long enough for the signal to come in time on any machine
    run = train(epochs=300)
    next(run)
    timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
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
    with refused("another thread is training this run"):
        next(run)
    waiting.set()
    thread.join()
    next(run)
    run.close()


def test_other_threads_look_between_two_steps(folder):
    """What they save or look at is never half of a step, here one that takes its time over the weights."""
    run = train(epochs=10_000)
    run._trainer.validate = lambda: None
    take, weights = run._trainer.advance, run._trainer.network.weights.flat

    def advance(steps):
        done = take(steps)
        for half in np.split(weights, [weights.size // 2]):
            half[:] = np.float32(1e-6 * run._trainer.state.step)
            time.sleep(0.002)
        return done

    run._trainer.advance = advance
    next(run)
    thread = threading.Thread(target=list, args=(run,))
    thread.start()
    seen = [run._checkpoint().resume for _ in range(20)]
    run.save("half.npz")
    assert run.model.sample(length=5)
    assert isinstance(run.history, list)
    run.stop()
    thread.join()
    for resume in [*seen, model_file.load("half.npz", resume=True).resume]:
        assert (resume.weights == np.float32(1e-6 * resume.progress["step"])).all()
    run.close()


def test_a_step_is_waited_for(folder):
    """A save from another thread ends right after it; one from within it is an error, not a wait without an end."""
    run = train(epochs=10_000)
    next(run)
    before = run._trainer.state.step
    going, waiting, taken, seen = threading.Event(), threading.Event(), [], []
    take = run._trainer.advance

    def slow(steps):
        with refused("in the middle of a step"):
            run.save("model.npz")
        going.set()
        assert waiting.wait(20)
        done = take(steps)
        taken.append(run._trainer.state.step)
        return done

    run._trainer.advance = slow
    training = threading.Thread(target=list, args=(run,))
    looking = threading.Thread(target=lambda: seen.append(run._checkpoint().resume.progress["step"]))
    training.start()
    assert going.wait(20)
    looking.start()
    looking.join(0.1)
    assert looking.is_alive()
    assert run._queue.locked()  # so that the next step is not taken before
    waiting.set()
    looking.join()
    run.stop()
    training.join()
    assert before < taken[0] == seen[0]
    going.clear()
    with run._queue:
        training = threading.Thread(target=next, args=(run,))
        training.start()
        assert not going.wait(0.1)
    training.join()
    assert going.is_set()
    run.close()


def test_a_run_in_epochs_pauses(folder, monkeypatch):
    """After each time of training, not of what the loop does; a run that is resumed with a time does, too."""
    whole = train(epochs=4).finish()
    seconds = itertools.count()
    monkeypatch.setattr("charrnn.library.run.monotonic", lambda: float(next(seconds)))  # each record takes a second
    monkeypatch.setattr("charrnn.training.pace.Pace.next_chunk", lambda *_: 1)
    run = train(epochs=4, time="2s")
    for _ in run:
        break
    assert len(list(run)) == 1  # what is left of the two seconds
    assert not run.finished
    assert len(list(run)) == 2
    assert run.finish().info["training"]["epochs"] == 4.0
    assert not run.finished
    run.save("half.npz")
    resumed = charrnn.train(resume="half.npz", time=3.0, threads=1)
    pauses = 0
    while not resumed.finished:
        step = resumed._trainer.state.step
        model = resumed.finish()
        assert resumed._trainer.state.step - step <= 3
        pauses += 1
    assert pauses > 1
    assert all((model.parameters[name] == values).all() for name, values in whole.parameters.items())
    assert train(time=3.0)._pause == math.inf  # a run in time ends by itself


def test_a_run_gives_back_its_threads(folder):
    """When it is finished, closed, or no longer used."""

    def ours():
        return sum(thread.name.startswith("charrnn-") for thread in threading.enumerate())

    gc.collect()  # runs of other tests
    before = ours()
    run = train(epochs=1)
    assert ours() == before + 1
    run.finish()
    assert ours() == before
    assert list(run) == []
    with train(epochs=100) as run:
        next(run)
    assert ours() == before
    with refused("closed"):
        next(run)
    assert run.model.sample(length=5)  # what it has learned stays
    run = train(epochs=100)
    next(run)
    del run
    gc.collect()
    assert ours() == before
    with refused("only one distinct character"):
        train("aaaa" * 100, epochs=1)
    assert ours() == before


def test_what_a_user_should_know_is_a_warning(folder, text):
    """Files that were left out, a text that is short."""
    Path("texts").mkdir()
    Path("texts/a.txt").write_text(text[:3000], encoding="utf-8")
    Path("texts/b.bin").write_bytes(b"\0\1")
    with pytest.warns(UserWarning, match="b.bin is left out: it is a binary file"):
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
        (
            {"corpus": ["nowhere.txt"]},
            "there is no file 'nowhere.txt'; a list holds paths of files; to train on texts, join",
        ),
        ({"corpus": ["Der Mann.\n" * 1000]}, r'^a list holds paths of files; .* join them: "\\n"\.join\(texts\)'),
        ({"corpus": [Path("nowhere.txt")]}, "nowhere.txt cannot be read"),
        ({"corpus": []}, "give at least one path"),
        ({"corpus": b""}, "the text is empty"),
        ({"corpus": ""}, "the text is empty"),
        ({"corpus": "\n\n\n"}, "the text has only one distinct character"),
        ({"corpus": "\ud800\n"}, "surrogate"),
        ({"cell": "lstn"}, "unknown cell 'lstn'"),
        ({"cell": "gru", "activation": "relu"}, "gru has no activation"),
        ({"cell": "clockwork", "periods": [2, 1]}, "periods"),
        ({"epochs": 0}, "epochs"),
        ({"time": "soon"}, "'soon' is not a time"),
        ({"time": -1.0}, "'-1.0' is not a time"),
        ({"time": 0}, "'0' is not a time; give a number of seconds above 0, or 90s, 5m or 2h"),
        ({"lr": 0.0}, "learning rate"),
        ({"dropout": 1.5}, "dropout"),
        ({"bidirectional": True, "documents": "lines"}, "documents"),
        ({"documents": "@"}, "is not between any two parts"),
        ({"remap": True}, "remap needs init_from"),
        ({"resume": "a.npz", "init_from": "b.npz"}, "not both"),
        ({"resume": "a.npz", "cell": "gru"}, "keeps its own cell"),
        ({"corpus": None, "resume": "a.npz"}, "a.npz"),
        ({"init_from": "a.npz", "documents": "lines"}, "the model decides documents"),
    ],
)
def test_wrong_use_is_one_sentence(folder, options, words):
    """It says what would be right, before anything is trained."""
    with refused(words):
        charrnn.train(**{"corpus": "corpus.txt", **options})


def test_a_misspelled_option_is_named(folder):
    """As Python names one; and a model that has learned nothing says what to do."""
    with refused(r"train\(\) has no argument 'hiden'; did you mean hidden\?", TypeError):
        charrnn.train("corpus.txt", hiden=3)
    with refused("iterate over it first"):
        _ = train(epochs=1).model
    with refused("iterate over it first"):
        train(epochs=1).save("model.npz")
    assert not Path("model.npz").exists()


def test_a_run_shows_where_it_is(folder):
    """Its network, how far it has come and how good it is, in one line."""
    run = train(epochs=1)
    assert repr(run) == "<charrnn.Run: lstm, 1 layer of 16, epoch 0.00 of 1>"
    run.finish()
    assert (
        repr(run)
        == f"<charrnn.Run: lstm, 1 layer of 16, epoch 1.00 of 1, validation {run._trainer.best_loss:.3f}, finished>"
    )
    with train(time="90s") as run:
        pass
    assert repr(run) == "<charrnn.Run: lstm, 1 layer of 16, epoch 0.00, 0 of 90 seconds, closed>"


def test_a_run_cannot_be_pickled(folder):
    """Its file can be sent to another process instead."""
    with train(epochs=1) as run, refused("a Run cannot be pickled: save it, and resume it from the file", TypeError):
        pickle.dumps(run)


def test_a_run_starts_from_a_model(folder):
    """As from the file that has it."""
    first = train(epochs=1)
    model = first.finish()
    first.save("first.npz")
    for source in (model, "first.npz", charrnn.load("first.npz")):
        run = charrnn.train("corpus.txt", init_from=source, epochs=1, threads=1)
        run.finish()
        run.save("next.npz", force=True)
        Path("next.npz").replace(f"next{id(source)}.npz")
        assert_same_file(f"next{id(source)}.npz", f"next{id(model)}.npz")


@pytest.mark.parametrize("documents", ["line", "Line", "Lines", " lines"])
def test_lines_that_are_misspelled_are_noted(folder, documents, run):
    """A separator that looks like the word is taken as said, with a warning, here and on the command line."""
    Path("words.txt").write_text(f"Mann{documents}Frau{documents}Kind\n" * 50, encoding="utf-8")
    with pytest.warns(UserWarning, match='to make each line a document, use documents="lines"'):
        train("words.txt", documents=documents, epochs=1).close()
    told = run("train", "words.txt", "--documents", documents, "--hidden", 4, "--epochs", 1, "-o", "words.npz").err
    assert "to make each line a document, use --documents lines" in told


def test_a_run_that_gives_up_says_so(folder):
    """What cannot be learned is an error that says what to do, and the run is over."""
    run = train(epochs=3, lr=1e9, clip=0, cell="rnn", activation="relu", warmup=0.0)
    with refused("try lr="):
        run.finish()


@pytest.mark.parametrize("change", [{"batch_size": 2}, {"lr": 0.001}, {"dropout": 0.5}])
def test_a_resumed_run_can_go_on_with_other_settings(folder, change):
    """The file says which, as a new leg."""
    run = train(epochs=2)
    next(run)
    run.save("half.npz", force=True)
    model = charrnn.train(resume="half.npz", **change).finish()
    (leg,) = model.info["training"]["legs"]
    assert {name: leg[name] for name in change} == change
