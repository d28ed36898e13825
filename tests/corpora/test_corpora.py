import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from charrnn import corpora
from charrnn.cli.corpus import command
from charrnn.corpora import catalogue
from charrnn.corpora.fables import fables
from charrnn.corpora.library import python_library
from charrnn.errors import CharrnnError

FOLDER = Path(__file__).parents[2] / "corpora"
PLURALS = {"geese", "mice", "calves", "oxen"}


def corpus(*arguments: str | Path) -> Result:
    """Run ``charrnn corpus``."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def paragraphs(fable: str) -> list[str]:
    """Return a fable's paragraphs, each as one line."""
    return [paragraph.replace("\n", " ") for paragraph in fable.split("\n  ")[1:]]


@pytest.fixture(scope="module")
def text() -> str:
    """Return the fables as they are told by default."""
    return fables()


@pytest.fixture(scope="module")
def others() -> list[str]:
    """Fables of another seed, so that what is tested holds for more than one text."""
    return fables(seed=7, characters=150_000).strip().split("\n\n")


# Fables


def test_the_file_is_what_the_grammar_tells(text: str) -> None:
    """The file in corpora/ is, byte for byte, what ``fables()`` returns, and its README knows its hash."""
    content = (FOLDER / "fables.txt").read_bytes()
    assert content == text.encode("ascii")
    assert hashlib.sha256(content).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_seed_and_length() -> None:
    """A seed fixes the fables, another seed tells others, and only the end depends on the length."""
    short, long = fables(seed=3, characters=5_000), fables(seed=3, characters=9_000)
    assert long.startswith(short)
    assert 5_000 <= len(short) < 9_000 <= len(long)
    assert len(fables(characters=1)) > 100, "one character asked for is one whole fable"
    assert fables(seed=4, characters=5_000)[:1_000] != short[:1_000]


def test_impossible_fables() -> None:
    """A negative seed and an empty text are errors of the user, said in a sentence."""
    with pytest.raises(CharrnnError, match="must be 0 or more, not -1"):
        fables(seed=-1)
    with pytest.raises(CharrnnError, match="at least 1 character, not 0"):
        fables(characters=0)


def test_form(others: list[str]) -> None:
    """The text is ASCII in short lines; a fable has a title and a moral; nothing of the grammar shows."""
    assert len(others) > 80
    for fable in others:
        title, *lines = fable.split("\n")
        assert fable.isascii()
        assert not set(fable) & set("[]{}<>|~/@*=")
        assert max(map(len, lines)) <= 76
        assert title[0].isupper()
        assert title[-1] not in ".,:!"
        assert ":" in paragraphs(fable)[-1]


def test_sentences(others: list[str]) -> None:
    """Quotation marks close in their paragraph, sentences begin with a capital, and a and an are told apart."""
    for paragraph in (paragraph for fable in others for paragraph in paragraphs(fable)):
        assert paragraph.count('"') % 2 == 0, paragraph
        assert re.match(r'"?[A-Z].*[.!?]"?$', paragraph), paragraph
        assert not re.search(r'[.!?] [a-z]|\." [a-z]|,"?$|  |\b(\w+) \1\b', paragraph), paragraph
        assert not re.search(r"\ba (?:[aio]|e(?!we))|\ban [^aeiouh]", paragraph, re.IGNORECASE), paragraph


def test_agreement_over_distance(others: list[str]) -> None:
    """What is one stays one and what is many stays many, however far the verb is from its noun."""
    told = "\n".join(" ".join(paragraphs(fable)) for fable in others)
    places = r"lived in|slept behind|lived under|had heard it|had seen it|had stopped|had waited|had been watching"
    found = re.findall(rf"[Tt]he (\w+) that (?:{places})[^.,;]*? (was|were) ", told)
    found += re.findall(r"[Tt]he (\w+) that lives? there now (has|have) ", told)
    found += re.findall(r"the (\w+) that lives? near [^.,;]*? (runs|run)\.", told)
    assert len(found) > 50
    for noun, verb in found:
        many = noun in PLURALS or noun.endswith("s")
        assert noun == "sheep" or many == (verb in {"were", "have", "run"}), (noun, verb)
    assert {verb for _, verb in found} == {"was", "were", "has", "have", "runs", "run"}


def test_names_and_pronouns(others: list[str]) -> None:
    """A name is always he or always she, and a fable has two names in it, to its end."""
    seen: dict[str, set[str]] = {}
    for fable in others:
        names = set(re.findall(r"\b(?:named|called|by the name of|than) ([A-Z]\w+)", fable.replace("\n", " ")))
        assert len(names) == 2, fable
        for name, pronoun in re.findall(
            r"(?:named|called|name of) (\w+), and (he|she) lived", fable.replace("\n", " ")
        ):
            seen.setdefault(name, set()).add(pronoun)
    assert len(seen) > 5
    assert all(len(pronouns) == 1 for pronouns in seen.values())


def test_sentences_are_seldom_repeated(text: str) -> None:
    """Four sentences in five are distinct, so that a network has more to learn than a list of them."""
    told = " ".join(" ".join(paragraphs(fable)) for fable in text.strip().split("\n\n"))
    sentences = re.split(r'(?<=[.!?]) (?=["A-Z])|(?<=[.!?]") (?=["A-Z])', told)
    assert len(set(sentences)) > 0.8 * len(sentences)


# Downloads


class Shelf(BaseHTTPRequestHandler):
    """A server's one file, at /text.txt; /slow.txt is a long time in coming."""

    content = b"To be, or not to be.\n"

    def do_GET(self) -> None:
        """Send the file."""
        if self.path == "/slow.txt":
            time.sleep(0.3)
        if self.path not in ("/text.txt", "/slow.txt"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a server on this machine, which is asked directly."""
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(variable, "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shelf)
    server.daemon_threads = False  # closing the server waits for its answers
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def offer(monkeypatch: pytest.MonkeyPatch, address: str, content: bytes = Shelf.content, name: str = "quote") -> None:
    """Put a text into the catalogue."""
    digest = hashlib.sha256(content).hexdigest()
    row = catalogue.Text(name, "A quotation", address, digest, len(content), "public domain", "one line")
    monkeypatch.setitem(catalogue.TEXTS, name, row)


def one_sentence(caught: pytest.ExceptionInfo[CharrnnError]) -> str:
    """Return the error's text, after a look at its form."""
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert not sentence.endswith(".")
    return sentence


def test_download(
    address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A text is downloaded once and kept; the second time needs no server; a damaged copy is replaced."""
    offer(monkeypatch, f"{address}/text.txt")
    calls: list[tuple[int, int]] = []
    path = catalogue.fetch("quote", folder=tmp_path / "new", progress=lambda *call: calls.append(call))
    assert path.read_bytes() == Shelf.content
    assert calls == [(0, len(Shelf.content)), (len(Shelf.content), len(Shelf.content))]

    path.write_bytes(b"damaged")
    assert catalogue.fetch("quote", folder=tmp_path / "new").read_bytes() == Shelf.content

    offer(monkeypatch, "http://127.0.0.1:9/gone.txt")
    assert catalogue.fetch("quote", folder=tmp_path / "new", progress=lambda *call: pytest.fail("downloaded")) == path
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"To be, or to be paid.\n", b"To be.\n"], ids=["other", "shorter"])
def test_a_wrong_text_is_refused(content: bytes, address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file with another hash, even one that is too long, is an error and leaves nothing behind."""
    offer(monkeypatch, f"{address}/text.txt", content)
    with pytest.raises(CharrnnError, match="SHA-256") as caught:
        catalogue.fetch("quote", folder=tmp_path)
    assert one_sentence(caught).startswith("cannot download quote: what 127.0.0.1:")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the server answers is part of the sentence."""
    offer(monkeypatch, f"{address}/nowhere.txt")
    with pytest.raises(CharrnnError, match="answered 404 Not Found") as caught:
        catalogue.fetch("quote", folder=tmp_path)
    one_sentence(caught)
    assert list(tmp_path.iterdir()) == []


def test_no_server(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a network the sentence says that there is no connection."""
    offer(monkeypatch, "http://127.0.0.1:9/text.txt")
    with pytest.raises(CharrnnError, match=r"cannot download quote: no connection to 127\.0\.0\.1:9") as caught:
        catalogue.fetch("quote", folder=tmp_path)
    one_sentence(caught)


def test_a_slow_server(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Patience ends: a server that does not answer is an error."""
    monkeypatch.setattr(catalogue, "_PATIENCE", 0.05)
    offer(monkeypatch, f"{address}/slow.txt")
    with pytest.raises(CharrnnError, match="did not answer in time") as caught:
        catalogue.fetch("quote", folder=tmp_path)
    one_sentence(caught)


def test_a_folder_that_cannot_be(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that cannot be written is an error that names it."""
    offer(monkeypatch, f"{address}/text.txt")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CharrnnError, match=r"cannot keep quote in .*folder: Not a directory") as caught:
        catalogue.fetch("quote", folder=tmp_path / "file" / "folder")
    one_sentence(caught)


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the optional extra is not installed, the sentence tells how to install it."""
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(CharrnnError, match=r"pip install '\.\[download\]' in a clone of charrnn"):
        catalogue.fetch("names")


def test_unknown_text() -> None:
    """A name that is not in the catalogue is an error that lists those that are."""
    with pytest.raises(CharrnnError, match="no text called bible to download, only tinyshakespeare, names"):
        catalogue.fetch("bible")


def test_catalogue() -> None:
    """Every address names one commit, by its 40 hexadecimal digits, and every hash has 64."""
    for name, text in catalogue.TEXTS.items():
        assert name == text.name
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/[\w./-]+", text.address)
        assert re.fullmatch(r"[0-9a-f]{64}", text.sha256)


# The standard library


def test_python_library() -> None:
    """The standard library of this machine is there, and each of its files ends with a newline."""
    sources = [source for _, source in zip(range(30), python_library(), strict=False)]
    assert len(sources) == 30
    assert all(source.endswith("\n") for source in sources)


def test_which_sources(tmp_path: Path) -> None:
    """Sources come in the order of their paths, without tests, packages, other encodings and other files."""
    files = {
        "b.py": b"b = 1",
        "a/z.py": b"z = 2\n",
        "a.py": b"\xef\xbb\xbfa = 0\r\n",
        "empty.py": b"",
        "latin.py": b"# \xe9\n",
        "notes.txt": b"no\n",
        "test/c.py": b"no\n",
        "a/tests/c.py": b"no\n",
        "site-packages/c.py": b"no\n",
        "__pycache__/c.py": b"no\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert list(python_library(tmp_path)) == ["z = 2\n", "a = 0\n", "b = 1\n"]


def test_no_sources(tmp_path: Path) -> None:
    """A Python without sources is an error."""
    with pytest.raises(CharrnnError, match="no readable sources"):
        list(python_library(tmp_path / "python311.zip"))


# The command


def test_list() -> None:
    """Without a name the command lists every corpus, one a line."""
    result = corpus()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:2] == ["NAME", "SIZE"]
    assert [line.split()[0] for line in lines[1:]] == list(corpora.corpora())
    assert {"fables", "python", "tinyshakespeare"} <= set(corpora.corpora())


def test_to_stdout() -> None:
    """A corpus goes to standard output, by default and for a dash, and nothing else does."""
    for arguments in (["--seed", "5"], ["--seed", "5", "-o", "-"]):
        result = corpus("fables", "--characters", "2000", *arguments)
        assert result.stdout_bytes == fables(5, 2000).encode()
        assert (result.exit_code, result.stderr) == (0, "")


def test_to_a_file(tmp_path: Path) -> None:
    """A file is written whole, is never overwritten unless that is asked for, and nothing is left beside it."""
    target = tmp_path / "fables.txt"
    assert corpus("fables", "--characters", "2000", "-o", target).exit_code == 0
    assert target.read_bytes() == fables(0, 2000).encode()

    result = corpus("fables", "--characters", "9000", "-o", target)
    assert isinstance(result.exception, CharrnnError)
    assert "exists: --force overwrites it" in str(result.exception)
    assert target.read_bytes() == fables(0, 2000).encode()

    assert corpus("fables", "--characters", "9000", "-o", target, "--force").exit_code == 0
    assert target.read_bytes() == fables(0, 9000).encode()
    assert [path.name for path in tmp_path.iterdir()] == ["fables.txt"]


def test_a_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a corpus fails halfway, the file that was there is still there, and no part of the new one."""

    def halfway(*_arguments: object, **_options: object) -> Iterator[bytes]:
        yield b"half"
        raise CharrnnError("no more")

    monkeypatch.setattr(corpora, "pieces", halfway)
    target = tmp_path / "fables.txt"
    target.write_text("old")
    assert str(corpus("fables", "-o", target, "--force").exception) == "no more"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("fables.txt", "old")]


def test_a_link_and_a_device_stay(tmp_path: Path) -> None:
    """The file behind a link is replaced and not the link; a device is written to."""
    (tmp_path / "file.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("file.txt")
    assert corpus("fables", "--characters", "100", "-o", tmp_path / "link.txt", "--force").exit_code == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "file.txt").read_text() == fables(0, 100)
    if Path("/dev/null").is_char_device():
        assert corpus("fables", "--characters", "100", "-o", "/dev/null").exit_code == 0
        assert Path("/dev/null").is_char_device()


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A folder that is missing, and one in place of a file, are errors in a sentence."""
    result = corpus("fables", "-o", tmp_path / "missing" / "fables.txt")
    assert isinstance(result.exception, CharrnnError)
    assert "fables.txt cannot be written: there is no folder" in str(result.exception)
    result = corpus("fables", "-o", tmp_path)
    assert isinstance(result.exception, CharrnnError)
    assert "is a folder" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["python", "--seed", "1"],
        ["names", "--characters", "10"],
        ["fables", "--force"],
        ["--force"],
        ["-o", "fables.txt"],
        ["fables", "--seed", "-1"],
        ["bible"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments: list[str]) -> None:
    """An option that does not belong, and a corpus that does not exist, are wrong usage."""
    result = corpus(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: " in result.stderr


def test_download_says_so(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A download is mentioned on stderr, once, and the text alone is on stdout."""
    offer(monkeypatch, f"{address}/text.txt", name="names")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    first, second = corpus("names"), corpus("names")
    assert first.stdout_bytes == second.stdout_bytes == Shelf.content
    assert first.stderr == "Downloading names …\n"
    assert second.stderr == ""
    assert (tmp_path / "charrnn" / "corpora" / "names.txt").read_bytes() == Shelf.content


def test_imports() -> None:
    """The command's file is light: its help needs neither numpy nor what downloads."""
    heavy = "{'numpy', 'numba', 'pooch', 'requests', 'platformdirs', 'charrnn.corpora.fables'}"
    program = f"import sys, charrnn.cli.corpus; print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
