"""Gaps between documents: against a twin that reads each document by itself."""

import numpy as np
import pytest

from charrnn.kernels.forward_pass import ROWS_AT_ONCE
from tests.helpers.networks import (
    Case,
    assert_carried,
    assert_close,
    assert_gradients,
    assert_same_bits,
    read_one_by_one,
)
from tests.rows import KINDS


class Gaps(Case):
    """A case with gaps between documents at some steps and rows."""

    def __init__(self, gaps, *sizes, **options):
        super().__init__(*sizes, **options)
        for t, b in gaps:
            self.window.ids[t, b] = self.window.targets[t, b] = -1
        self.counted = max(1, int((self.window.targets[: self.steps] >= 0).sum()))

    def twin(self, moved):
        """Return the twin's losses and last states where some parameters or carried states are others."""
        state = [
            {name: moved.get(f"layer{layer}.{name}", values) for name, values in states.items()}
            for layer, states in enumerate(self.state)
        ]
        ids, targets = self.window.ids[: self.steps], self.window.targets[: self.steps]
        return read_one_by_one(self.architecture.cell, {**self.parameters, **moved}, ids, targets, state, self.masks)

    def twin_loss(self, moved):
        """Return the mean over what is predicted."""
        return self.twin(moved)[0].sum() / self.counted


def patterns(B, T):
    """Return sets of gaps: at the ends, together, in neighbouring rows and steps, some, and nearly everywhere."""
    everywhere = {(t, b) for t in range(T) for b in range(B)}
    rng = np.random.default_rng([B, T])
    return [
        {(0, 0)},
        {(T - 1, B - 1)},
        {(T // 2, b) for b in range(B)},
        {(t, b) for t in (0, T - 1) for b in range(B)},
        {(1, 0), (2, min(1, B - 1)), (2, 0)},
        {place for place in sorted(everywhere) if rng.random() < 0.3},
        everywhere - {(T // 2, 0), (T // 2 + 1, 0)},
    ]


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize(("batch", "steps"), [(3, 25), (1, 70)])
def test_a_network_reads_each_document_by_itself(cell, layers, dropout, batch, steps):
    """Losses, last states and all gradients are the twin's, and two threads leave the same bits."""
    assert batch * steps > ROWS_AT_ONCE  # in several stretches
    for seed, gaps in enumerate(patterns(batch, steps)):
        sizes = (gaps, cell, 5, 6, layers, batch, steps)
        options = {"dropout": dropout, "capacity": steps + 1, "seed": seed}
        case, other = (Gaps(*sizes, threads=threads, **options).run() for threads in (1, 2))
        assert_same_bits(case, other)
        losses, last = case.twin({})
        assert_close(case.window.losses[:steps], losses.real, "losses")
        if not dropout:
            assert case.read_losses.tobytes() == case.window.losses[:steps].tobytes()
        assert_gradients(case)
        case.window.carry(0, batch, steps)
        assert_carried(case, last)


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("gap", [0, 3, 30])
def test_no_document_knows_another(cell, gap):
    """What was before a gap changes no bit of what is after it, nor has it a gradient from there."""

    def made(seed):
        rng = np.random.default_rng(seed)
        case = Gaps({(gap, b) for b in range(3)}, cell, 5, 6, 2, 3, 40)
        case.window.ids[:gap] = rng.integers(0, 5, (gap, 3))
        case.window.targets[:gap] = -1
        case.window.assign_carried(rng.standard_normal(case.window.carried().shape).astype(np.float32))
        return case.run()

    one, other = made(1), made(2)
    assert one.window.losses[gap + 1 : -1].all()
    assert one.window.losses.tobytes() == other.window.losses.tobytes()
    assert one.network.gradient.flat.tobytes() == other.network.gradient.flat.tobytes()
    assert not one.window.z[:, : gap + 1].any()
    assert not one.window.dh[:, 0].any()
    assert not one.window.d_others.any()
