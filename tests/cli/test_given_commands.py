"""Commands of a model with conditions: each reads or writes under one, and none does without."""

import io
import json

import numpy as np
import pytest

from charrnn.cli.train_log import Log
from charrnn.cli.train_preparation import new_example_run
from charrnn.cli.train_session import train
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load, save
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.writing.sampler import Sampler
from tests.helpers.commands import contents, json_lines, misused, refused, train_options
from tests.helpers.conditional import MEASURED, untrained_given
from tests.helpers.example_inputs import write_inputs

SEEDED = ("--seed", 3, "--count", 3)
TEXT = ("ab cd ef gh ij kl mn\n".replace(" ", "") * 200).encode()
COMMANDS = {
    "sample": ("sample", "{model}", *SEEDED),
    "sample --json": ("sample", "{model}", *SEEDED, "--json"),
    "play": ("play", "{model}", "--seed", 3),
    "eval": ("eval", "{model}", "text.txt"),
    "eval --per-char": ("eval", "{model}", "text.txt", "--per-char", "--tsv"),
    "eval --per-line": ("eval", "{model}", "text.txt", "--per-line", "--alone"),
    "eval of two texts": ("eval", "{model}", "text.txt", "more.txt", "--json"),
    "trace": ("trace", "{model}", "text.txt", "--json"),
    "trace --unit": ("trace", "{model}", "text.txt", "--unit", "h3", "--json"),
    "gradients": ("gradients", "{model}", "text.txt", "--lags", 4, "--samples", 5, "--json"),
}


@pytest.fixture(scope="module", params=["every", "first"])
def model(request, tmp_path_factory):
    """Return the file of a model that knows four conditions."""
    return untrained_given(tmp_path_factory.mktemp("given") / "names.npz", given_at=request.param)


@pytest.fixture
def texts(folder):
    """Put two texts of the model's letters into the folder."""
    for name in ("text.txt", "more.txt"):
        (folder / name).write_bytes(TEXT)
    return folder


def enter(run, command, model, *more):
    """Type one of the commands for a model."""
    return run(*(str(word).format(model=model) for word in COMMANDS[command]), *more, stdin=b"ab\n\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_given_a_condition(command, model, texts, run):
    """Conditions differ in what they make of it; a mixture of one is that one."""
    found = {given: enter(run, command, model, "--given", given) for given in ("Irish", "Italian", "Irish=1")}
    for result in found.values():
        assert result.code == 0, result.err
        assert result.out
    assert found["Irish"].out == found["Irish=1"].out != found["Italian"].out


@pytest.mark.parametrize("command", [name for name in COMMANDS if not name.startswith("eval")])
def test_no_command_does_without_a_condition(command, model, texts, run):
    """One sentence names the option and what the model knows, before anything else is read or written."""
    before = contents(texts)
    known = "this model generates under a condition, such as --given 'Irish'; it knows Irish, Italian, a,b=0.5, x=1"
    refused(enter(run, command, model), known)
    assert contents(texts) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_condition_that_the_model_does_not_know_is_refused(command, model, trained, texts, run):
    """So is one for a model without conditions."""
    refused(enter(run, command, model, "--given", "Irisch"), "knows no condition 'Irisch'; did you mean Irish?")
    refused(enter(run, command, model, "--given", "Irish=0.5"), "shares of a mixture must sum to 1, not to 0.5")
    refused(enter(run, command, trained, "--given", "Irish"), "this model has no conditions", "leave out --given")


def test_numbers_are_typed_in_their_own_units(texts, run):
    """Also negative ones."""
    model = untrained_given(texts / "sizes.npz", MEASURED)
    found = {given: run("sample", model, *SEEDED, "--given", given) for given in ("12,0.25", "12.0,.25", "-12,0.25")}
    assert [result.code for result in found.values()] == [0, 0, 0]
    assert found["12,0.25"].out == found["12.0,.25"].out != found["-12,0.25"].out
    refused(run("sample", model), "such as --given 10,0.5; a condition is 2 numbers (size, weight)")
    refused(run("sample", model, "--given", "1"), "the condition of this model is 2 numbers (size, weight), not 1")


def test_samples_end_as_those_of_documents(model, run):
    """Each text ends by itself, or where an option says; none has lines."""
    texts = [record["text"] for record in json_lines(run("sample", model, "--given", "Italian", *SEEDED, "--json"))]
    assert run("sample", model, "--given", "Italian", *SEEDED).out == "".join(f"{text}\n" for text in texts)
    short = json_lines(run("sample", model, "--given", "Italian", *SEEDED, "--length", 2, "--json"))
    assert [record["text"] for record in short] == [text[:2] for text in texts]
    refused(run("sample", model, "--given", "Italian", "--lines", 3), "each document ends by itself")
    primed = run("sample", model, "--given", "Italian", *SEEDED, "--prime", "abc").out.splitlines()
    assert all(text.startswith("abc") for text in primed)


def test_other_commands_have_no_use_for_a_model_with_conditions(model, trained, texts, run):
    """Each says so in one sentence, and leaves all files as they are."""
    before = contents(texts)
    refused(run("fill", model, "a_b"), "reads only from left to right")
    for command in ("classify", "tag", "predict"):
        refused(run(command, model, "ab"), "use charrnn sample")
    for more in ((), ("--remap",)):
        refused(run("train", "text.txt", "--init-from", model, *more, "-o", "new.npz"), "this one has conditions")
    online = ("--gradient", "rtrl", "--online", "-o", "new.npz")
    refused(run("train", "-", "--init-from", model, *online, stdin=b"ab"), "this one has conditions")
    misused(run("gradients", "--cell", "rnn", "text.txt", "--given", "Irish"), "--given needs a model")
    assert contents(texts) == before
    assert run("encode", "text.txt", "--vocabulary-of", model, "-o", "text.npz").code == 0


def test_several_models_score_a_text(model, texts, run):
    """Those with conditions under the one that is given, beside those without."""
    plain = texts / "plain.npz"
    assert run("train", "text.txt", "--documents", "lines", "--hidden", 8, "--epochs", 1, "-o", plain).code == 0
    rows = json_lines(run("eval", model, "-m", plain, "text.txt", "--given", "Italian", "--json"))
    (alone,) = json_lines(run("eval", model, "text.txt", "--given", "Italian", "--json"))
    assert rows[0]["nats_per_char"] == alone["nats_per_char"]
    assert rows[0]["characters"] == rows[1]["characters"]
    refused(run("eval", plain, "-m", model, "text.txt"), "names.npz: this model generates under a condition")
    refused(run("eval", plain, "-m", plain, "text.txt", "--given", "a"), "this model has no conditions")


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_that_are_too_large_are_no_fault(model, sign, texts, run):
    """Their sums are infinity or NaN: a text or one sentence, and no warning of NumPy."""
    checkpoint = load(model)
    for name, weights in checkpoint.parameters.items():
        if name.startswith("given.") or ".b" in name:
            weights[...] = np.float32(3e38) * (sign if name.startswith("given.") else 1)
    save(texts / "huge.npz", checkpoint)
    for command in ("sample", "eval", "trace"):
        result = enter(run, command, "huge.npz", "--given", "Irish=0.5,Italian=0.5")
        assert "Warning" not in result.err
        if result.code:
            refused(result)


def test_no_kernel_reads_a_text_without_a_condition(model):
    """Whoever forgets it hears of it, instead of getting the predictions of a network that has read none."""
    checkpoint = load(model)
    network = Network(checkpoint.architecture, checkpoint.parameters)
    with pytest.raises(CharrnnError, match="generates under a condition; name one with --given"):
        Sampler(network).read([1])


@pytest.mark.parametrize("given", [("file",), ("size,weight", "--texts", "text")])
@pytest.mark.parametrize("given_at", ["every", "first"])
def test_samples_are_shown_under_a_condition(given, given_at, folder, capsys, validate_often):
    """A run shows now and then what the network writes, after the condition under which it does."""
    write_inputs(folder)
    rng = np.random.default_rng(0)
    rows = [f"{'abcd'[k % 4] * (k % 5 + 1)},{k},{rng.random():.2f}" for k in range(60)]
    (folder / "table.csv").write_text("\n".join(["text,size,weight", *rows]) + "\n")
    source = "names" if given == ("file",) else "table.csv"
    typed = (source, "--given", *given, "--given-at", given_at, "--hidden", 8, "--epochs", 12, "--threads", 1)
    options = train_options(*typed)
    with Team(1) as team:
        trainer = new_example_run(options, team)
        assert train(trainer, options, Log(None, append=False), sample_seconds=0.0) == 0
    shown = [line.strip() for line in capsys.readouterr().err.splitlines() if line.startswith("    ")]
    headings = {line for line in shown if line.endswith(":")}
    if source == "names":
        assert {"Irish:", "Italian:", "Japanese:"} >= headings
    else:
        assert all(len(heading.split(",")) == 2 for heading in headings)
    assert len(headings) > 1
    assert len(shown) > len(headings)


def test_a_page_of_a_conditional_model_is_written(model, texts, run):
    """The picture of its units is that of one condition."""
    made = {}
    for given in ("Irish", "Italian"):
        assert run("trace", model, "text.txt", "--given", given, "--html", "units.html").code == 0
        made[given] = (texts / "units.html").read_bytes()
    assert made["Irish"] != made["Italian"]


def test_json_of_a_sample_reproduces_it(model, run):
    """Each sample's seed writes it alone under the same condition."""
    records = json_lines(run("sample", model, "--given", "Italian", *SEEDED, "--json"))
    for record in records:
        again = run("sample", model, "--given", "Italian", "--seed", record["seed"], "--json")
        assert json.loads(io.StringIO(again.out).readline())["text"] == record["text"]
