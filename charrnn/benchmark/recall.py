"""How far back a cell remembers: a network must carry the number of a noun across a clause to its verb.

    the cat, never far behind, was hungry
    the cats, again alone there, were glad

The end of the noun decides between "was" and "were"; the clause between them is made of random words that do not help.
A network that has learned all but the agreement is right in half of the sentences. This is the agreement test of
Linzen, Dupoux & Goldberg 2016 without grammar in the clause, so that only the lag matters. It resembles the tasks of
Hochreiter & Schmidhuber 1997, in which one symbol must be remembered through many others.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from math import sqrt
from typing import Any

import numpy as np

from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.own_network import network_for
from charrnn.model.parameters import Array
from charrnn.model.team import Team
from charrnn.reading.losses import score_pieces
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

PLAIN = (
    "rnn",
    "irnn",
    "clockwork",
    "gru",
    "lstm",
    "mingru",
)  # the plain cell of each family, and irnn
STREAMS = 32  # sentences per step
LOWER = {"irnn": 0.001}  # learning rate; over long sentences, its gradient explodes at the rate of the others
SHORTEST = 3  # characters of a word

NOUNS = "ape bat bee cat cow cub dog eel emu hen jay owl pig pup ram rat yak"
FILLERS = (
    "now far out yet ever here once soon then away above again alone below early later never often still there today "
    "under always around behind inside nearby gladly perhaps quietly outside somehow"
)
# The words after the verb give sentences of both numbers the same length, so that each fills a window.
SINGULAR, PLURAL = "asleep clever gentle hungry lonely sleepy", "calm cold full glad lazy warm"

VOCABULARY = Vocabulary("".join(sorted({*", thewasre", *NOUNS, *FILLERS, *SINGULAR, *PLURAL})), separator="\n")


@dataclass(frozen=True)
class Task:
    """The size of the training and of the test."""

    distances: tuple[int, ...] = (5, 10, 20, 40, 80, 160)  # characters of the clause
    hidden: int = 64
    steps: int = 1500  # at each distance
    lr: float = 0.003  # a higher rate forgets what long sentences need
    validation: int = 500  # sentences
    pairs: int = 500  # of sentences in the test

    @property
    def sentences(self) -> int:
        """The number of sentences per distance, for training and validation."""
        return STREAMS * self.steps + self.validation


TASK = Task()


@dataclass(frozen=True)
class Recall:
    """How often a network knew the number of the noun: in `correct` of `sentences`; chance is half."""

    cell: str
    hidden: int
    parameters: int
    distance: int  # characters of the clause between the noun and the verb
    correct: int
    sentences: int

    @property
    def accuracy(self) -> float:
        """The share of sentences in which the right verb was more probable."""
        return self.correct / self.sentences

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy over all possible sentences (Wilson 1927)."""
        n, p, z = self.sentences, self.accuracy, 1.96
        middle, reach = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {**asdict(self), "accuracy": self.accuracy, "interval": self.interval}


def sentence(plural: bool, distance: int, draw: random.Random) -> str:
    """Make up a sentence with a clause of `distance` characters.

    All sentences of one distance have the same length.
    """
    noun, ending = draw.choice(NOUNS.split()), draw.choice((PLURAL if plural else SINGULAR).split())
    return f"the {noun}{'s' * plural}, {clause(distance, draw)}, {'were' if plural else 'was'} {ending}"


def clause(distance: int, draw: random.Random) -> str:
    """Make up words of exactly `distance` characters, including spaces.

    `distance` is at least SHORTEST.
    """
    words = []
    while distance > 0:
        words.append(draw.choice(_fitting(min(distance, 100))))
        distance -= len(words[-1]) + 1
    return " ".join(words)


@cache
def _fitting(room: int) -> tuple[str, ...]:
    """Return the words that fill `room` characters, or leave enough for more."""
    return tuple(word for word in FILLERS.split() if len(word) == room or len(word) + 1 + SHORTEST <= room)


def corpus(distance: int, count: int, seed: int) -> Corpus:
    """Make up sentences as documents, singular or plural at random."""
    draw = random.Random(f"{seed} learn {distance}")
    lines = (sentence(draw.random() < 0.5, distance, draw) for _ in range(count))
    return Corpus(VOCABULARY.encode("\n".join(lines)), VOCABULARY, ("made-up sentences",), "")


def questions(distance: int, pairs: int, seed: int) -> list[str]:
    """Make up sentences that end with the verb's second character.

    Each is followed by the same sentence with the wrong character. A singular and a plural share a clause, so a network
    that does not know the noun's number is right in exactly half of them.
    """
    draw, asked = random.Random(f"{seed} ask {distance}"), []
    for _ in range(pairs):
        noun, between = draw.choice(NOUNS.split()), clause(distance, draw)
        for end, right, wrong in (("", "a", "e"), ("s", "e", "a")):
            asked += [f"the {noun}{end}, {between}, w{letter}" for letter in (right, wrong)]
    return asked


def correct(network: Network, asked: Sequence[str], team: Team) -> int:
    """Return how often the first of two texts ends more probably.

    Only the last characters are compared.
    """
    boundary = VOCABULARY.boundary
    assert boundary is not None
    pieces = list(score_pieces(network, [VOCABULARY.encode("\n".join(asked))], team, boundary))
    ids, nats = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    last = nats[np.flatnonzero(ids == boundary + 1) - 1]
    return int(np.count_nonzero(last[::2] < last[1::2]))


def settings(cell: str, distance: int, seed: int, task: Task = TASK) -> Settings:
    """Return the settings for sentences of one distance.

    Each window of a stream is one whole sentence.
    """
    return Settings(
        cell=cell,
        hidden=task.hidden,
        dropout=0.0,
        lr=LOWER.get(cell, task.lr),
        batch_size=STREAMS,
        seq_length=len(sentence(False, distance, random.Random(0))) + 2,  # with its start and end symbols
        epochs=1.0,
        val_fraction=task.validation / task.sentences,
        patience=0,
        seed=seed,
    )


def recall(cell: str, team: Team, seed: int, task: Task = TASK) -> Iterator[Recall]:
    """Train a network on longer and longer distances; test it at each.

    Training on a distance starts from the weights of the shorter one, because the gradient of an untrained network does
    not reach far back in any cell. All cells have the same number of units and the same sentences, each once.
    """
    weights: Mapping[str, Array] | None = None
    for distance in task.distances:
        text = corpus(distance, task.sentences, seed)
        plan = settings(cell, distance, seed, task)
        try:
            trainer = Trainer(TextData(plan, text), team, weights)
        except CharrnnError:  # its state diverges on longer sentences: start over
            trainer = Trainer(TextData(plan, text), team)
        with suppress(CharrnnError):  # if the run diverges and gives up, the best weights so far count
            for _ in trainer.run():
                pass
        weights = trainer.checkpoint().parameters
        right = correct(network_for(trainer.architecture, weights), questions(distance, task.pairs, seed), team)
        yield Recall(cell, task.hidden, trainer.architecture.parameter_count(), distance, right, 2 * task.pairs)
