"""The threads of one machine: a fixed team that runs one job at a time, each member its share."""

import os
import threading
from collections.abc import Callable

from charrnn.errors import CharrnnError
from charrnn.kernels import barrier
from charrnn.kernels.arguments import Member

MAXIMUM_THREADS = 1024


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Team:
    """A team of `threads` threads (by default one a processor).

    ``run(job)`` calls ``job(worker)`` with worker = 0, 1, … on all of them at once and returns when all are done;
    within a job, ``wait()`` is a barrier. The calling thread only waits, so that Ctrl-C reaches it at once and never
    one of a team that others wait for. Close it, or use it in a ``with`` statement.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.size = processors() if threads is None else threads
        if not 1 <= self.size <= MAXIMUM_THREADS:
            raise CharrnnError(f"the number of threads must be from 1 to {MAXIMUM_THREADS}, not {self.size}")
        # What keeps kernels from being compiled at all is raised here, and not where a thread would end of it.
        with barrier.flushed_denormals():
            pass
        self._barrier = barrier.new()
        self._job: Callable[[int], None] | None = None
        self._starts = [threading.Semaphore(0) for _ in range(self.size)]
        self._lock = threading.Lock()
        self._running = 0
        self._finished = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._loop, args=(worker,), daemon=True, name=f"charrnn-{worker}")
            for worker in range(self.size)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, job: Callable[[int], None]) -> None:
        """Run a job on all threads; raise what a member raised."""
        if not self._threads:
            raise RuntimeError("the team is closed")
        self._job = job
        self._running = self.size
        self._finished.clear()
        for start in self._starts:
            start.release()
        interrupt: BaseException | None = None
        while not self._finished.is_set():
            try:
                self._finished.wait()
            except (KeyboardInterrupt, SystemExit) as error:  # the team ends its job first, so that its data are whole
                interrupt = error
        self._job = None
        failure, self._failure = self._failure, None
        if failure is not None:
            self._barrier[:] = 0
            raise failure
        if interrupt is not None:
            raise interrupt

    def wait(self) -> None:
        """Wait, within a job, until every member has come here."""
        barrier.wait(self.member(0))
        if self._failure is not None:
            raise RuntimeError("another thread of the team failed")

    def member(self, worker: int) -> Member:
        """Return what kernels need to know of a member."""
        return Member(worker, self.size, self._barrier)

    def share(self, items: int, worker: int) -> tuple[int, int]:
        """Return the range [first, last) of so many items that falls to a member: sizes differ by one at most."""
        return worker * items // self.size, (worker + 1) * items // self.size

    def close(self) -> None:
        """End the threads."""
        self._job = None
        self._barrier[barrier.BROKEN] = 1  # nobody waits for one who will not come
        for start in self._starts:
            start.release()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._starts = []

    def __enter__(self) -> "Team":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _loop(self, worker: int) -> None:
        barrier.flush_denormals()  # this thread runs nothing but kernels and what lies between them
        while True:
            self._starts[worker].acquire()
            job = self._job
            if job is None:
                return
            try:
                job(worker)
            except BaseException as error:
                if self._failure is None:
                    self._failure = error
                self._barrier[barrier.BROKEN] = 1
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self._finished.set()
