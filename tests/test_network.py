"""The network's forward and backward passes against the naive twins."""

import numpy as np
import pytest

from charrnn.cells import CELLS, Architecture, initialise
from charrnn.network import Network, Window
from charrnn.workers import Workers
from tests import naive


class Case:
    """A network with random parameters and state, and the same for its naive twin in float64."""

    def __init__(
        self, cell, vocabulary, hidden, layers, batch, steps, *, threads=1, dropout=0.0, capacity=None, seed=0
    ):
        self.architecture = Architecture(cell, vocabulary, hidden, layers)
        rng = np.random.default_rng([seed, hidden, batch, steps])
        parameters = initialise(self.architecture, seed)
        for values in parameters.values():  # biases off zero, so that each is seen
            values += (0.1 * rng.standard_normal(values.shape)).astype(np.float32)
        self.network = Network(self.architecture, parameters)
        self.window = Window(self.architecture, batch, capacity or steps, dropout=dropout, training=True)
        self.steps, self.batch, self.threads = steps, batch, threads
        self.window.ids[:steps] = rng.integers(0, vocabulary, (steps, batch))
        self.window.targets[:steps] = rng.integers(0, vocabulary, (steps, batch))
        if steps * batch > 2:
            self.window.targets[steps - 1, batch - 1] = -1
        states = self.architecture.row.states
        carried = (0.5 * rng.standard_normal((layers, len(states), batch, hidden))).astype(np.float32)
        self.window.assign_carried(carried)
        self.parameters = {name: values.astype(np.float64) for name, values in parameters.items()}
        self.state = [
            {name: carried[layer, k].astype(np.float64) for k, name in enumerate(states)} for layer in range(layers)
        ]
        self.counted = int((self.window.targets[:steps] >= 0).sum())
        self.keys = tuple(range(17, 17 + layers)) if dropout else ()

    def run(self):
        """Go forward and back over the window, on a team of threads."""
        network, window, steps = self.network, self.window, self.steps
        network.prepare_training(self.threads)
        self.logits = None
        for array in (window.z, window.dh, window.other_gradients, window.logits):
            array[:] = 7.0  # what an earlier window left behind must not matter
        with Workers(self.threads) as team:

            def job(worker):
                first, last = team.share(self.batch, worker)
                if not self.keys:
                    network.forward(window, first, last, steps)
                    team.wait()
                    if worker == 0:
                        self.logits = window.logits[:steps, :, : self.architecture.vocabulary].copy()
                    team.wait()
                scale = 1.0 / self.counted
                network.forward_backward(window, first, last, steps, scale, self.keys)
                team.wait()
                network.add_gradients(window, worker, team.size, steps, dropped=bool(self.keys))

            team.run(job)
        return self

    @property
    def masks(self):
        """The masks that were drawn, for the twin."""
        size = self.architecture.hidden
        return [mask[: self.steps, :, :size].astype(np.float64) for mask in self.window.masks] if self.keys else None


def assert_close(ours, twin, name):
    """Hold float32 results to the float64 twin's: an error of a few roundings of the largest entry."""
    scale = max(np.abs(twin).max(), 1e-3)
    np.testing.assert_allclose(ours, twin, rtol=2e-5, atol=2e-6 * scale + 1e-8, err_msg=name)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("hidden", "batch", "steps", "layers"),
    [(1, 1, 1, 1), (7, 3, 5, 2), (33, 17, 3, 1), (16, 9, 4, 3), (50, 1, 17, 1)],
)
def test_forward_equals_the_naive_twin(cell, hidden, batch, steps, layers):
    """Logits, losses and last states are the twin's, from a non-zero state, at ragged sizes."""
    case = Case(cell, 5 + hidden, hidden, layers, batch, steps).run()
    logits, final, _ = naive.forward(cell, case.parameters, case.window.ids[:steps], case.state)
    assert_close(case.logits, logits, "logits")
    loss = naive.loss(cell, case.parameters, case.window.ids[:steps], case.window.targets[:steps], case.state)
    assert case.window.losses[:steps].sum() / case.counted == pytest.approx(loss, rel=1e-5)
    case.window.carry(0, batch, steps)
    carried = case.window.carried()
    for layer, states in enumerate(final):
        for k, name in enumerate(case.architecture.row.states):
            assert_close(carried[layer, k], states[name], f"layer{layer}.{name}")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_every_gradient_equals_the_complex_step_derivative(cell, layers, dropout):
    """Each weight's, input's and carried state's gradient is the twin's derivative, from a non-zero state."""
    steps = 4
    case = Case(cell, 5, 6, layers, 3, steps, dropout=dropout, capacity=steps + 2).run()
    window = case.window
    one_hot = np.eye(5)[window.ids[:steps]]
    expected = naive.loss_gradients(cell, case.parameters, one_hot, window.targets[:steps], case.state, case.masks)
    for name, gradient in case.network.gradient.named.items():
        assert_close(gradient, expected.pop(name), name)
    for layer in range(layers):
        for k, name in enumerate(case.architecture.row.states):
            gradient = window.other_gradients[k - 1, layer] if k else window.dh[layer]
            assert_close(gradient[0, :, :6], expected.pop(f"layer{layer}.{name}"), f"{layer}.{name}")
    U = case.network.weights.blocks[0]
    assert_close(window.z[0][:steps, :, : U.shape[1]] @ U.T, expected.pop("x"), "x")
    assert not expected


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("batch", [1, 5, 16, 25])
def test_any_number_of_threads_gives_the_same_bits(cell, batch):
    """Gradients, losses and states do not depend on how rows and columns are shared out."""
    runs = [Case(cell, 70, 40, 2, batch, 6, threads=threads, dropout=0.3).run() for threads in (1, 2, 3, 7)]
    for other in runs[1:]:
        assert runs[0].network.gradient.flat.tobytes() == other.network.gradient.flat.tobytes()
        assert runs[0].window.losses.tobytes() == other.window.losses.tobytes()


@pytest.mark.parametrize("cell", CELLS)
def test_one_window_equals_two_with_the_state_carried(cell):
    """A text read in one window or in two gives the same losses to the bit."""
    whole, parts = (Case(cell, 9, 20, 2, 4, 8, capacity=8) for _ in range(2))
    whole.network.forward(whole.window, 0, 4, 8)
    whole.network.losses(whole.window, 0, 4, 8)
    ids, targets = parts.window.ids.copy(), parts.window.targets.copy()
    losses = []
    for begin, end in ((0, 5), (5, 8)):
        steps = end - begin
        parts.window.ids[:steps], parts.window.targets[:steps] = ids[begin:end], targets[begin:end]
        parts.network.forward(parts.window, 0, 4, steps)
        parts.network.losses(parts.window, 0, 4, steps)
        losses.append(parts.window.losses[:steps].copy())
        parts.window.carry(0, 4, steps)
    assert np.concatenate(losses).tobytes() == whole.window.losses.tobytes()


@pytest.mark.parametrize("cell", CELLS)
def test_padding_stays_zero(cell):
    """Nothing flows into the padding of the blocks, so that the flat vector's norm is the parameters' norm."""
    case = Case(cell, 21, 19, 2, 3, 5).run()
    gradient = case.network.gradient
    named = sum(float((view.astype(np.float64) ** 2).sum()) for view in gradient.named.values())
    assert float((gradient.flat.astype(np.float64) ** 2).sum()) == pytest.approx(named, rel=1e-12)


def test_dropout_keeps_its_share_and_changes_with_the_key():
    """A mask keeps about the given share, scaled to keep the mean, and another step's key draws another mask."""
    case = Case("rnn", 5, 64, 1, 16, 32, dropout=0.25).run()
    mask = case.window.masks[0]
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (mask > 0).mean() == pytest.approx(0.75, abs=0.01)
    before = mask.copy()
    case.network.forward_backward(case.window, 0, 16, 32, 1.0, (99,))
    assert (case.window.masks[0] != before).mean() > 0.3


def test_concatenated_parameters_come_back():
    """The unpadded flat form of the parameters holds them all."""
    case = Case("gru", 11, 13, 2, 1, 1)
    weights = case.network.weights
    flat = weights.concatenated()
    assert flat.size == case.architecture.parameter_count()
    before = weights.flat.copy()
    weights.flat[:] = 0
    weights.assign_concatenated(flat)
    assert weights.flat.tobytes() == before.tobytes()
