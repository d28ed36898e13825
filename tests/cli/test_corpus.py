"""``charrnn corpus``: a text on stdout or in a file, whole or not at all."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from charrnn import corpora
from charrnn.corpora.fables import fables
from charrnn.errors import CharrnnError
from tests.helpers.commands import misused, refused


def test_list(run):
    """Without a name the command lists every corpus, one a line."""
    result = run("corpus")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0].split()[:2] == ["NAME", "SIZE"]
    assert [line.split()[0] for line in lines[1:]] == list(corpora.corpora())
    assert {"fables", "python", "tinyshakespeare"} <= set(corpora.corpora())


def test_to_stdout(run):
    """A corpus goes to standard output, by default and for a dash, and nothing else does."""
    for arguments in (["--seed", "5"], ["--seed", "5", "-o", "-"]):
        result = run("corpus", "fables", "--characters", "2000", *arguments)
        assert result.stdout == fables(5, 2000).encode()
        assert (result.code, result.err) == (0, "")


def test_to_a_file(tmp_path, run):
    """A file is written whole, is never overwritten unless that is asked for, and nothing is left beside it."""
    target = tmp_path / "fables.txt"
    assert run("corpus", "fables", "--characters", "2000", "-o", target).code == 0
    assert target.read_bytes() == fables(0, 2000).encode()

    refused(run("corpus", "fables", "--characters", "9000", "-o", target), "already exists; --force overwrites it")
    assert target.read_bytes() == fables(0, 2000).encode()

    assert run("corpus", "fables", "--characters", "9000", "-o", target, "--force").code == 0
    assert target.read_bytes() == fables(0, 9000).encode()

    (tmp_path / "model.npz").write_bytes(b"PK\3\4\0")
    refused(run("corpus", "fables", "-o", tmp_path / "model.npz", "--force"), "model.npz exists and is not a text file")
    (tmp_path / "model.npz").unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["fables.txt"]


def test_a_failure_keeps_the_old_file(tmp_path, monkeypatch, run):
    """If a corpus fails halfway, the file that was there is still there, and no part of the new one."""

    def halfway(*_arguments: object, **_options: object) -> Iterator[bytes]:
        yield b"half"
        raise CharrnnError("no more")

    monkeypatch.setattr(corpora, "pieces", halfway)
    target = tmp_path / "fables.txt"
    target.write_text("old")
    refused(run("corpus", "fables", "-o", target, "--force"), "no more")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("fables.txt", "old")]


def test_a_link_and_a_device_stay(tmp_path, run):
    """The file behind a link is replaced and not the link; a device is written to."""
    (tmp_path / "file.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("file.txt")
    assert run("corpus", "fables", "--characters", "100", "-o", tmp_path / "link.txt", "--force").code == 0
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "file.txt").read_text() == fables(0, 100)
    if Path("/dev/null").is_char_device():
        assert run("corpus", "fables", "--characters", "100", "-o", "/dev/null").code == 0
        assert Path("/dev/null").is_char_device()


def test_where_nothing_can_be_written(tmp_path, run):
    """A folder that is missing, and one in place of a file, are errors in a sentence."""
    result = run("corpus", "fables", "-o", tmp_path / "missing" / "fables.txt")
    refused(result, f"fables.txt cannot be written: the folder {tmp_path / 'missing'} does not exist")
    refused(run("corpus", "fables", "-o", tmp_path), "is a folder")


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
def test_wrong_usage(arguments, run):
    """An option that does not belong, and a corpus that does not exist, are wrong usage."""
    misused(run("corpus", *arguments))


def test_imports():
    """The command's file is light: its help needs neither numpy nor what downloads."""
    heavy = "{'numpy', 'numba', 'pooch', 'requests', 'platformdirs', 'charrnn.corpora.fables'}"
    program = f"import sys, charrnn.cli.corpus; print({heavy} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
