"""The options of ``charrnn sample``."""

from dataclasses import dataclass

from charrnn.writing.controls import Controls


@dataclass(frozen=True)
class SampleOptions:
    """Values of the options of ``charrnn sample``."""

    model: str
    controls: Controls
    condition: str | None
    length: int | None
    lines: int | None
    stop: tuple[str, ...]
    count: int
    prime: str | None
    prime_file: str | None
    no_prime: bool
    seed: int | None
    novel: str | None
    copied: str | None
    copied_run: int
    surprise: bool
    as_json: bool
    unknown: str
    near: str
    allow_unknown: bool
    encoding: str
    given: frozenset[str]

    @property
    def needs_whole_samples(self) -> str | None:
        """The option that needs whole samples, if any."""
        needing = {
            "--json": self.as_json,
            "--novel": self.novel is not None,
            "--copied": self.copied is not None,
            "--count": self.count > 1,
        }
        return next((name for name, needs in needing.items() if needs), None)

    @property
    def reads_prime_once(self) -> bool:
        """Whether the prime is needed only once, and so can be written while it is read."""
        return self.count == 1 and not self.as_json and self.novel is None
