"""Cells compared at equally many parameters: that they have them, that it is fair, and that it repeats itself."""

import json
from dataclasses import replace

import pytest

from charrnn.benchmark import comparison, report
from charrnn.benchmark.comparison import Trial, best, candidates, compare
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.reading.scoring import score
from charrnn.training.settings import Settings, default_lr
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer

PLAN = Settings(epochs=0.2, dropout=0.0, seq_length=8, batch_size=4, patience=0, seed=5)


# Sizes


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("vocabulary", "layers"), [(65, 1), (200, 2)])
def test_networks_are_equally_large(cell, vocabulary, layers):
    """Within two percent of what is asked for; no hidden size that the cell can have comes nearer."""
    found = candidates([cell], replace(PLAN, layers=layers), vocabulary, 100_000)
    for own in found.values():
        asked = {
            size: abs(replace(own, hidden=size).architecture(vocabulary).parameter_count() - 100_000)
            for size in range(own.hidden - 8, own.hidden + 9)
            if cell != "clockwork" or size % 4 == 0
        }
        assert min(asked, key=asked.__getitem__) == own.hidden
        assert asked[own.hidden] < 2_000
        assert own == replace(
            PLAN, layers=layers, cell=cell, hidden=own.hidden, lr=default_lr(cell), activation=own.activation
        )


def test_every_row_is_there():
    """Each cell once, but the vanilla network with each of its activations, by names that differ."""
    found = candidates(tuple(CELLS), PLAN, 65, 100_000)
    assert [own.cell for own in found.values()] == [
        cell for cell, row in CELLS.items() for _ in range(3 if row.options == ("activation",) else 1)
    ]
    assert [name for name, own in found.items() if own.activation] == ["rnn tanh", "rnn relu", "rnn sigmoid"]
    assert max(map(len, found)) <= report.CELLS_COLUMNS["network"]


@pytest.mark.parametrize(
    ("parameters", "units"), [(10, "1 hidden unit"), (300, "1 hidden unit"), (20 * 10**9, "units")]
)
def test_sizes_that_cannot_be_are_told(parameters, units):
    """The network, what it was to have, and what it can have at the nearest, where that is a tenth off or more."""
    with pytest.raises(CharrnnError, match=rf"lstm cannot have about {parameters:,} parameters .* nearest .* {units}"):
        candidates(["rnn", "lstm"] if parameters == 300 else ["lstm"], PLAN, 40, parameters)


# Runs


def test_the_best_rate_counts(monkeypatch, corpus):
    """All rates are tried in epochs; the run in time has the best of them. What runs away is worse than anything."""
    ran = []

    def run(settings, corpus, team):
        ran.append(settings)
        loss = {0.1: None, 0.01: 2.0, 0.001: 1.5, 0.0001: 1.5}.get(settings.lr, 3.0)
        return Trainer(TextData(settings, corpus), team), loss if settings.epochs else 1.25, 1000.0

    monkeypatch.setattr(comparison, "_run", run)
    with Team(1) as team:
        networks = candidates(["gru"], PLAN, len(corpus.vocabulary), 3000)
        (result,) = compare(networks, corpus, team, seconds=7.0, rates=(0.1, 0.01, 0.001, 0.0001))
        assert [(one.lr, one.epochs, one.seconds) for one in ran] == [
            (0.1, 0.2, None),
            (0.01, 0.2, None),
            (0.001, 0.2, None),
            (0.0001, 0.2, None),
            (0.001, None, 7.0),
        ]
        assert (result.loss, result.timed_loss, result.settings.lr, result.epochs) == (1.5, 1.25, 0.001, 0.2)
        assert result.trials[0] == Trial(0.1, None)
        ran.clear()
        (result,) = compare(networks, corpus, team, seconds=7.0)
        assert [one.lr for one in ran] == [default_lr("gru")] * 2
    assert len({replace(one, lr=1.0, epochs=1.0, seconds=None) for one in ran}) == 1


def test_nothing_is_better_than_a_loss_that_ran_away():
    """Any loss is better than none; where there is none, the first rate is taken."""
    assert best((Trial(3.0, None), Trial(2.0, 9.0))).lr == 2.0
    assert best((Trial(3.0, None), Trial(2.0, None))).lr == 3.0


def test_a_run_that_runs_away_does_not_end_the_comparison(running_away, corpus, team):
    """It has no loss, and the next network is trained."""
    networks = candidates(["gru", "lstm"], PLAN, len(corpus.vocabulary), 3000)
    results = list(compare(networks, corpus, team, seconds=0.1))
    assert [(result.name, result.loss, result.timed_loss) for result in results] == [
        ("gru", None, None),
        ("lstm", None, None),
    ]
    assert report.cells_row(results[0]).split()[4:6] == ["−", "−"]
    assert json.loads(json.dumps(results[0].as_dict()))["timed_loss"] is None


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_epochs_are_measured_to_the_same_figures(corpus, cell):
    """Whatever the number of threads; with another seed they differ. The loss is that of the best weights."""
    losses = []
    for threads, seed in ((1, 5), (2, 5), (1, 6)):
        with Team(threads) as members:
            networks = candidates([cell], replace(PLAN, seed=seed, epochs=2.0), len(corpus.vocabulary), 3000)
            own = next(iter(networks.values()))
            trainer, loss, speed = comparison._run(own, corpus, members)
            checkpoint = trainer.checkpoint()
            network = Network(checkpoint.architecture, checkpoint.parameters)
            again = score(
                network, trainer.data.validation[: max(2, trainer.steps.validation_interval * 32 // 5)], members
            )
        assert loss == again.nats_per_char
        assert speed > 0
        losses.append(loss)
    assert losses[0] == losses[1] != losses[2]


def test_the_time_is_used(corpus, team):
    """The run in time ends when it is over, and no sooner; its epochs are told."""
    networks = candidates(["rnn"], replace(PLAN, epochs=0.01), len(corpus.vocabulary), 3000)
    result = next(compare(networks, corpus, team, seconds=0.4))
    assert result.settings.seconds == 0.4
    assert result.timed_epochs * corpus.ids.size * 0.9 > 0.02 * result.chars_per_second
    assert result.timed_loss < result.loss
