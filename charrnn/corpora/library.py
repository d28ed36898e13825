"""The Python standard library as a text: program code to train on that every machine has."""

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from charrnn.errors import CharrnnError

# Other people's packages, tests (odd on purpose, and as much text as all the rest), and what is not source.
_SKIPPED = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}


def python_library(folder: Path | None = None) -> Iterator[str]:
    """Give the sources of the standard library (or those in ``folder``), file by file, each with a final newline.

    They come in the order of their paths; a file that is empty or not UTF-8 is left out. Raises CharrnnError where
    there is no source at all, as in a Python whose library is one zip file.
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
        raise CharrnnError(f"this Python keeps no readable sources of its standard library in {root}")


def _sources(root: Path) -> list[Path]:
    """Return all Python files below a folder, in an order that is the same under every operating system."""
    paths = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = (name for name in subfolders if name not in _SKIPPED)
        paths += [Path(folder, name) for name in files if name.endswith(".py")]
    return sorted(paths, key=lambda path: path.relative_to(root).parts)
