"""Measurements that need a separate process: the start-up time of commands, and the memory of training."""

import os
import site
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from charrnn.benchmark.timing import Side, Timing, Turns, alternate
from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.corpora.fables import fables
from charrnn.errors import CharrnnError
from charrnn.model.model_file import Checkpoint, save
from charrnn.text.ingest import Corpus
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.settings import Settings

PROGRAM = (sys.executable, "-m", "charrnn")
MOST_ROUNDS = 3  # processes are slow

# Prints the peak memory of a command, in the system's unit. A small separate process runs the command, because the
# figure is that of the largest child so far, and a child starts with the memory of its parent.
ASK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


@dataclass(frozen=True)
class StartUp:
    """The time of commands from start to end, and of a Python that only imports a package."""

    timings: dict[str, Timing]  # processes per second
    beside: dict[str, str]  # the import that is part of each command
    compile_seconds: float | None  # a first run up to its first step; None if the cache could not be replaced

    def seconds(self, name: str) -> float:
        """Return the median time of a command, in seconds."""
        return 1.0 / self.timings[name].median

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        commands = [
            {
                "name": name,
                "seconds": self.seconds(name),
                "rounds": [1.0 / rate for rate in self.timings[name].rates],
                "of_which": other,
                "of_which_seconds": self.seconds(other),
            }
            for name, other in self.beside.items()
        ]
        return {"commands": commands, "first_compile_seconds": self.compile_seconds}


def start_up(cell: str, *, turns: Turns) -> StartUp:
    """Measure ``--help``, the first sampled character and the first compilation.

    Raises CharrnnError if a command fails.
    """
    with TemporaryDirectory() as folder:
        model = Path(folder) / "model.npz"
        text = fables(characters=5000)
        vocabulary = Vocabulary.of(text)
        architecture = Architecture(cell, len(vocabulary), 16)
        save(model, Checkpoint(architecture, vocabulary, initialize(architecture, 0), {}, [], {}))
        commands: dict[str, Sequence[str]] = {
            "--help": (*PROGRAM, "--help"),
            "import click": (sys.executable, "-c", "import click"),
            "first sampled character": (*PROGRAM, "sample", str(model), "--length", "1"),
            "import numba": (sys.executable, "-c", "import numba"),
        }
        few = replace(turns, rounds=min(turns.rounds, MOST_ROUNDS))
        timings = alternate({name: _side(command) for name, command in commands.items()}, few, steps=1)
        beside = {"--help": "import click", "first sampled character": "import numba"}
        return StartUp(timings, beside, _first_compile(cell, text, Path(folder)))


def _first_compile(cell: str, text: str, folder: Path) -> float | None:
    """Return the seconds of a first run of one step.

    Its cache is empty. Returns None if the run did not use that cache.
    """
    corpus, cache = folder / "corpus.txt", folder / "cache"
    corpus.write_text(text, encoding="utf-8")
    cache.mkdir()
    command = (*PROGRAM, "train", str(corpus), "--cell", cell, "--epochs", "0.001", "--val-fraction", "0", "--slim")
    # macOS ignores XDG_CACHE_HOME and puts caches below HOME; Python must still find the packages that pip put there.
    elsewhere = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "PYTHONUSERBASE": site.getuserbase()}
    began = perf_counter()
    _run((*command, "--no-samples", "--quiet", "-o", str(folder / "first.npz")), elsewhere)
    seconds = perf_counter() - began
    return seconds if any(cache.rglob("*.nbc")) else None


def peak_memory(corpus: Corpus, settings: Settings, *, threads: int) -> int | None:
    """Return the peak memory of ``charrnn train`` in bytes; None on Windows.

    Kernels that an earlier run compiled are not compiled again. Raises CharrnnError if the run fails.
    """
    try:
        import resource  # noqa: F401
    except ImportError:
        return None
    with TemporaryDirectory() as folder:
        text = Path(folder) / "corpus.txt"
        text.write_bytes(corpus.vocabulary.decode_bytes(corpus.ids))
        sizes = {
            "--cell": settings.cell,
            "--hidden": settings.hidden,
            "--layers": settings.layers,
            "--seq-length": settings.seq_length,
            "--batch-size": settings.batch_size,
            "--threads": threads,
        }
        options = [str(word) for option in sizes.items() for word in option]
        train = (*PROGRAM, "train", str(text), *options, "--time", "1s", "--no-samples", "--quiet", "--force")
        ask = (sys.executable, "-c", ASK, *train, "-o", str(Path(folder) / "model.npz"))
        most = min(int(_run(ask)) for _ in range(2))  # the first run might compile
    return most * (1 if sys.platform == "darwin" else 1024)


def _side(command: Sequence[str]) -> Side:
    def side(steps: int) -> int:
        for _ in range(steps):
            _run(command)
        return steps

    return side


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> bytes:
    """Run a command and return its output.

    Raises CharrnnError if it fails.
    """
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=os.environ | (environment or {}), check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise CharrnnError(f"a measured command failed: {said[-1].removeprefix('charrnn: error: ')}")
    return done.stdout
