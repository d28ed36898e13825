"""How well texts are predicted under their conditions: all of them, by condition, and beside n-grams."""

import json
import math

import pytest

import charrnn
from tests.helpers.commands import enter, json_lines, refused
from tests.helpers.conditional import MEASURED, untrained_given
from tests.helpers.errors import refused as raised
from tests.helpers.example_inputs import NAMES, TINY, write_inputs

GIVEN_AT = ("every", "first")
VALUES = ("1,0.5", "6,2.5")  # of a condition of numbers


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Return a folder with names of three languages, and models of them and of a table with two numbers."""
    folder = tmp_path_factory.mktemp("conditions")
    write_inputs(folder)
    rows = [f"{'abcd'[k % 4] * (k % 5 + 1)},{k % 7},{k % 3}.5" for k in range(120)]
    (folder / "table.csv").write_text("\n".join(["text,size,weight", *rows]) + "\n")
    usual = (*TINY, "--epochs", 3, "--val-fraction", 0.3, "--quiet")
    for given_at in GIVEN_AT:
        typed = (folder / "names", "--given", "file", "--given-at", given_at)
        assert enter("train", *typed, *usual, "-o", folder / f"{given_at}.npz") == 0
    typed = (folder / "table.csv", "--given", "size,weight", "--texts", "text")
    assert enter("train", *typed, *usual, "-o", folder / "sizes.npz") == 0
    return folder


def history_of(model):
    """Return the lowest validation loss of a model's run."""
    return min(record["val_loss"] for record in charrnn.load(model).info["history"])


@pytest.mark.parametrize("given_at", GIVEN_AT)
def test_the_loss_is_that_of_the_run(given_at, inputs, run):
    """What validated is found again, and its loss; each condition has its share, also that of n-grams."""
    model = inputs / f"{given_at}.npz"
    (found,) = json_lines(run("eval", model, inputs / "names", "--held-out", "--json"))
    assert found["nats_per_char"] == pytest.approx(history_of(model), rel=1e-6)
    parts = found["by_condition"]
    assert set(parts) <= set(NAMES)
    for name in ("examples", "characters"):
        assert sum(part[name] for part in parts.values()) == found[name]
    mean = sum(part["nats_per_char"] * part["characters"] for part in parts.values()) / found["characters"]
    assert mean == pytest.approx(found["nats_per_char"])
    beside = found["simple_methods"]["n-grams of characters"]
    assert beside["characters"] == found["characters"]
    assert set(beside["by_condition"]) == set(parts)


@pytest.mark.parametrize("given_at", GIVEN_AT)
def test_a_condition_has_the_loss_of_its_texts_under_it(given_at, inputs, run):
    """The figures by condition are those of each file under its condition, scored as a plain text."""
    model = inputs / f"{given_at}.npz"
    (found,) = json_lines(run("eval", model, inputs / "names", "--json"))
    assert found["examples"] == 36
    for language, names in NAMES.items():
        file = inputs / "names" / f"{language}.txt"
        (alone,) = json_lines(run("eval", model, "--given", language, file, "--json"))
        part = found["by_condition"][language]
        assert part["examples"] == 12
        assert part["characters"] == alone["characters"] == len(names.replace(" ", "")) + 12
        assert part["nats_per_char"] == pytest.approx(alone["nats_per_char"], rel=1e-5)
        (same,) = json_lines(run("eval", model, file, "--json"))
        assert same["by_condition"] == {language: part}
        others = [run("eval", model, "--given", other, file, "--json") for other in NAMES if other != language]
        assert all(json.loads(other.out)["nats_per_char"] != alone["nats_per_char"] for other in others)


def test_figures_are_shown_in_tables(inputs, run):
    """One of all texts and one by condition; several models have a row each."""
    out = run("eval", inputs / "every.npz", inputs / "names", "--held-out").out
    head, all_texts, ngrams, empty, columns, *rows = out.splitlines()
    assert head.split() == ["model", "examples", "characters", "nats/char"]
    assert all_texts.startswith(str(inputs / "every.npz"))
    assert ngrams.startswith("n-grams of characters")
    assert empty == ""
    assert columns.split() == ["condition", "examples", "characters", "nats/char", "n-grams", "of", "characters"]
    assert [row.split()[0] for row in rows] == sorted({*NAMES} & {row.split()[0] for row in rows})
    two = run("eval", inputs / "every.npz", "-m", inputs / "first.npz", inputs / "names", "--tsv").out.splitlines()
    assert [line.split("\t")[1:3] for line in two[1:]] == [["36", two[1].split("\t")[2]]] * 2


def test_conditions_of_numbers_have_no_names(inputs, run):
    """Their texts are measured together, with the columns of the run or others."""
    (found,) = json_lines(run("eval", inputs / "sizes.npz", inputs / "table.csv", "--held-out", "--json"))
    assert found["nats_per_char"] == pytest.approx(history_of(inputs / "sizes.npz"), rel=1e-6)
    assert "by_condition" not in found
    table = (inputs / "table.csv").read_text().replace("text,size", "word,mass")
    (inputs / "other.csv").write_text(table)
    refused(run("eval", inputs / "sizes.npz", inputs / "other.csv"), "column")
    columns = ("--texts", "word", "--labels", "mass,weight")
    (again,) = json_lines(run("eval", inputs / "sizes.npz", inputs / "other.csv", *columns, "--json"))
    (same,) = json_lines(run("eval", inputs / "sizes.npz", inputs / "table.csv", "--json"))
    assert again == same
    columns = ("--texts", "word", "--labels", "mass")
    refused(run("eval", inputs / "sizes.npz", inputs / "other.csv", *columns), "is 2 numbers, not 1")
    (inputs / "abc.txt").write_text("abc\n")
    found = [json_lines(run("eval", inputs / "sizes.npz", "--given", v, inputs / "abc.txt", "--json")) for v in VALUES]
    assert found[0] != found[1]


def test_the_library_measures_the_same(inputs, run):
    """As the command does; under one condition, it scores texts."""
    model = charrnn.load(inputs / "every.npz")
    found = model.evaluate(inputs / "names", held_out=True)
    (printed,) = json_lines(run("eval", inputs / "every.npz", inputs / "names", "--held-out", "--json"))
    assert found.figures == {name: printed[name] for name in ("examples", "characters", "nats_per_char")}
    assert {name: part._asdict() for name, part in found.by_condition} == printed["by_condition"]
    with raised(r"score\(\) is for a text"):
        model.given("Irish").evaluate(inputs / "names")


def test_unknown_characters_are_treated_by_the_rule(inputs, run, folder):
    """They are an error, skipped or replaced; a text is a document whatever is skipped in it."""
    (folder / "Irish.txt").write_text("Brady\nKel€ly\n")
    (folder / "known.txt").write_text("Brady\nKelly\n")
    model = inputs / "every.npz"
    refused(run("eval", model, "Irish.txt"), "'€'", "--unknown skip")
    (skipped,) = json_lines(run("eval", model, "Irish.txt", "--unknown", "skip", "--json"))
    (known,) = json_lines(run("eval", model, "known.txt", "--given", "Irish", "--json"))
    assert skipped["characters"] == known["characters"] == 12
    assert skipped["nats_per_char"] == pytest.approx(known["nats_per_char"], rel=1e-5)
    (replaced,) = json_lines(run("eval", model, "Irish.txt", "--unknown", "replace", "--json"))
    assert replaced["characters"] == 13
    refused(run("eval", model, "Irish.txt", "--unknown", "charge"), "use skip or replace")


def test_examples_that_make_no_sense_are_refused(inputs, run, folder, trained):
    """Other conditions, options of plain texts, other examples than the run's, and a model without conditions."""
    (folder / "Welsh.txt").write_text("Evans\nDavies\n")
    model = inputs / "every.npz"
    refused(run("eval", model, "Welsh.txt"), "has the condition Welsh, which the model does not know; it knows Irish")
    refused(run("eval", model, inputs / "names", "--per-line"), "--per-line: for a model of texts", "--given names one")
    refused(run("eval", model, inputs / "names" / "Irish.txt", "--held-out"), "these are not the examples")
    refused(run("eval", model, "-m", trained, inputs / "names"), "this model has no conditions: it reads texts")
    refused(run("eval", model, "--given", "Irish", "Welsh.txt", "--held-out"), "--held-out: only for labels")
    refused(run("eval", trained, "corpus.txt", "--held-out"), "--held-out: only for labels")
    lost = untrained_given(folder / "lost.npz")
    refused(run("eval", lost, "Welsh.txt"), "does not say where its conditions were; name their column with --labels")
    (folder / "Irish.txt").write_text("brady\nkelly\n")
    (found,) = json_lines(run("eval", lost, "Irish.txt", "--labels", "file", "--json"))
    assert list(found["by_condition"]) == ["Irish"]


def test_long_texts_are_read_in_a_first_step_as_far_as_in_training(inputs, run, folder):
    """A warning says so; with conditions at every step, all of them is read."""
    (folder / "Irish.txt").write_text("Brady" * 30 + "\n")
    result = run("eval", inputs / "first.npz", "Irish.txt", "--json")
    (found,) = json_lines(result)
    assert "1 example is longer than 40 characters; the model reads only the first ones" in result.err
    assert found["characters"] == 39
    (whole,) = json_lines(run("eval", inputs / "every.npz", "Irish.txt", "--json"))
    assert whole["characters"] == 151


def test_info_tells_the_conditions(inputs, run, tmp_path):
    """Their names, or how many numbers one is, and when they are read."""
    lines = run("info", inputs / "every.npz").out.splitlines()
    assert "conditions:  3, at every step: Irish, Italian, Japanese" in lines
    assert "             columns: --given file" in lines
    assert not any(line.startswith(("predicts:", "labels:")) for line in lines)
    assert (
        "conditions:  3, in a first step of its own: Irish, Italian, Japanese" in run("info", inputs / "first.npz").out
    )
    numbers = run("info", untrained_given(tmp_path / "sizes.npz", MEASURED)).out
    wanted = (
        "condition:   2 numbers, at every step: size, weight; mean from 0.5 to 10, standard deviation from 0.25 to 2"
    )
    assert wanted in numbers.splitlines()
    record = json.loads(run("info", inputs / "every.npz", "--json").out)
    assert record["targets"]["given"] == ["Irish", "Italian", "Japanese"]
    assert record["options"]["conditions"] == 3
    assert record["options"]["given_at"] == "every"
    assert math.isfinite(record["history"][-1]["val_loss"])
