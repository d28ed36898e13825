"""Values of the options of ``charrnn eval``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from charrnn.errors import CharrnnError


@dataclass(frozen=True)
class EvalOptions:
    """Values of the options of ``charrnn eval``."""

    model: str
    texts: tuple[str, ...]
    others: tuple[str, ...]
    condition: str | None
    per_line: bool
    alone: bool
    per_char: bool
    top: int | None
    copied: str | None
    copied_run: int
    as_json: bool
    as_tsv: bool
    threads: int | None
    unknown: str
    near: str
    encoding: str
    held_out: bool
    beam: int
    labels: str | None
    texts_column: str | None
    given: frozenset[str]

    @property
    def models(self) -> tuple[str, ...]:
        """All models that score."""
        return self.model, *self.others

    @property
    def sources(self) -> tuple[str, ...]:
        """The texts to score: standard input if none is named."""
        return self.texts or ("-",)

    @contextmanager
    def naming(self, path: str) -> Iterator[None]:
        """Name the model in an error, if there are several."""
        from charrnn.storage.files import shown

        try:
            yield
        except CharrnnError as error:
            raise CharrnnError(f"{shown(path)}: {error}" if self.others else str(error)) from None
