"""A model file that names a function runs nothing: it is data, whatever it says of its cell."""

import json
import sys

import numpy as np
import pytest

import charrnn
from charrnn.cells.own_cell import DECLARED
from charrnn.own.cell_file import GIVEN, give
from tests.helpers.commands import enter
from tests.helpers.texts import rhyme

SMALL = ("--hidden", 8, "--no-samples", "--quiet", "--threads", 1, "--epochs", 0.1)


@pytest.fixture
def model(mycell):
    """Return the arrays and the facts of a model with a cell of one's own, and let its code be forgotten."""
    (mycell.parent / "corpus.txt").write_text(rhyme(1000), encoding="utf-8")
    assert enter("train", "corpus.txt", *SMALL, "--cell", "mycell.py:rnn", "-o", "own.npz", "--slim") == 0
    DECLARED.clear()
    GIVEN.clear()
    with np.load("own.npz") as stored:
        arrays = dict(stored)
    return arrays, json.loads(arrays.pop("meta").tobytes())


def written(arrays, meta):
    """Write a model file with other facts, and return its name."""
    encoded = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez("hostile.npz", meta=encoded, **arrays)
    return "hostile.npz"


@pytest.mark.parametrize("name", ["os.py:system", "evil.py:step", "json:loads", "python:exec", "mycell.py:rnn"])
def test_a_file_that_names_a_function_runs_nothing(model, name, tmp_path):
    """No module is imported and no file is read for a name in a model file, even if it is there."""
    arrays, meta = model
    meta["network"]["cell"] = name
    trap = "import pathlib\npathlib.Path('ran').write_text('')\ndef step(x, h, *, U, W, b): return h\n"
    for file in ("evil.py", "os.py", "mycell.py"):
        (tmp_path / file).write_text(trap)
    before = set(sys.modules)
    opened = charrnn.load(written(arrays, meta))
    assert opened.info["cell"] == name
    for use in (opened.sample, lambda: opened.score("the end"), lambda: charrnn.train(resume="hostile.npz")):
        with pytest.raises(charrnn.CharrnnError, match=r"whose code no model file holds|is a slim model"):
            use()
    assert enter("info", "hostile.npz") == 0
    assert not (tmp_path / "ran").exists()
    assert not {"evil", "mycell"} & (set(sys.modules) - before)


def test_a_file_cannot_call_a_given_function_with_other_shapes(model, mycell):
    """The digest of a cell that the user has given does not let a file declare other states or parameters for it."""
    arrays, meta = model
    cell = give(f"{mycell}:lstm")
    meta["network"]["own"]["sha256"] = cell.sha256
    with pytest.raises(charrnn.CharrnnError, match="whose code no model file holds"):
        charrnn.load(written(arrays, meta)).sample()


def changed(field, value):
    """Return what changes a field of the cell's record."""
    return lambda network: network["own"].__setitem__(field, value)


@pytest.mark.parametrize(
    "change",
    [
        changed("sha256", "x" * 64),
        changed("sha256", 3),
        changed("states", []),
        changed("states", ["h"] * 17),
        changed("states", ["clock"]),
        changed("states", ["../h"]),
        changed("states", "h"),
        changed("parameters", {"U": "input hidden", "../W": "hidden hidden", "b": "hidden"}),
        changed("parameters", {"U": "input hidden", "W": "hidden 99999999", "b": "hidden"}),
        changed("parameters", {"U": "input hidden", "W": "hidden 64*hidden", "b": "hidden"}),
        changed("parameters", {"U": "input hidden", "W": ["hidden"], "b": "hidden"}),
        changed("parameters", {f"W_{k}": "hidden hidden" for k in range(65)}),
        changed("more", 1),
        lambda network: network["own"].pop("states"),
        lambda network: network.__setitem__("own", 3),
        lambda network: network.pop("own"),
        lambda network: network.__setitem__("cell", "rnn"),
        lambda network: network.__setitem__("cell", "a/b.py:step"),
        lambda network: network.__setitem__("cell", "a\nb.py:step"),
        lambda network: network.__setitem__("cell", "b" * 90 + ".py:step"),
        lambda network: network.__setitem__("bidirectional", True),
        lambda network: network.__setitem__("embedding", 4),
    ],
)
def test_a_wrong_record_of_a_cell_is_one_sentence(model, change):
    """Whatever a file says of its cell, it opens or is one sentence that names the file."""
    arrays, meta = model
    change(meta["network"])
    with pytest.raises(
        charrnn.CharrnnError, match=r"^hostile\.npz (is not a charrnn model|.*shape|.*holds|.*entr)"
    ) as caught:
        charrnn.load(written(arrays, meta))
    assert "\n" not in str(caught.value)
