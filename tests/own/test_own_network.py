"""A network with a cell of one's own computes and learns what the same cell of the table does, to rounding."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.kernels.arguments import Windows
from charrnn.model.network import Network
from charrnn.model.own_network import network_for
from charrnn.model.team import Team
from charrnn.own.cell_file import give
from charrnn.training.disturbance import nothing
from charrnn.training.learner import Learner
from charrnn.training.rules import UpdateOptions

SYMBOLS, HIDDEN, BATCH, STEPS = 7, 20, 3, 6
KINDS = ("rnn", "lstm", "gru")


def architectures(mycell, kind, **options):
    """Return the architecture with a cell of the table, and that with the same cell in the student's file."""
    own = give(f"{mycell}:{kind}")
    return [Architecture(cell, SYMBOLS, HIDDEN, **options) for cell in (kind, own.name)]


def parameters_of(architecture):
    """Return initial values, with biases and states off zero."""
    rng = np.random.default_rng(2)
    found = initialize(architecture, 3)
    for values in found.values():
        values += (0.1 * rng.standard_normal(values.shape)).astype(np.float32)
    return found


def some_windows(count, rng):
    """Return windows with a gap between two documents, targets to leave out, and a shorter last window."""
    ids = rng.integers(0, SYMBOLS, (count, STEPS, BATCH)).astype(np.int32)
    targets = rng.integers(0, SYMBOLS, (count, STEPS, BATCH)).astype(np.int32)
    ids[0, 2, 1] = targets[0, 2, 1] = -1
    lengths = np.full(count, STEPS)
    lengths[-1] -= 1
    targets[-1, -1] = -1
    return Windows(ids, targets, lengths)


def learned(architecture, *, dropout=0.0, dropped=False, rate=0.05, count=4):
    """Take some steps of training; return what came of them and the learner."""
    rng = np.random.default_rng(5)
    with Team(2) as team:
        network = network_for(architecture, parameters_of(architecture))
        learner = Learner(network, team, BATCH, STEPS, optimizer=UpdateOptions("adam"), dropout=dropout)
        learner.window.assign_carried(
            rng.standard_normal((architecture.layers, len(architecture.row.states), BATCH, HIDDEN)).astype(np.float32)
        )
        fresh = np.zeros((count, BATCH), np.bool_)
        fresh[1, 2] = fresh[2, 0] = True
        keys = rng.integers(-(2**31), 2**31, (count, architecture.layers)).astype(np.int32)
        factors = (rng.integers(0, 2, (count, STEPS, BATCH)) * 2).astype(np.float32)
        full_rows = np.full(count, BATCH)
        full_rows[-1] = 1
        done = learner.advance(
            some_windows(count, rng),
            np.full(count, rate),
            fresh=fresh,
            dropout_keys=keys if dropout else None,
            full_rows=full_rows,
            disturbance=nothing(count)._replace(factors=factors) if dropped else None,
        )
    return done, learner


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"layers": 2}, {"first_state": "learned", "layers": 2}, {"first_state": "random"}],
    ids=["one layer", "two layers", "learned states", "random states"],
)
@pytest.mark.parametrize("dropout", [0.0, 0.3])  # of layers; with it, some characters are dropped, too
def test_training_equals_that_of_the_table(mycell, kind, options, dropout):
    """Losses, norms, weights, carried states and the gradient of each step's state are those of the compiled cell."""
    both = architectures(mycell, kind, **options)
    (theirs, them), (ours, us) = (learned(a, dropout=dropout, dropped=dropout > 0) for a in both)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=2e-5)
    np.testing.assert_allclose(ours.norms, theirs.norms, rtol=2e-4)
    assert list(us.network.weights.named) == list(them.network.weights.named)
    for name, values in them.network.weights.named.items():
        np.testing.assert_allclose(us.network.weights.named[name], values, atol=2e-3, err_msg=name)
    np.testing.assert_allclose(us.window.carried(), them.window.carried(), atol=1e-3)
    np.testing.assert_allclose(us.window.dh[:, 1:STEPS], them.window.dh[:, 1:STEPS], atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_each_gradient_equals_that_of_the_table(mycell, kind):
    """The gradient of one window with respect to each parameter is that of the compiled cell: sgd shows it."""
    found = []
    for architecture in architectures(mycell, kind, layers=2, first_state="learned"):
        before = parameters_of(architecture)
        with Team(1) as team:
            network = network_for(architecture, before)
            learner = Learner(
                network, team, BATCH, STEPS, optimizer=UpdateOptions("sgd", momentum=0.0, clip=0.0, clip_value=0.0)
            )
            windows = some_windows(1, np.random.default_rng(0))
            learner.advance(windows, np.ones(1), fresh=np.ones((1, BATCH), np.bool_))
        found.append({name: before[name] - network.weights.named[name] for name in before})
    theirs, ours = found
    assert all(np.abs(values).max() > 1e-4 for values in theirs.values())
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, atol=3e-7, rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_starts_from_the_same_values(mycell, kind):
    """Parameters of the same names, declared in the same order, have the same first values."""
    theirs, ours = (initialize(a, 7) for a in architectures(mycell, kind))
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)


def test_declared_shapes_and_first_values(mycell):
    """Blocks of columns, numbers and the identity are as declared; a matrix of blocks is orthogonal in each."""
    cell = give(f"{mycell}:wide")
    architecture = Architecture(cell.name, SYMBOLS, HIDDEN, 2)
    drawn = initialize(architecture, 0)
    shapes = {name: values.shape for name, values in drawn.items() if name.startswith("layer1")}
    assert shapes == {"layer1.U": (20, 40), "layer1.W": (20, 40), "layer1.b": (40,), "layer1.alpha": (20,)}
    assert drawn["layer0.U"].shape == (SYMBOLS, 40)
    np.testing.assert_array_equal(drawn["layer0.alpha"], 0.5)
    for block in np.split(drawn["layer0.W"], 2, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(HIDDEN), atol=1e-5)
    assert architecture.multiply_adds() == 20 * 40 * 3 + 20 * SYMBOLS
    done, _ = learned(architecture, count=3)
    assert np.isfinite(done.norms).all()


def test_a_gradient_that_is_not_finite_ends_the_steps(mycell):
    """A step whose norm is NaN changes nothing, and is the last, as for other networks."""
    _, architecture = architectures(mycell, "rnn")
    parameters = parameters_of(architecture)
    parameters["output.c"][0] = np.nan
    with Team(1) as team:
        network = network_for(architecture, parameters)
        learner = Learner(network, team, BATCH, STEPS, optimizer=UpdateOptions("adam"))
        windows = some_windows(2, np.random.default_rng(0))
        done = learner.advance(windows, np.ones(2), fresh=np.ones((2, BATCH), np.bool_))
    assert done.steps == 1
    np.testing.assert_array_equal(network.weights.named["layer0.W"], parameters["layer0.W"])


def test_a_cell_of_the_table_has_the_usual_network():
    """Only a cell of one's own is computed in NumPy."""
    assert type(network_for(Architecture("gru", SYMBOLS, HIDDEN))) is Network
