"""Texts to train on: made here, read off this machine, or downloaded.

``corpora()`` lists them all, and ``pieces(name)`` gives any of them, piece by piece, as UTF-8 bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charrnn.corpora.catalogue import TEXTS, fetch
from charrnn.errors import CharrnnError

__all__ = ["CorpusEntry", "corpora", "pieces"]


@dataclass(frozen=True)
class CorpusEntry:
    """What a reader wants to know of a corpus before choosing it."""

    name: str
    size: int | None  # in bytes; None where it depends on the machine
    source: str
    licence: str
    what: str


_MADE_HERE = (
    CorpusEntry("fables", 300_000, "made here", "CC0", "small animal fables, told anew by a grammar"),
    CorpusEntry("python", None, "this machine", "PSF", "the Python standard library, as it is installed here"),
)


def corpora() -> dict[str, CorpusEntry]:
    """Return all corpora by name: first those that need no network, then the downloads."""
    downloads = (CorpusEntry(text.name, text.size, "download", text.licence, text.what) for text in TEXTS.values())
    return {corpus.name: corpus for corpus in (*_MADE_HERE, *downloads)}


def pieces(
    name: str,
    *,
    seed: int = 0,
    characters: int = 300_000,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[bytes]:
    """Give the corpus of that name. Only the fables have a seed and a length; ``progress`` is as in ``fetch``.

    Raises CharrnnError where there is no such corpus, and if it cannot be made, read or downloaded.
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
