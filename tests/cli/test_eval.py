"""``charrnn eval``: figures, tables, lines, characters, and what is copied."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.cli.eval_output import keeping
from charrnn.errors import CharrnnError
from charrnn.reading import losses
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import ERROR, TINY, misused, refused, strict_json, trained_on
from tests.helpers.model_files import meta_of, rewrite, untrained

BITS = 1 / math.log(2)


@pytest.fixture(scope="module")
def other(trained, tmp_path_factory):
    """Make a model that knows the same characters and predicts them worse."""
    path = tmp_path_factory.mktemp("other") / "other.npz"

    def weaken(meta, arrays):
        arrays["param/output.V"] = arrays["param/output.V"] * np.float32(0.3)

    rewrite(trained, path, weaken)
    return path


@pytest.fixture(scope="module")
def of_documents(tmp_path_factory, text):
    """Train a small model of documents, a line each."""
    return trained_on(text, tmp_path_factory.mktemp("documents"), "--documents", "lines", "--epochs", 1)


@pytest.fixture(scope="module")
def of_bytes(tmp_path_factory, text):
    """Train a small model of bytes."""
    return trained_on(text, tmp_path_factory.mktemp("bytes"), "--bytes", "--epochs", 1)


def records(result):
    """Return the objects that a command printed, a line each."""
    assert (result.code, result.err) == (0, "")
    return [strict_json(line) for line in result.out.splitlines()]


def values(result):
    """Return what a command printed between tabulators: a record a line, by the names in the first line."""
    assert (result.code, result.err) == (0, "")
    head, *rows = [line.split("\t") for line in result.out.removesuffix("\n").split("\n")]
    return [dict(zip(head, row, strict=True)) for row in rows]


# One text by one model


def test_eval_tells_four_figures(trained, run):
    """``eval`` tells nats, bits, perplexity and characters, as text and as JSON, and they belong together."""
    corpus = trained.with_name("corpus.txt")
    result = run("eval", trained, corpus, "--json")
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    figures = strict_json(result.out)
    assert set(figures) == {"nats_per_char", "bits_per_char", "perplexity", "characters", "unknown", "unknown_share"}
    nats = figures["nats_per_char"]
    assert figures["bits_per_char"] == pytest.approx(nats / math.log(2))
    assert figures["perplexity"] == pytest.approx(math.exp(nats))
    assert figures["characters"] == len(corpus.read_text(encoding="utf-8")) - 1
    shown = run("eval", trained, corpus)
    assert (shown.code, shown.err) == (0, "")
    for part in (f"{nats:.4f} nats", f"{figures['bits_per_char']:.4f} bits", f"{figures['perplexity']:.3f} perplexity"):
        assert part in shown.out
    assert f"{figures['characters']:,} characters" in shown.out


def test_eval_of_the_held_out_text_is_the_validation_loss(trained, folder, run, text):
    """``eval`` of the last tenth of the corpus is the best validation loss that training told."""
    Path("tail.txt").write_text(text[len(text) - round(len(text) / 10) :], encoding="utf-8")
    best = min(entry["val_loss"] for entry in meta_of(trained)["history"])
    figures = json.loads(run("eval", trained, "tail.txt", "--json", "--threads", 2).out)
    assert figures["nats_per_char"] == pytest.approx(best, rel=1e-12)


def test_eval_reads_standard_input(trained, run):
    """``-`` and no text at all both mean standard input, where it is no terminal."""
    stdin = trained.with_name("corpus.txt").read_bytes()
    named = run("eval", trained, trained.with_name("corpus.txt")).out
    assert run("eval", trained, "-", stdin=stdin).out == named
    assert run("eval", trained, stdin=stdin).out == named


def test_unknown_characters_in_a_text_to_score(trained, run):
    """``eval`` has the rule of sample: refused by name and place, skipped or replaced."""
    stdin = "im Haus\nim Ω Haus\n".encode()
    refused(run("eval", trained, "-", stdin=stdin), "'Ω'", "line 2, column 4", "standard input", "--unknown")
    for rule, characters in (("skip", 16), ("replace", 17)):
        done = run("eval", trained, "-", "--json", "--unknown", rule, stdin=stdin)
        assert json.loads(done.out)["characters"] == characters


def test_how_much_is_unknown_is_part_of_every_result(trained, folder, run):
    """Text, JSON, the table of several texts, and each line tell how many characters are unknown, and their share."""
    Path("some.txt").write_text("ΩΩ im Haus\nim Ω Haus\n", encoding="utf-8")
    done = {"skip": "skipped", "replace": "replaced", "charge": "skipped, at 20.09 bits each"}
    for rule, characters in (("skip", 17), ("replace", 20), ("charge", 20)):
        (told,) = records(run("eval", trained, "some.txt", "--json", "--unknown", rule))
        assert (told["characters"], told["unknown"], told["unknown_share"]) == (characters, 3, 3 / 21)
        shown = run("eval", trained, "some.txt", "--unknown", rule).out
        assert f"3 characters are unknown (14.29 %) and {done[rule]}\n" in shown
        rows = values(run("eval", trained, "some.txt", "corpus.txt", "--tsv", "--unknown", rule))
        assert [row["unknown"] for row in rows] == ["3", "0"]
        lines = records(run("eval", trained, "some.txt", "--per-line", "--json", "--unknown", rule))
        assert [(row["unknown"], row["text"]) for row in lines] == [(2, "�� im Haus"), (1, "im � Haus")]
        assert sum(row["characters"] for row in lines) == characters
    assert "unknown" not in run("eval", trained, "corpus.txt").out


def test_unknown_characters_are_charged(trained, folder, run):
    """Each costs log2 of 1,114,112 bits; the network reads, and predicts, what it would without them."""
    Path("without.txt").write_text("im Haus\nim  Haus\n")
    Path("with.txt").write_text("iΩm Haus\nim ΩΩ Haus\n", encoding="utf-8")
    without, told = (
        records(run("eval", trained, name, "--per-char", "--json", "--unknown", "charge"))
        for name in ("without.txt", "with.txt")
    )
    assert "".join(row["character"] for row in told) == "i�m Haus\nim �� Haus\n"
    assert [row["bits"] for row in told if row["character"] == "�"] == pytest.approx([math.log2(1_114_112)] * 3)
    assert [row["bits"] for row in told if row["character"] != "�"] == [row["bits"] for row in without]
    (score,) = records(run("eval", trained, "with.txt", "--json", "--unknown", "charge"))
    expected = sum(row["bits"] for row in told[1:])
    assert score["bits_per_char"] * score["characters"] == pytest.approx(expected, rel=1e-6)


def test_models_are_compared_on_what_all_count(trained, other, folder, run):
    """Where a model skips or replaces characters, none is the best; where they are charged, one is."""
    Path("some.txt").write_text("im Haus Ω im Haus" * 9, encoding="utf-8")
    for rule, marked in (("skip", 0), ("replace", 0), ("charge", 1)):
        told = run("eval", trained, "-m", other, "some.txt", "--json", "--unknown", rule)
        assert told.out.count('"best": true') == marked
        assert told.err.count("--unknown charge counts all characters") == 1 - marked


def test_the_first_character_is_given_to_all_models(trained, folder, run):
    """One that is unknown is given like any other, so that models predict the same characters."""
    for text in ("Ωim Haus", "mim Haus", "ΩΩim Haus"):
        Path("some.txt").write_text(text, encoding="utf-8")
        told = records(run("eval", trained, "some.txt", "--per-char", "--json", "--unknown", "charge"))
        assert [row["bits"] is None for row in told] == [True] + [False] * (len(text) - 1)


@pytest.mark.parametrize("stdin", [b"", b"d", "Ω".encode()])
def test_too_little_to_score(trained, run, stdin):
    """A text with fewer than two characters that the model knows cannot be scored."""
    refused(run("eval", trained, "-", "--unknown", "skip", stdin=stdin))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs a signal for one thread")
def test_ctrl_c_while_scoring(trained, run, monkeypatch):
    """Ctrl-C ends the scoring of a long text soon, not when all of it is read."""
    from charrnn.model.network import Network

    forward, main, steps = Network.forward, threading.main_thread().ident, []

    def counted(*arguments):
        steps.append(arguments)
        if len(steps) == ctrl_c:
            signal.pthread_kill(main, signal.SIGINT)
        forward(*arguments)

    monkeypatch.setattr(Network, "forward", counted)
    ctrl_c, command = 0, ("eval", trained, trained.with_name("corpus.txt"), "--threads", 1)
    assert run(*command).code == 0
    whole, ctrl_c = len(steps), 3
    steps.clear()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    result = run(*command)
    signal.signal(signal.SIGINT, before)
    assert (result.code, result.stdout, result.err) == (130, b"", "")
    assert len(steps) < whole / 5


# Several texts, several models


def test_several_texts_are_scored_each_by_itself(trained, folder, run):
    """Of several texts there is a row each, in their order; a folder is one text."""
    Path("more").mkdir()
    Path("more/a.txt").write_text("der Mann\n")
    Path("more/b.txt").write_text("die Frau\n")
    Path("more/.c.bin").write_bytes(b"\0")
    Path("both.txt").write_text("der Mann\ndie Frau\n")
    told = records(run("eval", trained, "more", "corpus.txt", "both.txt", "--json"))
    alone = [records(run("eval", trained, name, "--json"))[0] for name in ("more", "corpus.txt", "both.txt")]
    assert told == [
        {"model": str(trained), "text": name} | one
        for name, one in zip(("more", "corpus.txt", "both.txt"), alone, strict=True)
    ]
    assert alone[0] == alone[2]
    assert alone[0]["characters"] == 17
    table = run("eval", trained, "more", "corpus.txt").out.splitlines()
    figures = ["nats/char", "bits/char", "perplexity", "characters", "unknown", "unknown", "share"]
    assert table[0].split() == ["model", "text", *figures]
    assert table[1].split()[1:] == [
        "more",
        f"{alone[0]['nats_per_char']:.4f}",
        f"{alone[0]['bits_per_char']:.4f}",
        f"{alone[0]['perplexity']:.3f}",
        "17",
        "0",
        "0.0000",
    ]
    assert len({line.rindex(line.split()[-1]) + len(line.split()[-1]) for line in table}) == 1  # numbers end in line


def test_who_wrote_this(trained, other, folder, run, text):
    """With -m every text is scored by every model, and of each text the best model is marked, and no other."""
    Path("noise.txt").write_text("nnnnnoooiiisssee" * 20)
    told = records(run("eval", other, "-m", trained, "corpus.txt", "noise.txt", "--json"))
    assert [(row["text"], row["model"]) for row in told] == [
        (name, str(model)) for name in ("corpus.txt", "noise.txt") for model in (other, trained)
    ]
    for first, second in (told[:2], told[2:]):
        assert first["best"] is (first["bits_per_char"] < second["bits_per_char"])
        assert second["best"] is not first["best"]
    assert [row["best"] for row in told[:2]] == [False, True]
    lines = run("eval", other, "--model", trained, "corpus.txt").out.splitlines()
    assert lines[0].endswith("  best")
    assert [line.endswith("  best") for line in lines[1:]] == [False, True]
    rows = values(run("eval", other, "--model", trained, "corpus.txt", "--tsv"))
    assert [row["best"] for row in rows] == ["", "best"]


def test_a_pipe_is_kept_for_several_models(trained, other, folder, run, text):
    """What can be read only once is scored by several models all the same."""
    named = run("eval", trained, "-m", other, "corpus.txt", "--tsv").out
    assert run("eval", trained, "-m", other, "-", "--tsv", stdin=text.encode()).out == named.replace("corpus.txt", "-")
    assert run("eval", trained, "-m", other, "--tsv", stdin=text.encode()).out == named.replace("corpus.txt", "-")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_kept_for_several_models(trained, other, folder, run, text):
    """So is a pipe that has a name."""
    named = run("eval", trained, "-m", other, "corpus.txt", "--tsv").out
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(text,), kwargs={"encoding": "utf-8"})
    writer.start()
    assert run("eval", trained, "-m", other, "pipe", "--tsv").out == named.replace("corpus.txt", "pipe")
    writer.join()


def test_bytes_and_characters_are_not_compared(trained, of_bytes, folder, run):
    """Where models predicted not equally many characters, none is the best; a note says so once for all texts."""
    result = run("eval", trained, "-m", of_bytes, "corpus.txt", "corpus.txt", "--json")
    told = [strict_json(line) for line in result.out.splitlines()]
    assert [row["best"] for row in told] == [False] * 4
    assert told[1]["characters"] == Path("corpus.txt").stat().st_size - 1
    assert result.err == (
        "charrnn: no model is marked as the best if the models predicted different numbers of characters, or skipped "
        "or replaced some, or only some are bidirectional; --unknown charge counts all characters\n"
    )


def test_bytes_and_characters_are_compared_where_they_are_the_same(trained, of_bytes, folder, run):
    """Each text is judged by itself: in ASCII every byte is a character, and a model is marked."""
    Path("ascii.txt").write_text("der Mann und die Frau")
    result = run("eval", trained, "-m", of_bytes, "corpus.txt", "ascii.txt", "--json")
    told = [strict_json(line) for line in result.out.splitlines()]
    assert [row["best"] for row in told[:2]] == [False, False]
    assert sorted(row["best"] for row in told[2:]) == [False, True]
    assert "different numbers of characters" in result.err
    assert run("eval", trained, "-m", of_bytes, "ascii.txt").err == ""


def test_models_that_skip_or_add_are_not_compared(trained, of_documents, folder, run):
    """Of a text that one model reads as documents, or leaves characters out of, none is marked either."""
    Path("names.txt").write_text("der Mann\ndie Frau\nder Garten\n")
    Path("x.txt").write_text("xyzzy x " * 9)
    assert run("train", "x.txt", *TINY, "--epochs", 1, "--quiet", "-o", "x.npz").code == 0
    Path("more.txt").write_text("x der Mann")
    for model, text in ((of_documents, "names.txt"), ("x.npz", "more.txt")):
        result = run("eval", trained, "-m", model, text, "--json", "--unknown", "skip")
        told = [strict_json(line) for line in result.out.splitlines()]
        assert told[0]["characters"] != told[1]["characters"]
        assert [row["best"] for row in told] == [False, False]
        assert result.err.count("\n") == 1


def test_a_text_that_one_model_cannot_read(trained, of_bytes, folder, run):
    """The model and the text are named, with the place; what was told before stays."""
    Path("omega.txt").write_text("im Haus\nΩ", encoding="utf-8")
    result = run("eval", of_bytes, "-m", trained, "omega.txt")
    refused(result, str(of_bytes), "omega.txt", "byte 0xCE", "line 2, column 1")
    result = run("eval", trained, "-m", of_bytes, "omega.txt")
    refused(result, str(trained), "omega.txt", "'Ω'", "line 2, column 1")
    result = run("eval", trained, "corpus.txt", "omega.txt", "--tsv")
    assert result.code == 1
    assert [line.split("\t")[1] for line in result.out.splitlines()] == ["text", "corpus.txt"]
    assert result.err.startswith(f"{ERROR}'Ω'")
    assert "omega.txt" in result.err


# Lines


def test_lines(trained, folder, run, text):
    """``--per-line`` tells each line with its number, and all lines add up to the whole."""
    told = records(run("eval", trained, "corpus.txt", "--per-line", "--json"))
    assert [row["text"] for row in told] == text.splitlines()
    assert [row["line"] for row in told] == list(range(1, len(told) + 1))
    (whole,) = records(run("eval", trained, "corpus.txt", "--json"))
    assert sum(row["characters"] for row in told) == whole["characters"]
    assert sum(row["bits"] for row in told) == pytest.approx(whole["bits_per_char"] * whole["characters"], rel=1e-6)
    for row in told:
        assert row["bits_per_char"] == pytest.approx(row["bits"] / row["characters"], rel=1e-6)


def test_the_most_surprising_lines(trained, folder, run):
    """``--top`` tells the lines with the most bits per character, of those that are not empty, and no more."""
    text = "der Mann\n\nxyzzy\ndie Frau\n\nder Garten\nxyz\n"
    stdin, options = text.encode(), ("--unknown", "replace", "--json")
    every = records(run("eval", trained, "-", "--per-line", *options, stdin=stdin))
    ranked = sorted((row for row in every if row["text"]), key=lambda row: -row["bits_per_char"])
    assert len(ranked) == 5
    for top in (1, 3, 100):
        assert records(run("eval", trained, "-", "--top", top, *options, stdin=stdin)) == ranked[:top]
    empty = run("eval", trained, "-", "--top", 3, "--tsv", stdin=b"\n\n\n")
    assert (empty.code, empty.out) == (0, "line\tcharacters\tunknown\tbits\tbits_per_char\ttext\n")


def test_documents_instead_of_lines(of_documents, folder, run):
    """A model of documents tells of documents: all their characters and their ends."""
    Path("names.txt").write_text("der Mann\n\ndie Frau\n")
    told = records(run("eval", of_documents, "names.txt", "--per-line", "--json"))
    assert [(row["document"], row["characters"], row["text"]) for row in told] == [
        (1, 9, "der Mann"),
        (2, 9, "die Frau"),
    ]
    (whole,) = records(run("eval", of_documents, "names.txt", "--json"))
    assert whole["characters"] == 18
    Path("turned.txt").write_text("die Frau\nder Mann\n")
    turned = records(run("eval", of_documents, "turned.txt", "--per-line", "--json"))
    assert [row["bits"] for row in turned] == pytest.approx([row["bits"] for row in reversed(told)], rel=1e-5)
    assert records(run("eval", of_documents, "names.txt", "--per-char", "--json"))[8] == pytest.approx(
        {"index": 9, "document": 1, "column": 9, "character": "\n"}
        | {name: pytest.approx(value, abs=9) for name, value in (("bits", 1), ("probability", 1))}
    )


def test_lines_by_themselves(trained, folder, run):
    """With --alone, equal lines get equal bits, those of the line between two line feeds; none depends on another."""
    lines = ["der Mann", "die Frau", "", "der Mann", "im Haus und im Garten" * 40, "der Mann"]
    Path("lines.txt").write_text("\n".join(lines))
    told = records(run("eval", trained, "lines.txt", "--per-line", "--alone", "--json"))
    assert [row["text"] for row in told] == lines
    assert len({row["bits"] for row in told if row["text"] == "der Mann"}) == 2  # the last one has no line feed
    model = charrnn.load(trained)
    for row, line in list(zip(told, lines, strict=True))[:-1]:
        score = model.score(f"\n{line}\n")
        assert np.float32(row["bits"]) == np.float32(score.nats * BITS)
        assert row["characters"] == score.characters == len(line) + 1
    scores = model.score_lines(lines)
    assert [score.nats for score in scores] == [model.score(f"\n{line}\n").nats for line in lines]
    top = records(run("eval", trained, "lines.txt", "--top", 2, "--alone", "--json"))
    ranked = sorted((row for row in told if row["text"]), key=lambda row: -row["bits_per_char"])
    assert top == ranked[:2]


def test_unknown_characters_of_lines_by_themselves(trained, folder, run):
    """Each unknown character is charged, the first of a text too, as it is not given."""
    Path("lines.txt").write_text("Ωder Mann\nder ΩMann\nder Mann\n", encoding="utf-8")
    told = records(run("eval", trained, "lines.txt", "--per-line", "--alone", "--json", "--unknown", "charge"))
    assert [(row["characters"], row["unknown"]) for row in told] == [(10, 1), (10, 1), (9, 0)]
    charged = math.log2(1_114_112)
    assert [row["bits"] - told[2]["bits"] for row in told] == pytest.approx([charged, charged, 0.0], abs=1e-4)


def test_who_wrote_each_line(trained, other, folder, run):
    """With -m, each line has each model's probability; several texts have their lines one after the other."""
    Path("a.txt").write_text("der Mann\nxyzzy\n")
    Path("b.txt").write_text("die Frau")
    for alone in ((), ("--alone",)):
        told = records(
            run("eval", trained, "-m", other, "a.txt", "b.txt", "--per-line", "--json", "--unknown", "charge", *alone)
        )
        assert [(row["model"], row["file"], row["line"]) for row in told] == [
            (str(model), file, line)
            for file, line in (("a.txt", 1), ("a.txt", 2), ("b.txt", 1))
            for model in (trained, other)
        ]
        for first, second in zip(told[::2], told[1::2], strict=True):
            assert first["probability"] + second["probability"] == pytest.approx(1.0)
            odds = 2.0 ** (second["bits"] - first["bits"])
            assert first["probability"] / second["probability"] == pytest.approx(odds, rel=1e-4)
    skipped = records(run("eval", trained, "-m", other, "a.txt", "--per-line", "--json", "--unknown", "skip"))
    assert [row["probability"] is None for row in skipped] == [False, False, True, True]
    rows = values(run("eval", trained, "a.txt", "b.txt", "--per-line", "--tsv", "--unknown", "skip"))
    assert [row["file"] for row in rows] == ["a.txt", "a.txt", "b.txt"]
    assert "probability" not in rows[0]
    piped = run("eval", trained, "-m", other, "-", "--per-line", "--alone", stdin=b"der Mann\n")
    assert piped.code == 0, piped.err


# Characters


def test_characters(trained, folder, run, text):
    """``--per-char`` tells each character with its place; all add up to the whole; the first one was given."""
    told = records(run("eval", trained, "corpus.txt", "--per-char", "--json"))
    assert "".join(row["character"] for row in told) == text
    assert told[0] == {"index": 1, "line": 1, "column": 1, "character": text[0], "bits": None, "probability": None}
    (whole,) = records(run("eval", trained, "corpus.txt", "--json"))
    bits = [row["bits"] for row in told[1:]]
    assert sum(bits) == pytest.approx(whole["bits_per_char"] * whole["characters"], rel=1e-5)
    assert [2**-each for each in bits] == pytest.approx([row["probability"] for row in told[1:]], rel=1e-3)
    lines = text.splitlines(keepends=True)
    assert all(lines[row["line"] - 1][row["column"] - 1] == row["character"] for row in told)


def test_the_three_forms_tell_the_same(trained, folder, run):
    """JSON, values between tabulators and aligned text have the same records."""
    for option in ("--per-char", "--per-line"):
        objects = records(run("eval", trained, "corpus.txt", option, "--json"))
        rows = values(run("eval", trained, "corpus.txt", option, "--tsv"))
        lines = run("eval", trained, "corpus.txt", option).out.removesuffix("\n").split("\n")[1:]
        assert len(objects) == len(rows) == len(lines)
        for one, row in zip(objects, rows, strict=True):
            assert list(one) == list(row)
            for name, value in one.items():
                written = value.replace("\n", "\\n") if isinstance(value, str) else "" if value is None else str(value)
                assert row[name] == written or float(row[name]) == value
        for line, one in list(zip(lines, objects, strict=True))[::97]:
            numbers = [float(part.replace(",", "")) for part in line.split()[:3]]
            assert numbers == pytest.approx(list(one.values())[:3], abs=0.01)
        assert len(set(map(len, lines[1:]))) == 1 or option == "--per-line"


def test_numbers_for_programs_have_all_their_digits(trained, folder, run):
    """JSON and TSV have a float32 whole, so that numbers can be added up, and compared with the library's."""
    model = charrnn.load(trained)
    text = Path("corpus.txt").read_text(encoding="utf-8")
    expected = [np.float32(record.bits) for record in model.per_character(text)[1:]]
    for read, option in ((records, "--json"), (values, "--tsv")):
        told = read(run("eval", trained, "corpus.txt", "--per-char", option))
        assert [np.float32(row["bits"]) for row in told[1:]] == expected
        lines = read(run("eval", trained, "corpus.txt", "--per-line", option))
        assert sum(float(row["bits"]) for row in lines) == pytest.approx(model.score(text).nats * BITS, rel=1e-8)


@pytest.mark.parametrize("form", ["--json", "--tsv", "--per-line"])
def test_a_fault_late_in_a_pipe(trained, run, form):
    """All that comes before a character that the model does not know is told, and its line and column are right."""
    stdin = b"der Mann\n" * 2000 + "im Ω".encode()
    result = run("eval", trained, "-", "--per-char", *(() if form == "--per-line" else (form,)), stdin=stdin)
    assert result.code == 1
    assert result.out.count("\n") == 18_003 + (form != "--json")
    assert "line 2001, column 4 of standard input" in result.err


@pytest.mark.skipif(os.name == "nt", reason="for POSIX systems")
def test_a_reader_of_characters_that_goes_away(trained, folder):
    """``yes | charrnn eval model.npz - --per-char | head`` ends quietly."""
    charrnn = [sys.executable, "-m", "charrnn", "eval", trained, "-", "--per-char"]
    yes = subprocess.Popen(["yes", "der Mann"], stdout=subprocess.PIPE)
    writer = subprocess.Popen(charrnn, stdin=yes.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    yes.stdout.close()
    head = subprocess.run(["head", "-n", "3"], stdin=writer.stdout, capture_output=True, timeout=60)
    writer.stdout.close()
    assert writer.wait(60) == 141
    assert writer.stderr.read() == b""
    writer.stderr.close()
    yes.wait(60)
    assert [line.split()[3] for line in head.stdout.decode().splitlines()] == ["character", "d", "e"]


# What is copied


def test_copied(trained, folder, run, text):
    """``--copied`` tells the share that stands in a corpus, and the longest run, as text, JSON and TSV."""
    mine = text[1000:1100] + "nnnooo" + text[40:60] + "ßßß"
    Path("mine.txt").write_text(mine, encoding="utf-8")
    (told,) = records(run("eval", trained, "mine.txt", "--copied", "corpus.txt", "--json"))
    assert told["copied_characters"] == told["longest_run"] == 100
    assert told["copied"] == pytest.approx(100 / len(mine))
    assert (told["copied_run"], told["longest_run_text"]) == (32, text[1000:1100])
    (alone,) = records(run("eval", trained, "mine.txt", "--json"))
    assert {name: told[name] for name in alone} == alone
    shorter = run("eval", trained, "mine.txt", "--copied", "corpus.txt", "--copied-run", 20)
    assert (shorter.code, shorter.err) == (0, "")
    share, run_line = shorter.out.splitlines()[4:]
    assert share.startswith(f"{100 * 120 / len(mine):.1f} % copied: 120 of {len(mine)} characters")
    assert "in runs of 20 or more" in share
    assert text[1000:1100].replace("\n", "↵") in run_line
    (row,) = values(run("eval", trained, "mine.txt", "--copied", "corpus.txt", "--tsv"))
    assert row["longest_run_text"] == text[1000:1100].replace("\n", "\\n")


def test_copied_from_what_the_model_cannot_read(trained, folder, run):
    """A corpus may have characters that the model lacks, and lack some that it has."""
    Path("corpus.txt").write_text("Ωμέγα der Mann und die Frau Ω", encoding="utf-8")
    Path("mine.txt").write_text("Vögel: der Mann und die Frau — Bäume", encoding="utf-8")
    (told,) = records(
        run("eval", trained, "mine.txt", "--copied", "corpus.txt", "--copied-run", 8, "--json", "--unknown", "replace")
    )
    assert told["longest_run_text"] == " der Mann und die Frau "
    assert told["copied_characters"] == 23


def test_documents_are_copied_one_by_one(of_documents, folder, run):
    """Of documents each is compared by itself: where one ends stands in no corpus."""
    Path("corpus.txt").write_text("der Mann und\ndie Frau und")
    Path("mine.txt").write_text("die Mann und\ndie Frau und\nder Mann und")
    (told,) = records(run("eval", of_documents, "mine.txt", "--copied", "corpus.txt", "--copied-run", 12, "--json"))
    assert (told["copied_characters"], told["longest_run"], told["longest_run_text"]) == (24, 12, "die Frau und")
    assert told["copied"] == 24 / 36


def test_bytes_are_copied(folder, run):
    """Bytes are compared as bytes, and shown as far as they are text."""
    Path("corpus").write_bytes(b"abc\xff\x00" + "Größe".encode() + b"\xfe")
    Path("mine").write_bytes(b"xx\xff\x00" + "Größe".encode() + b"xx")
    model = untrained("bytes.npz", Vocabulary.of_bytes())  # which knows all bytes
    (told,) = records(run("eval", model, "mine", "--copied", "corpus", "--copied-run", 5, "--json"))
    assert (told["longest_run"], told["longest_run_text"]) == (9, "\\xff\0Größe")
    shown = run("eval", model, "mine", "--copied", "corpus").out
    assert "\0" not in shown


def test_nothing_is_copied(trained, folder, run):
    """Where nothing is copied there is no run to show; a long one is cut."""
    Path("nothing.txt").write_text("123")
    out = run("eval", trained, "corpus.txt", "--copied", "nothing.txt").out
    assert out.splitlines()[4:] == [out.splitlines()[4]]
    assert out.splitlines()[4].startswith("0.0 % copied: 0 of ")
    long = run("eval", trained, "corpus.txt", "--copied", "corpus.txt").out.splitlines()
    assert long[4].startswith("100.0 % copied")
    assert len(long[5]) < 250
    assert long[5].endswith("…")


def test_too_much_to_compare(trained, folder, run):
    """A text so long that comparing it would fill the memory is refused, and a corpus that is not there named."""
    pieces = [(np.zeros(500, np.uint8), np.zeros(500, np.float32))] * 2
    kept = []
    assert sum(ids.size for ids, _ in keeping(pieces, kept, most=1000)) == 1000
    assert [ids.size for ids in kept] == [500, 500]
    with pytest.raises(CharrnnError, match="too long for --copied, which takes at most 999 characters"):
        list(keeping(pieces, [], most=999))
    Path("short.txt").write_text("der Mann")
    refused(run("eval", trained, "short.txt", "--copied", "nowhere"), "nowhere")


def test_a_corpus_is_read_before_the_text_is_scored(trained, folder, run, monkeypatch):
    """A corpus that is not there, or whose name is empty, is noticed before anything is computed."""
    monkeypatch.setattr(losses, "score_pieces", lambda *_: pytest.fail("the text was scored"))
    refused(run("eval", trained, "corpus.txt", "--copied", "nowhere"), "nowhere")
    refused(run("eval", trained, "corpus.txt", "--copied", ""), "empty")


def test_a_corpus_with_an_odd_name(trained, folder, run):
    """The corpus is named in one line, whatever it is called."""
    Path("a\nb").write_text("der Mann")
    out = run("eval", trained, "corpus.txt", "--copied", "a\nb", "--copied-run", 1000).out
    assert len(out.splitlines()) == 6
    assert r"are in 'a\nb', word for word, in runs" in out


def test_help_says_what_copied_takes(run):
    """The help counts --copied among what takes one text and one model."""
    assert "--top and --copied examine one text with one model" in " ".join(run("eval", "--help").out.split())


# Contradictions


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("corpus.txt", "--json", "--tsv"), ["--json", "--tsv"]),
        (("corpus.txt", "--per-line", "--per-char"), ["--per-line", "--per-char"]),
        (("corpus.txt", "--per-line", "--top", 3), ["--per-line", "--top"]),
        (("corpus.txt", "--per-char", "--copied", "corpus.txt"), ["--per-char", "--copied"]),
        (("corpus.txt", "--per-char", "--copied", ""), ["--per-char", "--copied"]),
        (("corpus.txt", "corpus.txt", "--copied", ""), ["--copied", "one text"]),
        (("corpus.txt", "--top", 0), ["--top"]),
        (("corpus.txt", "--copied-run", 5), ["--copied-run", "--copied"]),
        (("corpus.txt", "--copied", "corpus.txt", "--copied-run", 0), ["--copied-run"]),
        (("corpus.txt", "corpus.txt", "--per-char"), ["--per-char", "one text"]),
        (("corpus.txt", "--alone"), ["--alone", "--per-line"]),
        (("corpus.txt", "-m", "MODEL", "--top", 1), ["--top", "one model"]),
        (("-", "-"), ["only once"]),
        (("-", "--copied", "-"), ["only once"]),
    ],
    ids=lambda part: " ".join(map(str, part)) if isinstance(part, tuple) else "",
)
def test_what_contradicts_itself(trained, folder, run, arguments, words):
    """What contradicts itself is wrong usage, and nothing is read."""
    misused(run("eval", *(trained if part == "MODEL" else part for part in (trained, *arguments))), *words)


def test_models_that_are_none(trained, folder, run):
    """Each model is read before anything is told."""
    refused(run("eval", trained, "-m", "corpus.txt", "corpus.txt"), "corpus.txt", "not a charrnn model")
    refused(run("eval", trained, "-m", "nowhere", "corpus.txt"), "nowhere")


@pytest.mark.parametrize("options", [(), ("--json",), ("--per-line",), ("--per-char", "--tsv"), ("--top", 1)])
@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", ["there is no text in standard input"]),
        (b"d", ["one character"]),
        (b"\x00\xff", ["not UTF-8", "binary"]),
        ("Ω".encode(), ["'Ω'", "line 1, column 1"]),
    ],
    ids=["empty", "one", "binary", "unknown"],
)
def test_texts_that_cannot_be_scored(trained, run, options, stdin, words):
    """In every form one line says what is wrong with a text, and nothing is on stdout."""
    refused(run("eval", trained, "-", *options, stdin=stdin), *words)


@pytest.mark.parametrize("options", [(), ("--per-line", "--json"), ("--per-char",), ("--top", 2)])
def test_predictions_that_are_no_numbers(trained, folder, run, monkeypatch, options):
    """A loss that is no number is an error that names the model, and is never printed."""
    from charrnn.model.network import Network

    original = Network.losses

    def overflow(network, window, first, last, steps):
        original(network, window, first, last, steps)
        window.losses[steps - 1, first:last] = np.nan

    monkeypatch.setattr(Network, "losses", overflow)
    refused(run("eval", trained, "corpus.txt", *options), str(trained), "not finite")
