"""Results are the bits that they were when they were recorded: weights, moments, states, samples, scores.

Where a change is meant to change them, ``python -m tests.golden > tests/golden.json`` records them anew.
"""

import json
from pathlib import Path

import llvmlite.binding
import pytest

from tests.golden import Golden, typed

RECORDED = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
FUSED = llvmlite.binding.get_host_cpu_features().get("fma", False)  # x86 with AVX2; others differ in the last bits


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """Make a folder for the networks."""
    return Golden(tmp_path_factory.mktemp("golden"))


def test_every_result_is_recorded(golden):
    """What is computed and what is recorded have the same names."""
    assert list(RECORDED) == golden.names()


@pytest.mark.skipif(not FUSED, reason="the digests are those of x86 processors with fused multiply-add")
@pytest.mark.parametrize("name", RECORDED)
def test_result_has_the_same_bits(golden, name):
    """A run, a sample or a score has the digest that was recorded."""
    assert golden.compute(name) == RECORDED[name]


def test_messages_of_commands_are_not_printed(golden, capsys):
    """Standard error stays empty, unless a command fails: then its message is in the error."""
    golden.compute("trace rnn")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(AssertionError, match=r"nowhere\.npz does not exist"):
        typed("info", "nowhere.npz")
