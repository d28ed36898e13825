"""PyTorch is given the same work, and does it."""

import numpy as np
import pytest

from charrnn.benchmark import pytorch
from charrnn.cells.architecture import Architecture
from charrnn.kernels.arguments import Windows
from charrnn.model import model_file
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.training.learner import Learner
from charrnn.training.rules import UpdateOptions
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers import ROOT
from tests.helpers.bench import NEEDS_TORCH, small


@NEEDS_TORCH
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_pytorch_trains_the_same_network(cell, corpus, team):
    """In each of its ways PyTorch counts the characters of whole windows, and reads the same text."""
    trainer = Trainer(TextData(small(cell=cell, layers=2), corpus), team)
    sides = pytorch.training_sides(trainer, 2)
    assert len(sides) == 2 * 2
    for side in sides.values():
        assert side(3) == 3 * 4 * 8
    ids, targets = np.zeros((8, 4), np.int32), np.zeros((8, 4), np.int32)
    trainer.data.streams.window(1, ids, targets)
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
    for side in pytorch.training_sides(Trainer(TextData(small(), corpus), team), 1).values():
        losses.clear()
        side(60)
        assert losses[-1].item() < 0.9 * losses[0].item()


def adam_in_pytorch(ours, ids, targets, rate):
    """Train an LSTM of one layer in float64, a step of Adam for each window of ids [N, T, B]; return its parameters."""
    torch = pytorch.require()
    torch.set_num_threads(1)
    hidden, symbols = ours["output.V"].shape
    layer = torch.nn.LSTM(symbols, hidden, dtype=torch.float64)
    output = torch.nn.Linear(hidden, symbols, dtype=torch.float64)
    with torch.no_grad():
        for name, letter in (("weight_ih_l0", "U"), ("weight_hh_l0", "W"), ("bias_ih_l0", "b")):
            gates = np.concatenate([ours[f"layer0.{letter}_{gate}"].T for gate in "ifgo"])
            getattr(layer, name).copy_(torch.from_numpy(gates))
        layer.bias_hh_l0.zero_().requires_grad_(False)
        output.weight.copy_(torch.from_numpy(ours["output.V"].T.copy()))
        output.bias.copy_(torch.from_numpy(ours["output.c"].copy()))
    learned = [p for part in (layer, output) for p in part.parameters() if p.requires_grad]
    optimizer, state = torch.optim.Adam(learned, lr=rate), None
    for read, wanted in zip(ids, targets, strict=True):
        x = torch.nn.functional.one_hot(torch.from_numpy(read), symbols).double()
        h, state = layer(x, state)
        state = tuple(values.detach() for values in state)
        loss = torch.nn.functional.cross_entropy(output(h).flatten(0, 1), torch.from_numpy(wanted).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = {"output.V": output.weight.T, "output.c": output.bias}
    for name, letter in (("weight_ih_l0", "U"), ("weight_hh_l0", "W"), ("bias_ih_l0", "b")):
        gates = zip("ifgo", getattr(layer, name).chunk(4), strict=True)
        found |= {f"layer0.{letter}_{gate}": part.T if part.ndim > 1 else part for gate, part in gates}
    return {name: values.detach().numpy() for name, values in found.items()}


@NEEDS_TORCH
def test_a_trained_network_learns_as_in_float64():
    """After 32 steps of Adam, weights are PyTorch's: among small gradients, a slope that is a bit wrong would be seen.

    PyTorch's own ways in float32 differ from float64 in 0.02 % and 0.005 % of the weights.
    """
    model = model_file.load(str(ROOT / "models" / "shakespeare.npz"))
    text = model.vocabulary.encode((ROOT / "corpora" / "fables.txt").read_text(encoding="utf-8"), unknown="skip")
    streams = np.lib.stride_tricks.sliding_window_view(text, 32 * 32 + 1)[:: len(text) // 17][:16]
    ids, targets = (part.T.reshape(32, 32, 16).astype(np.int64, "C") for part in (streams[:, :-1], streams[:, 1:]))
    with Team(1) as team:
        learner = Learner(Network(model.architecture, model.parameters), team, 16, 32, optimizer=UpdateOptions("adam"))
        windows = Windows(ids.astype(np.int32), targets.astype(np.int32), np.full(32, 32))
        learner.advance(windows, np.full(32, 0.01), fresh=np.repeat(np.arange(32) == 0, 16).reshape(32, 16))
        expected = adam_in_pytorch(model.parameters, ids, targets, 0.01)
        errors = [np.abs(learner.network.weights.named[name] - values).ravel() for name, values in expected.items()]
    assert (np.concatenate(errors) > 1e-4).mean() < 0.001


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
