"""Texts to train on: generated here, read from this machine, or downloaded.

``corpora()`` lists them, and ``pieces(name)`` yields one of them in pieces, as UTF-8 bytes.
"""

import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from charrnn.corpora.catalogue import TEXTS, fetch, folder_of_downloads
from charrnn.errors import CharrnnError

__all__ = ["CorpusEntry", "corpora", "pieces", "place"]


@dataclass(frozen=True)
class CorpusEntry:
    """What the list of corpora shows of a corpus."""

    name: str
    size: int | None  # in bytes; None if it depends on the machine
    source: str
    licence: str
    what: str


_MADE_HERE = (
    CorpusEntry("fables", 300_000, "made here", "CC0", "short animal fables, generated from a grammar"),
    CorpusEntry("python", None, "this machine", "PSF", "the Python standard library, as installed here"),
)


def corpora() -> dict[str, CorpusEntry]:
    """Return all corpora by name.

    The downloads come last.
    """
    downloads = (CorpusEntry(text.name, text.size, "download", text.licence, text.what) for text in TEXTS.values())
    return {corpus.name: corpus for corpus in (*_MADE_HERE, *downloads)}


def place(name: str) -> str:
    """Return the file or the folder from which a corpus is made or copied."""
    if name == "python":
        return sysconfig.get_path("stdlib")
    return str(folder_of_downloads() / f"{name}.txt" if name in TEXTS else Path(__file__).with_name(f"{name}.grammar"))


def pieces(
    name: str,
    *,
    seed: int = 0,
    characters: int = 300_000,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[bytes]:
    """Yield the corpus of this name in pieces.

    ``seed`` and ``characters`` are for the fables only; ``progress`` is as in `fetch`. Raises CharrnnError if the
    corpus does not exist, or cannot be read or downloaded.
    """
    if name == "fables":
        from charrnn.corpora.fables import fables

        yield fables(seed, characters).encode("ascii")
    elif name == "python":
        from charrnn.corpora.library import python_library

        yield from (source.encode() for source in python_library())
    else:
        path = fetch(name, progress=progress)
        try:
            yield path.read_bytes()
        except OSError as error:
            raise CharrnnError(f"cannot read {path}: {error.strerror}") from error
