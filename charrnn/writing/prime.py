"""The prime: the text that a sample continues."""

from collections.abc import Callable, Iterable

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.text.defaults import FILES
from charrnn.text.ingest import MOST_IN_MEMORY, check_size, read_stream
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.writing.sampler import Sampler


def typed_prime(text: str, vocabulary: Vocabulary, unknown: str = "error", near: str = "none") -> Ids:
    """Return the symbols [N] of a typed prime.

    Of several documents, only the last one counts. ``unknown`` is as in `Vocabulary.encode`, and ``near`` as in
    `Vocabulary.near_forms`. Raises CharrnnError as `Vocabulary.encode` does, and if the prime has only unknown
    characters.
    """
    if vocabulary.separator not in ("", FILES):
        text = text.removesuffix(vocabulary.separator).rsplit(vocabulary.separator, 1)[-1]
    forms = vocabulary.near_forms(near)
    ids = vocabulary.encode(text, unknown=unknown, near=forms, where="the prime", documents=False)
    if text and not ids.size:
        raise CharrnnError("the prime has only unknown characters")
    return ids


def stored_prime(
    path: str,
    vocabulary: Vocabulary,
    unknown: str = "error",
    near: str = "none",
    encoding: str = "",
    *,
    most: int = MOST_IN_MEMORY,
) -> Iterable[Ids]:
    """Return a prime from a file or standard input.

    It comes in blocks. Of several documents, only the last one counts. Raises CharrnnError as `read_stream` does, and
    for a document of more than `most` symbols, as it is kept in memory.
    """
    blocks = read_stream(path, vocabulary, unknown=unknown, near=vocabulary.near_forms(near), encoding=encoding)
    return blocks if vocabulary.boundary is None else last_document(blocks, vocabulary.boundary, most=most)


def last_document(blocks: Iterable[Ids], boundary: int, *, most: int = MOST_IN_MEMORY) -> list[Ids]:
    """Return the last of the documents in blocks.

    Its boundaries are left out.
    """
    parts: list[Ids] = []
    size = 0
    for ids in blocks:
        if (begins := np.flatnonzero(ids == boundary)).size:
            parts, size, ids = [], 0, ids[begins[-1] + 1 :]
        parts.append(ids[ids < boundary])
        size += parts[-1].size
        check_size("a document of the prime", size, most)
    return parts


def read_prime(
    sampler: Sampler,
    vocabulary: Vocabulary,
    blocks: Iterable[Ids],
    *,
    write: Callable[[Ids], None] | None = None,
    keep: bool = False,
    most: int = MOST_IN_MEMORY,
) -> Ids:
    """Let a sampler read a prime in blocks.

    Also gives each block to `write`. Returns the prime [N] with `keep`, else an empty array. In documents, the boundary
    is read before the prime. If the prime is empty, the symbol before a text is read in its place. Raises CharrnnError
    for more than `most` symbols to keep.
    """
    parts: list[Ids] = [np.zeros(0, vocabulary.dtype)]
    begun = vocabulary.boundary is not None
    if begun:
        sampler.begin(vocabulary.start_symbol)
    size = 0
    for ids in blocks:
        begun = begun or ids.size > 0
        sampler.read(ids)
        if write is not None:
            write(ids)
        if keep:
            parts.append(ids)
            size += ids.size
            check_size("the prime", size, most)
    if not begun:
        sampler.begin(vocabulary.start_symbol)
    return np.concatenate(parts)
