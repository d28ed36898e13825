"""The options of ``charrnn bench``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchOptions:
    """Values of the options of ``charrnn bench``."""

    corpus: tuple[str, ...]
    cell: tuple[str, ...]
    hidden: int
    layers: int
    seq_length: int
    batch_size: int
    threads: int | None
    rounds: int
    against: str | None
    only: tuple[str, ...]
    suite: bool
    growth: bool
    rtrl: bool
    vocabulary: bool
    memory: bool
    cells: bool
    parameters: int
    epochs: float
    seconds: float
    rates: tuple[float, ...]
    dropout: float
    seed: int
    task: str | None
    labels: str | None
    texts_column: str | None
    given_column: str | None
    given_at: str | None
    attention: bool
    inputs: str | None
    ahead: int
    pooling: str | None
    joined: bool
    class_weights: str
    bidirectional: bool
    schedule: str
    clip: float
    as_json: bool
    given: frozenset[str]
