"""As many threads run as can at once: processors of the process, less what a container's quota takes away."""

import os
import warnings

import pytest

import charrnn
from charrnn.errors import CharrnnError
from charrnn.model.threads import processors, usable_threads  # before it is patched
from tests.helpers.commands import TINY, refused

MOUNTS = "sys/fs/cgroup"
SECOND = "0::/a.slice/b.service\n"


def put(root, files):
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def eight(monkeypatch):
    """Let this process run on eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        (None, {}, 8),
        (SECOND, {}, 8),
        (SECOND, {"a.slice/b.service/cpu.max": "max 100000\n", "a.slice/cpu.max": "max 100000\n"}, 8),
        (SECOND, {"a.slice/b.service/cpu.max": "200000 100000\n"}, 2),
        (SECOND, {"a.slice/b.service/cpu.max": "150000 100000\n"}, 2),
        (SECOND, {"a.slice/b.service/cpu.max": "1000 100000\n"}, 1),
        (SECOND, {"a.slice/b.service/cpu.max": "3200000 100000\n"}, 8),
        (SECOND, {"a.slice/b.service/cpu.max": "600000 100000\n", "a.slice/cpu.max": "300000 100000\n"}, 3),
        (SECOND, {"unified/a.slice/b.service/cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/../outside\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/kubepods/of the host\n", {"cpu.max": "250000 100000\n"}, 3),
        (
            "3:cpu,cpuacct:/x\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "300000", "cpu,cpuacct/x/cpu.cfs_period_us": "1e5"},
            8,
        ),
        (
            "4:memory:/\n3:cpu,cpuacct:/x\n0::/\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/x/cpu.cfs_period_us": "100000\n"},
            3,
        ),
        ("1:cpu:/docker/1\n", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "25000\n"}, 2),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ("1:cpuset:/\n", {"cpuset/cpu.cfs_quota_us": "100000\n", "cpuset/cpu.cfs_period_us": "100000\n"}, 8),
        (SECOND, {"cpu.max": ""}, 8),
        (SECOND, {"cpu.max": "a b\n"}, 8),
        (SECOND, {"cpu.max": "100000 0\n"}, 8),
        ("nonsense\n\n::\n", {"cpu.max": "100000 100000\n"}, 8),
    ],
)
def test_a_container_has_fewer_processors(tmp_path, groups, files, expected):
    """The least quota of all control groups of this process counts, rounded up; what cannot be read is no limit."""
    put(tmp_path, {f"{MOUNTS}/{name}": content for name, content in files.items()})
    if groups is not None:
        put(tmp_path, {"proc/self/cgroup": groups})
    assert processors(tmp_path) == expected


def test_processors_of_this_process(monkeypatch):
    """On this machine, there is one at least, and no more than it has; also where a system tells nothing."""
    assert 1 <= processors() <= (os.cpu_count() or 1)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processors() == 1


def test_no_more_threads_than_can_run(monkeypatch):
    """What is asked for counts up to the number of processors; a sentence says if that is less."""
    told = []
    monkeypatch.setattr("charrnn.model.threads.processors", lambda: 4)
    assert [usable_threads(threads, told.append) for threads in (None, 1, 4, 5, 10**6)] == [4, 1, 4, 4, 4]
    assert told == [
        "--threads 5 is lowered to 4: this process can use 4 processors",
        "--threads 1000000 is lowered to 4: this process can use 4 processors",
    ]
    monkeypatch.setattr("charrnn.model.threads.processors", lambda: 1)
    assert usable_threads(2, told.append) == 1
    assert told[-1] == "--threads 2 is lowered to 1: this process can use 1 processor"
    for threads in (0, -1):
        with pytest.raises(CharrnnError, match=f"the number of threads must be 1 or more, not {threads}"):
            usable_threads(threads, told.append)


@pytest.mark.parametrize(
    "command",
    [
        ("train", "corpus.txt", *TINY, "--epochs", 0.01, "-o", "new.npz"),
        ("eval", "MODEL", "corpus.txt"),
        ("gradients", "MODEL", "corpus.txt", "--lags", 2, "--samples", 10),
        ("bench", "corpus.txt", "--hidden", 16, "--rounds", 1, "--only", "memory"),
    ],
    ids=lambda command: command[0],
)
def test_commands_run_no_more_threads_than_can_run(folder, run, trained, monkeypatch, command):
    """They note it on standard error, and go on; with --quiet, a run says nothing."""
    monkeypatch.setattr("charrnn.model.threads.processors", lambda: 2)
    typed = [trained if word == "MODEL" else word for word in command]
    sentence = "charrnn: --threads 999 is lowered to 2: this process can use 2 processors\n"
    result = run(*typed, "--threads", 999)
    assert result.code == 0
    assert result.err.count(sentence) == 1
    assert "lowered" not in result.out
    if command[0] == "train":
        assert "machine:   2 threads" in result.err
        assert run(*typed, "--threads", 999, "--quiet", "--force").err == ""


def test_the_library_runs_no_more_threads_than_can_run(trained, text, monkeypatch):
    """It warns at the line that asks for more, and the result is the same."""
    monkeypatch.setattr("charrnn.model.threads.processors", lambda: 2)
    model = charrnn.load(trained)
    calls = (
        lambda threads: model.score(text, threads=threads),
        lambda threads: model.score_lines(text.splitlines()[:3], threads=threads),
        lambda threads: model.per_character(text, threads=threads),
        lambda threads: (
            charrnn.train(text, hidden=8, epochs=0.01, threads=threads).finish().parameters["output.c"].tolist()
        ),
    )
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = call(7)
        assert [str(warning.message) for warning in caught] == [
            "threads=7 is lowered to 2: this process can use 2 processors"
        ]
        assert caught[0].filename == __file__
        assert found == call(1)


def test_no_more_threads_can_start(folder, run, monkeypatch):
    """Where the system starts no thread, such as under a limit of memory, one sentence says so."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    refused(run("train", "corpus.txt", *TINY, "-o", "new.npz"), "starts no more threads", "--threads 1")
    assert sorted(path.name for path in folder.iterdir()) == ["corpus.txt"]
