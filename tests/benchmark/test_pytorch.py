"""PyTorch is given the same work, and does it."""

import numpy as np
import pytest

from charrnn.benchmark import pytorch
from charrnn.cells.architecture import Architecture
from charrnn.training.trainer import Trainer
from tests.helpers.bench import NEEDS_TORCH, small


@NEEDS_TORCH
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_pytorch_trains_the_same_network(cell, corpus, team):
    """In each of its ways PyTorch counts the characters of whole windows, and reads the same text."""
    trainer = Trainer(small(cell=cell, layers=2), corpus, team)
    sides = pytorch.training_sides(trainer, 2)
    assert len(sides) == 2 * 2
    for side in sides.values():
        assert side(3) == 3 * 4 * 8
    ids, targets = np.zeros((8, 4), np.int32), np.zeros((8, 4), np.int32)
    trainer.streams.window(1, ids, targets)
    inputs, outputs = pytorch._windows(trainer)[1]
    assert (inputs.numpy() == ids).all()
    assert (outputs.numpy() == targets).all()
    layers = pytorch._network(trainer.architecture, one_hot=True)
    learnt = sum(p.numel() for part in layers for p in part.parameters())
    second_biases = {"lstm": 4, "gru": 2, "rnn": 1}[cell]  # PyTorch has two for each gate
    assert learnt == trainer.architecture.parameter_count() + 2 * 16 * second_biases


@NEEDS_TORCH
def test_pytorch_learns(corpus, team, monkeypatch):
    """Its steps are those of an optimizer: the loss falls."""
    import torch

    losses = []
    entropy = torch.nn.functional.cross_entropy

    def noted(*arguments):
        losses.append(entropy(*arguments))
        return losses[-1]

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", noted)
    for side in pytorch.training_sides(Trainer(small(), corpus, team), 1).values():
        losses.clear()
        side(60)
        assert losses[-1].item() < 0.9 * losses[0].item()


@NEEDS_TORCH
@pytest.mark.parametrize("streams", [1, 64])
def test_pytorch_samples(streams):
    """One character in each stream is a step; an LSTM is tried with and without oneDNN, and that is left as it was."""
    import torch

    for cell, onednn in (("gru", True), ("lstm", True), ("lstm", False)):
        sides = pytorch.sampling_sides(Architecture(cell, 30, 16, 2), streams, 2, onednn=onednn)
        assert len(sides) == 2
        for side in sides.values():
            assert side(3) == 3 * streams
    assert torch.backends.mkldnn.enabled
