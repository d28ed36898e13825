"""Texts that are downloaded: once, whole, and the right ones."""

import hashlib
import re
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from charrnn.corpora import catalogue
from charrnn.errors import CharrnnError
from tests.helpers.commands import refused
from tests.helpers.errors import one_sentence


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
    assert one_sentence(caught).startswith("cannot download quote: 127.0.0.1:")
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
    offer(monkeypatch, f"{address}/slow.txt")
    with pytest.raises(CharrnnError, match="did not answer in time") as caught:
        catalogue.fetch("quote", folder=tmp_path, patience=0.05)
    one_sentence(caught)


def test_a_folder_that_cannot_be(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cache that cannot be written is an error that names it."""
    offer(monkeypatch, f"{address}/text.txt")
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CharrnnError, match=r"cannot save quote in .*folder: Not a directory") as caught:
        catalogue.fetch("quote", folder=tmp_path / "file" / "folder")
    one_sentence(caught)


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the optional extra is not installed, the sentence tells how to install it."""
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(CharrnnError, match=r"pip install '\.\[download\]' in a clone of charrnn"):
        catalogue.fetch("names")


def test_unknown_text() -> None:
    """A name that is not in the catalogue is an error that lists those that are."""
    with pytest.raises(
        CharrnnError, match="no text named bible can be downloaded; choose one of tinyshakespeare, names"
    ):
        catalogue.fetch("bible")


def test_catalogue() -> None:
    """Every address names one commit, by its 40 hexadecimal digits, and every hash has 64."""
    for name, text in catalogue.TEXTS.items():
        assert name == text.name
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/[\w./-]+", text.address)
        assert re.fullmatch(r"[0-9a-f]{64}", text.sha256)


def test_a_home_that_is_not_there_is_not_made(address, monkeypatch, tmp_path, run):
    """A text that cannot be kept is not downloaded."""
    offer(monkeypatch, f"{address}/text.txt", name="names")
    monkeypatch.setenv("HOME", str(tmp_path / "missing"))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "missing" / ".cache" / name)
    refused(run("corpus", "names"), "no home folder", "XDG_CACHE_HOME")
    assert list(tmp_path.iterdir()) == []


def test_download_says_so(address, monkeypatch, tmp_path, run):
    """A download is mentioned on stderr, once, and the text alone is on stdout."""
    offer(monkeypatch, f"{address}/text.txt", name="names")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    first, second = run("corpus", "names"), run("corpus", "names")
    assert first.stdout == second.stdout == Shelf.content
    assert first.err == "Downloading names …\n"
    assert second.err == ""
    assert (tmp_path / "charrnn" / "corpora" / "names.txt").read_bytes() == Shelf.content
