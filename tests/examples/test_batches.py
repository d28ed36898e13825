"""Batches of examples, and the scale of numbers."""

import numpy as np
import pytest

from charrnn.examples.batches import padding, plan
from charrnn.examples.scaling import Scaling

LENGTHS = np.random.default_rng(2).poisson(7, 20_000) + 1  # as long as surnames


@pytest.mark.parametrize(("count", "size"), [(1, 8), (8, 8), (9, 8), (1000, 7), (20_000, 32)])
def test_an_epoch_has_every_example_once(count, size):
    """All batches but one are full, and every epoch has as many."""
    for epoch in (0, 1):
        batches = plan(LENGTHS[:count], size, 1, epoch)
        assert np.sort(np.concatenate(batches)).tolist() == list(range(count))
        assert len(batches) == -(-count // size)
        assert sorted(batch.size for batch in batches)[1:] == [size] * (len(batches) - 1)
    assert plan(LENGTHS[:0], size, 1, 0) == []


def test_little_is_padded():
    """Examples of a batch are about as long as each other; at random, a third would be padding."""
    batches = plan(LENGTHS, 32, 1, 0)
    assert padding(LENGTHS, batches) < 0.05
    assert padding(LENGTHS, np.split(np.arange(20_000), 625)) > 0.3


def test_the_seed_and_the_epoch_decide():
    """The same give the same; another epoch is in another order, and puts others together; lengths do not rise."""
    one, same, later, other = (plan(LENGTHS, 32, *key) for key in ((1, 0), (1, 0), (1, 1), (2, 0)))
    assert all(map(np.array_equal, one, same))
    sets = [{frozenset(batch.tolist()) for batch in batches} for batches in (one, later, other)]
    assert len(sets[0] & sets[1]) < 5
    assert len(sets[0] & sets[2]) < 5
    means = [LENGTHS[batch].mean() for batch in one]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.1


def test_a_scale_is_undone():
    """Standardized columns have mean 0 and deviation 1; a constant one stays finite; NaN does not count."""
    values = np.random.default_rng(3).normal([5, -300, 0.1], [2, 0.5, 0], (1000, 3)).astype(np.float32)
    values[-1] = np.nan
    scaling = Scaling.of(values)
    np.testing.assert_allclose(scaling.mean, np.nanmean(values.astype(float), axis=0))
    assert scaling.deviation[2] == 1
    scaled = scaling.apply(values)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), [1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(scaling.undo(scaled), values, rtol=1e-6, atol=1e-6)
    with pytest.raises(ValueError, match="no values"):
        Scaling.of(values[-1:])
