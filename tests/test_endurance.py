"""The short form of ``python -m tests.endurance 2h``."""

from pathlib import Path

import pytest

from tests import endurance


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_run_of_seconds_leaks_neither_threads_nor_files(tmp_path):
    """Threads and open files stay as many as they were; memory takes longer to tell."""
    options = ("--hidden", "16", "--threads", "2", "--patience", "0", "--save-every", "0.2s")
    seen = endurance.train(4.0, tmp_path, options, samples=8)
    assert len(seen) == 8
    assert not {"threads", "files"} & set(endurance.grown(seen))


def test_what_grows_is_found():
    """A leak of a file, a thread or memory is told apart from noise."""
    steady = [{"kB": 1000 + k % 7, "threads": 5, "files": 4} for k in range(60)]
    assert endurance.grown(steady) == []
    for what, step in (("kB", 2), ("threads", 1), ("files", 1)):
        leaky = [one | {what: one[what] + step * k} for k, one in enumerate(steady)]
        assert endurance.grown(leaky) == [what]
