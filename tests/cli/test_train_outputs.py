"""What a run writes is no part of its text, and a run reads again only what it has read."""

import os
from pathlib import Path

import pytest

import charrnn
from charrnn.model.model_file import load, save
from tests.helpers.commands import TINY, contents, refused
from tests.helpers.errors import refused as raises
from tests.helpers.files import POSIX
from tests.helpers.model_files import assert_same_bits
from tests.helpers.processes import finish

ONCE = (*TINY, "--epochs", 1, "--quiet")
AGAIN = ("--epochs", 2, "--quiet")
BYTES = ((), ("--bytes",))


@pytest.fixture
def books(folder, text):
    """Work in a folder with the folder of a text."""
    Path("books/part").mkdir(parents=True)
    Path("books/one.txt").write_text(text, encoding="utf-8")
    Path("books/part/two.txt").write_text(text[:3000], encoding="utf-8")
    Path("plain").mkdir()
    Path("plain/one.txt").write_text(text, encoding="utf-8")
    return folder


def of_text(path):
    """Return what identifies the text of a model."""
    record = load(path).corpus
    return record["sha256"], record["characters"], record["bytes"]


@pytest.mark.parametrize("options", BYTES)
def test_a_run_writes_into_the_folder_of_its_text(books, run, options):
    """Its model and its log are no part of the text: at the start, resumed, started again, and where it has moved."""
    into = ("train", "books", *ONCE, *options, "-o", "books/part/m.npz", "--log", "books/log.jsonl")
    assert run("train", "books", *ONCE, *options, "-o", "outside.npz").code == 0
    assert run(*into).code == 0
    assert of_text("books/part/m.npz") == of_text("outside.npz")
    assert load("books/part/m.npz").corpus["outputs"] == {"books": ["log.jsonl", "part/m.npz"]}
    assert run("train", "--resume", "books/part/m.npz", *AGAIN).code == 0
    assert run(*into, "--force").code == 0  # the log of the run that is replaced
    assert run("train", "--resume", "books/part/m.npz", *AGAIN, "--log", "books/more.jsonl").code == 0
    Path("books").rename("moved")
    result = run("train", "moved", "--resume", "moved/part/m.npz", "--epochs", 3, "--quiet")
    assert (result.code, result.err) == (0, "")
    assert of_text("moved/part/m.npz") == of_text("outside.npz")
    assert load("moved/part/m.npz").corpus["outputs"] == {"moved": ["log.jsonl", "more.jsonl", "part/m.npz"]}


@pytest.mark.parametrize("options", BYTES)
def test_a_run_in_the_folder_of_its_text(books, run, monkeypatch, options):
    """`cd books; charrnn train .`: model.npz is its own; a text to validate with can be in a folder, too."""
    monkeypatch.chdir("books")
    log = ("--log", "m.jsonl", "--validate", "part")
    assert run("train", ".", *ONCE, *options, *log).code == 0
    assert run("train", "--resume", "model.npz", *AGAIN, "--log", "m.jsonl").code == 0
    assert run("train", ".", *ONCE, *options, *log, "--force").code == 0
    assert run("train", ".", "--resume", "model.npz", *AGAIN).code == 0
    assert run("train", "part", *ONCE, *options, "--validate", ".", "-o", "part/m.npz", "--log", "part/l").code == 0
    assert run("train", "--resume", "part/m.npz", *AGAIN).code == 0
    assert load("part/m.npz").corpus["validation"]["outputs"] == {".": ["part/l", "part/m.npz"]}


def test_links_into_the_folder(books, run):
    """By a link to the model, a link from the folder, or another name of the folder."""
    Path("link.npz").symlink_to("books/m.npz")
    Path("other").symlink_to("books")
    Path("books/x.npz").symlink_to("../x.npz")
    for epochs, target in enumerate(("link.npz", "other/n.npz", "books/x.npz", "x.npz")):
        assert run("train", "books", *ONCE, "--bytes", "-o", target, "--force").code == 0, target
        for name in {"link.npz": ("books/m.npz", "link.npz"), "x.npz": ("books/x.npz", "x.npz")}.get(target, (target,)):
            epochs += 2
            assert run("train", "--resume", name, "--epochs", epochs, "--quiet").code == 0, name
        for written in ("books/m.npz", "books/n.npz", "x.npz"):
            Path(written).unlink(missing_ok=True)


def test_files_of_others_in_the_folder_are_text(books, run):
    """A log of another run, and a model read as bytes: part of the text, and not written over."""
    assert run("train", "plain", *ONCE, "-o", "books/old.npz", "--log", "books/old.jsonl").code == 0
    before = contents(".")
    refused(run("train", "books", *ONCE, "--log", "books/old.jsonl"), "books/old.jsonl is in books, the text that is")
    refused(run("train", "books", *ONCE, "--bytes", "-o", "books/old.npz", "--force"), "books/old.npz is in books")
    assert contents(".") == before
    assert run("train", "books", *ONCE).code == 0
    Path("books/old.jsonl").unlink()
    refused(run("train", "--resume", "model.npz", *AGAIN), "books has changed since model.npz was trained on it")


@pytest.mark.parametrize("options", [{}, {"bytes": True}])
def test_the_library_writes_into_the_folder_of_the_text(books, options):
    """What it saves there is its own from then on; what it has read stays."""
    run = charrnn.train("books", hidden=16, threads=1, epochs=2, **options)
    next(run)
    run.save("books/half.npz")
    run.save("books/half.npz", force=True)
    charrnn.train(resume="books/half.npz").finish(save="books/half.npz", force=True)
    run.finish()
    run.save("books/whole.npz")
    assert_same_bits("books/half.npz", "books/whole.npz")
    model = run.model
    model.save("books/third.npz", slim=True)
    if options:
        again = charrnn.train("books", hidden=16, threads=1, epochs=1, **options)
        again.finish()
        with raises("half.npz is a text that the run reads"):
            again.save("books/half.npz", force=True)
        with raises("half.npz is a text that the run reads"):
            again.model.save("books/half.npz", force=True)
        again.save("books/own.npz")
        charrnn.load("books/own.npz").save("books/own.npz", force=True)


def test_the_library_does_not_write_over_what_a_run_started_from(books, trained):
    """A model file, by any name; the model file that a run continues is its own."""
    for start in (trained, str(trained), charrnn.load(trained)):
        run = charrnn.train("corpus.txt", init_from=start, epochs=1, threads=1)
        next(run)
        before = trained.read_bytes()
        Path("hard.npz").unlink(missing_ok=True)
        Path("hard.npz").hardlink_to(trained)
        for target in (trained, "hard.npz"):
            with raises("is the model that the run started from; name another file"):
                run.save(target, force=True)
            with raises("is the model that the run started from; name another file"):
                run.finish(save=target, force=True)
        assert trained.read_bytes() == before
        run.close()


def crafted(**corpus):
    """Write a model of the text with another record of it."""
    checkpoint = load("model.npz", resume=True)
    checkpoint.corpus |= corpus
    save("crafted.npz", checkpoint)


@POSIX
def test_only_files_of_the_recorded_size_are_read_again(books, run, launch):
    """A model can name any file: devices, pipes and endless files are not read, others not beyond their old size."""
    assert run("train", "corpus.txt", *ONCE).code == 0
    os.mkfifo("pipe")
    Path("long").write_bytes(Path("corpus.txt").read_bytes() * 2)
    Path("empty").touch()
    with Path("huge").open("wb") as file:
        file.truncate(1 << 40)  # takes no room, and hours to read
    Path("strange").mkdir()
    os.mkfifo("strange/pipe")
    Path("strange/huge").symlink_to("../huge")
    for source, size in (("pipe", 0), ("/dev/zero", 0), ("/proc/kcore", 140737471590400), ("huge", 0), ("strange", 0)):
        crafted(sources=[source], bytes=size or Path("corpus.txt").stat().st_size)
        code, _, err = finish(launch("train", "--resume", "crafted.npz", *AGAIN, "--quiet"))
        assert (code, err.count("\n")) == (1, 1), (source, err)
        assert "cannot be read: there is no such file" in err or " has changed since crafted.npz" in err
    for sources in (["long"], ["empty"] * 90_000, ["corpus.txt"] * 90_000):
        crafted(sources=sources)
        refused(run("train", "--resume", "crafted.npz", *AGAIN), " has changed since crafted.npz was trained on it")
    result = run("train", "corpus.txt", "--resume", "crafted.npz", *AGAIN)
    assert (result.code, result.err) == (0, "")


def test_a_model_of_an_earlier_version_is_resumed(books, run):
    """Its record has no size."""
    assert run("train", "books", *ONCE).code == 0
    checkpoint = load("model.npz", resume=True)
    del checkpoint.corpus["bytes"]
    save("model.npz", checkpoint)
    assert run("train", "--resume", "model.npz", *AGAIN).code == 0


def test_a_text_of_too_many_names(books, run):
    """The same limit for the text of a new run and for a model file, so that each run can be saved."""
    with raises("the text has more than 100,000 names; put the files in a folder and name that"):
        charrnn.train(["corpus.txt"] * 100_001)
    assert run("train", "corpus.txt", *ONCE).code == 0
    with raises("has more than 100,000 sources"):
        crafted(sources=["corpus.txt"] * 100_001)
