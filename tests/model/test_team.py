"""The team of threads."""

import threading

import numpy as np
import pytest

from charrnn.kernels import barrier
from charrnn.model.team import Team


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_barrier_holds_everyone_back(size):
    """Nobody passes a barrier before all have come to it, thousands of times."""
    counts = np.zeros(size, np.int64)
    wrong = []
    with Team(size) as team:

        def job(worker):
            for k in range(2000 // size):
                counts[worker] += 1
                team.wait()
                if counts.min() != k + 1 or counts.max() != k + 1:
                    wrong.append((worker, k))
                team.wait()

        team.run(job)
        team.run(lambda worker: None)
    assert not wrong


def test_shares_cover_everything_once():
    """Shares of any number of items follow upon each other and differ by one at most."""
    with Team(3) as team:
        for items in range(20):
            shares = [team.share(items, worker) for worker in range(3)]
            assert [i for first, last in shares for i in range(first, last)] == list(range(items))
            sizes = [last - first for first, last in shares]
            assert max(sizes) - min(sizes) <= 1


def test_a_failure_reaches_the_caller_and_frees_the_others():
    """What one member raises is raised by run, though the others wait at a barrier; the team works on."""
    with Team(3) as team:

        def job(worker):
            if worker == 1:
                raise ValueError("lost")
            team.wait()

        with pytest.raises(ValueError, match="lost"):
            team.run(job)
        seen = []
        team.run(seen.append)
        assert sorted(seen) == [0, 1, 2]


def test_threads_end_with_the_team():
    """Closing a team leaves no thread behind."""
    before = threading.active_count()
    with Team(4):
        assert threading.active_count() == before + 4
    assert threading.active_count() == before


def test_a_team_that_cannot_start_leaves_no_thread(monkeypatch):
    """Where the system starts only two threads of three, these end."""
    start, started = threading.Thread.start, []

    def refuse_the_third(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_the_third)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Team(3)
    assert [thread.is_alive() for thread in started] == [False, False]


def test_denormals_are_zero_in_the_team_only():
    """A member computes with denormal numbers as zeros; the caller's arithmetic is left alone."""
    tiny = np.float32(1e-39)
    products = []
    with Team(1) as team:
        team.run(lambda worker: products.append(np.full(4, tiny) * np.float32(0.5)))
    assert not products[0].any()
    assert (np.full(4, tiny) * np.float32(0.5)).all()
    before = barrier.flush_denormals()
    assert not (np.full(4, tiny) * np.float32(0.5)).any()
    barrier.restore_denormals(before)
    assert (np.full(4, tiny) * np.float32(0.5)).all()
