"""``charrnn train --task translate``, ``translate`` and ``eval`` of its models: what is printed and what is refused."""

import json
import warnings
from functools import partial
from pathlib import Path

import pytest

import charrnn
from charrnn.cli import train_session
from charrnn.model.model_file import load
from tests.helpers.commands import enter, json_lines, misused, refused
from tests.helpers.model_files import assert_same_file, steps_of
from tests.helpers.runs import set_pace

WORDS = [a + b + c for a in "abcd" for b in "abcde" for c in ("", "a", "b", "cd")]
PAIRS = "".join(f"{word}\t{word[::-1].upper()}\n" for word in WORDS)
TINY = ("--task", "translate", "--hidden", 32, "--batch-size", 8, "--lr", 0.02, "--dropout", 0, "--threads", 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with pairs of words and the same reversed, in capitals, and a model that has learned them."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "pairs.tsv").write_text(PAIRS)
    options = ("--bidirectional", "--attention", "--epochs", 40, "--quiet", "-o", folder / "m.npz")
    assert enter("train", folder / "pairs.tsv", *TINY, *options) == 0
    return folder


def test_texts_are_translated_on_the_command_line_and_from_standard_input(made, run):
    """A line each, as the words and their reversals; the same from a pipe and in JSON."""
    model = made / "m.npz"
    typed = run("translate", model, "acd", "deb")
    assert (typed.code, typed.out) == (0, "DCA\nBED\n")
    assert run("translate", model, stdin=b"acd\n\ndeb").out == typed.out
    records = json_lines(run("translate", model, "acd", "deb", "-k", 3, "--json"))
    assert [list(record) for record in records] == [["source", "target", "probability", "targets"]] * 2
    assert [(record["source"], record["target"]) for record in records] == [("acd", "DCA"), ("deb", "BED")]
    for record in records:
        assert record["targets"][0] == {"target": record["target"], "probability": record["probability"]}
        chances = [each["probability"] for each in record["targets"]]
        assert len(chances) == 3
        assert chances == sorted(chances, reverse=True)
        assert 0.5 < chances[0] < 1.0
    head, first, *_ = run("translate", model, "acd", "-k", 2, "--tsv").out.splitlines()
    assert head.split("\t") == ["rank", "probability", "target", "source"]
    assert (first.split("\t")[0], first.split("\t")[2:]) == ("1", ["DCA", "acd"])
    assert run("translate", model, "acd", "-k", 2).out.split()[:4] == ["rank", "probability", "target", "source"]


def test_drawn_translations_depend_on_the_seed_only(made, run):
    """With a temperature; the same again with the same seed."""
    model = made / "m.npz"
    drawn = [run("translate", model, "acd", "deb", "--temp", 3, "--seed", seed).out for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_python_translates_as_the_command(made, run):
    """A text, or many; with a beam, and drawn."""
    model = charrnn.load(made / "m.npz")
    assert model.translate("acd").target == "DCA"
    for options, flags in (
        ({"k": 2, "beam": 4}, ("-k", 2, "--beam", 4)),
        ({"temp": 2.0, "seed": 3}, ("--temp", 2, "--seed", 3)),
    ):
        found = model.translate(["acd", "deb"], **options)
        records = json_lines(run("translate", made / "m.npz", "acd", "deb", *flags, "--json"))
        assert [(each.source, each.target, each.probability) for each in found] == [
            (record["source"], record["target"], record["probability"]) for record in records
        ]
    figures = model.evaluate(made / "pairs.tsv").figures
    assert figures == json_lines(run("eval", made / "m.npz", made / "pairs.tsv", "--json"))[0]
    searched = json_lines(run("eval", made / "m.npz", made / "pairs.tsv", "--beam", 3, "--json"))[0]
    assert model.evaluate(made / "pairs.tsv", beam=3).figures == searched


def test_eval_counts_what_is_right(made, run):
    """Exact translations, edits and the loss; of a text with several translations, each is right."""
    model, file = made / "m.npz", made / "few.tsv"
    file.write_text("acd\tDCA\nacd\tCAD\ndeb\tBEE\n")
    (figures,) = json_lines(run("eval", model, file, "--json"))
    assert list(figures) == ["examples", "exact", "character_error_rate", "nats_per_char"]
    assert figures["examples"] == 2
    assert figures["exact"] == 0.5
    assert figures["character_error_rate"] == pytest.approx(1 / 6)
    assert figures["nats_per_char"] > 0
    with_beam = json_lines(run("eval", model, file, "--json", "--beam", 5))[0]
    assert with_beam["nats_per_char"] == figures["nats_per_char"]
    shown = run("eval", model, made / "pairs.tsv", "--held-out").out.splitlines()
    assert shown[0].split() == ["model", "examples", "exact", "character", "error", "rate", "nats/char"]
    assert shown[2].startswith("the text itself")


def test_a_run_shows_its_pairs_and_some_translations(made, run, monkeypatch, folder):
    """The header counts them; now and then come a few translations, and at the end the next command."""
    train = train_session.train
    monkeypatch.setattr(train_session, "train", partial(train, sample_seconds=0.0))
    result = run("train", made / "pairs.tsv", *TINY, "--epochs", 3, "-o", "m.npz")
    assert result.code == 0
    assert "80 examples, 240 characters; 5 characters to write; 8 held out for validation" in result.err
    assert " → " in result.err
    assert result.err.splitlines()[-1].endswith("translate others with: charrnn translate m.npz 'a text'")
    assert "translate" in run("info", "m.npz").out


@pytest.mark.parametrize(
    "options", [(), ("--attention", "--bidirectional", "--layers", 2, "--dropout", 0.2, "--cell", "gru")]
)
def test_a_resumed_run_ends_on_the_same_bits(options, made, run, monkeypatch, folder):
    """Paused again and again, with other numbers of threads."""
    set_pace(monkeypatch, shortest_interval=1, longest_interval=2000, chunk_seconds=0.0)
    asked = ("train", made / "pairs.tsv", *TINY, "--hidden", 8, *options, "--epochs", 3, "--quiet")
    assert run(*asked, "-o", "whole.npz").code == 0
    begin, pauses = asked, 0
    while begin:
        assert run(*begin, "--time", "0.001s", "-o", "model.npz", "--threads", 1 + pauses % 2).code == 0
        done = load("model.npz", resume=True).resume.progress["step"]
        begin = ("train", "--resume", "model.npz", "--quiet") if done < steps_of("whole.npz") else ()
        pauses += 1
    assert pauses > 2
    assert_same_file("model.npz", "whole.npz")


def test_wrong_input_is_a_sentence(made, run, folder):
    """What cannot be read or written, and what another command is for."""
    model = made / "m.npz"
    Path("notab.tsv").write_text("abc ABC\n")
    Path("empty.tsv").write_text("abc\t\nb\tB\n")
    Path("unseen.tsv").write_text("abc\tCbA\n")
    Path("plain.txt").write_text("abc" * 2000)
    refused(run("train", "notab.tsv", *TINY), "tab")
    refused(run("train", "empty.tsv", *TINY), "line 1")
    refused(run("eval", model, "unseen.tsv"), "'b', which was in no translation")
    refused(run("sample", model), "charrnn translate")
    refused(run("classify", model, "abc"), "charrnn translate")
    refused(run("eval", model, "plain.txt"), "tab")
    refused(run("translate", model, "axb"), "'x'")
    refused(run("translate", model, ""), "the text is empty")
    assert run("train", "plain.txt", "--epochs", 1, "--hidden", 8, "--quiet", "-o", "text.npz").code == 0
    refused(run("translate", "text.npz", "abc"), "charrnn sample")
    refused(run("train", made / "pairs.tsv", "--init-from", model), "translate")
    misused(run("translate", model, "a", "--beam", 3, "--temp", 1), "Give --beam or --temp, not both")
    misused(run("translate", model, "a", "--seed", 3), "--seed needs --temp")
    misused(run("train", made / "pairs.tsv", *TINY, "--documents", "lines"), "no --documents")
    misused(run("train", made / "pairs.tsv", "--attention"), "--attention needs --task translate")
    refused(run("train", made / "pairs.tsv", *TINY, "--hidden", 7, "--bidirectional"), "even")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(charrnn.CharrnnError, match=r"translate\(\)|translate"):
            charrnn.load(model).sample(length=5)


def test_json_of_info_has_the_characters_to_write(made, run):
    """And the options of the network."""
    info = json.loads(run("info", made / "m.npz", "--json").out)
    assert info["task"] == "translate"
    assert info["targets"]["labels"] == list("ABCDE")
    assert info["options"]["attention"] is True
    assert "writes:      5 characters: ABCDE" in run("info", made / "m.npz").out.splitlines()
