"""Every command writes all of its output, or its exit code says that it did not; messages that are lost change nothing.

The tables are those of tests/README.md: kinds of output, commands and faults, each with Python's buffer and without.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from charrnn.cli import COMMANDS, group
from tests.helpers import ROOT
from tests.helpers.commands import ERROR
from tests.helpers.example_inputs import write_inputs

faults = pytest.importorskip("tests.helpers.faults", reason="for POSIX systems")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full, and pipes of a size")

NETWORK = "--hidden 16 --threads 1 --epochs 1 --quiet --seed 1"
PREPARE = (
    f"train corpus.txt -o model.npz {NETWORK}",
    f"train corpus.txt -o both.npz --bidirectional {NETWORK}",
    f"train names --task classify -o names.npz {NETWORK}",
    f"train tagged.txt --task tag -o tags.npz {NETWORK}",
    f"train lengths.csv --task predict --texts word --labels length -o lengths.npz {NETWORK}",
    f"train pairs.tsv --task translate -o pairs.npz {NETWORK}",
)
BENCH = "bench corpus.txt --hidden 16 --threads 1 --rounds 1 --only sampling"
LINES = "Haus\n/temp 0.5\n\n/nonsense\n/show\n"  # a line is refused

# The commands that write each kind of output.
STDOUT = {
    "text": (
        "train --help",
        "sample model.npz --seed 1 --temp 0.5",
        "play model.npz --seed 1",
        "fill both.npz H_us",
        "classify names.npz Rossi Kato -k 2",
        "tag tags.npz Rossi",
        "predict lengths.npz Rossi",
        "translate pairs.npz Rossi -k 2",
        "eval model.npz corpus.txt",
        "info model.npz",
        "trace model.npz corpus.txt",
        "gradients model.npz corpus.txt",
        "corpus fables --characters 30000",
        "vocabulary corpus.txt --all",
        "encode --help",
        "cells",
        BENCH,
    ),
    "JSON": (
        "sample model.npz --seed 1 --count 3 --json",
        "fill both.npz H_us -k 5 --json",
        "classify names.npz Rossi Kato -k 2 --json",
        "tag tags.npz Rossi --json",
        "predict lengths.npz Rossi --json",
        "translate pairs.npz Rossi --json",
        "eval model.npz corpus.txt --json",
        "info model.npz --json",
        "trace model.npz corpus.txt --json",
        "gradients model.npz corpus.txt --json",
        "vocabulary corpus.txt --json",
        "cells --json",
        f"{BENCH} --json",
    ),
    "streamed": (
        "sample model.npz --seed 1 --length 20000",
        "eval model.npz corpus.txt --per-char --json",
        "eval model.npz corpus.txt --per-line --tsv",
        "eval names.npz names",
        "eval pairs.npz pairs.tsv",
    ),
}
STDERR = (
    "train corpus.txt -o other.npz --force --hidden 16 --threads 1 --epochs 1 --seed 1",
    "sample model.npz --seed 1 --copied corpus.txt",
    "play model.npz --seed 1",
    "fill both.npz Haus",
    "classify both.npz Rossi",
    "tag both.npz Rossi",
    "predict both.npz Rossi",
    "translate both.npz Rossi",
    "eval model.npz missing.txt",
    "info missing.npz",
    "trace model.npz corpus.txt",
    "gradients model.npz missing.txt",
    "corpus nonsense",
    "vocabulary missing.txt",
    "encode corpus.txt -o encoded.npz --force",
    "cells nonsense",
    "bench missing.txt",
    "nonsense",
    "--debug info missing.npz",
)
ROWS = [(faults.STDOUT, row) for rows in STDOUT.values() for row in rows] + [(faults.STDERR, row) for row in STDERR]
REASONS = {
    "full disk": "no space left on device",
    "size limit": "file too large",
    "closed stream": "standard output is closed",
}
NOT_WRITTEN = f"{ERROR}the output cannot be written: "


@pytest.fixture(scope="module", params=["", "1"], ids=["buffered", "unbuffered"])
def outcomes(request, tmp_path_factory, text):
    """Run all rows with every fault, with Python's buffer or without; return what came of each."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "corpus.txt").write_text(text, encoding="utf-8")
    write_inputs(folder)
    rows = [(number, line.split(), LINES) for number, line in [*((0, line) for line in PREPARE), *ROWS]]
    (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    surroundings = os.environ | {"PYTHONUNBUFFERED": request.param, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    program = "from tests.helpers.faults import play_out; play_out('rows.json', 'results.json')"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return dict(zip(ROWS, found[len(PREPARE) :], strict=True))


def alike(written):
    """Return an output without what differs from run to run, as the speed of the machine does."""
    return re.sub(r" +", " ", re.sub(r"\d[\d.,]*(e-\d+)?", "0", written)).replace(" \n", "\n")


@pytest.mark.parametrize("fault", faults.FAULTS)
@pytest.mark.parametrize("row", [row for rows in STDOUT.values() for row in rows])
def test_the_result_arrives_or_the_exit_code_says_so(outcomes, row, fault):
    """Where all arrives in the end, nothing is different; anywhere else one line says why, or a closed pipe ends it."""
    well, found = outcomes[faults.STDOUT, row][""], outcomes[faults.STDOUT, row][fault]
    code, arrived, said = found
    assert well[0] == (1 if row.startswith("play") else 0)
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if fault in ("stopped reader", "non-blocking pipe"):
        assert [code, *map(alike, (arrived, said))] == [well[0], *map(alike, well[1:])]
    elif fault == "closed reader":
        assert (code, ERROR in said) == (141, False)
    else:
        assert (code, arrived) == (1, well[1][: faults.ROOM] if fault == "size limit" else "")
        assert said.endswith(f"{NOT_WRITTEN}{REASONS[fault]}\n")
        assert said.count(ERROR) == 1


@pytest.mark.parametrize("fault", faults.FAULTS)
@pytest.mark.parametrize("row", STDERR)
def test_what_is_said_may_be_lost_but_not_what_is_done(outcomes, row, fault):
    """Whatever becomes of stderr, the exit code and standard output are the same; where all can arrive, all does."""
    well, found = outcomes[faults.STDERR, row][""], outcomes[faults.STDERR, row][fault]
    code, arrived, written = found
    assert well[1]
    assert (code, alike(written)) == (well[0], alike(well[2]))
    if fault in ("stopped reader", "non-blocking pipe"):
        assert alike(arrived) == alike(well[1])
    else:
        assert arrived == (well[1][: faults.ROOM] if fault == "size limit" else "")


def test_no_command_is_left_out():
    """Every command has a row for its result and one for its messages; every one that has --json has a row for it."""
    with_json = {
        name for name in COMMANDS if any("--json" in option.opts for option in group.get_command(None, name).params)
    }
    assert {line.split()[0] for line in STDOUT["text"]} == set(COMMANDS)
    assert {line.split()[0] for line in STDOUT["JSON"]} == with_json
    assert {line.split()[0] for line in STDERR} >= set(COMMANDS)
