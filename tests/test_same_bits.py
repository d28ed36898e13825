"""What NumPy, OpenBLAS and the C library choose by processor: none of it changes a weight, a text or a score.

A child process each is told to take such processors' code: by OPENBLAS_CORETYPE, NPY_DISABLE_CPU_FEATURES and
GLIBC_TUNABLES. What Numba compiles for other processors is in kernels/test_processors.py.
"""

import ast
import hashlib
import json
import math
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest

import charrnn
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.training.rules import SCHEDULES, learning_rate
from tests.helpers import ROOT
from tests.helpers.libraries import WITHOUT_AVX, WITHOUT_AVX_512
from tests.helpers.texts import rhyme

SMALL = {"hidden": 16, "batch_size": 4, "seq_length": 16, "epochs": 3, "seed": 5}
RUNS = {  # with each optimizer and each schedule
    "adam": {"optimizer": "adam", "schedule": "cosine", "clip": 0.1},
    "rmsprop": {"optimizer": "rmsprop", "schedule": "exponential", "dropout": 0.3},
    "adagrad": {"optimizer": "adagrad", "schedule": "constant", "clip_value": 0.01},
    "sgd": {"optimizer": "sgd", "documents": "lines"},
    "both": {"bidirectional": True, "layers": 2},
}
CONTROLS = ({}, {"temp": 0.0}, {"temp": 0.6}, {"top_k": 5}, {"top_p": 0.7}, {"min_p": 0.1}, {"repeat_penalty": 1.5})
ARCHITECTURES = (
    Architecture("lstm", 65, 512),
    Architecture("lstm-projection", 9, 30, 2, projection=7),
    Architecture("clockwork", 9, 30, periods=(1, 2, 5)),
    Architecture("lstm-fgr", 9, 18),
)
PACKAGE = Path(charrnn.__file__).parent
# What only prints figures, for people: they may differ in the last of many digits. And cells that users write in NumPy.
FIGURES = (
    *("benchmark/", "cli/", "display/", "training/gradient_flow.py", "training/gradient_paths.py"),
    *("reading/tracing.py", "reading/simple_methods.py", "own/"),
)
CHOOSING = """
    exp exp2 expm1 log log2 log10 log1p logaddexp pow power float_power cbrt hypot sin cos tan asin acos atan atan2 sinh
    cosh tanh erf gamma lgamma dot vdot inner outer matmul tensordot einsum linalg convolve correlate fft std var cov
    corrcoef polyval
""".split()
OTHERS = {
    "here": {},
    "as on a processor without AVX-512": WITHOUT_AVX_512,
    "as on one without AVX": WITHOUT_AVX,
}


def digest(values):
    """Return what stands for numbers or arrays."""
    arrays = values.values() if isinstance(values, dict) else [np.asarray(values)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()[:16]


def libraries():
    """Return digests of what libraries compute that may choose by processor."""
    rng = np.random.default_rng(0)
    x, y, square = rng.uniform(0.1, 9.0, 50_000), rng.uniform(-9.0, 9.0, 50_000), rng.standard_normal((200, 200))
    return {
        "NumPy": digest([np.exp(y), np.log(x), x**y]),
        "OpenBLAS": digest(square @ square),
        "C library": digest([[math.exp(v) for v in y], [math.log(v) for v in x], [math.cos(v) for v in y]]),
    }


def work():
    """Return what charrnn computes, from first values to scores, as digests and numbers."""
    shares = np.linspace(0.0, 1.0, 2001).tolist()
    found = {f"first values of {a.description}": digest(initialize(a, 3)) for a in ARCHITECTURES}
    for schedule in SCHEDULES:
        rates = [learning_rate(schedule, share, peak=0.01, warmup=0.01, final=0.02) for share in shares]
        found[f"rates, {schedule}"] = digest(rates)
    models = {}
    for name, options in RUNS.items():
        with charrnn.train(rhyme(3000), cell="gru", threads=2, **(SMALL | options)) as run:
            models[name] = run.finish()
        history = [{key: value for key, value in record.items() if key != "seconds"} for record in run.history]
        found[f"trained, {name}"] = [digest(dict(models[name].parameters)), history]
    both, one, text = models.pop("both"), models["adam"], rhyme(700, seed=2)
    for name, model in models.items():
        for options in CONTROLS:
            samples = model.samples(2, length=150, seed=3, **options)
            found[f"samples, {name}, {options}"] = [asdict(sample) for sample in samples]
    for model in (one, both):
        score = model.score(text)
        found[f"scores, {model}"] = [score.nats, score.bits_per_char, score.perplexity]
        found[f"characters, {model}"] = [(c.bits, c.probability) for c in model.per_character(text)]
    found["next"] = one.next_characters("the ca", 9)
    for options in ({}, {"beam": 1}, {"temp": 0.9, "seed": 4}, {"temp": 0.2, "seed": 4}):
        found[f"fillings, {options}"] = [asdict(c) for c in both.completions("the c_t was f____and__", 3, **options)]
    return found


def start(**environment):
    """Start a child process that computes it on what the environment names."""
    ours = {name: v for name, v in os.environ.items() if name not in ("GLIBC_TUNABLES", "NPY_DISABLE_CPU_FEATURES")}
    command = [sys.executable, "-m", "tests.test_same_bits"]
    return subprocess.Popen(command, cwd=ROOT, env=ours | environment, stdout=subprocess.PIPE, text=True)


def computed(environment):
    """Return what a child process computes."""
    out, _ = start(**environment).communicate(timeout=600)
    return json.loads(out)


@pytest.fixture(scope="module")
def results():
    """Compute on the libraries' code for this processor and for others, one after another."""
    return {name: computed(environment) for name, environment in OTHERS.items()}


@pytest.mark.parametrize("other", list(OTHERS)[1:])
def test_the_libraries_code_does_not_change_a_bit(results, other):
    """First values, rates, weights, texts, fillings and scores are the same, whatever code the libraries choose."""
    here, there = results["here"]["work"], results[other]["work"]
    assert list(here) == list(there)
    assert [name for name in here if here[name] != there[name]] == []


@pytest.mark.slow
@pytest.mark.parametrize("kernels", ["Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake"])
def test_no_kernels_of_openblas_change_a_bit(results, kernels):
    """Whichever processor OpenBLAS takes this one for."""
    assert computed({"OPENBLAS_CORETYPE": kernels})["work"] == results["here"]["work"]


def test_the_libraries_do_compute_something_else(results):
    """Else the test above would prove nothing."""
    if not llvmlite.binding.get_host_cpu_features().get("avx512f"):
        pytest.skip("this processor has no AVX-512")
    here, *others = (result["libraries"] for result in results.values())
    assert all(any(other[library] != here[library] for other in others) for library in here)


def choosing(tree):
    """Yield the operations of a module that libraries compute, with bits that may depend on the processor."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name("math" | "np" as module), name) if name in CHOOSING:
                yield f"{module}.{name}"
            case ast.ImportFrom("math" | "numpy" as module, names):
                yield from (f"{module}.{alias.name}" for alias in names if alias.name in CHOOSING)
            case ast.BinOp(ast.Constant(), ast.Pow(), ast.Constant() | ast.UnaryOp()):
                continue  # such as 2.0**-53
            case ast.BinOp(_, ast.Pow() | ast.MatMult()) | ast.AugAssign(_, ast.Pow() | ast.MatMult()):
                yield ast.unparse(node)


def test_nothing_asks_libraries_for_what_depends_on_the_processor():
    """exp, log, powers and products of matrices are our own, except where figures for people are made."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(FIGURES) and (uses := list(choosing(ast.parse(path.read_text(encoding="utf-8"))))):
            found[name] = uses
    assert found == {}


def main():
    """Print what this process computes."""
    print(json.dumps({"libraries": libraries(), "work": work()}))  # noqa: T201


if __name__ == "__main__":
    main()
