"""Texts to write as a network learns them: each begins and ends with a symbol of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import Architecture
from charrnn.examples.dataset import Examples
from charrnn.model.example_batches import NONE, EncodedExamples, Pieces
from charrnn.model.parameters import Array
from charrnn.model.target_names import Targets
from charrnn.reading.example_encoding import pieces_of
from charrnn.text.defaults import FILES
from charrnn.text.vocabulary import Vocabulary

Ids = NDArray[np.int32]


def written_vocabulary(targets: Targets) -> Vocabulary:
    """Return the symbols that are written for a text: its characters, and the boundary before and after all of them."""
    return Vocabulary("".join(targets.labels), separator=FILES)


def encoded_texts(
    examples: Examples,
    vocabulary: Vocabulary,
    targets: Targets,
    architecture: Architecture,
    seq_length: int,
    *,
    sources: Sequence[Ids] | None = None,
    symbols: Sequence[Ids] | None = None,
) -> EncodedExamples:
    """Return texts to write as a network learns them, each for its source or under its condition.

    The network reads the boundary and the characters of each text, and predicts the characters and the boundary. A
    condition in a step of its own comes before them. The `sources` can be given as symbols, and so can the texts that
    have conditions. Raises CharrnnError for a character that is not in the vocabulary.
    """
    if examples.translations is not None:
        writer, texts, where = written_vocabulary(targets), examples.translations, "the translations"
    else:
        assert examples.texts is not None
        writer, texts, where = vocabulary, examples.texts, "the texts"
    ids = np.concatenate(symbols) if symbols else encoded_parts(writer, texts, where)
    own = int(architecture.given_at == "first")
    lengths = np.fromiter(map(len, symbols or texts), np.int64, len(texts)) + 1 + own
    starts = lengths.cumsum() - lengths
    read, written = framed(ids, starts, lengths, writer.start_symbol, own)
    whole = own or architecture.encoder is not None
    pieces = (
        Pieces.whole(starts, lengths, seq_length) if whole else pieces_of(starts, lengths, architecture, seq_length)
    )
    if architecture.encoder is None:
        of = np.searchsorted(starts, pieces.starts, "right") - 1
        return EncodedExamples(pieces, read, classes=written, given=conditions_of(examples, targets)[of])
    if sources is None:
        assert examples.texts is not None
        sources = np.split(encoded_parts(vocabulary, examples.texts, "the texts"), examples.starts[1:])
    return EncodedExamples(pieces, read, classes=written, sources=encoded_sources(sources, seq_length))


def encoded_sources(sources: Sequence[Ids], seq_length: int) -> EncodedExamples:
    """Return the symbols of texts to translate as an encoder reads them: whole, or the first ones of long ones."""
    lengths = np.fromiter(map(len, sources), np.int64, len(sources))
    ids = np.concatenate([np.zeros(0, np.int32), *sources])
    return EncodedExamples(Pieces.whole(lengths.cumsum() - lengths, lengths, seq_length), ids)


def encoded_parts(vocabulary: Vocabulary, texts: Sequence[str], where: str) -> Ids:
    """Return the symbols of texts, end to end; raise CharrnnError for an unknown character."""
    found: Ids = vocabulary.encode("".join(texts), where=where, documents=False).astype(np.int32)
    if found.size != sum(map(len, texts)):
        raise ValueError("each character must be one symbol")
    return found


def framed(ids: Ids, starts: NDArray[np.int64], lengths: NDArray[np.int64], boundary: int, own: int) -> tuple[Ids, Ids]:
    """Return what is read and what is predicted at each step of texts, whose symbols lie end to end in ids.

    Each text has one step more than symbols, and its `own` steps before, in which nothing is read or predicted.
    """
    read, written = np.full(int(lengths.sum()), boundary, np.int32), np.full(int(lengths.sum()), boundary, np.int32)
    is_symbol = np.ones(read.size, np.bool_)
    is_symbol[starts + own] = False
    for step in range(own):
        is_symbol[starts + step] = False
        read[starts + step], written[starts + step] = 0, NONE
    read[is_symbol] = ids
    written[np.flatnonzero(is_symbol) - 1] = ids
    return read, written


def conditions_of(examples: Examples, targets: Targets) -> Array:
    """Return the condition of each text [N, K]: 1 for its name and 0 for all others, or scaled numbers."""
    if examples.classes is not None:
        given = np.zeros((examples.count, len(targets.given)), np.float32)
        given[np.arange(examples.count), examples.classes] = 1.0
        return given
    assert examples.values is not None
    assert targets.input_scaling is not None
    return targets.input_scaling.apply(examples.values)
