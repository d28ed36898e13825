"""A run that is resumed with other settings, and one that never gets better than what it started from."""

from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn import CharrnnError
from charrnn.training.legs import CHANGEABLE, stored_legs
from charrnn.training.settings import Settings
from tests.helpers.commands import TINY, enter, misused, refused
from tests.helpers.model_files import assert_same_file, meta_of

QUIET = (*TINY, "--no-samples")


@pytest.fixture
def half(folder, validate_often):
    """Stop a run of four epochs after two of them."""
    run = charrnn.train("corpus.txt", hidden=16, threads=1, epochs=4, cell="gru", seed=2)
    while next(run).epoch < 2.0:
        pass
    run.save("half.npz")
    return folder


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        (("--lr", 0.001), {"lr": 0.001}),
        (("--batch-size", 4), {"batch_size": 4}),
        (("--batch-size", 32), {"batch_size": 32}),
        (
            ("--dropout", 0.5, "--clip", 0.5, "--schedule", "constant"),
            {"dropout": 0.5, "clip": 0.5, "schedule": "constant"},
        ),
    ],
)
def test_other_settings_start_a_leg(half, run, typed, called):
    """The run goes on from its epoch with them; the file and info list them; it resumes exactly from there."""
    assert enter("train", "--resume", "half.npz", *typed, "--quiet", "-o", "typed.npz") == 0
    meta = meta_of("typed.npz")
    (leg,) = meta["training"]["legs"]
    assert leg.pop("epoch") == pytest.approx(2.0, abs=0.05)
    assert leg == called
    assert meta["history"][-1]["epoch"] == pytest.approx(4.0, abs=0.05)
    steps = [entry["step"] for entry in meta["history"]]
    assert steps == sorted(steps)
    assert sum(entry["epoch"] <= 2.0 for entry in meta["history"]) > 1  # of the leg before, in steps of this one
    per_epoch = [entry["step"] / entry["epoch"] for entry in meta["history"] if entry["epoch"] >= 1.0]
    assert max(per_epoch) == pytest.approx(min(per_epoch), rel=0.15)
    told = run("info", "typed.npz").out
    assert all(f"{name} {value}" in told.partition("from epoch 2.00 on: ")[2] for name, value in called.items())
    leg = charrnn.train(resume="half.npz", threads=2, **called)
    next(leg)
    leg.save("leg.npz")
    leg.finish()
    leg.save("called.npz")
    assert_same_file("typed.npz", "called.npz")
    charrnn.train(resume="leg.npz").finish().save("resumed.npz")
    assert_same_file("typed.npz", "resumed.npz")
    assert charrnn.load("typed.npz").info["history"][-1]["val_loss"] < np.log(30)


def test_a_leg_can_have_another_momentum(folder, validate_often, run):
    """The velocity goes on from where it was; an optimizer without momentum keeps none."""
    sgd = charrnn.train("corpus.txt", hidden=16, threads=1, epochs=2, cell="gru", optimizer="sgd", lr=0.1)
    while next(sgd).epoch < 1.0:
        pass
    sgd.save("sgd.npz")
    assert enter("train", "--resume", "sgd.npz", "--momentum", 0, "--quiet", "-o", "typed.npz") == 0
    (leg,) = meta_of("typed.npz")["training"]["legs"]
    assert leg["momentum"] == 0.0
    assert "momentum 0.0" in run("info", "typed.npz").out.partition("on: ")[2]
    charrnn.train(resume="sgd.npz", momentum=0.0).finish().save("called.npz")
    assert_same_file("typed.npz", "called.npz")


def test_the_same_settings_start_no_leg(half):
    """The run is that which never stopped."""
    assert enter("train", "--resume", "half.npz", "--quiet", "-o", "whole.npz") == 0
    lr = meta_of("half.npz")["training"]["lr"]
    assert enter("train", "--resume", "half.npz", "--lr", lr, "--quiet", "-o", "same.npz") == 0
    assert_same_file("whole.npz", "same.npz")
    assert "legs" not in meta_of("same.npz")["training"]


def test_other_settings_are_the_runs_own(half, run):
    """A cell, a size or a seed cannot change, and bad values are refused."""
    misused(run("train", "--resume", "half.npz", "--cell", "lstm"), "--cell")
    misused(run("train", "--resume", "half.npz", "--seq-length", 8), "--seq-length")
    with pytest.raises(CharrnnError, match="keeps its own hidden"):
        charrnn.train(resume="half.npz", hidden=8)
    with pytest.raises(CharrnnError, match="the optimizer adam has no momentum; use sgd"):
        charrnn.train(resume="half.npz", momentum=0.5)
    with pytest.raises(CharrnnError, match="learning rate"):
        charrnn.train(resume="half.npz", lr=-1.0)
    assert enter("train", "--resume", "half.npz", "--quiet", "-o", "whole.npz") == 0
    refused(run("train", "--resume", "whole.npz", "--lr", 0.001), "complete")


@pytest.mark.parametrize("legs", ["x", [1], [{"cell": "gru"}], [{"lr": [1]}], [{}] * 1001, {"lr": 1}, None])
def test_legs_of_a_strange_file(legs):
    """What is no list of settings is refused."""
    with pytest.raises(CharrnnError, match="legs"):
        stored_legs({"legs": legs})
    assert stored_legs({}) == []
    assert set(CHANGEABLE) < set(Settings.__dataclass_fields__)


def test_old_weights_are_called_so(half, run, text):
    """A run that starts from a model and never gets better says that the file has the old weights."""
    assert enter("train", "--resume", "half.npz", "--quiet", "-o", "whole.npz") == 0
    Path("other.txt").write_text(text[:3000], encoding="utf-8")
    result = run("train", "other.txt", "--init-from", "whole.npz", "--lr", 1.0, "--threads", 1, "--epochs", 3,
                 "--patience", 2, "--no-samples", "-o", "tuned.npz")  # fmt: skip
    assert "tuned.npz has these old weights; try a lower --lr" in result.err
    old, new = charrnn.load("whole.npz"), charrnn.load("tuned.npz")
    assert all((old.parameters[name] == values).all() for name, values in new.parameters.items())
