"""Filling the gaps of a text with a bidirectional network.

A gap is filled from left to right. By the chain rule, the probability of a filling is the product of the probabilities
of its characters, each given everything before it, including the characters chosen so far, and everything known after
it, with the gap symbol in place of each unknown character. So the right stack reads a text once, whatever is chosen,
and only the left stack has to follow the choices.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.tasks import TEXT_TASKS, require_task
from charrnn.errors import CharrnnError
from charrnn.kernels.arithmetic import exp, log
from charrnn.model.network import Network
from charrnn.model.parameters import Array
from charrnn.model.reader import Reader
from charrnn.text.defaults import MARK
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.controls import BEAM

Ids = NDArray[np.int32]
Floats = NDArray[np.float64]
# A Chooser takes the log-probabilities of each row so far [B] and of its next symbol [B, V]. Its Choice is the rows
# [B'] to continue, and the symbols [B'] to continue them with.
Choice = tuple[NDArray[np.intp], NDArray[np.intp]]
Chooser = Callable[[Floats, Floats], Choice]

# Characters that are read on each side of gaps. Gaps with at least this many known characters between them are filled
# separately: one does not influence the other, and a long text is read only around its gaps.
CONTEXT = 128
MOST_NUMBERS = 50_000_000  # numbers that are kept for the unknown characters of a text: 200 MB


@dataclass(frozen=True)
class Gapped:
    """A text with gaps: the ``known`` parts before, between and after them, and the ``lengths`` of the gaps.

    ``ids`` [N] are the symbols that a network reads, with V, the number of symbols, for each unknown character.
    """

    known: tuple[str, ...]
    lengths: tuple[int, ...]
    ids: Ids

    @classmethod
    def of(
        cls,
        text: str,
        mark: str,
        vocabulary: Vocabulary,
        *,
        unknown: str = "error",
        near: str = "none",
        where: str = "the text",
    ) -> "Gapped":
        """Find the gaps in a text.

        A gap is a run of marks, one for each missing character. Line breaks are read as line feeds, and a byte order
        mark is left out. Bytes are as from `Vocabulary.typed`, and are not changed. ``unknown`` and ``near`` are as in
        `typed_prime`. Raises CharrnnError as `Vocabulary.encode` does.
        """
        parts = re.split(f"((?:{re.escape(mark)})+)", text)
        known, lengths = tuple(parts[::2]), tuple(len(run) // len(mark) for run in parts[1::2])
        if vocabulary.byte_level:
            return cls(known, lengths, _bytes_with_gaps(text, mark, vocabulary, unknown, where))
        # For encoding, a gap is one more character, which is neither in the vocabulary nor in the text.
        gap = next(
            c for c in map(chr, range(sys.maxunicode, 0, -1)) if c not in text and c not in vocabulary.characters
        )
        read = text.replace(mark, gap).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        wider = replace(vocabulary, characters="".join(sorted(vocabulary.characters + gap)))
        ids = wider.encode(read, unknown=unknown, near=wider.near_forms(near), where=where).astype(np.int32)
        at = wider.characters.index(gap)
        return cls(known, lengths, np.where(ids == at, len(vocabulary), ids - (ids > at)).astype(np.int32))

    def completed(self, fillings: Sequence[str]) -> str:
        """Return the text with its gaps filled.

        Everything else is unchanged.
        """
        return "".join(part for pair in zip(self.known, (*fillings, ""), strict=True) for part in pair)

    def split(self, filled: str) -> list[str]:
        """Cut all filled-in characters into gaps' fillings."""
        return [filled[end - length : end] for end, length in zip(accumulate(self.lengths), self.lengths, strict=True)]


@dataclass(frozen=True)
class Filling:
    """Symbols [n] for all unknown characters of a text, and their losses [n] in nats, given the symbols before."""

    symbols: Ids
    nats: Floats


class Filler:
    """A bidirectional network that fills gaps. Raises CharrnnError for any other network.

    It reads up to `at_once` symbols of all rows together before it carries their states, and `context` characters on
    each side of gaps. It keeps at most `most` numbers for the unknown characters of a text.
    """

    def __init__(
        self, network: Network, *, at_once: int = 256, context: int = CONTEXT, most: int = MOST_NUMBERS
    ) -> None:
        require_task(network.architecture.task, *TEXT_TASKS)
        if not network.architecture.bidirectional:
            raise CharrnnError(
                "this model reads only from left to right and cannot fill gaps; train a model that can with: "
                "charrnn train --bidirectional"
            )
        self.symbols = network.architecture.vocabulary
        self._left, self._right = _stack(network, 0), _stack(network, 1)
        self._at_once, self._context, self._most = at_once, context, most

    def compile(self) -> None:
        """Compile what is needed, if necessary."""
        self._left.compile()

    def best(self, ids: Ids, count: int = 1, beam: int = BEAM) -> list[Filling]:
        """Return the most probable fillings of a text [N].

        Returns at most ``count`` fillings, the most probable first. Beam search finds them: at each unknown character,
        the ``beam`` most probable beginnings are kept, but at least ``count``, over all gaps that are close together.
        If the beam has room for all beginnings, the result is exact. Raises CharrnnError if the predictions are not
        finite, or if the text has too many unknown characters.
        """
        beam = max(beam, count)

        def choose(scores: Floats, log_p: Floats) -> Choice:
            totals = (scores[:, np.newaxis] + log_p).ravel()
            enough = np.partition(totals, -beam)[-beam] if totals.size > beam else -np.inf
            top = np.flatnonzero(totals >= enough)
            top = top[np.argsort(-totals[top], kind="stable")][:beam]
            return top // self.symbols, top % self.symbols

        return _likeliest([self._search(part, choose, beam, count) for part in self._stretches(ids, beam)], count)

    def draw(self, ids: Ids, temperature: float, seeds: Sequence[int]) -> list[Filling]:
        """Draw one filling of a text for each seed.

        The text has shape [N]. The ``temperature`` is above 0; it does not apply to the losses. Raises CharrnnError as
        `best` does.
        """
        generators = [np.random.default_rng(seed) for seed in seeds]

        def choose(scores: Floats, log_p: Floats) -> Choice:
            rows = np.arange(len(seeds)) * (len(scores) > 1)  # all start from row 0
            weights = exp((log_p - log_p.max(axis=1, keepdims=True)) / temperature)
            sums = np.cumsum(weights, axis=1)[rows]
            chances = np.array([generator.random() for generator in generators])
            return rows, np.minimum((sums <= chances[:, np.newaxis] * sums[:, -1:]).sum(axis=1), self.symbols - 1)

        stretches = [self._search(part, choose, len(seeds), len(seeds)) for part in self._stretches(ids, len(seeds))]
        return [_joined(parts) for parts in zip(*stretches, strict=True)]

    def _stretches(self, ids: Ids, rows: int) -> Iterator[Ids]:
        """Yield the parts of a text that have gaps.

        Each has the context that is read on both sides.
        """
        places = np.flatnonzero(ids == self.symbols)
        most = self._most // (self._left.architecture.outputs + 4 * rows)
        if places.size > most:
            raise CharrnnError(f"the text has {places.size:,} characters to fill in; at most {most:,} can be filled in")
        cuts = np.flatnonzero(np.diff(places) > self._context) + 1
        for part in np.split(places, cuts):
            yield ids[max(0, part[0] - self._context) : part[-1] + self._context + 1]

    def _search(self, ids: Ids, choose: Chooser, most: int, count: int) -> list[Filling]:
        """Fill a stretch from left to right.

        Keeps at most ``most`` ways to fill it; returns the first ``count`` of them at the end.
        """
        places = np.flatnonzero(ids == self.symbols)
        behind = self._read_back(ids, places)
        left = Reader(self._left, most, at_once=self._at_once)
        scores, start, chosen = np.zeros(1), 0, np.zeros((0, 1), np.int32)
        steps: list[tuple[NDArray[np.intp], Ids, Floats]] = []
        for k, place in enumerate(places.tolist()):
            left.read(np.concatenate([chosen, np.repeat(ids[start:place, np.newaxis], scores.size, axis=1)]))
            ahead = self._left.logits(left.outputs(scores.size)).astype(np.float64)
            log_p = _log_softmax(ahead + self._right.logits(behind[k : k + 1])[:, : self.symbols])
            parents, symbols = choose(scores, log_p)
            nats = -log_p[parents, symbols]
            scores = scores[parents] - nats
            left.fork(parents)
            chosen, start = symbols[np.newaxis].astype(np.int32), place + 1
            steps.append((parents, chosen[0], nats))
        return _traced(steps, count)

    def _read_back(self, ids: Ids, places: NDArray[np.intp]) -> Array:
        """Read a text [N] backward, from its end.

        Returns the right stack's outputs next to the given places [n, H].
        """
        reader = Reader(self._right, at_once=self._at_once)
        outputs = np.empty((places.size, self._right.architecture.outputs), np.float32)
        end = ids.size
        for k in reversed(range(places.size)):
            reader.read(ids[end - 1 : places[k] : -1, np.newaxis])
            outputs[k] = reader.outputs(1)[0]
            end = places[k] + 1
        return outputs


def _bytes_with_gaps(text: str, mark: str, vocabulary: Vocabulary, unknown: str, where: str) -> Ids:
    """Return the symbols [N] of bytes with gaps, which are the symbol V."""
    whole = text.replace(mark, (vocabulary.seen or "\0")[0])  # gaps are no unknown bytes
    gaps = np.array([character == "\u0100" for character in text.replace(mark, "\u0100")])
    ids = np.concatenate([gaps[:0], *vocabulary.encode_blocks([whole], unknown=unknown, where=where)]).astype(np.int32)
    if unknown == "skip":
        gaps = gaps[np.concatenate(list(vocabulary.encode_blocks([whole], unknown=MARK))) != vocabulary.unknown_symbol]
    ids[gaps] = len(vocabulary)
    return ids


def _stack(network: Network, direction: int) -> Network:
    """Return a bidirectional network's stack as a network.

    ``direction`` is 0 for the left stack and 1 for the right one.
    """
    both = network.architecture
    alone = replace(both, vocabulary=both.symbols(direction), bidirectional=False, task="generate")
    parameters = {name: np.zeros(shape, np.float32) for name, shape in alone.parameter_shapes().items()}
    for name, values in parameters.items():
        if name == "embedding.E":
            values[...] = network.weights.named[name][: alone.vocabulary]
        elif not name.startswith("output."):
            values[...] = network.weights.named["reverse." * direction + name]
    # The logits of both stacks are added up before the softmax. No character is predicted to be a gap.
    V, c = network.weights.named["output.V" + "_reverse" * direction], network.weights.named["output.c"]
    parameters["output.V"][:, : both.vocabulary] = V
    parameters["output.c"][: both.vocabulary] = 0.0 if direction else c
    return Network(alone, parameters)


def _log_softmax(logits: Floats) -> Floats:
    """Return log-probabilities [B, V].

    Raises CharrnnError if the logits are not finite.
    """
    if not np.isfinite(logits).all():
        raise CharrnnError("the model's weights are so large that its predictions are not finite")
    logits = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(logits - log(exp(logits).sum(axis=1, keepdims=True)))


def _traced(steps: Sequence[tuple[NDArray[np.intp], Ids, Floats]], count: int) -> list[Filling]:
    """Trace the first rows of the last step back.

    A step is its parents, symbols and losses [B]. Returns at most ``count`` fillings.
    """
    rows = np.arange(min(count, steps[-1][0].size))
    symbols, nats = np.empty((len(steps), rows.size), np.int32), np.empty((len(steps), rows.size))
    for k in reversed(range(len(steps))):
        parents, chosen, costs = steps[k]
        symbols[k], nats[k], rows = chosen[rows], costs[rows], parents[rows]
    return [Filling(*both) for both in zip(symbols.T, nats.T, strict=True)]


def _likeliest(stretches: Sequence[Sequence[Filling]], count: int) -> list[Filling]:
    """Return the most probable ways to fill all stretches.

    They combine the most probable ways to fill each, as the stretches are independent.
    """
    totals, steps = np.zeros(1), []
    for fillings in stretches:
        costs = np.array([filling.nats.sum() for filling in fillings])
        # The i-th of one list with the j-th of the other can be among the best only if i·j ≤ count: the i·j
        # combinations up to them are at least as probable.
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
