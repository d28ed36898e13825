"""Options of charrnn train that contradict its task: one sentence says what to type, in Python too."""

import re
from pathlib import Path

import pytest

import charrnn
from charrnn.library.task_rules import SERIES, TAGGED, USUAL
from tests.helpers.commands import contents, misused, refused
from tests.helpers.example_inputs import TINY, train_on, write_inputs

WRONG = [
    ("--labels a", "--labels needs --task classify, tag, predict or translate."),
    ("--labels a --texts b", "--labels needs --task classify, tag, predict or translate."),
    ("--task generate --inputs a", "--inputs needs --task predict."),
    ("--task tag --ahead 3", "--ahead needs --task predict."),
    ("--task fill --ahead 3", "--ahead needs --task predict."),
    ("--pooling last", "--pooling needs --task classify or predict."),
    ("--task tag --pooling mean", "--pooling needs --task classify or predict."),
    ("--task classify --pooling each", "--task classify has no --pooling each; choose from last, mean."),
    ("--class-weights balanced", "--class-weights needs --task classify or tag."),
    ("--task predict --class-weights balanced", "--class-weights needs --task classify or tag."),
    ("--bidirectional --no-joined", "--joined needs --task classify, tag, predict or translate."),
    ("--task tag --joined", "--joined needs --bidirectional: "),
    ("--task classify --documents lines --bytes", "--task classify has no --bytes, --documents; leave that out."),
    ("--task tag --gradient rtrl", "--task tag has no --gradient rtrl; leave that out."),
    ("--task tag --gradient rtrl --online", "--task tag has no --gradient rtrl, --online; leave that out."),
    ("--task predict --sampled-softmax 5", "--task predict has no --sampled-softmax; leave that out."),
    ("--task classify --init-from corpus.txt", "--task classify has no --init-from; leave that out."),
    ("--task classify --no-shuffle", "--task classify has no --no-shuffle; leave that out."),
    ("--task classify --samples", "--task classify has no --samples; leave that out."),
    (
        "--task generate --bidirectional",
        "network cannot generate a text; --task fill fills its gaps.",
    ),
    ("--task fill --documents lines", "a bidirectional network reads a text as one."),
    ("--task fill --gradient rtrl", "which a bidirectional network does not."),
    ("--task fill --init-from corpus.txt", "With --init-from, the model decides --task; leave that out."),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_options_that_contradict_the_task(options, sentence, folder, run):
    """The usage says so before anything is read or written."""
    before = contents(folder)
    misused(run("train", "corpus.txt", *options.split(), "-o", "new.npz"), sentence)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": "a"}, "labels needs task classify, tag, predict or translate"),
        ({"task": "tag", "documents": "lines"}, "task tag has no documents; leave that out"),
        ({"task": "tag", "shuffle": False}, "task tag has no shuffle=False; leave that out"),
        ({"task": "tag", "gradient": "rtrl"}, 'task tag has no gradient="rtrl"; leave that out'),
        ({"task": "classify", "joined": True}, "joined needs bidirectional=True"),
        ({"task": "classify", "init_from": "corpus.txt"}, "task classify has no init_from"),
        ({"task": "generate", "bidirectional": True}, "a bidirectional=True network cannot generate a text; task fill"),
        ({"task": "fill", "init_from": "corpus.txt"}, "with init_from, the model decides task"),
    ],
)
def test_python_has_the_same_rules(options, words, folder):
    """In its own terms."""
    with pytest.raises(charrnn.CharrnnError, match=re.escape(words)):
        charrnn.train("corpus.txt", **options)


def test_options_that_ask_for_nothing_are_fine(folder, run):
    """A default can be typed."""
    write_inputs(folder)
    nothing = "--ahead 1 --class-weights none --gradient bptt --sampled-softmax 0 --shuffle --no-samples".split()
    assert run("train", "names", "--task", "classify", *TINY, *nothing, "--epochs", 1, "--quiet").code == 0
    nothing = "--class-weights none --ahead 1 --task generate".split()
    assert run("train", "corpus.txt", *TINY, *nothing, "--epochs", 1, "--quiet", "-o", "text.npz").code == 0


def test_task_fill_is_bidirectional(folder, run):
    """Bit for bit."""
    options = (*TINY, "--epochs", 1, "--quiet", "--slim")
    for name, choice in (("a.npz", ("--bidirectional",)), ("b.npz", ("--task", "fill"))):
        assert run("train", "corpus.txt", *choice, *options, "-o", name).code == 0
    models = [charrnn.load(name) for name in ("a.npz", "b.npz")]
    assert [model.info["task"] for model in models] == ["fill", "fill"]
    for name, values in models[0].parameters.items():
        assert values.tobytes() == models[1].parameters[name].tobytes()


def test_a_resumed_run_keeps_its_task(trained, folder, run):
    """A new run on examples cannot start from its weights, one on a text can."""
    write_inputs(folder)
    model = train_on(folder, "classify", "names.npz")
    for options in (("--task", "tag"), ("--labels", "a"), ("--hidden", 5), ("--pooling", "mean")):
        sentence = f"A resumed run keeps its own {options[0]}; start a new run without --resume."
        misused(run("train", "--resume", model, *options), sentence)
    misused(run("train", "--resume", trained, "--hidden", 5), "start a new run with --init-from instead.")
    with pytest.raises(charrnn.CharrnnError, match="keeps its own hidden; start a new run without resume"):
        charrnn.train(resume=model, hidden=5)


def test_options_that_the_examples_do_not_have(folder, run):
    """What is known only when they are read."""
    write_inputs(folder)
    series = ("train", "sea.csv", "--task", "predict", "--labels", "level", "-o", "new.npz")
    refused(run(*series, "--rare", 3), "these examples are numbers; leave that out")
    refused(run(*series, "--pooling", "mean"), "each step of these examples predicts; leave out --pooling mean")
    texts = ("train", "lengths.csv", "--task", "predict", "--texts", "word", "--labels", "length", "-o", "new.npz")
    refused(run(*texts, "--pooling", "each"), "these have none")
    assert not Path("new.npz").exists()


def test_help_shows_the_defaults_for_examples(run):
    """They come from the table that a run takes them from."""
    words = " ".join(run("train", "--help").out.split())
    assert f"{USUAL['hidden']} for examples]" in words
    assert f"{USUAL['batch_size']} for examples; {SERIES['batch_size']} for a series of numbers]" in words
    assert f"{USUAL['seq_length']:,} for examples; {TAGGED['seq_length']} with --task tag; " in words


def test_python_saves_a_run_on_examples(folder):
    """But not over what it reads; a run that is resumed from there goes on."""
    write_inputs(folder)
    options = {"task": "classify", "hidden": 8, "epochs": 2, "seq_length": 40}
    charrnn.train("names", **options).finish(save="names.npz")
    assert charrnn.train(resume="names.npz", epochs=3).finish().info["task"] == "classify"
    run = charrnn.train("waves.npz", **options)
    run.finish()
    with pytest.raises(charrnn.CharrnnError, match=r"waves.npz is a text that the run reads; name another file"):
        run.save("waves.npz", force=True)
    run.save("other.npz")


def test_python_documents_the_defaults_for_examples():
    """Of the sizes that differ from those of a text."""
    words = " ".join(charrnn.train.__doc__.split())
    assert f"or {USUAL['hidden']} for examples" in words
    assert f"{USUAL['batch_size']} for examples, or {SERIES['batch_size']} for a series of numbers" in words
    assert (
        f"{USUAL['seq_length']:,} for examples, {TAGGED['seq_length']} to tag, or {SERIES['seq_length']} for" in words
    )
