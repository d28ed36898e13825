"""``charrnn classify``, ``tag``, ``predict``, and ``eval`` of their models: what is printed, and what is refused."""

import json
import os
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest

import charrnn
from charrnn.reading.answers import spans_of
from tests.helpers.commands import enter, json_lines, misused, refused
from tests.helpers.example_inputs import NAMES, OPTIONS, TINY, train_on, write_inputs

WORDS = [name for names in NAMES.values() for name in names.split()]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Return a folder with the files of examples, and a model of each."""
    folder = tmp_path_factory.mktemp("answers")
    write_inputs(folder)
    long = ("--epochs", 40, "--lr", 0.02, "--hidden", 16, "--dropout", 0)
    for task in OPTIONS:
        train_on(folder, task, f"{task.replace(' ', '-')}.npz", *(long if task != "predict" else ()))
    return folder


def test_texts_are_classified_on_the_command_line_and_from_standard_input(inputs, run):
    """The same labels, a line each; empty lines are passed over; -k prints more of them, whose probabilities fall."""
    model = inputs / "classify.npz"
    typed = json_lines(run("classify", model, "Rossi", "Sato", "--json"))
    assert [record["text"] for record in typed] == ["Rossi", "Sato"]
    assert [record["label"] for record in typed] == ["Italian", "Japanese"]
    assert json_lines(run("classify", model, "--json", stdin=b"Rossi\r\n\nSato")) == typed
    for record in json_lines(run("classify", model, "Rossi", "-k", 3, "--json")):
        chances = [each["probability"] for each in record["labels"]]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) == pytest.approx(1.0)
        assert (record["label"], record["probability"]) == tuple(record["labels"][0].values())
    head, *lines = run("classify", model, "Rossi", "-k", 2, "--tsv").out.splitlines()
    assert head.split("\t") == ["rank", "label", "probability", "text"]
    assert [line.split("\t")[0] for line in lines] == ["1", "2"]
    assert run("classify", model, "Rossi").out.split()[:4] == ["label", "probability", "text", "Italian"]


def test_a_line_is_classified_when_it_arrives(inputs):
    """In a pipe that stays open, the label of a line comes before the next line is typed."""
    command = [sys.executable, "-m", "charrnn", "classify", str(inputs / "classify.npz"), "--json"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": ""}, **pipes) as child:
        for word in ("Rossi", "Sato"):
            child.stdin.write(f"{word}\n".encode())
            child.stdin.flush()
            assert json.loads(child.stdout.readline())["text"] == word
            time.sleep(0.05)
        child.stdin.close()
        assert child.wait() == 0


@pytest.mark.parametrize("form", ["", "--tsv", "--json"])
def test_two_lines_that_arrive_together_are_both_answered(inputs, form):
    """Each form of output has the last of them, too, before the next line is typed."""
    command = [sys.executable, "-m", "charrnn", "classify", str(inputs / "classify.npz"), *form.split()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ | {"PYTHONUNBUFFERED": ""}, **pipes) as child:
        for words in (("Rossi", "Sato"), ("Kelly", "Walsh")):
            child.stdin.write("".join(f"{word}\n" for word in words).encode())
            child.stdin.flush()
            lines = [child.stdout.readline() for _ in range(2 + (form != "--json" and words[0] == "Rossi"))]
            assert words[1].encode() in lines[-1]
        child.stdin.close()
        assert child.wait() == 0


def test_texts_before_a_wrong_one_are_answered(inputs, run):
    """The error quotes the text, as there are several; one that is typed alone is only the text."""
    model = inputs / "classify.npz"
    result = run("classify", model, "--json", stdin="Rossi\nSa漢to\nKelly\n".encode())
    assert [json.loads(line)["text"] for line in result.out.splitlines()] == ["Rossi"]
    assert result.code == 1
    assert "(U+6F22) on line 1, column 3 of the text 'Sa漢to' is not" in result.err
    refused(run("classify", model, "Sa漢to"), "on line 1, column 3 of the text is not")
    assert "text 2 is empty" in run("classify", model, "Rossi", "").err
    refused(run("classify", model, "漢", "--unknown", "skip"), "only unknown characters", "--unknown replace")


@pytest.mark.parametrize("rule", ["skip", "replace"])
def test_one_note_counts_the_unknown_characters_of_all_texts(inputs, run, rule):
    """However many texts there are, typed or from standard input."""
    model = inputs / "classify.npz"
    result = run("classify", model, "Ro漢ssi", "Sato", "Ka漢to", "--unknown", rule)
    done = "skipped" if rule == "skip" else "replaced"
    assert result.err == f"charrnn: 2 of 15 characters of the texts are unknown to the model and were {done}\n"
    result = run("tag", inputs / "tag.npz", "--unknown", rule, stdin="Ro漢ssi\nSato\n".encode())
    assert f"1 of 10 characters of standard input is unknown to the model and was {done}" in result.err
    with pytest.warns(UserWarning, match=f"2 of 11 characters of the texts are unknown to the model and were {done}"):
        charrnn.load(model).classify(["Ro漢ssi", "Ka漢to"], unknown=rule)


def test_near_forms_of_several_texts_are_counted_once(inputs, run):
    """A text without near forms adds nothing to the number."""
    result = run("classify", inputs / "classify.npz", "O’Brien", "Rossi", "O’Shea", "Kelly")
    assert result.err.count("near form") == 1
    assert "2 characters of the texts are unknown to the model and were read in a near form" in result.err


def test_texts_are_the_same_alone_and_among_others(inputs):
    """Those with known characters only are encoded together, others one by one."""
    model = charrnn.load(inputs / "classify.npz")
    texts = ["Rossi", "Sato", "O’Brien", "Kelly\r", "\ufeffKato", "Doyle"]
    with pytest.warns(UserWarning, match="unknown"):
        together = model.classify(texts, unknown="skip")
    for text, record in zip(texts, together, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert model.classify(text, unknown="skip").probability == pytest.approx(record.probability, abs=1e-6)
    assert [record.label for record in model.classify(texts[:2])] == [record.label for record in together[:2]]


def test_a_text_that_is_the_name_of_a_file_is_noted(inputs, run, folder):
    """It is read as a text all the same."""
    (folder / "Rossi").write_text("Sato\n")
    result = run("classify", inputs / "classify.npz", "Rossi", "--json")
    assert json.loads(result.out)["text"] == "Rossi"
    assert "to read its lines, type < Rossi" in result.err


def test_all_of_standard_input_can_be_one_text(inputs, run):
    """With --whole; without, each line is a text."""
    model = inputs / "classify.npz"
    (record,) = json_lines(run("classify", model, "--whole", "--json", "--unknown", "skip", stdin=b"Rossi\nSato"))
    assert record["text"] == "Rossi\nSato"
    assert run("classify", model, "--whole", "--tsv", stdin=b"Rossi\n").out.split()[-1] == "Rossi"
    misused(run("classify", model, "Rossi", "--whole"), "--whole")


def test_sequences_of_numbers_are_classified(inputs, run):
    """Of an .npz file, in the order of its examples; eval says how many are right."""
    model, source = inputs / "classify-numbers.npz", inputs / "waves.npz"
    found = [record["label"] for record in json_lines(run("classify", model, source, "--json"))]
    truth = [str(label) for label in np.load(source)["y_train"]]
    (figures,) = json_lines(run("eval", model, source, "--json"))
    assert figures["accuracy"] == pytest.approx(np.mean([a == b for a, b in zip(found, truth, strict=True)]))
    assert figures["accuracy"] > 0.9
    assert charrnn.load(model).classify(np.load(source)["x_train"][:5, :, np.newaxis])[3].label == found[3]
    refused(run("classify", model, "Rossi"), "Rossi does not exist")
    refused(run("classify", model, stdin=b"x"), "numbers", ".npz")


def test_tags_are_printed_as_spans_and_one_by_one(inputs, run):
    """The text itself stays readable; JSON and TSV have a tag for each character."""
    model = inputs / "tag.npz"
    (record,) = json_lines(run("tag", model, "Rossi", "--json"))
    assert record["tags"] == list("CVCCV")
    assert [span["text"] for span in record["spans"]] == ["R", "o", "ss", "i"]
    assert run("tag", model, "Rossi").out == "[R]C[o]V[ss]C[i]V\n"
    head, *lines = run("tag", model, "Rossi", "--tsv").out.splitlines()
    assert head.split("\t") == ["text", "position", "character", "tag", "probability"]
    assert [line.split("\t")[2:4] for line in lines] == [list(pair) for pair in zip("Rossi", "CVCCV", strict=True)]


def test_names_are_one_span():
    """B- begins one, I- continues it, over a space between two words; other tags are as they are."""
    tags = ["O", "B-P", "I-P", "O", "I-P", "B-P", "O", "I-L"]
    spans = [(span.tag, span.text) for span in spans_of("xab cdyz", tags, marked=True)]
    assert spans == [("O", "x"), ("P", "ab c"), ("P", "d"), ("O", "y"), ("L", "z")]
    assert [span.tag for span in spans_of("ab", ["B-P", "I-P"])] == ["B-P", "I-P"]


def test_numbers_are_predicted_for_texts(inputs, run):
    """In their own units, with the names of the columns."""
    model = inputs / "predict-of-texts.npz"
    (record,) = json_lines(run("predict", model, "Yamamoto", "--json"))
    assert list(record["values"]) == ["length", "vowels"]
    assert record["values"]["length"] == pytest.approx(8, abs=1.0)
    assert run("predict", model, "Yamamoto").out.split()[:3] == ["length", "vowels", "text"]
    (figures,) = json_lines(run("eval", model, inputs / "lengths.csv", "--json"))
    assert set(figures) == {"examples", "mean_squared_error", "r2"}
    assert figures["r2"] > 0.8
    refused(run("predict", model, "Rossi", "--all"), "--all")


def test_a_series_goes_on_after_its_end(inputs, run, folder):
    """As many steps as in training, and the picture is drawn; --all has what is predicted after each step."""
    model, source = inputs / "predict.npz", inputs / "sea.csv"
    after = json_lines(run("predict", model, source, "--json"))
    assert [record["ahead"] for record in after] == [1, 2, 3]
    _, *lines = run("predict", model, source, "--all", "--tsv").out.splitlines()
    assert len(lines) == 400
    last = [float(value) for value in lines[-1].split("\t")[1:]]
    assert last == [pytest.approx(record["values"]["level"]) for record in after]
    assert run("predict", model, source, "--plot", "sea.png").code == 0
    assert (folder / "sea.png").read_bytes().startswith(b"\x89PNG")
    refused(run("predict", model, source, "--plot", source), "sea.csv")
    misused(run("predict", model, "a", "b"), "series")


def test_eval_says_how_good_labels_are(inputs, run):
    """The figures of the field, in JSON under their names; in a terminal also a table of what is confused."""
    (figures,) = json_lines(run("eval", inputs / "classify.npz", inputs / "names", "--json"))
    assert {"accuracy", "macro_f1", "log_loss", "examples", "per_class", "confusion"} == set(figures)
    assert figures["examples"] == len(WORDS)
    assert np.trace(figures["confusion"]) / np.sum(figures["confusion"]) == figures["accuracy"]
    shown = run("eval", inputs / "classify.npz", inputs / "names").out
    assert "macro f1" in shown
    assert "Italian" in shown
    (tags,) = json_lines(run("eval", inputs / "tag.npz", inputs / "tagged.txt", "--json"))
    assert tags["accuracy"] > 0.9
    rows = json_lines(run("eval", inputs / "classify.npz", "-m", inputs / "classify.npz", inputs / "names", "--json"))
    assert [row["accuracy"] for row in rows] == [figures["accuracy"]] * 2


def test_what_validated_is_found_again(inputs, run):
    """--held-out evaluates as many examples as were held out, with the loss that the run found."""
    model = charrnn.load(inputs / "classify.npz")
    (figures,) = json_lines(run("eval", inputs / "classify.npz", inputs / "names", "--held-out", "--json"))
    assert figures["examples"] == model.info["corpus"]["held_out"]["examples"]
    best = min(record["val_loss"] for record in model.info["history"])
    assert figures["log_loss"] == pytest.approx(best)
    assert model.evaluate(inputs / "names", held_out=True).log_loss == figures["log_loss"]
    irish = inputs / "names" / "Irish.txt"
    refused(
        run("eval", inputs / "classify.npz", irish, inputs / "names" / "Italian.txt", "--held-out"), "not the examples"
    )


def test_python_gives_what_the_commands_print(inputs, run):
    """A text or many, with the same labels, tags and numbers."""
    model = charrnn.load(inputs / "classify.npz")
    one = model.classify("Rossi", k=2)
    assert json_lines(run("classify", inputs / "classify.npz", "Rossi", "-k", 2, "--json")) == [
        {
            "text": "Rossi",
            "label": one.label,
            "probability": one.probability,
            "labels": [{"label": label, "probability": chance} for label, chance in one.labels],
        }
    ]
    assert model.classify(["Rossi", "Sato"], k=2)[0] == one
    assert charrnn.load(inputs / "tag.npz").tag(["Rossi"])[0].tags == list("CVCCV")
    assert charrnn.load(inputs / "predict.npz").predict(inputs / "sea.csv").shape == (3, 1)
    assert charrnn.load(inputs / "predict-of-texts.npz").predict("Rossi").shape == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("classify", "classify.npz", "\u6f22"), ("U+6F22", "--unknown")),
        (("classify", "tag.npz", "Rossi"), ("charrnn tag",)),
        (("tag", "classify.npz", "Rossi"), ("charrnn classify",)),
        (("predict", "classify.npz", "Rossi"), ("charrnn classify",)),
        (("classify", "classify.npz", ""), ("empty",)),
        (("eval", "classify.npz", "names", "--per-line"), ("--per-line",)),
        (("eval", "classify.npz", "names", "--unknown", "charge"), ("charge",)),
        (("eval", "classify.npz", "waves.npz"), ("does not know",)),
        (("eval", "classify-numbers.npz", "names"), ("does not know",)),
        (("eval", "classify.npz", "tagged.txt"), ("tab",)),
        (("eval", "tag.npz", "missing.txt"), ("missing.txt",)),
        (("eval", "classify-numbers.npz", "waves.npz", "--encoding", "latin-1"), ("no encoding",)),
    ],
)
def test_wrong_input_is_one_sentence(inputs, run, arguments, words):
    """It says what is wrong and, for a model of another task, which command is right."""
    command, *others = arguments
    there = [inputs / other if (inputs / other).exists() and other else other for other in others]
    refused(run(command, *there), *words)


def test_labels_that_the_model_does_not_know_are_named(inputs, run, folder):
    """In a file to evaluate with."""
    (folder / "new.tsv").write_text("Klingon\tWorf\nIrish\tKelly\n")
    refused(run("eval", inputs / "classify.npz", "new.tsv"), "Klingon", "Irish")


def test_only_the_labels_that_occur_are_shown(inputs, run, folder):
    """A file with some of the labels has a table of these; the others are counted."""
    (folder / "two.tsv").write_text("Italian\tRossi\nJapanese\tSato\n")
    shown = run("eval", inputs / "classify.npz", "two.tsv").out
    assert "Irish" not in shown
    assert "1 other label was neither there nor predicted" in shown
    assert " 1 Italian   100   .\n 2 Japanese    . 100\n" in shown
    (figures,) = json_lines(run("eval", inputs / "classify.npz", "two.tsv", "--json"))
    assert list(figures["per_class"]) == ["Irish", "Italian", "Japanese"]


def test_a_series_can_be_short(inputs, run, folder):
    """Its next steps are predicted from one step on, from standard input, too; eval needs a step to compare with."""
    rows = (inputs / "sea.csv").read_text().splitlines(keepends=True)
    for steps in (1, 2, 3):
        (folder / "short.csv").write_text("".join(rows[: steps + 1]))
        after = json_lines(run("predict", inputs / "predict.npz", "short.csv", "--json"))
        assert [record["ahead"] for record in after] == [1, 2, 3]
        typed = "".join(rows[: steps + 1]).encode()
        assert json_lines(run("predict", inputs / "predict.npz", "--json", stdin=typed)) == after
        every = run("predict", inputs / "predict.npz", "short.csv", "--all", "--tsv", "--plot", "short.png").out
        assert len(every.splitlines()) == steps + 1
        refused(run("eval", inputs / "predict.npz", "short.csv"), f"{steps} step", "too few")
    (folder / "short.csv").write_text("".join(rows[:5]))
    (figures,) = json_lines(run("eval", inputs / "predict.npz", "short.csv", "--json"))
    after = json_lines(run("predict", inputs / "predict.npz", "--json", stdin="".join(rows[:2]).encode()))
    predicted = np.array([record["values"]["level"] for record in after])
    truth = np.array([float(row.split(",")[1]) for row in rows[2:5]])
    assert figures["mean_squared_error"] == pytest.approx(np.square(predicted - truth).mean(), rel=1e-5)
    refused(
        run("train", "short.csv", "--task", "predict", "--labels", "level", "--ahead", 3), "4 steps, which are too few"
    )


def test_each_step_of_sequences_is_tagged_or_predicted(folder, run):
    """A row names the example and its step; Python has the same, of an array or of a list of arrays."""
    x = np.random.default_rng(0).standard_normal((30, 7, 2)).astype(np.float32)
    np.savez(folder / "tags.npz", x=x, y=(x[:, :, 0] > 0).astype(int))
    np.savez(folder / "sums.npz", x=x, y=x.cumsum(axis=1))
    np.savez(folder / "x.npz", x=x[:3])
    assert enter("train", "tags.npz", "--task", "tag", *TINY, "--epochs", 2, "--quiet", "-o", "tagger.npz") == 0
    assert enter("train", "sums.npz", "--task", "predict", *TINY, "--epochs", 2, "--quiet", "-o", "summer.npz") == 0
    places = [[str(k), str(step)] for k in range(3) for step in range(7)]
    head, *lines = run("tag", "tagger.npz", "x.npz", "--tsv").out.splitlines()
    assert head.split("\t") == ["example", "step", "tag", "probability"]
    assert [line.split("\t")[:2] for line in lines] == places
    records = json_lines(run("tag", "tagger.npz", "x.npz", "--json"))
    assert [tag for record in records for tag in record["tags"]] == [line.split("\t")[2] for line in lines]
    assert [asdict(found) for found in charrnn.load("tagger.npz").tag(list(x[:3]))] == records
    records = json_lines(run("predict", "summer.npz", "x.npz", "--json"))
    assert [[str(record["example"]), str(record["step"])] for record in records] == places
    values = charrnn.load("summer.npz").predict(x[:3])
    assert values.tolist() == [list(record["values"].values()) for record in records]
    refused(run("tag", "tagger.npz", "x.npz", "--unknown", "skip"), "--unknown: for a model of texts")


def test_arrays_are_read_as_those_of_a_file(inputs):
    """One number a step needs no axis of its own; what is not a real number, or has another shape, is an error."""
    model = charrnn.load(inputs / "classify-numbers.npz")
    x = np.load(inputs / "waves.npz")["x_train"]
    assert model.classify(x[:5]) == model.classify(x[:5, :, np.newaxis]) == model.classify([*x[:5]])
    grey = np.full((1, 4, 1), 51, np.uint8)
    assert model.classify(grey) == model.classify(grey / np.float32(255))
    for wrong in (x[0, :, np.newaxis], x + 1j, [["a"]], np.full((1, 2, 1), 1e300), np.full((1, 2, 1), np.nan)):
        with pytest.raises(charrnn.CharrnnError, match=r"must have the shape|reads numbers|not finite"):
            model.classify(wrong)


def test_no_example_has_no_answer(inputs):
    """Of an empty list; but there is nothing to evaluate."""
    assert charrnn.load(inputs / "classify.npz").classify([]) == []
    assert charrnn.load(inputs / "tag.npz").tag([]) == []
    assert charrnn.load(inputs / "predict-of-texts.npz").predict([]).shape == (0, 2)
    with pytest.raises(charrnn.CharrnnError, match="name the files"):
        charrnn.load(inputs / "classify.npz").evaluate([])
    with pytest.raises(charrnn.CharrnnError, match="unknown must be one of"):
        charrnn.load(inputs / "classify.npz").classify("Rossi", unknown="charge")


def test_threads_can_share_a_model(inputs):
    """Each gets what one alone gets."""
    model = charrnn.load(inputs / "classify.npz")
    alone = model.classify(WORDS, k=3)
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(lambda threads: model.classify(WORDS, 3, threads=threads), [1, 2] * 6)
        assert all(each == alone for each in found)


def test_a_table_of_confusions_fits_a_terminal(run, folder):
    """Short labels are the names of its columns; of many labels, the columns are numbered."""
    for count, width in ((10, 1), (18, 10)):
        labels = sorted(f"{k:{width}}".replace(" ", "L") for k in range(count))
        rows = "".join(f"{label}\t{chr(97 + k)}{'xyz'[n]}\n" for k, label in enumerate(labels) for n in range(3))
        (folder / "many.tsv").write_text(rows)
        learn = ("--epochs", 60, "--lr", 0.02, "--val-fraction", 0, "--dropout", 0, "--quiet", "--force")
        assert enter("train", "many.tsv", "--task", "classify", *TINY, *learn, "-o", "many.npz") == 0
        shown = run("eval", "many.npz", "many.tsv").out
        lines = shown.partition("Percent of")[2].partition("Most often")[0].splitlines()[2:]
        assert lines[0].split() == (labels if width == 1 else [f"{k + 1}" for k in range(count)])
        assert all(len(line) <= 80 for line in shown.splitlines() if "taken for" not in line and "Percent" not in line)
        assert [line.split()[width > 1] for line in lines[1 : count + 1]] == labels


def test_standard_input_is_evaluated_by_several_models(inputs, run):
    """It is read once for all; a model for another task is named."""
    model = inputs / "classify.npz"
    rows = json_lines(run("eval", model, "-m", model, "-", "--json", stdin=b"Italian\tRossi\nJapanese\tSato\n"))
    assert [row["examples"] for row in rows] == [2, 2]
    refused(run("eval", model, "-m", inputs / "tag.npz", inputs / "names"), "tag.npz: this model", "charrnn tag")


def test_examples_that_are_too_long_are_counted(inputs, run, folder):
    """The note says that only their first characters, or steps, are read; a tagger reads all."""
    (folder / "names.tsv").write_text("Italian\tRossi\nJapanese\tSato\n" * 9)
    learn = (*TINY, "--seq-length", 4, "--epochs", 1, "--quiet")
    assert enter("train", "names.tsv", "--task", "classify", *learn, "-o", "short.npz") == 0
    note = "charrnn: 1 example is longer than 4 characters; the model reads only the first ones\n"
    result = run("classify", "short.npz", "Ross", "Rosso", "Sato", "--json", "--unknown", "skip")
    assert result.err == note
    assert len({record["probability"] for record in json_lines(result)[:2]}) == 1
    assert "9 examples are longer" in run("eval", "short.npz", "names.tsv").err
    with pytest.warns(UserWarning, match="1 example is longer than 4 characters"):
        charrnn.load("short.npz").classify(["Rossi"])
    assert not run("tag", inputs / "tag.npz", "Rossi" * 20).err


def test_a_run_with_files_to_validate_with_has_nothing_held_out(inputs, run, folder):
    """The error says which files these are."""
    (folder / "names.tsv").write_text("Italian\tRossi\nJapanese\tSato\n" * 9)
    (folder / "more.tsv").write_text("Italian\tRosso\nJapanese\tTato\n")
    learn = (*TINY, "--epochs", 1, "--quiet", "--validate", "more.tsv")
    assert enter("train", "names.tsv", "--task", "classify", *learn, "-o", "apart.npz") == 0
    refused(run("eval", "apart.npz", "names.tsv", "--held-out"), "leave out --held-out and give them: more.tsv")
    assert run("eval", "apart.npz", "more.tsv").code == 0


def test_simple_methods_stand_beside_what_validated(inputs, run):
    """Of labels, of tags and of a series; in JSON by their names."""
    beside = {
        ("classify.npz", "names"): {"naive Bayes of n-grams", "most frequent label"},
        ("tag.npz", "tagged.txt"): {"usual tag of the character", "most frequent label"},
        ("predict.npz", "sea.csv"): {"same as last"},
    }
    for (model, source), names in beside.items():
        (found,) = json_lines(run("eval", inputs / model, inputs / source, "--held-out", "--json"))
        assert names <= set(found["simple_methods"])
        assert any(name.startswith("linear model") for name in found["simple_methods"]) == ("same as last" in names)
        shown = run("eval", inputs / model, inputs / source, "--held-out").out
        assert all(name in shown for name in names)
