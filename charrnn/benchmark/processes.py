"""What only a process of its own can show: how long a command takes to start, and how much memory training needs."""

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
MOST_ROUNDS = 3  # a process takes its time

# Prints the peak memory of the command that it is given, in the system's unit. A small process of its own asks, for the
# figure is that of the largest child so far, and a child's begins with the memory of the process that started it.
ASK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


@dataclass(frozen=True)
class StartUp:
    """How long commands take from start to end, and what a Python that only imports a package takes: (seconds, …)."""

    timings: dict[str, Timing]  # processes a second
    beside: dict[str, str]  # which import is inside which command
    compile_seconds: float | None  # a first run up to its first step; None where the cache could not be set aside

    def seconds(self, name: str) -> float:
        """Return the median time of a command."""
        return 1.0 / self.timings[name].median

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
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
    """Measure ``--help``, the first sampled character and the first compile.

    Raises CharrnnError where a command fails.
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
    """Return how long a run of one step takes with an empty cache, in seconds; None where the cache stays elsewhere."""
    corpus, cache = folder / "corpus.txt", folder / "cache"
    corpus.write_text(text, encoding="utf-8")
    cache.mkdir()
    command = (*PROGRAM, "train", str(corpus), "--cell", cell, "--epochs", "0.001", "--val-fraction", "0", "--slim")
    # macOS knows no XDG_CACHE_HOME, and puts caches below HOME; packages that pip put there must still be found.
    elsewhere = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "PYTHONUSERBASE": site.getuserbase()}
    began = perf_counter()
    _run((*command, "--no-samples", "--quiet", "-o", str(folder / "first.npz")), elsewhere)
    seconds = perf_counter() - began
    return seconds if any(cache.rglob("*.nbc")) else None


def peak_memory(corpus: Corpus, settings: Settings, *, threads: int) -> int | None:
    """Return the most memory, in bytes, that a process of ``charrnn train`` holds on a text, or None on Windows.

    Kernels that an earlier run compiled are not compiled again. Raises CharrnnError where the run fails.
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
        most = min(int(_run(ask)) for _ in range(2))  # the first may compile
    return most * (1 if sys.platform == "darwin" else 1024)


def _side(command: Sequence[str]) -> Side:
    def side(steps: int) -> int:
        for _ in range(steps):
            _run(command)
        return steps

    return side


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> bytes:
    """Run a command and return what it printed; raise CharrnnError where it fails."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=os.environ | (environment or {}), check=False
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise CharrnnError(f"a command that was to be measured failed: {said[-1].removeprefix('charrnn: error: ')}")
    return done.stdout
