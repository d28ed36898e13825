"""Commands and methods that are given a model for another task: one sentence names the right command."""

import pytest

import charrnn
from charrnn.cells.tasks import TASKS
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import contents, refused
from tests.helpers.example_inputs import OPTIONS, train_on, write_inputs
from tests.helpers.model_files import untrained

COMMANDS = {  # and the tasks whose models they take
    ("sample",): ["generate"],
    ("sample", "--count", 3, "--json"): ["generate"],
    ("play",): ["generate"],
    ("trace", "corpus.txt"): ["generate"],
    ("gradients", "corpus.txt"): ["generate"],
    ("fill", "a_c"): ["generate", "fill"],  # which says itself how to train another one
}
METHODS = {
    "sample": lambda model: model.sample("ab"),
    "samples": lambda model: model.samples(2),
    "stream": lambda model: model.stream("ab"),
    "next_characters": lambda model: model.next_characters("ab"),
    "states": lambda model: model.states("ab"),
    "score": lambda model: model.score("ab"),
    "score_lines": lambda model: model.score_lines(["ab"]),
    "per_character": lambda model: model.per_character("ab"),
    "fill": lambda model: model.fill("a_b"),
    "completions": lambda model: model.completions("a_b"),
}
OF_BOTH = {"score", "score_lines", "per_character", "fill", "completions"}  # which say more of texts themselves


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return models for all tasks, by name."""
    folder = tmp_path_factory.mktemp("tasks")
    write_inputs(folder)
    found = {name: train_on(folder, name, f"{name.replace(' ', '-')}.npz") for name in OPTIONS}
    vocabulary = Vocabulary.of("ab \n")
    found["generate"] = untrained(folder / "generate.npz", vocabulary)
    found["fill"] = untrained(folder / "fill.npz", vocabulary, bidirectional=True)
    return found


@pytest.mark.parametrize("name", ["generate", "fill", *OPTIONS])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(map(str, command)))
def test_a_command_refuses_a_model_for_another_task(command, name, models, folder, run):
    """It does so before it reads anything else, and writes nothing."""
    task = name.split()[0]
    if task in COMMANDS[command]:
        return
    before = contents(folder)
    result = run(command[0], models[name], *command[1:], stdin=b"ab\n")
    refused(result, TASKS[task].use, f"use charrnn {task}" if task != "generate" else "use charrnn sample")
    assert contents(folder) == before


@pytest.mark.parametrize("name", OPTIONS)
def test_no_run_on_a_text_starts_from_a_model_for_examples(name, models, folder, run):
    """Nor does an encoded text have its vocabulary."""
    task = name.split()[0]
    for options in ((), ("--remap",)):
        result = run("train", "corpus.txt", "--init-from", models[name], *options, "-o", "new.npz")
        refused(result, f"this one is for the task {task}; --resume continues its own run")
    result = run("train", "-", "--gradient", "rtrl", "--online", "--init-from", models[name], "-o", "new.npz")
    refused(result, f"this one is for the task {task}")
    result = run("encode", "corpus.txt", "-o", "new.txt", "--vocabulary-of", models[name])
    refused(result, TASKS[task].use)
    assert sorted(path.name for path in folder.iterdir()) == ["corpus.txt"]
    with pytest.raises(charrnn.CharrnnError, match=f"init_from starts .* for the task {task}; resume continues"):
        charrnn.train("corpus.txt", init_from=models[name])


@pytest.mark.parametrize("name", ["fill", *OPTIONS])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_refuses_a_model_for_another_task(method, name, models):
    """In the terms of the library, and before it reads the text."""
    task = name.split()[0]
    if task == "fill" and method in OF_BOTH:
        return
    with pytest.raises(charrnn.CharrnnError, match=rf"use {task}\(\)"):
        METHODS[method](charrnn.load(models[name]))
