"""Networks with random weights beside the same for their naive twins, and how their results are held to each other."""

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.model.bidirectional import read_both
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.model.window import Window
from tests import naive
from tests.rows import fitted

V, H = 4, 6  # vocabulary and hidden size of bidirectional networks, if nothing else is said


def opinionated(cell="lstm", symbols=9, hidden=20, layers=2, scale=2.0, seed=5):
    """Make a network with an opinion: first weights times a scale."""
    architecture = Architecture(cell, symbols, hidden, layers)
    return Network(architecture, {k: v * np.float32(scale) for k, v in initialize(architecture, seed).items()})


def zero_state(architecture, streams=1):
    """Return zero states for the naive twin, a dictionary a layer."""
    return [
        {name: np.zeros((streams, architecture.width(name))) for name in architecture.row.states}
        for _ in range(architecture.layers)
    ]


class Case:
    """A network with random parameters and state, and the same for its naive twin in float64."""

    def __init__(
        self,
        cell,
        vocabulary,
        hidden,
        layers,
        batch,
        steps,
        *,
        threads=1,
        dropout=0.0,
        capacity=None,
        seed=0,
        **options,
    ):
        self.architecture = Architecture(cell, vocabulary, hidden, layers, **options)
        twins = {"activation": self.architecture.activation, "periods": self.architecture.periods}
        self.options = {name: value for name, value in twins.items() if value is not None}
        rng = np.random.default_rng([seed, hidden, batch, steps])
        parameters = initialize(self.architecture, seed)
        for values in parameters.values():  # biases and peepholes off zero, so that each is seen
            if values.ndim == 1 or not values.any():
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
        for k, state in enumerate(states):
            carried[:, k, :, self.architecture.width(state) :] = 0.0
            if state == "clock":
                carried[:, k] = rng.integers(0, self.architecture.unit_periods(), (layers, batch, hidden))
        self.window.assign_carried(carried)
        self.parameters = {name: values.astype(np.float64) for name, values in parameters.items()}
        self.state = [
            {
                name: carried[layer, k, :, : self.architecture.width(name)].astype(np.float64)
                for k, name in enumerate(states)
            }
            for layer in range(layers)
        ]
        self.counted = int((self.window.targets[:steps] >= 0).sum())
        self.keys = tuple(range(17, 17 + layers)) if dropout else ()

    def run(self):
        """Go forward and back over the window, on a team of threads."""
        network, window, steps = self.network, self.window, self.steps
        network.prepare_training(self.threads)
        self.logits = self.read_losses = None
        for array in (window.z, window.states[:, :, 1:], *window.buffers[2:]):
            array[:] = 7.0  # what an earlier window left behind must not matter
        with Team(self.threads) as team:

            def job(worker):
                first, last = team.share(self.batch, worker)
                if not self.keys:
                    network.forward(window, first, last, steps)
                    team.wait()
                    if worker == 0:
                        self.logits = window.logits[:steps, :, : self.architecture.vocabulary].copy()
                    team.wait()
                    network.losses(window, first, last, steps)
                    team.wait()
                    if worker == 0:
                        self.read_losses = window.losses[:steps].copy()
                    team.wait()
                scale = 1.0 / self.counted
                network.forward_backward(window, first, last, steps, scale, self.keys)
                team.wait()
                network.add_gradients(window, team, worker, steps, dropped=bool(self.keys))

            team.run(job)
        return self

    @property
    def masks(self):
        """The masks that were drawn, for the twin."""
        size = self.architecture.outputs
        return [mask[: self.steps, :, :size].astype(np.float64) for mask in self.window.masks] if self.keys else None

    @property
    def gradients(self):
        """The gradient of every parameter and carried state, by the twin's names."""
        named = dict(self.network.gradient.named)
        for layer in range(self.architecture.layers):
            for k, name in enumerate(self.architecture.row.learnable_states):
                gradient = self.window.d_others[k - 1, layer] if k else self.window.dh[layer]
                named[f"layer{layer}.{name}"] = gradient[0, :, : self.architecture.width(name)]
        return named

    def twin_loss(self, moved):
        """Return the twin's loss where some parameters or carried states are others."""
        ids, targets = self.window.ids[: self.steps], self.window.targets[: self.steps]
        state = [
            {name: moved.get(f"layer{layer}.{name}", values) for name, values in states.items()}
            for layer, states in enumerate(self.state)
        ]
        return naive.loss(
            self.architecture.cell, {**self.parameters, **moved}, ids, targets, state, self.masks, **self.options
        )


def assert_close(ours, twin, name):
    """Hold float32 results to the float64 twin's: an error of a few roundings of the largest entry."""
    scale = max(np.abs(twin).max(), 1e-3)
    np.testing.assert_allclose(ours, twin, rtol=2e-5, atol=3e-6 * scale + 1e-8, err_msg=name)


def assert_last_states(case, final):
    """Hold what is carried on to the twin's."""
    case.window.carry(0, case.batch, case.steps)
    carried = case.window.carried()
    for layer, states in enumerate(final):
        for k, name in enumerate(case.architecture.row.states):
            width = case.architecture.width(name)
            assert_close(carried[layer, k, :, :width], states[name], f"layer{layer}.{name}")
            assert not carried[layer, k, :, width:].any()


def assert_gradients(case):
    """Hold gradients to the twin's derivatives along random directions, one for all arrays with the same prefix.

    A direction weighs every entry by about ±1/its size, so that a single entry that is wrong is seen among millions.
    """
    rng = np.random.default_rng(0)
    gradients = {name: gradient.astype(np.float64) for name, gradient in case.gradients.items()}
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())
    values = dict(case.parameters)
    for layer, states in enumerate(case.state):
        values |= {f"layer{layer}.{name}": state for name, state in states.items() if name != "clock"}
    for prefix in sorted({name.partition(".")[0] for name in gradients}):
        group = {name: gradient for name, gradient in gradients.items() if name.startswith(prefix)}
        largest = max(np.abs(gradient).max() for gradient in group.values())
        moved, ours = {}, 0.0
        for name, gradient in group.items():
            small = 0.1 * np.abs(gradient).mean() + 1e-3 * largest + 1e-9  # what cancels has roundings of its terms
            direction = rng.choice([-1.0, 1.0], gradient.shape) / (np.abs(gradient) + small)
            moved[name] = values[name] + 1e-30j * direction
            ours += (gradient * direction).sum()
        twin = case.twin_loss(moved).imag / 1e-30
        assert abs(ours - twin) < 1e-4 * np.sqrt(sum(gradient.size for gradient in group.values())), prefix


def assert_same_bits(one, other):
    """Hold two cases to have left the same in the gradient and in every buffer."""
    assert one.network.gradient.flat.tobytes() == other.network.gradient.flat.tobytes()
    for mine, its in zip(one.window.buffers, other.window.buffers, strict=True):
        assert mine.tobytes() == its.tobytes()


OPTIONS = {"clockwork": {"periods": (1, 2, 5)}, "lstm-projection": {"projection": 4}}


def bidirectional(cell, *, layers=1, vocabulary=V, hidden=H, seed=0, first_state="learned", embedding=0):
    """Draw a bidirectional network, with biases and first states off zero so that each is seen; its twin's options."""
    options = {**fitted(hidden, OPTIONS.get(cell, {})), "embedding": embedding}
    sizes = cell, vocabulary, hidden, layers
    architecture = Architecture(*sizes, bidirectional=True, first_state=first_state, **options)
    rng = np.random.default_rng([seed, layers])
    parameters = initialize(architecture, seed)
    for values in parameters.values():
        if values.ndim == 1 or not values.any():
            values += (0.3 * rng.standard_normal(values.shape)).astype(np.float32)
    twins = {"activation": architecture.activation, "periods": architecture.periods}
    return Network(architecture, parameters), {name: value for name, value in twins.items() if value is not None}


class Both:
    """A bidirectional network over a window with gaps."""

    def __init__(self, cell, layers, batch=3, steps=5, *, dropout=0.0, hidden=H, vocabulary=V, embedding=0):
        sizes = {"layers": layers, "hidden": hidden, "vocabulary": vocabulary, "embedding": embedding}
        self.network, self.options = bidirectional(cell, **sizes)
        rng = np.random.default_rng(5)
        self.ids = rng.integers(0, vocabulary, (steps, batch)).astype(np.int32)
        hidden_ones = rng.random((steps, batch)) < 0.4
        self.seen = np.where(hidden_ones, vocabulary, self.ids)
        self.targets = self.ids.copy()
        self.targets[-1, -1] = -1
        self.steps, self.batch = steps, batch
        self.window = Window(self.network.architecture, batch, steps + 2, dropout=dropout, training=True)
        inputs = np.zeros((steps + 2, batch), np.int32)
        inputs[:steps] = self.ids
        there = np.zeros((steps + 2, batch), np.bool_)
        there[:steps] = hidden_ones
        self.window.ids[:] = read_both(inputs, steps, vocabulary, there)
        self.window.targets[:steps] = self.targets
        stacks = 2 * layers
        self.keys = tuple(range(17, 17 + stacks)) if dropout else ()
        self.counted = max(1, int((self.targets >= 0).sum()))

    def predict(self):
        """Return the logits [T, B, V]."""
        self.network.begin(self.window, 0, self.batch)
        self.network.forward(self.window, 0, self.batch, self.steps)
        return self.window.logits[: self.steps, :, : self.network.architecture.vocabulary].copy()

    def learn(self, threads=1):
        """Go forward and back; return the gradient of every parameter, by its name."""
        network, window = self.network, self.window
        network.prepare_training(threads)
        for array in (window.z, window.states[:, :, 1:], *window.buffers[2:]):
            array[:] = 7.0  # what an earlier window left behind must not matter
        network.begin(window, 0, self.batch)
        fresh = np.ones(self.batch, np.bool_)
        with Team(threads) as team:

            def job(worker):
                share = team.share(self.batch, worker)
                network.forward_backward(window, *share, self.steps, 1.0 / self.counted, self.keys, fresh)
                team.wait()
                network.add_gradients(window, team, worker, self.steps, dropped=bool(self.keys))

            team.run(job)
        return {name: values.copy() for name, values in network.gradient.named.items()}

    @property
    def masks(self):
        """The masks that were drawn, as the twin has them: for what goes up to each position, in the text's order."""
        if not self.keys:
            return None
        size = self.network.architecture.outputs
        nothing = np.ones((1, self.batch, size))
        drawn = [
            np.concatenate([nothing, mask[: self.steps - 1, :, :size].astype(np.float64)]) for mask in self.window.masks
        ]
        layers = len(drawn) // 2
        return drawn[:layers], [mask[::-1] for mask in drawn[layers:]]


def wide(network):
    """Return a network's parameters for its twin."""
    return {name: values.astype(np.float64) for name, values in network.weights.named.items()}


def capital_network(vocabulary, *, layers=1):
    """Make a vanilla network of 4 units without memory, of which in each layer the third knows a capital letter."""
    architecture = Architecture("rnn", len(vocabulary), 4, layers)
    parameters = {name: np.zeros(shape, np.float32) for name, shape in architecture.parameter_shapes().items()}
    parameters["layer0.U"][:, 2] = [2.0 if c.isupper() else -2.0 for c in vocabulary.characters]
    parameters["layer0.U"][:, 1] = np.random.default_rng(0).standard_normal(len(vocabulary))
    return Network(architecture, parameters)


def read_one_by_one(cell, parameters, ids, targets, state, masks=None):
    """Return the twin's losses [T, B], and each row's last states, where −1 in ids [T, B] is between documents."""
    losses, last = np.zeros(ids.shape, np.complex128), []
    for b in range(ids.shape[1]):
        now = [{name: values[b : b + 1] for name, values in layer.items()} for layer in state]
        begin = 0
        for end in [*np.flatnonzero(ids[:, b] < 0), len(ids)]:
            if end > begin:
                part = slice(begin, end), slice(b, b + 1)
                logits, now, _ = naive.forward(cell, parameters, ids[part], now, masks and [m[part] for m in masks])
                wanted = targets[part]
                found = -np.take_along_axis(naive.log_softmax(logits), np.maximum(wanted, 0)[..., np.newaxis], 2)
                losses[part] = np.where(wanted >= 0, found[..., 0], 0.0)
            if end < len(ids):
                now = [{name: np.zeros_like(values) for name, values in layer.items()} for layer in now]
            begin = end + 1
        last.append(now)
    return losses, last


def assert_carried(run, last):
    """Hold the carried states of a case, or a learner, to the twin's last ones."""
    carried = run.window.carried()
    for layer, states in enumerate(carried):
        for values, name in zip(states, run.network.architecture.row.states, strict=True):
            assert_close(values, np.concatenate([row[layer][name] for row in last]).real, name)
