"""The sources of Python's standard library as a text."""

from pathlib import Path

import pytest

from charrnn.corpora.library import python_library
from charrnn.errors import CharrnnError


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
    with pytest.raises(CharrnnError, match="no readable source files"):
        list(python_library(tmp_path / "python311.zip"))
