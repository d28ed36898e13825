"""The values that controls of sampling may have."""

import math

import numpy as np
import pytest

from charrnn.errors import CharrnnError
from charrnn.writing.controls import CONTROLS, Controls
from charrnn.writing.sampler import Sampler
from tests.helpers.drawing import hold_to_twin
from tests.helpers.networks import opinionated


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"repeat_penalty": 0.0}, "the repeat penalty must be a number, at least 1e-06 and at most 1000000, not 0"),
        (
            {"repeat_penalty": 2e6},
            "the repeat penalty must be a number, at least 1e-06 and at most 1000000, not 2000000",
        ),
        ({"repeat_window": 0}, "the repeat window must be a whole number, at least 1 and at most 65536, not 0"),
        ({"repeat_window": 1.5}, "the repeat window must be a whole number, at least 1 and at most 65536, not 1.5"),
        (
            {"repeat_window": 65_537},
            "the repeat window must be a whole number, at least 1 and at most 65536, not 65537",
        ),
        ({"temperature": -0.1}, "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not -0.1"),
        ({"temperature": math.inf}, "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not inf"),
        ({"temperature": math.nan}, "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not nan"),
        ({"temperature": 1e-300}, "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not 1e-300"),
        (
            {"temperature": 5e-324},
            "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not 4.94065645841e-324",
        ),
        ({"temperature": 1001.0}, "the temperature must be a number, 0 or at least 1e-30 and at most 1000, not 1001"),
        ({"top_k": 0}, "the top k must be a whole number, at least 1 and at most 2147483647, not 0"),
        ({"top_k": math.inf}, "the top k must be a whole number, at least 1 and at most 2147483647, not inf"),
        ({"min_p": -1e-9}, "the min p must be a number, 0 or at least 1e-30 and at most 1, not -1e-09"),
        ({"min_p": 1.5}, "the min p must be a number, 0 or at least 1e-30 and at most 1, not 1.5"),
        ({"min_p": 1e-310}, "the min p must be a number, 0 or at least 1e-30 and at most 1, not 1e-310"),
        ({"top_p": 0.0}, "the top p must be a number, at least 1e-30 and at most 1, not 0"),
        ({"top_p": 1e-310}, "the top p must be a number, at least 1e-30 and at most 1, not 1e-310"),
        ({"top_p": -math.inf}, "the top p must be a number, at least 1e-30 and at most 1, not -inf"),
    ],
)
def test_a_value_out_of_range_is_refused(values, said):
    """One sentence names the control, what it may be, and what it is."""
    with pytest.raises(CharrnnError) as caught:
        Controls(**values)
    assert str(caught.value) == said


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
def test_values_at_the_ends_of_a_range_will_do(control):
    """What a row of the table allows can be drawn with."""
    for value in (control.least, control.most, *[0.0] * control.zero):
        controls = Controls(**{control.name: int(value) if control.whole else value})
        hold_to_twin([0.0, 1.0, -1.0], controls, [1])
        sampler = Sampler(opinionated(layers=1), controls=controls)
        sampler.read([1, 2, 3])
        assert np.isfinite(sampler.draw(10).nats).all()
