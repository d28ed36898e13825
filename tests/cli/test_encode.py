"""``charrnn encode``: a text that is encoded once is the text, for every command that reads one."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.cli.bench import _read
from tests.helpers.commands import TINY, contents, json_lines, misused, refused
from tests.helpers.model_files import assert_same_bits, meta_of

TRAIN = (*TINY, "--epochs", 1, "--quiet", "--seed", 1)


@pytest.fixture
def books(folder, text):
    """Stand in a folder with a text, and a folder with two files."""
    Path("books").mkdir()
    Path("books/a.txt").write_text(text[:4000], encoding="utf-8")
    Path("books/b.txt").write_bytes(text[4000:].encode("cp1252", "replace"))
    return folder


@pytest.mark.parametrize(
    "options", [(), ("--bytes",), ("--documents", "lines"), ("--rare", 20), ("--encoding", "cp1252")]
)
def test_training_on_it_gives_the_same_bits(books, run, options):
    """The same weights, state and held-out text, also with the options that it was encoded with, and resumed."""
    assert run("encode", "books", *options, "-o", "books.npz").code == 0
    assert run("train", "books", *TRAIN, *options, "-o", "files.npz").code == 0
    own = () if "--encoding" in options else options
    for given in ((), own):
        assert run("train", "books.npz", *TRAIN, *given, "-o", "encoded.npz", "--force").code == 0
        assert_same_bits("encoded.npz", "files.npz")
    one, other = meta_of("encoded.npz"), meta_of("files.npz")
    assert one["vocabulary"] == other["vocabulary"]
    assert one["corpus"]["held_out"] == other["corpus"]["held_out"]
    assert one["corpus"]["characters"] == other["corpus"]["characters"]
    assert one["corpus"]["sources"] == ["books.npz"]
    for model in ("encoded", "files"):
        assert run("train", "--resume", f"{model}.npz", "--epochs", 2, "--quiet").code == 0
    assert_same_bits("encoded.npz", "files.npz")


def test_a_run_finds_it_by_its_name_and_knows_it_by_its_hash(books, run):
    """Another file is refused; a moved one can be named."""
    run("encode", "books", "-o", "books.npz")
    assert run("train", "books.npz", *TRAIN, "-o", "m.npz").code == 0
    shutil.copy("books.npz", "moved.npz")
    run("encode", "corpus.txt", "-o", "books.npz", "--force")
    resume = ("train", "--resume", "m.npz", "--epochs", 2, "--quiet")
    refused(run(*resume), "books.npz has changed since m.npz was trained on it")
    Path("books.npz").unlink()
    refused(run(*resume), "books.npz cannot be read", "if the text has moved")
    assert run("train", "moved.npz", "--resume", "m.npz", "--epochs", 2, "--quiet").code == 0


def test_every_command_reads_it(books, run):
    """With the same result as from the files."""
    run("encode", "corpus.txt", "-o", "encoded.npz")
    assert run("train", "corpus.txt", *TRAIN, "-o", "m.npz").code == 0
    run("eval", "m.npz", "corpus.txt")  # compiles
    for command in (
        ("eval", "m.npz", "TEXT", "--per-char", "--json"),
        ("eval", "m.npz", "TEXT", "--per-line", "--tsv"),
        ("trace", "m.npz", "TEXT", "--tsv"),
        ("gradients", "m.npz", "TEXT", "--samples", 2, "--lags", 4, "--json"),
        ("gradients", "--cell", "rnn", "--hidden", 8, "TEXT", "--samples", 2, "--lags", 4, "--json"),
        ("sample", "m.npz", "--prime-file", "TEXT", "--seed", 1, "--length", 9),
        ("sample", "m.npz", "--novel", "TEXT", "--seed", 1, "--length", 9),
    ):
        files, encoded = (
            run(*(name if part == "TEXT" else part for part in command)) for name in ("corpus.txt", "encoded.npz")
        )
        assert (encoded.code, encoded.out) == (0, files.out), command
    copied = run("eval", "m.npz", "corpus.txt", "--copied", "encoded.npz", "--json")
    assert json_lines(copied)[0]["copied_share"] == 1.0 if "copied_share" in copied.out else copied.code == 0
    lists = (run("vocabulary", name, "--tsv").out for name in ("corpus.txt", "encoded.npz"))
    assert len(set(lists)) == 1
    assert charrnn.load("m.npz").score(Path("encoded.npz")) == charrnn.load("m.npz").score(Path("corpus.txt"))
    for start in (("--validate", "encoded.npz"), ("--init-from", "m.npz")):
        names = ("corpus.txt", "encoded.npz")
        for name in names:
            texts = tuple(name if part == "encoded.npz" else part for part in start)
            given = () if start[0] == "--init-from" else ("--hidden", 16)
            source = name if start[0] == "--init-from" else "corpus.txt"
            made = ("--threads", 1, "--epochs", 1, "--quiet", "-o", f"new-{name}.npz", "--force")
            assert run("train", source, *texts, *given, *made).code == 0
        assert_same_bits(*(f"new-{name}.npz" for name in names))


def test_what_reads_a_text_as_one_reads_documents_so(books, run, text):
    """Copying is found in it, and new networks read no numbers that they do not have."""
    Path("corpus.txt").write_text(text.rstrip(), encoding="utf-8")  # the end of a file ends a document
    run("encode", "corpus.txt", "--documents", "lines", "-o", "documents.npz")
    run("encode", "corpus.txt", "--bytes", "-o", "bytes.npz")
    assert run("train", "corpus.txt", *TRAIN, "-o", "m.npz").code == 0
    copied = ("eval", "m.npz", "corpus.txt", "--copied")
    assert "100.0 % copied" in run(*copied, "documents.npz").out
    refused(run(*copied, "bytes.npz"), "bytes.npz was encoded with another --bytes; encode its text again")
    gradients = ("gradients", "--cell", "rnn", "--hidden", 8, "--samples", 2, "--lags", 4, "--json")
    assert run(*gradients, "documents.npz").out == run(*gradients, "corpus.txt").out
    assert _read(("documents.npz",)).ids.tobytes() == _read(("corpus.txt",)).ids.tobytes()


def test_other_texts_validate(books, run):
    """Another text with other characters extends the vocabulary, and is read as the encoded one was."""
    Path("other.txt").write_text("ΩΩ und mehr\nvon Ω\n" * 20, encoding="utf-8")
    for options in ((), ("--documents", "lines"), ("--bytes",)):
        run("encode", "corpus.txt", *options, "-o", "encoded.npz", "--force")
        for name, given in (("encoded.npz", ()), ("corpus.txt", options)):
            made = (*TRAIN, *given, "--validate", "other.txt", "-o", f"new-{name}.npz", "--force")
            assert run("train", name, *made).code == 0
        assert_same_bits("new-encoded.npz.npz", "new-corpus.txt.npz")


def test_with_the_vocabulary_of_a_model(books, run):
    """The numbers are those of the model, and unknown characters follow the rule."""
    assert run("train", "corpus.txt", *TRAIN, "-o", "m.npz").code == 0
    Path("other.txt").write_text("Haus Ω Garten\n" * 20, encoding="utf-8")
    encode = ("encode", "other.txt", "--vocabulary-of", "m.npz", "-o", "other.npz")
    refused(run(*encode), "'Ω' (U+03A9) on line 1, column 6 of other.txt is not in the model's vocabulary")
    assert not Path("other.npz").exists()
    assert "20 of 280 characters of other.txt are unknown" in run(*encode, "--unknown", "skip").err
    assert meta_of("m.npz")["vocabulary"] == {
        name: value
        for name, value in json_lines(run("info", "other.npz", "--json"))[0]["vocabulary"].items()
        if value or name in meta_of("m.npz")["vocabulary"]
    }
    skipped = run("eval", "m.npz", "other.txt", "--unknown", "skip", "--json")
    assert (
        json_lines(run("eval", "m.npz", "other.npz", "--json"))[0]["characters"] == json_lines(skipped)[0]["characters"]
    )
    misused(run(*encode, "--rare", 3), "the model decides --bytes, --documents and --rare")
    misused(run("encode", "other.txt", "--unknown", "skip"), "--unknown needs --vocabulary-of.")


def test_info_tells_what_it_is(books, run):
    """Where it comes from, its symbols and its documents."""
    run("encode", "books", "--documents", "lines", "--rare", 20, "-o", "books.npz")
    out = run("info", "books.npz").out
    for part in ("books.npz, ", "as uint8", "documents", "� for ", "text:        books: ", "Windows-1252 (1 file)"):
        assert part in out
    (record,) = json_lines(run("info", "books.npz", "--json"))
    with np.load("books.npz") as file:
        assert record["documents"] == int((file["symbols"] == record["symbols"] - 1).sum())
    assert (record["files"], record["corpus"]["sources"]) == (2, ["books"])
    refused(run("info", "books.npz", "--plot", "x.png"), "books.npz is an encoded text, which has no learning curve")


def test_the_vocabulary_of_an_encoded_text(books, run):
    """The counts of the text, with the symbols that a run has, also those that do not occur."""
    assert run("train", "corpus.txt", *TRAIN, "-o", "m.npz").code == 0
    Path("other.txt").write_text("Haus und Garten\n" * 20, encoding="utf-8")
    run("encode", "other.txt", "--vocabulary-of", "m.npz", "-o", "other.npz")
    run("encode", "corpus.txt", "--documents", "lines", "--rare", 20, "-o", "rare.npz")
    for name in ("other.npz", "rare.npz"):
        (told,) = json_lines(run("vocabulary", name, "--json"))
        assert run("train", name, "--threads", 1, "--time", "0.1s", "--quiet", "-o", "new.npz", "--force").code == 0
        assert told["training"]["parameters"] == json_lines(run("info", "new.npz", "--json"))[0]["parameters"]
        assert (told["rare"], told["line_ends"]) == ([], None)
        assert told["text"]["characters"] == sum(row["count"] for row in told["characters"])
        assert told["documents"] == json_lines(run("info", name, "--json"))[0]["documents"]
    refused(run("vocabulary", "rare.npz", "--rare", 5), "rare.npz is encoded")
    refused(run("vocabulary", "rare.npz", "--bytes"), "with another --bytes")


def test_what_is_refused(books, run):
    """One line says why, and no file is changed."""
    run("encode", "corpus.txt", "-o", "encoded.npz")
    assert run("train", "corpus.txt", *TRAIN, "-o", "m.npz").code == 0
    before = contents(".")
    refused(run("encode", "corpus.txt", "-o", "encoded.npz"), "encoded.npz already exists")
    refused(run("encode", "corpus.txt", "-o", "m.npz", "--force"), "m.npz exists and is not an encoded text")
    refused(
        run("train", "corpus.txt", *TRAIN, "-o", "encoded.npz", "--force"), "encoded.npz exists and is not a charrnn"
    )
    refused(run("encode", "missing.txt", "-o", "new.npz"), "missing.txt cannot be read")
    refused(run("encode", "corpus.txt", "-o", "-"), "cannot be written to standard output")
    refused(run("encode", "encoded.npz", "-o", "encoded.npz", "--force"), "encoded.npz is the text that is read")
    refused(run("train", "encoded.npz", "corpus.txt", *TRAIN, "-o", "new.npz"), "encoded.npz is an encoded text; it")
    refused(
        run("train", "encoded.npz", "--bytes", *TRAIN, "-o", "new.npz"), "with another --bytes; encode its text again"
    )
    piped = run("eval", "m.npz", "-", stdin=Path("encoded.npz").read_bytes())
    refused(piped, "standard input is an encoded text; name it by itself")
    shutil.copy("encoded.npz", "-")  # the name of standard input, too
    assert run("encode", "-", "-o", "new.npz", stdin=b"a text").code == 0
    assert json_lines(run("info", "new.npz", "--json"))[0]["corpus"]["characters"] == 6
    Path("-").unlink()
    Path("new.npz").unlink()
    refused(run("sample", "encoded.npz"), "encoded.npz is not a charrnn model")
    misused(run("encode"), "Missing argument")
    damaged = bytearray(Path("encoded.npz").read_bytes())
    damaged[-400] ^= 1
    Path("damaged.npz").write_bytes(damaged)
    for command in (("train", *TRAIN, "-o", "new.npz"), ("eval", "m.npz"), ("vocabulary",), ("info",)):
        refused(run(*command, "damaged.npz"), "damaged.npz is damaged")
    Path("damaged.npz").unlink()
    assert contents(".") == before


def test_from_python(books, run):
    """What trains on a text takes the file."""
    run("encode", "corpus.txt", "-o", "books.npz")
    made = {"hidden": 16, "epochs": 1, "threads": 1, "seed": 1}
    charrnn.train("books.npz", **made).finish().save("one.npz")
    charrnn.train("corpus.txt", **made).finish().save("two.npz")
    assert charrnn.load("one.npz").sample(length=30, seed=1) == charrnn.load("two.npz").sample(length=30, seed=1)
