"""How the texts of examples are read: by which rules, and how many characters a model does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from charrnn.errors import CharrnnError, UnknownWarning
from charrnn.library.terms import warn
from charrnn.text.places import Place

if TYPE_CHECKING:  # what needs NumPy is imported when it is used
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.text.near_forms import NearForms
    from charrnn.text.vocabulary import Vocabulary

THE_TEXT, THE_TEXTS = "the text", "the texts"
QUOTED = 60  # characters of a text that an error repeats


@dataclass
class Rules:
    """How unknown characters are read: see `Vocabulary.encode`. `tell` says of all texts together how many there are.

    ``where`` is what the texts are called; if it is only one, ``one`` says so.
    """

    unknown: str = "error"
    near: NearForms | None = None
    where: str = THE_TEXTS
    one: bool = False
    seen: Place = field(init=False)
    texts: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.seen = Place(self.where, "")

    def symbols_of(self, texts: Sequence[str], vocabulary: Vocabulary) -> Iterator[NDArray[np.int32]]:
        """Yield the symbols of each text, encoded together if all are known, as this is much faster."""
        import numpy as np

        joined = "".join(texts)
        if not texts or not all(texts) or "\r" in joined or "\ufeff" in joined or vocabulary.lacks(joined):
            yield from (self.symbols(text, vocabulary) for text in texts)
            return
        ends = np.cumsum([len(vocabulary.typed(text)) for text in texts])
        ids = vocabulary.encode(joined, documents=False).astype(np.int32)
        self.texts += len(texts)
        self.seen.characters += int(ends[-1])
        yield from np.split(ids, ends[:-1])

    def symbols(self, text: str, vocabulary: Vocabulary) -> NDArray[np.int32]:
        """Return the symbols of one text, whose line ends are read as LF.

        Raises CharrnnError, which names the text, if it is empty or has an unknown character that is an error.
        """
        import numpy as np

        from charrnn.text.ingest import read_string

        self.texts += 1
        if not text:
            raise CharrnnError(f"{self.where} is empty" if self.one else f"text {self.texts:,} is empty")
        if self.near is not None:
            self.near.begin()
        name = self.where if self.one else f"the text {text[:QUOTED]!r}"
        blocks = read_string(text, vocabulary, unknown=self.unknown, near=self.near, where=name, seen=self.seen)
        return np.concatenate([np.zeros(0, np.int32), *(block.astype(np.int32) for block in blocks)])

    def tell(self, vocabulary: Vocabulary) -> None:
        """Warn of the unknown characters of all texts, and of those that were read in near forms."""
        if self.near is not None and self.near.count:
            warn(self.near.told(self.where), UnknownWarning)
        told = self.unknown == "skip" and self.seen.unknown == self.seen.characters  # by an error, as others are
        if self.seen.unknown and (self.unknown != "error" or vocabulary.rare) and not told:
            warn(self.seen.told_unknown(vocabulary.done(self.unknown)), UnknownWarning)
