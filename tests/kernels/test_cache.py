"""Compiled code that is kept is whole, for this processor, and by who may write there; or it is not used."""

import json
import os
import shutil
import subprocess
import sys
import time

import llvmlite.binding
import pytest

from tests.helpers import ROOT
from tests.helpers.files import age
from tests.helpers.processes import finish

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# A program with two small kernels, whose cache is in the folder that is its first argument.
CHILD = """
import json, os, sys
from pathlib import Path
import platformdirs
platformdirs.user_cache_path = lambda name: Path(sys.argv[1], name)
from numba import types
from charrnn.kernels.llvm.cache import Kept, _folder_for, cache_folder, has_compiled
from charrnn.kernels.llvm.compiler import entry, separate

def add(x, y):
    return x + y

def nothing(x):
    pass

def run():
    kernel, apart = entry(add), separate(types.void(types.int64))(nothing)
    warm = has_compiled("__main__", "add")
    assert kernel(2, 3) == 5 and apart.compiled_address
    hits = sum(kernel.stats.cache_hits.values())
    assert sum(kernel.stats.cache_misses.values()) == 1 - hits
    return {"hits": hits, "warm": warm, "folder": cache_folder() and str(cache_folder())}
"""


RUN = "print(json.dumps(run()))"
ONCE = CHILD + RUN


def start(cache, program, **environment):
    """Start a process that runs a program with its cache in a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(cache)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def end(child):
    """Return what a process said, once it has ended well."""
    try:
        out, _ = child.communicate(timeout=600)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0
    return out


def said(cache, program, **environment):
    """Return what a program printed as JSON."""
    return json.loads(end(start(cache, program, **environment)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Return a folder where a process has kept what it compiled."""
    cache = tmp_path_factory.mktemp("cache")
    first = said(cache, ONCE)
    assert first["hits"] == 0
    assert not first["warm"]
    return cache


def test_the_next_run_compiles_nothing(cache):
    """It finds all that it needs, and looks at it only."""
    files = sorted(cache.glob("charrnn/kernels/*/*"))
    assert [path.name.rpartition("-")[0] for path in files] == ["__main__.add", "__main__.nothing"]
    times = [path.stat().st_mtime_ns for path in files]
    assert said(cache, ONCE) == {"hits": 1, "warm": True, "folder": str(files[0].parent.resolve())}
    assert sorted(cache.glob("charrnn/kernels/*/*")) == files
    assert times == [path.stat().st_mtime_ns for path in files]


def test_each_signature_has_code_of_its_own(cache, tmp_path):
    """What was compiled for integers is not run on other numbers."""
    program = "kernel = entry(add); print(json.dumps([kernel(2.5, 1.0), kernel(2, 3), kernel(1e300, 1)]))"
    assert said(shutil.copytree(cache, tmp_path / "cache"), CHILD + program) == [3.5, 5, 1e300]


HERE = llvmlite.binding.get_host_cpu_features()
LAST = max((name for name in HERE if HERE[name]), default="")  # such as xsaves, which no kernel needs
OTHERS = {
    "name": {"NUMBA_CPU_NAME": "generic"},
    "features": {
        "NUMBA_CPU_FEATURES": ",".join(("+" if HERE[name] and name != LAST else "-") + name for name in sorted(HERE))
    },
}


@pytest.mark.parametrize("other", ["name", pytest.param("features", marks=pytest.mark.slow)])
def test_code_for_another_processor_is_not_used(cache, tmp_path, other):
    """A home may be shared by machines: each keeps what is compiled for its own kind of processor."""
    shared = shutil.copytree(cache, tmp_path / "cache")
    found = said(shared, ONCE, **OTHERS[other])
    assert found["hits"] == 0
    assert not found["warm"]
    assert len(list((shared / "charrnn" / "kernels").iterdir())) == 2


@pytest.mark.parametrize("setting", ["NUMBA_OPT", "NUMBA_LOOP_VECTORIZE", "NUMBA_DEBUGINFO"])
def test_code_of_other_settings_is_not_used(cache, tmp_path, setting):
    """What Numba compiles with other settings is kept apart, whatever the setting, so one slow run slows no other."""
    shared = shutil.copytree(cache, tmp_path / "cache")
    other = {setting: "1" if setting == "NUMBA_DEBUGINFO" else "0"}
    found = said(shared, ONCE, **other)
    assert found["hits"] == 0
    assert not found["warm"]
    assert said(shared, ONCE, **other)["hits"] == 1
    assert said(shared, ONCE)["hits"] == 1


def test_a_setting_that_a_program_changes_counts(cache, tmp_path):
    """Numba also heeds a setting that changes between two compilations."""
    change = "import numba; runs = [run()]; numba.config.OPT = 0; runs.append(run()); print(json.dumps(runs))"
    before, after = said(shutil.copytree(cache, tmp_path / "cache"), CHILD + change)
    assert (before["hits"], after["hits"]) == (1, 0)
    assert before["folder"] != after["folder"]


@pytest.mark.parametrize("name", ["NUMBA_NUM_THREADS", "NUMBA_GDB_BINARY"])
def test_code_is_used_wherever_it_is_the_same(cache, name):
    """A process that may use fewer processors, or finds other programs, compiles nothing again."""
    assert said(cache, ONCE, **{name: "1"})["hits"] == 1


@pytest.mark.parametrize("command", ["train corpus.txt", "sample model.npz", "bench corpus.txt"])
def test_without_compiling(launch, trained, command):
    """Where Numba is not allowed to compile, one sentence says so."""
    shutil.copy(trained, "model.npz")
    code, out, err = finish(launch(*command.split(), env={"NUMBA_DISABLE_JIT": "1"}))
    assert (code, out) == (1, b"")
    assert err == "charrnn: error: charrnn computes only with compiled code; unset NUMBA_DISABLE_JIT\n"


RACE = """
import time

run()
empty = sys.argv[1]
for turn in range(int(sys.argv[2])):
    sys.argv[1] = f"{empty}/{turn}"
    _folder_for.cache_clear()
    begin, children = time.time() + 0.05, []
    for _ in range(4):
        child = os.fork()
        if not child:
            try:
                time.sleep(max(0.0, begin - time.time()))
                run()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert run()["hits"] == 1
    assert len(os.listdir(cache_folder())) == 2
print(json.dumps("done"))
"""


@FORK
@pytest.mark.parametrize("turns", [3, pytest.param(30, marks=pytest.mark.slow)])
def test_first_runs_at_the_same_time(tmp_path, turns):
    """Four processes with one empty cache all work; the next compiles nothing, and nothing else is left."""
    assert said(tmp_path, CHILD + f"sys.argv.append('{turns}')\n" + RACE) == "done"


DAMAGE = """
import random, shutil
from numba import int64
from numba.core.registry import cpu_target

every, seed = int(sys.argv[2]), int(sys.argv[3])
run()
path, = cache_folder().glob("__main__.add-*.nbc")
other, = cache_folder().glob("__main__.nothing-*.nbc")
whole, context = path.read_bytes(), cpu_target.target_context

def load():
    return Kept(add).load_overload((int64, int64), context)

assert load() is not None
chance = random.Random(seed)
for length in range(chance.randrange(every), len(whole), every):
    for damaged in (
        whole[:length],
        whole[:length] + bytes(len(whole) - length),
        whole[:length] + bytes([whole[length] ^ 1 << chance.randrange(8)]) + whole[length + 1 :],
        whole[:length] + chance.randbytes(4096) + whole[length + 4096 :],
    ):
        path.write_bytes(damaged)
        assert load() is None, length

wrong = b"", whole[:-1], whole + b"x", chance.randbytes(9999), bytes(len(whole)), other.read_bytes(), None, "folder"
for damage in wrong:
    path.unlink(missing_ok=True)
    if damage == "folder":
        path.mkdir()
        Path(path, "file").touch()
    elif damage is not None:
        path.write_bytes(damage)
    assert run()["hits"] == 0, damage
    assert run()["hits"] == 1, damage
print(json.dumps(sorted(found.name for found in cache_folder().iterdir()) == sorted((path.name, other.name))))
"""


@pytest.mark.parametrize("every", [101, pytest.param(7, marks=pytest.mark.slow)])
def test_damaged_code_is_compiled_anew(tmp_path, every):
    """A file cut anywhere, zeroed, with a wrong bit, of other content or no file is made again, and never run."""
    arguments = f"sys.argv += ['{every}', '{every}']\n"
    assert said(tmp_path, CHILD + arguments + DAMAGE) is True


KILL = """
import signal, time
from numba import int64
from numba.core.registry import cpu_target

kernel = entry(add)
kernel(2, 3)
code = kernel.overloads[int64, int64]
path, = cache_folder().iterdir()

def whole():
    return Kept(add).load_overload((int64, int64), cpu_target.target_context) is not None

for kill in range(int(sys.argv[2])):
    path.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        if not kill:
            os.fsync = lambda file: time.sleep(600)
        while True:
            Kept(add).save_overload((int64, int64), code)
    while not kill and not os.listdir(cache_folder()):
        pass
    time.sleep(kill % 50 * 2e-4)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert not path.exists() or whole()
left = set(cache_folder().iterdir()) - {path}
for file in left:
    os.utime(file, (time.time() - 7200,) * 2)
kernel = entry(add)
path.unlink(missing_ok=True)
kernel(2, 3)
assert whole()
print(json.dumps([len(left), os.listdir(cache_folder()) == [path.name]]))
"""


@FORK
@pytest.mark.parametrize("kills", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_killed_while_it_is_written(tmp_path, kills):
    """A process that is killed at any moment leaves whole code or none; what it was writing goes some time later."""
    left, alone = said(tmp_path, CHILD + f"sys.argv.append('{kills}')\n" + KILL)
    assert left
    assert alone


def test_nothing_can_be_written(tmp_path):
    """With a full disk, a folder that goes away during the run, or no safe place at all, a run compiles each time."""
    pytest.importorskip("resource")
    program = """
import resource, shutil
runs = []
assert cache_folder()
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
runs += [run(), run()]
left = os.listdir(cache_folder())
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
shutil.rmtree(sys.argv[1])
runs += [run()]
os.umask(0)
os.mkdir(sys.argv[1], 0o777)
_folder_for.cache_clear()
runs += [run(), run()]
print(json.dumps([[found["hits"] for found in runs], runs[-1], left + os.listdir(sys.argv[1])]))
"""
    nowhere = {"hits": 0, "warm": False, "folder": None}
    assert said(tmp_path / "cache", CHILD + program) == [[0] * 5, nowhere, []]


def test_a_run_marks_its_folder_and_removes_old_ones(cache, tmp_path):
    """A folder in use looks new, and when something is compiled, folders of a month ago go."""
    copy = shutil.copytree(cache, tmp_path / "cache")
    (folder,) = copy.glob("charrnn/kernels/*")
    age(folder, 31)
    old = folder.with_name("0123456789abcdef")
    old.mkdir(mode=0o700)
    age(old, 31)
    program = """
(code,) = cache_folder().glob("__main__.add-*.nbc")
found = [cache_folder().stat().st_mtime, run()["hits"], len(os.listdir(cache_folder().parent))]
code.unlink()
print(json.dumps(found + [run()["hits"], len(os.listdir(cache_folder().parent))]))
"""
    used, *found = said(copy, CHILD + program)
    assert time.time() - used < 86400
    assert found == [1, 2, 0, 1]  # looking for old folders is left to a run that has to wait anyway


@pytest.mark.slow
def test_a_sample_needs_no_cache(tmp_path):
    """Real samples are the same by two first runs at once, from the disk, from damaged files and without a place."""
    model = ROOT / "models" / "shakespeare.npz"
    program = (
        "import sys, pathlib, platformdirs\n"
        "platformdirs.user_cache_path = lambda name: pathlib.Path(sys.argv[1], name)\n"
        "from charrnn.cli import run\n"
        f"sys.exit(run(['sample', {str(model)!r}, '--length', '200', '--seed', '1']))"
    )

    cache = tmp_path / "cache"
    first, second = [end(child) for child in [start(cache, program), start(cache, program)]]
    assert len(first) >= 200
    assert first == second
    files = sorted(cache.glob("charrnn/kernels/*/*"))
    assert len(files) > 5
    assert {path.suffix for path in files} == {".nbc"}
    for number, path in enumerate(files):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0x10
        path.write_bytes([content, content[: len(content) // 2], b""][number % 3])
    damaged = [path.read_bytes() for path in files]
    assert end(start(cache, program)) == first
    assert sorted(cache.glob("charrnn/kernels/*/*")) == files
    times = [path.stat().st_mtime_ns for path in files]
    assert all(path.read_bytes() != before for path, before in zip(files, damaged, strict=True))
    assert end(start(cache, program)) == first
    assert times == [path.stat().st_mtime_ns for path in files]
    (tmp_path / "file").touch()
    assert end(start(tmp_path / "file", program)) == first
