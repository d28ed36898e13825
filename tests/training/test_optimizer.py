"""Optimizers, clipping and schedules against their naive twins."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.model.parameters import Parameters
from charrnn.model.team import Team
from charrnn.training.optimizer import Optimizer
from charrnn.training.rules import OPTIMIZERS, SCHEDULES, UpdateOptions, learning_rate
from tests import naive
from tests.helpers.optimizers import CONSTANTS

ARCHITECTURE = Architecture("gru", 11, 20)


def _step(optimizer, gradient, values, rate, step, threads=2):
    for view, value in zip(gradient.named.values(), values, strict=True):
        view[...] = value
    norms = [0.0] * threads
    with Team(threads) as team:

        def job(worker):
            norms[worker] = optimizer.update(team, worker, rate, step)

        team.run(job)
    assert len({np.float64(norm).tobytes() for norm in norms}) == 1
    return norms[0]


def _random(rng, parameters, scale=1.0):
    return [(scale * rng.standard_normal(view.shape)).astype(np.float32) for view in parameters.named.values()]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize(("clip", "clip_value"), [(0.0, 0.0), (1.0, 0.0), (0.0, 0.5), (2.0, 0.1), (1e9, 0.0)])
def test_an_optimizer_equals_its_twin(name, clip, clip_value):
    """Five steps give the twin's weights, with each kind of clipping; the gradient is left clear."""
    rng = np.random.default_rng(4)
    weights, gradient = Parameters(ARCHITECTURE), Parameters(ARCHITECTURE)
    weights.assign(dict(zip(weights.named, _random(rng, weights), strict=True)))
    twin = {key: view.astype(np.float64) for key, view in weights.named.items()}
    optimizer = Optimizer(UpdateOptions(name, clip=clip, clip_value=clip_value), weights, gradient)
    memory = {key: {} for key in twin}
    constants = {its: getattr(OPTIMIZERS[name], own) for own, its in CONSTANTS[name].items()}
    for step in range(1, 6):
        values = _random(rng, weights)
        gradients = {key: value.astype(np.float64) for key, value in zip(twin, values, strict=True)}
        norm = _step(optimizer, gradient, values, 0.01, step)
        assert norm == pytest.approx(naive.global_norm(gradients), rel=1e-5)  # before any clipping
        if clip_value:
            gradients = naive.clip_by_value(gradients, clip_value)
        if clip:
            gradients = naive.clip_by_norm(gradients, clip)
        for key in twin:
            twin[key], memory[key] = naive.OPTIMIZERS[name](
                twin[key], gradients[key], memory[key], lr=0.01, **constants
            )
        assert not gradient.flat.any()
    for key, view in weights.named.items():
        np.testing.assert_allclose(view, twin[key], rtol=2e-4, atol=2e-6, err_msg=key)


def _moved(options, steps, rate):
    """Return the weights after some steps, with the gradients that were followed, as an array for each."""
    rng = np.random.default_rng(6)
    weights, gradient = Parameters(ARCHITECTURE), Parameters(ARCHITECTURE)
    weights.assign(dict(zip(weights.named, _random(rng, weights), strict=True)))
    optimizer, followed = Optimizer(options, weights, gradient), []
    before = weights.concatenated()
    for step in range(1, steps + 1):
        values = _random(rng, weights)
        followed.append(np.concatenate([value.ravel() for value in values]))
        _step(optimizer, gradient, values, rate, step)
    return before, weights.concatenated(), followed


@pytest.mark.parametrize("clip", [0.0, 2.0])
def test_without_momentum_sgd_is_gradient_descent(clip):
    """It is p ← p − rate·g, each bit of it: nothing is left of the gradients before."""
    options = UpdateOptions("sgd", momentum=0.0, clip=clip)
    weights, found, followed = _moved(options, 4, 2.0**-5)  # by a power of two, multiplying is exact
    for g in followed:
        length = np.sqrt((g.astype(np.float64) ** 2).sum())
        weights = weights - np.float32(2.0**-5) * g * np.float32(min(1.0, clip / length) if clip else 1.0)
    np.testing.assert_allclose(found, weights, rtol=0, atol=1e-6 if clip else 0)
    assert (found != _moved(UpdateOptions("sgd", clip=clip), 4, 2.0**-5)[1]).any()


@pytest.mark.parametrize("momentum", [0.3, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_is_that_of_its_twin(momentum, nesterov):
    """Of any size, of either kind."""
    options = UpdateOptions("sgd", momentum=momentum, nesterov=nesterov)
    twin, found, followed = _moved(options, 5, 0.01)
    twin, memory = twin.astype(np.float64), {}
    for g in followed:
        step = naive.nesterov if nesterov else naive.sgd
        twin, memory = step(twin, g.astype(np.float64), memory, lr=0.01, momentum=momentum)
    np.testing.assert_allclose(found, twin, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_finds_the_bottom_of_a_parabola(name):
    """Following the gradient of ½‖p − 1‖², every optimizer comes near 1."""
    weights, gradient = Parameters(ARCHITECTURE), Parameters(ARCHITECTURE)
    optimizer = Optimizer(UpdateOptions(name), weights, gradient)
    with Team(1) as team:
        for step in range(1, 601):
            for slope, weight in zip(gradient.named.values(), weights.named.values(), strict=True):
                slope[...] = weight - 1.0
            rate = {"sgd": 0.01, "adagrad": 0.3}.get(name, 0.02)
            team.run(lambda worker, n=step, r=rate: optimizer.update(team, worker, r, n) and None)
    for view in weights.named.values():
        np.testing.assert_allclose(view, 1.0, atol=0.05)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_changes_nothing(name, bad):
    """Weights and moments stay, the norm tells, and the gradient is clear for another try."""
    rng = np.random.default_rng(4)
    weights, gradient = Parameters(ARCHITECTURE), Parameters(ARCHITECTURE)
    weights.assign(dict(zip(weights.named, _random(rng, weights), strict=True)))
    optimizer = Optimizer(UpdateOptions(name, clip=1.0, clip_value=0.0 if np.isinf(bad) else 0.5), weights, gradient)
    before = weights.flat.copy()
    values = _random(rng, weights)
    values[2][0, 0] = bad
    norm = _step(optimizer, gradient, values, 0.01, 1)
    assert not np.isfinite(norm)
    assert weights.flat.tobytes() == before.tobytes()
    assert not any(moment.flat.any() for moment in optimizer.moments)
    assert not gradient.flat.any()


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_a_schedule_equals_its_twin(schedule, warmup):
    """The learning rate over a run, and past its end."""
    for progress in np.linspace(0.0, 1.2, 49):
        ours = learning_rate(schedule, progress, peak=0.3, warmup=warmup, final=0.02)
        twin = naive.learning_rate(schedule, progress, peak=0.3, warmup=warmup, final=0.02)
        assert ours == pytest.approx(twin, rel=1e-12)


def test_an_unknown_optimizer_is_named():
    """The sentence tells which there are."""
    with pytest.raises(CharrnnError, match="unknown optimizer 'lion'; choose from adam, rmsprop, adagrad, sgd"):
        Optimizer(UpdateOptions("lion"), Parameters(ARCHITECTURE), Parameters(ARCHITECTURE))
