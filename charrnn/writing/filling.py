"""Filling the gaps of a text with a bidirectional network.

A gap is filled from left to right: by the chain rule, the probability of a filling is the product of each character's,
given all that is before it, chosen characters too, and all that is known behind it, where what is not known is read as
the gap symbol. So the right stack reads a text once, whatever is chosen, and only the left one has to follow choices.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError
from charrnn.kernels.drawing import COLDEST
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.reader import Reader
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import BEAM

Ids = NDArray[np.int32]
Floats = NDArray[np.float64]
# From the log-probabilities of each row so far [B] and those of its next symbol [B, V]: the rows [B'] that go on, and
# the symbols [B'] that they go on with.
Choice = tuple[NDArray[np.intp], NDArray[np.intp]]
Chooser = Callable[[Floats, Floats], Choice]

# Characters that are read on each side of gaps. Those with as many known ones between them are filled apart: what
# stands in one then has no bearing on the other, and a long text is read only where it has gaps.
CONTEXT = 128
MOST_NUMBERS = 50_000_000  # numbers that are kept for the unknown characters of a text: 200 MB


@dataclass(frozen=True)
class Gapped:
    """A text with gaps: what is ``known`` before, between and behind them, and the ``lengths`` of the gaps.

    Its symbols ``ids`` [N] are those that a network reads, with their number, V, for each character that is not known.
    """

    known: tuple[str, ...]
    lengths: tuple[int, ...]
    ids: Ids

    @classmethod
    def of(
        cls, text: str, mark: str, vocabulary: Vocabulary, *, unknown: str = "error", where: str = "the text"
    ) -> "Gapped":
        """Find the gaps in a text, each a run of so many marks as characters are missing; bytes as ``typed`` has them.

        Line breaks are read as line feeds, and a byte order mark is not, but of bytes. Raises CharrnnError as
        `Vocabulary.encode` does.
        """
        parts = re.split(f"((?:{re.escape(mark)})+)", text)
        known, lengths = tuple(parts[::2]), tuple(len(run) // len(mark) for run in parts[1::2])
        if vocabulary.byte_level:
            codes = text.replace(mark, "\u0100").encode("utf-32-le")
            return cls(known, lengths, np.frombuffer(codes, "<u4").astype(np.int32))
        # For encoding there is one character more, which neither the model knows nor the text has.
        gap = next(
            c for c in map(chr, range(sys.maxunicode, 0, -1)) if c not in text and c not in vocabulary.characters
        )
        read = text.replace(mark, gap).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        wider = Vocabulary("".join(sorted(vocabulary.characters + gap)))
        ids = wider.encode(read, unknown=unknown, where=where).astype(np.int32)
        at = wider.characters.index(gap)
        return cls(known, lengths, np.where(ids == at, len(vocabulary), ids - (ids > at)).astype(np.int32))

    def completed(self, fillings: Sequence[str]) -> str:
        """Return the text with its gaps filled, and all else as it was."""
        return "".join(part for pair in zip(self.known, (*fillings, ""), strict=True) for part in pair)

    def split(self, filled: str) -> list[str]:
        """Cut what was filled in, end to end, into what each gap got."""
        return [filled[end - length : end] for end, length in zip(accumulate(self.lengths), self.lengths, strict=True)]


@dataclass(frozen=True)
class Filling:
    """Symbols [n] for all unknown characters of a text, and the nats [n] that each costs, given those before it."""

    symbols: Ids
    nats: Floats


class Filler:
    """A bidirectional network that fills gaps. Raises CharrnnError for any other.

    It reads up to `at_once` symbols before it carries the states on, of all rows together, and `context` characters on
    each side of gaps; it keeps `most` numbers for the unknown characters of a text.
    """

    def __init__(
        self, network: Network, *, at_once: int = 256, context: int = CONTEXT, most: int = MOST_NUMBERS
    ) -> None:
        if not network.architecture.bidirectional:
            raise CharrnnError(
                "this model reads from left to right alone and does not know what is behind a gap; one that fills gaps "
                "is trained with charrnn train --bidirectional"
            )
        self.symbols = network.architecture.vocabulary
        self._left, self._right = _stack(network, 0), _stack(network, 1)
        self._at_once, self._context, self._most = at_once, context, most
        named = network.weights.named
        self._V, self._V_reverse = (named[name].astype(np.float64) for name in ("output.V", "output.V_reverse"))
        self._c = named["output.c"].astype(np.float64)

    def compile(self) -> None:
        """Compile what is needed, if it is not yet."""
        self._left.compile()

    def best(self, ids: Ids, count: int = 1, beam: int = BEAM) -> list[Filling]:
        """Return the likeliest fillings of a text [N], at most so many, the likeliest first.

        They are found by beam search: at each unknown character the `beam` likeliest beginnings are kept, `count` at
        least, over all gaps that are close together. Where the beam holds all that there are, this is exact.
        Raises CharrnnError where predictions are no numbers, or where there are too many unknown characters.
        """
        beam = max(beam, count)

        def choose(scores: Floats, log_p: Floats) -> Choice:
            totals = (scores[:, np.newaxis] + log_p).ravel()
            top = np.argpartition(-totals, beam - 1)[:beam] if totals.size > beam else np.arange(totals.size)
            top = top[np.argsort(-totals[top], kind="stable")]
            return top // self.symbols, top % self.symbols

        return _likeliest([self._search(part, choose, beam, count) for part in self._stretches(ids, beam)], count)

    def draw(self, ids: Ids, temperature: float, seeds: Sequence[int]) -> list[Filling]:
        """Draw a filling of a text [N] for each seed, from the predictions at a temperature, which is above 0.

        The nats are those of the predictions themselves. Raises CharrnnError as `best` does.
        """
        generators = [np.random.default_rng(seed) for seed in seeds]

        def choose(scores: Floats, log_p: Floats) -> Choice:
            rows = np.arange(len(seeds)) * (len(scores) > 1)  # they part at the first character that is drawn
            weights = np.exp((log_p - log_p.max(axis=1, keepdims=True)) / max(temperature, COLDEST))
            sums = np.cumsum(weights, axis=1)[rows]
            chances = np.array([generator.random() for generator in generators])
            return rows, np.minimum((sums <= chances[:, np.newaxis] * sums[:, -1:]).sum(axis=1), self.symbols - 1)

        stretches = [self._search(part, choose, len(seeds), len(seeds)) for part in self._stretches(ids, len(seeds))]
        return [_joined(parts) for parts in zip(*stretches, strict=True)]

    def _stretches(self, ids: Ids, rows: int) -> Iterator[Ids]:
        """Yield the parts of a text that have gaps, with what is to be read on both sides."""
        places = np.flatnonzero(ids == self.symbols)
        most = self._most // (len(self._V) + 4 * rows)
        if places.size > most:
            raise CharrnnError(f"{places.size:,} characters are to be filled in, and {most:,} are the most at once")
        cuts = np.flatnonzero(np.diff(places) > self._context) + 1
        for part in np.split(places, cuts):
            yield ids[max(0, part[0] - self._context) : part[-1] + self._context + 1]

    def _search(self, ids: Ids, choose: Chooser, most: int, count: int) -> list[Filling]:
        """Fill a stretch from left to right, in `most` ways at most; return the first ones at the end."""
        places = np.flatnonzero(ids == self.symbols)
        behind = self._read_back(ids, places)
        left = Reader(self._left, most, at_once=self._at_once)
        scores, start, chosen = np.zeros(1), 0, np.zeros((0, 1), np.int32)
        steps: list[tuple[NDArray[np.intp], Ids, Floats]] = []
        for k, place in enumerate(places.tolist()):
            left.read(np.concatenate([chosen, np.repeat(ids[start:place, np.newaxis], scores.size, axis=1)]))
            heard = left.outputs(scores.size) @ self._V + behind[k] @ self._V_reverse
            log_p = _log_softmax(heard + self._c)
            parents, symbols = choose(scores, log_p)
            nats = -log_p[parents, symbols]
            scores = scores[parents] - nats
            left.fork(parents)
            chosen, start = symbols[np.newaxis].astype(np.int32), place + 1
            steps.append((parents, chosen[0], nats))
        return _traced(steps, count)

    def _read_back(self, ids: Ids, places: NDArray[np.intp]) -> Array:
        """Read a text [N] from its end; return the right stack's outputs beside some places [n, H]."""
        reader = Reader(self._right, at_once=self._at_once)
        outputs = np.empty((places.size, self._right.architecture.outputs), np.float32)
        end = ids.size
        for k in reversed(range(places.size)):
            reader.read(ids[end - 1 : places[k] : -1, np.newaxis])
            outputs[k] = reader.outputs(1)[0]
            end = places[k] + 1
        return outputs


def _stack(network: Network, direction: int) -> Network:
    """Return one of the two stacks of a bidirectional network, as a network of its own."""
    both = network.architecture
    alone = replace(both, vocabulary=both.symbols(direction), bidirectional=False)
    # What it makes of its own outputs is not wanted: the two stacks' are added up before the softmax.
    parameters = {
        name: np.zeros(shape, np.float32)
        if name.startswith("output.")
        else network.weights.named["reverse." * direction + name]
        for name, shape in alone.parameter_shapes().items()
    }
    return Network(alone, parameters)


def _log_softmax(logits: Floats) -> Floats:
    """Return log-probabilities [B, V]. Raises CharrnnError where these are no numbers."""
    if not np.isfinite(logits).all():
        raise CharrnnError("the model's weights are so large that its predictions are no numbers")
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def _traced(steps: Sequence[tuple[NDArray[np.intp], Ids, Floats]], count: int) -> list[Filling]:
    """Follow the first rows of the last step back to the first step; each is its parents, symbols and nats [B]."""
    rows = np.arange(min(count, steps[-1][0].size))
    symbols, nats = np.empty((len(steps), rows.size), np.int32), np.empty((len(steps), rows.size))
    for k in reversed(range(len(steps))):
        parents, chosen, costs = steps[k]
        symbols[k], nats[k], rows = chosen[rows], costs[rows], parents[rows]
    return [Filling(*both) for both in zip(symbols.T, nats.T, strict=True)]


def _likeliest(stretches: Sequence[Sequence[Filling]], count: int) -> list[Filling]:
    """Return the likeliest ways to fill all stretches, of the likeliest ways to fill each; they do not depend."""
    totals, steps = np.zeros(1), []
    for fillings in stretches:
        costs = np.array([filling.nats.sum() for filling in fillings])
        # Of what is the i-th of the ones and the j-th of the others, i·j are as likely: no more than these can count.
        pairs = [(i, j) for i in range(totals.size) for j in range(min(costs.size, count // (i + 1)))]
        before, which = np.array(pairs, np.intp).reshape(-1, 2).T
        sums = totals[before] + costs[which]
        order = np.argsort(sums, kind="stable")[:count]
        totals = sums[order]
        steps.append((before[order], which[order]))
    found = []
    for row in range(totals.size):
        parts: list[Filling] = []
        for (before, which), fillings in zip(reversed(steps), reversed(stretches), strict=True):
            parts.append(fillings[which[row]])
            row = before[row]
        found.append(_joined(parts[::-1]))
    return found


def _joined(parts: Sequence[Filling]) -> Filling:
    return Filling(np.concatenate([part.symbols for part in parts]), np.concatenate([part.nats for part in parts]))
