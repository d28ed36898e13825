"""How far back cells remember: sentences that tell nothing else, and answers that are counted right."""

import random
from collections import Counter

import numpy as np
import pytest

from charrnn.benchmark import recall, report
from charrnn.benchmark.recall import Recall, Task, corpus, correct, questions, sentence
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.bench import SMALL_TASK


def split(text):
    """Return a sentence's noun phrase, clause, verb and what follows."""
    subject, between, rest = text.split(", ")
    return subject.split(), between, *rest.split()


# Sentences


@pytest.mark.parametrize("distance", [*range(3, 24), *recall.TASK.distances[2:]])
def test_a_clause_is_as_long_as_asked(distance):
    """Whole words, none of them a verb, to the character; and so all sentences of a distance are equally long."""
    draw = random.Random(distance)
    lines = [sentence(plural, distance, draw) for plural in (False, True) for _ in range(50)]
    assert len({len(line) for line in lines}) == 1
    for line in lines:
        _, between, *_ = split(line)
        assert len(between) == distance
        assert set(between.split(" ")) <= set(recall.FILLERS.split())
    assert len({split(line)[1] for line in lines}) > 1 or distance == 3


@pytest.mark.parametrize("distance", recall.TASK.distances)
def test_the_noun_tells_the_number_and_nothing_else_does(distance):
    """The same draws make sentences of both numbers that agree up to the verb, but for the noun's end."""
    for seed in range(30):
        one, many = (split(sentence(plural, distance, random.Random(seed))) for plural in (False, True))
        assert many[0] == ["the", one[0][1] + "s"]
        assert many[1] == one[1]
        assert (one[2], many[2]) == ("was", "were")
    words = [word for line in (recall.NOUNS, recall.FILLERS) for word in line.split()]
    assert len(set(words)) == len(words)
    assert not any(word.endswith("s") for word in recall.NOUNS.split())
    assert len(recall.SINGULAR.split()) == len(recall.PLURAL.split())


def test_numbers_are_drawn_by_lot():
    """Both numbers come about equally often, wherever in the text, and so does every noun with each of them."""
    lines = recall.VOCABULARY.decode(corpus(10, 4000, 0).ids).splitlines()
    many = np.array([" were " in line for line in lines])
    assert abs(many.mean() - 0.5) < 0.04
    assert abs((many[1:] == many[:-1]).mean() - 0.5) < 0.04
    nouns = Counter(split(line)[0][1] for line in lines)
    assert len(nouns) == 2 * len(recall.NOUNS.split())
    assert min(nouns.values()) > 60


def test_sentences_depend_on_the_seed_alone():
    """The same seed makes the same sentences; another one, or what is asked instead of learnt, makes others."""
    assert (corpus(20, 50, 1).ids == corpus(20, 50, 1).ids).all()
    assert (corpus(20, 50, 1).ids != corpus(20, 50, 2).ids).any()
    assert questions(20, 9, 1) == questions(20, 9, 1)
    learnt = {split(line)[1] for line in recall.VOCABULARY.decode(corpus(40, 2000, 3).ids).splitlines()}
    assert not learnt & {line.split(", ")[1] for line in questions(40, 500, 3)}


def test_questions_come_in_fours():
    """Singular right and wrong, plural right and wrong, with one noun and clause: each answer is right in half."""
    asked = questions(10, 30, 0)
    assert len(asked) == 4 * 30
    for place in range(0, len(asked), 4):
        stems = [line[:-1] for line in asked[place : place + 4]]
        assert [line[-3:] for line in asked[place : place + 4]] == [" wa", " we", " we", " wa"]
        assert stems[0] == stems[1]
        assert stems[2] == stems[3] == stems[0].replace(",", "s,", 1)


@pytest.mark.parametrize("distance", [5, 33])
def test_each_window_is_one_sentence(team, distance):
    """No sentence is cut by a window's end, so the gradient reaches all the way; fresh ones are held out."""
    text = corpus(distance, SMALL_TASK.sentences, 0)
    settings = recall.settings("rnn", distance, 7, SMALL_TASK)
    trainer = Trainer(TextData(settings, text), team)
    assert trainer.settings == settings  # nothing had to be fitted to the text
    assert (trainer.settings.seed, trainer.settings.patience) == (7, 0)
    assert trainer.steps.total == trainer.steps.per_epoch == SMALL_TASK.steps
    inputs, targets, steps = trainer.data.streams.span(0, SMALL_TASK.steps)
    boundary = recall.VOCABULARY.boundary
    assert (inputs[:, 0] == boundary).all()
    assert (inputs == boundary).sum() == SMALL_TASK.steps * recall.STREAMS
    assert (targets[:, -2] == boundary).all()
    assert (steps[:-1] == inputs.shape[1]).all()
    assert (trainer.data.validation == boundary).sum() == SMALL_TASK.validation


def test_rates_are_the_same_but_for_cells_that_need_a_lower_one():
    """What is compared is the cells: all learn at one rate, but for one that it is too high for."""
    assert [recall.settings(cell, 5, 0).lr for cell in recall.PLAIN] == [0.003, 0.001, 0.003, 0.003, 0.003, 0.003]


# Answers


def oracle(verdict):
    """Stand in for `score_pieces`: a text's last character costs 1, or 0 where `verdict` says so of the text."""

    def score_pieces(network, blocks, team, boundary):
        (ids,) = blocks
        costs = []
        for line in recall.VOCABULARY.decode(ids).splitlines():
            costs += [5.0] * (len(line) - 1) + [0.0 if verdict(line) else 1.0, 7.0]  # and its end
        shown = ids[ids != boundary]
        half = shown.size // 2
        yield shown[:half], np.array(costs[:half])
        yield shown[half:], np.array(costs[half:])

    return score_pieces


def agrees(line):
    """Tell whether a beginning of a sentence goes on as it should."""
    return line.split(",")[0].endswith("s") == line.endswith("e")


@pytest.mark.parametrize(
    ("verdict", "right"),
    [
        (agrees, 60),
        (lambda line: not agrees(line), 0),
        (lambda line: line.endswith("a"), 30),
        (lambda line: line.endswith("e"), 30),
        (lambda line: True, 0),
    ],
)
def test_who_knows_is_right_and_who_guesses_in_half(monkeypatch, verdict, right):
    """All, none, and exactly half for whoever says the same of both numbers; equally probable is not right."""
    monkeypatch.setattr(recall, "score_pieces", oracle(verdict))
    assert correct(None, questions(10, 30, 0), None) == right


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_a_network_that_has_learnt_nothing_guesses(team, cell):
    """About half of its answers are right."""
    architecture = Architecture(cell, len(recall.VOCABULARY), 16)
    for seed in range(3):
        network = Network(architecture, initialize(architecture, seed))
        assert 0.4 < correct(network, questions(40, 200, seed), team) / 400 < 0.6


def test_a_network_learns_a_short_clause(team):
    """After a moment of training it knows nearly all of the shortest distance; the figures are those of its run."""
    task = Task(distances=(5,), hidden=32, steps=350, lr=0.02, validation=64, pairs=100)
    (result,) = recall.recall("lstm", team, 1, task)
    assert result.accuracy > 0.9
    assert (result.cell, result.hidden, result.distance, result.sentences) == ("lstm", 32, 5, 200)
    assert result.parameters == Architecture("lstm", len(recall.VOCABULARY), 32).parameter_count()


def test_each_distance_goes_on_from_the_last(monkeypatch, team):
    """The best weights of one distance are the first of the next one, and those that are tested."""
    began, tested = [], []

    class Noted(Trainer):
        def __init__(self, data, team, initial=None):
            began.append(initial)
            super().__init__(data, team, initial)

    def noted(network, asked, team):
        tested.append({name: view.copy() for name, view in network.weights.named.items()})
        return 1

    monkeypatch.setattr(recall, "Trainer", Noted)
    monkeypatch.setattr(recall, "correct", noted)
    assert [result.distance for result in recall.recall("lstm", team, 0, SMALL_TASK)] == [5, 12]
    first, second = began
    assert first is None
    assert all((second[name] == value).all() for name, value in tested[0].items())
    assert any((tested[1][name] != value).any() for name, value in tested[0].items())


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_the_same_seed_measures_the_same(monkeypatch, cell):
    """On one thread or two the weights that are tested are the same, bit for bit; with another seed they differ."""
    weights = []
    monkeypatch.setattr(
        recall, "correct", lambda network, asked, team: weights.append(network.weights.concatenated()) or 1
    )
    for threads, seed in ((1, 0), (2, 0), (1, 1)):
        with Team(threads) as members:
            list(recall.recall(cell, members, seed, SMALL_TASK))
    for place in (0, 1):
        assert (weights[place] == weights[place + 2]).all()
        assert (weights[place] != weights[place + 4]).any()


def test_a_loss_that_runs_away_is_a_result(running_away, team):
    """The best weights so far are tested, and the next distance is tried."""
    assert [result.distance for result in recall.recall("rnn", team, 0, SMALL_TASK)] == [5, 12]


def test_weights_that_longer_sentences_blow_up_are_given_up(monkeypatch, team):
    """Where the weights of one distance make no sense at the next, that one is learnt from the beginning."""
    real, began = Trainer.__init__, []

    def refuse(self, data, team, initial=None):
        began.append(initial is not None)
        if initial is not None:
            raise CharrnnError("the initial weights do not fit this text")
        real(self, data, team)

    monkeypatch.setattr(Trainer, "__init__", refuse)
    assert [result.distance for result in recall.recall("rnn", team, 0, SMALL_TASK)] == [5, 12]
    assert began == [False, True, False]


def test_the_interval_is_wilsons():
    """Within it lies the true share, in 95 of 100 cases: symmetric at one half, and never beyond 0 and 1."""
    assert Recall("lstm", 8, 9, 5, 500, 1000).interval == pytest.approx((0.4691, 0.5309), abs=1e-4)
    assert Recall("lstm", 8, 9, 5, 100, 100).interval == pytest.approx((0.9630, 1.0), abs=1e-4)
    low, high = Recall("lstm", 8, 9, 5, 0, 10).interval
    assert -1e-12 < low < 1e-12 < high < 0.3


def test_a_head_fits_its_rows():
    """As many distances as there are, and names as long as the longest cell's."""
    row = report.memory_row([Recall("gru-reset-before", 64, 12_345, 160, 1000, 1000)] * 6)
    assert len(row) == len(report.memory_head(recall.TASK.distances)) < 100
