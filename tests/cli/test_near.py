"""``--near``: characters that look like known ones are read as these, by the same rule in every command."""

import json
from pathlib import Path

import pytest

import charrnn
from charrnn.errors import UnknownWarning
from charrnn.text.ingest import read_corpus
from charrnn.text.sources import Known
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import enter, refused
from tests.helpers.model_files import assert_same_bits, meta_of, untrained

TYPED = '"I can\'t," sai\u0302d'
READ = "“I can’t,” saîd"
NOTED = (
    "4 characters of {where} are unknown to the model and were read in a near form: "
    '" as “; \' as ’; " as ”; U+0069 U+0302 as U+00EE'
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a model of a typeset text, and one that fills gaps in it."""
    folder, vocabulary = tmp_path_factory.mktemp("models"), Vocabulary.of(READ + "\n")
    found = [
        untrained(folder / "model.npz", vocabulary),
        untrained(folder / "both.npz", vocabulary, bidirectional=True),
    ]
    assert enter("sample", found[0], "--length", 1) == enter("fill", found[1], "sa_") == 0  # compiles
    return found


@pytest.mark.parametrize(
    ("command", "where"),
    [
        (("sample", "--prime", TYPED, "--length", 5, "--seed", 1), "the prime"),
        (("sample", "--prime-file", "typed.txt", "--length", 5, "--seed", 1), "typed.txt"),
        (("eval", "typed.txt", "--near", "forms", "--per-char", "--tsv"), "typed.txt"),
        (("trace", "typed.txt"), "typed.txt"),
        (("gradients", "typed.txt", "--json"), "typed.txt"),
        (("play", "--seed", 1, "--length", 3), "what was typed"),
    ],
)
def test_every_command_reads_near_forms(models, run, tmp_path, monkeypatch, command, where):
    """The result is that of the text as the model spells it, and one line says what was read how."""
    monkeypatch.chdir(tmp_path)
    name, *options = command
    results = []
    for text in (TYPED, READ):
        Path("typed.txt").write_text(text + READ * 99, encoding="utf-8")
        typed = [text if option == TYPED else option for option in options]
        results.append(run(name, models[0], *typed, stdin=f"{text}\n".encode() if name == "play" else b""))
    assert results[0].code == results[1].code == 0, results[0].err
    assert results[0].stdout == results[1].stdout
    assert NOTED.format(where=where) in results[0].err
    assert "near form" not in results[1].err


def test_a_filled_text_keeps_what_was_typed(models, run):
    """Near forms are read, and the gap is filled as in the text that the model knows; the rest is not changed."""
    filled = [run("fill", models[1], f"{text}_") for text in (TYPED, READ)]
    assert filled[0].out[:-2] == TYPED
    assert filled[0].out[-2:] == filled[1].out[-2:]
    assert NOTED.format(where="the text") in filled[0].err


def test_near_forms_can_be_left_alone(models, run):
    """Then the error says how to read them; the other case is read only if that is asked for."""
    refused(run("sample", models[0], "--prime", TYPED, "--near", "none"), '--near forms reads " as “', "column 1")
    refused(run("sample", models[0], "--prime", "SAID"), "'S' (U+0053)", "but 's' is")
    refused(
        run("sample", models[0], "--prime", f"{TYPED}Ω"), f"column {len(TYPED) + 1} of"
    )  # and no line on near forms
    done = run("sample", models[0], "--prime", "TSA", "--near", "case", "--length", 1)
    assert done.out.startswith("tsa")
    played = run("play", models[0], stdin=b"/near none\n'\n/near off\n'\n/near x\n")
    assert played.err.count("U+0027") == 1
    assert "/near takes one of none, forms, case, not 'x'" in played.err


def test_a_score_is_of_the_text_as_it_is(models, run, tmp_path):
    """Near forms are read only if asked for, and counted; no model is then the best."""
    path = tmp_path / "typed.txt"
    path.write_text(TYPED, encoding="utf-8")
    refused(run("eval", models[0], path), '--near forms reads " as “')
    done = run("eval", models[0], path, "--near", "forms")
    assert done.out.endswith("\n4 other characters were replaced by a near form that the model knows\n")
    figures = json.loads(run("eval", models[0], path, "--near", "forms", "--json").out)
    assert (figures["near"], figures["unknown"], figures["characters"]) == (4, 0, len(READ) - 1)
    charged = json.loads(run("eval", models[0], path, "--unknown", "charge", "--json").out)
    assert charged["unknown"] == 5
    assert "near" not in charged
    path.write_text("\"I can't\n", encoding="utf-8")
    for lines in ((), ("--per-line",)):
        compared = run("eval", models[0], "-m", models[0], path, "--near", "forms", "--json", *lines)
        assert '"best": true' not in compared.out
        assert '"probability": null' in compared.out or not lines


def test_the_library_reads_near_forms(models):
    """With the same defaults, and a warning."""
    model, both = map(charrnn.load, models)
    with pytest.warns(UnknownWarning, match="near form"):
        assert model.sample(TYPED, length=9, seed=1) == model.sample(READ, length=9, seed=1)
    with pytest.warns(UnknownWarning, match="near form"):
        assert both.fill("'_")[1:] == both.fill("’_")[1:]
    with pytest.warns(UnknownWarning, match="near form"):
        assert model.next_characters("'") == model.next_characters("’")
    with pytest.warns(UnknownWarning, match="near form"):
        assert model.states("'")["h"].tolist() == model.states("’")["h"].tolist()
    with pytest.warns(UnknownWarning, match="near form"):
        score = model.score(TYPED, near="forms")
    assert (score.nats, score.near) == (model.score(READ).nats, 4)
    with pytest.raises(charrnn.CharrnnError, match='near="forms" reads " as “'):
        model.score(TYPED)
    with pytest.raises(charrnn.CharrnnError, match="near must be one of"):
        model.sample("a", near="nfc")


def test_a_run_from_a_model_reads_near_forms(models, run, tmp_path, monkeypatch):
    """As in every command; with --remap, their characters are added. A resumed run reads them again."""
    monkeypatch.chdir(tmp_path)
    Path("typed.txt").write_text(f"{TYPED}\n" * 30, encoding="utf-8")
    Path("read.txt").write_text(f"{READ}\n" * 30, encoding="utf-8")
    start = ("train", "--init-from", models[0], "--epochs", 1, "--seq-length", 8, "--quiet")
    told = run(*start, "typed.txt", "-o", "typed.npz")
    assert told.code == 0
    assert "120 characters of typed.txt are unknown to the model and were read in a near form" in told.err
    assert run(*start, "read.txt", "-o", "read.npz").said == ""
    assert_same_bits("typed.npz", "read.npz")
    resumed = run("train", "--resume", "typed.npz", "--epochs", 2, "--quiet", "-o", "resumed.npz")
    assert (resumed.code, resumed.err.count("near form")) == (0, 1)
    assert run(*start, "--remap", "typed.txt", "-o", "more.npz").said == ""
    assert set(meta_of("more.npz")["vocabulary"]["characters"]) == {*READ, *TYPED, "\n"}
    for text in (f"{READ}Ω\n", f"{READ}x\u0302\n"):  # a character without a near form, and a mark
        Path("other.txt").write_text(text * 30, encoding="utf-8")
        refused(run(*start, "other.txt", "-o", "no.npz"), "add --remap to extend it")
    assert not Path("no.npz").exists()


def test_near_forms_of_a_large_text(tmp_path):
    """A text that is encoded in the cache is read from there the next time, and the note is the same."""
    path, vocabulary = tmp_path / "typed.txt", Vocabulary.of(READ + "\n")
    path.write_text(f"{TYPED}\n" * 9, encoding="utf-8")
    for _ in range(2):
        with pytest.warns(UnknownWarning, match="36 characters of .* read in"):
            corpus = read_corpus([str(path)], vocabulary=vocabulary, known=Known(near=True), large=10)
        assert vocabulary.decode(corpus.ids) == f"{READ}\n" * 9
        assert corpus.files == (corpus.ids.size,)
