"""Which part of a text validates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from charrnn.text.defaults import FRACTION, USUAL_MOST
from charrnn.text.ingest import Corpus
from charrnn.text.pieces import Bits, Pieces, documents_of
from charrnn.text.sources import listed
from charrnn.text.streams import split
from charrnn.text.vocabulary import Ids

MOST = 1_000_000  # symbols that are held out at most: they are kept in memory, and all read for each validation
ENOUGH = 0.95  # of what is wanted: no need to look for documents that fit better
LEAST_SHARE = 0.25  # of what is wanted: if documents can give no more than this, none are held out


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A text in two parts: one to train on, and symbols [M] to validate with, which are the ``source``."""

    train: Pieces
    validation: Ids
    source: str

    def record(self, corpus: Corpus) -> dict[str, Any]:
        """Return what a model file says about the part that validates."""
        symbols = self.validation.astype("<u4").tobytes()
        digest = hashlib.sha256(symbols).hexdigest()  # tells a resumed run whether it is still the same part
        held_out = {"characters": int(self.validation.size), "source": self.source, "digest": digest}
        record: dict[str, Any] = {"held_out": held_out}
        if corpus.validation is not None:
            record["validation"] = corpus.validation.record
        return record


def default_fraction(size: int) -> float:
    """Return the share of N symbols to hold out if nothing else is asked for."""
    return min(FRACTION, USUAL_MOST / max(1, size))


def hold_out(corpus: Corpus, fraction: float, *, shuffled: bool) -> HeldOut:
    """Hold out a share of a text, at most `MOST` symbols.

    Of documents, whole ones are held out, chosen by what is in them: a fair sample, the same in any order of the
    documents, and equal ones are all held out or none. Of a text without documents, each file gives its end. Unless
    documents are ``shuffled``, it is the end of the whole text, as older versions held out. If the corpus has a text to
    validate with, that text validates, up to `MOST` symbols of it, and nothing of the other is held out.
    """
    own = corpus.validation
    held_out = _from_text(corpus, 0.0 if own is not None else fraction, shuffled=shuffled)
    return held_out if own is None else HeldOut(held_out.train, own.ids[:MOST], listed(own.sources))


def _from_text(corpus: Corpus, fraction: float, *, shuffled: bool) -> HeldOut:
    """Hold out a share of a text."""
    ids, boundary = corpus.ids, corpus.vocabulary.boundary
    if not shuffled:
        train, validation = split(ids, fraction, boundary)
        return HeldOut(Pieces.of(train), validation, "its end")
    wanted = min(round(ids.size * fraction), MOST)
    if boundary is None:
        return _ends(corpus, wanted / max(1, ids.size))
    return _documents(*documents_of(ids, boundary), wanted)


def _documents(documents: Pieces, keys: Bits, wanted: int) -> HeldOut:
    """Hold out the first documents, in the order of their keys, as long as that comes nearer to what is wanted."""
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))  # of equal documents, which stay together
    chosen, size = np.zeros(begins.size, np.bool_), 0
    for k, length in enumerate(np.add.reduceat(documents.lengths, begins).tolist()):
        if size >= ENOUGH * wanted:
            break
        if abs(size + length - wanted) < wanted - size or (not size and length <= 3 * wanted):
            chosen[k], size = True, size + length
    if size < max(2, LEAST_SHARE * wanted) or 2 * size > documents.size:
        chosen[:] = False
    chosen = np.repeat(chosen, np.diff(begins, append=keys.size))
    held = documents.in_order(np.flatnonzero(chosen))
    source = f"{held.starts.size:,} document{'s' * (held.starts.size != 1)}, drawn at random"
    return HeldOut(documents.in_order(np.flatnonzero(~chosen)), held.beginning(held.size), source)


def _ends(corpus: Corpus, fraction: float) -> HeldOut:
    """Hold out the end of each file."""
    lengths = np.array(corpus.files or (corpus.ids.size,), np.int64)
    tails = np.round(lengths * fraction).astype(np.int64)
    tails[tails < 2] = 0
    starts = np.cumsum(lengths) - lengths
    train = Pieces.of(corpus.ids, starts, lengths - tails)
    held = Pieces.of(corpus.ids, starts + lengths - tails, tails)
    files = int(np.count_nonzero(tails))
    return HeldOut(train, held.beginning(held.size), f"the ends of {files:,} files" if files > 1 else "its end")
