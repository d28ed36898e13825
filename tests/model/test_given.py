"""Networks that generate under a condition, beside their naive twins, and as plain networks for one condition."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.table import CELLS
from charrnn.errors import CharrnnError
from charrnn.model.given import network_given
from charrnn.model.network import Network
from charrnn.model.window import Window
from tests.helpers.examples import ExampleCase
from tests.helpers.networks import assert_close, assert_gradients

STEPS = ("every", "first")


class Conditioned(ExampleCase):
    """A network with a condition of three numbers; if it is read in a step of its own, that is step 0 of a window."""

    def __init__(self, given_at="every", lengths=(4, 1, 3), **options):
        super().__init__("generate", lengths, conditions=3, given_at=given_at, **options)
        self.own = given_at == "first"

    def batch(self):
        """Return the batch: with a step of its own for the condition, which predicts nothing."""
        batch = super().batch()
        if not self.own:
            return batch
        ids, targets = np.roll(batch.ids, 1, 0), np.roll(batch.targets, 1, 0)
        ids[0], targets[0] = 2, -1
        return batch._replace(ids=ids, targets=targets, ends=batch.ends + 1, length=batch.length + 1)

    def predict(self):
        """Return what the network predicts of each text."""
        batch = self.batch()
        self.network.forward_examples(self.window, batch, 0, len(self.lengths))
        outputs = self.window.logits[int(self.own) :, :, : self.architecture.predicted]
        return [outputs[:n, b].copy() for b, n in enumerate(self.lengths)]

    @property
    def masks(self):
        """The masks that were drawn, for each example."""
        if not self.keys.size:
            return [None] * len(self.lengths)
        drawn = self.window.masks[:, :, :, : self.architecture.outputs].astype(np.float64)
        return [[mask[: n + self.own, b] for mask in drawn] for b, n in enumerate(self.lengths)]


def hold_to_twin(case, threads=1):
    """Hold outputs, losses and gradients to the twin's."""
    if not case.keys.size:
        for ours, twin in zip(case.predict(), case.twin_outputs(), strict=True):
            assert_close(ours, twin, "outputs")
    case.gradients, case.state = case.learn(threads), []
    steps = case.batch().length
    assert_close(case.window.losses[:steps].sum(dtype=np.float64) * case.scale, case.twin_loss(), "loss")
    assert_gradients(case)


@pytest.mark.parametrize("given_at", STEPS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_reads_conditions(cell, given_at):
    """Gradients of every cell with a condition, at every step and in a step of its own, with two layers."""
    hold_to_twin(Conditioned(given_at, cell=cell, layers=2, first_state="learned"))


@pytest.mark.parametrize("given_at", STEPS)
@pytest.mark.parametrize("options", [{"embedding": 4}, {"dropout": 0.4, "layers": 2}], ids=["embedding", "dropout"])
def test_conditions_go_with_an_embedding_and_dropout(options, given_at):
    """Gradients with an embedding, and with dropout's masks."""
    hold_to_twin(Conditioned(given_at, **options))


@pytest.mark.parametrize("given_at", STEPS)
def test_threads_do_not_change_the_bits(given_at):
    """The gradient has the same bits with any number of threads."""
    one, more = (Conditioned(given_at, (9, 2, 7, 5, 1), hidden=40, layers=2) for _ in range(2))
    for name, gradient in one.learn(1).items():
        assert gradient.tobytes() == more.learn(3)[name].tobytes(), name


def read_plainly(network, text):
    """Return what a network without a condition predicts of a text."""
    window = Window(network.architecture, 1, len(text))
    window.ids[:, 0] = text
    network.begin(window, 0, 1)
    network.forward(window, 0, 1, len(text))
    return window.logits[:, 0, : network.architecture.vocabulary].copy()


@pytest.mark.parametrize("given_at", STEPS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_network_under_a_condition_is_a_plain_one(cell, given_at):
    """A network for one condition predicts what the network with conditions does, and keeps what it started from."""
    case = Conditioned(given_at, cell=cell, layers=2)
    for text, v, outputs in zip(case.inputs, case.given, case.predict(), strict=True):
        plain = network_given(case.network, v)
        assert not plain.architecture.conditions
        np.testing.assert_allclose(read_plainly(plain, text), outputs, rtol=1e-4, atol=2e-6)
        np.testing.assert_allclose(read_plainly(plain.without(0), text)[:, 1:], outputs[:, 1:], rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_a_condition_of_zeros_changes_nothing(cell):
    """With zeros at every step, the bits are those of the same network without a condition."""
    case = Conditioned("every", cell=cell)
    case.given[:] = 0.0
    options = {name: getattr(case.architecture, name) for name in case.architecture.row.options}
    plain = Architecture(cell, case.architecture.vocabulary, case.architecture.hidden, **options)
    network = Network(plain, {name: case.network.weights.named[name] for name in plain.parameter_shapes()})
    for text, outputs in zip(case.inputs, case.predict(), strict=True):
        np.testing.assert_array_equal(read_plainly(network, text), outputs)


def test_only_a_generator_has_conditions():
    """Another task, a step that is none, and a condition of another size are refused."""
    with pytest.raises(CharrnnError, match="no condition"):
        Architecture("lstm", 5, 6, task="classify", targets=3, conditions=2)
    with pytest.raises(CharrnnError, match="unknown step"):
        Architecture("lstm", 5, 6, conditions=2, given_at="last")
    with pytest.raises(CharrnnError, match="at no step"):
        Architecture("lstm", 5, 6, given_at="every")
    with pytest.raises(ValueError, match="3 numbers"):
        network_given(Conditioned().network, np.zeros(2, np.float32))
