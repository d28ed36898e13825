"""The source code of the Python standard library, as a text to train on that every machine has."""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from charrnn.errors import CharrnnError

# Third-party packages, tests (which are unusual code, and half of all text), and files that are not source code.
_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def python_library(folder: Path | None = None) -> Iterator[str]:
    """Yield the source files of the standard library.

    With ``folder``, yields the files in it instead. They are sorted by path, and each ends with a newline. Files that
    are empty, not UTF-8 or not readable are left out. Raises CharrnnError if no file is left, as in a Python whose
    library is a zip file.
    """
    root = Path(sysconfig.get_path("stdlib")) if folder is None else folder
    found = False
    for path in _sources(root):
        try:
            source = path.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError):
            continue
        if source:
            found = True
            yield source if source.endswith("\n") else source + "\n"
    if not found:
        raise CharrnnError(f"the folder {root} has no readable source files of the Python standard library")


def _sources(root: Path) -> list[Path]:
    """Return all Python files below a folder.

    Their order is the same on every operating system.
    """
    paths = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = (name for name in subfolders if name not in _SKIPPED)
        paths += [Path(folder, name) for name in files if name.endswith(".py")]
    return sorted(paths, key=lambda path: path.relative_to(root).parts)
