"""A text too large for memory: read in passes, encoded once to a file in the cache, and memory-mapped."""

import errno
import io
import json
import mmap
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.model.team import Team
from charrnn.storage import caches
from charrnn.text import encoded, sources
from charrnn.text.encoded import blocks_of, release
from charrnn.text.ingest import AnotherTextError, Listener, read_corpus, require_learnable
from charrnn.text.sources import LARGE_TEXT, Known
from charrnn.text.streams import Streams, split
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

RAW = ("Über den Fluß,\r\nunter die Bäume.\r\n" * 40).encode()


LARGE = 100  # bytes that make a text a large one here


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the folder in which large texts are kept."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for module in (encoded, sources):  # but not that of compiled code
        monkeypatch.setattr(module, "private_folder", lambda *names: folder)
    return folder


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    """Let there be no safe folder for a cache; return that for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    for module in (encoded, sources):
        monkeypatch.setattr(module, "private_folder", lambda *names: None)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def path(tmp_path):
    """Return the path of a text."""
    (tmp_path / "text.txt").write_bytes(RAW)
    return str(tmp_path / "text.txt")


def read(*paths, large=LARGE, **kwargs):
    """Read a text as a large one."""
    return read_corpus(paths, large=large, **kwargs)


def is_mapped(ids):
    """Tell whether a text is a view of a file."""
    base = ids
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return isinstance(base, mmap.mmap)


def same(a, b):
    """Tell whether two corpora are the same text."""
    return (a.ids.tobytes(), a.ids.dtype, a.vocabulary, a.sha256, a.documents, a.characters) == (
        b.ids.tobytes(), b.ids.dtype, b.vocabulary, b.sha256, b.documents, b.characters
    )  # fmt: skip


KINDS = [{}, {"byte_level": True}, {"separator": "\n"}, {"vocabulary": Vocabulary.of("abc"), "unknown": "replace"}]


@pytest.mark.parametrize("kwargs", KINDS)
def test_a_large_text_is_what_a_small_one_is(cache, path, kwargs):
    """A text on the disk has the same symbols, and all that is told about it is the same."""
    small, large = read_corpus([path], **kwargs), read(path, **kwargs)
    assert same(small, large)
    assert is_mapped(large.ids)
    assert not is_mapped(small.ids)
    assert not large.ids.flags.writeable
    require_learnable(large)
    boundary = small.vocabulary.boundary
    for one, other in zip(split(small.ids, 0.2, boundary), split(large.ids, 0.2, boundary), strict=True):
        assert one.tobytes() == other.tobytes()
        plans = [Streams.plan(ids, 3, 7, boundary) for ids in (one, other)]
        for a, b in zip(*(plan.span(0, plan.windows) for plan in plans), strict=True):
            assert a.tobytes() == b.tobytes()


def test_a_text_is_encoded_once(cache, path, monkeypatch):
    """The second time it is not encoded, neither for a new run nor with the vocabulary of one that goes on."""
    first = read(path)
    monkeypatch.setattr(Vocabulary, "encode_blocks", None)
    assert same(first, read(path))
    assert same(first, read(path, vocabulary=first.vocabulary, known=Known(sha256=first.sha256)))
    assert len(list(cache.iterdir())) == 1


def test_what_decides_the_symbols_decides_the_file(cache, path, tmp_path):
    """Another text of the same size and date, another vocabulary, separator or division in files: another file."""
    first = read(path)
    status = Path(path).stat()
    Path(path).write_bytes(RAW.replace(b"Fl", b"lF"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = read(path)
    assert second.vocabulary.decode(second.ids).startswith("Über den lFuß")
    others = [read(path, byte_level=True), read(path, separator="\n")]
    others.append(read(path, vocabulary=Vocabulary.of("Über den"), unknown="skip"))
    whole = Path(path).read_bytes()
    for name, part in (("a", whole[:50]), ("b", whole[50:])):
        (tmp_path / name).write_bytes(part)
    halves = read(str(tmp_path / "a"), str(tmp_path / "b"))
    assert halves.sha256 == second.sha256
    assert halves.ids.size == second.ids.size + 1  # the line feed between two files
    assert len(list(cache.iterdir())) == 7  # with the lengths of the two files
    assert same(first, read(path, vocabulary=first.vocabulary)) is False


def damages(data):
    """Yield what may become of a file."""
    yield b""
    yield b"\0" * len(data)
    yield bytes(len(data) * 3)
    for size in range(0, len(data), len(data) // 40):
        yield data[:size]
    for place in range(0, len(data), len(data) // 40):
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    yield data + b"\0"
    yield data[1:]


def test_a_damaged_file_is_made_again(cache, path):
    """Cut short, changed in any place, emptied or overwritten: it is noticed, and the text is encoded again."""
    first = read(path)
    first = replace(first, ids=first.ids.copy())  # a file in use must not be cut short: that kills its readers
    (file,) = cache.iterdir()
    good = file.read_bytes()
    for data in damages(good):
        file.write_bytes(data)
        assert same(first, read(path))
        assert file.read_bytes() == good
    other = read(path, byte_level=True)
    (renamed,) = set(cache.iterdir()) - {file}
    file.write_bytes(renamed.read_bytes())  # whole, but another text's
    assert same(first, read(path))
    assert same(other, read(path, byte_level=True))


def test_without_a_safe_folder_the_file_is_for_one_run(no_cache, path):
    """Where there is no cache, the text is on the disk all the same, and nothing is left there."""
    large = read(path)
    assert is_mapped(large.ids)
    assert same(large, read_corpus([path]))
    assert not list(no_cache.iterdir())


@pytest.mark.parametrize("place", ["cache", "no_cache"])
def test_a_full_disk_is_a_sentence(request, path, monkeypatch, place):
    """Where the encoded text does not fit, one sentence says so and nothing is left behind."""
    folder = request.getfixturevalue(place)

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(encoded, "_write", full)
    with pytest.raises(CharrnnError, match=r"cannot be written.*: no space left on device$"):
        read(path)
    assert not list(folder.iterdir())


def between(change):
    """Return a choice of vocabulary that does something between the two times that a text is read."""

    def choose(vocabulary):
        change()
        return vocabulary

    return choose


@pytest.mark.parametrize("large", [LARGE, LARGE_TEXT])
def test_a_file_that_grows_is_what_it_was(cache, path, large):
    """What is written to the end of a text while it is read is no part of it."""
    before = read(path, large=large)

    def grow():
        with Path(path).open("ab") as file:
            file.write("Ω".encode() * 500)

    assert same(before, read(path, large=large, vocabulary=between(grow)))


@pytest.mark.parametrize("large", [LARGE, LARGE_TEXT])
def test_a_file_that_changes_is_refused(cache, path, large):
    """Changed, cut short or gone between the two times that it is read: a sentence, and nothing is kept."""
    file = Path(path)
    for change, said in (
        (lambda: file.write_bytes(RAW.replace(b"Fl", b"lF")), f"{path} changed while it was being read"),
        (lambda: file.write_bytes(RAW[:-9]), f"{path} changed while it was being read"),
        (lambda: file.write_bytes(b""), f"there is no text in {path}"),
        (file.unlink, f"{path} cannot be read: no such file or directory"),
    ):
        file.write_bytes(RAW)
        with pytest.raises(CharrnnError) as fault:
            read(path, large=large, vocabulary=between(change))
        assert str(fault.value) == said
        assert not list(cache.iterdir())


def test_another_text_is_refused_before_it_is_encoded(cache, path):
    """Where a text of a certain SHA-256 is wanted, another one is not even encoded."""
    with pytest.raises(AnotherTextError, match="is not the expected text"):
        read(path, vocabulary=Vocabulary.of("a"), known=Known(sha256="0" * 64))
    assert not list(cache.iterdir())


def test_a_long_pipe_is_kept_on_the_disk(cache, path):
    """What comes through a pipe is copied to the cache while it is read, and leaves nothing but the encoded text."""
    corpus = read("-", stdin=io.BytesIO(RAW))
    assert corpus.ids.tobytes() == read_corpus([path]).ids.tobytes()
    assert len(list(cache.iterdir())) == 1


def test_an_endless_pipe_leaves_room_on_the_disk(cache, monkeypatch):
    """Reading stops where the disk becomes full, and gives back what it took."""

    class Endless(io.RawIOBase):
        def read(self, size=-1):
            return b"y\n" * (size // 2)

    free = iter([*[2 << 30] * 10, 1 << 20])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("", (), {"free": next(free)}))
    with pytest.raises(CharrnnError, match=r"^standard input is too large for the free disk space"):
        read("-", stdin=Endless(), large=5 << 20)
    assert next(free, None) is None
    assert not list(cache.iterdir())


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="needs /dev/zero")
def test_a_device_without_end_is_refused():
    """A device is not read to an end that may not come; the sentence says how to read a part of it."""
    with pytest.raises(CharrnnError, match=r"^/dev/zero is a device.* head -c 1000000 /dev/zero \|"):
        read("/dev/zero", byte_level=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_with_a_name_is_read_once(cache, tmp_path):
    """It is kept as standard input is."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(RAW,))
    writer.start()
    assert read(str(tmp_path / "pipe")).characters == len(RAW.decode().replace("\r\n", "\n"))
    writer.join()


def test_old_texts_are_forgotten(cache, path, monkeypatch):
    """A file that was not used for a month goes when another one comes; one that is used stays."""
    read(path)
    (kept,) = cache.iterdir()
    long_ago = time.time() - 86_400 * (caches.UNUSED + 1)
    os.utime(kept, (long_ago, long_ago))
    with monkeypatch.context() as patch:
        patch.setattr(Vocabulary, "encode_blocks", None)
        read(path)  # it is used, and not made again
    (cache / ".half.tmp").write_bytes(b"of a process that was killed")
    (cache / "old.symbols").write_bytes(b"old")
    for name in (".half.tmp", "old.symbols"):
        os.utime(cache / name, (long_ago, long_ago))
    read(path, byte_level=True)
    assert len(list(cache.iterdir())) == 2
    assert kept.exists()


def test_a_document_to_cut_at_is_found_however_far():
    """A text is cut where the nearest document begins, but the first, as if all were looked at at once."""
    choose = random.Random(3)
    for _ in range(300):
        size = choose.randint(3, 60)
        ids = np.array(choose.choices([0, 9], [choose.choice([5, 40]), 1], k=size), np.uint8)
        begins = np.flatnonzero(ids == 9)
        begins = begins[begins > 0]
        cut = size - round(size * 0.3)
        expected = int(begins[np.abs(begins - cut).argmin()]) if begins.size and size - cut >= 2 else size
        assert split(ids, 0.3, 9, reach=2)[0].size == (expected if size - cut >= 2 else size)


def test_letting_go_of_memory_changes_nothing(cache, path):
    """Symbols are the same after their memory was let go of, in the file and in memory, in views and in blocks."""
    ids = read(path).ids
    before = ids.tobytes()
    for view in (ids, ids[3:-3][::2], np.frombuffer(before, ids.dtype).copy(), np.zeros(3, np.uint8)[1:]):
        kept = view.tobytes()
        release(view)
        assert view.tobytes() == kept
    assert b"".join(block.tobytes() for block in blocks_of(ids)) == before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_mapped_text_does_not_stay_in_memory(cache):
    """Reading all of a text's windows leaves next to nothing of it in memory."""

    def resident():
        return int(Path("/proc/self/status").read_text(encoding="ascii").split("RssFile:")[1].split()[0]) >> 10

    size, block = 96, np.zeros(1 << 20, np.uint8)
    plan = Streams.plan(encoded.keep("key", block.dtype, (block for _ in range(size))), 16, 4096)
    before = resident()
    for begin in range(0, plan.windows, 64):
        plan.span(begin, min(64, plan.windows - begin))
    assert resident() - before < size // 4


@pytest.mark.parametrize("separator", ["", "\n"])
def test_training_on_the_disk_is_training_in_memory(cache, path, separator):
    """A run over a mapped text gives the same weights, bit for bit, and tells the same about it."""
    small, large = read_corpus([path], separator=separator), read(path, separator=separator)
    assert is_mapped(large.ids)
    settings = Settings(cell="gru", hidden=8, epochs=2.0)
    found = []
    with Team(1) as team:
        for corpus in (small, large):
            trainer = Trainer(TextData(settings, corpus), team)
            for _ in trainer.run():
                pass
            checkpoint = trainer.checkpoint()
            found.append((trainer.network.weights.flat.tobytes(), checkpoint.corpus))
    assert found[0] == found[1]


def test_a_long_wait_is_said(cache, path):
    """Of each pass over a large text it is told how far it is, from nothing to its size; a small one says nothing."""
    said = []
    read(path, listener=Listener(watch=lambda *told: said.append(told)))
    size = Path(path).stat().st_size
    for what in ("reading", "encoding"):
        done = [bytes_done for told, bytes_done, of in said if told == what and of == size]
        assert (done[0], done[-1]) == (0, size)
        assert done == sorted(done)
    (Path(path).parent / "small.txt").write_bytes(b"abc" * 10)
    read(str(Path(path).parent / "small.txt"), listener=Listener(watch=lambda *_: pytest.fail("it is small")))


def test_a_bar_shows_how_far_a_large_text_is(monkeypatch):
    """On a terminal, with the time left; anywhere else a line for each pass."""
    from charrnn.display import console
    from charrnn.display.console import ReadingBar

    notes = []
    monkeypatch.setattr(console, "note", notes.append)
    bar = ReadingBar()
    for what in ("reading", "encoding"):
        for done in (0, 10**9, 2 * 10**9):
            bar(what, done, 2 * 10**9)
    bar.close()
    assert notes == [f"{what} 2.0 GB of text, which takes a while" for what in ("reading", "encoding")]


TRAIN = """
import json, resource, sys
from charrnn.cli import run
try:
    code = run(sys.argv[1:])
except SystemExit as end:
    code = end.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"code": code, "MB": peak // (1000 if sys.platform != "darwin" else 1_000_000)}))
"""


@pytest.fixture
def two_gigabytes(tmp_path, monkeypatch):
    """Return the path of a text of 2 GB, with a cache of its own."""
    choose = random.Random(5)
    block = " ".join(choose.choices(["the cat", "a wolf", "was", "were", "Über", "Bäume", "said", ".\n"], k=400_000))
    place = tmp_path / "large.txt"
    with place.open("wb") as file:
        while file.tell() < 2_000_000_000:
            file.write(block.encode())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return place


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
@pytest.mark.parametrize("through", ["file", "pipe"])
def test_a_text_of_two_gigabytes(tmp_path, two_gigabytes, through):
    """Training on 2 GB takes less than 600 MB of memory, with the text from a file or through a pipe."""
    place = two_gigabytes
    arguments = ["train", str(place) if through == "file" else "-", "--hidden", "32", "--time", "15s", "-o", "m.npz"]
    seen = []
    for _ in range(2 if through == "file" else 1):
        run = [sys.executable, "-c", TRAIN, *arguments, "--force", "--quiet"]
        with place.open("rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat:
            done = subprocess.run(run, stdin=cat.stdout, cwd=tmp_path, capture_output=True, text=True, check=False)
            cat.kill()
        assert done.stderr == ""
        seen.append(json.loads(done.stdout))
        sys.stdout.write(f"\npeak memory of training on 2 GB from a {through}: {seen[-1]['MB']} MB\n")
    assert all(found["code"] == 0 and found["MB"] < 600 for found in seen)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs resource")
def test_an_encoded_text_of_two_gigabytes(tmp_path, two_gigabytes):
    """So do its vocabulary, encoding it, and training on what is encoded."""
    for arguments in (
        ["vocabulary", two_gigabytes, "--json"],
        ["encode", two_gigabytes, "-o", "large.npz"],
        ["train", "large.npz", "--hidden", "32", "--time", "5s", "--quiet", "-o", "m.npz"],
        ["vocabulary", "large.npz", "--json"],
    ):
        run = [sys.executable, "-c", TRAIN, *map(str, arguments)]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        found = json.loads(done.stdout.splitlines()[-1])
        assert found["code"] == 0, done.stderr
        sys.stdout.write(f"\npeak memory of {arguments[0]} on 2 GB: {found['MB']} MB\n")
        assert found["MB"] < 600
