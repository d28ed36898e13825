"""Optimizers, clipping and schedules against their naive twins."""

import numpy as np
import pytest

from charrnn.cells.architecture import Architecture
from charrnn.errors import CharrnnError
from charrnn.model.parameters import Parameters
from charrnn.model.team import Team
from charrnn.training.optimizer import Optimizer
from charrnn.training.rules import OPTIMIZERS, SCHEDULES, learning_rate
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
    optimizer = Optimizer(name, weights, gradient, clip=clip, clip_value=clip_value)
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


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_finds_the_bottom_of_a_parabola(name):
    """Following the gradient of ½‖p − 1‖², every optimizer comes near 1."""
    weights, gradient = Parameters(ARCHITECTURE), Parameters(ARCHITECTURE)
    optimizer = Optimizer(name, weights, gradient, clip=0.0, clip_value=0.0)
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
    optimizer = Optimizer(name, weights, gradient, clip=1.0, clip_value=0.0 if np.isinf(bad) else 0.5)
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
        Optimizer("lion", Parameters(ARCHITECTURE), Parameters(ARCHITECTURE), clip=0.0, clip_value=0.0)
