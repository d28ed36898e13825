"""Along which paths gradients flow back: c, gates and products of Jacobians, held to the naive twin."""

import numpy as np
import pytest

from charrnn.model.team import Team
from charrnn.training import gradient_paths
from charrnn.training.gradient_flow import Probe, doubling
from charrnn.training.gradient_paths import Layer, Paths, add_means, add_products, deltas_of
from tests import naive
from tests.helpers.networks import Case, assert_close, opinionated
from tests.rows import NAMES, ROWS, fitted

H, STEP = 6, 1e-20


def read(cell, options, layers=2, steps=5):
    """Read a window forward from random states; return the case and its layers."""
    case = Case(cell, 7, H, layers, 3, steps, **fitted(H, options))
    case.network.forward(case.window, 0, case.batch, case.steps)
    return case, [Layer(case.network, case.window, k) for k in range(layers)]


def steps_of(case, layer):
    """Yield each step of the first layer: the twin's step with parameters and input, and the state before it."""
    step = naive.step_of(case.architecture.cell, **case.options)
    p = naive.layers_of(case.parameters)[0]
    for t in range(case.steps):
        state = {name: values[t] for name, values in layer.states.items()}
        yield lambda state, t=t: step(p, case.window.ids[t], state), state


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
def test_what_is_kept_is_the_derivative_of_the_twin(cell, options):
    """It is ∂c_t/∂c_{t−1} of each unit with h held; in minimal cells ∂h_t/∂h_{t−1}; others keep nothing apart."""
    case, (layer, _) = read(cell, options)
    kept = layer.kept()
    if cell.startswith(("rnn", "irnn", "clockwork", "gru")):
        assert kept is None
        return
    name = "h" if cell.startswith("min") else "c"
    for t, (step, state) in enumerate(steps_of(case, layer)):
        for unit in range(H):
            moved = state | {name: state[name] + STEP * 1j * (np.arange(H) == unit)}
            assert_close(kept[t, :, unit], step(moved)[name].imag[:, unit] / STEP, f"{name}{unit} at {t}")


@pytest.mark.parametrize(("cell", "options"), ROWS, ids=NAMES)
@pytest.mark.parametrize("steps", [1, 4])
def test_gradients_of_cells_end_in_that_of_the_carried_state(cell, options, steps):
    """After all steps, they are what the backward pass hands on, which other tests hold to the twin."""
    case, layers = read(cell, options, steps=steps)
    if not layers[0].follows_cells:
        assert not cell.startswith("lstm")
        return
    case.run()
    for k, layer in enumerate(layers):
        d_outputs = case.window.dh[k, 1 : steps + 1, :, : case.architecture.outputs].astype(float)
        found = layer.cell_gradients(deltas_of(case.window, case.architecture, k), d_outputs)
        assert found.shape == (steps + 1, case.batch, H)
        assert_close(found[0], case.gradients[f"layer{k}.c"], f"layer{k}.c")


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_products_of_jacobians_are_those_of_the_twin(activation):
    """Each is the chain of the twin's derivatives; the bound is ηᵏ, and no product exceeds it."""
    case, (layer, _) = read("rnn", {"activation": activation}, steps=6)
    paths, lags = Paths(), [1, 2, 5]
    add_products(paths, layer, np.ones((6, 3), bool), lags)
    one = np.zeros((6, 3, H, H))
    for t, (step, state) in enumerate(steps_of(case, layer)):
        for unit in range(H):
            moved = {"h": state["h"] + STEP * 1j * (np.arange(H) == unit)}
            one[t, :, unit] = step(moved)["h"].imag / STEP
    eta = np.linalg.svd(case.parameters["layer0.W"])[1][0] * {"sigmoid": 0.25}.get(activation, 1.0)
    assert paths.eta == pytest.approx(eta)
    assert [each.lag for each in paths.products] == lags
    for each in paths.products:
        chain = np.eye(H)
        for t in range(6 - each.lag, 6):
            chain = chain @ one[t]
        norms = [np.linalg.svd(product)[1][0] for product in chain]
        assert each.norm == pytest.approx(np.mean(norms), rel=1e-4)
        assert each.bound == pytest.approx(eta**each.lag)
        assert each.norm <= each.bound * (1 + 1e-6)


def test_rows_with_a_gap_have_no_products():
    """A row in which a document ends is left out, a second window adds nothing, and other cells have no products."""
    _, (layer, _) = read("rnn", {}, steps=3)
    there = np.ones((3, 3), bool)
    there[1] = False
    paths = Paths()
    add_products(paths, layer, there, [1])
    assert (paths.products, paths.eta) == ([], None)
    there[:, 2] = True
    add_products(paths, layer, there, [1])
    expected = np.linalg.norm(layer.weights["W"] * layer.slopes()[-1, 2], 2)
    assert [each.norm for each in paths.products] == [pytest.approx(expected)]
    add_products(paths, layer, there, [1, 2])
    assert len(paths.products) == 1
    for cell in ("gru", "clockwork"):
        _, (other, _) = read(cell, {"periods": (1, 2)} if cell == "clockwork" else {})
        assert other.slopes() is None
        assert other.eta is None


def test_large_layers_are_measured_at_fewer_places(monkeypatch):
    """As many as a limit of multiply-adds allows, but one at least."""
    _, (layer, _) = read("rnn", {}, steps=4)
    norms = []
    for work in (10**9, 2 * 4 * H**3, 1):
        monkeypatch.setattr(gradient_paths, "MOST_WORK", work)
        paths = Paths()
        add_products(paths, layer, np.ones((4, 3), bool), [1])
        norms.append(paths.products[0].norm)
    each = [np.linalg.norm(layer.weights["W"] * layer.slopes()[-1, b], 2) for b in range(3)]
    assert norms == pytest.approx([np.mean(each), np.mean(each[:2]), each[0]])


def test_means_are_over_what_is_there():
    """Gates and what is kept are averaged over steps and rows without a gap, from all windows."""
    _, (layer, _) = read("lstm", {}, steps=3)
    there = np.array([[True, True, False]] * 3)
    paths = Paths()
    assert paths.means == {}
    add_means(paths, layer, there)
    add_means(paths, layer, there)
    assert paths.counted == 2 * 6 * H
    for gate in "ifo":
        assert paths.means[gate] == pytest.approx(layer.gates[gate][:, :2].mean())
    assert paths.means["kept"] == pytest.approx(paths.means["f"])
    assert paths.means["mostly"] == pytest.approx((layer.gates["f"][:, :2] > 0.9).mean())
    assert set(paths.means) == {"i", "f", "o", "kept", "mostly"}


def test_a_flow_has_all_of_it():
    """Norms of c beside those of h in each layer, and its gates; a vanilla network has Jacobians instead."""
    network = opinionated("lstm", hidden=8)
    ids = np.random.default_rng(0).integers(0, 9, 900).astype(np.uint8)
    with Team(1) as team:
        flow = Probe(network, team).flow(ids, 6, 20)
    assert flow.outputs.shape == flow.cells.shape == (2, 7, 20)
    assert all(set(paths.means) == {"i", "f", "o", "kept", "mostly"} and not paths.products for paths in flow.paths)
    assert 0 < flow.paths[0].means["f"] < 1
    with Team(1) as team:
        flow = Probe(opinionated("rnn", hidden=8), team).flow(ids, 6, 20)
    assert flow.cells is None
    assert [[each.lag for each in paths.products] for paths in flow.paths] == [[1, 2, 4, 6]] * 2
    assert doubling(6) == [0, 1, 2, 4, 6]
