"""Every command that the README shows works as it stands there, if on smaller networks."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line and "venv" not in line]

# What the examples take as given is here; whatever trains is made small by options after those of the example.
SHIM = """#!/bin/sh
case "$1 $*" in
  "train "*--resume*--online*) shift; exec {python} -m charrnn train "$@" --threads 1 ;;
  "train "*--online*) shift; exec {python} -m charrnn train "$@" --hidden 16 --threads 1 ;;
  "train "*--resume*) shift; exec {python} -m charrnn train "$@" --epochs 3 --threads 1 ;;
  "train "*--time*) shift; exec {python} -m charrnn train "$@" --time 1s --hidden 40 --threads 1 ;;
  "train "*--init-from*) shift; exec {python} -m charrnn train "$@" --epochs 1 --threads 1 ;;
  "train "*) shift; exec {python} -m charrnn train "$@" --hidden 16 --epochs 2 --threads 1 ;;
  "bench "*) exec {python} -m charrnn "$@" --rounds 1 ;;
  *) exec {python} -m charrnn "$@" ;;
esac
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="the examples are for a POSIX shell")
def test_every_example_of_the_readme_runs(tmp_path):
    """In the order of the page, each command line ends well and says what it should."""
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "charrnn"
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    shutil.copytree(ROOT / "models", tmp_path / "models")
    fables = (ROOT / "corpora" / "fables.txt").read_text()
    (tmp_path / "corpus.txt").write_text(fables[:20_000])
    (tmp_path / "other.txt").write_text(fables[5_000:15_000])
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert len(COMMANDS) > 12
    for line in COMMANDS:
        if "--remap" in line:
            (tmp_path / "other.txt").write_text(fables[5_000:15_000] + "~")
        done = subprocess.run(
            line,
            shell=True,
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"
        assert b"Traceback" not in done.stderr, line
        if "--novel" in line:
            assert done.stdout.count(b"\n") == 20, line
        elif line.startswith("charrnn sample") and "--lines" not in line and "|" not in line:
            assert len(done.stdout) >= 300, line
        elif not re.match(r"charrnn (train|corpus|play)|tr |cat .* charrnn train", line) and ">" not in line:
            assert done.stdout, line


def test_the_readme_reads_a_model_with_numpy_alone(tmp_path, monkeypatch, capsys):
    """The Python example prints the network of a model file."""
    shutil.copy(ROOT / "models" / "shakespeare.npz", tmp_path / "model.npz")
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert "'cell': 'lstm'" in capsys.readouterr().out


def test_the_map_names_every_room():
    """Each room of the code has a row in the map, and every file that the map names is there."""
    package = ROOT / "charrnn"
    told = (package / "README.md").read_text(encoding="utf-8")
    rooms = {f"{path.parent.relative_to(package)}/" for path in package.rglob("__init__.py")} - {"./"}
    assert {room for room in rooms if f"| `{room}` |" not in told} == set()
    named = re.findall(r"`((?:\.\./)?[a-z_/]+\.(?:py|toml))`", told)
    assert len(named) > 15
    assert [name for name in named if not (package / name).is_file()] == []
