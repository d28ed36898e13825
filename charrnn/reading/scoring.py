"""How well a network predicts a text of any length: as a whole, for each line, or for each character."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.kernels.arithmetic import LN_2, exp
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.losses import Scored, score_pieces
from charrnn.text.near_forms import NearForms
from charrnn.text.vocabulary import Ids, Vocabulary

RECORDS = 1 << 13  # characters whose records are made at once
LONGEST_LINE = 1 << 16  # characters of a line that are kept to be shown

Fields: TypeAlias = tuple[int, int, int, str, float | None, float | None]  # of a Character


@dataclass(frozen=True)
class Character:
    """A character of a text: its place in the text, its line (or document), and its place in the line, all from 1.

    Places are counted in the text as the model reads it: CRLF is one character, a byte order mark is none, and an
    unknown character counts, too, even if it is skipped. In a model of bytes, each byte counts.

    A character that is not predicted, because it is the first one of a text and given, or unknown and skipped, has no
    bits and no probability.
    """

    index: int
    line: int
    column: int
    character: str
    bits: float | None
    probability: float | None


@dataclass(frozen=True)
class Score:
    """The loss over a text: `nats` in total, for `characters` predictions.

    The mean is `nats_per_char`, as in training, or `bits_per_char` = nats per character / ln 2. The `perplexity`, the
    exponential of the mean in nats, is the number of equally probable characters with the same loss.

    `unknown` characters, a share of the text, are not in the model's vocabulary. They are predicted as the character
    that replaces them, or charged, or are not among the predictions, as ``unknown`` says. `near` characters were not,
    either, and were read and predicted in a near form.
    """

    nats: float
    characters: int
    unknown: int = 0
    unknown_share: float = 0.0
    near: int = 0
    nats_per_char: float = field(init=False)
    bits_per_char: float = field(init=False)
    perplexity: float = field(init=False)

    def __post_init__(self) -> None:
        mean = self.nats / max(1, self.characters)  # 0 if nothing was predicted
        for name, value in (
            ("nats_per_char", mean),
            ("bits_per_char", mean / LN_2),
            ("perplexity", float(exp(min(mean, 700.0)))),
        ):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Line:
    """A line of a text, or a document: its `number` from 1, and its loss for `characters` predictions.

    The line feed, or the end of the document, is predicted and counts. `text` does not have it, and is cut off if it is
    too long. `unknown` of its characters are not in the model's vocabulary.
    """

    number: int
    characters: int
    nats: float
    text: str
    unknown: int = 0

    @property
    def bits(self) -> float:
        """The loss in bits."""
        return self.nats / LN_2

    @property
    def bits_per_char(self) -> float | None:
        """The mean loss in bits, or None if nothing was predicted."""
        return self.bits / self.characters if self.characters else None


def score(network: Network, ids: Ids, team: Team, *, boundary: int | None = None) -> Score:
    """Score an encoded text [N], N ≥ 2.

    Scores as `score_pieces` does.
    """
    return total(score_pieces(network, [ids], team, boundary), boundary)


def total(
    pieces: Iterable[Scored],
    boundary: int | None = None,
    unknown_symbol: int = -1,
    *,
    near: NearForms | None = None,
) -> Score:
    """Add up the losses from `score_pieces`; those of NaN, where `reading.unknown` has marked them, do not count.

    ``near`` has read the near forms of the text.
    """
    nats, characters, unknown, size = 0.0, -unpredicted(boundary), 0, 0
    for ids, costs in pieces:
        marks = int(np.count_nonzero(ids == unknown_symbol))
        counted = costs[~np.isnan(costs)] if marks else costs
        nats += float(counted.sum(dtype=np.float64))
        characters, unknown, size = characters + counted.size, unknown + marks, size + ids.size
    return Score(nats, characters, unknown, unknown / max(size, 1), near.count if near else 0)


def unpredicted(boundary: int | None) -> int:
    """Return how many first characters are not predicted.

    The first character of a text is given; in documents, every character is predicted.
    """
    return 1 if boundary is None else 0


def lines(
    pieces: Iterable[Scored], vocabulary: Vocabulary, *, longest: int = LONGEST_LINE, alone: bool = False
) -> Iterator[Line]:
    """Turn scored pieces into lines, or into documents.

    The pieces are from `score_pieces`, or from `score_lines` if ``alone``. At most ``longest`` characters of a line are
    kept as text.
    """
    end_symbol = end_of_line(vocabulary)
    number, text = 1, ""  # of the line that is being read
    sums = np.array(
        [0.0, 0.0 if alone else -unpredicted(vocabulary.boundary), 0.0]
    )  # nats, characters that are predicted, and unknown
    for ids, costs in pieces:
        spelt, begin = vocabulary.spell_marked(ids), 0
        ends = np.flatnonzero(ids == end_symbol) + 1
        skipped = np.isnan(costs)
        each = np.stack([np.where(skipped, 0.0, costs), ~skipped, ids == vocabulary.unknown_symbol])
        of_lines = np.add.reduceat(each, [0, *ends[ends < ids.size]], axis=1, dtype=np.float64).T
        for end, more in zip(ends.tolist(), of_lines, strict=False):
            shown = _shown(text + spelt[begin : end - 1], vocabulary, longest)
            yield _line(number, sums + more, shown)
            number, sums, text, begin = number + 1, np.zeros(3), "", end
        if begin < ids.size:
            sums = sums + of_lines[-1]
            text = text[: longest + 1] + spelt[begin : begin + longest + 1]
    if text:
        yield _line(number, sums, _shown(text, vocabulary, longest))


def posterior(nats: ArrayLike) -> list[float]:
    """Return the probabilities of models that give a text these losses, if all were equally probable before (Bayes)."""
    losses = np.asarray(nats, np.float64)
    weights = exp(losses.min() - losses)
    shares: list[float] = (weights / weights.sum()).tolist()
    return shares


def _line(number: int, sums: NDArray[np.float64], text: str) -> Line:
    nats, characters, unknown = sums.tolist()
    return Line(number, int(characters), nats, text, int(unknown))


def characters(pieces: Iterable[Scored], vocabulary: Vocabulary, *, at_once: int = RECORDS) -> Iterator[Fields]:
    """Turn scored pieces into the fields of `Character` objects.

    The pieces are from `score_pieces`; `at_once` characters are converted at once.
    """
    names = *vocabulary.symbol_names, "\N{REPLACEMENT CHARACTER}"
    end_symbol = end_of_line(vocabulary)
    place, line, start = 1, 1, 1  # of the next character, and the place where its line starts
    given = unpredicted(vocabulary.boundary)  # characters that are still to be given
    for ids, costs in pieces:
        for begin in range(0, ids.size, at_once):
            part, nats = ids[begin : begin + at_once], np.maximum(costs[begin : begin + at_once], 0.0)
            ended = part == end_symbol
            places = np.arange(place, place + part.size)
            numbers = line + np.cumsum(ended) - ended
            starts = np.maximum.accumulate(np.concatenate([[start], np.where(ended, places + 1, 0)]))
            bits: list[float | None] = (nats / LN_2).tolist()
            chances: list[float | None] = exp(-nats).tolist()
            skipped = np.isnan(nats)
            for k in [*np.flatnonzero(skipped).tolist(), *np.flatnonzero(~skipped)[:given].tolist()]:
                bits[k] = chances[k] = None
            given = given if skipped.all() else 0
            within = (places - starts[:-1] + 1).tolist()
            symbols = map(names.__getitem__, part.tolist())
            yield from zip(places.tolist(), numbers.tolist(), within, symbols, bits, chances, strict=True)
            place, line, start = place + part.size, int(numbers[-1] + ended[-1]), int(starts[-1])


def end_of_line(vocabulary: Vocabulary) -> int:
    """Return the symbol that ends a line, or −1.

    In documents, it ends a document.
    """
    if vocabulary.boundary is not None:
        return vocabulary.boundary + 1
    return ord("\n") if vocabulary.byte_level else vocabulary.characters.find("\n")


def _shown(line: str, vocabulary: Vocabulary, longest: int) -> str:
    """Return a line as text of limited length.

    ``line`` is from `Vocabulary.spell`.
    """
    cut = line[:longest]
    if vocabulary.byte_level:
        cut = cut.encode("latin-1").decode("utf-8", "replace")
    return cut + "…" if len(line) > longest else cut
