"""A corpus: an encoded text and its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.text import encoded
from charrnn.text.sources import names_within
from charrnn.text.survey import Skipped
from charrnn.text.vocabulary import Ids, Vocabulary


class AnotherTextError(CharrnnError):
    """The text is not the expected one."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """An encoded text and its sources."""

    ids: Ids  # shape [N], in the vocabulary's dtype; for a large text, a read-only view of a file
    vocabulary: Vocabulary
    sources: tuple[str, ...]  # the paths as given; "-" is standard input
    sha256: str  # of all bytes read, in order, before any conversion
    files: tuple[int, ...] = ()  # the number of symbols of each file that is not empty
    validation: Corpus | None = None  # a text of the user's to validate with
    skipped: tuple[Skipped, ...] = ()  # what was left out of folders, and why
    size: int = 0  # bytes read
    outputs: tuple[str, ...] = ()  # files that the run writes: in a folder, they are not read
    files_read: Mapping[str, Any] = field(default_factory=dict)  # what a model file says about them
    near: bool = False  # whether near forms were read, if there were any
    markup: tuple[Skipped, ...] = ()  # files with formatting that is read as text

    @cached_property
    def documents(self) -> int | None:
        """The number of documents, or None if the text is not divided into documents."""
        boundary = self.vocabulary.boundary
        if boundary is None:
            return None
        return sum(int(np.count_nonzero(ids == boundary)) for ids in encoded.blocks_of(self.ids))

    @cached_property
    def unknown(self) -> int:
        """The number of characters that are encoded as the unknown symbol."""
        if not self.vocabulary.rare:
            return 0
        symbol = self.vocabulary.unknown_symbol
        return sum(int(np.count_nonzero(ids == symbol)) for ids in encoded.blocks_of(self.ids))

    @property
    def all_sources(self) -> tuple[str, ...]:
        """The paths as given, with those of the text to validate with."""
        return self.sources + (self.validation.sources if self.validation else ())

    def writing(self, output: str) -> Corpus:
        """Return the same texts of a run that writes one more file."""
        validation = self.validation and self.validation.writing(output)
        return replace(self, outputs=(*self.outputs, output), validation=validation)

    @property
    def record(self) -> dict[str, Any]:
        """What a model file says about the text; ``outputs`` are paths in a folder."""
        folders = {source: names_within(source, self.outputs) for source in self.sources if Path(source).is_dir()}
        outputs = {source: names for source, names in folders.items() if names}
        return {
            "sources": list(self.sources),
            "sha256": self.sha256,
            "characters": self.characters,
            "bytes": self.size,
            **({"outputs": outputs} if outputs else {}),
            **({"unknown": self.unknown} if self.vocabulary.rare else {}),
            **({"near": True} if self.near else {}),
            **self.files_read,
        }

    @property
    def characters(self) -> int:
        """The number of characters (or bytes), without the boundaries of documents."""
        return self.ids.size - 2 * (self.documents or 0)
