"""No command writes over what it reads: each output against each input, in one table."""

import os
import shlex
import sysconfig
from pathlib import Path

import pytest

from charrnn.cli.targets import require_log
from tests.helpers import processes
from tests.helpers.commands import TINY, contents, refused
from tests.helpers.errors import failure

LOG = '{"step": 1, "loss": 1.0}\n'

# A command, with OUT for the file that it writes, and the option that names this file. IN is the input that OUT leads
# to, of this ending: a file that the command would write over, were it not an input.
OVER_TEXTS = {
    "model": (f"train IN -o OUT --bytes --force {shlex.join(map(str, TINY))}", "-o", ".npz"),
    "validated model": (
        f"train corpus.txt --validate IN -o OUT --bytes --force {shlex.join(map(str, TINY))}",
        "-o",
        ".npz",
    ),
    "log": (f"train IN --log OUT -o new.npz {shlex.join(map(str, TINY))}", "--log", ".log"),
    "validated log": (
        f"train corpus.txt --validate IN --log OUT -o new.npz {shlex.join(map(str, TINY))}",
        "--log",
        ".log",
    ),
    "encoded text": ("encode IN -o OUT --bytes --force", "-o", ".npz"),
    "page": ("trace model.npz IN --html OUT", "--html", ".html"),
    "picture of units": ("trace model.npz IN --png OUT", "--png", ".svg"),
    "picture of gradients": ("gradients model.npz IN --png OUT", "--png", ".svg"),
    "picture of new gradients": ("gradients --cell rnn IN --png OUT", "--png", ".svg"),
}
OVER_MODELS = {
    "first model": ("train corpus.txt --init-from IN -o OUT --force", "-o", ".npz"),
    "log of a model": (
        "train corpus.txt --init-from IN -o new.npz --log OUT",
        "--log",
        ".npz",
    ),
    "log of a run": ("train --resume IN -o new.npz --epochs 30 --log OUT", "--log", ".npz"),
    "encoded text of a model": ("encode corpus.txt --vocabulary-of IN -o OUT --force", "-o", ".npz"),
    "page of a model": ("trace IN corpus.txt --html OUT", "--html", ".html"),
    "picture of a model": ("trace IN corpus.txt --png OUT", "--png", ".svg"),
    "picture of its gradients": ("gradients IN corpus.txt --png OUT", "--png", ".svg"),
    "picture of a curve": ("info IN --plot OUT", "--plot", ".svg"),
}
ONLINE = "train - --gradient rtrl --online -o new.npz --log OUT --hidden 4 --threads 1"
FROM_STDIN = OVER_TEXTS | {"online log": (ONLINE, "--log", ".log")}


@pytest.fixture
def files(trained, folder):
    """Work in a folder with a model and its text."""
    Path("model.npz").write_bytes(trained.read_bytes())
    return folder


def content(ending):
    """Return what a file of this kind has, which some command would replace."""
    return {".npz": Path("model.npz").read_bytes(), ".log": LOG.encode() * 400}.get(
        ending, Path("corpus.txt").read_bytes()
    )


def typed(command, source, target):
    """Return the words of a command."""
    return [{"IN": source, "OUT": target}.get(word, word) for word in shlex.split(command)]


@pytest.mark.parametrize("case", OVER_TEXTS | OVER_MODELS)
def test_an_output_is_not_an_input(files, run, case):
    """By its name, another name, a symbolic link or a hard link."""
    command, option, ending = (OVER_TEXTS | OVER_MODELS)[case]
    name = f"x{ending}"
    Path(name).write_bytes(Path("model.npz").read_bytes() if case in OVER_MODELS else content(ending))
    Path(f"link{ending}").symlink_to(name)
    Path(f"hard{ending}").hardlink_to(name)
    before = contents(".")
    for target in (name, f"./{name}", str(Path(name).absolute()), f"link{ending}", f"hard{ending}"):
        result = run(*typed(command, name, target))
        refused(result, f"{target} is ", f"name another file with {option}")
        assert contents(".") == before


@pytest.mark.parametrize("case", OVER_TEXTS)
def test_an_output_is_not_in_a_folder_that_is_read(files, run, case):
    """Nor is it a hard link to a file in it."""
    command, option, ending = OVER_TEXTS[case]
    Path("books/part").mkdir(parents=True)
    name = f"books/part/x{ending}"
    Path(name).write_bytes(content(ending))
    Path("books/other.txt").write_bytes(Path("corpus.txt").read_bytes())
    Path(f"hard{ending}").hardlink_to(name)
    before = contents(".")
    for target in (name, f"hard{ending}"):
        refused(run(*typed(command, "books", target)), f"{target} is in books, ", f"name another file with {option}")
        assert contents(".") == before


@pytest.mark.parametrize("case", FROM_STDIN)
def test_an_output_is_not_standard_input(files, launch, case):
    """A shell opens the file, and the program gets only a descriptor."""
    command, option, ending = FROM_STDIN[case]
    name = f"x{ending}"
    Path(name).write_bytes(content(ending))
    before = contents(".")
    with Path(name).open("rb") as stdin:
        code, out, err = processes.finish(launch(*typed(command, "-", name), stdin=stdin))
    assert (code, out) == (1, b"")
    assert f"{name} is " in err
    assert err.endswith(f"name another file with {option}\n")
    assert contents(".") == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval", "model.npz", "x.txt", "--per-char"),
        ("eval", "model.npz"),
        ("eval", "model.npz", "-"),
        ("eval", "model.npz", "corpus.txt", "--copied", "x.txt"),
        ("sample", "model.npz", "--prime-file", "x.txt"),
        ("sample", "model.npz", "--prime", "-"),
        ("sample", "model.npz", "--novel", "x.txt"),
        ("sample", "x.npz"),
        ("info", "x.npz"),
        ("play", "model.npz"),
        ("fill", "model.npz"),
        ("trace", "model.npz", "x.txt"),
        ("gradients", "model.npz", "x.txt"),
        ("vocabulary", "x.txt"),
        ("encode", "x.txt", "-o", "new.npz"),
        ("encode", "corpus.txt", "--vocabulary-of", "x.npz", "-o", "new.npz"),
        ("bench", "x.txt", "--cells"),
        ("train", "x.txt"),
    ],
)
def test_standard_output_is_not_an_input(files, launch, arguments):
    """A command that appends to the text that it reads would never end, and ruin a model."""
    Path("x.txt").write_bytes(Path("corpus.txt").read_bytes())
    Path("x.npz").write_bytes(Path("model.npz").read_bytes())
    name = "x.npz" if "x.npz" in arguments else "x.txt"
    before = contents(".")
    with Path(name).open("ab") as stdout, Path(name).open("rb") as stdin:
        code, _, err = processes.finish(launch(*arguments, stdout=stdout, stdin=stdin))
    assert (code, "is read, and standard output goes to it" in err) == (1, True)
    assert contents(".") == before


def test_standard_output_in_a_folder_is_not_read(files, launch):
    """`charrnn eval model.npz . > result.tsv` scores the other files."""
    Path("books").mkdir()
    Path("books/a.txt").write_bytes(Path("corpus.txt").read_bytes())
    Path("books/result.tsv").write_text("1\t2\n" * 100)
    with Path("books/result.tsv").open("ab") as stdout:
        code, _, err = processes.finish(launch("eval", "model.npz", "books", "--per-char", "--tsv", stdout=stdout))
    assert (code, err) == (0, "")


def test_play_does_not_save_over_its_script(files, launch):
    """`charrnn play model.npz < script.txt`, and the script says /save! script.txt."""
    Path("script.txt").write_text("Der\n/save! script.txt\n")
    before = contents(".")
    with Path("script.txt").open("rb") as stdin:
        code, _, err = processes.finish(launch("play", "model.npz", "--length", 5, stdin=stdin))
    assert (code, "script.txt is the text that is read; name another file with /save" in err) == (1, True)
    assert contents(".") == before


def test_a_picture_is_not_the_text_of_the_model(files, run):
    """The run of the model could never go on: not with what the model read, whatever this command reads."""
    Path("text.html").write_bytes(Path("corpus.txt").read_bytes())
    Path("text.svg").write_bytes(Path("corpus.txt").read_bytes())
    for name, *commands in (
        ("text.html", ("trace", "m.npz", "corpus.txt", "--html")),
        ("text.svg", ("info", "m.npz", "--plot"), ("gradients", "m.npz", "corpus.txt", "--png")),
    ):
        assert run("train", name, *TINY, "--epochs", 1, "--quiet", "-o", "m.npz", "--force").code == 0
        for command in commands:
            refused(run(*command, name), f"{name} is the text that m.npz was trained on")
        assert Path(name).read_bytes() == Path("corpus.txt").read_bytes()


def test_a_picture_does_not_join_the_text_of_the_model(files, run):
    """In the folder that a model was trained on, a picture that is a text would be part of it from then on."""
    pytest.importorskip("matplotlib")
    Path("books/part").mkdir(parents=True)
    Path("books/a.txt").write_bytes(Path("corpus.txt").read_bytes())
    train = ("train", "books", *TINY, "--epochs", 1, "--quiet", "--force", "-o", "m.npz")
    for options, texts, others in (
        ((), ("books/x.svg", "books/part/x.svg"), ("books/x.png", "books/.x.svg", "x.svg")),
        (("--bytes",), ("books/x.svg", "books/x.png"), ("books/.x.png", "x.png")),
    ):
        assert run(*train, *options).code == 0
        for name in texts:
            for command in (("info", "m.npz", "--plot"), ("trace", "m.npz", "corpus.txt", "--png")):
                refused(run(*command, name), f"{name} would be in books, which m.npz was trained on, so the run could")
        for name in others:
            assert run("info", "m.npz", "--plot", name).code == 0
            assert run("train", "--resume", "m.npz", "--epochs", 2, "--quiet", "-o", "n.npz", "--force").code == 0
            Path(name).unlink()
    refused(run("gradients", "m.npz", "corpus.txt", "--png", "books/x.pdf"), "books/x.pdf would be in books, which")
    refused(run("trace", "m.npz", "corpus.txt", "--html", "books/x.html"), "books/x.html would be in books, which")


def test_a_log_is_not_where_messages_go(files, launch):
    """`charrnn train corpus.txt --log log 2> log`: its lines would not be whole."""
    with Path("log").open("wb") as stderr:
        code, out, _ = processes.finish(launch("train", "corpus.txt", *TINY, "--log", "log", stderr=stderr))
    assert (code, out) == (1, b"")
    assert "log gets the messages of standard error; name another file with --log" in Path("log").read_text()


def test_a_resumed_run_does_not_write_over_the_text_that_its_model_names(files, run):
    """The text is one that a model could replace: a model, read as bytes."""
    Path("text.npz").write_bytes(Path("model.npz").read_bytes())
    assert run("train", "text.npz", "--bytes", *TINY, "--epochs", 1, "--quiet", "-o", "m.npz").code == 0
    before = contents(".")
    result = run("train", "--resume", "m.npz", "--epochs", 2, "--quiet", "-o", "text.npz", "--force")
    refused(result, "text.npz is the text that is read; name another file with -o")
    assert contents(".") == before


def test_a_corpus_is_not_written_over_its_source(folder, run, monkeypatch):
    """The sources of the standard library, which ``charrnn corpus python`` copies."""
    Path("lib").mkdir()
    Path("lib/os.py").write_text("import sys\n")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(folder / "lib"))
    result = run("corpus", "python", "-o", "lib/os.py", "--force")
    refused(result, "lib/os.py is in ", "the text that is read; name another file with -o")
    assert Path("lib/os.py").read_text() == "import sys\n"


def test_what_counts_as_a_log(tmp_path):
    """An empty file, a record, a record that was cut: nothing else is replaced."""
    path = tmp_path / "log"
    for good in ("", LOG, '{"step": 12, "epo', '{"ste'):
        path.write_text(good)
        require_log(str(path))
    for bad in ("{{", '{"steps": 1}', "a text\n", "[]\n", '{"step": 12, "epo\n', '{"a": 1}\n' + LOG):
        path.write_text(bad)
        assert "is not the log of a run; name another file with --log" in failure(require_log, str(path))
    os.mkfifo(tmp_path / "pipe")
    require_log(str(tmp_path / "pipe"))
