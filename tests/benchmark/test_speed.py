"""What counts as work, and what a machine could do at most."""

import numpy as np
import pytest

from charrnn.benchmark import roof, suite
from charrnn.benchmark.flop import flop_per_character
from charrnn.benchmark.sides import sampling_side, training_side
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.errors import CharrnnError
from charrnn.kernels.llvm import peak
from charrnn.kernels.llvm.vector import LANES
from charrnn.model.network import Network
from charrnn.training.settings import default_lr
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.bench import small


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_flop_are_counted(cell, gates):
    """By hand: W of both layers, U of the second, V; 2 FLOP each forward, 6 in training; nothing for U of the first."""
    weights = 2 * gates * 20 * 20 + gates * 20 * 20 + 20 * 7
    architecture = Architecture(cell, vocabulary=7, hidden=20, layers=2)
    assert flop_per_character(architecture, training=False) == 2 * weights
    assert flop_per_character(architecture, training=True) == 6 * weights


def test_the_peak_is_of_real_arithmetic():
    """The kernel multiplies and adds as often as it says, on every entry."""
    sums = np.random.default_rng(0).uniform(-2, 2, (peak.SUMS, LANES)).astype(np.float32)
    expected = sums.astype(np.float64)
    for _ in range(37):
        expected = expected * np.float32(0.9) + np.float32(0.3)
    peak.multiply_and_add(sums, 0.9, 0.3, 37)
    assert np.abs(sums - expected).max() < 1e-5
    assert 2 * sums.size == peak.FLOP_PER_ROUND


def test_the_peak_is_of_all_threads(team, monkeypatch):
    """A step's work is done by each member of the team, and counted for each."""
    done = []
    monkeypatch.setattr(roof.peak, "multiply_and_add", lambda sums, factor, addend, rounds: done.append(rounds))
    assert roof.peak_side(team)(3) == 2 * 3 * roof.ROUNDS_A_STEP * peak.FLOP_PER_ROUND
    assert done == [3 * roof.ROUNDS_A_STEP] * 2


def test_numpys_product_has_a_process_of_its_own():
    """It answers each request; where it has ended, that is one sentence."""
    with roof.product_side(1) as side:
        assert [side(1), side(2)] == [2 * 1024**3, 4 * 1024**3]
    with pytest.raises(CharrnnError, match="NumPy"):
        side(1)


def test_a_training_step_is_a_step(corpus, team):
    """A side does the steps it is told to, past the end of an epoch too, and counts each character."""
    trainer = Trainer(TextData(small(), corpus), team)
    windows, predictions = trainer.steps.per_epoch, trainer.data.streams.steps
    assert training_side(trainer)(windows) == predictions
    assert training_side(trainer)(windows + 1) == predictions + 4 * 8
    assert trainer.state.step == 2 * windows + 1


def test_a_sampling_step_is_a_character(corpus):
    """A side draws as many characters as it is told to."""
    architecture = Architecture("gru", len(corpus.vocabulary), 16)
    assert sampling_side(Network(architecture, initialize(architecture, 0)), 1, None)(5) == 5


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_what_is_trained_is_what_pytorch_can_do(cell):
    """Adam with clipping at the cell's own rate; no dropout."""
    settings = suite.plain_settings(cell)
    assert (settings.optimizer, settings.lr, settings.dropout) == ("adam", default_lr(cell), 0.0)
    assert settings.clip
