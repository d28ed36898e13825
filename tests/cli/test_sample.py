"""The command ``charrnn sample``: where a sample ends, how many there are, in which form, and what contradicts."""

import io
import json
import math
import random
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from charrnn.cli.sample import novel_to
from charrnn.cli.sample_output import Copies
from charrnn.errors import CharrnnError
from charrnn.model.model_file import load
from charrnn.model.network import Network
from charrnn.reading.copying import Copied
from charrnn.text.vocabulary import TEXT_BLOCK, Vocabulary
from charrnn.writing.sampler import Sampler
from charrnn.writing.samples import Piece
from tests.helpers.commands import COLOR_CODES, enter, json_lines, misused, on_a_terminal, refused, trained_on

NAMES = sorted({"".join(random.Random(k).choices(["an", "be", "ri", "lo", "ma", "el"], k=3)) for k in range(120)})


@pytest.fixture(scope="session")
def names_model(tmp_path_factory):
    """Train a model of names, one a line; beside it lie the names, corpus.txt."""
    text, folder = "".join(f"{name}\n" for name in NAMES), tmp_path_factory.mktemp("names")
    return trained_on(text, folder, "--epochs", 300, "--documents", "lines", "--val-fraction", 0)


def lines(result):
    """Return the lines that a command wrote, after it went well."""
    assert result.code == 0, result.err
    return result.out.splitlines()


# Sampling
def test_sample_writes_so_many_characters(trained, run):
    """Standard output has the prime and then ``--length`` characters, not one more; stderr has nothing."""
    result = run("sample", trained, "--length", 123, "--prime", "Der alte", "--seed", 1)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Der alte")
    assert len(result.out) == len("Der alte") + 123
    assert len(run("sample", trained).out) == 1000
    assert run("sample", trained, "--length", 1, "--prime", "").out != ""


def test_a_slow_sample_is_seen_as_it_is_written(trained, run, monkeypatch):
    """Characters are passed on as they are drawn, twenty times a second or so, not when a buffer is full."""
    from charrnn.model.network import Network

    class Recorder(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            pieces.append(bytes(data))
            return len(data)

    pieces, original = [], Network.sample

    def slow(network, window, drawing, *rest):
        time.sleep(0.01 * len(drawing.chances))
        return original(network, window, drawing, *rest)

    monkeypatch.setattr(Network, "sample", slow)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Recorder()), encoding="ascii"))
    assert run("sample", trained, "--length", 60, "--seed", 1).code == 0
    assert len(pieces) >= 4
    assert len(b"".join(pieces).decode("utf-8")) == 60


def test_temperature_zero_is_always_the_same(trained, run):
    """``--temp 0`` takes the likeliest character, whatever the seed."""
    texts = {run("sample", trained, "--temp", 0, "--length", 100, *more).out for more in ((), ("--seed", 5), ())}
    assert len(texts) == 1


def test_seed_and_temperature(trained, run):
    """The same seed writes the same text, another seed or none another; ``--temperature`` is ``--temp``."""

    def write(*options):
        return run("sample", trained, "--length", 100, *options).out

    assert write("--seed", 1) == write("--seed", 1) == write("--seed", 1, "--temperature", 1)
    assert write("--seed", 1) != write("--seed", 2)
    assert write() != write()
    assert write("--seed", 1, "--temp", 0.5) == write("--seed", 1, "--temperature", 0.5) != write("--seed", 1)


def test_temperatures_at_the_edge(trained, run):
    """The lowest and the highest temperature do what they mean: the likeliest character, and any."""
    likeliest = run("sample", trained, "--temp", 0, "--length", 50).out
    assert run("sample", trained, "--temp", "1e-30", "--length", 50).out == likeliest
    assert len(set(run("sample", trained, "--temp", "1000", "--length", 300, "--seed", 1).out)) > 30


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--top-p", "1e-310", "1e-30<=x<=1.0"),
        ("--top-p", "0", "1e-30<=x<=1.0"),
        ("--min-p", "1e-310", "0 or 1e-30<=x<=1.0"),
        ("--temp", "1e-300", "0 or 1e-30<=x<=1000.0"),
        ("--temp", "1e300", "0 or 1e-30<=x<=1000.0"),
        ("--repeat-penalty", "1e-7", "1e-06<=x<=1000000.0"),
    ],
)
def test_numbers_that_the_arithmetic_cannot_hold_are_refused(trained, run, option, value, allowed):
    """One sentence says what is allowed, before anything is written."""
    result = run("sample", trained, option, value)
    assert (result.code, result.out) == (2, "")
    assert f"{float(value)} is not in the range {allowed}." in result.err


def test_prime_from_anywhere(trained, folder, run):
    """``--prime TEXT``, ``--prime -`` and ``--prime-file`` mean the same; a prime may be long."""
    prime = "Die große Straße — " * 20
    Path("prime.txt").write_text(prime, encoding="utf-8")
    options = ("--seed", 1, "--length", 50)
    typed = run("sample", trained, "--prime", prime, *options)
    assert typed.out.startswith(prime)
    assert run("sample", trained, "--prime", "-", *options, stdin=prime.encode()).out == typed.out
    assert run("sample", trained, "--prime-file", "prime.txt", *options).out == typed.out


def test_unknown_characters_in_a_prime(trained, run):
    """A character the model has never seen is refused by name and place, skipped or replaced."""
    prime, options = "im Ω Haus", ("--seed", 1, "--length", 20)
    refused(run("sample", trained, "--prime", prime, *options), "'Ω'", "U+03A9", "column 4", "--unknown")
    skipped = run("sample", trained, "--prime", prime, *options, "--unknown", "skip")
    assert skipped.out == run("sample", trained, "--prime", "im  Haus", *options).out
    replaced = run("sample", trained, "--prime", prime, *options, "--unknown", "replace")
    assert replaced.out == run("sample", trained, "--prime", "im   Haus", *options).out
    for result, done in ((skipped, "skipped"), (replaced, "replaced")):
        assert result.err == f"charrnn: 1 of 9 characters of the prime is unknown to the model and was {done}\n"


WRONG_SAMPLE = [
    ("--temp", -1),
    ("--temp", "nan"),
    ("--temp", "inf"),
    ("--temperature", "warm"),
    ("--length", -1),
    ("--length", "long"),
    ("--seed", -1),
    ("--unknown", "guess"),
]


@pytest.mark.parametrize("option", WRONG_SAMPLE, ids=lambda option: " ".join(map(str, option)))
def test_options_of_sample_out_of_range(trained, run, option):
    """A value out of range is wrong usage, and no text is written before it is noticed."""
    misused(run("sample", trained, *option), option[0])


def test_primes_that_cannot_be_read(trained, run):
    """A prime that is missing or no text is refused in one line before any text is written."""
    refused(run("sample", trained, "--prime-file", "nowhere"), "nowhere")
    refused(run("sample", trained, "--prime", "-", stdin=b"\xff"), "standard input", "offset 0")


def test_names_are_drawn_one_a_line(names_model, run):
    """Each document ends where the model ends it, and stands on a line of its own; a seed repeats them all."""
    result = run("sample", names_model, "--count", 70, "--seed", 5)
    assert len(lines(result)) == 70
    assert sum(4 < len(name) < 9 for name in lines(result)) > 40  # six letters each
    assert len(set(lines(result))) > 20
    assert result.out == run("sample", names_model, "--count", 70, "--seed", 5).out
    assert result.out.endswith("\n")


def test_novel_names(names_model, run):
    """--novel writes as many as asked for, none of which is in the corpus, and none twice."""
    corpus = names_model.with_name("corpus.txt")
    known = run("sample", names_model, "--count", 50, "--seed", 1, "--temp", 0.7)
    assert set(lines(known)) & set(NAMES)  # or there would be nothing to leave out
    found = lines(run("sample", names_model, "--count", 50, "--seed", 1, "--temp", 0.7, "--novel", corpus))
    assert len(found) == len(set(found)) == 50
    assert not set(found) & set(NAMES)
    rare = run("sample", names_model, "--count", 3, "--seed", 1, "--temp", 0.01, "--novel", corpus)
    assert rare.code == 1
    assert "were new" in rare.err


def test_a_prime_of_documents(names_model, run):
    """The last document of a prime is continued, whether or not a separator is behind it; its state is its own."""
    for prime in ("lo", "lo\n", "mabe\nlo\n"):
        result = run("sample", names_model, "--prime", "-", "--seed", 2, stdin=prime.encode())
        assert result.out == run("sample", names_model, "--prime", "lo", "--seed", 2).out
        assert result.out.startswith("lo")
    bare = run("sample", names_model, "--prime", "lo", "--seed", 2, "--no-prime")
    assert "lo" + bare.out == run("sample", names_model, "--prime", "lo", "--seed", 2).out


def test_separators_stand_between(tmp_path, run):
    """Documents with another separator are written with it between them."""
    corpus = tmp_path / "verses.txt"
    corpus.write_text("".join(f"{a} {b}\n%\n" for a in NAMES[:12] for b in NAMES[12:24]))
    model = tmp_path / "verses.npz"
    options = ("--documents", r"\n%\n", "--hidden", 8, "--epochs", 2, "--threads", 1, "--quiet", "-o", model)
    assert run("train", corpus, *options).code == 0
    result = run("sample", model, "--count", 3, "--seed", 1, "--length", 30)
    assert result.out.count("\n%\n") == 2
    assert result.out.endswith("\n")
    assert not result.out.endswith("%\n")


def test_lines_and_stops(trained, run):
    """A sample ends with its last line, or before a string to stop at; whatever comes first."""
    whole = run("sample", trained, "--seed", 3, "--length", 2000).out
    three = run("sample", trained, "--seed", 3, "--lines", 3).out
    assert three == "".join(line + "\n" for line in whole.split("\n")[:3])
    stop = whole[40:43]
    assert run("sample", trained, "--seed", 3, "--stop", stop).out == whole[: whole.index(stop)]
    assert run("sample", trained, "--seed", 3, "--stop", "eee", "--stop", r"\n").out == whole[: whole.index("\n")]
    assert run("sample", trained, "--seed", 3, "--lines", 3, "--length", 7).out == whole[:7]
    assert run("sample", trained, "--seed", 3, "--lines", 2, "--length", 0).out.count("\n") == 2


def test_several_samples(trained, run):
    """Samples of a text are parted by an empty line, the prime before each; the first is that of the seed alone."""
    alone = run("sample", trained, "--seed", 4, "--length", 30, "--prime", "der ").out
    several = run("sample", trained, "--seed", 4, "--length", 30, "--prime", "der ", "--count", 3).out
    assert several.startswith(alone)
    assert several.count("der ") >= 3
    assert several.endswith("\n")
    records = json_lines(run("sample", trained, "--seed", 4, "--length", 30, "--prime", "der ", "--count", 3, "--json"))
    assert "".join(record["text"] for record in records).replace("\n", "") == several.replace("\n", "")


def test_json_tells_all(trained, run):
    """Each object has its text, the seed that draws it alone, and the model's own bits per character of it."""
    options = ("--length", 40, "--temp", 0.6, "--top-k", 5, "--prime", "Die ")
    records = json_lines(run("sample", trained, *options, "--count", 3, "--json", "--seed", 9))
    assert [record["sample"] for record in records] == [0, 1, 2]
    assert records[0]["seed"] == 9
    assert len({record["seed"] for record in records}) == 3
    checkpoint = load(trained)
    network, vocabulary = Network(checkpoint.architecture, checkpoint.parameters), checkpoint.vocabulary
    for record in records:
        assert record["text"] == run("sample", trained, *options, "--seed", record["seed"]).out
        assert (record["characters"], record["ended"]) == (40, "length")
        bits = 0.0
        sampler = Sampler(network)
        sampler.read(vocabulary.encode("Die "))
        reader = sampler._reader
        for symbol in vocabulary.encode(record["text"][4:]):
            logits = reader.window.logits[reader.slot - 1, 0, : len(vocabulary)].astype(np.float64)
            bits -= (logits[symbol] - logits.max() - math.log(np.exp(logits - logits.max()).sum())) / math.log(2)
            sampler.read([symbol])
        assert record["bits_per_char"] == pytest.approx(bits / 40, rel=1e-4)
    (bare,) = json_lines(run("sample", trained, *options, "--json", "--seed", 9, "--no-prime"))
    assert "Die " + bare["text"] == records[0]["text"]


def test_json_of_bytes(tmp_path, run):
    """Bytes that are no UTF-8 are escaped in JSON."""
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 8)
    model = tmp_path / "model.npz"
    options = ("--bytes", "--hidden", 4, "--epochs", 1, "--threads", 1, "--quiet", "-o", model)
    assert run("train", tmp_path / "binary", *options).code == 0
    (record,) = json_lines(run("sample", model, "--seed", 1, "--json", "--length", 200))
    assert record["characters"] == 200
    assert "\\x" in record["text"]


def test_controls_are_heard(trained, run):
    """Each control changes what is drawn; those that keep everything do not."""
    plain = run("sample", trained, "--seed", 6, "--length", 300).out
    for options in (("--top-k", 2), ("--top-p", 0.5), ("--min-p", 0.4), ("--repeat-penalty", 8), ("--temp", 0.5)):
        assert run("sample", trained, "--seed", 6, "--length", 300, *options).out != plain
    neutral = ("--top-k", 500, "--top-p", 1, "--min-p", 0, "--repeat-penalty", 1, "--temp", 1)
    assert run("sample", trained, "--seed", 6, "--length", 300, *neutral).out == plain
    greedy = run("sample", trained, "--temp", 0, "--length", 300).out
    assert run("sample", trained, "--top-k", 1, "--length", 300).out == greedy
    window = ("--repeat-penalty", 8, "--repeat-window")
    assert run("sample", trained, "--seed", 6, *window, 1).out != run("sample", trained, "--seed", 6, *window, 9).out


def test_copied_is_told(trained, run):
    """--copied tells the share of what was written that stands in a corpus, on stderr or in each JSON object."""
    corpus = trained.parent / "corpus.txt"
    options = ("sample", trained, "--temp", 0.3, "--seed", 1, "--length", 500, "--copied", corpus)
    assert "0.0 % copied" in run(*options, "--copied-run", 400).err
    few = run(*options, "--copied-run", 4)
    assert "% copied" in few.err
    assert not few.err.startswith("0.0 %")
    assert "copied" not in few.out
    (record,) = json_lines(run(*options, "--copied-run", 4, "--json"))
    assert 0.5 < record["copied"] <= 1.0
    assert record["longest_run"] >= 4


def test_a_prime_in_a_file(trained, run):
    """A prime in a file is written, and gone on from, as the same prime that was typed."""
    corpus = trained.with_name("corpus.txt")
    typed = run("sample", trained, "--prime", corpus.read_text(encoding="utf-8"), "--seed", 1, "--length", 50).out
    assert run("sample", trained, "--prime-file", corpus, "--seed", 1, "--length", 50).out == typed
    assert typed.startswith(corpus.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--json", "--surprise"), "not both"),
        (("--length", 0, "--json"), "never ends"),
        (("--length", 0, "--count", 2), "never ends"),
        (("--length", 0, "--copied", "x"), "never ends"),
        (("--temp", 0, "--count", 2), "the same; raise --temp"),
        (("--repeat-window", 5), "--repeat-penalty"),
        (("--copied-run", 5), "--copied"),
        (("--stop", ""), "empty"),
        (("--prime", "a", "--prime-file", "b"), "not both"),
        (("--top-k", 0), "top-k"),
        (("--top-p", 0), "top-p"),
        (("--min-p", 1.5), "min-p"),
        (("--repeat-penalty", 0), "repeat-penalty"),
        (("--repeat-penalty", "nan"), "repeat-penalty"),
        (("--lines", 0), "lines"),
        (("--count", 0), "count"),
    ],
)
def test_contradictions_are_wrong_usage(trained, run, options, said):
    """Options that contradict each other, or leave nothing to draw, are refused before anything is written."""
    result = run("sample", trained, *options)
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_ends_that_never_come(names_model, trained, run):
    """A string to stop at that the model cannot write is an error that says so."""
    result = run("sample", trained, "--stop", "漢")
    assert (result.code, result.out) == (1, "")
    assert "'漢'" in result.err
    assert "cannot write" in result.err
    result = run("sample", names_model, "--lines", 3)
    assert (result.code, result.out) == (1, "")
    assert "ends by itself" in result.err


def test_texts_that_are_not_there(trained, run):
    """A corpus that cannot be read is one sentence."""
    for option in ("--novel", "--copied"):
        result = run("sample", trained, option, "none.txt", "--length", 10)
        assert result.code == 1
        assert result.err.startswith("charrnn: error: none.txt cannot be read")


def test_surprise_in_a_pipe_is_plain(trained, run):
    """Where there are no colors, --surprise writes the text as it is."""
    plain = run("sample", trained, "--seed", 2, "--length", 100).out
    assert run("sample", trained, "--seed", 2, "--length", 100, "--surprise").out == plain


def test_surprise_on_a_terminal(trained, run, monkeypatch):
    """On a terminal the text is colored, and the same text."""
    plain = run("sample", trained, "--seed", 2, "--length", 200, "--prime", "Der ").out
    screen = on_a_terminal(monkeypatch)
    assert enter("sample", trained, "--seed", 2, "--length", 200, "--prime", "Der ", "--surprise") == 0
    written = screen.getvalue()
    assert "\x1b[" in written
    bare = COLOR_CODES.sub("", written)
    assert bare.replace(" \n", "\n").rstrip("\n") == plain.replace(" \n", "\n").rstrip("\n")


def test_info_tells_of_documents(names_model, run):
    """A model of documents says so, and its corpus is counted in characters alone."""
    assert "separated by '\\n'" in run("info", names_model).out
    facts = json.loads(run("info", names_model, "--json").out)
    assert facts["vocabulary"]["separator"] == "\n"
    assert facts["corpus"]["characters"] == sum(map(len, NAMES))
    assert Path(facts["corpus"]["sources"][0]).name == "corpus.txt"


def test_a_folder_of_documents_is_known(tmp_path, run):
    """--novel ends a document where its file ends; an empty one is never new; a corpus of nothing is refused."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a").write_text("ab\n\nac")
    (tmp_path / "corpus" / "b").write_text("bb\n\nbc")
    model = tmp_path / "model.npz"
    options = ("--documents", r"\n\n", "--hidden", 8, "--epochs", 20, "--threads", 1, "--quiet", "-o", model)
    (tmp_path / "longer").write_text("ab\n\nac\n\nbb\n\nbc\n\n" * 10)
    assert run("train", tmp_path / "longer", *options).code == 0
    records = json_lines(run("sample", model, "--count", 8, "--seed", 1, "--json", "--novel", tmp_path / "corpus"))
    texts = [record["text"] for record in records]
    assert len(texts) == 8
    assert not {"", "ab", "ac", "bb", "bc"} & set(texts)
    (tmp_path / "empty").touch()
    for option in ("--novel", "--copied"):
        result = run("sample", model, option, tmp_path / "empty")
        assert (result.code, result.out) == (1, "")
        assert "there is no text" in result.err
    assert run("sample", model, "--prime", "-", "--novel", "-").code == 2


def test_documents_end_where_their_separator_is_no_utf8(tmp_path, run):
    """A separator that is no text is refused by a sentence."""
    (tmp_path / "text").write_text("ab" * 50)
    result = run("train", tmp_path / "text", "--documents", "\udcff", "-o", tmp_path / "model.npz")
    assert result.code == 2
    assert "not UTF-8" in result.err


def test_bytes_become_characters_with_their_bits():
    """The bits of a character are those of its bytes; a byte that is none has its own; nothing is lost at the end."""
    from charrnn.cli.sample_output import Characters

    characters = Characters()
    assert characters.of("aé".encode(), [1.0, 2.0, 3.0]) == ("aé", [1.0, 5.0])
    assert characters.of(b"\xf2B", [4.0, 1.0]) == ("\ufffdB", [4.0, 1.0])
    assert characters.of(b"\xc3", [7.0]) == ("", [])
    assert characters.rest() == ("\ufffd", [7.0])
    assert characters.of(b"\xa9", [2.0]) == ("\ufffd", [2.0])


def test_a_terminal_is_not_commanded(tmp_path, run, monkeypatch):
    """Control characters that a model writes do nothing to a terminal, and go as they are into a pipe."""
    (tmp_path / "text").write_text("a\x1b[2Jb\n" * 60)
    model = tmp_path / "model.npz"
    assert (
        run("train", tmp_path / "text", "--hidden", 8, "--epochs", 2, "--quiet", "-o", model, "--threads", 1).code == 0
    )
    assert "\x1b" in run("sample", model, "--seed", 1, "--length", 300).out
    for more in ([], ["--surprise"]):
        screen = on_a_terminal(monkeypatch, NO_COLOR="1")
        assert enter("sample", model, "--seed", 1, "--length", 300, *more) == 0
        assert "\x1b" not in screen.getvalue()
        assert "\ufffd" in screen.getvalue()


# What is too long


def test_too_many_samples_to_compare():
    """What is to be looked for in a corpus is kept, and refused where it becomes too long."""
    compared = []
    copies = Copies(lambda texts, run: compared.append(texts) or Copied(100, 0), 2, "x", most=100)
    for sample in (0, 1):
        copies.add(Piece(sample, 0, np.zeros(50, np.int32), np.zeros(50, np.float32)))
    copies.tell()
    assert [[text.size for text in texts] for texts in compared] == [[50, 50]]
    with pytest.raises(CharrnnError, match="too long for --copied, which takes at most 100 characters"):
        copies.add(Piece(1, 0, np.zeros(1, np.int32), np.zeros(1, np.float32)))


def test_a_corpus_too_long_to_be_kept(tmp_path):
    """--novel keeps its corpus in memory, and says where that is too long, before it is read to its end."""
    path, vocabulary, prime = tmp_path / "corpus.txt", Vocabulary("\nabc"), np.zeros(0, np.uint8)
    path.write_bytes(b"abc\n" * 25)
    assert novel_to(str(path), vocabulary, prime, most=100)("aa")
    for raw in (b"abc\n" * 25 + b"a", b"abc\n" * TEXT_BLOCK + b"\xff"):
        path.write_bytes(raw)
        with pytest.raises(CharrnnError, match="too long: at most 100 characters can be kept in memory"):
            novel_to(str(path), vocabulary, prime, most=100)


def test_escapes_follow_one_rule(folder, run):
    r"""In --prime, --stop, --mark, the text of fill and --documents: a line break, a tab, a backslash."""
    Path("code.txt").write_text("def main(self):\n\treturn x\\n\n" * 100, encoding="utf-8")
    model = trained_on(Path("code.txt").read_text(encoding="utf-8"), folder, "--epochs", 1)
    for typed, meant in ((r"main(self):\n\t", "main(self):\n\t"), (r"x\\n", r"x\n"), (r"\x", r"\x")):
        result = run("sample", model, "--prime", typed, "--length", 5, "--seed", 1)
        assert result.out.startswith(meant)
        assert ("type \\\\n for a backslash and an n" in result.err) == ("\n" in meant)
    assert run("sample", model, "--prime", "-", "--length", 5, stdin=b"x\\n").out.startswith(r"x\n")
    stopped = run("sample", model, "--stop", r"\n", "--seed", 1, "--temp", 1, "--prime", "d")
    assert "\n" not in stopped.out
    assert run("sample", model, "--prime", "", "--length", 5).code == 0
    for command in ("sample", "fill", "train"):
        assert "\\n is a line break" in " ".join(run(command, "--help").out.split())
