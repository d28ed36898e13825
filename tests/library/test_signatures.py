"""Arguments of the library: names, types, defaults, and what help says of them."""

import ast
import inspect
import io
import re
from fractions import Fraction
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import charrnn
from charrnn import Layer
from charrnn.cells.table import ACTIVATIONS, CELLS, RECURRENT_STARTS
from charrnn.cli import sample as sample_command
from charrnn.cli import train as train_command
from charrnn.library import keywords
from charrnn.library.preparation import settings_of
from charrnn.library.signatures import COMMAND_ONLY, OTHER_NAMES
from charrnn.text.defaults import SCORED_UNKNOWN, UNKNOWN
from charrnn.training.rules import GRADIENTS, OPTIMIZERS, SCHEDULES
from charrnn.writing.controls import Controls
from tests.helpers.errors import refused


@pytest.fixture(scope="module")
def model(trained):
    """Open the small model."""
    return charrnn.load(trained)


def documented(function):
    """Return the options that a docstring lists, with their defaults and what it says of them."""
    found = re.findall(r"^ *(\w+)=(\S+) {2,}(\S.*)$", function.__doc__, re.MULTILINE)
    return {name: (ast.literal_eval(default), text) for name, default, text in found}


def typed(command):
    """Return the names of a command's options, as Python spells them."""
    flags = {flag for param in command.params for flag in (*param.opts, *param.secondary_opts)}
    return {flag.removeprefix("--").replace("-", "_") for flag in flags if flag.startswith("--")}


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (keywords.Cell, CELLS),
        (keywords.Activation, ACTIVATIONS),
        (keywords.Gradient, GRADIENTS),
        (keywords.Optimizer, OPTIMIZERS),
        (keywords.Schedule, SCHEDULES),
        (keywords.Unknown, UNKNOWN),
        (keywords.ScoredUnknown, SCORED_UNKNOWN),
    ],
)
def test_what_types_allow_is_what_the_tables_have(names, table):
    """In their order."""
    assert get_args(names) == tuple(table)


def test_help_lists_every_option_of_a_run():
    """With its default, which is that of the settings; one that depends on others is described."""
    listed = documented(charrnn.train)
    signature = {name: p.default for name, p in inspect.signature(charrnn.train).parameters.items()}
    assert [*listed] == [
        *(name for name in signature if name not in ("corpus", "options")),
        *keywords.TrainingOptions.__annotations__,
    ]
    usual = settings_of({"epochs": 1})
    for name, (default, text) in listed.items():
        if name in signature:
            assert default == signature[name], name
        elif name in keywords.ExampleOptions.__annotations__:  # of runs on examples
            assert default == {"ahead": 1, "class_weights": "none", "attention": False}.get(name), name
        elif default is None and name not in ("activation", "projection", "periods", "recurrent_start"):
            chosen = settings_of({"epochs": 1, "optimizer": "sgd"}) if name == "momentum" else usual
            assert re.search(rf"None: {getattr(chosen, name):g}\b", text), name
        else:
            assert default == getattr(usual, name, False), name
    assert f'None: "{ACTIVATIONS[0]}"' in listed["activation"][1]
    assert "[1, 2, 4, 8]" in listed["periods"][1]
    assert all(f'"{start}"' in listed["recurrent_start"][1] for start in RECURRENT_STARTS)
    for name, values in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("gradient", GRADIENTS)):
        assert all(f'"{value}"' in listed[name][1] for value in values)
    lacking = re.search(r"Only the command has (.*?):", " ".join(charrnn.train.__doc__.split()))[1]
    assert set(re.findall(r"\w+", lacking)) - {"and"} == {*COMMAND_ONLY["train"]}
    only = typed(train_command.command) - {*listed, "help", "no_samples", "no_shuffle", "no_joined"}
    assert only == {*COMMAND_ONLY["train"]}


def test_help_lists_every_option_of_writing():
    """With its default, which is that of the controls."""
    listed = documented(charrnn.Model.sample)
    assert sorted(listed) == sorted(keywords.WritingOptions.__annotations__)
    for name, (default, _) in listed.items():
        field = "temperature" if name == "temp" else name
        if hasattr(Controls, field):
            assert default == getattr(Controls, field), name
    lacking = re.search(r"Only the command has (.*?)\.", " ".join(charrnn.Model.sample.__doc__.split()))[1]
    assert set(re.findall(r"\w+", lacking)) - {"and"} == {*COMMAND_ONLY["sample"]}
    # In Python, the file of a cell is given to charrnn.load.
    only = typed(sample_command.command) - {*listed, "help", "temperature", "prime", "count", "cell"}
    assert only == {*COMMAND_ONLY["sample"]}


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (
            "train",
            "learning_rate:lr epoch:epochs rnn_size:hidden hidden_size:hidden num_layers:layers batchsize:batch_size "
            "seq_len:seq_length BatchSize:batch_size hiden:hidden resum:resume init_frm:init_from treads:threads "
            "val_split:val_fraction text:corpus model_type:cell seconds:time",
        ),
        (
            "sample",
            "temperature:temp tempo:temp prompt:prime max_length:length topk:top_k random_state:seed prme:prime",
        ),
        ("samples", "num_chars:length cout:count"),
        ("stream", "repetition_penalty:repeat_penalty"),
        ("score", "unknwn:unknown n_threads:threads"),
        ("fill", "temperature:temp beams:beam"),
    ],
)
def test_the_option_that_is_meant_is_named(model, function, names):
    """Other programs' names first, then those that are spelled alike, among all arguments."""
    call = charrnn.train if function == "train" else getattr(model, function)
    for pair in names.split():
        given, meant = pair.split(":")
        with refused(rf"{function}\(\) has no argument '{given}'; did you mean {meant}\?", TypeError):
            call(**{given: 1})


def test_options_that_only_the_command_has_are_known_as_such(model):
    """They are not taken for misspelled ones."""
    with refused(r"train\(\) has no argument 'output'; only the command line has it", TypeError):
        charrnn.train("corpus.txt", output="x.npz")
    with refused(r"sample\(\) has no argument 'novel'; only the command line has it", TypeError):
        model.sample(novel="corpus.txt")
    with refused(r"sample\(\) has no argument 'zzz'; its arguments are prime, temp", TypeError):
        model.sample(zzz=1)


def test_other_names_are_of_arguments():
    """Each belongs to an argument of some function, and to no two arguments of the same one."""
    for function, options in (
        (charrnn.train, keywords.TrainingOptions),
        (charrnn.Model.samples, keywords.WritingOptions),
    ):
        own = [*inspect.signature(function).parameters, *options.__annotations__]
        others = [other for name in own for other in OTHER_NAMES.get(name, "").split()]
        assert len(others) == len(set(others))
        assert not {name.replace("_", "") for name in own} & set(others)
    known = {*inspect.signature(charrnn.train).parameters, *keywords.TrainingOptions.__annotations__}
    known |= {"prime", *keywords.WritingOptions.__annotations__}
    assert set(OTHER_NAMES) <= known


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda m: m.sample(temp="0.5"), r"sample\(\) takes temp as a number, not '0.5'"),
        (lambda m: m.sample(temp=None), "temp as a number, not None"),
        (lambda m: m.sample(None), r"sample\(\) takes prime as a string, not None"),
        (lambda m: m.sample(Path("a.txt")), "prime as a string, not PosixPath"),
        (lambda m: m.sample(io.StringIO("Der")), r"read the file first: prime\.read\(\)"),
        (lambda m: m.sample(length=5.0), "length as a whole number or None, not 5.0"),
        (lambda m: m.sample(stop=3), "stop as a string or a list of strings, not 3"),
        (lambda m: m.sample(stop=["a", 3]), "stop as a string or a list of strings"),
        (lambda m: m.sample(seed="a"), "seed as a whole number or None, not 'a'"),
        (lambda m: m.sample(no_prime=1), "no_prime as True or False, not 1"),
        (lambda m: m.samples("3"), "count as a whole number, not '3'"),
        (lambda m: m.score(None), "text as a string or bytes or a path, not None"),
        (lambda m: m.score(io.StringIO("Der")), r"read the file first: text\.read\(\)"),
        (lambda m: m.score("Der", threads="2"), "threads as a whole number or None"),
        (lambda m: m.next_characters(Path("a")), "text as a string"),
        (lambda m: m.next_characters("Der", k=True), "k as a whole number, not True"),
        (lambda m: m.sample(unknown=None), "unknown as one of error, skip, replace, not None"),
        (lambda m: m.fill("D_r", beam="9"), "beam as a whole number"),
        (lambda m: m.save(3), r"save\(\) takes path as a string or a path, not 3"),
        (lambda m: charrnn.load(None), r"load\(\) takes path as a string or a path, not None"),
        (
            lambda m: charrnn.train("corpus.txt", hidden="64"),
            r"train\(\) takes hidden as a whole number or None, not '64'",
        ),
        (lambda m: charrnn.train("corpus.txt", hidden=64.0), "hidden as a whole number or None, not 64.0"),
        (lambda m: charrnn.train("corpus.txt", seed="a"), "seed as a whole number, not 'a'"),
        (lambda m: charrnn.train("corpus.txt", lr="x"), "lr as a number or None, not 'x'"),
        (lambda m: charrnn.train("corpus.txt", epochs="3"), "epochs as a number or None, not '3'"),
        (lambda m: charrnn.train("corpus.txt", cell=3), "cell as one of rnn, irnn"),
        (
            lambda m: charrnn.train("corpus.txt", periods=[1, 2.5]),
            "periods as a string or a list of whole numbers or None",
        ),
        (lambda m: charrnn.train("corpus.txt", time=[1]), "time as a string or a number or None"),
        (lambda m: charrnn.train("corpus.txt", init_from=3), "init_from as a string or a path or a Model or None"),
        (lambda m: charrnn.train(io.StringIO("Der")), r"corpus as .* a list of paths or None, .*corpus\.read\(\)"),
        (lambda m: charrnn.train(3), "corpus as a string or bytes or a path or a list of paths or None, not 3"),
        (lambda m: charrnn.train([3]), "a list holds paths of files"),
        (lambda m: Layer("rnn", inputs="3", hidden=4), r"Layer\(\) takes inputs as a whole number, not '3'"),
        (lambda m: Layer("rnn", inputs=3, hidden=4.0), "hidden as a whole number"),
        (
            lambda m: Layer("rnn", inputs=3, hidden=4)(np.zeros((1, 1, 3)), (1, 2)),
            r"state as a dict or None, not \(1, 2\)",
        ),
        (lambda m: Layer("rnn", inputs=3, hidden=4, parameters=[1]), "parameters as a dict or None"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(model, use, words):
    """With the option, and what it takes."""
    with refused(words, TypeError):
        use(model)


def test_numbers_of_numpy_are_numbers(model, folder):
    """They give the same results, and files that can be resumed."""
    assert model.sample(length=np.int32(9), seed=np.uint8(3), temp=np.float32(0.5)) == model.sample(
        length=9, seed=3, temp=0.5
    )
    assert model.sample(length=5, temp=Fraction(1, 2), seed=1) == model.sample(length=5, temp=0.5, seed=1)
    options = {"hidden": np.int64(8), "lr": np.float32(0.01), "epochs": np.int16(2), "seed": np.uint64(3)}
    run = charrnn.train("corpus.txt", threads=1, **options)
    next(run)
    run.save("half.npz")
    assert charrnn.train(resume="half.npz").finish().info["training"]["hidden"] == 8


def test_no_message_repeats_a_long_string(model):
    """Whatever is given in place of what is asked for."""
    long = "Der Mann und die Frau " * 300
    broken = long + "\n"
    calls = [
        lambda s: charrnn.load(s),
        lambda s: charrnn.train([s]),
        lambda s: charrnn.train("corpus.txt", resume=s),
        lambda s: charrnn.train("corpus.txt", init_from=s),
        lambda s: charrnn.train(s, validate=s),
        lambda s: model.save(s),
        lambda s: model.score(Path(s)),
        *(lambda s, n=name: charrnn.train(s, **{n: s}) for name in charrnn.TrainingOptions.__annotations__),
        *(lambda s, n=name: charrnn.train(s, **{n: s}) for name in ("time", "epochs", "threads", "documents")),
        *(
            lambda s, n=name: model.sample(**{n: s})
            for name in charrnn.WritingOptions.__annotations__
            if name != "stop"
        ),
        lambda s: model.sample(stop="€" + s),
        lambda s: model.fill(s, mark=s),
        lambda s: Layer(s, inputs=3, hidden=4),
        lambda s: model.sample(**{s: 1}),
    ]
    for call in calls:
        for given in (long, broken):
            with pytest.raises((charrnn.CharrnnError, TypeError)) as caught:
                call(given)
            assert len(str(caught.value)) < 400, str(caught.value)[:600]
