"""What is compiled for other x86 processors than this one: for a Haswell's AVX2, and for no more than SSE2.

The Haswell's NumPy and OpenBLAS are such a processor's too.
"""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import llvmlite.binding
import numpy as np
import pytest

from charrnn.kernels.llvm.tile import TILE_ROWS, TILE_VECTORS
from charrnn.model.network import Network
from charrnn.model.team import Team
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from charrnn.writing.controls import Controls
from charrnn.writing.sampler import Sampler
from tests.helpers import ROOT
from tests.helpers.activations import EXP, LOGISTIC, TANH, applied, floats
from tests.helpers.libraries import WITHOUT_AVX_512

pytestmark = pytest.mark.long

OPTIMIZERS = {"lstm": "adam", "gru": "rmsprop", "rnn": "adagrad"}  # so that each cell's run is an optimizer's too

BASE = {"64bit", "cmov", "cx8", "fxsr", "mmx", "sse", "sse2"}
HASWELL = BASE | {"sse3", "ssse3", "sse4.1", "sse4.2", "avx", "avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"}
HASWELL |= {"popcnt", "aes", "pclmul", "fsgsbase", "cx16", "xsave", "crc32", "sahf"}


def sha256(*arrays):
    """Return a digest of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def work(cell):
    """Train a network of ragged sizes over two epochs, draw characters from it, and return digests of it all."""
    vocabulary = Vocabulary.of("".join(chr(0x4E00 + k) for k in range(65)))
    ids = np.random.default_rng(0).integers(0, 65, 2 * 5 * 7 + 8).astype(np.uint8)
    settings = Settings(cell=cell, hidden=33, layers=2, dropout=0.3, seq_length=7, batch_size=5, epochs=2.0)
    settings = replace(settings, optimizer=OPTIMIZERS[cell], val_fraction=0.0)
    with Team(2) as team:
        trainer = Trainer(TextData(settings, Corpus(ids, vocabulary, ("a text",), "0" * 64)), team)
        steps = [trainer.advance(1) for _ in range(2 * trainer.steps.per_epoch)]
        controls = Controls(repeat_penalty=1.3, top_k=20, min_p=0.01, top_p=0.9)
        sampler = Sampler(Network(trainer.architecture, trainer.network.weights.named), seeds=[5], controls=controls)
        sampler.read([1, 2, 3])
        symbols = sampler.draw(100).symbols
    return {
        "loss": [step.loss for step in steps],
        "norm": [step.grad_norm for step in steps],
        "weights": sha256(trainer.network.weights.flat),
        "moments": sha256(*(moment.flat for moment in trainer.learner.optimizer.moments)),
        "carried": sha256(trainer.learner.window.carried()),
        "symbols": sha256(symbols),
    }


def functions():
    """Return a digest of the values and slopes of each activation over numbers of all sizes, and its largest value."""
    x = floats(2.0**-126, 80.0, 1009)
    found = [applied(function, np.concatenate([x, -x])) for function in (TANH, LOGISTIC, EXP)]
    return {"digests": [sha256(*both) for both in found], "largest": [float(y.max()) for y, _ in found]}


def main():
    """Print what this process computes."""
    cells = {cell: work(cell) for cell in sys.argv[1:]}
    print(json.dumps({"tile": [TILE_ROWS, TILE_VECTORS], "functions": functions(), "cells": cells}))  # noqa: T201


def start(cells, **environment):
    """Start a child process that computes it, for another processor where the environment names one."""
    command = [sys.executable, "-m", "tests.kernels.test_processors", *cells]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU_")}
    return subprocess.Popen(command, cwd=ROOT, env=ours | environment, stdout=subprocess.PIPE, text=True)


def end(child):
    """Return what a child process computed."""
    out, _ = child.communicate(timeout=600)
    assert child.returncode == 0
    return json.loads(out)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Compute on what is compiled for this processor, for a Haswell and for the first with 64 bits, all at once."""
    if not llvmlite.binding.get_process_triple().startswith(("x86_64", "amd64")):
        pytest.skip("other processors than x86-64 cannot run what is compiled for an older one of these")
    here = llvmlite.binding.get_host_cpu_features()
    missing = sorted(feature for feature in HASWELL if not here.get(feature))
    if missing:
        pytest.skip(f"this processor can do less than a Haswell: it has no {', '.join(missing)}")

    def compiled_for(processor, features):
        listed = ",".join(("+" if feature in features else "-") + feature for feature in sorted(here))
        cache = str(tmp_path_factory.mktemp(processor))
        return {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": listed, "XDG_CACHE_HOME": cache}

    children = {
        "here": start(OPTIMIZERS),
        "haswell": start(OPTIMIZERS, **compiled_for("haswell", HASWELL), **WITHOUT_AVX_512),
        "generic": start(["gru"], **compiled_for("generic", BASE)),
    }
    try:
        return {name: end(child) for name, child in children.items()}
    finally:
        for child in children.values():
            child.kill()
            child.wait()


def test_tiles_fit_the_registers(results):
    """A processor with AVX-512 multiplies in larger tiles, and what is compiled for an older one must not."""
    assert results["haswell"]["tile"] == results["generic"]["tile"] == [6, 1]
    wide = llvmlite.binding.get_host_cpu_features().get("avx512f")
    assert results["here"]["tile"] == ([8, 3] if wide else [6, 1])


@pytest.mark.parametrize("cell", OPTIMIZERS)
def test_the_width_of_registers_does_not_change_a_bit(results, cell):
    """A run and a sample are the same on every processor that can fuse a multiply-add, whatever its vectors' width."""
    assert results["here"]["cells"][cell] == results["haswell"]["cells"][cell]


def test_activations_are_the_same_bits(results):
    """For numbers of all sizes; without fused operations, tanh and the logistic function still reach 1."""
    assert results["here"]["functions"] == results["haswell"]["functions"]
    assert results["generic"]["functions"]["largest"][:2] == results["here"]["functions"]["largest"][:2] == [1.0, 1.0]


def test_without_fused_operations_results_are_nearly_the_same(results):
    """An old processor rounds each product twice, so that other bits come out, but the same losses."""
    here, generic = results["here"]["cells"]["gru"], results["generic"]["cells"]["gru"]
    np.testing.assert_allclose(generic["loss"], here["loss"], rtol=1e-4)
    np.testing.assert_allclose(generic["norm"], here["norm"], rtol=1e-3)
    assert generic["weights"] != here["weights"]


if __name__ == "__main__":
    main()
